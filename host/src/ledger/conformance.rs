//! What every ledger promises, told as tests that both engines run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::error::LedgerError;
use super::history::{EventFilter, EventKind};
use super::job::{CandidateRecord, Ending, JobFilter, Lease, Planned, Retry, Standing, Story, Taken};
use super::key::JobKey;
use super::op::{Begun, OpKind, OpStatus, Outcome};
use super::state::{State, Step, successors};
use super::testing::{ABANDONED, EngineKind, LEASE, MAX_ATTEMPTS, Place, World, done, job, op};

/// Each promise is a function from a new world; each becomes one test per engine.
macro_rules! promises {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let world = super::World::new(super::EngineKind::Sqlite).await.expect("SQLite is compiled in");
                super::$name(world).await;
            })*
        }
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

promises! {
    planning_a_job_again_changes_nothing
    the_same_work_by_another_url_is_the_same_job
    jobs_are_taken_in_the_order_of_planning
    a_job_has_one_owner_and_others_are_told_who
    many_workers_at_once_take_each_job_once
    a_crashed_job_is_leased_again_from_every_unfinished_state
    a_job_that_kills_its_worker_is_not_handed_out_for_ever
    an_expired_lease_can_write_nothing_even_before_anyone_takes_the_job
    a_worker_whose_job_was_taken_over_can_write_nothing
    a_lease_is_renewed_in_every_state_it_can_be_held_in
    a_clock_that_jumps_costs_time_but_no_second_owner
    a_job_handed_back_is_ready_at_once_and_has_all_its_attempts
    a_lifecycle_goes_through_its_states_and_ends_its_own_lease
    a_success_is_replayed_and_brings_its_state_along
    a_failed_effect_is_done_again
    an_effect_of_a_lost_worker_is_done_again_at_once
    an_effect_that_hangs_is_done_again_after_a_time_and_its_late_end_does_not_count
    an_effect_that_could_not_succeed_is_refused_before_it_happens
    an_op_and_the_state_it_causes_stand_or_fall_together
    saying_the_same_twice_is_no_error
    results_are_kept_whole
    a_failure_has_a_schedule_and_an_end
    a_failure_that_will_not_pass_is_not_tried_again
    an_operator_can_have_failed_and_exhausted_jobs_tried_again
    a_done_job_whose_file_is_lost_is_done_again_from_the_start
    a_second_run_is_told_what_the_first_one_came_to
    a_duplicate_points_to_the_job_it_is
    candidates_hang_off_the_job_with_their_verdicts
    the_database_itself_refuses_what_the_table_refuses
    recovery_clears_what_lost_workers_left_and_nothing_else
    the_nine_events_are_kept_and_can_be_asked_for
    events_that_cannot_be_kept_fail_nothing
    the_ledger_can_be_looked_into
    taking_the_next_job_reads_an_index_and_sorts_nothing
    opening_at_the_same_time_makes_the_schema_once
    another_schema_is_a_clear_error
    a_closed_ledger_answers_that_it_is
}

async fn planning_a_job_again_changes_nothing(world: World) {
    let first = world.ledger.plan(vec![job(1), job(2)]).await.unwrap();
    assert!(matches!(first.as_slice(), [Planned::New(_), Planned::New(_)]), "{first:?}");
    let key = first[0].key().clone();
    world.take(&key, "a").await;
    let again = world.ledger.plan(vec![job(3), job(1)]).await.unwrap();
    assert!(matches!(again[0], Planned::New(_)));
    assert_eq!(again[1], Planned::Known(key.clone(), State::Leased));
    assert!(matches!(world.ledger.lease(&key, "b").await.unwrap(), Taken::Held { .. }));
    let twice = world.ledger.plan(vec![job(4), job(4)]).await.unwrap();
    assert_eq!(twice[1], Planned::Known(twice[0].key().clone(), State::Planned));
}

async fn the_same_work_by_another_url_is_the_same_job(world: World) {
    let mut other = job(1);
    other.work = json!({"url": "https://elsewhere.example.org/1.pdf"});
    let planned = world.ledger.plan(vec![job(1), other]).await.unwrap();
    assert_eq!(planned[1], Planned::Known(planned[0].key().clone(), State::Planned));
    let mut supplement = job(1);
    supplement.role = "supplement".to_owned();
    let planned = world.ledger.plan(vec![supplement]).await.unwrap();
    assert!(matches!(planned[0], Planned::New(_)), "another role is another job");
}

async fn jobs_are_taken_in_the_order_of_planning(world: World) {
    world.ledger.plan((0..5).map(job).collect()).await.unwrap();
    for number in 0..5 {
        let lease = world.ledger.lease_next("a").await.unwrap().unwrap();
        assert_eq!(&*lease.work_id, format!("doi:10.1000/{number}"));
        assert_eq!(*lease.work, job(number).work);
        assert_eq!((lease.state, lease.attempts, lease.resumed), (State::Leased, 1, false));
    }
    assert!(world.ledger.lease_next("a").await.unwrap().is_none());
}

async fn a_job_has_one_owner_and_others_are_told_who(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    for owner in ["b", "a"] {
        match world.ledger.lease(&key, owner).await.unwrap() {
            Taken::Held { owner, until } => {
                assert_eq!((owner.as_str(), until), ("a", lease.expires_at));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(world.ledger.lease_next("b").await.unwrap().is_none());
    let unknown = JobKey::new("doi:10.1/none", "pdf", "fulltext");
    assert!(matches!(world.ledger.lease(&unknown, "b").await, Err(LedgerError::UnknownJob(_))));
}

async fn many_workers_at_once_take_each_job_once(world: World) {
    world.ledger.plan((0..120).map(job).collect()).await.unwrap();
    let other = world.join().await.unwrap();
    let workers: Vec<_> = (0..16)
        .map(|number| {
            let ledger = Arc::clone(if number % 2 == 0 { &world.ledger } else { &other });
            tokio::spawn(async move {
                let mut taken = Vec::new();
                while let Some(lease) = ledger.lease_next(&format!("worker {number}")).await.unwrap() {
                    taken.push(lease.job().clone());
                }
                taken
            })
        })
        .collect();
    let mut taken = Vec::new();
    for worker in workers {
        taken.extend(worker.await.unwrap());
    }
    assert_eq!(taken.len(), 120, "every job is taken, and none twice");
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), 120);
}

async fn a_crashed_job_is_leased_again_from_every_unfinished_state(world: World) {
    for (number, state) in HELD.into_iter().enumerate() {
        let key = world.plan(number as u32).await;
        let lost = bring_to(&world, &key, state).await;
        world.clock.turn(LEASE);
        let lease = world.take(&key, "b").await;
        assert_eq!(lease.state, state, "nothing that was reached is lost");
        assert!(lease.resumed);
        assert_eq!(lease.finalized.is_some(), state == State::Finalized);
        assert_eq!(lease.fence(), lost.fence() + 1);
        world.work(&lease).await.unwrap();
        assert_eq!(story(&world, &key).await.job.state, State::Indexed, "from {state}");
    }
}

async fn a_job_that_kills_its_worker_is_not_handed_out_for_ever(world: World) {
    let key = world.plan(1).await;
    for attempt in 1..=MAX_ATTEMPTS {
        let lease = world.ledger.lease_next("a").await.unwrap().unwrap();
        assert_eq!(lease.attempts, attempt);
        world.clock.turn(LEASE);
    }
    assert!(world.ledger.lease_next("a").await.unwrap().is_none());
    let job = story(&world, &key).await.job;
    assert_eq!((job.state, job.ready_at, job.owner), (State::Failed, None, None));
    assert!(job.reason.unwrap().contains("5 times"));
    let taken = world.ledger.lease(&key, "a").await.unwrap();
    assert!(matches!(taken, Taken::Over { state: State::Failed, .. }), "{taken:?}");
}

async fn an_expired_lease_can_write_nothing_even_before_anyone_takes_the_job(world: World) {
    for (number, state) in HELD.into_iter().enumerate() {
        let key = world.plan(number as u32).await;
        let lease = bring_to(&world, &key, state).await;
        world.clock.turn(LEASE - Duration::from_millis(1));
        assert!(world.ledger.renew(&lease).await.is_ok(), "a lease lasts to its last millisecond");
        let ticket =
            world.begin(&lease, if state == State::Finalized { OpKind::Index } else { OpKind::Stream }).await;
        world.clock.turn(LEASE);
        assert_all_stale(&world, &key, &lease, ticket).await;
    }
}

async fn a_worker_whose_job_was_taken_over_can_write_nothing(world: World) {
    let key = world.plan(1).await;
    let lost = bring_to(&world, &key, State::Streaming).await;
    let ticket = world.begin(&lost, OpKind::Finalize).await;
    world.clock.turn(LEASE);
    let taken = world.take(&key, "a").await;
    assert_all_stale(&world, &key, &lost, ticket).await;
    world.work(&taken).await.unwrap();
    let ticket = match world.ledger.begin(&taken, op(&taken, OpKind::Index)).await {
        Err(LedgerError::Stale { .. }) => None,
        other => panic!("a done job is nobody's: {other:?}"),
    };
    assert_eq!(ticket, None::<()>);
    assert!(matches!(world.ledger.renew(&lost).await, Err(LedgerError::Stale { .. })));
}

async fn a_lease_is_renewed_in_every_state_it_can_be_held_in(world: World) {
    for (number, state) in HELD.into_iter().enumerate() {
        let key = world.plan(number as u32).await;
        let lease = bring_to(&world, &key, state).await;
        for _ in 0..3 {
            world.clock.turn(LEASE / 2);
            let until = world.ledger.renew(&lease).await.unwrap();
            assert_eq!(story(&world, &key).await.job.ready_at, Some(until));
        }
        assert!(matches!(world.ledger.lease(&key, "b").await.unwrap(), Taken::Held { .. }), "in {state}");
        world.clock.turn(LEASE);
        assert!(
            matches!(world.ledger.renew(&lease).await, Err(LedgerError::Stale { .. })),
            "an expired lease is not revived"
        );
    }
}

async fn a_clock_that_jumps_costs_time_but_no_second_owner(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    world.clock.turn_back(Duration::from_secs(3600));
    assert!(world.ledger.lease_next("b").await.unwrap().is_none());
    assert!(matches!(world.ledger.lease(&key, "b").await.unwrap(), Taken::Held { .. }));
    world.ledger.advance(&lease, Step::HeadDone).await.unwrap();
    world.clock.turn(Duration::from_secs(7200));
    assert!(matches!(world.ledger.advance(&lease, Step::Stream).await, Err(LedgerError::Stale { .. })));
    let taken = world.take(&key, "b").await;
    world.clock.turn_back(Duration::from_secs(7200));
    assert!(
        matches!(world.ledger.advance(&lease, Step::Stream).await, Err(LedgerError::Stale { .. })),
        "the old lease's time is back, its fence is not"
    );
    world.work(&taken).await.unwrap();
}

async fn a_job_handed_back_is_ready_at_once_and_has_all_its_attempts(world: World) {
    let key = world.plan(1).await;
    for _ in 0..MAX_ATTEMPTS * 2 {
        let lease = bring_to(&world, &key, State::Streaming).await;
        assert_eq!(lease.attempts, 1);
        world.ledger.release(&lease).await.unwrap();
        assert!(matches!(world.ledger.release(&lease).await, Err(LedgerError::Stale { .. })));
        let job = story(&world, &key).await.job;
        assert_eq!((job.state, job.owner, job.attempts), (State::Streaming, None, 0));
    }
}

async fn a_lifecycle_goes_through_its_states_and_ends_its_own_lease(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    world.effect(&lease, OpKind::Head).await;
    world.ledger.advance(&lease, Step::ResumeOk).await.unwrap();
    world.effect(&lease, OpKind::Stream).await;
    world.effect(&lease, OpKind::Finalize).await;
    let ticket = world.begin(&lease, OpKind::Index).await;
    assert_eq!(world.ledger.complete(&lease, ticket, done(OpKind::Index)).await, Ok(State::Indexed));
    world.ledger.release(&lease).await.unwrap();
    let Story { job, ops, .. } = story(&world, &key).await;
    assert_eq!((job.state, job.owner, job.ready_at), (State::Indexed, None, None));
    assert_eq!(job.artifact, Some("ab".repeat(32)));
    assert_eq!(job.result, Some(json!({"did": "INDEX"})));
    assert_eq!(ops.len(), 4);
    assert!(ops.iter().all(|op| op.status == OpStatus::Done));

    let filter = EventFilter { job: Some(key), kind: Some(EventKind::JobStateChanged), after: 0, limit: 100 };
    let changes: Vec<_> =
        world.ledger.events(filter).await.unwrap().iter().map(|event| event.to.unwrap()).collect();
    let expected =
        [State::Leased, State::HeadDone, State::ResumeOk, State::Streaming, State::Finalized, State::Indexed];
    assert_eq!(changes, expected);
}

async fn a_success_is_replayed_and_brings_its_state_along(world: World) {
    let key = world.plan(1).await;
    let lease = bring_to(&world, &key, State::Finalized).await;
    let failed = Ending::Failed { reason: "the manifest's disk is full".to_owned(), passing: true };
    let (state, at) = world.ledger.finish(&lease, failed).await.unwrap();
    assert_eq!(state, State::Failed);
    world.clock.turn(Duration::from_millis((at.unwrap() - now(&world)) as u64));

    let lease = world.take(&key, "b").await;
    assert_eq!((lease.state, lease.attempts), (State::Leased, 2));
    // A finalize that succeeded stands for the stream before it.
    let replay = world.ledger.begin(&lease, op(&lease, OpKind::Finalize)).await.unwrap();
    assert_eq!(replay, Begun::Replay(json!({"did": "FINALIZE"})));
    assert_eq!(story(&world, &key).await.job.state, State::Finalized);
    let replay = world.ledger.begin(&lease, op(&lease, OpKind::Head)).await.unwrap();
    assert_eq!(replay, Begun::Replay(json!({"did": "HEAD"})));
    assert_eq!(story(&world, &key).await.job.state, State::Finalized, "a replay takes nothing back");
    world.effect(&lease, OpKind::Index).await;
    assert_eq!(story(&world, &key).await.job.state, State::Indexed);
}

async fn a_failed_effect_is_done_again(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    for tries in 1..=3 {
        let ticket = world.begin(&lease, OpKind::Head).await;
        let failed = Outcome::Failed { error: "connection reset".to_owned() };
        assert_eq!(world.ledger.complete(&lease, ticket, failed).await, Ok(State::Leased));
        let kept = story(&world, &key).await.ops.remove(0);
        assert_eq!((kept.status, kept.tries), (OpStatus::Failed, tries));
        assert_eq!(kept.error.as_deref(), Some("connection reset"));
    }
    world.effect(&lease, OpKind::Head).await;
    let kept = story(&world, &key).await.ops.remove(0);
    assert_eq!((kept.status, kept.tries, kept.error), (OpStatus::Done, 4, None));
}

async fn an_effect_of_a_lost_worker_is_done_again_at_once(world: World) {
    let key = world.plan(1).await;
    let lost = world.take(&key, "a").await;
    world.begin(&lost, OpKind::Head).await;
    world.clock.turn(LEASE);
    let lease = world.take(&key, "b").await;
    world.effect(&lease, OpKind::Head).await;
    let kept = story(&world, &key).await.ops.remove(0);
    assert_eq!((kept.status, kept.tries, kept.fence), (OpStatus::Done, 2, lease.fence()));
}

async fn an_effect_that_hangs_is_done_again_after_a_time_and_its_late_end_does_not_count(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    let hung = world.begin(&lease, OpKind::Head).await;
    let started = now(&world);
    let running = world.ledger.begin(&lease, op(&lease, OpKind::Head)).await.unwrap();
    assert_eq!(running, Begun::Running { since: started, ticket: hung.clone() });
    let mut passed = Duration::ZERO;
    while passed < ABANDONED {
        world.clock.turn(LEASE / 2);
        passed += LEASE / 2;
        world.ledger.renew(&lease).await.unwrap();
    }
    let again = world.begin(&lease, OpKind::Head).await;
    let late = world.ledger.complete(&lease, hung, done(OpKind::Head)).await;
    assert!(matches!(late, Err(LedgerError::Superseded { .. })), "{late:?}");
    assert_eq!(world.ledger.complete(&lease, again, done(OpKind::Head)).await, Ok(State::HeadDone));
}

async fn an_effect_that_could_not_succeed_is_refused_before_it_happens(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    for kind in [OpKind::Finalize, OpKind::Index, OpKind::Dedupe] {
        let refused = world.ledger.begin(&lease, op(&lease, kind)).await;
        assert!(matches!(refused, Err(LedgerError::Illegal { .. })), "{kind}: {refused:?}");
    }
    for step in
        [Step::Lease, Step::Finalize, Step::Index, Step::Dedupe, Step::Fail, Step::Exhaust, Step::Lose]
    {
        let refused = world.ledger.advance(&lease, step).await;
        assert!(matches!(refused, Err(LedgerError::Illegal { .. })), "{step}: {refused:?}");
    }
    assert!(story(&world, &key).await.ops.is_empty());
}

async fn an_op_and_the_state_it_causes_stand_or_fall_together(world: World) {
    let key = world.plan(1).await;
    let lease = bring_to(&world, &key, State::Streaming).await;
    let ticket = world.begin(&lease, OpKind::Finalize).await;
    // The database refuses the second half of the write.
    let (guard, unguard) = match world.place {
        Place::Sqlite { .. } => (
            "CREATE TRIGGER broken BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'broken'); END",
            "DROP TRIGGER broken",
        ),
        Place::Postgres { .. } => (
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'broken' USING ERRCODE = 'check_violation'; END $$; \
             CREATE TRIGGER broken BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION broken()",
            "DROP TRIGGER broken ON jobs",
        ),
    };
    world.sql(guard).await.unwrap();
    let refused = world.ledger.complete(&lease, ticket.clone(), done(OpKind::Finalize)).await;
    assert!(matches!(refused, Err(LedgerError::Corrupt(_))), "{refused:?}");
    let before = story(&world, &key).await;
    assert_eq!(before.job.state, State::Streaming);
    assert!(before.ops.iter().any(|op| op.kind == OpKind::Finalize && op.status == OpStatus::Running));
    world.sql(unguard).await.unwrap();
    assert_eq!(world.ledger.complete(&lease, ticket, done(OpKind::Finalize)).await, Ok(State::Finalized));
}

async fn saying_the_same_twice_is_no_error(world: World) {
    let key = world.plan(1).await;
    let lease = bring_to(&world, &key, State::Finalized).await;
    let ticket = world.begin(&lease, OpKind::Index).await;
    for _ in 0..2 {
        assert_eq!(
            world.ledger.complete(&lease, ticket.clone(), done(OpKind::Index)).await,
            Ok(State::Indexed)
        );
        assert_eq!(world.ledger.release(&lease).await, Ok(()));
    }
    let lease = bring_to(&world, &world.plan(2).await, State::Streaming).await;
    for _ in 0..2 {
        assert_eq!(world.ledger.advance(&lease, Step::HeadDone).await, Ok(State::Streaming));
    }
    let failed = Ending::Failed { reason: "gone".to_owned(), passing: false };
    for _ in 0..2 {
        assert_eq!(world.ledger.finish(&lease, failed.clone()).await, Ok((State::Failed, None)));
    }
}

async fn results_are_kept_whole(world: World) {
    let key = world.plan(1).await;
    let lease = bring_to(&world, &key, State::Finalized).await;
    let result = json!({"trail": "é\u{1F4DA}\"\\\n".repeat(200_000), "numbers": [1, -7, 1.5e300, u64::MAX]});
    let ticket = world.begin(&lease, OpKind::Index).await;
    let outcome = Outcome::Done { result: result.clone(), artifact: None };
    world.ledger.complete(&lease, ticket, outcome).await.unwrap();
    match world.ledger.lease(&key, "b").await.unwrap() {
        Taken::Over { state: State::Indexed, result: Some(kept), .. } => assert!(kept == result, "not whole"),
        other => panic!("{:.200}", format!("{other:?}")),
    }
}

async fn a_failure_has_a_schedule_and_an_end(world: World) {
    let key = world.plan(1).await;
    let mut waits = Vec::new();
    for attempt in 1..=MAX_ATTEMPTS {
        let lease = world.take(&key, "a").await;
        let failed = Ending::Failed { reason: format!("HTTP 503, attempt {attempt}"), passing: true };
        let (state, at) = world.ledger.finish(&lease, failed).await.unwrap();
        assert_eq!(state, State::Failed);
        let Some(at) = at else { break };
        waits.push(at - now(&world));
        assert!(world.ledger.lease_next("a").await.unwrap().is_none());
        match world.ledger.lease(&key, "b").await.unwrap() {
            Taken::Later { at: told, attempts, reason } => {
                assert_eq!((told, attempts), (at, attempt));
                assert_eq!(reason, format!("HTTP 503, attempt {attempt}"));
            }
            other => panic!("{other:?}"),
        }
        world.clock.turn(Duration::from_millis((at - now(&world)) as u64));
    }
    assert_eq!(waits.len() as u32, MAX_ATTEMPTS - 1);
    assert!(waits.is_sorted(), "{waits:?}");
    world.clock.turn(Duration::from_secs(86_400 * 365));
    assert!(world.ledger.lease_next("a").await.unwrap().is_none(), "it stays failed");
    let filter = JobFilter { state: Some(State::Failed), after: 0, limit: 10 };
    let listed = world.ledger.list(filter).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].reason.as_deref(), Some("HTTP 503, attempt 5"));
}

async fn a_failure_that_will_not_pass_is_not_tried_again(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    let failed = Ending::Failed { reason: "the input is not a work".to_owned(), passing: false };
    assert_eq!(world.ledger.finish(&lease, failed).await, Ok((State::Failed, None)));
    match world.ledger.lease(&key, "a").await.unwrap() {
        Taken::Over { state: State::Failed, reason: Some(reason), .. } => {
            assert_eq!(reason, "the input is not a work");
        }
        other => panic!("{other:?}"),
    }
}

async fn an_operator_can_have_failed_and_exhausted_jobs_tried_again(world: World) {
    let endings = [
        Ending::Failed { reason: "gone".to_owned(), passing: false },
        Ending::Failed { reason: "503".to_owned(), passing: true },
        Ending::Exhausted { result: json!({"asked": 16}) },
        Ending::Exhausted { result: json!({"asked": 16}) },
    ];
    let mut keys = Vec::new();
    for (number, ending) in endings.into_iter().enumerate() {
        let key = world.plan(number as u32).await;
        let lease = bring_to(&world, &key, State::Streaming).await;
        world.ledger.finish(&lease, ending).await.unwrap();
        keys.push(key);
    }
    assert_eq!(world.ledger.retry(Retry::All(State::Failed)).await, Ok(1), "the other has its own time");
    assert_eq!(world.ledger.retry(Retry::All(State::Indexed)).await, Ok(0));
    assert_eq!(world.ledger.retry(Retry::Job(keys[1].clone())).await, Ok(1));
    assert_eq!(world.ledger.retry(Retry::Job(keys[2].clone())).await, Ok(1));
    for key in &keys[..3] {
        let lease = world.take(key, "b").await;
        assert_eq!((lease.state, lease.attempts), (State::Leased, 1));
        world.work(&lease).await.unwrap();
        assert_eq!(world.ledger.retry(Retry::Job(key.clone())).await, Ok(0), "a done job is done");
    }
    match world.ledger.lease(&keys[3], "b").await.unwrap() {
        Taken::Over { state: State::Exhausted, result, .. } => assert_eq!(result, Some(json!({"asked": 16}))),
        other => panic!("{other:?}"),
    }
}

async fn a_done_job_whose_file_is_lost_is_done_again_from_the_start(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    assert_eq!(world.ledger.lose(&key, "missing").await, Ok(false), "a held job is not done");
    world.work(&lease).await.unwrap();
    assert_eq!(world.ledger.lose(&key, "its file is missing").await, Ok(true));
    let job = story(&world, &key).await.job;
    assert_eq!((job.state, job.artifact, job.result), (State::Failed, None, None));

    let again = world.take(&key, "b").await;
    assert!(again.fence() > lease.fence());
    world.effect(&again, OpKind::Stream).await;
    world.effect(&again, OpKind::Finalize).await;
    // The file vanishes while the job is held: the same, by its holder.
    let lost = Ending::Lost { reason: "its file is missing".to_owned() };
    let (state, at) = world.ledger.finish(&again, lost).await.unwrap();
    assert_eq!((state, at), (State::Failed, Some(now(&world))));
    world.work(&world.take(&key, "c").await).await.unwrap();
    assert_eq!(story(&world, &key).await.ops.iter().filter(|op| op.status == OpStatus::Done).count(), 4);
}

async fn a_second_run_is_told_what_the_first_one_came_to(world: World) {
    let key = world.plan(1).await;
    world.work(&world.take(&key, "a").await).await.unwrap();
    let second = world.join().await.unwrap();
    let mut planned = job(1);
    planned.run_id = "second".to_owned();
    let known = second.plan(vec![planned]).await.unwrap();
    assert_eq!(known, [Planned::Known(key.clone(), State::Indexed)]);
    match second.lease(&key, "b").await.unwrap() {
        Taken::Over { state: State::Indexed, result, reason: None } => {
            assert_eq!(result, Some(json!({"did": "INDEX"})));
        }
        other => panic!("{other:?}"),
    }
    let filter = EventFilter { job: Some(key), kind: Some(EventKind::IdempotencyReplay), after: 0, limit: 9 };
    assert_eq!(second.events(filter).await.unwrap().len(), 2, "planned again, and asked for again");
    assert_eq!(second.next_at().await, Ok(None));
}

async fn a_duplicate_points_to_the_job_it_is(world: World) {
    let (one, two) = (world.plan(1).await, world.plan(2).await);
    let lease = world.take(&two, "a").await;
    let ending = Ending::Duplicate { of: one.clone(), result: json!({"doi": "10.1000/1"}) };
    assert_eq!(world.ledger.finish(&lease, ending).await, Ok((State::SkippedDuplicate, None)));
    let kept = story(&world, &two).await.job.result.unwrap();
    assert_eq!(kept, json!({"duplicate_of": one.as_str(), "result": {"doi": "10.1000/1"}}));
}

async fn candidates_hang_off_the_job_with_their_verdicts(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    let candidate = |url: &str, verdict: Option<&str>| CandidateRecord {
        url: url.to_owned(),
        source: "unpaywall".to_owned(),
        detail: json!({"version": "published"}),
        verdict: verdict.map(str::to_owned),
    };
    let found = vec![candidate("https://a.example/1.pdf", None), candidate("https://b.example/1.pdf", None)];
    world.ledger.candidates(&lease, found).await.unwrap();
    let judged = vec![candidate("https://a.example/1.pdf", Some("html_instead"))];
    world.ledger.candidates(&lease, judged).await.unwrap();
    world.ledger.candidates(&lease, vec![candidate("https://a.example/1.pdf", None)]).await.unwrap();
    let kept = story(&world, &key).await.candidates;
    let told: Vec<_> = kept.iter().map(|kept| (kept.url.as_str(), kept.verdict.as_deref())).collect();
    assert_eq!(told, [("https://a.example/1.pdf", Some("html_instead")), ("https://b.example/1.pdf", None)]);
}

async fn the_database_itself_refuses_what_the_table_refuses(world: World) {
    for (number, from) in State::ALL.into_iter().enumerate() {
        let key = world.plan(number as u32).await;
        bring_anywhere(&world, &key, from).await;
        let legal = successors(from);
        for to in State::ALL.into_iter().filter(|to| *to != from && !legal.contains(to)) {
            let statement = format!("UPDATE jobs SET state = '{to}' WHERE key = '{key}'");
            let refused = world.sql(&statement).await;
            assert!(refused.as_ref().is_err_and(|why| why.contains("cannot")), "{from} > {to}: {refused:?}");
        }
        assert_eq!(story(&world, &key).await.job.state, from);
    }
    let shrunk = world.sql("UPDATE jobs SET fence = fence - 1 WHERE fence > 0").await;
    assert!(shrunk.is_err_and(|why| why.contains("fence")));
    let columns = "(key, state, planned_at, changed_at, work_id, artifact_id, role, run_id, work)";
    let smuggled = world
        .sql(&format!("INSERT INTO jobs {columns} VALUES ('x', 'INDEXED', 0, 0, '', '', '', '', '')"))
        .await;
    assert!(smuggled.is_err_and(|why| why.contains("begins as planned")));
    assert!(world.sql("UPDATE jobs SET state = 'DONE' WHERE state = 'PLANNED'").await.is_err());
    let revived = world.sql("UPDATE jobs SET ready_at = 0 WHERE state = 'INDEXED'").await;
    assert!(revived.is_err(), "a done job is never ready");
}

async fn recovery_clears_what_lost_workers_left_and_nothing_else(world: World) {
    let (lost, live, idle) = (world.plan(1).await, world.plan(2).await, world.plan(3).await);
    let lease = bring_to(&world, &lost, State::Streaming).await;
    world.begin(&lease, OpKind::Finalize).await;
    world.clock.turn(LEASE);
    let live_lease = world.take(&live, "b").await;
    let live_ticket = world.begin(&live_lease, OpKind::Head).await;

    let other = world.join().await.unwrap();
    let recovered = other.recover().await.unwrap();
    assert_eq!((recovered.leases.as_slice(), recovered.ops), (&[lost.clone()][..], 1));
    assert_eq!(other.recover().await.unwrap().leases, [], "once is enough");
    let job = story(&world, &lost).await;
    assert_eq!((job.job.state, job.job.owner), (State::Streaming, None));
    assert!(job.ops.iter().any(|op| op.status == OpStatus::Abandoned));
    assert!(world.ledger.complete(&live_lease, live_ticket, done(OpKind::Head)).await.is_ok());
    assert_eq!(story(&world, &idle).await.job.state, State::Planned);
    let taken = world.take(&lost, "c").await;
    assert!(taken.resumed, "what was recovered is still known to be begun");
    world.work(&taken).await.unwrap();
}

async fn the_nine_events_are_kept_and_can_be_asked_for(world: World) {
    let key = world.plan(1).await;
    world.plan(1).await;
    world.take(&key, "a").await;
    world.clock.turn(LEASE);
    let lease = world.take(&key, "b").await;
    world.ledger.renew(&lease).await.unwrap();
    world.work(&lease).await.unwrap();
    let all = EventFilter { job: None, kind: None, after: 0, limit: 1000 };
    let events = world.ledger.events(all.clone()).await.unwrap();
    for kind in EventKind::ALL {
        assert!(events.iter().any(|event| event.kind == kind), "{kind} is missing");
        let only = EventFilter { kind: Some(kind), ..all.clone() };
        assert!(world.ledger.events(only).await.unwrap().iter().all(|event| event.kind == kind));
    }
    assert!(events.iter().all(|event| event.job == key.as_str() && event.at > 0));
    let recovery = events.iter().find(|event| event.kind == EventKind::CrashRecovery).unwrap();
    assert_eq!((recovery.owner.as_deref(), recovery.fence), (Some("a"), 1));
    let page = EventFilter { after: events[2].id, limit: 2, ..all };
    assert_eq!(world.ledger.events(page).await.unwrap(), events[3..5]);
    assert_eq!(world.ledger.events_lost(), 0);
}

async fn events_that_cannot_be_kept_fail_nothing(world: World) {
    let key = world.plan(1).await;
    world.sql("DROP TABLE events").await.unwrap();
    let lease = world.take(&key, "a").await;
    world.work(&lease).await.unwrap();
    assert!(
        world.ledger.events(EventFilter { job: None, kind: None, after: 0, limit: 1 }).await.is_err(),
        "asking for them says so"
    );
    assert!(world.ledger.events_lost() > 0);
    assert_eq!(story(&world, &key).await.job.state, State::Indexed);
}

async fn the_ledger_can_be_looked_into(world: World) {
    let keys: Vec<JobKey> =
        world.ledger.plan((0..6).map(job).collect()).await.unwrap().iter().map(|p| p.key().clone()).collect();
    assert_eq!(world.ledger.next_at().await, Ok(Some(now(&world))));
    world.work(&world.take(&keys[0], "a").await).await.unwrap();
    world.take(&keys[1], "lost").await;
    world.clock.turn(LEASE);
    let lease = world.take(&keys[2], "a").await;
    world.ledger.finish(&lease, Ending::Failed { reason: "503".to_owned(), passing: true }).await.unwrap();
    let lease = world.take(&keys[3], "a").await;
    world.ledger.finish(&lease, Ending::Exhausted { result: json!({}) }).await.unwrap();
    world.take(&keys[4], "a").await;

    let counts = world.ledger.counts().await.unwrap();
    let count = |state| counts.states.iter().find(|(known, _)| *known == state).unwrap().1;
    assert_eq!(counts.states.len(), State::ALL.len());
    assert_eq!((count(State::Planned), count(State::Leased), count(State::Indexed)), (1, 2, 1));
    assert_eq!((counts.held, counts.expired, counts.scheduled), (1, 1, 1));

    let page = |after, limit| JobFilter { state: None, after, limit };
    let first = world.ledger.list(page(0, 4)).await.unwrap();
    let rest = world.ledger.list(page(first[3].id, 4)).await.unwrap();
    let listed: Vec<&str> = first.iter().chain(&rest).map(|job| job.key.as_str()).collect();
    assert_eq!(listed, keys.iter().map(JobKey::as_str).collect::<Vec<_>>());

    let unknown = JobKey::new("doi:10.1/none", "pdf", "fulltext");
    let asked = [&keys[0], &keys[1], &keys[2], &keys[3], &keys[4], &keys[5], &unknown].map(JobKey::clone);
    use Standing::{Held, Open, Over, Unknown};
    let standings = world.ledger.standings(asked.to_vec()).await.unwrap();
    assert_eq!(standings, [Over, Open, Open, Over, Held, Open, Unknown]);

    let files = world.ledger.artifacts(0, 10).await.unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!((&files[0].job, files[0].sha256.as_str()), (&keys[0], "ab".repeat(32).as_str()));
    let prefix = &keys[0].as_str()[..16];
    assert_eq!(world.ledger.find(prefix).await.unwrap(), [keys[0].clone()]);
    assert_eq!(world.ledger.find("").await.unwrap().len(), 2);
    assert_eq!(world.ledger.show(&unknown).await.unwrap(), None);
}

async fn taking_the_next_job_reads_an_index_and_sorts_nothing(world: World) {
    world.ledger.plan((0..2000).map(job).collect()).await.unwrap();
    world.sql("ANALYZE").await.unwrap();
    let statement = "SELECT id FROM jobs WHERE ready_at <= 9999999999999 ORDER BY ready_at, id LIMIT 1";
    let plan = explain(&world, statement).await;
    assert!(plan.contains("jobs_ready"), "{plan}");
    for slow in ["Sort", "Seq Scan", "TEMP B-TREE"] {
        assert!(!plan.contains(slow), "{plan}");
    }
}

async fn opening_at_the_same_time_makes_the_schema_once(world: World) {
    // A new place beside the world's own.
    let place = match &world.place {
        Place::Sqlite { path, .. } => {
            let folder = tempfile::tempdir_in(path.parent().unwrap()).unwrap();
            Place::Sqlite { path: folder.path().join("new.sqlite"), _folder: folder }
        }
        Place::Postgres { url, schema } => {
            Place::Postgres { url: url.clone(), schema: format!("{schema}_new") }
        }
    };
    let opened = futures_util::future::join_all((0..6).map(|_| place.open(&world.clock, false))).await;
    let ledgers: Vec<_> = opened.into_iter().map(|ledger| ledger.expect("all of them can open it")).collect();
    ledgers[0].plan(vec![job(1)]).await.unwrap();
    for ledger in &ledgers {
        assert!(matches!(ledger.plan(vec![job(1)]).await.unwrap()[0], Planned::Known(..)));
    }
}

async fn another_schema_is_a_clear_error(world: World) {
    let set = |version: i64| match world.place {
        Place::Sqlite { .. } => format!("PRAGMA user_version = {version}"),
        Place::Postgres { .. } => format!("UPDATE ledger_version SET version = {version}"),
    };
    world.sql(&set(99)).await.unwrap();
    let newer = world.join().await.unwrap_err();
    assert!(matches!(newer, LedgerError::Newer { found: 99, .. }), "{newer:?}");
    assert!(newer.to_string().contains("use the newer program"), "{newer}");
    world.sql(&set(0)).await.unwrap();
    let older = world.join().await.unwrap_err();
    assert!(matches!(older, LedgerError::Older { found: 0, .. }), "{older:?}");
}

async fn a_closed_ledger_answers_that_it_is(world: World) {
    world.plan(1).await;
    let other = world.join().await.unwrap();
    world.ledger.close().await;
    let closed = world.ledger.plan(vec![job(2)]).await;
    assert!(matches!(closed, Err(LedgerError::Unavailable(_))), "{closed:?}");
    let events = other.events(EventFilter { job: None, kind: None, after: 0, limit: 9 }).await.unwrap();
    assert_eq!(events.len(), 1, "what it had to keep was kept");
}

/// The states that a job can be held in.
const HELD: [State; 5] =
    [State::Leased, State::HeadDone, State::ResumeOk, State::Streaming, State::Finalized];

/// Takes the job and works on it until it is in `state`, one of `HELD`.
async fn bring_to(world: &World, key: &JobKey, state: State) -> Lease {
    let lease = world.take(key, "a").await;
    match state {
        State::Leased => {}
        State::HeadDone => world.effect(&lease, OpKind::Head).await,
        State::ResumeOk => {
            world.ledger.advance(&lease, Step::ResumeOk).await.unwrap();
        }
        State::Streaming => {
            world.ledger.advance(&lease, Step::Stream).await.unwrap();
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
        State::Failed => Ending::Failed { reason: "503".to_owned(), passing: true },
        State::Exhausted => Ending::Exhausted { result: json!({}) },
        State::SkippedDuplicate => Ending::Duplicate { of: key.clone(), result: json!({}) },
        held => {
            bring_to(world, key, held).await;
            return;
        }
    };
    let lease = world.take(key, "a").await;
    world.ledger.finish(&lease, ending).await.unwrap();
}

/// Every way to write by this lease is refused, and leaves no trace.
async fn assert_all_stale(world: &World, key: &JobKey, lease: &Lease, ticket: super::op::Ticket) {
    let ledger = &world.ledger;
    let before = story(world, key).await;
    let candidate = CandidateRecord {
        url: "https://late.example/".to_owned(),
        source: "late".to_owned(),
        detail: json!({}),
        verdict: None,
    };
    let failed = Ending::Failed { reason: "late".to_owned(), passing: true };
    let answers = [
        ledger.renew(lease).await.map(drop),
        ledger.advance(lease, Step::Stream).await.map(drop),
        ledger.begin(lease, op(lease, OpKind::Head)).await.map(drop),
        ledger.complete(lease, ticket, done(OpKind::Stream)).await.map(drop),
        ledger.candidates(lease, vec![candidate]).await,
        ledger.finish(lease, failed).await.map(drop),
        ledger.release(lease).await,
    ];
    for answer in answers {
        assert!(matches!(answer, Err(LedgerError::Stale { .. })), "{answer:?}");
    }
    assert_eq!(story(world, key).await, before);
}

async fn story(world: &World, key: &JobKey) -> Story {
    world.ledger.show(key).await.expect("the ledger can be read").expect("the job is there")
}

fn now(world: &World) -> i64 {
    use super::clock::Clock as _;
    world.clock.now_ms()
}

async fn explain(world: &World, statement: &str) -> String {
    match &world.place {
        Place::Sqlite { path, .. } => {
            let connection = rusqlite::Connection::open(path).unwrap();
            let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
            let lines = explained.query_map([], |row| row.get::<_, String>(3)).unwrap();
            lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
        }
        Place::Postgres { url, schema } => {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(&format!("SET search_path = {schema}")).await.unwrap();
            let lines =
                client.query(&format!("EXPLAIN {statement} FOR UPDATE SKIP LOCKED"), &[]).await.unwrap();
            lines.iter().map(|line| line.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
        }
    }
}
