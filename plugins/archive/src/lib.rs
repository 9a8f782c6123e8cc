//! Repositories and archives that hold copies of works, each asked through its own API.
//!
//! Searches by identifier may return the record of another work, so every source looks at the
//! identifiers that a record states before it believes it ([`record`]).

mod core_ac;
mod datacite;
mod figshare;
mod files;
mod hal;
mod internet_archive;
mod openaire;
mod osf;
mod record;
mod wording;
mod zenodo;

use tierfall_sdk::{Context, Description, Finding, Host, Plugin, Source, SourceError, Work, describe};

/// What a source is: how it describes itself, and how it looks for a work.
struct Offer {
    name: &'static str,
    source: fn(&str) -> Source,
    find: fn(&dyn Host, &Work, &Context) -> Result<Finding, SourceError>,
}

const OFFERS: [Offer; 8] = [
    Offer { name: "core", source: core_ac::source, find: core_ac::find },
    Offer { name: "zenodo", source: zenodo::source, find: zenodo::find },
    Offer { name: "hal", source: hal::source, find: hal::find },
    Offer { name: "osf", source: osf::source, find: osf::find },
    Offer { name: "figshare", source: figshare::source, find: figshare::find },
    Offer { name: "openaire", source: openaire::source, find: openaire::find },
    Offer { name: "datacite", source: datacite::source, find: datacite::find },
    Offer { name: "internet_archive", source: internet_archive::source, find: internet_archive::find },
];

/// The plugin `archive`.
pub struct Archive;

impl Plugin for Archive {
    fn describe() -> Description {
        let sources = OFFERS.iter().map(|offer| (offer.source)(offer.name)).collect();
        describe("archive", env!("CARGO_PKG_VERSION"), sources)
    }

    fn find(host: &dyn Host, source: &str, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
        let offer = OFFERS
            .iter()
            .find(|offer| offer.name == source)
            .ok_or_else(|| SourceError::Misconfigured(format!("`archive` has no source `{source}`")))?;
        (offer.find)(host, work, ctx)
    }
}

tierfall_sdk::export_plugin!(Archive);

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::{HostPattern, IdKind, Role, WorkId, testing};

    #[test]
    fn every_source_declares_the_host_of_its_own_api() {
        let description = Archive::describe();
        assert_eq!(description.name, "archive");
        for source in &description.sources {
            let base = source.settings.iter().find(|s| s.name == "api_base").expect("a base");
            assert!(
                base.default.as_deref().is_some_and(|url| url.starts_with("https://")),
                "{}",
                source.name
            );
            let host = source.hosts.first().expect("a host");
            assert_eq!(host.pattern, HostPattern::Setting("api_base".into()), "{}", source.name);
            assert!(source.hosts.iter().all(|h| h.role == Role::Api), "{}", source.name);
        }
    }

    #[test]
    fn a_work_without_an_identifier_that_a_source_knows_is_not_applicable_and_costs_no_request() {
        let host = testing::Recorded::new();
        let work = testing::work(WorkId::Openalex("W1".into()));
        for source in &Archive::describe().sources {
            let ctx = Context { secrets: vec!["api_key".into()], ..testing::context_of(source) };
            let answer = Archive::find(&host, &source.name, &work, &ctx);
            assert_eq!(answer, Err(SourceError::NotApplicable), "{}", source.name);
            assert!(!source.ids.contains(&IdKind::Openalex), "{}", source.name);
        }
        assert!(host.urls().is_empty());
    }

    #[test]
    fn a_source_that_is_none_of_ours_is_refused_by_name() {
        let work = testing::work(WorkId::Doi("10.1000/1".into()));
        let answer = Archive::find(&testing::Recorded::new(), "corex", &work, &testing::context());
        assert!(matches!(answer, Err(SourceError::Misconfigured(text)) if text.contains("corex")));
    }
}
