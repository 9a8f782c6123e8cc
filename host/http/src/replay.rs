//! Replay: a recording as a transport. Nothing goes to the network.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

use super::error::{FetchError, HttpError};
use super::exchange::{Failure, RequestKey, TRUNCATED_DETAIL, Truncated, read_response};
use super::headers::{header, without};
use super::request::Method;
use super::transport::{Incoming, Outgoing, RawBody, Transport};
use super::warc::{Place, RecordHead, Scanner, WarcError, open_at};

/// A request record is read up to this; ours have a few hundred bytes.
const REQUEST_BYTES: u64 = 1 << 20;
/// The size of one read from the file.
const PIECE: usize = 64 * 1024;

/// The answers of a recording, by request. The n-th time that a request is made it gets its n-th answer,
/// and the last one from then on.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    answers: Mutex<HashMap<RequestKey, Answers>>,
    now_ms: u64,
}

#[derive(Debug, Default)]
struct Answers {
    recorded: Vec<Recorded>,
    given: usize,
}

#[derive(Clone, Debug)]
enum Recorded {
    Response {
        place: Place,
        truncated: Option<Truncated>,
    },
    /// A payload without its HTTP head, as some archives keep it.
    Resource {
        place: Place,
        content_type: Option<String>,
    },
    Failure(Failure),
}

impl Replay {
    /// Reads what the file holds; the bodies stay in it.
    pub fn open(path: &Path) -> Result<Self, HttpError> {
        let mut index = Index::default();
        index.read(path).map_err(|source| HttpError::Archive { path: path.to_owned(), source })?;
        let now_ms = index.now_ms;
        Ok(Self { path: path.to_owned(), answers: Mutex::new(index.answers()), now_ms })
    }

    fn next(&self, key: &RequestKey) -> Option<Recorded> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = answers.get_mut(key)?;
        let answer = answers.recorded.get(answers.given).or(answers.recorded.last()).cloned();
        answers.given += 1;
        answer
    }
}

impl Transport for Replay {
    fn send(&self, hop: Outgoing) -> BoxFuture<'_, Result<Incoming, FetchError>> {
        Box::pin(async move {
            let body = hop.body.as_deref().unwrap_or_default();
            let key = RequestKey::new(hop.method, &hop.url, &hop.headers, body);
            let recorded = self.next(&key).or_else(|| key.whole().and_then(|whole| self.next(&whole)));
            let Some(recorded) = recorded else {
                return Err(FetchError::NotRecorded(format!("{:?} {}", hop.method, hop.url)));
            };
            if let Recorded::Failure(failure) = &recorded {
                return Err(failure.error());
            }
            let path = self.path.clone();
            let opening = tokio::task::spawn_blocking(move || open(&path, &recorded, hop.method));
            let unreadable = |error: String| FetchError::NotRecorded(format!("{} ({error})", hop.url));
            match opening.await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(unreadable(error.to_string())),
                Err(error) => Err(unreadable(error.to_string())),
            }
        })
    }

    /// The time of the recording's first record, for the whole replay, so that what depends on the time is
    /// the same in each replay, in whatever order requests are made.
    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn recorded(&self) -> bool {
        true
    }
}

/// What the scan finds, before requests and answers are joined.
#[derive(Default)]
struct Index {
    found: Vec<Found>,
    /// By the id of the answer, and by their own id: writers link in either direction.
    requests: HashMap<String, RequestKey>,
    /// Payloads by digest, for `revisit` records, which refer to an earlier one.
    payloads: HashMap<String, Place>,
    now_ms: u64,
}

struct Found {
    id: String,
    concurrent: Option<String>,
    url: Url,
    recorded: Recorded,
}

impl Index {
    fn read(&mut self, path: &Path) -> Result<(), WarcError> {
        let mut scanner = Scanner::open(path)?;
        while let Some((head, place)) = scanner.next_record()? {
            if self.now_ms == 0 {
                self.now_ms = head.field("warc-date").and_then(milliseconds).unwrap_or_default();
            }
            let Some(url) = head.uri("warc-target-uri").and_then(|url| Url::parse(url).ok()) else {
                continue;
            };
            let text = |name: &str| head.field(name).map(str::to_owned);
            let id = text("warc-record-id").unwrap_or_default();
            let concurrent = text("warc-concurrent-to");
            let recorded = match head.field("warc-type") {
                Some("request") => {
                    if let Some(key) = RequestKey::parse(&url, &scanner.block(REQUEST_BYTES)?) {
                        self.requests.extend(concurrent.map(|answer| (answer, key.clone())));
                        self.requests.insert(id, key);
                    }
                    continue;
                }
                Some("response") if is_http(&head) => {
                    if let Some(digest) = text("warc-payload-digest") {
                        self.payloads.entry(digest).or_insert(place);
                    }
                    let detail = text(&TRUNCATED_DETAIL.to_ascii_lowercase()).unwrap_or_default();
                    let truncated = text("warc-truncated").map(|why| Truncated { why, detail });
                    Recorded::Response { place, truncated }
                }
                Some("revisit") => {
                    let seen = head.field("warc-payload-digest").and_then(|digest| self.payloads.get(digest));
                    let Some(place) = seen else { continue };
                    Recorded::Response { place: *place, truncated: None }
                }
                Some("response" | "resource") => {
                    Recorded::Resource { place, content_type: text("content-type") }
                }
                Some("metadata") => match Failure::parse(&scanner.block(REQUEST_BYTES)?) {
                    Some(failure) => Recorded::Failure(failure),
                    None => continue,
                },
                _ => continue,
            };
            self.found.push(Found { id, concurrent, url, recorded });
        }
        Ok(())
    }

    fn answers(self) -> HashMap<RequestKey, Answers> {
        let mut answers: HashMap<RequestKey, Answers> = HashMap::new();
        for found in self.found {
            let linked = self.requests.get(&found.id);
            let linked = linked.or_else(|| self.requests.get(found.concurrent.as_ref()?));
            let key = match linked {
                Some(key) => key.clone(),
                None => RequestKey::new(Method::Get, &found.url, &HeaderMap::new(), &[]),
            };
            answers.entry(key).or_default().recorded.push(found.recorded);
        }
        answers
    }
}

fn is_http(head: &RecordHead) -> bool {
    head.field("content-type").is_none_or(|kind| kind.to_ascii_lowercase().starts_with("application/http"))
}

fn milliseconds(date: &str) -> Option<u64> {
    let at = OffsetDateTime::parse(date, &Rfc3339).ok()?;
    u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Opens a recorded answer: its head, and its body to be read.
fn open(path: &Path, recorded: &Recorded, method: Method) -> Result<Incoming, WarcError> {
    match recorded {
        Recorded::Failure(_) => Err(io::Error::from(io::ErrorKind::InvalidInput).into()),
        Recorded::Resource { place, content_type } => {
            let (_, block) = open_at(path, *place)?;
            let kind = content_type.as_ref().and_then(|kind| HeaderValue::try_from(kind.as_bytes()).ok());
            let headers = kind.map(|kind| (CONTENT_TYPE, kind)).into_iter().collect();
            Ok(Incoming { status: 200, headers, body: pieces(Box::new(block), None) })
        }
        Recorded::Response { place, truncated } => {
            let (record, block) = open_at(path, *place)?;
            let mut block = Counting { inner: block, read: 0 };
            let (status, mut headers) = read_response(&mut block)?;
            let there = record.length - block.read;
            if method == Method::Head || matches!(status, 204 | 304) {
                return Ok(Incoming { status, headers, body: RawBody::empty() });
            }
            let chunked =
                header(&headers, "transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
            headers = without(&headers, |name| *name == TRANSFER_ENCODING);
            if chunked {
                headers = without(&headers, |name| *name == CONTENT_LENGTH);
                let body = pieces(Box::new(Chunks { inner: block, left: 0, state: Chunk::First }), None);
                return Ok(Incoming { status, headers, body });
            }
            let declared = header(&headers, "content-length").and_then(|length| length.parse::<u64>().ok());
            // Archives that store bodies decompressed keep the length of the compressed one in the head.
            if declared.is_some_and(|declared| declared < there) {
                headers = without(&headers, |name| *name == CONTENT_LENGTH);
            }
            let short = declared.is_some_and(|declared| declared > there).then(|| Truncated {
                why: "disconnect".into(),
                detail: "the record ends before the declared length".into(),
            });
            let end = truncated.clone().or(short);
            Ok(Incoming { status, headers, body: pieces(Box::new(block), end) })
        }
    }
}

/// The body's pieces; a truncated one ends with the error that it ended with when it was recorded.
fn pieces(body: Box<dyn Read + Send>, truncated: Option<Truncated>) -> RawBody {
    RawBody::new(stream::unfold(Some((body, truncated)), move |body| async move {
        let (mut body, truncated) = body?;
        let reading = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; PIECE];
            let read = body.read(&mut piece)?;
            piece.truncate(read);
            Ok::<_, io::Error>((Bytes::from(piece), body))
        });
        match reading.await {
            Ok(Ok((piece, body))) if !piece.is_empty() => Some((Ok(piece), Some((body, truncated)))),
            Ok(Ok(_)) => Some((Err(truncated?.error()), None)),
            Ok(Err(error)) => Some((Err(FetchError::Incomplete(error.to_string())), None)),
            Err(error) => Some((Err(FetchError::Incomplete(error.to_string())), None)),
        }
    }))
}

struct Counting<R> {
    inner: R,
    read: u64,
}

impl<R: BufRead> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counting<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.inner.consume(bytes);
        self.read += bytes as u64;
    }
}

/// Removes the chunked transfer coding (RFC 9112, 7.1), which other writers keep in their records. Some
/// remove it and leave the header: what does not begin with a chunk is passed on as it is.
struct Chunks<R> {
    inner: R,
    left: u64,
    state: Chunk,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chunk {
    First,
    Next,
    Bare,
    End,
}

impl<R: BufRead> Read for Chunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.state == Chunk::First {
            let start = self.inner.fill_buf()?;
            let digits = start.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let after = start.get(digits);
            let is_size = (1..=16).contains(&digits) && matches!(after, Some(b'\r' | b'\n' | b';' | b' '));
            self.state = if is_size { Chunk::Next } else { Chunk::Bare };
        }
        if self.state == Chunk::Bare {
            return self.inner.read(buffer);
        }
        if self.state == Chunk::Next && self.left == 0 {
            self.left = self.size()?;
            if self.left == 0 {
                self.state = Chunk::End;
            }
        }
        if self.state == Chunk::End {
            return Ok(0);
        }
        let read = (&mut self.inner).take(self.left).read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a chunk ends too early"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

impl<R: BufRead> Chunks<R> {
    /// Reads the line that says how long the next chunk is, past the end of the one before it.
    fn size(&mut self) -> io::Result<u64> {
        // 16 digits, and chunk extensions, which hardly anybody uses.
        const LINE: u64 = 1024;
        loop {
            let mut line = Vec::new();
            (&mut self.inner).take(LINE).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the last chunk is missing"));
            }
            let text = String::from_utf8_lossy(&line);
            let digits = text.split(';').next().unwrap_or_default().trim();
            if digits.is_empty() {
                continue;
            }
            return u64::from_str_radix(digits, 16)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a chunk without a size"));
        }
    }
}
