//! Characters around and inside identifiers: what is trimmed, compared and shown.

/// Without white space, invisible characters, quotes and brackets around it, and without the sentence's
/// punctuation behind it. No identifier begins with a bracket; one that ends with a bracket has opened it.
pub(crate) fn trim(text: &str) -> &str {
    trim_end(text.trim_start_matches(|c: char| {
        c.is_whitespace()
            || is_invisible(c)
            || matches!(c, '<' | '(' | '[' | '{' | '"' | '\'' | '“' | '‘' | '`')
    }))
}

fn trim_end(text: &str) -> &str {
    let mut text = text;
    while let Some(last) = text.chars().next_back() {
        let drop = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '"' | '\'' | '”' | '’' | '`' | '…' => true,
            ')' => unbalanced(text, '(', ')'),
            ']' => unbalanced(text, '[', ']'),
            '}' => unbalanced(text, '{', '}'),
            '>' => unbalanced(text, '<', '>'),
            other => other.is_whitespace() || is_invisible(other),
        };
        if !drop {
            break;
        }
        text = &text[..text.len() - last.len_utf8()];
    }
    text
}

/// More closed than opened.
fn unbalanced(text: &str, open: char, close: char) -> bool {
    text.chars().filter(|&c| c == close).count() > text.chars().filter(|&c| c == open).count()
}

/// Zero-width characters, soft hyphens and byte-order marks, which copying from pages leaves behind.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
}

pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+')
    })
}

/// Without regard to ASCII case.
pub(crate) fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// Enough of a text to recognise it in a message.
pub(crate) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
