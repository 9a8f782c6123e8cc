//! Who speaks to the ledger for a job in hand: it keeps the lease alive, and tells what is said of the job, in its
//! order, many words in one transaction.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::command::{CommandReply, JobCommand};
use crate::error::LedgerError;
use crate::job::Lease;

use super::{Answer, Inner, LedgerClientError, LedgerOperation, PAUSE, of_lease};

/// A word, and where its answer is awaited.
#[derive(Debug)]
pub(super) struct Said {
    pub word: JobCommand,
    pub answer: Option<Reply>,
}

type Reply = oneshot::Sender<Result<Answer<CommandReply>, LedgerClientError>>;

#[derive(Debug)]
pub(super) struct LeaseTask {
    inner: Arc<Inner>,
    lease: Lease,
    inbox: mpsc::UnboundedReceiver<Said>,
    /// What the ledger has not heard yet, in its order, and who waits for its answer.
    unsaid: Vec<JobCommand>,
    replies: Vec<Option<Reply>>,
    /// When it is told at the latest.
    tell_at: Instant,
    renew_at: Instant,
    /// The lease has ended with the job: there is nothing left to renew.
    over: bool,
    lasts: watch::Sender<Instant>,
    stop: watch::Sender<Option<LedgerClientError>>,
}

/// How long a word for whose answer nobody waits may stay unsaid: what a crash may cost of the account of a
/// download that is on its way. What is said within it shares one commit.
pub(super) const LINGER: Duration = Duration::from_millis(200);

impl LeaseTask {
    pub fn new(
        inner: Arc<Inner>,
        lease: Lease,
        inbox: mpsc::UnboundedReceiver<Said>,
        lasts: watch::Sender<Instant>,
        stop: watch::Sender<Option<LedgerClientError>>,
    ) -> Self {
        let third = inner.settings.lease / 3;
        let renew_at = *lasts.borrow() - third * 2;
        Self {
            renew_at,
            inner,
            lease,
            inbox,
            unsaid: Vec::new(),
            replies: Vec::new(),
            tell_at: renew_at,
            over: false,
            lasts,
            stop,
        }
    }

    /// Until the job is out of hand and its end is told, or nothing more may be said.
    pub async fn work(mut self) {
        while self.stop.borrow().is_none() {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(self.renew_at), if !self.over => self.renew().await,
                () = tokio::time::sleep_until(self.tell_at), if !self.unsaid.is_empty() => self.tell().await,
                said = self.inbox.recv() => match said {
                    Some(said) => self.hear(said).await,
                    None => return self.tell_late().await,
                },
            }
        }
    }

    async fn hear(&mut self, first: Said) {
        if self.unsaid.is_empty() {
            self.tell_at = Instant::now() + LINGER;
        }
        let mut next = Some(first);
        while let Some(Said { word, answer }) = next {
            self.unsaid.push(word);
            self.replies.push(answer);
            next = self.inbox.try_recv().ok();
        }
        if self.replies.iter().any(Option::is_some) {
            self.tell().await;
        }
    }

    /// Tells all of it.
    async fn tell(&mut self) {
        let words: Arc<[JobCommand]> = self.unsaid.drain(..).collect();
        let replies = std::mem::take(&mut self.replies);
        let duty = if words.iter().any(JobCommand::is_last) {
            LedgerOperation::Finish
        } else {
            LedgerOperation::Mark
        };
        let points: Vec<String> = words.iter().map(JobCommand::label).collect();
        let question = Arc::clone(&words);
        let told = self.inner.ask(duty, &points, |ledger| ledger.tell(&self.lease, question)).await;
        match told {
            Ok(Answer::Given(answers)) => {
                for (answer, to) in answers.into_iter().zip(replies) {
                    self.take(duty, answer, to);
                }
            }
            Ok(Answer::Refused) => reply_all(replies, || Ok(Answer::Refused)),
            Ok(Answer::Away) => {
                self.unsaid = words.to_vec();
                self.replies = words.iter().map(|_| None).collect();
                self.tell_at = Instant::now() + PAUSE;
                reply_all(replies, || Ok(Answer::Away));
            }
            Err(error) => {
                let error = self.end(error);
                reply_all(replies, || Err(error.clone()));
            }
        }
    }

    fn take(&mut self, duty: LedgerOperation, answer: Result<CommandReply, LedgerError>, to: Option<Reply>) {
        self.over |= answer.as_ref().is_ok_and(|heard| heard.state.is_ending());
        let answer = self.inner.judge(duty, answer).map_err(|error| self.end(error));
        reply_all([to], || answer.clone());
    }

    /// The job is no longer in hand. If its end is still to be told, it is, as long as the lease can be kept that way.
    async fn tell_late(mut self) {
        let until = Instant::now() + self.inner.settings.lease;
        while self.unsaid.last().is_some_and(JobCommand::is_last) && Instant::now() < until {
            tokio::time::sleep_until(self.tell_at).await;
            self.tell().await;
        }
    }

    async fn renew(&mut self) {
        let third = self.inner.settings.lease / 3;
        // A lease counts from when it was asked for at the latest, not from when the answer came.
        let asked = Instant::now();
        match self.inner.ask(LedgerOperation::Renew, &["renew"], |ledger| ledger.renew(&self.lease)).await {
            Ok(Answer::Given(_)) => {
                self.renew_at = asked + third;
                self.lasts.send_replace(asked + self.inner.settings.lease);
            }
            // Sooner than usual, so that a short failure does not cost the lease.
            Ok(Answer::Refused | Answer::Away) => self.renew_at = asked + third / 4,
            Err(error) => {
                let error = self.end(error);
                tracing::debug!(job_id = self.lease.job().as_str(), %error, "the lease is not renewed");
            }
        }
    }

    /// Whoever waits for the end of the work is told why.
    fn end(&self, error: LedgerClientError) -> LedgerClientError {
        let error = of_lease(&self.lease, error);
        self.stop.send_replace(Some(error.clone()));
        error
    }
}

fn reply_all(
    replies: impl IntoIterator<Item = Option<Reply>>,
    answer: impl Fn() -> Result<Answer<CommandReply>, LedgerClientError>,
) {
    for to in replies.into_iter().flatten() {
        // Whoever asked may have gone away.
        let _ = to.send(answer());
    }
}
