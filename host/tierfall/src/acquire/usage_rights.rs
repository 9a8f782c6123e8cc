//! What was said about the use of a file, as it was said, and what that means for us.

use serde::{Deserialize, Serialize};

use tierfall_http::{HeaderMap, Reservation, SaidBy, header_text};

/// The product token that `X-Robots-Tag` knows us by, as robots.txt does.
const AGENT: &str = "tierfall";
/// Rules that have a value of their own; anything else before a colon names the crawler that the rules are for.
const VALUED: [&str; 4] = ["unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"];
/// Rules that reserve text and data mining.
const RESERVING: [&str; 2] = ["noai", "notdm"];

/// What was said about the use of a file; written to the manifest as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRights {
    /// What was said about text and data mining closest to the file: by its headers, its site or its page.
    pub tdm: Option<Reservation>,
    /// The headers `X-Robots-Tag`, joined by commas.
    pub x_robots_tag: Option<String>,
    /// One of those headers reserves text and data mining.
    robots_reserve: bool,
}

impl UsageRights {
    /// What the headers of an answer say.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let tags: Vec<_> =
            headers.get_all("x-robots-tag").iter().map(|value| header_text(value.as_bytes())).collect();
        Self {
            tdm: Reservation::of(headers),
            x_robots_tag: (!tags.is_empty()).then(|| tags.join(", ")),
            robots_reserve: tags.iter().any(|tag| robots_tag_reserves(tag)),
        }
    }

    /// Whether nobody has said anything of text and data mining yet.
    pub(super) fn undecided(&self) -> bool {
        self.tdm.as_ref().is_none_or(|said| !said.is_valid())
    }

    /// Takes over what a place further from the file says, if none closer to it has said anything.
    pub(super) fn consider(&mut self, said: Option<Reservation>) {
        if self.undecided()
            && let Some(said) = said.filter(Reservation::is_valid)
        {
            self.tdm = Some(said);
        }
    }

    /// Whether text and data mining is reserved.
    pub(super) fn reserved(&self) -> bool {
        self.robots_reserve || self.tdm.as_ref().is_some_and(Reservation::reserved)
    }

    /// By whom it is, for people.
    pub(super) fn who_reserves(&self) -> &'static str {
        match self.tdm.as_ref().filter(|said| said.reserved()).map(|said| said.by) {
            Some(SaidBy::Site) => "by the site's /.well-known/tdmrep.json",
            Some(SaidBy::Page) => "by the page that led to the file",
            Some(SaidBy::Header) | None => "by the headers of the file",
        }
    }
}

/// Reads one header: rules for everybody, or `name: rules` for one crawler alone.
fn robots_tag_reserves(header: &str) -> bool {
    let mut ours = true;
    header.to_ascii_lowercase().split(',').any(|rule| {
        let rule = match rule.split_once(':') {
            Some((name, rest)) if !VALUED.contains(&name.trim()) => {
                ours = matches!(name.trim(), AGENT | "*");
                rest
            }
            _ => rule,
        };
        ours && RESERVING.contains(&rule.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(headers: &[(&str, &str)]) -> UsageRights {
        UsageRights::of(&tierfall_http::header_map(headers.iter().copied()).unwrap())
    }

    #[test]
    fn robots_tags_for_others_are_recorded_and_not_obeyed() {
        for (tags, reserved) in [
            (&["noai"][..], true),
            (&["noindex", "NoTDM"], true),
            (&["noindex, noai"], true),
            (&["otherbot: noindex, noai"], false),
            (&["otherbot: noai", "noindex"], false),
            (&["otherbot: noai", "noai"], true),
            (&["otherbot: noindex, tierfall: noai"], true),
            (&["Tierfall: noai"], true),
            (&["*: noai"], true),
            (&["unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], true),
            (&["max-snippet: 5, noindex"], false),
            (&["noimageai"], false),
            (&[","], false),
            (&[], false),
        ] {
            let headers: Vec<_> = tags.iter().map(|tag| ("x-robots-tag", *tag)).collect();
            let rights = rights(&headers);
            assert_eq!(rights.reserved(), reserved, "{tags:?}");
            assert_eq!(rights.x_robots_tag, (!tags.is_empty()).then(|| tags.join(", ")));
        }
    }

    #[test]
    fn the_nearest_word_counts_and_words_without_meaning_do_not() {
        let said = |value: &str, by| Some(Reservation::new(value, None, by));
        for (header, site, page, expected) in [
            (Some("0"), Some("1"), Some("1"), Some(("0", SaidBy::Header))),
            (None, Some("0"), Some("1"), Some(("0", SaidBy::Site))),
            (None, None, Some("1"), Some(("1", SaidBy::Page))),
            (Some("perhaps"), Some("1"), None, Some(("1", SaidBy::Site))),
            (Some("perhaps"), None, None, Some(("perhaps", SaidBy::Header))),
            (None, None, Some("perhaps"), None),
            (None, None, None, None),
        ] {
            let header: Vec<_> = header.map(|value| ("tdm-reservation", value)).into_iter().collect();
            let mut rights = rights(&header);
            rights.consider(site.and_then(|value| said(value, SaidBy::Site)));
            rights.consider(page.and_then(|value| said(value, SaidBy::Page)));
            let tdm = rights.tdm.as_ref().map(|said| (said.value.as_str(), said.by));
            assert_eq!(tdm, expected);
            assert_eq!(rights.reserved(), expected.is_some_and(|(value, _)| value == "1"));
        }
    }

    #[test]
    fn a_header_brings_its_policy() {
        let rights = rights(&[("tdm-reservation", "1"), ("tdm-policy", "https://host.example/policy")]);
        let tdm = rights.tdm.expect("a reservation");
        assert_eq!(tdm.policy.as_deref(), Some("https://host.example/policy"));
        assert!(tdm.reserved());
    }
}
