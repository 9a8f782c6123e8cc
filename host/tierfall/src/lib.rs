//! Tierfall finds, fetches and proves the open-access full text of scholarly works.
//!
//! This crate is the library that the program `tierfall` stands on, and that other programs can embed. It reads the
//! configuration, puts the plan together from the plugins, races the sources of each tier, acquires and proves what
//! they propose, and stores what is proven. It knows no command line: nothing here parses arguments, prints, or ends
//! the process.
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use tierfall::{Error, Tierfall, run::WorkRequest};
//!
//! # async fn fetch() -> Result<(), Box<dyn std::error::Error>> {
//! let tierfall = Tierfall::builder().mailto("me@library.example").out("papers").build().await?;
//! let line = tierfall.fetch("10.1371/journal.pone.0000308".parse::<WorkRequest>()?).await?;
//! println!("{}: {}", line.work_id, line.status);
//!
//! let works = ["arXiv:2101.00001", "PMID:17375194"].map(|id| id.parse::<WorkRequest>().expect(id));
//! let mut lines = tierfall.fetch_all(works);
//! while let Some(line) = lines.next().await {
//!     println!("{:?}", line?.file);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `examples/embed.rs` is a whole program, over a recorded web.
//!
//! # Features and build flags
//!
//! - `postgres`: the ledger on PostgreSQL, for many machines. SQLite is always there, compiled in.
//! - SQLite is twice as fast for the ledger with one build flag, which a dependency cannot set for whoever embeds it. Put
//!   this in your own `.cargo/config.toml`:
//!
//!   ```toml
//!   [env]
//!   LIBSQLITE3_FLAGS = "-DSQLITE_DEFAULT_PCACHE_INITSZ=0"
//!   ```

#![warn(missing_docs)]

pub mod acquire;
pub mod config;
pub mod doctor;
mod embed;
mod out;
pub mod run;
pub mod tiers;

pub use embed::{Builder, Error, Event, Outcomes, Tierfall};
