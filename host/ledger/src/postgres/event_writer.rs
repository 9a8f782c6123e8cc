//! Writes events in a task of its own.

use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;

use crate::error::LedgerError;
use crate::event::Event;
use crate::event_buffer::{BATCH, EventBuffer, LostEvents, MAX_DELAY};
use crate::protocol::insert_events;

use super::open::Connections;
use super::settings::Time;
use super::statements::{Failure, Session};

/// Sends events to the task that writes them. The task ends when this is dropped or closed.
#[derive(Debug)]
pub(super) struct EventWriter {
    queue: mpsc::Sender<Message>,
    lost: LostEvents,
}

#[derive(Debug)]
enum Message {
    Events(Vec<Event>),
    Flush(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// Requests whose events are queued for the task. A request has a handful of events.
const QUEUE: usize = 16_384;

impl EventWriter {
    pub(super) fn start(connections: Connections, time: Time, lost: LostEvents) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE);
        tokio::spawn(run(connections, time, inbox, lost.clone()));
        Self { queue, lost }
    }

    /// Returns at once.
    pub(super) fn write(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        events.iter().for_each(Event::log);
        let count = events.len();
        if self.queue.try_send(Message::Events(events)).is_err() {
            self.lost.add(count);
        }
    }

    /// Waits until the events so far are written, or the server cannot be reached.
    pub(super) async fn flush(&self) {
        self.wait_for(Message::Flush).await;
    }

    /// Tries once more to write the events; what cannot be written now is lost, and counted.
    pub(super) async fn close(&self) {
        self.wait_for(Message::Close).await;
    }

    async fn wait_for(&self, message: impl FnOnce(oneshot::Sender<()>) -> Message) {
        let (reply, done) = oneshot::channel();
        if self.queue.send(message(reply)).await.is_ok() {
            // An error means that the task has ended, and it writes its events before it does.
            let _ = done.await;
        }
    }
}

async fn run(connections: Connections, time: Time, mut inbox: mpsc::Receiver<Message>, lost: LostEvents) {
    let mut buffer = EventBuffer::new(lost);
    loop {
        let message = if buffer.events.is_empty() {
            Ok(inbox.recv().await)
        } else {
            timeout_at(buffer.due.into(), inbox.recv()).await
        };
        match message {
            Ok(Some(Message::Events(events))) => {
                buffer.add(events);
                // While the server is away, a full batch is no reason to try again for each event.
                if buffer.events.len() < BATCH || buffer.due > Instant::now() + MAX_DELAY {
                    continue;
                }
                write(&connections, &time, &mut buffer).await;
            }
            Ok(Some(Message::Flush(reply))) => {
                write(&connections, &time, &mut buffer).await;
                let _ = reply.send(());
            }
            Ok(Some(Message::Close(reply))) => {
                write(&connections, &time, &mut buffer).await;
                buffer.lost.add(buffer.events.len());
                let _ = reply.send(());
                return;
            }
            Ok(None) => {
                write(&connections, &time, &mut buffer).await;
                buffer.lost.add(buffer.events.len());
                return;
            }
            Err(_) => write(&connections, &time, &mut buffer).await,
        }
        if !buffer.events.is_empty() {
            // Not written: the server is away. Ten times the usual delay, so as not to try all the time.
            buffer.due = Instant::now() + MAX_DELAY * 10;
        }
    }
}

/// Empties the buffer, unless the server cannot be reached.
async fn write(connections: &Connections, time: &Time, buffer: &mut EventBuffer) {
    while !buffer.events.is_empty() {
        let count = buffer.events.len().min(BATCH);
        let written = async {
            let mut client = connections.get().await?;
            let transaction = client.transaction().await?;
            connections.begin(&transaction).await?;
            let mut session = Session::new(&transaction, time, connections.prepares());
            let inserted = insert_events(&mut session, &buffer.events[..count]).await;
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
                buffer.lost.add(count);
            }
        }
        buffer.events.drain(..count);
    }
}
