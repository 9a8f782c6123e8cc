//! The worker pool of a run: each worker takes one work after another, from the list or from the ledger's queue,
//! races it, and leaves its end to a task of its own.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::admission::{Admission, admit, with_the_others};
use super::artifact_jobs::{ArtifactJob, ArtifactJobs};
use super::company::{Company, Resolving};
use super::error::RunError;
use super::finalize::Finalizer;
use super::job;
use super::last_moment::done_in_time;
use super::leases::{HeldElsewhere, HeldQueue, Leases, NextJob, POLL_INTERVAL, QueueMode};
use super::manifest::Line;
use super::metrics::InHand;
use super::parked::ParkedWorks;
use super::reporter::Reporter;
use super::request::WorkRequest;
use super::slots::{Slot, Slots};
use super::stored::StoredWorks;
use crate::acquire::{Acquire, StoreError};
use crate::tiers::race::{self, Begun};
use crate::tiers::{EndReason, Identified, Others, Outcome, Parked, Plan, Status, Trail, identify};
use tierfall_http::{Doing, HttpClient, Reach, WorkClock};
use tierfall_input::Dedupe;
use tierfall_ledger::{Enqueued, LedgerClientError, State};
use tierfall_work::Work;

/// What the workers of one run share.
pub(super) struct WorkerPool {
    pub(super) plan: Arc<Plan>,
    pub(super) acquirer: Arc<dyn Acquire>,
    pub(super) reporter: Arc<dyn Reporter>,
    pub(super) leases: Leases,
    pub(super) finalizer: Finalizer,
    /// What need not be fetched.
    pub(super) stored: StoredWorks,
    /// Whether anything can be reached.
    pub(super) reach: Option<Reach>,
    /// Whether there is still a network.
    pub(super) network: Option<HttpClient>,
    /// Cancelled when the run is to end, for whatever reason.
    pub(super) halt: CancellationToken,
    /// Cancelled when no new work is to be begun.
    pub(super) drain: CancellationToken,
    /// The places of works in hand.
    pub(super) slots: Arc<Slots>,
    /// The titles that are being resolved.
    pub(super) company: Arc<Company>,
    /// Nothing is left in the queue, and nothing will come back to it.
    pub(super) emptied: AtomicBool,
    /// Works of the list that were given back.
    pub(super) parked: ParkedWorks,
    /// Works that were begun, and those that titles turned out to be.
    pub(super) seen: Mutex<Dedupe>,
    /// Works that were begun under another name.
    pub(super) repeats: Arc<AtomicU64>,
}

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

/// What one worker has to come back to.
#[derive(Default)]
struct Pipeline {
    /// The end of the work before.
    ending: Option<JoinHandle<Result<Option<HeldElsewhere>, RunError>>>,
    held: HeldQueue,
    /// The place of the work in hand, or of the next one.
    slot: Option<Slot>,
    /// It goes through a list: what it gives back is to be taken up again.
    of_list: bool,
    /// The title of the work in hand was resolved just now.
    resolved: Option<Resolving>,
}

impl Pipeline {
    /// Waits until the work before is at its end.
    async fn finish(&mut self) -> Result<(), RunError> {
        if let Some(ending) = self.ending.take() {
            let ended = ending.await.unwrap_or_else(|error| Err(RunError::Worker(error.to_string())));
            self.held.extend(ended?);
        }
        Ok(())
    }
}

impl WorkerPool {
    /// One worker over a list.
    pub(super) async fn work_list(
        self: Arc<Self>,
        works: async_channel::Receiver<WorkRequest>,
    ) -> Result<(), RunError> {
        let mut pipeline = Pipeline { of_list: true, ..Pipeline::default() };
        while self.has_place(&mut pipeline).await {
            let next = async {
                tokio::select! {
                    biased;
                    request = self.parked.due() => Some((request, true)),
                    request = works.recv() => Some((request.ok()?, false)),
                }
            };
            let Some((request, again)) = self.unless_ending(next).await.flatten() else { break };
            if again || self.is_new(&request.work) {
                if !works.is_empty() {
                    // The next one is right behind it.
                    self.plan.together.go_on();
                }
                self.begin(request, &mut pipeline).await?;
            }
        }
        // What others hold comes last: by then they have ended it, or their lease has run out.
        pipeline.slot = None;
        pipeline.finish().await?;
        while let Some(held) = pipeline.held.pop_front() {
            if self.unless_ending(tokio::time::sleep(held.wait())).await.is_none()
                || !self.has_place(&mut pipeline).await
            {
                break;
            }
            self.begin(held.request, &mut pipeline).await?;
            pipeline.slot = None;
            pipeline.finish().await?;
        }
        while self.has_place(&mut pipeline).await
            && let Some(request) = self.unless_ending(self.parked.rest()).await.flatten()
        {
            self.begin(request, &mut pipeline).await?;
        }
        pipeline.slot = None;
        pipeline.finish().await
    }

    /// Waits for a place for the next work, unless there is one; `false` when no new work is to be begun.
    async fn has_place(&self, pipeline: &mut Pipeline) -> bool {
        if pipeline.slot.is_none() {
            pipeline.slot = self.unless_ending(self.slots.take()).await;
        }
        pipeline.slot.is_some()
    }

    /// The clock of the next work, in this place: it stands still while the work is parked.
    fn begun(&self, slot: Option<&Slot>, jobs: &ArtifactJobs) -> Begun {
        let telling = |clock: WorkClock| match slot {
            Some(slot) => {
                // The work before may have ended while it waited.
                slot.parking().does(Doing::Working);
                clock.telling(slot.parking())
            }
            None => clock,
        };
        Begun::going_on(jobs.so_far().unwrap_or_default(), self.plan.budgets.total, telling)
    }

    /// One worker over the ledger's queue.
    pub(super) async fn work_queue(self: Arc<Self>, mode: QueueMode) -> Result<(), RunError> {
        let mut silent_since: Option<Instant> = None;
        let mut pipeline = Pipeline::default();
        while self.has_place(&mut pipeline).await && !self.emptied.load(Ordering::Relaxed) {
            match self.leases.next().await {
                Ok(NextJob::Job(job, request)) => {
                    silent_since = None;
                    match with_the_others(&self.leases, &self.plan.artifacts, job, &request).await? {
                        Some(admission) => self.take_job(admission, request, &mut pipeline).await?,
                        // Whoever has the work takes this job as well.
                        None => drop(self.unless_ending(tokio::time::sleep(POLL_INTERVAL)).await),
                    }
                    // What another worker has taken over stays in the queue.
                    pipeline.held.clear();
                    continue;
                }
                Ok(NextJob::Unreadable) => {
                    silent_since = None;
                    continue;
                }
                // Whether more is to come shows once the work before is ended.
                Ok(NextJob::Nothing) if pipeline.ending.is_some() => {
                    pipeline.finish().await?;
                    continue;
                }
                Ok(NextJob::Nothing) => silent_since = None,
                Err(error) => {
                    let since = *silent_since.get_or_insert_with(Instant::now);
                    self.leases.tolerate(error, mode, since)?;
                }
            }
            pipeline.slot = None;
            let Some(_watching) = self.unless_ending(self.leases.watch.lock()).await else { break };
            let wait = match self.leases.next_wait(silent_since.is_none()).await {
                None if mode == QueueMode::Empty => {
                    // Nobody else needs to look.
                    self.emptied.store(true, Ordering::Relaxed);
                    break;
                }
                wait => wait.unwrap_or(POLL_INTERVAL),
            };
            if self.unless_ending(tokio::time::sleep(wait)).await.is_none() {
                break;
            }
        }
        pipeline.finish().await
    }

    /// Whether a work was not begun under another name; otherwise it counts as a repeat.
    fn is_new(&self, work: &Work) -> bool {
        let new = self.seen.lock().unwrap_or_else(PoisonError::into_inner).admit(work);
        if !new {
            tracing::debug!("{} is in hand under another name", work.key());
            self.repeats.fetch_add(1, Ordering::Relaxed);
            self.reporter.repeated(work);
        }
        new
    }

    async fn begin(self: &Arc<Self>, request: WorkRequest, pipeline: &mut Pipeline) -> Result<(), RunError> {
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

    async fn admit(&self, request: &WorkRequest) -> Result<Admission, LedgerClientError> {
        admit(&self.leases, &self.plan.artifacts, request).await
    }

    async fn admitted(
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
            pipeline.held.push_back(self.leases.held_by(&owner, until, request));
            return Ok(());
        }
        if let Some(until) = parked {
            self.parked.add(request, until);
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
    async fn take_job(
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

    /// Races a work, and leaves the rest to a task of its own once the work before has come to its end: so the next
    /// race waits neither for the disk nor for the ledger, and works end in the order of their races.
    async fn process(
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
            let identified = self.identify(&request, begun, &jobs, pipeline.slot.as_ref(), &resolving).await;
            pipeline.resolved = matches!(identified, Ok(Some(Identified::Work(..)))).then_some(resolving);
            let taken = self.take_identified(identified, request, jobs, pipeline).await;
            // It may have ended without a race.
            pipeline.resolved = None;
            return taken;
        }
        let span = match jobs.jobs.iter().find_map(ArtifactJob::leased) {
            Some(job) => tracing::debug_span!("job", job_id = job.key.as_str()),
            None => tracing::Span::none(),
        };
        let (slot, resolved) = (pipeline.slot.as_ref(), pipeline.resolved.take());
        let raced = self.race(&request, begun, &jobs, slot, resolved).instrument(span.clone()).await;
        // The next work is not kept from its place by this one's end.
        pipeline.slot = None;
        if let Ok(Some(Outcome { parked: Some(parked), .. })) = raced {
            return self.give_back(parked, request, jobs, pipeline).await;
        }
        self.end(raced, request, jobs, span, pipeline).await
    }

    /// Gives back a work whose turn is far off, with what was found out so far.
    async fn give_back(
        &self,
        parked: Parked,
        request: WorkRequest,
        jobs: ArtifactJobs,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        let away = self.leases.away(parked.until);
        tracing::debug!("{} is given back for {} s", request.work.key(), away.as_secs());
        match jobs.park(away, &parked.so_far).await {
            Ok(until) => {
                let until = until.unwrap_or_else(|| Leases::time_in(away));
                self.reporter.parked(&request, until);
                if pipeline.of_list {
                    self.parked.add(request, until);
                }
            }
            Err(error) => pipeline.held.push_back(self.give_up(error, request)?),
        }
        Ok(())
    }

    /// Ends a work in a task of its own, once the one before has ended.
    async fn end(
        self: &Arc<Self>,
        raced: Result<Option<Outcome>, LedgerClientError>,
        request: WorkRequest,
        jobs: ArtifactJobs,
        span: tracing::Span,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
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

    /// Finds out which work a title is; `None` if the run is over.
    async fn identify(
        &self,
        request: &WorkRequest,
        begun: Begun,
        jobs: &ArtifactJobs,
        slot: Option<&Slot>,
        resolving: &Resolving,
    ) -> Result<Option<Identified>, LedgerClientError> {
        let observer = self.reporter.observer(request);
        let others = OtherTitles { pool: self, resolving };
        let mut begun = Some(begun);
        loop {
            let begun = begun.take().unwrap_or_else(|| self.begun(slot, jobs));
            let clock = Arc::clone(begun.clock());
            let asking = identify(&self.plan, request.work.clone(), begun, observer.as_ref(), &others);
            tokio::select! {
                biased;
                () = self.halt.cancelled() => return Ok(None),
                () = self.leaves_for_later(&clock) => return Ok(None),
                error = jobs.stopped() => return Err(error),
                () = self.network_is(false) => {}
                identified = AssertUnwindSafe(asking).catch_unwind() => {
                    let identified = identified
                        .unwrap_or_else(|_| Identified::Open(Box::new(broken(request.work.clone()))));
                    let Identified::Open(_) = &identified else { return Ok(Some(identified)) };
                    if self.nothing_is_reached() {
                        return Ok(None);
                    }
                    if self.has_network().await {
                        return Ok(Some(identified));
                    }
                }
            }
            if !self.waits_for_network(jobs).await? {
                return Ok(None);
            }
        }
    }

    /// A work whose title was asked for goes on under its identifiers, unless it is in hand under them, or ends.
    async fn take_identified(
        self: &Arc<Self>,
        identified: Result<Option<Identified>, LedgerClientError>,
        request: WorkRequest,
        jobs: ArtifactJobs,
        pipeline: &mut Pipeline,
    ) -> Result<(), RunError> {
        let span = tracing::Span::none();
        let (work, begun) = match identified {
            Ok(Some(Identified::Work(work, begun))) => (work, begun),
            Ok(Some(Identified::Open(outcome))) => {
                return self.end(Ok(Some(*outcome)), request, jobs, span, pipeline).await;
            }
            Ok(None) => return self.end(Ok(None), request, jobs, span, pipeline).await,
            Err(error) => return self.end(Err(error), request, jobs, span, pipeline).await,
        };
        let resolved = WorkRequest { work: *work, ..request.clone() };
        self.reporter.left(&request);
        self.go_on_as(resolved, request, jobs, begun, pipeline).await
    }

    /// A work that was given by its title goes on under its identifiers, unless it is in hand under them.
    async fn go_on_as(
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
                pipeline.held.push_back(self.give_up(error, request)?);
                break;
            }
        }
        match admitted {
            Some(admitted) => Box::pin(self.admitted(admitted, resolved, begun, pipeline)).await,
            None => Ok(()),
        }
    }

    fn give_up(&self, error: LedgerClientError, request: WorkRequest) -> Result<HeldElsewhere, RunError> {
        self.reporter.left(&request);
        Leases::lost(error, request)
    }

    /// What came of asking for it: `None` if the run is over, or if an earlier worker had stored it already. One whose
    /// title was `resolved` just now waits for those that still are not.
    async fn race(
        &self,
        request: &WorkRequest,
        begun: Begun,
        jobs: &ArtifactJobs,
        slot: Option<&Slot>,
        mut resolved: Option<Resolving>,
    ) -> Result<Option<Outcome>, LedgerClientError> {
        let wanted = jobs.wanted();
        if wanted.is_empty() {
            return Ok(None);
        }
        let observer = self.reporter.observer(request);
        let mut begun = Some(begun);
        loop {
            let (work, begun) =
                (request.work.clone(), begun.take().unwrap_or_else(|| self.begun(slot, jobs)));
            let begun = begun.parked_at_most(self.leases.longest_parked().filter(|_| jobs.may_be_parked()));
            let clock = Arc::clone(begun.clock());
            let resolved = resolved.take();
            let racing = async {
                if let Some(resolved) = resolved {
                    // A run that is ending takes the work as it is.
                    self.unless_ending(resolved.gather(&clock)).await;
                }
                race::go_on(&self.plan, work, begun, self.acquirer.as_ref(), &wanted, observer.as_ref()).await
            };
            // Dropping the race drops its requests; what was received stays in `partial/` for the next one.
            tokio::select! {
                biased;
                () = self.halt.cancelled() => return Ok(None),
                () = self.leaves_for_later(&clock) => return Ok(None),
                error = jobs.stopped() => return Err(error),
                () = self.network_is(false) => {}
                raced = AssertUnwindSafe(racing).catch_unwind() => {
                    let outcome = raced.unwrap_or_else(|_| broken(request.work.clone()));
                    if outcome.status != Status::Stored && self.nothing_is_reached() {
                        return Ok(None);
                    }
                    if outcome.status == Status::Stored || self.has_network().await {
                        return Ok(Some(outcome));
                    }
                }
            }
            // An outage is nobody's failure: the work is raced from its beginning once it is over.
            if !self.waits_for_network(jobs).await? {
                return Ok(None);
            }
        }
    }

    /// Whether what came of a work can be believed: there is a network, or nobody waits for one any more.
    async fn has_network(&self) -> bool {
        let Some(network) = &self.network else { return true };
        tokio::select! {
            biased;
            () = self.halt.cancelled() => true,
            has = network.has_network() => has,
        }
    }

    /// Completes when there is a network, or none.
    async fn network_is(&self, up: bool) {
        match &self.network {
            Some(network) => network.network(up).await,
            None if up => {}
            None => std::future::pending().await,
        }
    }

    /// Waits until there is a network again; `false`: the run is over before.
    async fn waits_for_network(&self, jobs: &ArtifactJobs) -> Result<bool, LedgerClientError> {
        tokio::select! {
            biased;
            () = self.halt.cancelled() => Ok(false),
            error = jobs.stopped() => Err(error),
            () = self.network_is(true) => Ok(true),
        }
    }

    /// Completes when no new work is to be begun and this one stands in a queue: that may be hours long.
    async fn leaves_for_later(&self, clock: &WorkClock) {
        const LONG: Duration = Duration::from_secs(2);
        const LOOK: Duration = Duration::from_millis(200);
        self.drain.cancelled().await;
        while clock.parked_for() < LONG {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// That nothing can be reached is not the end of a work, but of the run.
    fn nothing_is_reached(&self) -> bool {
        self.reach.as_ref().is_some_and(Reach::give_up)
    }

    /// Waits for what would begin something new.
    async fn unless_ending<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.halt.cancelled() => None,
            () = self.drain.cancelled() => None,
            done = work => Some(done),
        }
    }
}

/// A bug of ours costs the work that met it, never the run; the panic's own message was printed where it
/// happened.
fn broken(work: Work) -> Outcome {
    tracing::error!("a bug in Tierfall ended the work {}", work.key());
    Outcome {
        work: Arc::new(work),
        status: Status::Failed,
        reason: Some(EndReason::InternalError),
        won: None,
        also: Vec::new(),
        cut: false,
        parked: None,
        nearest: None,
        trail: Trail::default(),
        elapsed: Duration::ZERO,
    }
}
