//! Lists of works in every format that people keep them in.

use std::io::Write;

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::{Ended, Home, eventually};
use crate::support::web::{Answer, Web};

/// Runs over a list and gives back the works that were asked for, in the order of the list.
pub(crate) fn asked_for(home: &Home, arguments: &[&str], input: &str) -> (Vec<String>, Ended) {
    let web = Web::start();
    web.get("http://crossref.example/", [Answer::status(204)]);
    let ended = home
        .tierfall(["run", "--out", "papers", "--workers", "1", "--set", "fallback.facts="])
        .args([
            "--fallback-tier",
            "direct_oa:sources=crossref",
            "--set",
            "sources.crossref.api_base=http://crossref.example",
        ])
        .args(["--set", "http.pace.enabled=false"])
        .args(arguments)
        .input(input)
        .through(&web)
        .run();
    let manifest = home.manifest("papers");
    let works = manifest.iter().map(|work| work["work_id"].as_str().unwrap_or_default().to_owned());
    (works.collect(), ended)
}

const TWO: [&str; 2] = ["doi:10.5555/list.1", "doi:10.5555/list(2)"];

#[test]
fn every_format_gives_the_same_works() {
    for (name, arguments, text) in [
        (
            "works.txt",
            [].as_slice(),
            "10.5555/list.1\n\n# said twice\nhttps://doi.org/10.5555/LIST.1\n  doi:10.5555/list(2).  \n",
        ),
        (
            "works.csv",
            &["--column", "identifier"],
            "title,identifier\n\"One, first\",10.5555/list.1\nTwo,10.5555/list(2)\n",
        ),
        ("works.tsv", &["--column", "DOI"], "Title\tDOI\nOne\t10.5555/list.1\nTwo\t10.5555/list(2)\n"),
        (
            "openalex.jsonl",
            &[],
            "{\"id\":\"https://openalex.org/W1\",\"doi\":\"https://doi.org/10.5555/list.1\"}\n\
             {\"id\":\"https://openalex.org/W2\",\"doi\":\"https://doi.org/10.5555/list(2)\"}\n",
        ),
        (
            "crossref.jsonl",
            &[],
            "{\"DOI\":\"10.5555/list.1\",\"title\":[\"One\"]}\n{\"DOI\":\"10.5555/LIST(2)\",\"title\":[\"Two\"]}\n",
        ),
        (
            "csl.json",
            &[],
            "[{\"id\":\"a\",\"type\":\"article-journal\",\"DOI\":\"10.5555/list.1\"},\n {\"id\":\"b\",\"DOI\":\"10.5555/list(2)\"}]",
        ),
        (
            "refs.bib",
            &[],
            "% a comment\n@article{one, title = {One {O}ne}, doi = {10.5555/list.1}}\n@book{two,\n  doi=\"10.5555/list(2)\",\n}\n",
        ),
        (
            "refs.ris",
            &[],
            "TY  - JOUR\nTI  - One\nDO  - 10.5555/list.1\nER  - \n\nTY  - JOUR\nDO  - 10.5555/list(2)\nER  - \n",
        ),
    ] {
        let home = Home::new();
        home.write(name, text);
        let (works, ended) = asked_for(&home, &[&["--input", name], arguments].concat(), "");
        assert_eq!(works, TWO, "{name}: {ended:#?}");
        assert_eq!(ended.code, Some(3), "{name}: {ended:#?}");
    }
}

#[test]
fn works_come_from_arguments_files_and_standard_input_together() {
    let home = Home::new();
    home.write("works.txt", "10.5555/file.1\n");
    let (works, _) = asked_for(
        &home,
        &["10.5555/argument.1", "--input", "works.txt", "--input", "-"],
        "10.5555/piped.1\n",
    );
    assert_eq!(works, ["doi:10.5555/argument.1", "doi:10.5555/file.1", "doi:10.5555/piped.1"]);
}

#[test]
fn without_arguments_the_list_comes_from_standard_input() {
    let (works, _) = asked_for(&Home::new(), &[], "10.5555/list.1\r\n10.5555/list(2)\r\n");
    assert_eq!(works, TWO);
}

#[test]
fn a_work_is_done_before_the_list_that_names_it_ends() {
    let (home, web) = (Home::new(), Web::start());
    let (first, second) = (Article::on(&web, "first"), Article::on(&web, "second"));
    let mut running = pages_only(&home, &web, &[]).start_typing();
    for (count, article) in [(1, &first), (2, &second)] {
        running.type_in(&format!("{}\n", article.page));
        let manifest = home.path("papers/manifest.jsonl");
        eventually("the work has its line", || {
            std::fs::read_to_string(&manifest).is_ok_and(|text| text.lines().count() == count)
        });
    }
    running.end_input();
    running.wait().expect(0);
}

#[test]
fn packed_lists_and_lists_with_a_byte_order_mark_are_read() {
    let home = Home::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"10.5555/list.1\n10.5555/list(2)\n").expect("memory can be written");
    home.write("works.txt.gz", packed.finish().expect("memory can be written"));
    assert_eq!(asked_for(&home, &["--input", "works.txt.gz"], "").0, TWO);

    let home = Home::new();
    home.write("marked.txt", "\u{feff}10.5555/list.1\n10.5555/list(2)\n");
    assert_eq!(asked_for(&home, &["--input", "marked.txt"], "").0, TWO);
}

#[test]
fn each_bad_entry_is_named_with_its_file_and_line_and_the_others_are_asked() {
    let home = Home::new();
    home.write("works.txt", "10.5555/list.1\nnonsense\n\n10.\n10.5555/list(2)\n");
    let (works, ended) = asked_for(&home, &["--input", "works.txt"], "");
    assert_eq!(works, TWO);
    for part in ["works.txt, line 2", "works.txt, line 4"] {
        assert!(ended.err.contains(part), "{part} is not in\n{}", ended.err);
    }
    assert!(ended.out.contains("2 entries of the input could not be read"), "{}", ended.out);
}

#[test]
fn a_column_that_is_not_there_is_answered_with_those_that_are() {
    let home = Home::new();
    home.write("works.csv", "title,identifier\nOne,10.5555/list.1\n");
    let ended = home.tierfall(["run", "--input", "works.csv", "--column", "doi_number"]).run().expect(2);
    for part in ["doi_number", "title", "identifier", "works.csv"] {
        assert!(ended.err.contains(part), "{part} is not in\n{}", ended.err);
    }
}

#[test]
fn a_file_given_as_a_work_is_taken_for_the_mistake_that_it_is() {
    let home = Home::new();
    home.write("refs.bib", "@article{one, doi = {10.5555/list.1}}\n");
    let ended = home.tierfall(["run", "refs.bib"]).run().expect(2);
    assert!(ended.err.contains("--input refs.bib"), "{}", ended.err);
}
