//! A real server of S3's interface for tests (moto's, from PyPI), with a bucket for each test, and a way to it on which
//! a test can have things go wrong. Uses nothing but the standard library, so that the soak can include it too.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// When it is set, as in CI, tests that need the server fail where it is not installed, instead of being skipped.
const REQUIRE: &str = "TIERFALL_REQUIRE_S3";

/// The server of this process; it ends with it.
#[derive(Debug)]
struct Server {
    address: SocketAddr,
    /// Waits for its standard input to close, as it does with this process, and then ends the server.
    _cleaner: Child,
}

/// A bucket, reached through a proxy of its own.
#[derive(Debug)]
pub struct Bucket {
    name: String,
    server: SocketAddr,
    proxy: SocketAddr,
    state: Arc<Mutex<State>>,
}

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
    /// What comes with a condition arrives without it.
    Unconditional,
}

#[derive(Debug, Default)]
struct State {
    /// The first line of every request that came.
    requests: Vec<String>,
    /// The status of every answer that was passed on, behind the first line of its request.
    answers: Vec<String>,
    /// Where the first line contains this text, this goes wrong.
    wrong: Vec<(String, Wrong)>,
}

impl Bucket {
    /// `None`: the server is not installed here, and this was said.
    pub fn new() -> Option<Self> {
        static BUCKETS: AtomicU32 = AtomicU32::new(0);
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        let server = SERVER.get_or_init(start).as_ref()?.address;
        let name = format!("papers-{}", BUCKETS.fetch_add(1, Ordering::SeqCst));
        let (status, body) = request(server, "PUT", &format!("/{name}")).expect("the server answers");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        Some(Self::through_a_proxy(name, server))
    }

    /// The same bucket by another way, on which other things go wrong.
    pub fn another_way(&self) -> Self {
        Self::through_a_proxy(self.name.clone(), self.server)
    }

    fn through_a_proxy(name: String, server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let proxy = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A connection that breaks is one that was broken on the other side.
                thread::spawn(move || drop(pass_on(&connection, server, &state)));
            }
        });
        Self { name, server, proxy, state }
    }

    /// For `--store`.
    pub fn store(&self) -> String {
        format!("s3://{}/oa", self.name)
    }

    /// What the path of every request for an object begins with, behind the slash.
    pub fn path(&self) -> String {
        format!("{}/oa", self.name)
    }

    /// What a program needs to know to reach it.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.proxy)),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", "test-key".into()),
            ("AWS_SECRET_ACCESS_KEY", "hidden-secret".into()),
        ]
    }

    /// From now on, in requests whose first line contains `text`; a later one goes before.
    pub fn goes_wrong(&self, text: &str, wrong: Wrong) {
        self.state().wrong.insert(0, (text.to_owned(), wrong));
    }

    /// Nothing goes wrong any more.
    pub fn recovers(&self) {
        self.state().wrong.clear();
    }

    /// The first lines of the requests that contain this text.
    pub fn requests(&self, text: &str) -> Vec<String> {
        self.state().requests.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// The first lines of requests that contain this text, each with the status of its answer behind it.
    pub fn answers(&self, text: &str) -> Vec<String> {
        self.state().answers.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// Every object by its name, without what the store is marked with.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let keys = self.keys().into_iter().filter(|key| !key.ends_with("tierfall.json"));
        keys.map(|key| {
            let (status, bytes) =
                request(self.server, "GET", &format!("/{}/{}", self.name, encoded(&key))).expect("an answer");
            assert_eq!(status, 200, "{key}");
            (key, bytes)
        })
        .collect()
    }

    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        loop {
            let after = keys.last().map(|key| format!("?marker={}", encoded(key))).unwrap_or_default();
            let (status, body) =
                request(self.server, "GET", &format!("/{}{after}", self.name)).expect("an answer");
            assert_eq!(status, 200);
            let body = String::from_utf8(body).expect("XML");
            keys.extend(within(&body, "Key"));
            if !body.contains("<IsTruncated>true") {
                return keys;
            }
        }
    }

    /// Takes an object away, as somebody else might.
    pub fn remove(&self, key: &str) {
        let (status, _) =
            request(self.server, "DELETE", &format!("/{}/{}", self.name, encoded(key))).expect("an answer");
        assert_eq!(status, 204, "{key}");
    }

    /// Puts an object there, as somebody else might.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let target = format!("/{}/{}", self.name, encoded(key));
        let (status, _) = send(self.server, "PUT", &target, bytes).expect("an answer");
        assert_eq!(status, 200, "{key}");
    }

    /// Uploads that were begun, and neither ended nor given up.
    pub fn open_uploads(&self) -> usize {
        let (status, body) =
            request(self.server, "GET", &format!("/{}?uploads", self.name)).expect("an answer");
        assert_eq!(status, 200);
        within(&String::from_utf8_lossy(&body), "UploadId").len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start() -> Option<Server> {
    let program = std::env::var("TIERFALL_MOTO_SERVER").unwrap_or_else(|_| "moto_server".into());
    // The shell ends the server when this process does, however that is. It works in the background of the shell, so that
    // its output is the shell's.
    let script = "\"$0\" -H 127.0.0.1 -p 0 2>&1 & read _; kill $!";
    let known = Command::new(&program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !known.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os(REQUIRE).is_none(), "{REQUIRE} is set, and {program} is not installed");
        // Not by `eprintln`, which the test harness captures: it shows nothing of a test that passes.
        let _ = writeln!(
            io::stderr(),
            "SKIPPED: no S3 server is installed, so nothing was tested against one; install it with: \
             pip install 'moto[server]' (with {REQUIRE} set, this fails)"
        );
        return None;
    }
    let mut cleaner = Command::new("sh")
        .args(["-c", script, &program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell can be started");
    let mut said = BufReader::new(cleaner.stdout.take().expect("it is piped")).lines();
    let address = loop {
        let line = said.next().expect("the server says where it is").expect("text");
        if let Some((_, address)) = line.split_once("http://") {
            break address.trim().parse().expect("an address");
        }
    };
    // It says something of every request.
    thread::spawn(move || said.for_each(drop));
    Some(Server { address, _cleaner: cleaner })
}

/// What belongs to somebody is shown to whoever has a key; the server does not check the signature.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test-key/20260101/us-east-1/s3/aws4_request, \
                             SignedHeaders=host, Signature=00";

/// One request of our own, past every proxy.
fn request(server: SocketAddr, method: &str, target: &str) -> io::Result<(u16, Vec<u8>)> {
    send(server, method, target, b"")
}

/// The same with a body.
fn send(server: SocketAddr, method: &str, target: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let mut connection = TcpStream::connect(server)?;
    connection.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        connection,
        "{method} {target} HTTP/1.1\r\nHost: {server}\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    )?;
    connection.write_all(body)?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, answer.split_off(end + 4)))
}

/// Passes on the one request of a connection, and its answer.
fn pass_on(client: &TcpStream, server: SocketAddr, state: &Mutex<State>) -> io::Result<()> {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
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
    let first = head.lines().next().unwrap_or_default().to_owned();
    let wrong = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests.push(first.clone());
        let mut wrong = state.wrong.iter_mut().filter(|(text, _)| first.contains(text.as_str()));
        wrong.find_map(|(text, wrong)| wrong.happens().then(|| (text.clone(), wrong.clone())))
    };
    let mut client = client;
    match wrong {
        Some((_, Wrong::Refused(status, _))) => {
            write!(client, "HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
            return Ok(());
        }
        Some((ref text, Wrong::Stalled | Wrong::Held)) => {
            let goes_on = || {
                let state = state.lock().unwrap_or_else(PoisonError::into_inner);
                state.wrong.iter().any(|(one, _)| one == text)
            };
            while goes_on() {
                thread::sleep(Duration::from_millis(20));
            }
            if matches!(wrong, Some((_, Wrong::Stalled))) {
                return Ok(());
            }
        }
        Some((_, Wrong::Unconditional)) => {
            let others =
                head.split_inclusive('\n').filter(|line| !line.to_ascii_lowercase().starts_with("if-"));
            head = others.collect();
        }
        Some((_, Wrong::AnswerLost(_))) | None => {}
    }
    let mut upstream = TcpStream::connect(server)?;
    write!(upstream, "{head}Connection: close\r\n\r\n")?;
    upstream.write_all(&body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    let status = String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).into_owned();
    state.lock().unwrap_or_else(PoisonError::into_inner).answers.push(format!("{first} {status}"));
    match wrong {
        Some((_, Wrong::AnswerLost(_))) => Ok(()),
        _ => client.write_all(&answer),
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

/// The texts within elements of this name.
fn within(xml: &str, name: &str) -> Vec<String> {
    let (opening, closing) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(&opening).skip(1);
    parts.filter_map(|part| Some(part.split_once(&closing)?.0.replace("&amp;", "&"))).collect()
}

fn encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    key.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
