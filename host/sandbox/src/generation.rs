//! The versions of the contract that plugins are written against, behind one face: that of the newest.

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store, StoreContextMut};

use crate::bindings::source::tierfall::source::types as wit;
use crate::bindings::source::tierfall::source::{clock, http, log};
use crate::bindings::source::{Plugin as Bindings, PluginPre};
use crate::bindings::source_0_1::PluginPre as FirstPre;
use crate::error::LoadError;
use crate::first;
use crate::guest::Guest;

/// The package of the contract, and its versions: the oldest first.
const PACKAGE: &str = "tierfall:source";
const VERSIONS: [&str; 2] = ["0.1.0", "0.2.0"];

/// What this program speaks, for messages.
const SPOKEN: &str = "tierfall:source@0.2.0 and 0.1.0";

/// A component that is linked for the version it was built against.
pub(crate) enum Linked {
    First(FirstPre<Guest>),
    Second(PluginPre<Guest>),
}

/// What a source says of one work.
pub(crate) type Answered = Result<wit::Finding, wit::SourceError>;

impl Linked {
    /// Links the contract's imports; any other import, a language's WASI above all, traps when it is used.
    pub(crate) fn link(
        engine: &Engine,
        linker: &Linker<Guest>,
        origin: &str,
        component: &Component,
    ) -> Result<Self, LoadError> {
        let wrong = |error: wasmtime::Error| LoadError::WrongWorld {
            plugin: origin.to_owned(),
            expected: SPOKEN,
            detail: format!("{error:#}"),
        };
        let version = built_against(engine, origin, component)?;
        let mut linker = linker.clone();
        linker.define_unknown_imports_as_traps(component).map_err(wrong)?;
        let pre = linker.instantiate_pre(component).map_err(wrong)?;
        if version == VERSIONS[0] {
            return FirstPre::new(pre).map(Self::First).map_err(wrong);
        }
        PluginPre::new(pre).map(Self::Second).map_err(wrong)
    }

    /// The contract that the plugin was built against: `tierfall:source@0.2.0`.
    pub(crate) fn contract(&self) -> String {
        let [first, second] = VERSIONS;
        format!("{PACKAGE}@{}", if matches!(self, Self::First(_)) { first } else { second })
    }

    pub(crate) async fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<wit::Description> {
        match self {
            Self::First(pre) => {
                let bindings = pre.instantiate_async(&mut *store).await?;
                bindings.call_describe(store).await.map(first::description)
            }
            Self::Second(pre) => {
                let bindings = pre.instantiate_async(&mut *store).await?;
                bindings.call_describe(store).await
            }
        }
    }

    pub(crate) async fn find(
        &self,
        store: &mut Store<Guest>,
        source: &str,
        work: wit::Work,
        context: wit::Context,
    ) -> wasmtime::Result<Answered> {
        match self {
            Self::First(pre) => {
                let bindings = pre.instantiate_async(&mut *store).await?;
                let (work, context) = (first::work(work), first::context(context));
                let answer = bindings.call_find(store, source, &work, &context).await?;
                Ok(answer.map(first::finding).map_err(first::error))
            }
            Self::Second(pre) => {
                let bindings = pre.instantiate_async(&mut *store).await?;
                bindings.call_find(store, source, &work, &context).await
            }
        }
    }

    /// `None` for a plugin that cannot be asked about several works: it knows only [`Linked::find`].
    pub(crate) async fn find_many(
        &self,
        store: &mut Store<Guest>,
        source: &str,
        questions: &[wit::Question],
        context: &wit::BatchContext,
    ) -> wasmtime::Result<Option<Vec<Answered>>> {
        let Self::Second(pre) = self else { return Ok(None) };
        let bindings: Bindings = pre.instantiate_async(&mut *store).await?;
        bindings.call_find_many(store, source, questions, context).await.map(Some)
    }
}

/// Which version of the contract a component was built against. For one that is not known here the error says what to
/// do, where the linker would only speak of types.
fn built_against(engine: &Engine, origin: &str, component: &Component) -> Result<&'static str, LoadError> {
    let component = component.component_type();
    for (name, _) in component.imports(engine) {
        let Some((_, found)) = name
            .strip_prefix(PACKAGE)
            .and_then(|rest| rest.strip_prefix('/'))
            .and_then(|rest| rest.split_once('@'))
        else {
            continue;
        };
        // What differs in its last number alone can be linked.
        let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
        return VERSIONS.into_iter().find(|version| minor(version) == minor(found)).ok_or_else(|| {
            LoadError::OtherContract {
                plugin: origin.to_owned(),
                found: format!("{PACKAGE}@{found}"),
                expected: SPOKEN,
            }
        });
    }
    // It fetches nothing and names none of the contract's types: what it exports is all there is to see.
    Ok(if component.exports(engine).any(|(name, _)| name == "find-many") { VERSIONS[1] } else { VERSIONS[0] })
}

/// Lets plugins of the first version import what those of the second do.
pub(crate) fn add_first_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let [first, _] = VERSIONS;
    let name = |interface: &str| format!("{PACKAGE}/{interface}@{first}");
    linker.instance(&name("types"))?;
    linker.instance(&name("http"))?.func_wrap_async(
        "fetch",
        |mut store: StoreContextMut<'_, Guest>, (request,): (http::Request,)| {
            Box::new(async move { Ok((http::Host::fetch(store.data_mut(), request).await?,)) })
        },
    )?;
    linker.instance(&name("log"))?.func_wrap_async(
        "log",
        |mut store: StoreContextMut<'_, Guest>, (level, message): (log::Level, String)| {
            Box::new(async move { log::Host::log(store.data_mut(), level, message).await })
        },
    )?;
    linker.instance(&name("clock"))?.func_wrap_async(
        "now",
        |mut store: StoreContextMut<'_, Guest>, (): ()| {
            Box::new(async move { Ok((clock::Host::now(store.data_mut()).await?,)) })
        },
    )
}
