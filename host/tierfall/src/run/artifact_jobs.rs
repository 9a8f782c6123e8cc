//! The artifacts that one work is raced for, each with its job where there is a ledger.

use std::time::Duration;

use super::journal::LeasedJob;
use super::manifest::{Line, StoredFile};
use crate::acquire::{Journal, NoJournal};
use crate::tiers::SoFar;
use crate::tiers::race::Wanted;
use tierfall_ledger::{Due, LedgerClientError};
use tierfall_work::ArtifactFormat;

/// One artifact of a work.
#[derive(Debug)]
pub(super) struct ArtifactJob {
    pub(super) format: ArtifactFormat,
    /// `None` where nothing is recorded of it.
    pub(super) leased: Option<LeasedJob>,
}

/// What a worker has to do for one work.
#[derive(Debug, Default)]
pub(super) struct ArtifactJobs {
    /// What is wanted most comes first.
    pub(super) jobs: Vec<ArtifactJob>,
    /// Artifacts that the ledger knows as stored, and that are in this folder.
    pub(super) before: Vec<StoredFile>,
    /// The line of the work in this folder's manifest, if it has files there.
    pub(super) here: Option<Box<Line>>,
}

impl ArtifactJobs {
    /// What is to be looked for: a file that an earlier worker had stored has only to be written down.
    pub(super) fn wanted(&self) -> Vec<Wanted<'_>> {
        let open = self.jobs.iter().filter(|job| !job.is_finalized());
        open.map(|job| Wanted {
            format: job.format,
            journal: job.leased().map_or(&NoJournal as &dyn Journal, |leased| leased),
        })
        .collect()
    }

    /// Whether nothing is to be looked for.
    pub(super) fn are_finalized(&self) -> bool {
        self.jobs.iter().all(ArtifactJob::is_finalized)
    }

    /// The forms that the work has in this folder.
    pub(super) fn forms_here(&self) -> impl Iterator<Item = ArtifactFormat> {
        let here = self.here.iter().flat_map(|line| line.files());
        here.chain(&self.before).map(|file| file.format)
    }

    /// Completes when one of the jobs must not be touched any more.
    pub(super) async fn stopped(&self) -> LedgerClientError {
        let stopped = self.jobs.iter().filter_map(ArtifactJob::leased);
        let stopped: Vec<_> = stopped.map(|leased| Box::pin(leased.handle.stopped())).collect();
        match stopped.is_empty() {
            true => std::future::pending().await,
            false => futures_util::future::select_all(stopped).await.0,
        }
    }

    /// What another worker had found out before it gave the work back.
    pub(super) fn so_far(&self) -> Option<SoFar> {
        self.jobs.iter().filter_map(ArtifactJob::leased).find_map(LeasedJob::so_far)
    }

    /// Whether the ledger has all of them, so that they can be given back for a time.
    pub(super) fn may_be_parked(&self) -> bool {
        self.jobs.iter().all(|job| job.leased.is_some())
    }

    /// Gives the jobs back for a time. Replies until when, as far as the ledger says.
    pub(super) async fn park(self, wait: Duration, so_far: &SoFar) -> Result<Option<Due>, LedgerClientError> {
        let (so_far, mut until) = (so_far.value(), None);
        for job in self.jobs.into_iter().filter_map(|job| job.leased) {
            until = until.max(job.handle.park(wait, so_far.clone()).await?);
        }
        Ok(until)
    }

    /// Gives the jobs back as they are.
    pub(super) async fn release(self) -> Result<(), LedgerClientError> {
        for job in self.jobs.into_iter().filter_map(|job| job.leased) {
            job.handle.release().await?;
        }
        Ok(())
    }
}

impl ArtifactJob {
    pub(super) fn leased(&self) -> Option<&LeasedJob> {
        self.leased.as_ref()
    }

    /// An earlier worker stored its file, and did not come to the job's end.
    pub(super) fn is_finalized(&self) -> bool {
        self.leased().is_some_and(|leased| leased.finalized.is_some())
    }
}
