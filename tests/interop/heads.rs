//! Heads as odd servers write them, and a server that does not want HTTP/2.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::article::Article;
use crate::support::program::Home;
use crate::support::raw::{RawWeb, plain};
use crate::support::web::Web;

/// The page of an article, and its file, on another host.
fn article(host: &str) -> (String, Article) {
    let article = Article::without_file(&Web::start(), "odd", 8);
    let html = format!(
        "<html><head><title>T</title><meta name=\"citation_title\" content=\"The Invented Matter of odd Considered Anew\">\
         <meta name=\"citation_pdf_url\" content=\"{host}/article.pdf\"></head><body></body></html>"
    );
    (html, article)
}

#[test]
fn odd_heads_are_read_live_and_again_from_the_recording_of_them() {
    let home = Home::new();
    let (html, article) = article("http://odd.example");
    let (page, file) = (html.into_bytes(), article.bytes.clone());
    let web = RawWeb::answering(move |asked| {
        match asked.url.as_str() {
        "http://odd.example/article" => {
            let length = page.len();
            let head = format!(
                "HTTP/1.1 200\r\nContent-Type : text/html\r\nno colon in this line\r\nContent-Length: {length}\r\n\r\n"
            );
            [head.as_bytes(), &page].concat()
        }
        "http://odd.example/article.pdf" => {
            b"HTTP/1.1 302 Found\r\nX-Folded: a\r\n\tb\r\nLocation:\r\n http://odd.example/moved.pdf\r\nContent-Length : 0\r\n\r\n".to_vec()
        }
        "http://odd.example/moved.pdf" => {
            let head = format!("HTTP/1.1 200 OK\n: nothing\nContent-Length: {}\nbad header\n\n", file.len());
            [head.as_bytes(), &file].concat()
        }
        _ => plain("404 Not Found", "text/plain", b"nothing"),
    }
    });
    let words = ["run", "http://odd.example/article", "--fallback-tier", "landing_scrape"];
    let live = ["--out", "papers", "--record", "web.warc.gz", "--proxy", &web.proxy()];
    home.tierfall(words).args(live).run().expect(0);
    assert_eq!(home.manifest("papers")[0]["sha256"], article.sha256.as_str());
    home.tierfall(words).args(["--out", "again", "--replay", "web.warc.gz"]).run().expect(0);
    assert_eq!(home.manifest("again")[0]["sha256"], article.sha256.as_str());
}

#[test]
fn lines_that_are_no_headers_come_to_an_end() {
    let home = Home::new();
    let (html, _) = article("http://odd.example");
    let web = RawWeb::answering(move |asked| match asked.url.as_str() {
        "http://odd.example/article" => plain("200 OK", "text/html", html.as_bytes()),
        "http://odd.example/article.pdf" => {
            format!("HTTP/1.1 200 OK\r\n{}\r\n", "no colon in this line\r\n".repeat(500_000)).into_bytes()
        }
        _ => plain("404 Not Found", "text/plain", b"nothing"),
    });
    let words = ["run", "http://odd.example/article", "--fallback-tier", "landing_scrape", "--out", "papers"];
    home.tierfall(words).args(["--proxy", &web.proxy()]).run().expect(3);
    assert_eq!(home.manifest("papers")[0]["reason"], "malformed");
}

/// Reads one frame of HTTP/2: its type, its flags, its stream.
fn frame(stream: &mut impl Read) -> Option<(u8, u8, [u8; 4])> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let [a, b, c, kind, flags, id @ ..] = head;
    let mut payload = vec![0; usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)];
    stream.read_exact(&mut payload).ok()?;
    Some((kind, flags, id))
}

/// RFC 9113, 7: refuses each request with HTTP_1_1_REQUIRED.
fn refuse(mut stream: impl Read + Write, refused: &AtomicUsize) -> Option<()> {
    stream.read_exact(&mut [0; 24]).ok()?;
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).and_then(|()| stream.flush()).ok()?;
    loop {
        match frame(&mut stream)? {
            (4, 0, _) => stream.write_all(&[0, 0, 0, 4, 1, 0, 0, 0, 0]).ok()?,
            (1, _, id) => {
                refused.fetch_add(1, Ordering::SeqCst);
                stream.write_all(&[0, 0, 4, 3, 0]).and_then(|()| stream.write_all(&id)).ok()?;
                stream.write_all(&[0, 0, 0, 13]).ok()?;
            }
            _ => {}
        }
        stream.flush().ok()?;
    }
}

fn answer(mut stream: impl Read + Write, html: &str, file: &[u8]) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let bytes = match head.split(' ').nth(1) {
        Some("/article") => plain("200 OK\r\nConnection: close", "text/html", html.as_bytes()),
        Some("/article.pdf") => plain("200 OK\r\nConnection: close", "application/pdf", file),
        _ => plain("404 Not Found\r\nConnection: close", "text/plain", b"nothing"),
    };
    stream.write_all(&bytes).and_then(|()| stream.flush()).ok()
}

/// What a server of this name needs, and the authority that vouches for it.
fn server(name: &str) -> (rustls::ServerConfig, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).expect("a certificate").pem();
    let issuer = rcgen::Issuer::new(params, key);
    let key = rcgen::KeyPair::generate().expect("a key");
    let own = rcgen::CertificateParams::new([name.to_owned()]).expect("parameters");
    let own = own.signed_by(&key, &issuer).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], key)
        .expect("a configuration");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (config, authority)
}

#[test]
fn a_server_that_requires_http_1_1_is_asked_by_it() {
    let home = Home::new();
    let (config, authority) = server("localhost");
    home.write("ca.pem", authority);
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("an address").port();
    let refused = Arc::new(AtomicUsize::new(0));
    let (html, article) = article(&format!("https://localhost:{port}"));
    let (refusals, file) = (Arc::clone(&refused), article.bytes.clone());
    thread::spawn(move || {
        for tcp in listener.incoming().map_while(Result::ok) {
            let (config, refusals) = (Arc::clone(&config), Arc::clone(&refusals));
            let (html, file) = (html.clone(), file.clone());
            thread::spawn(move || {
                let connection = rustls::ServerConnection::new(config).expect("a connection");
                let mut stream = rustls::StreamOwned::<_, TcpStream>::new(connection, tcp);
                if stream.conn.complete_io(&mut stream.sock).is_err() {
                    return;
                }
                match stream.conn.alpn_protocol() {
                    Some(b"h2") => drop(refuse(stream, &refusals)),
                    _ => drop(answer(stream, &html, &file)),
                }
            });
        }
    });
    let page = format!("https://localhost:{port}/article");
    home.tierfall(["run", &page, "--fallback-tier", "landing_scrape", "--out", "papers"])
        .args(["--ca-cert", "ca.pem", "--allow-private", "localhost"])
        .env("NO_PROXY", "localhost")
        .run();
    assert_eq!(home.manifest("papers")[0]["status"], "stored", "{:#}", home.manifest("papers")[0]);
    assert_eq!(home.manifest("papers")[0]["sha256"], article.sha256.as_str());
    assert_eq!(refused.load(Ordering::SeqCst), 1, "it is not asked by HTTP/2 again");
}
