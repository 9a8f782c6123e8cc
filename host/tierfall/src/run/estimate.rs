//! What a run over many works would ask, and how long the hosts' paces make it: from what works have cost so far, or, where
//! nothing was seen, from the plan.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use url::Url;

use super::manifest::Line;
use crate::out;
use crate::tiers::Plan;
use tierfall_http::{PaceSettings, Role};

/// No honest line of a manifest is longer; what is beyond is read over.
const MOST_LINE: u64 = 16 << 20;
/// Works that are looked at: more say no more.
const MOST_WORKS: u64 = 20_000;
/// Hosts that are told apart. Publishers are many, and none of them is asked often.
const MOST_HOSTS: usize = 10_000;

/// What works have cost.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    works: u64,
    /// Requests by what they were for: host, path and role.
    requests: HashMap<(String, String, Role), f64>,
}

/// What a run would cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Works that would be asked for.
    pub works: u64,
    /// Works whose cost was seen; none: every source is asked once about every work, which is more than a run does.
    pub seen: u64,
    /// Requests in all.
    pub requests: u64,
    /// Of these, those to APIs.
    pub api_requests: u64,
    /// Seconds that the host needs whose turns take longest: no run is shorter.
    pub seconds: u64,
    /// The hosts, or groups of hosts that share one pace, those first that take longest.
    pub hosts: Vec<HostCost>,
}

/// What one host would be asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostCost {
    /// Its name, and the rule of the configuration that its pace is by.
    pub pace: String,
    /// Requests in all.
    pub requests: u64,
    /// The time between two of them, in milliseconds.
    pub every_ms: u64,
    /// Seconds that they take at that pace.
    pub seconds: u64,
}

impl Seen {
    /// What the works of an output folder have cost, by its manifest; nothing where there is none.
    pub fn in_folder(folder: &Path, plan: &Plan) -> io::Result<Self> {
        let mut seen = Self::default();
        let file = match out::open_to_read(&folder.join("manifest.jsonl")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(seen),
            Err(error) => return Err(error),
        };
        let apis = apis(plan);
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut line = Vec::new();
        while seen.works < MOST_WORKS && read_line(&mut reader, &mut line)? {
            if let Ok(line) = serde_json::from_slice::<Line>(&line) {
                seen.count(&line, &apis);
            }
        }
        Ok(seen)
    }

    /// The same of one more work.
    pub fn add(&mut self, line: &Line, plan: &Plan) {
        if self.works < MOST_WORKS {
            self.count(line, &apis(plan));
        }
    }

    /// Whether no work was seen.
    pub fn is_empty(&self) -> bool {
        self.works == 0
    }

    fn count(&mut self, line: &Line, apis: &[String]) {
        // What was done without asking, or before there were trails, tells nothing.
        if line.trail.attempts().next().is_none() {
            return;
        }
        self.works += 1;
        for request in line.trail.attempts().flat_map(|attempt| &attempt.requests) {
            // A question about several works is on the trail of each.
            let share = f64::from(request.retries.saturating_add(1)) / f64::from(request.works.max(1));
            self.request(&request.url, None, share, apis);
        }
        for acquisition in line.trail.acquisitions() {
            let url = acquisition.final_url.as_deref().unwrap_or(&acquisition.url);
            self.request(url, Some(Role::File), 1.0, apis);
        }
    }

    fn request(&mut self, url: &str, role: Option<Role>, share: f64, apis: &[String]) {
        // The URL of a question about many works is cut.
        let Ok(url) = Url::parse(url.trim_end_matches('…')) else { return };
        let Some(host) = url.host_str() else { return };
        let role = role.unwrap_or(if apis.iter().any(|api| api == host) { Role::Api } else { Role::Page });
        let path = if role == Role::Api { url.path() } else { "/" };
        let key = (host.to_owned(), path_of_service(path), role);
        if self.requests.len() < MOST_HOSTS || self.requests.contains_key(&key) {
            *self.requests.entry(key).or_default() += share;
        }
    }
}

/// What comes before identifiers in a path: its first two parts. Paces tell services apart by no more.
fn path_of_service(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => "/".to_owned(),
        [one] => format!("/{one}"),
        [one, _] => format!("/{one}/x"),
        [one, two, ..] => format!("/{one}/{two}/x"),
    }
}

/// The hosts that sources of the plan ask as APIs.
fn apis(plan: &Plan) -> Vec<String> {
    let sources = plan.tiers.iter().flat_map(|tier| &tier.sources).chain(&plan.facts).chain(&plan.titles);
    let hosts = sources.flat_map(|source| source.asks().hosts);
    hosts.filter(|(_, role)| *role == Role::Api).map(|(host, _)| host).collect()
}

fn read_line(reader: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(reader.take(MOST_LINE).read_until(b'\n', line)? > 0)
}

/// What a run over so many works would cost.
pub fn estimate(works: u64, seen: &Seen, plan: &Plan, pace: &PaceSettings) -> Estimate {
    // Requests for all works, by pace: how many, how often, and whether to an API.
    let mut paces: BTreeMap<String, (f64, Duration, bool)> = BTreeMap::new();
    let mut add = |host: &str, path: Option<&str>, role: Role, secret: bool, requests: f64| {
        let (name, every) = pace.turn(host, path, role, secret);
        let entry = paces.entry(name).or_insert((0.0, every, role == Role::Api));
        entry.0 += requests;
        entry.1 = entry.1.max(every);
    };
    let all = works as f64;
    if seen.is_empty() {
        // A source is asked by the first tier that has it.
        let mut counted = HashSet::new();
        let sources = plan.tiers.iter().flat_map(|tier| &tier.sources);
        for source in sources.filter(|source| counted.insert(source.name())) {
            let asks = source.asks();
            for (host, role) in &asks.hosts {
                add(host, None, *role, asks.secret, all / f64::from(asks.works.max(1)));
            }
        }
    } else {
        let secret = |host: &str| {
            let mut sources = plan.tiers.iter().flat_map(|tier| &tier.sources);
            sources.any(|source| {
                let asks = source.asks();
                asks.secret && asks.hosts.iter().any(|(asked, _)| asked == host)
            })
        };
        for ((host, path, role), requests) in &seen.requests {
            add(host, Some(path), *role, secret(host), requests * all / seen.works as f64);
        }
    }
    let mut hosts: Vec<HostCost> = paces
        .iter()
        .map(|(pace, (requests, every, _))| HostCost {
            pace: pace.clone(),
            requests: requests.ceil() as u64,
            every_ms: u64::try_from(every.as_millis()).unwrap_or(u64::MAX),
            seconds: (requests * every.as_secs_f64()).ceil() as u64,
        })
        .collect();
    hosts.sort_by(|one, two| two.seconds.cmp(&one.seconds).then_with(|| one.pace.cmp(&two.pace)));
    let sum = |only_apis: bool| {
        paces.values().filter(|(_, _, api)| *api || !only_apis).map(|(requests, ..)| requests).sum::<f64>()
    };
    Estimate {
        works,
        seen: seen.works,
        requests: sum(false).ceil() as u64,
        api_requests: sum(true).ceil() as u64,
        seconds: hosts.first().map_or(0, |host| host.seconds),
        hosts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_known_by_the_beginning_of_its_path() {
        for (path, service) in [
            ("/", "/"),
            ("/works", "/works"),
            ("/works/10.5555/1", "/works/10.5555/x"),
            ("/cdx/search", "/cdx/x"),
        ] {
            assert_eq!(path_of_service(path), service);
        }
    }
}
