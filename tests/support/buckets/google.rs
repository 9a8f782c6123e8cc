//! Google's service, by a server that has not all of it. Of conditions fake-gcs-server 1.54 knows those of whole objects in
//! one of Google's two interfaces, and refuses by them; what it lacks is added on the way to it:
//! - `PUT bucket/object` becomes an insertion through the other interface, with the same condition;
//! - the condition that a long upload was begun with is looked at before its last part, and 412 said in the server's place;
//! - how much of a long upload is there is told from here: the server would take that question for its end.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{ask, encoded, split};

/// The interface that takes no other name for itself.
const HOST: &str = "Host: storage.googleapis.com\r\n";
const BOUNDARY: &str = "between-the-parts-of-an-insertion";

/// A long upload, by its name.
static UPLOADS: Mutex<BTreeMap<String, Upload>> = Mutex::new(BTreeMap::new());

#[derive(Debug)]
struct Upload {
    bucket: String,
    name: String,
    has: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    Done,
    Refused,
    GivenUp,
}

fn uploads() -> MutexGuard<'static, BTreeMap<String, Upload>> {
    UPLOADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Uploads into a bucket that were begun, and neither ended nor given up.
pub(super) fn open_uploads(bucket: &str) -> usize {
    uploads().values().filter(|upload| upload.bucket == bucket && upload.state == State::Open).count()
}

/// Passes a request on, and returns the whole answer.
pub(super) fn exchange(server: SocketAddr, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let first = head.lines().next().unwrap_or_default();
    let (method, target) = (token(first, 0), token(first, 1));
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    if let Some(id) = value(target, "upload_id") {
        return go_on(server, method, head, body, &id);
    }
    if method == "POST" && value(target, "uploadType").as_deref() == Some("resumable") {
        let answer = plain(server, head, body)?;
        if let Some(id) = header(&answer, "location").and_then(|location| value(&location, "upload_id")) {
            let bucket = path.split('/').rev().nth(1).unwrap_or_default().to_owned();
            let name = value(target, "name").unwrap_or_default();
            uploads().insert(id, Upload { bucket, name, has: 0, state: State::Open });
        }
        return Ok(answer);
    }
    if method == "PUT" {
        let (bucket, name) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
        let condition = header(head.as_bytes(), "x-goog-if-generation-match");
        return insert(server, bucket, name, condition.as_deref(), body);
    }
    plain(server, head, body)
}

/// Stores an object whose name is encoded, under a condition on its generation.
pub(super) fn insert(
    server: SocketAddr,
    bucket: &str,
    name: &str,
    generation: Option<&str>,
    bytes: &[u8],
) -> io::Result<Vec<u8>> {
    let condition =
        generation.map(|generation| format!("&ifGenerationMatch={generation}")).unwrap_or_default();
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--{BOUNDARY}\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend(bytes);
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
    let head = format!(
        "POST /upload/storage/v1/b/{bucket}/o?uploadType=multipart&name={name}{condition} HTTP/1.1\r\n{HOST}\
         Content-Type: multipart/related; boundary={BOUNDARY}\r\nContent-Length: {}\r\n",
        body.len()
    );
    let answer = ask(server, &head, &body)?;
    let (status, _, told) = split(&answer)?;
    if status != 200 {
        return Ok(answer);
    }
    let told = String::from_utf8_lossy(told);
    let field = |name: &str| {
        let (_, rest) = told.split_once(&format!("\"{name}\":\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    Ok(format!(
        "HTTP/1.1 200 OK\r\nETag: \"{}\"\r\nx-goog-generation: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        field("etag").unwrap_or_default(),
        field("generation").unwrap_or_default()
    )
    .into_bytes())
}

/// A later request of a long upload.
fn go_on(server: SocketAddr, method: &str, head: &str, body: &[u8], id: &str) -> io::Result<Vec<u8>> {
    let mut uploads = uploads();
    let Some(upload) = uploads.get_mut(id) else { return plain(server, head, body) };
    if method == "DELETE" {
        if upload.state == State::Open {
            upload.state = State::GivenUp;
        }
        return plain(server, head, body);
    }
    match upload.state {
        State::Open => {}
        State::Done => return Ok(said("200 OK", "", "{}")),
        State::Refused => return Ok(refusal()),
        State::GivenUp => return Ok(said("499 Given Up", "", "{}")),
    }
    let Some((end, is_last)) = range(head) else {
        let range = match upload.has {
            0 => String::new(),
            has => format!("Range: bytes=0-{}\r\n", has - 1),
        };
        return Ok(said("308 Resume Incomplete", &range, ""));
    };
    if is_last {
        let target = format!("/storage/v1/b/{}/o/{}", upload.bucket, encoded(&upload.name));
        let there = ask(server, &format!("GET {target} HTTP/1.1\r\n{HOST}"), b"")?;
        if split(&there)?.0 == 200 {
            upload.state = State::Refused;
            return Ok(refusal());
        }
    }
    let answer = plain(server, head, body)?;
    upload.has = end;
    if is_last && split(&answer)?.0 == 200 {
        upload.state = State::Done;
    }
    Ok(answer)
}

/// Where a part of a long file ends, and whether it is the last one, by the `Content-Range` of a request that sends one.
pub(super) fn range(head: &str) -> Option<(u64, bool)> {
    let range = header(head.as_bytes(), "content-range")?;
    let (part, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let end = part.split_once('-')?.1.parse::<u64>().ok()? + 1;
    Some((end, total == end.to_string()))
}

/// As it is, but by the name that the server expects.
fn plain(server: SocketAddr, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let lines = head.split_inclusive('\n').filter(|line| !line.to_ascii_lowercase().starts_with("host:"));
    let mut lines: Vec<&str> = lines.collect();
    lines.insert(1, HOST);
    ask(server, &lines.concat(), body)
}

fn refusal() -> Vec<u8> {
    said("412 Precondition Failed", "", r#"{"error":{"code":412,"message":"the condition does not hold"}}"#)
}

fn said(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn token(line: &str, number: usize) -> &str {
    line.split(' ').nth(number).unwrap_or_default()
}

/// A value in the query of an address.
fn value(target: &str, name: &str) -> Option<String> {
    let (_, query) = target.split_once('?')?;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(one, _)| *one == name).map(|(_, value)| super::decoded(value))
}

/// A header of a request or an answer.
fn header(message: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let lines = text.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}
