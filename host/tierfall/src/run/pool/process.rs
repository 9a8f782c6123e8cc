//! A work's way from its race to its end, or back to the ledger.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use super::outages::Attempted;
use super::worker_pool::{Pipeline, WorkerPool};
use crate::run::artifact_jobs::{ArtifactJob, ArtifactJobs};
use crate::run::company::Resolving;
use crate::run::error::RunError;
use crate::run::metrics::InHand;
use crate::run::request::WorkRequest;
use crate::tiers::race::{self, Begun};
use crate::tiers::{Identified, Outcome, Parked, Status};
use tierfall_ledger::LedgerClientError;

/// For so long others of the queue come first: longer than nothing need have answered before it is clear that nothing
/// can be reached.
const OTHERS_FIRST: Duration = Duration::from_secs(10);

impl WorkerPool {
    /// Races a work, and leaves the rest to a task of its own once the work before has come to its end: so the next
    /// race waits neither for the disk nor for the ledger, and works end in the order of their races.
    pub(super) async fn process(
        self: &Arc<Self>,
        request: WorkRequest,
        jobs: ArtifactJobs,
        begun: Begun,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        let _in_hand = InHand::one();
        self.reporter.started(&request);
        if request.work.is_known_by_title() && !jobs.are_finalized() {
            let resolving = self.company.resolving();
            let identified = self.identify(&request, begun, &jobs, pipeline, &resolving).await;
            pipeline.resolved =
                matches!(identified, Ok(Attempted::CameTo(Identified::Work(..)))).then_some(resolving);
            let taken = self.take_identified(identified, request, jobs, pipeline).await;
            // It may have ended without a race.
            pipeline.resolved = None;
            return taken;
        }
        let span = match jobs.jobs.iter().find_map(ArtifactJob::leased) {
            Some(job) => tracing::debug_span!("job", job_id = job.key.as_str()),
            None => tracing::Span::none(),
        };
        let resolved = pipeline.resolved.take();
        let raced = self.race(&request, begun, &jobs, pipeline, resolved).instrument(span.clone()).await;
        // The next work is not kept from its place by this one's end.
        pipeline.slot = None;
        self.end(raced, request, jobs, span, pipeline).await
    }

    /// What came of asking for it; where an earlier worker had stored it already it is over. One whose title was `resolved` just now waits for those that still are not.
    async fn race(
        &self,
        request: &WorkRequest,
        begun: Begun,
        jobs: &ArtifactJobs,
        pipeline: &Pipeline,
        mut resolved: Option<Resolving>,
    ) -> Result<Attempted<Outcome>, LedgerClientError> {
        let wanted = jobs.wanted();
        if wanted.is_empty() {
            return Ok(Attempted::Over);
        }
        let observer = self.reporter.observer(request);
        let race = |begun: Begun| {
            let (resolved, clock) = (resolved.take(), Arc::clone(begun.clock()));
            let (work, wanted, observer) = (request.work.clone(), &wanted, observer.as_ref());
            async move {
                if let Some(resolved) = resolved {
                    // A run that is ending takes the work as it is.
                    self.unless_ending(resolved.gather(&clock)).await;
                }
                let acquirer = self.acquirer.as_ref();
                let outcome = race::go_on(&self.plan, work, begun, acquirer, wanted, observer).await;
                if outcome.status == Status::Stored { Ok(outcome) } else { Err(Box::new(outcome)) }
            }
        };
        let raced = self.through_outages(&request.work, begun, jobs, pipeline, race).await?;
        Ok(raced.map(|raced| raced.unwrap_or_else(|nothing| *nothing)))
    }

    /// Gives back a work whose turn is far off, with what was found out so far. A file that it has is stored before.
    async fn give_back(
        &self,
        parked: Parked,
        outcome: Outcome,
        request: WorkRequest,
        jobs: ArtifactJobs,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        let away = self.leases.away(parked.until);
        tracing::debug!("{} is given back for {} s", request.work.key(), away.as_secs());
        let given = match self.finalizer.store_found(&request, outcome, jobs).await {
            Ok(jobs) => jobs.park(away, &parked.so_far).await,
            Err(error) => Err(error),
        };
        match given {
            Ok(until) => {
                let wait = until.map_or(away, |until| until.wait);
                self.reporter.parked(&request, wait);
                if pipeline.list.is_some() {
                    self.parked.add(request, wait);
                }
            }
            Err(error) => pipeline.held.push_back(self.give_up(error, request)?),
        }
        Ok(())
    }

    /// Leaves a work as it was until all others of the list, or some of the queue, were asked for.
    async fn set_aside(
        &self,
        request: WorkRequest,
        jobs: ArtifactJobs,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        let is_of_list = pipeline.list.is_some();
        let given = match is_of_list {
            true => jobs.release().await,
            false => {
                let so_far = jobs.so_far().unwrap_or_default();
                jobs.park(OTHERS_FIRST, &so_far).await.map(|_| ())
            }
        };
        match given {
            Ok(()) => {
                self.reporter.left(&request);
                if is_of_list {
                    self.set_aside.add(request);
                }
            }
            Err(error) => pipeline.held.push_back(self.give_up(error, request)?),
        }
        Ok(())
    }

    /// Ends a work in a task of its own, once the one before has ended; one that can only wait is given back.
    pub(super) async fn end(
        self: &Arc<Self>,
        raced: Result<Attempted<Outcome>, LedgerClientError>,
        request: WorkRequest,
        jobs: ArtifactJobs,
        span: tracing::Span,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        let raced = match raced {
            Ok(Attempted::CameTo(mut outcome)) if outcome.parked.is_some() => {
                let Some(parked) = outcome.parked.take() else { return Ok(()) };
                return self.give_back(parked, outcome, request, jobs, pipeline).await;
            }
            Ok(Attempted::CameTo(outcome)) => Ok(Some(outcome)),
            Ok(Attempted::SetAside) => return self.set_aside(request, jobs, pipeline).await,
            Ok(Attempted::Over) => Ok(None),
            Err(error) => Err(error),
        };
        pipeline.finish().await?;
        let pool = Arc::clone(self);
        let ending = async move {
            let ended = match raced {
                Ok(outcome) => pool.finalizer.finalize(&request, outcome, jobs, &pool.plan.artifacts).await,
                Err(error) => Err(error),
            };
            let Err(error) = ended else { return Ok(None) };
            if matches!(error, LedgerClientError::Lost(_)) {
                pool.leases.clear_up_after(&request.work).await;
            }
            pool.give_up(error, request).map(Some)
        };
        pipeline.ending = Some(tokio::spawn(ending.instrument(span)));
        Ok(())
    }
}
