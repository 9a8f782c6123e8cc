use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::lease_task::LINGER;
use super::{
    Admission, Effect, LeaseHandle, LedgerClient, LedgerClientError, LedgerClientSettings, LedgerOperation,
    OnFailure, PAUSE, Probe,
};
use crate::contract::Ledger;
use crate::engine::Engine;
use crate::error::LedgerError;
use crate::job::{Ending, Enqueued, JobDetails};
use crate::op::{OpKind, OpStatus, Outcome};
use crate::protocol::Command;
use crate::sqlite::{SqliteLedger, SqliteSettings};
use crate::state::{State, Step};
use crate::testing::{LEASE, ManualClock, job, rules};

/// A ledger whose answers can be made to fail.
#[derive(Debug)]
struct Flaky {
    ledger: SqliteLedger,
    mood: AtomicU8,
    /// Writes that were asked for, in whatever mood.
    asked: AtomicU32,
    /// Those of them whose answer has come to whoever asked.
    answered: AtomicU32,
    /// The number of the write whose answer is lost on its way, though it was done.
    deaf_to: AtomicU32,
}

const WELL: u8 = 0;
const AWAY: u8 = 1;
const HANGING: u8 = 2;

impl Engine for Flaky {
    async fn write<Q: Command>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = match self.mood.load(Ordering::SeqCst) {
            AWAY => Err(LedgerError::Unavailable("the server is away".to_owned())),
            HANGING => std::future::pending().await,
            _ => self.ledger.write(request).await,
        };
        self.answered.fetch_add(1, Ordering::SeqCst);
        if number == self.deaf_to.load(Ordering::SeqCst) {
            return Err(LedgerError::Unavailable("the connection broke".to_owned()));
        }
        answer
    }

    async fn read<Q: Command>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        self.ledger.read(request).await
    }

    async fn settle(&self) {
        self.ledger.settle().await;
    }

    fn lost(&self) -> u64 {
        self.ledger.lost()
    }

    async fn shut(&self) {
        self.ledger.shut().await;
    }
}

struct Scene {
    flaky: Arc<Flaky>,
    clock: Arc<ManualClock>,
    gate: LedgerClient,
    /// What the probe was told.
    points: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl Scene {
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
            patience: Duration::from_secs(5),
            create: true,
            upgrade: false,
        };
        let ledger = SqliteLedger::open(settings).await.unwrap();
        let flaky = Arc::new(Flaky {
            ledger,
            mood: AtomicU8::new(WELL),
            asked: AtomicU32::new(0),
            answered: AtomicU32::new(0),
            deaf_to: AtomicU32::new(0),
        });
        let points = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&points);
        let settings = LedgerClientSettings {
            probe: Some(Probe(Arc::new(move |point| told.lock().unwrap().push(point.to_owned())))),
            ..settings_of(on_failure)
        };
        let opening = std::future::ready(Ok(flaky.clone() as Arc<dyn Ledger>));
        let gate = LedgerClient::open(opening, settings).await.unwrap();
        Self { flaky, clock, gate, points, folder }
    }

    fn feel(&self, mood: u8) {
        self.flaky.mood.store(mood, Ordering::SeqCst);
    }

    /// Both clocks.
    async fn pass(&self, time: Duration) {
        // What was said before this is heard before this, and answered: a question that the writer's thread is at
        // would take all of this time otherwise, and more than the gate's patience.
        tokio::task::yield_now().await;
        until("every answer has come", async || {
            let open = self.flaky.asked.load(Ordering::SeqCst) - self.flaky.answered.load(Ordering::SeqCst);
            open == 0 || self.flaky.mood.load(Ordering::SeqCst) == HANGING
        })
        .await;
        self.clock.turn(time);
        tokio::time::advance(time).await;
    }

    async fn state(&self) -> State {
        self.story().await.job.state
    }

    async fn story(&self) -> JobDetails {
        self.flaky.show(&job(1).key()).await.unwrap().unwrap()
    }

    /// Waits until the ledger has heard that the job has come so far.
    async fn comes_to(&self, state: State) {
        until(&format!("the job is {state}"), async || self.state().await == state).await;
    }

    /// Waits until so many writes have been asked for.
    async fn is_asked(&self, times: u32) {
        until("the ledger is asked", async || self.flaky.asked.load(Ordering::SeqCst) >= times).await;
    }

    async fn enqueue(&self) -> LeaseHandle {
        self.enter_as("a").await
    }

    async fn enter_as(&self, owner: &str) -> LeaseHandle {
        match self.gate.enqueue(|| job(1), owner).await {
            Ok(Admission::Go(grip)) => grip,
            other => panic!("{other:?}"),
        }
    }

    fn missed(&self, duty: LedgerOperation) -> u64 {
        let counts = self.gate.tally().unwrap().counts();
        counts.iter().find(|(known, _)| *known == duty).unwrap().1
    }
}

#[tokio::test]
async fn off_is_a_gate_that_lets_everything_through_and_asks_nobody() {
    let gate = LedgerClient::off();
    assert!(!gate.is_on() && gate.ledger().is_none() && gate.tally().is_none());
    let Ok(Admission::Go(grip)) = gate.enqueue(|| job(1), "a").await else { panic!("closed") };
    assert!(grip.lease().is_none());
    assert_eq!(race(&grip).await.unwrap(), KINDS, "nothing is replayed, everything is done");
    grip.release().await.unwrap();
    gate.close().await;
}

#[tokio::test(start_paused = true)]
async fn on_it_tells_the_ledger_everything() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    assert_eq!(race(&grip).await.unwrap(), KINDS);
    grip.release().await.unwrap();
    assert_eq!(scene.state().await, State::Indexed);
    assert_eq!(scene.gate.tally().unwrap().total(), 0);
    let entry = scene.gate.enqueue(|| job(1), "a").await.unwrap();
    assert!(matches!(entry, Admission::Over { state: State::Indexed, result: Some(_), .. }), "{entry:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_a_work_shares_its_commits() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    race(&grip).await.unwrap();
    grip.release().await.unwrap();
    let commits = [
        &["plan", "lease"][..],
        &["begin HEAD", "complete HEAD", "begin STREAM", "complete STREAM", "begin FINALIZE"],
        &["complete FINALIZE", "begin INDEX"],
        &["complete INDEX", "release"],
    ];
    let sides = |words: &&[&str]| {
        ["before", "after"].map(|side| words.iter().map(|word| format!("{word} {side}")).collect::<Vec<_>>())
    };
    let expected: Vec<String> = commits.iter().flat_map(sides).flatten().collect();
    assert_eq!(*scene.points.lock().unwrap(), expected);
    assert_eq!(scene.flaky.asked.load(Ordering::SeqCst), commits.len() as u32);
}

#[tokio::test(start_paused = true)]
async fn a_download_waits_for_no_ledger_and_is_told_to_it_before_long() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    effect(&grip, OpKind::Head).await.unwrap();
    grip.mark(Step::ResumeOk);
    assert!(matches!(grip.begin(OpKind::Stream, context()).await, Ok(Effect::Run(_))));
    assert_eq!(scene.state().await, State::Leased);
    scene.pass(LINGER).await;
    scene.comes_to(State::Streaming).await;
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_worker_fetched_is_known_from_the_lease() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    effect(&grip, OpKind::Head).await.unwrap();
    effect(&grip, OpKind::Stream).await.unwrap();
    grip.release().await.unwrap();
    let grip = scene.enter_as("b").await;
    scene.feel(AWAY);
    let again = grip.begin(OpKind::Stream, context()).await.unwrap();
    assert!(matches!(&again, Effect::Replay(result) if result["did"] == "STREAM"), "{again:?}");
    let other = grip.begin(OpKind::Stream, json!({"url": "https://example.org/other.pdf"})).await.unwrap();
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
    let gate = LedgerClient::open(broken(), settings_of(OnFailure::Degrade)).await.unwrap();
    assert!(!gate.is_on());
    let Ok(Admission::Go(grip)) = gate.enqueue(|| job(1), "a").await else { panic!("closed") };
    assert_eq!(race(&grip).await.unwrap(), KINDS);
    assert!(gate.take_next("a").await.is_err(), "without a ledger there is no queue");
    let counts = gate.tally().unwrap().counts();
    assert_eq!((counts[0], counts[1]), ((LedgerOperation::Open, 1), (LedgerOperation::PlanJobs, 1)));

    let aborted = LedgerClient::open(broken(), settings_of(OnFailure::Abort)).await.unwrap_err();
    assert!(matches!(aborted, LedgerError::Open { .. }));
}

#[tokio::test(start_paused = true)]
async fn whichever_answer_fails_to_come_the_work_is_done_once_and_recorded() {
    // The first is planning and leasing: without its answer there is no lease to record under.
    for deaf_to in 2.. {
        let scene = Scene::new(OnFailure::Degrade).await;
        scene.flaky.deaf_to.store(deaf_to, Ordering::SeqCst);
        let grip = scene.enqueue().await;
        for kind in KINDS {
            assert_eq!(effect(&grip, kind).await.unwrap(), Some(kind));
            scene.pass(PAUSE).await;
        }
        grip.release().await.unwrap();
        scene.pass(PAUSE).await;
        scene.comes_to(State::Indexed).await;
        if scene.flaky.asked.load(Ordering::SeqCst) < deaf_to {
            assert!(deaf_to > 4, "an end, a finalize and an index are each told");
            return;
        }
        let story = scene.story().await;
        assert_eq!(story.job.state, State::Indexed, "after the answer to write {deaf_to} was lost");
        assert!(story.ops.iter().all(|op| op.status == OpStatus::Done && op.tries == 1), "{:?}", story.ops);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_away_from_any_moment_on_does_not_end_the_work() {
    for wait in 0..=KINDS.len() {
        let scene = Scene::new(OnFailure::Degrade).await;
        if wait == 0 {
            scene.feel(AWAY);
        }
        let grip = scene.enqueue().await;
        for (number, kind) in KINDS.into_iter().enumerate() {
            if number + 1 == wait {
                scene.feel(AWAY);
            }
            assert_eq!(effect(&grip, kind).await.unwrap(), Some(kind));
        }
        grip.release().await.unwrap();
        let tally = scene.gate.tally().unwrap();
        assert!(tally.total() > 0, "the counters show it");
        assert_eq!(scene.missed(LedgerOperation::PlanJobs), u64::from(wait == 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_ledger_missed_while_it_was_away_it_is_told_when_it_is_back() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    scene.feel(AWAY);
    grip.mark(Step::ResumeOk);
    effect(&grip, OpKind::Stream).await.unwrap();
    effect(&grip, OpKind::Finalize).await.unwrap();
    assert_eq!(scene.state().await, State::Leased);
    scene.feel(WELL);
    scene.pass(PAUSE).await;
    effect(&grip, OpKind::Index).await.unwrap();
    grip.release().await.unwrap();
    assert_eq!(scene.state().await, State::Indexed);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_away_at_the_end_of_a_work_is_told_of_it_later() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    effect(&grip, OpKind::Head).await.unwrap();
    scene.pass(LINGER).await;
    scene.comes_to(State::HeadDone).await;
    scene.feel(AWAY);
    for kind in &KINDS[1..] {
        effect(&grip, *kind).await.unwrap();
    }
    grip.release().await.unwrap();
    let asked = scene.flaky.asked.load(Ordering::SeqCst);
    scene.pass(PAUSE).await;
    scene.is_asked(asked + 1).await;
    assert_eq!(scene.state().await, State::HeadDone);
    scene.feel(WELL);
    let closing = scene.gate.close();
    let (_, ()) = tokio::join!(closing, scene.pass(PAUSE));
    let known = Connection::open(scene.folder.path().join("ledger.sqlite")).unwrap();
    let state: String = known.query_row("SELECT state FROM jobs", [], |row| row.get(0)).unwrap();
    assert_eq!(state, "INDEXED");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_does_not_wait_for_ever_for_a_dead_ledger() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    scene.feel(AWAY);
    grip.finish(Ending::Exhausted { result: json!({}) }).await.unwrap();
    let (_, ()) = tokio::join!(scene.gate.close(), async {
        for _ in 0..3 {
            scene.pass(PAUSE).await;
        }
    });
    assert!(scene.missed(LedgerOperation::Finish) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_dead_ledger_is_not_asked_at_every_step() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    scene.feel(AWAY);
    let before = scene.flaky.asked.load(Ordering::SeqCst);
    race(&grip).await.unwrap();
    assert_eq!(scene.flaky.asked.load(Ordering::SeqCst), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_hangs_is_waited_for_only_so_long() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    scene.feel(HANGING);
    let begun = grip.begin(OpKind::Finalize, context());
    let (begun, ()) = tokio::join!(begun, async {
        // The question is asked before the time passes.
        scene.is_asked(2).await;
        scene.pass(Duration::from_secs(30)).await;
    });
    assert!(matches!(begun, Ok(Effect::Run(_))), "{begun:?}");
    assert_eq!(scene.missed(LedgerOperation::Mark), 1);
}

#[tokio::test(start_paused = true)]
async fn with_abort_the_first_failure_ends_the_work() {
    let scene = Scene::new(OnFailure::Abort).await;
    let grip = scene.enqueue().await;
    scene.feel(AWAY);
    let begun = grip.begin(OpKind::Head, context()).await;
    assert!(matches!(begun, Err(LedgerClientError::Failed(LedgerError::Unavailable(_)))), "{begun:?}");
    assert!(matches!(grip.stopped().await, LedgerClientError::Failed(_)));
    assert!(race(&grip).await.is_err());
    let entered = scene.gate.enqueue(|| job(2), "a").await;
    assert!(matches!(entered, Err(LedgerClientError::Failed(_))), "{entered:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_mark_does_not_end_the_work() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    // Nothing was streamed, so there is nothing to finalize: the ledger says no, now and later.
    effect(&grip, OpKind::Finalize).await.unwrap();
    assert_eq!(scene.missed(LedgerOperation::Mark), 1);
    effect(&grip, OpKind::Head).await.unwrap();
    scene.pass(LINGER).await;
    // The ledger works, and is not left alone for a while.
    scene.comes_to(State::HeadDone).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_kept_while_its_job_is_in_hand_and_not_longer() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    for _ in 0..20 {
        scene.pass(LEASE / 3).await;
        let renewed = scene.clock_now() + LEASE.as_millis() as i64;
        until("the lease is renewed", async || scene.story().await.job.ready_at == Some(renewed)).await;
    }
    assert!(matches!(scene.gate.enqueue(|| job(1), "b").await.unwrap(), Admission::Held { .. }));
    drop(grip);
    scene.pass(LEASE).await;
    let taken = scene.flaky.lease(&job(1).key(), "b").await.unwrap();
    assert!(matches!(taken, Enqueued::Leased(_)), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_slept_past_its_lease_is_stopped_even_where_failures_are_forgiven() {
    for asks in [true, false] {
        let scene = Scene::new(OnFailure::Degrade).await;
        let grip = scene.enqueue().await;
        // Asleep: the world's clock goes on, the process's own timers do not.
        scene.clock.turn(LEASE);
        let other = scene.flaky.lease(&job(1).key(), "b").await.unwrap();
        assert!(matches!(other, Enqueued::Leased(_)));
        if asks {
            grip.mark(Step::Stream);
            assert!(matches!(grip.begin(OpKind::Finalize, json!({})).await, Err(LedgerClientError::Lost(_))));
        } else {
            // It is told so at its next heartbeat.
            tokio::time::advance(LEASE / 3).await;
        }
        assert!(matches!(grip.stopped().await, LedgerClientError::Lost(_)));
        assert!(matches!(grip.begin(OpKind::Index, json!({})).await, Err(LedgerClientError::Lost(_))));
        let failed = Ending::Failed { reason: "late".to_owned(), retryable: true };
        assert_eq!(grip.finish(failed).await, Err(LedgerClientError::Lost(job(1).key())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_lease_may_have_run_out_asks_before_it_fetches() {
    let scene = Scene::new(OnFailure::Degrade).await;
    let grip = scene.enqueue().await;
    scene.feel(AWAY);
    // No heartbeat is answered for a whole lease, and then another worker has the job.
    scene.pass(LEASE).await;
    scene.flaky.ledger.write(crate::protocol::Recover).await.unwrap();
    scene.feel(WELL);
    scene.pass(PAUSE).await;
    let begun = grip.begin(OpKind::Stream, context()).await;
    assert!(matches!(begun, Err(LedgerClientError::Lost(_))), "{begun:?}");
}

impl Scene {
    fn clock_now(&self) -> i64 {
        use crate::clock::Clock as _;
        self.clock.now_ms()
    }
}

const KINDS: [OpKind; 4] = [OpKind::Head, OpKind::Stream, OpKind::Finalize, OpKind::Index];

/// Waits for what another thread brings about, which takes real time and none of the paused.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for a minute until {what}");
        tokio::task::yield_now().await;
    }
}

/// Everything a work needs. Answers with what was really done.
async fn race(grip: &LeaseHandle) -> Result<Vec<OpKind>, LedgerClientError> {
    let mut had = Vec::new();
    for kind in KINDS {
        had.extend(effect(grip, kind).await?);
    }
    Ok(had)
}

async fn effect(grip: &LeaseHandle, kind: OpKind) -> Result<Option<OpKind>, LedgerClientError> {
    match grip.begin(kind, context()).await? {
        Effect::Replay(_) => Ok(None),
        Effect::Run(pending) => {
            let outcome = Outcome::Done { result: json!({"did": kind.label()}), artifact: None };
            grip.complete(pending, outcome);
            Ok(Some(kind))
        }
    }
}

fn context() -> Value {
    json!({"url": "https://example.org/paper.pdf"})
}

fn settings_of(on_failure: OnFailure) -> LedgerClientSettings {
    LedgerClientSettings { on_failure, lease: LEASE, patience: Duration::from_secs(30), probe: None }
}
