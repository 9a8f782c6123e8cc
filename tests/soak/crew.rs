//! The processes of a soak: started, killed, put to sleep, and looked at from outside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::works::Works;
use crate::buckets::Bucket;
use crate::web::Web;

/// A folder with everything that the processes share: the configuration, the ledger, what they store.
#[derive(Debug)]
pub struct Site {
    folder: tempfile::TempDir,
    program: PathBuf,
    cache: PathBuf,
    ledger: Place,
    store: Option<Arc<Bucket>>,
}

/// Where the ledger is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In the output folder.
    File,
    /// `postgres://…`
    Server(String),
}

/// How long a worker owns a job. The shortest there is, so that what was killed is taken up soon.
pub const LEASE: Duration = Duration::from_secs(1);
/// What no process may take, whatever happens.
const PATIENCE: Duration = Duration::from_secs(120);

impl Site {
    /// `program` is the `tierfall` that is tried; `cache` keeps compiled plugins.
    /// `store`: where stored files go, if not into the output folder.
    pub fn new(program: &Path, cache: &Path, ledger: Place, store: Option<Arc<Bucket>>, web: &Web) -> Self {
        let site = Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            program: program.to_owned(),
            cache: cache.to_owned(),
            ledger,
            store,
        };
        fs::write(site.path("tierfall.toml"), site.configuration(web)).expect("a file can be written");
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn out(&self) -> PathBuf {
        self.path("papers")
    }

    pub fn ledger(&self) -> &Place {
        &self.ledger
    }

    pub fn store(&self) -> Option<&Bucket> {
        self.store.as_deref()
    }

    /// Everything short: a soak wants many failures, not long waits.
    fn configuration(&self, web: &Web) -> String {
        let tiers = Works::tiers().map(|tier| format!("{tier:?}")).join(", ");
        let url = match &self.ledger {
            Place::File => "",
            Place::Server(url) => url,
        };
        format!(
            "[fallback]\ntiers = [{tiers}]\nfacts = []\ntotal_timeout_ms = 20000\nsource_timeout_ms = 4000\n\
             source_retries = 1\nhedge_ms = 300\n\
             [run]\nstore = {store:?}\n\
             [http]\nproxy = {proxy:?}\nmailto = \"soak@tests.example\"\n\
             [http.limits]\nfirst_byte_ms = 700\nidle_ms = 700\nstall_window_ms = 1500\n\
             [http.pace]\nenabled = false\nmax_hold_ms = 200\n\
             [http.retry]\nbase_ms = 20\nmax_ms = 200\n\
             [http.breaker]\nopen_ms = 100\nmax_open_ms = 500\n\
             [acquire]\nmax_bytes = \"4 MiB\"\nretries = 1\n\
             [ledger]\nenabled = true\nurl = {url:?}\nlease_s = {lease}\nop_timeout_s = 30\nmax_attempts = 1000\n\
             retry_base_s = 1\nretry_max_s = 1\non_failure = \"abort\"\n",
            store = self.store().map(Bucket::store).unwrap_or_default(),
            proxy = web.proxy(),
            lease = LEASE.as_secs(),
        )
    }

    /// A call of the program in this folder, as an operator would make it.
    pub fn call(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.env("HOME", self.folder.path()).env("XDG_CACHE_HOME", &self.cache);
        command.env("TIERFALL_CONFIG", self.path("tierfall.toml"));
        command.envs(self.store().map(Bucket::variables).into_iter().flatten());
        command
    }

    /// Starts a process whose words go to a file of this name.
    pub fn start(&self, name: &str, arguments: &[&str]) -> Process {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path(name))
            .expect("a log can be written");
        let errors = log.try_clone().expect("a file can be opened twice");
        let child = self.call(arguments).stdout(log).stderr(errors).spawn();
        Process { child: child.expect("the program starts"), log: self.path(name) }
    }

    /// Runs a process to its end.
    pub fn run(&self, name: &str, arguments: &[&str]) -> io::Result<ExitStatus> {
        self.start(name, arguments).wait()
    }

    /// Keeps the folder, to be looked at.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// A process of ours; killed if it is dropped before its end.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// What a power cut does to it.
    pub fn kill(mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// SIGSTOP: it sleeps until it is woken, and does not know that it did.
    pub fn put_to_sleep(&self) {
        self.signal("-STOP");
    }

    pub fn wake(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        // It may have ended meanwhile.
        drop(Command::new("kill").args([signal, &self.id().to_string()]).stderr(Stdio::null()).status());
    }

    pub fn wait(mut self) -> io::Result<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Ok(status);
            }
            if began.elapsed() > PATIENCE {
                let said = self.said();
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("it does not end; it said:\n{said}"),
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The last of what it and those before it under its name said.
    pub fn said(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub fn footprint(&self) -> Option<Footprint> {
        Footprint::of(self.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    pub resident_kib: u64,
    pub peak_kib: u64,
    pub files: usize,
}

impl Footprint {
    /// Of a process of this machine; `None` where there is no `/proc`, or no such process any more.
    fn of(id: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let kib = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok()
        };
        let files = fs::read_dir(format!("/proc/{id}/fd")).ok()?.count();
        Some(Self { resident_kib: kib("VmRSS:")?, peak_kib: kib("VmHWM:")?, files })
    }
}
