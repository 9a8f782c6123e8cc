use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::script::{NOW_MS, Reply, Script, answer, ok, refused};
use super::*;
use crate::{BreakerSettings, Denial, HeaderMap};

const URL: &str = "http://host.example/x";

/// Retries as an operator has them, so that their times can be seen.
fn settings() -> HttpSettings {
    let mut settings = HttpSettings::for_tests();
    settings.retry.base = Duration::from_millis(500);
    settings.retry.max = Duration::from_secs(8);
    settings
}

fn http_date(seconds: u64) -> String {
    let at = std::time::SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS) + Duration::from_secs(seconds);
    httpdate::fmt_http_date(at)
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_each_try_costs_a_retry() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let script = Script::new(move |_, n| if n == 0 { answer(status, &[], "") } else { ok("good") });
        let attempt = Attempt::new(10, 2);
        let answer = attempt.fetch(&script.client(settings()), Role::Api, URL).await.unwrap();
        assert_eq!((answer.head.status, &answer.body[..]), (200, &b"good"[..]), "{status}");
        assert_eq!(attempt.retries.load(Ordering::Relaxed), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_fail_or_break_in_the_body_are_tried_again() {
    let broken = || {
        let body = vec![Ok(Bytes::from("ha")), Err(FetchError::Incomplete("reset".into()))];
        Reply::Answer { status: 200, headers: HeaderMap::new(), body }
    };
    let script = Script::new(move |_, n| match n {
        0 => refused(),
        1 => broken(),
        _ => ok("whole"),
    });
    let answer = Attempt::new(10, 2).fetch(&script.client(settings()), Role::Api, URL).await.unwrap();
    assert_eq!(answer.body, "whole");
}

#[tokio::test(start_paused = true)]
async fn final_answers_are_not_asked_for_again() {
    for status in [400, 401, 403, 404, 405, 410, 422, 451, 501] {
        let script = Script::new(move |_, _| answer(status, &[], ""));
        let answer = Attempt::new(10, 5).fetch(&script.client(settings()), Role::Api, URL).await.unwrap();
        assert_eq!((answer.head.status, script.urls().len()), (status, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_retries_are_used_up_the_last_answer_is_the_answer() {
    let script = Script::new(|_, _| answer(503, &[], "down"));
    let attempt = Attempt::new(100, 2);
    let answer = attempt.fetch(&script.client(settings()), Role::Api, URL).await.unwrap();
    assert_eq!((answer.head.status, script.urls().len()), (503, 3));
    let error = {
        let script = Script::new(|_, _| refused());
        Attempt::new(100, 2).fetch(&script.client(settings()), Role::Api, URL).await.unwrap_err()
    };
    assert_eq!(error, FetchError::Transport("connection refused".into()));
}

#[tokio::test(start_paused = true)]
async fn a_post_that_may_have_arrived_is_not_sent_twice() {
    let script = Script::new(|_, _| refused());
    let attempt = Attempt::new(10, 5);
    let client = script.client(settings());
    let fetching = client.fetch(request(Method::Post, URL), 100, attempt.budget(&Role::Api));
    fetching.await.unwrap_err();
    assert_eq!(script.urls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_in_both_forms_and_stops_the_attempts_clock() {
    for (value, seconds) in [("7".to_owned(), 7), (http_date(5), 5)] {
        let script = Script::new(move |_, n| match n {
            0 => answer(429, &[("retry-after", &value)], ""),
            _ => ok("now"),
        });
        let attempt = Attempt::new(10, 1);
        let start = Instant::now();
        attempt.fetch(&script.client(settings()), Role::Api, URL).await.unwrap();
        assert_eq!(script.times(start), [0, seconds * 1000]);
        assert_eq!(attempt.clock.remaining(), Duration::from_secs(10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_the_attempt_is_not_waited_for_and_costs_no_retry() {
    let script = Script::new(|_, _| answer(429, &[("retry-after", "60")], "later"));
    let attempt = Attempt::new(10, 3);
    let start = Instant::now();
    let answer = attempt.fetch(&script.client(settings()), Role::Api, URL).await.unwrap();
    assert_eq!((answer.head.status, start.elapsed()), (429, Duration::ZERO));
    assert_eq!(attempt.retries.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_the_host_for_everyone_and_nobody_waits_in_vain() {
    let script = Script::new(|hop, _| match hop.url.path() {
        "/x" => answer(503, &[("retry-after", "60")], ""),
        _ => ok(""),
    });
    let client = script.client(settings());
    let start = Instant::now();
    fetch(&client, Role::Page, URL).await.unwrap();
    // Its work ends before the hold does: refused at once, with the reason.
    let deadline = Instant::now() + Duration::from_secs(30);
    let hasty = Attempt::within(Duration::from_secs(10), deadline, 0);
    let error = hasty.fetch(&client, Role::File, "http://host.example/y").await.unwrap_err();
    assert!(matches!(&error, FetchError::Denied { reason: Denial::Breaker, .. }), "{error}");
    assert!(error.retryable() && error.to_string().contains("60 s"), "{error}");
    assert_eq!(start.elapsed(), Duration::ZERO);
    let url = "http://host.example/".parse().unwrap();
    let closed = |role, timeout| client.refusal(&url, role, "", Duration::from_secs(timeout));
    assert!(closed(Role::Page, 59).unwrap().to_string().contains("60 s"));
    assert_eq!(closed(Role::Page, 60), None, "that can be waited for");
    assert_eq!(closed(Role::Api, 0), None, "the host's API is another place");
    // One with time waits, and its own clock stands still.
    let patient = Attempt::new(10, 0);
    patient.fetch(&client, Role::File, "http://host.example/z").await.unwrap();
    assert_eq!(
        (start.elapsed(), patient.clock.remaining()),
        (Duration::from_secs(60), Duration::from_secs(10))
    );
    assert_eq!(closed(Role::Page, 0), None);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_refuses_and_says_for_how_long_is_left_alone_for_so_long() {
    for status in [400, 403, 404, 501] {
        let script = Script::new(move |_, n| match n {
            0 => answer(status, &[("retry-after", "60")], ""),
            _ => ok("now"),
        });
        let client = script.client(settings());
        let start = Instant::now();
        assert_eq!(fetch(&client, Role::Page, URL).await.unwrap().head.status, status, "that is the answer");
        Attempt::new(10, 0).fetch(&client, Role::File, URL).await.unwrap();
        assert_eq!(script.times(start), [0, 60_000], "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_answer_cannot_close_a_host_for_a_day() {
    for long in ["86400", "99999999999999999999999"] {
        let script =
            Script::new(move |_, n| if n == 0 { answer(503, &[("retry-after", long)], "") } else { ok("") });
        let client = script.client(settings());
        let start = Instant::now();
        fetch(&client, Role::Page, URL).await.unwrap();
        let patient = Attempt::within(Duration::from_secs(10), start + Duration::from_secs(301), 0);
        assert!(patient.fetch(&client, Role::Page, URL).await.is_ok());
        assert_eq!(script.times(start), [0, 300_000], "{long}");
    }
}

#[tokio::test(start_paused = true)]
async fn retries_are_spread_out_and_never_pass_the_attempts_end() {
    let script = Script::new(|_, _| answer(500, &[], ""));
    let start = Instant::now();
    let attempt = Attempt::new(5, 100);
    attempt.fetch(&script.client(settings()), Role::Api, URL).await.unwrap();
    let times = script.times(start);
    assert!(*times.last().unwrap() < 5000, "{times:?}");
    for (index, gap) in times.windows(2).map(|pair| pair[1] - pair[0]).enumerate() {
        let full = 500 << index;
        assert!((full / 2..=full + 1).contains(&gap), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_ends_with_the_attempt() {
    let script = Script::new(|_, _| Reply::Hang);
    let start = Instant::now();
    let error = Attempt::new(3, 5).fetch(&script.client(settings()), Role::Api, URL).await.unwrap_err();
    assert_eq!((error, start.elapsed()), (FetchError::Timeout, Duration::from_secs(3)));
}

fn breaking() -> HttpSettings {
    let mut settings = settings();
    settings.breaker =
        BreakerSettings { failures: 3, open: Duration::from_secs(30), max_open: Duration::from_secs(100) };
    settings
}

fn is_open(result: &Result<Response, FetchError>) -> bool {
    matches!(result, Err(FetchError::Denied { reason: Denial::Breaker, .. }))
}

#[tokio::test(start_paused = true)]
async fn a_host_that_keeps_failing_is_left_alone_then_probed_by_one_and_forgiven() {
    let script = Script::slow(Duration::from_secs(1), |_, n| if n < 4 { refused() } else { ok("back") });
    let client = script.client(breaking());
    for _ in 0..3 {
        assert!(!is_open(&fetch(&client, Role::Page, URL).await));
    }
    let start = Instant::now();
    let skipped = fetch(&client, Role::Page, URL).await;
    assert!(is_open(&skipped));
    assert!(skipped.unwrap_err().to_string().contains("connection refused"), "the reason is told");
    assert_eq!(start.elapsed(), Duration::ZERO);
    // Another role of the host, and another host, are not concerned.
    assert!(client.refusal(&URL.parse().unwrap(), Role::Page, "", Duration::MAX).is_some());
    assert!(client.refusal(&URL.parse().unwrap(), Role::Api, "", Duration::ZERO).is_none());
    assert!(fetch(&client, Role::Page, "http://other.example/").await.is_err_and(|e| e.retryable()));
    // The first probe fails: twice as long.
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(!is_open(&fetch(&client, Role::Page, URL).await));
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert!(is_open(&fetch(&client, Role::Page, URL).await));
    tokio::time::sleep(Duration::from_secs(20)).await;
    let (probe, other) = tokio::join!(fetch(&client, Role::Page, URL), fetch(&client, Role::Page, URL));
    assert!(probe.is_ok() && is_open(&other), "one request probes, the others are skipped");
    assert!(fetch(&client, Role::Page, URL).await.is_ok());
}

/// Pages, for a plugin.
struct For(&'static str);

impl HopPolicy for For {
    fn admit(&self, _url: &url::Url, _hop: u32) -> Result<Role, String> {
        Ok(Role::Page)
    }

    fn plugin(&self) -> &str {
        self.0
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_plugin_meets_closes_nothing_to_another_but_a_host_that_asks_for_rest_has_it_from_all() {
    let script = Script::new(|hop, _| match hop.url.path() {
        "/down" => answer(503, &[], ""),
        "/busy" => answer(503, &[("retry-after", "60")], ""),
        _ => ok("well"),
    });
    let client = script.client(breaking());
    let fetch = async |plugin: &'static str, path: &str| {
        let attempt = Attempt::new(10, 0);
        let url = format!("http://host.example{path}");
        client.fetch(get(&url), 1 << 20, attempt.budget(&For(plugin))).await
    };
    for _ in 0..3 {
        fetch("greedy", "/down").await.unwrap();
    }
    assert!(is_open(&fetch("greedy", "/x").await));
    assert_eq!(fetch("honest", "/x").await.unwrap().head.status, 200);
    let url = "http://host.example/".parse().unwrap();
    let refusal = |plugin| client.refusal(&url, Role::Page, plugin, Duration::ZERO);
    assert!(refusal("greedy").is_some() && refusal("honest").is_none());
    fetch("honest", "/busy").await.unwrap();
    assert!(refusal("third").unwrap().to_string().contains("60 s"));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_cancelled_leaves_its_place_to_the_next() {
    let script = Script::new(|_, n| match n {
        0..3 => refused(),
        3 => Reply::Hang,
        _ => ok("back"),
    });
    let client = script.client(breaking());
    for _ in 0..3 {
        fetch(&client, Role::Page, URL).await.unwrap_err();
    }
    tokio::time::sleep(Duration::from_secs(31)).await;
    let dropped = tokio::time::timeout(Duration::from_secs(1), fetch(&client, Role::Page, URL)).await;
    assert!(dropped.is_err());
    assert!(fetch(&client, Role::Page, URL).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_success_between_failures_keeps_the_breaker_closed_unless_nearly_all_fail() {
    let script = Script::new(|_, n| if n % 3 == 2 { ok("") } else { answer(500, &[], "") });
    let client = script.client(breaking());
    for _ in 0..30 {
        assert!(!is_open(&fetch(&client, Role::Page, URL).await));
    }
    let mut settings = breaking();
    settings.breaker.failures = 10;
    let script = Script::new(|_, n| if n % 9 == 8 { ok("") } else { answer(500, &[], "") });
    let client = script.client(settings);
    let mut skipped = 0;
    for _ in 0..30 {
        skipped += u32::from(is_open(&fetch(&client, Role::Page, URL).await));
    }
    assert!(skipped > 0, "16 of 20 failed, though never ten in a row");
}

#[tokio::test(start_paused = true)]
async fn being_asked_to_slow_down_is_no_failure() {
    let script = Script::new(|_, _| answer(429, &[], ""));
    let client = script.client(breaking());
    for _ in 0..10 {
        assert_eq!(fetch(&client, Role::Page, URL).await.unwrap().head.status, 429);
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_request_that_fails_on_and_on_slows_its_host_only_once() {
    let mut settings = settings();
    settings.pace.enabled = true;
    settings.pace.page.every = Duration::from_secs(10);
    settings.pace.file.every = Duration::from_secs(10);
    let script = Script::new(|_, _| answer(503, &[], ""));
    let start = Instant::now();
    Attempt::new(1000, 3).fetch(&script.client(settings), Role::Page, URL).await.unwrap();
    assert_eq!(script.times(start), [0, 10_000, 30_000, 50_000]);
}
