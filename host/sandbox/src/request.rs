//! One request of a guest, carried out apart from the guest: it goes on when the instance that made it is gone.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use crate::bindings::source::tierfall::source::http;
use crate::clean::clean;
use crate::grant::CallHops;
use crate::notes::Notes;
use crate::pages::{AnsweredPages, PageRequest, Remembering};
use crate::places::CallPlaces;
use crate::report::{Obstacle, RequestReport};
use crate::transcript::{KeptAnswers, Told};
use tierfall_http::{
    AttemptClock, Denial, FetchError, HopPolicy, HttpClient, Method, Request, RequestBudget, RequestCost,
    Response, anonymous,
};

/// What a call needs to fetch: the HTTP client, and what the source may ask of it.
pub(crate) struct Network {
    pub(crate) client: HttpClient,
    pub(crate) hops: CallHops,
    pub(crate) clock: Arc<AttemptClock>,
    pub(crate) retries: AtomicU32,
    pub(crate) pages: AnsweredPages,
    /// Where the call runs, for others that want to.
    pub(crate) places: CallPlaces,
    pub(crate) kept: KeptAnswers,
}

/// A request in flight. It is in the report also if the call ends before its answer is there; the notes then name
/// the origin that it was waiting for.
struct PendingFetch<'a> {
    notes: &'a Notes,
    origin: String,
    method: Method,
    url: String,
    since: Instant,
    cost: RequestCost,
    /// The status, or why there is none.
    ended: Option<Result<u16, String>>,
}

impl<'a> PendingFetch<'a> {
    fn new(notes: &'a Notes, request: &Request) -> Self {
        Self {
            notes,
            origin: request.url.origin().ascii_serialization(),
            method: request.method,
            url: clean(&anonymous(&request.url), MOST_URL),
            since: Instant::now(),
            cost: RequestCost::default(),
            ended: None,
        }
    }

    fn over(mut self, answer: &Result<Response, FetchError>) {
        self.ended = match answer {
            Ok(answer) => Some(Ok(answer.head.status)),
            Err(FetchError::Timeout) => None,
            Err(error) => Some(Err(clean(&error.to_string(), MOST_URL))),
        };
    }
}

impl Drop for PendingFetch<'_> {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.notes.add(format!("no answer from {} in time", clean(&self.origin, 200)));
        }
        let (status, error) = match self.ended.take() {
            Some(Ok(status)) => (Some(status), String::new()),
            Some(Err(error)) => (None, error),
            None => (None, FetchError::Timeout.to_string()),
        };
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.notes.request(RequestReport {
            method: match self.method {
                Method::Get => "GET",
                Method::Head => "HEAD",
                Method::Post => "POST",
            }
            .to_owned(),
            url: std::mem::take(&mut self.url),
            status,
            error,
            retries: self.cost.retries(),
            waited_ms: ms(self.cost.waited()),
            ms: ms(self.since.elapsed()),
            works: 0,
        });
    }
}

/// Of a URL in the trail; a longer one says nothing more.
const MOST_URL: usize = 500;

/// The answer to a request, with at most `cap` bytes of its body: from the work's pages that have answered already, or
/// from the network.
pub(crate) async fn answer(network: Arc<Network>, notes: Notes, request: Request, cap: u64) -> Told {
    // With a key the answer is for its owner alone.
    let plain = request.method == Method::Get && request.body.is_none() && request.secret_headers.is_empty();
    let page = plain.then(|| PageRequest::of(&request, cap));
    if let Some(page) = &page
        && let Some(answer) = network.pages.answer(page, &network.hops)
    {
        notes.page(&answer);
        return Ok(answer);
    }
    let hops = Remembering::new(&network.hops);
    let pending = PendingFetch::new(&notes, &request);
    let budget =
        RequestBudget { hops: &hops, clock: &network.clock, retries: &network.retries, cost: &pending.cost };
    let answer = network.client.fetch(request, cap, budget).await;
    pending.over(&answer);
    let answer = answer.map_err(|error| refused(error, &notes))?;
    if let Some(page) = page
        && let Some(way) = hops.page()
    {
        notes.page(&answer);
        network.pages.keep(page, way, network.hops.robots(), &answer);
    }
    Ok(answer)
}

/// The error that the plugin sees for a failed request; what the host refused is noted for the trail too. What a
/// name resolves to is in the trail alone: a plugin could map the operator's network with it.
pub(crate) fn refused(error: FetchError, notes: &Notes) -> http::FetchError {
    notes.obstacle(Obstacle::Request(error.clone()));
    match error {
        // A refusal that is temporary (an open circuit breaker) looks to the plugin like a host that does
        // not answer.
        FetchError::Denied { .. } | FetchError::Refused(_) if !error.retryable() => {
            let reason = error.to_string();
            notes.add(format!("denied: {reason}"));
            http::FetchError::Denied(match error {
                FetchError::Denied { reason: Denial::PrivateAddress | Denial::DnsPrivate, .. } => {
                    "this host may not be asked; the trail of the work says why".to_owned()
                }
                _ => reason,
            })
        }
        FetchError::Timeout => http::FetchError::Timeout,
        FetchError::TooLarge(limit) => http::FetchError::TooLarge(limit),
        other => {
            let reason = other.to_string();
            notes.add(reason.clone());
            http::FetchError::Transport(reason)
        }
    }
}
