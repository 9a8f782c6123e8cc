//! Side effects and the states they lead to.

use std::time::Duration;

use serde_json::json;

use crate::error::LedgerError;
use crate::event::{EventFilter, EventKind};
use crate::job::{Ending, Enqueued, JobDetails};
use crate::op::{Begun, Op, OpKind, OpOutcome, OpStatus};
use crate::state::{State, Step};
use crate::testing::{ABANDONED, EngineKind, LEASE, Place, World, done, op, readable};

use super::{bring_to, details, now};

super::promises! {
    a_lifecycle_goes_through_its_states_and_ends_its_own_lease
    a_success_is_replayed_and_brings_its_state_along
    a_failed_effect_is_done_again
    an_effect_of_a_lost_worker_is_done_again_at_once
    an_effect_that_hangs_is_done_again_after_a_time
    an_effect_that_could_not_succeed_is_refused_before_it_happens
    an_op_and_the_state_it_causes_stand_or_fall_together
    saying_the_same_twice_is_no_error
    a_job_that_is_done_has_no_op_that_runs
    results_are_kept_whole
}

async fn a_lifecycle_goes_through_its_states_and_ends_its_own_lease(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    world.effect(&lease, OpKind::Head).await;
    world.advance(&lease, Step::ResumeOk).await.unwrap();
    world.effect(&lease, OpKind::Stream).await;
    world.effect(&lease, OpKind::Finalize).await;
    let begun = world.begin(&lease, OpKind::Index).await;
    assert_eq!(world.complete(&lease, begun, done(OpKind::Index)).await, Ok(State::Indexed));
    world.release(&lease).await.unwrap();
    let JobDetails { job, ops, .. } = details(&world, &key).await;
    assert_eq!((job.state, job.owner, job.ready_at), (State::Indexed, None, None));
    assert_eq!(job.artifact, Some("ab".repeat(32)));
    assert_eq!(job.result, Some(json!({"did": "INDEX"})));
    assert_eq!(ops.len(), 4);
    assert!(ops.iter().all(|op| op.status == OpStatus::Done));

    let filter = EventFilter { job: Some(key), kind: Some(EventKind::JobStateChanged), after: 0, limit: 100 };
    let changes: Vec<_> =
        readable(world.ledger.events(filter).await.unwrap()).iter().map(|event| event.to.unwrap()).collect();
    let expected =
        [State::Leased, State::HeadDone, State::ResumeOk, State::Streaming, State::Finalized, State::Indexed];
    assert_eq!(changes, expected);
}

async fn a_success_is_replayed_and_brings_its_state_along(world: World) {
    let key = world.plan(1).await;
    let lease = bring_to(&world, &key, State::Finalized).await;
    let failed = Ending::Failed { reason: "the manifest's disk is full".to_owned(), retryable: true };
    let (state, at) = world.finish(&lease, failed).await.unwrap();
    assert_eq!(state, State::Failed);
    world.clock.go_forward(Duration::from_millis((at.unwrap() - now(&world)) as u64));

    let lease = world.take(&key, "b").await;
    assert_eq!((lease.state, lease.attempts), (State::Leased, 2));
    // A finalize that succeeded stands for the stream before it.
    let replay = world.try_begin(&lease, op(&lease, OpKind::Finalize)).await.unwrap();
    assert_eq!(replay, Begun::Replay(json!({"did": "FINALIZE"})));
    assert_eq!(details(&world, &key).await.job.state, State::Finalized);
    let replay = world.try_begin(&lease, op(&lease, OpKind::Head)).await.unwrap();
    assert_eq!(replay, Begun::Replay(json!({"did": "HEAD"})));
    assert_eq!(details(&world, &key).await.job.state, State::Finalized, "a replay takes nothing back");
    world.effect(&lease, OpKind::Index).await;
    assert_eq!(details(&world, &key).await.job.state, State::Indexed);
}

async fn a_failed_effect_is_done_again(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    for tries in 1..=3 {
        let begun = world.begin(&lease, OpKind::Head).await;
        let failed = OpOutcome::Failed { error: "connection reset".to_owned() };
        assert_eq!(world.complete(&lease, begun, failed).await, Ok(State::Leased));
        let kept = details(&world, &key).await.ops.remove(0);
        assert_eq!((kept.status, kept.tries), (OpStatus::Failed, tries));
        assert_eq!(kept.error.as_deref(), Some("connection reset"));
    }
    world.effect(&lease, OpKind::Head).await;
    let kept = details(&world, &key).await.ops.remove(0);
    assert_eq!((kept.status, kept.tries, kept.error), (OpStatus::Done, 4, None));
}

async fn an_effect_of_a_lost_worker_is_done_again_at_once(world: World) {
    let key = world.plan(1).await;
    let lost = world.take(&key, "a").await;
    world.begin(&lost, OpKind::Head).await;
    world.clock.go_forward(LEASE);
    let lease = world.take(&key, "b").await;
    world.effect(&lease, OpKind::Head).await;
    let kept = details(&world, &key).await.ops.remove(0);
    assert_eq!((kept.status, kept.tries, kept.fence), (OpStatus::Done, 2, lease.fence()));
}

async fn an_effect_that_hangs_is_done_again_after_a_time(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    world.begin(&lease, OpKind::Head).await;
    let started = now(&world);
    let running = world.try_begin(&lease, op(&lease, OpKind::Head)).await.unwrap();
    assert_eq!(running, Begun::Running { since: started });
    let mut passed = Duration::ZERO;
    while passed < ABANDONED {
        world.clock.go_forward(LEASE / 2);
        passed += LEASE / 2;
        world.ledger.renew(&lease).await.unwrap();
    }
    let again = world.begin(&lease, OpKind::Head).await;
    assert_eq!(world.complete(&lease, again, done(OpKind::Head)).await, Ok(State::HeadDone));
}

async fn an_effect_that_could_not_succeed_is_refused_before_it_happens(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    for kind in [OpKind::Finalize, OpKind::Index, OpKind::Dedupe] {
        let refused = world.try_begin(&lease, op(&lease, kind)).await;
        assert!(matches!(refused, Err(LedgerError::Illegal { .. })), "{kind}: {refused:?}");
    }
    for step in
        [Step::Lease, Step::Finalize, Step::Index, Step::Dedupe, Step::Fail, Step::Exhaust, Step::Lose]
    {
        let refused = world.advance(&lease, step).await;
        assert!(matches!(refused, Err(LedgerError::Illegal { .. })), "{step}: {refused:?}");
    }
    assert!(details(&world, &key).await.ops.is_empty());
}

async fn an_op_and_the_state_it_causes_stand_or_fall_together(world: World) {
    let key = world.plan(1).await;
    let lease = bring_to(&world, &key, State::Streaming).await;
    let begun = world.begin(&lease, OpKind::Finalize).await;
    // The database refuses the second half of the write.
    let (add_trigger, drop_trigger) = match world.place {
        #[cfg(feature = "sqlite")]
        Place::Sqlite { .. } => (
            "CREATE TRIGGER broken BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'broken'); END",
            "DROP TRIGGER broken",
        ),
        #[cfg(feature = "postgres")]
        Place::Postgres { .. } => (
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'broken' USING ERRCODE = 'check_violation'; END $$; \
             CREATE TRIGGER broken BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION broken()",
            "DROP TRIGGER broken ON jobs",
        ),
    };
    world.sql(add_trigger).await.unwrap();
    let refused = world.complete(&lease, begun.clone(), done(OpKind::Finalize)).await;
    assert!(matches!(refused, Err(LedgerError::Corrupt(_))), "{refused:?}");
    let before = details(&world, &key).await;
    assert_eq!(before.job.state, State::Streaming);
    assert!(before.ops.iter().any(|op| op.kind == OpKind::Finalize && op.status == OpStatus::Running));
    world.sql(drop_trigger).await.unwrap();
    assert_eq!(world.complete(&lease, begun, done(OpKind::Finalize)).await, Ok(State::Finalized));
}

async fn saying_the_same_twice_is_no_error(world: World) {
    let key = world.plan(1).await;
    let lease = bring_to(&world, &key, State::Finalized).await;
    let begun = world.begin(&lease, OpKind::Index).await;
    for _ in 0..2 {
        assert_eq!(world.complete(&lease, begun.clone(), done(OpKind::Index)).await, Ok(State::Indexed));
        assert_eq!(world.release(&lease).await, Ok(()));
    }
    let lease = bring_to(&world, &world.plan(2).await, State::Streaming).await;
    for _ in 0..2 {
        assert_eq!(world.advance(&lease, Step::HeadDone).await, Ok(State::Streaming));
    }
    let failed = Ending::Failed { reason: "gone".to_owned(), retryable: false };
    for _ in 0..2 {
        assert_eq!(world.finish(&lease, failed.clone()).await, Ok((State::Failed, None)));
    }
}

async fn a_job_that_is_done_has_no_op_that_runs(world: World) {
    let key = world.plan(1).await;
    let lease = bring_to(&world, &key, State::Streaming).await;
    let rival = Op::new(lease.job(), OpKind::Stream, json!({"url": "http://dropped.example/"}));
    assert_eq!(world.try_begin(&lease, rival.clone()).await, Ok(Begun::Run));
    world.effect(&lease, OpKind::Finalize).await;
    world.effect(&lease, OpKind::Index).await;
    let ops = details(&world, &key).await.ops;
    assert!(ops.iter().all(|op| op.status != OpStatus::Running), "{ops:?}");
    assert_eq!(ops.iter().filter(|op| op.status == OpStatus::Abandoned).count(), 1);
    let refused = world.complete(&lease, rival, done(OpKind::Stream)).await;
    assert!(matches!(refused, Err(LedgerError::Stale { .. })), "{refused:?}");
}

async fn results_are_kept_whole(world: World) {
    let key = world.plan(1).await;
    let lease = bring_to(&world, &key, State::Finalized).await;
    let result = json!({"trail": "é\u{1F4DA}\"\\\n".repeat(200_000), "numbers": [1, -7, 1.5e300, u64::MAX]});
    let begun = world.begin(&lease, OpKind::Index).await;
    let outcome = OpOutcome::Done { result: result.clone().into(), artifact: None };
    world.complete(&lease, begun, outcome).await.unwrap();
    match world.ledger.lease(&key, "b").await.unwrap() {
        Enqueued::Over { state: State::Indexed, result: Some(kept), .. } => {
            assert!(kept == result, "not whole")
        }
        other => panic!("{:.200}", format!("{other:?}")),
    }
}
