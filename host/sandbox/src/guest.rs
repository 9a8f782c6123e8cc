//! A guest's side of the host: the state of one call, and the imports it may use.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};

use url::Url;

use super::bindings::source::tierfall::source::{clock, http, log, types};
use super::engine::Limited;
use super::grant::CallHops;
use super::limits::{Limit, Limiter};
use super::text;
use tierfall_http::{
    AttemptClock, FetchError, HttpClient, Method, Request, RequestBudget, Reservation, SaidBy, header_map,
    header_text,
};

/// What the host says about a call afterwards, whatever became of it: denials, limits that were
/// reached without ending it. Shared, because a call that is dropped cannot return anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes(Arc<Mutex<Vec<String>>>);

// Enough to see what a plugin is up to; a flood of denials is told by its first ones.
const MOST_NOTES: usize = 20;

impl Notes {
    pub(super) fn add(&self, note: String) {
        let mut notes = self.0.lock().unwrap_or_else(|poison| poison.into_inner());
        if notes.len() < MOST_NOTES && !notes.contains(&note) {
            notes.push(note);
        }
    }

    pub(super) fn limit(&self, limit: Limit) {
        self.add(format!("ran into the limit {}", limit.label()));
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(|poison| poison.into_inner()))
    }
}

/// A request under way. If its time is over before its answer is there, the notes say whom it was waiting for;
/// no more of the URL than that, which may hold what is nobody else's business.
struct Waiting<'a> {
    notes: &'a Notes,
    origin: String,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.notes.add(format!("no answer from {} in time", clean(&self.origin, 200)));
        }
    }
}

/// The state of one call.
pub(super) struct Guest {
    pub(super) limiter: Limiter,
    /// `plugin/source`, for logs.
    pub(super) name: String,
    pub(super) notes: Notes,
    pub(super) log_lines: u32,
    pub(super) fetches: u32,
    pub(super) fetch_bytes: u64,
    /// `None` while a plugin describes itself: it may not fetch then.
    pub(super) network: Option<Network>,
}

/// A call's way to the door.
pub(super) struct Network {
    pub(super) door: HttpClient,
    pub(super) hops: CallHops,
    pub(super) access: Arc<super::SourceAccess>,
    pub(super) clock: Arc<AttemptClock>,
    pub(super) retries: AtomicU32,
}

impl Limited for Guest {
    fn limiter(&mut self) -> &mut Limiter {
        &mut self.limiter
    }
}

impl types::Host for Guest {}

impl http::Host for Guest {
    async fn fetch(
        &mut self,
        request: http::Request,
    ) -> wasmtime::Result<Result<http::Response, http::FetchError>> {
        let Some(network) = &self.network else {
            return Ok(Err(http::FetchError::Denied("`describe` may not fetch".into())));
        };
        if self.fetches == 0 {
            self.notes.limit(Limit::Fetches);
            return Ok(Err(http::FetchError::Budget(http::BudgetKind::Fetches)));
        }
        self.fetches -= 1;
        if network.clock.remaining().is_zero() {
            return Ok(Err(http::FetchError::Budget(http::BudgetKind::Time)));
        }
        Ok(self.carry_out(network, request).await)
    }
}

impl Guest {
    async fn carry_out(
        &self,
        network: &Network,
        request: http::Request,
    ) -> Result<http::Response, http::FetchError> {
        let url = Url::parse(&request.url).map_err(|error| {
            http::FetchError::Denied(format!("`{}` is not a URL: {error}", clean(&request.url, 200)))
        })?;
        let wanted = request.max_bytes.map(u64::from).unwrap_or(u64::MAX);
        let cap = wanted.min(self.fetch_bytes);
        let secrets = network.access.secrets_for(&url);
        let own = request
            .headers
            .iter()
            .filter(|(name, _)| !secrets.iter().any(|(secret, _)| secret.eq_ignore_ascii_case(name)));
        let own = own.map(|(name, value)| (name, value));
        let door_request = Request {
            method: match request.method {
                http::Method::Get => Method::Get,
                http::Method::Head => Method::Head,
                http::Method::Post => Method::Post,
            },
            url,
            headers: header_map(own).map_err(|error| self.refusal(error))?,
            secret_headers: header_map(secrets.iter().map(|(name, value)| (name, value)))
                .map_err(|error| self.refusal(error))?,
            body: request.body,
        };
        let allowance =
            RequestBudget { hops: &network.hops, clock: &network.clock, retries: &network.retries };
        let origin = door_request.url.origin().ascii_serialization();
        let mut waiting = Waiting { notes: &self.notes, origin, answered: false };
        let answer = network.door.fetch(door_request, cap, allowance).await;
        waiting.answered = !matches!(answer, Err(FetchError::Timeout));
        let answer = answer.map_err(|error| self.refusal(error))?;
        let pdf = starts_as_pdf(&answer.body);
        if answer.truncated && !pdf && wanted > self.fetch_bytes {
            self.notes.limit(Limit::FetchBytes);
            return Err(http::FetchError::TooLarge(self.fetch_bytes));
        }
        let body = match request.want {
            http::Want::Bytes => http::Body::Bytes(answer.body.to_vec()),
            http::Want::Text => {
                let content_type = answer.head.header("content-type");
                let decoded = text::decode(&answer.body, content_type.as_deref());
                if network.hops.follows_pages()
                    && let Some(next) = text::meta_refresh(&decoded)
                    && let Ok(next) = answer.head.url.join(&next)
                {
                    network.hops.redirected_to(&next);
                }
                if let Some((value, policy)) = text::tdm_metadata(&decoded) {
                    let said = Reservation::new(&value, policy.as_deref(), SaidBy::Page);
                    network.door.page_says(&answer.head.url, said);
                }
                http::Body::Text(decoded)
            }
        };
        let headers = answer.head.headers.iter();
        Ok(http::Response {
            status: answer.head.status,
            url: answer.head.url.to_string(),
            headers: headers
                .map(|(name, value)| (name.to_string(), header_text(value.as_bytes()).into()))
                .collect(),
            body,
            truncated: answer.truncated,
            pdf,
        })
    }

    /// What the plugin is told of a failed request; what the host refused is noted for the trail too.
    fn refusal(&self, error: FetchError) -> http::FetchError {
        match error {
            // What the host refuses now and may not refuse later (an open breaker) is for the plugin like a
            // host that does not answer.
            FetchError::Denied { .. } | FetchError::Refused(_) if !error.retryable() => {
                let reason = error.to_string();
                self.notes.add(format!("denied: {reason}"));
                http::FetchError::Denied(reason)
            }
            FetchError::Timeout => http::FetchError::Timeout,
            FetchError::TooLarge(limit) => http::FetchError::TooLarge(limit),
            other => {
                let reason = other.to_string();
                self.notes.add(reason.clone());
                http::FetchError::Transport(reason)
            }
        }
    }
}

impl log::Host for Guest {
    async fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        if self.log_lines == 0 {
            self.notes.limit(Limit::LogLines);
            return Ok(());
        }
        self.log_lines -= 1;
        let message = clean(&message, 1000);
        match level {
            log::Level::Debug => tracing::debug!(plugin = %self.name, "{message}"),
            log::Level::Info => tracing::info!(plugin = %self.name, "{message}"),
            log::Level::Warn => tracing::warn!(plugin = %self.name, "{message}"),
        }
        Ok(())
    }
}

impl clock::Host for Guest {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        // Before its first fetch a guest has no use for the time, while describing least of all.
        Ok(self.network.as_ref().map_or(0, |network| network.door.now_ms()))
    }
}

/// Text from a plugin as it may appear on a terminal, in a log or in the manifest: without control
/// characters (escape sequences) and bidirectional overrides, and of bounded length.
pub(super) fn clean(text: &str, most_chars: usize) -> String {
    let harmless = |c: &char| {
        !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut kept: String = text.chars().filter(harmless).take(most_chars).collect();
    if kept.len() < text.len() && text.chars().filter(harmless).nth(most_chars).is_some() {
        kept.push('…');
    }
    kept
}

/// Readers accept up to a kilobyte of junk before the header (PDF 32000-1, annex H.3.4.1).
fn starts_as_pdf(body: &[u8]) -> bool {
    let window = &body[..body.len().min(1024 + 5)];
    window.windows(5).any(|bytes| bytes == b"%PDF-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_says_cannot_steer_a_terminal() {
        assert_eq!(clean("\u{1b}[31mred\u{7}\r\n\u{202e}fdp", 100), "[31mredfdp");
    }

    #[test]
    fn what_a_plugin_says_is_cut_with_a_mark() {
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("abc", 3), "abc");
    }
}
