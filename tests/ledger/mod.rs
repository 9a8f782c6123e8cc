//! The ledger, seen from outside: the commands that look into it, and the five promises of a run that has one.

mod commands;
mod crash;
mod enabled;
mod errors;
mod given_back;
mod legacy;
mod lost;
mod moving;
mod pace;
mod parking;
mod workers;

use serde_json::Value;

use crate::support::postgres::Database;
use crate::support::program::{Call, Home};
use crate::support::web::Web;

/// Where a test's ledger is.
enum Place {
    /// In the output folder.
    File,
    Server(Database),
}

impl Place {
    /// `None`: no server is installed here, and this was said.
    fn server() -> Option<Self> {
        Database::new().map(Self::Server)
    }

    /// Another one of the same kind, new and empty.
    fn another(&self) -> Option<Self> {
        match self {
            Self::File => Some(Self::File),
            Self::Server(_) => Self::server(),
        }
    }

    /// What names it on the command line.
    fn flags(&self) -> Vec<String> {
        match self {
            Self::File => Vec::new(),
            Self::Server(database) => vec!["--ledger".to_owned(), database.url()],
        }
    }

    /// Runs statements past the ledger, as someone with a shell would. SQLite's file is that of `home`.
    #[track_caller]
    fn sql(&self, home: &Home, statements: &str) {
        match self {
            Self::Server(database) => database.sql(&format!("SET search_path = tierfall; {statements}")),
            Self::File => {
                let connection = rusqlite::Connection::open(home.path("papers/ledger.sqlite"));
                let ran = connection.and_then(|connection| {
                    connection.busy_timeout(crate::support::web::PATIENCE)?;
                    connection.execute_batch(statements)
                });
                ran.unwrap_or_else(|error| panic!("{statements}: {error}"));
            }
        }
    }

    /// Nobody is in the middle of a write.
    fn is_at_rest(&self, home: &Home) -> bool {
        match self {
            Self::Server(database) => database.is_at_rest(),
            Self::File => {
                let connection = rusqlite::Connection::open(home.path("papers/ledger.sqlite"));
                let connection = connection.expect("the ledger can be opened");
                connection.busy_timeout(std::time::Duration::ZERO).expect("a number");
                connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
            }
        }
    }
}

/// Each promise, kept on both engines.
macro_rules! on_both_engines {
    ($($promise:ident)*) => {
        mod on_sqlite {
            $(#[test]
            fn $promise() {
                super::$promise(&$crate::ledger::Place::File);
            })*
        }

        mod on_postgres {
            $(#[test]
            fn $promise() {
                if let Some(place) = $crate::ledger::Place::server() {
                    super::$promise(&place);
                }
            })*
        }
    };
}
use on_both_engines;

/// What the runs of these tests have in common: they read pages of the local web, as fast as they can.
const PAGES_ONLY: [&str; 6] =
    ["--fallback-tier", "landing_scrape", "--out", "papers", "--set", "http.pace.enabled=false"];

/// A run over `works` that remembers them.
fn remembering<W: AsRef<str>>(home: &Home, web: &Web, place: &Place, works: &[W]) -> Call {
    let works = works.iter().map(AsRef::as_ref);
    let call = home.tierfall(["run", "--enable-idempotency"]).args(works).args(PAGES_ONLY);
    call.args(place.flags()).through(web)
}

/// `tierfall ledger …` on the ledger of the output folder.
fn look(home: &Home, words: &[&str]) -> Call {
    home.tierfall(["ledger"]).args(words).args(["--out", "papers"])
}

/// What such a command prints for machines, one value a line.
#[track_caller]
fn told_at(home: &Home, place: &Place, words: &[&str]) -> Vec<Value> {
    let ended = look(home, words).args(place.flags()).args(["--json"]).run().expect(0);
    let lines = ended.out.lines();
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[track_caller]
fn told(home: &Home, words: &[&str]) -> Vec<Value> {
    told_at(home, &Place::File, words)
}

/// The one value that such a command prints.
#[track_caller]
fn told_once(home: &Home, words: &[&str]) -> Value {
    told_once_at(home, &Place::File, words)
}

#[track_caller]
fn told_once_at(home: &Home, place: &Place, words: &[&str]) -> Value {
    let told = told_at(home, place, words);
    let [value] = told.as_slice() else { panic!("one value was expected: {told:#?}") };
    value.clone()
}

/// The states that the job of a work went through, from `PLANNED` on.
#[track_caller]
fn history(home: &Home, place: &Place, work: &str) -> Vec<String> {
    let story = told_once_at(home, place, &["show", work]);
    let events = story["events"].as_array().cloned().unwrap_or_default();
    let states = events.iter().filter_map(|event| match event["event"].as_str()? {
        "job_planned" => Some("PLANNED".to_owned()),
        "job_state_changed" => event["to"].as_str().map(str::to_owned),
        _ => None,
    });
    states.collect()
}

/// How many jobs are in a state.
#[track_caller]
fn count(home: &Home, place: &Place, state: &str) -> u64 {
    told_once_at(home, place, &["status"])["states"][state].as_u64().unwrap_or_default()
}
