//! Without a ledger nothing is remembered, and no file of one is there.

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::Home;
use crate::support::web::Web;

#[test]
fn a_run_that_was_not_asked_to_remember_has_no_ledger_and_writes_none() {
    let (home, web) = (Home::new(), Web::start());
    let (first, second) = (Article::on(&web, "first"), Article::on(&web, "second"));
    // A ledger that is named is not one that is asked for.
    // Only the JSON form of a log line says which crate it comes from.
    let call = |home: &Home| {
        let logs = ["--ledger", "named.sqlite", "-vvv", "--set", "telemetry.log_format=json"];
        pages_only(home, &web, &[&first.page, &second.page]).args(logs)
    };
    let ended = call(&home).run().expect(0);
    // The user's processes keep the hosts' pace together in their own state folder.
    let beside = |file: &String| !file.starts_with("papers/") && !file.contains("state/tierfall/used/pace");
    let files: Vec<String> = home.files("").into_iter().filter(beside).collect();
    assert_eq!(files, [""; 0], "and nothing else is left beside the output");
    let left = home.files("papers");
    assert!(left.iter().all(|file| !file.contains("ledger") && !file.contains("sqlite")), "{left:?}");
    assert_eq!(home.manifest("papers").len(), 2);
    assert!(!ended.err.contains("tierfall_ledger") && !ended.err.contains("job_id"), "{}", ended.err);
    assert!(!ended.err.contains("idempotency is on"), "{}", ended.err);
    // One that was asked shows what is looked for here.
    let asked = call(&Home::new()).args(["--enable-idempotency"]).run().expect(0);
    for shown in ["tierfall_ledger", "job_id", "idempotency is on"] {
        assert!(asked.err.contains(shown), "{shown}: {}", asked.err);
    }
}

#[test]
fn without_a_ledger_a_second_run_into_another_folder_fetches_again() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "again");
    for (times, out) in (1..).zip(["papers", "others"]) {
        let run = ["run", &article.page, "--fallback-tier", "landing_scrape", "--out", out];
        home.tierfall(run).through(&web).run().expect(0);
        assert_eq!(web.requests_for(&article.file).len(), times);
        assert!(!home.path(out).join("ledger.sqlite").exists());
    }
}
