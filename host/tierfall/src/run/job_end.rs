//! How the jobs of a work end, once its line is written.

use super::job;
use super::journal::LeasedJob;
use super::manifest::Line;
use super::needless;
use crate::acquire::Reason;
use crate::tiers::{Artifacts, EndReason, Status};
use tierfall_ledger::{Effect, Ending, JobKey, LedgerClientError, OpOutcome, OpResult};
use tierfall_work::ArtifactFormat;

/// A job that is to be ended once its work's line is written.
pub(super) struct JobEnd {
    pub(super) job: LeasedJob,
    pub(super) format: ArtifactFormat,
    pub(super) ending: JobEnding,
}

pub(super) enum JobEnding {
    /// The file is in its place; the operation that says so has begun.
    Stored(Effect),
    /// It was the same work as another job.
    Duplicate(JobKey),
    /// There is a file, but it could not be stored. `outage`: nor could any other.
    NotStored { outage: bool },
    /// The run was over before the store had answered. Whoever comes next goes on from there.
    Abandoned,
    /// `cut`: the work's time was over before everything was asked.
    WithoutFile { cut: bool },
}

impl JobEnd {
    /// Ends the job of a work whose line is written.
    pub(super) async fn after(self, line: &Line, artifacts: &Artifacts) -> Result<(), LedgerClientError> {
        let Self { job, format, ending } = self;
        let ending = match ending {
            JobEnding::Stored(effect) => {
                if let Effect::Run(pending) = effect {
                    let result = OpResult::of(&line.alone(format));
                    job.handle.complete(pending, OpOutcome::Done { result, artifact: None });
                }
                return job.handle.release().await;
            }
            JobEnding::Abandoned => return job.handle.release().await,
            JobEnding::Duplicate(of) => {
                Ending::Duplicate { of, result: job::line_value(&line.alone(format)) }
            }
            JobEnding::NotStored { outage } => {
                let reason = EndReason::Rejected(Reason::Storage).code().to_owned();
                match outage {
                    true => Ending::Postponed { reason },
                    false => Ending::Failed { reason, retryable: true },
                }
            }
            JobEnding::WithoutFile { cut } => ending_without_file(line, format, artifacts, cut),
        };
        job.handle.finish(ending).await.map(drop)
    }
}

/// Asks whether the jobs are still ours. The error is that of one which is not.
pub(super) async fn are_ours(ends: &[JobEnd]) -> Result<(), LedgerClientError> {
    for end in ends {
        end.job.handle.check().await?;
    }
    Ok(())
}

/// Gives jobs back as they are. An error is that of the first that could not be; the others are given back all the same.
pub(super) async fn release(ends: Vec<JobEnd>) -> Result<(), LedgerClientError> {
    let mut released = Ok(());
    for end in ends {
        released = released.and(end.job.handle.release().await);
    }
    released
}

/// How a job ends that has no file: for good, where everything was asked and answered.
fn ending_without_file(line: &Line, format: ArtifactFormat, artifacts: &Artifacts, cut: bool) -> Ending {
    let is_stored = line.status == Status::Stored;
    if is_stored && artifacts.is_needless(format, line.files().map(|file| file.format)) {
        return needless::ending(&Line { status: Status::NoCopy, retry: false, ..line.alone(format) });
    }
    let passing = match line.status {
        Status::NoCopy | Status::Unresolved => false,
        // The work has another form. Only who may have this one has left it open.
        Status::Stored => {
            let mut attempts = line.trail.attempts();
            let open = attempts.any(|attempt| {
                attempt.retryable && artifacts.may_come_from(&attempt.source, [format].into_iter())
            });
            cut || open || line.trail.acquisitions().any(|entry| entry.retryable)
        }
        Status::Failed | Status::Timeout => true,
    };
    if passing {
        let open = || if cut { Some(EndReason::TotalTimeout) } else { line.trail.end_reason() };
        let reason = line.reason.or_else(|| (line.status == Status::Stored).then(open).flatten());
        // A disk that takes nothing is an outage as well: no candidate could have been received.
        let is_outage =
            matches!(reason, Some(EndReason::SourceOutage | EndReason::Rejected(Reason::Storage)));
        let reason = reason.map(EndReason::code).unwrap_or_default().to_owned();
        if is_outage {
            return Ending::Postponed { reason };
        }
        return Ending::Failed { reason, retryable: true };
    }
    let line = match line.status {
        Status::Stored => Line { status: Status::NoCopy, retry: false, ..line.alone(format) },
        _ => line.alone(format),
    };
    Ending::Exhausted { result: job::line_value(&line) }
}
