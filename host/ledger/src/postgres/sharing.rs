//! Whether a connection is to a server, or to a pooler that lends a server's connection for one transaction at a time
//! (PgBouncer's `pool_mode = transaction`, and its like). There, settings and prepared statements of a session would be
//! left in sessions of others, and others' would be found: none are made.

use std::time::{Duration, Instant};

use deadpool_postgres::{Client, Pool};

use super::statements::Failure;

/// What a server's process says of itself.
struct Backend {
    pid: i64,
    age: Duration,
}

/// What clocks and rounding may make of a connection's age.
const SLACK: Duration = Duration::from_millis(200);

/// Whether connections of this pool are lent by the transaction. Either shows it: the server's process is older than
/// our connection to it, it serves two connections at one time, or it is another one from transaction to transaction.
pub(super) async fn is_shared(pool: &Pool) -> Result<bool, Failure> {
    let began = Instant::now();
    let first = pool.get().await?;
    let before = backend(&first).await?;
    if before.age > began.elapsed() + SLACK {
        return Ok(true);
    }
    // Where there is no second connection, there is nobody to share with either.
    let Ok(second) = pool.get().await else { return Ok(false) };
    let other = backend(&second).await?;
    let after = backend(&first).await?;
    Ok(other.pid == before.pid || after.pid != before.pid)
}

/// Prepares nothing.
async fn backend(client: &Client) -> Result<Backend, Failure> {
    let statement = "SELECT pid::bigint, (extract(epoch FROM clock_timestamp() - backend_start) * 1000)::bigint \
                     FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    let row = client.query_typed_opt(statement, &[]).await?;
    let Some(row) = row else { return Ok(Backend { pid: 0, age: Duration::MAX }) };
    let age = row.try_get::<_, Option<i64>>(1)?.unwrap_or(0);
    Ok(Backend { pid: row.try_get(0)?, age: Duration::from_millis(u64::try_from(age).unwrap_or(0)) })
}
