//! `tierfall ledger`: looking into the ledger, and mending it. None of these makes a ledger where there is none.

mod export;
mod json;
mod story;
mod tables;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::args::{JobArgs, LedgerCommand, MissingFiles, SettingArgs};
use super::exit::Exit;
use super::output::{counted, print};
use super::{CliError, Console};
use tierfall::acquire::Store;
use tierfall::config::Config;
use tierfall::run::{LedgerPlace, SetupError, StoreInventory, find_ledger, job_key};
use tierfall_ids::WorkId;
use tierfall_ledger::{
    EventFilter, FileInventory, JobDetails, JobFilter, JobKey, Ledger, LedgerError, Missing, Retry, State,
    reconcile,
};

/// Rows asked for at once, of lists that may be longer than memory.
const PAGE: u32 = 500;

pub async fn ledger(command: LedgerCommand, console: &Console) -> Result<Exit, CliError> {
    match command {
        LedgerCommand::Status(settings) => Opened::open(&settings, console).await?.status().await,
        LedgerCommand::Show { job, settings } => Opened::open(&settings, console).await?.show(&job).await,
        LedgerCommand::List { state, page, settings } => {
            let list = Opened::open(&settings, console).await?;
            list.list(JobFilter { state, after: page.after, limit: page.limit }).await
        }
        LedgerCommand::Retry { which, settings } => {
            Opened::open(&settings, console).await?.retry(which).await
        }
        LedgerCommand::Reconcile { missing, settings } => {
            Opened::open(&settings, console).await?.reconcile(missing).await
        }
        LedgerCommand::Events { job, kind, page, settings } => {
            let events = Opened::open(&settings, console).await?;
            let job = match job {
                Some(job) => Some(events.job(&job).await?),
                None => None,
            };
            events.events(EventFilter { job, kind, after: page.after, limit: page.limit }).await
        }
        LedgerCommand::Export { file, settings } => {
            let opened = Opened::open(&settings, console).await?;
            export::export(&*opened.ledger, file).await?;
            opened.done().await
        }
    }
}

/// A ledger that was there.
struct Opened<'a> {
    ledger: Arc<dyn Ledger>,
    config: Config,
    console: &'a Console,
}

impl<'a> Opened<'a> {
    async fn open(settings: &SettingArgs, console: &'a Console) -> Result<Self, CliError> {
        let config = console.load(settings)?;
        let ledger = find_ledger(&config, &config.run.out).await?;
        Ok(Self { ledger, config, console })
    }

    async fn done(self) -> Result<Exit, CliError> {
        self.ledger.close().await;
        Ok(Exit::Done)
    }

    fn json(&self) -> bool {
        self.console.output.json
    }

    async fn status(self) -> Result<Exit, CliError> {
        let (counts, next_at) = (self.ledger.counts().await?, self.ledger.next_at().await?);
        let place = LedgerPlace::of(&self.config, &self.config.run.out);
        if self.json() {
            print(json::status(&place, &counts, next_at))?;
        } else {
            print(tables::status(&place, &counts, next_at))?;
        }
        self.done().await
    }

    async fn show(self, job: &str) -> Result<Exit, CliError> {
        let key = self.job(job).await?;
        let story = self.story(&key).await?;
        let mut events = Vec::new();
        let mut filter = EventFilter { job: Some(key), kind: None, after: 0, limit: PAGE };
        loop {
            let page = self.ledger.events(filter.clone()).await?;
            let Some(last) = page.last() else { break };
            filter.after = last.id;
            events.extend(page);
        }
        // By their ids alone, what one worker did could stand before what another did earlier.
        events.sort_by_key(|event| (event.at, event.id));
        if self.json() {
            print(json::story(&story, &events))?;
        } else {
            print(story::text(&story, &events))?;
        }
        self.done().await
    }

    async fn list(self, filter: JobFilter) -> Result<Exit, CliError> {
        let page = async |after, limit| self.ledger.list(JobFilter { after, limit, ..filter.clone() }).await;
        let (rows, more) = self.rows(filter.after, filter.limit, page, |job| job.id, json::job).await?;
        match rows.last() {
            _ if self.json() => {}
            Some(last) => {
                print(tables::jobs(&rows))?;
                tables::tell_more(more, last.id)?;
            }
            None => print("there are no such jobs")?,
        }
        self.done().await
    }

    async fn events(self, filter: EventFilter) -> Result<Exit, CliError> {
        let page =
            async |after, limit| self.ledger.events(EventFilter { after, limit, ..filter.clone() }).await;
        let (rows, more) = self.rows(filter.after, filter.limit, page, |event| event.id, json::event).await?;
        match rows.last() {
            _ if self.json() => {}
            Some(last) => {
                print(tables::events(&rows))?;
                tables::tell_more(more, last.id)?;
            }
            None => print("there are no such events")?,
        }
        self.done().await
    }

    /// Up to `left` rows from after the id `after` on, and whether there may be more. What scripts read is printed
    /// as it comes; for people the rows are kept, so that a table can align them.
    async fn rows<T, J: std::fmt::Display>(
        &self,
        mut after: i64,
        mut left: u32,
        page: impl AsyncFn(i64, u32) -> Result<Vec<T>, LedgerError>,
        id: impl Fn(&T) -> i64,
        json: impl Fn(&T) -> J,
    ) -> Result<(Vec<T>, bool), CliError> {
        let mut rows = Vec::new();
        while left > 0 {
            let some = page(after, left.min(PAGE)).await?;
            let Some(last) = some.last() else { break };
            after = id(last);
            left = left.saturating_sub(u32::try_from(some.len()).unwrap_or(u32::MAX));
            if self.json() {
                some.iter().try_for_each(|row| print(json(row)))?;
            } else {
                rows.extend(some);
            }
        }
        Ok((rows, left == 0))
    }

    async fn retry(self, which: JobArgs) -> Result<Exit, CliError> {
        let which = match (which.state, which.jobs) {
            (state, jobs) if jobs.is_empty() => vec![Retry::All(state.unwrap_or(State::Failed))],
            (_, jobs) => {
                let mut named = Vec::new();
                for job in jobs {
                    named.push(self.retriable(&job).await?);
                }
                named
            }
        };
        let mut retried = 0;
        for one in which {
            retried += self.ledger.retry(one).await?;
        }
        if self.json() {
            print(serde_json::json!({ "retried": retried }))?;
        } else {
            print(format_args!("{} ready again, with all attempts", counted(retried, "job is", "jobs are")))?;
        }
        self.done().await
    }

    /// A job that is retried because it was named: that it cannot be is told before anything is changed.
    async fn retriable(&self, job: &str) -> Result<Retry, CliError> {
        let key = self.job(job).await?;
        let state = self.story(&key).await?.job.state;
        if !matches!(state, State::Failed | State::Exhausted) {
            return Err(CliError::Usage(format!(
                "`{job}` is {state}: only jobs that are {} or {} can be retried",
                State::Failed,
                State::Exhausted
            )));
        }
        Ok(Retry::Job(key))
    }

    async fn reconcile(self, missing: MissingFiles) -> Result<Exit, CliError> {
        let out = &self.config.run.out;
        // Opening a store makes its folders; and in a wrong place every file is missing.
        if !out.is_dir() {
            return Err(CliError::Usage(format!(
                "there is no folder {}: --out names the one that holds the files",
                out.display()
            )));
        }
        let shelf: Arc<dyn FileInventory> =
            Arc::new(StoreInventory(Store::open(out).map_err(SetupError::from)?));
        let missing = match missing {
            MissingFiles::Report => Missing::Report,
            MissingFiles::Again => Missing::DoAgain,
        };
        // What has taken longer than any side effect may is nobody's any more.
        let quiet = self.config.ledger.op_timeout;
        let found = reconcile(&*self.ledger, &shelf, quiet, missing).await?;
        if self.json() {
            print(json::reconciliation(&found))?;
        } else {
            print(tables::reconciliation(&found))?;
        }
        self.done().await
    }

    async fn story(&self, key: &JobKey) -> Result<JobDetails, CliError> {
        let story = self.ledger.show(key).await?;
        story.ok_or_else(|| LedgerError::UnknownJob(key.to_string()).into())
    }

    /// The one job that `given` means: a work in any spelling, a key, or the beginning of one.
    async fn job(&self, given: &str) -> Result<JobKey, CliError> {
        let mut meant = BTreeSet::new();
        let work = given.parse::<WorkId>();
        if let Ok(work) = &work {
            let key = job_key(&work.key());
            if self.ledger.show(&key).await?.is_some() {
                meant.insert(key);
            }
        }
        // Digits can be both: a PMID, and the beginning of a key.
        let prefix = given.trim().to_ascii_lowercase();
        if !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            meant.extend(self.ledger.find(&prefix).await?);
        }
        let mut meant = meant.into_iter();
        match (meant.next(), meant.next()) {
            (Some(key), None) => Ok(key),
            (Some(one), Some(other)) => Err(CliError::Usage(format!(
                "`{given}` can mean several jobs, {one} and {other} among them: give more of the key"
            ))),
            (None, _) => Err(CliError::Usage(match work {
                Ok(work) => format!("the ledger has no job for {work}"),
                Err(_) => format!("`{given}` is neither a work nor the beginning of a job's key"),
            })),
        }
    }
}
