//! Hostile answers, on the wire: each ends in bounded time and memory, with an error that says why.

use std::io::Write;

use async_compression::tokio::write::{BrotliEncoder, ZstdEncoder};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncWriteExt;

use super::server::{Server, http, say};
use super::*;
use crate::Denial;

/// Limits that a test reaches in a moment.
fn tight() -> HttpSettings {
    let mut settings = HttpSettings::for_tests();
    settings.limits.first_byte = Duration::from_millis(300);
    settings.limits.idle = Duration::from_millis(300);
    settings.limits.stall_window = Duration::from_millis(400);
    settings
}

async fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = BrotliEncoder::with_quality(Vec::new(), async_compression::Level::Precise(5));
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

async fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZstdEncoder::new(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

/// The same bytes in each coding.
async fn packed(bytes: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    [("gzip", gzip(bytes).await), ("br", brotli(bytes).await), ("zstd", zstd(bytes).await)]
}

#[tokio::test]
async fn every_coding_that_is_asked_for_is_undone() {
    let text = "an article about nothing at all. ".repeat(5000);
    for (coding, body) in packed(text.as_bytes()).await {
        let server = Server::saying(http("200 OK", &format!("content-encoding: {coding}\r\n"), &body)).await;
        let answer = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap();
        assert_eq!(answer.body, text.as_bytes(), "{coding}");
        assert!(server.requests()[0].contains("accept-encoding: gzip, br, zstd"), "{}", server.requests()[0]);
    }
}

#[tokio::test]
async fn a_file_is_asked_for_unpacked_and_unpacked_all_the_same() {
    let body = gzip(b"%PDF-1.7 ...").await;
    let server = Server::saying(http("200 OK", "content-encoding: x-gzip\r\n", &body)).await;
    let attempt = Attempt::new(10, 0);
    let mut opened = attempt.open(&live(tight()), Role::File, &server.url("/")).await.unwrap();
    assert!(opened.encoded());
    assert_eq!(opened.declared_length(), None, "the length of the packed body says nothing of the file");
    assert_eq!(opened.chunk().await.unwrap().unwrap(), "%PDF-1.7 ...");
    assert_eq!(opened.chunk().await.unwrap(), None);
    assert!(server.requests()[0].contains("accept-encoding: identity"));
}

#[tokio::test]
async fn bombs_of_every_coding_are_cut_at_the_cap_and_refused_where_there_is_none() {
    // A megabyte becomes a kilobyte.
    let zeros = vec![0; 32 << 20];
    for (coding, body) in packed(&zeros).await {
        assert!(body.len() < 64 << 10, "{coding}: {}", body.len());
        let server = Server::saying(http("200 OK", &format!("content-encoding: {coding}\r\n"), &body)).await;
        let client = live(tight());
        let answer = fetch(&client, Role::Page, &server.url("/")).await.unwrap();
        assert_eq!((answer.body.len(), answer.truncated), (1 << 20, true), "{coding}");
        let attempt = Attempt::new(60, 0);
        let opened = attempt.open(&client, Role::File, &server.url("/")).await.unwrap();
        let error = drain(opened).await.unwrap_err();
        assert!(matches!(error, FetchError::Malformed(_)), "{coding}: {error}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_too_large_however_it_is_packed() {
    let mut settings = tight();
    settings.limits.body_bytes = 10_000;
    let client = live(settings);
    let body = vec![b'x'; 20_000];
    for (headers, body) in [("", body.clone()), ("content-encoding: gzip\r\n", gzip(&body).await)] {
        let server = Server::saying(http("200 OK", headers, &body)).await;
        let attempt = Attempt::new(10, 0);
        let opened = attempt.open(&client, Role::File, &server.url("/")).await.unwrap();
        assert_eq!(drain(opened).await, Err(FetchError::TooLarge(10_000)));
    }
}

#[tokio::test]
async fn what_is_packed_twice_is_unpacked_twice_and_no_bomb_hides_in_it() {
    let text = "an article about nothing at all. ".repeat(500).into_bytes();
    for (headers, body) in [
        ("content-encoding: gzip, gzip\r\n", gzip(&gzip(&text).await).await),
        ("content-encoding: gzip\r\ncontent-encoding: br\r\n", brotli(&gzip(&text).await).await),
        ("content-encoding: br, gzip\r\n", gzip(&brotli(&text).await).await),
        ("content-encoding: zstd, gzip, br\r\n", brotli(&gzip(&zstd(&text).await).await).await),
        // Only the last one is there.
        ("content-encoding: gzip, br\r\n", brotli(&text).await),
    ] {
        let server = Server::saying(http("200 OK", headers, &body)).await;
        let answer = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap();
        assert_eq!(answer.body, text, "{headers}");
    }
    let bomb = gzip(&gzip(&vec![0; 64 << 20]).await).await;
    let server = Server::saying(http("200 OK", "content-encoding: gzip, gzip\r\n", &bomb)).await;
    let attempt = Attempt::new(60, 0);
    let opened = attempt.open(&live(tight()), Role::File, &server.url("/")).await.unwrap();
    let error = drain(opened).await.unwrap_err();
    assert!(matches!(error, FetchError::Malformed(_)), "{error}");
    let many = "content-encoding: gzip, br, zstd, gzip\r\n";
    let server = Server::saying(http("200 OK", many, &gzip(&text).await)).await;
    let error = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::Malformed(_)), "{error}");
}

#[tokio::test]
async fn a_coding_that_is_declared_and_not_there_is_forgiven() {
    for (coding, body) in [("gzip", "%PDF-1.4 plain"), ("zstd", "<html>"), ("gzip", ""), ("identity", "x")] {
        let headers = format!("content-encoding: {coding}\r\n");
        let server = Server::saying(http("200 OK", &headers, body.as_bytes())).await;
        let answer = fetch(&live(tight()), Role::Api, &server.url("/")).await.unwrap();
        assert_eq!(answer.body, body, "{coding}");
    }
}

#[tokio::test]
async fn what_is_no_coding_is_none_and_a_coding_is_read_as_other_clients_read_it() {
    let text = "an article about nothing at all. ".repeat(500).into_bytes();
    let raw = {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap()
    };
    let zlib = {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap()
    };
    let trailing = [gzip(&text).await, b"\0\0\0\0 and more".to_vec()].concat();
    let members = [gzip(&text[..100]).await, gzip(&text[100..]).await].concat();
    for (coding, body) in [
        ("UTF-8", text.clone()),
        ("binary", text.clone()),
        ("none", text.clone()),
        ("aws-chunked", text.clone()),
        ("exotic", text.clone()),
        ("aws-chunked, gzip", gzip(&text).await),
        ("gzip, gzip", gzip(&text).await),
        ("deflate", raw),
        ("deflate", zlib),
        ("gzip", trailing),
        ("gzip", members),
    ] {
        let server = Server::saying(http("200 OK", &format!("content-encoding: {coding}\r\n"), &body)).await;
        let answer = fetch(&live(tight()), Role::Api, &server.url("/")).await.unwrap();
        assert_eq!(answer.body, text, "{coding}");
    }
    for body in ["%PDF-1.4 plain", "<html>"] {
        let server = Server::saying(http("200 OK", "content-encoding: deflate\r\n", body.as_bytes())).await;
        assert_eq!(fetch(&live(tight()), Role::Api, &server.url("/")).await.unwrap().body, body);
    }
}

#[tokio::test]
async fn chunks_win_over_a_wrong_length() {
    for length in ["3", "9999"] {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n");
        let server = Server::saying(format!("{head}5\r\nwhole\r\n0\r\n\r\n")).await;
        let attempt = Attempt::new(10, 0);
        let opened = attempt.open(&live(tight()), Role::File, &server.url("/")).await.unwrap();
        assert_eq!(opened.declared_length(), None);
        let server = Server::saying(format!("{head}5\r\nwhole\r\n0\r\n\r\n")).await;
        assert_eq!(fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap().body, "whole");
    }
}

#[tokio::test]
async fn a_packed_body_that_ends_too_early_or_is_damaged_is_told_apart_from_a_whole_one() {
    let text: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
    for (coding, whole) in packed(&text).await {
        let headers = format!("content-encoding: {coding}\r\n");
        let cut = &whole[..whole.len() / 2];
        let server = Server::saying(http("200 OK", &headers, cut)).await;
        let error = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::Incomplete(_)), "{coding}: {error}");
    }
    let mut damaged = gzip(&text).await;
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0xff);
    let server = Server::saying(http("200 OK", "content-encoding: gzip\r\n", &damaged)).await;
    let error = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::Malformed(_)), "{error}");
}

#[tokio::test]
async fn floods_of_headers_are_refused() {
    let many: String = (0..2000).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = format!("x: {}\r\n", "y".repeat(100_000));
    for headers in [many, long] {
        let server = Server::saying(http("200 OK", &headers, b"body")).await;
        let error = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::Malformed(_)), "{error}");
        assert!(!error.retryable());
    }
}

#[tokio::test]
async fn headers_without_end_are_given_up_and_not_kept() {
    let server = Server::start(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(&[b'y'; 4096]).await.is_ok() {}
    })
    .await;
    let error = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::Malformed(_)), "{error}");
}

#[tokio::test]
async fn a_robots_txt_or_reservation_without_end_is_read_up_to_its_limit() {
    let server = Server::start(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nUser-agent: *\nDisallow: /no\n").await;
        while stream.write_all(&[b'#'; 4096]).await.is_ok() {}
    })
    .await;
    let mut settings = tight();
    settings.robots = true;
    let client = live(settings);
    assert_eq!(client.site_reservation(&server.url("/").parse().unwrap()).await, None);
    let error = fetch(&client, Role::Page, &server.url("/no")).await.unwrap_err();
    assert!(matches!(error, FetchError::Denied { reason: Denial::Robots, .. }), "{error}");
    let page = fetch(&client, Role::Page, &server.url("/yes")).await.unwrap();
    assert!(page.truncated);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_after_the_time_for_the_first_byte() {
    for start in ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"] {
        let server = Server::hanging_after(start).await;
        let started = Instant::now();
        let error = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap_err();
        assert_eq!(error, FetchError::Timeout);
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_body_that_stops_or_drips_is_stalled() {
    let hanging = Server::hanging_after("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhalf").await;
    let dripping = Server::start(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n").await;
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        while stream.write_all(b"x").await.is_ok() {
            tick.tick().await;
        }
    })
    .await;
    for server in [hanging, dripping] {
        let started = Instant::now();
        let error = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::Stalled(_)), "{error}");
        assert!(error.retryable() && started.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_slow_reader_is_not_a_slow_server() {
    let server = Server::saying(http("200 OK", "", &vec![b'x'; 1 << 20])).await;
    let attempt = Attempt::new(10, 0);
    let mut opened = attempt.open(&live(tight()), Role::File, &server.url("/")).await.unwrap();
    let mut read = 0;
    let mut pauses = 0;
    while let Some(piece) = opened.chunk().await.unwrap() {
        read += piece.len();
        if pauses < 3 {
            pauses += 1;
            // Longer than any limit of the server's.
            tokio::time::sleep(Duration::from_millis(450)).await;
        }
    }
    assert_eq!(read, 1 << 20);
}

#[tokio::test]
async fn lengths_that_lie_are_seen() {
    for (short, declared) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", Some(100)),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nshort", None),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n", None),
    ] {
        let server = Server::saying(short).await;
        let attempt = Attempt::new(10, 0);
        let opened = attempt.open(&live(tight()), Role::File, &server.url("/")).await.unwrap();
        assert_eq!(opened.declared_length(), declared);
        let error = drain(opened).await.unwrap_err();
        assert!(matches!(error, FetchError::Incomplete(_)), "{short:?}: {error}");
    }
    // More than declared: what was declared is the body.
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody and more").await;
    assert_eq!(fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap().body, "body");
    let server = Server::saying("HTTP/1.1 200 OK\r\n\r\nto the end of the connection").await;
    let answer = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap();
    assert_eq!(answer.body, "to the end of the connection");
    for broken in [
        "content-length: 4\r\ncontent-length: 5",
        "content-length: -1",
        "transfer-encoding: chunked\r\ncontent-length: 3",
    ] {
        let server = Server::saying(format!("HTTP/1.1 200 OK\r\n{broken}\r\n\r\nbody")).await;
        assert!(fetch(&live(tight()), Role::Page, &server.url("/")).await.is_err(), "{broken}");
    }
}

#[tokio::test]
async fn resets_at_every_stage_are_errors_that_may_pass() {
    for start in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"] {
        let server = Server::start(move |_, mut stream| async move {
            let _ = stream.write_all(start.as_bytes()).await;
            // Closing with zero linger sends a reset.
            stream.set_zero_linger().unwrap();
        })
        .await;
        let error = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::Transport(_) | FetchError::Incomplete(_)), "{start:?}: {error}");
        assert!(error.retryable());
    }
}

#[tokio::test]
async fn what_is_not_http_is_a_malformed_answer() {
    for bytes in ["SSH-2.0-OpenSSH_9.9\r\n", "HTTP/1.1 99999 OK\r\n\r\n"] {
        let server = Server::saying(bytes).await;
        let error = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::Malformed(_)), "{bytes:?}: {error}");
    }
}

#[tokio::test]
async fn only_the_beginning_of_a_pdf_is_read_where_a_page_was_asked_for() {
    let pdf = [b"\n\n%PDF-1.7\n".as_slice(), &vec![b'x'; 500_000]].concat();
    for (role, length) in [(Role::Page, 4096), (Role::Api, pdf.len())] {
        let server = Server::saying(http("200 OK", "", &pdf)).await;
        let answer = fetch(&live(tight()), role, &server.url("/")).await.unwrap();
        assert_eq!((answer.body.len(), answer.truncated), (length, role == Role::Page));
    }
    let late = [vec![b' '; 2000].as_slice(), b"%PDF-1.7\n", &vec![b'x'; 10_000]].concat();
    let server = Server::saying(http("200 OK", "", &late)).await;
    let answer = fetch(&live(tight()), Role::Page, &server.url("/")).await.unwrap();
    assert!(!answer.truncated, "beyond the first kilobyte it is only talk of PDF");
}

#[tokio::test]
async fn a_body_of_just_the_cap_is_whole() {
    for (cap, truncated) in [(5, false), (4, true), (0, true)] {
        let server = Server::saying(http("200 OK", "", b"12345")).await;
        let attempt = Attempt::new(10, 0);
        let client = live(tight());
        let fetching = client.fetch(get(&server.url("/")), cap, attempt.budget(&Role::Api));
        let answer = fetching.await.unwrap();
        assert_eq!((answer.body.len() as u64, answer.truncated), (cap.min(5), truncated));
    }
}

#[tokio::test]
async fn dropping_a_body_closes_its_connection() {
    let (gone, mut watch) = tokio::sync::mpsc::channel(1);
    let server = Server::start(move |_, mut stream| {
        let gone = gone.clone();
        async move {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n").await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            let _ = gone.send(()).await;
        }
    })
    .await;
    let attempt = Attempt::new(10, 0);
    let mut opened = attempt.open(&live(tight()), Role::File, &server.url("/")).await.unwrap();
    opened.chunk().await.unwrap();
    drop(opened);
    assert_eq!(watch.recv().await, Some(()));
}

#[tokio::test]
async fn saying_nothing_but_interim_answers_is_no_answer() {
    let server = Server::start(|_, stream| say(stream, b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(3))).await;
    assert!(fetch(&live(tight()), Role::Page, &server.url("/")).await.is_err());
}

#[tokio::test]
async fn a_connection_that_is_never_made_is_given_up_after_its_own_time() {
    // It accepts, and says nothing of TLS.
    let server = Server::hanging_after("").await;
    let mut settings = HttpSettings::for_tests();
    settings.limits.connect = Duration::from_millis(200);
    let url = server.url("/").replace("http:", "https:");
    let error = fetch(&live(settings), Role::Page, &url).await.unwrap_err();
    assert!(matches!(&error, FetchError::Transport(why) if why.contains("no connection in time")), "{error}");
}
