//! A scholarly web of one thread per connection: HTTP/1.1 on 127.0.0.1, answering from a script.
//!
//! It answers for itself (`web.url("/paper.pdf")`) and, as a forward proxy for plain HTTP, for any
//! host name (`http://repo.example/paper.pdf` through `--proxy`). What it was asked is on record.

#[path = "web/answer.rs"]
mod answer;
#[path = "web/wire.rs"]
mod wire;

pub use answer::{Answer, Barrier, Fault, Framing};

use std::collections::HashMap;
use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for something that must happen before it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    pub method: String,
    /// Absolute, whichever way it was asked.
    pub url: String,
    pub host: String,
    /// In order; names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// It came through the proxy.
    pub proxied: bool,
}

/// The server; dropping it ends it.
pub struct Web {
    shared: Arc<Shared>,
    address: SocketAddr,
}

/// Makes the answer to a request, which is told with the number of GETs of its URL that came before. `None` is a 404.
type Script = dyn Fn(&Seen, usize) -> Option<Answer> + Send + Sync;

struct Shared {
    address: SocketAddr,
    script: Option<Box<Script>>,
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    /// By method and absolute URL.
    routes: HashMap<(String, String), Route>,
    seen: Vec<Seen>,
    /// GETs by URL, where a script answers: those webs are too large to have every request on record.
    request_counts: HashMap<String, usize>,
    open: HashMap<String, usize>,
    peak: HashMap<String, usize>,
    peak_of_all: usize,
    /// Requests whose client left before the answer was sent.
    abandoned: Vec<String>,
}

struct Route {
    answers: Vec<Answer>,
    next: usize,
}

impl Web {
    pub fn start() -> Self {
        Self::answering(None)
    }

    /// A web of any size: its answers are made as they are asked for, and of its requests only their number
    /// is kept.
    pub fn of_script(script: impl Fn(&Seen, usize) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self::answering(Some(Box::new(script)))
    }

    fn answering(script: Option<Box<Script>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            address,
            script,
            state: Mutex::default(),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                thread::spawn(move || shared.converse(stream));
            }
        });
        Self { shared, address }
    }

    /// A URL of this server itself.
    pub fn url(&self, path: &str) -> String {
        self.shared.absolute(path)
    }

    /// The host of its own URLs, with its port.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The value for `--proxy`.
    pub fn proxy(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The n-th GET of `url` gets the n-th answer, and the last one repeats. A HEAD gets the head of the
    /// answer that a GET would get. `url` is absolute, or a path of this server; where it ends in `*`, it
    /// stands for every URL that begins so and has no route of its own.
    pub fn get(&self, url: &str, answers: impl IntoIterator<Item = Answer>) {
        self.on("GET", url, answers);
    }

    pub fn on(&self, method: &str, url: &str, answers: impl IntoIterator<Item = Answer>) {
        let answers: Vec<Answer> = answers.into_iter().collect();
        assert!(!answers.is_empty(), "a route needs an answer: {url}");
        let key = (method.to_owned(), self.shared.absolute(url));
        self.shared.lock().routes.insert(key, Route { answers, next: 0 });
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// The requests for one URL, written as for [`Web::get`].
    pub fn requests_for(&self, url: &str) -> Vec<Seen> {
        let url = self.shared.absolute(url);
        self.requests().into_iter().filter(|seen| is_meant(&url, &seen.url)).collect()
    }

    /// GETs by URL, of a web that was started with [`Web::of_script`].
    pub fn request_counts(&self) -> HashMap<String, usize> {
        self.shared.lock().request_counts.clone()
    }

    /// The most requests that were open at one time on this host (`127.0.0.1:port` for the server itself).
    pub fn peak(&self, host: &str) -> usize {
        self.shared.lock().peak.get(host).copied().unwrap_or(0)
    }

    /// The most requests that were open at one time on all hosts together.
    pub fn peak_of_all(&self) -> usize {
        self.shared.lock().peak_of_all
    }

    /// Blocks until `count` requests for `url` have come.
    pub fn wait_for(&self, url: &str, count: usize) {
        let url = self.shared.absolute(url);
        self.wait(&format!("{count} requests for {url}"), |state| {
            state.seen.iter().filter(|seen| is_meant(&url, &seen.url)).count() >= count
        });
    }

    /// Blocks until so many requests have come in all.
    pub fn wait_for_requests(&self, count: usize) {
        self.wait(&format!("{count} requests"), |state| {
            state.seen.len().max(state.request_counts.values().sum()) >= count
        });
    }

    /// Blocks until a client has left `url` unfinished.
    pub fn wait_for_abandoned(&self, url: &str) {
        let url = self.shared.absolute(url);
        self.wait(&format!("the client to leave {url}"), |state| {
            state.abandoned.iter().any(|left| is_meant(&url, left))
        });
    }

    fn wait(&self, what: &str, met: impl Fn(&State) -> bool) {
        let (state, timeout) = self
            .shared
            .changed
            .wait_timeout_while(self.shared.lock(), PATIENCE, |state| !met(state))
            .unwrap_or_else(|poison| poison.into_inner());
        assert!(!timeout.timed_out(), "waited in vain for {what}; seen: {:#?}", state.seen);
    }
}

/// Whether a URL of a script, which may end in `*`, stands for this one.
fn is_meant(script: &str, url: &str) -> bool {
    script.strip_suffix('*').map_or(script == url, |begin| url.starts_with(begin))
}

impl Drop for Web {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread; if that fails it is gone already.
        drop(TcpStream::connect(self.address));
    }
}

impl Seen {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn absolute(&self, url: &str) -> String {
        if url.starts_with('/') { format!("http://{}{url}", self.address) } else { url.to_owned() }
    }

    /// One connection, request after request, until either side ends it.
    fn converse(&self, stream: TcpStream) {
        let Ok(reading) = stream.try_clone() else { return };
        let mut reader = BufReader::new(reading);
        while let Some(asked) = wire::read_request(&mut reader) {
            let seen = self.seen(asked);
            let answer = self.arrived(&seen);
            let held = wire::hold(&stream, &answer, &self.stopped);
            // The client has the end of an answer, and may ask the next thing, before we know that it was sent.
            let at_once = held.is_ok() && answer.fault.is_none();
            if at_once {
                self.answered(&seen);
            }
            let kept = held.and_then(|()| wire::send(&stream, &answer, &seen, &self.stopped));
            if !at_once {
                self.answered(&seen);
            }
            self.left(&seen, &kept);
            if !matches!(kept, Ok(true)) {
                return;
            }
        }
    }

    fn seen(&self, asked: wire::Received) -> Seen {
        let header =
            |name: &str| asked.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let proxied = !asked.target.starts_with('/');
        let host = match asked.target.strip_prefix("http://") {
            Some(rest) => rest.split(['/', '?']).next().unwrap_or_default().to_owned(),
            // CONNECT names only the host.
            None if proxied => asked.target.clone(),
            None => header("host").unwrap_or_else(|| self.address.to_string()),
        };
        let url = if proxied { asked.target } else { format!("http://{host}{}", asked.target) };
        Seen {
            at: Instant::now(),
            method: asked.method,
            url,
            host,
            headers: asked.headers,
            body: asked.body,
            proxied,
        }
    }

    /// Puts the request on record and takes the answer that is due.
    fn arrived(&self, seen: &Seen) -> Answer {
        let mut state = self.lock();
        if let Some(script) = &self.script {
            let asked = state.request_counts.entry(seen.url.clone()).or_default();
            let before = *asked;
            *asked += usize::from(seen.method == "GET");
            *state.open.entry(seen.host.clone()).or_default() += 1;
            drop(state);
            self.changed.notify_all();
            return script(seen, before)
                .unwrap_or_else(|| Answer::status(404).text("There is nothing here."));
        }
        state.seen.push(seen.clone());
        let open = state.open.entry(seen.host.clone()).or_default();
        *open += 1;
        let open = *open;
        let peak = state.peak.entry(seen.host.clone()).or_default();
        *peak = open.max(*peak);
        state.peak_of_all = state.open.values().sum::<usize>().max(state.peak_of_all);
        let head = seen.method == "HEAD";
        let known = state.routes.keys().any(|(_, url)| wire::host_of(url) == seen.host);
        let method = if head { "GET".to_owned() } else { seen.method.clone() };
        let exact = (method, seen.url.clone());
        let route = if state.routes.contains_key(&exact) {
            Some(exact)
        } else {
            state.routes.keys().find(|(on, url)| *on == exact.0 && is_meant(url, &seen.url)).cloned()
        };
        let answer = match route.and_then(|route| state.routes.get_mut(&route)) {
            Some(route) => {
                let due = route.answers.get(route.next).or(route.answers.last()).cloned();
                if !head {
                    route.next += 1;
                }
                due.unwrap_or_else(|| Answer::status(404))
            }
            None if known => Answer::status(404).text("There is nothing here."),
            // What a proxy says of a name that does not exist.
            None => Answer::status(502).text("No such host."),
        };
        drop(state);
        self.changed.notify_all();
        answer
    }

    /// It is not open any more.
    fn answered(&self, seen: &Seen) {
        let mut state = self.lock();
        if let Some(open) = state.open.get_mut(&seen.host) {
            *open = open.saturating_sub(1);
        }
    }

    fn left(&self, seen: &Seen, kept: &std::io::Result<bool>) {
        let mut state = self.lock();
        if kept.is_err() && self.script.is_none() {
            state.abandoned.push(seen.url.clone());
        }
        drop(state);
        self.changed.notify_all();
    }
}
