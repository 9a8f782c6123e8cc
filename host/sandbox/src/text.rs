//! Bodies as text: charset detection as browsers do it, and the metadata that the host reads in a page.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

/// Decodes a body by its byte order mark, its content type, its `<meta charset>`, or as UTF-8 with
/// Windows-1252 as the fallback for what is not (WHATWG HTML, "determining the character encoding").
pub(crate) fn decode(body: &[u8], content_type: Option<&str>) -> String {
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

/// Where a page redirects to by `<meta http-equiv="refresh" content="0; url=…">`.
pub(crate) fn meta_refresh(page: &str) -> Option<String> {
    // A redirecting page is small and says so at its beginning.
    find_meta(beginning(page, 16 * 1024), |meta| {
        if !value(meta, "http-equiv")?.trim().eq_ignore_ascii_case("refresh") {
            return None;
        }
        let content = value(meta, "content")?;
        let at = content.to_ascii_lowercase().find("url=")? + "url=".len();
        let rest = content.get(at..)?.trim_start_matches(['"', '\'', ' ']);
        let url = rest.split(['"', '\'']).next()?.trim();
        (!url.is_empty()).then(|| url.to_owned())
    })
}

/// What a page reserves for itself: the contents of `<meta name="tdm-reservation">` and, if it is there,
/// `<meta name="tdm-policy">`.
pub(crate) fn tdm_metadata(page: &str) -> Option<(String, Option<String>)> {
    const RESERVATION: &str = "tdm-reservation";
    // Metadata is in a page's head; the longest heads are those that hold their styles and scripts.
    let head = beginning(page, 256 * 1024);
    // Most pages say nothing, and looking for the name is a fraction of the work of reading the tags.
    head.as_bytes()
        .windows(RESERVATION.len())
        .find(|name| name.eq_ignore_ascii_case(RESERVATION.as_bytes()))?;
    let content = |wanted: &str| {
        find_meta(head, |meta| {
            let named = value(meta, "name")?.trim().eq_ignore_ascii_case(wanted);
            value(meta, "content").filter(|_| named).map(str::to_owned)
        })
    };
    Some((content(RESERVATION)?, content("tdm-policy")))
}

/// At most this many bytes, up to the end of a character.
fn beginning(page: &str, bytes: usize) -> &str {
    &page[..page.ceil_char_boundary(bytes)]
}

/// Attributes of one element: names in lower case, values decoded.
type Attributes = [(Vec<u8>, String)];

/// Calls `found` with the attributes of each `<meta>` until it returns something.
fn find_meta<T>(page: &str, mut found: impl FnMut(&Attributes) -> Option<T>) -> Option<T> {
    let mut meta: Option<Vec<(Vec<u8>, String)>> = None;
    let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, _: Span<()>| {
        match (event, &mut meta) {
            (CallbackEvent::OpenStartTag { name }, meta) => *meta = (name == b"meta").then(Vec::new),
            (CallbackEvent::AttributeName { name }, Some(meta)) => meta.push((name.to_vec(), String::new())),
            (CallbackEvent::AttributeValue { value }, Some(meta)) => {
                if let Some((_, last)) = meta.last_mut() {
                    *last = String::from_utf8_lossy(value).into_owned();
                }
            }
            (CallbackEvent::CloseStartTag { .. }, Some(attributes)) => return found(attributes),
            _ => {}
        }
        None
    });
    // What looks like a tag in a script or a style is none.
    emitter.naively_switch_states(true);
    let Ok(found) = Tokenizer::new_with_emitter(page, emitter).next().transpose();
    found
}

/// The value of the first attribute of this name.
fn value<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| value.as_str())
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
