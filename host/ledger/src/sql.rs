//! What the two databases have in common: a transaction that takes statements. The requests of `protocol` are
//! written once against this; an engine only opens, commits and converts values.
//!
//! Statements number their parameters `$1`, `$2` … in the order in which they first appear: PostgreSQL goes by
//! the numbers, SQLite by the order.

use crate::error::LedgerError;

/// A parameter of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Param<'a> {
    Int(i64),
    Text(&'a str),
    MaybeInt(Option<i64>),
    MaybeText(Option<&'a str>),
}

/// A value of a result.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    /// What no column of the schema holds: a text that is not UTF-8, a fraction, bytes. Whoever reads it refuses the
    /// row, and not the rows beside it.
    Odd(&'static str),
}

/// One row of a result; cells are read by their place in the statement.
#[derive(Clone, Debug)]
pub(crate) struct Row(pub(crate) Vec<Cell>);

/// The differences that statements have to know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "the other engine is not compiled"))]
    Sqlite,
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "the other engine is not compiled"))]
    Postgres,
}

/// An open transaction. A request must refuse before its first write: SQLite's engine shares a commit among many
/// callers, and does not undo the writes of one of them alone.
pub(crate) trait Sql: Send {
    const DIALECT: Dialect;

    /// Milliseconds since the epoch on the database's clock.
    fn now(&mut self) -> impl Future<Output = Result<i64, LedgerError>> + Send;

    /// The rows of a query.
    fn rows(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
    ) -> impl Future<Output = Result<Vec<Row>, LedgerError>> + Send;

    /// Runs a statement that changes rows; replies with how many.
    fn run(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
    ) -> impl Future<Output = Result<u64, LedgerError>> + Send;

    /// Runs a query once for each set of parameters, in order, without a round trip for each.
    fn rows_of_each(
        &mut self,
        sql: &str,
        sets: &[Vec<Param<'_>>],
    ) -> impl Future<Output = Result<Vec<Vec<Row>>, LedgerError>> + Send;

    /// The same for a statement that changes rows. Such a statement uses no `RETURNING`: SQLite would collect the
    /// rows in a temporary table, which costs more than the change.
    fn run_each(
        &mut self,
        sql: &str,
        sets: &[Vec<Param<'_>>],
    ) -> impl Future<Output = Result<Vec<u64>, LedgerError>> + Send;
}

impl Row {
    pub(crate) fn int(&self, at: usize) -> Result<i64, LedgerError> {
        self.maybe_int(at)?.ok_or_else(|| unexpected(at, "a number", &Cell::Null))
    }

    pub(crate) fn maybe_int(&self, at: usize) -> Result<Option<i64>, LedgerError> {
        match self.0.get(at) {
            Some(Cell::Int(number)) => Ok(Some(*number)),
            Some(Cell::Null) => Ok(None),
            Some(other) => Err(unexpected(at, "a number", other)),
            None => Err(LedgerError::Corrupt(format!("no column {at}"))),
        }
    }

    pub(crate) fn text(&self, at: usize) -> Result<&str, LedgerError> {
        self.maybe_text(at)?.ok_or_else(|| unexpected(at, "a text", &Cell::Null))
    }

    pub(crate) fn maybe_text(&self, at: usize) -> Result<Option<&str>, LedgerError> {
        match self.0.get(at) {
            Some(Cell::Text(text)) => Ok(Some(text)),
            Some(Cell::Null) => Ok(None),
            Some(other) => Err(unexpected(at, "a text", other)),
            None => Err(LedgerError::Corrupt(format!("no column {at}"))),
        }
    }

    pub(crate) fn count(&self, at: usize) -> Result<u64, LedgerError> {
        let number = self.int(at)?;
        u64::try_from(number).map_err(|_| LedgerError::Corrupt(format!("a count of {number}")))
    }
}

fn unexpected(at: usize, wanted: &str, found: &Cell) -> LedgerError {
    let found = match found {
        Cell::Null => "nothing",
        Cell::Int(_) => "a number",
        Cell::Text(_) => "a text",
        Cell::Odd(what) => what,
    };
    LedgerError::Corrupt(format!("column {at} holds {found} instead of {wanted}"))
}
