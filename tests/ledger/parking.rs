//! Works whose turn at a host is far off are given back to the ledger, and are taken up again by whoever comes. So are
//! works that are still looked for by their titles.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use url::Url;

use crate::support::program::{Call, Home, Running, eventually};
use crate::support::web::{Answer, Web};

use super::{Place, count, on_both_engines, told_at};

on_both_engines! {
    a_run_gives_back_what_waits_for_long_and_ends_with_all_of_it
    what_was_given_back_goes_on_with_another_worker
    what_was_given_back_goes_on_when_its_time_has_come_however_long_the_list
    what_was_given_back_outlives_a_worker_that_is_killed
    titles_that_wait_for_long_are_given_back_and_each_is_searched_once
    titles_that_were_given_back_are_searched_by_another_worker
    titles_that_were_given_back_are_searched_when_their_time_has_come_however_long_the_list
    titles_that_were_given_back_outlive_a_worker_that_is_killed
    a_title_whose_registry_asks_to_be_left_alone_is_given_back_until_then
    a_list_that_is_longer_than_what_is_in_hand_goes_on_at_its_hosts_pace
}

const NOTHING: &str = "<!DOCTYPE html><html><head><title>Nothing</title></head><body></body></html>";
const WORKS: usize = 24;

/// How the works of a list are given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// By pages of a host.
    Page,
    /// By titles, of which a registry knows every second one.
    Title,
}
pub(super) use By::{Page, Title};

impl By {
    pub(super) fn list(self) -> String {
        let entries = (0..WORKS).map(|number| match self {
            Page => format!("http://slow.example/{number}\n"),
            Title => format!(
                "@article{{w{number}, title = {{{}}}, author = {{Keeper, Ada}}, year = 2019}}\n",
                title(number)
            ),
        });
        entries.collect()
    }

    /// The tiers that end the works without more requests.
    fn flags(self) -> &'static [&'static str] {
        const TITLES: [&str; 6] = [
            "--fallback-tier",
            "landing_scrape",
            "--set",
            "fallback.titles=crossref",
            "--set",
            "sources.crossref.api_base=http://slow.example",
        ];
        match self {
            Page => &TITLES[..2],
            Title => &TITLES,
        }
    }
}

fn title(number: usize) -> String {
    format!("On the drift of lighthouse {number} of many")
}

/// A host that answers one request in half a second, and leases of three: half of the works wait for longer than two.
fn slow(home: &Home) -> Web {
    configure(home, 500);
    Web::of_script(|request, _| Some(answer(&request.url)))
}

pub(super) fn configure(home: &Home, every_ms: u32) {
    home.configure(format!(
        "[http]\nrobots = false\n[http.pace.rules.slow]\nhosts = [\"slow.example\"]\nevery_ms = {every_ms}\n\
         concurrency = 1\n[ledger]\nlease_s = 3\n",
    ));
}

pub(super) fn answer(url: &str) -> Answer {
    let url = Url::parse(url).expect("a URL");
    let Some((_, words)) = url.query_pairs().find(|(name, _)| name == "query.bibliographic") else {
        return Answer::html(NOTHING);
    };
    let words: Vec<&str> = words.split_whitespace().collect();
    let number = words.windows(2).find(|pair| pair[0] == "lighthouse").and_then(|pair| pair[1].parse().ok());
    let known = number.filter(|number| number % 2 == 0).map(|number: usize| {
        json!({"DOI": format!("10.5555/given.{number}"), "title": [title(number)], "type": "journal-article",
               "author": [{"family": "Keeper", "given": "Ada"}], "issued": {"date-parts": [[2019]]}, "link": []})
    });
    let items: Vec<_> = known.into_iter().collect();
    Answer::json(&json!({"message": {"total-results": items.len(), "items": items}}).to_string())
}

fn run(home: &Home, web: &Web, place: &Place, by: By) -> Call {
    home.write("works.list", by.list());
    home.tierfall(["run", "--input", "works.list", "--out", "papers", "--enable-idempotency"])
        .args(by.flags())
        .args(place.flags())
        .through(web)
}

fn worker(home: &Home, web: &Web, place: &Place, by: By) -> Call {
    home.tierfall(["worker", "--out", "papers"]).args(by.flags()).args(place.flags()).through(web)
}

/// Waits until works are nobody's and have a time that is to come.
pub(super) fn until_some_are_parked(home: &Home, web: &Web, place: &Place) {
    until_parked(home, web, place, "LEASED");
}

/// The same of jobs in this state.
pub(super) fn until_parked(home: &Home, web: &Web, place: &Place, state: &str) {
    // There is a ledger by then.
    web.wait_for_requests(1);
    eventually("works are given back", || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis();
        let is_parked = |job: &serde_json::Value| {
            job["owner"].is_null()
                && job["state"] == state
                && job["ready_at"].as_u64().is_some_and(|at| u128::from(at) > now)
        };
        told_at(home, place, &["list"]).iter().filter(|job| is_parked(job)).count() >= 3
    });
}

/// Each page, or search, was asked for once.
fn all_asked_once(web: &Web) {
    let asked = web.request_counts();
    assert!(asked.len() == WORKS && asked.values().all(|times| *times == 1), "{asked:?}");
}

pub(super) fn all_ended(home: &Home, place: &Place, by: By) {
    assert_eq!(count(home, place, "EXHAUSTED"), WORKS as u64);
    let resolved = if by == Title { WORKS as u64 / 2 } else { 0 };
    assert_eq!(count(home, place, "SKIPPED_DUPLICATE"), resolved);
    let lines = home.manifest("papers");
    let mut works: Vec<String> = lines.iter().map(|line| line["work_id"].to_string()).collect();
    works.sort();
    works.dedup();
    assert_eq!(works.len(), WORKS);
    let reasons = |reason: &str| lines.iter().filter(|line| line["reason"] == reason).count() as u64;
    if by == Title {
        assert_eq!(
            (reasons("no_match"), reasons("no_candidates")),
            (WORKS as u64 / 2, resolved),
            "{lines:#?}"
        );
    }
}

fn begun(home: &Home, web: &Web, place: &Place, by: By) -> Running {
    let running = run(home, web, place, by).start();
    until_some_are_parked(home, web, place);
    running
}

fn gives_back_and_ends(place: &Place, by: By) {
    let home = Home::new();
    let web = slow(&home);
    begun(&home, &web, place, by).wait().expect(3);
    all_ended(&home, place, by);
    all_asked_once(&web);
    assert_eq!(home.manifest("papers").len(), WORKS);
}

fn goes_on_however_long_the_list(place: &Place, by: By) {
    let home = Home::new();
    let web = slow(&home);
    let mut running = home
        .tierfall(["run", "--input", "-", "--out", "papers", "--enable-idempotency"])
        .args(by.flags())
        .args(place.flags())
        .through(&web)
        .start_typing();
    running.type_in(&by.list());
    until_some_are_parked(&home, &web, place);
    // The last entry may go on with the next line.
    web.wait_for_requests(WORKS - 1);
    running.end_input();
    running.wait().expect(3);
    all_ended(&home, place, by);
}

fn goes_on_with_another_worker(place: &Place, by: By) {
    let home = Home::new();
    let web = slow(&home);
    let running = begun(&home, &web, place, by);
    running.signal("INT");
    running.wait().expect(130);
    assert!(web.request_counts().len() < WORKS, "it was told to end in the middle");
    worker(&home, &web, place, by).run().expect(3);
    all_ended(&home, place, by);
    all_asked_once(&web);
}

fn outlives_a_worker_that_is_killed(place: &Place, by: By) {
    let home = Home::new();
    let web = slow(&home);
    begun(&home, &web, place, by).kill();
    worker(&home, &web, place, by).run().expect(3);
    all_ended(&home, place, by);
    assert_eq!(web.request_counts().len(), WORKS);
}

fn a_run_gives_back_what_waits_for_long_and_ends_with_all_of_it(place: &Place) {
    gives_back_and_ends(place, Page);
}

#[test]
fn what_was_given_back_comes_back_in_its_time_where_the_servers_clock_is_far_ahead_of_ours() {
    let Some(place) = Place::server() else { return };
    if let Place::Server(database) = &place {
        database.set_clock("1 hour");
    }
    gives_back_and_ends(&place, Page);
}

fn what_was_given_back_goes_on_when_its_time_has_come_however_long_the_list(place: &Place) {
    goes_on_however_long_the_list(place, Page);
}

fn what_was_given_back_goes_on_with_another_worker(place: &Place) {
    goes_on_with_another_worker(place, Page);
}

fn what_was_given_back_outlives_a_worker_that_is_killed(place: &Place) {
    outlives_a_worker_that_is_killed(place, Page);
}

fn titles_that_wait_for_long_are_given_back_and_each_is_searched_once(place: &Place) {
    gives_back_and_ends(place, Title);
}

fn titles_that_were_given_back_are_searched_when_their_time_has_come_however_long_the_list(place: &Place) {
    goes_on_however_long_the_list(place, Title);
}

fn titles_that_were_given_back_are_searched_by_another_worker(place: &Place) {
    goes_on_with_another_worker(place, Title);
}

fn titles_that_were_given_back_outlive_a_worker_that_is_killed(place: &Place) {
    outlives_a_worker_that_is_killed(place, Title);
}

fn a_title_whose_registry_asks_to_be_left_alone_is_given_back_until_then(place: &Place) {
    let home = Home::new();
    configure(&home, 10);
    let (asked, began) = (AtomicUsize::new(0), Instant::now());
    let web = Web::of_script(move |request, _| {
        let is_first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        Some(if is_first { Answer::too_many("12") } else { answer(&request.url) })
    });
    // Who was told so waits for it as well.
    let running = run(&home, &web, place, Title).args(["--set", "fallback.source_timeout_ms=30000"]).start();
    until_some_are_parked(&home, &web, place);
    running.wait().expect(3);
    assert!(began.elapsed() >= Duration::from_secs(12));
    all_ended(&home, place, Title);
    let asked = web.request_counts();
    assert_eq!((asked.len(), asked.values().sum::<usize>()), (WORKS, WORKS + 1), "{asked:?}");
}

/// All who wait are given back at once, and as many come in their place while they leave: whoever is next by then is next.
fn a_list_that_is_longer_than_what_is_in_hand_goes_on_at_its_hosts_pace(place: &Place) {
    const MANY: usize = 700;
    let home = Home::new();
    let web = Web::start();
    web.get("http://slow.example/*", [Answer::html(NOTHING)]);
    home.configure(
        "[run]\nworkers = 2\n[http]\nrobots = false\n[http.pace.rules.slow]\nhosts = [\"slow.example\"]\n\
         every_ms = 20\nconcurrency = 2\n[ledger]\nlease_s = 2\n",
    );
    let works: Vec<String> = (0..MANY).map(|number| format!("http://slow.example/{number}")).collect();
    home.write("works.txt", works.join("\n"));
    home.tierfall(["run", "--input", "works.txt", "--out", "papers", "--enable-idempotency"])
        .args(["--fallback-tier", "landing_scrape"])
        .args(place.flags())
        .through(&web)
        .run()
        .expect(3);
    assert_eq!(count(&home, place, "EXHAUSTED"), MANY as u64);
    let mut asked: Vec<String> = web.requests().into_iter().map(|seen| seen.url).collect();
    asked.sort();
    asked.dedup();
    assert_eq!((asked.len(), web.requests().len()), (MANY, MANY));
}
