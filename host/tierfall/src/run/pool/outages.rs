//! A work is asked for until the run ends or its lease does, and anew after each outage, which is nobody's failure.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::worker_pool::{Pipeline, WorkerPool};
use crate::run::artifact_jobs::ArtifactJobs;
use crate::tiers::race::Begun;
use crate::tiers::{EndReason, Outcome, Status, Trail};
use tierfall_http::{Reach, WorkClock};
use tierfall_ledger::LedgerClientError;
use tierfall_work::Work;

/// What came of asking for a work.
pub(super) enum Attempted<T> {
    CameTo(T),
    /// Nothing, and it may be the network: others are asked first.
    SetAside,
    /// The run is over, or leaves the work for later.
    Over,
}

impl<T> Attempted<T> {
    pub(super) fn map<U>(self, to: impl FnOnce(T) -> U) -> Attempted<U> {
        match self {
            Self::CameTo(came) => Attempted::CameTo(to(came)),
            Self::SetAside => Attempted::SetAside,
            Self::Over => Attempted::Over,
        }
    }
}

/// Whether it can be believed that a work comes to nothing.
enum Belief {
    Believed,
    /// Others are asked first.
    InDoubt,
    /// There is no network any more.
    NoNetwork,
    /// There never was one.
    CutOff,
}

/// What is waited for while there is no network.
enum Waited {
    /// There is one.
    Network,
    /// It is this work's turn to look for itself.
    MayLook,
    /// The run is over.
    Over,
}

impl WorkerPool {
    /// What comes of asking for a work, from its beginning after each outage. What brings nothing (`Err`) is believed
    /// only where there is a network.
    pub(super) async fn through_outages<T, Asking>(
        &self,
        work: &Work,
        begun: Begun,
        jobs: &ArtifactJobs,
        pipeline: &Pipeline,
        mut ask: impl FnMut(Begun) -> Asking,
    ) -> Result<Attempted<Result<T, Box<Outcome>>>, LedgerClientError>
    where
        Asking: Future<Output = Result<T, Box<Outcome>>>,
    {
        let (mut begun, mut looks) = (Some(begun), false);
        loop {
            let begun = begun.take().unwrap_or_else(|| self.begun(pipeline.slot.as_ref(), jobs));
            let begun = begun.parked_at_most(self.leases.longest_parked().filter(|_| jobs.may_be_parked()));
            let clock = Arc::clone(begun.clock());
            let asking = ask(begun);
            // Dropping it drops its requests; what was received stays in `partial/` for the next one.
            tokio::select! {
                biased;
                () = self.halt.cancelled() => return Ok(Attempted::Over),
                () = self.leaves_for_later(&clock) => return Ok(Attempted::Over),
                error = jobs.stopped() => return Err(error),
                () = self.network_is(false), if !looks => {}
                asked = AssertUnwindSafe(asking).catch_unwind() => {
                    let asked = asked.unwrap_or_else(|_| Err(Box::new(broken(work.clone()))));
                    match self.belief(asked.is_ok(), jobs, pipeline).await {
                        // It may have been asked for before there was one again.
                        Belief::Believed if looks && asked.is_err() => {}
                        Belief::Believed => return Ok(Attempted::CameTo(asked)),
                        Belief::CutOff => return Ok(Attempted::Over),
                        Belief::InDoubt => return Ok(Attempted::SetAside),
                        // One that is asked next may be answered.
                        Belief::NoNetwork if looks && self.may_set_aside(jobs, pipeline) => {
                            return Ok(Attempted::SetAside);
                        }
                        Belief::NoNetwork => {}
                    }
                }
            }
            looks = match self.waits_for_network(jobs).await? {
                Waited::Network => false,
                Waited::MayLook => true,
                Waited::Over => return Ok(Attempted::Over),
            };
        }
    }

    async fn belief(&self, found: bool, jobs: &ArtifactJobs, pipeline: &Pipeline) -> Belief {
        if found {
            return Belief::Believed;
        }
        let others_come_first = |reach: &Reach| match pipeline.list {
            Some(_) if !pipeline.again && (pipeline.has_more() || self.slots.have_others()) => {
                reach.is_in_doubt()
            }
            Some(_) => reach.may_hear(),
            // What else the queue has is not known.
            None => reach.is_open(),
        };
        match &self.reach {
            Some(reach) if others_come_first(reach) && self.may_set_aside(jobs, pipeline) => Belief::InDoubt,
            Some(reach) if reach.give_up() => Belief::CutOff,
            _ if self.has_network().await => Belief::Believed,
            _ => Belief::NoNetwork,
        }
    }

    /// Whether one more may be set aside.
    fn may_set_aside(&self, jobs: &ArtifactJobs, pipeline: &Pipeline) -> bool {
        match pipeline.list {
            Some(_) => self.set_aside.have_room(),
            None => jobs.may_be_parked(),
        }
    }

    /// Completes when works were set aside, and can be asked for again.
    pub(super) async fn can_be_asked_again(&self) {
        self.set_aside.are_some().await;
        self.is_settled().await;
    }

    /// Completes when it is clear whether anything can be reached, as far as those who are asked tell.
    pub(super) async fn is_settled(&self) {
        if let Some(reach) = &self.reach {
            reach.is_settled().await;
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

    /// Completes when it is one's turn to look whether anything answers.
    async fn may_look(&self) {
        match &self.network {
            Some(network) => network.may_look_for_network().await,
            None => std::future::pending().await,
        }
    }

    /// Waits until there is a network again.
    async fn waits_for_network(&self, jobs: &ArtifactJobs) -> Result<Waited, LedgerClientError> {
        tokio::select! {
            biased;
            () = self.halt.cancelled() => Ok(Waited::Over),
            () = self.drain.cancelled() => Ok(Waited::Over),
            error = jobs.stopped() => Err(error),
            () = self.network_is(true) => Ok(Waited::Network),
            () = self.may_look() => Ok(Waited::MayLook),
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
