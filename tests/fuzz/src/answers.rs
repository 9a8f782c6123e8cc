//! Whatever a plugin answers, what the host takes in is bounded, can be shown, and costs little time; and what nobody
//! vouches for is no identifier and no page of the work.
//!
//! The data is text: a line that says what is answered (`finding`, `error`, `description`), and lines of `name: value`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tierfall_sandbox::{Grant, HostPattern, SourceAccess, testing};
use tierfall_work::{Finding, Work};

/// The most candidates that are taken in.
const CANDIDATES: usize = 100;

pub fn promise(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (kind, said) = text.split_once('\n').unwrap_or(("finding", &text));
    let begun = Instant::now();
    match kind {
        "error" => shown(&testing::error(said).to_string(), 400),
        "description" => description(said),
        _ => finding(said),
    }
    // A thousand times what it takes, so that a busy machine fails nothing.
    let most = Duration::from_secs(2) + Duration::from_millis(data.len() as u64 / 10);
    assert!(begun.elapsed() < most, "it took {:?}", begun.elapsed());
}

fn finding(said: &str) {
    let taken_in = testing::finding(said, CANDIDATES);
    bounded(&taken_in);
    let held = format!("{taken_in:?}").len();
    assert!(held <= 20_000 + 20 * said.len(), "{held} bytes are held of {}", said.len());

    let given = Work::new("10.5555/tides.4".parse().expect("an identifier"));
    let mut work = given.clone();
    work.learn(&taken_in.facts, "theirs/source");
    assert_eq!((&work.ids, &work.landing_urls), (&given.ids, &given.landing_urls), "nobody vouches for it");
    work.learn(&taken_in.facts, "crossref");
    assert!(!work.learn(&taken_in.facts, "crossref"), "said twice, it is nothing new");
    assert!(work.ids.starts_with(&given.ids) && work.landing_urls.len() <= 32);
}

fn bounded(finding: &Finding) {
    assert!(finding.candidates.len() <= CANDIDATES);
    for candidate in &finding.candidates {
        shown(&candidate.url, 8193);
        shown(&candidate.evidence, 201);
        shown(candidate.license.as_deref().unwrap_or_default(), 201);
        shown(candidate.landing_page.as_deref().unwrap_or_default(), 8193);
    }
    let facts = &finding.facts;
    assert!(facts.authors.len() <= 100 && facts.ids.len() <= 100 && facts.landing_urls.len() <= 100);
    shown(facts.title.as_deref().unwrap_or_default(), 1001);
    facts.authors.iter().for_each(|author| shown(author, 201));
    facts.landing_urls.iter().for_each(|url| shown(url, 8193));
    facts.ids.iter().for_each(|id| shown(id.value(), 4096));
}

fn description(said: &str) {
    let described = match testing::description(said) {
        Ok(described) => described,
        Err(why) => return shown(&why, 1000),
    };
    shown(&described.name, 40);
    shown(&described.version, 65);
    assert!((1..=64).contains(&described.sources.len()));
    for source in &described.sources {
        shown(&source.summary, 501);
        assert!(source.hosts.len() <= 256 && source.settings.len() <= 64);
        source.hosts.iter().for_each(|need| shown(&source.host_label(&need.pattern), 1500));
        for setting in &source.settings {
            shown(&setting.summary, 501);
            if let Some(secret) = &setting.secret {
                shown(&secret.header, 200);
                assert_ne!(secret.host, HostPattern::WorkHosts, "a page may be anybody's");
            }
        }
        let values: BTreeMap<String, String> = source
            .settings
            .iter()
            .map(|setting| (setting.name.clone(), "https://a.example/".into()))
            .collect();
        if let Err(why) = SourceAccess::new(&described.name, source, Grant::Declared, &values) {
            shown(&why, 200);
        }
    }
}

/// A text that a terminal may be shown, of at most so many characters.
fn shown(text: &str, most: usize) {
    assert!(!text.contains(|c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}')), "{text:?}");
    assert!(text.chars().count() <= most, "{} characters: {text}", text.chars().count());
}
