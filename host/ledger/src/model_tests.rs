//! Random histories, checked against a model: several workers, crashes, late writes, clocks that jump. Whatever
//! happens, nothing goes backwards, no job has two owners, no job is lost, no effect happens twice, and a stale fence
//! writes nothing.
//!
//! A longer run: `TIERFALL_HISTORIES=20000 cargo test -p tierfall-ledger --all-features model_tests`.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::clock::Clock as _;
use crate::error::LedgerError;
use crate::event::{EventFilter, EventKind};
use crate::job::{Ending, Enqueued, JobFilter, JobRecord, Lease, Retry};
use crate::key::JobKey;
use crate::op::{Begun, OpKind, OpOutcome};
use crate::state::{State, Step, successors};
use crate::testing::{EngineKind, LEASE, World, job, op, readable, rules};

/// How many jobs and workers a history has: few, so that they meet.
const JOBS: u32 = 3;
const WORKERS: usize = 3;

#[derive(Clone, Debug)]
enum Action {
    Plan(u32),
    TakeNext(usize),
    Take(usize, u32),
    /// By the worker's latest lease, or by an older one that it should have forgotten.
    Write(usize, Late, Write),
    /// The worker is gone, and a new one of another name comes.
    Crash(usize),
    /// Seconds, backwards if negative.
    MoveClock(i64),
    Recover,
    Retry(State),
    Reopen(u32),
}

#[derive(Clone, Copy, Debug)]
enum Late {
    No,
    Yes,
}

#[derive(Clone, Debug)]
enum Write {
    Renew,
    Advance(Step),
    Begin(OpKind),
    Complete(bool),
    Finish(Ending),
    Release,
}

/// What must be true of the ledger.
#[derive(Default)]
struct Model {
    /// The highest fence of each job, and when its lease ends; `None` once the lease has ended it.
    leases: BTreeMap<JobKey, (i64, Option<i64>)>,
    /// Effects that succeeded, until their file is lost.
    succeeded: HashSet<(JobKey, OpKind)>,
    planned: HashSet<JobKey>,
    last: BTreeMap<String, JobRecord>,
}

#[derive(Default)]
struct Worker {
    life: u32,
    leases: Vec<(Lease, Option<OpKind>)>,
}

#[cfg(feature = "sqlite")]
#[test]
fn no_history_loses_a_job_or_does_anything_twice_in_sqlite() {
    check(EngineKind::Sqlite, 96);
}

#[cfg(feature = "postgres")]
#[test]
fn no_history_loses_a_job_or_does_anything_twice_in_postgres() {
    check(EngineKind::Postgres, 24);
}

fn check(engine: EngineKind, cases: u32) {
    let cases = std::env::var("TIERFALL_HISTORIES").ok().and_then(|more| more.parse().ok()).unwrap_or(cases);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let histories = proptest::collection::vec(action(), 1..80);
    let ran = runner.run(&histories, |history| {
        runtime.block_on(async {
            if let Some(world) = World::new(engine).await {
                run_actions(&world, &history).await;
            }
        });
        Ok(())
    });
    if let Err(error) = ran {
        panic!("{error}");
    }
}

async fn run_actions(world: &World, history: &[Action]) {
    let mut model = Model::default();
    let mut workers: Vec<Worker> = (0..WORKERS).map(|_| Worker::default()).collect();
    for action in history {
        act(world, &mut model, &mut workers, action).await;
        model.observe(world).await;
    }
    model.check_events(world).await;
    finish_everything(world, &model).await;
}

async fn act(world: &World, model: &mut Model, workers: &mut [Worker], action: &Action) {
    let ledger = &world.ledger;
    match action {
        Action::Plan(number) => {
            model.planned.insert(world.plan(*number).await);
        }
        Action::TakeNext(worker) => {
            let owner = workers[*worker].name(*worker);
            if let Some(lease) = ledger.lease_next(&owner).await.unwrap() {
                model.check_lease(world, &lease);
                workers[*worker].leases.push((lease, None));
            }
        }
        Action::Take(worker, number) => {
            let owner = workers[*worker].name(*worker);
            match ledger.lease(&job(*number).key(), &owner).await {
                Ok(Enqueued::Leased(lease)) => {
                    model.check_lease(world, &lease);
                    workers[*worker].leases.push((lease, None));
                }
                Ok(Enqueued::Held { until, .. }) => assert!(until.at > world.clock.now_ms()),
                Ok(Enqueued::Later { at, .. }) => assert!(at.at > world.clock.now_ms()),
                Ok(Enqueued::Parked { until }) => assert!(until.at > world.clock.now_ms()),
                Ok(Enqueued::Over { .. }) => {}
                Ok(Enqueued::SetAside { why }) => panic!("{why}"),
                Err(error) => assert!(matches!(error, LedgerError::UnknownJob(_)), "{error}"),
            }
        }
        Action::Write(worker, late, write) => {
            let leases = &mut workers[*worker].leases;
            let at = match late {
                Late::No => leases.len().checked_sub(1),
                Late::Yes => leases.len().checked_sub(2),
            };
            if let Some((lease, begun)) = at.and_then(|at| leases.get_mut(at)) {
                model.check_write(world, lease, begun, write).await;
            }
        }
        Action::Crash(worker) => {
            // Its leases stay, to write late with.
            workers[*worker].life += 1;
        }
        Action::MoveClock(seconds) if *seconds < 0 => {
            world.clock.go_back(Duration::from_secs(seconds.unsigned_abs()))
        }
        Action::MoveClock(seconds) => world.clock.go_forward(Duration::from_secs(seconds.unsigned_abs())),
        Action::Recover => {
            ledger.recover().await.unwrap();
        }
        Action::Retry(state) => {
            ledger.retry(Retry::All(*state)).await.unwrap();
        }
        Action::Reopen(number) => {
            let key = job(*number).key();
            if ledger.reopen(&key, "its file is gone").await.unwrap() {
                model.lost(&key);
            }
        }
    }
}

impl Worker {
    fn name(&self, number: usize) -> String {
        format!("worker {number}, life {}", self.life)
    }
}

impl Model {
    fn check_lease(&mut self, world: &World, lease: &Lease) {
        let now = world.clock.now_ms();
        if let Some((fence, until)) = self.leases.get(lease.job()) {
            assert!(lease.fence() > *fence, "a fence only grows");
            assert!(
                until.is_none_or(|until| until <= now),
                "a job that is held is not given to a second owner"
            );
        }
        self.leases.insert(lease.job().clone(), (lease.fence(), Some(lease.expires_at)));
    }

    fn lost(&mut self, key: &JobKey) {
        self.succeeded.retain(|(job, kind)| job != key || *kind == OpKind::Head);
    }

    /// A write succeeds only under the highest fence, while its lease lasts.
    async fn check_write(&mut self, world: &World, lease: &Lease, begun: &mut Option<OpKind>, write: &Write) {
        let key = lease.job().clone();
        let now = world.clock.now_ms();
        let (fence, until) = self.leases[&key];
        let latest = fence == lease.fence();
        let held = latest && until.is_some_and(|until| until > now);
        let answer = match write {
            Write::Renew => world.ledger.renew(lease).await.map(|until| {
                self.leases.insert(key.clone(), (fence, Some(until)));
            }),
            Write::Advance(step) => world.advance(lease, *step).await.map(drop),
            Write::Begin(kind) => world.try_begin(lease, op(lease, *kind)).await.map(|answer| {
                let before = self.succeeded.contains(&(key.clone(), *kind));
                assert_eq!(
                    before,
                    matches!(answer, Begun::Replay(_)),
                    "an effect that succeeded is replayed for good: {kind}"
                );
                if answer == Begun::Run {
                    *begun = Some(*kind);
                }
            }),
            Write::Complete(success) => {
                let Some(kind) = *begun else { return };
                let outcome = if *success {
                    OpOutcome::Done { result: json!({}).into(), artifact: None }
                } else {
                    OpOutcome::Failed { error: "reset".to_owned() }
                };
                let again = self.succeeded.contains(&(key.clone(), kind));
                let answer = world.complete(lease, op(lease, kind), outcome).await;
                if let Ok(state) = answer {
                    if *success {
                        self.succeeded.insert((key.clone(), kind));
                    }
                    self.ended(&key, fence, state);
                }
                // Sent again after the lease ended: the first reply stands.
                if latest && again && answer.is_ok() {
                    return;
                }
                answer.map(drop)
            }
            Write::Finish(ending) => world.finish(lease, ending.clone()).await.map(|(state, _)| {
                if held && matches!(ending, Ending::Lost { .. }) {
                    self.lost(&key);
                }
                self.ended(&key, fence, state);
            }),
            Write::Release => world.release(lease).await.map(|()| {
                self.leases.insert(key.clone(), (fence, None));
            }),
        };
        match answer {
            // From the lease that ended the job itself, these repeat what is done already.
            Ok(()) => {
                let repeated =
                    latest && until.is_none() && matches!(write, Write::Finish(_) | Write::Release);
                assert!(held || repeated, "{write:?} under fence {} of {fence}", lease.fence());
            }
            Err(LedgerError::Stale { .. }) => assert!(!held, "{write:?} was refused to the holder"),
            Err(error) => assert!(error.is_refusal() && held, "{write:?}: {error}"),
        }
    }

    fn ended(&mut self, key: &JobKey, fence: i64, state: State) {
        if state.is_ending() {
            self.leases.insert(key.clone(), (fence, None));
        }
    }

    /// Compares every job with how it was before.
    async fn observe(&mut self, world: &World) {
        let now = world.clock.now_ms();
        let jobs =
            readable(world.ledger.list(JobFilter { state: None, after: 0, limit: 100 }).await.unwrap());
        assert_eq!(jobs.len(), self.planned.len(), "no job is lost, and none comes from nowhere");
        for job in jobs {
            let key = JobKey::from_hex(&job.key).unwrap();
            if let (None, Some((_, until))) = (&job.owner, self.leases.get_mut(&key)) {
                assert!(until.is_none_or(|until| until <= now), "only a lease that has run out is cleared");
                // For good, even if the clock goes back.
                *until = None;
            }
            if let Some(before) = self.last.get(&job.key) {
                assert!(job.fence >= before.fence);
                let new_attempt = job.fence > before.fence || before.state.is_ending();
                assert!(job.state >= before.state || new_attempt, "{} > {}", before.state, job.state);
            }
            assert!(job.attempts <= rules().schedule.max_attempts);
            let never = job.ready_at.is_none();
            assert_eq!(
                never,
                never && job.state.is_ending(),
                "an unfinished job can always be taken some time"
            );
            self.last.insert(job.key.clone(), job);
        }
    }

    /// The recorded events say the same, transition by transition.
    async fn check_events(&self, world: &World) {
        let filter =
            EventFilter { job: None, kind: Some(EventKind::JobStateChanged), after: 0, limit: 10_000 };
        let mut states: BTreeMap<String, State> = BTreeMap::new();
        for event in readable(world.ledger.events(filter).await.unwrap()) {
            let (Some(from), Some(to)) = (event.from, event.to) else {
                panic!("a transition without its states")
            };
            let before = states.insert(event.job, to).unwrap_or(State::Planned);
            assert_eq!(before, from, "no transition is missing");
            assert!(successors(from).contains(&to), "{from} > {to}");
        }
        for (key, job) in &self.last {
            assert_eq!(states.get(key).copied().unwrap_or(State::Planned), job.state);
        }
    }
}

/// However it went, one last worker can still bring every job to its end.
async fn finish_everything(world: &World, model: &Model) {
    let ledger = &world.ledger;
    // Past every lease and every schedule, wherever the clock is.
    world.clock.go_forward(Duration::from_secs(86_400 * 365));
    ledger.recover().await.unwrap();
    for state in [State::Failed, State::Exhausted] {
        ledger.retry(Retry::All(state)).await.unwrap();
    }
    while ledger.next_at().await.unwrap().is_some() {
        match ledger.lease_next("last").await.unwrap() {
            Some(lease) => world.work(&lease).await.unwrap(),
            // Its last worker was lost when it had no attempts left.
            None => assert_eq!(ledger.retry(Retry::All(State::Failed)).await, Ok(0)),
        }
        ledger.retry(Retry::All(State::Failed)).await.unwrap();
        world.clock.go_forward(LEASE);
    }
    for job in readable(ledger.list(JobFilter { state: None, after: 0, limit: 100 }).await.unwrap()) {
        assert!(job.state.is_done(), "{} is {}", job.work_id, job.state);
    }
    assert_eq!(
        ledger.counts().await.unwrap().states.iter().map(|(_, n)| *n).sum::<u64>(),
        model.planned.len() as u64
    );
}

fn action() -> impl Strategy<Value = Action> {
    let worker = 0..WORKERS;
    let number = 0..JOBS;
    prop_oneof![
        2 => number.clone().prop_map(Action::Plan),
        4 => worker.clone().prop_map(Action::TakeNext),
        4 => (worker.clone(), number.clone()).prop_map(|(worker, number)| Action::Take(worker, number)),
        24 => (worker.clone(), prop_oneof![5 => Just(Late::No), 1 => Just(Late::Yes)], write())
            .prop_map(|(worker, late, write)| Action::Write(worker, late, write)),
        1 => worker.prop_map(Action::Crash),
        3 => prop_oneof![-300_i64..0, 0_i64..130, 0_i64..4000].prop_map(Action::MoveClock),
        1 => Just(Action::Recover),
        1 => prop_oneof![Just(State::Failed), Just(State::Exhausted)].prop_map(Action::Retry),
        1 => number.prop_map(Action::Reopen),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    let text = || "503".to_owned();
    prop_oneof![
        1 => Just(Write::Renew),
        2 => prop_oneof![Just(Step::HeadDone), Just(Step::ResumeOk), Just(Step::Stream)].prop_map(Write::Advance),
        8 => proptest::sample::select(OpKind::ALL.to_vec()).prop_map(Write::Begin),
        8 => prop_oneof![3 => Just(true), 1 => Just(false)].prop_map(Write::Complete),
        2 => prop_oneof![
            3 => any::<bool>().prop_map(move |retryable| Ending::Failed { reason: text(), retryable }),
            1 => Just(Ending::Postponed { reason: text() }),
            1 => Just(Ending::Exhausted { result: json!({}) }),
            1 => Just(Ending::Duplicate { of: job(9).key(), result: json!({}) }),
            1 => Just(Ending::Lost { reason: "gone".to_owned() }),
        ]
        .prop_map(Write::Finish),
        1 => Just(Write::Release),
    ]
}
