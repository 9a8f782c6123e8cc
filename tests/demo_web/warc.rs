//! The recording as a WARC file (ISO 28500): `warcinfo`, then a request and its response for each
//! exchange. Every record is a gzip member of its own, as readers that seek expect.

use std::io::Write;

use super::recording::{Exchange, Recording};

/// When the recording claims to have been made: 2026-01-15 09:00:00, and a second for each exchange.
const DAY: &str = "2026-01-15";
const FIRST_HOUR: usize = 9;

const ABOUT: &str = "software: tierfall make-demo-web\r\n\
    format: WARC File Format 1.1\r\n\
    conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n\
    description: The recorded web of the tierfall demo. Nothing in it was ever on the web: works, authors, \
    papers and pages are invented, and written in the shapes that the real services answer in.\r\n";

pub fn archive(recording: &Recording) -> Vec<u8> {
    let mut bytes = member(&record("warcinfo", 0, 0, &[], "application/warc-fields", ABOUT.as_bytes()));
    for (exchange, number) in recording.exchanges().iter().zip(1..) {
        let request = request(exchange);
        let target = format!("WARC-Target-URI: {}\r\n", exchange.url);
        let of_response = format!("WARC-Concurrent-To: <{}>\r\n", id(2 * number));
        let asked = "application/http; msgtype=request";
        bytes.extend(member(&record(
            "request",
            2 * number - 1,
            number,
            &[&target, &of_response],
            asked,
            &request,
        )));
        let answered = "application/http; msgtype=response";
        bytes.extend(member(&record(
            "response",
            2 * number,
            number,
            &[&target],
            answered,
            &response(exchange),
        )));
    }
    bytes
}

fn record(
    kind: &str,
    number: usize,
    second: usize,
    fields: &[&str],
    content_type: &str,
    block: &[u8],
) -> Vec<u8> {
    let (hour, minute, second) = (FIRST_HOUR + second / 3600, second / 60 % 60, second % 60);
    let head = format!(
        "WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <{}>\r\nWARC-Date: {DAY}T{hour:02}:{minute:02}:{second:02}Z\r\n\
         {}Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        id(number),
        fields.concat(),
        block.len()
    );
    [head.as_bytes(), block, b"\r\n\r\n"].concat()
}

/// Not random, so that the file is the same each time (a version 8 UUID, RFC 9562).
fn id(number: usize) -> String {
    format!("urn:uuid:74696572-6661-8c6c-8000-{number:012x}")
}

fn request(exchange: &Exchange) -> Vec<u8> {
    let rest = exchange.url.split_once("://").map_or("", |(_, rest)| rest);
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut head = format!("{} {slash}{path} HTTP/1.1\r\nHost: {host}\r\n", exchange.method);
    let body = exchange.asked.as_deref().unwrap_or_default();
    if !body.is_empty() {
        head.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    format!("{head}\r\n{body}").into_bytes()
}

fn response(exchange: &Exchange) -> Vec<u8> {
    let reply = &exchange.reply;
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", reply.body.len()));
    [head.as_bytes(), &reply.body].concat()
}

fn member(record: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(record).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        403 => "Forbidden",
        404 => "Not Found",
        410 => "Gone",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "",
    }
}
