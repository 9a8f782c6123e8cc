//! What the ledger's tests share: a clock that is set by hand, rules, jobs, and an empty ledger of either engine.

#[cfg(feature = "postgres")]
pub(super) mod server;

#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::command::JobCommand;
use crate::contract::Ledger;
use crate::engine::Engine;
use crate::error::LedgerError;
use crate::job::{CandidateRecord, Ending, Enqueued, Lease, NewJob, UnreadableRow};
use crate::key::JobKey;
use crate::op::{Begun, Op, OpKind, OpOutcome};
#[cfg(feature = "postgres")]
use crate::postgres::{PostgresLedger, PostgresSettings, Time};
use crate::protocol::{LeaseJob, Rules};
use crate::schedule::Schedule;
#[cfg(feature = "sqlite")]
use crate::sqlite::{SqliteLedger, SqliteSettings};
use crate::state::{State, Step};

pub(super) const LEASE: Duration = Duration::from_secs(120);
pub(super) const ABANDONED: Duration = Duration::from_secs(600);
pub(super) const MAX_ATTEMPTS: u32 = 5;

/// A clock that stands still until it is set.
#[derive(Debug)]
pub(super) struct ManualClock(AtomicI64);

/// A ledger, and what only tests ask of it.
pub(super) trait TestLedger: Ledger {
    /// Leases a job that is planned already, if it is available. Errors: `UnknownJob`.
    fn lease<'a>(&'a self, job: &JobKey, owner: &str) -> BoxFuture<'a, Result<Enqueued, LedgerError>>;
}

/// One ledger, new and empty, and its clock.
#[derive(Debug)]
pub(super) struct World {
    pub(super) ledger: Arc<dyn TestLedger>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) place: Place,
}

/// Where a world's ledger is.
#[derive(Debug)]
pub(super) enum Place {
    #[cfg(feature = "sqlite")]
    Sqlite { path: PathBuf, _folder: tempfile::TempDir },
    #[cfg(feature = "postgres")]
    Postgres { url: String, schema: String },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum EngineKind {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
}

impl<E: Engine> TestLedger for E {
    fn lease<'a>(&'a self, job: &JobKey, owner: &str) -> BoxFuture<'a, Result<Enqueued, LedgerError>> {
        Box::pin(self.write(LeaseJob { job: job.clone(), owner: Arc::from(owner) }))
    }
}

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(1_700_000_000_000))
    }

    pub(crate) fn go_forward(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    pub(crate) fn go_back(&self, by: Duration) {
        self.0.fetch_sub(by.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl World {
    /// One of each engine that is compiled and installed.
    pub(super) async fn of_each_engine() -> Vec<Self> {
        let engines = [
            #[cfg(feature = "sqlite")]
            EngineKind::Sqlite,
            #[cfg(feature = "postgres")]
            EngineKind::Postgres,
        ];
        let mut worlds = Vec::new();
        for engine in engines {
            worlds.extend(Self::new(engine).await);
        }
        worlds
    }

    /// `None`: the engine is not installed here.
    pub(super) async fn new(engine: EngineKind) -> Option<Self> {
        let clock = Arc::new(ManualClock::new());
        let place = match engine {
            #[cfg(feature = "sqlite")]
            EngineKind::Sqlite => {
                let folder = tempfile::tempdir().expect("the temporary folder can be written to");
                Place::Sqlite { path: folder.path().join("ledger.sqlite"), _folder: folder }
            }
            #[cfg(feature = "postgres")]
            EngineKind::Postgres => {
                use std::sync::atomic::AtomicU32;
                static SCHEMAS: AtomicU32 = AtomicU32::new(0);
                // Quick rather than durable: no test cuts the power.
                let server = server::server("-c fsync=off")?;
                let schema = format!("t{}", SCHEMAS.fetch_add(1, Ordering::SeqCst));
                Place::Postgres { url: server.url(), schema }
            }
        };
        let ledger = place.open(&clock, false).await.expect("a new ledger can be made");
        Some(Self { ledger, clock, place })
    }

    /// Another ledger of the same engine, new and empty, with the same clock.
    pub(super) async fn another(&self) -> Self {
        let engine = match self.place {
            #[cfg(feature = "sqlite")]
            Place::Sqlite { .. } => EngineKind::Sqlite,
            #[cfg(feature = "postgres")]
            Place::Postgres { .. } => EngineKind::Postgres,
        };
        let mut other = Self::new(engine).await.expect("the engine is there");
        other.clock = Arc::clone(&self.clock);
        other.ledger = other.place.open(&self.clock, false).await.expect("it is there");
        other
    }

    /// The same ledger, opened again as by another process.
    pub(super) async fn join(&self) -> Result<Arc<dyn TestLedger>, LedgerError> {
        self.place.open(&self.clock, false).await
    }

    /// The same ledger, as by a process that allows so many attempts.
    pub(super) async fn join_allowing(&self, max_attempts: u32) -> Result<Arc<dyn TestLedger>, LedgerError> {
        let rules = rules();
        let rules = Rules { schedule: Schedule { max_attempts, ..rules.schedule }, ..rules };
        self.place.open_if(&self.clock, rules, false, true).await
    }

    /// Runs a statement past the ledger, as someone with a shell would.
    pub(super) async fn sql(&self, statement: &str) -> Result<(), String> {
        match &self.place {
            #[cfg(feature = "sqlite")]
            Place::Sqlite { path, .. } => {
                let connection = rusqlite::Connection::open(path).map_err(|error| error.to_string())?;
                connection.busy_timeout(Duration::from_secs(5)).map_err(|error| error.to_string())?;
                connection.execute_batch(statement).map_err(|error| error.to_string())
            }
            #[cfg(feature = "postgres")]
            Place::Postgres { url, schema } => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
                    .await
                    .map_err(|error| error.to_string())?;
                let connection = tokio::spawn(connection);
                let statement = format!("SET search_path = {schema}; {statement}");
                let done = client.batch_execute(&statement).await;
                drop(client);
                let _ = connection.await;
                done.map_err(|error| {
                    error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned())
                })
            }
        }
    }

    pub(super) async fn plan(&self, number: u32) -> JobKey {
        let planned = self.ledger.plan(vec![job(number)]).await.expect("a job can be planned");
        planned.first().expect("one answer for one job").key().clone()
    }

    pub(super) async fn take(&self, key: &JobKey, owner: &str) -> Lease {
        match self.ledger.lease(key, owner).await {
            Ok(Enqueued::Leased(lease)) => lease,
            other => panic!("the job should be free: {other:?}"),
        }
    }

    /// Begins an op that is to be run.
    pub(super) async fn begin(&self, lease: &Lease, kind: OpKind) -> Op {
        let op = op(lease, kind);
        match self.try_begin(lease, op.clone()).await {
            Ok(Begun::Run) => op,
            other => panic!("{kind} should be run: {other:?}"),
        }
    }

    pub(super) async fn try_begin(&self, lease: &Lease, op: Op) -> Result<Begun, LedgerError> {
        let reply = self.ledger.execute_one(lease, JobCommand::Begin(op)).await?;
        Ok(reply.begun.expect("a begin is answered"))
    }

    pub(super) async fn complete(
        &self,
        lease: &Lease,
        op: Op,
        outcome: OpOutcome,
    ) -> Result<State, LedgerError> {
        Ok(self.ledger.execute_one(lease, JobCommand::Complete(op, outcome)).await?.state)
    }

    /// Begins and completes one op.
    pub(super) async fn effect(&self, lease: &Lease, kind: OpKind) {
        let op = self.begin(lease, kind).await;
        self.complete(lease, op, done(kind)).await.expect("a held job's op can be completed");
    }

    pub(super) async fn advance(&self, lease: &Lease, step: Step) -> Result<State, LedgerError> {
        Ok(self.ledger.execute_one(lease, JobCommand::Step(step)).await?.state)
    }

    pub(super) async fn candidates(
        &self,
        lease: &Lease,
        candidates: Vec<CandidateRecord>,
    ) -> Result<(), LedgerError> {
        self.ledger.execute_one(lease, JobCommand::Candidates(candidates)).await.map(drop)
    }

    pub(crate) async fn check(&self, lease: &Lease) -> Result<State, LedgerError> {
        Ok(self.ledger.execute_one(lease, JobCommand::Check).await?.state)
    }

    pub(super) async fn finish(
        &self,
        lease: &Lease,
        ending: Ending,
    ) -> Result<(State, Option<i64>), LedgerError> {
        let reply = self.ledger.execute_one(lease, JobCommand::Finish(ending)).await?;
        Ok((reply.state, reply.next_at.map(|next| next.at)))
    }

    pub(super) async fn release(&self, lease: &Lease) -> Result<(), LedgerError> {
        self.ledger.execute_one(lease, JobCommand::Release).await.map(drop)
    }

    /// Parks the job; replies with the time until then.
    pub(super) async fn park(
        &self,
        lease: &Lease,
        wait: Duration,
        so_far: Value,
    ) -> Result<i64, LedgerError> {
        let reply = self.ledger.execute_one(lease, JobCommand::Park { wait, so_far }).await?;
        Ok(reply.next_at.expect("a parked job has a time").at)
    }

    /// Does everything that is left to do for a job.
    pub(super) async fn work(&self, lease: &Lease) -> Result<(), LedgerError> {
        if let Some(finalized) = lease.finalized() {
            let replayed = self.try_begin(lease, finalized.op.clone()).await?;
            assert_eq!(replayed, Begun::Replay(finalized.result.clone()));
            self.effect(lease, OpKind::Index).await;
            return Ok(());
        }
        for kind in [OpKind::Head, OpKind::Stream, OpKind::Finalize, OpKind::Index] {
            if self.try_begin(lease, op(lease, kind)).await? == Begun::Run {
                self.complete(lease, op(lease, kind), done(kind)).await?;
            }
        }
        Ok(())
    }
}

impl Place {
    pub(super) async fn open(
        &self,
        clock: &Arc<ManualClock>,
        upgrade: bool,
    ) -> Result<Arc<dyn TestLedger>, LedgerError> {
        self.open_if(clock, rules(), upgrade, true).await
    }

    /// For reading, and only if it is there.
    pub(super) async fn open_existing(
        &self,
        clock: &Arc<ManualClock>,
    ) -> Result<Arc<dyn TestLedger>, LedgerError> {
        self.open_if(clock, rules(), false, false).await
    }

    async fn open_if(
        &self,
        clock: &Arc<ManualClock>,
        rules: Rules,
        upgrade: bool,
        create: bool,
    ) -> Result<Arc<dyn TestLedger>, LedgerError> {
        let timeout = Duration::from_secs(20);
        let clock = Arc::clone(clock) as Arc<dyn Clock>;
        Ok(match self {
            #[cfg(feature = "sqlite")]
            Place::Sqlite { path, .. } => {
                let path = path.clone();
                let settings = SqliteSettings { path, rules, clock, timeout, create, upgrade, durable: true };
                Arc::new(SqliteLedger::open(settings).await?)
            }
            #[cfg(feature = "postgres")]
            Place::Postgres { url, schema } => {
                let settings = PostgresSettings {
                    url: url.clone(),
                    schema: schema.clone(),
                    rules,
                    time: Time::Given(clock),
                    connections: 8,
                    timeout,
                    roots: None,
                    create,
                    upgrade,
                };
                Arc::new(PostgresLedger::open(settings).await?)
            }
        })
    }
}

/// The rows of a list in which every row can be read.
#[track_caller]
pub(super) fn readable<T>(rows: Vec<Result<T, UnreadableRow>>) -> Vec<T> {
    rows.into_iter().map(|row| row.unwrap_or_else(|row| panic!("{row:?}"))).collect()
}

pub(super) fn rules() -> Rules {
    Rules {
        lease: LEASE,
        abandoned: ABANDONED,
        schedule: Schedule {
            max_attempts: MAX_ATTEMPTS,
            base: Duration::from_secs(60),
            longest: Duration::from_secs(3600),
        },
    }
}

pub(super) fn job(number: u32) -> NewJob {
    NewJob {
        work_id: format!("doi:10.1000/{number}"),
        artifact_id: "pdf".to_owned(),
        role: "fulltext".to_owned(),
        run_id: "run".to_owned(),
        work: json!({"id": format!("10.1000/{number}")}),
    }
}

pub(super) fn op(lease: &Lease, kind: OpKind) -> Op {
    Op::new(lease.job(), kind, json!({"url": "https://example.org/paper.pdf"}))
}

pub(super) fn done(kind: OpKind) -> OpOutcome {
    let artifact = (kind == OpKind::Finalize).then(|| "ab".repeat(32));
    OpOutcome::Done { result: json!({"did": kind.label()}).into(), artifact }
}
