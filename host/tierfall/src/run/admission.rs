//! Which artifacts of a work this worker may look for, by the ledger: each is a job of its own.

use std::time::Duration;

use super::artifact_jobs::{ArtifactJob, ArtifactJobs};
use super::error::RunError;
use super::job;
use super::journal::LeasedJob;
use super::leases::Leases;
use super::request::WorkRequest;
use crate::tiers::Artifacts;
use tierfall_ledger::{Due, Enqueued, LeaseHandle, LedgerClientError, State};
use tierfall_work::ArtifactFormat;

/// What came of asking for the artifacts of a work.
#[derive(Default)]
pub(super) struct Admission {
    /// Those that are this worker's now.
    pub(super) jobs: ArtifactJobs,
    /// Who else has one of them, and until when.
    pub(super) held: Option<(String, Due)>,
    /// One of them is parked, until then.
    pub(super) parked: Option<Due>,
    /// Those that are not to be looked for now.
    pub(super) closed: Vec<(ArtifactFormat, Enqueued<LeaseHandle>)>,
}

impl Admission {
    fn take(&mut self, format: ArtifactFormat, answer: Enqueued<LeaseHandle>) {
        match answer {
            Enqueued::Leased(handle) => {
                self.jobs.jobs.push(ArtifactJob { format, leased: LeasedJob::of(handle) });
            }
            Enqueued::Held { owner, until } => self.held = self.held.take().or(Some((owner, until))),
            Enqueued::Parked { until } => self.parked = self.parked.max(Some(until)),
            other => self.closed.push((format, other)),
        }
    }

    /// Whether a form is wanted, as far as is known of the others: each that is wanted more was asked for before.
    fn wants(&self, artifacts: &Artifacts, format: ArtifactFormat) -> bool {
        let is_done = |answer: &Enqueued<LeaseHandle>| matches!(answer, Enqueued::Over { state, .. } if state.is_done());
        let done = self.closed.iter().filter(|(_, answer)| is_done(answer));
        !artifacts.is_needless(format, done.map(|(format, _)| *format))
    }

    /// The work that an earlier run found a title to be.
    pub(super) fn resolved(&self, request: &WorkRequest) -> Option<WorkRequest> {
        self.closed.iter().find_map(|(_, answer)| match answer {
            Enqueued::Over { state: State::SkippedDuplicate, result: Some(result), .. } => {
                job::resolved(request, result)
            }
            _ => None,
        })
    }
}

/// Plans the jobs of a work's artifacts, and leases those that can be had.
pub(super) async fn admit(
    leases: &Leases,
    artifacts: &Artifacts,
    request: &WorkRequest,
) -> Result<Admission, LedgerClientError> {
    let mut admission = Admission::default();
    for format in artifacts.formats.iter().copied() {
        match leases.admit(request, format, admission.wants(artifacts, format)).await {
            Ok(answer) => admission.take(format, answer),
            Err(error) => {
                // What others may do meanwhile is not kept from them.
                if let Err(LedgerClientError::Failed(error)) = admission.jobs.release().await {
                    tracing::debug!(%error, "a job was not given back");
                }
                return Err(error);
            }
        }
    }
    Ok(admission)
}

/// A job of the queue, with those of the work's other artifacts that can be had: one walk serves them all. The jobs of
/// a work lie side by side in the queue, so that two workers come to them at once: who has the one that is wanted most
/// gets the others, and `None` is the answer to the other worker.
pub(super) async fn with_the_others(
    leases: &Leases,
    artifacts: &Artifacts,
    job: LeasedJob,
    request: &WorkRequest,
) -> Result<Option<Admission>, RunError> {
    let own = job::format_of(&job.key, &request.work.key()).unwrap_or(ArtifactFormat::Pdf);
    let mut admission = Admission::default();
    let mut own_job = Some(job);
    let extra = Some(own).filter(|own| !artifacts.formats.contains(own));
    for format in artifacts.formats.iter().copied().chain(extra) {
        if format == own {
            admission.jobs.jobs.push(ArtifactJob { format, leased: own_job.take() });
            continue;
        }
        let wanted = admission.wants(artifacts, format);
        match admit_beside(leases, request, (format, wanted), own_job.is_none()).await {
            Ok(Enqueued::Held { .. }) if own_job.is_some() => {
                admission.jobs.jobs.push(ArtifactJob { format: own, leased: own_job.take() });
                return match admission.jobs.release().await {
                    Ok(()) | Err(LedgerClientError::Lost(_)) => Ok(None),
                    Err(LedgerClientError::Failed(error)) => Err(RunError::Ledger(error)),
                };
            }
            Ok(answer) => admission.take(format, answer),
            // Without it there is enough to do.
            Err(LedgerClientError::Lost(_)) => {}
            Err(LedgerClientError::Failed(error)) => return Err(RunError::Ledger(error)),
        }
    }
    Ok(Some(admission))
}

/// Leases the job of another artifact. With `patiently`, who holds it for a moment is waited for: it gives it back.
async fn admit_beside(
    leases: &Leases,
    request: &WorkRequest,
    (format, wanted): (ArtifactFormat, bool),
    patiently: bool,
) -> Result<Enqueued<LeaseHandle>, LedgerClientError> {
    const TRIES: u32 = 10;
    const PAUSE: Duration = Duration::from_millis(50);
    let mut tries = 0;
    loop {
        let answer = leases.admit(request, format, wanted).await;
        if !patiently || tries == TRIES || !matches!(answer, Ok(Enqueued::Held { .. })) {
            return answer;
        }
        tries += 1;
        tokio::time::sleep(PAUSE).await;
    }
}
