//! A loaded plugin: told to describe itself once, then asked about works.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasmtime::component::Component;

use super::bindings::source::tierfall::source::types as wit;
use super::bindings::source::{Plugin as Bindings, PluginPre};
use super::describe::Description;
use super::engine::{Sandbox, limit_of, limited_store};
use super::error::{Failure, FailureKind, LoadError};
use super::grant::SourceAccess;
use super::guest::{Guest, Network, Notes, clean};
use super::limits::{Limit, Limiter};
use super::pool::Share;
use tierfall_http::{AttemptClock, HttpClient};
use tierfall_ids::{IdKind, WorkId};
use tierfall_work::{Basis, Candidate, Facts, Finding, Version, Work};

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
    share: Share,
    description: Description,
    sha256: String,
    failures_in_a_row: AtomicU32,
}

/// One source asked once about one work.
pub struct Call {
    pub work: Arc<Work>,
    pub tried: Vec<Tried>,
    pub access: Arc<SourceAccess>,
    pub door: HttpClient,
    pub clock: Arc<AttemptClock>,
    /// Retries for answers that may pass, over all fetches of this call.
    pub retries: u32,
}

/// A URL that was tried for the work, and how that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub url: String,
    pub verdict: String,
}

/// How a source can end without a finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("the source cannot look for a work of this kind")]
    NotApplicable,
    #[error("the source has no copy")]
    NotFound,
    #[error("the source cannot answer now{}", .retry_after_s.map(|s| format!(" and asks to wait {s} s")).unwrap_or_default())]
    Unavailable { retry_after_s: Option<u32> },
    #[error("{0}")]
    Misconfigured(String),
    #[error("the source's answer cannot be read: {0}")]
    BadAnswer(String),
}

/// Why a call brought no finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The attempt's time was over.
    #[error("the time was over")]
    Timeout,
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Plugin {
    /// Compiles, checks and describes a component. `origin` names it in errors until it has said its name.
    pub async fn load(sandbox: &Sandbox, origin: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        let (compiler, name, file) = (sandbox.clone(), origin.to_owned(), bytes.to_vec());
        let component = tokio::task::spawn_blocking(move || compiler.compile(&name, &file))
            .await
            .map_err(|error| LoadError::Engine(format!("the compiler failed on {origin}: {error}")))??;
        check_contract(sandbox, origin, &component)?;
        let pre = link(sandbox, origin, &component)?;
        let share = sandbox.pool.share_of(&component);
        let description = describe(sandbox, origin, &pre, share).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                sandbox: sandbox.clone(),
                pre,
                share,
                description,
                sha256: hex(bytes),
                failures_in_a_row: AtomicU32::new(0),
            }),
        })
    }

    pub fn description(&self) -> &Description {
        &self.inner.description
    }

    /// The digest of the component file, in lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.inner.sha256
    }

    /// Asks one source about one work; the second part is what the host has to say about the call.
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
                    .map_err(|error| source_error(error).into())
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
        let tried = call.tried.iter().map(|tried| tried.url.as_str());
        let network = Network {
            door: call.door.clone(),
            hops: call.access.for_work(&call.work, tried),
            access: Arc::clone(&call.access),
            clock: Arc::clone(&call.clock),
            retries: AtomicU32::new(call.retries),
        };
        let name = format!("{}/{}", call.access.plugin, call.access.source);
        let _turn = tokio::select! {
            turn = inner.sandbox.pool.turn(inner.share) => turn,
            () = call.clock.expired() => return Err(None),
        };
        let mut store = new_store(&inner.sandbox, name, notes, Some(network));
        let work = to_wit(&call.work);
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
            Some(Err(error)) => Err(Some(failure_kind(&error, &store.data().limiter))),
        }
    }

    /// A finding as the rest of the program may believe it: bounded, and without control characters.
    fn checked(&self, raw: wit::Finding, notes: &Notes) -> Finding {
        let most = self.inner.sandbox.settings.candidates;
        if raw.candidates.len() > most {
            notes.limit(Limit::Candidates);
        }
        let candidates = raw.candidates.into_iter().take(most).map(candidate).collect();
        Finding { candidates, facts: facts(raw.facts) }
    }
}

/// A component of another version of the contract gets advice instead of a type error.
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
    share: Share,
) -> Result<Description, LoadError> {
    let _turn = sandbox.pool.turn(share).await;
    let mut store = new_store(sandbox, origin.to_owned(), Notes::default(), None);
    let running = async {
        let bindings: Bindings = pre.instantiate_async(&mut store).await?;
        bindings.call_describe(&mut store).await
    };
    let failed = |failure| LoadError::Describe { plugin: origin.to_owned(), failure };
    match tokio::time::timeout(sandbox.settings.describe_timeout, running).await {
        Err(_) => Err(failed(FailureKind::Limit(Limit::Time))),
        Ok(Err(error)) => Err(failed(failure_kind(&error, &store.data().limiter))),
        Ok(Ok(raw)) => Description::checked(raw)
            .map_err(|detail| LoadError::Description { plugin: origin.to_owned(), detail }),
    }
}

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
        log_lines: settings.log_lines,
        fetches: settings.fetches,
        fetch_bytes: settings.fetch_bytes,
        network,
    };
    limited_store(&sandbox.engine, guest, settings.hostcall_bytes, settings.handles)
}

pub(super) fn failure_kind(error: &wasmtime::Error, limiter: &Limiter) -> FailureKind {
    if let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() {
        tracing::debug!("guest backtrace: {backtrace}");
    }
    match limit_of(error, limiter) {
        Some(limit) => FailureKind::Limit(limit),
        // The root cause is one line; the frames above it were logged.
        None => FailureKind::Trap(clean(&error.root_cause().to_string(), 300)),
    }
}

fn source_error(raw: wit::SourceError) -> SourceError {
    match raw {
        wit::SourceError::NotApplicable => SourceError::NotApplicable,
        wit::SourceError::NotFound => SourceError::NotFound,
        wit::SourceError::Unavailable(retry_after_s) => SourceError::Unavailable { retry_after_s },
        wit::SourceError::Misconfigured(detail) => SourceError::Misconfigured(clean(&detail, 300)),
        wit::SourceError::BadAnswer(detail) => SourceError::BadAnswer(clean(&detail, 300)),
    }
}

// No server takes longer URLs, and no page has longer titles.
const LONGEST_URL: usize = 8192;
const LONGEST_TEXT: usize = 1000;
const MOST_FACTS: usize = 100;

fn candidate(raw: wit::Candidate) -> Candidate {
    Candidate {
        url: clean(&raw.url, LONGEST_URL),
        version: match raw.version {
            wit::Version::Published => Version::Published,
            wit::Version::Accepted => Version::Accepted,
            wit::Version::Submitted => Version::Submitted,
            wit::Version::Unknown => Version::Unknown,
        },
        license: raw.license.map(|license| clean(&license, 200)),
        landing_page: raw.landing_page.map(|url| clean(&url, LONGEST_URL)),
        basis: match raw.basis {
            wit::Basis::Registry => Basis::Registry,
            wit::Basis::Metadata => Basis::Metadata,
            wit::Basis::Rule => Basis::Rule,
            wit::Basis::Link => Basis::Link,
        },
        evidence: clean(&raw.evidence, 200),
    }
}

fn facts(raw: wit::Facts) -> Facts {
    // Parsed again: an identifier from a plugin is remote input like any other.
    let ids = raw.ids.into_iter().take(MOST_FACTS).filter_map(|id| {
        let text = match id {
            wit::WorkId::Doi(value) => format!("doi:{value}"),
            wit::WorkId::Arxiv(value) => format!("arxiv:{value}"),
            wit::WorkId::Pmid(value) => format!("pmid:{value}"),
            wit::WorkId::Pmcid(value) => format!("pmcid:{value}"),
            wit::WorkId::Openalex(value) => value,
            wit::WorkId::Url(value) => value,
        };
        text.parse::<WorkId>().ok()
    });
    Facts {
        title: raw.title.map(|title| clean(&title, LONGEST_TEXT)).filter(|title| !title.trim().is_empty()),
        authors: raw.authors.iter().take(MOST_FACTS).map(|author| clean(author, 200)).collect(),
        year: raw.year,
        pages: raw.pages,
        ids: ids.collect(),
        landing_urls: raw.landing_urls.iter().take(MOST_FACTS).map(|url| clean(url, LONGEST_URL)).collect(),
    }
}

fn to_wit(work: &Work) -> wit::Work {
    let ids = work.ids.iter().map(|id| {
        let variant = match id.kind() {
            IdKind::Doi => wit::WorkId::Doi,
            IdKind::Arxiv => wit::WorkId::Arxiv,
            IdKind::Pmid => wit::WorkId::Pmid,
            IdKind::Pmcid => wit::WorkId::Pmcid,
            IdKind::Openalex => wit::WorkId::Openalex,
            IdKind::Url => wit::WorkId::Url,
        };
        variant(id.value().to_owned())
    });
    let known = &work.known;
    wit::Work {
        ids: ids.collect(),
        title: known.title.as_ref().map(|said| said.value.clone()),
        authors: known.authors.as_ref().map(|said| said.value.clone()).unwrap_or_default(),
        year: known.year.as_ref().map(|said| said.value),
        pages: known.pages.as_ref().map(|said| said.value),
        landing_urls: work.landing_urls.clone(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
