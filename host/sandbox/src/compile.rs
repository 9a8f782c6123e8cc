//! From a component's bytes to code. Compiling a stranger's component is untrusted work: few bytes can keep a
//! compiler busy for minutes and gigabytes. It happens in another process, with limits, and what that one makes
//! is kept in a folder that belongs to the user alone.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, WasmBacktraceDetails};

use crate::error::LoadError;
use crate::limits::{ResourceLimit, SandboxSettings};
use crate::private::PrivateFolder;
use crate::space::AddressSpace;

/// The argument by which a program is asked to compile: it must then call [`compile_for_parent`], before it reads
/// any other argument, and end with what that returns.
pub const COMPILE_ARGUMENT: &str = "compile-component";

/// Who made a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// It is part of this program: compiled here.
    Ourselves,
    /// Anybody: compiled in a process of its own.
    Stranger,
}

/// Compiled code is larger than its component, by a small factor.
const MAX_COMPILED: u64 = 1 << 30;

/// Of a message from the compiling process.
const MAX_MESSAGE: u64 = 4096;

/// The argument by which code is asked for that checks each access to memory.
const CHECKED: &str = "checked";

/// The exit code of a compiling process for bytes that are no component; its standard error says why.
const NOT_A_COMPONENT: u8 = 3;

/// Compiles components, and remembers them.
pub(crate) struct Compiler {
    cache: Option<PrivateFolder>,
    /// The program that compiles what strangers made.
    helper: Option<PathBuf>,
    memory_bytes: u64,
    timeout: Duration,
    space: AddressSpace,
}

impl Compiler {
    /// A cache that cannot be used is a warning, not an error.
    pub(crate) fn new(settings: &SandboxSettings, space: AddressSpace) -> Self {
        let open = |folder: &PathBuf| {
            PrivateFolder::make(&folder.join("components"))
                .inspect_err(|error| {
                    let folder = folder.join("components");
                    tracing::warn!(
                        "the compile cache {} is not used: {error}; plugins are compiled anew",
                        folder.display()
                    );
                })
                .ok()
        };
        Self {
            cache: settings.cache_dir.as_ref().and_then(open),
            helper: settings.compiler.clone(),
            memory_bytes: settings.compile_memory_bytes,
            timeout: settings.compile_timeout,
            space,
        }
    }

    /// Blocks: the compiler needs a tenth of a second for a small component and seconds for one that carries an
    /// interpreter.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        name: &str,
        bytes: &[u8],
        maker: Maker,
    ) -> Result<Component, LoadError> {
        let entry = entry(engine, bytes);
        if let Some(code) = self.cached(&entry)
            && let Ok(component) = load(engine, &code)
        {
            return Ok(component);
        }
        let code = match maker {
            Maker::Ourselves => {
                engine.precompile_component(bytes).map_err(|error| Refused::by_engine(&error))
            }
            Maker::Stranger => self.elsewhere(bytes),
        };
        let component = code.and_then(|code| {
            let component = load(engine, &code).map_err(|error| Refused::by_engine(&error))?;
            self.keep(&entry, &code);
            Ok(component)
        });
        component.map_err(|refused| refused.of(name, self))
    }

    fn cached(&self, entry: &str) -> Option<Vec<u8>> {
        self.cache.as_ref()?.read(entry, MAX_COMPILED).ok()
    }

    fn keep(&self, entry: &str, code: &[u8]) {
        let Some(cache) = &self.cache else { return };
        if let Err(error) = cache.write(entry, code) {
            tracing::debug!("compiled code is not kept in {}: {error}", cache.path().display());
        }
    }

    /// Compiles in a process that inherits nothing, and ends it when its time is over.
    fn elsewhere(&self, bytes: &[u8]) -> Result<Vec<u8>, Refused> {
        let helper = self.helper.as_ref().ok_or(Refused::NoHelper)?;
        let failed = |error: io::Error| Refused::Helper(format!("{}: {error}", helper.display()));
        let mut child = Command::new(helper)
            .args([COMPILE_ARGUMENT, &self.memory_bytes.to_string()])
            .args(self.space.is_limited().then_some(CHECKED))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let answer = exchange(&mut child, bytes, self.timeout);
        if answer.is_none() {
            let _ = child.kill();
        }
        let status = child.wait().map_err(failed)?;
        let (code, message) = answer.ok_or(Refused::Time)?;
        match status.code() {
            Some(0) if code.len() as u64 <= MAX_COMPILED => Ok(code),
            Some(code) if code == i32::from(NOT_A_COMPONENT) => Err(Refused::NotComponent(message)),
            _ => Err(Refused::ended(status, &message)),
        }
    }
}

/// Feeds the process, and takes what it says until it has said all. `None`: not within the time.
fn exchange(child: &mut Child, bytes: &[u8], timeout: Duration) -> Option<(Vec<u8>, String)> {
    let (mut stdin, stdout, stderr) = (child.stdin.take()?, child.stdout.take()?, child.stderr.take()?);
    let (bytes, (send, receive)) = (bytes.to_vec(), mpsc::channel());
    // A process that does not read what it is given says in its status why not.
    std::thread::spawn(move || drop(stdin.write_all(&bytes)));
    std::thread::spawn(move || {
        let message = std::thread::spawn(move || read(stderr, MAX_MESSAGE));
        let code = read(stdout, MAX_COMPILED + 1);
        let message = message.join().unwrap_or_default();
        let _ = send.send((code, String::from_utf8_lossy(&message).trim().to_owned()));
    });
    receive.recv_timeout(timeout).ok()
}

fn read(from: impl io::Read, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.take(limit).read_to_end(&mut bytes);
    bytes
}

/// What code depends on: the same in the process that compiles and in the one that runs it.
pub(crate) fn config(space: AddressSpace) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Neither threads nor component-model async: our guests use neither, and most of the engine's
        // recent advisories were in them.
        .concurrency_support(false)
        .epoch_interruption(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    space.configure(&mut config);
    config
}

/// The name of a component's code in the cache: code is for one engine on one kind of machine.
fn entry(engine: &Engine, bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{}-{:016x}", hex::encode(Sha256::digest(bytes)), hasher.finish())
}

#[expect(
    unsafe_code,
    reason = "the engine cannot check code that was compiled before. This is sound because the code comes from \
              this process, from the helper that the embedder named, or from a folder in which only this user can \
              write"
)]
fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: see above; that it was made for this engine is checked by the engine itself.
    unsafe { Component::deserialize(engine, code) }
}

/// Why there is no code.
enum Refused {
    NoHelper,
    Helper(String),
    Time,
    Memory,
    NotComponent(String),
}

impl Refused {
    fn by_engine(error: &wasmtime::Error) -> Self {
        Self::NotComponent(format!("{error:#}"))
    }

    /// A process that gets no more memory is aborted, or cannot start a thread.
    fn ended(status: ExitStatus, message: &str) -> Self {
        let starved = ["memory allocation", "WouldBlock", "Cannot allocate memory"];
        match status.code() {
            None => Self::Memory,
            Some(_) if starved.iter().any(|said| message.contains(said)) => Self::Memory,
            Some(_) => Self::Helper(format!("the compiling process ended with {status}: {message}")),
        }
    }

    fn of(self, plugin: &str, compiler: &Compiler) -> LoadError {
        let plugin = plugin.to_owned();
        match self {
            // The pool's tables have the size of the limit, and the engine looks at that first.
            Self::NotComponent(detail) if detail.contains("minimum element size") => {
                LoadError::TooMuch { plugin, limit: ResourceLimit::TableElements }
            }
            Self::NotComponent(detail) => LoadError::NotComponent { plugin, detail },
            Self::NoHelper => LoadError::NoCompiler { plugin },
            Self::Helper(detail) => LoadError::Compiler { plugin, detail },
            Self::Time => LoadError::CompileLimit {
                plugin,
                limit: ResourceLimit::CompileTime,
                value: compiler.timeout.as_millis().to_string(),
            },
            Self::Memory => LoadError::CompileLimit {
                plugin,
                limit: ResourceLimit::CompileMemory,
                value: compiler.memory_bytes.to_string(),
            },
        }
    }
}

/// The compiling process: a component on standard input, its code on standard output. The argument behind
/// [`COMPILE_ARGUMENT`] is how many bytes of address space it may have.
pub fn compile_for_parent() -> ExitCode {
    let limit = std::env::args().nth(2).and_then(|limit| limit.parse().ok());
    let space = match std::env::args().nth(3).as_deref() {
        Some(CHECKED) => AddressSpace::UNKNOWN,
        _ => AddressSpace::Ample,
    };
    let compiled = limit
        .ok_or_else(|| "the limit of memory is missing".to_owned())
        .and_then(|limit| compile(limit, space));
    match compiled.map(|code| io::stdout().write_all(&code)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(_)) => ExitCode::FAILURE,
        Err(problem) => {
            let _ = writeln!(io::stderr(), "{problem}");
            ExitCode::from(NOT_A_COMPONENT)
        }
    }
}

fn compile(memory_bytes: u64, space: AddressSpace) -> Result<Vec<u8>, String> {
    limit_process(memory_bytes).map_err(|error| format!("no limits can be set: {error}"))?;
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes).map_err(|error| format!("nothing can be read: {error}"))?;
    // Nothing is run here, so that nothing is set aside for instances.
    let mut config = config(space);
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    let engine = Engine::new(&config).map_err(|error| format!("{error:#}"))?;
    engine.precompile_component(&bytes).map_err(|error| format!("{error:#}"))
}

/// It ends when it wants more address space, writes no core, and does not outlive the program that started it.
#[cfg(unix)]
fn limit_process(memory_bytes: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = |resource, most: u64| {
        // What is less already cannot be raised.
        let value = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
    };
    limit(Resource::As, memory_bytes)?;
    limit(Resource::Core, 0)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

/// Here the time alone is limited.
#[cfg(not(unix))]
fn limit_process(_memory_bytes: u64) -> io::Result<()> {
    Ok(())
}

/// This process's own program, if it is the one that understands [`COMPILE_ARGUMENT`]. On Linux also when its file
/// was replaced meanwhile.
pub fn this_program() -> Option<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Some(Path::new("/proc/self/exe").to_owned()),
        false => std::env::current_exe().ok(),
    }
}
