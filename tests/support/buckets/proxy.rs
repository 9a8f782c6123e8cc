//! A way to a server on which a test can have things go wrong.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::service::Service;
use super::{ask, decoded, google};

/// Stands behind the first line of a request that sends a part of a long file, whatever the service calls it: `[part 1]`.
pub const ANY_PART: &str = "[part ";
/// The second one.
pub const SECOND_PART: &str = "[part 2]";
/// Behind one that joins them.
pub const JOIN: &str = "[join]";

/// What goes wrong on the way to the bucket.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// So many requests are answered with this status, and do not arrive.
    Refused(u16, usize),
    /// So many requests arrive and are done, and their answers are lost.
    AnswerLost(usize),
    /// Requests get no answer and do not arrive, until this is over.
    Stalled,
    /// Requests arrive once this is over.
    Held,
    /// What is refused because its condition does not hold is said to be done.
    Unconditional,
}

#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The first line of every request that came, with what it is to a long file.
    pub(super) requests: Vec<String>,
    /// The status of every answer that was passed on, behind the first line of its request.
    pub(super) answers: Vec<String>,
    /// Where the first line contains this text, this goes wrong.
    pub(super) wrong: Vec<(String, Wrong)>,
    /// How many parts came for each path, where the service does not number them.
    parts: HashMap<String, usize>,
}

impl Proxy {
    pub(super) fn new(service: Service, server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A connection that breaks is one that was broken on the other side.
                thread::spawn(move || drop(pass_on(service, &connection, server, &state)));
            }
        });
        Self { address, state }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes on the one request of a connection, and its answer.
fn pass_on(service: Service, client: &TcpStream, server: SocketAddr, state: &Mutex<State>) -> io::Result<()> {
    let Some((head, body)) = read(client)? else { return Ok(()) };
    let (first, wrong) = {
        let mut state = lock(state);
        let first = state.name(service, &head);
        state.requests.push(first.clone());
        let mut wrong = state.wrong.iter_mut().filter(|(text, _)| first.contains(text.as_str()));
        let wrong = wrong.find_map(|(text, wrong)| wrong.happens().then(|| (text.clone(), wrong.clone())));
        (first, wrong)
    };
    let mut client = client;
    match wrong {
        Some((_, Wrong::Refused(status, _))) => {
            write!(client, "HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
            return Ok(());
        }
        Some((ref text, Wrong::Stalled | Wrong::Held)) => {
            while lock(state).wrong.iter().any(|(one, _)| one == text) {
                thread::sleep(Duration::from_millis(20));
            }
            if matches!(wrong, Some((_, Wrong::Stalled))) {
                return Ok(());
            }
        }
        Some((_, Wrong::AnswerLost(_) | Wrong::Unconditional)) | None => {}
    }
    let answer = match service {
        Service::Google => google::exchange(server, &head, &body)?,
        Service::S3 | Service::Azure => ask(server, &head, &body)?,
    };
    let status = String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).into_owned();
    lock(state).answers.push(format!("{first} {status}"));
    match wrong {
        Some((_, Wrong::AnswerLost(_))) => Ok(()),
        Some((_, Wrong::Unconditional)) if matches!(status.as_str(), "409" | "412") => write!(
            client,
            "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nLast-Modified: Fri, 02 Jan 2026 03:04:05 GMT\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n"
        ),
        _ => client.write_all(&answer),
    }
}

/// A request: its head, without what is said of the connection and without the empty line at its end, and its body.
fn read(client: &TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((head, body)))
}

impl State {
    /// The first line of a request as tests know it: with a plain path, and with what it is to a long file.
    fn name(&mut self, service: Service, head: &str) -> String {
        let first = head.lines().next().unwrap_or_default();
        let target = first.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut plain = first.replacen(path, &decoded(path), 1);
        let has = |name: &str| query.split('&').any(|pair| pair.starts_with(name));
        let (is_part, joins) = match service {
            Service::S3 => (has("partNumber="), first.starts_with("POST ") && has("uploadId=")),
            Service::Azure => (has("blockid="), has("comp=blocklist")),
            // The last part makes the object.
            Service::Google => {
                let range = has("upload_id=").then(|| google::range(head)).flatten();
                (range.is_some(), range.is_some_and(|(_, is_last)| is_last))
            }
        };
        if is_part {
            let number = self.parts.entry(path.to_owned()).or_default();
            *number += 1;
            plain.push_str(&format!(" {ANY_PART}{number}]"));
        }
        if joins {
            plain.push_str(&format!(" {JOIN}"));
        }
        plain
    }
}

impl Wrong {
    /// Whether it happens to this request too.
    fn happens(&mut self) -> bool {
        match self {
            Self::Stalled | Self::Held | Self::Unconditional => true,
            Self::Refused(_, times) | Self::AnswerLost(times) => {
                let left = *times > 0;
                *times = times.saturating_sub(1);
                left
            }
        }
    }
}
