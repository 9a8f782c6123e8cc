//! A run during which the web is gone for two hours, or a source for twenty minutes, ends as one during which all were
//! there.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::drive::Run;
use super::request::{InputItem, WorkRequest};
use super::summary::Summary;
use crate::acquire::{
    Acquire, Acquisition, Artifact, CopyPolicy, FetchContext, Journal, StoreError, VerifiedFile,
};
use crate::tiers::{
    Answer, Artifacts, Ask, Budgets, Plan, Source, SourceName, SourceOutage, SourceOutages, Tier, Together,
};
use tierfall_http::{
    FetchError, HttpClient, HttpSettings, Incoming, Outgoing, RawBody, Request, RequestBudget, RequestCost,
    Role, Transport,
};
use tierfall_ids::IdKind;
use tierfall_ledger::LedgerClient;
use tierfall_sandbox::{CallError, CallReport, SourceError};
use tierfall_work::{Candidate, Work};

const WORKS: u32 = 200;
const BEGINS: Duration = Duration::from_secs(2);
const LASTS: Duration = Duration::from_secs(2 * 60 * 60);
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// A web that has nothing, and is away for a time.
struct Away {
    since: Instant,
    lasts: Duration,
    what: What,
}

/// What is away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// Everything.
    Web,
    /// One host answers 503.
    Host(&'static str),
    /// One host answers 503 about one work, for ever.
    Work(&'static str),
}

impl Transport for Away {
    fn send(&self, hop: Outgoing) -> BoxFuture<'_, Result<Incoming, FetchError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = self.since.elapsed();
            let is_away = now >= BEGINS && now < BEGINS + self.lasts;
            let status = match self.what {
                What::Web if is_away => return Err(FetchError::Transport("no route to host".into())),
                What::Host(host) if is_away && hop.url.host_str() == Some(host) => 503,
                What::Work(work) if hop.url.as_str().ends_with(work) => 503,
                _ => 404,
            };
            Ok(Incoming {
                status,
                headers: Default::default(),
                body: RawBody::new(futures_util::stream::empty()),
            })
        })
    }

    fn now_ms(&self) -> u64 {
        0
    }
}

/// A source that asks one host, and says that there is no copy, or that it could not ask.
struct Asking(SourceName, HttpClient, Option<Arc<SourceOutage>>);

impl Source for Asking {
    fn name(&self) -> &SourceName {
        &self.0
    }

    fn ids(&self) -> &[IdKind] {
        &[IdKind::Doi]
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn outage(&self) -> Option<&SourceOutage> {
        self.2.as_deref()
    }

    fn find(&self, ask: Ask) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let url = format!("http://{}.example/{}", self.0.source, ask.work.key());
            let (retries, cost) = (AtomicU32::new(2), RequestCost::default());
            let budget =
                RequestBudget { hops: &Role::Api, clock: &ask.clock, retries: &retries, cost: &cost };
            let request = Request::get(url.parse().expect("a URL"));
            let answer = self.1.fetch(request, 1 << 20, budget).await;
            let result = match answer.map(|answer| answer.head.status) {
                Ok(404) => {
                    self.2.iter().for_each(|outage| outage.answered(true));
                    SourceError::NotFound
                }
                other => {
                    let why = other.map_or_else(|error| error.to_string(), |status| status.to_string());
                    self.2.iter().for_each(|outage| outage.failed(&ask.work.key(), &why));
                    SourceError::Unavailable { retry_after_s: None }
                }
            };
            Answer { result: Err(CallError::Source(result)), report: CallReport::default() }
        })
    }
}

struct Never;

impl Acquire for Never {
    fn acquire<'a>(
        &'a self,
        candidate: &'a Candidate,
        _context: FetchContext<'a>,
        _work: &'a (dyn Fn() -> Arc<Work> + Send + Sync),
        _journal: &'a dyn Journal,
    ) -> BoxFuture<'a, Acquisition> {
        panic!("nothing was proposed, and {} is asked for", candidate.url)
    }

    fn store(&self, _: VerifiedFile, _: String) -> BoxFuture<'_, Result<Artifact, StoreError>> {
        panic!("nothing was accepted, and it is to be stored")
    }
}

/// A run over works of which there is no copy, while something is away for so long.
async fn run(what: What, lasts: Duration) -> (Summary, Duration) {
    let out = tempfile::tempdir().expect("a temporary folder");
    let began = Instant::now();
    let client =
        HttpClient::with_transport(HttpSettings::for_tests(), Box::new(Away { since: began, lasts, what }));
    let outages = SourceOutages::new(PATIENCE);
    let source = |name: &str| {
        let name = SourceName { plugin: "test".into(), source: name.into() };
        let outage = outages.of(&name, Some(&client));
        Arc::new(Asking(name, client.clone(), outage)) as Arc<dyn Source>
    };
    let tier = |name: &str| Tier {
        name: name.into(),
        parallel: 2,
        sources: (0..2).map(|number| source(&format!("{name}{number}"))).collect(),
        skipped: Vec::new(),
    };
    let run = Run {
        id: "run".into(),
        plan: Arc::new(Plan {
            artifacts: Artifacts::default(),
            copies: CopyPolicy::default(),
            tiers: vec![tier("a"), tier("b")],
            facts: Vec::new(),
            titles: Vec::new(),
            budgets: Budgets {
                total: Duration::from_secs(120),
                max_attempts: 20,
                max_concurrent: 3,
                hedge: Duration::from_secs(3),
            },
            together: Together::default(),
            in_order: false,
        }),
        acquirer: Arc::new(Never),
        reporter: Arc::new(()),
        workers: 4,
        in_hand: 16,
        again: false,
        reach: Some(client.reach()),
        network: Some(client.clone()),
        ledger: LedgerClient::off(),
        maintenance: None,
        stop: CancellationToken::new(),
        drain: CancellationToken::new(),
    };
    let works = (0..WORKS).map(|number| {
        let id = format!("10.5555/away.{number}");
        let work = Work::new(id.parse().expect("a DOI"));
        InputItem::Work(WorkRequest { input: id, entry: None, work })
    });
    let summary = run.go(works.collect::<Vec<_>>().into_iter(), out.path()).await.expect("a run");
    (summary, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn two_hours_without_a_web_change_nothing_but_the_time() {
    let (there, short) = run(What::Web, Duration::ZERO).await;
    assert_eq!((there.no_copy, there.failed), (WORKS.into(), 0));
    assert!(short > BEGINS, "the web is gone in the middle of it: {short:?}");
    let (away, long) = run(What::Web, LASTS).await;
    assert_eq!(away, there);
    assert!(long >= LASTS && long < LASTS + short + Duration::from_secs(120), "{long:?}, and {short:?}");
}

#[tokio::test(start_paused = true)]
async fn twenty_minutes_without_a_source_change_nothing_but_the_time() {
    let lasts = Duration::from_secs(20 * 60);
    for host in ["a0.example", "b1.example"] {
        let (there, short) = run(What::Host(host), Duration::ZERO).await;
        assert_eq!((there.no_copy, there.failed), (WORKS.into(), 0));
        let (mut away, long) = run(What::Host(host), lasts).await;
        // Those that were asked about it while it was away are told of.
        away.failed_sources.clear();
        assert_eq!(away, there, "{host}");
        // Its breaker is open for up to ten minutes, and is what it is waited for last.
        assert!(long >= lasts && long < lasts + short + Duration::from_secs(11 * 60), "{long:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_gone_for_good_is_waited_for_once_and_then_its_works_fail() {
    let (gone, long) = run(What::Host("a0.example"), Duration::from_secs(30 * 24 * 60 * 60)).await;
    assert!(
        gone.no_copy > 0 && gone.failed > 0 && gone.no_copy + gone.failed == u64::from(WORKS),
        "{gone:?}"
    );
    assert!(long >= PATIENCE && long < PATIENCE + Duration::from_secs(10 * 60), "{long:?}");
}

#[tokio::test(start_paused = true)]
async fn one_work_that_a_source_never_answers_holds_up_nobody() {
    let (there, short) = run(What::Host("a0.example"), Duration::ZERO).await;
    let (poisoned, long) = run(What::Work("away.100"), Duration::ZERO).await;
    assert_eq!((poisoned.failed, poisoned.no_copy), (1, there.no_copy - 1));
    assert!(long < short + Duration::from_secs(60), "{long:?}, and {short:?}");
}
