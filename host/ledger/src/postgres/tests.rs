use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use super::{PostgresLedger, PostgresSettings, Time};
use crate::clock::{Clock as _, SystemClock};
use crate::command::JobCommand;
use crate::contract::Ledger;
use crate::error::LedgerError;
use crate::job::{Ending, Enqueued, Lease};
use crate::protocol::Rules;
use crate::testing::{TestLedger as _, job, rules, server::server};

#[tokio::test]
async fn leases_are_measured_by_the_servers_clock() {
    let Some(settings) = settings("clock") else { return };
    let lease = Duration::from_millis(100);
    let settings = PostgresSettings { rules: Rules { lease, ..rules() }, ..settings };
    let shell = shell(&settings).await;
    let ledger = PostgresLedger::open(settings).await.unwrap();
    let key = ledger.plan(vec![job(1)]).await.unwrap().remove(0).key().clone();
    let Enqueued::Leased(first) = ledger.lease(&key, "a").await.unwrap() else { panic!("it is free") };
    let now: i64 = shell
        .query_one("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", &[])
        .await
        .unwrap()
        .get(0);
    assert!(first.expires_at <= now + 100 && first.expires_at > now - 5_000, "{} at {now}", first.expires_at);
    // Only the server decides when the lease is over.
    let second = loop {
        match ledger.lease(&key, "b").await.unwrap() {
            Enqueued::Held { until, .. } => assert_eq!(until.at, first.expires_at),
            Enqueued::Leased(lease) => break lease,
            other => panic!("{other:?}"),
        }
    };
    assert!(second.expires_at >= first.expires_at + 100);
}

/// No program has another clock than its machine, so the server gets one that is far from ours.
#[tokio::test]
async fn a_server_whose_clock_is_far_from_ours_forgets_by_its_own_and_says_how_long_to_wait() {
    for (name, years) in [("ahead", 7), ("behind", -7)] {
        let Some(settings) = settings(name) else { return };
        shell(&settings).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let settings =
            PostgresSettings { url: settings.url.replace("/postgres?", &format!("/{name}?")), ..settings };
        let shell = shell(&settings).await;
        shell.batch_execute(&another_clock(years)).await.unwrap();
        let ledger = PostgresLedger::open(settings).await.unwrap();
        let there = ledger.now().await.unwrap();
        let year = 365 * 86_400_000;
        assert!((there - SystemClock.now_ms() - years * year).abs() < year, "{name}: {there}");

        let lease = free(ledger.enqueue(job(1), "a").await.unwrap());
        let wait = Duration::from_secs(600);
        let park = JobCommand::Park { wait, so_far: serde_json::json!({}) };
        let parked = ledger.execute_one(&lease, park).await.unwrap().next_at.unwrap();
        assert!(parked.wait == wait && (parked.at - there - 600_000).abs() < 60_000, "{parked:?}, {there}");
        match ledger.enqueue(job(1), "b").await.unwrap() {
            Enqueued::Parked { until } => {
                assert!(until.at == parked.at && until.wait <= wait && until.wait > wait / 2, "{until:?}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(ledger.next_at().await.unwrap().unwrap().at, parked.at);

        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let lease = free(ledger.enqueue(job(2), "a").await.unwrap());
        let over = JobCommand::Finish(Ending::Exhausted { result: serde_json::json!({}) });
        ledger.execute_one(&lease, over).await.unwrap();
        assert_eq!(ledger.prune(hours(1), 0).await.unwrap().jobs, 0, "{name}: it ended just now");
        let earlier = "planned_at = planned_at - 7200000, changed_at = changed_at - 7200000";
        shell.batch_execute(&format!("UPDATE {name}.jobs SET {earlier}")).await.unwrap();
        assert_eq!(ledger.prune(hours(3), 0).await.unwrap().jobs, 0, "{name}: it ended two hours ago");
        assert_eq!(ledger.prune(hours(1), 0).await.unwrap().jobs, 1, "{name}: it ended two hours ago");
        assert!(ledger.show(&job(1).key()).await.unwrap().is_some(), "more is to be done for it");
    }
}

fn free(enqueued: Enqueued) -> Lease {
    match enqueued {
        Enqueued::Leased(lease) => lease,
        other => panic!("it should be free: {other:?}"),
    }
}

/// Sets a database's clock by so many years.
fn another_clock(years: i64) -> String {
    format!(
        "SET allow_system_table_mods = on; ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO clock_of_all; \
         CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
         $$SELECT pg_catalog.clock_of_all() + interval '{years} years'$$"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_make_one_ledger_and_each_takes_it_for_its_own() {
    for round in 0..5 {
        let Some(settings) = settings(&format!("together{round}")) else { return };
        let opening: Vec<_> = (0..12).map(|_| tokio::spawn(PostgresLedger::open(settings.clone()))).collect();
        for opened in opening {
            opened.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn connections_that_the_server_ends_are_replaced() {
    let Some(settings) = settings("broken") else { return };
    let shell = shell(&settings).await;
    let ledger = PostgresLedger::open(settings).await.unwrap();
    for number in 0..5 {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'broken'";
        shell.query(end, &[]).await.unwrap();
        // It may show only in their use; then the work is begun again on another.
        ledger.plan(vec![job(number)]).await.unwrap();
        ledger.counts().await.unwrap();
    }
}

#[tokio::test]
async fn a_row_that_someone_else_keeps_locked_is_passed_over_or_waited_for_not_for_ever() {
    let Some(settings) = settings("locked") else { return };
    let settings = PostgresSettings { timeout: Duration::from_millis(300), ..settings };
    let shell = shell(&settings).await;
    let ledger = PostgresLedger::open(settings).await.unwrap();
    let planned = ledger.plan(vec![job(1), job(2)]).await.unwrap();
    shell.batch_execute("BEGIN; SELECT FROM locked.jobs WHERE id = 1 FOR UPDATE").await.unwrap();
    let next = ledger.lease_next("a").await.unwrap().unwrap();
    assert_eq!(next.job(), planned[1].key());
    let refused = ledger.lease(planned[0].key(), "a").await;
    assert!(matches!(refused, Err(LedgerError::Unavailable(_))), "{refused:?}");
    shell.batch_execute("COMMIT").await.unwrap();
    assert!(matches!(ledger.lease(planned[0].key(), "a").await, Ok(Enqueued::Leased(_))));
}

#[tokio::test]
async fn events_that_a_closing_ledger_cannot_write_are_counted_as_lost() {
    let Some(settings) = settings("closing") else { return };
    let settings = PostgresSettings { timeout: Duration::from_millis(300), ..settings };
    let shell = shell(&settings).await;
    let ledger = PostgresLedger::open(settings).await.unwrap();
    shell.batch_execute("BEGIN; LOCK TABLE closing.events IN ACCESS EXCLUSIVE MODE").await.unwrap();
    ledger.plan(vec![job(1), job(2)]).await.unwrap();
    assert_eq!(ledger.events_lost(), 0, "they may still be written");
    ledger.close().await;
    assert_eq!(ledger.events_lost(), 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let Some(settings) = settings("nowhere") else { return };
    let started = Instant::now();
    // A socket that nobody listens on.
    let url = "postgres://me:hidden@%2Fnonexistent-folder/tierfall".to_owned();
    let error = PostgresLedger::open(PostgresSettings { url, ..settings.clone() }).await.unwrap_err();
    assert!(matches!(error, LedgerError::Open { .. }), "{error:?}");
    assert!(
        error.to_string().contains("nonexistent-folder") && !error.to_string().contains("hidden"),
        "{error}"
    );
    assert!(started.elapsed() < settings.timeout);
    for (url, schema) in
        [("postgres://me:hidden@host:not-a-port/", "s"), (settings.url.as_str(), "Robert'); --")]
    {
        let odd = PostgresSettings { url: url.to_owned(), schema: schema.to_owned(), ..settings.clone() };
        let error = PostgresLedger::open(odd).await.unwrap_err();
        assert!(
            matches!(error, LedgerError::Open { .. }) && !error.to_string().contains("hidden"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_database_that_takes_no_writes_says_so() {
    let Some(settings) = settings("standby") else { return };
    let ledger = PostgresLedger::open(settings.clone()).await.unwrap();
    ledger.plan(vec![job(1)]).await.unwrap();
    let url = format!("{}&options=-c%20default_transaction_read_only%3Don", settings.url);
    let error = PostgresLedger::open(PostgresSettings { url, ..settings }).await.unwrap_err();
    assert!(matches!(error, LedgerError::ReadOnly(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_declines_tls_hears_nothing_but_the_question() {
    for (host, options) in [
        // By default too, where the name or the address is of another machine.
        ("db.example.org", ""),
        ("localhost", "&sslmode=require"),
        ("localhost", "&sslmode=verify-ca"),
        ("localhost", "&sslmode=verify-full"),
    ] {
        let server = FakeServer::start(b"N");
        let error = PostgresLedger::open(server.settings(host, options)).await.unwrap_err().to_string();
        assert!(error.contains("does not support TLS") && error.contains("sslmode="), "{error}");
        assert!(!error.contains("hidden"), "{error}");
        assert_eq!(server.received(), SSL_REQUEST, "{host}{options}");
    }
    for options in ["&sslmode=prefer", "&sslmode=disable", ""] {
        let server = FakeServer::start(b"N");
        PostgresLedger::open(server.settings("localhost", options)).await.unwrap_err();
        let received = server.received();
        assert!(received.windows(4).any(|bytes| bytes == b"user"), "{options}: {received:?}");
    }
}

#[tokio::test]
async fn certificates_are_checked_as_libpq_checks_them() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let file = |name: &str, pem: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.display().to_string().replace('/', "%2F")
    };
    let known = file("known.pem", authority.pem());
    let other = file("other.pem", Authority::new().pem());
    let none = file("none.pem", "no certificate".into());
    for (name, options, taken) in [
        ("localhost", "&sslmode=prefer".to_owned(), true),
        ("elsewhere.example.org", "&sslmode=require".to_owned(), true),
        ("elsewhere.example.org", format!("&sslmode=require&sslrootcert={known}"), true),
        ("localhost", format!("&sslmode=require&sslrootcert={other}"), false),
        ("elsewhere.example.org", format!("&sslmode=verify-ca&sslrootcert={known}"), true),
        ("localhost", format!("&sslmode=verify-ca&sslrootcert={other}"), false),
        ("localhost", "&sslmode=verify-ca".to_owned(), false),
        ("localhost", format!("&sslmode=verify-full&sslrootcert={known}"), true),
        ("elsewhere.example.org", format!("&sslmode=verify-full&sslrootcert={known}"), false),
        ("localhost", format!("&sslmode=verify-full&sslrootcert={other}"), false),
        ("localhost", format!("&sslmode=verify-full&sslrootcert={none}"), false),
        ("localhost", "&sslrootcert=system".to_owned(), false),
    ] {
        let server = FakeServer::start_tls(authority.server(name));
        let error =
            PostgresLedger::open(server.settings("localhost", &options)).await.unwrap_err().to_string();
        // What the server was told after the handshake, decrypted.
        let received = server.received();
        let told = received.windows(4).any(|bytes| bytes == b"user");
        assert_eq!(told, taken, "{name} {options}: {error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}

/// What a client begins with that wants TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Answers the first question, and then only listens.
struct FakeServer {
    port: u16,
    received: std::thread::JoinHandle<Vec<u8>>,
}

impl FakeServer {
    fn start(answer: &'static [u8]) -> Self {
        Self::serving(move |mut stream| {
            let mut received = vec![0; SSL_REQUEST.len()];
            stream.read_exact(&mut received).unwrap();
            if received == SSL_REQUEST {
                stream.write_all(answer).unwrap();
            }
            read_on(&mut stream, &mut received);
            received
        })
    }

    fn start_tls(config: rustls::ServerConfig) -> Self {
        Self::serving(move |mut stream| {
            let mut question = SSL_REQUEST;
            stream.read_exact(&mut question).unwrap();
            stream.write_all(b"S").unwrap();
            let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
            let mut received = Vec::new();
            read_on(&mut rustls::StreamOwned::new(connection, stream), &mut received);
            received
        })
    }

    fn serving(serve: impl FnOnce(TcpStream) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = std::thread::spawn(move || serve(listener.accept().unwrap().0));
        Self { port, received }
    }

    fn settings(&self, host: &str, options: &str) -> PostgresSettings {
        PostgresSettings {
            url: format!(
                "postgres://me:hidden@{host}:{}/x?hostaddr=127.0.0.1&password=hidden{options}",
                self.port
            ),
            schema: "fake".to_owned(),
            rules: rules(),
            time: Time::Server,
            connections: 1,
            timeout: Duration::from_secs(20),
            // Of nobody who has signed anything.
            roots: Some(Arc::new(Authority::new().roots())),
            create: true,
            upgrade: false,
        }
    }

    /// Everything that it was told, once the client has gone.
    fn received(self) -> Vec<u8> {
        if self.received.is_finished() {
            return self.received.join().unwrap();
        }
        // A client that refused to connect at all.
        let _ = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut probe| probe.write_all(&[0; 8]));
        self.received.join().unwrap()
    }
}

/// The first message, after which a server that says no more is left by closing its side.
fn read_on(stream: &mut impl Read, received: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    // An error is the end too: a client that refuses the certificate.
    if let Ok(read) = stream.read(&mut buffer) {
        received.extend_from_slice(&buffer[..read]);
    }
}

/// Signs servers' certificates.
struct Authority(rcgen::CertifiedIssuer<'static, rcgen::KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// Of a server whose certificate is made out to this name.
    fn server(&self, name: &str) -> rustls::ServerConfig {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &*self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
            .unwrap()
    }
}

/// A ledger of its own, whose connections bear its name. `None`: no server is installed here.
fn settings(name: &str) -> Option<PostgresSettings> {
    let server = server("-c fsync=off")?;
    Some(PostgresSettings {
        url: format!("{}?application_name={name}", server.url()),
        schema: name.to_owned(),
        rules: rules(),
        time: Time::Server,
        connections: 4,
        timeout: Duration::from_secs(20),
        roots: None,
        create: true,
        upgrade: false,
    })
}

/// Another connection to the same server.
async fn shell(settings: &PostgresSettings) -> Client {
    let url = settings.url.replace("application_name=", "application_name=shell_of_");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
