//! How jobs end, and how ended jobs are made ready again.

use std::time::Duration;

use serde_json::json;

use crate::event::{EventFilter, EventKind};
use crate::job::{CandidateRecord, Ending, Enqueued, JobFilter, Planned, Retry};
use crate::op::{OpKind, OpStatus};
use crate::state::State;
use crate::testing::{EngineKind, MAX_ATTEMPTS, World, job, readable};

use super::{bring_to, details, now};

super::promises! {
    a_failure_has_a_schedule_and_an_end
    what_is_nobodys_failure_takes_no_attempt_and_has_a_schedule
    a_failure_that_will_not_pass_is_not_tried_again
    an_operator_can_have_failed_and_exhausted_jobs_tried_again
    a_done_job_whose_file_is_lost_is_done_again_from_the_start
    a_second_run_is_told_what_the_first_one_came_to
    a_duplicate_points_to_the_job_it_is
    candidates_hang_off_the_job_with_their_verdicts
}

async fn a_failure_has_a_schedule_and_an_end(world: World) {
    let key = world.plan(1).await;
    let mut waits = Vec::new();
    for attempt in 1..=MAX_ATTEMPTS {
        let lease = world.take(&key, "a").await;
        let failed = Ending::Failed { reason: format!("HTTP 503, attempt {attempt}"), retryable: true };
        let (state, at) = world.finish(&lease, failed).await.unwrap();
        assert_eq!(state, State::Failed);
        let Some(at) = at else { break };
        waits.push(at - now(&world));
        assert!(world.ledger.lease_next("a").await.unwrap().is_none());
        match world.ledger.lease(&key, "b").await.unwrap() {
            Enqueued::Later { at: next, attempts, reason } => {
                assert_eq!((next.at, attempts), (at, attempt));
                assert_eq!(reason, format!("HTTP 503, attempt {attempt}"));
            }
            other => panic!("{other:?}"),
        }
        world.clock.go_forward(Duration::from_millis((at - now(&world)) as u64));
    }
    assert_eq!(waits.len() as u32, MAX_ATTEMPTS - 1);
    assert!(waits.is_sorted(), "{waits:?}");
    world.clock.go_forward(Duration::from_secs(86_400 * 365));
    assert!(world.ledger.lease_next("a").await.unwrap().is_none(), "it stays failed");
    let filter = JobFilter { state: Some(State::Failed), after: 0, limit: 10 };
    let listed = readable(world.ledger.list(filter).await.unwrap());
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].reason.as_deref(), Some("HTTP 503, attempt 5"));
}

async fn what_is_nobodys_failure_takes_no_attempt_and_has_a_schedule(world: World) {
    let key = world.plan(1).await;
    for _ in 0..2 * MAX_ATTEMPTS {
        let lease = world.take(&key, "a").await;
        assert_eq!(lease.attempts, 1);
        let postponed = Ending::Postponed { reason: "source_outage".to_owned() };
        let (state, at) = world.finish(&lease, postponed.clone()).await.unwrap();
        assert_eq!(state, State::Failed);
        let at = at.expect("another attempt");
        assert!(at > now(&world), "not at once");
        assert_eq!(
            world.finish(&lease, postponed).await,
            Ok((State::Failed, Some(at))),
            "a repetition changes nothing"
        );
        match world.ledger.lease(&key, "b").await.unwrap() {
            Enqueued::Later { attempts, reason, .. } => {
                assert_eq!((attempts, reason.as_str()), (0, "source_outage"));
            }
            other => panic!("{other:?}"),
        }
        world.clock.go_forward(Duration::from_millis((at - now(&world)) as u64));
    }
}

async fn a_failure_that_will_not_pass_is_not_tried_again(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    let failed = Ending::Failed { reason: "the input is not a work".to_owned(), retryable: false };
    assert_eq!(world.finish(&lease, failed).await, Ok((State::Failed, None)));
    match world.ledger.lease(&key, "a").await.unwrap() {
        Enqueued::Over { state: State::Failed, reason: Some(reason), .. } => {
            assert_eq!(reason, "the input is not a work");
        }
        other => panic!("{other:?}"),
    }
}

async fn an_operator_can_have_failed_and_exhausted_jobs_tried_again(world: World) {
    let endings = [
        Ending::Failed { reason: "gone".to_owned(), retryable: false },
        Ending::Failed { reason: "503".to_owned(), retryable: true },
        Ending::Exhausted { result: json!({"asked": 16}) },
        Ending::Exhausted { result: json!({"asked": 16}) },
    ];
    let mut keys = Vec::new();
    for (number, ending) in endings.into_iter().enumerate() {
        let key = world.plan(number as u32).await;
        let lease = bring_to(&world, &key, State::Streaming).await;
        world.finish(&lease, ending).await.unwrap();
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
        Enqueued::Over { state: State::Exhausted, result, .. } => {
            assert_eq!(result, Some(json!({"asked": 16})))
        }
        other => panic!("{other:?}"),
    }
}

async fn a_done_job_whose_file_is_lost_is_done_again_from_the_start(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    assert_eq!(world.ledger.reopen(&key, "missing").await, Ok(false), "a held job is not done");
    world.work(&lease).await.unwrap();
    assert_eq!(world.ledger.reopen(&key, "its file is missing").await, Ok(true));
    let job = details(&world, &key).await.job;
    assert_eq!((job.state, job.artifact, job.result), (State::Failed, None, None));

    let again = world.take(&key, "b").await;
    assert!(again.fence() > lease.fence());
    world.effect(&again, OpKind::Stream).await;
    world.effect(&again, OpKind::Finalize).await;
    // The file vanishes while the job is held: the same, by its holder.
    let lost = Ending::Lost { reason: "its file is missing".to_owned() };
    let (state, at) = world.finish(&again, lost).await.unwrap();
    assert_eq!((state, at), (State::Failed, Some(now(&world))));
    world.work(&world.take(&key, "c").await).await.unwrap();
    assert_eq!(details(&world, &key).await.ops.iter().filter(|op| op.status == OpStatus::Done).count(), 4);
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
        Enqueued::Over { state: State::Indexed, result, reason: None } => {
            assert_eq!(result, Some(json!({"did": "INDEX"})));
        }
        other => panic!("{other:?}"),
    }
    let filter = EventFilter { job: Some(key), kind: Some(EventKind::IdempotencyReplay), after: 0, limit: 9 };
    assert_eq!(readable(second.events(filter).await.unwrap()).len(), 2, "planned again, and asked for again");
    assert_eq!(second.next_at().await, Ok(None));
}

async fn a_duplicate_points_to_the_job_it_is(world: World) {
    let (one, two) = (world.plan(1).await, world.plan(2).await);
    let lease = world.take(&two, "a").await;
    let ending = Ending::Duplicate { of: one.clone(), result: json!({"doi": "10.1000/1"}) };
    assert_eq!(world.finish(&lease, ending).await, Ok((State::SkippedDuplicate, None)));
    let kept = details(&world, &two).await.job.result.unwrap();
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
    world.candidates(&lease, found).await.unwrap();
    let judged = vec![candidate("https://a.example/1.pdf", Some("html_instead"))];
    world.candidates(&lease, judged).await.unwrap();
    world.candidates(&lease, vec![candidate("https://a.example/1.pdf", None)]).await.unwrap();
    let kept = details(&world, &key).await.candidates;
    let verdicts: Vec<_> = kept.iter().map(|kept| (kept.url.as_str(), kept.verdict.as_deref())).collect();
    assert_eq!(
        verdicts,
        [("https://a.example/1.pdf", Some("html_instead")), ("https://b.example/1.pdf", None)]
    );
}
