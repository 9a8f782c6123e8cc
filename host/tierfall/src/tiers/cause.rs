//! What an attempt that brought nothing failed by, and whether that may pass. A fault is not an absence: a source that
//! trapped, was denied or ran into a limit has not answered, whatever it says.

use super::reason::EndReason;
use super::trail::AttemptOutcome;
use crate::acquire::{Reason, refusal};
use tierfall_http::FetchError;
use tierfall_sandbox::{CallError, CallReport, FailureKind, Obstacle, RefusedPage, SourceError};

/// Why an attempt brought nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cause {
    /// `None`: it answered.
    pub reason: Option<EndReason>,
    /// Whether asking again may end differently.
    pub retryable: bool,
    /// For people, where the source itself cannot say it.
    pub detail: String,
}

impl Cause {
    /// `error` is what the call ended with, if it found nothing.
    pub(super) fn of(outcome: AttemptOutcome, error: Option<&CallError>, report: &CallReport) -> Self {
        let met = worst(&report.obstacles);
        let reason = match (outcome, error) {
            (AttemptOutcome::Success | AttemptOutcome::Skipped, _) => return Self::default(),
            // What else failed, the source has taken into account.
            (AttemptOutcome::NoPdf, _) => match met.filter(|reason| decides(*reason)) {
                Some(reason) => return Self::from(reason),
                None => return refused(&report.refused).unwrap_or_default(),
            },
            (AttemptOutcome::Error, Some(CallError::Failure(failure))) => match failure.kind {
                // There was too little of something, and the plugin is not to blame.
                FailureKind::Limit(_) | FailureKind::Starved => EndReason::Limit,
                FailureKind::Trap(_) | FailureKind::SetAside { .. } => EndReason::PluginFailed,
            },
            (AttemptOutcome::Error, _) => EndReason::PluginFailed,
            (AttemptOutcome::Timeout, _) => EndReason::Rejected(Reason::Timeout),
            (AttemptOutcome::Retryable, _) => met.unwrap_or(EndReason::Rejected(Reason::Unavailable)),
            (AttemptOutcome::Nonretryable, error) => match (met.filter(|reason| decides(*reason)), error) {
                (Some(reason), _) => return Self::from(reason),
                // Nothing but pages was refused to it: no setting would open them.
                (None, _) if only_pages_failed(report) => {
                    return refused(&report.refused).unwrap_or_default();
                }
                (None, Some(CallError::Source(SourceError::Misconfigured(_)))) => EndReason::Misconfigured,
                (None, _) => EndReason::BadAnswer,
            },
        };
        Self { retryable: outcome.retryable(), ..Self::from(reason) }
    }
}

impl From<EndReason> for Cause {
    fn from(reason: EndReason) -> Self {
        Self { reason: Some(reason), retryable: reason.retryable(), detail: String::new() }
    }
}

/// Of the pages that were refused the one that says most of why, judged as a file that is refused so.
fn refused(pages: &[RefusedPage]) -> Option<Cause> {
    let judged = pages.iter().map(|page| (refusal(page.status, &page.headers, &page.body), page));
    let ((reason, detail), page) = judged.min_by_key(|((reason, _), _)| *reason == Reason::HttpStatus)?;
    let detail = format!("{} refuses its page: {detail}", page.host);
    Some(Cause { detail, ..Cause::from(EndReason::Rejected(reason)) })
}

/// Whether nothing but pages was refused to a source, and nothing else came that it could not read.
fn only_pages_failed(report: &CallReport) -> bool {
    let mut failed = report.requests.iter().filter(|request| !matches!(request.status, Some(404 | 410)));
    let (all, refused) = (failed.clone().count(), report.refused.len());
    refused > 0 && all <= refused && failed.all(|request| request.status.is_some_and(|status| status >= 400))
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
    use tierfall_sandbox::{Failure, RequestReport, ResourceLimit};

    fn denied(reason: Denial) -> Obstacle {
        Obstacle::Request(FetchError::Denied { reason, detail: String::new() })
    }

    fn of(outcome: AttemptOutcome, obstacles: &[Obstacle]) -> (Option<&'static str>, bool) {
        let report = CallReport { obstacles: obstacles.to_vec(), ..CallReport::default() };
        let cause = Cause::of(outcome, None, &report);
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

    fn refused_page(status: u16, body: &'static str) -> RefusedPage {
        RefusedPage {
            host: "journal.example".into(),
            status,
            headers: tierfall_http::HeaderMap::new(),
            body: body.into(),
        }
    }

    fn request(status: u16) -> RequestReport {
        serde_json::from_value(
            serde_json::json!({"method": "GET", "url": "https://a.example/", "status": status, "ms": 1}),
        )
        .expect("a request")
    }

    #[test]
    fn a_page_that_is_refused_is_why_a_source_found_nothing() {
        let plain = || refused_page(403, "<p>Forbidden");
        let report = CallReport {
            refused: vec![plain(), refused_page(403, "<title>Just a moment...</title>")],
            ..CallReport::default()
        };
        let cause = Cause::of(AttemptOutcome::NoPdf, None, &report);
        assert_eq!((cause.reason.map(EndReason::code), cause.retryable), (Some("bot_check"), false));
        assert!(
            cause.detail.starts_with("journal.example refuses its page: status 403; "),
            "{}",
            cause.detail
        );
        assert_eq!(Cause::of(AttemptOutcome::Success, None, &report), Cause::default());
        let busy = Obstacle::Request(FetchError::Busy(String::new()));
        let report = CallReport { refused: vec![plain()], obstacles: vec![busy], ..CallReport::default() };
        let cause = Cause::of(AttemptOutcome::NoPdf, None, &report);
        assert_eq!((cause.reason.map(EndReason::code), cause.retryable), (Some("busy"), true), "it may pass");
    }

    #[test]
    fn a_service_that_refuses_a_source_is_no_page_that_is_refused() {
        let misconfigured = CallError::Source(SourceError::Misconfigured("403".into()));
        let code = |requests: &[u16]| {
            let requests = requests.iter().map(|status| request(*status)).collect();
            let refused = vec![refused_page(401, "")];
            let report = CallReport { requests, refused, ..CallReport::default() };
            let cause = Cause::of(AttemptOutcome::Nonretryable, Some(&misconfigured), &report);
            cause.reason.map(EndReason::code)
        };
        assert_eq!(code(&[401]), Some("login_wall"));
        assert_eq!(code(&[]), Some("login_wall"), "another source had asked for it");
        assert_eq!(code(&[404, 401]), Some("login_wall"));
        assert_eq!(code(&[401, 403]), Some("misconfigured"), "the page, and the service");
        assert_eq!(code(&[200, 401]), Some("misconfigured"), "what came may be what it could not read");
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
            let cause = Cause::of(AttemptOutcome::Error, Some(&failure(kind)), &CallReport::default());
            assert!(cause.retryable);
            cause.reason.map(EndReason::code)
        };
        assert_eq!(code(FailureKind::Trap("unreachable".into())), Some("plugin_failed"));
        assert_eq!(code(FailureKind::SetAside { failures: 5 }), Some("plugin_failed"));
        assert_eq!(code(FailureKind::Limit(ResourceLimit::Memory)), Some("limit"));
    }
}
