//! The host functions that a guest imports, and the state of one call.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use url::Url;

use crate::bindings::source::tierfall::source::{clock, http, log, types};
use crate::clean::clean;
use crate::limits::{Limiter, ResourceLimit};
use crate::notes::{LastWords, Notes};
use crate::request::{Network, answer, refused};
use crate::store::Limited;
use crate::text;
use crate::transcript::{RequestKey, Told, Transcript};
use tierfall_http::{
    Method, Request, Reservation, Response, SaidBy, Secrets, header_map, header_text, starts_as_pdf,
};

/// The state of one call.
pub(crate) struct Guest {
    pub(crate) limiter: Limiter,
    /// `plugin/source`, for logs.
    pub(crate) name: String,
    pub(crate) notes: Notes,
    pub(crate) last_words: LastWords,
    pub(crate) log_lines: u32,
    pub(crate) fetches: u32,
    pub(crate) fetch_bytes: u64,
    /// `None` while a plugin describes itself: it may not fetch then.
    pub(crate) network: Option<Arc<Network>>,
    pub(crate) transcript: Transcript,
    /// The request that goes on without this instance.
    pub(crate) left: Option<Left>,
}

/// A request whose instance gave its place to another call. The next instance begins when its answer is there.
pub(crate) struct Left {
    pub(crate) asked: RequestKey,
    pub(crate) answer: BoxFuture<'static, Told>,
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
        let Some(network) = self.network.clone() else {
            return Ok(Err(http::FetchError::Denied("`describe` may not fetch".into())));
        };
        if self.fetches == 0 {
            self.notes.limit(ResourceLimit::Fetches);
            return Ok(Err(http::FetchError::Budget(http::BudgetKind::Fetches)));
        }
        self.fetches -= 1;
        let asked = RequestKey::of(&request);
        let want = request.want;
        let wanted = request.max_bytes.map(u64::from).unwrap_or(u64::MAX);
        if let Some(told) = self.transcript.answer(&asked) {
            return Ok(told.and_then(|answer| self.handed_over(answer, want, wanted, &network)));
        }
        if network.clock.remaining().is_zero() {
            return Ok(Err(http::FetchError::Budget(http::BudgetKind::Time)));
        }
        let told = match self.checked(request, &network) {
            Ok(request) => {
                let cap = wanted.min(self.fetch_bytes);
                let mut answer: BoxFuture<'static, Told> =
                    Box::pin(answer(Arc::clone(&network), self.notes.clone(), request, cap));
                tokio::select! {
                    biased;
                    told = &mut answer => told,
                    () = self.makes_room(&network) => {
                        self.left = Some(Left { asked, answer });
                        // It is dropped, and begins again when the answer is there.
                        return Err(wasmtime::Error::msg("the call gave its place to another"));
                    }
                }
            }
            Err(error) => Err(error),
        };
        self.transcript.add(asked, told.clone());
        Ok(told.and_then(|answer| self.handed_over(answer, want, wanted, &network)))
    }
}

impl Guest {
    /// Completes when this instance is to make room for another call.
    async fn makes_room(&mut self, network: &Network) {
        if !self.transcript.keeps(&network.kept) {
            std::future::pending::<()>().await;
        }
        network.places.wanted().await;
    }

    /// The request as the client takes it.
    fn checked(&self, request: http::Request, network: &Network) -> Result<Request, http::FetchError> {
        let url = Url::parse(&request.url).map_err(|error| {
            http::FetchError::Denied(format!("`{}` is not a URL: {error}", clean(&request.url, 200)))
        })?;
        let secrets = network.hops.secrets_for(&url);
        let own = request
            .headers
            .iter()
            .filter(|(name, _)| !secrets.iter().any(|secret| secret.header.eq_ignore_ascii_case(name)));
        let own = own.map(|(name, value)| (name, value));
        let secret_headers = secrets.iter().map(|secret| (&secret.header, secret.sent()));
        Ok(Request {
            method: match request.method {
                http::Method::Get => Method::Get,
                http::Method::Head => Method::Head,
                http::Method::Post => Method::Post,
            },
            url,
            headers: header_map(own).map_err(|error| refused(error, &self.notes))?,
            secret_headers: header_map(secret_headers).map_err(|error| refused(error, &self.notes))?,
            secrets: Secrets(secrets.iter().map(|secret| secret.value.clone()).collect()),
            body: request.body,
        })
    }

    /// An answer as the guest gets it, who wanted at most so many bytes.
    fn handed_over(
        &self,
        answer: Response,
        want: http::Want,
        wanted: u64,
        network: &Network,
    ) -> Result<http::Response, http::FetchError> {
        let pdf = starts_as_pdf(&answer.body);
        if answer.truncated && !pdf && wanted > self.fetch_bytes {
            self.notes.limit(ResourceLimit::FetchBytes);
            return Err(http::FetchError::TooLarge(self.fetch_bytes));
        }
        let body = match want {
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
                    network.client.remember_page(&answer.head.url, said);
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
}

impl log::Host for Guest {
    async fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.last_words.add(&message);
        if self.log_lines == 0 {
            self.notes.limit(ResourceLimit::LogLines);
            return Ok(());
        }
        self.log_lines -= 1;
        if !self.transcript.is_new_line() {
            return Ok(());
        }
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
        // `describe` has no client, and no use for the time.
        let network = self.network.as_ref();
        Ok(self.transcript.time(|| network.map_or(0, |network| network.client.now_ms())))
    }
}
