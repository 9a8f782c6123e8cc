//! The worker pool of a run: each worker takes one work after another, from the list or from the ledger's queue,
//! races it, and leaves its end to a task of its own.

mod admitted;
mod list;
mod outages;
mod process;
mod queue;
mod titles;
mod worker_pool;

pub(super) use worker_pool::WorkerPool;
