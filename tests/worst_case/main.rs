//! What a megabyte of the worst costs: each reader of untrusted bytes over each kind of hostile input, in a process of
//! its own. A new reader is a new fuzz target, a new kind of attack a line of `KINDS`.
//!
//! `cargo run --release -p tierfall-cli --example worst-case` prints, for each reader, the slowest and the largest; the
//! goal is under a second and under 200 MB more than for an empty input. A reader is what its fuzzer does with the bytes
//! (`tests/fuzz/src`), which is often several readings of them.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

#[path = "../fuzz/src/targets.rs"]
mod targets;

use targets::TARGETS;

/// What stands at the beginning, what is repeated, and what stands at the end.
const KINDS: [(&str, &str, &str, &str); 26] = [
    ("nothing", "", "", ""),
    ("letters", "", "a", ""),
    ("spaces", "", " ", ""),
    ("lines", "", "\n", ""),
    ("brackets", "", "(", ""),
    ("closing brackets", "", ")", ""),
    ("DOIs", "", "10.1000/", ""),
    ("a DOI and brackets", "10.1000/a", ")", ""),
    ("a DOI with mark-up", "10.1000/", "<a", ""),
    ("odd quotes", "", "<a\u{2039}a", ""),
    ("tags", "<html>", "<a href=b>", ""),
    ("open tags", "", "<", ""),
    ("meta", "", "<meta name=citation_pdf_url content=a>", ""),
    ("nested lists", "", "[", ""),
    ("nested objects", "", "{\"a\":", ""),
    ("keys", "", "a = 1\n", ""),
    ("dotted key", "a", ".a", " = 1"),
    ("entries", "", "@a{b,title={c}}\n", ""),
    ("open braces", "@article{a, title = ", "{", ""),
    ("strings", "@string{a0=\"x\"}\n", "@string{a=a # a}\n", "@a{b,title=a}"),
    ("tagged", "", "TY  - JOUR\nTI  - a\nER  - \n", ""),
    ("quotes", "", "\"", ""),
    ("commas", "", ",", ""),
    ("rules", "User-agent: *\n", "Disallow: /*a*a*a$\n", ""),
    ("heads", "HTTP/1.1 200 OK\r\n", "a: b\r\n", "\r\n"),
    (
        "pdf objects",
        "%PDF-1.7\n",
        "1 0 obj <</Type /Page /Kids [1 0 R]>> endobj\n",
        "trailer <</Root 1 0 R>>",
    ),
];

const MEGABYTE: usize = 1_000_000;

/// More than that is not waited for.
const LONGEST: Duration = Duration::from_secs(60);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [reader, first, kind] = arguments.as_slice() {
        measure(reader, first.parse().expect("a byte"), kind);
        return;
    }
    println!("| reader | slowest | ms | largest | MB more than for nothing |\n|---|---|---|---|---|");
    for (reader, _) in TARGETS {
        // The first byte chooses the format of an input; the other readers take it as it is.
        let firsts =
            if reader == "inputs" { 0..=(tierfall_input::Format::ALL.len() as u8) } else { b' '..=b' ' };
        for first in firsts {
            table_line(reader, first);
        }
    }
}

fn table_line(reader: &str, first: u8) {
    let mut nothing = 0;
    let (mut slowest, mut largest) = ((0.0, "nothing"), (0, "nothing"));
    for (kind, ..) in KINDS {
        let Some((ms, kb)) = apart(reader, first, kind) else {
            println!("| {reader} {first} | {kind} | ended early, or not within {LONGEST:?} | | |");
            continue;
        };
        if kind == "nothing" {
            nothing = kb;
        }
        slowest = if ms > slowest.0 { (ms, kind) } else { slowest };
        largest = if kb > largest.0 { (kb, kind) } else { largest };
    }
    let name = match reader {
        "inputs" => {
            let format = usize::from(first).checked_sub(1).map(|nth| tierfall_input::Format::ALL[nth]);
            format.map_or("inputs, guessed".to_owned(), |format| format!("inputs, {format:?}"))
        }
        reader => reader.to_owned(),
    };
    let more = largest.0.saturating_sub(nothing) / 1000;
    println!("| {name} | {} | {:.0} | {} | {more} |", slowest.1, slowest.0, largest.1);
}

/// One measurement in a process of its own: milliseconds, and the peak of its memory in kilobytes.
fn apart(reader: &str, first: u8, kind: &str) -> Option<(f64, u64)> {
    let program = std::env::current_exe().expect("a program");
    let mut child = Command::new(program)
        .args([reader, &first.to_string(), kind])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut stdout = child.stdout.take().expect("a pipe");
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = std::io::Read::read_to_string(&mut stdout, &mut text);
        let _ = send.send(text);
    });
    let text = receive.recv_timeout(LONGEST).inspect_err(|_| drop(child.kill())).unwrap_or_default();
    let _ = child.wait();
    let (ms, kb) = text.trim().split_once(' ')?;
    Some((ms.parse().ok()?, kb.parse().ok()?))
}

fn measure(reader: &str, first: u8, kind: &str) {
    let (_, read) = TARGETS.iter().find(|(name, _)| *name == reader).expect("a reader");
    let (_, begin, repeated, end) = KINDS.iter().find(|(name, ..)| *name == kind).expect("a kind");
    let mut bytes = vec![first];
    bytes.extend_from_slice(begin.as_bytes());
    let rest = MEGABYTE - begin.len() - end.len();
    bytes.extend(repeated.as_bytes().iter().copied().cycle().take(rest));
    bytes.extend_from_slice(end.as_bytes());
    let began = Instant::now();
    read(&bytes);
    let ms = began.elapsed().as_secs_f64() * 1000.0;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    println!("{ms} {}", peak.unwrap_or("0").trim());
}
