//! robots.txt and pace.

use futures_util::future::join_all;

use super::script::{Reply, Script, answer, ok, refused};
use super::*;
use crate::{Denial, Limit, PaceRule};

fn settings() -> HttpSettings {
    let mut settings = HttpSettings::for_tests();
    settings.robots = true;
    settings
}

fn robots_only(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> std::sync::Arc<Script> {
    Script::new(move |hop, n| if hop.url.path() == "/robots.txt" { reply(n) } else { ok("page") })
}

fn denied_by(result: Result<Response, FetchError>) -> Option<Denial> {
    match result {
        Err(FetchError::Denied { reason, .. }) => Some(reason),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn robots_txt_is_read_once_before_anything_else_and_obeyed() {
    let script = robots_only(|_| ok("User-agent: *\nDisallow: /private\n"));
    let client = script.client(settings());
    fetch(&client, Role::Page, "http://host.example/public").await.unwrap();
    fetch(&client, Role::File, "http://host.example/public.pdf").await.unwrap();
    let error = fetch(&client, Role::Page, "http://host.example/private/x?y").await.unwrap_err();
    assert!(matches!(&error, FetchError::Denied { reason: Denial::Robots, .. }), "{error}");
    assert!(error.to_string().contains("/private"), "the rule is named: {error}");
    assert!(!error.retryable());
    assert_eq!(
        script.urls(),
        ["robots.txt", "public", "public.pdf"].map(|p| format!("http://host.example/{p}"))
    );
}

#[tokio::test(start_paused = true)]
async fn apis_have_no_robots_and_the_setting_turns_them_off() {
    let script = robots_only(|_| ok("User-agent: *\nDisallow: /\n"));
    fetch(&script.client(settings()), Role::Api, "http://host.example/x").await.unwrap();
    fetch(&script.client(HttpSettings::for_tests()), Role::Page, "http://host.example/x").await.unwrap();
    assert_eq!(script.urls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn our_own_group_wins_over_the_one_for_all() {
    let text = "User-agent: *\nDisallow: /\n\nUser-agent: TierFall\nAllow: /ok\nDisallow: /\n";
    let client = robots_only(move |_| ok(text)).client(settings());
    assert!(fetch(&client, Role::Page, "http://host.example/ok").await.is_ok());
    assert_eq!(denied_by(fetch(&client, Role::Page, "http://host.example/x").await), Some(Denial::Robots));
}

#[tokio::test(start_paused = true)]
async fn no_robots_txt_allows_and_an_unreachable_one_forbids() {
    for status in [400, 401, 403, 404, 410, 451] {
        let client = robots_only(move |_| answer(status, &[], "Disallow: /")).client(settings());
        assert!(fetch(&client, Role::Page, "http://host.example/x").await.is_ok(), "{status}");
    }
    for status in [500, 502, 503] {
        let client = robots_only(move |_| answer(status, &[], "")).client(settings());
        let result = fetch(&client, Role::Page, "http://host.example/x").await;
        assert!(result.as_ref().is_err_and(FetchError::retryable));
        assert_eq!(denied_by(result), Some(Denial::RobotsUnreachable), "{status}");
    }
    let client = robots_only(|_| Reply::Hang).client(settings());
    let attempt = Attempt::new(60, 0);
    let result = attempt.fetch(&client, Role::Page, "http://host.example/x").await;
    assert_eq!(denied_by(result), Some(Denial::RobotsUnreachable));
    assert_eq!(attempt.clock.remaining(), Duration::from_secs(50), "robots.txt has ten seconds");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_not_there_is_reported_as_that() {
    let script = Script::new(|_, _| refused());
    let error = fetch(&script.client(settings()), Role::Page, "http://host.example/x").await.unwrap_err();
    assert_eq!(error, FetchError::Transport("connection refused".into()));
    assert!(script.urls().iter().all(|url| url.ends_with("/robots.txt")));
}

#[tokio::test(start_paused = true)]
async fn a_robots_txt_that_fails_once_is_asked_for_again() {
    let client = robots_only(|n| match n {
        0 => answer(503, &[], ""),
        1 => refused(),
        _ => ok("User-agent: *\nDisallow: /no"),
    })
    .client(settings());
    assert!(fetch(&client, Role::Page, "http://host.example/x").await.is_ok());
    assert_eq!(denied_by(fetch(&client, Role::Page, "http://host.example/no").await), Some(Denial::Robots));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_wants_to_be_left_alone_instead_of_giving_its_robots_txt_is_left_alone() {
    let url = "http://host.example/x";
    for status in [403, 429] {
        let script = robots_only(move |n| match n {
            0 => answer(status, &[("retry-after", "30")], ""),
            _ => ok("User-agent: *\nDisallow: /"),
        });
        let client = script.client(settings());
        let start = Instant::now();
        Attempt::new(10, 0).fetch(&client, Role::Page, url).await.unwrap();
        assert_eq!(script.times(start), [0, 30_000], "{status}: the page is not asked for before");
        if status == 429 {
            tokio::time::sleep(Duration::from_secs(121)).await;
            assert_eq!(
                denied_by(fetch(&client, Role::Page, url).await),
                Some(Denial::Robots),
                "nor for a day"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_robots_txt_that_comes_after_a_short_rest_is_waited_for() {
    let script = robots_only(|n| match n {
        0 => answer(503, &[("retry-after", "3")], ""),
        _ => ok("User-agent: *\nDisallow: /no"),
    });
    let client = script.client(settings());
    let start = Instant::now();
    assert_eq!(denied_by(fetch(&client, Role::Page, "http://host.example/no").await), Some(Denial::Robots));
    assert_eq!(script.times(start), [0, 3_000]);
}

#[tokio::test(start_paused = true)]
async fn robots_txt_is_forgotten_after_a_day_and_its_failure_after_minutes() {
    let script = robots_only(|n| if n < 3 { answer(500, &[], "") } else { ok("") });
    let client = script.client(settings());
    let asked = || script.urls().iter().filter(|url| url.ends_with("/robots.txt")).count();
    assert!(fetch(&client, Role::Page, "http://host.example/x").await.is_err());
    assert!(fetch(&client, Role::Page, "http://host.example/x").await.is_err());
    assert_eq!(asked(), 3, "two retries, and then the failure is remembered");
    tokio::time::sleep(Duration::from_secs(121)).await;
    assert!(fetch(&client, Role::Page, "http://host.example/x").await.is_ok());
    tokio::time::sleep(Duration::from_secs(23 * 3600)).await;
    assert!(fetch(&client, Role::Page, "http://host.example/x").await.is_ok());
    assert_eq!(asked(), 4);
    tokio::time::sleep(Duration::from_secs(3601)).await;
    assert!(fetch(&client, Role::Page, "http://host.example/x").await.is_ok());
    assert_eq!(asked(), 5);
}

#[tokio::test(start_paused = true)]
async fn robots_txt_may_redirect_five_times_but_not_into_the_private_network() {
    let hops = |most: u32| {
        Script::new(move |hop, _| {
            let n: u32 = hop.url.query().and_then(|query| query.parse().ok()).unwrap_or(0);
            match hop.url.path() {
                "/robots.txt" if n < most => {
                    answer(302, &[("location", &format!("/robots.txt?{}", n + 1))], "")
                }
                "/robots.txt" => ok("User-agent: *\nDisallow: /"),
                _ => ok("page"),
            }
        })
    };
    let url = "http://host.example/x";
    assert_eq!(denied_by(fetch(&hops(5).client(settings()), Role::Page, url).await), Some(Denial::Robots));
    assert!(fetch(&hops(6).client(settings()), Role::Page, url).await.is_ok(), "RFC 9309, 2.3.1.2");
    let script = robots_only(|_| answer(302, &[("location", "http://169.254.169.254/robots.txt")], ""));
    assert_eq!(
        denied_by(fetch(&script.client(settings()), Role::Page, url).await),
        Some(Denial::PrivateAddress)
    );
    assert_eq!(script.urls(), ["http://host.example/robots.txt"]);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_another_host_asks_that_hosts_robots_too() {
    let script = Script::new(|hop, _| match (hop.url.host_str(), hop.url.path()) {
        (Some("other.example"), "/robots.txt") => ok("User-agent: *\nDisallow: /"),
        (_, "/robots.txt") => ok(""),
        _ => answer(302, &[("location", "http://other.example/x")], ""),
    });
    let result = fetch(&script.client(settings()), Role::File, "http://host.example/x").await;
    assert_eq!(denied_by(result), Some(Denial::Robots));
}

#[tokio::test(start_paused = true)]
async fn many_at_once_read_robots_txt_once_and_a_cancelled_reader_leaves_it_to_the_others() {
    let script = Script::slow(Duration::from_secs(2), |_, _| ok(""));
    let client = script.client(settings());
    let hasty =
        tokio::time::timeout(Duration::from_secs(1), fetch(&client, Role::Page, "http://host.example/a"));
    let others = (0..5).map(|n| {
        let client = client.clone();
        async move { fetch(&client, Role::Page, &format!("http://host.example/{n}")).await }
    });
    let (hasty, others) = tokio::join!(hasty, join_all(others));
    assert!(hasty.is_err() && others.iter().all(Result::is_ok));
    assert_eq!(script.urls().iter().filter(|url| url.ends_with("robots.txt")).count(), 1);
}

fn paced(every: Duration, concurrency: usize) -> HttpSettings {
    let mut settings = HttpSettings::for_tests();
    settings.pace.enabled = true;
    let limit = Limit { every, concurrency };
    (settings.pace.api, settings.pace.page, settings.pace.file) = (limit, limit, limit);
    settings
}

/// Asks `count` pages of one host at once, each with an hour.
async fn crowd(client: &HttpClient, role: Role, count: usize) -> Vec<Result<Response, FetchError>> {
    join_all((0..count).map(|n| {
        let client = client.clone();
        async move { Attempt::new(360, 0).fetch(&client, role, &format!("http://host.example/{n}")).await }
    }))
    .await
}

#[tokio::test(start_paused = true)]
async fn a_hosts_requests_start_in_order_and_at_its_pace() {
    let script = Script::new(|_, _| ok(""));
    let start = Instant::now();
    crowd(&script.client(paced(Duration::from_millis(500), 2)), Role::Page, 5).await;
    assert_eq!(script.times(start), [0, 500, 1000, 1500, 2000]);
    let expected: Vec<String> = (0..5).map(|n| format!("http://host.example/{n}")).collect();
    assert_eq!(script.urls(), expected);
}

#[tokio::test(start_paused = true)]
async fn no_more_are_open_than_allowed_and_an_open_body_counts() {
    let script = Script::slow(Duration::from_secs(3), |_, _| ok("body"));
    let client = script.client(paced(Duration::ZERO, 2));
    crowd(&client, Role::Page, 7).await;
    assert_eq!(script.peak(), 2);
    let attempts = [Attempt::new(10, 0), Attempt::new(10, 0)];
    let first = attempts[0].open(&client, Role::File, "http://host.example/a").await.unwrap();
    let second = attempts[1].open(&client, Role::File, "http://host.example/b").await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    let third = Attempt::within(Duration::from_secs(10), deadline, 0);
    let waiting = third.open(&client, Role::File, "http://host.example/c").await.unwrap_err();
    assert!(matches!(waiting, FetchError::Busy(_)), "{waiting}");
    drop(second);
    let third = Attempt::new(10, 0);
    assert!(third.open(&client, Role::File, "http://host.example/c").await.is_ok());
    drain(first).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_found_is_fetched_before_more_is_looked_for() {
    let script = Script::new(|_, _| ok(""));
    let client = script.client(paced(Duration::from_secs(1), 1));
    let start = Instant::now();
    let ask = |role: Role, url: &'static str, deadline: u64| {
        let (client, deadline) = (client.clone(), start + Duration::from_secs(deadline));
        async move { Attempt::within(Duration::from_secs(9), deadline, 0).fetch(&client, role, url).await.is_ok() }
    };
    let came = tokio::join!(
        crowd(&client, Role::Page, 6),
        ask(Role::File, "http://host.example/found", 3),
        ask(Role::Page, "http://host.example/late", 3),
    );
    assert!(came.1, "it waits for the one that is on its way and the one that is next");
    assert!(!came.2, "in order of arrival it is too late");
    let urls = script.urls();
    let place = urls.iter().position(|url| url.ends_with("found"));
    assert_eq!(place, Some(3), "{urls:?}");
    assert_eq!(script.times(start), [0, 1000, 2000, 3000, 4000, 5000, 6000]);
}

#[tokio::test(start_paused = true)]
async fn pages_and_files_of_a_host_share_its_pace_and_its_api_does_not() {
    let mut settings = paced(Duration::from_secs(1), 4);
    settings.pace.page.every = Duration::from_millis(100);
    settings.pace.api.every = Duration::from_millis(10);
    let script = Script::new(|_, _| ok(""));
    let client = script.client(settings);
    let start = Instant::now();
    for role in [Role::Page, Role::File, Role::Page, Role::Api, Role::Api] {
        Attempt::new(100, 0).fetch(&client, role, "http://host.example/").await.unwrap();
    }
    assert_eq!(script.times(start), [0, 1000, 2000, 2000, 2010], "the slower of page and file holds");
}

/// A rule for all of these hosts' requests.
pub(super) fn rule_of(hosts: Vec<String>, limit: Limit) -> PaceRule {
    PaceRule {
        hosts,
        role: None,
        paths: Vec::new(),
        secret: None,
        shared: false,
        requests: None,
        per: Duration::from_secs(1),
        burst: 1,
        patience: None,
        limit,
    }
}

#[tokio::test(start_paused = true)]
async fn rules_name_hosts_and_a_shared_one_is_one_pace() {
    let mut settings = paced(Duration::ZERO, 8);
    let rule = |hosts: &[&str], role, shared, seconds| {
        let hosts = hosts.iter().map(|host| (*host).into()).collect();
        let limit = Limit { every: Duration::from_secs(seconds), concurrency: 1 };
        ("a rule".to_owned(), PaceRule { role, shared, ..rule_of(hosts, limit) })
    };
    settings.pace.rules = vec![
        rule(&["arxiv.example", "export.arxiv.example"], None, true, 3),
        rule(&["*.slow.example"], Some(Role::Page), false, 2),
    ];
    let script = Script::new(|_, _| ok(""));
    let client = script.client(settings);
    let start = Instant::now();
    for (role, url) in [
        (Role::Api, "http://export.arxiv.example/"),
        (Role::File, "http://arxiv.example/"),
        (Role::Page, "http://arxiv.example/"),
        (Role::Page, "http://a.slow.example/"),
        (Role::Page, "http://b.slow.example/"),
        (Role::Page, "http://a.slow.example/"),
        (Role::Api, "http://a.slow.example/"),
        (Role::Page, "http://notslow.example/"),
    ] {
        Attempt::new(100, 0).fetch(&client, role, url).await.unwrap();
    }
    assert_eq!(script.times(start), [0, 3000, 6000, 6000, 6000, 8000, 8000, 8000]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_beyond_the_works_deadline_is_refused_at_once() {
    let script = Script::new(|_, _| ok(""));
    let client = script.client(paced(Duration::from_secs(3), 1));
    let start = Instant::now();
    let asked = join_all((0..5).map(|n| {
        let client = client.clone();
        async move {
            let attempt = Attempt::within(Duration::from_secs(1), start + Duration::from_secs(7), 0);
            let result = attempt.fetch(&client, Role::Page, &format!("http://host.example/{n}")).await;
            (result.is_ok(), start.elapsed().as_secs(), attempt.clock.remaining())
        }
    }))
    .await;
    let went: Vec<(bool, u64)> = asked.iter().map(|(ok, at, _)| (*ok, *at)).collect();
    assert_eq!(went, [(true, 0), (true, 3), (true, 6), (false, 0), (false, 0)]);
    // The one who waited six seconds has its whole second, as far as the work still goes on.
    assert_eq!(asked[2].2, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn who_is_cancelled_while_waiting_gives_the_turn_back() {
    let script = Script::new(|_, _| ok(""));
    let client = script.client(paced(Duration::from_secs(10), 4));
    let start = Instant::now();
    Attempt::new(100, 0).fetch(&client, Role::Page, "http://host.example/a").await.unwrap();
    let gone = Attempt::new(100, 0);
    let waiting = gone.fetch(&client, Role::Page, "http://host.example/b");
    assert!(tokio::time::timeout(Duration::from_secs(1), waiting).await.is_err());
    Attempt::new(100, 0).fetch(&client, Role::Page, "http://host.example/c").await.unwrap();
    assert_eq!(script.times(start), [0, 10_000]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_given_back_before_others_is_the_next_ones() {
    let script = Script::new(|_, _| ok(""));
    let client = script.client(paced(Duration::from_secs(10), 4));
    let start = Instant::now();
    let ask = |path: &str| {
        let (client, url) = (client.clone(), format!("http://host.example/{path}"));
        tokio::spawn(async move { Attempt::new(100, 0).fetch(&client, Role::Page, &url).await })
    };
    ask("first").await.unwrap().unwrap();
    let gone = ask("gone");
    tokio::time::sleep(Duration::from_millis(1)).await;
    let last = ask("last");
    tokio::time::sleep(Duration::from_millis(1)).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    ask("second").await.unwrap().unwrap();
    last.await.unwrap().unwrap();
    assert_eq!(script.times(start), [0, 10_000, 20_000]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_complains_is_asked_more_slowly_and_recovers_to_its_pace_but_not_beyond() {
    let script = Script::new(|hop, _| match hop.url.path() {
        "/0" | "/1" => answer(429, &[], ""),
        _ => ok(""),
    });
    let start = Instant::now();
    crowd(&script.client(paced(Duration::from_secs(1), 1)), Role::Page, 60).await;
    let times = script.times(start);
    let gaps: Vec<u128> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= 1000), "never faster than configured: {gaps:?}");
    let slowest = *gaps.iter().max().unwrap();
    assert!((2000..=4000).contains(&slowest), "{gaps:?}");
    assert_eq!(*gaps.last().unwrap(), 1000, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_only_complains_is_still_asked_now_and_then() {
    let script = Script::new(|_, _| answer(429, &[], ""));
    let start = Instant::now();
    crowd(&script.client(paced(Duration::from_secs(1), 1)), Role::Page, 12).await;
    let times = script.times(start);
    let last = times[11] - times[10];
    assert_eq!((times.len(), last), (12, 8000));
}

#[tokio::test(start_paused = true)]
async fn a_crawl_delay_slows_the_host_and_is_capped() {
    for (delay, gap) in [("5", 5000), ("0.5", 1000), ("86400", 30_000)] {
        let text = format!("User-agent: *\nCrawl-delay: {delay}\n");
        let script = robots_only(move |_| ok(&text));
        let mut settings = paced(Duration::from_secs(1), 2);
        settings.robots = true;
        let start = Instant::now();
        crowd(&script.client(settings), Role::File, 3).await;
        assert_eq!(script.times(start), [0, 0, gap, gap * 2], "{delay}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_host_and_for_how_long_can_be_seen() {
    let client = Script::new(|_, _| ok("page")).client(paced(Duration::from_secs(10), 1));
    let queues = client.queues();
    assert_eq!(queues.now(), []);
    let crowd = tokio::spawn({
        let client = client.clone();
        async move { crowd(&client, Role::Api, 5).await.len() }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let now = queues.now();
    let [queue] = now.as_slice() else { panic!("{now:?}") };
    assert_eq!((queue.host.as_str(), queue.waiting, queue.held), ("host.example", 4, None));
    assert_eq!(queue.wait, Duration::from_secs(39), "the last of them starts 40 s after the first");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(queues.now().first().map(|queue| (queue.waiting, queue.wait.as_secs())), Some((1, 9)));
    assert_eq!(crowd.await.unwrap(), 5);
    assert_eq!(queues.now(), []);
}

#[tokio::test(start_paused = true)]
async fn with_the_pace_off_nobody_waits() {
    let script = Script::new(|_, _| ok(""));
    let mut settings = paced(Duration::from_secs(9), 1);
    settings.pace.enabled = false;
    let start = Instant::now();
    crowd(&script.client(settings), Role::Page, 20).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}
