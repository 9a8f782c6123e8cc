//! A server in memory that holds one file and answers as a test says.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};

use tierfall_http::{
    FetchError, HeaderMap, HeaderName, HeaderValue, Incoming, Outgoing, RawBody, Transport, header,
};

/// One answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The body breaks off here.
    pub cut: Option<usize>,
    /// Where it breaks off, nothing comes any more, until the client gives up.
    pub stalls: bool,
    /// After the body, nothing: not even its end.
    pub hang: bool,
    pub fail: Option<FetchError>,
}

type Script = dyn Fn(&Outgoing, usize) -> Reply + Send + Sync;

/// Answers the n-th request by a function of it.
pub struct Remote {
    script: Box<Script>,
    /// The site's `tdmrep.json`; it is no part of the script, nor of what was heard.
    rules: Option<String>,
    requests: AtomicUsize,
    heard: Mutex<Vec<Outgoing>>,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Vec::new(),
            cut: None,
            stalls: false,
            hang: false,
            fail: None,
        }
    }

    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self { body, ..Self::status(200) }.header("content-length", &length)
    }

    pub fn fail(error: FetchError) -> Self {
        Self { fail: Some(error), ..Self::status(0) }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).unwrap();
        self.headers.insert(name, HeaderValue::try_from(value).unwrap());
        self
    }

    pub fn body(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    pub fn cut(mut self, at: usize) -> Self {
        self.cut = Some(at);
        self
    }

    pub fn stalling(self, at: usize) -> Self {
        Self { stalls: true, ..self.cut(at) }
    }

    pub fn hanging(mut self, at: usize) -> Self {
        self.body.truncate(at);
        self.hang = true;
        self
    }

    /// What an honest server answers about `file` under `etag`: the range that is asked for.
    pub fn honest(file: &[u8], etag: &str, request: &Outgoing) -> Self {
        let header = |name| header(&request.headers, name);
        let start =
            header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        match start {
            Some(start) if header("if-range").is_none_or(|validator| validator == etag) => {
                if start >= file.len() {
                    return Self::status(416).header("content-range", &format!("bytes */{}", file.len()));
                }
                let range = format!("bytes {start}-{}/{}", file.len() - 1, file.len());
                Self { status: 206, ..Self::ok(&file[start..]) }
                    .header("etag", etag)
                    .header("content-range", &range)
            }
            _ => Self::ok(file).header("etag", etag),
        }
    }
}

impl Remote {
    pub fn new(script: impl Fn(&Outgoing, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self { script: Box::new(script), rules: None, requests: AtomicUsize::new(0), heard: Mutex::default() }
    }

    /// The site reserves text and data mining by these rules.
    pub fn with_rules(self, rules: &str) -> Self {
        Self { rules: Some(rules.into()), ..self }
    }

    /// The same answer to everything.
    pub fn always(reply: Reply) -> Self {
        Self::new(move |_, _| reply.clone())
    }

    /// The `Range` of every request so far.
    pub fn ranges(&self) -> Vec<Option<String>> {
        let heard = self.heard.lock().unwrap_or_else(|poison| poison.into_inner());
        let range = |request: &Outgoing| header(&request.headers, "range").map(Cow::into_owned);
        heard.iter().map(range).collect()
    }
}

/// One remote, shared by the client that requests and the test that inspects.
pub struct Shared(pub Arc<Remote>);

impl Transport for Shared {
    fn send(&self, hop: Outgoing) -> BoxFuture<'_, Result<Incoming, FetchError>> {
        let remote = &self.0;
        let reply = if hop.url.path() == "/.well-known/tdmrep.json" {
            remote.rules.as_ref().map_or(Reply::status(404), |rules| Reply::ok(rules.as_str()))
        } else {
            let number = remote.requests.fetch_add(1, Ordering::SeqCst);
            let reply = (remote.script)(&hop, number);
            remote.heard.lock().unwrap_or_else(|poison| poison.into_inner()).push(hop);
            reply
        };
        Box::pin(async move {
            if let Some(error) = reply.fail {
                return Err(error);
            }
            let (whole, cut) = (reply.body.len(), reply.cut);
            let mut pieces: Vec<Result<Bytes, FetchError>> = reply.body[..cut.unwrap_or(whole).min(whole)]
                .chunks(16 * 1024)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect();
            if cut.is_some() {
                pieces.push(Err(match reply.stalls {
                    true => FetchError::Stalled("nothing came".into()),
                    false => FetchError::Incomplete("the connection was reset".into()),
                }));
            }
            let body = stream::iter(pieces);
            let body =
                if reply.hang { RawBody::new(body.chain(stream::pending())) } else { RawBody::new(body) };
            Ok(Incoming { status: reply.status, headers: reply.headers, body })
        })
    }

    fn now_ms(&self) -> u64 {
        1_795_478_400_000
    }
}
