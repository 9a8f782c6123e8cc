//! One capture: the archive's copy of a URL at one moment.

use tierfall_sdk::url;

/// A capture by its moment and the URL that was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Digits: a year at least, a second at most (`20170428151545`).
    pub moment: String,
    /// As it was captured.
    pub original: String,
}

impl Capture {
    /// None unless the moment is digits and the original a web URL.
    pub fn new(moment: &str, original: &str) -> Option<Self> {
        let moment = moment.trim();
        let fits = (4..=14).contains(&moment.len()) && moment.bytes().all(|b| b.is_ascii_digit());
        let original = original.trim();
        (fits && url::is_web(original))
            .then(|| Self { moment: moment.to_owned(), original: original.to_owned() })
    }

    /// Reads a URL of the archive: `…/web/20170428151545id_/http://…`, with any modifier or
    /// none after the moment.
    pub fn read(link: &str) -> Option<Self> {
        let (_, rest) = link.split_once("/web/")?;
        let (moment, original) = rest.split_once('/')?;
        let digits = moment.bytes().take_while(u8::is_ascii_digit).count();
        let original = match original.split_once(":/") {
            // Some clients merge the double slash of the captured URL.
            Some((scheme @ ("http" | "https"), rest)) if !rest.starts_with('/') => {
                format!("{scheme}://{rest}")
            }
            _ => original.to_owned(),
        };
        Self::new(moment.get(..digits)?, &original)
    }

    /// The archive's URL of the original bytes, without its frame and its rewritten links.
    pub fn url(&self, web_base: &str) -> String {
        format!("{web_base}/web/{}id_/{}", self.moment, self.original)
    }

    /// The same moment of another URL; the archive answers with the nearest that it has.
    pub fn beside(&self, original: &str) -> Option<Self> {
        Self::new(&self.moment, original)
    }

    /// The day, as far as it is known, for people: `2017-04-28`.
    pub fn day(&self) -> String {
        [0..4, 4..6, 6..8].into_iter().filter_map(|part| self.moment.get(part)).collect::<Vec<_>>().join("-")
    }

    /// 0 if it cannot be read.
    pub fn year(&self) -> u16 {
        self.moment.get(..4).and_then(|year| year.parse().ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_is_read_from_every_form_of_its_url() {
        let capture = Capture::new("20170428151545", "http://a.example/p?x=1").expect("a capture");
        for link in [
            "https://web.archive.org/web/20170428151545/http://a.example/p?x=1",
            "http://web.archive.org/web/20170428151545id_/http://a.example/p?x=1",
            "https://web.archive.org/web/20170428151545if_/http:/a.example/p?x=1",
        ] {
            assert_eq!(Capture::read(link), Some(capture.clone()), "{link}");
        }
        assert_eq!(
            capture.url("https://web.archive.org"),
            "https://web.archive.org/web/20170428151545id_/http://a.example/p?x=1"
        );
        assert_eq!((capture.day(), capture.year()), ("2017-04-28".to_owned(), 2017));
    }

    #[test]
    fn what_is_no_capture_is_not_read_as_one() {
        for link in [
            "https://web.archive.org/web/*/http://a.example/",
            "https://web.archive.org/web/2017/ftp://a.example/",
            "https://a.example/web/x",
            "https://a.example/",
        ] {
            assert_eq!(Capture::read(link), None, "{link}");
        }
        assert_eq!(Capture::new("2017 ", "http://a.example/").map(|c| c.day()), Some("2017".into()));
        assert_eq!(Capture::new("201", "http://a.example/"), None);
        assert_eq!(Capture::new("2017042815154599", "http://a.example/"), None);
    }
}
