//! What others wrote never steers a terminal: no escape sequence, no change of direction, no hidden character of a
//! title, a URL, a detail, a file's name or a ledger's row comes out as it is.

use crate::run::pages_only;
use crate::support::program::{Ended, Home};
use crate::support::web::{Answer, Web};

/// Turns the text after it, clears the screen (by ESC and by the C1 control that stands for it), retitles the window,
/// hides itself.
const EVIL: &str = "\u{202e}gnp\u{1b}[2J\u{9b}31m\u{1b}]0;owned\u{7}\u{2066}\u{200b}\u{e0041}\u{7f}\u{8}";

#[track_caller]
fn is_clean(ended: &Ended, what: &str) {
    for (stream, said) in [("out", &ended.out), ("err", &ended.err)] {
        let bad = |c: char| {
            (c.is_control() && !matches!(c, '\n' | '\t'))
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                || matches!(c, '\u{e0000}'..='\u{e007f}')
        };
        assert!(!said.contains(bad), "{what}, {stream}: {said:?}");
    }
}

/// A page with a hostile title that declares a file with a hostile name; the file is none.
fn hostile_page(web: &Web) -> String {
    let file = "http://evil.example/%E2%80%AEfdp.exe";
    web.get("http://evil.example/article", [Answer::html(&format!(
        "<!DOCTYPE html><html><head><title>{EVIL}</title><meta name=\"citation_title\" content=\"The {EVIL} Matter of Things\">\
         <meta name=\"citation_author\" content=\"Ada {EVIL}\"><meta name=\"citation_pdf_url\" content=\"{file}\">\
         <meta name=\"citation_pdf_url\" content=\"http://evil.example/{EVIL}.pdf\"></head><body></body></html>"
    ))]);
    web.get(file, [Answer::html(&format!("<html><title>{EVIL}</title></html>"))]);
    "http://evil.example/article".to_owned()
}

#[test]
fn a_page_cannot_write_to_the_terminal() {
    for verbosity in ["-q", "-v", "-vvv"] {
        let (home, web) = (Home::new(), Web::start());
        let page = hostile_page(&web);
        is_clean(&pages_only(&home, &web, &[&page]).args([verbosity]).run(), verbosity);
        is_clean(&pages_only(&home, &web, &[&page]).args([verbosity, "--json"]).run(), "as JSON");
        let logs = ["--set", "telemetry.log_format=json", verbosity];
        is_clean(&pages_only(&home, &web, &[&page]).args(logs).run(), "logs as JSON");
        let explain = ["explain", &page, "--fallback-tier", "landing_scrape", verbosity];
        is_clean(&home.tierfall(explain).through(&web).run(), "explain");
        let json = home.tierfall(explain).args(["--json"]).through(&web).run();
        is_clean(&json, "explain as JSON");
        serde_json::from_str::<serde_json::Value>(&json.out).expect("it is still JSON");
    }
}

#[test]
fn a_name_of_a_file_and_an_argument_cannot_either() {
    let home = Home::new();
    let name = format!("{}.txt", EVIL.replace('/', ""));
    home.write(&name, format!("{EVIL}\n10.5555/{EVIL}\n"));
    is_clean(&home.tierfall(["run", "--input", &name, "--out", "papers"]).run(), "input");
    is_clean(
        &home.tierfall(["run", "--input", &format!("no{name}"), "--out", "papers"]).run(),
        "missing input",
    );
    is_clean(&home.tierfall(["run", EVIL, "--out", EVIL]).run(), "arguments");
    is_clean(&home.tierfall(["explain", EVIL]).run(), "explain");
    is_clean(&home.tierfall(["config", "show", "--out", EVIL]).run(), "config show");
    is_clean(&home.tierfall(["config", "show", "--json", "--out", EVIL]).run(), "config show as JSON");
    is_clean(&home.tierfall(["plugin", "inspect", EVIL]).run(), "plugin inspect");
    is_clean(&home.tierfall(["plan", "--fallback-tier", EVIL]).run(), "plan");
    is_clean(&home.tierfall(["ledger", "status", "--ledger", EVIL]).run(), "ledger");
}

#[test]
fn a_row_of_the_ledger_cannot_either() {
    let (home, web) = (Home::new(), Web::start());
    let page = hostile_page(&web);
    pages_only(&home, &web, &[&page]).args(["--enable-idempotency"]).run();
    pages_only(&home, &web, &["http://other.example/x"]).args(["--plan-only"]).run().expect(0);
    let database = rusqlite::Connection::open(home.path("papers/ledger.sqlite")).expect("it is there");
    for statement in [
        "UPDATE jobs SET run_id = ?1, reason = ?1, owner = NULL",
        "UPDATE candidates SET source = ?1, verdict = ?1",
        "UPDATE ops SET error = ?1",
        "UPDATE events SET owner = ?1",
    ] {
        database.execute(statement, [EVIL]).expect("rows can be changed");
    }
    let detail = serde_json::json!({"reason": EVIL, EVIL: EVIL}).to_string();
    database.execute("UPDATE events SET detail = ?1", [&detail]).expect("rows can be changed");
    database.execute("UPDATE candidates SET detail = ?1", [&detail]).expect("rows can be changed");
    database.execute("UPDATE jobs SET work_id = ?1 WHERE id = 2", [EVIL]).expect("rows can be changed");
    drop(database);
    for words in [
        ["status"].as_slice(),
        &["list"],
        &["show", &page],
        &["events"],
        &["events", "--job", &page],
        &["export"],
        &["reconcile"],
        &["retry"],
    ] {
        for json in [false, true] {
            let look = home.tierfall(["ledger"]).args(words).args(["--out", "papers", "-vvv"]);
            let ended = if json { look.args(["--json"]) } else { look }.run();
            is_clean(&ended, &format!("{words:?} {json}"));
            assert!(!matches!(ended.code, None | Some(101)), "{ended:#?}");
            if json || words == ["export"] {
                for line in ended.out.lines() {
                    serde_json::from_str::<serde_json::Value>(line)
                        .unwrap_or_else(|error| panic!("{error}: {line}"));
                }
            }
        }
    }
    is_clean(&home.tierfall(["worker", "--out", "papers", "-vvv"]).through(&web).run(), "worker");
}
