//! Opening the file: whether it is a ledger, of which version, and whether it can be written to.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};

use crate::error::LedgerError;
use crate::schema::{APPLICATION_ID, VERSION, check_version, migration};
use crate::sql::Dialect;

use super::settings::SqliteSettings;
use super::statements::failure;

/// Pages in the log before a checkpoint writes it back into the file (32 MiB): each costs two syncs, so it should be
/// rare, and after a crash a log of this size is read again in well under a second.
const LOG_PAGES: i64 = 8192;

/// KiB of pages cached in memory: enough for that part of the index which jobs are leased from, with millions of jobs.
const CACHE_KIB: i64 = 32 * 1024;

/// Between two tries to set the journal mode.
const AGAIN: Duration = Duration::from_millis(10);

/// Prepared statements that are cached: more than the ledger has.
const STATEMENTS: usize = 64;

/// A connection for the one writer of this process, which waits for the writers of other processes by itself.
pub(super) fn for_writing(settings: &SqliteSettings) -> Result<Connection, LedgerError> {
    let opened = open(settings)?;
    let connection = prepare(settings, opened).map_err(|error| place(settings, error))?;
    connection.busy_timeout(Duration::ZERO).map_err(|error| failure(&error))?;
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn for_reading(settings: &SqliteSettings) -> Result<Connection, LedgerError> {
    let connection = open(settings)?;
    connection.pragma_update(None, "query_only", true).map_err(|error| failure(&error))?;
    Ok(connection)
}

fn open(settings: &SqliteSettings) -> Result<Connection, LedgerError> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, settings.create);
    let connection = Connection::open_with_flags(&settings.path, flags).map_err(|error| {
        if !settings.create && matches!(settings.path.try_exists(), Ok(false)) {
            return absent(settings);
        }
        LedgerError::Open { place: name(settings), why: error.to_string() }
    })?;
    connection.busy_timeout(settings.timeout).map_err(|error| failure(&error))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn prepare(settings: &SqliteSettings, mut connection: Connection) -> Result<Connection, LedgerError> {
    let sqlite = |error: rusqlite::Error| failure(&error);
    if connection.is_readonly(MAIN_DB).map_err(sqlite)? {
        return Err(LedgerError::ReadOnly(format!("{} cannot be written to", name(settings))));
    }
    // Before anything is changed in a file that may not be ours.
    let check = connection.transaction().map_err(sqlite)?;
    let found = version(settings, &check)?;
    check.rollback().map_err(sqlite)?;
    if found == 0 && !settings.create {
        return Err(absent(settings));
    }
    let through = writes_through(&settings.path);
    if settings.durable && !through {
        tracing::warn!(
            "the ledger's file system cannot write files through to the disk: a power failure may cost what it kept last"
        );
        connection.pragma_update(None, "synchronous", "OFF").map_err(sqlite)?;
    }
    let mode = write_ahead(settings, &connection).map_err(sqlite)?;
    if !mode.eq_ignore_ascii_case("wal") {
        let why = format!("its file system cannot share a log between processes (journal mode {mode})");
        return Err(LedgerError::Open { place: name(settings), why });
    }
    let synchronous = if settings.durable && through { "FULL" } else { "OFF" };
    connection.pragma_update(None, "synchronous", synchronous).map_err(sqlite)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(sqlite)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(sqlite)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES).map_err(sqlite)?;
    if found == 0 || (found < VERSION && settings.upgrade) {
        migrate(settings, &mut connection)?;
    }
    Ok(connection)
}

/// Sets the journal mode, and replies with it. Of several processes that do so in a new file at the same time SQLite
/// refuses all but one, without waiting as it does elsewhere.
fn write_ahead(settings: &SqliteSettings, connection: &Connection) -> rusqlite::Result<String> {
    let began = Instant::now();
    loop {
        let set = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0));
        let is_busy = |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
        if set.as_ref().is_err_and(is_busy) && began.elapsed() < settings.timeout {
            std::thread::sleep(AGAIN);
            continue;
        }
        return set;
    }
}

/// Whether files can be synced where the ledger is. Some FUSE and network file systems cannot, and say so; an error of
/// the disk is left to the first write.
fn writes_through(path: &Path) -> bool {
    let synced = File::open(path).and_then(|file| file.sync_all());
    !synced.is_err_and(|error| matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput))
}

/// Upgrades the schema to this version, once, however many processes open the ledger at the same time.
fn migrate(settings: &SqliteSettings, connection: &mut Connection) -> Result<(), LedgerError> {
    let sqlite = |error: rusqlite::Error| failure(&error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
    // Read again under the lock: another process may have migrated meanwhile.
    let found = version(settings, &transaction)?;
    for next in found + 1..=VERSION {
        for statement in migration(next, Dialect::Sqlite) {
            transaction.execute_batch(&statement).map_err(sqlite)?;
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sqlite)?;
    transaction.pragma_update(None, "user_version", VERSION).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)
}

/// The schema's version; 0 for a file that is new. Runs several queries, so it needs a transaction.
fn version(settings: &SqliteSettings, connection: &Transaction<'_>) -> Result<i64, LedgerError> {
    let foreign = |why: String| LedgerError::Foreign { place: name(settings), why };
    let number = |pragma: &str| {
        connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(
            |error| match failure(&error) {
                LedgerError::Corrupt(why) => foreign(why),
                other => other,
            },
        )
    };
    let (application, found) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION_ID {
        let tables: i64 = connection
            .query_row("SELECT COUNT(*) FROM sqlite_master", [], |row| row.get(0))
            .map_err(|error| failure(&error))?;
        if tables > 0 || application != 0 || found != 0 {
            return Err(foreign(format!(
                "it is a database of another program (application id {application:#x})"
            )));
        }
        return Ok(0);
    }
    check_version(&name(settings), found, settings.upgrade)
}

/// Adds the place to an error of opening that does not name it yet.
fn place(settings: &SqliteSettings, error: LedgerError) -> LedgerError {
    match error {
        LedgerError::Unavailable(why) => LedgerError::Open { place: name(settings), why },
        LedgerError::Corrupt(why) => LedgerError::Foreign { place: name(settings), why },
        other => other,
    }
}

fn absent(settings: &SqliteSettings) -> LedgerError {
    LedgerError::Absent { place: name(settings) }
}

fn name(settings: &SqliteSettings) -> String {
    settings.path.display().to_string()
}
