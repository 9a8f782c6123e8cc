//! Proxies as people have them: they want passwords, are left out for some hosts, and are mistyped.

use serde_json::Value;

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::{Call, Ended, Home};
use crate::support::raw::RawWeb;
use crate::support::web::{Answer, Web};

fn wants_a_password() -> RawWeb {
    RawWeb::answering(|_| {
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 6\r\n\r\nno way"
            .to_vec()
    })
}

fn patient(call: Call) -> Call {
    call.args([
        "--set",
        "fallback.source_retries=0",
        "--set",
        "acquire.retries=0",
        "--set",
        "http.retry.base_ms=1",
    ])
}

#[test]
fn a_proxy_that_wants_a_password_is_a_failure_of_the_network_that_may_pass_and_is_told_with_its_remedy() {
    for page in ["http://a.example/article", "https://a.example/article"] {
        let (home, proxy) = (Home::new(), wants_a_password());
        let words =
            ["run", page, "--fallback-tier", "landing_scrape", "--out", "papers", "--proxy", &proxy.proxy()];
        patient(home.tierfall(words)).run().expect(4);
        let manifest = home.manifest("papers");
        assert_eq!((&manifest[0]["status"], &manifest[0]["retry"]), (&"failed".into(), &true.into()));
        let told = manifest[0].to_string();
        assert!(
            told.contains("wants a name and a password") && told.contains("http.proxy"),
            "{page}: {told}"
        );
        assert!(told.contains(&proxy.address().to_string()), "{page}: {told}");
        assert!(!proxy.requests().is_empty());
    }
}

#[test]
fn a_file_behind_a_proxy_that_wants_a_password_is_not_without_a_copy() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::without_file(&web, "locked", 8);
    web.get(&article.file, [Answer::status(407).text("no way")]);
    patient(pages_only(&home, &web, &[&article.page])).run().expect(4);
    let line = &home.manifest("papers")[0];
    assert_eq!((&line["status"], &line["reason"]), (&"failed".into(), &"unreachable".into()), "{line:#}");
}

/// A run over an article of this machine itself, with a proxy that is not there.
fn direct(no_proxy: &str, host: &str) -> (Ended, Option<Value>) {
    let (home, web) = (Home::new(), Web::start());
    let port = web.host().rsplit_once(':').map(|(_, port)| port.to_owned()).expect("a port");
    let article = Article::on(&web, "here");
    let (page, file) = (format!("http://{host}:{port}/article"), format!("http://{host}:{port}/article.pdf"));
    let html = format!(
        "<html><head><title>T</title><meta name=\"citation_title\" content=\"The Invented Matter of here Considered \
         Anew\"><meta name=\"citation_pdf_url\" content=\"{file}\"></head><body></body></html>"
    );
    web.get(&page, [Answer::html(&html)]);
    web.get(&file, [Answer::pdf(article.bytes.clone())]);
    let words =
        ["run", &page, "--fallback-tier", "landing_scrape", "--out", "papers", "--allow-private", host];
    let ended = patient(home.tierfall(words)).env("NO_PROXY", no_proxy).run();
    (ended, home.manifest("papers").first().cloned())
}

#[test]
fn no_proxy_means_what_people_mean_by_it() {
    for (no_proxy, host) in [
        ("*", "127.0.0.1"),
        ("*", "localhost"),
        ("*.localhost", "localhost"),
        (".localhost", "localhost"),
        ("intern.example, LOCALHOST.", "localhost"),
        ("127.0.0.0/8", "127.0.0.1"),
        ("10.0.0.0/8 127.0.0.1", "127.0.0.1"),
        ("127.*", "127.0.0.1"),
    ] {
        let (_, line) = direct(no_proxy, host);
        assert_eq!(line.expect("a line")["status"], "stored", "{no_proxy} for {host}");
    }
    for (no_proxy, host) in [("", "127.0.0.1"), ("localhost", "127.0.0.1"), ("*.example.org", "localhost")] {
        let (ended, line) = direct(no_proxy, host);
        assert_eq!(line, None, "{no_proxy} for {host}: no work is called failed for it");
        assert!(ended.expect(4).out.contains("the proxy does not answer"));
    }
}

#[test]
fn a_proxy_variable_that_cannot_be_used_is_an_error_and_nothing_goes_out_directly() {
    let (home, web) = (Home::new(), Web::start());
    let article = web.url("/article");
    let call = || home.tierfall(["run", &article, "--out", "papers", "--allow-private", "127.0.0.1"]);
    for (name, value) in [
        ("HTTP_PROXY", "proxy.example:port"),
        ("HTTPS_PROXY", "ftp://me:geheim@proxy.example"),
        ("ALL_PROXY", "http://me:geheim@[::1"),
        ("NO_PROXY", "10.0.0.0/99"),
    ] {
        let ended = call().env("NO_PROXY", "").env(name, value).run().expect(2);
        assert!(ended.err.contains(name) && !ended.err.contains("geheim"), "{}", ended.err);
    }
    assert!(web.requests().is_empty(), "{:#?}", web.requests());
    // What is not used does no harm.
    let ended = call().env("HTTPS_PROXY", "ftp://proxy").args(["--proxy", "direct"]).run();
    assert!(!ended.err.contains("HTTPS_PROXY"), "{}", ended.err);
}

#[cfg(unix)]
#[test]
fn a_proxy_variable_that_is_no_text_is_an_error_with_its_name() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = Home::new();
    let odd = std::ffi::OsStr::from_bytes(b"http://pr\xffxy:3128");
    let ended =
        home.tierfall(["run", "10.5555/x", "--out", "papers"]).env("HTTPS_PROXY", odd).run().expect(2);
    assert!(ended.err.contains("HTTPS_PROXY") && ended.err.contains("UTF-8"), "{}", ended.err);
}
