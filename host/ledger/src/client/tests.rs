use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::connection::{LedgerClientError, LedgerClientSettings, OnFailure, PAUSE, Probe};
use super::lease_task::MAX_DELAY;
use super::{Effect, LeaseHandle, LedgerClient, LedgerOperation};
use crate::contract::Ledger;
use crate::engine::Engine;
use crate::error::LedgerError;
use crate::job::{Ending, Enqueued, JobDetails};
use crate::op::{OpKind, OpOutcome, OpStatus};
use crate::protocol::TxRequest;
use crate::sqlite::{SqliteLedger, SqliteSettings};
use crate::state::{State, Step};
use crate::testing::{LEASE, ManualClock, TestLedger as _, job, rules};

/// A ledger that can be made to fail.
#[derive(Debug)]
struct Flaky {
    ledger: SqliteLedger,
    mode: AtomicU8,
    /// Writes that were requested, in whatever mode.
    requests: AtomicU32,
    /// Those of them that have their reply.
    replies: AtomicU32,
    /// The number of the write whose reply is lost, though it was done.
    lost_reply: AtomicU32,
}

const WORKING: u8 = 0;
const UNAVAILABLE: u8 = 1;
const HANGING: u8 = 2;

impl Engine for Flaky {
    async fn write<Q: TxRequest>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = match self.mode.load(Ordering::SeqCst) {
            UNAVAILABLE => Err(LedgerError::Unavailable("the server is away".to_owned())),
            HANGING => std::future::pending().await,
            _ => self.ledger.write(request).await,
        };
        self.replies.fetch_add(1, Ordering::SeqCst);
        if number == self.lost_reply.load(Ordering::SeqCst) {
            return Err(LedgerError::Unavailable("the connection broke".to_owned()));
        }
        answer
    }

    async fn read<Q: TxRequest>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        self.ledger.read(request).await
    }

    async fn flush_events(&self) {
        self.ledger.flush_events().await;
    }

    fn lost_events(&self) -> u64 {
        self.ledger.lost_events()
    }

    async fn shut_down(&self) {
        self.ledger.shut_down().await;
    }
}

struct Fixture {
    flaky: Arc<Flaky>,
    clock: Arc<ManualClock>,
    client: LedgerClient,
    /// What the probe was called with.
    points: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl Fixture {
    async fn new(on_failure: OnFailure) -> Self {
        // Paused time moves on by itself whenever the runtime is idle, and it is idle while it waits for the
        // writer's thread. This keeps it busy, so that time moves only when a test says so.
        tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new());
        let settings = SqliteSettings {
            path: folder.path().join("ledger.sqlite"),
            rules: rules(),
            clock: clock.clone(),
            timeout: Duration::from_secs(5),
            create: true,
            upgrade: false,
            durable: true,
        };
        let ledger = SqliteLedger::open(settings).await.unwrap();
        let flaky = Arc::new(Flaky {
            ledger,
            mode: AtomicU8::new(WORKING),
            requests: AtomicU32::new(0),
            replies: AtomicU32::new(0),
            lost_reply: AtomicU32::new(0),
        });
        let points = Arc::new(Mutex::new(Vec::new()));
        let probed = Arc::clone(&points);
        let settings = LedgerClientSettings {
            probe: Some(Probe(Arc::new(move |point| probed.lock().unwrap().push(point.to_owned())))),
            ..settings_of(on_failure)
        };
        let opening = std::future::ready(Ok(flaky.clone() as Arc<dyn Ledger>));
        let client = LedgerClient::open(opening, settings).await.unwrap();
        Self { flaky, clock, client, points, folder }
    }

    fn set_mode(&self, mode: u8) {
        self.flaky.mode.store(mode, Ordering::SeqCst);
    }

    /// Moves both clocks.
    async fn pass(&self, time: Duration) {
        // What was sent before this is executed before this: a request that the writer's thread is at would take all
        // of this time otherwise, and more than the client's timeout.
        tokio::task::yield_now().await;
        wait_until("every answer has come", async || {
            let open = self.flaky.requests.load(Ordering::SeqCst) - self.flaky.replies.load(Ordering::SeqCst);
            open == 0 || self.flaky.mode.load(Ordering::SeqCst) == HANGING
        })
        .await;
        self.clock.go_forward(time);
        tokio::time::advance(time).await;
    }

    async fn state(&self) -> State {
        self.details().await.job.state
    }

    async fn details(&self) -> JobDetails {
        self.flaky.show(&job(1).key()).await.unwrap().unwrap()
    }

    /// Waits until the ledger has recorded this state of the job.
    async fn wait_for_state(&self, state: State) {
        wait_until(&format!("the job is {state}"), async || self.state().await == state).await;
    }

    /// Waits until this many writes have been requested.
    async fn wait_for_requests(&self, times: u32) {
        wait_until("the ledger is asked", async || self.flaky.requests.load(Ordering::SeqCst) >= times).await;
    }

    async fn enqueue(&self) -> LeaseHandle {
        self.enqueue_as("a").await
    }

    async fn enqueue_as(&self, owner: &str) -> LeaseHandle {
        match self.client.enqueue(|| job(1), owner).await {
            Ok(Enqueued::Leased(handle)) => handle,
            other => panic!("{other:?}"),
        }
    }

    fn missed(&self, operation: LedgerOperation) -> u64 {
        let counts = self.client.failures().unwrap().counts();
        counts.iter().find(|(known, _)| *known == operation).unwrap().1
    }
}

#[tokio::test]
async fn a_client_without_a_ledger_lets_everything_through_and_asks_nobody() {
    let client = LedgerClient::off();
    assert!(!client.is_on() && client.ledger().is_none() && client.failures().is_none());
    let Ok(Enqueued::Leased(handle)) = client.enqueue(|| job(1), "a").await else { panic!("closed") };
    assert!(handle.lease().is_none());
    assert_eq!(perform_all(&handle).await.unwrap(), KINDS, "nothing is replayed, everything is done");
    handle.release().await.unwrap();
    client.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_ledger_records_everything() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    assert_eq!(perform_all(&handle).await.unwrap(), KINDS);
    handle.release().await.unwrap();
    assert_eq!(fixture.state().await, State::Indexed);
    assert_eq!(fixture.client.failures().unwrap().total(), 0);
    let admission = fixture.client.enqueue(|| job(1), "a").await.unwrap();
    assert!(
        matches!(admission, Enqueued::Over { state: State::Indexed, result: Some(_), .. }),
        "{admission:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_commands_of_a_work_share_commits() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    perform_all(&handle).await.unwrap();
    handle.release().await.unwrap();
    let commits = [
        &["plan", "lease"][..],
        &["begin HEAD", "complete HEAD", "begin STREAM", "complete STREAM", "begin FINALIZE"],
        &["complete FINALIZE", "begin INDEX"],
        &["complete INDEX", "release"],
    ];
    let sides = |points: &&[&str]| {
        ["before", "after"]
            .map(|side| points.iter().map(|point| format!("{point} {side}")).collect::<Vec<_>>())
    };
    let expected: Vec<String> = commits.iter().flat_map(sides).flatten().collect();
    assert_eq!(*fixture.points.lock().unwrap(), expected);
    assert_eq!(fixture.flaky.requests.load(Ordering::SeqCst), commits.len() as u32);
}

#[tokio::test(start_paused = true)]
async fn a_download_waits_for_no_ledger_and_is_recorded_before_long() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    effect(&handle, OpKind::Head).await.unwrap();
    handle.mark(Step::ResumeOk);
    assert!(matches!(handle.begin(OpKind::Stream, context()).await, Ok(Effect::Run(_))));
    assert_eq!(fixture.state().await, State::Leased);
    fixture.pass(MAX_DELAY).await;
    fixture.wait_for_state(State::Streaming).await;
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_worker_fetched_is_known_from_the_lease() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    effect(&handle, OpKind::Head).await.unwrap();
    effect(&handle, OpKind::Stream).await.unwrap();
    handle.release().await.unwrap();
    let handle = fixture.enqueue_as("b").await;
    fixture.set_mode(UNAVAILABLE);
    let again = handle.begin(OpKind::Stream, context()).await.unwrap();
    assert!(matches!(&again, Effect::Replay(result) if result["did"] == "STREAM"), "{again:?}");
    let other = handle.begin(OpKind::Stream, json!({"url": "https://example.org/other.pdf"})).await.unwrap();
    assert!(matches!(other, Effect::Run(_)), "{other:?}");
}

#[tokio::test]
async fn a_ledger_that_cannot_be_opened_is_a_warning_or_an_error_as_the_settings_say() {
    let broken = || {
        std::future::ready(Err(LedgerError::Open {
            place: "/nowhere/ledger.sqlite".to_owned(),
            why: "no such folder".to_owned(),
        }))
    };
    let client = LedgerClient::open(broken(), settings_of(OnFailure::Degrade)).await.unwrap();
    assert!(!client.is_on());
    let Ok(Enqueued::Leased(handle)) = client.enqueue(|| job(1), "a").await else { panic!("closed") };
    assert_eq!(perform_all(&handle).await.unwrap(), KINDS);
    assert!(client.take_next("a").await.is_err(), "without a ledger there is no queue");
    let counts = client.failures().unwrap().counts();
    assert_eq!((counts[0], counts[1]), ((LedgerOperation::Open, 1), (LedgerOperation::Plan, 1)));

    let aborted = LedgerClient::open(broken(), settings_of(OnFailure::Abort)).await.unwrap_err();
    assert!(matches!(aborted, LedgerError::Open { .. }));
}

#[tokio::test(start_paused = true)]
async fn whichever_answer_fails_to_come_the_work_is_done_once_and_recorded() {
    // The first is planning and leasing: without its reply there is no lease to record under.
    for lost_reply in 2.. {
        let fixture = Fixture::new(OnFailure::Degrade).await;
        fixture.flaky.lost_reply.store(lost_reply, Ordering::SeqCst);
        let handle = fixture.enqueue().await;
        for kind in KINDS {
            assert_eq!(effect(&handle, kind).await.unwrap(), Some(kind));
            fixture.pass(PAUSE).await;
        }
        handle.release().await.unwrap();
        fixture.pass(PAUSE).await;
        fixture.wait_for_state(State::Indexed).await;
        if fixture.flaky.requests.load(Ordering::SeqCst) < lost_reply {
            assert!(lost_reply > 4, "an end, a finalize and an index are each written");
            return;
        }
        let details = fixture.details().await;
        assert_eq!(details.job.state, State::Indexed, "after the answer to write {lost_reply} was lost");
        assert!(
            details.ops.iter().all(|op| op.status == OpStatus::Done && op.tries == 1),
            "{:?}",
            details.ops
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_away_from_any_moment_on_does_not_end_the_work() {
    for wait in 0..=KINDS.len() {
        let fixture = Fixture::new(OnFailure::Degrade).await;
        if wait == 0 {
            fixture.set_mode(UNAVAILABLE);
        }
        let handle = fixture.enqueue().await;
        for (number, kind) in KINDS.into_iter().enumerate() {
            if number + 1 == wait {
                fixture.set_mode(UNAVAILABLE);
            }
            assert_eq!(effect(&handle, kind).await.unwrap(), Some(kind));
        }
        handle.release().await.unwrap();
        let failures = fixture.client.failures().unwrap();
        assert!(failures.total() > 0, "the counters show it");
        assert_eq!(fixture.missed(LedgerOperation::Plan), u64::from(wait == 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_ledger_missed_while_it_was_away_is_recorded_when_it_is_back() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    fixture.set_mode(UNAVAILABLE);
    handle.mark(Step::ResumeOk);
    effect(&handle, OpKind::Stream).await.unwrap();
    effect(&handle, OpKind::Finalize).await.unwrap();
    assert_eq!(fixture.state().await, State::Leased);
    fixture.set_mode(WORKING);
    fixture.pass(PAUSE).await;
    effect(&handle, OpKind::Index).await.unwrap();
    handle.release().await.unwrap();
    assert_eq!(fixture.state().await, State::Indexed);
}

#[tokio::test(start_paused = true)]
async fn an_ending_that_a_ledger_missed_is_recorded_later() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    effect(&handle, OpKind::Head).await.unwrap();
    fixture.pass(MAX_DELAY).await;
    fixture.wait_for_state(State::HeadDone).await;
    fixture.set_mode(UNAVAILABLE);
    for kind in &KINDS[1..] {
        effect(&handle, *kind).await.unwrap();
    }
    handle.release().await.unwrap();
    let requests = fixture.flaky.requests.load(Ordering::SeqCst);
    fixture.pass(PAUSE).await;
    fixture.wait_for_requests(requests + 1).await;
    assert_eq!(fixture.state().await, State::HeadDone);
    fixture.set_mode(WORKING);
    let closing = fixture.client.close();
    let (_, ()) = tokio::join!(closing, fixture.pass(PAUSE));
    let known = Connection::open(fixture.folder.path().join("ledger.sqlite")).unwrap();
    let state: String = known.query_row("SELECT state FROM jobs", [], |row| row.get(0)).unwrap();
    assert_eq!(state, "INDEXED");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_does_not_wait_for_ever_for_a_dead_ledger() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    fixture.set_mode(UNAVAILABLE);
    handle.finish(Ending::Exhausted { result: json!({}) }).await.unwrap();
    let (_, ()) = tokio::join!(fixture.client.close(), async {
        for _ in 0..3 {
            fixture.pass(PAUSE).await;
        }
    });
    assert!(fixture.missed(LedgerOperation::Finish) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_dead_ledger_is_not_asked_at_every_step() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    fixture.set_mode(UNAVAILABLE);
    let before = fixture.flaky.requests.load(Ordering::SeqCst);
    perform_all(&handle).await.unwrap();
    assert_eq!(fixture.flaky.requests.load(Ordering::SeqCst), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_hangs_is_waited_for_only_so_long() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    fixture.set_mode(HANGING);
    let begun = handle.begin(OpKind::Finalize, context());
    let (begun, ()) = tokio::join!(begun, async {
        // The request is sent before the time passes.
        fixture.wait_for_requests(2).await;
        fixture.pass(Duration::from_secs(30)).await;
    });
    assert!(matches!(begun, Ok(Effect::Run(_))), "{begun:?}");
    assert_eq!(fixture.missed(LedgerOperation::Mark), 1);
}

#[tokio::test(start_paused = true)]
async fn with_abort_the_first_failure_ends_the_work() {
    let fixture = Fixture::new(OnFailure::Abort).await;
    let handle = fixture.enqueue().await;
    fixture.set_mode(UNAVAILABLE);
    let begun = handle.begin(OpKind::Head, context()).await;
    assert!(matches!(begun, Err(LedgerClientError::Failed(LedgerError::Unavailable(_)))), "{begun:?}");
    assert!(matches!(handle.stopped().await, LedgerClientError::Failed(_)));
    assert!(perform_all(&handle).await.is_err());
    let refused = fixture.client.enqueue(|| job(2), "a").await;
    assert!(matches!(refused, Err(LedgerClientError::Failed(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_mark_does_not_end_the_work() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    // Nothing was streamed, so there is nothing to finalize: the ledger refuses, now and later.
    effect(&handle, OpKind::Finalize).await.unwrap();
    assert_eq!(fixture.missed(LedgerOperation::Mark), 1);
    effect(&handle, OpKind::Head).await.unwrap();
    fixture.pass(MAX_DELAY).await;
    // The ledger works, so there is no pause.
    fixture.wait_for_state(State::HeadDone).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_while_its_handle_lives_and_not_longer() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    for _ in 0..20 {
        fixture.pass(LEASE / 3).await;
        let renewed = fixture.clock_now() + LEASE.as_millis() as i64;
        wait_until("the lease is renewed", async || fixture.details().await.job.ready_at == Some(renewed))
            .await;
    }
    assert!(matches!(fixture.client.enqueue(|| job(1), "b").await.unwrap(), Enqueued::Held { .. }));
    drop(handle);
    fixture.pass(LEASE).await;
    let taken = fixture.flaky.lease(&job(1).key(), "b").await.unwrap();
    assert!(matches!(taken, Enqueued::Leased(_)), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_slept_past_its_lease_is_stopped_even_where_failures_are_forgiven() {
    for asks in [true, false] {
        let fixture = Fixture::new(OnFailure::Degrade).await;
        let handle = fixture.enqueue().await;
        // Asleep: the wall clock goes on, the process's own timers do not.
        fixture.clock.go_forward(LEASE);
        let other = fixture.flaky.lease(&job(1).key(), "b").await.unwrap();
        assert!(matches!(other, Enqueued::Leased(_)));
        if asks {
            handle.mark(Step::Stream);
            assert!(matches!(
                handle.begin(OpKind::Finalize, json!({})).await,
                Err(LedgerClientError::Lost(_))
            ));
        } else {
            // It finds out at its next renewal.
            tokio::time::advance(LEASE / 3).await;
        }
        assert!(matches!(handle.stopped().await, LedgerClientError::Lost(_)));
        assert!(matches!(handle.begin(OpKind::Index, json!({})).await, Err(LedgerClientError::Lost(_))));
        let failed = Ending::Failed { reason: "late".to_owned(), retryable: true };
        assert_eq!(handle.finish(failed).await, Err(LedgerClientError::Lost(job(1).key())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_lease_may_have_run_out_asks_before_it_fetches() {
    let fixture = Fixture::new(OnFailure::Degrade).await;
    let handle = fixture.enqueue().await;
    fixture.set_mode(UNAVAILABLE);
    // No renewal succeeds for a whole lease, and then another worker has the job.
    fixture.pass(LEASE).await;
    fixture.flaky.ledger.write(crate::protocol::Recover).await.unwrap();
    fixture.set_mode(WORKING);
    fixture.pass(PAUSE).await;
    let begun = handle.begin(OpKind::Stream, context()).await;
    assert!(matches!(begun, Err(LedgerClientError::Lost(_))), "{begun:?}");
}

impl Fixture {
    fn clock_now(&self) -> i64 {
        use crate::clock::Clock as _;
        self.clock.now_ms()
    }
}

const KINDS: [OpKind; 4] = [OpKind::Head, OpKind::Stream, OpKind::Finalize, OpKind::Index];

/// Waits for what another thread does, which takes real time and none of the paused clock's.
async fn wait_until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for a minute until {what}");
        tokio::task::yield_now().await;
    }
}

/// Has every side effect that a work needs. Returns those that were not replayed.
async fn perform_all(handle: &LeaseHandle) -> Result<Vec<OpKind>, LedgerClientError> {
    let mut done = Vec::new();
    for kind in KINDS {
        done.extend(effect(handle, kind).await?);
    }
    Ok(done)
}

async fn effect(handle: &LeaseHandle, kind: OpKind) -> Result<Option<OpKind>, LedgerClientError> {
    match handle.begin(kind, context()).await? {
        Effect::Replay(_) => Ok(None),
        Effect::Run(pending) => {
            let outcome = OpOutcome::Done { result: json!({"did": kind.label()}).into(), artifact: None };
            handle.complete(pending, outcome);
            Ok(Some(kind))
        }
    }
}

fn context() -> Value {
    json!({"url": "https://example.org/paper.pdf"})
}

fn settings_of(on_failure: OnFailure) -> LedgerClientSettings {
    LedgerClientSettings { on_failure, lease: LEASE, timeout: Duration::from_secs(30), probe: None }
}
