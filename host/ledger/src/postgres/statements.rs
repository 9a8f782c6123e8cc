//! Statements and values, carried to PostgreSQL and back.

use std::error::Error as _;

use deadpool_postgres::{HookError, PoolError, Transaction};
use futures_util::future::try_join_all;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

use crate::error::LedgerError;
use crate::sql::{Cell, Dialect, Param, Row, Sql};

use super::Time;

/// A transaction, seen from inside.
pub(super) struct Session<'t> {
    transaction: &'t Transaction<'t>,
    time: &'t Time,
    /// What the server last said: the request sees only what it means to a ledger.
    failed: Option<Failure>,
}

/// An error, and whether to try again.
#[derive(Debug)]
pub(super) struct Failure {
    again: Again,
    error: LedgerError,
}

/// Whether a transaction that failed so is worth beginning anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    No,
    /// The server ended it in favour of another: it certainly did nothing.
    Undone,
    /// Its connection broke: it did nothing, unless it was being committed.
    Broken,
}

impl<'t> Session<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>, time: &'t Time) -> Self {
        Self { transaction, time, failed: None }
    }

    /// Adds what is known of an error that a request passed on.
    pub(super) fn explain<T>(&mut self, reply: Result<T, LedgerError>) -> Result<T, Failure> {
        reply.map_err(|error| match self.failed.take() {
            Some(failed) if failed.error == error => failed,
            _ => Failure { again: Again::No, error },
        })
    }

    async fn ask(&mut self, sql: &str, sets: &[&[Param<'_>]]) -> Result<Vec<Vec<Row>>, LedgerError> {
        let transaction = self.transaction;
        let asked = async {
            let statement = transaction.prepare_cached(sql).await?;
            let statement = &statement;
            try_join_all(
                sets.iter().map(|set| async move { transaction.query(statement, &values(set)).await }),
            )
            .await
        };
        let found = asked.await.map_err(|error| self.note(error))?;
        found.iter().map(|rows| rows.iter().map(row).collect()).collect()
    }

    async fn change(&mut self, sql: &str, sets: &[&[Param<'_>]]) -> Result<Vec<u64>, LedgerError> {
        let transaction = self.transaction;
        let changed = async {
            let statement = transaction.prepare_cached(sql).await?;
            let statement = &statement;
            try_join_all(
                sets.iter().map(|set| async move { transaction.execute(statement, &values(set)).await }),
            )
            .await
        };
        changed.await.map_err(|error| self.note(error))
    }

    fn note(&mut self, error: tokio_postgres::Error) -> LedgerError {
        let failure = Failure::from(error);
        let error = failure.error.clone();
        self.failed = Some(failure);
        error
    }
}

fn values<'p>(set: &'p [Param<'_>]) -> Vec<&'p (dyn ToSql + Sync)> {
    set.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}

impl Sql for Session<'_> {
    const DIALECT: Dialect = Dialect::Postgres;

    async fn now(&mut self) -> Result<i64, LedgerError> {
        match self.time {
            Time::Given(clock) => Ok(clock.now_ms()),
            Time::Server => {
                let statement = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
                let rows = self.rows(statement, &[]).await?;
                rows.first().ok_or_else(|| LedgerError::Corrupt("the server has no clock".to_owned()))?.int(0)
            }
        }
    }

    async fn rows(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, LedgerError> {
        Ok(self.ask(sql, &[params]).await?.pop().unwrap_or_default())
    }

    async fn run(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64, LedgerError> {
        Ok(self.change(sql, &[params]).await?.pop().unwrap_or_default())
    }

    async fn rows_of_each(
        &mut self,
        sql: &str,
        sets: &[Vec<Param<'_>>],
    ) -> Result<Vec<Vec<Row>>, LedgerError> {
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let sets: Vec<&[Param<'_>]> = sets.iter().map(Vec::as_slice).collect();
        self.ask(sql, &sets).await
    }

    async fn run_each(&mut self, sql: &str, sets: &[Vec<Param<'_>>]) -> Result<Vec<u64>, LedgerError> {
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let sets: Vec<&[Param<'_>]> = sets.iter().map(Vec::as_slice).collect();
        self.change(sql, &sets).await
    }
}

impl ToSql for Param<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Param::Int(number) | Param::MaybeInt(Some(number)) if *ty == Type::INT8 => number.to_sql(ty, out),
            Param::Text(text) | Param::MaybeText(Some(text)) if *ty == Type::TEXT => text.to_sql(ty, out),
            Param::MaybeInt(None) | Param::MaybeText(None) => Ok(IsNull::Yes),
            _ => Err(format!("{self:?} was given for a {ty}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Failure {
    pub(super) fn is_worth_another_try(&self) -> bool {
        self.again != Again::No
    }

    /// Where the connection broke now, nobody knows whether it was done: the caller must ask.
    pub(super) fn at_commit(self) -> Self {
        let again = if self.again == Again::Broken { Again::No } else { self.again };
        Self { again, ..self }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let said = match (error.as_db_error(), error.source()) {
            (Some(db), _) => db.to_string(),
            (None, Some(source)) => format!("{error}: {source}"),
            (None, None) => error.to_string(),
        };
        let code = error.code().cloned();
        let closed = error.is_closed();
        let error = match code.as_ref() {
            None => LedgerError::Unavailable(said),
            Some(&SqlState::DISK_FULL) => LedgerError::Full(said),
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION | &SqlState::INSUFFICIENT_PRIVILEGE) => {
                LedgerError::ReadOnly(said)
            }
            Some(&SqlState::UNDEFINED_TABLE | &SqlState::INVALID_CATALOG_NAME) => LedgerError::Gone(said),
            // Class 22: a value, 23: a constraint, 42: a statement, XX: the database itself.
            Some(code) if ["22", "23", "42", "XX"].contains(&code.code().get(..2).unwrap_or_default()) => {
                LedgerError::Corrupt(said)
            }
            Some(_) => LedgerError::Unavailable(said),
        };
        let again = match code.as_ref() {
            Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE) => Again::Undone,
            Some(&SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN) => Again::Broken,
            _ if closed => Again::Broken,
            _ => Again::No,
        };
        Self { again, error }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                // A server that lets nobody in is not asked again and again.
                Self { again: Again::No, ..error.into() }
            }
            other => Self { again: Again::No, error: LedgerError::Unavailable(other.to_string()) },
        }
    }
}

impl From<Failure> for LedgerError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, LedgerError> {
    let cells = row.columns().iter().enumerate().map(|(at, column)| {
        let strange = |error: tokio_postgres::Error| LedgerError::Corrupt(error.to_string());
        Ok(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(at).map_err(strange)?.map_or(Cell::Null, Cell::Int),
            Type::TEXT => {
                row.try_get::<_, Option<String>>(at).map_err(strange)?.map_or(Cell::Null, Cell::Text)
            }
            ref other => {
                return Err(LedgerError::Corrupt(format!("column {} is a {other}", column.name())));
            }
        })
    });
    cells.collect::<Result<_, _>>().map(Row)
}
