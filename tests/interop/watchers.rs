//! Whoever watches a run may go away: what is written for people ends nothing.

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::{Call, Ended, Home};
use crate::support::web::Web;

/// The same call by a shell, with its streams as `script` says: `"$0" "$@"` is the program. What it ended with goes to
/// the file `code`.
fn by_a_shell(call: Call, script: &str) -> Ended {
    let script = script.replace("PROGRAM", "\"$0\" \"$@\"");
    call.under("sh", &["-c", &script]).run()
}

fn code(home: &Home) -> String {
    home.read("code").trim().to_owned()
}

/// A run over works of which one has no copy, with a ledger and talkative logs, and what must be there afterwards.
fn run_is_whole(script: &str) {
    let (home, web) = (Home::new(), Web::start());
    let found = ["moths", "ferns", "newts"].map(|name| Article::on(&web, name));
    let missing = Article::missing(&web, "nothing");
    let works: Vec<&str> = found.iter().chain([&missing]).map(|article| article.page.as_str()).collect();
    let call = pages_only(&home, &web, &works).args(["-vv", "--enable-idempotency"]);
    let ended = by_a_shell(call, script);
    assert_eq!(code(&home), "3", "{script}: {ended:#?}");
    assert!(!ended.err.contains("panicked"), "{script}: {}", ended.err);
    let manifest = home.manifest("papers");
    assert_eq!(manifest.len(), 4, "{script}: {manifest:#?}");
    for article in &found {
        let line =
            manifest.iter().find(|line| line["input"] == article.page.as_str()).expect("it has a line");
        assert_eq!(line["sha256"], article.sha256.as_str(), "{script}: {line:#}");
    }
    assert_eq!(home.files("papers/files").len(), 3, "{script}");
    assert!(home.files("papers/partial").is_empty(), "{script}");
    let status = home.tierfall(["ledger", "status", "--out", "papers", "--json"]).run().expect(0);
    let counts: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!(counts["held"].as_u64().unwrap_or(0), 0, "{script}: {counts:#}");
    assert!(!status.out.contains("\"LEASED\":1"), "{script}: {counts:#}");
}

#[test]
fn a_run_goes_on_when_standard_error_is_closed_full_or_cut() {
    for script in [
        "PROGRAM 2>&-; echo $? >code",
        "PROGRAM 2>/dev/full; echo $? >code",
        "{ PROGRAM 2>&1 >/dev/null; echo $? >code; } | head -n 1 >/dev/null",
        "{ PROGRAM 2>&1 >/dev/null; echo $? >code; } | true",
    ] {
        run_is_whole(script);
    }
}

#[test]
fn a_run_goes_on_when_standard_output_is_closed_full_or_cut() {
    for script in [
        "PROGRAM >&-; echo $? >code",
        "PROGRAM >/dev/full; echo $? >code",
        "{ PROGRAM; echo $? >code; } | head -n 1 >/dev/null",
        "{ PROGRAM; echo $? >code; } | true",
    ] {
        run_is_whole(script);
    }
}

#[test]
fn a_run_goes_on_when_nobody_is_left_on_any_stream() {
    for script in [
        "PROGRAM <&- >&- 2>&-; echo $? >code",
        "PROGRAM >/dev/full 2>&1; echo $? >code",
        "{ PROGRAM 2>&1; echo $? >code; } | true",
    ] {
        run_is_whole(script);
    }
}

#[test]
fn a_program_that_asked_for_json_and_has_not_got_it_is_told_by_the_exit_code_when_all_works_are_done() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    let call = || pages_only(&home, &web, &[&article.page]).args(["--json"]);
    let ended = by_a_shell(call(), "PROGRAM >/dev/full; echo $? >code");
    assert_eq!(code(&home), "1", "{ended:#?}");
    assert!(ended.err.contains("standard output"), "{}", ended.err);
    assert_eq!(home.manifest("papers")[0]["sha256"], article.sha256.as_str());
    // Whoever has read enough wanted no more.
    by_a_shell(call(), "{ PROGRAM; echo $? >code; } | true");
    assert_eq!(code(&home), "0");
}

#[test]
fn every_command_may_be_read_in_part() {
    let home = Home::new();
    for words in [
        vec!["completions", "bash"],
        vec!["completions", "zsh"],
        vec!["--help"],
        vec!["run", "--help"],
        vec!["config", "show"],
        vec!["config", "show", "--json"],
        vec!["plan"],
        vec!["plugin", "list"],
        vec!["demo"],
    ] {
        let ended = by_a_shell(home.tierfall(&words), "{ PROGRAM; echo $? >code; } | true");
        assert_eq!(code(&home), "0", "{words:?}: {ended:#?}");
        assert!(!ended.err.contains("panicked"), "{words:?}: {}", ended.err);
    }
}

#[test]
fn a_command_whose_output_is_lost_on_a_full_disk_says_so_and_does_not_panic() {
    let home = Home::new();
    for words in [vec!["completions", "fish"], vec!["config", "show"], vec!["plan", "--json"]] {
        let ended = by_a_shell(home.tierfall(&words), "PROGRAM >/dev/full; echo $? >code");
        assert_eq!(code(&home), "1", "{words:?}: {ended:#?}");
        assert!(ended.err.contains("standard output") && !ended.err.contains("panicked"), "{}", ended.err);
        let ended = by_a_shell(home.tierfall(&words), "PROGRAM >/dev/full 2>/dev/full; echo $? >code");
        assert_eq!(code(&home), "1", "{words:?}: {ended:#?}");
    }
}
