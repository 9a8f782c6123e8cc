//! The sources of plugins, as the race asks them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use url::Url;

use super::reason::EndReason;
use super::source::{Answer, Ask, Closed, Source, SourceName};
use crate::acquire::{DailyLimit, FileKey, Reason};
use tierfall_http::HttpClient;
use tierfall_ids::{IdKind, WorkId};
use tierfall_sandbox::{BatchCall, Call, CallError, CallReport, Plugin, SourceAccess, WorkQuestion};
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
    /// Whether it is asked with several works in a question; then it is so with one.
    pub batching: bool,
    /// The time of one attempt.
    pub timeout: Duration,
    /// Retries of failed requests within one attempt.
    pub retries: u32,
    /// How many files that are fetched with its key are allowed a day.
    pub allowance: Option<DailyLimit>,
    /// The client for its requests.
    pub client: HttpClient,
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

    fn file_key(&self, url: &Url) -> Option<FileKey> {
        let (headers, secrets) = self.access.file_keys(url)?;
        Some(FileKey { headers, secrets, allowance: self.allowance.clone() })
    }

    fn find(&self, ask: Ask) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let question = WorkQuestion { work: ask.work, tried: ask.tried };
            let (access, client, clock) = (Arc::clone(&self.access), self.client.clone(), ask.clock);
            let retries = self.retries;
            let (result, report) = if self.batching {
                let call = BatchCall { questions: vec![question], access, client, clock, retries };
                let answered = self.plugin.find_many(call).await.pop();
                // As many as there are questions.
                answered.unwrap_or((Err(CallError::Timeout), CallReport::default()))
            } else {
                let call = Call { question, access, client, clock, retries, pages: ask.pages };
                self.plugin.find(call).await
            };
            Answer { result, report }
        })
    }
}
