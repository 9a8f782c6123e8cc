//! A transport that answers as a test says, and remembers what it was asked and when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use tokio::time::Instant;

use crate::{
    FetchError, HeaderMap, HeaderName, HeaderValue, HttpClient, HttpSettings, Incoming, Outgoing, RawBody,
    Transport,
};

/// 2026-11-24T00:00:00Z, on all scripted clocks.
pub const NOW_MS: u64 = 1_795_478_400_000;

pub enum Reply {
    Answer { status: u16, headers: HeaderMap, body: Vec<Result<Bytes, FetchError>> },
    Fail(FetchError),
    Hang,
}

pub struct Seen {
    pub at: Instant,
    pub hop: Outgoing,
}

/// What a test gives as its network: a function of the request and of how often its URL was asked before.
pub trait Replies: Fn(&Outgoing, usize) -> Reply + Send + Sync {}

impl<F: Fn(&Outgoing, usize) -> Reply + Send + Sync> Replies for F {}

/// Replies to the n-th request (from 0) of a URL.
pub struct Script {
    reply: Box<dyn Replies>,
    delay: Duration,
    asked: Mutex<HashMap<String, usize>>,
    seen: Mutex<Vec<Seen>>,
    open: Mutex<(usize, usize)>,
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers = headers.iter().map(|(name, value)| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    });
    let headers = headers.collect();
    Reply::Answer { status, headers, body: vec![Ok(Bytes::copy_from_slice(body.as_bytes()))] }
}

pub fn ok(body: &str) -> Reply {
    answer(200, &[], body)
}

pub fn refused() -> Reply {
    Reply::Fail(FetchError::Transport("connection refused".into()))
}

impl Script {
    pub fn new(reply: impl Replies + 'static) -> Arc<Self> {
        Self::slow(Duration::ZERO, reply)
    }

    /// Each answer takes `delay`.
    pub fn slow(delay: Duration, reply: impl Replies + 'static) -> Arc<Self> {
        Arc::new(Self {
            reply: Box::new(reply),
            delay,
            asked: Mutex::default(),
            seen: Mutex::default(),
            open: Mutex::default(),
        })
    }

    pub fn client(self: &Arc<Self>, settings: HttpSettings) -> HttpClient {
        HttpClient::with_transport(settings, self.transport())
    }

    pub fn transport(self: &Arc<Self>) -> Box<dyn Transport> {
        Box::new(Scripted(Arc::clone(self)))
    }

    /// The URLs that were asked, in order.
    pub fn urls(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|seen| seen.hop.url.to_string()).collect()
    }

    pub fn hop(&self, index: usize) -> Outgoing {
        self.seen.lock().unwrap()[index].hop.clone()
    }

    /// When each request was sent, in milliseconds since `start`.
    pub fn times(&self, start: Instant) -> Vec<u128> {
        self.seen.lock().unwrap().iter().map(|seen| (seen.at - start).as_millis()).collect()
    }

    /// The most requests that were open at once.
    pub fn peak(&self) -> usize {
        self.open.lock().unwrap().1
    }
}

struct Scripted(Arc<Script>);

struct Open(Arc<Script>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.lock().unwrap().0 -= 1;
    }
}

impl Transport for Scripted {
    fn send(&self, hop: Outgoing) -> BoxFuture<'_, Result<Incoming, FetchError>> {
        Box::pin(async move {
            let script = &self.0;
            let n = {
                let mut asked = script.asked.lock().unwrap();
                let count = asked.entry(hop.url.to_string()).or_default();
                *count += 1;
                *count - 1
            };
            let reply = (script.reply)(&hop, n);
            script.seen.lock().unwrap().push(Seen { at: Instant::now(), hop });
            let open = {
                let mut counts = script.open.lock().unwrap();
                counts.0 += 1;
                counts.1 = counts.1.max(counts.0);
                Open(Arc::clone(script))
            };
            tokio::time::sleep(script.delay).await;
            match reply {
                Reply::Fail(error) => Err(error),
                Reply::Hang => std::future::pending().await,
                Reply::Answer { status, headers, body } => {
                    let pieces = stream::unfold((body.into_iter(), open), |(mut body, open)| async move {
                        Some((body.next()?, (body, open)))
                    });
                    Ok(Incoming { status, headers, body: RawBody::new(pieces) })
                }
            }
        })
    }

    fn now_ms(&self) -> u64 {
        NOW_MS
    }
}
