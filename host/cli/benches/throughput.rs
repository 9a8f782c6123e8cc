//! Whole runs over good files from one local server, against programs that only fetch.
//!
//! `cargo bench -p tierfall-cli --bench throughput [-- FILES ROUNDS LATENCY_MS]`; `TMPDIR` chooses the disk.
//!
//! Tierfall asks one sandboxed source for each work, fetches the one file it names, hashes, proves and
//! stores it durably. `aria2c` and `curl`, where they are installed, fetch the same files with as many
//! connections, and neither hash, check nor sync them. Then comes Tierfall with a ledger, and with its metrics, beside
//! itself without: `-- 200 10` compares a run of the size of the demo, `-- 200 10 50` over a web that takes its time. All
//! take turns in every round, each going first in
//! some, so that a busy machine slows all of them.

#[path = "../../../tests/support/component.rs"]
mod component;
#[path = "../../../tests/support/pdf.rs"]
#[expect(dead_code, reason = "shared with the tests, which need more of it")]
mod pdf;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const FILES: usize = 2_000;
const ROUNDS: usize = 5;
/// Connections of a peer, and workers of ours.
const PARALLEL: &str = "16";
const FILE_BYTES: usize = 200_000;
/// Clock ticks in a second, as `/proc` counts them (`CONFIG_HZ` of user space, on every architecture).
const TICKS: f64 = 100.0;

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let files = asked.first().copied().unwrap_or(FILES);
    let rounds = asked.get(1).copied().unwrap_or(ROUNDS).max(1);
    let folder = tempfile::tempdir().expect("the temporary folder can be written to");
    let papers = Papers::printed(files);
    let server = papers.serve(Duration::from_millis(asked.get(2).map_or(0, |ms| *ms as u64)));
    let lists = Lists::written(folder.path(), server, files);
    let mut contestants: Vec<Contestant> = [
        Program::Aria2,
        Program::Curl,
        Program::Tierfall(Way::Usual),
        Program::Tierfall(Way::Unchecked),
        Program::Tierfall(Way::WithLedger),
        Program::Tierfall(Way::WithMetrics),
    ]
    .into_iter()
    .filter(|program| program.is_there())
    .map(|program| Contestant { program, results: Vec::new() })
    .collect();
    println!("{files} files of {} bytes on average, in {}", papers.average(), folder.path().display());
    for round in 0..rounds {
        contestants.rotate_left(usize::from(round > 0));
        for contestant in &mut contestants {
            let out =
                folder.path().join(format!("out-{round}-{}", contestant.program.name().replace(' ', "-")));
            let result = measured(contestant.program.command(&lists, &out));
            contestant.program.check(&out, files);
            println!("  round {round}: {:28} {result}", contestant.program.name());
            contestant.results.push(result);
            empty(&out);
        }
    }
    report(&mut contestants, files);
}

/// Gives back the room of the files below, and leaves their names: a file system may pass over each name that was
/// just removed before it gives out a new one, and that would be charged to whoever runs next.
fn empty(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder can be read").flatten() {
        let kind = entry.file_type().expect("a file has a type");
        if kind.is_dir() {
            empty(&entry.path());
        } else if kind.is_file() {
            std::fs::File::create(entry.path()).expect("a file can be emptied");
        }
    }
}

/// The medians, and how the pairs that the goals name compare: ours in the time of the peer.
fn report(contestants: &mut [Contestant], files: usize) {
    contestants.sort_by_key(|contestant| contestant.program.name());
    println!(
        "\n{:28} {:>8} {:>9} {:>8} {:>8} {:>9}",
        "median of", "wall s", "files/s", "user s", "system s", "peak MiB"
    );
    for Contestant { program, results } in contestants.iter() {
        let of = |value: fn(&Measured) -> f64| median(results.iter().map(value).collect());
        let wall = of(|result| result.wall.as_secs_f64());
        println!(
            "{:28} {wall:>8.2} {:>9.0} {:>8.2} {:>8.2} {:>9.0}",
            program.name(),
            files as f64 / wall,
            of(|result| result.user),
            of(|result| result.system),
            of(|result| result.peak_kib as f64 / 1024.0)
        );
    }
    let [usual, unchecked, with_ledger, with_metrics] =
        [Way::Usual, Way::Unchecked, Way::WithLedger, Way::WithMetrics].map(Program::Tierfall);
    for (ours, peer, goal) in [
        (usual, Program::Aria2, 1.0),
        (unchecked, Program::Curl, 1.8),
        (usual, unchecked, 1.15),
        (with_ledger, usual, 1.03),
        (with_metrics, usual, 1.01),
    ] {
        let walls = |wanted: Program| {
            let of = contestants.iter().find(|contestant| contestant.program == wanted);
            of.map(|of| of.results.iter().map(|result| result.wall.as_secs_f64()).collect::<Vec<_>>())
        };
        match (walls(ours), walls(peer)) {
            (Some(us), Some(them)) => {
                let ratio = median(us.iter().zip(&them).map(|(us, them)| us / them).collect());
                println!(
                    "{} in {ratio:.2} of the time of {} (goal: at most {goal:.2})",
                    ours.name(),
                    peer.name()
                );
            }
            _ => println!("{} is not installed: nothing to compare {} with", peer.name(), ours.name()),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Contestant {
    program: Program,
    /// One a round, in the order of the rounds.
    results: Vec<Measured>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Aria2,
    Curl,
    Tierfall(Way),
}

/// How Tierfall is told to run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Usual,
    Unchecked,
    WithLedger,
    WithMetrics,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Aria2 => "aria2c -j16 -x1",
            Self::Curl => "curl --parallel-max 16",
            Self::Tierfall(Way::Usual) => "tierfall",
            Self::Tierfall(Way::Unchecked) => "tierfall --identity off",
            Self::Tierfall(Way::WithLedger) => "tierfall with a ledger",
            Self::Tierfall(Way::WithMetrics) => "tierfall with metrics",
        }
    }

    fn is_there(self) -> bool {
        let (program, argument) = match self {
            Self::Aria2 => ("aria2c", "--version"),
            Self::Curl => ("curl", "--version"),
            Self::Tierfall(_) => return true,
        };
        let there = Command::new(program).arg(argument).stdout(Stdio::null()).status();
        there.is_ok_and(|status| status.success())
    }

    fn command(self, lists: &Lists, out: &Path) -> Command {
        let mut command;
        match self {
            Self::Aria2 => {
                command = Command::new("aria2c");
                command.args(["--no-conf", "--quiet", "-j", PARALLEL, "-x", "1"]);
                command.arg("-i").arg(&lists.urls).arg("-d").arg(out);
            }
            Self::Curl => {
                command = Command::new("curl");
                command.args(["--disable", "--silent", "--fail", "--parallel", "--parallel-max", PARALLEL]);
                command.args(["--create-dirs", "--output-dir"]).arg(out).arg("--config").arg(&lists.curl);
            }
            Self::Tierfall(way) => {
                command = Command::new(env!("CARGO_BIN_EXE_tierfall"));
                command.args(["run", "--quiet", "--workers", PARALLEL, "--allow-private", "127.0.0.1"]);
                command.args(["--set", "http.pace.enabled=false", "--set", "fallback.facts="]);
                command.args(["--fallback-tier", &lists.tier]).arg("--input").arg(&lists.works);
                command.arg("--out").arg(out);
                match way {
                    Way::Usual => &mut command,
                    Way::Unchecked => command.args(["--identity", "off"]),
                    Way::WithLedger => {
                        command.args(["--enable-idempotency", "--ledger"]).arg(out.join("ledger.sqlite"))
                    }
                    Way::WithMetrics => command.args(["--listen", "127.0.0.1:0"]),
                };
            }
        }
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command
    }

    /// A program that brought less was not faster.
    fn check(self, out: &Path, files: usize) {
        let Self::Tierfall(way) = self else {
            let entries = std::fs::read_dir(out).expect("there are files");
            let whole = entries
                .flatten()
                .filter(|entry| entry.metadata().is_ok_and(|there| there.len() > FILE_BYTES as u64 / 2));
            assert_eq!(whole.count(), files, "{} did not bring every file", self.name());
            return;
        };
        let manifest = std::fs::read_to_string(out.join("manifest.jsonl")).expect("there is a manifest");
        let wanted = if way == Way::Unchecked { "unchecked" } else { "proven" };
        let stored: HashSet<PathBuf> = manifest
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"))
            .filter(|line| line["identity"] == wanted)
            .filter_map(|line| line["path"].as_str().map(|path| out.join(path)))
            .filter(|path| path.is_file())
            .collect();
        assert_eq!(stored.len(), files, "{} did not store every file as {wanted}", self.name());
    }
}

/// What one program took, from its start to its end.
struct Measured {
    wall: Duration,
    user: f64,
    system: f64,
    peak_kib: u64,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wall = self.wall.as_secs_f64();
        write!(
            f,
            "{wall:6.2} s, cpu {:5.2} + {:5.2} s, peak {:4} MiB",
            self.user,
            self.system,
            self.peak_kib / 1024
        )
    }
}

fn measured(mut command: Command) -> Measured {
    // What the program before left to be written is not this one's to wait for.
    Command::new("sync").status().expect("the disk can be synced");
    let (user, system) = children();
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it can be started");
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let watching = thread::spawn(move || {
        let mut peak = 0;
        // The high-water mark is gone with the process; the last one seen is at most some milliseconds old.
        while let Some(kib) = high_water(&status) {
            peak = peak.max(kib);
            thread::sleep(Duration::from_millis(20));
        }
        peak
    });
    let ended = child.wait().expect("it can be waited for");
    let wall = began.elapsed();
    assert!(ended.success(), "{command:?} ended with {ended}");
    let (user_then, system_then) = children();
    let peak_kib = watching.join().expect("the watcher ends with the process");
    Measured { wall, user: user_then - user, system: system_then - system, peak_kib }
}

/// Seconds of processor time of all children that have ended, in the program and in the system.
fn children() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The second field, a name, may hold spaces; it ends with the last bracket (proc(5)).
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number of ticks") / TICKS;
    (ticks(13), ticks(14))
}

fn high_water(status: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// The same files, told to each program in its own way.
struct Lists {
    urls: PathBuf,
    curl: PathBuf,
    works: PathBuf,
    tier: String,
}

impl Lists {
    fn written(folder: &Path, server: SocketAddr, files: usize) -> Self {
        let (mut urls, mut curl, mut works) = (String::new(), String::new(), String::new());
        for number in 0..files {
            let url = format!("http://{server}/{}.pdf", doi(number));
            let paper = paper(number);
            let work = json!({"DOI": doi(number), "title": paper.title, "author": paper.authors});
            let _ = writeln!(urls, "{url}\n out={number}.pdf");
            let _ = writeln!(curl, "url = {url}\noutput = {number}.pdf");
            let _ = writeln!(works, "{work}");
        }
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("a list can be written");
            path
        };
        let zoo = component::component("zoo");
        Self {
            urls: write("urls.txt", urls),
            curl: write("curl.txt", curl),
            works: write("works.jsonl", works),
            tier: format!("{}:sources=mirror,base=http://{server}", zoo.display()),
        }
    }
}

fn doi(number: usize) -> String {
    format!("10.5555/throughput.{number}")
}

fn paper(number: usize) -> pdf::Paper {
    let title = format!("On the throughput of imaginary presses, measured for the case of {number} letters");
    pdf::Paper::new(&title, &["Ada Invented", "Grace Fabricated"], Some(&doi(number)))
}

/// The file with a stream of noise before its table, where most papers have their images.
fn filled(pdf: Vec<u8>) -> Vec<u8> {
    let table = pdf.windows(6).rposition(|window| window == b"\nxref\n").expect("a table") + 1;
    let end = pdf.windows(10).rposition(|window| window == b"startxref\n").expect("an end");
    let seed = pdf.iter().map(|byte| u64::from(*byte)).sum();
    let mut noise = fastrand::Rng::with_seed(seed);
    let figure: Vec<u8> = std::iter::repeat_with(|| noise.u8(..)).take(FILE_BYTES - pdf.len()).collect();
    let before = format!("9999 0 obj\n<< /Length {} >>\nstream\n", figure.len());
    let object = [before.as_bytes(), &figure, b"\nendstream\nendobj\n"].concat();
    let startxref = format!("startxref\n{}\n%%EOF\n", table + object.len());
    [&pdf[..table], &object, &pdf[table..end], startxref.as_bytes()].concat()
}

/// Every file in memory, so that serving them costs what it must and no more.
struct Papers(Arc<Vec<Vec<u8>>>);

impl Papers {
    fn printed(files: usize) -> Self {
        Self(Arc::new((0..files).map(|number| filled(paper(number).pdf(pdf::Style::Plain))).collect()))
    }

    fn average(&self) -> usize {
        self.0.iter().map(Vec::len).sum::<usize>() / self.0.len()
    }

    fn serve(&self, latency: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let papers = Arc::clone(&self.0);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let papers = Arc::clone(&papers);
                // A client that leaves ends the conversation.
                thread::spawn(move || converse(&stream, &papers, latency));
            }
        });
        address
    }
}

/// Answers `GET /10.5555/throughput.N.pdf`, and 404 to the rest, for as long as the client asks.
fn converse(stream: &TcpStream, papers: &[Vec<u8>], latency: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let name = line.split(' ').nth(1).unwrap_or_default();
        let number = name.strip_prefix("/10.5555/throughput.").and_then(|name| name.strip_suffix(".pdf"));
        let body = number.and_then(|number| papers.get(number.parse::<usize>().ok()?));
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
        }
        if !latency.is_zero() {
            thread::sleep(latency);
        }
        let (status, body) = body.map_or(("404 Not Found", &[] as &[u8]), |body| ("200 OK", body));
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Type: application/pdf\r\nContent-Length: {length}\r\n\r\n");
        let mut stream = stream;
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
    }
}
