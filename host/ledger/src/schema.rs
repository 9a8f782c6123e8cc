//! The tables, the checks that the database makes by itself, and the migrations that create them.

use crate::error::LedgerError;
use crate::op::OpStatus;
use crate::sql::Dialect;
use crate::state::{State, successors};

/// The version of this schema. A change of a table, or of the transitions in `state.rs`, needs a new migration.
pub(crate) const VERSION: i64 = 5;

/// The oldest schema that can be looked into as it is: what came later are the turns at hosts, what else is
/// told of hosts, the daily counts, and what is known of parked jobs, at which nobody looks.
const OLDEST_READABLE: i64 = 1;

/// "Tierfall" in SQLite's header (`PRAGMA application_id`), so that another program's file is recognised.
pub(crate) const APPLICATION_ID: i64 = 0x5469_6572;

/// Replies with `found`, unless this version cannot work with that schema: it is newer, or it is too old and must not
/// be upgraded.
pub(crate) fn check_version(place: &str, found: i64, upgrade: bool) -> Result<i64, LedgerError> {
    let place = place.to_owned();
    match found {
        _ if found > VERSION => Err(LedgerError::Newer { place, found, known: VERSION }),
        _ if found < OLDEST_READABLE && !upgrade => Err(LedgerError::Older { place, found, known: VERSION }),
        _ => Ok(found),
    }
}

/// The statements that upgrade the previous schema to `version`; empty for an unknown version.
pub(crate) fn migration(version: i64, dialect: Dialect) -> Vec<String> {
    match version {
        1 => first(dialect),
        2 => turns(dialect),
        3 => daily_counts(dialect),
        4 => hosts(dialect),
        5 => parked_jobs(dialect),
        _ => Vec::new(),
    }
}

fn first(dialect: Dialect) -> Vec<String> {
    let (int, id, end) = match dialect {
        Dialect::Sqlite => ("INTEGER", "INTEGER PRIMARY KEY", " STRICT"),
        Dialect::Postgres => ("BIGINT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", ""),
    };
    // Stored in the order of their key, so that a job's few ops lie together however many jobs there are.
    let clustered = match dialect {
        Dialect::Sqlite => " STRICT, WITHOUT ROWID",
        Dialect::Postgres => "",
    };
    let states = quoted(State::ALL.map(State::label));
    let done = quoted(State::ALL.into_iter().filter(|state| state.is_done()).map(State::label));
    let endings = quoted(State::ALL.into_iter().filter(|state| state.is_ending()).map(State::label));
    let statuses = quoted(OpStatus::ALL.map(OpStatus::label));
    let mut statements = vec![
        // `ready_at` is the time from which anyone may lease the job: now for a planned one, the lease's end for a
        // held one, the next attempt for a failed one; NULL is never. One index makes all of them one queue.
        format!(
            "CREATE TABLE jobs (
                id {id},
                key TEXT NOT NULL UNIQUE,
                state TEXT NOT NULL CHECK (state IN ({states})),
                ready_at {int},
                owner TEXT,
                fence {int} NOT NULL DEFAULT 0,
                attempts {int} NOT NULL DEFAULT 0,
                planned_at {int} NOT NULL,
                changed_at {int} NOT NULL,
                reason TEXT,
                artifact TEXT,
                work_id TEXT NOT NULL,
                artifact_id TEXT NOT NULL,
                role TEXT NOT NULL,
                run_id TEXT NOT NULL,
                work TEXT NOT NULL,
                result TEXT,
                CHECK (owner IS NULL OR (ready_at IS NOT NULL AND state <> 'PLANNED' AND state NOT IN ({endings}))),
                CHECK (ready_at IS NULL OR state NOT IN ({done}))
            ){end}"
        ),
        "CREATE INDEX jobs_ready ON jobs (ready_at, id) WHERE ready_at IS NOT NULL".to_owned(),
        "CREATE INDEX jobs_held ON jobs (id) WHERE owner IS NOT NULL".to_owned(),
        // The endings that people list; the other states are too short-lived to be worth an index.
        "CREATE INDEX jobs_failed ON jobs (state, id) WHERE state IN ('FAILED', 'EXHAUSTED', 'SKIPPED_DUPLICATE')"
            .to_owned(),
        format!(
            "CREATE TABLE ops (
                job {int} NOT NULL REFERENCES jobs (id),
                key TEXT NOT NULL,
                kind TEXT NOT NULL,
                status TEXT NOT NULL CHECK (status IN ({statuses})),
                fence {int} NOT NULL,
                tries {int} NOT NULL,
                started_at {int} NOT NULL,
                ended_at {int},
                context TEXT NOT NULL,
                result TEXT,
                error TEXT,
                PRIMARY KEY (job, key),
                CHECK ((status = 'DONE') = (result IS NOT NULL))
            ){clustered}"
        ),
        format!(
            "CREATE TABLE candidates (
                job {int} NOT NULL REFERENCES jobs (id),
                url TEXT NOT NULL,
                source TEXT NOT NULL,
                detail TEXT NOT NULL,
                verdict TEXT,
                seen_at {int} NOT NULL,
                PRIMARY KEY (job, url)
            ){clustered}"
        ),
        format!(
            "CREATE TABLE events (
                id {id},
                at {int} NOT NULL,
                kind TEXT NOT NULL,
                job {int} NOT NULL,
                owner TEXT,
                fence {int} NOT NULL,
                from_state TEXT,
                to_state TEXT,
                detail TEXT
            ){end}"
        ),
        "CREATE INDEX events_job ON events (job)".to_owned(),
    ];
    statements.extend(triggers(dialect));
    statements
}

/// The turns at hosts. They outlive no crash for long, so nothing refers to them.
fn turns(dialect: Dialect) -> Vec<String> {
    let (int, clustered, end) = match dialect {
        Dialect::Sqlite => ("INTEGER", " STRICT, WITHOUT ROWID", " STRICT"),
        Dialect::Postgres => ("BIGINT", "", ""),
    };
    vec![
        format!(
            "CREATE TABLE host_paces (
                host TEXT PRIMARY KEY,
                next_at {int} NOT NULL,
                held_until {int} NOT NULL
            ){clustered}"
        ),
        "CREATE INDEX host_paces_next ON host_paces (next_at)".to_owned(),
        // `since` is the time from which the owner waits; NULL: it does not.
        format!(
            "CREATE TABLE host_holders (
                host TEXT NOT NULL,
                owner TEXT NOT NULL,
                open {int} NOT NULL,
                since {int},
                until {int} NOT NULL,
                PRIMARY KEY (host, owner)
            ){clustered}"
        ),
        format!("CREATE TABLE host_starts (host TEXT NOT NULL, at {int} NOT NULL){end}"),
        "CREATE INDEX host_starts_at ON host_starts (host, at)".to_owned(),
    ]
}

/// What was taken on each day: a row for each name and day (since 1970).
fn daily_counts(dialect: Dialect) -> Vec<String> {
    let (int, clustered) = match dialect {
        Dialect::Sqlite => ("INTEGER", " STRICT, WITHOUT ROWID"),
        Dialect::Postgres => ("BIGINT", ""),
    };
    vec![format!(
        "CREATE TABLE daily_counts (
            name TEXT NOT NULL,
            day {int} NOT NULL,
            taken {int} NOT NULL CHECK (taken > 0),
            PRIMARY KEY (name, day)
        ){clustered}"
    )]
}

/// What processes tell each other of hosts: rules that one has read for all (`reading_until` is the time until which it
/// does), and breakers that are open.
fn hosts(dialect: Dialect) -> Vec<String> {
    let (int, clustered, end) = match dialect {
        Dialect::Sqlite => ("INTEGER", " STRICT, WITHOUT ROWID", " STRICT"),
        Dialect::Postgres => ("BIGINT", "", ""),
    };
    vec![
        format!(
            "CREATE TABLE host_rules (
                origin TEXT PRIMARY KEY,
                until {int} NOT NULL,
                owner TEXT NOT NULL,
                reading_until {int} NOT NULL,
                status {int},
                body TEXT
            ){end}"
        ),
        "CREATE INDEX host_rules_until ON host_rules (until)".to_owned(),
        format!(
            "CREATE TABLE host_breakers (
                host TEXT NOT NULL,
                role TEXT NOT NULL,
                plugin TEXT NOT NULL,
                until {int} NOT NULL,
                span {int} NOT NULL,
                why TEXT NOT NULL,
                PRIMARY KEY (host, role, plugin)
            ){clustered}"
        ),
    ]
}

/// Jobs that wait for a turn at a host: `until` is the `ready_at` that this gave the job, and `so_far` what was found out
/// about the work before.
fn parked_jobs(dialect: Dialect) -> Vec<String> {
    let (int, id, end) = match dialect {
        Dialect::Sqlite => ("INTEGER", "INTEGER", " STRICT"),
        Dialect::Postgres => ("BIGINT", "BIGINT", ""),
    };
    vec![format!(
        "CREATE TABLE parked_jobs (
            job {id} PRIMARY KEY REFERENCES jobs (id),
            until {int} NOT NULL,
            so_far TEXT NOT NULL
        ){end}"
    )]
}

/// The table of transitions, checked by the database itself: whoever writes to it and however, nothing goes
/// backwards and no fence shrinks.
fn triggers(dialect: Dialect) -> Vec<String> {
    let arms: String = State::ALL
        .into_iter()
        .map(|from| {
            let to = quoted(std::iter::once(from).chain(successors(from)).map(State::label));
            format!(" WHEN '{from}' THEN NEW.state IN ({to})")
        })
        .collect();
    let is_legal = format!("CASE OLD.state{arms} ELSE 1 = 0 END");
    match dialect {
        Dialect::Sqlite => vec![
            format!(
                "CREATE TRIGGER jobs_moves BEFORE UPDATE OF state ON jobs WHEN NOT ({is_legal})
                 BEGIN SELECT RAISE(ABORT, 'a job cannot make this move'); END"
            ),
            "CREATE TRIGGER jobs_fence BEFORE UPDATE OF fence ON jobs WHEN NEW.fence < OLD.fence
             BEGIN SELECT RAISE(ABORT, 'a fence never shrinks'); END"
                .to_owned(),
            "CREATE TRIGGER jobs_begin BEFORE INSERT ON jobs WHEN NEW.state <> 'PLANNED' OR NEW.fence <> 0
             BEGIN SELECT RAISE(ABORT, 'a job begins as planned'); END"
                .to_owned(),
        ],
        Dialect::Postgres => vec![
            format!(
                "CREATE FUNCTION jobs_guard() RETURNS trigger LANGUAGE plpgsql AS $guard$
                 BEGIN
                     IF TG_OP = 'INSERT' THEN
                         IF NEW.state <> 'PLANNED' OR NEW.fence <> 0 THEN
                             RAISE EXCEPTION 'a job begins as planned' USING ERRCODE = 'check_violation';
                         END IF;
                     ELSIF NOT ({is_legal}) THEN
                         RAISE EXCEPTION 'a job cannot go from % to %', OLD.state, NEW.state
                             USING ERRCODE = 'check_violation';
                     ELSIF NEW.fence < OLD.fence THEN
                         RAISE EXCEPTION 'a fence never shrinks' USING ERRCODE = 'check_violation';
                     END IF;
                     RETURN NEW;
                 END $guard$"
            ),
            "CREATE TRIGGER jobs_guard BEFORE INSERT OR UPDATE OF state, fence ON jobs
             FOR EACH ROW EXECUTE FUNCTION jobs_guard()"
                .to_owned(),
        ],
    }
}

fn quoted(labels: impl IntoIterator<Item = &'static str>) -> String {
    labels.into_iter().map(|label| format!("'{label}'")).collect::<Vec<_>>().join(", ")
}
