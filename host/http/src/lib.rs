//! The one door to the network. Plugins and acquisitions both go through it; there is no other client
//! in the program.

mod address;
mod body;
mod breaker;
mod client;
mod clock;
mod decode;
mod error;
mod exchange;
mod headers;
mod live;
mod origins;
mod pace;
mod proxy;
mod record;
mod redirects;
mod replay;
mod request;
mod resolver;
mod retry;
mod robots;
mod settings;
mod tdm;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
pub mod warc;

pub use body::Body;
pub use client::{HttpClient, Mode};
pub use clock::AttemptClock;
pub use error::{Denial, FetchError, HttpError};
pub use exchange::{read_response, response_head};
pub use headers::{header, header_map, header_text};
pub use http::{HeaderMap, HeaderName, HeaderValue};
pub use request::{Head, HopPolicy, Method, Request, RequestBudget, Response, Role};
pub use robots::Rules as RobotsRules;
pub use settings::{
    BreakerSettings, HttpSettings, Limit, Limits, PaceRule, PaceSettings, ProxyChoice, RetrySettings,
};
pub use tdm::{Reservation, SaidBy};
pub use tls::tls_config;
pub use transport::{Incoming, Outgoing, RawBody, Transport};
