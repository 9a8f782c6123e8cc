//! Works that can only wait for a turn that is far off are given back, and go on where they were.

use super::*;
use crate::tiers::race::{Begun, Wanted};
use crate::tiers::{Identified, SoFar, identify};
use serde_json::json;
use tierfall_work::Match;

const PATIENCE: Duration = Duration::from_secs(120);
const FAR: Duration = Duration::from_secs(3600);

/// A source whose host has no turn for a while.
struct Queueing {
    inner: Scripted,
    waits: Duration,
}

impl Source for Queueing {
    fn name(&self) -> &SourceName {
        self.inner.name()
    }

    fn ids(&self) -> &[IdKind] {
        self.inner.ids()
    }

    fn timeout(&self) -> Duration {
        self.inner.timeout()
    }

    fn find(&self, ask: Ask) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let turn = Instant::now() + self.waits;
            let queued = ask.clock.queue();
            queued.expects(turn);
            tokio::time::sleep_until(turn).await;
            drop(queued);
            self.inner.find(ask).await
        })
    }
}

/// The sources of one plan, and how often each was asked.
struct World {
    plan: Plan,
    calls: Vec<(&'static str, Arc<AtomicUsize>)>,
}

impl World {
    fn new(waits: Duration, answer: Result<Finding, SourceError>) -> Self {
        let mut sketch = Sketch::new();
        let mut calls = Vec::new();
        let mut counted = |name: &'static str, ms, answer| {
            let source = Scripted { calls: Arc::default(), ..sketch.source(name, ms, answer) };
            calls.push((name, Arc::clone(&source.calls)));
            source
        };
        let nothing = counted("nothing", 10, NONE);
        let untitled = Finding { facts: Facts::default(), ..found(&["https://a.example/gone"]).unwrap() };
        let proposes = counted("proposes", 20, Ok(untitled));
        let tells = counted("crossref", 30, Ok(Finding { facts: titled("Its title"), ..Finding::default() }));
        let slow = Queueing { inner: counted("slow", 40, answer), waits };
        sketch.tier(3, vec![nothing, proposes, tells]);
        let mut plan = sketch.plan();
        plan.tiers.push(Tier {
            name: "slow".into(),
            parallel: 1,
            sources: vec![Arc::new(slow)],
            skipped: Vec::new(),
        });
        Self { plan, calls }
    }

    async fn race(&self, so_far: SoFar) -> Outcome {
        self.race_for(&[ArtifactFormat::Pdf], so_far).await
    }

    async fn race_for(&self, formats: &[ArtifactFormat], so_far: SoFar) -> Outcome {
        let wanted = |format: &ArtifactFormat| Wanted { format: *format, journal: &NoJournal };
        let wanted: Vec<_> = formats.iter().map(wanted).collect();
        let begun = Begun::going_on(so_far, self.plan.budgets.total, |clock| clock);
        let begun = begun.parked_at_most(Some(PATIENCE));
        race::go_on(&self.plan, doi("10.5555/1"), begun, &ByUrl::default(), &wanted, &()).await
    }

    fn calls(&self) -> Vec<(&'static str, usize)> {
        self.calls.iter().map(|(name, calls)| (*name, calls.swap(0, Ordering::SeqCst))).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_work_whose_turn_is_far_off_is_given_back_and_goes_on_where_it_was() {
    let began = Instant::now();
    let world = World::new(FAR, found(&["https://b.example/good"]));
    let parked = world.race(SoFar::default()).await.parked.expect("it waits for an hour");
    assert!(began.elapsed() < PATIENCE + ms(100), "{:?}", began.elapsed());
    assert!(parked.until >= began + FAR && parked.until < began + FAR + ms(100));
    assert_eq!(world.calls(), [("nothing", 1), ("proposes", 1), ("crossref", 1), ("slow", 0)]);

    let kept = SoFar::read(&parked.so_far.value());
    assert_eq!(kept.value(), parked.so_far.value(), "a row holds all of it");
    let world = World::new(Duration::ZERO, found(&["https://b.example/good"]));
    let outcome = world.race(kept).await;
    assert_eq!(outcome.status, Status::Stored);
    // Who had nothing is believed; who said something says it again.
    assert_eq!(world.calls(), [("nothing", 0), ("proposes", 1), ("crossref", 1), ("slow", 1)]);
    let fetched: Vec<_> = outcome.trail.acquisitions().map(|entry| entry.url.as_str()).collect();
    assert_eq!(fetched, ["https://a.example/gone", "https://b.example/good"], "each once");
    assert!(outcome.trail.acquisitions().all(|entry| entry.vouched));
    let asked = outcomes(&outcome);
    assert_eq!(asked.iter().filter(|(source, _)| source == "nothing").count(), 1, "{asked:?}");
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert!(outcome.elapsed >= PATIENCE, "it began before it was given back");
}

#[tokio::test(start_paused = true)]
async fn a_work_that_is_given_back_again_keeps_what_was_kept() {
    let world = World::new(FAR, NONE);
    let mut so_far = SoFar::default();
    for _ in 0..3 {
        so_far = world.race(so_far).await.parked.expect("it waits").so_far;
    }
    assert_eq!(world.calls(), [("nothing", 1), ("proposes", 3), ("crossref", 3), ("slow", 0)]);
    let world = World::new(Duration::ZERO, NONE);
    let outcome = world.race(so_far).await;
    assert_eq!((outcome.status, outcome.trail.acquisitions().count()), (Status::NoCopy, 1));
    assert_eq!(world.calls(), [("nothing", 0), ("proposes", 1), ("crossref", 1), ("slow", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_work_whose_turn_comes_soon_or_whose_file_is_held_is_not_given_back() {
    let world = World::new(PATIENCE, found(&["https://b.example/good"]));
    assert_eq!(world.race(SoFar::default()).await.status, Status::Stored);

    let began = Instant::now();
    let mut world = World::new(FAR, NONE);
    let mut preprint = found(&["https://b.example/good"]).unwrap();
    preprint.candidates.iter_mut().for_each(|candidate| candidate.version = Version::Submitted);
    let held = Sketch::new().source("held", 1, Ok(preprint));
    world.plan.copies =
        CopyPolicy { prefer: vec!["published".parse().expect("a preference")], ..CopyPolicy::default() };
    world.plan.tiers[0].sources.push(Arc::new(held));
    let outcome = world.race(SoFar::default()).await;
    assert_eq!((outcome.status, outcome.parked.is_some()), (Status::Stored, false));
    assert!(began.elapsed() >= FAR, "what is preferred was waited for: {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_work_that_has_one_form_and_waits_for_another_is_given_back_with_the_first() {
    let both = [ArtifactFormat::Pdf, ArtifactFormat::Jats];
    let world = |waits| {
        let mut xml = found(&["https://b.example/good?xml"]).unwrap();
        xml.candidates.iter_mut().for_each(|candidate| candidate.format = Format::Jats);
        let mut world = World::new(waits, Ok(xml));
        let pdf = Sketch::new().source("pdf", 1, found(&["https://b.example/good"]));
        world.plan.tiers[0].sources.push(Arc::new(pdf));
        let (formats, jats_sources) = (both.to_vec(), vec!["slow".into()]);
        world.plan.artifacts = Artifacts { formats, jats_sources, ..Artifacts::default() };
        world
    };
    let outcome = world(FAR).race_for(&both, SoFar::default()).await;
    let forms = |outcome: &Outcome| {
        outcome.won.iter().chain(&outcome.also).map(|won| won.file.format).collect::<Vec<_>>()
    };
    assert_eq!((outcome.status, forms(&outcome)), (Status::Stored, vec![ArtifactFormat::Pdf]));
    let kept = outcome.parked.expect("the other is waited for").so_far;
    let later = world(Duration::ZERO).race_for(&both[1..], kept).await;
    assert_eq!((later.status, forms(&later)), (Status::Stored, vec![ArtifactFormat::Jats]));
}

#[tokio::test(start_paused = true)]
async fn a_title_is_given_back_and_only_who_has_no_record_like_it_is_not_asked_again() {
    let facts = Facts {
        authors: vec!["Keeper, Ada".into()],
        year: Some(2019),
        ..titled("On the Drift of Lighthouses")
    };
    let record = |title: &str| Match {
        ids: vec!["10.5555/9".parse().expect("a DOI")],
        title: title.into(),
        authors: facts.authors.clone(),
        year: facts.year,
        ..Match::default()
    };
    let knows = |title: &str| Ok(Finding { matches: vec![record(title)], ..Finding::default() });
    let search = async |waits, so_far| {
        let mut sketch = Sketch::new();
        let sources = [
            ("nothing", NONE),
            ("another", knows("On Something Else")),
            ("crossref", knows("On the drift of lighthouses")),
        ];
        let sources = sources
            .map(|(name, answer)| Scripted { calls: Arc::default(), ..sketch.source(name, 10, answer) });
        let calls = sources.each_ref().map(|source| Arc::clone(&source.calls));
        let [nothing, another, slow] = sources;
        let titles: Vec<Arc<dyn Source>> =
            vec![Arc::new(nothing), Arc::new(another), Arc::new(Queueing { inner: slow, waits })];
        let plan = Plan { titles, ..sketch.plan() };
        let work = Work::titled(&facts, "input").expect("a title");
        let begun = Begun::going_on(so_far, plan.budgets.total, |clock| clock).parked_at_most(Some(PATIENCE));
        let found = identify(&plan, work, begun, &(), &()).await;
        (found, calls.map(|calls| calls.load(Ordering::SeqCst)))
    };
    let (found, calls) = search(FAR, SoFar::default()).await;
    let Identified::Open(outcome) = found else { panic!("nobody could tell") };
    assert_eq!(calls, [1, 1, 0]);
    let parked = outcome.parked.expect("it waits for an hour");
    let row = parked.so_far.value();
    assert_eq!(row["trail"].as_array().map(Vec::len), Some(1), "{row}");

    let (found, calls) = search(Duration::ZERO, SoFar::read(&row)).await;
    let Identified::Work(work, _) = found else { panic!("a registry has it") };
    assert_eq!((work.key().as_str(), calls), ("doi:10.5555/9", [0, 1, 1]));

    // A row that says of everybody that they have nothing costs the work its identifier, and gives it none.
    let mut lies = row.clone();
    for source in ["another", "crossref", "nobody"] {
        let mut entry = row["trail"][0].clone();
        entry["source"] = json!(source);
        lies["trail"].as_array_mut().expect("a list").push(entry);
    }
    let (found, calls) = search(Duration::ZERO, SoFar::read(&lies)).await;
    assert!(matches!(found, Identified::Open(outcome) if outcome.status == Status::Unresolved));
    assert_eq!(calls, [0, 0, 0]);
}

#[test]
fn a_row_can_say_what_was_not_found_and_nothing_else() {
    let attempt = |outcome: AttemptOutcome, candidates: serde_json::Value, reason: serde_json::Value| {
        json!({"event": "attempt", "at_ms": 1, "tier": "t", "plugin": "p", "source": "s", "outcome": outcome, "ms": 1,
            "candidates": candidates, "reason": reason})
    };
    let acquisition = |verdict: &str| {
        json!({"event": "acquisition", "at_ms": 1, "tier": "t", "plugin": "p", "source": "s", "bytes": 0, "ms": 1,
            "url": "https://a.example/x", "verdict": verdict})
    };
    let copy = json!([{"url": "https://evil.example/x.pdf", "version": "published", "basis": "registry", "evidence": ""}]);
    let kept = |entry: serde_json::Value| {
        let row = json!({"trail": [entry], "used_ms": 1, "elapsed_ms": 2});
        let so_far = SoFar::read(&row);
        assert_ne!(so_far, SoFar::default(), "the rest is read: {row}");
        so_far.value()["trail"].as_array().map_or(0, Vec::len)
    };
    for refused in [json!(null), json!("login_wall"), json!("bot_check"), json!("http_status")] {
        assert_eq!(kept(attempt(AttemptOutcome::NoPdf, json!([]), refused)), 1);
    }
    assert_eq!(kept(acquisition("http_status")), 1);
    for other in [
        attempt(AttemptOutcome::NoPdf, copy.clone(), json!(null)),
        attempt(AttemptOutcome::NoPdf, json!([]), json!("robots")),
        attempt(AttemptOutcome::Success, copy, json!(null)),
        attempt(AttemptOutcome::Retryable, json!([]), json!("unavailable")),
        attempt(AttemptOutcome::Skipped, json!([]), json!(null)),
        acquisition("accepted"),
        acquisition("html_instead"),
        acquisition("stalled"),
        acquisition("unproven"),
        acquisition("policy_license"),
    ] {
        assert_eq!(kept(other.clone()), 0, "{other}");
    }
    for unreadable in [json!(null), json!([]), json!({"trail": 7}), json!({"used_ms": -1}), json!("x")] {
        assert_eq!(SoFar::read(&unreadable), SoFar::default());
    }
    let endless = json!({"trail": vec![acquisition("http_status"); 10_000], "used_ms": u64::MAX, "elapsed_ms": u64::MAX});
    let so_far = SoFar::read(&endless);
    assert!(so_far.value()["trail"].as_array().expect("a list").len() <= 500);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_says_that_all_time_is_used_ends_a_work_and_no_process() {
    let row = json!({"trail": [], "used_ms": u64::MAX, "elapsed_ms": u64::MAX});
    let outcome = World::new(FAR, NONE).race(SoFar::read(&row)).await;
    assert_eq!(outcome.status, Status::Timeout);
}
