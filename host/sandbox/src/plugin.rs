//! A loaded plugin: it describes itself once, and is then asked about works.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::bindings::source::tierfall::source::types as wit;
use crate::bindings::source::{Plugin as Bindings, PluginPre};
use crate::compile::Maker;
use crate::description::Description;
use crate::engine::Sandbox;
use crate::error::{CallError, Failure, FailureKind, LoadError};
use crate::grant::SourceAccess;
use crate::guest::{Guest, Network};
use crate::limits::{Limiter, ResourceLimit};
use crate::notes::{LastWords, Notes};
use crate::pages::AnsweredPages;
use crate::pool::SlotCount;
use crate::store::{failure_kind, limited_store};
use crate::wire;
use tierfall_http::{AttemptClock, HttpClient};
use tierfall_work::{Finding, Work};

/// The contract this host speaks.
const CONTRACT: &str = "tierfall:source@0.1.0";

/// One component, compiled and linked; cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    inner: Arc<Inner>,
}

struct Inner {
    sandbox: Sandbox,
    pre: PluginPre<Guest>,
    slots: SlotCount,
    description: Description,
    sha256: String,
    failures_in_a_row: AtomicU32,
}

/// One source asked once about one work.
pub struct Call {
    /// The work to look for.
    pub work: Arc<Work>,
    /// What earlier attempts tried for it.
    pub tried: Vec<Tried>,
    /// Which source is asked, and what it may do.
    pub access: Arc<SourceAccess>,
    /// What carries out its fetches.
    pub client: HttpClient,
    /// Its time; it stands still while a fetch waits for its host's turn.
    pub clock: Arc<AttemptClock>,
    /// Retries after retryable answers, over all fetches of this call.
    pub retries: u32,
    /// The pages that have answered for this work.
    pub pages: AnsweredPages,
}

/// A URL that was tried for the work, and how that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The URL as it was proposed.
    pub url: String,
    /// `accepted` or a reason code.
    pub verdict: String,
    /// Whether somebody vouches for who proposed it: then its host is one of the work's own.
    pub vouched: bool,
}

impl Plugin {
    /// Compiles, checks and describes a component. `origin` names it in errors until it has said its name.
    pub async fn load(sandbox: &Sandbox, origin: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        Self::load_of(Maker::Stranger, sandbox, origin, bytes).await
    }

    /// As [`load`](Self::load), for a component that is part of this program: nobody needs to be protected from it
    /// while it is compiled.
    pub async fn load_own(sandbox: &Sandbox, origin: &str, bytes: &'static [u8]) -> Result<Self, LoadError> {
        Self::load_of(Maker::Ourselves, sandbox, origin, bytes).await
    }

    async fn load_of(maker: Maker, sandbox: &Sandbox, origin: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        let component = sandbox.compile(origin, bytes.to_vec(), maker).await?;
        check_contract(sandbox, origin, &component)?;
        let pre = link(sandbox, origin, &component)?;
        let slots = sandbox.pool.slots_for(&component);
        let description = describe(sandbox, origin, &pre, slots).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                sandbox: sandbox.clone(),
                pre,
                slots,
                description,
                sha256: hex::encode(Sha256::digest(bytes)),
                failures_in_a_row: AtomicU32::new(0),
            }),
        })
    }

    /// What it declares.
    pub fn description(&self) -> &Description {
        &self.inner.description
    }

    /// The digest of the component file, in lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.inner.sha256
    }

    /// Asks one source about one work. The second part holds the host's notes on the call, for the trail:
    /// denials, limits, hosts that did not answer.
    pub async fn find(&self, call: Call) -> (Result<Finding, CallError>, Vec<String>) {
        let inner = &self.inner;
        let failures = inner.failures_in_a_row.load(Ordering::Relaxed);
        let failure = |kind: FailureKind| Failure {
            plugin: inner.description.name.clone(),
            version: inner.description.version.clone(),
            function: "find",
            source_name: call.access.source.clone(),
            work: call.work.key(),
            kind,
        };
        if failures >= inner.sandbox.settings.failures {
            return (Err(failure(FailureKind::SetAside { failures }).into()), Vec::new());
        }
        let notes = Notes::default();
        let outcome = self.call_find(&call, notes.clone()).await;
        let result = match outcome {
            Ok(answer) => {
                inner.failures_in_a_row.store(0, Ordering::Relaxed);
                answer
                    .map(|finding| self.checked(finding, &notes))
                    .map_err(|error| wire::source_error(error).into())
            }
            Err(None) => Err(CallError::Timeout),
            Err(Some(kind)) => {
                inner.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
                Err(failure(kind).into())
            }
        };
        (result, notes.take())
    }

    /// `Err(None)` is a timeout: the store is dropped with the call, and never entered again.
    async fn call_find(
        &self,
        call: &Call,
        notes: Notes,
    ) -> Result<Result<wit::Finding, wit::SourceError>, Option<FailureKind>> {
        let inner = &self.inner;
        let settings = &inner.sandbox.settings;
        let tried = call.tried.iter().filter(|tried| tried.vouched).map(|tried| tried.url.as_str());
        let network = Network {
            client: call.client.clone(),
            hops: call.access.for_work(&call.work, tried),
            clock: Arc::clone(&call.clock),
            retries: AtomicU32::new(call.retries),
            pages: call.pages.clone(),
        };
        let name = format!("{}/{}", call.access.plugin, call.access.source);
        let _slots = tokio::select! {
            slots = inner.sandbox.pool.acquire(inner.slots) => slots,
            () = call.clock.expired() => return Err(None),
        };
        let mut store = new_store(&inner.sandbox, name, notes, Some(network));
        let work = wire::work(&call.work);
        let context = wit::Context {
            trail: call
                .tried
                .iter()
                .map(|tried| wit::Tried { url: tried.url.clone(), verdict: tried.verdict.clone() })
                .collect(),
            budget: wit::Budget {
                time_ms: u32::try_from(call.clock.remaining().as_millis()).unwrap_or(u32::MAX),
                fetches: settings.fetches,
            },
            settings: call.access.settings.clone(),
            secrets: call.access.secrets.iter().map(|secret| secret.name.clone()).collect(),
        };
        let answer = {
            let running = async {
                let bindings = inner.pre.instantiate_async(&mut store).await?;
                bindings.call_find(&mut store, &call.access.source, &work, &context).await
            };
            tokio::select! {
                answer = running => Some(answer),
                () = call.clock.expired() => None,
            }
        };
        match answer {
            None => Err(None),
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(Some(failure(&error, store.data()))),
        }
    }

    /// The finding in the program's own types, and a note where it had too many candidates.
    fn checked(&self, raw: wit::Finding, notes: &Notes) -> Finding {
        let most = self.inner.sandbox.settings.candidates;
        if raw.candidates.len() > most {
            notes.limit(ResourceLimit::Candidates);
        }
        wire::finding(raw, most)
    }
}

/// For a component of another version of the contract, an error that says what to do, instead of the linker's
/// type error.
fn check_contract(sandbox: &Sandbox, origin: &str, component: &Component) -> Result<(), LoadError> {
    let (package, version) = CONTRACT.split_once('@').unwrap_or((CONTRACT, ""));
    let compatible = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    for (name, _) in component.component_type().imports(&sandbox.engine) {
        if let Some(rest) = name.strip_prefix(package).and_then(|rest| rest.strip_prefix('/'))
            && let Some((_, found)) = rest.split_once('@')
            && !found.starts_with(compatible)
        {
            return Err(LoadError::OtherContract {
                plugin: origin.to_owned(),
                found: format!("{package}@{found}"),
                expected: CONTRACT,
            });
        }
    }
    Ok(())
}

/// Links the contract's imports; any other import, a language's WASI above all, traps when it is used.
fn link(sandbox: &Sandbox, origin: &str, component: &Component) -> Result<PluginPre<Guest>, LoadError> {
    let wrong = |error: wasmtime::Error| LoadError::WrongWorld {
        plugin: origin.to_owned(),
        expected: CONTRACT,
        detail: format!("{error:#}"),
    };
    let mut linker = (*sandbox.linker).clone();
    linker.define_unknown_imports_as_traps(component).map_err(wrong)?;
    PluginPre::new(linker.instantiate_pre(component).map_err(wrong)?).map_err(wrong)
}

async fn describe(
    sandbox: &Sandbox,
    origin: &str,
    pre: &PluginPre<Guest>,
    slots: SlotCount,
) -> Result<Description, LoadError> {
    let _slots = sandbox.pool.acquire(slots).await;
    let mut store = new_store(sandbox, origin.to_owned(), Notes::default(), None);
    let running = async {
        let bindings: Bindings = pre.instantiate_async(&mut store).await?;
        bindings.call_describe(&mut store).await
    };
    let failed = |failure| LoadError::Describe { plugin: origin.to_owned(), failure };
    match tokio::time::timeout(sandbox.settings.describe_timeout, running).await {
        Err(_) => Err(failed(FailureKind::Limit(ResourceLimit::Time))),
        Ok(Err(error)) => Err(failed(failure(&error, store.data()))),
        Ok(Ok(raw)) => Description::checked(raw)
            .map_err(|detail| LoadError::Description { plugin: origin.to_owned(), detail }),
    }
}

/// Why a call ended, in the guest's own words where it left some: the engine knows only which instruction it was.
fn failure(error: &wasmtime::Error, guest: &Guest) -> FailureKind {
    match failure_kind(error, &guest.limiter) {
        FailureKind::Trap(mut detail) => {
            if detail.contains("wasi:") {
                detail.push_str(NO_WASI);
            }
            if let Some(words) = guest.last_words.said() {
                detail.push_str(&format!("; it said: {words}"));
            }
            FailureKind::Trap(detail)
        }
        limit => limit,
    }
}

/// What an author does about a function of WASI that is not there.
const NO_WASI: &str = "; Tierfall offers the contract and no WASI: build the plugin so that it needs none, with `componentize-py --stub-wasi` or `jco componentize --disable all` for example";

fn new_store(
    sandbox: &Sandbox,
    name: String,
    notes: Notes,
    network: Option<Network>,
) -> wasmtime::Store<Guest> {
    let settings = &sandbox.settings;
    let guest = Guest {
        limiter: Limiter::new(settings.memory_bytes, settings.table_elements, settings.instances),
        name,
        notes,
        last_words: LastWords::default(),
        log_lines: settings.log_lines,
        fetches: settings.fetches,
        fetch_bytes: settings.fetch_bytes,
        network,
    };
    limited_store(&sandbox.engine, guest, settings.hostcall_bytes, settings.handles)
}
