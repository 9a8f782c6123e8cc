//! The end of each work: its file stored, its line written, and the ledger told in the order in which a later
//! worker could take over.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::artifact_jobs::{ArtifactJob, ArtifactJobs};
use super::job::{self, FinalizeRecord};
use super::job_end::{self, JobEnd, JobEnding};
use super::journal::LeasedJob;
use super::last_moment::done_in_time;
use super::manifest::{Line, StoredFile};
use super::needless;
use super::request::WorkRequest;
use crate::acquire::{Acquire, Reason, StoreError, VerifiedFile};
use crate::tiers::{Artifacts, EndReason, Outcome, Status, Trail, TrailEntry};
use tierfall_ledger::{
    DoneOp, Effect, Ending, LOST_WORKER, LedgerClient, LedgerClientError, OpKind, OpOutcome, OpResult, Step,
};
use tierfall_work::ArtifactFormat;

/// A work that ended, on its way to the manifest.
pub(super) struct EndedWork {
    pub(super) line: Line,
    pub(super) resolution: Resolution,
    /// Answered once the line is written.
    pub(super) written: Option<oneshot::Sender<()>>,
    /// Why a file of it could not be stored, or looked for where it is stored.
    pub(super) unstored: Option<StoreError>,
}

/// How a work came to its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// It was raced.
    Now,
    /// An earlier run did it, and nothing was fetched for it; `here`: its file is in this output folder.
    Before { here: bool },
    /// It is stored in this folder, and the manifest has its line.
    Here,
    /// It failed before, and is not to be tried now. Its line is that of the try.
    Pending,
}

/// Ends the works of one run.
pub(super) struct Finalizer {
    pub(super) run_id: String,
    pub(super) acquirer: Arc<dyn Acquire>,
    pub(super) ledger: LedgerClient,
    pub(super) ended: mpsc::Sender<EndedWork>,
    /// Cancelled when the run is to end.
    pub(super) halt: CancellationToken,
}

impl Finalizer {
    /// Brings a work to its end. `outcome`: `None` if it was not raced, because the run is over or an earlier worker
    /// had stored its files.
    pub(super) async fn finalize(
        &self,
        request: &WorkRequest,
        outcome: Option<Outcome>,
        jobs: ArtifactJobs,
        artifacts: &Artifacts,
    ) -> Result<(), LedgerClientError> {
        let ArtifactJobs { jobs, before, here } = jobs;
        let (mut open, mut ends, mut resumed) = (Vec::new(), Vec::new(), Vec::new());
        for ArtifactJob { format, mut leased } in jobs {
            let finalized = leased.as_mut().and_then(|job| job.finalized.take());
            match (finalized, leased) {
                (Some(done), Some(job)) => {
                    if let Some((line, end)) = self.resume(&request.work.key(), done, job, format).await? {
                        resumed.push(line);
                        ends.push(end);
                    }
                }
                (_, leased) => open.push(ArtifactJob { format, leased }),
            }
        }
        let there = here.iter().flat_map(|line| line.files()).cloned();
        let there = there.chain(before).chain(resumed.iter().filter_map(|line| line.file.clone())).collect();
        let Some(outcome) = outcome else {
            if let Some(line) = resumed.into_iter().next() {
                let line = line.with_files(there, &artifacts.formats);
                self.write_and_end(line, Resolution::Now, None, ends, artifacts).await?;
            }
            return ArtifactJobs { jobs: open, ..ArtifactJobs::default() }.release().await;
        };
        let (work, cut) = (Arc::clone(&outcome.work), outcome.cut);
        let (mut line, files) = Line::new(&self.run_id, request.clone(), outcome);
        let candidates = job::candidates(&line.trail);
        line.trail = accepted(&resumed).and(line.trail);
        let mut files: Vec<Option<VerifiedFile>> = files.into_iter().map(Some).collect();
        let (mut unstored, mut abandoned) = (None, false);
        for ArtifactJob { format, leased } in open {
            let is_its =
                |file: &&mut Option<VerifiedFile>| file.as_ref().is_some_and(|file| file.format == format);
            let file = files.iter_mut().find(is_its).and_then(Option::take);
            if let Some(job) = leased.as_ref().filter(|_| !candidates.is_empty()) {
                job.handle.candidates(candidates.clone());
            }
            match (leased, file) {
                (None, None) => {}
                (Some(job), None) => {
                    ends.push(JobEnd { job, format, ending: JobEnding::WithoutFile { cut } })
                }
                (None, Some(file)) => match self.store(&mut line, file).await {
                    Err(StoreError::Abandoned) => abandoned = true,
                    stored => unstored = stored.err().or(unstored),
                },
                (Some(job), Some(file)) => {
                    let ending = self.store_for(&job, &mut line, file, &work, &mut unstored).await?;
                    ends.push(JobEnd { job, format, ending });
                }
            }
        }
        if abandoned || ends.iter().any(|end| matches!(end.ending, JobEnding::Abandoned)) {
            return job_end::release(ends).await;
        }
        let resolution = match here {
            // A line that says nothing new would hide the trail of the one that did.
            Some(_) if line.file.is_none() => Resolution::Here,
            Some(here) => {
                line.trail = here.trail.and(line.trail);
                Resolution::Now
            }
            None => Resolution::Now,
        };
        let line = line.with_files(there, &artifacts.formats);
        self.write_and_end(line, resolution, unstored, ends, artifacts).await
    }

    /// Writes the line of a work, and then ends its jobs: a run that is killed between the two leaves jobs that somebody
    /// takes up again, and a line that theirs replaces. The other way round a work could be over without a line.
    ///
    /// What is written and counted cannot be taken back, so that the line is only written while the jobs are ours: a
    /// worker that slept past its lease may wake up to find the work's time over, and the work another's. An error says
    /// so, and nothing was written. What is lost after that is counted, and not done again by this run.
    async fn write_and_end(
        &self,
        line: Line,
        resolution: Resolution,
        unstored: Option<StoreError>,
        ends: Vec<JobEnd>,
        artifacts: &Artifacts,
    ) -> Result<(), LedgerClientError> {
        let ended = EndedWork { line, resolution, written: None, unstored };
        if ends.is_empty() {
            self.send(ended).await;
            return Ok(());
        }
        // Where there is but one, the operation that is to end it has asked as it began.
        if !matches!(ends.as_slice(), [JobEnd { ending: JobEnding::Stored(_), .. }])
            && let Err(lost) = job_end::are_ours(&ends).await
        {
            // The others need not wait for the end of their leases.
            if let Err(error) = job_end::release(ends).await {
                tracing::debug!(%error, "a job was not given back");
            }
            return Err(lost);
        }
        let kept = ended.line.clone();
        if !self.send_and_wait(ended).await {
            return job_end::release(ends).await;
        }
        for end in ends {
            match end.after(&kept, artifacts).await {
                Err(error @ LedgerClientError::Lost(_)) => tracing::warn!("{}: {error}", kept.work_id),
                ended => ended?,
            }
        }
        Ok(())
    }

    /// An earlier worker stored the file; what is left is to say so.
    async fn resume(
        &self,
        work_id: &str,
        DoneOp { op, result }: DoneOp,
        job: LeasedJob,
        format: ArtifactFormat,
    ) -> Result<Option<(Line, JobEnd)>, LedgerClientError> {
        // Brings the job to where that worker had brought it.
        job.handle.begin(OpKind::Finalize, op.context.clone()).await?;
        let mut record = FinalizeRecord::kept(work_id, &op.context, &result);
        if let Some(kept) = &record {
            match self.has_files(&kept.line).await {
                Ok(true) => {}
                Ok(false) => record = None,
                Err(error) => {
                    // Whoever comes next asks again.
                    if !matches!(error, StoreError::Abandoned) {
                        tracing::error!("{work_id}: {error}");
                    }
                    job.handle.release().await?;
                    return Ok(None);
                }
            }
        }
        let Some(FinalizeRecord { line, duplicate }) = record else {
            let reason = "its file is gone".to_owned();
            job.handle.finish(Ending::Lost { reason }).await?;
            return Ok(None);
        };
        let ending = JobEnding::Stored(job.handle.begin(indexing(duplicate), op.context).await?);
        Ok(Some((line, JobEnd { job, format, ending })))
    }

    /// A work that is stored in this folder.
    pub(super) async fn is_here(&self, line: Line) {
        self.write(line, Resolution::Here).await;
    }

    /// A file that is stored in this folder and that the ledger does not know as done: from now on it does. The
    /// manifest has its line.
    pub(super) async fn adopt(
        &self,
        line: &Line,
        file: &StoredFile,
        job: LeasedJob,
    ) -> Result<(), LedgerClientError> {
        let line = line.alone(file.format);
        let context = json!({"sha256": file.sha256});
        job.handle.mark(Step::Stream);
        if let Effect::Run(pending) = job.handle.begin(OpKind::Finalize, context.clone()).await? {
            let (result, artifact) = (FinalizeRecord::of(&line, false).result(), Some(file.sha256.clone()));
            job.handle.complete(pending, OpOutcome::Done { result, artifact });
        }
        if let Effect::Run(pending) = job.handle.begin(indexing(false), context).await? {
            let result = OpResult::of(&line);
            job.handle.complete(pending, OpOutcome::Done { result, artifact: None });
        }
        job.handle.release().await
    }

    /// An artifact that is not looked for, because the work has one that is wanted more.
    pub(super) async fn is_needless(
        &self,
        request: &WorkRequest,
        job: LeasedJob,
    ) -> Result<(), LedgerClientError> {
        let line = Line::of(&self.run_id, request.input.clone(), &request.work, Status::NoCopy);
        job.handle.finish(needless::ending(&line)).await.map(drop)
    }

    /// What the ledger kept of how an artifact of a work ended.
    pub(super) fn kept(&self, request: &WorkRequest, result: Option<Value>) -> Option<Line> {
        job::kept_line(&request.work.key(), &result?)
    }

    /// A work that an earlier run brought to its end. `kept`: a line of each artifact that it was looked for. `here`:
    /// what it has in this folder beside them.
    pub(super) async fn were_done(
        &self,
        request: WorkRequest,
        mut kept: Vec<Line>,
        here: Vec<StoredFile>,
        order: &[ArtifactFormat],
    ) {
        let stored = kept.iter().position(|line| line.status == Status::Stored);
        if kept.is_empty() {
            return self.still_failed(request, None, false).await;
        }
        let line = kept.remove(stored.unwrap_or(0));
        let others = kept.into_iter().filter_map(|line| line.file).chain(here).collect();
        let line = line.with_files(others, order);
        // What cannot be asked for now was there when the ledger was told so.
        let here = line.status != Status::Stored || self.has_files(&line).await.unwrap_or(true);
        self.write(line, Resolution::Before { here }).await;
    }

    /// A work that failed and is not to be tried now. `reason` is what the ledger says: a code, or of lost workers a
    /// sentence.
    pub(super) async fn still_failed(&self, request: WorkRequest, reason: Option<&str>, retry: bool) {
        let reason = match reason {
            Some(text) if text.starts_with(LOST_WORKER) => EndReason::WorkerLost,
            text => text.and_then(|code| code.parse().ok()).unwrap_or(EndReason::Unknown),
        };
        self.not_now(request, reason, retry).await;
    }

    /// A work whose row in the ledger is set aside.
    pub(super) async fn set_aside(&self, request: WorkRequest, why: &str) {
        tracing::warn!("{} is set aside by the ledger: {why}", request.work.key());
        self.not_now(request, EndReason::SetAside, true).await;
    }

    /// A work of which it cannot be asked whether it is stored. Nothing is fetched for it: that could not be stored
    /// either. Where the run is over, it was not touched.
    pub(super) async fn cannot_tell(&self, request: WorkRequest, error: StoreError) {
        if matches!(error, StoreError::Abandoned) {
            return;
        }
        tracing::error!("{}: {error}", request.work.key());
        let line = self.pending(request, EndReason::Rejected(Reason::Storage), true);
        let unstored = Some(error);
        self.send(EndedWork { line, resolution: Resolution::Pending, written: None, unstored }).await;
    }

    async fn not_now(&self, request: WorkRequest, reason: EndReason, retry: bool) {
        let line = self.pending(request, reason, retry);
        self.write(line, Resolution::Pending).await;
    }

    fn pending(&self, request: WorkRequest, reason: EndReason, retry: bool) -> Line {
        let mut line = Line::of(&self.run_id, request.input, &request.work, Status::Failed);
        line.stands_at(request.entry);
        line.reason = Some(reason);
        line.retry = retry;
        line
    }

    /// Whether every file that a line names is stored, and it names one. An error says that this cannot be known now.
    pub(super) async fn has_files(&self, line: &Line) -> Result<bool, StoreError> {
        for file in line.files() {
            let holds = self.acquirer.holds(file.format, &file.sha256, file.bytes);
            let holds = done_in_time(&self.halt, holds).await.unwrap_or(Err(StoreError::Abandoned));
            if file.path.is_none() || !holds? {
                return Ok(false);
            }
        }
        Ok(line.file.is_some())
    }

    /// Sends a line to the manifest.
    async fn write(&self, line: Line, resolution: Resolution) {
        self.send(EndedWork { line, resolution, written: None, unstored: None }).await;
    }

    async fn send(&self, ended: EndedWork) {
        // Whoever wrote the manifest has ended the run, and says why.
        let _ = self.ended.send(ended).await;
    }

    /// Sends a line to the manifest and waits until it is written. `false`: it will not be.
    async fn send_and_wait(&self, ended: EndedWork) -> bool {
        let (written, answer) = oneshot::channel();
        self.ended.send(EndedWork { written: Some(written), ..ended }).await.is_ok() && answer.await.is_ok()
    }
}

/// What an earlier worker fetched and stored of the work.
fn accepted(resumed: &[Line]) -> Trail {
    let entries = resumed.iter().flat_map(|line| &line.trail.0);
    let is_accepted =
        |entry: &&TrailEntry| matches!(entry, TrailEntry::Acquisition(fetched) if fetched.rejected.is_none());
    Trail(entries.filter(is_accepted).cloned().collect())
}

/// The operation that says that a file is in its place and its line in the manifest.
pub(super) fn indexing(duplicate: bool) -> OpKind {
    if duplicate { OpKind::Dedupe } else { OpKind::Index }
}
