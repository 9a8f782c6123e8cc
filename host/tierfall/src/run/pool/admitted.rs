//! What is to be done for a work, by what the ledger, the manifest and the store say of it: what is stored is taken as
//! it is, and the rest is raced.

use std::sync::Arc;

use super::worker_pool::{Pipeline, WorkerPool};
use crate::acquire::StoreError;
use crate::run::admission::{Admission, admit};
use crate::run::artifact_jobs::{ArtifactJob, ArtifactJobs};
use crate::run::error::RunError;
use crate::run::last_moment::done_in_time;
use crate::run::manifest::Line;
use crate::run::request::WorkRequest;
use crate::tiers::Status;
use crate::tiers::race::Begun;
use tierfall_ledger::{Enqueued, LedgerClientError, State};

impl WorkerPool {
    pub(super) async fn begin(
        self: &Arc<Self>,
        request: WorkRequest,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        let admitted = self.admit(&request).await;
        if let Ok(admission) = admitted {
            return match admission.resolved(&request) {
                // An earlier run found out which work the title is.
                Some(resolved) => {
                    let begun = self.begun(pipeline.slot.as_ref(), &admission.jobs);
                    self.go_on_as(resolved, request, admission.jobs, begun, pipeline).await
                }
                None => {
                    let begun = self.begun(pipeline.slot.as_ref(), &admission.jobs);
                    self.admitted(Ok(admission), request, begun, pipeline).await
                }
            };
        }
        let begun = self.begun(pipeline.slot.as_ref(), &ArtifactJobs::default());
        self.admitted(admitted, request, begun, pipeline).await
    }

    pub(super) async fn admit(&self, request: &WorkRequest) -> Result<Admission, LedgerClientError> {
        admit(&self.leases, &self.plan.artifacts, request).await
    }

    pub(super) async fn admitted(
        self: &Arc<Self>,
        admitted: Result<Admission, LedgerClientError>,
        request: WorkRequest,
        begun: Begun,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        let Admission { mut jobs, held, parked, closed } = match admitted {
            Ok(admission) => admission,
            Err(error) => {
                pipeline.held.push_back(self.give_up(error, request)?);
                return Ok(());
            }
        };
        jobs.here = match self.stored(&request).await {
            Ok(here) => here,
            Err(error) => return self.cannot_tell(request, jobs, error, pipeline).await,
        };
        let (mut kept, mut over, mut is_here) = (Vec::new(), None, false);
        for (format, answer) in closed {
            let stored = jobs.here.as_ref().is_some_and(|line| line.file_of(format).is_some());
            match answer {
                // A run without the ledger stored it since.
                Enqueued::Later { .. } | Enqueued::Over { state: State::Failed | State::Exhausted, .. }
                    if stored =>
                {
                    is_here = true;
                }
                Enqueued::Over { state, result, .. } if state != State::Failed => {
                    kept.extend(self.finalizer.kept(&request, result));
                }
                other => over = over.or(Some(other)),
            }
        }
        for line in &kept {
            if self.finalizer.has_files(line).await.unwrap_or(false) {
                jobs.before.extend(line.file.clone());
            }
        }
        is_here |= match self.take_stored(&request, &mut jobs).await {
            Ok(adopted) => adopted,
            Err(error) => {
                pipeline.held.push_back(self.give_up(error, request)?);
                return Ok(());
            }
        };
        if !jobs.jobs.is_empty() {
            return self.process(request, jobs, begun, pipeline).await;
        }
        if let Some((owner, until)) = held {
            pipeline.held.push_back(self.leases.held_by(&owner, until.wait, request));
            return Ok(());
        }
        if let Some(until) = parked {
            self.parked.add(request, until.wait);
            return Ok(());
        }
        let here = jobs.here.map(|line| *line);
        let says_all = |line: &Line| {
            let sha256s = || line.files().map(|file| &file.sha256);
            kept.iter().flat_map(Line::files).all(|file| sha256s().any(|known| *known == file.sha256))
        };
        match (here, over) {
            (Some(line), _) if is_here && says_all(&line) => self.finalizer.is_here(line).await,
            // What was stored is worth more than why something else was not.
            (_, Some(over)) if !kept.iter().any(|line| line.status == Status::Stored) => match over {
                Enqueued::Later { reason, .. } => {
                    self.finalizer.still_failed(request, Some(&reason), true).await;
                }
                Enqueued::SetAside { why } => self.finalizer.set_aside(request, &why).await,
                Enqueued::Over { reason, .. } => {
                    self.finalizer.still_failed(request, reason.as_deref(), false).await;
                }
                Enqueued::Leased(_) | Enqueued::Held { .. } | Enqueued::Parked { .. } => {}
            },
            (here, _) => {
                let here = here.map(|line| line.files().cloned().collect()).unwrap_or_default();
                self.finalizer.were_done(request, kept, here, &self.plan.artifacts.formats).await;
            }
        }
        Ok(())
    }

    /// What came out of the queue, unless it is stored.
    pub(super) async fn take_job(
        self: &Arc<Self>,
        admission: Admission,
        request: WorkRequest,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        let Admission { mut jobs, closed, .. } = admission;
        jobs.here = match self.stored(&request).await {
            Ok(here) => here,
            Err(error) => return self.cannot_tell(request, jobs, error, pipeline).await,
        };
        for (_, answer) in closed {
            let Enqueued::Over { state, result, .. } = answer else { continue };
            let kept = self.finalizer.kept(&request, result).filter(|_| state != State::Failed);
            if let Some(line) = kept
                && self.finalizer.has_files(&line).await.unwrap_or(false)
            {
                jobs.before.extend(line.file);
            }
        }
        match self.take_stored(&request, &mut jobs).await {
            Err(error) => pipeline.held.push_back(self.give_up(error, request)?),
            Ok(_) if !jobs.jobs.is_empty() => {
                let begun = self.begun(pipeline.slot.as_ref(), &jobs);
                self.process(request, jobs, begun, pipeline).await?;
            }
            Ok(adopted) => {
                if let Some(line) = jobs.here.filter(|_| adopted) {
                    self.finalizer.is_here(*line).await;
                }
            }
        }
        Ok(())
    }

    /// The line of a work that is stored, as this folder's manifest has it. An error says that this cannot be known now.
    async fn stored(&self, request: &WorkRequest) -> Result<Option<Box<Line>>, StoreError> {
        let key = request.work.key();
        let asked = self.stored.line_of(&key, self.acquirer.as_ref());
        let line = done_in_time(&self.halt, asked).await.unwrap_or(Err(StoreError::Abandoned))?;
        Ok(line.map(Box::new))
    }

    /// Leaves a work as it is, because it cannot be asked whether it is stored.
    async fn cannot_tell(
        &self,
        request: WorkRequest,
        jobs: ArtifactJobs,
        error: StoreError,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        match jobs.release().await {
            Ok(()) => self.finalizer.cannot_tell(request, error).await,
            Err(lost) => pipeline.held.push_back(self.give_up(lost, request)?),
        }
        Ok(())
    }

    /// Ends the jobs of artifacts that are stored in this folder, or that need not be looked for. Whether any was
    /// stored.
    async fn take_stored(
        &self,
        request: &WorkRequest,
        jobs: &mut ArtifactJobs,
    ) -> Result<bool, LedgerClientError> {
        let there: Vec<_> = jobs.forms_here().collect();
        let mut adopted = false;
        for ArtifactJob { format, leased } in std::mem::take(&mut jobs.jobs) {
            let job = ArtifactJob { format, leased };
            // A job whose file is stored says so itself.
            if job.is_finalized() {
                jobs.jobs.push(job);
                continue;
            }
            if let Some((line, file)) =
                jobs.here.as_ref().and_then(|line| Some((line, line.file_of(format)?)))
            {
                if let Some(leased) = job.leased {
                    self.finalizer.adopt(line, file, leased).await?;
                }
                adopted = true;
            } else if self.plan.artifacts.is_needless(format, there.iter().copied()) {
                if let Some(leased) = job.leased {
                    self.finalizer.is_needless(request, leased).await?;
                }
            } else {
                jobs.jobs.push(job);
            }
        }
        Ok(adopted)
    }
}
