//! `tierfall plan`: what a run would ask.

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tierfall::run::Program;
use tierfall::tiers::{Plan, Source};

use crate::args::SettingArgs;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Page, print, time};
use crate::table::Table;

/// Show what would be asked, in which order, under which budgets.
#[derive(Debug, Args)]
pub struct PlanCommand {
    #[command(flatten)]
    pub(super) settings: SettingArgs,
}

impl PlanCommand {
    pub async fn run(self, console: &Console) -> Result<Exit, CliError> {
        let config = console.load(&self.settings)?;
        let plan = Program::plan(&config).await?;
        if console.output.json {
            print(json(&plan))?;
        } else {
            print(text(&plan))?;
        }
        Ok(Exit::Done)
    }
}

/// A row for each source, in the order in which they are asked; the budgets below.
fn text(plan: &Plan) -> Page {
    let mut table = Table::new(&["tier", "parallel", "source", "identifiers", "timeout", "note"]);
    for tier in &plan.tiers {
        let mut shown = false;
        let mut tier_cells = || {
            let first = !std::mem::replace(&mut shown, true);
            if first {
                (tier.name.clone(), tier.parallel.to_string())
            } else {
                (String::new(), String::new())
            }
        };
        for source in &tier.sources {
            let (name, parallel) = tier_cells();
            let kinds: Vec<_> = source.ids().iter().map(|kind| kind.label()).collect();
            let source_name = source.name().to_string();
            table.add_row([
                name,
                parallel,
                source_name,
                kinds.join(" "),
                time(source.timeout()),
                String::new(),
            ]);
        }
        for skipped in &tier.skipped {
            let (name, parallel) = tier_cells();
            let note = format!("not asked: {}", skipped.reason);
            table.add_row([name, parallel, skipped.name.to_string(), String::new(), String::new(), note]);
        }
    }
    let budgets = &plan.budgets;
    let listed = |sources: &[Arc<dyn Source>]| match sources {
        [] => "none".to_owned(),
        _ => sources.iter().map(|source| source.name().source.clone()).collect::<Vec<_>>().join(", "),
    };
    Page::new().table(&table).text(format_args!(
        "\nbudgets of one work: {} in all, {} attempts, {} in flight\nfacts for a proof without a title: {}\nworks known by title are looked for with: {}",
        time(budgets.total),
        budgets.max_attempts,
        budgets.max_concurrent,
        listed(&plan.facts),
        listed(&plan.titles)
    ))
}

fn json(plan: &Plan) -> serde_json::Value {
    let tiers: Vec<_> = plan
        .tiers
        .iter()
        .map(|tier| {
            json!({
                "tier": tier.name,
                "parallel": tier.parallel,
                "sources": tier.sources.iter().map(|source| json!({
                    "plugin": source.name().plugin,
                    "source": source.name().source,
                    "ids": source.ids().iter().map(|kind| kind.label()).collect::<Vec<_>>(),
                    "timeout_ms": source.timeout().as_millis(),
                })).collect::<Vec<_>>(),
                "skipped": tier.skipped.iter().map(|skipped| json!({
                    "plugin": skipped.name.plugin,
                    "source": skipped.name.source,
                    "reason": skipped.reason,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "tiers": tiers,
        "facts": plan.facts.iter().map(|source| source.name().source.clone()).collect::<Vec<_>>(),
        "titles": plan.titles.iter().map(|source| source.name().source.clone()).collect::<Vec<_>>(),
        "budgets": {
            "total_timeout_ms": plan.budgets.total.as_millis(),
            "max_attempts": plan.budgets.max_attempts,
            "max_concurrent": plan.budgets.max_concurrent,
            "hedge_ms": plan.budgets.hedge.as_millis(),
        },
    })
}
