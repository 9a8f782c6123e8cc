//! Accents that are drawn apart from their letters, as TeX does in fonts of seven bits.

/// The combining mark that an accent is when it stands over a letter.
pub fn mark(text: &str) -> Option<&'static str> {
    let mut chars = text.chars();
    let (Some(only), None) = (chars.next(), chars.next()) else { return None };
    of(only)
}

/// The same of a character.
pub fn of(c: char) -> Option<&'static str> {
    Some(match c {
        '`' | '\u{2cb}' => "\u{300}",
        '´' | '\u{2ca}' => "\u{301}",
        'ˆ' | '^' => "\u{302}",
        '˜' | '~' => "\u{303}",
        '¯' => "\u{304}",
        '˘' => "\u{306}",
        '˙' => "\u{307}",
        '¨' => "\u{308}",
        '˚' => "\u{30a}",
        '˝' => "\u{30b}",
        'ˇ' => "\u{30c}",
        '¸' => "\u{327}",
        _ => return None,
    })
}

/// Whether a text is a letter that accents stand on.
pub fn takes(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, 'ı' | 'ȷ')) && chars.next().is_none()
}

/// A letter below an accent: it has its dot in text, though it is drawn without.
pub fn dotted(letter: &str) -> &str {
    match letter {
        "ı" => "i",
        "ȷ" => "j",
        other => other,
    }
}
