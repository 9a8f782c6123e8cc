//! A plugin reads an identifier as the program does, whatever was written: the same code runs in both.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tierfall_ids::{IdKind, WorkId};

use crate::sandbox::visit_on;
use crate::support::web::{Answer, Web};

/// What the source `parrot` is asked to read in one run.
const TEXTS: usize = 3000;

#[test]
fn an_odd_identifier_is_the_same_in_the_program_and_in_a_plugin() {
    let mut runner = TestRunner::default();
    let odd = odd_identifier();
    let mut one = || odd.new_tree(&mut runner).expect("a text").current();
    let texts: Vec<String> = (0..TEXTS).map(|_| one()).collect();

    let web = Web::start();
    web.get("/odd", [Answer::json(&json!(texts).to_string())]);
    web.on("POST", "/read", [Answer::json("{}")]);
    visit_on(&web, "parrot", &[]);
    let answers = web.requests_for("/read");
    let read: Vec<Vec<Option<String>>> =
        serde_json::from_slice(&answers.first().expect("it tells what it read").body).expect("JSON");

    assert_eq!(read.len(), texts.len());
    let mut found = 0;
    for (text, read) in texts.iter().zip(read) {
        let ours = read_here(text);
        found += ours.iter().flatten().count();
        assert_eq!(read, ours, "{text:?}");
    }
    // So that the comparison is not one of nothing with nothing; measured, it is about a third.
    assert!(found > TEXTS / 10, "hardly any of the odd texts are identifiers: {found}");
}

/// In the order of the parrot's readers; what is only a URL is none of their business.
fn read_here(text: &str) -> Vec<Option<String>> {
    let read = |kind, accepted: &[IdKind]| {
        let id = WorkId::parse_as(kind, text).ok().filter(|id| accepted.contains(&id.kind()))?;
        assert_eq!(id.to_string().parse().as_ref(), Ok(&id), "the program reads what a plugin hands over");
        Some(id.value().to_owned())
    };
    let is_url = tierfall_sdk::url::is_web(text);
    vec![
        read(IdKind::Doi, &[IdKind::Doi, IdKind::Arxiv]),
        read(IdKind::Arxiv, &[IdKind::Arxiv]),
        read(IdKind::Pmid, &[IdKind::Pmid]),
        read(IdKind::Pmcid, &[IdKind::Pmcid]),
        read(IdKind::Openalex, &[IdKind::Openalex]),
        is_url.then(|| read(IdKind::Url, &IdKind::ALL[..5])).flatten(),
    ]
}

/// Identifiers of every kind, with what people and programs do to them.
fn odd_identifier() -> impl Strategy<Value = String> {
    let before = prop::sample::select(vec![
        "",
        "",
        "doi:",
        "DOI ",
        "10.1234/",
        "10.48550/arXiv.",
        "https://doi.org/",
        "https://doi.org/10.1234/",
        "http://DX.doi.org:80//10.1234\\",
        "doi.org/10.1234/a/../",
        "https://hdl.handle.net/10.1234/",
        "info:doi/",
        "arXiv:",
        "http://arxiv.org/abs/",
        "https://export.arxiv.org/pdf/",
        "PMID:",
        "pmid ",
        "00",
        "PMC",
        "pmcid: ",
        "https://pubmed.ncbi.nlm.nih.gov/",
        "https://www.ncbi.nlm.nih.gov/pmc/articles/PMC",
        "https://europepmc.org/article/MED/",
        "W",
        "w00",
        "https://openalex.org/W",
        "https://example.org/",
        "url:",
        "<",
        "\u{feff}",
        "math.GT/",
        "hep-th/",
    ]);
    let middle = "([0-9]{2}0[1-9]\\.[0-9]{4,5}|[0-9]{1,22}|9[0-9]01[0-9]{3}|(math\\.GT|hep-th|cs)/0[0-9]0[1-9][0-9]{3}|\\PC{0,12}|[-A-Za-z0-9.,;:#?%&/()<>\\[\\]{}\"' ]{0,16}|10\\.[0-9]{3,6}/[A-Z%0-9a-f()]{1,9})";
    let behind = "(v[0-9]{1,2}|\\.[0-9])?(\\.pdf| \\[cs\\.LG\\])?[\\.,;)>\\]#?%/ \\u{200b}]{0,2}";
    (before, middle, behind).prop_map(|(before, middle, behind)| format!("{before}{middle}{behind}"))
}
