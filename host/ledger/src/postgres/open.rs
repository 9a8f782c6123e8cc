//! Connecting: the pool, the settings of each session, and the schema.

use deadpool_postgres::{Hook, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::{NoTls, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::LedgerError;
use crate::schema::{APPLICATION_ID, VERSION, check_version, migration};
use crate::sql::Dialect;

use super::settings::PostgresSettings;
use super::statements::Failure;
use super::target::Target;
use super::tls::{TlsMode, client_config};

/// Connections are made when they are needed; none is made here.
pub(super) fn pool(settings: &PostgresSettings) -> Result<Pool, LedgerError> {
    let target = target(settings)?;
    let place = target.name();
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = if target.mode == TlsMode::Disable {
        Manager::from_config(target.config, NoTls, recycling)
    } else {
        let mut tls = client_config(target.mode, &target.authorities, settings.roots.clone())
            .map_err(|why| LedgerError::Open { place: place.clone(), why })?;
        if target.is_direct() {
            tls.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Manager::from_config(target.config, MakeRustlsConnect::new(tls), recycling)
    };
    let setup = session_setup(settings);
    Pool::builder(manager)
        .max_size(settings.connections.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(settings.timeout))
        .create_timeout(Some(settings.timeout))
        .post_create(Hook::async_fn(move |client, _| {
            let setup = setup.clone();
            Box::pin(async move {
                client.batch_execute(&setup).await.map_err(deadpool_postgres::HookError::Backend)
            })
        }))
        .build()
        .map_err(|error| LedgerError::Open { place, why: error.to_string() })
}

/// How the driver begins to tell that a connection failed for its TLS.
const NO_TLS: &str = "error performing TLS handshake";

/// Upgrades the schema to this version, once, however many workers connect at the same time.
pub(super) async fn migrate(settings: &PostgresSettings, pool: &Pool) -> Result<(), LedgerError> {
    let target = target(settings)?;
    let place = format!("{}, schema {}", target.name(), settings.schema);
    let work = async {
        let mut client = pool.get().await?;
        let read_only: String = client.query_one("SHOW transaction_read_only", &[]).await?.get(0);
        if read_only == "on" {
            return Ok(Err(LedgerError::ReadOnly(format!("{place} takes no writes: it may be a standby"))));
        }
        let check = client.transaction().await?;
        match version(settings, &place, &check).await? {
            Ok(VERSION) => return Ok(Ok(())),
            Ok(0) if !settings.create => return Ok(Err(LedgerError::Absent { place: place.clone() })),
            Ok(_) => {}
            Err(refused) => return Ok(Err(refused)),
        }
        check.rollback().await?;
        // A transaction of its own, which reads the tables only after it has the lock.
        let transaction = client.transaction().await?;
        transaction.query("SELECT pg_advisory_xact_lock($1)", &[&APPLICATION_ID]).await?;
        // Read again under the lock: another worker may have migrated meanwhile.
        let found = match version(settings, &place, &transaction).await? {
            Ok(found) => found,
            Err(refused) => return Ok(Err(refused)),
        };
        if found == 0 {
            let begin = format!("CREATE SCHEMA IF NOT EXISTS {}", settings.schema);
            transaction.batch_execute(&begin).await?;
            transaction.batch_execute("CREATE TABLE ledger_version (version BIGINT NOT NULL)").await?;
            transaction.batch_execute("INSERT INTO ledger_version VALUES (0)").await?;
        }
        for next in found + 1..=VERSION {
            for statement in migration(next, Dialect::Postgres) {
                transaction.batch_execute(&statement).await?;
            }
        }
        transaction.execute("UPDATE ledger_version SET version = $1", &[&VERSION]).await?;
        transaction.commit().await?;
        Ok::<_, Failure>(Ok(()))
    };
    match work.await.map_err(LedgerError::from) {
        Ok(done) => done,
        Err(LedgerError::Unavailable(why) | LedgerError::Gone(why)) => {
            let why = if why.starts_with(NO_TLS) { format!("{why}; {}", target.mode.remedy()) } else { why };
            Err(LedgerError::Open { place, why })
        }
        Err(other) => Err(other),
    }
}

/// The schema's version; 0 where there is none yet.
async fn version(
    settings: &PostgresSettings,
    place: &str,
    transaction: &Transaction<'_>,
) -> Result<Result<i64, LedgerError>, tokio_postgres::Error> {
    // Read from the catalogue: the server resolves names with a cache that can be older than the lock.
    let there = "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = $1 AND c.relname = $2)";
    let ours: bool = transaction.query_one(there, &[&settings.schema, &"ledger_version"]).await?.get(0);
    if !ours {
        let taken: bool = transaction.query_one(there, &[&settings.schema, &"jobs"]).await?.get(0);
        let why = "it has a table `jobs` that Tierfall did not make".to_owned();
        return Ok(if taken { Err(LedgerError::Foreign { place: place.to_owned(), why }) } else { Ok(0) });
    }
    let found: i64 = transaction.query_one("SELECT MAX(version) FROM ledger_version", &[]).await?.get(0);
    Ok(check_version(place, found, settings.upgrade))
}

/// The settings of each session. A worker that is stopped inside a transaction must not hold its locks for ever,
/// and a commit is durable before its reply, whatever the server's default.
fn session_setup(settings: &PostgresSettings) -> String {
    let timeout = settings.timeout.as_millis();
    format!(
        "SET search_path = {schema};
         SET statement_timeout = {timeout};
         SET lock_timeout = {timeout};
         SET idle_in_transaction_session_timeout = {timeout};
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        schema = settings.schema,
    )
}

fn target(settings: &PostgresSettings) -> Result<Target, LedgerError> {
    let is_name = settings.schema.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if !is_name || !settings.schema.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err(LedgerError::Open {
            place: settings.schema.clone(),
            why: "a schema's name is lower-case letters, digits and `_`, and begins with a letter".to_owned(),
        });
    }
    let mut target = Target::parse(&settings.url)
        .map_err(|why| LedgerError::Open { place: "given as a postgres:// URL".to_owned(), why })?;
    target.config.connect_timeout(settings.timeout);
    if target.config.get_application_name().is_none() {
        target.config.application_name("tierfall");
    }
    Ok(target)
}
