//! `/.well-known/tdmrep.json`: fetched seldom and politely, and no answer makes anything fail.

use futures_util::future::join_all;

use super::script::{Reply, Script, answer, ok, refused};
use super::*;
use crate::{Limit, SaidBy};

const FILE: &str = "http://host.example/a.pdf";
const RULES: &str =
    r#"[{"location": "/", "tdm-reservation": 1, "tdm-policy": "https://host.example/policy"}]"#;

fn settings() -> HttpSettings {
    let mut settings = HttpSettings::for_tests();
    settings.robots = true;
    settings
}

fn site(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> std::sync::Arc<Script> {
    Script::new(move |hop, n| match hop.url.path() {
        "/.well-known/tdmrep.json" => reply(n),
        "/robots.txt" => answer(404, &[], ""),
        _ => ok("file"),
    })
}

async fn said(client: &HttpClient, url: &str) -> Option<String> {
    client.site_reservation(&url.parse().unwrap()).await.map(|said| said.value)
}

fn fetches(script: &Script) -> usize {
    script.urls().iter().filter(|url| url.ends_with("tdmrep.json")).count()
}

#[tokio::test(start_paused = true)]
async fn a_site_is_asked_once_a_day_after_its_robots_txt_however_many_files_it_has() {
    let script = site(|_| ok(RULES));
    let client = script.client(settings());
    let many = join_all((0..9).map(|n| {
        let client = client.clone();
        async move { said(&client, &format!("http://host.example/{n}.pdf")).await }
    }))
    .await;
    assert!(many.iter().all(|value| value.as_deref() == Some("1")), "{many:?}");
    let expected =
        ["robots.txt", ".well-known/tdmrep.json"].map(|path| format!("http://host.example/{path}"));
    assert_eq!(script.urls(), expected);
    let full = client.site_reservation(&FILE.parse().unwrap()).await.unwrap();
    assert_eq!((full.by, full.policy.as_deref()), (SaidBy::Site, Some("https://host.example/policy")));
    tokio::time::sleep(Duration::from_secs(23 * 3600)).await;
    said(&client, FILE).await;
    assert_eq!(fetches(&script), 1);
    tokio::time::sleep(Duration::from_secs(3601)).await;
    said(&client, FILE).await;
    assert_eq!(fetches(&script), 2);
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_the_site_has_said_nothing_and_is_not_asked_again_and_again() {
    for name in
        ["nothing there", "not allowed", "broken", "a page", "too long", "refused", "silent", "in circles"]
    {
        let script = site(move |_| match name {
            "nothing there" => answer(404, &[], RULES),
            "not allowed" => answer(403, &[], RULES),
            "broken" => answer(500, &[], RULES),
            "a page" => ok("<html>Welcome</html>"),
            "too long" => ok(&format!("[{}", r#"{"location": "/", "tdm-reservation": 1},"#.repeat(20_000))),
            "refused" => refused(),
            "silent" => Reply::Hang,
            _ => answer(302, &[("location", "/.well-known/tdmrep.json")], ""),
        });
        let client = script.client(settings());
        let start = Instant::now();
        assert_eq!(said(&client, FILE).await, None, "{name}");
        assert!(start.elapsed() <= Duration::from_secs(10), "{name}: {:?}", start.elapsed());
        assert_eq!(said(&client, FILE).await, None, "{name}");
        assert_eq!(fetches(&script), 1, "{name}");
        assert!(fetch(&client, Role::File, FILE).await.is_ok(), "{name}: the file is as good as before");
    }
}

#[tokio::test(start_paused = true)]
async fn a_site_whose_robots_forbid_its_own_rules_is_not_asked_for_them() {
    let script = Script::new(|hop, _| match hop.url.path() {
        "/robots.txt" => ok("User-agent: *\nDisallow: /.well-known/\n"),
        _ => ok(RULES),
    });
    assert_eq!(said(&script.client(settings()), FILE).await, None);
    assert_eq!(fetches(&script), 0);
}

#[tokio::test(start_paused = true)]
async fn the_rules_take_their_turn_at_the_host_like_anything_else() {
    let mut settings = settings();
    settings.pace.enabled = true;
    let limit = Limit { every: Duration::from_millis(500), concurrency: 2 };
    (settings.pace.page, settings.pace.file) = (limit, limit);
    let script = site(|_| ok(RULES));
    let client = script.client(settings);
    let start = Instant::now();
    fetch(&client, Role::File, FILE).await.unwrap();
    said(&client, FILE).await;
    assert_eq!(script.times(start), [0, 0, 500], "robots.txt, the file, the rules");
}

#[tokio::test(start_paused = true)]
async fn one_who_does_not_wait_leaves_the_answer_to_the_next() {
    let script = Script::slow(Duration::from_secs(3), |hop, _| match hop.url.path() {
        "/robots.txt" => answer(404, &[], ""),
        _ => ok(RULES),
    });
    let client = script.client(settings());
    let hasty = tokio::time::timeout(Duration::from_secs(1), said(&client, FILE)).await;
    assert!(hasty.is_err());
    tokio::time::sleep(Duration::from_secs(10)).await;
    let start = Instant::now();
    assert_eq!(said(&client, FILE).await.as_deref(), Some("1"));
    assert_eq!((start.elapsed(), fetches(&script)), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn rules_that_are_elsewhere_are_read_there() {
    let script = Script::new(|hop, _| match (hop.url.host_str(), hop.url.path()) {
        (_, "/robots.txt") => answer(404, &[], ""),
        (Some("host.example"), _) => answer(301, &[("location", "https://www.host.example/tdm")], ""),
        _ => ok(RULES),
    });
    assert_eq!(said(&script.client(settings()), FILE).await.as_deref(), Some("1"));
}
