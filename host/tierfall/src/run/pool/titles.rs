//! Works that are given by their titles: once it is known which works they are, they go on under their identifiers.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::outages::Attempted;
use super::worker_pool::{Pipeline, WorkerPool};
use crate::run::artifact_jobs::{ArtifactJob, ArtifactJobs};
use crate::run::company::Resolving;
use crate::run::error::RunError;
use crate::run::job;
use crate::run::leases::Leases;
use crate::run::request::WorkRequest;
use crate::tiers::race::Begun;
use crate::tiers::{Identified, Others, identify};
use tierfall_http::WorkClock;
use tierfall_ledger::LedgerClientError;

/// The other titles of a run, for one of them.
struct OtherTitles<'a> {
    pool: &'a WorkerPool,
    resolving: &'a Resolving,
}

impl Others for OtherTitles<'_> {
    fn come<'a>(&'a self, clock: &'a Arc<WorkClock>) -> BoxFuture<'a, ()> {
        // A run that is ending takes the title as it is.
        Box::pin(self.pool.unless_ending(self.resolving.join(clock)).map(|_| ()))
    }
}

impl WorkerPool {
    /// Finds out which work a title is.
    pub(super) async fn identify(
        &self,
        request: &WorkRequest,
        begun: Begun,
        jobs: &ArtifactJobs,
        pipeline: &Pipeline,
        resolving: &Resolving,
    ) -> Result<Attempted<Identified>, LedgerClientError> {
        let observer = self.reporter.observer(request);
        let others = OtherTitles { pool: self, resolving };
        let ask = |begun: Begun| {
            let (work, observer, others) = (request.work.clone(), observer.as_ref(), &others);
            async move {
                match identify(&self.plan, work, begun, observer, others).await {
                    Identified::Open(outcome) => Err(outcome),
                    found => Ok(found),
                }
            }
        };
        let asked = self.through_outages(&request.work, begun, jobs, pipeline, ask).await?;
        Ok(asked.map(|asked| asked.unwrap_or_else(Identified::Open)))
    }

    /// A work whose title was asked for goes on under its identifiers, unless it is in hand under them, or ends.
    pub(super) async fn take_identified(
        self: &Arc<Self>,
        identified: Result<Attempted<Identified>, LedgerClientError>,
        request: WorkRequest,
        jobs: ArtifactJobs,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        let span = tracing::Span::none();
        let (work, begun) = match identified {
            Ok(Attempted::CameTo(Identified::Work(work, begun))) => (work, begun),
            Ok(Attempted::CameTo(Identified::Open(outcome))) => {
                return self.end(Ok(Attempted::CameTo(*outcome)), request, jobs, span, pipeline).await;
            }
            Ok(Attempted::SetAside) => {
                return self.end(Ok(Attempted::SetAside), request, jobs, span, pipeline).await;
            }
            Ok(Attempted::Over) => return self.end(Ok(Attempted::Over), request, jobs, span, pipeline).await,
            Err(error) => return self.end(Err(error), request, jobs, span, pipeline).await,
        };
        let resolved = WorkRequest { work: *work, ..request.clone() };
        self.reporter.left(&request);
        self.go_on_as(resolved, request, jobs, begun, pipeline).await
    }

    /// A work that was given by its title goes on under its identifiers, unless it is in hand under them.
    pub(super) async fn go_on_as(
        self: &Arc<Self>,
        resolved: WorkRequest,
        request: WorkRequest,
        jobs: ArtifactJobs,
        begun: Begun,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        let admitted = if self.is_new(&resolved.work) { Some(self.admit(&resolved).await) } else { None };
        // Only now: whoever goes on after a crash finds one of the two jobs.
        for ArtifactJob { format, leased } in jobs.jobs {
            let Some(job) = leased else { continue };
            if let Err(error) = job.handle.finish(job::resolved_ending(&resolved.work, format)).await {
                // Whoever has the title now finds out the same, and here the work goes on all the same.
                Leases::lost(error, request.clone())?;
            }
        }
        match admitted {
            Some(admitted) => Box::pin(self.admitted(admitted, resolved, begun, pipeline)).await,
            None => Ok(()),
        }
    }
}
