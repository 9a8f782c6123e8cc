//! Works are also given back that have one form of the text and wait for another, and those that wait for a source which
//! answers nobody.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::jats;
use crate::support::pdf::{Paper, Style};
use crate::support::program::{Call, Home};
use crate::support::web::{Answer, Web};

use super::parking::{Title, all_ended, answer, configure, until_parked, until_some_are_parked};
use super::{Place, count, on_both_engines, told_at};

on_both_engines! {
    a_work_that_has_its_pdf_is_given_back_while_its_xml_has_to_wait_and_has_one_line
    a_pdf_that_was_stored_before_its_work_was_given_back_outlives_a_worker_that_is_killed
    works_that_wait_for_a_source_which_answers_nobody_are_given_back_and_found_once_it_does
}

const FORMS: usize = 8;

/// Articles whose pages and PDFs are at one host, and whose XML is at another. That one asks to be left alone, as soon as a
/// page of it is read.
fn articles(home: &Home) -> Web {
    configure(home, 100);
    let web = Web::start();
    let nothing =
        Answer::html("<!DOCTYPE html><html><head><title>Nothing</title></head><body></body></html>");
    web.get("http://slow.example/first", [Answer::too_many("15"), nothing]);
    let mut pages = String::from("http://slow.example/first\n");
    for number in 0..FORMS {
        let title = format!("The Invented Matter of Number {number} Considered Anew");
        let (page, pdf) =
            (format!("http://fast.example/{number}"), format!("http://fast.example/{number}.pdf"));
        let xml = format!("http://slow.example/{number}.xml");
        web.get(
            &page,
            [Answer::html(&format!(
                "<!DOCTYPE html><html><head><title>{title}</title><meta name=\"citation_title\" content=\"{title}\">\
                 <meta name=\"citation_author\" content=\"Ada Invented\"><meta name=\"citation_pdf_url\" content=\"{pdf}\">\
                 <meta name=\"citation_xml_url\" content=\"{xml}\"></head><body><h1>{title}</h1></body></html>",
            ))],
        );
        web.get(
            &pdf,
            [Answer::pdf(Paper::new(&title, &["Ada Invented"], None).with_pages(8).pdf(Style::Plain))],
        );
        let body = jats::article(&title, &["Ada Invented".to_owned()], "10.5555/made.up", 40);
        web.get(&xml, [Answer::ok("application/xml", body)]);
        pages.push_str(&page);
        pages.push('\n');
    }
    home.write("works.txt", pages);
    web
}

fn fetching_both(call: Call, web: &Web, place: &Place) -> Call {
    call.args(["--out", "papers", "--fallback-tier", "landing_scrape", "--set", "artifacts.formats=pdf,jats"])
        .args(["--set", "fallback.source_timeout_ms=30000", "--set", "fallback.hedge_ms=500"])
        .args(place.flags())
        .through(web)
}

fn run(home: &Home, web: &Web, place: &Place) -> Call {
    let call = home.tierfall(["run", "--input", "works.txt", "--enable-idempotency"]);
    fetching_both(call, web, place)
}

/// Each work has a line that names both of its files. Of those of `pages` each was fetched once.
fn all_have_both(home: &Home, web: &Web, place: &Place, pages: &[String]) -> Vec<Value> {
    assert_eq!(count(home, place, "INDEXED"), 2 * FORMS as u64);
    for page in pages {
        let number = page.rsplit('/').next().unwrap_or_default();
        for file in [format!("http://fast.example/{number}.pdf"), format!("http://slow.example/{number}.xml")]
        {
            assert_eq!(
                web.requests_for(&file).iter().filter(|seen| seen.method == "GET").count(),
                1,
                "{file}"
            );
        }
    }
    let lines = home.manifest("papers");
    // The last line of a work tells all that is known of it.
    let last: HashMap<&str, &Value> =
        lines.iter().filter_map(|line| Some((line["work_id"].as_str()?, line))).collect();
    assert_eq!(last.len(), FORMS + 1);
    for (_, line) in last.into_iter().filter(|(work, _)| !work.ends_with("/first")) {
        assert_eq!(
            (&line["status"], &line["also"][0]["format"]),
            (&"stored".into(), &"jats".into()),
            "{line:#}"
        );
    }
    lines
}

fn a_work_that_has_its_pdf_is_given_back_while_its_xml_has_to_wait_and_has_one_line(place: &Place) {
    let home = Home::new();
    let web = articles(&home);
    let running = run(&home, &web, place).args(["--json"]).start();
    until_parked(&home, &web, place, "FINALIZED");
    let ended = running.wait().expect(3);
    let pages: Vec<String> = home.read("works.txt").lines().skip(1).map(str::to_owned).collect();
    let lines = all_have_both(&home, &web, place, &pages);
    assert_eq!(lines.len(), FORMS + 1, "one line each");
    for line in lines.iter().filter(|line| line["status"] == "stored") {
        let trail = line["trail"].as_array().expect("a trail");
        let accepted = trail.iter().filter(|entry| entry["verdict"] == "accepted").count();
        assert_eq!(accepted, 2, "it tells where both come from: {line:#}");
    }
    assert!(ended.out.contains(&format!("\"stored\":{FORMS}")), "each counts once: {}", ended.out);
}

fn a_pdf_that_was_stored_before_its_work_was_given_back_outlives_a_worker_that_is_killed(place: &Place) {
    let home = Home::new();
    let web = articles(&home);
    let running = run(&home, &web, place).start();
    until_parked(&home, &web, place, "FINALIZED");
    running.kill();
    let jobs = told_at(&home, place, &["list"]).into_iter();
    let stored = jobs.filter(|job| job["state"] == "FINALIZED" && job["owner"].is_null());
    let stored: Vec<String> =
        stored.map(|job| job["work_id"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(stored.len() >= 3, "their PDFs are there: {stored:?}");
    fetching_both(home.tierfall(["worker"]), &web, place).run().expect(3);
    all_have_both(&home, &web, place, &stored);
}

fn works_that_wait_for_a_source_which_answers_nobody_are_given_back_and_found_once_it_does(place: &Place) {
    let home = Home::new();
    configure(&home, 10);
    // It answers the first few, and then nobody for a time, in which another registry does.
    let is_back = Arc::new(AtomicBool::new(false));
    let (back, asked) = (Arc::clone(&is_back), AtomicUsize::new(0));
    let web = Web::of_script(move |request, _| {
        if request.url.contains("other.example") {
            return Some(Answer::json("{\"data\": []}"));
        }
        if asked.fetch_add(1, Ordering::SeqCst) >= 3 && !back.load(Ordering::SeqCst) {
            return Some(Answer::status(503));
        }
        Some(answer(&request.url))
    });
    home.write("works.list", Title.list());
    let running = home
        .tierfall(["run", "--input", "works.list", "--out", "papers", "--enable-idempotency"])
        .args(["--fallback-tier", "landing_scrape", "--set", "fallback.titles=crossref,datacite"])
        .args(["--set", "sources.crossref.api_base=http://slow.example"])
        .args(["--set", "sources.datacite.api_base=http://other.example"])
        .args(["--set", "http.breaker.failures=0", "--set", "http.retry.base_ms=10"])
        .args(place.flags())
        .through(&web)
        .start();
    until_some_are_parked(&home, &web, place);
    is_back.store(true, Ordering::SeqCst);
    running.wait().expect(3);
    all_ended(&home, place, Title);
    let others = web.request_counts().into_iter().filter(|(url, _)| url.contains("other.example"));
    assert!(others.into_iter().all(|(_, times)| times == 1), "who had nothing is not asked again");
}
