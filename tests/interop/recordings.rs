//! Recordings from elsewhere: records as the well-known crawlers and tools write them, and files that were cut.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::{Ended, Home};
use crate::support::web::Web;

const HTTP: &str = "Content-Type: application/http; msgtype=response\r\n";

fn record(version: &str, kind: &str, url: &str, fields: &str, block: &[u8]) -> Vec<u8> {
    let head = format!(
        "{version}\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-05-01T00:00:00Z\r\n{fields}\
         Content-Length: {}\r\n\r\n",
        block.len()
    );
    [head.as_bytes(), block, b"\r\n\r\n"].concat()
}

fn response(url: &str, fields: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let block = [head.as_bytes(), b"\r\n\r\n", body].concat();
    record("WARC/1.0", "response", url, &format!("{HTTP}{fields}"), &block)
}

fn revisit(url: &str, fields: &str, head: &str) -> Vec<u8> {
    let block = if head.is_empty() { String::new() } else { format!("{head}\r\n\r\n") };
    record("WARC/1.0", "revisit", url, &format!("{HTTP}{fields}"), block.as_bytes())
}

/// Each part a gzip member of its own.
fn packed(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for part in parts {
        let mut member = GzEncoder::new(&mut file, Compression::fast());
        member.write_all(part).and_then(|()| member.finish()).expect("memory can be written to");
    }
    file
}

/// An article of a recorded web: its page says where the file is.
struct Recorded {
    page: String,
    file: String,
    bytes: Vec<u8>,
    sha256: String,
}

impl Recorded {
    fn new(name: &str) -> Self {
        let article = Article::without_file(&Web::start(), name, 8);
        Self { page: article.page, file: article.file, bytes: article.bytes, sha256: article.sha256 }
    }

    fn page_record(&self) -> Vec<u8> {
        let name = self.page.split(['/', '.']).nth(2).unwrap_or_default();
        let html = format!(
            "<html><head><title>T</title><meta name=\"citation_title\" content=\"The Invented Matter of {name} Considered \
             Anew\"><meta name=\"citation_pdf_url\" content=\"{}\"></head><body></body></html>",
            self.file
        );
        response(&self.page, "", "HTTP/1.1 200 OK\r\nContent-Type: text/html", html.as_bytes())
    }
}

fn replay(home: &Home, file: &str, works: &[&Recorded]) -> Ended {
    let pages = works.iter().map(|work| work.page.as_str());
    home.tierfall(["run", "--fallback-tier", "landing_scrape", "--out", "papers", "--replay", file])
        .args(pages)
        .run()
}

/// The digest that is stored for a work, or how it ended.
fn stored(home: &Home, work: &Recorded) -> Result<String, String> {
    let manifest = home.manifest("papers");
    let line = manifest.iter().find(|line| line["input"] == work.page.as_str()).expect("the work has a line");
    line["sha256"].as_str().map(str::to_owned).ok_or_else(|| format!("{line:#}"))
}

#[track_caller]
fn is_stored_from(name: &str, work: &Recorded, parts: &[Vec<u8>]) {
    for (file, bytes) in [("web.warc", parts.concat()), ("web.warc.gz", packed(parts))] {
        let home = Home::new();
        home.write(file, bytes);
        let ended = replay(&home, file, &[work]);
        assert_eq!(stored(&home, work), Ok(work.sha256.clone()), "{name} in {file}: {}", ended.err);
    }
}

#[test]
fn a_revisit_of_a_redirect_leads_where_its_own_head_says() {
    let (one, two) = (Recorded::new("one"), Recorded::new("two"));
    let empty = "WARC-Payload-Digest: sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ\r\n";
    let moved = |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0");
    let there = |name: &str| format!("http://files.example/{name}.pdf");
    let head = |bytes: &[u8]| format!("HTTP/1.1 200 OK\r\nContent-Length: {}", bytes.len());
    let home = Home::new();
    home.write(
        "web.warc.gz",
        packed(&[
            one.page_record(),
            two.page_record(),
            response(&one.file, empty, &moved(&there("one")), b""),
            // The same payload, which is none, and another place.
            revisit(&two.file, empty, &moved(&there("two"))),
            response(&there("one"), "", &head(&one.bytes), &one.bytes),
            response(&there("two"), "", &head(&two.bytes), &two.bytes),
        ]),
    );
    replay(&home, "web.warc.gz", &[&one, &two]).expect(0);
    assert_eq!(stored(&home, &one), Ok(one.sha256));
    assert_eq!(stored(&home, &two), Ok(two.sha256));
}

#[test]
fn a_revisit_has_the_payload_that_it_refers_to_wherever_that_is_and_however_it_is_said() {
    let work = Recorded::new("seen");
    let digest = "WARC-Payload-Digest: sha1:AB2CD3EF4GH5IJ6KL7MN\r\n";
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nContent-Length: {}", work.bytes.len());
    let id = "<urn:uuid:0c1f5a34-0000-4000-8000-000000000001>";
    let elsewhere = "http://mirror.example/same.pdf";
    let original =
        |fields: &str| response(elsewhere, &format!("WARC-Record-ID: {id}\r\n{fields}"), &head, &work.bytes);
    let profile = "WARC-Profile: http://netpreserve.org/warc/1.0/revisit/identical-payload-digest\r\n";
    let mut chunks = Vec::new();
    for piece in work.bytes.chunks(3000) {
        chunks.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        chunks.extend(piece);
        chunks.extend(b"\r\n");
    }
    chunks.extend(b"0\r\n\r\n");
    let by_digest = |head: &str| revisit(&work.file, &format!("{profile}{digest}"), head);
    let refers = format!("{profile}WARC-Refers-To: {id}\r\n");
    let target = format!(
        "{profile}WARC-Refers-To-Target-URI: {elsewhere}\r\nWARC-Refers-To-Date: 2024-05-01T00:00:00Z\r\n"
    );
    for (name, parts) in [
        ("by digest", vec![original(digest), by_digest(&head)]),
        ("before its original", vec![by_digest(&head), original(digest)]),
        (
            "in other letters",
            vec![original("WARC-Payload-Digest: SHA-1:ab2cd3ef4gh5ij6kl7mn\r\n"), by_digest(&head)],
        ),
        ("without a head", vec![original(digest), by_digest("")]),
        ("by id", vec![original(""), revisit(&work.file, &refers, &head)]),
        ("by id and before", vec![revisit(&work.file, &refers, &head), original(digest)]),
        ("by url and date", vec![original(""), revisit(&work.file, &target, &head)]),
        (
            "not modified",
            vec![
                response(&work.file, "", &head, &work.bytes),
                revisit(
                    &work.file,
                    "WARC-Profile: http://netpreserve.org/warc/1.0/revisit/server-not-modified\r\n",
                    "HTTP/1.1 304 Not Modified\r\nETag: \"1\"",
                ),
            ],
        ),
        (
            "not modified, with the digest of nothing",
            vec![
                response(&work.file, digest, &head, &work.bytes),
                revisit(
                    &work.file,
                    "WARC-Profile: http://netpreserve.org/warc/1.1/revisit/server-not-modified\r\nWARC-Truncated: length\r\n\
                     WARC-Payload-Digest: sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ\r\n",
                    "",
                ),
            ],
        ),
        (
            "of chunks",
            vec![
                response(elsewhere, digest, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", &chunks),
                by_digest("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"),
            ],
        ),
        (
            "of a packed one",
            vec![
                response(
                    elsewhere,
                    digest,
                    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip",
                    &packed(std::slice::from_ref(&work.bytes)),
                ),
                by_digest("HTTP/1.1 200 OK\r\nContent-Encoding: gzip"),
            ],
        ),
        (
            "of a resource",
            vec![
                record(
                    "WARC/1.0",
                    "resource",
                    elsewhere,
                    &format!("Content-Type: application/pdf\r\n{digest}"),
                    &work.bytes,
                ),
                by_digest(&head),
            ],
        ),
    ] {
        is_stored_from(name, &work, &[vec![work.page_record()], parts].concat());
    }
}

#[test]
fn a_revisit_whose_original_is_not_there_is_not_in_the_recording() {
    let (home, work) = (Home::new(), Recorded::new("gone"));
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 9";
    let lost = revisit(&work.file, "WARC-Payload-Digest: sha1:AAAA\r\n", head);
    home.write("web.warc.gz", packed(&[work.page_record(), lost]));
    replay(&home, "web.warc.gz", &[&work]);
    let told = stored(&home, &work).expect_err("there is nothing to store");
    assert!(told.contains("not in the recording") && told.contains("refers to an earlier one"), "{told}");
}

#[test]
fn records_of_the_well_known_writers_are_read() {
    let work = Recorded::new("written");
    let bytes = work.bytes.as_slice();
    let mut chunks = Vec::new();
    for piece in bytes.chunks(5000) {
        chunks.extend(format!("{:X} \r\n", piece.len()).into_bytes());
        chunks.extend(piece);
        chunks.extend(b"\r\n");
    }
    chunks.extend(b"0\r\nX-Trailer: 1\r\n\r\n");
    let length = bytes.len();
    let odd = |version: &str, url: &str, fields: &str, head: &str, body: &[u8]| {
        record(version, "response", url, fields, &[head.as_bytes(), b"\r\n\r\n", body].concat())
    };
    let file = work.file.as_str();
    let info = record(
        "WARC/1.0",
        "warcinfo",
        "urn:x",
        "Content-Type: application/warc-fields\r\n",
        b"software: x\r\n",
    );
    let dns = record(
        "WARC/1.0",
        "response",
        "dns:written.example",
        "Content-Type: text/dns\r\n",
        b"20240501\nwritten.example. A\n",
    );
    let page_info = record(
        "WARC/1.1",
        "resource",
        "urn:pageinfo:http://written.example/",
        "Content-Type: application/json\r\n",
        b"{}",
    );
    let bracketed = format!("<{file}>");
    for (name, parts) in [
        (
            "chunked, in capitals",
            vec![odd("WARC/1.0", file, HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked", &chunks)],
        ),
        (
            "chunked twice",
            vec![odd(
                "WARC/1.0",
                file,
                HTTP,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nTRANSFER-ENCODING: CHUNKED",
                &chunks,
            )],
        ),
        (
            "chunked no longer",
            vec![odd("WARC/1.0", file, HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", bytes)],
        ),
        (
            "packed on the way",
            vec![odd(
                "WARC/1.0",
                file,
                HTTP,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip",
                &packed(&[bytes.to_vec()]),
            )],
        ),
        (
            "unpacked already",
            vec![odd(
                "WARC/1.0",
                file,
                HTTP,
                &format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}", length / 2),
                bytes,
            )],
        ),
        (
            "unpacked brotli",
            vec![odd("WARC/1.0", file, HTTP, "HTTP/1.1 200 OK\r\nContent-Encoding: br", bytes)],
        ),
        (
            "angle brackets",
            vec![odd(
                "WARC/1.0",
                &bracketed,
                "Content-Type: application/http;msgtype=response\r\n",
                "HTTP/1.1 200 OK",
                bytes,
            )],
        ),
        ("an old version", vec![odd("WARC/0.18", file, HTTP, "HTTP/1.1 200 OK", bytes)]),
        ("HTTP/2", vec![odd("WARC/1.1", file, HTTP, "HTTP/2 200", bytes)]),
        ("no content type", vec![odd("WARC/1.0", file, "", "HTTP/1.1 200 OK", bytes)]),
        (
            "others around it",
            vec![info, dns, page_info, odd("WARC/1.1", file, HTTP, "HTTP/1.1 200 OK", bytes)],
        ),
        (
            "a resource",
            vec![record("WARC/1.1", "resource", file, "Content-Type: application/pdf\r\n", bytes)],
        ),
        (
            "a conversion beside it",
            vec![
                record("WARC/1.1", "conversion", file, "Content-Type: text/plain\r\n", b"its text"),
                odd("WARC/1.1", file, HTTP, "HTTP/1.1 200 OK", bytes),
            ],
        ),
    ] {
        is_stored_from(name, &work, &[vec![work.page_record()], parts].concat());
    }
}

#[test]
fn a_recording_that_was_cut_is_read_up_to_there_with_a_warning() {
    let (work, lost) = (Recorded::new("kept"), Recorded::new("lost"));
    let whole = |work: &Recorded| response(&work.file, "", "HTTP/1.1 200 OK", &work.bytes);
    let parts = [work.page_record(), lost.page_record(), whole(&work), whole(&lost)];
    let (plain, gzip) = (parts.concat(), packed(&parts));
    let cut = |bytes: &[u8], by: usize| bytes[..bytes.len() - by].to_vec();
    let zeros = |bytes: &[u8]| [cut(bytes, 900), vec![0; 5000]].concat();
    let mut torn = gzip.clone();
    let at = torn.len() - 2000;
    torn[at..at + 500].fill(0xaa);
    for (name, file, bytes) in [
        ("cut", "web.warc", cut(&plain, 1000)),
        ("cut and packed", "web.warc.gz", cut(&gzip, 500)),
        ("zeros behind", "web.warc", zeros(&plain)),
        ("zeros behind and packed", "web.warc.gz", zeros(&gzip)),
        ("torn", "web.warc.gz", torn),
    ] {
        let home = Home::new();
        home.write(file, bytes);
        let ended = replay(&home, file, &[&work, &lost]);
        assert_eq!(stored(&home, &work), Ok(work.sha256.clone()), "{name}: {}", ended.err);
        assert!(ended.err.contains("is read up to here"), "{name}: {}", ended.err);
        assert!(stored(&home, &lost).is_err(), "{name}");
    }
    // Of what is no recording at all nothing is read.
    for (bytes, told) in [
        (b"PK\x03\x04 and so on".as_slice(), "WACZ"),
        (b"\x28\xb5\x2f\xfd and so on", "zstd"),
        (b"<html></html>", "no WARC record"),
    ] {
        let home = Home::new();
        home.write("web.warc.gz", bytes);
        let ended = replay(&home, "web.warc.gz", &[&work]).expect(2);
        assert!(ended.err.contains(told), "{}", ended.err);
    }
}

#[cfg(unix)]
#[test]
fn what_a_killed_run_had_recorded_can_be_replayed() {
    let (home, web) = (Home::new(), Web::start());
    let (done, held) = (Article::on(&web, "done"), Article::without_file(&web, "held", 8));
    let gate = crate::support::web::Barrier::default();
    let answer = crate::support::web::Answer::pdf(held.bytes.clone()).behind(&gate);
    web.get(&held.file, [answer]);
    let running =
        pages_only(&home, &web, &[&done.page, &held.page]).args(["--record", "web.warc.gz"]).start();
    web.wait_for(&held.file, 1);
    crate::support::program::eventually("the first work has its file", || {
        home.files("papers/files").len() == 1
    });
    running.kill();
    // What the crash of a machine leaves of the last record.
    let mut file = std::fs::read(home.path("web.warc.gz")).expect("it is there");
    let tail = packed(&[response("http://x.example/", "", "HTTP/1.1 200 OK", b"a body that was cut")]);
    file.extend(&tail[..tail.len() / 2]);
    home.write("web.warc.gz", &file);
    let words =
        ["run", &done.page, "--fallback-tier", "landing_scrape", "--out", "again", "--replay", "web.warc.gz"];
    let ended = home.tierfall(words).run().expect(0);
    assert!(ended.err.contains("is read up to here"), "{}", ended.err);
    assert_eq!(home.manifest("again")[0]["sha256"], done.sha256.as_str());
}
