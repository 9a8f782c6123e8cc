//! Which sources are asked for a title, and what has to be said of a record before it is taken.

use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::acquire::CopyPolicy;
use crate::tiers::{Artifacts, Budgets, SourceName, Together};
use tierfall_ids::IdKind;

const TITLE: &str = "On the Drift of Lighthouses Observed at Night";

/// What was asked, in order: the source, and the title or the identifier.
type Calls = Arc<Mutex<Vec<String>>>;

/// A source that answers titles with its records, and identifiers with the title that it knows them by.
struct Known {
    name: SourceName,
    many: bool,
    matches: Vec<Match>,
    titles: Vec<(&'static str, &'static str)>,
    asked: Calls,
}

impl Source for Known {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn ids(&self) -> &[IdKind] {
        &[IdKind::Doi]
    }

    fn takes_titles(&self) -> bool {
        true
    }

    fn asks_many_titles(&self) -> bool {
        self.many
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn find(&self, ask: Ask) -> BoxFuture<'_, Answer> {
        let about = if ask.work.is_known_by_title() { "title".to_owned() } else { ask.work.key() };
        self.asked.lock().expect("no panic").push(format!("{} {about}", self.name.source));
        let known = self.titles.iter().find(|(id, _)| ask.work.key() == *id);
        let result = match (ask.work.is_known_by_title(), known) {
            (true, _) => Ok(Finding { matches: self.matches.clone(), ..Finding::default() }),
            (false, Some((_, title))) => Ok(Finding {
                facts: Facts {
                    title: Some((*title).into()),
                    authors: author(),
                    year: Some(2019),
                    ..Facts::default()
                },
                ..Finding::default()
            }),
            (false, None) => Err(SourceError::NotFound.into()),
        };
        Box::pin(std::future::ready(Answer { result, report: CallReport::default() }))
    }
}

fn author() -> Vec<String> {
    vec!["Keeper, Ada".into()]
}

/// A record of the work, under this identifier.
fn record(id: &str, title: &str) -> Match {
    Match {
        ids: vec![id.parse().expect(id)],
        title: title.into(),
        authors: author(),
        year: Some(2019),
        ..Match::default()
    }
}

/// Sources by their names: what each answers a title with, and the identifiers that it knows. Those whose name begins
/// with a plus are asked for several titles at once.
type Sources<'a> = &'a [(&'a str, Vec<Match>, &'a [(&'static str, &'static str)])];

/// Who comes before titles are asked for together.
#[derive(Default)]
struct Waited(Calls);

impl Others for Waited {
    fn come<'a>(&'a self, _: &'a Arc<WorkClock>) -> BoxFuture<'a, ()> {
        self.0.lock().expect("no panic").push("(the others)".to_owned());
        Box::pin(std::future::ready(()))
    }
}

/// What the title is found to be, what was asked for that, and the attempts that are paid for.
async fn identified(sources: Sources<'_>) -> (Option<String>, Vec<String>, u32) {
    let asked = Calls::default();
    let source = |(name, matches, titles): &(&str, Vec<Match>, &[(&'static str, &'static str)])| {
        let own = name.trim_start_matches('+');
        Arc::new(Known {
            name: SourceName { plugin: "p".into(), source: own.into() },
            many: own != *name,
            matches: matches.clone(),
            titles: titles.to_vec(),
            asked: Arc::clone(&asked),
        }) as Arc<dyn Source>
    };
    let titles: Vec<_> = sources.iter().map(source).collect();
    let is_registry = |source: &&Arc<dyn Source>| ["openalex", "crossref"].contains(&&*source.name().source);
    let plan = Plan {
        artifacts: Artifacts::default(),
        copies: CopyPolicy::default(),
        tiers: Vec::new(),
        facts: titles.iter().filter(is_registry).cloned().collect(),
        titles,
        budgets: Budgets {
            total: Duration::from_secs(60),
            max_attempts: 20,
            max_concurrent: 3,
            hedge: Duration::from_secs(3),
        },
        together: Together::default(),
        in_order: false,
    };
    let facts = Facts { title: Some(TITLE.into()), authors: author(), year: Some(2019), ..Facts::default() };
    let work = Work::titled(&facts, "input").expect("a title");
    let waited = Waited(Arc::clone(&asked));
    let (key, attempts) = match identify(&plan, work, Begun::now(plan.budgets.total), &(), &waited).await {
        Identified::Work(work, begun) => (Some(work.key()), begun.attempts),
        Identified::Open(outcome) => {
            (None, outcome.trail.attempts().count().try_into().expect("a few attempts"))
        }
    };
    let asked = asked.lock().expect("no panic").clone();
    (key, asked, attempts)
}

#[tokio::test(start_paused = true)]
async fn what_an_index_finds_is_the_work_once_a_registry_says_the_same_of_its_identifier() {
    let index = || ("+semantic_scholar", vec![record("10.5555/1", TITLE)], [].as_slice());
    let crossref = || ("crossref", vec![record("10.5555/1", TITLE)], [].as_slice());
    let knows = [("doi:10.5555/1", TITLE)];
    let (key, asked, attempts) =
        identified(&[index(), crossref(), ("openalex", Vec::new(), knows.as_slice())]).await;
    assert_eq!(key.as_deref(), Some("doi:10.5555/1"));
    // Which registry comes first is the plan's.
    assert_eq!(asked, ["semantic_scholar title", "crossref doi:10.5555/1", "openalex doi:10.5555/1"]);
    assert_eq!(attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn an_identifier_that_a_registry_knows_by_another_title_is_not_the_work() {
    let mixed_up = [("doi:10.5555/7", "Instructions for Authors of This Journal")];
    let (key, asked, _) = identified(&[
        ("+semantic_scholar", vec![record("10.5555/7", TITLE)], &[]),
        ("crossref", vec![record("10.5555/1", TITLE)], &mixed_up),
    ])
    .await;
    assert_eq!(key.as_deref(), Some("doi:10.5555/1"));
    assert_eq!(asked, ["semantic_scholar title", "crossref doi:10.5555/7", "crossref title"]);
}

#[tokio::test(start_paused = true)]
async fn what_no_registry_knows_is_taken_once_another_source_had_nothing_better() {
    let (key, asked, _) = identified(&[
        ("+semantic_scholar", vec![record("10.5555/1", TITLE)], &[]),
        ("crossref", Vec::new(), &[]),
        ("openalex", Vec::new(), &[]),
    ])
    .await;
    assert_eq!(key.as_deref(), Some("doi:10.5555/1"));
    assert_eq!(
        asked,
        ["semantic_scholar title", "crossref doi:10.5555/1", "openalex doi:10.5555/1", "crossref title"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_preprint_that_an_index_finds_is_not_taken_before_a_registry_was_asked_for_the_title() {
    let draft = "10.48550/arxiv.2101.00001";
    let (key, asked, _) = identified(&[
        ("+semantic_scholar", vec![record(draft, TITLE)], &[]),
        ("crossref", vec![record("10.5555/1", TITLE)], &[("doi:10.48550/arxiv.2101.00001", TITLE)]),
    ])
    .await;
    assert_eq!(key.as_deref(), Some("doi:10.5555/1"));
    assert_eq!(asked, ["semantic_scholar title", "crossref title"]);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_sure_is_enough_and_titles_that_are_asked_for_together_wait_for_the_others() {
    let crossref = ("crossref", vec![record("10.5555/1", TITLE)], [].as_slice());
    let (_, asked, attempts) = identified(&[crossref.clone(), ("openalex", Vec::new(), &[])]).await;
    assert_eq!((asked, attempts), (vec!["crossref title".to_owned()], 1));

    let other = record("10.5555/1", "A Title of Quite Other Words");
    let sources: Sources<'_> = &[
        ("+semantic_scholar", Vec::new(), &[]),
        ("crossref", vec![other], &[]),
        ("+datacite", Vec::new(), &[]),
        ("+europe_pmc", Vec::new(), &[]),
    ];
    let (key, asked, _) = identified(sources).await;
    assert_eq!(key, None);
    let names: Vec<_> = asked.iter().map(|asked| asked.trim_end_matches(" title")).collect();
    assert_eq!(
        names,
        ["semantic_scholar", "crossref", "(the others)", "datacite", "(the others)", "europe_pmc"],
        "at the first source they begin together anyway"
    );
}
