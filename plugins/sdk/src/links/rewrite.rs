//! From one URL to another, by a pattern. The syntax is described in `links/rules.txt`.

use std::borrow::Cow;

/// A pattern of URLs and what becomes of one that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rewrite {
    pattern: String,
    replacement: String,
}

impl Rewrite {
    pub(super) fn read(value: &str) -> Option<Self> {
        let (pattern, replacement) = value.split_once("=>")?;
        let rewrite = Self { pattern: pattern.trim().to_owned(), replacement: replacement.trim().to_owned() };
        // More would make matching a hostile URL slow.
        let stars = rewrite.pattern.matches("**").count();
        (stars <= 2 && !rewrite.replacement.is_empty()).then_some(rewrite)
    }

    pub(super) fn apply(&self, url: &str) -> Option<String> {
        apply(&self.pattern, &self.replacement, url)
    }
}

/// What becomes of a URL by one rule; none where it does not fit the pattern.
pub(super) fn apply(pattern: &str, replacement: &str, url: &str) -> Option<String> {
    // Most URLs fit no rule, and most of those are told by how they begin or end.
    if !begins_like(pattern, url) {
        return None;
    }
    let url = url.split('#').next()?;
    let url = match pattern.contains('?') {
        true => url,
        false => url.split('?').next()?,
    };
    if !agree(pattern.bytes().rev(), url.bytes().rev()) {
        return None;
    }
    let url = match url.strip_prefix("http://") {
        Some(rest) if !pattern.starts_with("http://") => Cow::from(format!("https://{rest}")),
        _ => Cow::from(url),
    };
    let mut captured = Vec::new();
    if !fit(pattern, &url, &mut captured) {
        return None;
    }
    let mut out = replacement.to_owned();
    for (at, text) in captured.iter().enumerate().rev() {
        out = out.replace(&format!("${}", at + 1), text);
    }
    (out != url).then_some(out)
}

/// Whether a URL may fit a pattern by what it begins with; `http` fits `https`.
fn begins_like(pattern: &str, url: &str) -> bool {
    let (pattern, url) = match (pattern.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(pattern), Some(url)) => (pattern, url),
        _ => (pattern, url),
    };
    agree(pattern.bytes(), url.bytes())
}

/// Whether a text is the same as a pattern until the pattern's first star, or as far as the text goes.
fn agree(pattern: impl Iterator<Item = u8>, text: impl Iterator<Item = u8>) -> bool {
    let mut literal = pattern.take_while(|byte| *byte != b'*').zip(text);
    literal.all(|(wanted, given)| wanted.eq_ignore_ascii_case(&given))
}

/// Whether `text` fits `pattern`; what its stars stood for goes to `captured`.
fn fit<'a>(pattern: &str, text: &'a str, captured: &mut Vec<&'a str>) -> bool {
    let Some(star) = pattern.find('*') else {
        return pattern.eq_ignore_ascii_case(text);
    };
    let (literal, rest) = pattern.split_at(star);
    let Some((head, text)) = text.split_at_checked(literal.len()) else {
        return false;
    };
    if !head.eq_ignore_ascii_case(literal) {
        return false;
    }
    let (rest, any) = match rest.strip_prefix("**") {
        Some(rest) => (rest, true),
        None => (rest.get(1..).unwrap_or_default(), false),
    };
    let depth = captured.len();
    // What a star stands for is followed by what follows the star.
    let literal = rest.bytes().next().filter(|byte| *byte != b'*');
    let may_end = |at: usize| match (literal, text.as_bytes().get(at)) {
        (Some(literal), given) => given.is_some_and(|given| given.eq_ignore_ascii_case(&literal)),
        (None, _) => true,
    };
    let ends = text.char_indices().map(|(at, c)| (at, Some(c))).chain([(text.len(), None)]);
    for (at, next) in ends {
        // A star stands for something.
        if at > 0 && may_end(at) {
            captured.push(text.get(..at).unwrap_or_default());
            if fit(rest, text.get(at..).unwrap_or_default(), captured) {
                return true;
            }
            captured.truncate(depth);
        }
        if !any && matches!(next, Some('/' | '?' | '#')) {
            return false;
        }
    }
    false
}
