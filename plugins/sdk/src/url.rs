//! Building and resolving URLs.

use fluent_uri::{Uri, UriRef};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What RFC 3986 calls unreserved.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same with the slashes of a path.
const IN_PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// Percent-encodes everything but unreserved characters: for a query's value or one path segment.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Percent-encodes a DOI (or another identifier with slashes) for a path. Slashes stay, as in the
/// documentation of every registry, unless an empty or a dotted segment would be normalised away.
pub fn encode_path(id: &str) -> String {
    let fragile = id.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    utf8_percent_encode(id, if fragile { UNRESERVED } else { IN_PATH }).to_string()
}

/// Percent-decodes; what is not UTF-8 afterwards is replaced.
pub fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Adds a query to a URL, its values percent-encoded. Pairs without a value are left out.
pub fn with_query(base: &str, pairs: &[(&str, Option<&str>)]) -> String {
    let mut url = base.to_owned();
    let mut separator = if base.contains('?') { '&' } else { '?' };
    for (name, value) in pairs {
        if let Some(value) = value {
            url.push(separator);
            url.push_str(&encode(name));
            url.push('=');
            url.push_str(&encode(value));
            separator = '&';
        }
    }
    url
}

/// Whether this is an absolute http or https URL with a host.
pub fn is_web(url: &str) -> bool {
    scheme_and_rest(url)
        .is_some_and(|(_, rest)| rest.chars().next().is_some_and(|c| !matches!(c, '/' | '?' | '#' | ':')))
        && !url.contains(char::is_whitespace)
}

/// The host of a web URL in lower case, without user and port.
pub fn host(url: &str) -> Option<String> {
    let (_, rest) = scheme_and_rest(url)?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// Path, query and fragment of a web URL: everything after its host.
pub fn after_host(url: &str) -> &str {
    scheme_and_rest(url)
        .and_then(|(_, rest)| rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)))
        .unwrap_or_default()
}

/// The path of a web URL, without query and fragment.
pub fn path(url: &str) -> &str {
    after_host(url).split(['?', '#']).next().unwrap_or_default()
}

/// The value of a query parameter, decoded.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1.split('#').next()?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        decode(key).eq_ignore_ascii_case(name).then(|| decode(&value.replace('+', " ")))
    })
}

/// The URL that a reference on a page means, as browsers read it: spaces and line breaks around and
/// in it, backslashes and characters that a URL may not hold are accepted. The fragment is
/// dropped. None for other schemes than http and https.
pub fn join(base: &str, reference: &str) -> Option<String> {
    let reference = tidy(reference);
    let reference = reference.split('#').next().unwrap_or_default();
    let base = tidy(base);
    let base = base.split('#').next().unwrap_or_default();
    let resolved = match UriRef::parse(reference).ok()?.scheme() {
        Some(_) => reference.to_owned(),
        None => UriRef::parse(reference).ok()?.resolve_against(&Uri::parse(base).ok()?).ok()?.into_string(),
    };
    is_web(&resolved).then_some(resolved)
}

/// An absolute http or https URL as APIs and people write it, corrected as [`join`] does.
pub fn absolute(text: &str) -> Option<String> {
    let tidied = tidy(text);
    let url = tidied.split('#').next().unwrap_or_default();
    is_web(url).then(|| url.to_owned())
}

/// Splits `https://rest`; none for other schemes.
fn scheme_and_rest(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")).then_some((scheme, rest))
}

/// A reference made one that RFC 3986 can read, the way the WHATWG URL standard does it.
fn tidy(reference: &str) -> String {
    let reference = reference.trim_matches(|c: char| c <= ' ');
    let (before_query, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let mut out = String::with_capacity(reference.len());
    clean(&before_query.replace('\\', "/"), &mut out);
    if let Some(query) = query {
        out.push('?');
        clean(query, &mut out);
    }
    out
}

/// Appends `part` with everything encoded that may not stand in a URL, and stray `%` too.
fn clean(part: &str, out: &mut String) {
    let bytes = part.as_bytes();
    // Brackets belong to an IPv6 address in the host, and nowhere else.
    let address = part.find("//[").and_then(|_| part.find(']')).unwrap_or(0);
    for (at, c) in part.char_indices() {
        match c {
            '\t' | '\n' | '\r' => {}
            '%' => {
                let hex = |i: usize| bytes.get(at + i).is_some_and(u8::is_ascii_hexdigit);
                out.push_str(if hex(1) && hex(2) { "%" } else { "%25" });
            }
            '[' | ']' if at <= address && address > 0 => out.push(c),
            c if c.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+,;=".contains(c) => out.push(c),
            c => out.extend(utf8_percent_encode(c.encode_utf8(&mut [0; 4]), UNRESERVED)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doi_in_a_path_keeps_its_slash_and_hides_everything_else() {
        assert_eq!(
            encode_path("10.1002/(sici)1096<1::aid-x>3.0.co;2-#"),
            "10.1002/%28sici%291096%3C1%3A%3Aaid-x%3E3.0.co%3B2-%23"
        );
        assert_eq!(encode_path("10.1000/a?b%c d"), "10.1000/a%3Fb%25c%20d");
        // A client that removes dot segments would ask about another DOI.
        assert_eq!(encode_path("10.1000/../x"), "10.1000%2F..%2Fx");
        assert_eq!(encode_path("10.1000//x"), "10.1000%2F%2Fx");
    }

    #[test]
    fn a_query_is_encoded_and_leaves_out_what_is_unset() {
        assert_eq!(
            with_query(
                "https://a.invalid/s",
                &[("q", Some("doi:\"10.1/é+&\"")), ("k", None), ("n", Some("3"))]
            ),
            "https://a.invalid/s?q=doi%3A%2210.1%2F%C3%A9%2B%26%22&n=3"
        );
        assert_eq!(with_query("https://a.invalid/?x=1", &[("n", Some("3"))]), "https://a.invalid/?x=1&n=3");
    }

    #[test]
    fn references_are_resolved_as_browsers_do() {
        let base = "https://a.invalid/journal/article/7?x=1#top";
        for (reference, url) in [
            ("full.pdf", "https://a.invalid/journal/article/full.pdf"),
            ("/p/7.pdf", "https://a.invalid/p/7.pdf"),
            ("../7.pdf?a=b&c", "https://a.invalid/journal/7.pdf?a=b&c"),
            ("?download=1", "https://a.invalid/journal/article/7?download=1"),
            ("//b.invalid/x", "https://b.invalid/x"),
            ("http://b.invalid", "http://b.invalid"),
            ("HTTPS://B.invalid/X", "HTTPS://B.invalid/X"),
            (" a b.pdf\n", "https://a.invalid/journal/article/a%20b.pdf"),
            ("/a\n/b\t.pdf", "https://a.invalid/a/b.pdf"),
            ("\\x\\y.pdf", "https://a.invalid/x/y.pdf"),
            ("/100%.pdf", "https://a.invalid/100%25.pdf"),
            ("/a%20b.pdf", "https://a.invalid/a%20b.pdf"),
            ("/é|[1].pdf", "https://a.invalid/%C3%A9%7C%5B1%5D.pdf"),
            ("x.pdf#page=2", "https://a.invalid/journal/article/x.pdf"),
            ("http://[2001:db8::1]/x[1]", "http://[2001:db8::1]/x%5B1%5D"),
            ("", "https://a.invalid/journal/article/7?x=1"),
        ] {
            assert_eq!(join(base, reference).as_deref(), Some(url), "{reference}");
        }
    }

    #[test]
    fn what_does_not_lead_to_the_web_is_no_url() {
        for reference in [
            "javascript:void(0)",
            "mailto:a@b.invalid",
            "ftp://a.invalid/x",
            "data:text/html,x",
            "http:///x",
            "file:///etc/passwd",
        ] {
            assert_eq!(join("https://a.invalid/", reference), None, "{reference}");
        }
        assert_eq!(join("not a url", "x.pdf"), None);
    }

    #[test]
    fn addresses_in_answers_are_put_right() {
        let written = " https://a.invalid/Final text <1>.pdf#page=2\n";
        assert_eq!(absolute(written).as_deref(), Some("https://a.invalid/Final%20text%20%3C1%3E.pdf"));
        for text in ["", "/x.pdf", "ftp://a.invalid/x", "not a url"] {
            assert_eq!(absolute(text), None, "{text}");
        }
    }

    #[test]
    fn the_parts_of_a_url_are_found() {
        let url = "https://user@A.invalid:8443/p/q?File=a%2Fb+c&n#f";
        assert_eq!(host(url).as_deref(), Some("a.invalid"));
        assert_eq!(path(url), "/p/q");
        assert_eq!(parameter(url, "file").as_deref(), Some("a/b c"));
        assert_eq!(parameter(url, "n"), None);
        assert_eq!(host("http://[::1]:80/").as_deref(), Some("::1"));
        assert_eq!(host("mailto:x"), None);
    }
}
