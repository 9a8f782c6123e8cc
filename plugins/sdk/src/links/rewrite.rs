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
    let url = url.split('#').next()?;
    let url = match pattern.contains('?') {
        true => url,
        false => url.split('?').next()?,
    };
    // Most URLs fit no rule, and most of those are told by their end.
    let end = pattern.rsplit('*').next()?;
    let ends = |at: usize| url.get(at..).is_some_and(|given| given.eq_ignore_ascii_case(end));
    if !url.len().checked_sub(end.len()).is_some_and(ends) {
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
