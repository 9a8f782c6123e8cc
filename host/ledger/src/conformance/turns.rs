//! Turns at hosts: what several processes get together is what one would have got.

use std::sync::Arc;
use std::time::Duration;

use crate::testing::{EngineKind, World};
use crate::turns::{TurnClaim, Turns};

use super::now;

super::promises! {
    starts_of_all_processes_are_as_far_apart_as_the_host_asks
    no_more_requests_are_open_than_the_host_takes_and_who_waits_longest_is_next
    a_process_that_gives_up_waiting_leaves_the_line_and_keeps_what_it_has_open
    a_limit_within_a_time_holds_for_all_processes_together
    a_host_that_asked_to_be_left_alone_is_left_alone_by_all
    a_rest_under_a_clock_that_was_ahead_is_no_longer_than_the_longest
    starts_that_were_promised_under_a_clock_that_was_ahead_are_not_waited_for
    a_process_that_is_gone_has_nothing_open_after_its_lease
    a_start_beyond_its_use_is_promised_to_nobody
    rows_written_under_a_wrong_clock_stop_nobody
    who_is_gone_and_had_a_clock_that_was_ahead_has_nothing_open
    three_busy_processes_share_a_host_fairly
}

const HOST: &str = "api.example.org";

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn claim(owner: &str) -> TurnClaim {
    TurnClaim {
        host: HOST.to_owned(),
        owner: Arc::from(owner),
        every: ms(100),
        window: None,
        burst: 1,
        concurrency: 4,
        open: 0,
        more: 1,
        starts: 1,
        within: ms(60_000),
        max_hold: ms(300_000),
    }
}

async fn granted(world: &World, claim: TurnClaim) -> (Vec<Duration>, u32) {
    match world.ledger.claim_turns(claim).await.unwrap() {
        Turns::Granted { starts, open } => (starts, open),
        later => panic!("{later:?}"),
    }
}

async fn held(world: &World, claim: TurnClaim) -> Duration {
    match world.ledger.claim_turns(claim).await.unwrap() {
        Turns::Held(wait) => wait,
        other => panic!("{other:?}"),
    }
}

async fn later(world: &World, claim: TurnClaim) -> Duration {
    match world.ledger.claim_turns(claim).await.unwrap() {
        Turns::Later(wait) => wait,
        granted => panic!("{granted:?}"),
    }
}

async fn starts_of_all_processes_are_as_far_apart_as_the_host_asks(world: World) {
    let (first, _) = granted(&world, TurnClaim { starts: 3, ..claim("a") }).await;
    assert_eq!(first, [ms(0), ms(100), ms(200)]);
    let (second, _) = granted(&world, TurnClaim { starts: 2, ..claim("b") }).await;
    assert_eq!(second, [ms(300), ms(400)]);
    let (elsewhere, _) =
        granted(&world, TurnClaim { host: "other.example.org".to_owned(), ..claim("b") }).await;
    assert_eq!(elsewhere, [ms(0)], "another host has a pace of its own");
    world.clock.go_forward(ms(10_000));
    let (idle, _) = granted(&world, TurnClaim { starts: 2, ..claim("a") }).await;
    assert_eq!(idle, [ms(0), ms(100)], "an idle host saves up nothing");
    world.clock.go_forward(ms(10_000));
    let saving = TurnClaim { starts: 4, burst: 3, ..claim("a") };
    let (burst, _) = granted(&world, saving.clone()).await;
    assert_eq!(burst, [ms(0), ms(0), ms(0), ms(100)], "but where it may, and no more");
    world.clock.go_forward(ms(250));
    let (burst, _) = granted(&world, TurnClaim { owner: Arc::from("b"), ..saving }).await;
    assert_eq!(burst, [ms(0), ms(50), ms(150), ms(250)], "what is over is over for all");
}

async fn no_more_requests_are_open_than_the_host_takes_and_who_waits_longest_is_next(world: World) {
    let of = |owner: &str| TurnClaim { every: ms(0), concurrency: 2, ..claim(owner) };
    assert_eq!(granted(&world, TurnClaim { more: 5, ..of("a") }).await.1, 2);
    later(&world, of("b")).await;
    world.clock.go_forward(ms(10));
    later(&world, of("c")).await;
    // One comes back; its owner would like another, but has to go to the end of the line.
    world.ledger.return_turns(HOST, "a", 1).await.unwrap();
    world.clock.go_forward(ms(10));
    later(&world, TurnClaim { open: 1, ..of("a") }).await;
    later(&world, of("c")).await;
    assert_eq!(granted(&world, of("b")).await.1, 1);
    later(&world, of("c")).await;
    world.ledger.return_turns(HOST, "a", 0).await.unwrap();
    assert_eq!(granted(&world, of("c")).await.1, 1);
}

async fn a_process_that_gives_up_waiting_leaves_the_line_and_keeps_what_it_has_open(world: World) {
    let of = |owner: &str| TurnClaim { every: ms(0), concurrency: 2, ..claim(owner) };
    granted(&world, of("a")).await;
    granted(&world, of("b")).await;
    later(&world, TurnClaim { open: 1, ..of("a") }).await;
    world.ledger.return_turns(HOST, "a", 1).await.unwrap();
    world.ledger.return_turns(HOST, "b", 0).await.unwrap();
    assert_eq!(granted(&world, of("c")).await.1, 1, "nobody is before it");
    // What is open is renewed as anybody's.
    world.clock.go_forward(ms(15_000));
    for owner in ["a", "c"] {
        world.ledger.renew_turns(owner).await.unwrap();
    }
    world.clock.go_forward(ms(15_000));
    later(&world, of("d")).await;
}

async fn a_limit_within_a_time_holds_for_all_processes_together(world: World) {
    let of = |owner: &str| TurnClaim {
        every: ms(10),
        window: Some((4, ms(1_000))),
        starts: 3,
        concurrency: 16,
        ..claim(owner)
    };
    assert_eq!(granted(&world, of("a")).await.0, [ms(0), ms(10), ms(20)]);
    let (starts, _) = granted(&world, of("b")).await;
    assert_eq!(starts[0], ms(30));
    assert!(starts.len() == 1 || starts[1] >= ms(1_000), "{starts:?}");
    let (next, _) = granted(&world, of("c")).await;
    assert!(next[0] >= ms(1_000), "{next:?}");
}

async fn a_host_that_asked_to_be_left_alone_is_left_alone_by_all(world: World) {
    world.ledger.hold_host(HOST, ms(30_000)).await.unwrap();
    world.ledger.hold_host(HOST, ms(5_000)).await.unwrap();
    assert_eq!(held(&world, TurnClaim { within: ms(10_000), ..claim("b") }).await, ms(30_000));
    world.clock.go_forward(ms(20_000));
    assert_eq!(held(&world, claim("c")).await, ms(10_000), "a rest is told apart from a queue");
    world.clock.go_forward(ms(10_000));
    assert_eq!(granted(&world, claim("b")).await.0, [ms(0)]);
}

async fn a_rest_under_a_clock_that_was_ahead_is_no_longer_than_the_longest(world: World) {
    world.clock.go_forward(ms(7_200_000));
    world.ledger.hold_host(HOST, ms(130_000)).await.unwrap();
    world.clock.go_back(ms(7_200_000));
    assert_eq!(held(&world, claim("a")).await, ms(300_000));
    world.clock.go_forward(ms(200_000));
    assert_eq!(
        held(&world, claim("b")).await,
        ms(100_000),
        "it does not begin again with everybody who asks"
    );
    world.clock.go_forward(ms(100_000));
    assert_eq!(granted(&world, claim("a")).await.0, [ms(0)]);
}

async fn starts_that_were_promised_under_a_clock_that_was_ahead_are_not_waited_for(world: World) {
    let of = |owner: &str| TurnClaim { every: ms(500), concurrency: 2, ..claim(owner) };
    for window in [None, Some((1, ms(10_000)))] {
        world.clock.go_forward(ms(500_000));
        granted(&world, TurnClaim { window, ..of("ahead") }).await;
        world.clock.go_back(ms(500_000));
        assert_eq!(granted(&world, TurnClaim { window, ..of("a") }).await.0, [ms(0)]);
        world.ledger.end_turns("a").await.unwrap();
        world.clock.go_forward(ms(1_000));
    }
}

async fn a_process_that_is_gone_has_nothing_open_after_its_lease(world: World) {
    let of = |owner: &str| TurnClaim { every: ms(0), concurrency: 1, ..claim(owner) };
    granted(&world, of("dead")).await;
    later(&world, of("alive")).await;
    world.clock.go_forward(ms(15_000));
    world.ledger.renew_turns("dead").await.unwrap();
    world.clock.go_forward(ms(15_000));
    later(&world, of("alive")).await;
    world.clock.go_forward(ms(6_000));
    granted(&world, of("alive")).await;
    world.ledger.end_turns("alive").await.unwrap();
    granted(&world, of("third")).await;
}

async fn a_start_beyond_its_use_is_promised_to_nobody(world: World) {
    granted(&world, TurnClaim { every: ms(60_000), ..claim("a") }).await;
    for _ in 0..3 {
        let wait = later(&world, TurnClaim { every: ms(60_000), within: ms(2_000), ..claim("b") }).await;
        assert_eq!(wait, ms(60_000));
    }
    assert_eq!(granted(&world, TurnClaim { every: ms(60_000), ..claim("c") }).await.0, [ms(60_000)]);
}

async fn rows_written_under_a_wrong_clock_stop_nobody(world: World) {
    granted(&world, claim("a")).await;
    let far = now(&world) + 365 * 86_400_000;
    world.sql(&format!("UPDATE host_paces SET next_at = {far}, held_until = {far}")).await.unwrap();
    world.sql(&format!("INSERT INTO host_starts (host, at) VALUES ('{HOST}', {far})")).await.unwrap();
    let windowed = TurnClaim { window: Some((1, ms(1_000))), ..claim("b") };
    assert_eq!(
        held(&world, windowed.clone()).await,
        ms(300_000),
        "as long as a host may be held, and no longer"
    );
    world.clock.go_forward(ms(300_000));
    assert_eq!(granted(&world, windowed).await.0, [ms(0)]);
}

async fn who_is_gone_and_had_a_clock_that_was_ahead_has_nothing_open(world: World) {
    let of = |owner: &str| TurnClaim { concurrency: 1, ..claim(owner) };
    for ahead in [ms(3_600_000), ms(365 * 86_400_000)] {
        let owner = format!("ahead by {ahead:?}");
        world.clock.go_forward(ahead);
        granted(&world, of(&owner)).await;
        later(&world, of("waits")).await;
        world.clock.go_back(ahead);
        granted(&world, of("b")).await;
        world.ledger.end_turns("b").await.unwrap();
    }
    world.ledger.renew_turns("b").await.unwrap();
    let again = "INSERT INTO host_holders (host, owner, open, since, until) SELECT host, owner, 0, NULL, 0 FROM \
                 host_holders WHERE until > ";
    let far = now(&world) + 2 * 86_400_000;
    // Nothing is there to be inserted twice.
    world.sql(&format!("{again}{far}")).await.unwrap();
}

async fn three_busy_processes_share_a_host_fairly(world: World) {
    // Each asks whenever it has nothing; a request takes 40 ms, and the host takes two at once, one in 50 ms.
    let of = |owner: &str, open| TurnClaim { every: ms(50), concurrency: 2, open, starts: 4, ..claim(owner) };
    let owners = ["a", "b", "c"];
    let mut ready: Vec<Vec<i64>> = vec![Vec::new(); 3];
    let mut started = Vec::new();
    let mut open: Vec<(i64, usize)> = Vec::new();
    let begin = now(&world);
    for _ in 0..800 {
        let at = now(&world);
        let ended: Vec<usize> = open.iter().filter(|(end, _)| *end <= at).map(|(_, who)| *who).collect();
        open.retain(|(end, _)| *end > at);
        for who in ended {
            let left = open.iter().filter(|(_, other)| *other == who).count();
            if ready[who].is_empty() {
                world.ledger.return_turns(HOST, owners[who], u32::try_from(left).unwrap()).await.unwrap();
            }
        }
        for who in 0..3 {
            let own = u32::try_from(open.iter().filter(|(_, other)| *other == who).count()).unwrap();
            if own == 0
                && ready[who].is_empty()
                && let Turns::Granted { starts, .. } =
                    world.ledger.claim_turns(of(owners[who], own)).await.unwrap()
            {
                ready[who] = starts.iter().map(|start| at + start.as_millis() as i64).collect();
            }
            if own == 0 && ready[who].first().is_some_and(|start| *start <= at) {
                started.push((ready[who].remove(0), who));
                open.push((at + 40, who));
            }
            assert!(open.len() <= 2, "{open:?}");
        }
        world.clock.go_forward(ms(10));
    }
    started.sort_unstable();
    assert!(started.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 50), "{started:?}");
    let elapsed = now(&world) - begin;
    for who in 0..3 {
        let share = started.iter().filter(|(_, other)| *other == who).count() as i64;
        assert!(share * 50 * 4 > elapsed, "{who} had {share} of {} starts", started.len());
    }
    assert!(started.len() as i64 * 50 * 10 > elapsed * 9, "{} starts in {elapsed} ms", started.len());
}
