//! The database itself: its checks, its versions, opening and closing it.

use std::time::Duration;

use serde_json::json;

use crate::command::JobCommand;
use crate::error::LedgerError;
use crate::event::EventFilter;
use crate::hosts::RulesTurn;
use crate::job::Planned;
use crate::state::{State, successors};
use crate::testing::{EngineKind, Place, World, job, readable};

use super::{bring_anywhere, details};

super::promises! {
    the_database_itself_refuses_what_the_table_refuses
    opening_at_the_same_time_makes_the_schema_once
    looking_for_a_ledger_makes_none
    another_schema_is_a_clear_error
    a_ledger_of_the_first_schema_keeps_its_jobs_when_it_is_upgraded
    a_closed_ledger_answers_that_it_is
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
        assert_eq!(details(&world, &key).await.job.state, from);
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

/// A new place beside the world's own.
fn elsewhere(world: &World) -> Place {
    match &world.place {
        #[cfg(feature = "sqlite")]
        Place::Sqlite { path, .. } => {
            let folder = tempfile::tempdir_in(path.parent().unwrap()).unwrap();
            Place::Sqlite { path: folder.path().join("new.sqlite"), _folder: folder }
        }
        #[cfg(feature = "postgres")]
        Place::Postgres { url, schema } => {
            Place::Postgres { url: url.clone(), schema: format!("{schema}_new") }
        }
    }
}

async fn opening_at_the_same_time_makes_the_schema_once(world: World) {
    let place = elsewhere(&world);
    let opened = futures_util::future::join_all((0..6).map(|_| place.open(&world.clock, false))).await;
    let ledgers: Vec<_> = opened.into_iter().map(|ledger| ledger.expect("all of them can open it")).collect();
    ledgers[0].plan(vec![job(1)]).await.unwrap();
    for ledger in &ledgers {
        assert!(matches!(ledger.plan(vec![job(1)]).await.unwrap()[0], Planned::Known(..)));
    }
}

async fn looking_for_a_ledger_makes_none(world: World) {
    let place = elsewhere(&world);
    for _ in 0..2 {
        let absent = place.open_existing(&world.clock).await.unwrap_err();
        assert!(matches!(absent, LedgerError::Absent { .. }), "{absent:?}");
    }
    #[cfg(feature = "sqlite")]
    #[cfg_attr(not(feature = "postgres"), expect(irrefutable_let_patterns, reason = "there is one engine"))]
    if let Place::Sqlite { path, .. } = &place {
        assert!(!path.exists());
        std::fs::write(path, "").unwrap();
        let absent = place.open_existing(&world.clock).await.unwrap_err();
        assert!(matches!(absent, LedgerError::Absent { .. }), "an empty file is none either: {absent:?}");
        assert_eq!(std::fs::read(path).unwrap(), b"", "and stays as it is");
    }
    world.plan(1).await;
    let ledger = world.place.open_existing(&world.clock).await.unwrap();
    assert_eq!(ledger.counts().await.unwrap().states[0].1, 1, "one that is there can be looked into");
}

async fn another_schema_is_a_clear_error(world: World) {
    world.sql(&set_version(&world, 99)).await.unwrap();
    let newer = world.join().await.unwrap_err();
    assert!(matches!(newer, LedgerError::Newer { found: 99, .. }), "{newer:?}");
    assert!(newer.to_string().contains("use the newer program"), "{newer}");
    world.sql(&set_version(&world, 0)).await.unwrap();
    let older = world.join().await.unwrap_err();
    assert!(matches!(older, LedgerError::Older { found: 0, .. }), "{older:?}");
}

async fn a_ledger_of_the_first_schema_keeps_its_jobs_when_it_is_upgraded(world: World) {
    let key = world.plan(1).await;
    for table in [
        "host_paces",
        "host_holders",
        "host_starts",
        "daily_counts",
        "host_rules",
        "host_breakers",
        "parked_jobs",
    ] {
        world.sql(&format!("DROP TABLE {table}")).await.unwrap();
    }
    world.sql(&set_version(&world, 1)).await.unwrap();
    let looked_into = world.place.open_existing(&world.clock).await.unwrap();
    assert!(looked_into.show(&key).await.unwrap().is_some(), "it can be looked into as it is");
    assert!(looked_into.renew_turns("a").await.is_err(), "and was not changed");
    let upgraded = world.place.open(&world.clock, true).await.unwrap();
    assert!(upgraded.show(&key).await.unwrap().is_some());
    upgraded.hold_host("api.example.org", Duration::from_secs(1)).await.unwrap();
    assert!(upgraded.take_of_day("openalex", 1).await.unwrap());
    assert_eq!(upgraded.take_rules("https://a.example", "a").await, Ok(RulesTurn::Read));
    assert_eq!(upgraded.breakers().await, Ok(Vec::new()));
    let lease = upgraded.lease_next("a").await.unwrap().expect("it is ready");
    let park = JobCommand::Park { wait: Duration::from_secs(60), so_far: json!({}) };
    assert!(upgraded.execute_one(&lease, park).await.unwrap().next_at.is_some());
}

/// The statement that makes the ledger say that it has this version.
fn set_version(world: &World, version: i64) -> String {
    match world.place {
        #[cfg(feature = "sqlite")]
        Place::Sqlite { .. } => format!("PRAGMA user_version = {version}"),
        #[cfg(feature = "postgres")]
        Place::Postgres { .. } => format!("UPDATE ledger_version SET version = {version}"),
    }
}

async fn a_closed_ledger_answers_that_it_is(world: World) {
    world.plan(1).await;
    let other = world.join().await.unwrap();
    world.ledger.close().await;
    let closed = world.ledger.plan(vec![job(2)]).await;
    assert!(matches!(closed, Err(LedgerError::Unavailable(_))), "{closed:?}");
    let events =
        readable(other.events(EventFilter { job: None, kind: None, after: 0, limit: 9 }).await.unwrap());
    assert_eq!(events.len(), 1, "what it had buffered was written");
}
