//! Clocks that are ahead, and are set back.

use rusqlite::Connection;

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::{Call, Home};
use crate::support::shim;
use crate::support::web::Web;

const HOUR: &str = "3600";

/// A ledger with works that a machine whose clock is ahead has planned; nothing where there is no compiler.
fn planned_ahead(home: &Home, web: &Web, works: &[&str]) -> Option<()> {
    let call = with_ledger(pages_only(home, web, works)).args(["--plan-only"]);
    shim::on(home, call, shim::AHEAD, HOUR)?.run().expect(0);
    Some(())
}

fn with_ledger(call: Call) -> Call {
    call.args(["--enable-idempotency", "--ledger", "ledger.sqlite"])
}

fn worker(home: &Home, web: &Web) -> Call {
    let words =
        ["worker", "--ledger", "ledger.sqlite", "--fallback-tier", "landing_scrape", "--out", "papers"];
    home.tierfall(words).through(web)
}

#[test]
fn what_a_machine_with_a_clock_ahead_has_planned_is_fetched_at_once_by_a_worker() {
    let (home, web) = (Home::new(), Web::start());
    let found = ["moths", "ferns", "newts"].map(|name| Article::on(&web, name));
    let works: Vec<&str> = found.iter().map(|article| article.page.as_str()).collect();
    let Some(()) = planned_ahead(&home, &web, &works) else { return };
    let ended = worker(&home, &web).run().expect(0);
    assert_eq!(home.manifest("papers").len(), 3, "{}", ended.err);
    assert!(ended.err.contains("clock"), "it says why: {}", ended.err);
}

#[test]
fn what_a_machine_with_a_clock_ahead_has_planned_is_fetched_at_once_by_a_run_and_is_not_called_failed() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    let Some(()) = planned_ahead(&home, &web, &[&article.page]) else { return };
    let ended = with_ledger(pages_only(&home, &web, &[&article.page])).run().expect(0);
    assert!(!ended.out.contains("failed before"), "{}", ended.out);
    assert_eq!(home.manifest("papers")[0]["sha256"], article.sha256.as_str());
}

#[test]
fn an_operator_can_move_what_a_machine_with_a_clock_ahead_has_planned() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    let Some(()) = planned_ahead(&home, &web, &[&article.page]) else { return };
    let retry =
        home.tierfall(["ledger", "retry", &article.page, "--ledger", "ledger.sqlite"]).run().expect(0);
    assert!(retry.out.contains("1 job is ready again"), "{}", retry.out);
    let ready: i64 = Connection::open(home.path("ledger.sqlite"))
        .and_then(|ledger| {
            ledger.query_row("SELECT ready_at - 1000 * unixepoch() FROM jobs", [], |row| row.get(0))
        })
        .expect("the ledger can be read");
    assert!(ready <= 1000, "{ready}");
}

#[test]
fn a_clock_that_is_set_back_between_runs_costs_nothing() {
    let (home, web) = (Home::new(), Web::start());
    let found = ["moths", "ferns"].map(|name| Article::on(&web, name));
    let first = with_ledger(pages_only(&home, &web, &[&found[0].page]));
    // A year.
    let Some(first) = shim::on(&home, first, shim::AHEAD, "31536000") else { return };
    first.run().expect(0);
    with_ledger(pages_only(&home, &web, &[&found[0].page, &found[1].page])).run().expect(0);
    assert_eq!(home.files("papers/files").len(), 2);
    assert_eq!(web.requests_for(&found[0].file).len(), 1, "what is done stays done");
}
