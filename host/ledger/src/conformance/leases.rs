//! Who holds a job, for how long, and what happens when its worker is gone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::error::LedgerError;
use crate::job::{Ending, Enqueued, Planned, Retry};
use crate::key::JobKey;
use crate::op::{OpKind, OpStatus};
use crate::state::{State, Step};
use crate::testing::{EngineKind, LEASE, MAX_ATTEMPTS, World, done, job, op};

use super::{HELD, assert_all_stale, bring_to, details};

super::promises! {
    planning_a_job_again_changes_nothing
    planning_the_same_jobs_at_the_same_time_in_any_order_makes_each_once
    the_same_work_by_another_url_is_the_same_job
    jobs_are_taken_in_the_order_of_planning
    a_job_has_one_owner_and_others_are_told_who
    many_workers_at_once_take_each_job_once
    a_crashed_job_is_leased_again_from_every_unfinished_state
    a_job_that_kills_its_worker_is_not_handed_out_for_ever
    why_a_job_last_failed_outlives_its_attempts_however_they_are_used_up
    an_expired_lease_can_write_nothing_even_before_anyone_takes_the_job
    a_worker_whose_job_was_taken_over_can_write_nothing
    a_lease_is_renewed_in_every_state_it_can_be_held_in
    a_clock_that_jumps_costs_time_but_no_second_owner
    a_job_handed_back_is_ready_at_once_and_has_all_its_attempts
    what_was_planned_by_a_clock_that_is_ahead_is_ready_at_once
    what_a_clock_that_was_ahead_has_put_off_is_recovered
    an_operator_makes_ready_what_was_planned_by_a_clock_that_is_ahead
    recovery_clears_what_lost_workers_left_and_nothing_else
}

async fn planning_a_job_again_changes_nothing(world: World) {
    let first = world.ledger.plan(vec![job(1), job(2)]).await.unwrap();
    assert!(matches!(first.as_slice(), [Planned::New(_), Planned::New(_)]), "{first:?}");
    let key = first[0].key().clone();
    world.take(&key, "a").await;
    let again = world.ledger.plan(vec![job(3), job(1)]).await.unwrap();
    assert!(matches!(again[0], Planned::New(_)));
    assert_eq!(again[1], Planned::Known(key.clone(), State::Leased));
    assert!(matches!(world.ledger.lease(&key, "b").await.unwrap(), Enqueued::Held { .. }));
    let twice = world.ledger.plan(vec![job(4), job(4)]).await.unwrap();
    assert_eq!(twice[1], Planned::Known(twice[0].key().clone(), State::Planned));
}

async fn planning_the_same_jobs_at_the_same_time_in_any_order_makes_each_once(world: World) {
    let other = world.join().await.unwrap();
    for round in 0..5 {
        let forwards: Vec<_> = (0..100).map(|number| job(round * 100 + number)).collect();
        let backwards = forwards.iter().rev().cloned().collect();
        let (one, two) = tokio::join!(world.ledger.plan(forwards), other.plan(backwards));
        let new = |planned: &&Planned| matches!(planned, Planned::New(_));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.iter().chain(&two).filter(new).count(), 100);
    }
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
            Enqueued::Held { owner, until } => {
                assert_eq!((owner.as_str(), until.at), ("a", lease.expires_at));
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
        world.clock.go_forward(LEASE);
        let lease = world.take(&key, "b").await;
        assert_eq!(lease.state, state, "nothing that was reached is lost");
        assert!(lease.resumed);
        assert_eq!(lease.finalized().is_some(), state == State::Finalized);
        assert_eq!(lease.fence(), lost.fence() + 1);
        world.work(&lease).await.unwrap();
        assert_eq!(details(&world, &key).await.job.state, State::Indexed, "from {state}");
    }
}

async fn a_job_that_kills_its_worker_is_not_handed_out_for_ever(world: World) {
    let key = world.plan(1).await;
    for attempt in 1..=MAX_ATTEMPTS {
        let lease = world.ledger.lease_next("a").await.unwrap().unwrap();
        assert_eq!(lease.attempts, attempt);
        world.clock.go_forward(LEASE);
    }
    assert!(world.ledger.lease_next("a").await.unwrap().is_none());
    let job = details(&world, &key).await.job;
    assert_eq!((job.state, job.ready_at, job.owner), (State::Failed, None, None));
    assert!(job.reason.unwrap().contains("the last of its attempts (5)"));
    let taken = world.ledger.lease(&key, "a").await.unwrap();
    assert!(matches!(taken, Enqueued::Over { state: State::Failed, .. }), "{taken:?}");
}

async fn why_a_job_last_failed_outlives_its_attempts_however_they_are_used_up(world: World) {
    let (next, named, lost) = (world.plan(1).await, world.plan(2).await, world.plan(3).await);
    for key in [&next, &named, &lost] {
        let lease = bring_to(&world, key, State::Streaming).await;
        world.finish(&lease, busy()).await.unwrap();
    }
    world.clock.go_forward(Duration::from_secs(3600));
    world.take(&lost, "a").await;
    world.clock.go_forward(LEASE);
    // Whoever looks after the ledger now allows fewer attempts.
    let stricter = world.join_allowing(1).await.unwrap();
    assert!(stricter.lease_next("b").await.unwrap().is_none(), "none has any left");
    match stricter.lease(&named, "b").await.unwrap() {
        Enqueued::Over { state: State::Failed, reason, .. } => assert_eq!(reason.as_deref(), Some("busy")),
        other => panic!("{other:?}"),
    }
    for key in [&next, &named] {
        let job = details(&world, key).await.job;
        assert_eq!((job.state, job.ready_at, job.reason.as_deref()), (State::Failed, None, Some("busy")));
    }
    let told = async || details(&world, &lost).await.job.reason.unwrap();
    assert_eq!(
        told().await,
        "its worker was lost in the state LEASED, at the last of its attempts (2); before that: busy"
    );
    // A second loss is told alone.
    assert_eq!(world.ledger.retry(Retry::Job(lost.clone())).await, Ok(1));
    world.take(&lost, "a").await;
    world.clock.go_forward(LEASE);
    assert_eq!(stricter.recover().await.unwrap().given_up.as_slice(), std::slice::from_ref(&lost));
    assert_eq!(told().await, "its worker was lost in the state LEASED, at the last of its attempts (1)");
}

async fn an_expired_lease_can_write_nothing_even_before_anyone_takes_the_job(world: World) {
    for (number, state) in HELD.into_iter().enumerate() {
        let key = world.plan(number as u32).await;
        let lease = bring_to(&world, &key, state).await;
        world.clock.go_forward(LEASE - Duration::from_millis(1));
        assert!(world.ledger.renew(&lease).await.is_ok(), "a lease lasts to its last millisecond");
        let begun =
            world.begin(&lease, if state == State::Finalized { OpKind::Index } else { OpKind::Stream }).await;
        world.clock.go_forward(LEASE);
        assert_all_stale(&world, &key, &lease, begun).await;
    }
}

async fn a_worker_whose_job_was_taken_over_can_write_nothing(world: World) {
    let key = world.plan(1).await;
    let lost = bring_to(&world, &key, State::Streaming).await;
    let begun = world.begin(&lost, OpKind::Finalize).await;
    world.clock.go_forward(LEASE);
    let taken = world.take(&key, "a").await;
    assert_all_stale(&world, &key, &lost, begun).await;
    world.work(&taken).await.unwrap();
    let refused = world.try_begin(&taken, op(&taken, OpKind::Index)).await;
    assert!(matches!(refused, Err(LedgerError::Stale { .. })), "a done job is nobody's: {refused:?}");
    assert!(matches!(world.ledger.renew(&lost).await, Err(LedgerError::Stale { .. })));
}

async fn a_lease_is_renewed_in_every_state_it_can_be_held_in(world: World) {
    for (number, state) in HELD.into_iter().enumerate() {
        let key = world.plan(number as u32).await;
        let lease = bring_to(&world, &key, state).await;
        let before = details(&world, &key).await;
        assert_eq!(world.check(&lease).await.unwrap(), state);
        assert_eq!(details(&world, &key).await, before, "to ask whether it holds changes nothing");
        for _ in 0..3 {
            world.clock.go_forward(LEASE / 2);
            let until = world.ledger.renew(&lease).await.unwrap();
            assert_eq!(details(&world, &key).await.job.ready_at, Some(until));
        }
        assert!(matches!(world.ledger.lease(&key, "b").await.unwrap(), Enqueued::Held { .. }), "in {state}");
        world.clock.go_forward(LEASE);
        assert!(
            matches!(world.ledger.renew(&lease).await, Err(LedgerError::Stale { .. })),
            "an expired lease is not revived"
        );
    }
}

async fn a_clock_that_jumps_costs_time_but_no_second_owner(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    world.clock.go_back(Duration::from_secs(3600));
    assert!(world.ledger.lease_next("b").await.unwrap().is_none());
    assert!(matches!(world.ledger.lease(&key, "b").await.unwrap(), Enqueued::Held { .. }));
    world.advance(&lease, Step::HeadDone).await.unwrap();
    world.clock.go_forward(Duration::from_secs(7200));
    assert!(matches!(world.advance(&lease, Step::Stream).await, Err(LedgerError::Stale { .. })));
    let taken = world.take(&key, "b").await;
    world.clock.go_back(Duration::from_secs(7200));
    assert!(
        matches!(world.advance(&lease, Step::Stream).await, Err(LedgerError::Stale { .. })),
        "the old lease's time is back, its fence is not"
    );
    world.work(&taken).await.unwrap();
}

async fn a_job_handed_back_is_ready_at_once_and_has_all_its_attempts(world: World) {
    let key = world.plan(1).await;
    for _ in 0..MAX_ATTEMPTS * 2 {
        let lease = bring_to(&world, &key, State::Streaming).await;
        assert_eq!(lease.attempts, 1);
        world.release(&lease).await.unwrap();
        assert!(matches!(world.release(&lease).await, Err(LedgerError::Stale { .. })));
        let job = details(&world, &key).await.job;
        assert_eq!((job.state, job.owner, job.attempts), (State::Streaming, None, 0));
    }
}

async fn what_was_planned_by_a_clock_that_is_ahead_is_ready_at_once(world: World) {
    let (named, next, last) = (world.plan(1).await, world.plan(2).await, world.plan(3).await);
    world.clock.go_back(Duration::from_secs(3600));
    let Enqueued::Leased(lease) = world.ledger.lease(&named, "a").await.unwrap() else { panic!("it waits") };
    world.work(&lease).await.unwrap();
    assert_eq!(world.ledger.recover().await.unwrap().ahead, 2);
    assert_eq!(world.ledger.recover().await.unwrap().ahead, 0, "once is enough");
    for key in [next, last] {
        let taken = world.ledger.lease_next("a").await.unwrap().expect("it is ready");
        assert_eq!(taken.job(), &key);
        world.work(&taken).await.unwrap();
    }
}

fn busy() -> Ending {
    Ending::Failed { reason: "busy".to_owned(), retryable: true }
}

async fn what_a_clock_that_was_ahead_has_put_off_is_recovered(world: World) {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    world.clock.go_forward(YEAR);
    let (failed, held) = (world.plan(1).await, world.plan(2).await);
    let lease = world.take(&failed, "a").await;
    world.finish(&lease, busy()).await.unwrap();
    world.take(&held, "a").await;
    world.clock.go_back(YEAR);
    let recovered = world.ledger.recover().await.unwrap();
    assert_eq!((recovered.ahead, recovered.leases), (1, vec![held.clone()]));
    for key in [failed, held] {
        world.take(&key, "b").await;
    }
    // A failure keeps its time where that is one.
    let later = world.plan(3).await;
    let lease = world.take(&later, "a").await;
    world.finish(&lease, busy()).await.unwrap();
    assert_eq!(world.ledger.recover().await.unwrap().ahead, 0);
    assert!(matches!(world.ledger.lease(&later, "b").await.unwrap(), Enqueued::Later { .. }));
}

async fn an_operator_makes_ready_what_was_planned_by_a_clock_that_is_ahead(world: World) {
    let key = world.plan(1).await;
    world.clock.go_back(Duration::from_secs(3600));
    assert!(world.ledger.lease_next("a").await.unwrap().is_none());
    assert_eq!(world.ledger.retry(Retry::Job(key.clone())).await.unwrap(), 1);
    assert_eq!(world.ledger.lease_next("a").await.unwrap().expect("it is ready").job(), &key);
    assert_eq!(world.ledger.retry(Retry::Job(key)).await.unwrap(), 0, "it is in hand");
}

async fn recovery_clears_what_lost_workers_left_and_nothing_else(world: World) {
    let (lost, live, idle) = (world.plan(1).await, world.plan(2).await, world.plan(3).await);
    let lease = bring_to(&world, &lost, State::Streaming).await;
    world.begin(&lease, OpKind::Finalize).await;
    world.clock.go_forward(LEASE);
    let live_lease = world.take(&live, "b").await;
    let live_op = world.begin(&live_lease, OpKind::Head).await;

    let other = world.join().await.unwrap();
    let recovered = other.recover().await.unwrap();
    assert_eq!((recovered.leases.as_slice(), recovered.ops), (&[lost.clone()][..], 1));
    assert_eq!(other.recover().await.unwrap().leases, [], "once is enough");
    let job = details(&world, &lost).await;
    assert_eq!((job.job.state, job.job.owner), (State::Streaming, None));
    assert!(job.ops.iter().any(|op| op.status == OpStatus::Abandoned));
    assert!(world.complete(&live_lease, live_op, done(OpKind::Head)).await.is_ok());
    assert_eq!(details(&world, &idle).await.job.state, State::Planned);
    let taken = world.take(&lost, "c").await;
    assert!(taken.resumed, "what was recovered is still known to be begun");
    world.work(&taken).await.unwrap();
}
