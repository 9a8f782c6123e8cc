//! Recordings from elsewhere that were made to fill memory and time.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::program::Home;

/// What a program may take longer, and be larger, than with a recording of the same kind that means well. This build
/// is not optimised, and other tests run beside it.
const LONGER: Duration = Duration::from_secs(20);
const LARGER: u64 = 150 << 20;

fn record(fields: &str, block: &[u8]) -> Vec<u8> {
    let length = block.len();
    let head = format!("WARC/1.1\r\nWARC-Type: response\r\n{fields}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), block, b"\r\n\r\n"].concat()
}

fn packed(parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut member = GzEncoder::new(Vec::new(), Compression::best());
    for part in parts {
        member.write_all(&part).expect("memory can be written to");
    }
    member.finish().expect("memory can be written to")
}

#[test]
fn no_recording_unpacks_to_more_than_it_is_worth() {
    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html><head><title>Here</title></head></html>";
    let page = || record("WARC-Target-URI: http://a.example/article\r\n", ANSWER);
    let long = "x".repeat(60_000);
    let id = format!("WARC-Record-ID: {long}\r\nWARC-Target-URI: http://a.example/x\r\n");
    let good = packed([page()]);
    let bomb = b"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/x\r\nContent-Length: 536870912\r\n\r\n";
    let zeros = std::iter::once(bomb.to_vec()).chain((0..512).map(|_| vec![0; 1 << 20]));
    let zeros = [packed([page()]), packed(zeros)].concat();
    let ids = [packed([page()]), packed((0..3_000).map(|_| record(&id, ANSWER)))].concat();
    let lines = [packed([page()]), packed((0..256).map(|_| vec![b'\n'; 1 << 20]))].concat();
    let many = packed((0..200_000).map(|_| page()));
    let mut usual = None;
    for (name, file) in [("good", good), ("zeros", zeros), ("ids", ids), ("lines", lines), ("many", many)] {
        assert!(file.len() < 2 << 20, "{name}: {}", file.len());
        let home = Home::new();
        home.write("web.warc.gz", &file);
        let words =
            ["run", "http://a.example/article", "--fallback-tier", "landing_scrape", "--out", "papers"];
        let ended = home.tierfall(words).args(["--replay", "web.warc.gz"]).run();
        // The page before the attack is read, and has no file.
        assert_eq!(ended.code, Some(3), "{name}: {ended:#?}");
        assert_eq!(ended.err.contains("the recording"), name != "good", "{name}: {}", ended.err);
        let (took, peak) = (ended.took, ended.peak.unwrap_or(0));
        let (least, size) = *usual.get_or_insert((took, peak));
        assert!(took <= least + LONGER, "{name}: {took:?}, and {least:?} with a good one");
        assert!(peak <= size + LARGER, "{name}: {} MiB, {} MiB with a good one", peak >> 20, size >> 20);
    }
}
