//! `tierfall plugin`: what plugins declare, and building them.

use std::path::{Path, PathBuf};

use serde_json::json;
use tierfall_plugin_build::{Build, BuildError};

use super::output::{size, table};
use tierfall_http::Role;
use tierfall_sandbox::{Plugin, SourceDescription};

/// One row per source.
pub fn list(plugins: &[Plugin]) -> comfy_table::Table {
    let mut table = table(&["plugin", "version", "source", "identifiers", "what it is"]);
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
pub fn inspect(plugin: &Plugin) -> String {
    let description = plugin.description();
    let mut text = format!("{} {}\nsha256 {}\n", description.name, description.version, plugin.sha256());
    for source in &description.sources {
        text.push_str(&format!("\n{}: {}\n", source.name, source.summary));
        text.push_str(&format!("  identifiers  {}\n", kinds(source)));
        for need in &source.hosts {
            text.push_str(&format!("  host         {} ({})\n", need.pattern.label(), role(need.role)));
        }
        for setting in &source.settings {
            let mut marks = Vec::new();
            if setting.secret.is_some() {
                marks.push("secret".to_owned());
            }
            if setting.required {
                marks.push("required".to_owned());
            }
            if let Some(default) = &setting.default {
                marks.push(format!("default {default}"));
            }
            let marks = if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(", ")) };
            text.push_str(&format!("  setting      {}: {}{marks}\n", setting.name, setting.summary));
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// The same for machines.
pub fn json(plugin: &Plugin) -> serde_json::Value {
    let description = plugin.description();
    let sources: Vec<_> = description
        .sources
        .iter()
        .map(|source| {
            json!({
                "name": source.name,
                "summary": source.summary,
                "ids": source.ids.iter().map(|kind| kind.label()).collect::<Vec<_>>(),
                "hosts": source.hosts.iter().map(|need| {
                    json!({"host": need.pattern.label(), "role": role(need.role)})
                }).collect::<Vec<_>>(),
                "settings": source.settings.iter().map(|setting| json!({
                    "name": setting.name,
                    "summary": setting.summary,
                    "default": setting.default,
                    "required": setting.required,
                    "secret": setting.secret.is_some(),
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "name": description.name,
        "version": description.version,
        "sha256": plugin.sha256(),
        "sources": sources,
    })
}

/// Builds the plugin in `dir` and writes its component; returns where it is.
pub fn build(dir: &Path, out: Option<PathBuf>) -> Result<String, PluginBuildError> {
    let manifest = dir.join("Cargo.toml");
    let built = Build { manifest: &manifest, packages: &[], target_dir: None }.run()?;
    let [built] = built.as_slice() else {
        return Err(PluginBuildError::Several { dir: dir.to_owned(), count: built.len() });
    };
    let out = out.unwrap_or_else(|| PathBuf::from(format!("{}.wasm", built.package)));
    std::fs::write(&out, &built.component)
        .map_err(|source| PluginBuildError::Write { path: out.clone(), source })?;
    Ok(format!("{} ({})", out.display(), size(built.component.len() as u64)))
}

#[derive(Debug, thiserror::Error)]
pub enum PluginBuildError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("{} holds {count} plugins: name the folder of one", dir.display())]
    Several { dir: PathBuf, count: usize },
    #[error("failed to write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

fn kinds(source: &SourceDescription) -> String {
    source.ids.iter().map(|kind| kind.label()).collect::<Vec<_>>().join(" ")
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Api => "api",
        Role::Page => "page",
        Role::File => "file",
    }
}
