//! Opening the ledger and the store that the configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::error::SetupError;
use super::file_system;
use crate::acquire::{Store, StoreError};
use crate::config::Config;
use crate::out;
#[cfg(feature = "postgres")]
use tierfall_ledger::postgres::{PostgresLedger, PostgresSettings, Time};
use tierfall_ledger::sqlite::{SqliteLedger, SqliteSettings};
use tierfall_ledger::{Ledger, LedgerClient, LedgerClientSettings, LedgerError, Probe, Rules, SystemClock};
use tierfall_objects::Objects;

/// How long an engine waits for a lock or a connection: longer than any honest transaction takes, also on a
/// slow disk, and short enough that a download does not seem to hang.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Of one process. A worker needs one only while it writes, and each costs the server a process of its own.
const CONNECTIONS: usize = 8;

/// The schema of the tables, so that the database can be shared with other programs.
#[cfg(feature = "postgres")]
const SCHEMA: &str = "tierfall";

/// Where the ledger is: by `ledger.url`, or in the output folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerPlace {
    /// A SQLite file.
    File(PathBuf),
    /// `postgres://…`; it may hold a password, so it is not shown.
    Server(String),
}

impl LedgerPlace {
    /// Which engine keeps it there.
    pub fn engine(&self) -> &'static str {
        match self {
            Self::File(_) => "SQLite",
            Self::Server(_) => "PostgreSQL",
        }
    }

    /// The place that `ledger.url` names, else `ledger.sqlite` in the output folder `out`.
    pub fn of(config: &Config, out: &Path) -> Self {
        match &config.ledger.url {
            None => Self::File(out.join("ledger.sqlite")),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Self::Server(url.clone())
            }
            Some(path) => Self::File(PathBuf::from(path)),
        }
    }
}

/// For people: without a password.
impl std::fmt::Display for LedgerPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(url) => match url::Url::parse(url) {
                Ok(url) => write!(f, "postgres://{}{}", url.host_str().unwrap_or_default(), url.path()),
                Err(_) => f.write_str("postgres://…"),
            },
        }
    }
}

/// Opens the place for files: the output folder, or the bucket of `run.store`, of which it is made sure that it can be
/// used.
pub async fn open_store(config: &Config, out: &Path) -> Result<Store, SetupError> {
    let name = config.run.name.clone();
    match open_objects(config).await? {
        None => Ok(Store::open_named(out, name)?),
        Some(objects) => Ok(Store::open_remote(out, name, objects)?),
    }
}

/// The bucket of `run.store`, if there is one.
pub(crate) async fn open_objects(config: &Config) -> Result<Option<Objects>, SetupError> {
    let Some(place) = config.run.store.clone() else { return Ok(None) };
    let tls = tierfall_http::client_config(&config.http.ca_certs)?;
    Ok(Some(Objects::open(place, &config.store, tls).await.map_err(StoreError::from)?))
}

/// Opens the ledger, and makes it if there is none.
pub async fn open_ledger(config: &Config, out: &Path) -> Result<Arc<dyn Ledger>, LedgerError> {
    open(config, out, true).await
}

/// Opens the ledger that is there: looking for one makes none, and changes none.
pub async fn find_ledger(config: &Config, out: &Path) -> Result<Arc<dyn Ledger>, LedgerError> {
    open(config, out, false).await
}

/// A ledger for turns at hosts alone: made if there is none, with few connections, and in no hurry to reach the disk.
pub(super) async fn open_turns(config: &Config, place: &LedgerPlace) -> Result<Arc<dyn Ledger>, LedgerError> {
    let rules = config.ledger.rules.clone();
    match place {
        LedgerPlace::File(path) => open_file(path.clone(), rules, true, false).await,
        LedgerPlace::Server(url) => open_server(config, url.clone(), rules, true, 1).await,
    }
}

async fn open(config: &Config, out: &Path, make: bool) -> Result<Arc<dyn Ledger>, LedgerError> {
    let rules = config.ledger.rules.clone();
    match LedgerPlace::of(config, out) {
        LedgerPlace::File(path) => {
            if config.ledger.url.is_none() && out::is_link(&path) {
                return Err(LedgerError::Open {
                    place: path.display().to_string(),
                    why: out::linked().to_string(),
                });
            }
            open_file(path, rules, make, true).await
        }
        LedgerPlace::Server(url) => open_server(config, url, rules, make, CONNECTIONS).await,
    }
}

async fn open_file(
    path: PathBuf,
    rules: Rules,
    make: bool,
    durable: bool,
) -> Result<Arc<dyn Ledger>, LedgerError> {
    let settings = SqliteSettings {
        path,
        rules,
        clock: Arc::new(SystemClock),
        timeout: LOCK_TIMEOUT,
        create: make,
        upgrade: make,
        durable,
    };
    Ok(Arc::new(SqliteLedger::open(settings).await?))
}

#[cfg(feature = "postgres")]
async fn open_server(
    config: &Config,
    url: String,
    rules: Rules,
    make: bool,
    connections: usize,
) -> Result<Arc<dyn Ledger>, LedgerError> {
    let roots = tierfall_http::root_certificates(&config.http.ca_certs).map_err(|error| {
        LedgerError::Open { place: LedgerPlace::Server(url.clone()).to_string(), why: error.to_string() }
    })?;
    let settings = PostgresSettings {
        url,
        schema: SCHEMA.to_owned(),
        rules,
        time: Time::Server,
        connections,
        timeout: LOCK_TIMEOUT,
        roots: Some(Arc::new(roots)),
        create: make,
        upgrade: make,
    };
    Ok(Arc::new(PostgresLedger::open(settings).await?))
}

#[cfg(not(feature = "postgres"))]
async fn open_server(
    _: &Config,
    url: String,
    _: Rules,
    _: bool,
    _: usize,
) -> Result<Arc<dyn Ledger>, LedgerError> {
    Err(LedgerError::Open {
        place: LedgerPlace::Server(url).to_string(),
        why: "this build has no PostgreSQL (the feature `postgres` of the crate tierfall)".to_owned(),
    })
}

/// The ledger of a run. It is on if the configuration, all its layers read, says so; `probe` is told of every
/// write.
pub async fn open_client(
    config: &Config,
    out: &Path,
    probe: Option<Probe>,
) -> Result<LedgerClient, LedgerError> {
    if !config.ledger.enabled {
        return Ok(LedgerClient::off());
    }
    let settings = LedgerClientSettings {
        on_failure: config.ledger.on_failure,
        lease: config.ledger.rules.lease,
        // The engine's own timeout twice: for the lock and for the write.
        timeout: LOCK_TIMEOUT * 2,
        probe,
    };
    if let LedgerPlace::File(path) = LedgerPlace::of(config, out)
        && let Some(kind) = file_system::network(&path)
    {
        tracing::warn!(
            "the ledger {} is on a network file system ({kind}), where SQLite can lose it, also after a crash of this \
             machine alone: keep it on a local disk (--ledger FILE), or on a PostgreSQL server if several machines work \
             from it (--ledger postgres://…)",
            path.display()
        );
    }
    let client = LedgerClient::open(open_ledger(config, out), settings).await?;
    if client.is_on() {
        tracing::info!("idempotency is on: the ledger is {}", LedgerPlace::of(config, out));
    }
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_without_its_password() {
        let place =
            LedgerPlace::Server("postgres://me:hidden@db.example.org/tierfall?sslmode=require".into());
        assert_eq!(place.to_string(), "postgres://db.example.org/tierfall");
    }
}
