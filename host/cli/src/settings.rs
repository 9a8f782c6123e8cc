//! From flags to a configuration.

use std::io;
use std::path::{Path, PathBuf};

use tierfall::config::{Config, ConfigLayers, Given, Override};

use crate::args::SettingArgs;
use crate::error::CliError;
use crate::output::print;
use crate::table::Table;

/// The configuration of this call: defaults, file, environment, flags.
pub fn load(args: &SettingArgs) -> Result<Config, CliError> {
    let request = ConfigLayers {
        file: args.config.clone(),
        directory: PathBuf::new(),
        environment: environment()?,
        overrides: overrides(args)?,
    };
    let mut config = Config::load(request)?;
    config.sandbox.compiler = tierfall_sandbox::this_program();
    Ok(config)
}

/// The variables of this process. One whose name is not Unicode is none of ours; one of ours whose value is not cannot
/// be used as it is, and is not left out in silence.
pub fn environment() -> Result<Vec<(String, String)>, CliError> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(value) if is_ours(&name) => {
                return Err(CliError::Usage(format!(
                    "the variable {name} is not UTF-8 ({}), and cannot be used",
                    value.to_string_lossy().escape_debug()
                )));
            }
            Err(_) => {}
        }
    }
    Ok(variables)
}

/// Whether the configuration may read this variable: keys, folders, and the secrets that it names by default.
fn is_ours(name: &str) -> bool {
    const FOLDERS: [&str; 4] = ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"];
    const SECRETS: [&str; 6] = [
        "CORE_API_KEY",
        "S2_API_KEY",
        "OPENALEX_API_KEY",
        "OPENAIRE_TOKEN",
        "DOAJ_API_KEY",
        "UNPAYWALL_EMAIL",
    ];
    let prefixes = ["TIERFALL_", "DOCSTOKG_"];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
        || FOLDERS.contains(&name)
        || SECRETS.contains(&name)
}

/// The demo's: the defaults, whatever this machine is configured for, so that it is the same everywhere.
pub fn demo(out: &Path) -> Result<Config, CliError> {
    let text = |key: &str, value: &str| Override {
        key: key.into(),
        value: Given::Text(value.into()),
        flag: "the demo".into(),
    };
    // The home itself would bring the user's own configuration.
    let below_home = || Some(format!("{}/.cache", std::env::var("HOME").ok()?));
    let cache = std::env::var("XDG_CACHE_HOME").ok().or_else(below_home);
    let environment = cache.map(|cache| ("XDG_CACHE_HOME".to_owned(), cache)).into_iter().collect();
    let mut overrides = vec![
        text("http.mailto", "demo@tierfall.example"),
        text("http.proxy", "direct"),
        // It opens nothing: the recording answers as if a key had been sent.
        text("secrets.core_api_key", "demo"),
    ];
    overrides.push(text("run.out", &path("--out", out)?));
    let directory = PathBuf::from("/nonexistent");
    Ok(Config::load(ConfigLayers { file: None, directory, environment, overrides })?)
}

/// Every effective value and where it came from.
pub fn show(config: &Config, json: bool) -> io::Result<()> {
    if json {
        let values: Vec<_> = config
            .effective
            .iter()
            .map(|value| {
                serde_json::json!({"key": value.key, "value": value.value, "origin": value.origin.to_string()})
            })
            .collect();
        return print(serde_json::Value::from(values));
    }
    let mut table = Table::new(&["key", "value", "from"]);
    for value in &config.effective {
        table.add_row([value.key.clone(), value.value.clone(), value.origin.to_string()]);
    }
    print(table)
}

/// What `--set` was given that looks like a list or a table of TOML and was taken as the text that it is, with what to
/// write instead.
pub fn taken_as_text(args: &SettingArgs) -> Vec<String> {
    let notes = args.set.iter().filter_map(|given| {
        let (key, value) = given.split_once('=')?;
        let (key, value) = (key.trim(), value.trim());
        if !value.starts_with(['{', '[']) {
            return None;
        }
        let read: toml::Table = format!("value = {value}").parse().ok()?;
        let instead = match read.get("value")? {
            toml::Value::Table(table) => {
                let keys = table.iter().map(|(name, value)| match value {
                    // Somebody looks over the shoulder.
                    _ if key.starts_with("secrets") => format!("--set '{key}.{name}=…'"),
                    toml::Value::String(text) => format!("--set '{key}.{name}={text}'"),
                    value => format!("--set '{key}.{name}={value}'"),
                });
                format!("a table is set key by key: {}", keys.collect::<Vec<_>>().join(" "))
            }
            toml::Value::Array(items) => {
                let items = items.iter().map(|item| item.as_str().map_or(item.to_string(), str::to_owned));
                format!("a list has no brackets: --set '{key}={}'", items.collect::<Vec<_>>().join(","))
            }
            _ => return None,
        };
        Some(format!("--set {key}: its value was taken as the text that it is; {instead}"))
    });
    notes.collect()
}

fn overrides(args: &SettingArgs) -> Result<Vec<Override>, CliError> {
    let mut overrides = Vec::new();
    for given in &args.set {
        let Some((key, value)) = given.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
            return Err(CliError::Usage(format!(
                "--set {given}: write KEY=VALUE, as in --set run.workers=8"
            )));
        };
        let flag = format!("--set {key}");
        overrides.push(Override { key: key.trim().into(), value: Given::Text(value.into()), flag });
    }
    let fallback = &args.fallback;
    let out = args.out.as_deref().map(|folder| path("--out", folder)).transpose()?;
    let ca_certs: Vec<String> =
        args.ca_cert.iter().map(|file| path("--ca-cert", file)).collect::<Result<_, _>>()?;
    let mut text = |key: &str, flag: &str, value: Option<String>| {
        if let Some(value) = value {
            overrides.push(Override { key: key.into(), value: Given::Text(value), flag: flag.into() });
        }
    };
    text("run.out", "--out", out);
    text("run.store", "--store", args.store.clone());
    text("telemetry.listen", "--listen", args.listen.clone());
    text("run.workers", "--workers", args.workers.clone());
    text("run.titles", "--titles", args.titles.clone());
    text("http.mailto", "--mailto", args.mailto.clone());
    text("http.proxy", "--proxy", args.proxy.clone());
    text("proof.identity", "--identity", args.identity.clone());
    let ledger = &args.ledger;
    text("ledger.enabled", "--enable-idempotency", ledger.enable_idempotency.then(|| "true".to_owned()));
    text("ledger.url", "--ledger", ledger.ledger.clone());
    let number = |value: Option<u64>| value.map(|number| number.to_string());
    text(
        "fallback.total_timeout_ms",
        "--fallback-total-timeout-ms",
        number(fallback.fallback_total_timeout_ms),
    );
    text("fallback.max_attempts", "--fallback-max-attempts", number(fallback.fallback_max_attempts));
    text("fallback.max_concurrent", "--fallback-max-concurrent", number(fallback.fallback_max_concurrent));
    text(
        "fallback.disable_wayback",
        "--disable-wayback-fallback",
        fallback.disable_wayback_fallback.then(|| "true".to_owned()),
    );
    let mut list = |key: &str, flag: &str, items: Vec<String>| {
        if !items.is_empty() {
            overrides.push(Override { key: key.into(), value: Given::List(items), flag: flag.into() });
        }
    };
    list("http.ca_certs", "--ca-cert", ca_certs);
    list("http.allow_private", "--allow-private", args.allow_private.clone());
    list("fallback.tiers", "--fallback-tier", fallback.fallback_tier.clone());
    Ok(overrides)
}

/// The configuration is text: what cannot be written in it is refused, before anything goes to another place.
fn path(flag: &str, path: &Path) -> Result<String, CliError> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        let shown = path.to_string_lossy().escape_debug().to_string();
        CliError::Usage(format!(
            "{flag} {shown}: the name is not UTF-8; give one that is, a link for example"
        ))
    })
}
