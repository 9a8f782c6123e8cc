//! The limits of a guest. Each has a name, and running into one is reported under that name.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use tierfall_settings::{number, some_bytes, some_millis};
use wasmtime::ResourceLimiter;

/// The limits of the sandbox (`[sandbox]` in the configuration).
#[derive(Clone, Debug, Deserialize)]
pub struct SandboxSettings {
    /// Linear memory of one call, in bytes.
    #[serde(deserialize_with = "some_bytes")]
    pub memory_bytes: usize,
    /// Elements of one table.
    #[serde(deserialize_with = "number::<_, _, 1, 10_000_000>")]
    pub table_elements: usize,
    /// Core instances, memories and tables of one component.
    #[serde(deserialize_with = "number::<_, _, 1, 10_000>")]
    pub instances: usize,
    /// Stack of a guest, in bytes.
    #[serde(deserialize_with = "some_bytes")]
    pub stack_bytes: usize,
    /// Bytes that one call may pass to the host.
    #[serde(deserialize_with = "some_bytes")]
    pub hostcall_bytes: usize,
    /// Component-model handles of one call.
    #[serde(deserialize_with = "number::<_, _, 1, 1_000_000>")]
    pub handles: usize,
    /// Fetches of one attempt.
    #[serde(deserialize_with = "number::<_, _, 0, 10_000>")]
    pub fetches: u32,
    /// Decoded bytes of one fetched body.
    #[serde(deserialize_with = "some_bytes")]
    pub fetch_bytes: u64,
    /// Log lines of one call.
    #[serde(deserialize_with = "number::<_, _, 0, 1_000_000>")]
    pub log_lines: u32,
    /// Candidates of one finding.
    #[serde(deserialize_with = "number::<_, _, 1, 10_000>")]
    pub candidates: usize,
    /// Size of a component file: it bounds the compiler's work.
    #[serde(deserialize_with = "some_bytes")]
    pub component_bytes: u64,
    /// The program that compiles what strangers made: it understands
    /// [`COMPILE_ARGUMENT`](crate::COMPILE_ARGUMENT). It is no key of the configuration; without it, only the
    /// components that are part of this program can be loaded.
    #[serde(skip)]
    pub compiler: Option<PathBuf>,
    /// Address space of the process that compiles a component, in bytes.
    #[serde(deserialize_with = "some_bytes")]
    pub compile_memory_bytes: u64,
    /// Time for compiling a component.
    #[serde(rename = "compile_timeout_ms", deserialize_with = "some_millis")]
    pub compile_timeout: Duration,
    /// Period of the epoch ticker, which lets a spinning guest be interrupted.
    #[serde(rename = "tick_ms", deserialize_with = "some_millis")]
    pub tick: Duration,
    /// Time for a plugin to describe itself.
    #[serde(rename = "describe_timeout_ms", deserialize_with = "some_millis")]
    pub describe_timeout: Duration,
    /// Failures in a row after which a plugin is set aside for the rest of the run.
    #[serde(deserialize_with = "number::<_, _, 1, 1_000_000>")]
    pub failures: u32,
    /// Where compiled code is kept; `None` compiles anew each time.
    #[serde(deserialize_with = "cache_dir")]
    pub cache_dir: Option<PathBuf>,
    /// The examiner's own limits; the others hold for it too.
    pub examiner: ExaminerSettings,
}

/// The PDF examiner's own limits (`[sandbox.examiner]`).
#[derive(Clone, Debug, Deserialize)]
pub struct ExaminerSettings {
    /// Linear memory in bytes: a file is read whole, and its objects are unpacked beside it.
    #[serde(deserialize_with = "some_bytes")]
    pub memory_bytes: usize,
    /// Time for one file.
    #[serde(rename = "timeout_ms", deserialize_with = "some_millis")]
    pub timeout: Duration,
}

/// "off" and an empty text are none.
fn cache_dir<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename = "path|off|")]
    struct Folder(Option<PathBuf>);
    Folder::deserialize(deserializer).map(|Folder(path)| path)
}

/// A limit of the sandbox, by the name of its key in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResourceLimit {
    /// Linear memory of one call, in bytes.
    Memory,
    /// Elements of one table.
    TableElements,
    /// Core instances, memories and tables of one component.
    Instances,
    /// Stack of the guest, in bytes.
    Stack,
    /// Bytes that one call may pass to the host.
    HostcallBytes,
    /// Component-model handles of one call.
    Handles,
    /// Fetches of one attempt.
    Fetches,
    /// Decoded bytes of one fetched body.
    FetchBytes,
    /// Log lines of one call.
    LogLines,
    /// Candidates of one finding.
    Candidates,
    /// Size of a component file, in bytes.
    ComponentBytes,
    /// Address space of the process that compiles a component, in bytes.
    CompileMemory,
    /// Wall-clock time of compiling a component.
    CompileTime,
    /// Wall-clock time of one call.
    Time,
}

impl ResourceLimit {
    /// The key in the configuration.
    pub fn label(self) -> &'static str {
        match self {
            Self::Memory => "memory_bytes",
            Self::TableElements => "table_elements",
            Self::Instances => "instances",
            Self::Stack => "stack_bytes",
            Self::HostcallBytes => "hostcall_bytes",
            Self::Handles => "handles",
            Self::Fetches => "fetches",
            Self::FetchBytes => "fetch_bytes",
            Self::LogLines => "log_lines",
            Self::Candidates => "candidates",
            Self::ComponentBytes => "component_bytes",
            Self::CompileMemory => "compile_memory_bytes",
            Self::CompileTime => "compile_timeout_ms",
            Self::Time => "timeout_ms",
        }
    }
}

/// Refuses growth beyond the limits and remembers which one was hit: the guest itself only sees that
/// its allocation failed, and usually traps without saying why.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes: usize,
    table_elements: usize,
    instances: usize,
    used: usize,
    pub(crate) hit: Option<ResourceLimit>,
    /// The system did not give what the limits allow.
    pub(crate) starved: bool,
}

impl Limiter {
    pub(crate) fn new(memory_bytes: usize, table_elements: usize, instances: usize) -> Self {
        Self { memory_bytes, table_elements, instances, used: 0, hit: None, starved: false }
    }
}

impl ResourceLimiter for Limiter {
    /// All memories of the component share one budget.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.memory_bytes {
            self.hit = Some(ResourceLimit::Memory);
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.starved |= is_starved(&error);
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.table_elements;
        if !fits {
            self.hit = Some(ResourceLimit::TableElements);
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.instances
    }
}

/// Whether an error of the engine says that the system gave no memory.
pub(crate) fn is_starved(error: &wasmtime::Error) -> bool {
    let said = format!("{error:#}");
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::OutOfMemory)
        || ["Cannot allocate memory", "os error 12", "out of memory", "mmap failed"]
            .iter()
            .any(|text| said.contains(text))
}
