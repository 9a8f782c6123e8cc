//! What bytes are, by the bytes alone. Content types and URLs are believed by nobody here.

use super::patterns;
use super::verdict::Reason;
use tierfall_http::{HeaderMap, PDF_WITHIN, header_text, starts_as_pdf};

/// How much of an answer is looked at to tell what it is: as much as the header of a PDF needs.
pub const HEAD: usize = PDF_WITHIN;

/// How much of a page is read to tell what kind it is; the phrases that tell stand in its head or in a short body.
pub const PAGE: usize = 256 * 1024;

/// What the beginning of a file shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pdf,
    Html,
    Xml,
    Zip,
    Gzip,
    Empty,
    Unknown,
}

/// Tells from the first [`HEAD`] bytes.
pub fn kind(head: &[u8]) -> Kind {
    let head = &head[..head.len().min(HEAD)];
    if starts_as_pdf(head) {
        return Kind::Pdf;
    }
    if head.starts_with(b"PK\x03\x04") {
        return Kind::Zip;
    }
    if head.starts_with(b"\x1f\x8b") {
        return Kind::Gzip;
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if text.is_empty() {
        return Kind::Empty;
    }
    let lower = text.to_ascii_lowercase();
    let has = |mark: &str| lower.windows(mark.len()).any(|window| window == mark.as_bytes());
    // An article in XML has elements that are called as a page's.
    let article = lower.starts_with(b"<?xml") && is_xml(head);
    if !article
        && ["<!doctype html", "<html", "<head", "<body", "<script", "<meta", "<title"].into_iter().any(has)
    {
        return Kind::Html;
    }
    if lower.starts_with(b"<?xml") || lower.starts_with(b"<!doctype") {
        return Kind::Xml;
    }
    // Fragments of pages, and comments before them.
    if lower.starts_with(b"<") { Kind::Html } else { Kind::Unknown }
}

/// Tells from the first [`HEAD`] bytes whether it is XML, and no page: an article's elements are called as a page's, so
/// that its first one decides.
pub fn is_xml(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD)];
    let wide = head.starts_with(b"\xff\xfe<\0") || head.starts_with(b"\xfe\xff\0<");
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if wide || !text.starts_with(b"<") {
        return wide;
    }
    let tags =
        text.windows(2).enumerate().filter(|(_, pair)| pair[0] == b'<' && pair[1].is_ascii_alphabetic());
    let first = tags.map(|(at, _)| &text[at + 1..]).next();
    match first {
        Some(root) => !root.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"html")),
        // A prolog longer than this.
        None => text.starts_with(b"<?xml"),
    }
}

/// What a file is that is not what was wanted, for people.
pub fn describe(kind: Kind) -> &'static str {
    match kind {
        Kind::Pdf => "a PDF",
        Kind::Html => "a web page",
        Kind::Xml => "XML",
        Kind::Zip => "a ZIP archive",
        Kind::Gzip => "a gzip file",
        Kind::Empty => "nothing",
        Kind::Unknown => "no format that is known here",
    }
}

/// What kind of page was answered in place of a file, with the mark that shows it.
pub fn page(headers: &HeaderMap, page: &[u8]) -> (Reason, String) {
    let text = String::from_utf8_lossy(&page[..page.len().min(PAGE)]).to_lowercase();
    if let Some((name, _)) = patterns::BOT_CHECK_HEADERS.iter().find(|(name, part)| {
        let mut given = headers.get_all(*name).iter();
        given.any(|value| header_text(value.as_bytes()).to_lowercase().contains(part))
    }) {
        return (Reason::BotCheck, format!("the header {name} says so"));
    }
    // A page that describes an article is its landing page, whatever forms and scripts it carries.
    if patterns::ARTICLE.iter().any(|phrase| text.contains(phrase)) {
        return (Reason::HtmlInstead, "it is the page of an article".into());
    }
    for (reason, phrases) in patterns::PAGES {
        if let Some(phrase) = phrases.iter().find(|phrase| text.contains(*phrase)) {
            return (*reason, format!("it says {phrase:?}"));
        }
    }
    (Reason::HtmlInstead, String::new())
}

/// What an error status stands for, with what shows it: a wall or a check says so in its page.
pub fn refusal(status: u16, headers: &HeaderMap, shown: &[u8]) -> (Reason, String) {
    let (reason, detail) = page(headers, shown);
    match (reason, status) {
        (Reason::BotCheck, _) | (Reason::LoginWall, 401..=403) => {
            (reason, format!("status {status}; {detail}"))
        }
        _ => (Reason::of_status(status), format!("status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(html: &str) -> Reason {
        page(&HeaderMap::new(), html.as_bytes()).0
    }

    #[test]
    fn a_pdf_is_known_by_its_header_within_the_first_kilobyte() {
        assert_eq!(kind(b"%PDF-1.7\n"), Kind::Pdf);
        assert_eq!(kind(&[&[b' '; 1024], &b"%PDF-1.4"[..]].concat()), Kind::Pdf);
        assert_eq!(kind(&[&[b'x'; 1025], &b"%PDF-1.4"[..]].concat()), Kind::Unknown);
        assert_eq!(kind(b"<html>%PDF-1.4"), Kind::Pdf, "a mail gateway's words");
    }

    #[test]
    fn what_is_no_pdf_is_named() {
        for (bytes, expected) in [
            (&b""[..], Kind::Empty),
            (b" \n\t", Kind::Empty),
            (b"\xef\xbb\xbf<!DOCTYPE html>", Kind::Html),
            (b"\n\n<HTML><head>", Kind::Html),
            (b"<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\">", Kind::Html),
            (b"<?xml version=\"1.0\"?><article>", Kind::Xml),
            (b"<?xml version=\"1.0\"?><article><title-group>", Kind::Xml),
            (b"PK\x03\x04....", Kind::Zip),
            (b"\x1f\x8b\x08", Kind::Gzip),
            (b"{\"error\": \"no\"}", Kind::Unknown),
        ] {
            assert_eq!(kind(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn an_article_is_xml_whatever_its_elements_are_called_and_a_page_is_not() {
        for xml in [
            "<?xml version=\"1.0\"?><article><front><title-group><article-title>A</article-title>",
            "\n<!DOCTYPE article [<!-- a head -->]><article><body>",
            "<OAI-PMH>",
            "<?xml version=\"1.0\"?><!-- ",
        ] {
            assert!(is_xml(xml.as_bytes()), "{xml}");
        }
        for other in
            ["<!DOCTYPE html><html>", "<?xml version=\"1.0\"?>\n<HTML>", "%PDF-1.4", "", "{}", "<!-- "]
        {
            assert!(!is_xml(other.as_bytes()), "{other}");
        }
        assert!(is_xml(b"\xff\xfe<\0?\0x\0"));
    }

    #[test]
    fn pages_are_told_apart_by_what_they_show() {
        for (html, expected) in [
            ("<html><head><title>Just a moment...</title></head>", Reason::BotCheck),
            (
                "<html><body><script src='/cdn-cgi/challenge-platform/h/b/orchestrate'></script>",
                Reason::BotCheck,
            ),
            ("<script src=\"/_Incapsula_Resource?SWJIYLWA=1\"></script>", Reason::BotCheck),
            (
                "<p>Please enable JS</p><script data-cfasync src='https://ct.captcha-delivery.com/c.js'>",
                Reason::BotCheck,
            ),
            ("<form><input type=\"password\" name=\"pw\"></form>", Reason::LoginWall),
            ("<h1>Access through your institution</h1>", Reason::LoginWall),
            ("<p>Purchase this article: 39.95</p>", Reason::LoginWall),
            ("<title>404 Not Found</title><p>The document could not be found.</p>", Reason::NothingThere),
            ("<html><body><embed src='/raw/1.pdf'></body></html>", Reason::HtmlInstead),
            (
                "<meta name=\"citation_title\" content=\"X\"><form><input type=\"password\"></form>",
                Reason::HtmlInstead,
            ),
        ] {
            assert_eq!(says(html), expected, "{html}");
        }
        let challenged = tierfall_http::header_map([("cf-mitigated", "challenge")]).unwrap();
        assert_eq!(page(&challenged, b"<html>").0, Reason::BotCheck);
    }
}
