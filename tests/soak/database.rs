//! Databases for ledgers that are on a server.

#[path = "../../host/src/ledger/testing/server.rs"]
mod server;

/// A database of its own on a server of its own; nothing where no server is installed, and that was said.
pub fn database(name: &str) -> Option<String> {
    let server = server::server("")?;
    let url = server.url();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.ok()?;
        let connection = tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.ok()?;
        drop(client);
        drop(connection.await);
        Some(url.replace("/postgres", &format!("/{name}")))
    })
}
