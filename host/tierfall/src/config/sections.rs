//! The sections that belong to the program itself: `[fallback]`, `[run]`, `[ledger]`, `[telemetry]`. The
//! others are structs of the crates that they are about.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};
use tierfall_ledger::{OnFailure, Rules};
use tierfall_objects::Place;
use tierfall_settings::{Harmless, age, auto_or_number, number, some_millis};

use super::problem::did_you_mean;
use super::tier::sources_once;
use super::tier_spec::{InvalidTier, TierSpec};
use crate::acquire::{InvalidTemplate, NameTemplate};
use crate::tiers::Budgets;

/// `[fallback]`: the order of the tiers, and what one work may cost.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Fallback {
    /// As they were given. Mistakes in them are reported when the plan is made.
    #[serde(deserialize_with = "tiers")]
    pub(super) tiers: Vec<Result<TierSpec, InvalidTier>>,
    /// Sources asked for a title when a proof lacks one.
    #[serde(deserialize_with = "sources_once")]
    pub facts: Vec<String>,
    /// Sources asked first for works that are known by their title.
    #[serde(deserialize_with = "sources_once")]
    pub titles: Vec<String>,
    /// What one work may cost; read from the same table.
    #[serde(rename = "")]
    pub budgets: Budgets,
    /// For sources without a timeout of their own.
    #[serde(rename = "source_timeout_ms", deserialize_with = "some_millis")]
    pub(super) source_timeout: Duration,
    /// For sources without a number of their own.
    #[serde(deserialize_with = "number::<_, _, 0, 10>")]
    pub(super) source_retries: u32,
    /// Takes every Wayback source out of the plan.
    pub disable_wayback: bool,
}

/// `[run]`.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Run {
    /// Works that go on at the same time; `None` is what suits the machine.
    #[serde(deserialize_with = "auto_or_number::<_, 1, 1024>")]
    pub workers: Option<usize>,
    /// As it was given: from where the program runs.
    #[serde(deserialize_with = "out")]
    pub out: PathBuf,
    /// The bucket that stored files go to; `None` is the output folder.
    #[serde(deserialize_with = "store")]
    pub store: Option<Place>,
    /// What becomes of works without an identifier.
    pub titles: TitleMode,
    /// What the links to the stored files are called.
    #[serde(deserialize_with = "name")]
    pub name: NameTemplate,
    /// See [`Run::outage_wait`].
    #[serde(deserialize_with = "number::<_, _, 0, 2_592_000>")]
    outage_wait_s: u64,
}

/// For each processor so many works go on where nothing else is said: they wait for answers most of the time.
const WORKERS_PER_PROCESSOR: usize = 8;
/// More than this the network of one machine has nothing from.
const MOST_WORKERS: usize = 64;
/// For each that goes on so many may be in hand.
const IN_HAND_PER_WORKER: usize = 256;
/// The most that are in hand. A parked work takes about 30 KB, and twice as much with a ledger: so many leave a run below
/// 300 MB, the ledger's cache included.
const MOST_IN_HAND: usize = 2048;

impl Run {
    /// For how long works wait for a source that answers nobody any more.
    pub fn outage_wait(&self) -> Duration {
        Duration::from_secs(self.outage_wait_s)
    }

    /// Works that go on at the same time.
    pub fn workers(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.workers.unwrap_or_else(|| (processors() * WORKERS_PER_PROCESSOR).min(MOST_WORKERS))
    }

    /// Works that are begun and not ended: most of them wait for their turn at a host.
    pub fn in_hand(&self) -> usize {
        let workers = self.workers();
        if workers == 1 {
            // One after the other.
            return 1;
        }
        (workers * IN_HAND_PER_WORKER).min(MOST_IN_HAND).max(workers)
    }
}

/// What becomes of works that are known by their title alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TitleMode {
    /// Registries are asked which they are.
    Resolve,
    /// They are listed, and nobody is asked.
    Refuse,
}

/// `[ledger]`.
#[derive(Clone, serde::Deserialize)]
pub struct LedgerSettings {
    /// Whether a run has a ledger.
    pub enabled: bool,
    /// A file or `postgres://…`, which may hold a password; `None` is `OUT/ledger.sqlite`.
    #[serde(deserialize_with = "url")]
    pub url: Option<String>,
    /// When the ledger cannot be used.
    pub on_failure: OnFailure,
    /// How long finished jobs are kept; `None`: for ever.
    #[serde(deserialize_with = "age")]
    pub keep: Option<Duration>,
    /// How it leases jobs and retries them; read from the same table.
    #[serde(rename = "")]
    pub rules: Rules,
}

/// `[report]`.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Report {
    /// The address of a library's OpenURL resolver.
    #[serde(deserialize_with = "openurl")]
    pub openurl: Option<String>,
}

/// `[telemetry]`.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Telemetry {
    /// A filter as `tracing` reads it.
    #[serde(deserialize_with = "log")]
    pub log: String,
    /// How a log line is written.
    pub log_format: LogFormat,
    /// Where a run can be asked about itself.
    #[serde(deserialize_with = "listen")]
    pub listen: Option<SocketAddr>,
    /// The collector that metrics are sent to.
    #[serde(deserialize_with = "collector")]
    pub otlp: Option<url::Url>,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl Fallback {
    /// See [`Harmless`].
    pub(super) const HARMLESS: &[Harmless] = &[
        Harmless { key: "tiers", value: |tier| tier.parse().is_ok_and(|tier: TierSpec| tier.is_harmless()) },
        Harmless::key("total_timeout_ms"),
        Harmless::key("max_attempts"),
        Harmless::key("max_concurrent"),
        Harmless::key("hedge_ms"),
        Harmless::key("source_timeout_ms"),
        Harmless::key("source_retries"),
        Harmless::key("disable_wayback"),
    ];
}

impl Run {
    /// See [`Harmless`]. A folder's configuration writes into that folder, and nowhere else: not into a bucket.
    pub(super) const HARMLESS: &[Harmless] = &[
        Harmless::key("workers"),
        Harmless { key: "out", value: is_below },
        Harmless::key("titles"),
        Harmless::key("outage_wait_s"),
        Harmless::key("name"),
    ];
}

impl LedgerSettings {
    /// See [`Harmless`]. A ledger in OUT is as much the folder's as OUT is; its rows are read as such.
    pub(super) const HARMLESS: &[Harmless] = &[Harmless::key("enabled")];
}

impl Telemetry {
    /// See [`Harmless`].
    pub(super) const HARMLESS: &[Harmless] = &[Harmless::key("log"), Harmless::key("log_format")];
}

/// Whether a path stays below the folder from which it counts.
fn is_below(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Without the URL, which may hold a password.
impl std::fmt::Debug for LedgerSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LedgerSettings")
            .field("enabled", &self.enabled)
            .field("on_failure", &self.on_failure)
            .field("keep", &self.keep)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// Their options are separated by commas, so that they themselves are not.
fn tiers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Result<TierSpec, InvalidTier>>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(rename = "semicolons")]
    struct Tiers(Vec<String>);
    let Tiers(tiers) = Tiers::deserialize(deserializer)?;
    Ok(tiers.iter().map(|tier| tier.parse()).collect())
}

fn out<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    match String::deserialize(deserializer)? {
        out if out.is_empty() => Err(D::Error::custom("it is empty; give a folder")),
        out => Ok(out.into()),
    }
}

fn store<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Place>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(D::Error::custom),
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NameTemplate, D::Error> {
    NameTemplate::parse(&String::deserialize(deserializer)?).map_err(|invalid| {
        let meant = match &invalid {
            InvalidTemplate::Unknown(given) => {
                did_you_mean(&given.to_lowercase(), NameTemplate::PLACEHOLDERS.iter().copied())
            }
            _ => String::new(),
        };
        let known = NameTemplate::PLACEHOLDERS.iter().map(|name| format!("{{{name}}}"));
        D::Error::custom(format_args!("{invalid}{meant} (known are {})", known.collect::<Vec<_>>().join(" ")))
    })
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(rename = "place|")]
    struct Place(Option<String>);
    let Place(url) = Place::deserialize(deserializer)?;
    if url.as_deref().is_some_and(is_keywords) {
        return Err(D::Error::custom("give a server as postgres://USER@HOST/DATABASE, or a file"));
    }
    let scheme = url.as_deref().and_then(|url| url.split_once("://")).map(|(before, _)| before);
    let scheme = scheme.and_then(|before| before.rsplit('/').next());
    match scheme {
        None | Some("postgres" | "postgresql") => Ok(url),
        // Not the rest: it may hold a password.
        Some(other) => Err(D::Error::custom(format_args!(
            "there is no ledger at {other}://; give a file by its path, or a server as postgres://USER@HOST/DATABASE"
        ))),
    }
}

/// A level, or directives with one each. A name alone would be taken for a module, and a mistyped level turn the log off.
fn log<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let text = String::deserialize(deserializer)?;
    let is_level = |level: &str| LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level.trim()));
    let mut directives = text.split(',').map(|directive| directive.rsplit('=').next().unwrap_or(directive));
    // What spans are to be logged is said with commas and equal signs of its own.
    if text.trim().is_empty() || text.contains('[') {
        return Ok(text);
    }
    match directives.find(|level| !is_level(level)) {
        None => Ok(text),
        Some(wrong) => {
            let hint = did_you_mean(&wrong.to_ascii_lowercase(), LEVELS);
            Err(D::Error::custom(format_args!(
                "{wrong:?} is no level{hint}; they are {}, and by module \"warn,tierfall::http=debug\"",
                LEVELS.join(", ")
            )))
        }
    }
}

/// A port of this machine alone, or an address with a port.
fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let here = |port: &str| Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.parse().ok()?));
    match text.as_str() {
        "" => Ok(None),
        text => text
            .parse()
            .ok()
            .or_else(|| here(text.strip_prefix("localhost:").unwrap_or(text)))
            .map(Some)
            .ok_or_else(|| {
                D::Error::custom(format_args!(
                    "{text:?} is no port, and no ADDRESS:PORT such as 0.0.0.0:9464"
                ))
            }),
    }
}

fn collector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<url::Url>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let url = url::Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.map(Some).ok_or_else(|| D::Error::custom(format_args!("{text:?} is no web address")))
}

fn openurl<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(rename = "place|")]
    struct Place(Option<String>);
    let Place(url) = Place::deserialize(deserializer)?;
    let is_web =
        |url: &String| url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    match url {
        Some(url) if !is_web(&url) => Err(D::Error::custom(format_args!("{url:?} is no web address"))),
        url => Ok(url),
    }
}

/// `host=… password=…`, as libpq also takes it: as a file's name it would be shown, with the password.
fn is_keywords(text: &str) -> bool {
    const KEYWORDS: [&str; 6] = ["host", "hostaddr", "port", "user", "password", "dbname"];
    let words = text.split_whitespace().skip(1);
    words.filter_map(|word| word.split_once('=')).any(|(name, _)| KEYWORDS.contains(&name))
}
