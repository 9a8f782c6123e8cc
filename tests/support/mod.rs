//! What every test of the whole program stands on: papers, a web, and the program itself.

pub mod article;
pub mod buckets;
pub mod component;
pub mod example;
pub mod jats;
pub mod pdf;
pub mod postgres;
pub mod program;
pub mod raw;
#[cfg(target_os = "linux")]
pub mod shim;
pub mod skip;
pub mod web;
