//! Answers made to hurt, each met by a program of its own whose time and memory are measured: however much
//! a server sends, and however slowly, the program ends soon and hardly larger than on a good day.

use std::io::Write;
use std::time::Duration;

use async_compression::tokio::write::{BrotliEncoder, ZstdEncoder};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use tokio::io::AsyncWriteExt;

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::{Call, Ended, Home};
use crate::support::web::{Answer, Fault, Framing, Web};

/// How much larger than on a good day a program may get: the 64 MiB that a plugin may have, what the host holds
/// of the page for it (8 MiB, as it came and as text), a file on its way, and what the allocator keeps of all
/// that. The bombs unpack to much more.
const MORE_MEMORY: u64 = 160 << 20;
/// No answer may take longer. The limits of time below add up to some seconds; the rest is for a busy machine.
const LONGEST: Duration = Duration::from_secs(50);

/// Limits of time that a test reaches soon; those of size are the defaults.
const HASTY: [&str; 14] = [
    "--set",
    "http.limits.first_byte_ms=3000",
    "--set",
    "http.limits.idle_ms=3000",
    "--set",
    "http.limits.stall_window_ms=3000",
    "--set",
    "http.pace.page.every_ms=1",
    "--set",
    "http.pace.file.every_ms=1",
    "--set",
    "acquire.retries=0",
    "--set",
    "fallback.source_retries=0",
];

/// Zeros, many times as many as the program may keep.
const ZEROS: usize = 256 << 20;

fn zeros_after(head: &[u8], mut out: impl Write) {
    out.write_all(head).expect("memory can be written");
    let piece = vec![0; 1 << 20];
    for _ in 0..ZEROS / piece.len() {
        out.write_all(&piece).expect("memory can be written");
    }
}

fn gzip_bomb(head: &[u8]) -> Vec<u8> {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    zeros_after(head, &mut bomb);
    bomb.finish().expect("memory can be written")
}

fn async_bomb<E: tokio::io::AsyncWrite + Unpin>(head: &[u8], mut encoder: E) -> E {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        encoder.write_all(head).await.expect("memory can be written");
        let piece = vec![0; 1 << 20];
        for _ in 0..ZEROS / piece.len() {
            encoder.write_all(&piece).await.expect("memory can be written");
        }
        encoder.shutdown().await.expect("memory can be written");
    });
    encoder
}

/// Answers that begin like this and do not end well. What they are to be taken for does not matter.
fn hurtful(head: &[u8], kind: &str) -> Vec<(&'static str, Answer)> {
    let body = [head, &vec![b' '; 1 << 20]].concat();
    let answer = || Answer::ok(kind, body.clone());
    let small = || Answer::ok(kind, head);
    let packed = |coding: &str, body: Vec<u8>| Answer::ok(kind, body).header("Content-Encoding", coding);
    let brotli = BrotliEncoder::with_quality(Vec::new(), async_compression::Level::Fastest);
    let zstd = ZstdEncoder::with_quality(Vec::new(), async_compression::Level::Fastest);
    let (brotli, zstd) = (async_bomb(head, brotli).into_inner(), async_bomb(head, zstd).into_inner());
    let mut many = small();
    many.headers.extend((0..5000).map(|n| (format!("X-{n}"), "y".repeat(100))));
    vec![
        ("no answer", small().failing(Fault::Hang)),
        ("silence within the head", small().failing(Fault::StallInHead)),
        ("silence within the body", answer().failing(Fault::Stall(5000))),
        ("one byte at a time", small().failing(Fault::Drip(Duration::from_secs(1)))),
        ("a reset at once", small().failing(Fault::ResetAtOnce)),
        ("a reset within the head", small().failing(Fault::ResetInHead)),
        ("a reset within the body", answer().failing(Fault::Reset(5000))),
        ("header lines without end", small().failing(Fault::HeaderFlood)),
        ("a header line without end", small().failing(Fault::EndlessHeader)),
        ("many headers", many),
        ("a body without end", answer().framed(Framing::Chunked).failing(Fault::Endless)),
        ("two hundred megabytes", answer().framed(Framing::LyingLength(200 << 20)).failing(Fault::Endless)),
        ("to the end of the connection", answer().framed(Framing::Close).failing(Fault::Endless)),
        (
            "less than was declared",
            answer().framed(Framing::LyingLength(2 << 20)).failing(Fault::Cut(1 << 20)),
        ),
        ("more than was declared", answer().framed(Framing::LyingLength(10)).failing(Fault::Cut(1 << 20))),
        ("a bomb in gzip", packed("gzip", gzip_bomb(head))),
        ("a bomb in brotli", packed("br", brotli)),
        ("a bomb in zstd", packed("zstd", zstd)),
        ("a coding that is damaged", packed("gzip", [&[0x1f, 0x8b, 8, 0][..], &body].concat())),
        ("a coding that nobody has", packed("exotic", body.clone())),
        ("packed twice", packed("gzip, gzip", gzip_bomb(head))),
        ("a charset that is none", Answer::ok("text/html; charset=\"\u{fffd}/../../utf-99\"", head)),
        ("bytes that are no text", Answer::ok("text/html; charset=utf-16", vec![0xd8; 1 << 20])),
    ]
}

fn one(home: &Home, web: &Web, page: &str) -> Call {
    pages_only(home, web, &[page]).args(HASTY)
}

/// The memory of a program that meets nothing unusual.
fn good_day() -> u64 {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::without_file(&web, "good", 8);
    web.get(&article.file, [Answer::pdf(article.bytes.clone())]);
    pages_only(&home, &web, &[&article.page]).run().expect(0).peak.unwrap_or(0)
}

/// Checks how a program ended; its work was not stored, but has its line and its reason.
fn bounded(name: &str, home: &Home, ended: &Ended, most: u64) {
    assert!(matches!(ended.code, Some(3 | 4)), "{name}: {ended:#?}");
    assert!(!ended.err.contains("panicked"), "{name}: {}", ended.err);
    let work = &home.manifest("papers")[0];
    assert!(work["reason"].is_string(), "{name}: {work:#}");
    assert!(home.files("papers/files").is_empty(), "{name}: {work:#}");
    assert!(ended.took < LONGEST, "{name}: {:?}", ended.took);
    let peak = ended.peak.unwrap_or(0);
    assert!(peak <= most, "{name}: {} MiB where {} MiB are enough", peak >> 20, most >> 20);
    eprintln!("{name}: {:.1} s, {} MiB", ended.took.as_secs_f32(), peak >> 20);
}

#[test]
fn no_page_costs_more_than_a_little_time_and_memory() {
    let most = good_day() + MORE_MEMORY;
    let head = b"<!DOCTYPE html><html><head><title>Never mind</title></head><body>";
    for (name, answer) in hurtful(head, "text/html") {
        let (home, web) = (Home::new(), Web::start());
        web.get("http://hurtful.example/article", [answer]);
        let ended = one(&home, &web, "http://hurtful.example/article").run();
        bounded(name, &home, &ended, most);
    }
}

#[test]
fn no_file_costs_more_than_a_little_time_and_memory() {
    let most = good_day() + MORE_MEMORY;
    for (name, answer) in hurtful(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf") {
        let (home, web) = (Home::new(), Web::start());
        let article = Article::without_file(&web, "hurtful", 8);
        web.get(&article.file, [answer]);
        // A file is streamed to the disk; this keeps the disk from filling.
        let ended = one(&home, &web, &article.page).args(["--set", "acquire.max_bytes=64 MiB"]).run();
        bounded(name, &home, &ended, most);
    }
}

#[test]
fn no_redirect_leads_on_for_long() {
    let most = good_day() + MORE_MEMORY;
    for name in ["three hundred redirects", "cookies that never settle", "a circle", "a longer URL each time"]
    {
        let (home, web) = (Home::new(), Web::start());
        let article = Article::without_file(&web, "astray", 8);
        let hop = |n: usize| match n {
            0 => article.file.clone(),
            n => format!("http://astray{}.example/{n}", n % 7),
        };
        match name {
            "three hundred redirects" => {
                for n in 0..300 {
                    web.get(&hop(n), [Answer::redirect(&hop(n + 1))]);
                }
            }
            "cookies that never settle" => {
                let again = |n: usize| {
                    Answer::redirect(&article.file).header("Set-Cookie", &format!("c{n}={n}; Path=/"))
                };
                web.get(&article.file, (0..300).map(again));
            }
            "a circle" => {
                web.get(&hop(0), [Answer::redirect(&hop(1))]);
                web.get(&hop(1), [Answer::redirect(&hop(0))]);
            }
            _ => {
                let longer =
                    |n: usize| Answer::redirect(&format!("{}?{}", article.file, "x".repeat(n * 1000)));
                web.get(&format!("{}*", article.file), (1..300).map(longer));
            }
        }
        let ended = one(&home, &web, &article.page).run();
        bounded(name, &home, &ended, most);
        assert_eq!(home.manifest("papers")[0]["reason"], "redirect_loop", "{name}");
        let asked = web.requests().into_iter().filter(|seen| !seen.url.ends_with("/robots.txt")).count();
        assert!(asked <= 1 + 21, "{name}: {asked}");
    }
}

#[test]
fn a_tunnel_that_does_not_speak_tls_is_told_as_that() {
    let most = good_day() + MORE_MEMORY;
    let garbage = vec![0x16; 1 << 20];
    for (name, answer) in [
        ("no tunnel", Answer::status(502)),
        ("a tunnel into nothing", Answer::status(200).failing(Fault::Stall(0))),
        ("text in place of TLS", Answer::status(200).body("HTTP/1.1 400 Bad Request\r\n\r\n")),
        (
            "garbage without end",
            Answer::status(200).body(garbage).framed(Framing::Close).failing(Fault::Endless),
        ),
        ("a reset", Answer::status(200).failing(Fault::Reset(0))),
    ] {
        let (home, web) = (Home::new(), Web::start());
        let page = "https://tunnel.example/article";
        web.on("CONNECT", "tunnel.example:443", [answer]);
        let ended = one(&home, &web, page).args(["--set", "http.limits.connect_ms=3000"]).run();
        bounded(name, &home, &ended, most);
        let work = &home.manifest("papers")[0];
        assert!(work["trail"].to_string().contains("tunnel.example"), "{name}: {work:#}");
    }
}

/// The memory of the examiner in these tests; what a file unpacks to has no more.
const EXAMINER: u64 = 64 << 20;

/// A PDF of these objects, the first of which is its catalog.
fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend(format!("{} 0 obj\n", number + 1).bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        file.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    file.extend(format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n").bytes());
    file
}

fn stream(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<<{dictionary}/Length {}>>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content).expect("memory can be written");
    packed.finish().expect("memory can be written")
}

fn zeros_deflated() -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    zeros_after(b"", &mut packed);
    packed.finish().expect("memory can be written")
}

/// A document of one page with this content.
fn one_page(content: Vec<u8>) -> Vec<u8> {
    let resources = "<</XObject<</F 5 0 R>>/Font<</F1 6 0 R>>>>";
    let page =
        format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources{resources}>>");
    let form = format!("/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Resources{resources}");
    pdf(&[
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        page.into_bytes(),
        content,
        stream(&form, b"/F Do /F Do /F Do"),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 4 0 R>>".to_vec(),
    ])
}

#[test]
fn no_pdf_costs_more_than_the_examiner_may_have() {
    let most = good_day() + EXAMINER + MORE_MEMORY;
    let bomb = zeros_deflated();
    let of =
        |objects: &[&str]| pdf(&objects.iter().map(|object| object.as_bytes().to_vec()).collect::<Vec<_>>());
    let nested =
        |open: &str, close: &str| format!("{}{}", open.repeat(200_000), close.repeat(200_000)).into_bytes();
    let twice = deflated(&bomb);
    let catalog = "<</Type/Catalog/Pages 2 0 R>>";
    let looping_table =
        b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\nxref\n0 1\n0000000000 65535 f \n\
                          trailer\n<</Size 9999999/Root 1 0 R/Prev 53>>\nstartxref\n53\n%%EOF\n";
    for (name, file) in [
        ("a bomb", one_page(stream("/Filter/FlateDecode", &bomb))),
        ("a bomb in a bomb", one_page(stream("/Filter[/FlateDecode/FlateDecode]", &twice))),
        (
            "a bomb with a predictor",
            one_page(stream(
                "/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns 2000000000/Colors 32/BitsPerComponent 16>>",
                &bomb,
            )),
        ),
        (
            "a hundred filters",
            one_page(stream(&format!("/Filter[{}]", "/RunLengthDecode".repeat(100)), &bomb[..9999])),
        ),
        ("a stream of a terabyte", one_page(b"<</Length 1099511627776>>\nstream\nBT ET\nendstream".to_vec())),
        ("a length below nothing", one_page(b"<</Length -5>>\nstream\nBT ET\nendstream".to_vec())),
        ("arrays in arrays", one_page(stream("", &nested("[", "]")))),
        ("dictionaries in dictionaries", one_page(nested("<</A ", ">>"))),
        ("states in states", one_page(stream("", &nested("q ", "Q ")))),
        ("forms in forms", one_page(stream("", &b"/F Do ".repeat(1000)))),
        (
            "a million letters",
            one_page(stream("", &[b"BT /F1 9 Tf (", &[b'x'; 4 << 20][..], b") Tj ET"].concat())),
        ),
        ("a catalog that is itself", of(&["1 0 R"])),
        (
            "pages that are their own children",
            of(&[catalog, "<</Type/Pages/Kids[2 0 R 2 0 R 2 0 R]/Count 9>>"]),
        ),
        ("two billion pages", of(&[catalog, "<</Type/Pages/Kids[2 0 R]/Count 2147483647>>"])),
        ("a table that leads to itself", looping_table.to_vec()),
        (
            "objects in an object that is in itself",
            of(&[
                catalog,
                "<</Type/ObjStm/N 1000000000/First 2000000000/Extends 2 0 R/Length 2>>\nstream\n1 \nendstream",
            ]),
        ),
    ] {
        let (home, web) = (Home::new(), Web::start());
        let article = Article::without_file(&web, "hurtful", 8);
        web.get(&article.file, [Answer::pdf(file)]);
        let memory = format!("sandbox.examiner.memory_bytes={EXAMINER}");
        let limits = ["--set", &memory, "--set", "sandbox.examiner.timeout_ms=8000", "--identity", "strict"];
        let ended = one(&home, &web, &article.page).args(limits).run();
        bounded(name, &home, &ended, most);
    }
}
