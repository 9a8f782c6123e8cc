//! The task of one leased job: it renews the lease, and passes the job's commands to the ledger, in their order and
//! many in one transaction.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::command::{CommandReply, JobCommand};
use crate::error::LedgerError;
use crate::job::Lease;

use super::connection::{Answer, Connection, LedgerClientError, PAUSE};
use super::failures::LedgerOperation;

/// A command, and where its reply is awaited.
#[derive(Debug)]
pub(super) struct QueuedCommand {
    pub(super) command: JobCommand,
    pub(super) reply: Option<Reply>,
}

type Reply = oneshot::Sender<Result<Answer<CommandReply>, LedgerClientError>>;

#[derive(Debug)]
pub(super) struct LeaseTask {
    connection: Arc<Connection>,
    lease: Lease,
    inbox: mpsc::UnboundedReceiver<QueuedCommand>,
    /// Commands that the ledger has not executed yet, in their order, and where their replies are awaited.
    queued: Vec<JobCommand>,
    replies: Vec<Option<Reply>>,
    /// When they are sent at the latest.
    flush_at: Instant,
    renew_at: Instant,
    /// The lease has ended with the job: there is nothing left to renew.
    over: bool,
    valid_until: watch::Sender<Instant>,
    stop: watch::Sender<Option<LedgerClientError>>,
}

/// Maximum delay before a fire-and-forget command is flushed; a crash loses this much progress. Commands within it
/// share one commit.
pub(super) const MAX_DELAY: Duration = Duration::from_millis(200);

impl LeaseTask {
    pub(super) fn new(
        connection: Arc<Connection>,
        lease: Lease,
        inbox: mpsc::UnboundedReceiver<QueuedCommand>,
        valid_until: watch::Sender<Instant>,
        stop: watch::Sender<Option<LedgerClientError>>,
    ) -> Self {
        let third = connection.settings.lease / 3;
        let renew_at = *valid_until.borrow() - third * 2;
        Self {
            renew_at,
            connection,
            lease,
            inbox,
            queued: Vec::new(),
            replies: Vec::new(),
            flush_at: renew_at,
            over: false,
            valid_until,
            stop,
        }
    }

    /// Runs until the handle is dropped and everything is written, or nothing more may be written.
    pub(super) async fn run(mut self) {
        while self.stop.borrow().is_none() {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(self.renew_at), if !self.over => self.renew().await,
                () = tokio::time::sleep_until(self.flush_at), if !self.queued.is_empty() => self.flush().await,
                received = self.inbox.recv() => match received {
                    Some(first) => self.queue(first).await,
                    None => return self.flush_ending().await,
                },
            }
        }
    }

    async fn queue(&mut self, first: QueuedCommand) {
        if self.queued.is_empty() {
            self.flush_at = Instant::now() + MAX_DELAY;
        }
        let mut next = Some(first);
        while let Some(QueuedCommand { command, reply }) = next {
            self.queued.push(command);
            self.replies.push(reply);
            next = self.inbox.try_recv().ok();
        }
        if self.replies.iter().any(Option::is_some) {
            self.flush().await;
        }
    }

    /// Sends everything that is queued to the ledger.
    async fn flush(&mut self) {
        let commands: Arc<[JobCommand]> = self.queued.drain(..).collect();
        let replies = std::mem::take(&mut self.replies);
        let operation = if commands.iter().any(JobCommand::is_last) {
            LedgerOperation::Finish
        } else {
            LedgerOperation::Mark
        };
        let points: Vec<String> = commands.iter().map(JobCommand::label).collect();
        let sent = Arc::clone(&commands);
        let executed =
            self.connection.request(operation, &points, |ledger| ledger.execute(&self.lease, sent)).await;
        match executed {
            Ok(Answer::Given(answers)) => {
                for (answer, reply) in answers.into_iter().zip(replies) {
                    self.deliver(operation, answer, reply);
                }
            }
            Ok(Answer::Refused) => reply_all(replies, || Ok(Answer::Refused)),
            Ok(Answer::Unavailable) => {
                self.queued = commands.to_vec();
                self.replies = commands.iter().map(|_| None).collect();
                self.flush_at = Instant::now() + PAUSE;
                reply_all(replies, || Ok(Answer::Unavailable));
            }
            Err(error) => {
                let error = self.end(error);
                reply_all(replies, || Err(error.clone()));
            }
        }
    }

    fn deliver(
        &mut self,
        operation: LedgerOperation,
        answer: Result<CommandReply, LedgerError>,
        reply: Option<Reply>,
    ) {
        self.over |= answer.as_ref().is_ok_and(|answer| answer.state.is_ending());
        let answer = self.connection.judge(operation, answer).map_err(|error| self.end(error));
        reply_all([reply], || answer.clone());
    }

    /// The handle is gone. If the job's ending is still to be written, this tries for as long as a lease lasts:
    /// after that another worker may have the job.
    async fn flush_ending(mut self) {
        let until = Instant::now() + self.connection.settings.lease;
        while self.queued.last().is_some_and(JobCommand::is_last) && Instant::now() < until {
            tokio::time::sleep_until(self.flush_at).await;
            self.flush().await;
        }
    }

    async fn renew(&mut self) {
        let third = self.connection.settings.lease / 3;
        // A lease counts from when it was requested, not from when the reply came.
        let requested_at = Instant::now();
        let renewed = self
            .connection
            .request(LedgerOperation::Renew, &["renew"], |ledger| ledger.renew(&self.lease))
            .await;
        match renewed {
            Ok(Answer::Given(_)) => {
                self.renew_at = requested_at + third;
                self.valid_until.send_replace(requested_at + self.connection.settings.lease);
            }
            // Sooner than usual, so that a short failure does not cost the lease.
            Ok(Answer::Refused | Answer::Unavailable) => self.renew_at = requested_at + third / 4,
            Err(error) => {
                let error = self.end(error);
                tracing::debug!(job_id = self.lease.job().as_str(), %error, "the lease is not renewed");
            }
        }
    }

    /// Tells the handle to stop the work, and why. A lease that is over is no failure of the ledger.
    fn end(&self, error: LedgerClientError) -> LedgerClientError {
        let error = match error {
            LedgerClientError::Failed(LedgerError::Stale { .. }) => {
                LedgerClientError::Lost(self.lease.job().clone())
            }
            other => other,
        };
        self.stop.send_replace(Some(error.clone()));
        error
    }
}

fn reply_all(
    replies: impl IntoIterator<Item = Option<Reply>>,
    answer: impl Fn() -> Result<Answer<CommandReply>, LedgerClientError>,
) {
    for reply in replies.into_iter().flatten() {
        // The caller may have gone away.
        let _ = reply.send(answer());
    }
}
