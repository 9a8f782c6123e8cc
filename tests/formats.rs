//! Articles in XML beside the PDF: found, proven, stored, remembered.

use serde_json::Value;

use crate::support::article::Article;
use crate::support::jats;
use crate::support::program::{Call, Ended, Home};
use crate::support::web::{Answer, Web};

/// An article whose page declares its XML too, with this many paragraphs of text.
fn with_xml(web: &Web, name: &str, paragraphs: usize) -> Article {
    let article = Article::on(web, name);
    let title = format!("The Invented Matter of {name} Considered Anew");
    let xml = article.file.replace(".pdf", ".xml");
    web.get(
        &article.page,
        [Answer::html(&format!(
            "<!DOCTYPE html><html><head><title>{title}</title><meta name=\"citation_title\" content=\"{title}\">\
             <meta name=\"citation_author\" content=\"Ada Invented\"><meta name=\"citation_pdf_url\" content=\"{}\">\
             <meta name=\"citation_xml_url\" content=\"{xml}\"></head><body><h1>{title}</h1></body></html>",
            article.file
        ))],
    );
    let body = jats::article(&title, &["Ada Invented".to_owned()], "10.5555/made.up", paragraphs);
    web.get(&xml, [Answer::ok("application/xml", body)]);
    article
}

fn run(home: &Home, web: &Web, article: &Article, formats: &str) -> Call {
    home.tierfall(["run", &article.page, "--fallback-tier", "landing_scrape", "--out", "papers"])
        .args(["--set", &format!("artifacts.formats={formats}")])
        .through(web)
}

fn last_line(home: &Home) -> Value {
    home.manifest("papers").pop().expect("a line")
}

/// The forms of a work's files; a PDF does not say that it is one.
fn forms(line: &Value) -> Vec<&str> {
    let also = line["also"].as_array().into_iter().flatten();
    let files = std::iter::once(line).chain(also).filter(|file| file["sha256"].is_string());
    files.map(|file| file["format"].as_str().unwrap_or("pdf")).collect()
}

fn jobs(home: &Home) -> Vec<(String, String)> {
    let listed: Ended = home.tierfall(["ledger", "list", "--json", "--out", "papers"]).run().expect(0);
    let text = |job: &Value, key: &str| job[key].as_str().unwrap_or_default().to_owned();
    let jobs = listed.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mut jobs: Vec<_> = jobs.map(|job| (text(&job, "role"), text(&job, "state"))).collect();
    jobs.sort();
    jobs
}

fn job(role: &str, state: &str) -> (String, String) {
    (role.to_owned(), state.to_owned())
}

#[test]
fn a_work_has_its_pdf_and_its_xml_in_one_line() {
    let (home, web) = (Home::new(), Web::start());
    let article = with_xml(&web, "both", 40);
    run(&home, &web, &article, "pdf,jats").run().expect(0);
    let line = last_line(&home);
    assert_eq!(forms(&line), ["pdf", "jats"]);
    assert_eq!((&line["sha256"], &line["role"]), (&article.sha256.as_str().into(), &Value::Null));
    let xml = &line["also"][0];
    assert_eq!((&xml["role"], &xml["identity"]), (&"fulltext_xml".into(), &"proven".into()));
    let path = xml["path"].as_str().expect("it is stored");
    assert!(path.ends_with(".xml"), "{path}");
    assert!(home.read(format!("papers/{path}")).contains("<article-title>"));
    let links = home.files("papers/works");
    assert!(links.len() == 2 && links.iter().any(|link| link.ends_with(".xml")), "{links:?}");
    assert_eq!(web.requests().iter().filter(|seen| seen.url == article.page).count(), 1, "one walk");
}

#[test]
fn one_form_alone_is_all_that_is_fetched() {
    for (formats, ending) in [("jats", ".xml"), ("pdf", ".pdf")] {
        let (home, web) = (Home::new(), Web::start());
        let article = with_xml(&web, "alone", 40);
        run(&home, &web, &article, formats).run().expect(0);
        assert_eq!(forms(&last_line(&home)), [formats]);
        let files = web.requests().into_iter().map(|seen| seen.url).filter(|url| url.contains("/article."));
        assert!(files.collect::<Vec<_>>().iter().all(|url| url.ends_with(ending)), "{formats}");
    }
}

#[test]
fn a_front_matter_alone_is_no_full_text_and_the_pdf_takes_its_place() {
    let (home, web) = (Home::new(), Web::start());
    let article = with_xml(&web, "front", 0);
    run(&home, &web, &article, "jats").run().expect(3);
    assert_eq!(last_line(&home)["reason"], "abstract_only");
    run(&home, &web, &article, "jats,pdf").args(["--set", "artifacts.want=first"]).run().expect(0);
    assert_eq!(forms(&last_line(&home)), ["pdf"]);
}

#[test]
fn each_form_is_a_job_of_its_own_and_what_is_there_is_not_fetched_again() {
    let (home, web) = (Home::new(), Web::start());
    let article = with_xml(&web, "jobs", 40);
    let remembering = |formats: &str| run(&home, &web, &article, formats).args(["--enable-idempotency"]);
    remembering("pdf").run().expect(0);
    assert_eq!(jobs(&home), [job("fulltext", "INDEXED")]);
    remembering("pdf,jats").run().expect(0);
    assert_eq!(jobs(&home), [job("fulltext", "INDEXED"), job("fulltext_xml", "INDEXED")]);
    assert_eq!(forms(&last_line(&home)), ["pdf", "jats"], "the line knows the file of the run before");
    assert_eq!(last_line(&home)["sha256"], article.sha256.as_str());
    assert_eq!(web.requests().iter().filter(|seen| seen.url == article.file).count(), 1);

    let before = web.requests().len();
    let ended = remembering("pdf,jats").run().expect(0);
    assert_eq!(web.requests().len(), before, "nothing is left to fetch");
    assert!(ended.out.contains("done before"), "{}", ended.out);
    assert_eq!(forms(&last_line(&home)), ["pdf", "jats"]);
}

#[test]
fn a_form_that_is_nowhere_is_an_exhausted_job_beside_a_stored_one() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "lonely");
    run(&home, &web, &article, "pdf,jats").args(["--enable-idempotency"]).run().expect(0);
    assert_eq!(forms(&last_line(&home)), ["pdf"]);
    assert_eq!(jobs(&home), [job("fulltext", "INDEXED"), job("fulltext_xml", "EXHAUSTED")]);
}

#[test]
fn a_worker_of_the_queue_serves_both_jobs_of_a_work_in_one_walk() {
    let (home, web) = (Home::new(), Web::start());
    let article = with_xml(&web, "queued", 40);
    run(&home, &web, &article, "pdf,jats").args(["--plan-only"]).run().expect(0);
    assert_eq!(jobs(&home), [job("fulltext", "PLANNED"), job("fulltext_xml", "PLANNED")]);
    home.tierfall(["worker", "--out", "papers", "--fallback-tier", "landing_scrape"])
        .args(["--set", "artifacts.formats=pdf,jats"])
        .through(&web)
        .run()
        .expect(0);
    assert_eq!(jobs(&home), [job("fulltext", "INDEXED"), job("fulltext_xml", "INDEXED")]);
    assert_eq!(forms(&last_line(&home)), ["pdf", "jats"]);
    assert_eq!(web.requests().iter().filter(|seen| seen.url == article.page).count(), 1, "one walk");
}

#[test]
fn a_bibliography_and_a_report_know_both_files() {
    let (home, web) = (Home::new(), Web::start());
    let article = with_xml(&web, "listed", 40);
    home.write("refs.bib", format!("@misc{{k1,\n  url = {{{}}},\n}}\n", article.page));
    let call =
        home.tierfall(["run", "--input", "refs.bib", "--fallback-tier", "landing_scrape", "--out", "papers"]);
    call.args(["--set", "artifacts.formats=pdf,jats", "--report"]).through(&web).run().expect(0);
    let table = home.read("papers/works.csv");
    assert!(table.lines().nth(1).is_some_and(|row| row.contains("\"pdf and jats\"")), "{table}");
    let page = home.read("papers/report.html");
    assert!(page.contains("Retrieved, by form"), "{page}");

    let explained = home.tierfall(["explain", &article.page, "--out", "papers"]).run().expect(0);
    assert!(
        explained.out.contains("├─ ✔ stored: ") && explained.out.contains("└─ ✔ stored: JATS, "),
        "{}",
        explained.out
    );

    let export = |target: &str| {
        let call = home.tierfall(["export", "--input", "refs.bib", "--out", "papers", "--format", target]);
        call.args(["--to", &format!("with.{target}")]).run().expect(0);
        home.read(format!("with.{target}"))
    };
    let written = export("bibtex");
    assert!(written.contains(".pdf:PDF;:") && written.contains(".xml:XML}"), "{written}");
    let written = export("ris");
    assert!(written.contains("\nL1  - ") && written.contains("\nL2  - "), "{written}");
    let written = export("csl");
    assert!(written.contains("\"files\": ["), "{written}");
}

#[test]
fn without_a_ledger_what_the_folder_has_is_not_fetched_again_and_what_it_lacks_is_looked_for() {
    let (home, web) = (Home::new(), Web::start());
    let article = with_xml(&web, "later", 40);
    run(&home, &web, &article, "pdf").run().expect(0);
    run(&home, &web, &article, "jats").run().expect(0);
    assert_eq!(forms(&last_line(&home)), ["jats", "pdf"], "what is there in another form is not forgotten");
    let before = web.requests().len();
    for formats in ["pdf", "jats", "pdf,jats"] {
        run(&home, &web, &article, formats).run().expect(0);
    }
    assert_eq!(web.requests().len(), before, "everything is here");
    assert_eq!(web.requests().iter().filter(|seen| seen.url == article.file).count(), 1);
    assert_eq!(home.manifest("papers").len(), 1);
}

#[test]
fn a_form_that_is_still_missing_leaves_the_line_of_what_is_stored() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "alone");
    run(&home, &web, &article, "pdf").run().expect(0);
    let stored = last_line(&home);
    run(&home, &web, &article, "pdf,jats").run().expect(0);
    assert_eq!(last_line(&home), stored);
    run(&home, &web, &article, "jats").run().expect(3);
    assert_eq!(last_line(&home), stored, "the PDF is still there");
}

#[test]
fn with_a_ledger_what_was_stored_without_it_is_known_and_the_rest_is_looked_for() {
    let (home, web) = (Home::new(), Web::start());
    let article = with_xml(&web, "adopted", 40);
    run(&home, &web, &article, "pdf").run().expect(0);
    run(&home, &web, &article, "pdf,jats").args(["--enable-idempotency"]).run().expect(0);
    assert_eq!(jobs(&home), [job("fulltext", "INDEXED"), job("fulltext_xml", "INDEXED")]);
    assert_eq!(forms(&last_line(&home)), ["pdf", "jats"]);
    assert_eq!(web.requests().iter().filter(|seen| seen.url == article.file).count(), 1);
    run(&home, &web, &article, "pdf").args(["--enable-idempotency"]).run().expect(0);
    assert_eq!(forms(&last_line(&home)), ["pdf", "jats"], "a run for the PDF alone forgets no XML");
}

#[test]
fn who_is_content_with_the_first_form_has_no_second_one_fetched_later() {
    let (home, web) = (Home::new(), Web::start());
    let article = with_xml(&web, "first", 40);
    let first = || {
        let call = run(&home, &web, &article, "jats,pdf").args(["--enable-idempotency"]);
        call.args(["--set", "artifacts.want=first"])
    };
    first().run().expect(0);
    assert_eq!(forms(&last_line(&home)), ["jats"]);
    assert_eq!(jobs(&home), [job("fulltext", "EXHAUSTED"), job("fulltext_xml", "INDEXED")]);
    let before = web.requests().len();
    first().run().expect(0);
    assert_eq!((web.requests().len(), forms(&last_line(&home))), (before, vec!["jats"]));
}

#[test]
fn a_form_that_was_not_needed_is_looked_for_once_all_are_wanted() {
    for by_worker in [false, true] {
        let (home, web) = (Home::new(), Web::start());
        let article = with_xml(&web, "later", 40);
        let wanting = |want: &str| {
            let call = run(&home, &web, &article, "jats,pdf").args(["--enable-idempotency"]);
            // A form that is not needed is no attempt.
            let call = call.args(["--set", "ledger.max_attempts=1"]);
            call.args(["--set", &format!("artifacts.want={want}")])
        };
        for _ in 0..3 {
            wanting("first").run().expect(0);
            assert_eq!(jobs(&home), [job("fulltext", "EXHAUSTED"), job("fulltext_xml", "INDEXED")]);
        }
        assert_eq!(web.requests().iter().filter(|seen| seen.url == article.page).count(), 1);
        if by_worker {
            wanting("all").args(["--plan-only"]).run().expect(0);
            let call = home.tierfall(["worker", "--out", "papers", "--fallback-tier", "landing_scrape"]);
            let call = call.args(["--set", "artifacts.formats=jats,pdf"]);
            call.through(&web).run().expect(0);
        } else {
            wanting("all").run().expect(0);
        }
        assert_eq!(jobs(&home), [job("fulltext", "INDEXED"), job("fulltext_xml", "INDEXED")], "{by_worker}");
        assert_eq!(forms(&last_line(&home)), ["jats", "pdf"], "{by_worker}");
        let before = web.requests().len();
        wanting("all").run().expect(0);
        wanting("first").run().expect(0);
        assert_eq!(web.requests().len(), before, "{by_worker}: nothing is left to fetch");
    }
}
