//! Requests and answers on the wire (RFC 9112), and the ways to break them.

use std::io::{BufRead, BufReader, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{Answer, Fault, Framing, Seen};

/// How often a waiting answer looks whether its client is still there.
const MOMENT: Duration = Duration::from_millis(20);

/// A request as read.
pub struct Received {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The next request, or nothing when the client is done.
pub fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Received { method, target, headers, body })
}

/// The host of an `http` URL, with its port.
pub fn host_of(url: &str) -> &str {
    url.strip_prefix("http://").unwrap_or(url).split(['/', '?']).next().unwrap_or_default()
}

/// Waits for an answer's gate to open.
pub fn hold(stream: &TcpStream, answer: &Answer, stopped: &AtomicBool) -> Result<()> {
    while let Some(gate) = &answer.gate {
        if gate.wait(MOMENT) {
            break;
        }
        still_there(stream, stopped)?;
    }
    Ok(())
}

/// Sends the answer. `Ok(true)` if the connection goes on, `Ok(false)` if it is ended on purpose, an
/// error if the client left.
pub fn send(stream: &TcpStream, answer: &Answer, seen: &Seen, stopped: &AtomicBool) -> Result<bool> {
    let mut out = stream;
    match answer.fault {
        Some(Fault::Hang) => return wait_for_the_end(stream, stopped),
        Some(Fault::HeaderFlood) => {
            out.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                out.write_all(b"X-Flood: and another line, and another line, and another line\r\n")?;
            }
        }
        Some(Fault::EndlessHeader) => {
            out.write_all(b"HTTP/1.1 200 OK\r\nX-Endless: ")?;
            loop {
                out.write_all(&[b'x'; 8 * 1024])?;
            }
        }
        Some(Fault::StallInHead) => {
            out.write_all(b"HTTP/1.1 200 OK\r\nContent-Ty")?;
            return wait_for_the_end(stream, stopped);
        }
        Some(fault @ (Fault::ResetAtOnce | Fault::ResetInHead)) => {
            if fault == Fault::ResetInHead {
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Ty")?;
            }
            return reset(stream);
        }
        _ => {}
    }
    let part = Part::of(answer, seen);
    let mut head = format!("HTTP/1.1 {} {}\r\n", part.status, reason(part.status));
    for (name, value) in answer.headers.iter().chain(&part.headers) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match answer.framing {
        Framing::Length => head.push_str(&format!("Content-Length: {}\r\n", part.body.len())),
        Framing::LyingLength(length) => head.push_str(&format!("Content-Length: {length}\r\n")),
        Framing::Chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
        Framing::Close => head.push_str("Connection: close\r\n"),
    }
    head.push_str("\r\n");
    out.write_all(head.as_bytes())?;
    if seen.method == "HEAD" {
        return Ok(answer.framing != Framing::Close);
    }
    let chunked = answer.framing == Framing::Chunked;
    match answer.fault {
        Some(Fault::Reset(at)) => {
            write_body(out, &part.body[..at.min(part.body.len())], chunked)?;
            return reset(stream);
        }
        Some(Fault::Cut(at)) => {
            write_body(out, &part.body[..at.min(part.body.len())], chunked)?;
            stream.shutdown(std::net::Shutdown::Write)?;
            return Ok(false);
        }
        Some(Fault::Stall(at)) => {
            write_body(out, &part.body[..at.min(part.body.len())], chunked)?;
            return wait_for_the_end(stream, stopped);
        }
        Some(Fault::Drip(pause)) => trickle(stream, part.body, 1, pause, chunked, stopped)?,
        Some(Fault::Trickle(size, pause)) => trickle(stream, part.body, size, pause, chunked, stopped)?,
        Some(Fault::Endless) => loop {
            write_body(out, part.body, chunked)?;
        },
        _ => write_body(out, part.body, chunked)?,
    }
    if chunked {
        out.write_all(b"0\r\n\r\n")?;
    }
    out.flush()?;
    if answer.framing == Framing::Close {
        stream.shutdown(std::net::Shutdown::Write)?;
    }
    Ok(matches!(answer.framing, Framing::Length | Framing::Chunked))
}

/// What of the body is sent, under which status.
struct Part<'a> {
    status: u16,
    headers: Vec<(String, String)>,
    body: &'a [u8],
}

impl<'a> Part<'a> {
    fn of(answer: &'a Answer, seen: &Seen) -> Self {
        let whole = Self { status: answer.status, headers: Vec::new(), body: &answer.body };
        let (Some(etag), Some(range)) = (&answer.ranges, seen.header("range")) else { return whole };
        if seen.header("if-range").is_some_and(|validator| validator != etag) {
            return whole;
        }
        let length = answer.body.len();
        let start =
            range.strip_prefix("bytes=").and_then(|range| range.split('-').next()?.parse::<usize>().ok());
        match start.and_then(|start| Some((start, answer.body.get(start..).filter(|rest| !rest.is_empty())?)))
        {
            Some((start, body)) => Self {
                status: 206,
                headers: vec![("Content-Range".to_owned(), format!("bytes {start}-{}/{length}", length - 1))],
                body,
            },
            None => Self {
                status: 416,
                headers: vec![("Content-Range".to_owned(), format!("bytes */{length}"))],
                body: b"",
            },
        }
    }
}

fn trickle(
    stream: &TcpStream,
    body: &[u8],
    size: usize,
    pause: Duration,
    chunked: bool,
    stopped: &AtomicBool,
) -> Result<()> {
    for piece in body.chunks(size.max(1)) {
        write_body(stream, piece, chunked)?;
        thread::sleep(pause);
        still_there(stream, stopped)?;
    }
    Ok(())
}

fn write_body(mut out: &TcpStream, body: &[u8], chunked: bool) -> Result<()> {
    // Small enough that a reader sees several pieces of any file.
    for piece in body.chunks(8 * 1024) {
        if chunked {
            out.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
        }
        out.write_all(piece)?;
        if chunked {
            out.write_all(b"\r\n")?;
        }
    }
    Ok(())
}

/// The connection is to be closed, which then sends a reset.
fn reset(stream: &TcpStream) -> Result<bool> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    Ok(false)
}

/// Silence until the client leaves or the server is dropped.
fn wait_for_the_end(stream: &TcpStream, stopped: &AtomicBool) -> Result<bool> {
    loop {
        thread::sleep(MOMENT);
        still_there(stream, stopped)?;
    }
}

/// An error once the client has closed the connection or the server is dropped.
fn still_there(stream: &TcpStream, stopped: &AtomicBool) -> Result<()> {
    if stopped.load(Ordering::SeqCst) {
        return Err(ErrorKind::Interrupted.into());
    }
    stream.set_nonblocking(true)?;
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    match peeked {
        Ok(0) => Err(ErrorKind::ConnectionAborted.into()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        300..=399 => "Elsewhere",
        400..=499 => "Not Like That",
        500..=599 => "Not Now",
        _ => "So Be It",
    }
}
