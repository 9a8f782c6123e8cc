//! Recordings are WARC files like anybody's: another reader reads ours, and another writer's are replayed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;

use bytes::Bytes;
use tempfile::TempDir;
use warc::{BufferedBody, Record, RecordType, WarcHeader, WarcReader, WarcWriter};

use super::script::{Reply, Script, answer, refused};
use super::*;
use crate::record::Recorder;

fn header(record: &Record<BufferedBody>, name: WarcHeader) -> String {
    record.header(name).map(|value| value.into_owned()).unwrap_or_default()
}

/// A recording of every kind of exchange, as the other reader sees it.
async fn recorded(file: &str) -> Vec<Record<BufferedBody>> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(file);
    let script = Script::new(|hop, _| match hop.url.path() {
        "/moved" => answer(301, &[("location", "/here")], ""),
        "/cut" => Reply::Answer {
            status: 200,
            headers: crate::HeaderMap::new(),
            body: vec![Ok(Bytes::from("half")), Err(FetchError::Incomplete("reset".into()))],
        },
        "/gone" => refused(),
        _ => answer(200, &[("content-type", "text/plain"), ("x-latin", "é")], "line\r\n\r\nWARC/1.1\r\nend"),
    });
    {
        let recorder = Recorder::create(&path, "Tierfall/0.0.0", script.transport()).unwrap();
        let client = HttpClient::with_transport(HttpSettings::for_tests(), Box::new(recorder));
        for page in ["here", "moved", "cut", "gone"] {
            let _ = fetch(&client, Role::Page, &format!("http://host.example/{page}?a=b")).await;
        }
        let mut post = request(Method::Post, "http://host.example/search");
        post.body = Some(b"{\"q\": 1}".to_vec());
        client.fetch(post, 100, Attempt::new(10, 0).budget(&Role::Api)).await.unwrap();
    }
    if file.ends_with(".gz") {
        WarcReader::from_path_gzip(&path).unwrap().iter_records().map(Result::unwrap).collect()
    } else {
        WarcReader::new(BufReader::new(File::open(&path).unwrap()))
            .iter_records()
            .map(Result::unwrap)
            .collect()
    }
}

#[tokio::test]
async fn another_reader_reads_what_was_recorded() {
    for file in ["web.warc.gz", "web.warc"] {
        let records = recorded(file).await;
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for record in &records {
            *kinds.entry(record.warc_type().to_string()).or_default() += 1;
            assert_eq!(record.warc_version(), "1.1");
            assert_eq!(record.date().to_rfc3339(), "2026-11-24T00:00:00+00:00");
        }
        let expected = [("metadata", 1), ("request", 6), ("response", 5), ("warcinfo", 1)];
        assert_eq!(kinds, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
        let ids: Vec<&str> = records.iter().map(Record::warc_id).collect();
        for request in records.iter().filter(|record| *record.warc_type() == RecordType::Request) {
            assert!(ids.contains(&header(request, WarcHeader::ConcurrentTo).as_str()));
            let text = String::from_utf8_lossy(request.body());
            assert!(text.contains("\r\nhost: host.example\r\n") && text.contains(" HTTP/1.1\r\n"), "{text}");
        }
        let of = |path: &str| {
            let url = format!("http://host.example/{path}");
            let fits = |record: &&Record<BufferedBody>| {
                *record.warc_type() == RecordType::Response && header(record, WarcHeader::TargetURI) == url
            };
            records.iter().find(fits).unwrap_or_else(|| panic!("no record of {url}"))
        };
        let here = of("here?a=b");
        assert_eq!(header(here, WarcHeader::ContentType), "application/http; msgtype=response");
        let text = String::from_utf8_lossy(here.body());
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nline\r\n\r\nWARC/1.1\r\nend"), "{text}");
        assert_eq!(header(of("cut?a=b"), WarcHeader::Truncated), "disconnect");
        assert!(here.truncated_type().is_none());
    }
}

#[tokio::test]
async fn what_another_writer_wrote_is_replayed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.warc.gz");
    let record = |kind: RecordType, body: &str| {
        let mut record = Record::<BufferedBody>::with_body(body);
        record.set_warc_type(kind);
        record
    };
    let url = "https://host.example/paper.pdf?x=1";
    let mut response = record(RecordType::Response, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%PDF-1.7");
    response.set_header(WarcHeader::TargetURI, url).unwrap();
    response.set_header(WarcHeader::ContentType, "application/http;msgtype=response").unwrap();
    let mut asked = record(RecordType::Request, "GET /paper.pdf?x=1 HTTP/1.1\r\nHost: host.example\r\n\r\n");
    asked.set_header(WarcHeader::TargetURI, url).unwrap();
    asked.set_header(WarcHeader::ConcurrentTo, response.warc_id().to_owned()).unwrap();
    let about = record(RecordType::WarcInfo, "software: another\r\n");
    let mut writer = WarcWriter::from_path_gzip(&path).unwrap();
    for record in [&about, &asked, &response] {
        writer.write(record).unwrap();
    }
    let Ok(packed) = writer.into_inner() else { panic!("the archive cannot be written") };
    packed.finish().into_result().unwrap();

    let client = HttpClient::new(HttpSettings::for_tests(), Mode::Replay(path)).unwrap();
    assert_eq!(fetch(&client, Role::Api, url).await.unwrap().body, "%PDF-1.7");
    let other = fetch(&client, Role::Api, "https://host.example/").await;
    assert!(matches!(other, Err(FetchError::NotRecorded(_))));
}
