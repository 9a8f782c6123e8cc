//! A second run: what is stored is not fetched again, with a ledger and without.

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::Home;
use crate::support::web::{Answer, Web};

#[test]
fn a_second_run_skips_what_is_stored_and_says_how_much() {
    let (home, web) = (Home::new(), Web::start());
    let (first, second) = (Article::on(&web, "kept"), Article::missing(&web, "absent"));
    pages_only(&home, &web, &[&first.page, &second.page]).run().expect(3);
    let before = home.manifest("papers");
    let asked = web.requests_for(&first.page).len();

    let ended = pages_only(&home, &web, &[&first.page, &second.page]).run().expect(3);
    assert_eq!(web.requests_for(&first.page).len(), asked, "it is here");
    assert!(web.requests_for(&second.page).len() > 1, "it may be there by now");
    assert!(ended.out.contains("1 work was done before and skipped"), "{}", ended.out);
    let after = home.manifest("papers");
    assert_eq!(after.len(), 2);
    let stored = |lines: &[serde_json::Value]| lines.iter().find(|line| line["status"] == "stored").cloned();
    assert_eq!(stored(&after), stored(&before), "its line is the one of the run that stored it");
}

#[test]
fn what_is_gone_or_was_cut_short_is_fetched_again_and_so_is_what_again_asks_for() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "gone");
    let run = || pages_only(&home, &web, &[&article.page]);
    run().run().expect(0);
    let file = home.path("papers/files").join(&home.files("papers/files")[0]);
    for damage in [true, false] {
        match damage {
            true => std::fs::write(&file, "%PDF").expect("written"),
            false => std::fs::remove_file(&file).expect("removed"),
        }
        let asked = web.requests().len();
        run().run().expect(0);
        assert!(web.requests().len() > asked);
        assert_eq!(std::fs::read(&file).expect("it is back"), article.bytes);
    }
    let asked = web.requests().len();
    run().args(["--again"]).run().expect(0);
    assert!(web.requests().len() > asked);
    assert_eq!(home.manifest("papers").len(), 1);
}

#[test]
fn a_ledger_that_is_switched_on_takes_over_what_lies_there() {
    let (home, web) = (Home::new(), Web::start());
    let (first, second) = (Article::on(&web, "old"), Article::on(&web, "new"));
    pages_only(&home, &web, &[&first.page]).run().expect(0);
    let asked = web.requests().len();
    let works = [first.page.as_str(), &second.page];
    let ended = pages_only(&home, &web, &works).args(["--enable-idempotency"]).run().expect(0);
    assert_eq!(web.requests_for(&first.page).len(), 1, "{:#?}", &web.requests()[asked..]);
    assert!(ended.out.contains("1 work was done before"), "{}", ended.out);
    let shown = home.tierfall(["ledger", "show", &first.page, "--out", "papers", "--json"]).run().expect(0);
    let job: serde_json::Value = serde_json::from_str(&shown.out).expect("JSON");
    assert_eq!(
        (&job["state"], &job["sha256"]),
        (&"INDEXED".into(), &first.sha256.as_str().into()),
        "{job:#}"
    );
    // From now on the ledger has it.
    let ended = pages_only(&home, &web, &works).args(["--enable-idempotency"]).run().expect(0);
    assert!(ended.out.contains("2 works were done before"), "{}", ended.out);
    assert_eq!(home.manifest("papers").iter().filter(|line| line["status"] == "stored").count(), 2);
}

#[test]
fn explain_shows_what_the_last_run_left_and_asks_again_when_it_is_told_to() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::without_file(&web, "told", 8);
    web.get(&article.file, [Answer::status(403)]);
    pages_only(&home, &web, &[&article.page]).run().expect(3);
    let asked = web.requests().len();
    let explain = |more: &[&str]| {
        home.tierfall(["explain", &article.page, "--fallback-tier", "landing_scrape", "--out", "papers"])
            .args(more)
            .through(&web)
            .run()
    };
    let ended = explain(&[]).expect(3);
    assert_eq!(web.requests().len(), asked, "the trail is there");
    assert!(ended.out.contains("http_status, HTTP 403"), "{}", ended.out);
    assert!(ended.out.contains(&format!("· GET {}: 200", article.page)), "{}", ended.out);
    assert!(ended.err.contains("papers/manifest.jsonl") && ended.err.contains("--again"), "{}", ended.err);

    web.get(&article.page, [Answer::status(503), Answer::status(404)]);
    let ended = explain(&["--again"]).expect(3);
    assert!(web.requests().len() > asked);
    assert!(ended.out.contains("1 retry"), "{}", ended.out);
    assert!(ended.out.contains("waiting"), "{}", ended.out);
}
