//! The contract of [`Ledger`](crate::Ledger), as tests that both engines run.

mod daily;
mod effects;
mod endings;
mod hosts;
mod leases;
mod moving;
mod parking;
mod queries;
mod rows;
mod schema;
mod turns;

use serde_json::json;

use crate::error::LedgerError;
use crate::job::{CandidateRecord, Ending, JobDetails, Lease};
use crate::key::JobKey;
use crate::op::{Op, OpKind};
use crate::state::{State, Step};
use crate::testing::{World, done, op};

/// Each function takes a new world, and becomes one test per engine.
macro_rules! promises {
    ($($name:ident)*) => {
        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let world = super::World::new(super::EngineKind::Sqlite).await.expect("SQLite is compiled in");
                super::$name(world).await;
            })*
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(world) = super::World::new(super::EngineKind::Postgres).await {
                    super::$name(world).await;
                }
            })*
        }
    };
}
use promises;

/// The states in which a job can be held.
const HELD: [State; 5] =
    [State::Leased, State::HeadDone, State::ResumeOk, State::Streaming, State::Finalized];

/// Leases the job and works on it until it is in `state`, one of `HELD`.
async fn bring_to(world: &World, key: &JobKey, state: State) -> Lease {
    let lease = world.take(key, "a").await;
    match state {
        State::Leased => {}
        State::HeadDone => world.effect(&lease, OpKind::Head).await,
        State::ResumeOk => {
            world.advance(&lease, Step::ResumeOk).await.unwrap();
        }
        State::Streaming => {
            world.advance(&lease, Step::Stream).await.unwrap();
        }
        State::Finalized => {
            for kind in [OpKind::Head, OpKind::Stream, OpKind::Finalize] {
                world.effect(&lease, kind).await;
            }
        }
        other => panic!("no lease is held in {other}"),
    }
    lease
}

async fn bring_anywhere(world: &World, key: &JobKey, state: State) {
    let ending = match state {
        State::Planned => return,
        State::Indexed | State::Deduped => {
            let lease = bring_to(world, key, State::Finalized).await;
            let kind = if state == State::Indexed { OpKind::Index } else { OpKind::Dedupe };
            return world.effect(&lease, kind).await;
        }
        State::Failed => Ending::Failed { reason: "503".to_owned(), retryable: true },
        State::Exhausted => Ending::Exhausted { result: json!({}) },
        State::SkippedDuplicate => Ending::Duplicate { of: key.clone(), result: json!({}) },
        held => {
            bring_to(world, key, held).await;
            return;
        }
    };
    let lease = world.take(key, "a").await;
    world.finish(&lease, ending).await.unwrap();
}

/// Every way to write by this lease is refused, and leaves no trace.
async fn assert_all_stale(world: &World, key: &JobKey, lease: &Lease, begun: Op) {
    let before = details(world, key).await;
    let candidate = CandidateRecord {
        url: "https://late.example/".to_owned(),
        source: "late".to_owned(),
        detail: json!({}),
        verdict: None,
    };
    let failed = Ending::Failed { reason: "late".to_owned(), retryable: true };
    let answers = [
        world.ledger.renew(lease).await.map(drop),
        world.advance(lease, Step::Stream).await.map(drop),
        world.try_begin(lease, op(lease, OpKind::Head)).await.map(drop),
        world.complete(lease, begun, done(OpKind::Stream)).await.map(drop),
        world.check(lease).await.map(drop),
        world.candidates(lease, vec![candidate]).await,
        world.finish(lease, failed).await.map(drop),
        world.release(lease).await,
    ];
    for answer in answers {
        assert!(matches!(answer, Err(LedgerError::Stale { .. })), "{answer:?}");
    }
    assert_eq!(details(world, key).await, before);
}

async fn details(world: &World, key: &JobKey) -> JobDetails {
    world.ledger.show(key).await.expect("the ledger can be read").expect("the job is there")
}

fn now(world: &World) -> i64 {
    use crate::clock::Clock as _;
    world.clock.now_ms()
}
