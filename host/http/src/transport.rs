//! The seam behind the door: one hop goes out, its raw answer comes in. The network, a recording and
//! the tests' scripts are transports; all policy lies above this seam.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use http::HeaderMap;
use tokio::time::Instant;
use url::Url;

use super::error::FetchError;
use super::request::Method;
use super::settings::Limits;

/// Sends one hop. Dropping the future cancels the request.
pub trait Transport: Send + Sync {
    fn send(&self, hop: Outgoing) -> BoxFuture<'_, Result<Incoming, FetchError>>;

    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// A recording answers at once, so nobody has to be spared: no pace, no backoff, no breaker.
    fn recorded(&self) -> bool {
        false
    }
}

/// One hop, complete: what is here is what is sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    /// Sent, but never logged or recorded.
    pub secret_headers: HeaderMap,
    pub body: Option<Bytes>,
}

/// An answer as it came, save that its transfer coding is undone.
#[derive(Debug)]
pub struct Incoming {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: RawBody,
}

/// The pieces of a body as they arrive. After an error nothing follows.
pub struct RawBody(BoxStream<'static, Result<Bytes, FetchError>>);

impl RawBody {
    pub fn new(pieces: impl Stream<Item = Result<Bytes, FetchError>> + Send + 'static) -> Self {
        Self(pieces.boxed())
    }

    pub fn empty() -> Self {
        Self::new(stream::empty())
    }

    pub async fn next(&mut self) -> Option<Result<Bytes, FetchError>> {
        self.0.next().await
    }

    /// The same body, given up when it comes too slowly: no piece for `idle`, or fewer than
    /// `stall_bytes` within `stall_window`.
    pub fn watched(self, limits: &Limits) -> Self {
        let watch = Watch {
            idle: limits.idle,
            bytes: limits.stall_bytes,
            window: limits.stall_window,
            waited: Duration::ZERO,
            got: 0,
        };
        Self::new(stream::unfold((Some(self), watch), |(body, mut watch)| async move {
            let mut body = body?;
            let piece = watch.next(&mut body).await?;
            let rest = piece.is_ok().then_some(body);
            Some((piece, (rest, watch)))
        }))
    }

    pub fn into_stream(self) -> BoxStream<'static, Result<Bytes, FetchError>> {
        self.0
    }
}

impl fmt::Debug for RawBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawBody")
    }
}

/// A server's words as messages may carry them: without control characters, and not endless.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    text.chars().take(LONGEST).flat_map(char::escape_debug).collect()
}

struct Watch {
    idle: Duration,
    bytes: u64,
    window: Duration,
    /// Spent waiting for the server; what the reader does between two pieces is not the server's fault.
    waited: Duration,
    got: u64,
}

impl Watch {
    async fn next(&mut self, body: &mut RawBody) -> Option<Result<Bytes, FetchError>> {
        let asked = Instant::now();
        let Ok(piece) = tokio::time::timeout(self.idle, body.next()).await else {
            let idle = self.idle.as_secs_f32();
            return Some(Err(FetchError::Stalled(format!("nothing came for {idle} s"))));
        };
        let piece = piece?;
        self.waited += asked.elapsed();
        self.got += piece.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if self.waited >= self.window {
            if piece.is_ok() && self.got < self.bytes {
                let (got, waited) = (self.got, self.waited.as_secs_f32());
                return Some(Err(FetchError::Stalled(format!("{got} bytes in {waited:.0} s"))));
            }
            (self.waited, self.got) = (Duration::ZERO, 0);
        }
        Some(piece)
    }
}
