//! Runs statements on SQLite, and converts parameters, values and errors.

use rusqlite::types::{Null, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, params_from_iter};

use crate::clock::Clock;
use crate::error::LedgerError;
use crate::sql::{Cell, Dialect, Param, Row, Sql};

/// A connection inside a transaction.
pub(super) struct Statements<'c> {
    connection: &'c mut Connection,
    clock: &'c dyn Clock,
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c mut Connection, clock: &'c dyn Clock) -> Self {
        Self { connection, clock }
    }

    fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>, LedgerError> {
        let statement = self.connection.prepare_cached(sql).map_err(|error| failure(&error))?;
        debug_assert!(
            (1..=statement.parameter_count())
                .all(|n| statement.parameter_name(n) == Some(format!("${n}").as_str())),
            "the parameters must first appear in their order: {sql}"
        );
        Ok(statement)
    }
}

impl Sql for Statements<'_> {
    const DIALECT: Dialect = Dialect::Sqlite;

    async fn now(&mut self) -> Result<i64, LedgerError> {
        Ok(self.clock.now_ms())
    }

    async fn rows(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, LedgerError> {
        fetch(&mut self.prepare(sql)?, params)
    }

    async fn run(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64, LedgerError> {
        change(&mut self.prepare(sql)?, params)
    }

    async fn rows_of_each(
        &mut self,
        sql: &str,
        sets: &[Vec<Param<'_>>],
    ) -> Result<Vec<Vec<Row>>, LedgerError> {
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = self.prepare(sql)?;
        sets.iter().map(|params| fetch(&mut statement, params)).collect()
    }

    async fn run_each(&mut self, sql: &str, sets: &[Vec<Param<'_>>]) -> Result<Vec<u64>, LedgerError> {
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = self.prepare(sql)?;
        sets.iter().map(|params| change(&mut statement, params)).collect()
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Param::Int(number) | Param::MaybeInt(Some(number)) => number.to_sql(),
            Param::Text(text) | Param::MaybeText(Some(text)) => text.to_sql(),
            Param::MaybeInt(None) | Param::MaybeText(None) => Ok(ToSqlOutput::from(Null)),
        }
    }
}

/// The ledger's error for one of SQLite.
pub(super) fn failure(error: &rusqlite::Error) -> LedgerError {
    let why = error.to_string();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied,
        ) => LedgerError::ReadOnly(why),
        Some(ErrorCode::DiskFull) => LedgerError::Full(why),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation) => {
            LedgerError::Corrupt(why)
        }
        Some(_) => LedgerError::Unavailable(why),
        // From rusqlite rather than SQLite: a column of an unexpected type, and the like.
        None => LedgerError::Corrupt(why),
    }
}

fn change(statement: &mut CachedStatement<'_>, params: &[Param<'_>]) -> Result<u64, LedgerError> {
    let changed = statement.execute(params_from_iter(params)).map_err(|error| failure(&error))?;
    Ok(changed as u64)
}

fn fetch(statement: &mut CachedStatement<'_>, params: &[Param<'_>]) -> Result<Vec<Row>, LedgerError> {
    let columns = statement.column_count();
    let mut found = statement.query(params_from_iter(params)).map_err(|error| failure(&error))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(|error| failure(&error))? {
        let cells = (0..columns)
            .map(|at| row.get_ref(at).map(cell).map_err(|error| failure(&error)))
            .collect::<Result<_, _>>()?;
        rows.push(Row(cells));
    }
    Ok(rows)
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Odd("a text that is not UTF-8"),
        },
        ValueRef::Real(_) => Cell::Odd("a fraction"),
        ValueRef::Blob(_) => Cell::Odd("bytes"),
    }
}
