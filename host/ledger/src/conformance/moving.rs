//! Jobs that move to another ledger, and jobs that are forgotten.

use std::time::Duration;

use serde_json::json;

use crate::error::LedgerError;
use crate::event::EventFilter;
use crate::job::{CandidateRecord, Imported, JobDetails, JobDisposition, Pruned};
use crate::op::{OpKind, OpStatus};
use crate::state::State;
use crate::testing::{EngineKind, World, done, job, op};

use super::{bring_anywhere, bring_to, details, now};

super::promises! {
    a_job_in_any_state_stands_in_another_ledger_as_it_stood_in_its_own
    a_job_that_is_there_already_is_not_written_over
    a_job_under_a_key_of_another_is_not_taken_over
    finished_jobs_are_forgotten_after_their_time_and_others_are_not
    jobs_that_were_planned_by_a_clock_that_was_ahead_keep_no_others
    a_clock_that_is_behind_forgets_nothing
    forgetting_goes_on_page_by_page
}

const KEEP: Duration = Duration::from_secs(90 * 86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// A job in each state, with all that belongs to it.
async fn one_in_each_state(world: &World) -> Vec<JobDetails> {
    let mut all = Vec::new();
    for (number, state) in (1..).zip(State::ALL) {
        let key = world.plan(number).await;
        bring_anywhere(world, &key, state).await;
        all.push(details(world, &key).await);
    }
    all
}

/// What does not depend on the ledger that it stands in.
fn portable(mut details: JobDetails) -> JobDetails {
    details.job.id = 0;
    details
}

async fn a_job_in_any_state_stands_in_another_ledger_as_it_stood_in_its_own(world: World) {
    let key = world.plan(99).await;
    let lease = bring_to(&world, &key, State::Streaming).await;
    let candidate = |url: &str| CandidateRecord {
        url: url.to_owned(),
        source: "repo".to_owned(),
        detail: json!({"version": "published"}),
        verdict: Some("not_pdf".to_owned()),
    };
    world
        .candidates(&lease, vec![candidate("https://z.example/"), candidate("https://a.example/")])
        .await
        .unwrap();
    world.try_begin(&lease, op(&lease, OpKind::Head)).await.unwrap();
    let mut all = one_in_each_state(&world).await;
    all.push(details(&world, &key).await);

    let other = world.another().await;
    let imported = other.ledger.import(all.clone()).await.unwrap();
    assert_eq!(imported, Imported { new: all.len() as u64, ..Imported::default() });
    for before in all {
        let key = crate::key::JobKey::from_hex(&before.job.key).unwrap();
        let mut expected = portable(before.clone());
        if expected.job.owner.take().is_some() {
            expected.job.ready_at = Some(now(&world));
        }
        for op in expected.ops.iter_mut().filter(|op| op.status == OpStatus::Running) {
            (op.status, op.ended_at) = (OpStatus::Abandoned, Some(now(&world)));
        }
        assert_eq!(portable(details(&other, &key).await), expected);
    }
    // What was in hand can be taken up, and by a higher fence than that of the worker that had it.
    let taken = other.take(&key, "b").await;
    assert!(taken.fence() > lease.fence() && taken.resumed, "{taken:?}");
    let done_op = other.complete(&taken, op(&taken, OpKind::Head), done(OpKind::Head)).await;
    assert!(done_op.is_ok(), "{done_op:?}");
}

async fn a_job_that_is_there_already_is_not_written_over(world: World) {
    let all = one_in_each_state(&world).await;
    let other = world.another().await;
    other.ledger.import(all[..3].to_vec()).await.unwrap();
    let again = other.ledger.import(all.clone()).await.unwrap();
    assert_eq!((again.known, again.new, again.other.len()), (3, all.len() as u64 - 3, 0), "it goes on");

    let third = world.another().await;
    third.plan(2).await;
    third.plan(4).await;
    let refused = third.ledger.import(all.clone()).await.unwrap();
    assert_eq!((refused.new, refused.other.len()), (0, 2), "{refused:?}");
    assert_eq!(third.ledger.counts().await.unwrap().states[0].1, 2, "nothing was written");
}

async fn a_job_under_a_key_of_another_is_not_taken_over(world: World) {
    let mut all = one_in_each_state(&world).await;
    all[1].job.work_id = "doi:10.5555/another".to_owned();
    let other = world.another().await;
    let refused = other.ledger.import(all).await;
    assert!(matches!(refused, Err(LedgerError::Corrupt(_))), "{refused:?}");
    assert_eq!(other.ledger.next_at().await.unwrap(), None, "nothing was written");
}

async fn finished_jobs_are_forgotten_after_their_time_and_others_are_not(world: World) {
    let old = one_in_each_state(&world).await;
    world.clock.go_forward(Duration::from_secs(3600));
    let young = world.plan(77).await;
    bring_anywhere(&world, &young, State::Indexed).await;
    // What is on record of the last second proves no clock right.
    on_record(&world).await;
    world.clock.go_forward(Duration::from_secs(1));

    let nothing = world.ledger.prune(Duration::from_secs(3602), 0).await.unwrap();
    assert_eq!((nothing.jobs, nothing.next), (0, None), "their time is not over");
    let pruned = world.ledger.prune(Duration::from_secs(1), 0).await.unwrap();
    assert_eq!((pruned.jobs, pruned.next), (4, None));
    for before in &old {
        let key = crate::key::JobKey::from_hex(&before.job.key).unwrap();
        let there = world.ledger.show(&key).await.unwrap();
        let finished = [State::Indexed, State::Deduped, State::SkippedDuplicate, State::Exhausted];
        assert_eq!(there.is_none(), finished.contains(&before.job.state), "{}", before.job.state);
        let filter = EventFilter { job: Some(key.clone()), kind: None, after: 0, limit: 9 };
        assert_eq!(world.ledger.events(filter).await.unwrap().is_empty(), there.is_none());
        if there.is_none() {
            assert_eq!(world.ledger.dispositions(vec![key]).await.unwrap(), [JobDisposition::Unknown]);
        }
    }
    assert!(world.ledger.show(&young).await.unwrap().is_some());
    // What was forgotten can be planned, and is then new.
    let again = world.plan(7).await;
    assert_eq!(details(&world, &again).await.job.state, State::Planned);
}

async fn jobs_that_were_planned_by_a_clock_that_was_ahead_keep_no_others(world: World) {
    world.clock.go_forward(YEAR * 10);
    for number in 0..3 {
        world.plan(number).await;
    }
    world.clock.go_back(YEAR * 10);
    let key = world.plan(77).await;
    bring_anywhere(&world, &key, State::Exhausted).await;
    for _ in 0..2 {
        world.clock.go_forward(KEEP * 2);
        world.plan(99).await;
        let key = world.plan(98).await;
        let lease = world.take(&key, "a").await;
        world.release(&lease).await.unwrap();
        on_record(&world).await;
    }
    assert_eq!(world.ledger.prune(KEEP, 0).await.unwrap().jobs, 1);
    assert!(world.ledger.show(&key).await.unwrap().is_none());
}

async fn a_clock_that_is_behind_forgets_nothing(world: World) {
    let key = world.plan(1).await;
    bring_anywhere(&world, &key, State::Exhausted).await;
    world.clock.go_back(YEAR * 10);
    world.plan(2).await;
    on_record(&world).await;
    world.clock.go_forward(KEEP * 2);
    assert_eq!(world.ledger.prune(KEEP, 0).await, Ok(Pruned::default()));
}

/// Events are written some time after what they tell of; now they are.
async fn on_record(world: &World) {
    world.ledger.events(EventFilter { job: None, kind: None, after: 0, limit: 1 }).await.unwrap();
}

async fn forgetting_goes_on_page_by_page(world: World) {
    world.ledger.plan((0..1203).map(job).collect()).await.unwrap();
    for number in [0, 600, 1202] {
        let key = job(number).key();
        bring_anywhere(&world, &key, State::Exhausted).await;
    }
    world.clock.go_forward(Duration::from_secs(60));
    world.plan(2000).await;
    on_record(&world).await;
    let (mut after, mut jobs, mut steps) = (0, 0, 0);
    loop {
        let pruned = world.ledger.prune(Duration::ZERO, after).await.unwrap();
        (jobs, steps) = (jobs + pruned.jobs, steps + 1);
        let Some(next) = pruned.next else { break };
        assert!(next > after);
        after = next;
    }
    assert_eq!((jobs, steps), (3, 3));
}
