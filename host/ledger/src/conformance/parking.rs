//! Jobs that wait for a turn at a host are given back for a time, and go on where they were.

use std::time::Duration;

use serde_json::json;

use crate::clock::Due;
use crate::command::JobCommand;
use crate::error::LedgerError;
use crate::job::{Ending, Enqueued, Retry};
use crate::op::OpKind;
use crate::state::State;
use crate::testing::{EngineKind, LEASE, MAX_ATTEMPTS, World};

use super::{details, now};

super::promises! {
    a_parked_job_is_nobodys_until_its_time_and_has_all_its_attempts
    whoever_leases_a_parked_job_is_given_what_was_found_so_far_also_after_a_crash
    what_was_found_so_far_ends_with_the_attempt
    times_are_told_by_how_long_they_are_away_whatever_the_clock_of_whoever_asks
    a_parked_job_waits_for_its_time_whoever_looks_and_an_operator_can_have_it_at_once
    the_jobs_of_one_work_that_were_parked_one_after_the_other_are_had_together
    nothing_is_parked_for_longer_than_a_day_whatever_the_row_says
    what_others_wrote_in_place_of_what_was_found_is_not_known
}

const WAIT: Duration = Duration::from_secs(600);

async fn a_parked_job_is_nobodys_until_its_time_and_has_all_its_attempts(world: World) {
    let (key, other) = (world.plan(1).await, world.plan(2).await);
    for round in 0..2 * MAX_ATTEMPTS {
        let lease = world.take(&key, "a").await;
        assert_eq!(lease.attempts, 1);
        let until = world.park(&lease, WAIT, json!({"round": round})).await.unwrap();
        assert_eq!(until - now(&world), 600_000);
        assert!(matches!(world.park(&lease, WAIT, json!({})).await, Err(LedgerError::Stale { .. })));
        let job = details(&world, &key).await.job;
        assert_eq!((job.state, job.owner, job.attempts), (State::Leased, None, 0));
        assert_eq!(job.ready_at, Some(until));
        match world.ledger.lease(&key, "b").await.unwrap() {
            Enqueued::Parked { until: told } => assert_eq!(told.at, until),
            taken => panic!("{taken:?}"),
        }
        let next = world.ledger.lease_next("b").await.unwrap().expect("the other is ready");
        assert_eq!(next.job(), &other);
        world.release(&next).await.unwrap();
        world.clock.go_forward(WAIT);
    }
    world.work(&world.ledger.lease_next("b").await.unwrap().expect("two are ready")).await.unwrap();
    let lease = world.take(&key, "b").await;
    world.work(&lease).await.unwrap();
    assert_eq!(world.ledger.next_at().await, Ok(None));
}

async fn whoever_leases_a_parked_job_is_given_what_was_found_so_far_also_after_a_crash(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    assert_eq!(lease.so_far, None);
    world.effect(&lease, OpKind::Head).await;
    world.park(&lease, WAIT, json!({"asked": ["crossref"]})).await.unwrap();
    for owner in ["b", "c"] {
        world.clock.go_forward(WAIT);
        // The one before is gone without a word.
        let lease = world.take(&key, owner).await;
        assert_eq!(lease.so_far.as_deref(), Some(&json!({"asked": ["crossref"]})));
        assert!(lease.resumed && lease.done.len() == 1, "its effects are there as well");
    }
}

async fn what_was_found_so_far_ends_with_the_attempt(world: World) {
    for (number, ending) in [
        Ending::Failed { reason: "busy".to_owned(), retryable: true },
        Ending::Postponed { reason: "source_outage".to_owned() },
        Ending::Exhausted { result: json!({}) },
    ]
    .into_iter()
    .enumerate()
    {
        let key = world.plan(number as u32).await;
        let lease = world.take(&key, "a").await;
        world.park(&lease, WAIT, json!({"asked": []})).await.unwrap();
        world.clock.go_forward(WAIT);
        let lease = world.take(&key, "a").await;
        world.finish(&lease, ending).await.unwrap();
        world.ledger.retry(Retry::Job(key.clone())).await.unwrap();
        assert_eq!(world.take(&key, "a").await.so_far, None, "it begins anew");
    }
}

async fn times_are_told_by_how_long_they_are_away_whatever_the_clock_of_whoever_asks(world: World) {
    // The ledger's clock is years behind this machine's, and then years ahead of it.
    for years in [0, 40] {
        world.clock.go_forward(Duration::from_secs(years * 365 * 86_400));
        let key = world.plan(u32::try_from(years).unwrap()).await;
        let lease = world.take(&key, "a").await;
        world.clock.go_forward(Duration::from_secs(20));
        match world.ledger.lease(&key, "b").await.unwrap() {
            Enqueued::Held { until, .. } => assert_eq!(until.wait, LEASE - Duration::from_secs(20)),
            taken => panic!("{taken:?}"),
        }
        let park = JobCommand::Park { wait: WAIT, so_far: json!({}) };
        let parked = world.ledger.execute_one(&lease, park).await.unwrap().next_at.unwrap();
        assert_eq!(parked, Due { at: now(&world) + 600_000, wait: WAIT });
        world.clock.go_forward(Duration::from_secs(100));
        let left = WAIT - Duration::from_secs(100);
        match world.ledger.lease(&key, "b").await.unwrap() {
            Enqueued::Parked { until } => assert_eq!(until, Due { wait: left, ..parked }),
            taken => panic!("{taken:?}"),
        }
        assert_eq!(world.ledger.next_at().await, Ok(Some(Due { wait: left, ..parked })));
        world.clock.go_forward(WAIT);
        let lease = world.take(&key, "b").await;
        let failed = Ending::Failed { reason: "503".to_owned(), retryable: true };
        let failed = world.ledger.execute_one(&lease, JobCommand::Finish(failed)).await.unwrap();
        let next = failed.next_at.unwrap();
        assert_eq!(next, Due { at: now(&world) + next.wait.as_millis() as i64, ..next });
        match world.ledger.lease(&key, "b").await.unwrap() {
            Enqueued::Later { at, .. } => assert_eq!(at, next),
            taken => panic!("{taken:?}"),
        }
        world.clock.go_forward(next.wait);
        let lease = world.take(&key, "b").await;
        world.finish(&lease, Ending::Exhausted { result: json!({}) }).await.unwrap();
    }
}

async fn a_parked_job_waits_for_its_time_whoever_looks_and_an_operator_can_have_it_at_once(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    let until = world.park(&lease, WAIT, json!({})).await.unwrap();
    assert_eq!(world.ledger.recover().await.unwrap().ahead, 0, "its time was meant");
    assert_eq!(world.ledger.next_at().await, Ok(Some(Due { at: until, wait: WAIT })));
    assert_eq!(world.ledger.retry(Retry::Job(key.clone())).await, Ok(1));
    let lease = world.take(&key, "b").await;
    assert!(lease.so_far.is_some(), "what was found holds all the same");
}

async fn the_jobs_of_one_work_that_were_parked_one_after_the_other_are_had_together(world: World) {
    let (one, two) = (world.plan(1).await, world.plan(2).await);
    let leases = [world.take(&one, "a").await, world.take(&two, "a").await];
    for lease in &leases {
        world.park(lease, WAIT, json!({})).await.unwrap();
        world.clock.go_forward(Duration::from_secs(1));
    }
    world.clock.go_forward(WAIT - Duration::from_secs(2));
    assert_eq!(world.ledger.lease_next("b").await.unwrap().expect("its time has come").job(), &one);
    world.take(&two, "b").await;
}

async fn nothing_is_parked_for_longer_than_a_day_whatever_the_row_says(world: World) {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    let until = world.park(&lease, Duration::MAX, json!({})).await.unwrap();
    assert_eq!(until - now(&world), DAY);
    for far in [until + 1, i64::MAX] {
        world.sql(&format!("UPDATE parked_jobs SET until = {far}")).await.unwrap();
        world.sql(&format!("UPDATE jobs SET ready_at = {far}")).await.unwrap();
        assert_eq!(world.ledger.recover().await.unwrap().ahead, 1);
        let lease = world.take(&key, "a").await;
        world.park(&lease, WAIT, json!({})).await.unwrap();
    }
}

async fn what_others_wrote_in_place_of_what_was_found_is_not_known(world: World) {
    let key = world.plan(1).await;
    let long = format!("[{}0]", "0,".repeat(4_000_000));
    for written in ["", "{", "nul", &"[".repeat(100_000), &long] {
        let lease = world.take(&key, "a").await;
        world.park(&lease, WAIT, json!({})).await.unwrap();
        world.sql(&format!("UPDATE parked_jobs SET so_far = '{written}'")).await.unwrap();
        world.clock.go_forward(WAIT);
        let lease = world.take(&key, "b").await;
        assert_eq!(lease.so_far, None);
        world.release(&lease).await.unwrap();
    }
}
