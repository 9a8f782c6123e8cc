//! What the scripted web answers, and how it fails to.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// One scripted answer. Builders give the usual ones; every part can be changed.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Sent as they are; `Content-Length` and `Transfer-Encoding` come from `framing`.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub framing: Framing,
    pub fault: Option<Fault>,
    /// `Range` is answered with 206 while `If-Range`, if there, names this entity tag.
    pub ranges: Option<String>,
    /// The answer waits until the gate is opened.
    pub gate: Option<Barrier>,
}

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length,
    /// A declared length that is not the real one.
    LyingLength(u64),
    Chunked,
    /// The connection's end is the body's end.
    Close,
}

/// What goes wrong after the request was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No answer, ever.
    Hang,
    /// The connection is reset after so many bytes of the body.
    Reset(usize),
    /// The connection is closed in order after so many bytes of the body.
    Cut(usize),
    /// Silence after so many bytes of the body.
    Stall(usize),
    /// One byte of the body at a time, with this pause between.
    Drip(Duration),
    /// So many bytes of the body at a time, with this pause between.
    Trickle(usize, Duration),
    /// Header lines without end.
    HeaderFlood,
    /// One header line without end.
    EndlessHeader,
    /// Silence within the head.
    StallInHead,
    /// The connection is reset before the first byte.
    ResetAtOnce,
    /// The connection is reset within the head.
    ResetInHead,
    /// The body again and again, without end.
    Endless,
}

/// Holds answers back until a test opens it.
#[derive(Clone, Debug, Default)]
pub struct Barrier(Arc<(Mutex<bool>, Condvar)>);

impl Answer {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            framing: Framing::Length,
            fault: None,
            ranges: None,
            gate: None,
        }
    }

    pub fn ok(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).header("Content-Type", content_type).body(body)
    }

    pub fn pdf(body: impl Into<Vec<u8>>) -> Self {
        Self::ok("application/pdf", body)
    }

    pub fn html(body: &str) -> Self {
        Self::ok("text/html; charset=utf-8", body)
    }

    pub fn json(body: &str) -> Self {
        Self::ok("application/json", body)
    }

    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("Location", location)
    }

    /// 429 with `Retry-After`, in either form.
    pub fn too_many(retry_after: &str) -> Self {
        Self::status(429).header("Retry-After", retry_after)
    }

    pub fn text(self, text: &str) -> Self {
        self.header("Content-Type", "text/plain").body(text)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    pub fn failing(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Offers ranges under this entity tag (with its quotes).
    pub fn with_ranges(mut self, etag: &str) -> Self {
        self.ranges = Some(etag.to_owned());
        self.header("Accept-Ranges", "bytes").header("ETag", etag)
    }

    pub fn behind(mut self, gate: &Barrier) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// The body compressed, and said so.
    pub fn gzip(mut self) -> Self {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&self.body).expect("memory can be written");
        self.body = encoder.finish().expect("memory can be written");
        self.header("Content-Encoding", "gzip")
    }
}

impl Barrier {
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(|poison| poison.into_inner()) = true;
        self.0.1.notify_all();
    }

    /// Waits a moment; says whether the gate is open.
    pub(super) fn wait(&self, moment: Duration) -> bool {
        let opened = self.0.0.lock().unwrap_or_else(|poison| poison.into_inner());
        *self
            .0
            .1
            .wait_timeout_while(opened, moment, |open| !*open)
            .unwrap_or_else(|poison| poison.into_inner())
            .0
    }
}
