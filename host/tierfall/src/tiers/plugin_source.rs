//! The sources of plugins, as the race asks them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use url::Url;

use super::batch::Batcher;
use super::health;
use super::outage::SourceOutage;
use super::questions::{self, RecordedQuestions};
use super::reason::EndReason;
use super::source::{Answer, Ask, Asks, Closed, Source, SourceName};
use super::together::Together;
use crate::acquire::{DailyLimit, FileKey, Reason};
use tierfall_http::{AttemptClock, HttpClient};
use tierfall_ids::{IdKind, WorkId};
use tierfall_sandbox::{BatchCall, Call, Plugin, SourceAccess, WorkQuestion};
use tierfall_work::Work;

/// A source of a plugin, with what it may do.
pub struct PluginSource {
    /// Which source.
    pub name: SourceName,
    /// The loaded plugin.
    pub plugin: Plugin,
    /// See [`Source::speaks_as`].
    pub speaks_as: String,
    /// The hosts, settings and secrets that it is granted.
    pub access: Arc<SourceAccess>,
    /// The kinds of identifier it can look for.
    pub ids: Vec<IdKind>,
    /// Whether it can look for works by their titles.
    pub titles: bool,
    /// How it is asked about several works in one question, if it is.
    pub batching: Option<Batching>,
    /// The time of one attempt.
    pub timeout: Duration,
    /// Retries of failed requests within one attempt.
    pub retries: u32,
    /// How many files that are fetched with its key are allowed a day.
    pub allowance: Option<DailyLimit>,
    /// What its answers say about it, if it is waited for while it answers nobody.
    pub outage: Option<Arc<SourceOutage>>,
    /// The client for its requests.
    pub client: HttpClient,
}

/// A source that is asked about several works in one question, or about one in the same way.
pub struct Batching {
    ask: AskMany,
    waiting: Batcher,
    /// Works that are known by their titles, where these are searched for together: apart from the others, for their
    /// questions take longer. Elsewhere each title is asked for alone.
    titles: Option<Batcher>,
    /// Where a recording is replayed, its questions.
    recorded: Option<RecordedQuestions>,
    /// Whether works may be asked about before they come: that is known of the built-in sources, which look at nothing
    /// but identifiers.
    ahead: bool,
}

/// Titles of one question, which takes several requests: nobody is to wait longer for the answers of others.
const MOST_TITLES: u32 = 100;

type AskMany =
    Arc<dyn Fn(Vec<WorkQuestion>, Arc<AttemptClock>) -> BoxFuture<'static, Vec<Answer>> + Send + Sync>;

impl Batching {
    /// At most `most` works in a question; one about one work may take `timeout`. `titles`: it searches for several
    /// together. `together` is shared by the sources of a plan.
    pub fn new(
        name: &SourceName,
        plugin: Plugin,
        access: Arc<SourceAccess>,
        client: HttpClient,
        ids: &[IdKind],
        (most, timeout, retries): (u32, Duration, u32),
        (ahead, titles, outage, together): (bool, bool, Option<Arc<SourceOutage>>, Together),
    ) -> Self {
        let recorded = RecordedQuestions::read(&client, name);
        let name = name.clone();
        let asked = move |questions: Vec<WorkQuestion>, clock| {
            let (plugin, access, client) = (plugin.clone(), Arc::clone(&access), client.clone());
            let (name, outage) = (name.clone(), outage.clone());
            Box::pin(async move {
                if questions.len() > 1 {
                    questions::note(&client, &name, &questions);
                }
                let about = outage.as_ref().map(|_| questions.clone()).unwrap_or_default();
                let call = BatchCall { questions, access: Arc::clone(&access), client, clock, retries };
                let answers = plugin.find_many(call).await.into_iter();
                let answers: Vec<_> = answers.map(|(result, report)| Answer { result, report }).collect();
                if let Some(outage) = &outage {
                    let each = about.iter().zip(&answers);
                    each.for_each(|(question, answer)| health::tell(outage, &access, &question.work, answer));
                }
                answers
            }) as BoxFuture<'static, Vec<Answer>>
        };
        let ask: AskMany = Arc::new(asked);
        let batcher = |most: u32| {
            let asked = Arc::clone(&ask);
            let ask = Box::new(move |questions, clock| asked(questions, clock));
            Batcher::new(most, timeout, ids.to_vec(), ask, together.clone())
        };
        let (waiting, titles) = (batcher(most), titles.then(|| batcher(most.min(MOST_TITLES))));
        Self { ask, waiting, titles, recorded, ahead }
    }

    async fn find(&self, ask: Ask) -> Answer {
        let alone = |ask: Ask| async move {
            let clock = Arc::clone(&ask.clock);
            let question = WorkQuestion { work: ask.work, tried: ask.tried };
            (self.ask)(vec![question], clock).await.pop().unwrap_or_else(Answer::none)
        };
        let waiting = match (ask.work.is_known_by_title(), &self.titles) {
            (false, _) => &self.waiting,
            (true, Some(titles)) => titles,
            (true, None) => return alone(ask).await,
        };
        let Some(recorded) = &self.recorded else { return waiting.find(ask).await };
        let clock = Arc::clone(&ask.clock);
        let answer = recorded.answer(&ask.work, |questions| (self.ask)(questions, Arc::clone(&clock))).await;
        match answer {
            Some(answer) => answer,
            None => alone(ask).await,
        }
    }
}

impl Source for PluginSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn ids(&self) -> &[IdKind] {
        &self.ids
    }

    fn takes_titles(&self) -> bool {
        self.titles
    }

    fn expect(&self, work: &Arc<Work>) {
        if let Some(Batching { waiting, recorded: None, ahead: true, .. }) = &self.batching
            && self.ids.iter().any(|kind| work.has(*kind))
        {
            waiting.expect(work);
        }
    }

    fn asks_many(&self) -> bool {
        self.batching.is_some()
    }

    fn asks_many_titles(&self) -> bool {
        self.batching.as_ref().is_some_and(|batching| batching.titles.is_some())
    }

    fn forget(&self, key: &str) {
        if let Some(Batching { waiting, ahead: true, .. }) = &self.batching {
            waiting.forget(key);
        }
    }

    fn asks(&self) -> Asks {
        let described = &self.plugin.description().sources;
        let source = described.iter().find(|source| source.name == self.name.source);
        let hosts = self.access.fixed_hosts().map(|(host, role)| (host.to_owned(), role)).collect();
        let works = source.and_then(|source| source.batch).unwrap_or(1);
        Asks { hosts, works, secret: self.access.has_secrets() }
    }

    fn known_works(&self) -> &[WorkId] {
        let described = &self.plugin.description().sources;
        let source = described.iter().find(|source| source.name == self.name.source);
        source.map_or(&[], |source| &source.known_works)
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn speaks_as(&self) -> &str {
        &self.speaks_as
    }

    fn closed(&self, work: &Work, timeout: Duration) -> Option<Closed> {
        let mut closed = None;
        for (host, role) in self.access.hosts_for(work) {
            let url = Url::parse(&format!("https://{host}/")).ok()?;
            // One host that can be asked is enough to try.
            let refusal = self.client.refusal(&url, role, &self.name.plugin, timeout)?;
            let reason = EndReason::Rejected(Reason::of_fetch(&refusal));
            closed = Some(Closed { reason, detail: refusal.to_string() });
        }
        closed
    }

    fn outage(&self) -> Option<&SourceOutage> {
        self.outage.as_deref()
    }

    fn file_key(&self, url: &Url) -> Option<FileKey> {
        let (headers, secrets) = self.access.file_keys(url)?;
        Some(FileKey { headers, secrets, allowance: self.allowance.clone() })
    }

    fn find(&self, ask: Ask) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            if let Some(batching) = &self.batching {
                return batching.find(ask).await;
            }
            let work = Arc::clone(&ask.work);
            let question = WorkQuestion { work: ask.work, tried: ask.tried };
            let (access, client, clock) = (Arc::clone(&self.access), self.client.clone(), ask.clock);
            let call = Call { question, access, client, clock, retries: self.retries, pages: ask.pages };
            let (result, report) = self.plugin.find(call).await;
            let answer = Answer { result, report };
            if let Some(outage) = &self.outage {
                health::tell(outage, &self.access, &work, &answer);
            }
            answer
        })
    }
}
