//! `tierfall plugin`: list plugins, show what they declare, build them.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;
use tierfall::config::secret_name;
use tierfall::run::Program;
use tierfall_http::Role;
use tierfall_ids::WorkId;
use tierfall_plugin_build::Build;
use tierfall_sandbox::{Plugin, SecretUse, Setting, SourceDescription};

use crate::args::SettingArgs;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{print, size};
use crate::table::Table;

/// List, inspect and build plugins.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// List the plugins of the plan and their sources.
    List(SettingArgs),
    /// Show what a plugin declares: its sources, hosts, settings.
    Inspect {
        /// A plugin's name, or a path to a component.
        plugin: String,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Build a plugin from its source and make it a component.
    Build {
        /// The folder of its `Cargo.toml`.
        dir: PathBuf,
        /// Where the component goes; `NAME.wasm` in the current folder otherwise.
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

impl PluginCommand {
    /// Of those that read plugins; building one runs its author's tools.
    pub(super) fn settings(&self) -> Option<&SettingArgs> {
        match self {
            Self::List(settings) | Self::Inspect { settings, .. } => Some(settings),
            Self::Build { .. } => None,
        }
    }

    pub async fn run(self, console: &Console) -> Result<Exit, CliError> {
        match self {
            Self::List(settings) => {
                let config = console.load(&settings)?;
                let plugins = Program::plugins(&config).await?;
                if console.output.json {
                    print(serde_json::Value::from(plugins.iter().map(json).collect::<Vec<_>>()))?;
                } else {
                    print(list(&plugins))?;
                }
            }
            Self::Inspect { plugin, settings } => {
                let config = console.load(&settings)?;
                let plugin = Program::plugin(&config, &plugin).await?;
                if console.output.json {
                    print(json(&plugin))?;
                } else {
                    print(inspect(&plugin))?;
                }
            }
            Self::Build { dir, out } => print(build(&dir, out)?)?,
        }
        Ok(Exit::Done)
    }
}

/// One row per source.
fn list(plugins: &[Plugin]) -> Table {
    let mut table = Table::new(&["plugin", "version", "source", "identifiers", "what it is"]);
    for plugin in plugins {
        let description = plugin.description();
        for source in &description.sources {
            table.add_row([
                description.name.clone(),
                description.version.clone(),
                source.name.clone(),
                kinds(source),
                source.summary.clone(),
            ]);
        }
    }
    table
}

/// Everything that a plugin declares.
fn inspect(plugin: &Plugin) -> String {
    let description = plugin.description();
    let mut text = format!(
        "{} {}\nsha256 {}\ncontract {}\n",
        description.name,
        description.version,
        plugin.sha256(),
        plugin.contract()
    );
    for source in &description.sources {
        text.push_str(&format!("\n{}: {}\n", source.name, source.summary));
        text.push_str(&format!("  identifiers  {}\n", kinds(source)));
        if let Some(batch) = source.batch {
            text.push_str(&format!("  at once      up to {batch} works\n"));
        }
        if !source.known_works.is_empty() {
            let known: Vec<_> = source.known_works.iter().map(WorkId::key).collect();
            text.push_str(&format!("  known works  {}\n", known.join(" ")));
        }
        for need in &source.hosts {
            text.push_str(&format!("  host         {} ({})\n", need.pattern.label(), role(need.role)));
        }
        for setting in &source.settings {
            let mut notes = Vec::new();
            if setting.secret.is_some() {
                notes.push("secret".to_owned());
            }
            if setting.required {
                notes.push("required".to_owned());
            }
            if let Some(default) = &setting.default {
                notes.push(format!("default {default}"));
            }
            let notes = if notes.is_empty() { String::new() } else { format!(" [{}]", notes.join(", ")) };
            text.push_str(&format!("  setting      {}: {}{notes}\n", setting.name, setting.summary));
            if let Some(secret) = &setting.secret {
                let (name, host) =
                    (secret_name(&source.name, &setting.name), source.host_label(&secret.host));
                let SecretUse { header, prefix, .. } = secret;
                text.push_str(&format!(
                    "               secrets.{name} goes to {host}, as `{header}: {prefix}…`\n"
                ));
            } else if is_mailto(setting) {
                text.push_str(
                    "               it is told your address, http.mailto, unless it is given another\n",
                );
            }
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// The same for machines.
fn json(plugin: &Plugin) -> serde_json::Value {
    let description = plugin.description();
    let sources: Vec<_> = description
        .sources
        .iter()
        .map(|source| {
            json!({
                "name": source.name,
                "summary": source.summary,
                "ids": labels(source),
                "batch": source.batch,
                "known_works": source.known_works.iter().map(WorkId::key).collect::<Vec<_>>(),
                "hosts": source.hosts.iter().map(|need| {
                    json!({"host": need.pattern.label(), "role": role(need.role)})
                }).collect::<Vec<_>>(),
                "settings": source.settings.iter().map(|setting| json!({
                    "name": setting.name,
                    "summary": setting.summary,
                    "default": setting.default,
                    "required": setting.required,
                    "secret": setting.secret.is_some(),
                    "sent": setting.secret.as_ref().map(|secret| json!({
                        "key": format!("secrets.{}", secret_name(&source.name, &setting.name)),
                        "host": source.host_label(&secret.host),
                        "header": secret.header,
                        "prefix": secret.prefix,
                    })),
                    "told": is_mailto(setting).then_some("http.mailto"),
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "name": description.name,
        "version": description.version,
        "sha256": plugin.sha256(),
        "contract": plugin.contract(),
        "sources": sources,
    })
}

/// A setting that has the user's address where the user gives no other.
fn is_mailto(setting: &Setting) -> bool {
    setting.name == "mailto" && setting.secret.is_none()
}

/// Builds the plugin in `dir` and writes its component; returns where it is.
fn build(dir: &Path, out: Option<PathBuf>) -> Result<String, CliError> {
    let manifest = dir.join("Cargo.toml");
    let built = Build { manifest: &manifest, packages: &[], target_dir: None }.run()?;
    let [built] = built.as_slice() else {
        return Err(CliError::SeveralPlugins { dir: dir.to_owned(), count: built.len() });
    };
    let out = out.unwrap_or_else(|| PathBuf::from(format!("{}.wasm", built.package)));
    std::fs::write(&out, &built.component).map_err(|source| CliError::Write { path: out.clone(), source })?;
    Ok(format!("{} ({})", out.display(), size(built.component.len() as u64)))
}

fn kinds(source: &SourceDescription) -> String {
    labels(source).join(" ")
}

/// What it can look for works by.
fn labels(source: &SourceDescription) -> Vec<&'static str> {
    source.ids.iter().map(|kind| kind.label()).chain(source.titles.then_some("title")).collect()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Api => "api",
        Role::Page => "page",
        Role::File => "file",
    }
}
