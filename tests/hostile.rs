//! Files that are not the work, and servers that do not mean well: none is stored, and each is told by
//! its own code.

mod compiling;
mod file;
#[cfg(unix)]
mod folder;
mod input;
mod ledger;
mod machine;
mod recording;
mod terminal;
mod trust;

use std::time::Duration;

use serde_json::Value;

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::pdf::{Flaw, Paper};
use crate::support::program::Home;
use crate::support::web::{Answer, Fault, Framing, Web};

/// The paper of an [`Article`] of this name, with a DOI.
fn paper(name: &str) -> Paper {
    let title = format!("The Invented Matter of {name} Considered Anew");
    Paper::new(&title, &["Ada Invented", "Boris Fictional"], Some("10.5555/hostile.1"))
}

/// Runs over one article for each case, whose file answers as the case says; gives back, by name, how each
/// work ended and why.
fn fates(cases: Vec<(&'static str, Answer)>, options: &[&str]) -> Vec<(&'static str, String, String)> {
    let (home, web) = (Home::new(), Web::start());
    let mut pages = Vec::new();
    let mut names = Vec::new();
    for (name, answer) in cases {
        let article = Article::without_file(&web, name, 8);
        web.get(&article.file, [answer]);
        pages.push(article.page);
        names.push(name);
    }
    let works: Vec<&str> = pages.iter().map(String::as_str).collect();
    let ended = pages_only(&home, &web, &works).args(options).args(["--workers", "8"]).run();
    assert!(matches!(ended.code, Some(3 | 4)), "{ended:#?}");
    assert!(home.files("papers/files").is_empty(), "something was stored: {:#?}", home.manifest("papers"));
    let manifest = home.manifest("papers");
    let fate = |(name, page): (&'static str, &String)| {
        let work =
            manifest.iter().find(|work| work["input"] == page.as_str()).cloned().unwrap_or(Value::Null);
        let text = |field: &str| work[field].as_str().unwrap_or_default().to_owned();
        (name, text("status"), text("reason"))
    };
    names.into_iter().zip(&pages).map(fate).collect()
}

#[test]
fn each_file_that_is_not_the_work_is_refused_under_its_own_code() {
    let flawed = |name, flaw| (name, Answer::pdf(paper(name).flawed(flaw)));
    let good = |name| paper(name).pdf(crate::pdf::Style::Plain);
    let cases = vec![
        (flawed("placeholder", Flaw::Placeholder), "placeholder"),
        (flawed("abstract", Flaw::AbstractOnly), "abstract_only"),
        (flawed("extended", Flaw::Supplement), "supplement"),
        (flawed("corrected", Flaw::Erratum), "notice"),
        (flawed("another", Flaw::WrongArticle), "wrong_work"),
        (flawed("citing", Flaw::WrongArticleCiting), "wrong_work"),
        (flawed("locked", Flaw::Encrypted), "encrypted"),
        (flawed("short", Flaw::Truncated), "truncated"),
        (flawed("endless", Flaw::NoEnd), "truncated"),
        (("nothing", Answer::pdf("")), "empty"),
        (("zip", Answer::pdf(b"PK\x03\x04 and so on, for longer than a header is".as_slice())), "not_pdf"),
        (("page", Answer::pdf("<!DOCTYPE html><html><body>A page.</body></html>")), "html_instead"),
        (("gone", Answer::status(410)), "http_status"),
        (("cut", Answer::pdf(good("cut")).failing(Fault::Cut(9_000))), "truncated"),
        (
            (
                "lying",
                Answer::pdf(good("lying")).framed(Framing::LyingLength(900_000)).failing(Fault::Cut(900_000)),
            ),
            "truncated",
        ),
        (("circle", Answer::redirect("http://circle.example/article.pdf")), "redirect_loop"),
    ];
    let expected: Vec<(&str, &str)> = cases.iter().map(|((name, _), code)| (*name, *code)).collect();
    let fates = fates(cases.into_iter().map(|(case, _)| case).collect(), &["--set", "acquire.retries=0"]);
    let met: Vec<(&str, &str)> = fates.iter().map(|(name, _, reason)| (*name, reason.as_str())).collect();
    assert_eq!(met, expected);
}

#[test]
fn what_servers_that_never_end_leave_on_the_disk_has_a_quota_per_work_and_in_all() {
    const PIECE: usize = 300_000;
    let left = |home: &Home| -> u64 {
        let sizes = home.files("papers/partial").into_iter().map(|name| {
            std::fs::metadata(home.path("papers/partial").join(name)).expect("it is there").len()
        });
        sizes.sum()
    };
    let hasty = ["--set", "http.limits.idle_ms=1000", "--set", "acquire.retries=0"];
    // Each is given up in the middle, and could be continued another time; but one never ends, and is too large.
    let cases = |web: &Web, host: &str| {
        let body = vec![b' '; 2 * PIECE];
        let stuck = Answer::pdf([&b"%PDF-1.7\n"[..], &body].concat());
        for number in 0..6 {
            let answer = match number {
                0 => stuck.clone().framed(Framing::Chunked).failing(Fault::Endless),
                _ => stuck.clone().with_ranges("\"v1\"").failing(Fault::Stall(PIECE)),
            };
            web.get(&format!("http://{host}{number}.example/article.pdf"), [answer]);
        }
    };

    // Six copies of one work, of which two have room.
    let (home, web) = (Home::new(), Web::start());
    cases(&web, "copy");
    let copies: String = (0..6)
        .map(|n| format!("<meta name=\"citation_pdf_url\" content=\"http://copy{n}.example/article.pdf\">"))
        .collect();
    let title = "<title>Many Copies</title><meta name=\"citation_title\" content=\"Many Copies\">";
    web.get("http://many.example/", [Answer::html(&format!("<html><head>{title}{copies}</head></html>"))]);
    let run = |quota: [&str; 2]| {
        pages_only(&home, &web, &["http://many.example/"]).args(hasty).args(quota).run();
        left(&home)
    };
    let kept = run(["--set", "acquire.max_bytes=700000"]);
    assert!((1..=700_000).contains(&kept), "{kept} bytes are left");
    let asked = web.requests().iter().filter(|seen| seen.url.ends_with("article.pdf")).count();
    assert!(asked >= 6, "every copy was tried: {asked}");

    // Six works with one copy each.
    let (home, web) = (Home::new(), Web::start());
    cases(&web, "work");
    let pages: Vec<String> =
        (0..6).map(|n| Article::without_file(&web, &format!("page{n}"), 8).page).collect();
    for (n, page) in pages.iter().enumerate() {
        let file = format!("http://work{n}.example/article.pdf");
        let meta = format!("<meta name=\"citation_pdf_url\" content=\"{file}\">");
        web.get(page, [Answer::html(&format!("<html><head>{title}{meta}</head></html>"))]);
    }
    let works: Vec<&str> = pages.iter().map(String::as_str).collect();
    let quota = ["--set", "acquire.max_bytes=700000", "--set", "acquire.partial_bytes=1000000"];
    pages_only(&home, &web, &works).args(hasty).args(quota).args(["--workers", "6"]).run();
    let kept = left(&home);
    assert!((600_000..=1_000_000).contains(&kept), "{kept} bytes are left");
}

#[test]
fn a_server_that_never_ends_costs_bounded_time_and_is_told_as_what_may_pass_or_not() {
    let good = |name| Answer::pdf(paper(name).pdf(crate::pdf::Style::Plain));
    let fates = fates(
        vec![
            ("silent", good("silent").failing(Fault::Hang)),
            ("stuck", good("stuck").failing(Fault::Stall(20_000))),
            ("dripping", good("dripping").failing(Fault::Drip(Duration::from_millis(50)))),
            ("flooding", good("flooding").failing(Fault::HeaderFlood)),
            ("bottomless", good("bottomless").framed(Framing::Chunked).failing(Fault::Endless)),
        ],
        &[
            "--set",
            "http.limits.first_byte_ms=3000",
            "--set",
            "http.limits.idle_ms=3000",
            "--set",
            "http.limits.stall_window_ms=3000",
            "--set",
            "acquire.max_bytes=2 MiB",
            "--set",
            "acquire.retries=0",
        ],
    );
    let of = |name: &str| {
        fates.iter().find(|fate| fate.0 == name).map(|(_, status, reason)| (status.as_str(), reason.as_str()))
    };
    assert_eq!(of("stuck"), Some(("failed", "stalled")));
    assert_eq!(of("dripping"), Some(("failed", "stalled")));
    assert_eq!(of("bottomless"), Some(("no_copy", "too_large")));
    assert_eq!(of("silent").map(|(status, _)| status), Some("failed"));
    assert!(of("flooding").is_some_and(|(status, _)| status != "stored"));
}

#[test]
fn a_host_has_no_more_requests_open_than_its_manners_allow() {
    let (home, web) = (Home::new(), Web::start());
    let pages: Vec<String> = (0..6).map(|number| format!("http://busy.example/{number}")).collect();
    let gate = crate::support::web::Barrier::default();
    for page in &pages {
        web.get(
            page,
            [Answer::html("<html><head><title>Nothing</title></head><body></body></html>").behind(&gate)],
        );
    }
    let works: Vec<&str> = pages.iter().map(String::as_str).collect();
    let call = pages_only(&home, &web, &works).args(["--workers", "6", "--set", "http.pace.page.every_ms=1"]);
    let running = call.start();
    // Two pages are open, and robots.txt came before them.
    web.wait_for_requests(3);
    gate.open();
    running.wait().expect(3);
    assert!(web.peak("busy.example") <= 2, "{}", web.peak("busy.example"));
}
