//! Bodies as text: charset detection as browsers do it, and the two things that the host reads in a page.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// Decodes a body by its byte order mark, its content type, its `<meta charset>`, or as UTF-8 with
/// Windows-1252 as the fallback for what is not (WHATWG HTML, "determining the character encoding").
pub(super) fn decode(body: &[u8], content_type: Option<&str>) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(body) {
        return encoding.decode_without_bom_handling(&body[mark..]).0.into_owned();
    }
    let declared = content_type.and_then(charset_of).or_else(|| meta_charset(body));
    if let Some(encoding) = declared {
        return encoding.decode_without_bom_handling(body).0.into_owned();
    }
    match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        // A body cut in the middle of a character is still UTF-8.
        Err(error) if error.error_len().is_none() => UTF_8.decode_without_bom_handling(body).0.into_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(body).0.into_owned(),
    }
}

fn charset_of(content_type: &str) -> Option<&'static Encoding> {
    let lower = content_type.to_ascii_lowercase();
    let (_, after) = lower.split_once("charset=")?;
    let label = after.split([';', ' ', ',']).next()?.trim_matches(['"', '\'']);
    Encoding::for_label(label.as_bytes())
}

/// `charset=…` within a `<meta>` of the first kilobyte, where the standard says it must be.
fn meta_charset(body: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&body[..body.len().min(1024)]).to_ascii_lowercase();
    head.split("<meta").skip(1).find_map(|meta| {
        let tag = meta.split('>').next()?;
        let (_, after) = tag.split_once("charset=")?;
        let label = after.trim_start_matches(['"', '\'']).split(['"', '\'', ';', ' ', '/']).next()?;
        Encoding::for_label(label.as_bytes())
    })
}

/// Where a page sends its readers on by `<meta http-equiv="refresh" content="0; url=…">`.
pub(super) fn meta_refresh(page: &str) -> Option<String> {
    // A redirecting page is small and says so at its beginning.
    let cut = page.char_indices().map(|(at, _)| at).find(|at| *at >= 16 * 1024).unwrap_or(page.len());
    page[..cut].split('<').skip(1).find_map(|tag| {
        let tag = tag.split('>').next()?;
        let lower = tag.to_ascii_lowercase();
        if !lower.starts_with("meta") || !lower.contains("refresh") {
            return None;
        }
        let at = lower.find("url=")? + "url=".len();
        let rest = tag.get(at..)?.trim_start_matches(['"', '\'', ' ']);
        let url = rest.split(['"', '\'']).next()?.trim();
        (!url.is_empty()).then(|| url.replace("&amp;", "&"))
    })
}

/// What a page reserves for itself: the contents of `<meta name="tdm-reservation">` and, if it is there,
/// `<meta name="tdm-policy">`.
pub(super) fn tdm_metadata(page: &str) -> Option<(String, Option<String>)> {
    // Metadata is in a page's head; the longest heads are those that hold their styles and scripts.
    let cut = page.char_indices().map(|(at, _)| at).find(|at| *at >= 256 * 1024).unwrap_or(page.len());
    let content = |wanted: &str| {
        page[..cut].split('<').skip(1).find_map(|tag| {
            let tag = tag.get("meta".len()..).filter(|_| starts_with_word(tag, "meta"))?;
            let named = attribute(tag, "name")?.trim().eq_ignore_ascii_case(wanted);
            attribute(tag, "content").filter(|_| named).map(|content| content.replace("&amp;", "&"))
        })
    };
    Some((content("tdm-reservation")?, content("tdm-policy")))
}

fn starts_with_word(tag: &str, word: &str) -> bool {
    let begins = tag.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    begins && tag[word.len()..].starts_with(|c: char| c.is_whitespace() || c == '/')
}

/// The value of an attribute, in what follows a tag's name.
fn attribute<'a>(tag: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = tag;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/'))?;
        let (name, after) = rest.split_at(end);
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
            // An attribute without a value; `>` ends the tag.
            rest = if after.starts_with('>') { return None } else { after };
            continue;
        };
        let (value, next) = match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split_once(quote)?,
            _ => value.split_at(value.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(value.len())),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_by_header_then_meta_then_guess() {
        assert_eq!(decode(b"caf\xe9", Some("text/html; charset=ISO-8859-1")), "café");
        assert_eq!(decode(b"<meta charset=\"windows-1251\">\xcf", None), "<meta charset=\"windows-1251\">П");
        assert_eq!(decode("café".as_bytes(), Some("text/html")), "café");
        assert_eq!(decode(b"caf\xe9 ", None), "café ");
        assert_eq!(decode(b"\xef\xbb\xbfx", Some("text/html; charset=latin1")), "x");
        assert_eq!(decode(b"x", Some("text/html; charset=nonsense")), "x");
    }

    #[test]
    fn a_refreshing_page_tells_where_it_leads() {
        let page = r#"<html><META HTTP-EQUIV="Refresh" CONTENT="0; URL='/next?a=1&amp;b=2'">"#;
        assert_eq!(meta_refresh(page), Some("/next?a=1&b=2".into()));
        assert_eq!(meta_refresh("<meta name=x content='url=/no'>"), None);
    }

    #[test]
    fn a_page_tells_what_it_reserves_however_its_metadata_is_written() {
        let policy = "https://host.example/p?a=1&b=2";
        for (page, value, policy) in [
            (r#"<meta name="tdm-reservation" content="1">"#, "1", None),
            ("<html><head><META content='0' NAME = 'TDM-Reservation' />", "0", None),
            ("<meta charset=utf-8><meta name=tdm-reservation content=1>", "1", None),
            (
                "<meta name=\"tdm-policy\" content=\"https://host.example/p?a=1&amp;b=2\">\n\
                 <meta data-x hidden name=tdm-reservation content=\"1\">",
                "1",
                Some(policy),
            ),
        ] {
            assert_eq!(tdm_metadata(page), Some((value.into(), policy.map(Into::into))), "{page}");
        }
        for page in [
            "",
            "<meta name=robots content=tdm-reservation>",
            "<meta name=tdm-reservation>",
            "<metaphor name=tdm-reservation content=1>",
            "<meta name=\"tdm-reservation\" content=\"1",
            "<meta name=",
            "<meta =\u{e9}= name",
            "<p name=tdm-reservation content=1>",
        ] {
            assert_eq!(tdm_metadata(page), None, "{page}");
        }
    }
}
