//! What the host has answered a guest so far. With it a call that waits for an answer needs no instance: a guest has
//! nothing but its arguments and these answers, so another instance, told the same, asks the same and comes to the same
//! place.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bindings::source::tierfall::source::http;
use tierfall_http::Response;

/// The answer to a request, as it came.
pub(crate) type Told = Result<Response, http::FetchError>;

/// The answers of one call, and how far the instance that runs has come in them.
#[derive(Default)]
pub(crate) struct Transcript {
    answers: Vec<(RequestKey, Told)>,
    times: Vec<u64>,
    lines: u32,
    heard: Cursor,
    /// While the call has no instance, what its answers take of the memory for such answers.
    kept: Option<OwnedSemaphorePermit>,
}

#[derive(Default)]
struct Cursor {
    answers: usize,
    times: usize,
    lines: u32,
}

/// What of a request tells it from others.
#[derive(PartialEq)]
pub(crate) struct RequestKey {
    url: String,
    body: Option<Vec<u8>>,
}

impl RequestKey {
    pub(crate) fn of(request: &http::Request) -> Self {
        Self { url: request.url.clone(), body: request.body.clone() }
    }
}

/// Memory for the answers of calls that have no instance, in all. One whose answers do not fit keeps its instance.
#[derive(Clone)]
pub(crate) struct KeptAnswers(Arc<Semaphore>);

/// In KiB.
const KEPT: usize = 32 << 10;

impl KeptAnswers {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(KEPT)))
    }
}

impl Transcript {
    /// The next answer, if an instance before had one.
    pub(crate) fn answer(&mut self, asked: &RequestKey) -> Option<Told> {
        let (known, told) = self.answers.get(self.heard.answers)?;
        if known != asked {
            // It cannot be: what a guest does follows from what it is told.
            tracing::debug!("a plugin that was told the same asked something else");
            self.answers.truncate(self.heard.answers);
            return None;
        }
        self.heard.answers += 1;
        Some(told.clone())
    }

    /// An answer that is new.
    pub(crate) fn add(&mut self, asked: RequestKey, told: Told) {
        self.answers.push((asked, told));
        self.heard.answers = self.answers.len();
        self.kept = None;
    }

    /// An answer that came while there was no instance.
    pub(crate) fn add_unheard(&mut self, asked: RequestKey, told: Told) {
        self.answers.push((asked, told));
    }

    /// The time that an instance before was told here, or this.
    pub(crate) fn time(&mut self, now: impl FnOnce() -> u64) -> u64 {
        let at = self.heard.times;
        self.heard.times += 1;
        if let Some(told) = self.times.get(at) {
            return *told;
        }
        let now = now();
        // A guest may ask for it without end; which of them it would hear again does not matter then.
        if self.times.len() < MOST_TIMES {
            self.times.push(now);
        }
        now
    }

    /// Whether a line of the guest's log is new.
    pub(crate) fn is_new_line(&mut self) -> bool {
        self.heard.lines = self.heard.lines.saturating_add(1);
        let new = self.heard.lines > self.lines;
        self.lines = self.lines.max(self.heard.lines);
        new
    }

    /// Sets memory aside for it; `false` if there is none left.
    pub(crate) fn keeps(&mut self, kept: &KeptAnswers) -> bool {
        let bytes: usize = self.answers.iter().map(|(_, told)| size(told)).sum();
        let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).saturating_add(1);
        self.kept = Arc::clone(&kept.0).try_acquire_many_owned(kib).ok();
        self.kept.is_some()
    }

    /// For another instance, which has heard nothing yet.
    pub(crate) fn again(&mut self) -> Self {
        Self { heard: Cursor::default(), kept: None, ..std::mem::take(self) }
    }
}

const MOST_TIMES: usize = 1000;

fn size(told: &Told) -> usize {
    told.as_ref().map_or(0, |answer| answer.body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_key(url: &str) -> RequestKey {
        RequestKey { url: url.to_owned(), body: None }
    }

    fn refused(why: &str) -> Told {
        Err(http::FetchError::Denied(why.to_owned()))
    }

    fn why(told: Option<Told>) -> Option<String> {
        match told?.err()? {
            http::FetchError::Denied(why) => Some(why),
            _ => None,
        }
    }

    #[test]
    fn another_instance_hears_what_the_one_before_was_told_and_then_what_is_new() {
        let mut first = Transcript::default();
        assert!(first.answer(&request_key("a")).is_none());
        first.add(request_key("a"), refused("one"));
        assert_eq!((first.time(|| 5), first.is_new_line()), (5, true));
        let mut second = first.again();
        second.add_unheard(request_key("b"), refused("two"));
        assert_eq!(why(second.answer(&request_key("a"))).as_deref(), Some("one"));
        assert_eq!((second.time(|| 7), second.time(|| 7)), (5, 7));
        assert_eq!((second.is_new_line(), second.is_new_line()), (false, true));
        assert_eq!(why(second.answer(&request_key("b"))).as_deref(), Some("two"));
        assert!(second.answer(&request_key("c")).is_none());
    }

    #[test]
    fn what_asks_something_else_is_told_nothing_of_before() {
        let mut first = Transcript::default();
        first.add(request_key("a"), refused("one"));
        first.add(request_key("b"), refused("two"));
        let mut second = first.again();
        assert!(second.answer(&request_key("b")).is_none());
        second.add(request_key("b"), refused("three"));
        assert!(second.answer(&request_key("b")).is_none());
    }

    #[test]
    fn what_does_not_fit_is_notkept() {
        let kept = KeptAnswers(Arc::new(Semaphore::new(1)));
        let (mut one, mut two) = (Transcript::default(), Transcript::default());
        assert!(one.keeps(&kept));
        assert!(!two.keeps(&kept));
        drop(one.again());
        drop(one);
        assert!(two.keeps(&kept));
    }
}
