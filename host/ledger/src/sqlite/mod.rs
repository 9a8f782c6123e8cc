//! The embedded engine: one file, shared by the processes of one machine.
//!
//! Write-ahead log, `synchronous=FULL`, one writer thread per process whose commits many callers share, and
//! readers of their own that never wait for it.
//!
//! # Build flag
//! SQLite opens a temporary table, with a page cache of its own, for each `UPDATE` of a table that has triggers, as
//! the ledger's jobs have, and by default fills each such cache with twenty pages in advance. Without that the
//! ledger's benchmark did 5 059 lifecycles a second instead of 2 029. The flag is SQLite's, so a program that embeds
//! this crate sets it for its own build, in `.cargo/config.toml` beside its workspace:
//!
//! ```toml
//! [env]
//! LIBSQLITE3_FLAGS = "-DSQLITE_DEFAULT_PCACHE_INITSZ=0"
//! ```
//!
//! See <https://sqlite.org/compile.html>. Nothing but speed depends on it.

mod ledger;
mod open;
mod readers;
mod settings;
mod statements;
#[cfg(test)]
mod tests;
mod writer;

pub use ledger::SqliteLedger;
pub use settings::SqliteSettings;
