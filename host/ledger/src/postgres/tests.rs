use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use super::{PostgresLedger, PostgresSettings, Time};
use crate::contract::Ledger;
use crate::error::LedgerError;
use crate::job::Enqueued;
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
            Enqueued::Held { until, .. } => assert_eq!(until, first.expires_at),
            Enqueued::Leased(lease) => break lease,
            other => panic!("{other:?}"),
        }
    };
    assert!(second.expires_at >= first.expires_at + 100);
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
        tls: None,
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
