//! The wasmtime engine: one for the program, with its compiler and the thread that lets guests be interrupted.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, InstanceAllocationStrategy};

use crate::bindings::source::Plugin as Bindings;
use crate::compile::{Compiler, Maker, config};
use crate::error::LoadError;
use crate::generation::add_first_to_linker;
use crate::guest::Guest;
use crate::limits::SandboxSettings;
use crate::pool::Pool;
use crate::space::AddressSpace;
use crate::transcript::KeptAnswers;

/// What all plugins share: the engine, the linked imports, the limits and the slots. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) linker: Arc<Linker<Guest>>,
    pub(crate) settings: Arc<SandboxSettings>,
    compiler: Arc<Compiler>,
    pub(crate) pool: Pool,
    pub(crate) kept: KeptAnswers,
}

impl Sandbox {
    /// Starts the engine and its ticker. Of `calls` at one time more wait for their turn. A compile cache that
    /// cannot be used is a warning, not an error.
    pub fn new(settings: SandboxSettings, calls: usize) -> Result<Self, LoadError> {
        let pool = Pool::new(&settings, calls);
        let (engine, space) = engine(&settings, &pool)?;
        let pool = match space.shares(&settings) {
            Some((calls, of_examination)) => {
                tracing::info!(
                    "the address space is limited: at most {calls} plugins run at one time, and each access to their \
                     memory is checked"
                );
                Pool::of_shares(calls, of_examination)
            }
            None => pool,
        };
        start_ticker(&engine, settings.tick)?;
        let mut linker = Linker::new(&engine);
        Bindings::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)
            .map_err(LoadError::engine)?;
        add_first_to_linker(&mut linker).map_err(LoadError::engine)?;
        let compiler = Arc::new(Compiler::new(&settings, space));
        let (linker, settings, kept) = (Arc::new(linker), Arc::new(settings), KeptAnswers::new());
        Ok(Self { engine, linker, settings, compiler, pool, kept })
    }

    /// Compiles a component, or takes it from the cache.
    pub(crate) async fn compile(
        &self,
        name: &str,
        bytes: Vec<u8>,
        maker: Maker,
    ) -> Result<Component, LoadError> {
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
        let (engine, compiler, plugin) = (self.engine.clone(), Arc::clone(&self.compiler), name.to_owned());
        tokio::task::spawn_blocking(move || compiler.component(&engine, &plugin, &bytes, maker))
            .await
            .map_err(|error| LoadError::Engine(format!("the compiler failed on {name}: {error}")))?
    }
}

fn engine(settings: &SandboxSettings, pool: &Pool) -> Result<(Engine, AddressSpace), LoadError> {
    let made = |space: AddressSpace| {
        let mut config = config(space);
        config
            .max_wasm_stack(settings.stack_bytes)
            // The fiber holds the guest's stack and the host calls made from it.
            .async_stack_size(settings.stack_bytes + HOST_STACK);
        if !space.is_limited() {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool.allocation(settings)));
        }
        Engine::new(&config).map(|engine| (engine, space))
    };
    let space = AddressSpace::for_slots(pool.slots());
    made(space)
        .or_else(|error| {
            // Another limit than the one that can be asked for.
            tracing::debug!("no memory is set aside for plugins: {error:#}");
            made(AddressSpace::UNKNOWN)
        })
        .map_err(LoadError::engine)
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
