//! A host's pace that is shared with other processes, as the one process sees it.

use std::sync::{Arc, Mutex};

use futures_util::future::{BoxFuture, join_all};

use super::script::{Script, answer, ok};
use super::*;
use crate::{Denial, Limit, PaceAnswer, PaceClaim, PaceUnshared, Reach, SharedPace};

/// What was said to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Claim { open: u32, more: u32, starts: u32 },
    GiveBack(u32),
    Hold(Duration),
}

/// The others: they answer the n-th claim (from 0) as a test says.
struct Others {
    answers: Box<dyn Fn(usize) -> Option<Result<PaceAnswer, PaceUnshared>> + Send + Sync>,
    said: Mutex<Vec<Said>>,
}

impl std::fmt::Debug for Others {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Others")
    }
}

impl Others {
    /// `None` is no answer at all.
    fn new(
        answers: impl Fn(usize) -> Option<Result<PaceAnswer, PaceUnshared>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { answers: Box::new(answers), said: Mutex::default() })
    }

    fn said(&self) -> Vec<Said> {
        self.said.lock().unwrap().clone()
    }

    fn claims(&self) -> usize {
        self.said().iter().filter(|said| matches!(said, Said::Claim { .. })).count()
    }
}

impl SharedPace for Others {
    fn claim<'a>(&'a self, claim: PaceClaim<'a>) -> BoxFuture<'a, Result<PaceAnswer, PaceUnshared>> {
        let count = self.claims();
        assert!(claim.host.contains("host.example"), "{claim:?}");
        let PaceClaim { open, more, starts, .. } = claim;
        self.said.lock().unwrap().push(Said::Claim { open, more, starts });
        match (self.answers)(count) {
            Some(answer) => Box::pin(std::future::ready(answer)),
            None => Box::pin(std::future::pending()),
        }
    }

    fn give_back(&self, _: &str, open: u32) {
        self.said.lock().unwrap().push(Said::GiveBack(open));
    }

    fn hold(&self, _: &str, wait: Duration) {
        self.said.lock().unwrap().push(Said::Hold(wait));
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[expect(clippy::unnecessary_wraps, reason = "what the others' closure returns")]
fn granted(starts: &[u64], open: u32) -> Option<Result<PaceAnswer, PaceUnshared>> {
    Some(Ok(PaceAnswer::Granted { starts: starts.iter().copied().map(ms).collect(), open }))
}

fn client(script: &Arc<Script>, others: &Arc<Others>) -> HttpClient {
    let mut settings = HttpSettings::for_tests();
    settings.pace.enabled = true;
    settings.pace.api = Limit { every: ms(100), concurrency: 2 };
    HttpClient::assembled(settings, script.transport(), Reach::default(), Some(others.clone()))
}

async fn ask(client: &HttpClient, requests: usize) -> Vec<Result<Response, FetchError>> {
    join_all((0..requests).map(|number| {
        let (client, url) = (client.clone(), format!("http://host.example/{number}"));
        async move { Attempt::new(60, 0).fetch(&client, Role::Api, &url).await }
    }))
    .await
}

#[tokio::test(start_paused = true)]
async fn a_request_starts_when_the_others_let_it() {
    let script = Script::new(|_, _| ok(""));
    let others = Others::new(|claims| match claims {
        0 => Some(Ok(PaceAnswer::Later(ms(300)))),
        _ => granted(&[700], 1),
    });
    let start = Instant::now();
    ask(&client(&script, &others), 1).await[0].as_ref().unwrap();
    assert_eq!(script.times(start), [1000]);
    assert_eq!(others.said().last(), Some(&Said::GiveBack(0)));
}

#[tokio::test(start_paused = true)]
async fn one_claim_serves_several_that_wait_and_no_more_are_open_than_was_granted() {
    let script = Script::slow(ms(350), |_, _| ok(""));
    let others = Others::new(|claims| match claims {
        0 => Some(Ok(PaceAnswer::Later(ms(10)))),
        _ => granted(&[0, 100, 400, 500, 800, 900], 2),
    });
    let answers = ask(&client(&script, &others), 6).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(script.peak(), 2);
    assert!(others.claims() < 6, "{:?}", others.said());
    assert_eq!(others.said()[1], Said::Claim { open: 0, more: 2, starts: 2 }, "one asks for both");
    assert_eq!(others.said().last(), Some(&Said::GiveBack(0)));
}

#[tokio::test(start_paused = true)]
async fn without_the_others_a_process_keeps_its_own_pace() {
    let script = Script::new(|_, _| ok(""));
    let others = Others::new(|_| Some(Err(PaceUnshared("the disk is full".to_owned()))));
    let start = Instant::now();
    assert!(ask(&client(&script, &others), 3).await.iter().all(Result::is_ok));
    assert_eq!(script.times(start), [0, 100, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_beyond_the_deadline_is_not_waited_for() {
    let script = Script::new(|_, _| ok(""));
    let others = Others::new(|_| Some(Ok(PaceAnswer::Later(Duration::from_secs(3600)))));
    let start = Instant::now();
    let error = ask(&client(&script, &others), 1).await.remove(0).unwrap_err();
    assert!(matches!(error, FetchError::Busy(_)), "{error:?}");
    assert_eq!((start.elapsed(), script.urls().len()), (Duration::ZERO, 0));
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_time_is_over_is_not_used() {
    let script = Script::slow(ms(1000), |_, _| ok(""));
    // Two starts for one that may be open: when it ends, the second start is long over.
    let others = Others::new(|claims| match claims {
        0 => granted(&[0, 100], 1),
        1..10 => Some(Ok(PaceAnswer::Later(ms(110)))),
        _ => granted(&[500], 1),
    });
    let start = Instant::now();
    ask(&client(&script, &others), 2).await;
    assert_eq!(script.times(start), [0, 1490]);
}

#[tokio::test(start_paused = true)]
async fn an_agreement_that_grants_nothing_is_not_asked_in_a_circle() {
    let script = Script::new(|_, _| ok(""));
    let others = Others::new(|claims| if claims < 50 { granted(&[], 0) } else { granted(&[0], 1) });
    let start = Instant::now();
    ask(&client(&script, &others), 1).await[0].as_ref().unwrap();
    assert_eq!(script.times(start), [5000]);
}

#[tokio::test(start_paused = true)]
async fn the_others_hear_that_a_host_asked_to_be_left_alone() {
    let script = Script::new(|_, _| answer(429, &[("retry-after", "7")], ""));
    let others = Others::new(|_| granted(&[0], 1));
    let response = ask(&client(&script, &others), 1).await;
    assert!(others.said().contains(&Said::Hold(Duration::from_secs(7))), "{response:?} {:?}", others.said());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_told_another_process_to_be_left_alone_is_waited_for_and_that_can_be_seen() {
    let script = Script::new(|_, _| ok(""));
    let others = Others::new(|claims| match claims {
        0 => Some(Ok(PaceAnswer::Held(Duration::from_secs(30)))),
        _ => granted(&[0], 1),
    });
    let (client, start) = (client(&script, &others), Instant::now());
    let asking = tokio::spawn({
        let client = client.clone();
        async move { ask(&client, 1).await.remove(0).map(|answer| answer.head.status) }
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    let held = client.queues().now().first().and_then(|queue| queue.held);
    assert_eq!(held, Some(Duration::from_secs(20)));
    let url = "http://host.example/".parse().unwrap();
    let refusal = client.refusal(&url, Role::Api, "", Duration::from_secs(19)).unwrap();
    assert!(refusal.to_string().contains("left alone for 20 s"), "{refusal}");
    assert_eq!((asking.await.unwrap(), script.times(start)), (Ok(200), vec![30_000]));
}

#[tokio::test(start_paused = true)]
async fn who_cannot_wait_for_a_host_that_told_another_process_to_be_left_alone_is_refused_at_once() {
    let script = Script::new(|_, _| ok(""));
    let others = Others::new(|_| Some(Ok(PaceAnswer::Held(Duration::from_secs(200)))));
    let (client, start) = (client(&script, &others), Instant::now());
    let deadline = start + Duration::from_secs(120);
    let attempt = Attempt::within(Duration::from_secs(10), deadline, 0);
    let error = attempt.fetch(&client, Role::Api, "http://host.example/").await.unwrap_err();
    assert!(matches!(error, FetchError::Denied { reason: Denial::Breaker, .. }), "{error}");
    assert!(error.to_string().contains("left alone for 200 s"), "{error}");
    assert_eq!((start.elapsed(), script.urls().len()), (Duration::ZERO, 0));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_nobody_waits_for_any_more_leaves_nothing_behind() {
    let script = Script::new(|_, _| ok(""));
    let others = Others::new(|_| None);
    let client = client(&script, &others);
    let request = tokio::spawn(async move { fetch(&client, Role::Api, "http://host.example/").await });
    while others.claims() == 0 {
        tokio::task::yield_now().await;
    }
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    assert_eq!(others.said().last(), Some(&Said::GiveBack(0)));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_not_used_is_the_next_ones() {
    let script = Script::slow(ms(2000), |_, _| ok(""));
    let others = Others::new(|claims| match claims {
        0 => Some(Ok(PaceAnswer::Later(ms(10)))),
        _ => granted(&[0, 300, 600], 3),
    });
    let mut settings = HttpSettings::for_tests();
    settings.pace.enabled = true;
    settings.pace.api = Limit { every: ms(100), concurrency: 3 };
    let client = HttpClient::assembled(settings, script.transport(), Reach::default(), Some(others.clone()));
    let start = Instant::now();
    let ask = || {
        let client = client.clone();
        tokio::spawn(async move { fetch(&client, Role::Api, "http://host.example/").await })
    };
    // The second waits behind the three.
    let (first, gone, last, second) = (ask(), ask(), ask(), ask());
    tokio::time::sleep(ms(50)).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    for request in [first, second, last] {
        request.await.unwrap().unwrap();
    }
    assert_eq!(script.times(start), [10, 310, 610]);
    assert_eq!(others.claims(), 2, "{:?}", others.said());
}
