//! What an attempt that brought nothing failed by, and whether that may pass. A fault is not an absence: a source that
//! trapped, was denied or ran into a limit has not answered, whatever it says.

use super::reason::EndReason;
use super::trail::AttemptOutcome;
use crate::acquire::Reason;
use tierfall_http::FetchError;
use tierfall_sandbox::{CallError, FailureKind, Obstacle, SourceError};

/// Why an attempt brought nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cause {
    /// `None`: it answered.
    pub reason: Option<EndReason>,
    /// Whether asking again may end differently.
    pub retryable: bool,
}

impl Cause {
    /// `error` is what the call ended with, if it found nothing.
    pub(super) fn of(outcome: AttemptOutcome, error: Option<&CallError>, obstacles: &[Obstacle]) -> Self {
        let met = worst(obstacles);
        let reason = match (outcome, error) {
            (AttemptOutcome::Success | AttemptOutcome::Skipped, _) => return Self::default(),
            (AttemptOutcome::NoPdf, _) => {
                // What else failed, the source has taken into account.
                let reason = met.filter(|reason| decides(*reason));
                return Self { reason, retryable: reason.is_some_and(EndReason::retryable) };
            }
            (AttemptOutcome::Error, Some(CallError::Failure(failure))) => match failure.kind {
                // There was too little of something, and the plugin is not to blame.
                FailureKind::Limit(_) | FailureKind::Starved => EndReason::Limit,
                FailureKind::Trap(_) | FailureKind::SetAside { .. } => EndReason::PluginFailed,
            },
            (AttemptOutcome::Error, _) => EndReason::PluginFailed,
            (AttemptOutcome::Timeout, _) => EndReason::Rejected(Reason::Timeout),
            (AttemptOutcome::Retryable, _) => met.unwrap_or(EndReason::Rejected(Reason::Unavailable)),
            (AttemptOutcome::Nonretryable, error) => match (met.filter(|reason| decides(*reason)), error) {
                (Some(reason), _) => return Self { reason: Some(reason), retryable: reason.retryable() },
                (None, Some(CallError::Source(SourceError::Misconfigured(_)))) => EndReason::Misconfigured,
                (None, _) => EndReason::BadAnswer,
            },
        };
        Self { reason: Some(reason), retryable: outcome.retryable() }
    }
}

/// Of what was met the one that says most of why there is no answer: what can be mended first, then what may pass,
/// then what is final.
fn worst(obstacles: &[Obstacle]) -> Option<EndReason> {
    let rank = |reason: &EndReason| match reason {
        EndReason::Denied | EndReason::Limit => 0,
        reason if decides(*reason) && reason.retryable() => 1,
        reason if reason.retryable() => 2,
        _ => 3,
    };
    obstacles.iter().map(reason).min_by_key(rank)
}

fn reason(obstacle: &Obstacle) -> EndReason {
    match obstacle {
        Obstacle::Limit(_) => EndReason::Limit,
        Obstacle::Request(FetchError::Refused(_)) => EndReason::Denied,
        Obstacle::Request(error) => EndReason::Rejected(Reason::of_fetch(error)),
    }
}

/// Whether the host kept the source from its answer. Everything else (a host that is down, a page that is too large) is
/// the source's own to judge.
fn decides(reason: EndReason) -> bool {
    matches!(
        reason,
        EndReason::Denied
            | EndReason::Limit
            | EndReason::Rejected(
                Reason::Robots
                    | Reason::RobotsUnreachable
                    | Reason::Breaker
                    | Reason::Busy
                    | Reason::PrivateAddress
                    | Reason::DnsPrivate
                    | Reason::NotRecorded
            )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_http::Denial;
    use tierfall_sandbox::{Failure, ResourceLimit};

    fn denied(reason: Denial) -> Obstacle {
        Obstacle::Request(FetchError::Denied { reason, detail: String::new() })
    }

    fn of(outcome: AttemptOutcome, obstacles: &[Obstacle]) -> (Option<&'static str>, bool) {
        let cause = Cause::of(outcome, None, obstacles);
        (cause.reason.map(EndReason::code), cause.retryable)
    }

    #[test]
    fn a_source_that_was_kept_from_its_answer_has_not_answered() {
        let refused = Obstacle::Request(FetchError::Refused("not granted".into()));
        assert_eq!(of(AttemptOutcome::NoPdf, &[]), (None, false));
        assert_eq!(of(AttemptOutcome::NoPdf, std::slice::from_ref(&refused)), (Some("denied"), true));
        assert_eq!(
            of(AttemptOutcome::NoPdf, &[Obstacle::Limit(ResourceLimit::Fetches)]),
            (Some("limit"), true)
        );
        assert_eq!(of(AttemptOutcome::NoPdf, &[denied(Denial::Breaker)]), (Some("breaker"), true));
        let busy = Obstacle::Request(FetchError::Busy(String::new()));
        assert_eq!(of(AttemptOutcome::NoPdf, &[busy]), (Some("busy"), true));
        assert_eq!(of(AttemptOutcome::NoPdf, &[denied(Denial::Robots)]), (Some("robots"), false));
        let (named, looked_up) = (denied(Denial::PrivateAddress), denied(Denial::DnsPrivate));
        assert_eq!(of(AttemptOutcome::Nonretryable, &[named]), (Some("private_address"), false));
        assert_eq!(of(AttemptOutcome::Nonretryable, &[looked_up]), (Some("dns_private"), true));
        assert_eq!(
            of(AttemptOutcome::Nonretryable, &[denied(Denial::Robots), refused]),
            (Some("denied"), true)
        );
        assert_eq!(of(AttemptOutcome::Success, &[denied(Denial::Robots)]), (None, false));
    }

    #[test]
    fn what_a_source_could_judge_itself_is_left_to_it() {
        let down = || Obstacle::Request(FetchError::Transport(String::new()));
        assert_eq!(of(AttemptOutcome::NoPdf, &[down()]), (None, false));
        assert_eq!(of(AttemptOutcome::Retryable, &[down()]), (Some("unreachable"), true));
        assert_eq!(of(AttemptOutcome::Retryable, &[]), (Some("unavailable"), true));
    }

    #[test]
    fn a_plugin_that_fails_may_be_repaired() {
        let failure = |kind| {
            CallError::from(Failure {
                plugin: "mine".into(),
                version: "1".into(),
                function: "find",
                source_name: "mine".into(),
                work: "doi:10.1/x".into(),
                kind,
            })
        };
        let code = |kind| {
            let cause = Cause::of(AttemptOutcome::Error, Some(&failure(kind)), &[]);
            assert!(cause.retryable);
            cause.reason.map(EndReason::code)
        };
        assert_eq!(code(FailureKind::Trap("unreachable".into())), Some("plugin_failed"));
        assert_eq!(code(FailureKind::SetAside { failures: 5 }), Some("plugin_failed"));
        assert_eq!(code(FailureKind::Limit(ResourceLimit::Memory)), Some("limit"));
    }
}
