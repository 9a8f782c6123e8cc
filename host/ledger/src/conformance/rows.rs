//! Rows that somebody else has written, or a broken disk: each costs itself, and nothing beside it.

use crate::error::LedgerError;
use crate::job::{Ending, Enqueued, JobFilter, JobRecord, Planned, Retry, UnreadableRow};
use crate::op::{Begun, OpKind};
use crate::state::State;
use crate::testing::{EngineKind, LEASE, Place, World, done, job, op, readable};

use super::now;

super::promises! {
    one_unreadable_row_is_set_aside_by_name_and_the_others_go_on
    a_row_that_was_mended_is_a_job_again
    who_holds_a_row_that_was_removed_writes_nothing_into_the_next
    a_row_that_claims_more_attempts_than_there_are_stops_nobody
    a_row_in_a_state_that_nobody_knows_stops_nobody
    leases_are_cleared_around_a_row_that_cannot_be_read
    a_side_effect_whose_record_cannot_be_read_is_done_again
    a_file_that_is_none_is_named_and_not_looked_for
}

async fn one_unreadable_row_is_set_aside_by_name_and_the_others_go_on(world: World) {
    let huge = match &world.place {
        #[cfg(feature = "sqlite")]
        Place::Sqlite { .. } => "printf('\"%.*c\"', 5000000, 'x')",
        #[cfg(feature = "postgres")]
        Place::Postgres { .. } => "'\"' || repeat('x', 5000000) || '\"'",
    };
    let damages = [
        "work = 'no JSON'".to_owned(),
        format!("work = '{}'", "[".repeat(100_000)),
        format!("work = {huge}"),
        "work_id = 'doi:10.1/another'".to_owned(),
        "role = 'cover'".to_owned(),
        "key = 'no key'".to_owned(),
        format!("key = '{}'", "0".repeat(64)),
        "attempts = -1".to_owned(),
        "attempts = 9223372036854775807".to_owned(),
        "fence = 9223372036854775807".to_owned(),
    ];
    let mut keys = Vec::new();
    for number in 0..u32::try_from(damages.len()).unwrap() {
        keys.push(world.plan(number).await);
    }
    for (damage, key) in damages.iter().zip(&keys) {
        world.sql(&format!("UPDATE jobs SET {damage} WHERE key = '{key}'")).await.unwrap();
    }
    let mut bad = damages.len();
    #[cfg(feature = "sqlite")]
    if let Place::Sqlite { .. } = &world.place {
        let raw = "INSERT INTO jobs (key, state, ready_at, planned_at, changed_at, work_id, artifact_id, role, run_id, \
                   work) VALUES ('raw', 'PLANNED', 0, 0, 0, CAST(x'ff00ff' AS TEXT), 'pdf', 'fulltext', '', '1')";
        world.sql(raw).await.unwrap();
        bad += 1;
    }
    let sound = world.plan(1000).await;

    let lease = world.ledger.lease_next("a").await.unwrap().expect("one job is sound");
    assert_eq!(lease.job(), &sound);
    assert!(world.ledger.lease_next("a").await.unwrap().is_none());
    let next = world.ledger.next_at().await.unwrap().map(|next| next.at);
    assert_eq!(next, Some(lease.expires_at), "no bad row is waited for");
    assert_eq!(world.ledger.counts().await.unwrap().set_aside, bad as u64);
    let listed = all(&world).await;
    let named: Vec<&UnreadableRow> = listed.iter().filter_map(|row| row.as_ref().err()).collect();
    assert_eq!((listed.len(), named.len()), (bad + 1, bad), "{listed:?}");
    assert!(named.iter().all(|row| !row.why.is_empty() && row.why.len() < 400), "{named:?}");
    assert!(named.iter().any(|row| row.name == keys[0].as_str()));
    // Whoever asks for one of them is told, and planning and looking go on around them.
    for number in [0, 1, 3, 7] {
        let asked = world.ledger.enqueue(job(number), "b").await.unwrap();
        assert!(matches!(asked, Enqueued::SetAside { .. }), "{number}: {asked:?}");
    }
    assert!(world.ledger.show(&keys[0]).await.is_err());
    assert!(world.ledger.find("").await.is_ok());
    assert!(world.ledger.dispositions(keys).await.is_ok());
    assert_eq!(world.ledger.retry(Retry::All(State::Failed)).await, Ok(0));
    world.work(&lease).await.unwrap();
}

async fn a_row_that_claims_more_attempts_than_there_are_stops_nobody(world: World) {
    let (bold, modest) = (world.plan(1).await, world.plan(2).await);
    world.sql(&format!("UPDATE jobs SET attempts = 99 WHERE key = '{bold}'")).await.unwrap();
    for key in [bold, modest] {
        let lease = world.ledger.lease_next("a").await.unwrap().expect("it is ready");
        assert_eq!(lease.job(), &key);
        world.work(&lease).await.unwrap();
    }
}

async fn who_holds_a_row_that_was_removed_writes_nothing_into_the_next(world: World) {
    let gone = world.plan(1).await;
    let lost = world.take(&gone, "a").await;
    world.sql(&format!("DELETE FROM jobs WHERE key = '{gone}'")).await.unwrap();
    // In SQLite it has the number of the other.
    let next = world.plan(2).await;
    let lease = world.take(&next, "a").await;
    let failed = Ending::Failed { reason: "late".to_owned(), retryable: true };
    assert!(matches!(world.finish(&lost, failed).await, Err(LedgerError::Stale { .. })));
    let job = world.ledger.show(&next).await.unwrap().unwrap().job;
    assert_eq!((job.state, job.owner.as_deref()), (State::Leased, Some("a")));
    assert_eq!(lease.job(), &next);
}

async fn a_row_that_was_mended_is_a_job_again(world: World) {
    for (number, by_retry) in [(1, true), (2, false)] {
        let key = world.plan(number).await;
        world
            .sql(&format!("UPDATE jobs SET work_id = 'doi:10.1/another' WHERE key = '{key}'"))
            .await
            .unwrap();
        assert!(world.ledger.lease_next("a").await.unwrap().is_none());
        world
            .sql(&format!("UPDATE jobs SET work_id = '{}' WHERE key = '{key}'", job(number).work_id))
            .await
            .unwrap();
        if by_retry {
            assert_eq!(world.ledger.retry(Retry::Job(key.clone())).await, Ok(1));
            assert_eq!(world.ledger.lease_next("a").await.unwrap().unwrap().job(), &key);
        } else {
            assert!(matches!(world.ledger.enqueue(job(number), "a").await, Ok(Enqueued::Leased(_))));
        }
    }
    assert_eq!(world.ledger.counts().await.unwrap().set_aside, 0);
}

async fn a_row_in_a_state_that_nobody_knows_stops_nobody(world: World) {
    let keys = [world.plan(1).await, world.plan(2).await];
    let guards = match &world.place {
        #[cfg(feature = "sqlite")]
        Place::Sqlite { .. } => "PRAGMA ignore_check_constraints = 1; DROP TRIGGER jobs_moves",
        #[cfg(feature = "postgres")]
        Place::Postgres { .. } => {
            "ALTER TABLE jobs DROP CONSTRAINT jobs_state_check; DROP TRIGGER jobs_guard ON jobs"
        }
    };
    world.sql(&format!("{guards}; UPDATE jobs SET state = 'ELSEWHERE' WHERE id = 1")).await.unwrap();
    assert_eq!(world.ledger.lease_next("a").await.unwrap().unwrap().job(), &keys[1]);
    assert!(world.ledger.lease_next("a").await.unwrap().is_none());
    assert!(world.ledger.next_at().await.unwrap().is_some_and(|next| next.at > now(&world)));
    assert!(matches!(world.ledger.plan(vec![job(1)]).await.unwrap()[..], [Planned::Unreadable(_)]));
    assert!(matches!(world.ledger.enqueue(job(1), "a").await, Ok(Enqueued::SetAside { .. })));
    assert_eq!(world.ledger.counts().await.unwrap().set_aside, 1);
    assert!(all(&world).await[0].as_ref().unwrap_err().why.contains("ELSEWHERE"));
}

async fn leases_are_cleared_around_a_row_that_cannot_be_read(world: World) {
    let keys = [world.plan(1).await, world.plan(2).await];
    for key in &keys {
        world.take(key, "lost").await;
    }
    world.sql("UPDATE jobs SET role = 'cover' WHERE id = 1").await.unwrap();
    world.clock.go_forward(LEASE);
    assert_eq!(world.ledger.recover().await.unwrap().leases, keys[1..]);
    assert!(world.ledger.recover().await.unwrap().leases.is_empty());
    assert_eq!(world.ledger.counts().await.unwrap().expired, 0);
}

async fn a_side_effect_whose_record_cannot_be_read_is_done_again(world: World) {
    let key = world.plan(1).await;
    let lease = world.take(&key, "a").await;
    world.effect(&lease, OpKind::Head).await;
    world.effect(&lease, OpKind::Stream).await;
    world.sql("UPDATE ops SET result = '{' WHERE kind = 'HEAD'").await.unwrap();
    world.sql("UPDATE ops SET context = '{}' WHERE kind = 'STREAM'").await.unwrap();
    world.clock.go_forward(LEASE);
    let lease = world.take(&key, "b").await;
    assert!(lease.done.is_empty(), "{:?}", lease.done);
    let head = op(&lease, OpKind::Head);
    assert_eq!(world.try_begin(&lease, head.clone()).await.unwrap(), Begun::Run);
    world.complete(&lease, head.clone(), done(OpKind::Head)).await.unwrap();
    assert!(matches!(world.try_begin(&lease, head).await.unwrap(), Begun::Replay(_)));
    world.sql("UPDATE ops SET context = 'no JSON'").await.unwrap();
    let details = world.ledger.show(&key).await.unwrap().unwrap();
    assert_eq!((details.ops.len(), details.unreadable.len()), (0, 2));
}

async fn a_file_that_is_none_is_named_and_not_looked_for(world: World) {
    let keys = [world.plan(1).await, world.plan(2).await];
    for key in &keys {
        world.work(&world.take(key, "a").await).await.unwrap();
    }
    world.sql("UPDATE jobs SET artifact = '../../../etc/passwd' WHERE id = 1").await.unwrap();
    let mut files = world.ledger.artifacts(0, 10).await.unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!(files.remove(0).unwrap_err().name, keys[0].as_str());
    assert_eq!(readable(files)[0].job, keys[1]);
}

async fn all(world: &World) -> Vec<Result<JobRecord, UnreadableRow>> {
    world.ledger.list(JobFilter { state: None, after: 0, limit: 100 }).await.unwrap()
}
