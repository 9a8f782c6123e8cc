//! What others wrote, as a terminal may show it. Titles, details, names of files and rows of a ledger are chosen by
//! others; an escape sequence in them would move the cursor, retitle the window or hide a line, and a format
//! character would turn the text around it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with everything that is not to be seen as itself written out: `\u{202e}`. Lines and tabs stay. What only
/// joins or breaks letters is left out, because honest titles have it.
pub fn text(text: &str) -> Cow<'_, str> {
    rewritten(
        text,
        |c| !matches!(c, '\n' | '\t') && is_hidden(c),
        |c, washed| {
            if !is_joiner(c) {
                let _ = write!(washed, "{}", c.escape_unicode());
            }
        },
    )
}

/// The same as one line.
pub fn line(text: &str) -> Cow<'_, str> {
    rewritten(text, is_hidden, |c, washed| match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => washed.push(' '),
        c if is_joiner(c) => {}
        c => {
            let _ = write!(washed, "{}", c.escape_unicode());
        }
    })
}

/// The same JSON: outside of its strings there is nothing to wash, and inside JSON has escapes of its own.
pub fn json(text: &str) -> Cow<'_, str> {
    rewritten(
        text,
        |c| c != '\n' && is_hidden(c),
        |c, washed| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(washed, "\\u{unit:04x}");
            }
        },
    )
}

fn rewritten(
    text: &str,
    is_washed: impl Fn(char) -> bool,
    write: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    let Some(first) = text.find(&is_washed) else { return Cow::Borrowed(text) };
    let (clean, rest) = text.split_at(first);
    let mut washed = String::with_capacity(text.len() + 16);
    washed.push_str(clean);
    for c in rest.chars() {
        if is_washed(c) {
            write(c, &mut washed);
        } else {
            washed.push(c);
        }
    }
    Cow::Owned(washed)
}

/// Controls (C0, C1, delete), and Unicode's format characters (category Cf), among them all that change the direction
/// of text; the separators of lines and paragraphs; fillers that have no width of their own; noncharacters.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || is_joiner(c)
        || matches!(
            c,
            '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{ffa0}'
                | '\u{fdd0}'..='\u{fdef}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{13430}'..='\u{1345f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
        || u32::from(c) & 0xfffe == 0xfffe
}

/// The soft hyphen, the joiners of Persian and of the scripts of India, and the mark at the beginning of a file.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_hides_or_turns_text_gets_through() {
        let hostile =
            "a\u{1b}[2Jb\u{9b}31mc\u{202e}d\u{2066}e\u{7}f\u{8}g\u{7f}h\u{e0041}i\u{200f}j\u{85}k\rl";
        let washed = text(hostile);
        assert!(!washed.contains(is_hidden), "{washed:?}");
        assert!(washed.starts_with("a\\u{1b}[2Jb\\u{9b}31mc\\u{202e}d"), "{washed}");
        assert_eq!(line("one\ntwo\r\n\u{2028}three\tfour"), "one two   three four");
        assert_eq!(text("one\ntwo\tthree"), "one\ntwo\tthree");
        for c in (0..=0x0010_ffff).filter_map(char::from_u32).filter(|c| is_hidden(*c)) {
            assert!(!line(&c.to_string()).contains(c), "{c:?}");
        }
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for honest in ["Über α-helices — 漢字 العربية עברית", "e\u{301}\u{1f469}", "", "C:\\papers\\x"]
        {
            assert!(matches!(text(honest), Cow::Borrowed(same) if same == honest));
            assert!(matches!(line(honest), Cow::Borrowed(same) if same == honest));
        }
        // Without its joiner a Persian word is still readable.
        assert_eq!(
            line("\u{645}\u{6cc}\u{200c}\u{634}\u{648}\u{62f}"),
            "\u{645}\u{6cc}\u{634}\u{648}\u{62f}"
        );
    }

    #[test]
    fn json_is_the_same_json() {
        let value = serde_json::json!({"title": "a\u{202e}b\u{e0041}c\u{7f}\u{9b}\n"});
        let washed = json(&value.to_string()).into_owned();
        assert!(washed.is_ascii(), "{washed}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&washed).expect("JSON"), value);
    }
}
