//! The pace of one host's several services, and what hosts say of their limits.

use futures_util::future::join_all;

use super::robots_and_pace::rule_of;
use super::script::{Script, answer, ok};
use super::*;
use crate::{Limit, PaceRule, header_map};

fn settings(rules: Vec<PaceRule>) -> HttpSettings {
    let mut settings = HttpSettings::for_tests();
    settings.pace.enabled = true;
    settings.pace.rules = rules.into_iter().map(|rule| ("a rule".to_owned(), rule)).collect();
    settings
}

fn api(every_ms: u64, concurrency: usize) -> PaceRule {
    let limit = Limit { every: Duration::from_millis(every_ms), concurrency };
    PaceRule { role: Some(Role::Api), ..rule_of(vec!["host.example".into()], limit) }
}

/// Asks these paths at once, each with an hour.
async fn ask(client: &HttpClient, paths: &[&str]) -> Vec<Result<Response, FetchError>> {
    join_all(paths.iter().map(|path| {
        let (client, url) = (client.clone(), format!("http://host.example{path}"));
        async move { Attempt::new(360, 0).fetch(&client, Role::Api, &url).await }
    }))
    .await
}

/// When the requests for paths that begin so were sent, in milliseconds since `start`.
fn times(script: &Script, start: Instant, path: &str) -> Vec<u128> {
    let urls = script.urls().into_iter().zip(script.times(start));
    urls.filter(|(url, _)| url.contains(path)).map(|(_, at)| at).collect()
}

#[tokio::test(start_paused = true)]
async fn two_services_of_a_host_have_two_queues() {
    let index = PaceRule { paths: vec!["/cdx/*".into()], ..api(2500, 1) };
    let script = Script::new(|_, _| ok(""));
    let client = script.client(settings(vec![index, api(125, 4)]));
    let start = Instant::now();
    ask(&client, &["/cdx/a", "/web/a", "/cdx/b", "/web/b", "/web/c"]).await;
    assert_eq!(times(&script, start, "/cdx/"), [0, 2500]);
    assert_eq!(times(&script, start, "/web/"), [0, 125, 250]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_used_is_made_up_for_where_it_may_be() {
    let index = PaceRule { paths: vec!["/cdx/*".into()], burst: 3, ..api(1000, 4) };
    let script = Script::new(|_, _| ok(""));
    let client = script.client(settings(vec![index]));
    let start = Instant::now();
    ask(&client, &["/cdx/a", "/cdx/b"]).await;
    tokio::time::sleep(Duration::from_millis(8500) - start.elapsed()).await;
    ask(&client, &["/cdx/c", "/cdx/d", "/cdx/e", "/cdx/f", "/cdx/g"]).await;
    assert_eq!(times(&script, start, "/cdx/"), [0, 1000, 8500, 8500, 8500, 9500, 10_500]);
}

#[tokio::test(start_paused = true)]
async fn a_path_without_a_star_is_that_path_alone() {
    let lists = PaceRule { paths: vec!["/works".into()], ..api(1000, 1) };
    let script = Script::new(|_, _| ok(""));
    let client = script.client(settings(vec![lists, api(100, 1)]));
    let start = Instant::now();
    ask(&client, &["/works?q=1", "/works/10.1000/a", "/works?q=2", "/works/10.1000/b"]).await;
    assert_eq!(times(&script, start, "/works?"), [0, 1000]);
    assert_eq!(times(&script, start, "/works/"), [0, 100]);
}

#[tokio::test(start_paused = true)]
async fn who_shows_a_key_has_the_pace_of_those_who_are_known() {
    let known = PaceRule { secret: Some(true), ..api(500, 1) };
    let script = Script::new(|_, _| ok(""));
    let client = script.client(settings(vec![known, api(60_000, 1)]));
    let start = Instant::now();
    for key in [None, Some("k"), Some("k")] {
        let secret_headers = header_map(key.map(|key| ("authorization", key))).unwrap();
        let request = Request { secret_headers, ..get("http://host.example/") };
        let attempt = Attempt::new(100, 0);
        client.fetch(request, 1 << 20, attempt.budget(&Role::Api)).await.unwrap();
    }
    assert_eq!(script.times(start), [0, 0, 500]);
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_fall_into_a_window_however_long_their_way_to_the_host_is() {
    // The first may have reached the host only when its answer left it, three seconds later.
    let slow = Script::slow(Duration::from_secs(3), |_, _| ok(""));
    let rule = PaceRule { requests: Some(3), per: Duration::from_secs(10), ..api(100, 3) };
    let client = slow.client(settings(vec![rule]));
    let start = Instant::now();
    ask(&client, &["/1", "/2", "/3", "/4", "/5"]).await;
    assert_eq!(slow.times(start), [0, 100, 200, 13_000, 13_100]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_counts_as_one_that_came() {
    let script = Script::slow(Duration::from_secs(3), |_, _| ok(""));
    let rule = PaceRule { requests: Some(1), per: Duration::from_secs(10), ..api(0, 1) };
    let client = script.client(settings(vec![rule]));
    let start = Instant::now();
    let hasty = Attempt::new(100, 0);
    let given_up = hasty.fetch(&client, Role::Api, "http://host.example/1");
    assert!(tokio::time::timeout(Duration::from_secs(1), given_up).await.is_err());
    ask(&client, &["/2"]).await;
    assert_eq!(script.times(start), [0, 11_000]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_beyond_a_rules_patience_is_refused_at_once() {
    let rule = PaceRule { patience: Some(Duration::from_secs(2)), ..api(60_000, 1) };
    let script = Script::new(|_, _| ok(""));
    let client = script.client(settings(vec![rule]));
    let start = Instant::now();
    let answers = ask(&client, &["/1", "/2"]).await;
    assert!(answers[0].is_ok());
    let refused = answers[1].as_ref().unwrap_err();
    assert!(matches!(refused, FetchError::Busy(_)) && refused.retryable(), "{refused}");
    assert!(refused.to_string().contains("within 2 s"), "{refused}");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_a_host_says_of_its_limits_is_believed_where_it_is_slower() {
    let said = |limit: &'static str, most: &'static str| {
        Script::slow(Duration::from_millis(10), move |_, _| {
            let headers = [
                ("x-rate-limit-limit", limit),
                ("x-rate-limit-interval", "1s"),
                ("x-concurrency-limit", most),
            ];
            answer(200, &headers, "")
        })
    };
    let paths = ["/1", "/2", "/3", "/4"];
    for (script, expected) in [
        // Turns that were promised before it had said so are kept.
        (said("2", "9"), [0, 100, 200, 300, 800, 1300, 1800, 2300]),
        (said("50", "9"), [0, 100, 200, 300, 400, 500, 600, 700]),
        (said("999999", "9"), [0, 100, 200, 300, 400, 500, 600, 700]),
    ] {
        let client = script.client(settings(vec![api(100, 3)]));
        let start = Instant::now();
        ask(&client, &[paths, paths].concat()).await;
        assert_eq!(script.times(start), expected);
    }
    let one = Script::slow(Duration::from_secs(1), |_, _| answer(200, &[("x-concurrency-limit", "1")], ""));
    let client = one.client(settings(vec![api(0, 3)]));
    ask(&client, &paths).await;
    assert_eq!(one.peak(), 3, "until it has said so");
    let start = Instant::now();
    ask(&client, &paths).await;
    assert_eq!(one.times(start)[4..], [0, 1000, 2000, 3000]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_takes_more_at_once_again_is_asked_more_at_once_but_no_more_than_configured() {
    let script = Script::slow(Duration::from_secs(1), |hop, _| {
        let most = if hop.url.path() == "/few" { "1" } else { "9" };
        answer(200, &[("x-concurrency-limit", most)], "")
    });
    let client = script.client(settings(vec![api(0, 3)]));
    let start = Instant::now();
    // While the first three are open, the host says one, and then nine.
    ask(&client, &["/few", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8"]).await;
    assert_eq!(
        script.times(start)[3..],
        [1000, 1000, 1000, 2000, 2000, 2000],
        "no place is lost, none gained"
    );
    ask(&client, &["/few"]).await;
    let start = Instant::now();
    ask(&client, &["/1", "/2", "/3", "/4", "/5"]).await;
    assert_eq!(script.times(start)[10..], [0, 1000, 1000, 1000, 2000]);
    assert_eq!(script.peak(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_says_that_nothing_is_left_is_left_alone_until_then() {
    let script = Script::new(|_, n| match n {
        0 => answer(200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "20")], ""),
        _ => ok(""),
    });
    let client = script.client(settings(vec![api(100, 1)]));
    let start = Instant::now();
    ask(&client, &["/", "/"]).await;
    assert_eq!(script.times(start), [0, 20_000]);
}

#[tokio::test(start_paused = true)]
async fn a_host_is_held_only_while_each_of_its_services_is() {
    let index = PaceRule { paths: vec!["/cdx/*".into()], ..api(0, 1) };
    let script = Script::new(|hop, _| match hop.url.path() {
        "/cdx/a" => answer(429, &[("retry-after", "60")], ""),
        _ => ok(""),
    });
    let client = script.client(settings(vec![index, api(0, 4)]));
    let url = "http://host.example/".parse().unwrap();
    ask(&client, &["/cdx/a"]).await;
    assert!(client.refusal(&url, Role::Api, "", Duration::from_secs(5)).is_some());
    ask(&client, &["/web/a"]).await;
    assert_eq!(client.refusal(&url, Role::Api, "", Duration::from_secs(5)), None);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_full_although_its_limit_is_kept_is_not_left_alone_for_it() {
    let script = Script::new(|_, _| answer(429, &[], ""));
    let rule = PaceRule { requests: Some(1), ..api(1000, 1) };
    let client = script.client(settings(vec![rule]));
    let start = Instant::now();
    ask(&client, &["/1", "/2", "/3", "/4", "/5"]).await;
    assert_eq!(script.times(start), [0, 1000, 3000, 5000, 7000]);
}
