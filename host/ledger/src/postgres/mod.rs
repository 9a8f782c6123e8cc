//! The engine for many machines: one PostgreSQL database, to which workers connect from anywhere.
//!
//! Each request is one transaction on a pooled connection; the server lets commits share the syncs of its log.
//! Rows are locked while they are decided on, and rows that others have locked are skipped.

mod event_writer;
mod ledger;
mod open;
mod password;
mod settings;
mod sharing;
mod statements;
mod target;
#[cfg(test)]
mod tests;
mod tls;

pub use ledger::PostgresLedger;
pub use settings::{PostgresSettings, Time};
