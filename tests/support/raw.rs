//! A web whose answers are bytes, so that they may be as odd as a server can make them. A forward proxy for plain HTTP,
//! as the scripted one is; each answer ends with its connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The server; dropping it ends it.
pub struct RawWeb {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Received>>>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Received {
    /// What was asked for: an absolute URL, or `HOST:PORT` of a CONNECT.
    pub url: String,
}

impl RawWeb {
    /// Answers each request by these bytes.
    pub fn answering(answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (stopped, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (ending, record, answer) = (Arc::clone(&stopped), Arc::clone(&seen), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ending.load(Ordering::SeqCst) {
                    return;
                }
                let (record, answer) = (Arc::clone(&record), Arc::clone(&answer));
                thread::spawn(move || converse(stream, &record, answer.as_ref()));
            }
        });
        Self { address, stopped, seen }
    }

    /// The value for `--proxy`.
    pub fn proxy(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Received> {
        self.seen.lock().unwrap_or_else(|poison| poison.into_inner()).clone()
    }
}

impl Drop for RawWeb {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread; if that fails it is gone already.
        drop(TcpStream::connect(self.address));
    }
}

/// An answer with a length and nothing odd about it.
pub fn plain(status: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn converse(
    stream: TcpStream,
    record: &Mutex<Vec<Received>>,
    answer: &(dyn Fn(&Received) -> Vec<u8> + Send + Sync),
) {
    let Ok(reading) = stream.try_clone() else { return };
    let mut reader = BufReader::new(reading);
    let mut head = Vec::new();
    loop {
        let before = head.len();
        match reader.read_until(b'\n', &mut head) {
            Ok(read) if read > 0 => {}
            _ => return,
        }
        if matches!(head.get(before..), Some(b"\r\n" | b"\n")) {
            break;
        }
    }
    // A URL may be sent in the Latin-1 that it was given in.
    let head: String = head.iter().map(|byte| char::from(*byte)).collect();
    let url = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let asked = Received { url };
    record.lock().unwrap_or_else(|poison| poison.into_inner()).push(asked.clone());
    let bytes = answer(&asked);
    let mut writing = &stream;
    // The client may have had enough before the end.
    let _ = writing.write_all(&bytes);
    let _ = stream.shutdown(Shutdown::Write);
    // What it may still send is read, or its end would be a reset.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = reader.read_to_end(&mut Vec::new());
}
