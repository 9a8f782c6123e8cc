//! What is wrong with a configuration that can be read and planned with: what only shows once its plugins are loaded and
//! its ledger and its store are looked for.

use std::path::Path;

use super::machine::{Finding, Severity};
use crate::config::{Config, Problem};
use crate::run::{LedgerPlace, Survey, find_ledger, open_objects};
use tierfall_ledger::LedgerError;

/// What no run could do, and what it would do worse than the configuration lets hope. Nothing is asked of the network
/// but a ledger on a server, and a store.
pub async fn configuration(config: &Config, survey: &Survey) -> (Vec<Problem>, Vec<Finding>) {
    let sources = survey.plugins.iter().flat_map(|plugin| &plugin.description().sources);
    let names: Vec<&str> = sources.map(|source| source.name.as_str()).collect();
    let mut problems = config.unknown_sources(&names);
    problems.extend(ledger(config).await);
    problems.extend(store(config).await);
    let findings = survey.ungranted.iter().map(|(source, hosts)| Finding {
        what: "hosts",
        severity: Severity::Weak,
        detail: format!(
            "{source} declares {} and is not granted {}: what it asks there is denied; add to `hosts` of [plugins.{}] what it \
             may ask, or \"declared\" for all",
            hosts.join(", "),
            if hosts.len() == 1 { "it" } else { "them" },
            source.plugin
        ),
    });
    (problems, findings.collect())
}

/// Whether the store that is named can be used.
async fn store(config: &Config) -> Option<Problem> {
    let why = open_objects(config).await.err()?;
    Some(Problem { origin: config.origin_of("run.store"), message: format!("`run.store`: {why}") })
}

/// Whether the ledger that is named, or switched on, can be used. That there is none yet is no problem.
async fn ledger(config: &Config) -> Option<Problem> {
    let named = config.ledger.url.is_some();
    if !config.ledger.enabled && !named {
        return None;
    }
    let why = match find_ledger(config, &config.run.out).await {
        Ok(_) | Err(LedgerError::Older { .. }) => return None,
        Err(LedgerError::Absent { place }) => match LedgerPlace::of(config, &config.run.out) {
            LedgerPlace::File(path) if named => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.unwrap_or(Path::new("."));
                if folder.is_dir() {
                    return None;
                }
                format!("the ledger {place} cannot be made: there is no folder {}", folder.display())
            }
            _ => return None,
        },
        Err(error) => error.to_string(),
    };
    let key = if named { "ledger.url" } else { "ledger.enabled" };
    Some(Problem { origin: config.origin_of(key), message: format!("`{key}`: {why}") })
}
