//! Queries: what is there, and what happened.

use std::time::Duration;

use serde_json::json;

use crate::clock::Due;
use crate::event::{EventFilter, EventKind};
use crate::job::{Ending, JobDisposition, JobFilter};
use crate::key::JobKey;
use crate::protocol::KNOWN_STATES;
use crate::state::State;
use crate::testing::{EngineKind, LEASE, Place, World, job, readable};

use super::{details, now};

super::promises! {
    the_nine_events_are_kept_and_can_be_asked_for
    events_that_cannot_be_kept_fail_nothing
    the_ledger_can_be_looked_into
    taking_the_next_job_reads_an_index_and_sorts_nothing
}

async fn the_nine_events_are_kept_and_can_be_asked_for(world: World) {
    let key = world.plan(1).await;
    world.plan(1).await;
    world.take(&key, "a").await;
    world.clock.go_forward(LEASE);
    let lease = world.take(&key, "b").await;
    world.ledger.renew(&lease).await.unwrap();
    world.work(&lease).await.unwrap();
    let all = EventFilter { job: None, kind: None, after: 0, limit: 1000 };
    let events = readable(world.ledger.events(all.clone()).await.unwrap());
    for kind in EventKind::ALL {
        assert!(events.iter().any(|event| event.kind == kind), "{kind} is missing");
        let only = EventFilter { kind: Some(kind), ..all.clone() };
        assert!(readable(world.ledger.events(only).await.unwrap()).iter().all(|event| event.kind == kind));
    }
    assert!(events.iter().all(|event| event.job == key.as_str() && event.at > 0));
    let recovery = events.iter().find(|event| event.kind == EventKind::CrashRecovery).unwrap();
    assert_eq!((recovery.owner.as_deref(), recovery.fence), (Some("a"), 1));
    let page = EventFilter { after: events[2].id, limit: 2, ..all };
    assert_eq!(readable(world.ledger.events(page).await.unwrap()), events[3..5]);
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
    assert_eq!(details(&world, &key).await.job.state, State::Indexed);
}

async fn the_ledger_can_be_looked_into(world: World) {
    let keys: Vec<JobKey> =
        world.ledger.plan((0..6).map(job).collect()).await.unwrap().iter().map(|p| p.key().clone()).collect();
    assert_eq!(world.ledger.next_at().await, Ok(Some(Due { at: now(&world), wait: Duration::ZERO })));
    assert_eq!(world.ledger.now().await, Ok(now(&world)));
    world.work(&world.take(&keys[0], "a").await).await.unwrap();
    world.take(&keys[1], "lost").await;
    world.clock.go_forward(LEASE);
    let lease = world.take(&keys[2], "a").await;
    world.finish(&lease, Ending::Failed { reason: "503".to_owned(), retryable: true }).await.unwrap();
    let lease = world.take(&keys[3], "a").await;
    world.finish(&lease, Ending::Exhausted { result: json!({}) }).await.unwrap();
    world.take(&keys[4], "a").await;

    let counts = world.ledger.counts().await.unwrap();
    let count = |state| counts.states.iter().find(|(known, _)| *known == state).unwrap().1;
    assert_eq!(counts.states.len(), State::ALL.len());
    assert_eq!((count(State::Planned), count(State::Leased), count(State::Indexed)), (1, 2, 1));
    assert_eq!((counts.held, counts.expired, counts.scheduled), (1, 1, 1));

    let page = |after, limit| JobFilter { state: None, after, limit };
    let first = readable(world.ledger.list(page(0, 4)).await.unwrap());
    let rest = readable(world.ledger.list(page(first[3].id, 4)).await.unwrap());
    let listed: Vec<&str> = first.iter().chain(&rest).map(|job| job.key.as_str()).collect();
    assert_eq!(listed, keys.iter().map(JobKey::as_str).collect::<Vec<_>>());

    let unknown = JobKey::new("doi:10.1/none", "pdf", "fulltext");
    let queried = [&keys[0], &keys[1], &keys[2], &keys[3], &keys[4], &keys[5], &unknown].map(JobKey::clone);
    use JobDisposition::{Held, Open, Over, Unknown};
    let dispositions = world.ledger.dispositions(queried.to_vec()).await.unwrap();
    assert_eq!(dispositions, [Over, Open, Open, Over, Held, Open, Unknown]);

    let files = readable(world.ledger.artifacts(0, 10).await.unwrap());
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
    let statement = format!(
        "SELECT id FROM jobs WHERE ready_at <= 9999999999999 AND {KNOWN_STATES} ORDER BY ready_at, id LIMIT 1"
    );
    let plan = explain(&world, &statement).await;
    assert!(plan.contains("jobs_ready"), "{plan}");
    for slow in ["Sort", "Seq Scan", "TEMP B-TREE"] {
        assert!(!plan.contains(slow), "{plan}");
    }
}

async fn explain(world: &World, statement: &str) -> String {
    match &world.place {
        #[cfg(feature = "sqlite")]
        Place::Sqlite { path, .. } => {
            let connection = rusqlite::Connection::open(path).unwrap();
            let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
            let lines = explained.query_map([], |row| row.get::<_, String>(3)).unwrap();
            lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
        }
        #[cfg(feature = "postgres")]
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
