//! Tests that drive the whole program from outside: the real binary, real processes, real files, and
//! nothing beyond 127.0.0.1.

mod again;
mod author;
mod batches;
mod bounded;
mod budgets;
mod config;
mod contract;
mod corpora;
mod demo;
#[path = "demo_web/mod.rs"]
mod demo_web;
#[cfg(target_os = "linux")]
mod deploy;
mod docs;
mod doctor;
mod formats;
mod hostile;
mod http;
mod identifiers;
mod input;
mod interop;
mod interrupt;
mod languages;
mod ledger;
mod logs;
#[cfg(unix)]
mod monitor;
mod outage;
mod plan;
mod plugin;
mod policy;
mod prove;
mod queues;
mod reasons;
mod report;
mod resilience;
mod run;
mod sandbox;
mod soak;
#[path = "soak/short.rs"]
mod soak_short;
mod store;
mod structure;
mod support;
mod titles;
mod unreachable;
mod upgrade;

use support::{buckets, pdf, web};
