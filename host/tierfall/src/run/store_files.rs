//! The files of a work: each is put in its place, and its job is told so.

use std::sync::Arc;

use serde_json::json;

use super::artifact_jobs::{ArtifactJob, ArtifactJobs};
use super::finalize::{Finalizer, indexing};
use super::job::{self, FinalizeRecord, job_key};
use super::job_end::JobEnding;
use super::journal::LeasedJob;
use super::last_moment::done_in_time;
use super::manifest::Line;
use super::request::WorkRequest;
use crate::acquire::{Reason, StoreError, VerifiedFile};
use crate::tiers::{EndReason, Outcome};
use tierfall_ledger::{Effect, Ending, JobKey, LedgerClientError, OpKind, OpOutcome, State};
use tierfall_work::{ArtifactFormat, Work};

impl Finalizer {
    /// Stores what was found of a work that is given back because the rest has to wait: whoever goes on with it finds a
    /// file as after a crash, and writes its line. What is to be given back.
    pub(super) async fn store_found(
        &self,
        request: &WorkRequest,
        outcome: Outcome,
        jobs: ArtifactJobs,
    ) -> Result<ArtifactJobs, LedgerClientError> {
        if outcome.won.is_none() {
            return Ok(jobs);
        }
        let work = Arc::clone(&outcome.work);
        let (mut line, mut files) = Line::new(&self.run_id, request.clone(), outcome);
        let candidates = job::candidates(&line.trail);
        let mut open = Vec::new();
        for ArtifactJob { format, leased } in jobs.jobs {
            let at = files.iter().position(|file| file.format == format);
            let (Some(job), Some(at)) = (&leased, at) else {
                open.push(ArtifactJob { format, leased });
                continue;
            };
            job.handle.candidates(candidates.clone());
            let file = files.swap_remove(at);
            let stored = self.finalize_file(job, &mut line, file, &work, &mut None).await?;
            match (stored, leased) {
                (Err(JobEnding::Duplicate(of)), Some(job)) => {
                    let result = job::line_value(&line.alone(format));
                    job.handle.finish(Ending::Duplicate { of, result }).await?;
                }
                // One that could not be stored is looked for again.
                (_, leased) => open.push(ArtifactJob { format, leased }),
            }
        }
        Ok(ArtifactJobs { jobs: open, before: jobs.before, here: jobs.here })
    }

    /// Stores a file, and tells its job so; what is left of the job is to say that its line is written.
    pub(super) async fn store_for(
        &self,
        job: &LeasedJob,
        line: &mut Line,
        file: VerifiedFile,
        work: &Work,
        unstored: &mut Option<StoreError>,
    ) -> Result<JobEnding, LedgerClientError> {
        let context = json!({"sha256": file.sha256});
        Ok(match self.finalize_file(job, line, file, work, unstored).await? {
            Ok(duplicate) => JobEnding::Stored(job.handle.begin(indexing(duplicate), context).await?),
            Err(ending) => ending,
        })
    }

    /// Stores a file, and tells its job so; whether another work had the same bytes. `Err`: how the job ends otherwise.
    async fn finalize_file(
        &self,
        job: &LeasedJob,
        line: &mut Line,
        mut file: VerifiedFile,
        work: &Work,
        unstored: &mut Option<StoreError>,
    ) -> Result<Result<bool, JobEnding>, LedgerClientError> {
        let (format, sha256) = (file.format, file.sha256.clone());
        let same = self.same_work(job, format, work, &sha256).await;
        if done_in_time(&self.halt, file.record(job)).await.is_none() {
            return Ok(Err(JobEnding::Abandoned));
        }
        if let Some(of) = same {
            return Ok(Err(match self.store(line, file).await {
                Ok(_) => JobEnding::Duplicate(of),
                Err(error) => not_stored(error, unstored),
            }));
        }
        let finalizing = match job.handle.begin(OpKind::Finalize, json!({"sha256": sha256})).await? {
            Effect::Run(pending) => Some(pending),
            Effect::Replay(_) => None,
        };
        match self.store(line, file).await {
            Ok(duplicate) => {
                if let Some(pending) = finalizing {
                    let result = FinalizeRecord::of(&line.alone(format), duplicate).result();
                    job.handle.complete(pending, OpOutcome::Done { result, artifact: Some(sha256) });
                }
                Ok(Ok(duplicate))
            }
            Err(error) => {
                if let Some(pending) = finalizing {
                    job.handle.complete(pending, OpOutcome::Failed { error: error.to_string() });
                }
                Ok(Err(not_stored(error, unstored)))
            }
        }
    }

    /// Puts the file in its place, and names that in the line; whether another work had the same bytes. An error is
    /// logged, and the line says that it is not stored.
    pub(super) async fn store(&self, line: &mut Line, file: VerifiedFile) -> Result<bool, StoreError> {
        let format = file.format;
        let storing = self.acquirer.store(file.of_work(line.name_facts(format)), line.work_id.clone());
        match done_in_time(&self.halt, storing).await.unwrap_or(Err(StoreError::Abandoned)) {
            Ok(artifact) => {
                line.stored_as(format, &artifact);
                Ok(artifact.duplicate)
            }
            Err(StoreError::Abandoned) => Err(StoreError::Abandoned),
            Err(error) => {
                tracing::error!("{}: {error}", line.work_id);
                line.not_stored(format, EndReason::Rejected(Reason::Storage));
                Err(error)
            }
        }
    }

    /// Another job of the same work that came to the same file: a work known by its PMID may turn out, once its
    /// DOI is learned, to have been done.
    async fn same_work(
        &self,
        job: &LeasedJob,
        format: ArtifactFormat,
        work: &Work,
        sha256: &str,
    ) -> Option<JobKey> {
        let ledger = self.ledger.ledger()?;
        for other in work.ids.iter().map(|id| job_key(&id.key(), format)).filter(|key| *key != job.key) {
            // What the ledger does not say is no reason to stop.
            let details = ledger.show(&other).await.ok().flatten();
            let same = details.is_some_and(|details| {
                matches!(details.job.state, State::Indexed | State::Deduped)
                    && details.job.artifact.as_deref() == Some(sha256)
            });
            if same {
                return Some(other);
            }
        }
        None
    }
}

/// How the job of a file ends that could not be stored.
fn not_stored(error: StoreError, unstored: &mut Option<StoreError>) -> JobEnding {
    if matches!(error, StoreError::Abandoned) {
        return JobEnding::Abandoned;
    }
    let outage = !error.is_of_file();
    *unstored = Some(error);
    JobEnding::NotStored { outage }
}
