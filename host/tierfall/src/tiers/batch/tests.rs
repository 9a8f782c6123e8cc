//! The batcher's promises, on paused time.

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use tierfall_sandbox::{AnsweredPages, SourceError};
use tierfall_work::{Facts, Finding, Work};

/// The questions that came, each by the keys of its works.
type Questions = Arc<Mutex<Vec<Vec<String>>>>;

const TIMEOUT: Duration = Duration::from_secs(10);

/// What the source does with a question, by its works.
type Reply = dyn Fn(&[String]) -> Duration + Send + Sync;

fn doi(name: &str) -> Arc<Work> {
    Arc::new(Work::new(format!("10.5555/{name}").parse().expect("a DOI")))
}

/// A source that takes as long as `takes` says and tells each work its own key; `panics` is a work that the host's
/// code fails over.
fn source(most: u32, takes: Box<Reply>, panics: Option<&'static str>) -> (Batcher, Questions) {
    shared(most, takes, panics, Together::default())
}

/// As [`source`], one of several that works go on to together.
fn shared(
    most: u32,
    takes: Box<Reply>,
    panics: Option<&'static str>,
    together: Together,
) -> (Batcher, Questions) {
    let asked = Questions::default();
    let seen = Arc::clone(&asked);
    let takes: Arc<Reply> = takes.into();
    let ask = move |questions: Vec<WorkQuestion>, clock: Arc<AttemptClock>| {
        let keys: Vec<String> = questions.iter().map(|question| question.work.key()).collect();
        seen.lock().unwrap().push(keys.clone());
        let time = takes(&keys);
        Box::pin(async move {
            let in_time = tokio::time::timeout(clock.remaining(), sleep(time)).await.is_ok();
            assert!(!keys.iter().any(|key| panics.is_some_and(|panics| key.ends_with(panics))), "a defect");
            let tell = |key: String| match in_time {
                true => Answer { result: Ok(titled(&key)), report: Default::default() },
                false => Answer::none(),
            };
            keys.into_iter().map(tell).collect()
        }) as BoxFuture<'static, Vec<Answer>>
    };
    (Batcher::new(most, TIMEOUT, vec![IdKind::Doi, IdKind::Pmid], Box::new(ask), together), asked)
}

fn titled(title: &str) -> Finding {
    Finding { facts: Facts { title: Some(title.into()), ..Facts::default() }, ..Finding::default() }
}

fn quick(most: u32) -> (Batcher, Questions) {
    source(most, Box::new(|_| Duration::from_millis(100)), None)
}

/// Asks about a work that has this long.
fn asking(batcher: &Batcher, name: &str, time: Duration) -> JoinHandle<Result<String, String>> {
    asking_about(batcher, doi(name), time)
}

fn asking_about(batcher: &Batcher, work: Arc<Work>, time: Duration) -> JoinHandle<Result<String, String>> {
    let batcher = batcher.clone();
    tokio::spawn(async move {
        let clock = Arc::new(AttemptClock::new(TIMEOUT, Instant::now() + time));
        let ask = Ask { work, tried: Vec::new(), clock: Arc::clone(&clock), pages: AnsweredPages::default() };
        let answer = tokio::select! {
            biased;
            answer = batcher.find(ask) => answer,
            () = clock.expired() => return Err("the work's time is over".to_owned()),
        };
        let title = |finding: Finding| finding.facts.title.expect("its key");
        answer.result.map(title).map_err(|error| error.to_string())
    })
}

const LONG: Duration = Duration::from_secs(120);

#[tokio::test(start_paused = true)]
async fn the_first_goes_out_at_once_and_what_comes_meanwhile_goes_together() {
    let (batcher, asked) = quick(50);
    let first = asking(&batcher, "a", LONG);
    sleep(Duration::from_millis(10)).await;
    let others: Vec<_> = ["b", "c", "d"].iter().map(|name| asking(&batcher, name, LONG)).collect();
    assert_eq!(first.await.unwrap(), Ok("doi:10.5555/a".into()));
    for (other, name) in others.into_iter().zip(["b", "c", "d"]) {
        assert_eq!(other.await.unwrap(), Ok(format!("doi:10.5555/{name}")), "each gets its own answer");
    }
    let sizes: Vec<_> = asked.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn works_that_went_on_together_are_in_one_question_and_who_comes_later_waits_for_nobody() {
    let together = Together::default();
    let (batcher, asked) = shared(50, Box::new(|_| Duration::from_millis(100)), None, together.clone());
    let began = Instant::now();
    together.go_on();
    let mut works = vec![asking(&batcher, "a", LONG)];
    for name in ["b", "c"] {
        sleep(Duration::from_millis(2)).await;
        works.push(asking(&batcher, name, LONG));
    }
    for work in works {
        work.await.unwrap().unwrap();
    }
    assert_eq!(began.elapsed(), Duration::from_millis(110));
    sleep(Duration::from_millis(10)).await;
    asking(&batcher, "d", LONG).await.unwrap().unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(220));
    assert_eq!(asked.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
}

#[tokio::test(start_paused = true)]
async fn works_that_one_answer_told_of_are_together_at_the_next_source() {
    let together = Together::default();
    let takes = || Box::new(|_: &[String]| Duration::from_millis(100));
    let (first, _) = shared(50, takes(), None, together.clone());
    let (next, asked) = shared(50, takes(), None, together.clone());
    let works: Vec<_> = ["a", "b", "c", "d"]
        .map(|name| {
            let (first, next) = (first.clone(), next.clone());
            tokio::spawn(async move {
                asking(&first, name, LONG).await.unwrap().unwrap();
                // Each takes its time until it has had its turn.
                sleep(Duration::from_millis(u64::from(name.as_bytes()[0] - b'a'))).await;
                asking(&next, name, LONG).await.unwrap().unwrap();
            })
        })
        .into();
    for work in works {
        work.await.unwrap();
    }
    // The first had gone out alone.
    assert_eq!(asked.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_behind_others_is_told_when_its_answer_is_to_be_expected() {
    const TAKES: Duration = Duration::from_secs(8);
    let (batcher, _) = source(1, Box::new(|_| TAKES), None);
    asking(&batcher, "a", LONG).await.unwrap().unwrap();
    // Three may be on their way at once; the last of these waits behind two.
    let others: Vec<_> = ["b", "c", "d", "e", "f"].iter().map(|name| asking(&batcher, name, LONG)).collect();
    sleep(Duration::from_millis(1)).await;
    let work = Arc::new(WorkClock::new(LONG));
    let clock = Arc::new(AttemptClock::new(LONG, &work));
    let ask = Ask { work: doi("g"), tried: Vec::new(), clock, pages: AnsweredPages::default() };
    let asked = tokio::spawn(async move { batcher.find(ask).await });
    let began = Instant::now();
    let turn = work.parked_beyond(Duration::from_secs(1)).await;
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert!(turn >= began + 3 * TAKES && turn <= began + 7 * TAKES, "{:?}", turn - began);
    others.into_iter().for_each(|other| other.abort());
    asked.abort();
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_where_nothing_is_on_its_way() {
    let (batcher, asked) = quick(50);
    let began = Instant::now();
    for name in ["a", "b"] {
        asking(&batcher, name, LONG).await.unwrap().unwrap();
    }
    assert_eq!(began.elapsed(), Duration::from_millis(200));
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_question_has_no_more_works_than_the_source_takes_and_all_are_asked_in_their_order() {
    let (batcher, asked) = quick(2);
    let works: Vec<_> = ["a", "b", "c", "d", "e"].iter().map(|name| asking(&batcher, name, LONG)).collect();
    for work in works {
        work.await.unwrap().unwrap();
    }
    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|question| question.len() <= 2));
    let all: Vec<_> = asked.iter().flatten().map(|key| key.trim_start_matches("doi:10.5555/")).collect();
    assert_eq!(all, ["a", "b", "c", "d", "e"]);
}

#[tokio::test(start_paused = true)]
async fn a_work_that_is_given_up_leaves_its_question_and_ends_nothing() {
    let (batcher, asked) = quick(50);
    let first = asking(&batcher, "a", LONG);
    sleep(Duration::from_millis(10)).await;
    let (gone, stays) = (asking(&batcher, "b", LONG), asking(&batcher, "c", LONG));
    let never_asked = asking(&batcher, "d", LONG);
    sleep(Duration::from_millis(10)).await;
    never_asked.abort();
    first.await.unwrap().unwrap();
    sleep(Duration::from_millis(10)).await;
    gone.abort();
    assert_eq!(stays.await.unwrap(), Ok("doi:10.5555/c".into()));
    assert_eq!(asked.lock().unwrap()[1], ["doi:10.5555/b", "doi:10.5555/c"]);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_waits_for_is_dropped_and_the_next_goes_out() {
    let (batcher, _) = source(
        50,
        Box::new(|keys| Duration::from_secs(if keys[0].ends_with("/a") { 1000 } else { 1 })),
        None,
    );
    let first = asking(&batcher, "a", LONG);
    sleep(Duration::from_millis(10)).await;
    let next = asking(&batcher, "b", LONG);
    sleep(Duration::from_millis(10)).await;
    first.abort();
    let began = Instant::now();
    assert_eq!(next.await.unwrap(), Ok("doi:10.5555/b".into()));
    assert_eq!(began.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn who_has_less_time_ends_alone_and_the_others_get_their_answer() {
    let (batcher, _) = source(50, Box::new(|_| Duration::from_secs(5)), None);
    let first = asking(&batcher, "a", LONG);
    sleep(Duration::from_millis(10)).await;
    let (short, long) = (asking(&batcher, "b", Duration::from_secs(7)), asking(&batcher, "c", LONG));
    first.await.unwrap().unwrap();
    assert_eq!(short.await.unwrap(), Err("the work's time is over".into()));
    assert_eq!(long.await.unwrap(), Ok("doi:10.5555/c".into()));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_question_before_takes_no_time_of_an_attempt() {
    let (batcher, _) = source(50, Box::new(|_| Duration::from_secs(9)), None);
    let works: Vec<_> = ["a", "b", "c", "d"].iter().map(|name| asking(&batcher, name, LONG)).collect();
    for work in works {
        assert!(work.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_question_holds_no_others_up_for_long() {
    let (batcher, asked) =
        source(50, Box::new(|keys| Duration::from_secs(if keys[0].ends_with("/a") { 9 } else { 1 })), None);
    let slow = asking(&batcher, "a", LONG);
    sleep(SLOW).await;
    let began = Instant::now();
    assert_eq!(asking(&batcher, "b", LONG).await.unwrap(), Ok("doi:10.5555/b".into()));
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    slow.await.unwrap().unwrap();
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_work_that_the_host_fails_over_is_the_only_one_without_an_answer() {
    let (batcher, _) = source(50, Box::new(|_| Duration::from_millis(100)), Some("/c"));
    let works: Vec<_> =
        ["a", "b", "c", "d", "e"].iter().map(|name| (*name, asking(&batcher, name, LONG))).collect();
    for (name, work) in works {
        match name {
            "c" => assert!(work.await.unwrap_err().is_panic()),
            _ => assert_eq!(work.await.unwrap(), Ok(format!("doi:10.5555/{name}"))),
        }
    }
    assert!(asking(&batcher, "f", LONG).await.unwrap().is_ok(), "and the next question goes out");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_answers_too_few_leaves_the_others_unanswered_and_open() {
    let ask = |_: Vec<WorkQuestion>, _: Arc<AttemptClock>| {
        let nothing = || Answer { result: Err(SourceError::NotFound.into()), report: Default::default() };
        Box::pin(async move { vec![nothing()] }) as BoxFuture<'static, Vec<Answer>>
    };
    let batcher = Batcher::new(50, TIMEOUT, vec![IdKind::Doi], Box::new(ask), Together::default());
    let works: Vec<_> = ["a", "b", "c"].iter().map(|name| asking(&batcher, name, LONG)).collect();
    let mut ends = Vec::new();
    for work in works {
        ends.push(work.await.unwrap().unwrap_err());
    }
    assert_eq!(ends, ["the source has no copy", "the source has no copy", "the time was over"]);
}

#[tokio::test(start_paused = true)]
async fn a_question_with_room_asks_ahead_and_who_comes_later_has_its_answer_at_once() {
    let (batcher, asked) = quick(3);
    for name in ["b", "c", "d", "e"] {
        batcher.expect(&doi(name));
    }
    batcher.forget("doi:10.5555/b");
    asking(&batcher, "a", LONG).await.unwrap().unwrap();
    assert_eq!(asked.lock().unwrap()[0], ["a", "c", "d"].map(|name| format!("doi:10.5555/{name}")));
    let began = Instant::now();
    assert_eq!(asking(&batcher, "c", LONG).await.unwrap(), Ok("doi:10.5555/c".into()));
    assert_eq!((began.elapsed(), asked.lock().unwrap().len()), (Duration::ZERO, 1));
    // What it was asked about when less was known of it does not count.
    let mut better = Work::clone(&doi("d"));
    let ids = vec!["pmid:12".parse().expect("a PMID")];
    better.learn(&Facts { ids, ..Facts::default() }, "crossref");
    batcher.expect(&Arc::new(better.clone()));
    asking_about(&batcher, Arc::new(better), LONG).await.unwrap().unwrap();
    assert_eq!(asked.lock().unwrap()[1], ["d", "e"].map(|name| format!("doi:10.5555/{name}")));
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_it_is_asked_about_ahead_waits_for_that_answer() {
    let (batcher, asked) = quick(50);
    batcher.expect(&doi("b"));
    let first = asking(&batcher, "a", LONG);
    sleep(Duration::from_millis(50)).await;
    let second = asking(&batcher, "b", LONG);
    sleep(Duration::from_millis(10)).await;
    first.abort();
    assert_eq!(second.await.unwrap(), Ok("doi:10.5555/b".into()), "also when the first is given up");
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_ahead_is_nobodys_and_who_comes_asks_itself() {
    let (batcher, asked) =
        source(50, Box::new(|keys| Duration::from_secs(if keys.len() > 1 { 100 } else { 1 })), None);
    batcher.expect(&doi("b"));
    batcher.expect(&doi("c"));
    let first = asking(&batcher, "a", LONG);
    sleep(Duration::from_secs(1)).await;
    let waits = asking(&batcher, "b", LONG);
    assert!(first.await.unwrap().is_err(), "its time is over");
    assert_eq!(waits.await.unwrap(), Ok("doi:10.5555/b".into()));
    assert_eq!(asking(&batcher, "c", LONG).await.unwrap(), Ok("doi:10.5555/c".into()));
    assert_eq!(asked.lock().unwrap().len(), 3);
}
