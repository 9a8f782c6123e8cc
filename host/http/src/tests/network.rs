//! A network that goes away after something has answered: what fails then says nothing about the hosts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::fetch;
use super::script::{Reply, Script, answer, ok, refused};
use crate::{BreakerSettings, Denial, FetchError, HttpClient, HttpSettings, Outgoing, Role};

/// A network with a switch.
fn switched() -> (Arc<AtomicBool>, Arc<Script>, HttpClient) {
    let gone = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&gone);
    let script = Script::new(move |hop: &Outgoing, _| match hop.url.host_str() {
        _ if switch.load(Ordering::Relaxed) => refused(),
        Some("dead.example") => refused(),
        _ if hop.url.path() == "/robots.txt" => answer(404, &[], ""),
        _ => ok("here"),
    });
    let breaker =
        BreakerSettings { failures: 3, open: Duration::from_secs(30), max_open: Duration::from_secs(3600) };
    let client = script.client(HttpSettings { robots: true, breaker, ..HttpSettings::for_tests() });
    (gone, script, client)
}

async fn failing(client: &HttpClient, host: &str) {
    let failed = fetch(client, Role::Api, &format!("http://{host}/")).await;
    assert!(matches!(failed, Err(FetchError::Transport(_))), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_fails_while_others_answer_is_no_outage() {
    let (_, script, client) = switched();
    fetch(&client, Role::Api, "http://api.example/").await.unwrap();
    failing(&client, "dead.example").await;
    assert!(client.has_network().await);
    assert_eq!(script.urls().last().map(String::as_str), Some("http://api.example/robots.txt"));
    let asked = script.urls().len();
    assert!(client.has_network().await);
    assert_eq!(script.urls().len(), asked, "nothing has failed since");
}

#[tokio::test(start_paused = true)]
async fn without_a_first_answer_nothing_is_found_out() {
    let (gone, script, client) = switched();
    gone.store(true, Ordering::Relaxed);
    failing(&client, "api.example").await;
    assert!(client.has_network().await, "whether there ever was one is another's question");
    assert_eq!(script.urls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_network_that_goes_away_is_waited_for_and_what_was_learned_meanwhile_is_forgotten() {
    let (gone, script, client) = switched();
    fetch(&client, Role::Page, "http://page.example/").await.unwrap();
    fetch(&client, Role::Api, "http://api.example/").await.unwrap();
    gone.store(true, Ordering::Relaxed);
    // Enough for a breaker, and a robots.txt that cannot be read.
    for _ in 0..6 {
        drop(fetch(&client, Role::Api, "http://api.example/").await);
    }
    drop(fetch(&client, Role::Page, "http://other.example/").await);
    let refused = fetch(&client, Role::Api, "http://api.example/").await;
    assert!(matches!(refused, Err(FetchError::Denied { reason: Denial::Breaker, .. })), "{refused:?}");
    assert!(!client.has_network().await);
    assert!(!client.is_network_up());

    let (began, asked) = (Instant::now(), script.urls().len());
    let two_hours = Duration::from_secs(2 * 3600);
    tokio::time::sleep(two_hours).await;
    let times = (script.urls().len() - asked) as u64 / 2;
    assert!((two_hours.as_secs() / 60..two_hours.as_secs() / 30).contains(&times), "asked {times} times");
    assert!(!client.is_network_up());
    gone.store(false, Ordering::Relaxed);
    client.network(true).await;
    assert!(began.elapsed() < two_hours + Duration::from_secs(61), "{:?}", began.elapsed());
    fetch(&client, Role::Api, "http://api.example/").await.expect("its breaker is closed");
    fetch(&client, Role::Page, "http://other.example/").await.expect("its robots.txt is read anew");
    assert!(client.has_network().await);
}

#[tokio::test(start_paused = true)]
async fn in_the_middle_of_works_three_hosts_that_fail_for_long_are_enough() {
    let (gone, _, client) = switched();
    fetch(&client, Role::Api, "http://api.example/").await.unwrap();
    gone.store(true, Ordering::Relaxed);
    failing(&client, "one.example").await;
    failing(&client, "two.example").await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    failing(&client, "two.example").await;
    assert!(client.is_network_up(), "two hosts may be an accident");
    failing(&client, "three.example").await;
    tokio::time::timeout(Duration::from_secs(1), client.network(false)).await.expect("it is known");
}

#[tokio::test(start_paused = true)]
async fn where_only_one_host_is_known_others_may_look_for_themselves_in_turn() {
    let (gone, _, client) = switched();
    fetch(&client, Role::Page, "http://page.example/").await.unwrap();
    gone.store(true, Ordering::Relaxed);
    failing(&client, "page.example").await;
    assert!(!client.has_network().await);
    let began = Instant::now();
    tokio::join!(client.may_look_for_network(), client.may_look_for_network());
    assert_eq!(began.elapsed().as_secs(), 2, "one a second");
    gone.store(false, Ordering::Relaxed);
    fetch(&client, Role::Page, "http://other.example/").await.unwrap();
    assert!(client.is_network_up(), "whoever answers, there is one");
    failing(&client, "dead.example").await;
    gone.store(true, Ordering::Relaxed);
    assert!(!client.has_network().await);
    let looking = tokio::time::timeout(Duration::from_secs(3600), client.may_look_for_network());
    assert!(looking.await.is_err(), "two hosts that are gone are no accident");
}

#[tokio::test(start_paused = true)]
async fn apis_are_asked_last_whether_there_is_a_network() {
    let (_, script, client) = switched();
    fetch(&client, Role::Page, "http://page.example/").await.unwrap();
    fetch(&client, Role::Api, "http://api.example/").await.unwrap();
    failing(&client, "dead.example").await;
    assert!(client.has_network().await);
    assert_eq!(script.urls().last().map(String::as_str), Some("http://page.example/robots.txt"));
}

#[tokio::test(start_paused = true)]
async fn a_robots_txt_that_cannot_be_read_is_a_failure_like_any_other() {
    let (gone, _, client) = switched();
    fetch(&client, Role::Page, "http://page.example/").await.unwrap();
    gone.store(true, Ordering::Relaxed);
    for host in ["one", "two", "three"] {
        drop(fetch(&client, Role::Page, &format!("http://{host}.example/")).await);
    }
    assert!(!client.has_network().await);
}

#[tokio::test(start_paused = true)]
async fn a_login_page_in_place_of_every_host_is_no_network() {
    let astray = [
        FetchError::Certificate("x: certificate not valid for name".into()),
        FetchError::denied(Denial::DnsPrivate, "x is 10.1.1.1"),
    ];
    for failure in astray {
        let gone = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&gone);
        let script = Script::new(move |_: &Outgoing, _| match switch.load(Ordering::Relaxed) {
            true => Reply::Fail(failure.clone()),
            false => ok("here"),
        });
        let client = script.client(HttpSettings::for_tests());
        fetch(&client, Role::Api, "http://api.example/").await.unwrap();
        gone.store(true, Ordering::Relaxed);
        for host in ["one", "two", "three"] {
            drop(fetch(&client, Role::Api, &format!("http://{host}.example/")).await);
        }
        assert!(!client.has_network().await);
        gone.store(false, Ordering::Relaxed);
        client.network(true).await;
    }
}
