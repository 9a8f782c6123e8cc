//! Whatever breaks, and however the server answers, the stored bytes are one version of the file.

use proptest::prelude::*;

use super::pdf::Style;
use super::remote::Reply;
use super::*;

fn range_from(start: usize) -> Option<String> {
    Some(format!("bytes={start}-"))
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_continued_where_it_happened() {
    let file = paper().pdf(Style::Plain);
    let served = file.clone();
    let fixture = Fixture::new(Remote::new(move |request, number| {
        let reply = Reply::honest(&served, "\"1\"", request);
        if number < 2 { reply.cut(4000) } else { reply }
    }));
    let acquisition = fixture.fetch().await;
    assert_eq!(acquisition.verdict, Verdict::Accepted(Identity::Proven), "{}", acquisition.detail);
    assert_eq!(acquisition.resumed_from, 8000);
    assert_eq!(fixture.remote.ranges(), [None, range_from(4000), range_from(8000)]);
    assert_eq!(acquisition.artifact.map(|artifact| artifact.sha256), Some(sha256(&file)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stalls_is_asked_once_more_and_one_that_drips_is_not() {
    let file = paper().pdf(Style::Plain);
    for (name, keeps, requests) in [("stalls", 9000, 2), ("drips", 1500, 1)] {
        let reply = Reply::ok(file.clone()).header("etag", "\"1\"").stalling(keeps);
        let fixture = Fixture::new(Remote::always(reply));
        let acquisition = fixture.fetch().await;
        assert_eq!(acquisition.verdict, Verdict::Rejected(Reason::Stalled), "{name}");
        assert_eq!(fixture.remote.ranges().len(), requests, "{name} {acquisition:?}");
    }
    let served = file.clone();
    let fixture = Fixture::new(Remote::new(move |request, number| {
        let reply = Reply::honest(&served, "\"1\"", request);
        if number == 0 { reply.stalling(9000) } else { reply }
    }));
    let acquisition = fixture.fetch().await;
    assert_eq!(acquisition.verdict, Verdict::Accepted(Identity::Proven), "{}", acquisition.detail);
    assert_eq!(fixture.remote.ranges(), [None, range_from(9000)]);
}

/// A paper of a hundred pages, and its file.
fn long_paper() -> (Work, Vec<u8>) {
    let paper = paper().with_pages(100);
    let file = paper.pdf(Style::Plain);
    assert!(file.len() > 400_000, "{}", file.len());
    (work_of(&paper, DOI), file)
}

/// What comes of it where each request is answered by `reply`.
async fn fetch_long(
    reply: impl Fn(&[u8], &tierfall_http::Outgoing, usize) -> Reply + Send + Sync + 'static,
) -> (Fixture, Done, String) {
    let (work, file) = long_paper();
    let digest = sha256(&file);
    let fixture = Fixture::new(Remote::new(move |request, number| reply(&file, request, number)));
    let done = fixture.acquire(&work, &candidate(URL, Basis::Registry)).await;
    (fixture, done, digest)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_each_request_early_is_gone_on_with_while_each_brings_more() {
    let (fixture, done, digest) =
        fetch_long(|file, request, _| Reply::honest(file, "\"1\"", request).cut(20_000)).await;
    assert_eq!(done.verdict, Verdict::Accepted(Identity::Proven), "{}", done.detail);
    assert_eq!(done.artifact.as_ref().map(|artifact| artifact.sha256.clone()), Some(digest));
    assert_eq!(fixture.remote.ranges()[..3], [None, range_from(20_000), range_from(40_000)]);

    // Parts that are smaller than what is asked for, and end as they should.
    let (_, done, digest) = fetch_long(|file, request, _| {
        let whole = Reply::honest(file, "\"1\"", request);
        let Some(start) = request.headers.get("range").and_then(|range| {
            range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok()
        }) else {
            return whole.cut(20_000);
        };
        let end = (start + 20_000).min(file.len());
        Reply { status: 206, ..Reply::ok(&file[start..end]) }
            .header("etag", "\"1\"")
            .header("content-range", &format!("bytes {start}-{}/{}", end - 1, file.len()))
    })
    .await;
    assert_eq!(done.artifact.as_ref().map(|artifact| artifact.sha256.clone()), Some(digest), "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_progress_uses_up_the_retries() {
    type Answer = fn(&[u8], &tierfall_http::Outgoing, usize) -> Reply;
    let cases: [(&str, Answer, usize); 6] = [
        ("a byte each", |file, request, _| Reply::honest(file, "\"1\"", request).cut(1100), 3),
        (
            "a beginning each time, and a longer one",
            |file, _, number| Reply::ok(file).header("etag", "\"1\"").cut(10_000 * (number + 1)),
            3,
        ),
        (
            "another version each time",
            |file, request, number| Reply::honest(file, &format!("\"{number}\""), request).cut(10_000),
            3,
        ),
        ("without a validator", |file, _, _| Reply::ok(file).cut(10_000), 3),
        (
            "a part of another version each time",
            |file, request, number| {
                let mut anyone = request.clone();
                anyone.headers.remove("if-range");
                Reply::honest(file, &format!("\"{number}\""), &anyone).cut(10_000)
            },
            // The parts are refused, and the whole is asked for: three times, and two more between them.
            5,
        ),
        // As many as use up nothing, the first one, and two retries.
        ("without an end", |file, request, _| Reply::honest(file, "\"1\"", request).cut(4096), 67),
    ];
    for (name, answer, requests) in cases {
        let (fixture, done, _) = fetch_long(answer).await;
        assert!(matches!(done.verdict, Verdict::Rejected(_)), "{name}: {done:?}");
        assert_eq!(fixture.remote.ranges().len(), requests, "{name}: {done:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_validator_nothing_is_glued_together() {
    let file = paper().pdf(Style::Plain);
    let served = file.clone();
    let fixture = Fixture::new(Remote::new(move |_, number| {
        let reply = Reply::ok(served.clone()).header("etag", "W/\"weak\"");
        if number == 0 { reply.cut(4000) } else { reply }
    }));
    let acquisition = fixture.fetch().await;
    assert_eq!(acquisition.verdict, Verdict::Accepted(Identity::Proven));
    assert_eq!(fixture.remote.ranges(), [None, None]);
    assert_eq!(acquisition.artifact.map(|artifact| artifact.sha256), Some(sha256(&file)));
}

#[tokio::test(start_paused = true)]
async fn every_wrong_answer_to_a_range_leads_to_the_whole_file_or_to_none() {
    let file = paper().pdf(Style::Plain);
    let newer = paper().with_pages(9).pdf(Style::Plain);
    let part = |file: &[u8], from: usize, said: usize, etag: &str, whole: usize| {
        let range = format!("bytes {said}-{}/{whole}", file.len() - 1);
        Reply { status: 206, ..Reply::ok(&file[from..]) }.header("etag", etag).header("content-range", &range)
    };
    let length = file.len();
    for (name, answer) in [
        ("another version, truthfully", part(&newer, 4000, 4000, "\"2\"", newer.len())),
        ("another version under the same tag", part(&newer, 4000, 4000, "\"1\"", newer.len())),
        ("another part", part(&file, 2000, 2000, "\"1\"", length)),
        ("a part before the one asked for", part(&file, 0, 0, "\"1\"", length)),
        (
            "a part without saying which",
            Reply { status: 206, ..Reply::ok(&file[4000..]) }.header("etag", "\"1\""),
        ),
        (
            "a part that is packed",
            part(&file, 4000, 4000, "\"1\"", length).header("content-encoding", "gzip"),
        ),
        ("nothing there", Reply::status(416).header("content-range", "bytes */4000")),
        (
            "a file that shrank below what has come",
            Reply::status(416).header("content-range", "bytes */3000"),
        ),
        ("a part of a file that grew", part(&newer, 4000, 4000, "\"2\"", newer.len())),
        (
            "a part that ends before it begins",
            part(&file, 4000, 4000, "\"1\"", length)
                .header("content-range", &format!("bytes 4000-3999/{length}")),
        ),
        (
            "a range of something else",
            part(&file, 4000, 4000, "\"1\"", length).header("content-range", "items 4000-9999/*"),
        ),
        (
            "a part with more behind it",
            part(&[&file[..], b"and more"].concat(), 4000, 4000, "\"1\"", length)
                .header("content-range", &format!("bytes 4000-{}/{length}", length - 1)),
        ),
        ("no ranges here", Reply::status(400)),
        ("no ranges for you", Reply::status(403)),
        ("no such range", Reply::status(404)),
        ("not on that condition", Reply::status(412)),
        ("not now", Reply::status(503)),
        ("the whole file", Reply::ok(file.clone()).header("etag", "\"1\"")),
        ("the whole of a newer file", Reply::ok(newer.clone()).header("etag", "\"2\"")),
    ] {
        let served = file.clone();
        let fixture = Fixture::new(Remote::new(move |request, number| match number {
            0 => Reply::honest(&served, "\"1\"", request).cut(4000),
            1 => answer.clone(),
            _ => Reply::honest(&served, "\"1\"", request),
        }));
        let acquisition = fixture.fetch().await;
        assert!(matches!(acquisition.verdict, Verdict::Accepted(_)), "{name}: {acquisition:?}");
        let stored = acquisition.artifact.map(|artifact| artifact.sha256).unwrap_or_default();
        assert!([sha256(&file), sha256(&newer)].contains(&stored), "{name}: two versions in one file");
        assert!(fixture.files("partial").is_empty(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_every_range_is_asked_for_the_whole_and_a_refusal_of_that_counts() {
    for status in [400, 403, 404, 412, 503] {
        let file = paper().pdf(Style::Plain);
        let served = file.clone();
        let fixture = Fixture::new(Remote::new(move |request, number| match number {
            0 => Reply::honest(&served, "\"1\"", request).cut(4000),
            _ if request.headers.contains_key("range") => Reply::status(status),
            _ => Reply::honest(&served, "\"1\"", request),
        }));
        let acquisition = fixture.fetch().await;
        let stored = acquisition.artifact.as_ref().map(|artifact| artifact.sha256.clone());
        assert_eq!(stored, Some(sha256(&file)), "{status}: {acquisition:?}");
    }
    let served = paper().pdf(Style::Plain);
    let fixture = Fixture::new(Remote::new(move |request, number| match number {
        0 => Reply::honest(&served, "\"1\"", request).cut(4000),
        _ => Reply::status(403),
    }));
    let acquisition = fixture.fetch().await;
    assert!(matches!(acquisition.verdict, Verdict::Rejected(_)), "{acquisition:?}");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_all_of_the_file_is_the_file() {
    let file = paper().pdf(Style::Plain);
    let served = file.clone();
    let fixture = Fixture::new(Remote::new(move |_, _| {
        let range = format!("bytes 0-{}/{}", served.len() - 1, served.len());
        Reply { status: 206, ..Reply::ok(served.clone()) }.header("content-range", &range)
    }));
    let stored = fixture.fetch().await.artifact.map(|artifact| artifact.sha256);
    assert_eq!(stored, Some(sha256(&file)));
}

#[tokio::test(start_paused = true)]
async fn another_process_continues_what_this_one_left() {
    let file = paper().pdf(Style::Plain);
    let served = file.clone();
    let fixture = Fixture::new(Remote::new(move |request, number| {
        let reply = Reply::honest(&served, "\"1\"", request);
        if number < 3 { reply.cut(2000) } else { reply }
    }));
    let first = fixture.fetch().await;
    assert_eq!(first.verdict, Verdict::Rejected(Reason::Proof(tierfall_proof::Reason::Truncated)));
    assert_eq!(first.bytes, 6000);
    assert_eq!(fixture.files("partial").len(), 2, "the bytes, and what they are");
    let second = fixture.fetch().await;
    assert_eq!(second.verdict, Verdict::Accepted(Identity::Proven));
    assert_eq!(second.resumed_from, 6000);
    assert_eq!(second.artifact.map(|artifact| artifact.sha256), Some(sha256(&file)));
    assert!(fixture.files("partial").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_left_is_not_taken_up_if_that_is_not_wanted() {
    let file = paper().pdf(Style::Plain);
    let mut fixture = Fixture::new(Remote::new(move |request, number| {
        let reply = Reply::honest(&file, "\"1\"", request);
        if number < 3 { reply.cut(2000) } else { reply }
    }));
    fixture.fetch().await;
    fixture.settings.transfer.resume = false;
    let second = fixture.fetch().await;
    assert_eq!((second.verdict, second.resumed_from), (Verdict::Accepted(Identity::Proven), 0));
    assert_eq!(fixture.remote.ranges().last(), Some(&None));
}

#[tokio::test(start_paused = true)]
async fn dropped_in_the_middle_it_leaves_what_can_be_continued() {
    let file = paper().pdf(Style::Plain);
    let served = file.clone();
    let fixture = Fixture::new(Remote::new(move |request, number| {
        let reply = Reply::honest(&served, "\"1\"", request);
        if number == 0 { reply.hanging(5000) } else { reply }
    }));
    let dropped = tokio::time::timeout(Duration::from_secs(5), fixture.fetch()).await;
    assert!(dropped.is_err());
    let acquisition = fixture.fetch().await;
    assert_eq!(acquisition.verdict, Verdict::Accepted(Identity::Proven));
    assert_eq!(acquisition.resumed_from, 5000);
    assert_eq!(acquisition.artifact.map(|artifact| artifact.sha256), Some(sha256(&file)));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_complete_when_the_process_ended_is_not_fetched_again() {
    let file = paper().pdf(Style::Plain);
    let served = file.clone();
    let fixture = Fixture::new(Remote::new(move |request, _| {
        Reply::honest(&served, "\"1\"", request).hanging(usize::MAX)
    }));
    // All bytes are here, but not the word that they are.
    let dropped = tokio::time::timeout(Duration::from_secs(5), fixture.fetch()).await;
    assert!(dropped.is_err());
    let acquisition = fixture.fetch().await;
    assert_eq!(acquisition.verdict, Verdict::Accepted(Identity::Proven));
    assert_eq!(acquisition.final_url.as_ref().map(Url::as_str), Some(URL));
    assert_eq!(fixture.remote.ranges().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_partial_file_that_was_tampered_with_is_not_what_it_says() {
    let file = paper().pdf(Style::Plain);
    let served = file.clone();
    let fixture = Fixture::new(Remote::new(move |request, number| {
        let reply = Reply::honest(&served, "\"1\"", request);
        if number < 3 { reply.cut(2000) } else { reply }
    }));
    fixture.fetch().await;
    for name in fixture.files("partial") {
        let path = fixture.out.path().join("partial").join(&name);
        if name.ends_with(".json") {
            std::fs::write(path, b"{\"url\": torn").expect("written");
        } else {
            // Preallocated to its full length, as other downloaders do.
            std::fs::OpenOptions::new()
                .write(true)
                .open(path)
                .and_then(|part| part.set_len(1 << 20))
                .expect("longer");
        }
    }
    let acquisition = fixture.fetch().await;
    assert_eq!(acquisition.verdict, Verdict::Accepted(Identity::Proven));
    assert_eq!(acquisition.artifact.map(|artifact| artifact.sha256), Some(sha256(&file)));
}

/// What a server may do with one request.
#[derive(Clone, Debug)]
enum Whim {
    Honest,
    IgnoresRanges,
    Refuses,
    Shifted,
    Changes,
    /// Sends the part that is asked for of whatever the file is now, and says nothing of versions.
    Careless,
}

fn whims() -> impl Strategy<Value = Vec<(Whim, Option<usize>)>> {
    let whim = prop_oneof![
        4 => Just(Whim::Honest),
        1 => Just(Whim::IgnoresRanges),
        1 => Just(Whim::Refuses),
        1 => Just(Whim::Shifted),
        1 => Just(Whim::Changes),
        1 => Just(Whim::Careless),
    ];
    prop::collection::vec((whim, prop::option::of(0usize..14_000)), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn wherever_it_breaks_the_stored_bytes_are_one_version_of_the_file(whims in whims(), alike: bool) {
        // Of the same length nothing but their tags tells them apart; otherwise they grow and shrink.
        let names = if alike { ["one", "two", "six"] } else { ["one", "one hundred and seventeen", "six thousand"] };
        let versions: Vec<Vec<u8>> = names.map(|name| {
            let journal = format!("Journal of Invented Results, volume {name}");
            Paper { journal, ..paper() }.pdf(Style::Plain)
        }).into();
        prop_assert_eq!(versions.iter().all(|version| version.len() == versions[0].len()), alike);
        let digests: Vec<String> = versions.iter().map(|version| sha256(version)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let version = std::sync::atomic::AtomicUsize::new(0);
        let script = whims.clone();
        let fixture = Fixture::new(Remote::new(move |request, number| {
            use std::sync::atomic::Ordering::SeqCst;
            let (whim, cut) = script.get(number).cloned().unwrap_or((Whim::Honest, None));
            if matches!(whim, Whim::Changes) {
                version.fetch_add(1, SeqCst);
            }
            let mut anyone = request.clone();
            anyone.headers.remove("if-range");
            let number = version.load(SeqCst) % versions.len();
            let (file, etag) = (&versions[number], format!("\"{number}\""));
            let reply = match whim {
                Whim::Honest | Whim::Changes => Reply::honest(file, &etag, request),
                Whim::Careless => {
                    let mut reply = Reply::honest(file, &etag, &anyone);
                    if reply.status == 206 {
                        reply.headers.remove("etag");
                    }
                    reply
                }
                Whim::IgnoresRanges => Reply::ok(file.clone()).header("etag", &etag),
                Whim::Refuses => Reply::status(416),
                Whim::Shifted => {
                    let mut reply = Reply::honest(file, &etag, request);
                    if reply.status == 206 && reply.body.len() > 7 {
                        reply.body.drain(..7);
                        let first = file.len() - reply.body.len();
                        let range = format!("bytes {first}-{}/{}", file.len() - 1, file.len());
                        reply = reply.header("content-range", &range);
                    }
                    reply
                }
            };
            match cut {
                Some(at) => reply.cut(at),
                None => reply,
            }
        }));
        runtime.expect("a runtime").block_on(async {
            // A few runs of the program, until it is there.
            for _ in 0..6 {
                let acquisition = fixture.fetch().await;
                if let Some(artifact) = acquisition.artifact {
                    prop_assert!(digests.contains(&artifact.sha256), "{whims:?}");
                    prop_assert_eq!(sha256(&fixture.read(&artifact.path)), artifact.sha256);
                    prop_assert!(fixture.files("partial").is_empty());
                    return Ok(());
                }
                prop_assert!(fixture.files("files").is_empty());
            }
            prop_assert!(false, "never stored: {whims:?}");
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_is_on_disk_a_moment_later_even_if_nothing_more_comes() {
    let file = paper().pdf(Style::Plain);
    let fixture =
        Fixture::new(Remote::new(move |request, _| Reply::honest(&file, "\"1\"", request).hanging(5000)));
    let fetching = fixture.fetch();
    let looking = async {
        tokio::time::sleep(sink::UNWRITTEN * 3).await;
        // As it would be if the process were killed now: nothing is dropped in order.
        let store = Store::open(fixture.out.path()).expect("the same store");
        store.leftovers().expect("readable")
    };
    tokio::select! {
        _ = fetching => panic!("it hangs"),
        leftovers = looking => {
            assert_eq!(leftovers.len(), 1);
            assert_eq!(leftovers[0].bytes, 5000);
            assert_eq!(leftovers[0].work_key.as_deref(), Some("doi:10.5555/tides.4"));
            assert_eq!(leftovers[0].url.as_deref(), Some(URL));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_partial_file_is_removed_unless_somebody_is_at_it() {
    let file = paper().pdf(Style::Plain);
    let fixture =
        Fixture::new(Remote::new(move |request, _| Reply::honest(&file, "\"1\"", request).hanging(5000)));
    let store = Store::open(fixture.out.path()).expect("a store");
    let looking = async {
        tokio::time::sleep(sink::UNWRITTEN * 3).await;
        let leftover = store.leftovers().expect("readable").remove(0);
        assert!(!store.remove(&leftover.path).expect("looked at"), "it is being written");
        leftover
    };
    let leftover = tokio::select! {
        _ = fixture.fetch() => panic!("it hangs"),
        leftover = looking => leftover,
    };
    assert!(store.remove(&leftover.path).expect("removed"));
    assert!(fixture.files("partial").is_empty());
    assert!(store.remove(&leftover.path).expect("gone already"));
}

#[test]
fn a_note_about_a_file_that_was_put_away_is_a_leftover_too() {
    let out = tempfile::tempdir().expect("a folder");
    let store = Store::open(out.path()).expect("a store");
    let note = out.path().join("partial/abc.json");
    std::fs::write(&note, "{\"work\":\"doi:10.5555/tides.4\"}").expect("written");
    let leftovers = store.leftovers().expect("readable");
    assert_eq!((leftovers.len(), leftovers[0].bytes), (1, 0));
    assert!(store.remove(&leftovers[0].path).expect("removed"));
    assert!(!note.exists());
}
