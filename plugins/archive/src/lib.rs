//! Repositories and archives that hold copies of works, each asked through its own API.
//!
//! A new one is a file here and a line in `SOURCES`, and its name in a tier of the host's `default.toml`.
//!
//! Searches by identifier may return the record of another work, so every source compares the
//! identifiers in a record with the work's before it uses it (`record`).

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

use tierfall_sdk::{
    BatchContext, Context, Description, Finding, Host, Plugin, Question, Source, SourceError, Work, WorkId,
    describe, many,
};

/// What a source is: how it describes itself, and how it looks for a work.
struct SourceEntry {
    name: &'static str,
    source: fn(&str) -> Source,
    find: fn(&dyn Host, &Work, &Context) -> Result<Finding, SourceError>,
    /// For those whose API is asked about several works at once.
    find_many: Option<FindMany>,
}

type FindMany = fn(&dyn Host, &[Question], &BatchContext) -> Vec<Result<Finding, SourceError>>;

static SOURCES: [SourceEntry; 8] = [
    SourceEntry {
        name: "core",
        source: core_ac::source,
        find: core_ac::find,
        find_many: Some(core_ac::find_many),
    },
    SourceEntry {
        name: "zenodo",
        source: zenodo::source,
        find: zenodo::find,
        find_many: Some(zenodo::find_many),
    },
    SourceEntry { name: "hal", source: hal::source, find: hal::find, find_many: Some(hal::find_many) },
    SourceEntry { name: "osf", source: osf::source, find: osf::find, find_many: None },
    SourceEntry { name: "figshare", source: figshare::source, find: figshare::find, find_many: None },
    SourceEntry {
        name: "openaire",
        source: openaire::source,
        find: openaire::find,
        find_many: Some(openaire::find_many),
    },
    SourceEntry {
        name: "datacite",
        source: datacite::source,
        find: datacite::find,
        find_many: Some(datacite::find_many),
    },
    SourceEntry {
        name: "internet_archive",
        source: internet_archive::source,
        find: internet_archive::find,
        find_many: None,
    },
];

/// Works that a source is known to have.
fn known_works(source: &str) -> Vec<WorkId> {
    let dois: &[&str] = match source {
        // A version of a record, and all of its versions together.
        "zenodo" => &["10.5281/zenodo.7391177", "10.5281/zenodo.3385997"],
        "hal" => &["10.1051/jphysrad:01955001606044400"],
        "osf" => &["10.31234/osf.io/785qu"],
        "figshare" => &["10.6084/m9.figshare.4805749"],
        "datacite" => &["10.48550/arxiv.1706.03762"],
        _ => &["10.1371/journal.pone.0000308"],
    };
    dois.iter().map(|doi| WorkId::Doi((*doi).into())).collect()
}

/// The plugin `archive`.
pub struct Archive;

impl Plugin for Archive {
    fn describe() -> Description {
        let sources =
            SOURCES.iter().map(|entry| (entry.source)(entry.name).known_works(known_works(entry.name)));
        let sources = sources.collect();
        describe("archive", env!("CARGO_PKG_VERSION"), sources)
    }

    fn find(host: &dyn Host, source: &str, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
        (entry(source)?.find)(host, work, ctx)
    }

    fn find_many(
        host: &dyn Host,
        source: &str,
        questions: &[Question],
        ctx: &BatchContext,
    ) -> Vec<Result<Finding, SourceError>> {
        match entry(source) {
            Ok(SourceEntry { find_many: Some(find_many), .. }) => find_many(host, questions, ctx),
            Ok(SourceEntry { find, .. }) => {
                many::one_by_one(questions, ctx, |work, ctx| find(host, work, ctx))
            }
            Err(error) => questions.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

fn entry(source: &str) -> Result<&'static SourceEntry, SourceError> {
    let entry = SOURCES.iter().find(|entry| entry.name == source);
    entry.ok_or_else(|| SourceError::Misconfigured(format!("`archive` has no source `{source}`")))
}

tierfall_sdk::export_plugin!(Archive);

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::{HostPattern, IdKind, Role, testing};

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
