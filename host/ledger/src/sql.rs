//! What the two databases have in common: a transaction that takes statements. Everything the ledger does is
//! written once over this; an engine only opens, commits and carries values.
//!
//! Statements number their parameters `$1`, `$2` … in the order in which they first appear: PostgreSQL reads
//! the numbers, SQLite the order.

use std::future::Future;

use super::error::LedgerError;

/// A value on its way in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Param<'a> {
    Int(i64),
    Text(&'a str),
    MaybeInt(Option<i64>),
    MaybeText(Option<&'a str>),
}

/// A value on its way out.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Text(String),
}

/// One row; cells are taken by their place in the statement.
#[derive(Clone, Debug)]
pub(super) struct Row(pub(super) Vec<Cell>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// One transaction, seen from inside. A refusal must come before the first write: SQLite's engine shares a
/// commit among many callers and undoes nothing for one of them alone.
pub(super) trait Sql: Send {
    const DIALECT: Dialect;

    /// Milliseconds since the epoch on the database's clock.
    fn now(&mut self) -> impl Future<Output = Result<i64, LedgerError>> + Send;

    fn rows(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
    ) -> impl Future<Output = Result<Vec<Row>, LedgerError>> + Send;

    /// The number of rows that it changed.
    fn run(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
    ) -> impl Future<Output = Result<u64, LedgerError>> + Send;

    /// One statement for many sets of parameters, in their order, without a round trip for each.
    fn rows_of_each(
        &mut self,
        sql: &str,
        sets: &[Vec<Param<'_>>],
    ) -> impl Future<Output = Result<Vec<Vec<Row>>, LedgerError>> + Send;

    /// The same for a statement that changes rows. It returns none: SQLite would gather them in a table of their
    /// own, which costs more than the change.
    fn run_each(
        &mut self,
        sql: &str,
        sets: &[Vec<Param<'_>>],
    ) -> impl Future<Output = Result<Vec<u64>, LedgerError>> + Send;
}

impl Row {
    pub(super) fn int(&self, at: usize) -> Result<i64, LedgerError> {
        self.maybe_int(at)?.ok_or_else(|| unexpected(at, "a number", &Cell::Null))
    }

    pub(super) fn maybe_int(&self, at: usize) -> Result<Option<i64>, LedgerError> {
        match self.0.get(at) {
            Some(Cell::Int(number)) => Ok(Some(*number)),
            Some(Cell::Null) => Ok(None),
            Some(other) => Err(unexpected(at, "a number", other)),
            None => Err(LedgerError::Corrupt(format!("no column {at}"))),
        }
    }

    pub(super) fn text(&self, at: usize) -> Result<&str, LedgerError> {
        self.maybe_text(at)?.ok_or_else(|| unexpected(at, "a text", &Cell::Null))
    }

    pub(super) fn maybe_text(&self, at: usize) -> Result<Option<&str>, LedgerError> {
        match self.0.get(at) {
            Some(Cell::Text(text)) => Ok(Some(text)),
            Some(Cell::Null) => Ok(None),
            Some(other) => Err(unexpected(at, "a text", other)),
            None => Err(LedgerError::Corrupt(format!("no column {at}"))),
        }
    }

    pub(super) fn count(&self, at: usize) -> Result<u64, LedgerError> {
        let number = self.int(at)?;
        u64::try_from(number).map_err(|_| LedgerError::Corrupt(format!("a count of {number}")))
    }
}

fn unexpected(at: usize, wanted: &str, found: &Cell) -> LedgerError {
    let found = match found {
        Cell::Null => "nothing",
        Cell::Int(_) => "a number",
        Cell::Text(_) => "a text",
    };
    LedgerError::Corrupt(format!("column {at} holds {found} instead of {wanted}"))
}
