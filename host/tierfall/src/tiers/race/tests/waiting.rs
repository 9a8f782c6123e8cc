//! Sources that answer nobody for a while, as one work meets them.

use super::*;
use crate::tiers::race::Begun;
use crate::tiers::{Identified, SoFar, SourceOutage, SourceOutages, identify};
use futures_util::future::join_all;
use tierfall_work::Match;

const PATIENCE: Duration = Duration::from_secs(4 * 3600);
/// What one question takes.
const TAKES: Duration = Duration::from_secs(9);

/// A source that answers nobody until a time.
struct Sick {
    name: SourceName,
    outage: Arc<SourceOutage>,
    back: Instant,
    answer: Finding,
    calls: Arc<AtomicUsize>,
}

impl Source for Sick {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn ids(&self) -> &[IdKind] {
        &[IdKind::Doi]
    }

    fn takes_titles(&self) -> bool {
        true
    }

    fn speaks_as(&self) -> &str {
        "crossref"
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn outage(&self) -> Option<&SourceOutage> {
        Some(&self.outage)
    }

    fn find(&self, ask: Ask) -> BoxFuture<'_, Answer> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            tokio::time::sleep(TAKES).await;
            let result = if Instant::now() < self.back {
                self.outage.failed(&ask.work.key(), "503");
                Err(SourceError::Unavailable { retry_after_s: None }.into())
            } else {
                self.outage.answered(true);
                Ok(self.answer.clone())
            };
            Answer { result, report: CallReport::default() }
        })
    }
}

/// One that has answered, and is down for so long from now on.
async fn sick(answer: Finding, lasts: Duration) -> Sick {
    let name = SourceName { plugin: "test".into(), source: "sick".into() };
    let outage = SourceOutages::new(PATIENCE).of(&name, None).expect("it is waited for");
    outage.answered(true);
    for work in ["a", "b", "c"] {
        outage.failed(work, "503");
        tokio::time::advance(Duration::from_secs(3)).await;
    }
    outage.failed("c", "503");
    Sick { name, outage, back: Instant::now() + lasts, answer, calls: Arc::default() }
}

/// A plan that asks it first, and then one that is well.
fn plan(sketch: &mut Sketch, sick: Sick, well: Scripted) -> Plan {
    let sick = Arc::new(sick) as Arc<dyn Source>;
    let tier = |name: &str, source| Tier {
        name: name.into(),
        parallel: 1,
        sources: vec![source],
        skipped: Vec::new(),
    };
    let tiers = vec![tier("sick", Arc::clone(&sick)), tier("well", Arc::new(well) as Arc<dyn Source>)];
    Plan { tiers, titles: vec![sick], ..sketch.plan() }
}

#[tokio::test(start_paused = true)]
async fn a_copy_from_elsewhere_waits_for_nobody() {
    let mut sketch = Sketch::new();
    let well = sketch.source("well", 15, found(&["https://a.example/good"]));
    let plan = plan(&mut sketch, sick(Finding::default(), PATIENCE).await, well);
    let began = Instant::now();
    let outcome = race::run(&plan, doi("10.5555/1"), &ByUrl::default(), &NoJournal, &()).await;
    assert_eq!(outcome.status, Status::Stored);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_work_that_has_found_nothing_waits_and_takes_no_time_or_attempts_for_it() {
    for found_there in [true, false] {
        let mut sketch = Sketch::new();
        // One of each source, and one to spare.
        sketch.budgets.max_attempts = 3;
        let lasts = Duration::from_secs(2 * 3600);
        let answer =
            if found_there { found(&["https://a.example/good"]).unwrap() } else { Finding::default() };
        let sick = sick(answer, lasts).await;
        let calls = Arc::clone(&sick.calls);
        let well = sketch.source("well", 15, NONE);
        let plan = plan(&mut sketch, sick, well);
        let began = Instant::now();
        let clock = Arc::new(tierfall_http::WorkClock::new(plan.budgets.total));
        let begun = Begun::under(Arc::clone(&clock));
        let wanted = [race::Wanted { format: ArtifactFormat::Pdf, journal: &NoJournal }];
        let outcome = race::go_on(&plan, doi("10.5555/1"), begun, &ByUrl::default(), &wanted, &()).await;
        assert!(began.elapsed() >= lasts && began.elapsed() < lasts + Duration::from_secs(90));
        assert!(clock.used() < 3 * TAKES, "{:?}", clock.used());
        assert!(calls.load(Ordering::SeqCst) > 60, "it is probed");
        let (status, reason) = match found_there {
            true => (Status::Stored, None),
            false => (Status::NoCopy, Some(EndReason::NoCandidates)),
        };
        assert_eq!((outcome.status, outcome.reason), (status, reason));
        let asked = outcomes(&outcome).into_iter().filter(|(source, _)| source == "sick").count();
        assert!(asked <= 2, "the trail keeps one failure: {:?}", outcomes(&outcome));
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_stays_away_leaves_the_work_open_and_is_named() {
    let mut sketch = Sketch::new();
    let sick = sick(Finding::default(), 2 * PATIENCE).await;
    let well = sketch.source("well", 15, NONE);
    let plan = plan(&mut sketch, sick, well);
    let outcome = race::run(&plan, doi("10.5555/1"), &ByUrl::default(), &NoJournal, &()).await;
    assert_eq!((outcome.status, outcome.reason), (Status::Failed, Some(EndReason::SourceOutage)));
    let last = outcome.trail.attempts().last().expect("an attempt");
    assert_eq!((last.source.as_str(), last.outcome), ("sick", AttemptOutcome::Skipped));
    assert!(
        last.detail.contains("has answered nobody for") && last.detail.contains("503"),
        "{}",
        last.detail
    );
}

#[tokio::test(start_paused = true)]
async fn a_title_waits_for_the_registry_that_may_know_it() {
    let facts = Facts {
        title: Some("On the Drift of Lighthouses Observed at Night".into()),
        authors: vec!["Keeper, Ada".into()],
        year: Some(2019),
        ..Facts::default()
    };
    let work = || Work::titled(&facts, "input").expect("a title");
    let record = Match {
        ids: vec!["10.5555/9".parse().expect("a DOI")],
        title: facts.title.clone().expect("a title"),
        authors: facts.authors.clone(),
        year: facts.year,
        ..Match::default()
    };
    let lasts = Duration::from_secs(1200);
    for (lasts, known) in [(lasts, true), (2 * PATIENCE, false)] {
        let mut sketch = Sketch::new();
        let answer = Finding { matches: vec![record.clone()], ..Finding::default() };
        let sick = sick(answer, lasts).await;
        let well = sketch.source("well", 15, NONE);
        let plan = plan(&mut sketch, sick, well);
        match identify(&plan, work(), Begun::now(plan.budgets.total), &(), &()).await {
            Identified::Work(work, _) => assert!(known && work.key() == "doi:10.5555/9", "{}", work.key()),
            Identified::Open(outcome) => {
                assert!(!known, "{:?}", outcome.trail);
                assert_eq!((outcome.status, outcome.reason), (Status::Failed, Some(EndReason::SourceOutage)));
            }
        }
    }
}

/// As long as a lease.
const LEASE: Duration = Duration::from_secs(120);
const WORKS: usize = 20;

/// Most of those that waited were given back, and keep who had nothing; the rest waited to the end.
fn most_are_given_back(ended: &[Outcome], began: Instant) {
    let (given, rest): (Vec<_>, Vec<_>) = ended.iter().partition(|outcome| outcome.parked.is_some());
    assert!(given.len() >= WORKS - 5 && !rest.is_empty(), "{} of {WORKS}", given.len());
    for parked in given.iter().filter_map(|outcome| outcome.parked.as_ref()) {
        assert!(parked.until > began + 2 * LEASE && parked.until <= began + PATIENCE);
        let kept = parked.so_far.value();
        assert_eq!(kept["trail"].as_array().map(Vec::len), Some(1), "{kept}");
    }
    assert!(rest.iter().all(|outcome| outcome.reason == Some(EndReason::SourceOutage)));
}

#[tokio::test(start_paused = true)]
async fn with_a_ledger_most_of_those_that_wait_are_given_back_and_the_rest_ask_for_all() {
    let mut sketch = Sketch::new();
    let sick = sick(Finding::default(), 2 * PATIENCE).await;
    let calls = Arc::clone(&sick.calls);
    let well = sketch.source("well", 15, NONE);
    let plan = plan(&mut sketch, sick, well);
    let wanted = [race::Wanted { format: ArtifactFormat::Pdf, journal: &NoJournal }];
    let (acquirer, began) = (ByUrl::default(), Instant::now());
    let races = (0..WORKS).map(|number| {
        let begun = Begun::now(plan.budgets.total).parked_at_most(Some(LEASE));
        race::go_on(&plan, doi(&format!("10.5555/{number}")), begun, &acquirer, &wanted, &())
    });
    let ended = join_all(races).await;
    most_are_given_back(&ended, began);
    assert!(calls.load(Ordering::SeqCst) > 60, "it is probed to the end");
}

#[tokio::test(start_paused = true)]
async fn titles_that_wait_for_a_registry_which_answers_nobody_are_given_back_too() {
    let mut sketch = Sketch::new();
    let sick = sick(Finding::default(), 2 * PATIENCE).await;
    let (well, other) = (sketch.source("well", 15, NONE), sketch.source("other", 15, NONE));
    let mut plan = plan(&mut sketch, sick, well);
    plan.titles.push(Arc::new(other));
    let began = Instant::now();
    let searches = (0..WORKS).map(|number| {
        let title = titled(&format!("On the drift of lighthouse {number}"));
        let facts = Facts { authors: vec!["Keeper, Ada".into()], year: Some(2019), ..title };
        let begun = Begun::now(plan.budgets.total).parked_at_most(Some(LEASE));
        identify(&plan, Work::titled(&facts, "input").expect("a title"), begun, &(), &())
    });
    let ended = join_all(searches).await.into_iter().map(|found| match found {
        Identified::Open(outcome) => *outcome,
        Identified::Work(work, _) => panic!("nobody knows {}", work.key()),
    });
    most_are_given_back(&ended.collect::<Vec<_>>(), began);
}

#[tokio::test(start_paused = true)]
async fn whoever_never_had_an_answer_of_the_source_that_was_waited_for_fails_no_work_for_that() {
    let never_answered = || {
        let name = SourceName { plugin: "test".into(), source: "sick".into() };
        let outage = SourceOutages::new(PATIENCE).of(&name, None).expect("it is waited for");
        let back = Instant::now() + PATIENCE;
        Sick { name, outage, back, answer: Finding::default(), calls: Arc::default() }
    };
    let wanted = [race::Wanted { format: ArtifactFormat::Pdf, journal: &NoJournal }];
    let row = |sources: &[&str]| serde_json::json!({"trail": [], "used_ms": 1, "elapsed_ms": 1, "waits_for": sources});
    for (waits_for, reason) in [
        (vec!["test/sick"], EndReason::SourceOutage),
        (vec!["test/well"], EndReason::Rejected(Reason::Unavailable)),
        (vec![], EndReason::Rejected(Reason::Unavailable)),
    ] {
        let mut sketch = Sketch::new();
        let well = sketch.source("well", 15, NONE);
        let plan = plan(&mut sketch, never_answered(), well);
        let begun = Begun::going_on(SoFar::read(&row(&waits_for)), plan.budgets.total, |clock| clock);
        let outcome = race::go_on(&plan, doi("10.5555/1"), begun, &ByUrl::default(), &wanted, &()).await;
        assert_eq!((outcome.status, outcome.reason), (Status::Failed, Some(reason)), "{waits_for:?}");
    }
}
