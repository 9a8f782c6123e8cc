//! Tierfall finds, fetches and proves the open-access full text of scholarly works.
//!
//! The rooms, each importing only those below it: [`cli`], [`run`], [`tiers`], [`acquire`], [`sandbox`],
//! [`http`], [`ledger`], [`telemetry`], [`config`], [`work`].

pub mod acquire;
pub mod cli;
pub mod config;
pub mod http;
pub mod ledger;
pub mod run;
pub mod sandbox;
pub mod telemetry;
pub mod tiers;
pub mod work;
