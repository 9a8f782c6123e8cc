//! The one HTTP client of Tierfall: plugins and acquisition both ask the network through it.
//!
//! It checks addresses, obeys robots.txt and each host's pace, retries, breaks circuits, follows redirects,
//! decodes bodies within limits, and records to or replays from WARC files. It knows nothing of works,
//! sources or PDFs beyond their first bytes: who may ask what is the caller's [`HopPolicy`], and what a
//! request may spend is its [`RequestBudget`].
//!
//! ```
//! use std::sync::atomic::AtomicU32;
//! use std::time::Duration;
//! use tierfall_http::{AttemptClock, FetchError, HttpClient, Request, RequestBudget, Response, Role, RequestCost};
//!
//! /// Fetches a page of at most one megabyte within ten seconds, retrying twice.
//! async fn page(client: &HttpClient, url: &str) -> Result<Response, FetchError> {
//!     let url = url.parse().map_err(|error| FetchError::Refused(format!("not a URL: {error}")))?;
//!     let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
//!     let clock = AttemptClock::new(Duration::from_secs(10), deadline);
//!     let (retries, cost) = (AtomicU32::new(2), RequestCost::default());
//!     let budget = RequestBudget { hops: &Role::Page, clock: &clock, retries: &retries, cost: &cost };
//!     client.fetch(Request::get(url), 1 << 20, budget).await
//! }
//! ```

#![warn(missing_docs)]

mod address;
mod body;
mod breaker;
mod client;
mod clock;
mod cost;
mod decode;
mod duration;
mod error;
mod exchange;
mod headers;
mod limiter;
mod line;
mod listen;
mod live;
mod metrics;
mod network;
mod no_proxy;
mod origins;
mod pace;
mod proxy;
mod queues;
mod reach;
mod record;
mod redact;
mod redirects;
mod replay;
mod request;
mod resolver;
mod retry;
mod revisit;
mod robots;
mod settings;
mod shared_hosts;
mod shared_pace;
mod tdm;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod told;
mod transport;
mod warc;
mod work_clock;

pub use body::{Body, PDF_WITHIN, starts_as_pdf};
pub use client::{HttpClient, Mode};
pub use clock::{AttemptClock, End, FOR_EVER};
pub use cost::RequestCost;
pub use error::{Denial, FetchError, HttpError};
pub use exchange::anonymous;
pub use headers::{header, header_map, header_text};
pub use http::{HeaderMap, HeaderName, HeaderValue};
pub use listen::{Answered, Listener};
pub use pace::Queues;
pub use proxy::proxy_hosts;
pub use queues::HostQueue;
pub use reach::{Outage, OutageCause, Reach};
pub use request::{Head, HopPolicy, Method, Request, RequestBudget, Response, Role, Secrets};
pub use retry::retryable_status;
pub use settings::{
    BreakerSettings, HttpSettings, Limit, Limits, PaceRule, PaceSettings, ProxyChoice, RetrySettings, Window,
};
pub use shared_hosts::{BreakerFollower, BreakerKey, OpenBreaker, SharedRules};
pub use shared_pace::{PaceAnswer, PaceClaim, PaceUnshared, SharedPace};
pub use tdm::{Reservation, SaidBy};
pub use tls::{client_config, root_certificates};
pub use transport::{Incoming, Outgoing, RawBody, Transport};
pub use warc::WarcError;
pub use work_clock::{Doing, Parking, Turn, WorkClock};
