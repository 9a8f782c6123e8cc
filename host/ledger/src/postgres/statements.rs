//! Runs statements on PostgreSQL, and converts parameters, values and errors.

use std::error::Error as _;

use deadpool_postgres::{HookError, PoolError, Transaction};
use futures_util::future::try_join_all;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

use crate::error::LedgerError;
use crate::sql::{Cell, Dialect, Param, Row, Sql};

use super::settings::Time;

/// An open transaction.
pub(super) struct Session<'t> {
    transaction: &'t Transaction<'t>,
    time: &'t Time,
    /// Statements are prepared, and run again in the same session.
    prepares: bool,
    /// The last error with whether to retry: a request sees only the ledger's error for it.
    failed: Option<Failure>,
}

/// An error, and whether to retry.
#[derive(Debug)]
pub(super) struct Failure {
    cause: Cause,
    error: LedgerError,
}

/// Why a transaction failed, as far as it decides whether to begin it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Anything else: it would fail again.
    Other,
    /// The server ended it in favour of another: it certainly did nothing.
    RolledBack,
    /// Its connection broke: it did nothing, unless it was being committed.
    Disconnected,
}

impl<'t> Session<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>, time: &'t Time, prepares: bool) -> Self {
        Self { transaction, time, prepares, failed: None }
    }

    /// Adds whether to retry to an error that a request passed on.
    pub(super) fn explain<T>(&mut self, reply: Result<T, LedgerError>) -> Result<T, Failure> {
        reply.map_err(|error| match self.failed.take() {
            Some(failed) if failed.error == error => failed,
            _ => Failure { cause: Cause::Other, error },
        })
    }

    async fn query(&mut self, sql: &str, sets: &[&[Param<'_>]]) -> Result<Vec<Vec<Row>>, LedgerError> {
        let (transaction, prepares) = (self.transaction, self.prepares);
        let queried = async {
            if !prepares {
                let each =
                    sets.iter().map(|set| async move { transaction.query_typed(sql, &typed(set)).await });
                return try_join_all(each).await;
            }
            let statement = transaction.prepare_cached(sql).await?;
            let statement = &statement;
            try_join_all(
                sets.iter().map(|set| async move { transaction.query(statement, &values(set)).await }),
            )
            .await
        };
        let found = queried.await.map_err(|error| self.remember(error))?;
        found.iter().map(|rows| rows.iter().map(row).collect()).collect()
    }

    async fn change(&mut self, sql: &str, sets: &[&[Param<'_>]]) -> Result<Vec<u64>, LedgerError> {
        let (transaction, prepares) = (self.transaction, self.prepares);
        let changed = async {
            if !prepares {
                let each =
                    sets.iter().map(|set| async move { transaction.execute_typed(sql, &typed(set)).await });
                return try_join_all(each).await;
            }
            let statement = transaction.prepare_cached(sql).await?;
            let statement = &statement;
            try_join_all(
                sets.iter().map(|set| async move { transaction.execute(statement, &values(set)).await }),
            )
            .await
        };
        changed.await.map_err(|error| self.remember(error))
    }

    fn remember(&mut self, error: tokio_postgres::Error) -> LedgerError {
        let failure = Failure::from(error);
        let error = failure.error.clone();
        self.failed = Some(failure);
        error
    }
}

fn values<'p>(set: &'p [Param<'_>]) -> Vec<&'p (dyn ToSql + Sync)> {
    set.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}

/// Their types are known here, so that the server need not be asked for them.
fn typed<'p>(set: &'p [Param<'_>]) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    let of = |param: &Param<'_>| match param {
        Param::Int(_) | Param::MaybeInt(_) => Type::INT8,
        Param::Text(_) | Param::MaybeText(_) => Type::TEXT,
    };
    set.iter().map(|param| (param as &(dyn ToSql + Sync), of(param))).collect()
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
        Ok(self.query(sql, &[params]).await?.pop().unwrap_or_default())
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
        self.query(sql, &sets).await
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
    pub(super) fn is_retryable(&self) -> bool {
        self.cause != Cause::Other
    }

    /// If the connection broke during the commit, nobody knows whether it was made: only the caller can find out.
    pub(super) fn at_commit(self) -> Self {
        let cause = if self.cause == Cause::Disconnected { Cause::Other } else { self.cause };
        Self { cause, ..self }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let why = with_cause(&error);
        let code = error.code().cloned();
        let closed = error.is_closed();
        let error = match code.as_ref() {
            None => LedgerError::Unavailable(why),
            Some(&SqlState::DISK_FULL) => LedgerError::Full(why),
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION | &SqlState::INSUFFICIENT_PRIVILEGE) => {
                LedgerError::ReadOnly(why)
            }
            Some(&SqlState::UNDEFINED_TABLE | &SqlState::INVALID_CATALOG_NAME) => LedgerError::Gone(why),
            // Class 22: a value, 23: a constraint, 42: a statement, XX: the database itself.
            Some(code) if ["22", "23", "42", "XX"].contains(&code.code().get(..2).unwrap_or_default()) => {
                LedgerError::Corrupt(why)
            }
            Some(_) => LedgerError::Unavailable(why),
        };
        let cause = match code.as_ref() {
            Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE) => {
                Cause::RolledBack
            }
            Some(&SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN) => Cause::Disconnected,
            _ if closed => Cause::Disconnected,
            _ => Cause::Other,
        };
        Self { cause, error }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                // A server that accepts no connections is not tried again and again.
                Self { cause: Cause::Other, ..error.into() }
            }
            other => Self { cause: Cause::Other, error: LedgerError::Unavailable(other.to_string()) },
        }
    }
}

impl From<Failure> for LedgerError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// For people: what the server or the system said, because the error's own text is only of what kind it is.
pub(super) fn with_cause(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(db), _) => db.to_string(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, LedgerError> {
    let cells = row.columns().iter().enumerate().map(|(at, column)| {
        let odd = |_: tokio_postgres::Error| Cell::Odd("what is not of its column's type");
        Ok(match *column.type_() {
            Type::INT8 => row
                .try_get::<_, Option<i64>>(at)
                .map_or_else(odd, |number| number.map_or(Cell::Null, Cell::Int)),
            Type::TEXT => row
                .try_get::<_, Option<String>>(at)
                .map_or_else(odd, |text| text.map_or(Cell::Null, Cell::Text)),
            ref other => {
                return Err(LedgerError::Corrupt(format!("column {} is a {other}", column.name())));
            }
        })
    });
    cells.collect::<Result<_, _>>().map(Row)
}
