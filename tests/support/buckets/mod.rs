//! Real servers of the interfaces that stores have, from package registries, with a bucket for each test and a way to it on
//! which a test can have things go wrong. Uses nothing but the standard library, so that the soak can include it too.

mod google;
mod proxy;
mod service;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proxy::Proxy;
pub use proxy::{ANY_PART, JOIN, SECOND_PART, Wrong};
pub use service::Service;

/// A bucket, reached through a proxy of its own.
#[derive(Debug)]
pub struct Bucket {
    service: Service,
    name: String,
    server: SocketAddr,
    proxy: Proxy,
}

impl Bucket {
    /// `None`: the server is not installed here, and this was said.
    pub fn new(service: Service) -> Option<Self> {
        static BUCKETS: AtomicU32 = AtomicU32::new(0);
        let server = service.server()?;
        let name = format!("papers-{}", BUCKETS.fetch_add(1, Ordering::SeqCst));
        service.make(server, &name);
        Some(Self { service, proxy: Proxy::new(service, server), name, server })
    }

    /// The same bucket by another way, on which other things go wrong.
    pub fn another_way(&self) -> Self {
        let Self { service, server, .. } = *self;
        Self { service, proxy: Proxy::new(service, server), name: self.name.clone(), server }
    }

    /// Who keeps it.
    pub fn service(&self) -> Service {
        self.service
    }

    /// For `--store`.
    pub fn store(&self) -> String {
        format!("{}://{}/oa", self.service.scheme(), self.name)
    }

    /// What the path of every request for an object begins with, behind the slash.
    pub fn path(&self) -> String {
        format!("{}{}/oa", self.service.account(), self.name)
    }

    /// What a program needs to know to reach it.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        self.service.variables(self.proxy.address)
    }

    /// The same with what is signed for a while, in place of a key, where that goes into addresses; and a part of it.
    pub fn variables_with_a_signature(&self) -> (Vec<(&'static str, String)>, &'static str) {
        self.service.variables_with_a_signature(self.proxy.address)
    }

    /// From now on, in requests whose first line contains `text`; a later one goes before.
    pub fn goes_wrong(&self, text: &str, wrong: Wrong) {
        self.proxy.state().wrong.insert(0, (text.to_owned(), wrong));
    }

    /// Nothing goes wrong any more.
    pub fn recovers(&self) {
        self.proxy.state().wrong.clear();
    }

    /// The first lines of the requests that contain this text.
    pub fn requests(&self, text: &str) -> Vec<String> {
        self.proxy.state().requests.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// The first lines of requests that contain this text, each with the status of its answer behind it.
    pub fn answers(&self, text: &str) -> Vec<String> {
        self.proxy.state().answers.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// Every object by its name, without what the store is marked with.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let keys = self.service.keys(self.server, &self.name);
        let keys = keys.into_iter().filter(|key| !key.ends_with("tierfall.json"));
        keys.map(|key| {
            let (status, bytes) = self.ask("GET", &key);
            assert_eq!(status, 200, "{key}");
            (key, bytes)
        })
        .collect()
    }

    /// Takes an object away, as somebody else might.
    pub fn remove(&self, key: &str) {
        let (status, _) = self.ask("DELETE", key);
        assert!(matches!(status, 200..300), "{key}: {status}");
    }

    /// Puts an object there, as somebody else might.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let status = self.service.put(self.server, &self.name, key, bytes, false);
        assert!(matches!(status, 200..300), "{key}: {status}");
    }

    /// Creates an object under the condition that there is none; the status of the answer.
    pub fn create(&self, key: &str, bytes: &[u8]) -> u16 {
        self.service.put(self.server, &self.name, key, bytes, true)
    }

    /// Uploads that were begun, and neither ended nor given up.
    pub fn open_uploads(&self) -> usize {
        self.service.open_uploads(self.server, &self.name)
    }

    fn ask(&self, method: &str, key: &str) -> (u16, Vec<u8>) {
        let target = self.service.object(&self.name, key);
        send(self.server, method, &target, &self.service.headers(), b"").expect("an answer")
    }
}

/// One request, given by its head without the empty line at its end, and the whole answer.
fn ask(server: SocketAddr, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect(server)?;
    connection.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(connection, "{head}Connection: close\r\n\r\n")?;
    connection.write_all(body)?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    Ok(answer)
}

/// An answer's status, head and body.
fn split(answer: &[u8]) -> io::Result<(u16, String, &[u8])> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, head, &answer[end + 4..]))
}

/// One request of our own, past every proxy.
fn send(
    server: SocketAddr,
    method: &str,
    target: &str,
    headers: &str,
    body: &[u8],
) -> io::Result<(u16, Vec<u8>)> {
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {server}\r\n{headers}Content-Length: {}\r\n",
        body.len()
    );
    let answer = ask(server, &head, body)?;
    let (status, head, body) = split(&answer)?;
    match head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        true => Ok((status, unchunked(body).ok_or(io::ErrorKind::InvalidData)?)),
        false => Ok((status, body.to_vec())),
    }
}

/// A body that was sent in chunks.
fn unchunked(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).ok()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend(chunks.get(end + 2..end + 2 + length)?);
        chunks = chunks.get(end + 2 + length + 2..)?;
    }
}

fn encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    key.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A path without escapes.
fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if byte.is_ascii() => {
                plain.push(char::from(byte));
                plain.push_str(&part[2..]);
            }
            _ => {
                plain.push('%');
                plain.push_str(part);
            }
        }
    }
    plain
}
