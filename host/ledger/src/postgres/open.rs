//! Connecting: the pool, the settings of each session, and the schema.

use std::sync::Arc;

use deadpool_postgres::{Client, Hook, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Transaction};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::LedgerError;
use crate::schema::{APPLICATION_ID, VERSION, check_version, migration};
use crate::sql::Dialect;

use super::password::password_of;
use super::settings::PostgresSettings;
use super::sharing::is_shared;
use super::statements::Failure;
use super::target::Target;
use super::tls::{TlsMode, client_config};

/// Connections to one server. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pool: Pool,
    /// What each transaction begins with, where sessions are others' too.
    local: Option<Arc<str>>,
}

impl Connections {
    /// Connects, and finds out to what.
    pub(super) async fn open(settings: &PostgresSettings) -> Result<Self, LedgerError> {
        let mut settings = settings.clone();
        // Nothing is set in these: they may be somebody else's sessions.
        let probe = pool(&PostgresSettings { connections: 2, ..settings.clone() }, None)?;
        let shared = is_shared(&probe).await.map_err(|failure| unopened(&settings, failure.into()));
        probe.close();
        if !shared? {
            let setup = session_setup(&settings, Scope::Session);
            return Ok(Self { pool: pool(&settings, Some(setup))?, local: None });
        }
        tracing::info!("the ledger's connections are lent by the transaction: nothing is kept in a session");
        settings.connections = settings.connections.max(2);
        let local = session_setup(&settings, Scope::Transaction).into();
        Ok(Self { pool: pool(&settings, None)?, local: Some(local) })
    }

    pub(super) async fn get(&self) -> Result<Client, Failure> {
        Ok(self.pool.get().await?)
    }

    /// What every transaction has to do first.
    pub(super) async fn begin(&self, transaction: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
        match &self.local {
            Some(local) => transaction.batch_execute(local).await,
            None => Ok(()),
        }
    }

    /// Whether statements may be prepared, to be run again in the same session.
    pub(super) fn prepares(&self) -> bool {
        self.local.is_none()
    }

    pub(super) fn most(&self) -> usize {
        self.pool.status().max_size
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// Connections are made when they are needed; none is made here. `setup` is run once in each.
fn pool(settings: &PostgresSettings, setup: Option<String>) -> Result<Pool, LedgerError> {
    let target = target(settings)?;
    let place = target.name();
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = if target.mode == TlsMode::Disable {
        Manager::from_config(target.config, NoTls, recycling)
    } else {
        let mut tls =
            client_config(target.mode, &target.authorities, target.identity.as_ref(), settings.roots.clone())
                .map_err(|why| LedgerError::Open { place: place.clone(), why })?;
        if target.is_direct() {
            tls.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Manager::from_config(target.config, MakeRustlsConnect::new(tls), recycling)
    };
    let mut builder = Pool::builder(manager)
        .max_size(settings.connections.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(settings.timeout))
        .create_timeout(Some(settings.timeout));
    if let Some(setup) = setup {
        builder = builder.post_create(Hook::async_fn(move |client, _| {
            let setup = setup.clone();
            Box::pin(async move {
                client.batch_execute(&setup).await.map_err(deadpool_postgres::HookError::Backend)
            })
        }));
    }
    builder.build().map_err(|error| LedgerError::Open { place, why: error.to_string() })
}

/// How the driver begins to tell that a connection failed for its TLS.
const NO_TLS: &str = "error performing TLS handshake";

/// Upgrades the schema to this version, once, however many workers connect at the same time.
pub(super) async fn migrate(
    settings: &PostgresSettings,
    connections: &Connections,
) -> Result<(), LedgerError> {
    let place = place(settings)?;
    let work = async {
        let mut client = connections.get().await?;
        let about = "SELECT current_setting('transaction_read_only'), current_setting('server_encoding'), current_user::text";
        let about = client.query_typed_one(about, &[]).await?;
        let (read_only, encoding): (String, String) = (about.try_get(0)?, about.try_get(1)?);
        let role: String = about.try_get(2)?;
        if encoding != "UTF8" {
            let why = format!(
                "its database is encoded in {encoding}, which cannot hold every title: make another one with CREATE \
                 DATABASE name ENCODING 'UTF8' TEMPLATE template0, and give that"
            );
            return Ok(Err(LedgerError::Open { place: place.clone(), why }));
        }
        if read_only == "on" {
            return Ok(Err(LedgerError::ReadOnly(format!("{place} takes no writes: it may be a standby"))));
        }
        let check = client.transaction().await?;
        connections.begin(&check).await?;
        match version(settings, &place, &check).await? {
            Ok(VERSION) => return Ok(Ok(())),
            // It is only looked into.
            Ok(1..) if !settings.upgrade => return Ok(Ok(())),
            Ok(0) if !settings.create => return Ok(Err(LedgerError::Absent { place: place.clone() })),
            Ok(_) => {}
            Err(refused) => return Ok(Err(refused)),
        }
        check.rollback().await?;
        // A transaction of its own, which reads the tables only after it has the lock.
        let transaction = client.transaction().await?;
        connections.begin(&transaction).await?;
        let lock = "SELECT pg_advisory_xact_lock($1)";
        transaction.query_typed(lock, &[(&APPLICATION_ID, Type::INT8)]).await?;
        // Read again under the lock: another worker may have migrated meanwhile.
        let found = match version(settings, &place, &transaction).await? {
            Ok(found) => found,
            Err(refused) => return Ok(Err(refused)),
        };
        if found == 0 {
            // One that an administrator has made is enough: whoever may not make one may not ask for it either.
            let there = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";
            let there = transaction.query_typed_one(there, &[(&settings.schema, Type::TEXT)]).await?;
            if !there.try_get::<_, bool>(0)? {
                let made = transaction.batch_execute(&format!("CREATE SCHEMA {}", settings.schema)).await;
                if made.as_ref().is_err_and(is_forbidden) {
                    let why = format!(
                        "the role {role} may not make the schema {schema}: an administrator does it with CREATE SCHEMA \
                         {schema} AUTHORIZATION \"{role}\"",
                        schema = settings.schema
                    );
                    return Ok(Err(LedgerError::Open { place: place.clone(), why }));
                }
                made?;
            }
            let first = "CREATE TABLE ledger_version (version BIGINT NOT NULL)";
            let made = transaction.batch_execute(first).await;
            if made.as_ref().is_err_and(is_forbidden) {
                let why = format!(
                    "the role {role} may not make tables in the schema {schema}: an administrator lets it with GRANT \
                     USAGE, CREATE ON SCHEMA {schema} TO \"{role}\"",
                    schema = settings.schema
                );
                return Ok(Err(LedgerError::Open { place: place.clone(), why }));
            }
            made?;
            transaction.batch_execute("INSERT INTO ledger_version VALUES (0)").await?;
        }
        for next in found + 1..=VERSION {
            for statement in migration(next, Dialect::Postgres) {
                transaction.batch_execute(&statement).await?;
            }
        }
        let update = "UPDATE ledger_version SET version = $1";
        transaction.execute_typed(update, &[(&VERSION, Type::INT8)]).await?;
        transaction.commit().await?;
        Ok::<_, Failure>(Ok(()))
    };
    match work.await.map_err(LedgerError::from) {
        Ok(done) => done,
        Err(error) => Err(unopened(settings, error)),
    }
}

/// What is not there at the beginning cannot be opened.
fn unopened(settings: &PostgresSettings, error: LedgerError) -> LedgerError {
    let (place, target) = match (place(settings), target(settings)) {
        (Ok(place), Ok(target)) => (place, target),
        (Err(wrong), _) | (_, Err(wrong)) => return wrong,
    };
    match error {
        LedgerError::Unavailable(why) | LedgerError::Gone(why) => {
            let why = if why.starts_with(NO_TLS) { format!("{why}; {}", target.mode.remedy()) } else { why };
            LedgerError::Open { place, why }
        }
        other => other,
    }
}

/// The server, the database and the schema.
fn place(settings: &PostgresSettings) -> Result<String, LedgerError> {
    Ok(format!("{}, schema {}", target(settings)?.name(), settings.schema))
}

fn is_forbidden(error: &tokio_postgres::Error) -> bool {
    // A schema that may not even be used is not on the path.
    let codes = [&SqlState::INSUFFICIENT_PRIVILEGE, &SqlState::INVALID_SCHEMA_NAME];
    error.code().is_some_and(|code| codes.contains(&code))
}

/// The schema's version; 0 where there is none yet.
async fn version(
    settings: &PostgresSettings,
    place: &str,
    transaction: &Transaction<'_>,
) -> Result<Result<i64, LedgerError>, tokio_postgres::Error> {
    // Read from the catalogue: the server resolves names with a cache that can be older than the lock. Both in one look:
    // between two, another worker could make them.
    let there = "SELECT bool_or(c.relname = 'ledger_version'), bool_or(c.relname = 'jobs') \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1";
    let there = transaction.query_typed_one(there, &[(&settings.schema, Type::TEXT)]).await?;
    // Of no tables there is nothing to tell.
    let has = |column: usize| {
        Ok::<_, tokio_postgres::Error>(there.try_get::<_, Option<bool>>(column)? == Some(true))
    };
    let (versioned, taken) = (has(0)?, has(1)?);
    if !versioned {
        let why = "it has a table `jobs` that Tierfall did not make".to_owned();
        return Ok(if taken { Err(LedgerError::Foreign { place: place.to_owned(), why }) } else { Ok(0) });
    }
    let found = transaction.query_typed_one("SELECT MAX(version) FROM ledger_version", &[]).await?;
    let found: i64 = found.try_get::<_, Option<i64>>(0)?.unwrap_or(0);
    Ok(check_version(place, found, settings.upgrade))
}

/// For how long a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Session,
    Transaction,
}

/// The settings of each session, or of each transaction. A worker that is stopped inside a transaction must not hold its locks for ever,
/// and a commit is durable before its reply, whatever the server's default.
fn session_setup(settings: &PostgresSettings, scope: Scope) -> String {
    let timeout = settings.timeout.as_millis();
    let local = scope == Scope::Transaction;
    let set = if local { "SET LOCAL" } else { "SET" };
    format!(
        "{set} search_path = {schema};
         {set} statement_timeout = {timeout};
         {set} lock_timeout = {timeout};
         {set} idle_in_transaction_session_timeout = {timeout};
         SELECT set_config('synchronous_commit', 'on', {local}) WHERE current_setting('synchronous_commit') = 'off'",
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
    if target.config.get_password().is_none()
        && let Some(password) = password_of(&target)
    {
        target.config.password(password);
    }
    Ok(target)
}
