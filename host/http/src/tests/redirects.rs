use super::forbidden_hosts::FORBIDDEN;
use super::script::{Reply, Script, answer, ok};
use super::*;
use crate::{Denial, HeaderValue, header};

fn to(status: u16, location: &str) -> Reply {
    answer(status, &[("location", location)], "")
}

/// For a scripted transport, whose hosts have public names.
fn settings() -> HttpSettings {
    HttpSettings::for_tests()
}

#[tokio::test(start_paused = true)]
async fn redirects_are_followed_and_the_last_url_is_told() {
    let script = Script::new(|hop, _| match hop.url.path() {
        "/a" => to(301, "b?x=1#part"),
        "/b" => to(308, "//other.example/c"),
        _ => ok("here"),
    });
    let answer = fetch(&script.client(settings()), Role::Page, "http://host.example/a#top").await.unwrap();
    assert_eq!(answer.head.url.as_str(), "http://other.example/c");
    assert_eq!(answer.body, "here");
    assert_eq!(script.urls()[1], "http://host.example/b?x=1");
}

#[tokio::test(start_paused = true)]
async fn a_redirect_without_a_location_is_an_answer() {
    let script = Script::new(|_, _| answer(302, &[], "nowhere"));
    let answer = fetch(&script.client(settings()), Role::Page, "http://host.example/").await.unwrap();
    assert_eq!((answer.head.status, &answer.body[..]), (302, &b"nowhere"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_post_becomes_a_get_where_the_web_does_so_and_stays_a_post_where_it_must() {
    for (status, method, body) in [
        (301, Method::Get, false),
        (302, Method::Get, false),
        (303, Method::Get, false),
        (307, Method::Post, true),
        (308, Method::Post, true),
    ] {
        let script = Script::new(move |hop, _| match hop.url.path() {
            "/" => to(status, "/next"),
            _ => ok(""),
        });
        let mut post = request(Method::Post, "http://host.example/");
        post.body = Some(b"{}".to_vec());
        post.headers.append("content-type", HeaderValue::from_static("application/json"));
        let attempt = Attempt::new(10, 0);
        let client = script.client(settings());
        client.fetch(post, 100, attempt.budget(&Role::Api)).await.unwrap();
        let second = script.hop(1);
        assert_eq!((second.method, second.body.is_some()), (method, body), "{status}");
        let typed = second.headers.contains_key("content-type");
        assert_eq!(typed, body, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_site_that_redirects_to_itself_to_set_a_cookie_is_let_in() {
    let script = Script::new(|hop, _| match header(&hop.headers, "cookie") {
        Some(value) if value.contains("seen=1") => ok("in"),
        _ => answer(302, &[("location", "/"), ("set-cookie", "seen=1; Path=/; HttpOnly")], ""),
    });
    let answer = fetch(&script.client(settings()), Role::Page, "http://host.example/").await.unwrap();
    assert_eq!(answer.body, "in");
}

#[tokio::test(start_paused = true)]
async fn a_loop_ends_at_its_second_round_whether_or_not_it_sets_cookies() {
    for cookies in [false, true] {
        let script = Script::new(move |hop, _| {
            let location = if hop.url.path() == "/a" { "/b" } else { "/a" };
            let mut headers = vec![("location", location)];
            if cookies {
                headers.push(("set-cookie", "again=1"));
            }
            answer(302, &headers, "")
        });
        let error = fetch(&script.client(settings()), Role::Page, "http://host.example/a").await.unwrap_err();
        assert!(matches!(error, FetchError::Redirects(_)), "{error}");
        assert!(error.to_string().contains("loop"), "{error}");
        assert!(script.urls().len() <= 4, "{:?}", script.urls());
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_without_end_stop_at_the_limit() {
    // Always another URL, and always another cookie.
    let script = Script::new(|hop, _| {
        let n: u32 = hop.url.path().trim_start_matches('/').parse().unwrap_or(0);
        answer(302, &[("location", &format!("/{}", n + 1)), ("set-cookie", &format!("c{n}=1"))], "")
    });
    let error = fetch(&script.client(settings()), Role::Page, "http://host.example/").await.unwrap_err();
    assert!(matches!(error, FetchError::Redirects(_)), "{error}");
    assert_eq!(script.urls().len(), 21);
}

#[tokio::test(start_paused = true)]
async fn cookies_stay_with_their_site_and_their_chain() {
    let script = Script::new(|hop, _| match hop.url.as_str() {
        "http://host.example/" => {
            answer(302, &[("location", "http://other.example/"), ("set-cookie", "id=1")], "")
        }
        _ => ok(""),
    });
    let client = script.client(settings());
    fetch(&client, Role::Page, "http://host.example/").await.unwrap();
    fetch(&client, Role::Page, "http://host.example/again").await.unwrap();
    for index in 0..3 {
        assert!(!script.hop(index).headers.contains_key("cookie"), "{index}");
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_do_not_leave_the_origin_they_are_for() {
    let script = Script::new(|hop, _| match hop.url.as_str() {
        "https://api.example/" => to(302, "/same"),
        "https://api.example/same" => to(302, "http://api.example/plain"),
        "http://api.example/plain" => to(302, "https://evil.example/"),
        _ => ok(""),
    });
    let mut request = get("https://api.example/");
    request.secret_headers.append("x-api-key", HeaderValue::from_static("geheim"));
    request.headers.append("authorization", HeaderValue::from_static("Bearer mine"));
    let attempt = Attempt::new(10, 0);
    script.client(settings()).fetch(request, 100, attempt.budget(&Role::Api)).await.unwrap();
    let told = |index: usize| {
        let hop = script.hop(index);
        let own = hop.headers.contains_key("authorization");
        (hop.secret_headers.len(), own)
    };
    assert_eq!([told(0), told(1)], [(1, true), (1, true)]);
    assert_eq!([told(2), told(3)], [(0, false), (0, false)], "another scheme is another origin");
}

/// Where a server sends whoever asks for these.
#[derive(Clone, Copy, Debug)]
enum Lure {
    Page,
    File,
    Robots,
    Reservations,
}

#[tokio::test(start_paused = true)]
async fn nothing_that_redirects_leads_into_the_network_that_the_program_runs_in() {
    for lure in [Lure::Page, Lure::File, Lure::Robots, Lure::Reservations] {
        for host in FORBIDDEN {
            let script = Script::new(move |hop, _| match (lure, hop.url.path()) {
                (Lure::Robots, "/robots.txt") => to(302, &format!("http://{host}/robots.txt")),
                (Lure::Reservations, "/.well-known/tdmrep.json") => {
                    to(307, &format!("https://{host}/x.json"))
                }
                (_, "/robots.txt") => answer(404, &[], ""),
                (Lure::Page, _) => to(303, &format!("//{host}/a?b")),
                (Lure::File, _) => to(308, &format!("https://{host}:8443/a.pdf")),
                _ => ok("here"),
            });
            let mut settings = settings();
            settings.allow_private.clear();
            settings.robots = true;
            let client = script.client(settings);
            let url = "http://host.example/a";
            match lure {
                Lure::Reservations => {
                    assert_eq!(client.site_reservation(&url.parse().unwrap()).await, None, "{host}");
                }
                _ => {
                    let role = if matches!(lure, Lure::File) { Role::File } else { Role::Page };
                    let error = fetch(&client, role, url).await.unwrap_err();
                    let private = matches!(error, FetchError::Denied { reason: Denial::PrivateAddress, .. });
                    assert!(private, "{lure:?} to {host}: {error}");
                }
            }
            let asked = script.urls();
            assert!(asked.iter().all(|url| url.starts_with("http://host.example/")), "{lure:?}: {asked:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_what_may_not_be_asked_is_denied_and_never_sent() {
    for (location, reason) in [
        ("http://127.0.0.2/", Denial::PrivateAddress),
        ("http://169.254.169.254/latest/meta-data/", Denial::PrivateAddress),
        ("http://0x7f000002/", Denial::PrivateAddress),
        ("http://[::ffff:10.0.0.1]/", Denial::PrivateAddress),
        ("http://printer.local/", Denial::PrivateAddress),
        ("file:///etc/passwd", Denial::Scheme),
        ("ftp://host.example/x.pdf", Denial::Scheme),
        ("data:text/html,x", Denial::Scheme),
        ("javascript:alert(1)", Denial::Scheme),
        ("http://user:pass@host.example/x", Denial::UserInfo),
        ("http://user@127.0.0.2/", Denial::UserInfo),
        ("http://host.example:22/", Denial::Port),
        ("https://host.example:6379/", Denial::Port),
    ] {
        let script = Script::new(move |_, _| to(302, location));
        let error = fetch(&script.client(settings()), Role::Page, "http://host.example/").await.unwrap_err();
        assert!(
            matches!(&error, FetchError::Denied { reason: r, .. } if *r == reason),
            "{location}: {error}"
        );
        assert!(error.to_string().contains("after 1 redirects"), "{error}");
        assert_eq!(script.urls().len(), 1, "{location}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_location_that_is_no_url_is_a_redirect_error() {
    for location in ["http://", "http://[::1", "http://a b.example/"] {
        let script = Script::new(move |_, _| to(302, location));
        let error = fetch(&script.client(settings()), Role::Page, "http://host.example/").await.unwrap_err();
        assert!(matches!(error, FetchError::Redirects(_)), "{location}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_callers_policy_is_asked_for_every_hop_and_gives_the_reason() {
    struct Only(&'static str);
    impl HopPolicy for Only {
        fn admit(&self, url: &url::Url, hop: u32) -> Result<Role, String> {
            match url.host_str() == Some(self.0) {
                true => Ok(Role::Api),
                false => Err(format!("hop {hop} leads to {}, which is not granted", url.authority())),
            }
        }

        fn plugin(&self) -> &str {
            "mine"
        }
    }
    let script = Script::new(|_, _| to(302, "http://other.example/"));
    let attempt = Attempt::new(10, 0);
    let client = script.client(settings());
    let request = client.fetch(get("http://host.example/"), 100, attempt.budget(&Only("host.example")));
    let error = request.await.unwrap_err();
    assert_eq!(error, FetchError::Refused("hop 1 leads to other.example, which is not granted".into()));
    assert_eq!(script.urls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_servers_words_reach_a_message_short_and_without_control_characters() {
    let location = format!("http://\u{9b}31m{}", "x".repeat(10_000));
    let script = Script::new(move |_, _| to(302, &location));
    let error = fetch(&script.client(settings()), Role::Page, "http://host.example/").await.unwrap_err();
    let text = error.to_string();
    assert!(text.len() < 500 && text.chars().all(|c| !c.is_control()), "{text}");
}
