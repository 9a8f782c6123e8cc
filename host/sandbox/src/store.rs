//! The store of one call: every limit set, and what its errors mean.

use wasmtime::{Engine, Store, UpdateDeadline};

use crate::clean::clean;
use crate::error::FailureKind;
use crate::limits::{Limiter, ResourceLimit, is_starved};

/// The state in a store, with the limiter that the engine asks.
pub(crate) trait Limited {
    fn limiter(&mut self) -> &mut Limiter;
}

/// A store with every limit set.
pub(crate) fn limited_store<T: Limited + Send + 'static>(
    engine: &Engine,
    state: T,
    hostcall_bytes: usize,
    handles: usize,
) -> Store<T> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| state.limiter());
    store.set_hostcall_fuel(hostcall_bytes);
    store.set_max_component_handles(handles);
    // Epochs pass while a guest waits in a host call, so they cannot be its budget: each one only makes
    // it yield, and the timeout around the call ends it.
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
    store
}

/// Which limit an error of the engine stands for, if any. The engine has no error types for most of them, so
/// its messages are compared; a test runs into each.
fn limit_of(error: &wasmtime::Error, limiter: &Limiter) -> Option<ResourceLimit> {
    if let Some(trap) = error.downcast_ref::<wasmtime::Trap>()
        && *trap == wasmtime::Trap::StackOverflow
    {
        return Some(ResourceLimit::Stack);
    }
    if limiter.hit.is_some() {
        return limiter.hit;
    }
    let text = format!("{error:#}");
    [
        ("fuel allocated for hostcalls", ResourceLimit::HostcallBytes),
        ("resource limit exceeded: instance", ResourceLimit::Instances),
        ("resource limit exceeded: memor", ResourceLimit::Instances),
        ("resource limit exceeded: table", ResourceLimit::Instances),
        ("store handle limit exceeded", ResourceLimit::Handles),
    ]
    .into_iter()
    .find_map(|(part, limit)| text.contains(part).then_some(limit))
}

/// Why a call into a guest ended with an error: a limit, or a trap.
pub(crate) fn failure_kind(error: &wasmtime::Error, limiter: &Limiter) -> FailureKind {
    if let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() {
        tracing::debug!("guest backtrace: {backtrace}");
    }
    if limiter.starved || is_starved(error) {
        return FailureKind::Starved;
    }
    match limit_of(error, limiter) {
        Some(limit) => FailureKind::Limit(limit),
        // The root cause is one line; the frames above it were logged.
        None => FailureKind::Trap(clean(&error.root_cause().to_string(), 300)),
    }
}
