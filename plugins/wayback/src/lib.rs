//! Copies in the Wayback Machine of what failed elsewhere.
//!
//! The URLs that earlier tiers tried without success come first, then the work's own pages, then the
//! resolver. The index (CDX) gets few requests, because it accepts 24 a minute: one about the best file, and
//! then about what the availability API knows, which is quick; what that does not know is mostly not there. A captured
//! page costs less.

mod availability;
mod capture;
mod cdx;
mod fetch_budget;
mod search;
mod targets;

use self::search::{MOST_INDEXED, MOST_UNKNOWN, WEB_BASE};
use self::targets::MOST_URLS;
use tierfall_sdk::{
    Context, Description, Finding, Host, IdKind, Plugin, Role, Setting, Source, SourceError, Work, WorkId,
    describe, setting_host,
};

/// The plugin `wayback`.
pub struct Wayback;

impl Plugin for Wayback {
    fn describe() -> Description {
        // It works from the URLs of a work, however the work was named.
        let ids = [IdKind::Doi, IdKind::Arxiv, IdKind::Pmid, IdKind::Pmcid, IdKind::Openalex, IdKind::Url];
        let source = Source::new("wayback", "captures in the Wayback Machine of what failed elsewhere", &ids)
            .api("https://archive.org")
            .setting(
                Setting::new(WEB_BASE, "where captures and their index are")
                    .default("https://web.archive.org"),
            )
            .host(setting_host(WEB_BASE), Role::Api)
            .setting(
                Setting::new(
                    MOST_URLS,
                    "URLs of one work that the availability API is asked about, best first",
                )
                .default("6"),
            )
            .setting(
                Setting::new(
                    MOST_INDEXED,
                    "questions to the index of captures about one work: it takes 24 a minute",
                )
                .default("3"),
            )
            .setting(
                Setting::new(
                    MOST_UNKNOWN,
                    "of these, about its best files, whatever the availability API knows of them",
                )
                .default("1"),
            )
            .known_works([WorkId::Url("https://arxiv.org/pdf/1706.03762".into())]);
        describe("wayback", env!("CARGO_PKG_VERSION"), vec![source])
    }

    fn find(host: &dyn Host, source: &str, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
        if source != "wayback" {
            return Err(SourceError::Misconfigured(format!("`wayback` has no source `{source}`")));
        }
        search::run(host, work, ctx)
    }
}

tierfall_sdk::export_plugin!(Wayback);

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::testing;

    #[test]
    fn both_places_of_the_archive_are_declared_as_apis() {
        let description = Wayback::describe();
        let source = &description.sources[0];
        assert_eq!((description.name.as_str(), source.name.as_str()), ("wayback", "wayback"));
        assert_eq!(source.hosts.len(), 2);
        assert!(source.hosts.iter().all(|need| need.role == Role::Api));
    }

    #[test]
    fn a_source_that_is_not_ours_is_refused() {
        let work = Work::new(Vec::new());
        let answer = Wayback::find(&testing::Recorded::new(), "way", &work, &testing::context());
        assert!(matches!(answer, Err(SourceError::Misconfigured(_))));
    }
}
