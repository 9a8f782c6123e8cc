//! What goes over the wire: headers, proxies, certificates, names.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::server::{Server, http as message, read_head, say};
use super::*;
use crate::address::AddressPolicy;
use crate::live::Live;
use crate::resolver::Lookup;
use crate::{Denial, HeaderMap, HeaderName, HeaderValue, Outgoing, ProxyChoice, Transport, header_map};

#[tokio::test]
async fn a_request_says_who_asks_and_what_is_wanted() {
    let server = Server::saying(message("200 OK", "", b"")).await;
    let mut settings = HttpSettings::for_tests();
    settings.mailto = Some("library@host.example".into());
    let mut request = get(&server.url("/a?b=c#d"));
    request.headers = header_map([("X-Own", "1"), ("Range", "bytes=5-")]).unwrap();
    request.secret_headers = header_map([("x-api-key", "geheim")]).unwrap();
    let attempt = Attempt::new(10, 0);
    live(settings).fetch(request, 100, attempt.budget(&Role::Page)).await.unwrap();
    let seen = server.requests().remove(0);
    assert!(seen.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{seen}");
    for line in [
        "user-agent: Tierfall/0.0.0 (+mailto:library@host.example)",
        "accept: text/html, ",
        "accept-encoding: identity\r\n",
        "x-own: 1",
        "range: bytes=5-",
        "x-api-key: geheim",
    ] {
        assert!(seen.contains(line), "{line} in {seen}");
    }
    assert!(!seen.contains("referer"));
}

#[tokio::test]
async fn headers_that_belong_to_the_connection_or_break_it_are_denied() {
    let client = live(HttpSettings::for_tests());
    for (name, value) in [
        ("Host", "evil.example"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Proxy-Authorization", "x"),
        ("User-Agent", "curl"),
        ("X", "a\r\nHost: evil.example"),
        ("X", "a\nb"),
        ("X\r\nY", "b"),
        ("X:", "b"),
        ("", "b"),
    ] {
        let mut errors = vec![header_map([(name, value)]).unwrap_err()];
        // The same for a map that was made without `header_map`.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            let mut request = get("http://127.0.0.1:9/");
            request.headers.append(name, value);
            let attempt = Attempt::new(10, 0);
            errors.push(client.fetch(request, 100, attempt.budget(&Role::Api)).await.unwrap_err());
        }
        for error in errors {
            assert!(matches!(&error, FetchError::Denied { reason: Denial::Header, .. }), "{name:?}: {error}");
            assert!(!error.to_string().contains('\r'), "{error}");
        }
    }
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_denied_by_the_dialler() {
    let server = Server::saying(message("200 OK", "", b"inner")).await;
    let mut settings = HttpSettings::for_tests();
    settings.allow_private.clear();
    // Without the checks of URLs: only the resolver can refuse. `localhost` resolves on every machine.
    let live = Live::new(&settings, Arc::new(AddressPolicy::new(&[]))).unwrap();
    let url = format!("http://localhost:{}/", server.address.port()).parse().unwrap();
    let hop = Outgoing {
        method: Method::Get,
        url,
        headers: HeaderMap::new(),
        secret_headers: HeaderMap::new(),
        secrets: Default::default(),
        body: None,
    };
    let error = live.send(hop).await.unwrap_err();
    assert!(matches!(&error, FetchError::Denied { reason: Denial::DnsPrivate, .. }), "{error}");
    assert!(server.requests().is_empty());
}

/// A resolver that gives every name the same address, and counts.
struct Always(std::net::IpAddr, AtomicUsize);

impl Lookup for Always {
    fn lookup(&self, _name: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(vec![SocketAddr::new(self.0, 0)])))
    }
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_that_is_dialled() {
    let server = Server::saying(message("200 OK", "", b"here")).await;
    let lookup = Arc::new(Always(server.address.ip(), AtomicUsize::new(0)));
    // No resolver of this machine knows either name.
    for (name, opened) in [("opened.example", true), ("rebinding.example", false)] {
        let mut settings = HttpSettings::for_tests();
        settings.allow_private = vec!["opened.example".into(), "127.0.0.1".into()];
        let policy = Arc::new(AddressPolicy::new(&settings.allow_private));
        let live = Live::resolving(&settings, policy, Arc::clone(&lookup) as Arc<dyn Lookup>).unwrap();
        let client = HttpClient::with_transport(settings, Box::new(live));
        let answer = fetch(&client, Role::Api, &format!("http://{name}:{}/", server.address.port())).await;
        match answer {
            Ok(answer) => assert!(opened && answer.body == "here"),
            Err(error) => {
                let private = matches!(error, FetchError::Denied { reason: Denial::DnsPrivate, .. });
                assert!(!opened && private, "{name}: {error}");
            }
        }
    }
    assert_eq!(
        lookup.1.load(Ordering::SeqCst),
        2,
        "each name is looked up once, and not again to be dialled"
    );
    let seen = server.requests();
    assert!(seen.len() == 1 && seen[0].contains("host: opened.example"), "{seen:?}");
}

#[tokio::test]
async fn a_named_private_host_is_opened_and_others_are_not() {
    let server = Server::saying(message("200 OK", "", b"inner")).await;
    let port = server.address.port();
    let mut settings = HttpSettings::for_tests();
    settings.allow_private = vec!["LOCALHOST".into()];
    let client = live(settings);
    assert!(fetch(&client, Role::Api, &format!("http://localhost:{port}/")).await.is_ok());
    let error = fetch(&client, Role::Api, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::Denied { reason: Denial::PrivateAddress, .. }), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_a_transport_error_with_its_reason() {
    // Bound and dropped: nobody listens there now.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    let error = fetch(&live(HttpSettings::for_tests()), Role::Api, &url).await.unwrap_err();
    assert!(matches!(error, FetchError::Transport(_)), "{error}");
    assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
}

fn behind(proxy: &str) -> HttpSettings {
    let mut settings = HttpSettings::for_tests();
    settings.proxy = ProxyChoice::Url(proxy.into());
    settings.allow_private.clear();
    settings
}

#[tokio::test]
async fn behind_a_proxy_names_are_the_proxys_to_resolve_and_the_rules_still_hold() {
    let proxy = Server::saying(message("200 OK", "", b"through")).await;
    let client = live(behind(&format!("http://me:geheim@{}", proxy.address)));
    let answer = fetch(&client, Role::Api, "http://nowhere.invalid/x").await.unwrap();
    assert_eq!(answer.body, "through");
    let seen = proxy.requests().remove(0);
    assert!(seen.starts_with("GET http://nowhere.invalid/x HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("proxy-authorization: Basic"), "{seen}");
    for url in ["http://127.0.0.1/", "http://169.254.169.254/", "http://localhost/", "http://a.internal/"] {
        let error = fetch(&client, Role::Api, url).await.unwrap_err();
        assert!(matches!(error, FetchError::Denied { reason: Denial::PrivateAddress, .. }), "{url}: {error}");
    }
    assert_eq!(proxy.requests().len(), 1);
}

#[tokio::test]
async fn redirects_behind_a_proxy_are_checked_too() {
    let proxy = Server::saying(message("302 Found", "location: http://10.1.2.3/\r\n", b"")).await;
    let client = live(behind(&format!("http://{}", proxy.address)));
    let error = fetch(&client, Role::Api, "http://nowhere.invalid/x").await.unwrap_err();
    assert!(matches!(error, FetchError::Denied { reason: Denial::PrivateAddress, .. }), "{error}");
    assert_eq!(proxy.requests().len(), 1);
}

#[tokio::test]
async fn https_goes_through_a_tunnel_and_a_proxy_that_finds_no_host_is_a_transport_error() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("paper.invalid");
    let proxy = Server::start(move |_, mut stream| {
        let acceptor = acceptor.clone();
        async move {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            answer_tls(acceptor, stream).await;
        }
    })
    .await;
    let mut settings = behind(&format!("http://{}", proxy.address));
    settings.ca_certs.push(authority.file.path().to_owned());
    let answer = fetch(&live(settings), Role::Api, "https://paper.invalid/").await.unwrap();
    assert_eq!(answer.body, "safe");
    assert!(proxy.requests()[0].starts_with("CONNECT paper.invalid:443 HTTP/1.1\r\n"));

    let proxy = Server::saying(message("502 Bad Gateway", "", b"")).await;
    let client = live(behind(&format!("http://{}", proxy.address)));
    let error = fetch(&client, Role::Api, "https://nowhere.invalid/x").await.unwrap_err();
    assert!(matches!(error, FetchError::Transport(_)), "{error}");
}

#[tokio::test]
async fn a_socks_proxy_gets_the_name() {
    let proxy = Server::start(|_, _| async {}).await;
    drop(proxy);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // RFC 1928: greeting, choice of no authentication, request, success.
        let mut greeting = [0; 3];
        stream.read_exact(&mut greeting[..2]).await.unwrap();
        let mut methods = vec![0; usize::from(greeting[1])];
        stream.read_exact(&mut methods).await.unwrap();
        stream.write_all(&[5, 0]).await.unwrap();
        let mut request = [0; 5];
        stream.read_exact(&mut request).await.unwrap();
        let mut name = vec![0; usize::from(request[4]) + 2];
        stream.read_exact(&mut name).await.unwrap();
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        read_head(&mut stream).await;
        say(stream, message("200 OK", "", b"socks")).await;
        name.truncate(name.len() - 2);
        String::from_utf8(name).unwrap()
    });
    let client = live(behind(&format!("socks5h://{address}")));
    let answer = fetch(&client, Role::Api, "http://nowhere.invalid/").await.unwrap();
    assert_eq!((answer.body.as_ref(), serving.await.unwrap().as_str()), (&b"socks"[..], "nowhere.invalid"));
}

/// A certificate authority of the test's own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: tempfile::NamedTempFile,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), file }
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        self.acceptor_with(CertificateParams::new([name.to_owned()]).unwrap())
    }

    fn acceptor_with(&self, params: CertificateParams) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.config(params)))
    }

    fn config(&self, params: CertificateParams) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

async fn answer_tls(acceptor: TlsAcceptor, stream: TcpStream) {
    // A client that does not trust us hangs up here.
    if let Ok(mut stream) = acceptor.accept(stream).await {
        read_head(&mut stream).await;
        say(stream, message("200 OK", "", b"safe")).await;
    }
}

async fn tls_server(acceptor: TlsAcceptor) -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_tls(acceptor.clone(), stream));
        }
    });
    (address, serving)
}

#[tokio::test]
async fn a_given_authority_is_trusted_and_an_unknown_one_is_a_certificate_error() {
    let authority = Authority::new();
    let (address, serving) = tls_server(authority.acceptor("localhost")).await;
    let url = format!("https://localhost:{}/", address.port());
    let mut settings = HttpSettings::for_tests();
    let error = fetch(&live(settings.clone()), Role::Api, &url).await.unwrap_err();
    assert!(matches!(error, FetchError::Certificate(_)), "{error}");
    assert!(!error.retryable());
    settings.ca_certs.push(authority.file.path().to_owned());
    assert_eq!(fetch(&live(settings), Role::Api, &url).await.unwrap().body, "safe");
    serving.abort();
}

#[tokio::test]
async fn a_body_that_ends_with_its_connection_needs_no_goodbye_and_one_with_a_length_is_cut() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("localhost");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let length = match read_head(&mut stream).await.contains("/length") {
                true => "content-length: 100\r\n",
                false => "",
            };
            let answer = format!("HTTP/1.1 200 OK\r\n{length}\r\nto the end");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            // Without TLS' own end.
            let (mut socket, _) = stream.into_inner();
            let _ = socket.shutdown().await;
        }
    });
    let mut settings = HttpSettings::for_tests();
    settings.ca_certs.push(authority.file.path().to_owned());
    let client = live(settings);
    let url = format!("https://localhost:{port}");
    assert_eq!(fetch(&client, Role::Page, &format!("{url}/open")).await.unwrap().body, "to the end");
    let error = fetch(&client, Role::Page, &format!("{url}/length")).await.unwrap_err();
    assert!(matches!(error, FetchError::Incomplete(_)), "{error}");
    serving.abort();
}

#[tokio::test]
async fn a_location_in_raw_latin_1_is_asked_for_as_the_bytes_that_it_was() {
    for (raw, asked) in [
        (b"/caf\xe9?q=\xfc".as_slice(), "GET /caf%E9?q=%FC "),
        ("/café".as_bytes(), "GET /caf%C3%A9 "),
        (b"/a%20b", "GET /a%20b "),
    ] {
        let redirect = [b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: ", raw, b"\r\n\r\n"].concat();
        let server = Server::start(move |head, stream| {
            let answer = match head.starts_with("GET / ") {
                true => redirect.clone(),
                false => message("200 OK", "", b"here"),
            };
            async move { say(stream, answer).await }
        })
        .await;
        let answer = fetch(&live(HttpSettings::for_tests()), Role::Page, &server.url("/")).await.unwrap();
        assert_eq!(answer.body, "here");
        assert!(server.requests()[1].starts_with(asked), "{}", server.requests()[1]);
    }
}

#[tokio::test]
async fn certificates_for_other_names_or_times_are_refused() {
    let authority = Authority::new();
    let mut old = CertificateParams::new(["localhost".to_owned()]).unwrap();
    old.not_before = rcgen::date_time_ymd(2001, 1, 1);
    old.not_after = rcgen::date_time_ymd(2002, 1, 1);
    for (acceptor, reason) in
        [(authority.acceptor("other.example"), "name"), (authority.acceptor_with(old), "expired")]
    {
        let (address, serving) = tls_server(acceptor).await;
        let mut settings = HttpSettings::for_tests();
        settings.ca_certs.push(authority.file.path().to_owned());
        let url = format!("https://localhost:{}/", address.port());
        let error = fetch(&live(settings), Role::Api, &url).await.unwrap_err();
        assert!(matches!(error, FetchError::Certificate(_)), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        serving.abort();
    }
}

/// How a server that speaks HTTP/2 gets rid of a request.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    /// This request alone.
    Reset(h2::Reason),
    /// The whole connection, before it has looked at any request.
    GoAway(h2::Reason),
}

/// RFC 9113, 6.8: waits for a request, and says that it was not looked at.
async fn go_away(mut stream: impl AsyncRead + AsyncWrite + Unpin, reason: h2::Reason) {
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    stream.read_exact(&mut [0; 24]).await.unwrap();
    stream.write_all(&settings).await.unwrap();
    stream.flush().await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
        const HEADERS: u8 = 1;
        if head[3] == HEADERS {
            break;
        }
    }
    let mut frame = vec![0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    frame.extend(u32::from(reason).to_be_bytes());
    stream.write_all(&frame).await.unwrap();
    stream.shutdown().await.unwrap();
}

/// A server that refuses so on its first connection by HTTP/2, and answers "first" by HTTP/1.1 and "second" by HTTP/2.
/// With it its port and what it has refused.
async fn refusing(
    authority: &Authority,
    refusal: Refusal,
) -> (tokio::task::JoinHandle<()>, u16, Arc<AtomicUsize>) {
    let mut config = authority.config(CertificateParams::new(["localhost".to_owned()]).unwrap());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let refused = Arc::new(AtomicUsize::new(0));
    let refusals = Arc::clone(&refused);
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let refusals = Arc::clone(&refusals);
            tokio::spawn(async move {
                if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                    read_head(&mut stream).await;
                    say(stream, message("200 OK", "", b"first")).await;
                    return;
                }
                let mut first = refusals.fetch_add(1, Ordering::SeqCst) == 0;
                if first && let Refusal::GoAway(reason) = refusal {
                    go_away(stream, reason).await;
                    return;
                }
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    match refusal {
                        Refusal::Reset(reason) if std::mem::take(&mut first) => respond.send_reset(reason),
                        _ => {
                            let mut body = respond.send_response(http::Response::new(()), false).unwrap();
                            body.send_data("second".into(), true).unwrap();
                        }
                    }
                }
            });
        }
    });
    (serving, port, refused)
}

#[tokio::test]
async fn a_server_that_requires_http_1_1_is_asked_by_it_and_not_by_http_2_again() {
    let required = h2::Reason::HTTP_1_1_REQUIRED;
    for refusal in [Refusal::Reset(required), Refusal::GoAway(required)] {
        let authority = Authority::new();
        let (serving, port, refused) = refusing(&authority, refusal).await;
        let mut settings = HttpSettings::for_tests();
        settings.ca_certs.push(authority.file.path().to_owned());
        let client = live(settings);
        for path in ["one", "two"] {
            let url = format!("https://localhost:{port}/{path}");
            let answer =
                fetch(&client, Role::Api, &url).await.unwrap_or_else(|error| panic!("{refusal:?}: {error}"));
            assert_eq!(answer.body, "first", "{refusal:?}");
        }
        assert_eq!(refused.load(Ordering::SeqCst), 1, "{refusal:?}");
        serving.abort();
    }
}

#[tokio::test]
async fn what_a_server_has_refused_unseen_is_asked_again() {
    for refusal in [Refusal::Reset(h2::Reason::REFUSED_STREAM), Refusal::GoAway(h2::Reason::NO_ERROR)] {
        let authority = Authority::new();
        let (serving, port, _) = refusing(&authority, refusal).await;
        let mut settings = HttpSettings::for_tests();
        settings.ca_certs.push(authority.file.path().to_owned());
        let url = format!("https://localhost:{port}/");
        let answer = fetch(&live(settings), Role::Api, &url).await;
        let answer = answer.unwrap_or_else(|error| panic!("{refusal:?}: {error}"));
        assert_eq!(answer.body, "second", "{refusal:?}");
        serving.abort();
    }
}

#[tokio::test]
async fn odd_heads_are_read_live_as_they_are_in_recordings() {
    let odd = "HTTP/1.1 200 OK\r\ncontent-type : text/html\r\nx-folded: a\r\n  b\r\nno colon here\r\n\
               content-length: 4\r\n\r\nbody";
    let server = Server::saying(odd).await;
    let answer = fetch(&live(HttpSettings::for_tests()), Role::Page, &server.url("/")).await.unwrap();
    assert_eq!(answer.body, "body");
    assert_eq!(answer.head.header("content-type").as_deref(), Some("text/html"));
    let folded = answer.head.header("x-folded").unwrap();
    assert_eq!(folded.split_whitespace().collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn a_head_of_lines_that_are_none_without_end_is_given_up() {
    let flood = "no colon here, and another line, and another line\r\n".repeat(100_000);
    let server = Server::saying(format!("HTTP/1.1 200 OK\r\n{flood}\r\n")).await;
    let error = fetch(&live(HttpSettings::for_tests()), Role::Page, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::Malformed(_)), "{error}");
}

#[tokio::test]
async fn http2_is_spoken_where_the_server_offers_it() {
    let authority = Authority::new();
    let mut config = authority.config(CertificateParams::new(["localhost".to_owned()]).unwrap());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let length = if request.uri().path() == "/cut" { "100" } else { "6" };
            let head = http::Response::builder().header("content-length", length).body(()).unwrap();
            let mut body = respond.send_response(head, false).unwrap();
            body.send_data("second".into(), true).unwrap();
        }
    });
    let mut settings = HttpSettings::for_tests();
    settings.ca_certs.push(authority.file.path().to_owned());
    let client = live(settings);
    let answer = fetch(&client, Role::Api, &format!("https://localhost:{port}/")).await.unwrap();
    assert_eq!(answer.body, "second");
    let error = fetch(&client, Role::Api, &format!("https://localhost:{port}/cut")).await.unwrap_err();
    assert!(matches!(error, FetchError::Incomplete(_)), "{error}");
    serving.abort();
}
