//! What an answer says about the source itself: whether its own hosts, not the pages of a work, serve it.

use url::Url;

use super::outage::SourceOutage;
use super::source::Answer;
use tierfall_http::{Denial, FetchError, retryable_status};
use tierfall_sandbox::{CallError, Obstacle, RequestReport, SourceAccess, SourceError};
use tierfall_work::Work;

/// Tells the outage of a source what an answer of it says.
pub(super) fn tell(outage: &SourceOutage, access: &SourceAccess, work: &Work, answer: &Answer) {
    let own = || {
        answer.report.requests.iter().filter(|request| {
            let url = Url::parse(&request.url).ok();
            let host = url.as_ref().and_then(Url::host_str);
            access.fixed_hosts().any(|(fixed, _)| host == Some(fixed))
        })
    };
    let is_served = |request: &RequestReport| request.status.is_some_and(|status| !retryable_status(status));
    match &answer.result {
        // What it knows without asking says nothing.
        Ok(_) | Err(CallError::Source(SourceError::NotFound)) if own().any(is_served) => {
            outage.answered(true)
        }
        Err(CallError::Source(SourceError::Misconfigured(_) | SourceError::BadAnswer(_)))
            if own().any(is_served) =>
        {
            outage.answered(false);
        }
        Err(CallError::Timeout | CallError::Source(SourceError::Unavailable { .. })) => {
            if let Some(why) = own().rev().find_map(|request| unserved(request, &answer.report.obstacles)) {
                outage.failed(&work.key(), &why);
            } else if matches!(answer.result, Err(CallError::Timeout)) && !access.asks_work_hosts() {
                outage.failed(&work.key(), "no answer in time");
            }
        }
        _ => {}
    }
}

/// Why a request brought nothing, if that is its host's doing and may pass.
fn unserved(request: &RequestReport, obstacles: &[Obstacle]) -> Option<String> {
    match request.status {
        Some(status) => retryable_status(status).then(|| status.to_string()),
        // That its own turn did not come is not the host's doing.
        None => obstacles.iter().any(is_of_host).then(|| request.error.clone()),
    }
}

fn is_of_host(obstacle: &Obstacle) -> bool {
    let Obstacle::Request(error) = obstacle else { return false };
    matches!(
        error,
        FetchError::Transport(_)
            | FetchError::Timeout
            | FetchError::Incomplete(_)
            | FetchError::Denied { reason: Denial::Breaker, .. }
    )
}
