//! DOIs: `10.` registrant `/` suffix (ISO 26324, DOI Handbook 2.2).

use percent_encoding::percent_decode_str;

use crate::chars::{excerpt, is_digits, is_invisible, trim};

/// In bytes. The longest that were registered have a few hundred, and registration agencies take no more than
/// this.
const LONGEST: usize = 2048;

/// Lower case, decoded, without what surrounds it; or what is wrong with it, for people.
pub(crate) fn normalise(text: &str) -> Result<String, String> {
    // Encoded, a byte takes three.
    if text.len() > 3 * LONGEST {
        return Err(TOO_LONG.into());
    }
    let doi = clean(text).ok_or("it is encoded over and over")?;
    if doi.len() > LONGEST {
        return Err(TOO_LONG.into());
    }
    let Some(rest) = doi.strip_prefix("10.") else {
        return Err("DOIs begin with 10.".into());
    };
    let Some((registrant, suffix)) = rest.split_once('/') else {
        return Err("there is no slash between its prefix and its suffix".into());
    };
    let mut parts = registrant.split('.');
    let code = parts.next().unwrap_or_default();
    // Registrants have four digits or more; subdivisions may follow (10.1000.10/123).
    if !(4..=9).contains(&code.len()) || !is_digits(code) || !parts.all(is_digits) {
        return Err(format!("10.{} is not the prefix of a registrant", excerpt(registrant)));
    }
    if suffix.is_empty() {
        return Err(format!("nothing follows the prefix 10.{}/", excerpt(registrant)));
    }
    if suffix.chars().any(char::is_whitespace) {
        return Err("it contains a space".into());
    }
    if suffix.chars().any(char::is_control) {
        return Err("it contains a control character".into());
    }
    Ok(doi)
}

const TOO_LONG: &str = "it is longer than any DOI";

/// How often a DOI may have been encoded on its way here.
const MOST_LAYERS: usize = 8;

/// Decoding may uncover what had to be cleaned before, and the other way round: goes on until nothing
/// changes any more. `None`: something always does.
fn clean(text: &str) -> Option<String> {
    let mut doi = text.to_ascii_lowercase();
    for _ in 0..MOST_LAYERS {
        let invisible = doi.contains(is_invisible);
        let mut next = if invisible { doi.replace(is_invisible, "") } else { doi.clone() };
        if let Some(decoded) = percent_decoded(&next) {
            next = decoded;
        }
        for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")] {
            if next.contains(entity) {
                next = next.replace(entity, character);
            }
        }
        next.make_ascii_lowercase();
        let next = trim(&next).to_owned();
        if next == doi {
            return Some(doi);
        }
        doi = next;
    }
    None
}

/// `None` when there is nothing to decode, or when a `%` is not the beginning of an encoded byte: then
/// it belongs to the DOI.
fn percent_decoded(text: &str) -> Option<String> {
    let mut rest = text.split('%').skip(1).peekable();
    rest.peek()?;
    if !rest.all(|part| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}
