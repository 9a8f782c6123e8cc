//! The one thread of this process that writes: many callers' requests share one commit, and each is answered
//! only once that commit is on disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use crate::error::LedgerError;
use crate::history::Event;
use crate::protocol::{Command, TxContext, insert_events};

use super::statements::{Statements, failure};
use super::{Shared, at_once};

/// The way to the writing thread. The thread ends when this is dropped or closed.
#[derive(Debug)]
pub(super) struct Writer {
    door: Sender<Message>,
}

enum Message {
    Task(Box<dyn Task>),
    Settle(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// A request on its way, whatever its kind.
trait Task: Send {
    /// Runs it inside the transaction, and keeps a refusal as its answer. Any other error is the transaction's:
    /// nothing of it may be committed. May be called again after a rollback.
    fn run(&mut self, sql: &mut Statements<'_>, book: &mut TxContext<'_>) -> Result<(), LedgerError>;

    fn answer(self: Box<Self>);

    fn fail(self: Box<Self>, error: LedgerError);
}

struct Queued<Q: Command> {
    request: Q,
    answer: Option<Result<Q::Reply, LedgerError>>,
    to: oneshot::Sender<Result<Q::Reply, LedgerError>>,
}

struct Thread {
    connection: Connection,
    shared: Arc<Shared>,
    inbox: Receiver<Message>,
    /// Which file this is, to notice when the path leads to another.
    file: Option<FileId>,
    events: Vec<Event>,
    /// When the oldest of `events` is due.
    due: Instant,
    /// How long the last commit took.
    commit: Duration,
    /// How many callers there are, as far as the last commit showed: those it answered and those who came
    /// meanwhile.
    callers: usize,
}

/// Requests in one commit: enough for every worker of a machine, few enough that other processes get their turn.
const BATCH: usize = 512;

/// A transaction is ended after this long whatever is still waiting: other processes wait for its lock.
const LONGEST: Duration = Duration::from_millis(20);

/// Events are written this many at once, or this long after the first: what a crash may cost of the history.
const EVENTS: usize = 512;
const EVENTS_WAIT: Duration = Duration::from_millis(200);

/// Events kept in memory while they cannot be written. Beyond it they are lost, and counted.
const EVENTS_KEPT: usize = 100_000;

/// The longest wait for callers to come back before a commit; see `gather`.
const LINGER: Duration = Duration::from_millis(2);

impl Writer {
    pub(super) fn start(connection: Connection, shared: Arc<Shared>) -> Result<Self, LedgerError> {
        let (door, inbox) = channel();
        let thread = Thread {
            file: FileId::of(&shared.settings.path),
            connection,
            shared,
            inbox,
            events: Vec::new(),
            due: Instant::now(),
            commit: Duration::ZERO,
            callers: 0,
        };
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || thread.work())
            .map_err(|error| LedgerError::Unavailable(format!("its thread cannot be started: {error}")))?;
        Ok(Self { door })
    }

    pub(super) async fn submit<Q: Command>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        let (to, answer) = oneshot::channel();
        let asked = Message::Task(Box::new(Queued { request, answer: None, to }));
        self.door.send(asked).map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Waits until the events so far are written, or lost.
    pub(super) async fn settle(&self) {
        let (to, done) = oneshot::channel();
        if self.door.send(Message::Settle(to)).is_ok() {
            // An error means that the thread has ended, and it writes its events before it does.
            let _ = done.await;
        }
    }

    pub(super) async fn close(&self) {
        let (to, done) = oneshot::channel();
        if self.door.send(Message::Close(to)).is_ok() {
            let _ = done.await;
        }
    }
}

impl Thread {
    fn work(mut self) {
        let mut closing = None;
        while closing.is_none() {
            let first = if self.events.is_empty() {
                self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.inbox.recv_timeout(self.due.saturating_duration_since(Instant::now()))
            };
            match first {
                Ok(Message::Task(first)) => closing = self.serve(first),
                Ok(Message::Settle(to)) => {
                    self.write_events();
                    let _ = to.send(());
                }
                Ok(Message::Close(to)) => closing = Some(to),
                Err(RecvTimeoutError::Timeout) => self.write_events(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.write_events();
        drop(self.connection);
        if let Some(to) = closing {
            let _ = to.send(());
        }
    }

    /// Serves `first` and whoever else is there. Answers with the wish to close if one was among them.
    fn serve(&mut self, first: Box<dyn Task>) -> Option<oneshot::Sender<()>> {
        let mut tasks = vec![first];
        let mut settle = Vec::new();
        let mut closing = None;
        self.gather(&mut tasks, &mut settle, &mut closing);

        let mut waiting = std::collections::VecDeque::from(tasks);
        while !waiting.is_empty() {
            self.commit_some(&mut waiting);
        }
        if !settle.is_empty() {
            self.write_events();
        }
        for to in settle {
            let _ = to.send(());
        }
        closing
    }

    /// Collects what shares the next commit. Callers that were just answered mostly come back at once; waiting a
    /// fraction of a commit's time for them puts them into this commit instead of the next, which is what fills
    /// commits on a slow disk. A lone caller never waits.
    fn gather(
        &self,
        tasks: &mut Vec<Box<dyn Task>>,
        settle: &mut Vec<oneshot::Sender<()>>,
        closing: &mut Option<oneshot::Sender<()>>,
    ) {
        let until = Instant::now() + (self.commit / 4).min(LINGER);
        while tasks.len() < BATCH && closing.is_none() {
            let wait = if tasks.len() < self.callers {
                until.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            match self.inbox.recv_timeout(wait) {
                Ok(Message::Task(task)) => tasks.push(task),
                Ok(Message::Settle(to)) => settle.push(to),
                Ok(Message::Close(to)) => *closing = Some(to),
                Err(_) => return,
            }
        }
    }

    /// One transaction: as many of the tasks as fit, and the events that are due.
    fn commit_some(&mut self, waiting: &mut std::collections::VecDeque<Box<dyn Task>>) {
        let mut done: Vec<Box<dyn Task>> = Vec::with_capacity(waiting.len());
        let mut told = Vec::new();
        if let Err(error) = self.begin() {
            waiting.drain(..).for_each(|task| task.fail(error.clone()));
            return;
        }
        let started = Instant::now();
        while let Some(mut task) = waiting.pop_front() {
            let shared = Arc::clone(&self.shared);
            let mut book = TxContext { rules: &shared.settings.rules, events: Vec::new() };
            let mut sql = Statements::new(&mut self.connection, &*shared.settings.clock);
            match task.run(&mut sql, &mut book) {
                Ok(()) => {
                    told.append(&mut book.events);
                    done.push(task);
                }
                Err(error) => {
                    // It may have written half of what it meant to. The others begin again without it.
                    self.roll_back();
                    task.fail(error);
                    done.into_iter().rev().for_each(|task| waiting.push_front(task));
                    return;
                }
            }
            if started.elapsed() > LONGEST {
                break;
            }
        }
        let due = self.events.len() >= EVENTS || (!self.events.is_empty() && self.due <= Instant::now());
        if due {
            self.insert_events();
        }
        match self.commit() {
            Ok(()) => {
                self.callers = done.len() + waiting.len();
                done.into_iter().for_each(Task::answer);
                self.keep(told);
            }
            Err(error) => done.into_iter().for_each(|task| task.fail(error.clone())),
        }
    }

    fn begin(&mut self) -> Result<(), LedgerError> {
        let until = Instant::now() + self.shared.settings.patience;
        let mut wait = Duration::from_micros(200);
        loop {
            match self.connection.execute_batch("BEGIN IMMEDIATE") {
                Ok(()) => return Ok(()),
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && Instant::now() < until =>
                {
                    thread::sleep(wait);
                    // Another process's transaction lasts a few milliseconds.
                    wait = (wait * 2).min(Duration::from_millis(4));
                }
                Err(error) => return Err(failure(&error)),
            }
        }
    }

    fn commit(&mut self) -> Result<(), LedgerError> {
        let started = Instant::now();
        let committed = self.connection.execute_batch("COMMIT").map_err(|error| failure(&error));
        self.commit = started.elapsed();
        if committed.is_err() {
            self.roll_back();
        }
        committed?;
        // A file that was deleted takes commits as before, and forgets them with the process.
        if self.file != FileId::of(&self.shared.settings.path) {
            return Err(LedgerError::Gone(self.shared.settings.path.display().to_string()));
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "the ledger could not roll back");
        }
    }

    fn keep(&mut self, mut told: Vec<Event>) {
        for event in &told {
            event.log();
        }
        if self.events.is_empty() {
            self.due = Instant::now() + EVENTS_WAIT;
        }
        let room = EVENTS_KEPT.saturating_sub(self.events.len());
        if told.len() > room {
            self.lose_events(told.len() - room);
            told.truncate(room);
        }
        self.events.append(&mut told);
    }

    fn write_events(&mut self) {
        if self.events.is_empty() {
            return;
        }
        if let Err(error) = self.begin() {
            // They stay in memory; the next commit tries again.
            tracing::debug!(%error, "events wait for the ledger");
            self.due = Instant::now() + EVENTS_WAIT;
            return;
        }
        self.insert_events();
        if let Err(error) = self.commit() {
            tracing::debug!(%error, "events were not kept");
        }
    }

    /// Inside a transaction. What cannot be inserted is lost: events never stand in the way of anything else.
    fn insert_events(&mut self) {
        let events = std::mem::take(&mut self.events);
        let shared = Arc::clone(&self.shared);
        let inserted =
            self.connection.execute_batch("SAVEPOINT events").map_err(|error| failure(&error)).and_then(
                |()| {
                    let mut sql = Statements::new(&mut self.connection, &*shared.settings.clock);
                    at_once(insert_events(&mut sql, &events))
                },
            );
        if let Err(error) = inserted {
            tracing::debug!(%error, "events were not kept");
            self.lose_events(events.len());
            if let Err(error) = self.connection.execute_batch("ROLLBACK TO events") {
                tracing::debug!(%error, "the events' part of a transaction could not be undone");
            }
        }
        if let Err(error) = self.connection.execute_batch("RELEASE events") {
            tracing::debug!(%error, "the events' part of a transaction could not be ended");
        }
    }

    fn lose_events(&self, lost: usize) {
        if self.shared.events_lost.fetch_add(lost as u64, Ordering::Relaxed) == 0 {
            tracing::warn!("events of the ledger are being lost: its history has gaps, its jobs do not");
        }
    }
}

impl<Q: Command> Task for Queued<Q> {
    fn run(&mut self, sql: &mut Statements<'_>, book: &mut TxContext<'_>) -> Result<(), LedgerError> {
        match at_once(self.request.apply(sql, book)) {
            Err(error) if !error.is_refusal() => Err(error),
            answer => {
                self.answer = Some(answer);
                Ok(())
            }
        }
    }

    fn answer(self: Box<Self>) {
        // Whoever asked may have gone away.
        let _ = self.to.send(self.answer.unwrap_or_else(|| Err(closed())));
    }

    fn fail(self: Box<Self>, error: LedgerError) {
        let _ = self.to.send(Err(error));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).ok().map(|data| Self(data.dev(), data.ino()))
    }

    /// Elsewhere an open file cannot be removed.
    #[cfg(not(unix))]
    fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|_| Self(0, 0))
    }
}

fn closed() -> LedgerError {
    LedgerError::Unavailable("it was closed".to_owned())
}
