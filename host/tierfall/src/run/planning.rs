//! Planning jobs for the ledger's queue, without doing them.

use super::drive::Run;
use super::error::RunError;
use super::feed::Feed;
use super::job;
use super::needless;
use super::request::InputItem;
use super::summary::PlanSummary;
use tierfall_ledger::{JobKey, LedgerError, Planned, State};

/// Jobs planned in one transaction: enough that reading the list takes longer than planning.
const BATCH: usize = 500;

impl Run {
    /// Plans a job for every work of `input`, and does none.
    pub async fn plan(
        &self,
        input: impl Iterator<Item = InputItem> + Send + 'static,
    ) -> Result<PlanSummary, RunError> {
        let ledger =
            self.ledger.ledger().ok_or_else(|| LedgerError::Unavailable("it is not open".to_owned()))?;
        let feed = Feed::start(input, self.workers, self.reporter.clone(), self.stop.clone());
        let mut summary = PlanSummary::default();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let request = tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                () = self.drain.cancelled() => None,
                request = feed.works.recv() => request.ok(),
            };
            let last = request.is_none();
            if let Some(request) = request {
                let formats = self.plan.artifacts.formats.iter();
                batch.extend(formats.map(|format| job::new_job(&request, *format, &self.id)));
            }
            if batch.len() >= BATCH || last {
                for planned in ledger.plan(std::mem::take(&mut batch)).await? {
                    match planned {
                        Planned::New(_) => summary.new += 1,
                        Planned::Known(_, state) if state.is_done() => summary.done += 1,
                        Planned::Known(key, State::Exhausted) => {
                            self.reopen(key).await?;
                            summary.known += 1;
                        }
                        Planned::Known(..) => summary.known += 1,
                        Planned::Unreadable(key) => {
                            tracing::warn!(
                                job_id = key.as_str(),
                                "the ledger's row of a work cannot be read"
                            );
                            summary.known += 1;
                        }
                    }
                }
            }
            if last {
                break;
            }
        }
        if !self.is_ending() {
            feed.reading.await.map_err(|error| RunError::Worker(error.to_string()))?;
        }
        summary.bad_entries = feed.counts.bad_entries();
        summary.repeats = feed.counts.repeats();
        summary.interrupted = self.is_ending();
        Ok(summary)
    }

    /// A form that an earlier run had no need of is planned again where all forms are wanted.
    async fn reopen(&self, key: JobKey) -> Result<(), RunError> {
        let Some(ledger) = self.ledger.ledger().filter(|_| self.plan.artifacts.are_all_wanted()) else {
            return Ok(());
        };
        let details = ledger.show(&key).await?;
        if details.is_some_and(|details| needless::is_result(details.job.result.as_ref())) {
            needless::reopen(&self.ledger, key).await;
        }
        Ok(())
    }
}
