//! Whatever a page says, what is made of it is absolute URLs of the web, each once.
//!
//! The first line of the data is the page's URL if it is one; the rest is its HTML.

use std::collections::HashSet;
use std::sync::LazyLock;

use tierfall_sdk::links::{self, Rules};
use tierfall_sdk::{Facts, Work, WorkId, url};

pub fn promise(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (page_url, html) = match text.split_once('\n') {
        Some((first, html)) if url::is_web(first) => (first, html),
        _ => ("https://journal.example/article/7?x=1", &*text),
    };
    let mut work = Work::new(vec![WorkId::Doi("10.5555/tides.4".into())]);
    check(page_url, html, &work);
    work.title = Some("Efficient Reflection of Fluffy Tides".into());
    check(page_url, html, &work);
}

fn check(page_url: &str, html: &str, work: &Work) {
    static RULES: LazyLock<Rules> = LazyLock::new(Rules::built_in);
    let page = links::read_by(&RULES, page_url, html, work);
    let mut seen = HashSet::new();
    for candidate in &page.candidates {
        assert!(url::is_web(&candidate.url), "{candidate:?}");
        assert!(seen.insert(&candidate.url), "twice: {candidate:?}");
        assert_ne!(candidate.url, page_url);
        assert!(!candidate.evidence.is_empty());
    }
    for onward in page.follow.iter().chain(&page.refresh) {
        assert!(url::is_web(onward), "{onward}");
    }
    assert_ne!(page.refresh.as_deref(), Some(page_url));
    if page.other_work {
        assert!(page.candidates.is_empty() && page.follow.is_empty() && page.facts == Facts::none());
    }
    assert_eq!(links::read_by(&RULES, page_url, html, work), page, "the same page says the same twice");
}
