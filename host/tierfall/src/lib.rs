//! Tierfall finds, fetches and proves the open-access full text of scholarly works.

pub mod acquire;
pub mod config;
pub mod run;
pub mod tiers;
