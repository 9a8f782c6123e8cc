//! Characters around and inside identifiers: what is trimmed, compared and shown.

/// In bytes, of a normal form. Nobody's identifier is a tenth as long; what is longer is something else, and takes
/// time and memory wherever it goes.
pub(crate) const LONGEST: usize = 4096;

/// In bytes, of what is read: percent-encoded, with a prefix.
pub(crate) const LONGEST_GIVEN: usize = 3 * LONGEST + 64;

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
    // Counted once, at the first bracket: thousands may follow each other.
    let mut surplus: Option<[i64; 4]> = None;
    while let Some(last) = text.chars().next_back() {
        let bracket = BRACKETS.iter().position(|(_, close)| *close == last);
        let drop = match (last, bracket) {
            (_, Some(kind)) => {
                let surplus = surplus.get_or_insert_with(|| closed_too_often(text));
                let unbalanced = surplus[kind] > 0;
                surplus[kind] -= i64::from(unbalanced);
                unbalanced
            }
            ('.' | ',' | ';' | ':' | '!' | '?' | '"' | '\'' | '”' | '’' | '`' | '…', _) => true,
            (other, _) => other.is_whitespace() || is_invisible(other),
        };
        if !drop {
            break;
        }
        text = &text[..text.len() - last.len_utf8()];
    }
    text
}

const BRACKETS: [(char, char); 4] = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];

/// For each kind of bracket, how many more are closed than opened.
fn closed_too_often(text: &str) -> [i64; 4] {
    let count = |bracket: char| text.chars().filter(|&c| c == bracket).count() as i64;
    BRACKETS.map(|(open, close)| count(close) - count(open))
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
