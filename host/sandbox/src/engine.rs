//! The engine: one for the program, with its compile cache and the ticker that interrupts guests.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, Store, UpdateDeadline};

use super::bindings::source::Plugin as Bindings;
use super::error::LoadError;
use super::guest::Guest;
use super::limits::{Limit, Limiter, SandboxSettings};
use super::pool::Pool;

/// Everything that is made once: cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    pub(super) engine: Engine,
    pub(super) linker: Arc<Linker<Guest>>,
    pub(super) settings: Arc<SandboxSettings>,
    pub(super) pool: Pool,
}

impl Sandbox {
    /// Starts the engine and its ticker. A compile cache that cannot be used is a warning, not an error.
    pub fn new(settings: SandboxSettings) -> Result<Self, LoadError> {
        let pool = Pool::new(&settings);
        let engine = engine(&settings, &pool)?;
        start_ticker(&engine, settings.tick)?;
        let mut linker = Linker::new(&engine);
        Bindings::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)
            .map_err(LoadError::engine)?;
        Ok(Self { engine, linker: Arc::new(linker), settings: Arc::new(settings), pool })
    }

    /// Compiles a component, or takes it from the cache. Blocks: the compiler needs a tenth of a second
    /// for a small component and seconds for one that carries an interpreter.
    pub(super) fn compile(&self, name: &str, bytes: &[u8]) -> Result<Component, LoadError> {
        let limit = self.settings.component_bytes;
        if bytes.len() as u64 > limit {
            return Err(LoadError::TooLarge { plugin: name.to_owned(), bytes: bytes.len() as u64, limit });
        }
        // Only the binary format: text, and precompiled code above all, is never accepted.
        if !bytes.starts_with(b"\0asm") {
            return Err(LoadError::NotComponent {
                plugin: name.to_owned(),
                detail: "it does not begin as a WebAssembly file does".into(),
            });
        }
        Component::from_binary(&self.engine, bytes).map_err(|error| {
            let (plugin, detail) = (name.to_owned(), format!("{error:#}"));
            // The pool's tables have the size of the limit, and the engine looks at that first.
            match detail.contains("minimum element size") {
                true => LoadError::TooMuch { plugin, limit: Limit::TableElements },
                false => LoadError::NotComponent { plugin, detail },
            }
        })
    }
}

fn engine(settings: &SandboxSettings, pool: &Pool) -> Result<Engine, LoadError> {
    let mut config = config(settings);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool.allocation(settings)));
    Engine::new(&config)
        .or_else(|error| {
            // A process may have few addresses (`ulimit -v`): then each call maps its own memory.
            tracing::debug!("no memory is set aside for plugins: {error:#}");
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config)
        })
        .map_err(LoadError::engine)
}

fn config(settings: &SandboxSettings) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Neither threads nor component-model async: our guests use neither, and most of the engine's
        // recent advisories were in them.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(settings.stack_bytes)
        // The fiber holds the guest's stack and the host calls made from it.
        .async_stack_size(settings.stack_bytes + HOST_STACK)
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    if let Some(dir) = &settings.cache_dir {
        let mut cache = CacheConfig::new();
        cache.with_directory(dir);
        match Cache::new(cache) {
            Ok(cache) => {
                config.cache(Some(cache));
            }
            Err(error) => {
                tracing::warn!(
                    "the compile cache {} cannot be used ({error:#}): plugins are compiled anew",
                    dir.display()
                );
            }
        }
    }
    config
}

/// What host functions may use of a guest's fiber; wasmtime's own default leaves 1.5 MiB.
const HOST_STACK: usize = 1536 * 1024;

/// Advances the epoch until the engine is gone. A thread of its own, because a runtime whose threads
/// are all held by spinning guests could not tick.
fn start_ticker(engine: &Engine, tick: Duration) -> Result<(), LoadError> {
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("epoch".into())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(tick);
            }
        })
        .map(drop)
        .map_err(|error| LoadError::Engine(format!("the epoch thread cannot be started: {error}")))
}

/// A state that lives in a store and says what it may use.
pub(super) trait Limited {
    fn limiter(&mut self) -> &mut Limiter;
}

/// A store with every limit set.
pub(super) fn limited_store<T: Limited + Send + 'static>(
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

/// Which limit an error of the engine stands for, where it stands for one.
pub(super) fn limit_of(error: &wasmtime::Error, limiter: &Limiter) -> Option<Limit> {
    if let Some(trap) = error.downcast_ref::<wasmtime::Trap>()
        && *trap == wasmtime::Trap::StackOverflow
    {
        return Some(Limit::Stack);
    }
    if limiter.hit.is_some() {
        return limiter.hit;
    }
    let text = format!("{error:#}");
    [
        ("fuel allocated for hostcalls", Limit::HostcallBytes),
        ("resource limit exceeded: instance", Limit::Instances),
        ("resource limit exceeded: memor", Limit::Instances),
        ("resource limit exceeded: table", Limit::Instances),
        ("store handle limit exceeded", Limit::Handles),
    ]
    .into_iter()
    .find_map(|(mark, limit)| text.contains(mark).then_some(limit))
}
