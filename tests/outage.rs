//! A network, or a source, that goes away in the middle of a run, and comes back: afterwards nothing tells of it but a
//! line of the log.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use serde_json::json;
use url::Url;

use crate::support::article::Article;
use crate::support::pdf::{Paper, Style};
use crate::support::program::{Home, eventually};
use crate::support::web::{Answer, Barrier, Web};

/// A wire to the web that can be cut: connections are then closed before anything is answered.
struct Wire {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Wire {
    fn to(web: &Web) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let cut = Arc::new(AtomicBool::new(false));
        let (is_cut, there) = (Arc::clone(&cut), web.host());
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(far) = TcpStream::connect(&there) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { continue };
                    let is_cut = Arc::clone(&is_cut);
                    thread::spawn(move || {
                        let _ = pass(&mut from, &mut to, &is_cut);
                        let _ = to.shutdown(std::net::Shutdown::Both);
                        let _ = from.shutdown(std::net::Shutdown::Both);
                    });
                }
            }
        });
        Self { address, cut }
    }

    fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }
}

/// Passes bytes on until the wire is cut.
fn pass(from: &mut TcpStream, to: &mut TcpStream, is_cut: &AtomicBool) -> io::Result<()> {
    use std::io::{Read, Write};
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 || is_cut.load(Ordering::SeqCst) {
            return Ok(());
        }
        to.write_all(buffer.get(..read).unwrap_or_default())?;
    }
}

#[cfg(unix)]
#[test]
fn a_network_that_goes_away_costs_no_job_an_attempt() {
    let (home, web, gate) = (Home::new(), Web::start(), Barrier::default());
    let wire = Wire::to(&web);
    let first = Article::on(&web, "first");
    let others: Vec<Article> = (0..6)
        .map(|number| {
            let article = Article::without_file(&web, &format!("other{number}"), 4);
            web.get(&article.file, [Answer::pdf(article.bytes.clone()).behind(&gate)]);
            article
        })
        .collect();
    let pages = [&first].into_iter().chain(&others).map(|article| article.page.as_str());
    let call =
        home.tierfall(["run", "--enable-idempotency", "--out", "papers", "--workers", "2"]).args(pages);
    let call =
        call.args(["--fallback-tier", "landing_scrape", "--proxy", &format!("http://{}", wire.address)]);
    let running = call.args(["--set", "http.pace.enabled=false"]).saying_to_a_file().start();
    eventually("something was answered, and something is in hand", || {
        !home.files("papers/files").is_empty() && web.requests_for(&others[0].file).len() == 1
    });
    wire.cut(true);
    gate.open();
    home.says("no host answers any more");
    assert_eq!(home.files("papers/files").len(), 1);
    wire.cut(false);
    running.wait().expect(0);

    let said = home.read("said.txt");
    assert_eq!(said.matches("no host answers any more").count(), 1, "{said}");
    assert_eq!(said.matches("hosts answer again").count(), 1, "{said}");
    let manifest = home.manifest("papers");
    assert_eq!(manifest.len(), 7);
    assert!(manifest.iter().all(|line| line["status"] == "stored"), "{manifest:#?}");
    let jobs = home.tierfall(["ledger", "list", "--out", "papers", "--json"]).run().expect(0).out;
    for job in jobs.lines() {
        let job: serde_json::Value = serde_json::from_str(job).expect("JSON");
        assert_eq!((&job["state"], &job["attempts"]), (&"INDEXED".into(), &1.into()), "{job}");
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_is_told_to_end_does_not_spend_its_grace_on_a_network_that_is_away() {
    let (home, web, gate) = (Home::new(), Web::start(), Barrier::default());
    let wire = Wire::to(&web);
    let (first, next) = (Article::on(&web, "first"), Article::without_file(&web, "next", 4));
    web.get(&next.file, [Answer::pdf(next.bytes.clone()).behind(&gate)]);
    let call = home.tierfall(["run", "--out", "papers", "--workers", "1", "--grace", "3600"]);
    let call = call.args([&first.page, &next.page]).args(["--fallback-tier", "landing_scrape"]);
    let call = call.args(["--proxy", &format!("http://{}", wire.address)]);
    let running = call.args(["--set", "http.pace.enabled=false"]).saying_to_a_file().start();
    eventually("the next is in hand", || web.requests_for(&next.file).len() == 1);
    wire.cut(true);
    gate.open();
    home.says("no host answers any more");
    running.signal("TERM");
    running.wait().expect(143);
    assert_eq!(home.manifest("papers").len(), 1);
}

#[test]
fn the_only_host_that_has_answered_may_go_away_while_others_are_there() {
    for takes in ["a list", "the queue"] {
        let (home, web, gate) = (Home::new(), Web::start(), Barrier::default());
        let wire = Wire::to(&web);
        let leaving = |number: usize| format!("http://localhost:{}/{number}.pdf", wire.address.port());
        let pdf = |number: usize| {
            Paper::new(&format!("A Matter of {number} Considered"), &["Ada Invented"], None).pdf(Style::Plain)
        };
        web.get(&leaving(0), [Answer::pdf(pdf(0))]);
        for number in 1..5 {
            web.get(&leaving(number), [Answer::pdf(pdf(number)).behind(&gate)]);
        }
        let others = ["one", "two", "three"].map(|name| Article::on(&web, name));
        let list: Vec<String> =
            (0..5).map(leaving).chain(others.iter().map(|other| other.page.clone())).collect();
        let call = match takes {
            "a list" => home.tierfall(["run", "--enable-idempotency"]).args(&list),
            _ => {
                let plan = home.tierfall(["run", "--plan-only", "--enable-idempotency", "--out", "papers"]);
                plan.args(&list).run().expect(0);
                home.tierfall(["worker", "--set", "ledger.max_attempts=1"])
            }
        };
        let call = call.args(["--out", "papers", "--workers", "1", "--fallback-tier", "landing_scrape"]);
        let call = call.args(["--set", "http.pace.enabled=false", "--allow-private", "localhost"]);
        let call = call.env("NO_PROXY", "localhost").env("HTTP_PROXY", web.proxy());
        let running = call.saying_to_a_file().start();
        eventually("one is stored, and the next is in hand", || web.requests_for(&leaving(1)).len() == 1);
        wire.cut(true);
        gate.open();
        running.wait().expect(4);
        let said = home.read("said.txt");
        assert_eq!(said.matches("hosts answer again").count(), 1, "{takes}: {said}");
        let manifest = home.manifest("papers");
        let with = |status: &str| manifest.iter().filter(|line| line["status"] == status).count();
        assert_eq!((with("stored"), with("failed")), (4, 4), "{takes}: {manifest:#?}");
    }
}

/// A dozen more than Crossref is asked about in one question.
const WORKS: usize = 62;

/// A registry that answers its first question and then, until it is told otherwise, 503.
struct Registry {
    web: Web,
    well: Arc<AtomicBool>,
    refused: Arc<AtomicUsize>,
}

impl Registry {
    fn start() -> Self {
        let (well, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let base = Arc::new(OnceLock::<String>::new());
        let (is_well, refuses, own) = (Arc::clone(&well), Arc::clone(&refused), Arc::clone(&base));
        let answered = AtomicBool::new(false);
        let title = |doi: &str| {
            format!("On the Outage of Number {} and Its End", doi.rsplit('.').next().unwrap_or(""))
        };
        let web = Web::of_script(move |request, _| {
            let url = Url::parse(&request.url).ok()?;
            if let Some(doi) = url.path().strip_prefix("/files/") {
                let paper = Paper::new(&title(doi), &["Ada Keeper"], Some(doi));
                return Some(Answer::pdf(paper.pdf(Style::Plain)));
            }
            let alone = url.path().strip_prefix("/works")?.trim_start_matches('/').to_owned();
            if answered.swap(true, Ordering::SeqCst) && !is_well.load(Ordering::SeqCst) {
                refuses.fetch_add(1, Ordering::SeqCst);
                return Some(Answer::status(503));
            }
            let record = |doi: &str| {
                let file = format!("{}/files/{doi}", own.get().map_or("", |base| base));
                json!({"DOI": doi, "title": [title(doi)], "author": [{"family": "Keeper"}], "type": "journal-article",
                       "link": [{"URL": file, "content-type": "application/pdf", "content-version": "vor"}]})
            };
            let filter = url.query_pairs().find(|(name, _)| name == "filter");
            let message = match filter {
                Some((_, filter)) => {
                    let items: Vec<_> =
                        filter.split(',').map(|doi| record(doi.trim_start_matches("doi:"))).collect();
                    json!({"total-results": items.len(), "items": items})
                }
                None => record(&alone),
            };
            Some(Answer::json(&json!({ "message": message }).to_string()))
        });
        base.set(web.url("/").trim_end_matches('/').to_owned()).expect("once");
        Self { web, well, refused }
    }

    /// A run over works that only it has: more than its first answer is about.
    fn run(&self, home: &Home, more: &[&str]) -> crate::support::program::Call {
        let list: Vec<String> = (0..WORKS).map(|number| format!("10.5555/outage.{number}")).collect();
        home.write("works.txt", list.join("\n"));
        let base = format!("sources.crossref.api_base={}", self.web.url("/").trim_end_matches('/'));
        home.tierfall(["run", "--input", "works.txt", "--out", "papers", "--allow-private", "127.0.0.1"])
            .args(["--fallback-tier", "direct_oa:sources=crossref", "--set", "fallback.facts=crossref"])
            .args(["--set", &base, "--set", "http.pace.enabled=false", "--set", "fallback.source_retries=0"])
            .args([
                "--set",
                "http.breaker.open_ms=500",
                "--set",
                "http.breaker.max_open_ms=500",
                "--workers",
                "4",
            ])
            .args(more)
            .saying_to_a_file()
    }
}

#[cfg(unix)]
#[test]
fn a_source_that_goes_away_is_waited_for_and_costs_no_job_an_attempt() {
    let (home, registry) = (Home::new(), Registry::start());
    let running = registry.run(&home, &["--enable-idempotency"]).start();
    home.says("crossref answers nobody any more (503)");
    assert_eq!(home.manifest("papers").iter().filter(|line| line["status"] != "stored").count(), 0);
    registry.well.store(true, Ordering::SeqCst);
    running.wait().expect(0);

    let said = home.read("said.txt");
    assert_eq!(said.matches("answers nobody any more").count(), 1, "{said}");
    assert_eq!(said.matches("crossref answers again").count(), 1, "{said}");
    let manifest = home.manifest("papers");
    assert_eq!(manifest.len(), WORKS);
    assert!(manifest.iter().all(|line| line["status"] == "stored"), "{manifest:#?}");
    let jobs = home.tierfall(["ledger", "list", "--out", "papers", "--json"]).run().expect(0).out;
    assert_eq!(jobs.lines().count(), WORKS);
    for job in jobs.lines() {
        let job: serde_json::Value = serde_json::from_str(job).expect("JSON");
        assert_eq!((&job["state"], &job["attempts"]), (&"INDEXED".into(), &1.into()), "{job}");
    }
    assert!(registry.refused.load(Ordering::SeqCst) < 60, "it was left alone meanwhile");
}

#[cfg(unix)]
#[test]
fn after_a_while_works_fail_for_a_source_that_stays_away_and_the_ledger_counts_no_attempt() {
    let (home, registry) = (Home::new(), Registry::start());
    registry.run(&home, &["--enable-idempotency", "--set", "run.outage_wait_s=8"]).run().expect(4);
    let manifest = home.manifest("papers");
    let failed: Vec<_> = manifest.iter().filter(|line| line["status"] == "failed").collect();
    assert!(!failed.is_empty() && failed.iter().all(|line| line["retry"] == true), "{manifest:#?}");
    let waited = failed.iter().find(|line| line["reason"] == "source_outage").expect("one that waited");
    let trail = waited["trail"].to_string();
    assert!(trail.contains("crossref has answered nobody for") && trail.contains("503"), "{trail}");
    let jobs = home.tierfall(["ledger", "list", "--out", "papers", "--json"]).run().expect(0).out;
    let jobs: Vec<serde_json::Value> =
        jobs.lines().map(|job| serde_json::from_str(job).expect("JSON")).collect();
    let postponed: Vec<_> = jobs.iter().filter(|job| job["reason"] == "source_outage").collect();
    assert!(!postponed.is_empty(), "{jobs:#?}");
    assert!(postponed.iter().all(|job| job["state"] == "FAILED" && job["attempts"] == 0), "{jobs:#?}");
}

#[cfg(unix)]
#[test]
fn a_source_that_never_answers_is_told_of_and_holds_nothing_up() {
    let (home, web) = (Home::new(), Web::of_script(|_, _| Some(Answer::status(503))));
    let list: Vec<String> = (0..40).map(|number| format!("10.5555/never.{number}")).collect();
    home.write("works.txt", list.join("\n"));
    let base = format!("sources.crossref.api_base={}", web.url("/").trim_end_matches('/'));
    home.tierfall(["run", "--input", "works.txt", "--out", "papers", "--allow-private", "127.0.0.1"])
        .args(["--fallback-tier", "direct_oa:sources=crossref", "--set", "fallback.facts=crossref"])
        .args(["--set", &base, "--set", "http.pace.enabled=false", "--set", "fallback.source_retries=0"])
        .run()
        .expect(4);
    assert!(home.manifest("papers").iter().all(|line| line["status"] == "failed"));
}

#[cfg(unix)]
#[test]
fn who_ends_a_run_does_not_wait_for_a_source_and_loses_nothing() {
    let (home, registry) = (Home::new(), Registry::start());
    let running = registry.run(&home, &["--enable-idempotency", "--grace", "50"]).start();
    home.says("crossref answers nobody any more (503)");
    running.interrupt();
    running.wait().expect(130);
    assert!(home.manifest("papers").iter().all(|line| line["status"] == "stored"));
    registry.well.store(true, Ordering::SeqCst);
    registry.run(&home, &["--enable-idempotency"]).run().expect(0);
    let jobs = home.tierfall(["ledger", "list", "--out", "papers", "--json"]).run().expect(0).out;
    for job in jobs.lines() {
        let job: serde_json::Value = serde_json::from_str(job).expect("JSON");
        assert_eq!((&job["state"], &job["attempts"]), (&"INDEXED".into(), &1.into()), "{job}");
    }
}
