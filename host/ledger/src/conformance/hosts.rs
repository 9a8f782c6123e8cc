//! What processes tell each other of hosts: rules are read once for all, and a dead host is left alone by all.

use std::time::Duration;

use crate::hosts::{BreakerName, HostBreaker, HostRules, RulesTurn};
use crate::testing::{EngineKind, World};

use super::now;

super::promises! {
    rules_are_read_by_one_process_for_all
    who_was_to_read_rules_and_disappeared_holds_the_others_up_for_seconds
    rules_that_a_process_was_to_read_are_the_next_ones_once_it_ends
    rules_that_are_too_large_or_no_text_are_everybodys_own
    rules_are_forgotten_when_their_time_is_over
    rows_of_rules_that_make_no_sense_are_read_anew
    a_breaker_is_seen_by_all_and_one_finds_out_whether_it_may_close
    rows_of_breakers_that_make_no_sense_stop_nobody
}

const ORIGIN: &str = "https://a.example";

fn rules(text: &str) -> HostRules {
    HostRules { status: 200, text: text.to_owned(), fresh: Duration::from_secs(3600) }
}

async fn take(world: &World, owner: &str) -> RulesTurn {
    world.ledger.take_rules(ORIGIN, owner).await.unwrap()
}

async fn keep(world: &World, owner: &str, rules: Option<HostRules>) {
    world.ledger.keep_rules(ORIGIN, owner, rules).await.unwrap();
}

fn breaker(plugin: &str, seconds: u64) -> HostBreaker {
    let name = BreakerName { host: "a.example".into(), role: "api".into(), plugin: plugin.into() };
    let span = Duration::from_secs(seconds);
    HostBreaker { name, left: span, span, why: "it answers 503".into() }
}

async fn rules_are_read_by_one_process_for_all(world: World) {
    assert_eq!(take(&world, "a").await, RulesTurn::Read);
    assert!(matches!(take(&world, "b").await, RulesTurn::Later(_)));
    assert_eq!(
        world.ledger.take_rules("https://b.example", "b").await,
        Ok(RulesTurn::Read),
        "of another origin"
    );
    keep(&world, "b", Some(rules("disallow: /"))).await;
    assert!(matches!(take(&world, "b").await, RulesTurn::Later(_)), "who was not to read them says nothing");
    keep(&world, "a", Some(rules("user-agent: *"))).await;
    for owner in ["a", "b"] {
        assert_eq!(take(&world, owner).await, RulesTurn::Known(rules("user-agent: *")));
    }
}

async fn who_was_to_read_rules_and_disappeared_holds_the_others_up_for_seconds(world: World) {
    assert_eq!(take(&world, "a").await, RulesTurn::Read);
    world.clock.go_forward(Duration::from_secs(16));
    assert_eq!(take(&world, "b").await, RulesTurn::Read);
    keep(&world, "a", Some(rules("late"))).await;
    assert!(matches!(take(&world, "c").await, RulesTurn::Later(_)));
    keep(&world, "b", None).await;
    assert_eq!(take(&world, "c").await, RulesTurn::Read, "nothing came of it");
}

async fn rules_that_a_process_was_to_read_are_the_next_ones_once_it_ends(world: World) {
    assert_eq!(take(&world, "a").await, RulesTurn::Read);
    assert!(matches!(take(&world, "b").await, RulesTurn::Later(_)));
    world.ledger.end_turns("b").await.unwrap();
    assert!(matches!(take(&world, "c").await, RulesTurn::Later(_)), "another one reads them");
    world.ledger.end_turns("a").await.unwrap();
    assert_eq!(take(&world, "c").await, RulesTurn::Read);
    keep(&world, "c", Some(rules("text"))).await;
    world.ledger.end_turns("c").await.unwrap();
    assert_eq!(take(&world, "b").await, RulesTurn::Known(rules("text")), "what was read stays");
}

async fn rules_that_are_too_large_or_no_text_are_everybodys_own(world: World) {
    for text in ["x".repeat(65_537), "a\0b".to_owned()] {
        assert_eq!(take(&world, "a").await, RulesTurn::Read);
        keep(&world, "a", Some(rules(&text))).await;
    }
    assert_eq!(take(&world, "a").await, RulesTurn::Read);
    let largest = rules(&"é".repeat(32_768));
    keep(&world, "a", Some(largest.clone())).await;
    assert_eq!(take(&world, "b").await, RulesTurn::Known(largest));
}

async fn rules_are_forgotten_when_their_time_is_over(world: World) {
    assert_eq!(take(&world, "a").await, RulesTurn::Read);
    let fresh = Duration::from_secs(365 * 86_400);
    keep(&world, "a", Some(HostRules { fresh, ..rules("") })).await;
    let day = Duration::from_secs(86_400);
    assert_eq!(
        take(&world, "b").await,
        RulesTurn::Known(HostRules { fresh: day, ..rules("") }),
        "a day at most"
    );
    world.clock.go_forward(day);
    world.ledger.renew_turns("a").await.unwrap();
    assert_eq!(take(&world, "b").await, RulesTurn::Read);
}

async fn rows_of_rules_that_make_no_sense_are_read_anew(world: World) {
    let far = now(&world) + 30 * 86_400_000;
    let soon = now(&world) + 1000;
    for set in [
        format!("until = {far}"),
        "status = 70000".to_owned(),
        "status = -1".to_owned(),
        "status = NULL".to_owned(),
        "body = NULL".to_owned(),
        format!("until = 0, reading_until = {far}"),
    ] {
        assert_eq!(take(&world, "a").await, RulesTurn::Read, "before {set}");
        keep(&world, "a", Some(rules(""))).await;
        assert!(matches!(take(&world, "b").await, RulesTurn::Known(_)));
        world
            .sql(
                &format!("UPDATE host_rules SET until = {soon}, {set}")
                    .replace(&format!("until = {soon}, until"), "until"),
            )
            .await
            .unwrap();
    }
    assert_eq!(take(&world, "a").await, RulesTurn::Read);
}

async fn a_breaker_is_seen_by_all_and_one_finds_out_whether_it_may_close(world: World) {
    world.ledger.open_breaker(breaker("one", 30)).await.unwrap();
    world.ledger.open_breaker(breaker("other", 60)).await.unwrap();
    let mut open = world.ledger.breakers().await.unwrap();
    open.sort_by_key(|breaker| breaker.left);
    assert_eq!(open, [breaker("one", 30), breaker("other", 60)]);
    let name = || breaker("one", 30).name;
    assert_eq!(world.ledger.probe_breaker(name()).await, Ok(false), "its time is not over");
    world.clock.go_forward(Duration::from_secs(30));
    assert_eq!(world.ledger.probe_breaker(name()).await, Ok(true));
    assert_eq!(world.ledger.probe_breaker(name()).await, Ok(false), "one at a time");
    world.clock.go_forward(Duration::from_secs(16));
    assert_eq!(world.ledger.probe_breaker(name()).await, Ok(true), "it has given up");
    world.ledger.open_breaker(breaker("one", 60)).await.unwrap();
    let open = world.ledger.breakers().await.unwrap();
    assert!(open.contains(&breaker("one", 60)), "it failed again: {open:?}");
    world.ledger.close_breaker(name()).await.unwrap();
    assert!(world.ledger.breakers().await.unwrap().iter().all(|open| open.name != name()));
    assert_eq!(world.ledger.probe_breaker(name()).await, Ok(true), "nothing is left to find out");
    world.clock.go_forward(Duration::from_secs(2 * 3600));
    world.ledger.renew_turns("a").await.unwrap();
    assert_eq!(world.ledger.breakers().await, Ok(Vec::new()), "nobody asks that host any more");
}

async fn rows_of_breakers_that_make_no_sense_stop_nobody(world: World) {
    let far = now(&world) + 30 * 86_400_000;
    let long = "x".repeat(300);
    for set in [
        format!("until = {far}"),
        "span = -1".to_owned(),
        format!("span = {far}"),
        format!("host = '{long}'"),
        format!("why = '{long}{long}'"),
    ] {
        world.ledger.open_breaker(breaker("one", 30)).await.unwrap();
        world.sql(&format!("UPDATE host_breakers SET {set}")).await.unwrap();
        assert_eq!(world.ledger.breakers().await, Ok(Vec::new()), "{set}");
        world.sql("DELETE FROM host_breakers").await.unwrap();
    }
    world.ledger.open_breaker(breaker("one", 30)).await.unwrap();
    world.sql(&format!("UPDATE host_breakers SET until = {far}")).await.unwrap();
    assert_eq!(world.ledger.probe_breaker(breaker("one", 30).name).await, Ok(true), "a clock was ahead");
}
