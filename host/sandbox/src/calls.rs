//! Asking a plugin's sources: about one work, or about several at once.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasmtime::Store;

use crate::bindings::source::tierfall::source::types as wit;
use crate::error::{CallError, Failure, FailureKind, SourceError};
use crate::generation::Answered;
use crate::grant::SourceAccess;
use crate::guest::{Guest, Left};
use crate::guest_store::{failure, new_store};
use crate::limits::ResourceLimit;
use crate::notes::Notes;
use crate::pages::AnsweredPages;
use crate::plugin::Plugin;
use crate::report::CallReport;
use crate::request::Network;
use crate::transcript::Transcript;
use crate::wire;
use tierfall_http::{AttemptClock, HttpClient};
use tierfall_work::{Finding, Work};

/// One source asked once about one work.
pub struct Call {
    /// What is asked.
    pub question: WorkQuestion,
    /// Which source is asked, and what it may do.
    pub access: Arc<SourceAccess>,
    /// What carries out its fetches.
    pub client: HttpClient,
    /// Its time; it stands still while a fetch waits for its host's turn.
    pub clock: Arc<AttemptClock>,
    /// Retries after retryable answers, over all fetches of this call.
    pub retries: u32,
    /// The pages that have answered for this work.
    pub pages: AnsweredPages,
}

/// One source asked about several works at once.
pub struct BatchCall {
    /// What is asked: not more of it than the source takes at a time.
    pub questions: Vec<WorkQuestion>,
    /// Which source is asked, and what it may do.
    pub access: Arc<SourceAccess>,
    /// What carries out its fetches.
    pub client: HttpClient,
    /// The time of all of it together.
    pub clock: Arc<AttemptClock>,
    /// Retries after retryable answers, over all fetches of each question to the plugin.
    pub retries: u32,
}

/// A work, and what was tried for it.
#[derive(Clone)]
pub struct WorkQuestion {
    /// The work to look for.
    pub work: Arc<Work>,
    /// What earlier attempts tried for it.
    pub tried: Vec<Tried>,
}

/// A URL that was tried for the work, and how that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The URL as it was proposed.
    pub url: String,
    /// `accepted` or a reason code.
    pub verdict: String,
    /// Whether somebody vouches for who proposed it: then its host is one of the work's own.
    pub vouched: bool,
}

/// An answer, and what the host has to say about the call, for the trail: requests, denials, limits.
pub type Reported = (Result<Finding, CallError>, CallReport);

/// Why there is no answer at all: `None` is a timeout. The store is dropped with the call, and never entered again.
type Ended = Option<FailureKind>;

impl Plugin {
    /// Asks one source about one work.
    pub async fn find(&self, call: Call) -> Reported {
        let Call { question, access, client, clock, retries, pages } = call;
        if let Some(set_aside) = self.set_aside() {
            return (Err(self.failure(&access, &question, "find", set_aside).into()), CallReport::default());
        }
        let notes = Notes::default();
        let asked = CallTerms { access, client, clock, retries, pages };
        let answer = self.ask(&asked, std::slice::from_ref(&question), notes.clone(), Form::One).await;
        self.note_end(answer.as_ref().err());
        let result = match answer {
            Ok(mut answers) => match answers.pop() {
                Some(answer) => self.checked(answer, &notes),
                None => Err(SourceError::BadAnswer(NO_ANSWER.into()).into()),
            },
            Err(ended) => Err(self.ended(ended, &asked.access, &question, "find")),
        };
        (result, notes.take())
    }

    /// Asks one source about several works; one answer each, in the order of the questions. What the source cannot
    /// answer at once is asked again in halves, so that one work's trouble is not its neighbours'.
    pub async fn find_many(&self, call: BatchCall) -> Vec<Reported> {
        let BatchCall { questions, access, client, clock, retries } = call;
        // Its hosts are no work's own, so that it has read no work's pages.
        let asked = CallTerms { access, client, clock, retries, pages: AnsweredPages::default() };
        let mut answers: Vec<Option<Reported>> = questions.iter().map(|_| None).collect();
        // The last of it is asked next.
        let mut waiting: Vec<Range<usize>> = std::iter::once(0..questions.len()).collect();
        while let Some(range) = waiting.pop() {
            let Some(part) = questions.get(range.clone()).filter(|part| !part.is_empty()) else { continue };
            match self.ask_part(&asked, part).await {
                Some(noted) => {
                    answers.iter_mut().skip(range.start).zip(noted).for_each(|(at, noted)| *at = Some(noted))
                }
                None => {
                    let middle = range.start + part.len() / 2;
                    waiting.extend([middle..range.end, range.start..middle]);
                }
            }
        }
        let missing = || (Err(SourceError::BadAnswer(NO_ANSWER.into()).into()), CallReport::default());
        answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
    }

    /// The answers to some questions that are asked at once; `None` if they are to be asked in halves.
    async fn ask_part(&self, asked: &CallTerms, questions: &[WorkQuestion]) -> Option<Vec<Reported>> {
        let alone = questions.len() == 1;
        let notes = Notes::default();
        let ended_all = |ended: Ended| {
            let each = questions.iter();
            let report = notes.take().shared_by(questions.len());
            Some(
                each.map(|one| {
                    (Err(self.ended(ended.clone(), &asked.access, one, "find-many")), report.clone())
                })
                .collect(),
            )
        };
        if let Some(set_aside) = self.set_aside() {
            return ended_all(Some(set_aside));
        }
        let answer = self.ask(asked, questions, notes.clone(), Form::Many).await;
        // Which of several works a plugin failed over is seen when each of them is asked about alone.
        if alone || answer.is_ok() {
            self.note_end(answer.as_ref().err());
        }
        match answer {
            Ok(answers) => {
                let unreadable =
                    answers.iter().all(|answer| matches!(answer, Err(wit::SourceError::BadAnswer(_))));
                if !alone && unreadable {
                    return None;
                }
                let checked =
                    answers.into_iter().map(|answer| self.checked(answer, &notes)).collect::<Vec<_>>();
                let report = notes.take().shared_by(questions.len());
                Some(checked.into_iter().map(|answer| (answer, report.clone())).collect())
            }
            // Its time is over for all of them.
            Err(ended @ Some(_)) if !alone && !asked.clock.remaining().is_zero() => {
                tracing::debug!(
                    "{}: asked about {} works at once, it failed: {ended:?}",
                    asked.name(),
                    questions.len()
                );
                None
            }
            Err(ended) => ended_all(ended),
        }
    }

    /// Asks a guest. While it waits for an answer and others want to run, it makes room for them, and begins again with
    /// all that it was told when the answer is there.
    async fn ask(
        &self,
        asked: &CallTerms,
        questions: &[WorkQuestion],
        notes: Notes,
        form: Form,
    ) -> Result<Vec<Answered>, Ended> {
        let Some(network) = asked.network(self, questions) else { return Err(None) };
        let (mut transcript, mut budget) = (Transcript::default(), None);
        loop {
            let places = {
                // That others run is no fault of this attempt.
                let _queued = asked.clock.queue();
                tokio::select! {
                    places = network.places.take() => places,
                    () = asked.clock.expired() => return Err(None),
                }
            };
            let sandbox = &self.inner.sandbox;
            let (name, told_before) = (asked.name(), transcript.again());
            let network = Some(Arc::clone(&network));
            let mut store = new_store(sandbox, questions.len(), name, notes.clone(), network, told_before);
            // Whoever begins again is told the same.
            let budget = *budget.get_or_insert_with(|| asked.budget(store.data()));
            let running = self.run(&mut store, asked, questions, budget, form);
            let answer = tokio::select! {
                answer = running => Some(answer),
                () = asked.clock.expired() => None,
            };
            let Some(Left { asked: request, answer }) = store.data_mut().left.take() else {
                return match answer {
                    None => Err(None),
                    Some(Ok(answers)) => Ok(answers),
                    Some(Err(error)) => Err(Some(failure(&error, store.data()))),
                };
            };
            transcript = std::mem::take(&mut store.data_mut().transcript);
            drop(store);
            drop(places);
            let told = tokio::select! {
                biased;
                told = answer => told,
                () = asked.clock.expired() => return Err(None),
            };
            transcript.add_unheard(request, told);
        }
    }

    /// One instance's answers to the questions, in their order.
    async fn run(
        &self,
        store: &mut Store<Guest>,
        asked: &CallTerms,
        questions: &[WorkQuestion],
        budget: wit::Budget,
        form: Form,
    ) -> wasmtime::Result<Vec<Answered>> {
        let (linked, source) = (&self.inner.linked, asked.access.source.as_str());
        let (settings, secrets) = (asked.access.settings.clone(), asked.secrets());
        match (form, questions) {
            (Form::One, [question, ..]) => {
                let context = wit::Context { trail: question.trail(), budget, settings, secrets };
                Ok(vec![linked.find(store, source, wire::work(&question.work), context).await?])
            }
            _ => {
                let context = wit::BatchContext { budget, settings, secrets };
                let each = questions.iter();
                let each: Vec<_> = each
                    .map(|question| wit::Question {
                        work: wire::work(&question.work),
                        trail: question.trail(),
                    })
                    .collect();
                let answers = linked.find_many(store, source, &each, &context).await?.unwrap_or_default();
                if answers.len() == questions.len() {
                    return Ok(answers);
                }
                let wrong = format!("{} answers to {} questions", answers.len(), questions.len());
                Ok(questions.iter().map(|_| Err(wit::SourceError::BadAnswer(wrong.clone()))).collect())
            }
        }
    }

    /// The finding in the program's own types, and a note where it had too many candidates.
    fn checked(&self, answer: Answered, notes: &Notes) -> Result<Finding, CallError> {
        let raw = answer.map_err(wire::source_error)?;
        let most = self.inner.sandbox.settings.candidates;
        if raw.candidates.len() > most {
            notes.limit(ResourceLimit::Candidates);
        }
        Ok(wire::finding(raw, most))
    }

    /// Whether it failed so often that it is not asked any more.
    fn set_aside(&self) -> Option<FailureKind> {
        let failures = self.inner.failures_in_a_row.load(Ordering::Relaxed);
        (failures >= self.inner.sandbox.settings.failures).then_some(FailureKind::SetAside { failures })
    }

    fn ended(
        &self,
        ended: Ended,
        access: &SourceAccess,
        question: &WorkQuestion,
        function: &'static str,
    ) -> CallError {
        match ended {
            None => CallError::Timeout,
            Some(kind) => self.failure(access, question, function, kind).into(),
        }
    }

    fn failure(
        &self,
        access: &SourceAccess,
        question: &WorkQuestion,
        function: &'static str,
        kind: FailureKind,
    ) -> Failure {
        Failure {
            plugin: self.inner.description.name.clone(),
            version: self.inner.description.version.clone(),
            function,
            source_name: access.source.clone(),
            work: question.work.key(),
            kind,
        }
    }

    /// Counts failures in a row. A timeout is none: the host of the source may be slow.
    fn note_end(&self, ended: Option<&Ended>) {
        match ended {
            None => self.inner.failures_in_a_row.store(0, Ordering::Relaxed),
            // Nor is a machine that had no memory for it.
            Some(None | Some(FailureKind::Starved)) => {}
            Some(Some(_)) => {
                self.inner.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

const NO_ANSWER: &str = "it gave no answer to this question";

impl WorkQuestion {
    fn trail(&self) -> Vec<wit::Tried> {
        let tried = self.tried.iter();
        tried.map(|tried| wit::Tried { url: tried.url.clone(), verdict: tried.verdict.clone() }).collect()
    }
}

/// What is the same for one question and for many.
struct CallTerms {
    access: Arc<SourceAccess>,
    client: HttpClient,
    clock: Arc<AttemptClock>,
    retries: u32,
    pages: AnsweredPages,
}

impl CallTerms {
    fn name(&self) -> String {
        format!("{}/{}", self.access.plugin, self.access.source)
    }

    fn budget(&self, guest: &Guest) -> wit::Budget {
        let time_ms = u32::try_from(self.clock.remaining().as_millis()).unwrap_or(u32::MAX);
        wit::Budget { time_ms, fetches: guest.fetches }
    }

    fn secrets(&self) -> Vec<String> {
        self.access.secrets.iter().map(|secret| secret.name.clone()).collect()
    }

    /// What its requests need; `None` without a question.
    fn network(&self, plugin: &Plugin, questions: &[WorkQuestion]) -> Option<Arc<Network>> {
        let first = questions.first()?;
        let tried = first.tried.iter().filter(|tried| tried.vouched).map(|tried| tried.url.as_str());
        Some(Arc::new(Network {
            client: self.client.clone(),
            // Where several are asked about, the source may ask no work's own hosts.
            hops: self.access.for_work(&first.work, tried),
            clock: Arc::clone(&self.clock),
            retries: AtomicU32::new(self.retries),
            pages: self.pages.clone(),
            places: plugin.places(&self.access.source),
            kept: plugin.inner.sandbox.kept.clone(),
        }))
    }
}

/// The function of a plugin that is called.
#[derive(Clone, Copy)]
enum Form {
    One,
    Many,
}
