//! Keeping events: off the critical path, many at once, and never in anyone's way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::error::LedgerError;
use crate::history::Event;
use crate::protocol::insert_events;

use super::Time;
use super::statements::{Failure, Session};

/// The way to the task that keeps events. The task ends when this is dropped, or told to.
#[derive(Debug)]
pub(super) struct EventWriter {
    door: mpsc::Sender<Message>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Events(Vec<Event>),
    Settle(oneshot::Sender<()>),
    End(oneshot::Sender<()>),
}

/// Events are written this many at once, or this long after the first: what a crash may cost of the history.
const EVENTS: usize = 512;
const EVENTS_WAIT: Duration = Duration::from_millis(200);

/// Events kept in memory while they cannot be written. Beyond it they are lost, and counted.
const EVENTS_KEPT: usize = 100_000;

/// Requests whose events wait for the task. A request has a handful of events.
const WAITING: usize = 16_384;

impl EventWriter {
    pub(super) fn start(pool: Pool, time: Time, lost: Arc<AtomicU64>) -> Self {
        let (door, inbox) = mpsc::channel(WAITING);
        tokio::spawn(keep(pool, time, inbox, Arc::clone(&lost)));
        Self { door, lost }
    }

    /// Returns at once.
    pub(super) fn keep(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        for event in &events {
            event.log();
        }
        let count = events.len();
        if self.door.try_send(Message::Events(events)).is_err() {
            lose(&self.lost, count);
        }
    }

    /// Waits until what was said so far is written, or the server cannot be reached.
    pub(super) async fn settle(&self) {
        self.wait_for(Message::Settle).await;
    }

    /// The last try: what cannot be written now is lost, and that is said.
    pub(super) async fn end(&self) {
        self.wait_for(Message::End).await;
    }

    async fn wait_for(&self, message: impl FnOnce(oneshot::Sender<()>) -> Message) {
        let (to, done) = oneshot::channel();
        if self.door.send(message(to)).await.is_ok() {
            // An error means that the task has ended, and it writes its events before it does.
            let _ = done.await;
        }
    }
}

async fn keep(pool: Pool, time: Time, mut inbox: mpsc::Receiver<Message>, lost: Arc<AtomicU64>) {
    let mut events: Vec<Event> = Vec::new();
    let mut due = Instant::now();
    loop {
        let message =
            if events.is_empty() { Ok(inbox.recv().await) } else { timeout_at(due, inbox.recv()).await };
        match message {
            Ok(Some(Message::Events(mut more))) => {
                if events.is_empty() {
                    due = Instant::now() + EVENTS_WAIT;
                }
                let room = EVENTS_KEPT.saturating_sub(events.len());
                if more.len() > room {
                    lose(&lost, more.len() - room);
                    more.truncate(room);
                }
                events.append(&mut more);
                // While the server is away, a full batch does not mean another try for each event.
                if events.len() < EVENTS || due > Instant::now() + EVENTS_WAIT {
                    continue;
                }
                write(&pool, &time, &mut events, &lost).await;
            }
            Ok(Some(Message::Settle(to))) => {
                write(&pool, &time, &mut events, &lost).await;
                let _ = to.send(());
            }
            Ok(Some(Message::End(to))) => {
                write(&pool, &time, &mut events, &lost).await;
                lose(&lost, events.len());
                let _ = to.send(());
                return;
            }
            Ok(None) => {
                write(&pool, &time, &mut events, &lost).await;
                lose(&lost, events.len());
                return;
            }
            Err(_) => write(&pool, &time, &mut events, &lost).await,
        }
        if !events.is_empty() {
            // Not written: the server is away. Ten times the usual wait, so as not to knock at it all the time.
            due = Instant::now() + EVENTS_WAIT * 10;
        }
    }
}

/// Empties `events`, unless the server cannot be reached.
async fn write(pool: &Pool, time: &Time, events: &mut Vec<Event>, lost: &AtomicU64) {
    while !events.is_empty() {
        let some = events.len().min(EVENTS);
        let written = async {
            let mut client = pool.get().await?;
            let transaction = client.transaction().await?;
            let mut session = Session::new(&transaction, time);
            let inserted = insert_events(&mut session, events.get(..some).unwrap_or_default()).await;
            session.explain(inserted)?;
            transaction.commit().await?;
            Ok::<(), Failure>(())
        };
        match written.await.map_err(LedgerError::from) {
            Ok(()) => {}
            Err(LedgerError::Unavailable(why)) => {
                tracing::debug!(why, "events wait for the ledger");
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "events were not kept");
                lose(lost, some);
            }
        }
        events.drain(..some);
    }
}

fn lose(lost: &AtomicU64, count: usize) {
    if count > 0 && lost.fetch_add(count as u64, Ordering::Relaxed) == 0 {
        tracing::warn!("events of the ledger are being lost: its history has gaps, its jobs do not");
    }
}
