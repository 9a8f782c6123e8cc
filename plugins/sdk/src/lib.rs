//! What a source plugin for Tierfall is written with.
//!
//! A plugin is a type with two functions, [`Plugin::describe`] and [`Plugin::find`], a third one where it is asked
//! about several works at once, and [`export_plugin!`] makes a component of it. All that it may do goes through a [`Host`]; in tests that
//! is a [`testing::Recorded`]. `plugins/README.md` leads from nothing to a loaded plugin.
//!
//! The crate knows how registries and pages word things, and what a page's PDF looks like. It does not
//! know which sources there are, when a plugin is called, or how the host fetches and what it permits.
//!
//! Nothing here panics on what a server answers: what is missing, null or of another type than
//! expected reads as absent.
//!
//! ```
//! use tierfall_sdk::{Candidate, Basis, Finding, WorkId, testing::work};
//!
//! // Identifiers are read by the same code as the host's, so that both write them in one way.
//! let doi = WorkId::read_doi("https://doi.org/10.1000/ABC(1)").unwrap();
//! assert_eq!(doi.value(), "10.1000/abc(1)");
//!
//! let mut finding = Finding::none();
//! finding.add(Candidate::new("https://a.invalid/1.pdf", Basis::Registry, "the record's `pdf`"));
//! finding.facts.add_location(Some("https://arxiv.org/abs/2101.00001v2"), &work(doi));
//! assert_eq!(finding.facts.ids, [WorkId::Arxiv("2101.00001v2".into())]);
//! ```

#[expect(clippy::too_many_arguments, reason = "functions of the canonical ABI, generated from the contract")]
pub mod bindings;
mod context;
mod description;
mod host;
pub mod html;
mod http;
pub mod ids;
pub mod json;
pub mod links;
pub mod many;
pub mod pages;
pub mod testing;
mod titles;
pub mod url;
pub mod wording;
mod work;

pub use bindings::tierfall::source::http::{Body, BudgetKind, FetchError, Method, Request, Response, Want};
pub use bindings::tierfall::source::log::Level;
pub use bindings::tierfall::source::types::{
    Basis, BatchContext, Budget, Candidate, Context, Description, Digest, DigestAlgorithm, Facts, Finding,
    Format, HostNeed, HostPattern, IdKind, Match, Question, RecordKind, Role, SecretUse, Setting, Source,
    SourceError, Tried, Version, Work, WorkId,
};
pub use description::{describe, setting_host};
pub use host::{ComponentHost, Host, start};
pub use http::get_json;
pub use json::Lenient;
pub use serde_json::{self, Value};
pub use titles::SoughtTitles;

/// A plugin: what it offers, and how it looks for copies of one work.
pub trait Plugin {
    /// The sources, and per source the hosts and settings that it needs. What is not declared here
    /// is denied later.
    fn describe() -> Description;

    /// Looks for copies of `work` with the source of this name.
    ///
    /// # Errors
    /// [`SourceError::NotFound`] when the source has no copy and no facts; the other variants say
    /// why it could not be asked. Errors are data: never panic over an answer.
    fn find(host: &dyn Host, source: &str, work: &Work, ctx: &Context) -> Result<Finding, SourceError>;

    /// The same for several works at once: one answer each, in the order of the questions. Only a source that
    /// says how many it takes ([`Source::batch`]) is asked so; this asks [`Plugin::find`] about one after another.
    fn find_many(
        host: &dyn Host,
        source: &str,
        questions: &[Question],
        ctx: &BatchContext,
    ) -> Vec<Result<Finding, SourceError>> {
        many::one_by_one(questions, ctx, |work, ctx| Self::find(host, source, work, ctx))
    }
}

/// Makes a [`Plugin`] the plugin that this crate's component offers. Once per `cdylib`.
///
/// ```
/// use tierfall_sdk::*;
///
/// struct Example;
///
/// impl Plugin for Example {
///     fn describe() -> Description {
///         let source = Source::new("example", "an example", &[IdKind::Doi])
///             .api("https://repository.example/api");
///         describe("example", "1.0.0", vec![source])
///     }
///
///     fn find(host: &dyn Host, _: &str, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
///         let doi = work.doi().ok_or(SourceError::NotApplicable)?;
///         let url = url::with_query(ctx.api_base()?, &[("doi", Some(doi))]);
///         let answer = get_json(host, &url)?;
///         let mut finding = Finding::none();
///         if let Some(pdf) = answer.text("pdf") {
///             finding.add(Candidate::new(pdf, Basis::Registry, "pdf"));
///         }
///         finding.or_not_found()
///     }
/// }
///
/// export_plugin!(Example);
/// ```
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ty) => {
        const _: fn() = || {
            fn is_plugin<P: $crate::Plugin>() {}
            is_plugin::<$plugin>();
        };

        // A native build, for tests, would export functions with names as common as `find`.
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::bindings::Guest for Component {
                fn describe() -> $crate::Description {
                    <$plugin as $crate::Plugin>::describe()
                }

                fn find(
                    source: ::std::string::String,
                    work: $crate::Work,
                    ctx: $crate::Context,
                ) -> ::std::result::Result<$crate::Finding, $crate::SourceError> {
                    $crate::start();
                    <$plugin as $crate::Plugin>::find(&$crate::ComponentHost, &source, &work, &ctx)
                }

                fn find_many(
                    source: ::std::string::String,
                    questions: ::std::vec::Vec<$crate::Question>,
                    ctx: $crate::BatchContext,
                ) -> ::std::vec::Vec<::std::result::Result<$crate::Finding, $crate::SourceError>> {
                    $crate::start();
                    <$plugin as $crate::Plugin>::find_many(&$crate::ComponentHost, &source, &questions, &ctx)
                }
            }

    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
}
