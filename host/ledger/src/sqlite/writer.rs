//! The one thread of this process that writes: many callers' requests share one commit, and none has its reply
//! before that commit is on disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use crate::error::LedgerError;
use crate::event::Event;
use crate::event_buffer::{self, EventBuffer};
use crate::protocol::{TxContext, TxRequest, insert_events};

use super::readers::{Shared, at_once};
use super::statements::{Statements, failure};

/// Sends requests to the writing thread. The thread ends when this is dropped or closed.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Sender<Message>,
}

enum Message {
    Task(Box<dyn Task>),
    FlushEvents(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// A queued request, whatever its type.
trait Task: Send {
    /// Runs it inside the transaction, and keeps a refusal as its reply. Any other error is the transaction's:
    /// nothing of it may be committed. May be called again after a rollback.
    fn run(&mut self, sql: &mut Statements<'_>, tx: &mut TxContext<'_>) -> Result<(), LedgerError>;

    fn reply(self: Box<Self>);

    fn fail(self: Box<Self>, error: LedgerError);
}

struct Queued<Q: TxRequest> {
    request: Q,
    result: Option<Result<Q::Reply, LedgerError>>,
    reply: oneshot::Sender<Result<Q::Reply, LedgerError>>,
}

struct Thread {
    connection: Connection,
    shared: Arc<Shared>,
    inbox: Receiver<Message>,
    /// Identifies the file, to notice when the path leads to another one.
    file: Option<FileId>,
    buffer: EventBuffer,
    /// How long the last commit took.
    commit: Duration,
    /// The number of callers around the last commit: those that it replied to, and those that came meanwhile.
    callers: usize,
}

/// Requests in one commit at most: enough for every worker of a machine, few enough that other processes get their
/// turn.
const BATCH: usize = 512;

/// A transaction is committed after this long even if requests are waiting: other processes wait for its lock.
const MAX_TRANSACTION: Duration = Duration::from_millis(20);

/// The longest wait for callers to come back before a commit; see `gather`.
const MAX_GATHER: Duration = Duration::from_millis(2);

impl Writer {
    pub(super) fn start(connection: Connection, shared: Arc<Shared>) -> Result<Self, LedgerError> {
        let (queue, inbox) = channel();
        let thread = Thread {
            file: FileId::of(&shared.settings.path),
            buffer: EventBuffer::new(shared.events_lost.clone()),
            connection,
            shared,
            inbox,
            commit: Duration::ZERO,
            callers: 0,
        };
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || thread.run())
            .map_err(|error| LedgerError::Unavailable(format!("its thread cannot be started: {error}")))?;
        Ok(Self { queue })
    }

    pub(super) async fn submit<Q: TxRequest>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        let (reply, result) = oneshot::channel();
        let task = Box::new(Queued { request, result: None, reply });
        self.queue.send(Message::Task(task)).map_err(|_| closed())?;
        result.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Waits until the events so far are written, or lost.
    pub(super) async fn flush_events(&self) {
        let (reply, done) = oneshot::channel();
        if self.queue.send(Message::FlushEvents(reply)).is_ok() {
            // An error means that the thread has ended, and it writes its events before it does.
            let _ = done.await;
        }
    }

    pub(super) async fn close(&self) {
        let (reply, done) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).is_ok() {
            let _ = done.await;
        }
    }
}

impl Thread {
    fn run(mut self) {
        let mut closing = None;
        while closing.is_none() {
            let first = if self.buffer.events.is_empty() {
                self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.inbox.recv_timeout(self.buffer.due.saturating_duration_since(Instant::now()))
            };
            match first {
                Ok(Message::Task(first)) => closing = self.serve(first),
                Ok(Message::FlushEvents(reply)) => {
                    self.write_events();
                    let _ = reply.send(());
                }
                Ok(Message::Close(reply)) => closing = Some(reply),
                Err(RecvTimeoutError::Timeout) => self.write_events(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.write_events();
        drop(self.connection);
        if let Some(reply) = closing {
            let _ = reply.send(());
        }
    }

    /// Serves `first` and what is queued behind it. Returns the request to close if one was among them.
    fn serve(&mut self, first: Box<dyn Task>) -> Option<oneshot::Sender<()>> {
        let mut tasks = vec![first];
        let mut flushes = Vec::new();
        let mut closing = None;
        self.gather(&mut tasks, &mut flushes, &mut closing);

        let mut waiting = std::collections::VecDeque::from(tasks);
        while !waiting.is_empty() {
            self.commit_some(&mut waiting);
        }
        if !flushes.is_empty() {
            self.write_events();
        }
        for reply in flushes {
            let _ = reply.send(());
        }
        closing
    }

    /// Collects the requests that share the next commit. Callers that just had a reply mostly come back at once;
    /// waiting a fraction of a commit's time for them puts them into this commit instead of the next, which is what
    /// fills commits on a slow disk. A lone caller never waits.
    fn gather(
        &self,
        tasks: &mut Vec<Box<dyn Task>>,
        flushes: &mut Vec<oneshot::Sender<()>>,
        closing: &mut Option<oneshot::Sender<()>>,
    ) {
        let until = Instant::now() + (self.commit / 4).min(MAX_GATHER);
        while tasks.len() < BATCH && closing.is_none() {
            let wait = if tasks.len() < self.callers {
                until.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            match self.inbox.recv_timeout(wait) {
                Ok(Message::Task(task)) => tasks.push(task),
                Ok(Message::FlushEvents(reply)) => flushes.push(reply),
                Ok(Message::Close(reply)) => *closing = Some(reply),
                Err(_) => return,
            }
        }
    }

    /// Runs one transaction: as many of the tasks as fit, and the events that are due.
    fn commit_some(&mut self, waiting: &mut std::collections::VecDeque<Box<dyn Task>>) {
        let mut done: Vec<Box<dyn Task>> = Vec::with_capacity(waiting.len());
        let mut events = Vec::new();
        if let Err(error) = self.begin() {
            waiting.drain(..).for_each(|task| task.fail(error.clone()));
            return;
        }
        let started = Instant::now();
        while let Some(mut task) = waiting.pop_front() {
            let shared = Arc::clone(&self.shared);
            let mut tx = TxContext::new(&shared.settings.rules);
            let mut sql = Statements::new(&mut self.connection, &*shared.settings.clock);
            match task.run(&mut sql, &mut tx) {
                Ok(()) => {
                    events.append(&mut tx.events);
                    done.push(task);
                }
                Err(error) => {
                    // It may have written half of its rows. The others begin again without it.
                    self.roll_back();
                    task.fail(error);
                    done.into_iter().rev().for_each(|task| waiting.push_front(task));
                    return;
                }
            }
            if started.elapsed() > MAX_TRANSACTION {
                break;
            }
        }
        let buffered = self.buffer.events.len();
        let due = buffered >= event_buffer::BATCH || (buffered > 0 && self.buffer.due <= Instant::now());
        let inserted = if due { self.insert_events() } else { Ok(()) };
        match inserted.and_then(|()| self.commit()) {
            Ok(()) => {
                self.callers = done.len() + waiting.len();
                done.into_iter().for_each(Task::reply);
                events.iter().for_each(Event::log);
                self.buffer.add(events);
            }
            Err(error) => done.into_iter().for_each(|task| task.fail(error.clone())),
        }
    }

    fn begin(&mut self) -> Result<(), LedgerError> {
        let until = Instant::now() + self.shared.settings.timeout;
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

    fn write_events(&mut self) {
        if self.buffer.events.is_empty() {
            return;
        }
        if let Err(error) = self.begin() {
            // They stay in memory; the next commit tries again.
            tracing::debug!(%error, "events wait for the ledger");
            self.buffer.due = Instant::now() + event_buffer::MAX_DELAY;
            return;
        }
        if let Err(error) = self.insert_events().and_then(|()| self.commit()) {
            tracing::debug!(%error, "events were not kept");
        }
    }

    /// Inside a transaction. What cannot be inserted is lost: events never stand in the way of anything else, unless
    /// SQLite undoes the whole transaction because of them, as it may when the disk is full.
    fn insert_events(&mut self) -> Result<(), LedgerError> {
        let events = std::mem::take(&mut self.buffer.events);
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
            self.buffer.lost.add(events.len());
            if self.connection.is_autocommit() {
                return Err(error);
            }
            if let Err(error) = self.connection.execute_batch("ROLLBACK TO events") {
                tracing::debug!(%error, "the events' part of a transaction could not be undone");
            }
        }
        if let Err(error) = self.connection.execute_batch("RELEASE events") {
            tracing::debug!(%error, "the events' part of a transaction could not be ended");
        }
        Ok(())
    }
}

impl<Q: TxRequest> Task for Queued<Q> {
    fn run(&mut self, sql: &mut Statements<'_>, tx: &mut TxContext<'_>) -> Result<(), LedgerError> {
        match at_once(self.request.apply(sql, tx)) {
            Err(error) if !error.is_refusal() => Err(error),
            result => {
                self.result = Some(result);
                Ok(())
            }
        }
    }

    fn reply(self: Box<Self>) {
        // The caller may have gone away.
        let _ = self.reply.send(self.result.unwrap_or_else(|| Err(closed())));
    }

    fn fail(self: Box<Self>, error: LedgerError) {
        let _ = self.reply.send(Err(error));
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
