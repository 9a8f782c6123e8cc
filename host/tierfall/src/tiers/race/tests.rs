//! The race's promises, on paused time.

mod choosing;
mod formats;
mod parking;
mod waiting;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use url::Url;

use crate::acquire::{
    Acquire, Acquisition, Artifact, CopyPolicy, FetchContext, FileKey, Journal, NoJournal, Reason,
    StoreError, UsageRights, Verdict, VerifiedFile,
};
use crate::tiers::{
    Answer, Artifacts, Ask, AttemptOutcome, Budgets, Closed, EndReason, Outcome, Plan, Skipped, Source,
    SourceName, Status, Tier, Together, race,
};
use tierfall_ids::IdKind;
use tierfall_proof::Identity;
use tierfall_sandbox::{CallError, CallReport, SourceError};
use tierfall_work::{ArtifactFormat, Basis, Candidate, Facts, Finding, Format, Version, Work};

/// Counts what is in flight; a future that is dropped counts as ended.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    peak: AtomicUsize,
    dropped: AtomicUsize,
}

struct InFlight {
    gauge: Arc<Gauge>,
    done: bool,
}

impl Gauge {
    fn enqueue(self: &Arc<Self>) -> InFlight {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(now, Ordering::SeqCst);
        InFlight { gauge: Arc::clone(self), done: false }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.now.fetch_sub(1, Ordering::SeqCst);
        if !self.done {
            self.gauge.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A source that answers after a while.
struct Scripted {
    name: SourceName,
    ids: Vec<IdKind>,
    timeout: Duration,
    takes: Duration,
    answer: Result<Finding, SourceError>,
    /// Why its hosts accept no requests now.
    closed: Option<&'static str>,
    /// Whether it is asked about several works at once.
    many: bool,
    /// The works that it was told of before they came.
    told: Arc<Mutex<Vec<Arc<Work>>>>,
    gauge: Arc<Gauge>,
    calls: Arc<AtomicUsize>,
}

impl Source for Scripted {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn ids(&self) -> &[IdKind] {
        &self.ids
    }

    fn asks_many(&self) -> bool {
        self.many
    }

    fn expect(&self, work: &Arc<Work>) {
        self.told.lock().expect("no panic").push(Arc::clone(work));
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn closed(&self, _work: &Work, _timeout: Duration) -> Option<Closed> {
        let reason = EndReason::Rejected(Reason::Breaker);
        self.closed.map(|detail| Closed { reason, detail: detail.into() })
    }

    fn file_key(&self, url: &Url) -> Option<FileKey> {
        let key = || FileKey { headers: Default::default(), secrets: Default::default(), allowance: None };
        (url.host_str() == Some("keyed.example")).then(key)
    }

    fn find(&self, _ask: Ask) -> BoxFuture<'_, Answer> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let mut here = self.gauge.enqueue();
            tokio::time::sleep(self.takes).await;
            here.done = true;
            Answer { result: self.answer.clone().map_err(CallError::from), report: CallReport::default() }
        })
    }
}

/// Accepts and rejects by what the URL says: `…/good`, `…/html`, `…/busy`, each after `?ms=`.
#[derive(Default)]
struct ByUrl {
    gauge: Arc<Gauge>,
    titles: Mutex<Vec<Option<String>>>,
}

impl Acquire for ByUrl {
    fn acquire<'a>(
        &'a self,
        candidate: &'a Candidate,
        context: FetchContext<'a>,
        work: &'a (dyn Fn() -> Arc<Work> + Send + Sync),
        _journal: &'a dyn Journal,
    ) -> BoxFuture<'a, Acquisition> {
        Box::pin(async move {
            let mut here = self.gauge.enqueue();
            let url = Url::parse(&candidate.url).expect("a URL");
            let ms =
                url.query_pairs().find(|(key, _)| key == "ms").map_or(0, |(_, ms)| ms.parse().expect("ms"));
            tokio::time::sleep(Duration::from_millis(ms)).await;
            here.done = true;
            let title = work().known.title.as_ref().map(|said| said.value.clone());
            self.titles.lock().expect("no panic").push(title);
            let verdict = match url.path() {
                "/good" => Verdict::Accepted(Identity::Proven),
                "/html" => Verdict::Rejected(Reason::HtmlInstead),
                "/gone" => Verdict::Rejected(Reason::HttpStatus),
                "/busy" => Verdict::Rejected(Reason::Stalled),
                other => panic!("no script for {other}"),
            };
            let file = matches!(verdict, Verdict::Accepted(_))
                .then(|| VerifiedFile::in_store(context.format, "ab".repeat(32), 1, 1, false));
            Acquisition {
                verdict,
                status: Some(200),
                final_url: Some(url),
                bytes: 1,
                resumed_from: 0,
                elapsed: Duration::ZERO,
                evidence: None,
                detail: String::new(),
                usage_rights: UsageRights::default(),
                file,
            }
        })
    }

    fn store(&self, _: VerifiedFile, _: String) -> BoxFuture<'_, Result<Artifact, StoreError>> {
        unreachable!("a race stores nothing")
    }
}

/// A small language for plans.
struct Sketch {
    gauge: Arc<Gauge>,
    calls: Arc<AtomicUsize>,
    budgets: Budgets,
    tiers: Vec<Tier>,
    facts: Vec<Arc<dyn Source>>,
}

const NONE: Result<Finding, SourceError> = Err(SourceError::NotFound);

fn found(urls: &[&str]) -> Result<Finding, SourceError> {
    let candidates = urls
        .iter()
        .map(|url| Candidate {
            url: (*url).to_owned(),
            version: Version::Published,
            format: Format::Unknown,
            digest: None,
            license: None,
            landing_page: None,
            basis: Basis::Registry,
            evidence: "test".into(),
        })
        .collect();
    Ok(Finding { candidates, facts: titled("A title"), matches: Vec::new() })
}

fn titled(title: &str) -> Facts {
    Facts { title: Some(title.into()), ..Facts::default() }
}

impl Sketch {
    fn new() -> Self {
        Self {
            gauge: Arc::default(),
            calls: Arc::default(),
            budgets: Budgets {
                total: Duration::from_secs(120),
                max_attempts: 20,
                max_concurrent: 3,
                hedge: Duration::from_secs(3),
            },
            tiers: Vec::new(),
            facts: Vec::new(),
        }
    }

    fn source(&self, name: &str, ms: u64, answer: Result<Finding, SourceError>) -> Scripted {
        Scripted {
            name: SourceName { plugin: "test".into(), source: name.into() },
            ids: vec![IdKind::Doi],
            timeout: Duration::from_secs(10),
            takes: Duration::from_millis(ms),
            answer,
            closed: None,
            many: false,
            told: Arc::default(),
            gauge: Arc::clone(&self.gauge),
            calls: Arc::clone(&self.calls),
        }
    }

    fn tier(&mut self, parallel: usize, sources: Vec<Scripted>) {
        let name = format!("tier{}", self.tiers.len() + 1);
        let sources = sources.into_iter().map(|source| Arc::new(source) as Arc<dyn Source>).collect();
        self.tiers.push(Tier { name, parallel, sources, skipped: Vec::new() });
    }

    fn plan(&mut self) -> Plan {
        Plan {
            artifacts: Artifacts::default(),
            copies: CopyPolicy::default(),
            tiers: std::mem::take(&mut self.tiers),
            facts: std::mem::take(&mut self.facts),
            titles: Vec::new(),
            budgets: self.budgets,
            together: Together::default(),
            in_order: false,
        }
    }

    async fn race(&mut self, acquirer: &ByUrl) -> (Outcome, Duration) {
        let plan = self.plan();
        let began = Instant::now();
        let outcome = race::run(&plan, doi("10.5555/1"), acquirer, &NoJournal, &()).await;
        (outcome, began.elapsed())
    }
}

fn doi(doi: &str) -> Work {
    Work::new(doi.parse().expect(doi))
}

fn outcomes(outcome: &Outcome) -> Vec<(String, AttemptOutcome)> {
    outcome.trail.attempts().map(|attempt| (attempt.source.clone(), attempt.outcome)).collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn the_first_accepted_artifact_wins_and_losers_are_dropped_not_awaited() {
    let mut sketch = Sketch::new();
    let fast = sketch.source("fast", 15, found(&["https://a.example/good"]));
    let slow = sketch.source("slow", 2000, found(&["https://b.example/good"]));
    sketch.tier(2, vec![fast, slow]);
    let (outcome, took) = sketch.race(&ByUrl::default()).await;
    assert_eq!(outcome.status, Status::Stored);
    assert_eq!(took, ms(15));
    assert_eq!(sketch.gauge.dropped.load(Ordering::SeqCst), 1, "the loser was dropped in flight");
    assert_eq!(sketch.gauge.now.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_needs_a_key_is_the_last_that_is_fetched_and_only_where_no_other_was_good() {
    for (last, winner) in
        [("https://b.example/good", "b.example"), ("https://b.example/html", "keyed.example")]
    {
        let mut sketch = Sketch::new();
        let first =
            sketch.source("first", 1, found(&["https://keyed.example/good", "https://a.example/html"]));
        let second = sketch.source("second", 1, found(&[last]));
        sketch.tier(1, vec![first]);
        sketch.tier(1, vec![second]);
        let (outcome, _) = sketch.race(&ByUrl::default()).await;
        let won = outcome.won.expect("a winner");
        assert!(won.candidate.url.contains(winner), "{last}: {}", won.candidate.url);
        let fetched: Vec<_> = outcome.trail.acquisitions().map(|entry| entry.url.clone()).collect();
        assert_eq!(fetched.iter().any(|url| url.contains("keyed")), winner == "keyed.example", "{fetched:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_about_one_work_alone_is_asked_once_those_asked_about_many_had_nothing() {
    for (answer, alone_is_asked) in [(found(&["https://a.example/good"]), false), (NONE, true)] {
        let mut sketch = Sketch::new();
        let many = Scripted { many: true, ..sketch.source("many", 20, NONE) };
        let other = Scripted { many: true, ..sketch.source("other", 50, answer) };
        let alone = sketch.source("alone", 1, found(&["https://b.example/good"]));
        let asked = Arc::new(AtomicUsize::new(0));
        sketch.tier(3, vec![many, other, Scripted { calls: Arc::clone(&asked), ..alone }]);
        let (outcome, took) = sketch.race(&ByUrl::default()).await;
        assert_eq!(outcome.status, Status::Stored);
        assert_eq!(asked.load(Ordering::SeqCst) == 1, alone_is_asked);
        assert_eq!(
            took,
            ms(if alone_is_asked { 51 } else { 50 }),
            "those asked about many are asked at once"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn sources_are_told_of_a_work_that_may_come_once_a_registry_has_said_which_it_is() {
    let mut sketch = Sketch::new();
    let ids = vec!["pmid:7".parse().expect("a PMID")];
    let known =
        Finding { facts: Facts { ids, ..titled("A title") }, ..found(&["https://a.example/html"]).unwrap() };
    let registry = sketch.source("registry", 10, Ok(known));
    let next = sketch.source("next", 10, NONE);
    let later = sketch.source("later", 10, NONE);
    let told = [Arc::clone(&registry.told), Arc::clone(&next.told), Arc::clone(&later.told)];
    let mut registry = Scripted { ids: vec![IdKind::Doi], ..registry };
    registry.name.source = "openalex".into();
    let registry: Arc<dyn Source> = Arc::new(registry);
    sketch.facts = vec![Arc::clone(&registry)];
    sketch.tier(1, vec![next]);
    sketch.tiers[0].sources.insert(0, registry);
    sketch.tier(1, vec![later]);
    sketch.race(&ByUrl::default()).await;
    let [registry, next, later] = told.map(|told| std::mem::take(&mut *told.lock().expect("no panic")));
    assert!(registry.is_empty(), "it was asked before anything was known");
    for told in [next, later] {
        let first = told.first().expect("it was told");
        assert!(first.has(IdKind::Pmid), "with what the registry said");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_is_held_to_its_own_timeout() {
    let mut sketch = Sketch::new();
    let mut slow = sketch.source("slow", 1508, found(&["https://a.example/good"]));
    slow.timeout = ms(100);
    sketch.tier(1, vec![slow]);
    let (outcome, took) = sketch.race(&ByUrl::default()).await;
    assert_eq!(took, ms(100));
    assert_eq!(outcomes(&outcome), [("slow".into(), AttemptOutcome::Timeout)]);
    assert_eq!(outcome.status, Status::Failed, "a timeout may pass");
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_are_in_flight_than_the_tier_allows() {
    for parallel in [1, 2, 3] {
        let mut sketch = Sketch::new();
        let sources = (0..8).map(|n| sketch.source(&format!("s{n}"), 10, NONE)).collect();
        sketch.tier(parallel, sources);
        let (outcome, _) = sketch.race(&ByUrl::default()).await;
        assert_eq!(sketch.gauge.peak.load(Ordering::SeqCst), parallel);
        assert_eq!(outcome.trail.attempts().count(), 8);
    }
}

#[tokio::test(start_paused = true)]
async fn the_works_own_concurrency_limit_holds_over_attempts_and_acquisitions() {
    let mut sketch = Sketch::new();
    sketch.budgets.max_concurrent = 2;
    sketch.budgets.hedge = Duration::ZERO;
    let gauge = Arc::clone(&sketch.gauge);
    let sources = (0..6)
        .map(|n| sketch.source(&format!("s{n}"), 10, found(&[&format!("https://h{n}.example/html?ms=50")])))
        .collect();
    sketch.tier(6, sources);
    let acquirer = ByUrl { gauge: Arc::clone(&gauge), ..ByUrl::default() };
    sketch.race(&acquirer).await;
    assert_eq!(gauge.peak.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn the_total_timeout_ends_the_work_at_its_deadline_with_the_trail_so_far() {
    let mut sketch = Sketch::new();
    sketch.budgets.total = ms(200);
    let quick = sketch.source("quick", 50, NONE);
    let endless = sketch.source("endless", 1504, NONE);
    sketch.tier(1, vec![quick, endless]);
    let (outcome, took) = sketch.race(&ByUrl::default()).await;
    assert_eq!(took, ms(200));
    assert_eq!(outcome.status, Status::Timeout);
    assert_eq!(outcome.reason.map(EndReason::code), Some("total_timeout"));
    assert_eq!(outcomes(&outcome), [("quick".into(), AttemptOutcome::NoPdf)]);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_reserved_before_they_are_launched() {
    let mut sketch = Sketch::new();
    sketch.budgets.max_attempts = 1;
    let sources = (0..4).map(|n| sketch.source(&format!("s{n}"), 10, NONE)).collect();
    sketch.tier(3, sources);
    let (outcome, _) = sketch.race(&ByUrl::default()).await;
    assert_eq!(sketch.calls.load(Ordering::SeqCst), 1);
    assert_eq!(outcome.reason.map(EndReason::code), Some("max_attempts"));
}

#[tokio::test(start_paused = true)]
async fn a_skipped_source_costs_no_attempt_and_the_trail_says_why() {
    let mut sketch = Sketch::new();
    sketch.budgets.max_attempts = 1;
    let mut pubmed = sketch.source("pubmed", 10, NONE);
    pubmed.ids = vec![IdKind::Pmid];
    let other = sketch.source("other", 10, NONE);
    sketch.tier(1, vec![pubmed, other]);
    sketch.tiers[0].skipped.push(Skipped {
        name: SourceName { plugin: "test".into(), source: "keyless".into() },
        reason: "the key `api_key` is not set".into(),
    });
    let (outcome, _) = sketch.race(&ByUrl::default()).await;
    assert_eq!(
        outcomes(&outcome),
        [
            ("keyless".into(), AttemptOutcome::Skipped),
            ("other".into(), AttemptOutcome::NoPdf),
            ("pubmed".into(), AttemptOutcome::Skipped)
        ]
    );
    let last = outcome.trail.attempts().last().expect("three attempts");
    assert_eq!(last.detail, "needs one of: pmid");
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_host_is_left_alone_is_skipped_at_once_and_costs_no_attempt() {
    let mut sketch = Sketch::new();
    sketch.budgets.max_attempts = 1;
    let mut closed = sketch.source("closed", 5000, NONE);
    closed.closed = Some("api.example is left alone for 30 s: it answers 503");
    let open = sketch.source("open", 10, NONE);
    sketch.tier(1, vec![closed, open]);
    let (outcome, took) = sketch.race(&ByUrl::default()).await;
    assert_eq!(
        outcomes(&outcome),
        [("closed".into(), AttemptOutcome::Skipped), ("open".into(), AttemptOutcome::NoPdf)]
    );
    let skipped = outcome.trail.attempts().next().expect("two attempts");
    assert_eq!(skipped.detail, "api.example is left alone for 30 s: it answers 503");
    assert_eq!((sketch.calls.load(Ordering::SeqCst), took), (1, ms(10)));
    assert_eq!(outcome.status, Status::Failed, "it may have a copy, another time");
}

#[tokio::test(start_paused = true)]
async fn a_title_is_not_asked_for_where_the_host_is_left_alone() {
    let mut sketch = Sketch::new();
    sketch.budgets.max_attempts = 2;
    let mut untitled = found(&["https://a.example/good"]).expect("a finding");
    untitled.facts = Facts::default();
    let source = sketch.source("finder", 10, Ok(untitled));
    sketch.tier(1, vec![source]);
    let mut closed = sketch.source("crossref", 10, NONE);
    closed.closed = Some("left alone");
    let open = sketch.source("openalex", 10, Ok(Finding { facts: titled("A title"), ..Finding::default() }));
    sketch.facts = vec![Arc::new(closed), Arc::new(open)];
    let acquirer = ByUrl::default();
    let (outcome, _) = sketch.race(&acquirer).await;
    assert_eq!(outcome.status, Status::Stored);
    assert_eq!(*acquirer.titles.lock().expect("no panic"), [Some("A title".to_owned())]);
    let skipped =
        outcome.trail.attempts().find(|attempt| attempt.source == "crossref").expect("in the trail");
    assert_eq!((skipped.outcome, skipped.tier.as_str()), (AttemptOutcome::Skipped, "facts"));
}

#[tokio::test(start_paused = true)]
async fn the_next_tier_starts_only_when_this_one_has_nothing() {
    let mut sketch = Sketch::new();
    let first = sketch.source("first", 10, found(&["https://a.example/good?ms=500"]));
    let second = sketch.source("second", 10, NONE);
    sketch.tier(2, vec![first]);
    sketch.tier(2, vec![second]);
    let (outcome, _) = sketch.race(&ByUrl::default()).await;
    assert_eq!(outcome.status, Status::Stored);
    assert_eq!(sketch.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_candidate_is_not_the_end() {
    let mut sketch = Sketch::new();
    let bad = sketch.source("bad", 10, found(&["https://a.example/html", "https://b.example/busy"]));
    let good = sketch.source("good", 10, found(&["https://c.example/good"]));
    sketch.tier(1, vec![bad]);
    sketch.tier(1, vec![good]);
    let (outcome, _) = sketch.race(&ByUrl::default()).await;
    let verdicts: Vec<_> = outcome.trail.acquisitions().map(|acquisition| acquisition.verdict()).collect();
    assert_eq!(verdicts, ["html_instead", "stalled", "accepted"]);
    assert_eq!(outcome.won.expect("it is stored").tier, "tier2");
}

#[tokio::test(start_paused = true)]
async fn a_url_is_acquired_once_however_many_sources_propose_it() {
    let mut sketch = Sketch::new();
    let a = sketch.source("a", 10, found(&["https://a.example/html#page=1"]));
    let b = sketch.source("b", 20, found(&["https://a.example/html"]));
    sketch.tier(1, vec![a, b]);
    let (outcome, _) = sketch.race(&ByUrl::default()).await;
    assert_eq!(outcome.trail.acquisitions().count(), 1);
    assert_eq!(outcome.status, Status::NoCopy);
    assert_eq!(outcome.reason.map(EndReason::code), Some("html_instead"));
}

#[tokio::test(start_paused = true)]
async fn candidates_are_acquired_in_order_of_their_evidence() {
    let mut sketch = Sketch::new();
    let mut finding =
        found(&["https://link.example/html", "https://registry.example/html"]).expect("a finding");
    finding.candidates[0].basis = Basis::Link;
    let mixed = sketch.source("mixed", 10, Ok(finding));
    sketch.tier(1, vec![mixed]);
    let (outcome, _) = sketch.race(&ByUrl::default()).await;
    let urls: Vec<_> = outcome.trail.acquisitions().map(|acquisition| acquisition.url.clone()).collect();
    assert_eq!(urls, ["https://registry.example/html", "https://link.example/html"]);
}

#[tokio::test(start_paused = true)]
async fn an_acquisition_that_takes_its_time_gets_a_rival() {
    let mut sketch = Sketch::new();
    let both =
        sketch.source("both", 10, found(&["https://slow.example/busy?ms=30000", "https://b.example/good"]));
    sketch.tier(2, vec![both]);
    let (outcome, took) = sketch.race(&ByUrl::default()).await;
    assert_eq!(outcome.status, Status::Stored);
    assert_eq!(took, ms(3010));
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_lacks_a_title_asks_the_facts_sources_first() {
    let mut sketch = Sketch::new();
    let mut finding = found(&["https://a.example/good"]).expect("a finding");
    finding.facts = Facts::default();
    let untitled = sketch.source("untitled", 10, Ok(finding));
    sketch.tier(1, vec![untitled]);
    let registry =
        sketch.source("registry", 40, Ok(Finding { facts: titled("Its title"), ..Finding::default() }));
    let unasked = sketch.source("unasked", 10, NONE);
    sketch.facts = vec![Arc::new(registry), Arc::new(unasked)];
    let acquirer = ByUrl::default();
    let (outcome, _) = sketch.race(&acquirer).await;
    assert_eq!(outcome.status, Status::Stored);
    assert_eq!(*acquirer.titles.lock().expect("no panic"), [Some("Its title".to_owned())]);
    assert_eq!(
        outcomes(&outcome),
        [("untitled".into(), AttemptOutcome::Success), ("registry".into(), AttemptOutcome::NoPdf)]
    );
}

#[tokio::test(start_paused = true)]
async fn an_identifier_learned_on_the_way_opens_the_sources_that_need_it() {
    let mut sketch = Sketch::new();
    let mut arxiv = sketch.source("arxiv", 10, found(&["https://a.example/good"]));
    arxiv.ids = vec![IdKind::Arxiv];
    let facts = Facts { ids: vec!["2101.00001".parse().expect("an arXiv id")], ..Facts::default() };
    let openalex = sketch.source("openalex", 10, Ok(Finding { facts, ..Finding::default() }));
    sketch.tier(1, vec![arxiv]);
    sketch.tier(1, vec![openalex]);
    let (outcome, _) = sketch.race(&ByUrl::default()).await;
    assert_eq!(outcome.status, Status::Stored);
    assert_eq!(outcome.won.expect("it is stored").source.source, "arxiv");
}

#[tokio::test(start_paused = true)]
async fn who_had_nothing_is_asked_once_more_by_an_identifier_that_it_would_rather_have() {
    let mut sketch = Sketch::new();
    let mut early = sketch.source("pmc", 10, NONE);
    early.ids = vec![IdKind::Pmcid, IdKind::Doi];
    let mut content = sketch.source("europe_pmc", 10, NONE);
    content.ids = vec![IdKind::Doi, IdKind::Pmcid];
    let facts = Facts { ids: vec!["PMC7".parse().expect("a PMCID")], ..Facts::default() };
    let late = sketch.source("openalex", 500, Ok(Finding { facts, ..Finding::default() }));
    sketch.tier(3, vec![early, content, late]);
    let (outcome, _) = sketch.race(&ByUrl::default()).await;
    let asked = outcomes(&outcome);
    let times = |name: &str| asked.iter().filter(|(source, _)| source == name).count();
    assert_eq!((times("pmc"), times("europe_pmc"), times("openalex")), (2, 1, 1), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_file_waits_for_a_registry_that_is_being_asked_how_many_pages_the_work_has() {
    let mut sketch = Sketch::new();
    let quick = sketch.source("quick", 1, found(&["https://a.example/good"]));
    let facts = Facts { pages: Some(8), ..titled("A title") };
    let registry =
        sketch.source("openalex", 3000, Ok(Finding { facts: facts.clone(), ..Finding::default() }));
    sketch.facts.push(Arc::new(sketch.source("openalex", 3000, Ok(Finding { facts, ..Finding::default() }))));
    sketch.tier(2, vec![quick, registry]);
    let (outcome, took) = sketch.race(&ByUrl::default()).await;
    assert_eq!(outcome.status, Status::Stored);
    assert_eq!(took, ms(3000));
    assert_eq!(outcome.work.known.pages.as_ref().map(|said| said.value), Some(8));
}

#[tokio::test(start_paused = true)]
async fn works_raced_at_the_same_time_share_no_state() {
    let mut sketch = Sketch::new();
    let a = sketch.source("a", 5, NONE);
    let b = sketch.source("b", 10, found(&["https://b.example/good"]));
    sketch.tier(2, vec![a, b]);
    let plan = Arc::new(sketch.plan());
    let tasks = (0..4).map(|lane| {
        let plan = Arc::clone(&plan);
        tokio::spawn(async move {
            let acquirer = ByUrl::default();
            let mut stored = 0;
            for n in 0..200 {
                let outcome =
                    race::run(&plan, doi(&format!("10.5555/{lane}.{n}")), &acquirer, &NoJournal, &()).await;
                stored += usize::from(outcome.status == Status::Stored);
            }
            stored
        })
    });
    let mut stored = 0;
    for task in tasks.collect::<Vec<_>>() {
        stored += task.await.expect("no panic");
    }
    assert_eq!(stored, 800);
}

#[tokio::test(start_paused = true)]
async fn a_final_answer_everywhere_is_no_copy_and_a_passing_failure_is_not() {
    let mut sketch = Sketch::new();
    let none = sketch.source("none", 1, NONE);
    sketch.tier(1, vec![none]);
    assert_eq!(sketch.race(&ByUrl::default()).await.0.status, Status::NoCopy);

    let busy = sketch.source("busy", 1, Err(SourceError::Unavailable { retry_after_s: None }));
    sketch.tier(1, vec![busy]);
    assert_eq!(sketch.race(&ByUrl::default()).await.0.status, Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn what_is_replayed_is_taken_in_the_order_in_which_it_was_asked_for() {
    let mut sketch = Sketch::new();
    let slow = sketch.source("slow", 50, NONE);
    let fast = sketch.source("fast", 10, NONE);
    sketch.tier(2, vec![slow, fast]);
    let plan = Plan { in_order: true, ..sketch.plan() };
    let outcome = race::run(&plan, doi("10.5555/1"), &ByUrl::default(), &NoJournal, &()).await;
    let order: Vec<_> = outcome.trail.attempts().map(|attempt| attempt.source.as_str()).collect();
    assert_eq!(order, ["slow", "fast"]);
}
