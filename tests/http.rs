//! The HTTP client of the whole program, as servers see it.

use std::time::Duration;

use serde_json::Value;

use crate::demo::without_times;
use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::{Ended, Home};
use crate::support::web::{Answer, Web};

fn verdict(home: &Home) -> (String, String) {
    let manifest = home.manifest("papers");
    let text = |field: &str| manifest[0][field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

#[test]
fn every_request_says_who_asks_and_how_to_reach_them() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "polite");
    pages_only(&home, &web, &[&article.page]).args(["--mailto", "me@library.example"]).run().expect(0);
    assert!(web.requests().len() >= 2);
    for seen in web.requests() {
        let agent = seen.header("user-agent").unwrap_or_default();
        assert!(agent.contains("Tierfall/") && agent.contains("mailto:me@library.example"), "{seen:?}");
    }
}

#[test]
fn everything_goes_through_the_proxy_that_the_environment_names() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "proxied");
    home.tierfall(["run", &article.page, "--fallback-tier", "landing_scrape", "--out", "papers"])
        .env("HTTP_PROXY", web.proxy())
        .run()
        .expect(0);
    assert!(web.requests().iter().all(|seen| seen.proxied));
}

#[test]
fn what_robots_txt_forbids_is_not_asked_for() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "fenced");
    let rules = "User-agent: *\nDisallow: /article.pdf\n";
    web.get("http://fenced.example/robots.txt", [Answer::ok("text/plain", rules)]);
    pages_only(&home, &web, &[&article.page]).run().expect(3);
    assert_eq!(verdict(&home), ("no_copy".into(), "robots".into()));
    assert!(web.requests_for(&article.file).is_empty());
}

#[test]
fn a_robots_txt_that_cannot_be_read_forbids_everything_and_one_that_is_missing_nothing() {
    for (status, asked) in [(503, false), (404, true)] {
        let (home, web) = (Home::new(), Web::start());
        let article = Article::on(&web, "unsure");
        web.get("http://unsure.example/robots.txt", [Answer::status(status)]);
        let ended = pages_only(&home, &web, &[&article.page]).run();
        assert_eq!(!web.requests_for(&article.page).is_empty(), asked, "{status}: {ended:#?}");
    }
}

/// Addresses of the network that the program runs in, as a hostile page may write them.
const INSIDE: [&str; 36] = [
    "127.0.0.1",
    "127.0.0.1:8080",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0x7f000001",
    "017700000001",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "10.0.0.7",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fd00::1]",
    "[fe80::1]",
    "localhost",
    "a.localhost.",
    "metadata.google.internal",
    "printer.local",
];

#[test]
fn no_page_leads_into_the_network_that_the_program_runs_in() {
    for way in ["declared", "redirected", "refreshed", "moved"] {
        let (home, web) = (Home::new(), Web::start());
        let mut pages = Vec::new();
        for (n, host) in INSIDE.iter().enumerate() {
            let inside = format!("http://{host}/secret.pdf");
            let article = Article::without_file(&web, &format!("trap{n}"), 8);
            let page = |head: &str| {
                Answer::html(&format!(
                    "<html><head><title>Trap</title><meta name=\"citation_title\" content=\"The Invented Matter of \
                     trap{n} Considered Anew\">{head}</head><body></body></html>"
                ))
            };
            let file = |url: &str| page(&format!("<meta name=\"citation_pdf_url\" content=\"{url}\">"));
            web.get(
                &article.page,
                [match way {
                    "declared" => file(&inside),
                    "redirected" => file(&article.file),
                    "refreshed" => {
                        page(&format!("<meta http-equiv=\"refresh\" content=\"0; url={inside}\">"))
                    }
                    _ => Answer::redirect(&inside),
                }],
            );
            web.get(&article.file, [Answer::redirect(&inside)]);
            pages.push(article.page);
        }
        let works: Vec<&str> = pages.iter().map(String::as_str).collect();
        pages_only(&home, &web, &works).args(["--workers", "8"]).run().expect(3);
        let manifest = home.manifest("papers");
        assert_eq!(manifest.len(), INSIDE.len());
        for work in manifest {
            let candidate = matches!(way, "declared" | "redirected");
            assert_eq!(work["reason"], "private_address", "{way}: {work:#}");
            let told = work["trail"].to_string();
            assert!(candidate || told.contains("denied (private address)"), "{way}: {work:#}");
        }
        let outside = |seen: &crate::support::web::Seen| seen.host.starts_with("trap");
        assert!(web.requests().iter().all(outside), "{way}: {:#?}", web.requests());
    }
}

#[test]
fn a_local_host_is_asked_only_where_it_is_allowed_by_name() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "local");
    let page = web.url("/article");
    web.get("/article", [Answer::html(&format!(
        "<html><head><title>L</title><meta name=\"citation_title\" content=\"The Invented Matter of local Considered Anew\">\
         <meta name=\"citation_pdf_url\" content=\"{}\"></head><body></body></html>",
        web.url("/article.pdf")
    ))]);
    web.get("/article.pdf", [Answer::pdf(article.bytes)]);
    let run = || home.tierfall(["run", &page, "--fallback-tier", "landing_scrape", "--out", "papers"]);
    run().run().expect(3);
    assert!(web.requests().is_empty());
    run().args(["--allow-private", "127.0.0.1"]).run().expect(0);
    assert_eq!(home.manifest("papers")[0]["sha256"], article.sha256.as_str());
}

#[test]
fn a_local_port_is_opened_alone_and_what_opens_nothing_is_refused() {
    let (home, web, other) = (Home::new(), Web::start(), Web::start());
    let article = Article::on(&web, "local");
    let page = |file: String| {
        Answer::html(&format!(
            "<html><head><title>L</title><meta name=\"citation_title\" content=\"The Invented Matter of local Considered \
             Anew\"><meta name=\"citation_pdf_url\" content=\"{file}\"></head><body></body></html>"
        ))
    };
    web.get("/article", [page(web.url("/article.pdf"))]);
    web.get("/elsewhere", [page(other.url("/article.pdf"))]);
    for server in [&web, &other] {
        server.get("/article.pdf", [Answer::pdf(article.bytes.clone())]);
    }
    let run = |path: &str, out: &str, opened: &str| {
        let words = ["run", &web.url(path), "--fallback-tier", "landing_scrape", "--out", out];
        home.tierfall(words).args(["--allow-private", opened]).run()
    };
    run("/article", "one", &web.host()).expect(0);
    run("/elsewhere", "two", &web.host()).expect(3);
    assert_eq!(home.manifest("two")[0]["reason"], "private_address");
    assert!(other.requests().is_empty(), "{:#?}", other.requests());
    // A name that is opened on one port leads nowhere else on this machine either.
    let port = web.host().rsplit_once(':').map(|(_, port)| port.to_owned()).expect("a port");
    run("/elsewhere", "three", &format!("localhost:{port}")).expect(3);
    for nothing in ["http://localhost/", "localhost:", "localhost:99999", "*.corp"] {
        let ended = run("/article", "four", nothing).expect(2);
        assert!(ended.err.contains("HOST") || ended.err.contains("65535"), "{}", ended.err);
    }
}

/// A run over two archives, one of which has a key; `core` is where that one is.
fn with_a_key(home: &Home, web: &Web, core: &str) -> Ended {
    // A place that is known, so that what it does not know is a 404.
    for place in ["http://zenodo.example/", core] {
        web.get(place, [Answer::status(204)]);
    }
    home.tierfall(["run", "10.5555/keys.1", "--out", "papers", "-vvv", "--set", "fallback.facts="])
        .args(["--fallback-tier", "archive:sources=core+zenodo", "--allow-private", "127.0.0.1"])
        .args(["--set", &format!("sources.core.api_base={core}")])
        .args(["--set", "sources.zenodo.api_base=http://zenodo.example"])
        .env("CORE_API_KEY", "hush-4711")
        .env("HTTP_PROXY", web.proxy())
        .env("NO_PROXY", "127.0.0.1")
        .run()
        .expect(3)
}

#[test]
fn a_key_goes_to_the_host_it_is_for_and_appears_nowhere_else() {
    let (home, web) = (Home::new(), Web::start());
    let core = web.url("/core");
    let ended = with_a_key(&home, &web, &core);
    let requests = web.requests();
    for (host, expected) in [(web.host(), true), ("zenodo.example".to_owned(), false)] {
        let asked: Vec<_> = requests.iter().filter(|seen| seen.host == host).collect();
        assert!(!asked.is_empty(), "{host} was not asked: {requests:#?}");
        for seen in asked {
            assert_eq!(format!("{seen:?}").contains("hush-4711"), expected, "{seen:?}");
        }
    }
    assert!(!format!("{ended:?}").contains("hush-4711"), "{}", ended.err);
    assert!(!home.read("papers/manifest.jsonl").contains("hush-4711"));
}

#[test]
fn a_key_is_not_sent_where_others_could_read_it() {
    let (home, web) = (Home::new(), Web::start());
    with_a_key(&home, &web, "http://core.example");
    assert!(web.requests().iter().any(|seen| seen.host == "core.example"));
    assert!(!format!("{:?}", web.requests()).contains("hush-4711"), "{:#?}", web.requests());
}

#[test]
fn a_host_is_asked_at_its_pace() {
    let (home, web) = (Home::new(), Web::start());
    let articles: Vec<Article> = (0..3)
        .map(|number| {
            let article = Article::without_file(&web, "paced", 8);
            let page = format!("http://paced.example/{number}");
            web.get(
                &page,
                [Answer::html("<html><head><title>Nothing here</title></head><body></body></html>")],
            );
            Article { page, ..article }
        })
        .collect();
    let pages: Vec<&str> = articles.iter().map(|article| article.page.as_str()).collect();
    pages_only(&home, &web, &pages)
        .args(["--workers", "3", "--set", "http.pace.page.every_ms=1000"])
        .run()
        .expect(3);
    let mut times: Vec<_> = web
        .requests()
        .into_iter()
        .filter(|seen| pages.contains(&seen.url.as_str()))
        .map(|seen| seen.at)
        .collect();
    times.sort();
    assert_eq!(times.len(), 3);
    // Two intervals, of which some may have passed before the first request was seen here.
    assert!(times[2] - times[0] > Duration::from_secs(1), "{:?}", times[2] - times[0]);
}

#[test]
fn a_run_that_was_recorded_can_be_repeated_without_the_web() {
    let home = Home::new();
    let web = Web::start();
    let (good, bad) = (Article::on(&web, "kept"), Article::missing(&web, "empty"));
    pages_only(&home, &web, &[&good.page, &bad.page]).args(["--record", "web.warc.gz"]).run().expect(3);
    let first = home.manifest("papers");
    drop(web);

    let silence = Web::start();
    home.tierfall(["run", &good.page, &bad.page, "--fallback-tier", "landing_scrape", "--out", "again"])
        .args(["--replay", "web.warc.gz"])
        .env("HTTP_PROXY", silence.proxy())
        .run()
        .expect(3);
    assert!(silence.requests().is_empty());
    let timeless = |manifest: Vec<Value>| {
        let mut lines: Vec<String> =
            manifest.into_iter().map(|work| without_times(work).to_string()).collect();
        lines.sort();
        lines
    };
    assert_eq!(timeless(first), timeless(home.manifest("again")));
}

#[test]
fn what_is_not_in_the_recording_fails_and_says_so() {
    let home = Home::new();
    let web = Web::start();
    let article = Article::on(&web, "partial");
    pages_only(&home, &web, &[&article.page]).args(["--record", "web.warc.gz"]).run().expect(0);
    let ended = home
        .tierfall(["explain", "http://partial.example/another", "--fallback-tier", "landing_scrape"])
        .args(["--replay", "web.warc.gz"])
        .run();
    assert!(ended.out.contains("not in the recording"), "{ended:#?}");
    assert!(ended.out.contains("http://partial.example/another"), "{ended:#?}");
}

#[test]
fn a_recording_that_is_not_there_is_a_clear_message() {
    let home = Home::new();
    let ended = home.tierfall(["run", "10.5555/x", "--replay", "missing.warc.gz"]).run();
    assert!(matches!(ended.code, Some(1 | 2)), "{ended:#?}");
    assert!(ended.err.contains("missing.warc.gz"), "{}", ended.err);
}
