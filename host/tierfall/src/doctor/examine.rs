//! Asking every source of the plan about works that it is known to have.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::Instant;

use super::condition::{Condition, SourceCondition, judge};
use super::machine::{Finding, Severity, machine, xml};
use super::reply_log::ReplyLog;
use crate::config::Config;
use crate::run::{Program, SetupError};
use crate::tiers::{Answer, Ask, Plan, Skipped, Source, SourceName};
use tierfall_http::{AttemptClock, HttpClient, Mode};
use tierfall_sandbox::{AnsweredPages, CallError, CallReport};
use tierfall_work::Work;

/// Works that one source is asked about: where the first is gone, the second tells whether the source is, too.
const MOST_WORKS: usize = 2;
/// For all the waiting for a host's turn that one question may need.
const TURNS: Duration = Duration::from_secs(60);

/// How everything is.
#[derive(Clone, Debug, Serialize)]
pub struct Examination {
    /// The program's version.
    pub version: &'static str,
    /// The machine and the configuration.
    pub machine: Vec<Finding>,
    /// Every source of the plan, in its order.
    pub sources: Vec<SourceCondition>,
}

/// Examines the machine and the sources of the plan. Those of one plugin are asked one after the other, so that it is
/// known which of them was answered what.
pub async fn examine(config: &Config, mode: Mode) -> Result<Examination, SetupError> {
    let mut machine = machine(config);
    let log = Arc::new(ReplyLog::default());
    let client = HttpClient::new(config.http.clone(), mode)?.listened_to_by(Arc::clone(&log) as _);
    let plan = Program::plan_with(config, &client).await?;
    machine.extend(xml(&plan));
    Ok(Examination { version: env!("CARGO_PKG_VERSION"), machine, sources: sources(&plan, &log).await })
}

impl Examination {
    /// Whether something about the machine or the configuration has to be mended.
    pub fn is_wrong(&self) -> bool {
        self.machine.iter().any(|found| found.severity == Severity::Wrong)
    }
}

async fn sources(plan: &Plan, log: &ReplyLog) -> Vec<SourceCondition> {
    let in_plan: Vec<(&str, &Arc<dyn Source>)> = plan
        .tiers
        .iter()
        .flat_map(|tier| tier.sources.iter().map(|source| (tier.name.as_str(), source)))
        .collect();
    let mut plugins: Vec<&str> = in_plan.iter().map(|(_, source)| source.name().plugin.as_str()).collect();
    plugins.sort_unstable();
    plugins.dedup();
    let of_plugins = plugins.into_iter().map(|plugin| {
        let of_plugin = in_plan.iter().filter(move |(_, source)| source.name().plugin == plugin);
        async move {
            let mut found = Vec::new();
            for (tier, source) in of_plugin {
                found.push(one(tier, source.as_ref(), log).await);
            }
            found
        }
    });
    let mut found: Vec<SourceCondition> = join_all(of_plugins).await.into_iter().flatten().collect();
    for tier in &plan.tiers {
        for Skipped { name, reason } in &tier.skipped {
            found.push(SourceCondition {
                detail: reason.clone(),
                ..about(&tier.name, name, Condition::NotAsked)
            });
        }
    }
    let place = |condition: &SourceCondition| plan.tiers.iter().position(|tier| tier.name == condition.tier);
    found.sort_by_key(place);
    found
}

fn about(tier: &str, name: &SourceName, condition: Condition) -> SourceCondition {
    SourceCondition {
        tier: tier.to_owned(),
        plugin: name.plugin.clone(),
        source: name.source.clone(),
        condition,
        detail: String::new(),
        works: Vec::new(),
        ms: 0,
        replies: Vec::new(),
    }
}

async fn one(tier: &str, source: &dyn Source, log: &ReplyLog) -> SourceCondition {
    let name = source.name();
    let mut found = about(tier, name, Condition::Unknown);
    for id in source.known_works().iter().take(MOST_WORKS) {
        let work = Arc::new(Work::new(id.clone()));
        log.take(&name.plugin);
        let began = Instant::now();
        let answer = ask(source, &work).await;
        let took = began.elapsed();
        found.replies = log.take(&name.plugin);
        found.works.push(work.key());
        found.ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        (found.condition, found.detail) =
            judge(&answer.result, &work, &found.replies, took, source.timeout());
        if !answer.report.notes.is_empty() {
            found.detail.push_str(&format!("; {}", answer.report.notes.join("; ")));
        }
        // Only where it has changed does another work tell more.
        if found.condition != Condition::Changed {
            break;
        }
    }
    found
}

async fn ask(source: &dyn Source, work: &Arc<Work>) -> Answer {
    let clock = Arc::new(AttemptClock::new(source.timeout(), Instant::now() + source.timeout() + TURNS));
    let ask = Ask {
        work: Arc::clone(work),
        tried: Vec::new(),
        clock: Arc::clone(&clock),
        pages: AnsweredPages::default(),
    };
    tokio::select! {
        biased;
        answer = source.find(ask) => answer,
        () = clock.expired() => Answer { result: Err(CallError::Timeout), report: CallReport::default() },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::BoxFuture;

    use super::*;
    use crate::tiers::{Artifacts, Budgets, Tier, Together};
    use tierfall_ids::{IdKind, WorkId};
    use tierfall_sandbox::SourceError;
    use tierfall_work::{Facts, Finding};

    struct Known {
        name: SourceName,
        works: Vec<WorkId>,
        has: &'static str,
        asked: Mutex<Vec<String>>,
    }

    impl Source for Known {
        fn name(&self) -> &SourceName {
            &self.name
        }

        fn ids(&self) -> &[IdKind] {
            &[IdKind::Doi]
        }

        fn timeout(&self) -> Duration {
            Duration::from_secs(10)
        }

        fn known_works(&self) -> &[WorkId] {
            &self.works
        }

        fn find(&self, ask: Ask) -> BoxFuture<'_, Answer> {
            self.asked.lock().expect("no panic").push(ask.work.key());
            let facts = Facts { title: Some("A title".into()), ..Facts::default() };
            let result = match ask.work.key() == self.has {
                true => Ok(Finding { facts, ..Finding::default() }),
                false => Err(SourceError::NotFound.into()),
            };
            Box::pin(std::future::ready(Answer { result, report: CallReport::default() }))
        }
    }

    async fn examined(works: &[&str], has: &'static str) -> SourceCondition {
        let source = Known {
            name: SourceName { plugin: "test".into(), source: "one".into() },
            works: works.iter().map(|work| work.parse().expect("a DOI")).collect(),
            has,
            asked: Mutex::default(),
        };
        let tier =
            Tier { name: "tier".into(), parallel: 1, sources: vec![Arc::new(source)], skipped: Vec::new() };
        let budgets = Budgets {
            total: Duration::from_secs(1),
            max_attempts: 1,
            max_concurrent: 1,
            hedge: Duration::from_secs(1),
        };
        let plan = Plan {
            artifacts: Artifacts::default(),
            copies: crate::acquire::CopyPolicy::default(),
            tiers: vec![tier],
            facts: Vec::new(),
            titles: Vec::new(),
            budgets,
            together: Together::default(),
            in_order: false,
        };
        sources(&plan, &ReplyLog::default()).await.pop().expect("the source")
    }

    #[tokio::test(start_paused = true)]
    async fn a_work_that_is_gone_is_told_from_a_source_that_changed() {
        let works = ["10.5555/1", "10.5555/2", "10.5555/3"];
        let first = examined(&works, "doi:10.5555/1").await;
        assert_eq!((first.condition, first.works.len()), (Condition::Answers, 1));
        let second = examined(&works, "doi:10.5555/2").await;
        assert_eq!((second.condition, second.works.len()), (Condition::Answers, 2));
        let none = examined(&works, "").await;
        assert_eq!((none.condition, none.works.len()), (Condition::Changed, 2));
        let unknown = examined(&[], "").await;
        assert_eq!((unknown.condition, unknown.works.len()), (Condition::Unknown, 0));
    }
}
