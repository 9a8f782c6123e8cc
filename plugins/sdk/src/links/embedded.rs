//! What a page shows in frames: a PDF, or a viewer that is told the PDF's address.

use super::Rules;
use super::shape::{LOOKS_LIKE_PDF, looks_like_url};
use super::words::words;
use crate::html::Element;
use crate::url;

/// A reference to what is shown, not yet resolved.
pub(super) struct Shown {
    pub url: String,
    pub evidence: String,
}

/// The files that a page shows.
pub(super) fn read(elements: &[Element], rules: &Rules, page_url: &str, base: &str) -> Vec<Shown> {
    // A page whose URL ends like a PDF's is a viewer, whatever its frame's URL looks like.
    let viewer = rules.url_points(page_url) >= LOOKS_LIKE_PDF;
    let mut all = Vec::new();
    for element in elements {
        let source = match element.name.as_str() {
            "iframe" | "frame" | "embed" => {
                element.attribute("src").or_else(|| element.attribute("data-src"))
            }
            "object" => element.attribute("data"),
            _ => continue,
        };
        let Some(source) = source.filter(|source| !source.is_empty()) else {
            continue;
        };
        let found = match told(source, rules) {
            // A viewer resolves the file's name against its own address.
            Some(file) => {
                let viewer = url::join(base, source);
                Some(viewer.and_then(|viewer| url::join(&viewer, &file)).unwrap_or(file))
            }
            None => {
                let resolved = url::join(base, source).unwrap_or_default();
                let typed = element.attribute("type").filter(|kind| !kind.is_empty());
                let declared = declares_pdf(element)
                    || viewer
                    || rules.url_points(&resolved) >= LOOKS_LIKE_PDF
                    || rules.file_of_link(&resolved).is_some();
                let other = typed
                    .is_some_and(|kind| ["video/", "audio/", "image/"].iter().any(|t| kind.starts_with(t)));
                (declared && !other && !rules.is_another_type(&resolved)).then(|| source.to_owned())
            }
        };
        let evidence = || format!("embedded by {}", element.name);
        all.extend(found.map(|url| Shown { url, evidence: evidence() }));
    }
    all
}

/// By its type, or where it has none by what it is called.
fn declares_pdf(element: &Element) -> bool {
    match element.attribute("type").filter(|kind| !kind.is_empty()) {
        Some(kind) => kind.to_lowercase().contains("application/pdf"),
        None => {
            let names = ["alt", "title", "name", "id", "class"];
            let called = names.map(|name| element.attribute(name).unwrap_or_default()).join(" ");
            words(&called).contains(" pdf ")
        }
    }
}

/// The file that a viewer is told in its query or fragment. A parameter such as `url` is as often told to
/// players and advertisements: it counts where it, or the viewer, looks like a PDF's.
fn told(source: &str, rules: &Rules) -> Option<String> {
    let (before, fragment) = source.split_once('#').unwrap_or((source, ""));
    let in_fragment = format!("?{}", fragment.trim_start_matches(['/', '?', '!']));
    let parameter = |name: &str| {
        let value = url::parameter(before, name).or_else(|| url::parameter(&in_fragment, name));
        value.filter(|value| looks_like_url(value))
    };
    let likely = |file: &String| {
        let path = url::path(&url::join("https://x.invalid/", before).unwrap_or_default()).to_lowercase();
        let shows_pdf = ["pdf", "viewer"].iter().any(|word| path.contains(word));
        let absolute = url::join("https://x.invalid/", file).unwrap_or_default();
        shows_pdf || rules.url_points(&absolute) >= LOOKS_LIKE_PDF
    };
    rules
        .viewers
        .iter()
        .find_map(|name| parameter(name))
        .or_else(|| rules.maybe_viewers.iter().find_map(|name| parameter(name).filter(likely)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(html: &str) -> Vec<String> {
        let page = crate::html::read(html, &|_, _| true);
        let at = "https://j.invalid/article/7";
        read(&page.elements, &Rules::built_in(), at, at).into_iter().map(|shown| shown.url).collect()
    }

    #[test]
    fn viewers_are_told_their_file_by_query_or_fragment() {
        for (html, url) in [
            ("<iframe src='/js/viewer.html?file=..%2F7.pdf'></iframe>", "https://j.invalid/7.pdf"),
            ("<iframe src='/js/viewer.html#file=%2Fraw%2F7'></iframe>", "https://j.invalid/raw/7"),
            ("<iframe src='/show?url=%2Fraw%2F7.pdf'></iframe>", "https://j.invalid/raw/7.pdf"),
            ("<iframe src='/pdf-reader?src=%2Fraw%2F7'></iframe>", "https://j.invalid/raw/7"),
        ] {
            assert_eq!(shown(html), [url], "{html}");
        }
        for html in [
            "<iframe src='/advertise?Url=%2Fen%2Fjournals'></iframe>",
            "<iframe src='https://player.invalid/?url=https%3A//api.player.invalid/tracks/1'></iframe>",
        ] {
            assert!(shown(html).is_empty(), "{html}");
        }
    }

    #[test]
    fn what_is_embedded_without_a_type_counts_by_what_it_is_called() {
        assert_eq!(shown("<embed src=/get/913 alt=pdf>"), ["/get/913"]);
        assert_eq!(shown("<iframe src=/get/913 id=pdf-frame></iframe>"), ["/get/913"]);
        assert!(shown("<embed src=/get/913><iframe src=/x title=Comments></iframe>").is_empty());
        assert!(shown("<embed src=/get/913.swf alt=pdf><embed type=video/mp4 src=/pdf/1>").is_empty());
    }

    #[test]
    fn a_frameset_of_an_old_journal_system_shows_the_file_in_one_of_its_frames() {
        let html = "<frameset><frame src='/index.php/j/article/viewRST/7/9'>\
                    <frame src='/index.php/j/article/viewPDFInterstitial/7/9'></frameset>";
        assert_eq!(shown(html), ["/index.php/j/article/viewPDFInterstitial/7/9"]);
    }
}
