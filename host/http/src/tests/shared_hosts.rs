//! What processes tell each other of hosts, as each of them sees it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::{BoxFuture, join_all};

use super::script::{Script, answer, ok, refused};
use super::*;
use crate::settings::BreakerSettings;
use crate::{
    BreakerFollower, BreakerKey, Denial, OpenBreaker, PaceAnswer, PaceClaim, PaceUnshared, Reach, SharedPace,
    SharedRules,
};

/// A board on which processes write.
#[derive(Default)]
struct Board(Mutex<Written>);

#[derive(Default)]
struct Written {
    /// `None`: somebody reads them.
    rules: HashMap<String, Option<SharedRules>>,
    open: HashMap<BreakerKey, (Instant, OpenBreaker)>,
    probing: bool,
    followers: Vec<BreakerFollower>,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Board")
    }
}

impl Board {
    fn tell(&self) {
        let written = self.0.lock().unwrap();
        let left = |(until, open): &(Instant, OpenBreaker)| OpenBreaker {
            left: until.saturating_duration_since(Instant::now()),
            ..open.clone()
        };
        for follower in &written.followers {
            follower(written.open.values().map(left).collect());
        }
    }
}

impl SharedPace for Board {
    fn claim<'a>(&'a self, _: PaceClaim<'a>) -> BoxFuture<'a, Result<PaceAnswer, PaceUnshared>> {
        Box::pin(std::future::ready(Err(PaceUnshared("another test's".into()))))
    }

    fn give_back(&self, _: &str, _: u32) {}

    fn hold(&self, _: &str, _: Duration) {}

    fn rules<'a>(&'a self, origin: &'a str) -> BoxFuture<'a, Option<SharedRules>> {
        Box::pin(async move {
            loop {
                match self.0.lock().unwrap().rules.entry(origin.to_owned()) {
                    std::collections::hash_map::Entry::Vacant(place) => {
                        place.insert(None);
                        return None;
                    }
                    std::collections::hash_map::Entry::Occupied(there) => {
                        if let Some(rules) = there.get() {
                            return Some(rules.clone());
                        }
                    }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }

    fn read_rules(&self, origin: &str, rules: Option<SharedRules>) {
        let mut written = self.0.lock().unwrap();
        match rules {
            Some(rules) => written.rules.insert(origin.to_owned(), Some(rules)),
            None => written.rules.remove(origin),
        };
    }

    fn follow_breakers(&self, follower: BreakerFollower) {
        self.0.lock().unwrap().followers.push(follower);
    }

    fn breaker_opened(&self, breaker: OpenBreaker) {
        let mut written = self.0.lock().unwrap();
        written.probing = false;
        written.open.insert(breaker.key.clone(), (Instant::now() + breaker.left, breaker));
    }

    fn breaker_closed(&self, key: &BreakerKey) {
        self.0.lock().unwrap().open.remove(key);
    }

    fn may_probe<'a>(&'a self, _: &'a BreakerKey) -> BoxFuture<'a, bool> {
        let was = std::mem::replace(&mut self.0.lock().unwrap().probing, true);
        Box::pin(std::future::ready(!was))
    }
}

const FAILURES: u32 = 3;

fn clients(script: &Arc<Script>, board: &Arc<Board>) -> Vec<HttpClient> {
    let second = Duration::from_secs(1);
    let breaker = BreakerSettings { failures: FAILURES, open: 30 * second, max_open: 100 * second };
    let settings = HttpSettings { robots: true, breaker, ..HttpSettings::for_tests() };
    let client =
        || HttpClient::assembled(settings.clone(), script.transport(), Reach::default(), Some(board.clone()));
    (0..3).map(|_| client()).collect()
}

fn robots(script: &Script) -> usize {
    script.urls().iter().filter(|url| url.ends_with("/robots.txt")).count()
}

async fn pages(clients: &[HttpClient]) -> Vec<Result<Response, FetchError>> {
    join_all(clients.iter().map(|client| fetch(client, Role::Page, "http://host.example/secret"))).await
}

#[tokio::test(start_paused = true)]
async fn one_process_reads_a_robots_txt_and_all_obey_it() {
    let script = Script::slow(Duration::from_secs(1), |_, _| ok("user-agent: *\ndisallow: /secret"));
    let board = Arc::new(Board::default());
    let clients = clients(&script, &board);
    for answer in pages(&clients).await {
        assert!(matches!(answer, Err(FetchError::Denied { reason: Denial::Robots, .. })), "{answer:?}");
    }
    assert_eq!(script.urls().len(), 1);
    // What is old by the others' clock is read anew.
    let kept = SharedRules { status: 404, text: String::new(), fresh: Duration::from_secs(60) };
    board.read_rules("http://host.example", Some(kept));
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert!(pages(&clients).await.iter().all(Result::is_ok));
    assert_eq!(robots(&script), 1);
    tokio::time::sleep(Duration::from_secs(61)).await;
    board.read_rules("http://host.example", None);
    assert!(pages(&clients).await.iter().all(Result::is_err));
    assert_eq!(robots(&script), 2);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_said_by_the_way_and_not_by_the_host_is_everybodys_own_to_find_out() {
    for reply in [
        || answer(403, &[], ""),
        || answer(503, &[("retry-after", "1")], ""),
        || ok(" <!doctype html><title>Log in</title>"),
        refused,
    ] {
        let script =
            Script::new(move |hop, _| if hop.url.path() == "/robots.txt" { reply() } else { ok("") });
        let board = Arc::new(Board::default());
        pages(&clients(&script, &board)).await;
        assert!(robots(&script) >= 3, "each its own: {}", robots(&script));
        assert!(board.0.lock().unwrap().rules.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_fails_one_process_is_left_alone_by_all_and_probed_by_one() {
    let script = Script::slow(Duration::from_secs(1), |hop, n| {
        if n < 3 && hop.url.host_str() == Some("host.example") { refused() } else { ok("back") }
    });
    let board = Arc::new(Board::default());
    let clients = clients(&script, &board);
    let ask = |client: usize| fetch(&clients[client], Role::Api, "http://host.example/");
    fetch(&clients[0], Role::Api, "http://other.example/").await.expect("there is a network");
    for _ in 0..FAILURES {
        assert!(ask(0).await.is_err());
    }
    board.tell();
    for client in [1, 2] {
        let denied = ask(client).await.unwrap_err();
        assert!(denied.to_string().contains("connection refused"), "{denied}");
        let page = fetch(&clients[client], Role::Page, "http://host.example/").await;
        assert!(!matches!(page, Err(FetchError::Denied { reason: Denial::Breaker, .. })), "another role");
    }
    let before = script.urls().iter().filter(|url| *url == "http://host.example/").count();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let answers = join_all((0..3).map(ask)).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    let after = script.urls().iter().filter(|url| *url == "http://host.example/").count();
    assert_eq!(after, before + 1);
    board.tell();
    for client in 0..3 {
        ask(client).await.expect("it is back for all");
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_say_of_a_breaker_is_believed_within_the_bounds_of_its_own() {
    let script = Script::new(|_, _| ok(""));
    let board = Arc::new(Board::default());
    let clients = clients(&script, &board);
    let key = BreakerKey { host: "host.example".into(), role: Role::Api, plugin: String::new() };
    let long = Duration::from_secs(1 << 40);
    board.breaker_opened(OpenBreaker { key, left: Duration::from_secs(1000), span: long, why: "no".into() });
    board.tell();
    assert!(fetch(&clients[0], Role::Api, "http://host.example/").await.is_err());
    tokio::time::sleep(Duration::from_secs(100)).await;
    fetch(&clients[0], Role::Api, "http://host.example/").await.expect("it finds out for itself");
}

#[tokio::test(start_paused = true)]
async fn a_process_without_a_network_takes_no_host_from_the_others() {
    let script = Script::new(|_, _| refused());
    let board = Arc::new(Board::default());
    let clients = clients(&script, &board);
    for _ in 0..=FAILURES {
        fetch(&clients[0], Role::Api, "http://host.example/").await.expect_err("no network");
    }
    assert!(board.0.lock().unwrap().open.is_empty());
    board.tell();
    let own = fetch(&clients[0], Role::Api, "http://host.example/").await.unwrap_err();
    assert!(matches!(own, FetchError::Denied { reason: Denial::Breaker, .. }), "its own stays open: {own}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_answers_a_process_is_well_for_it_whatever_others_say() {
    let script = Script::new(|_, _| ok(""));
    let board = Arc::new(Board::default());
    let clients = clients(&script, &board);
    let ask = || fetch(&clients[0], Role::Api, "http://host.example/");
    ask().await.unwrap();
    let key = BreakerKey { host: "host.example".into(), role: Role::Api, plugin: String::new() };
    let span = Duration::from_secs(90);
    board.breaker_opened(OpenBreaker { key, left: span, span, why: "it is in their way".into() });
    board.tell();
    ask().await.expect("it answered just now");
    tokio::time::sleep(Duration::from_secs(31)).await;
    board.tell();
    ask().await.expect_err("it has not for a while");
}
