//! A PostgreSQL database for a test of the whole program, and what can happen to it.

#[path = "../../host/ledger/src/testing/server.rs"]
mod server;

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::NoTls;

/// A database of its own on the server of this process.
pub struct Database {
    name: String,
}

impl Database {
    /// `None`: no server is installed here, and this was said on the terminal with how to install one.
    pub fn new() -> Option<Self> {
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        // Quick rather than durable: no test cuts the power.
        server::server("-c fsync=off")?;
        let database = Self { name: format!("t{}", DATABASES.fetch_add(1, Ordering::SeqCst)) };
        database.of_the_server(&format!("CREATE DATABASE {}", database.name));
        Some(database)
    }

    /// In another encoding than UTF-8.
    pub fn encoded(encoding: &str) -> Option<Self> {
        let database = Self::new()?;
        let name = &database.name;
        database.of_the_server(&format!("DROP DATABASE {name}"));
        let made = format!("CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        database.of_the_server(&made);
        Some(database)
    }

    /// The same as another role.
    pub fn url_of_role(&self, role: &str) -> String {
        self.url().replacen("tierfall@", &format!("{role}@"), 1)
    }

    /// The folder of the server's socket.
    pub fn socket_folder(&self) -> String {
        let url = self.url();
        let place = url.split('@').nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        place.replace("%2F", "/")
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// For `--ledger`.
    pub fn url(&self) -> String {
        url_of(&self.name)
    }

    /// Runs statements past the ledger, as someone with a shell would.
    #[track_caller]
    pub fn sql(&self, statements: &str) {
        run(&self.url(), statements);
    }

    /// No transaction is open that touches the ledger's jobs.
    pub fn is_at_rest(&self) -> bool {
        let lock = "BEGIN; LOCK TABLE tierfall.jobs IN EXCLUSIVE MODE NOWAIT; ROLLBACK";
        try_run(&self.url(), lock).is_ok()
    }

    /// What a server that goes away does to its clients: their connections end, and no new one is let in.
    pub fn close(&self) {
        let name = &self.name;
        self.of_the_server(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity";
        self.of_the_server(&format!("{end} WHERE datname = '{name}'"));
    }

    /// It is back.
    pub fn open(&self) {
        self.of_the_server(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name));
    }

    /// Whoever connects from now on can only look.
    pub fn set_read_only(&self) {
        self.of_the_server(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", self.name));
    }

    /// Its clock goes by so much from ours, as in `1 hour`.
    pub fn set_clock(&self, by: &str) {
        self.sql(&format!(
            "SET allow_system_table_mods = on; ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO clock_of_all; \
             CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
             $$SELECT pg_catalog.clock_of_all() + interval '{by}'$$"
        ));
    }

    fn of_the_server(&self, statements: &str) {
        run(&url_of("postgres"), statements);
    }
}

fn url_of(database: &str) -> String {
    let url = server::server("").expect("it runs").url();
    let server = url.strip_suffix("/postgres").expect("its URL ends in its first database");
    format!("{server}/{database}")
}

/// Runs statements wherever this URL leads.
#[track_caller]
pub fn run(url: &str, statements: &str) {
    try_run(url, statements).unwrap_or_else(|error| panic!("{statements}: {error:?}"));
}

fn try_run(url: &str, statements: &str) -> Result<(), tokio_postgres::Error> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let connection = tokio::spawn(connection);
        let ran = client.batch_execute(statements).await;
        drop(client);
        drop(connection.await);
        ran
    })
}
