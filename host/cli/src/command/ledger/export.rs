//! The whole ledger as JSON lines, a page at a time.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use futures_util::{StreamExt, stream};

use super::json;
use super::opened::PAGE;
use crate::error::CliError;
use tierfall_ledger::{JobDetails, JobFilter, JobKey, Ledger, LedgerError};

/// Jobs read in full at the same time: enough that a far database's answers overlap.
const PARALLEL: usize = 8;

/// Writes every job with its ops and candidates, one a line, in the order of planning.
pub async fn export(ledger: &dyn Ledger, file: Option<PathBuf>) -> Result<(), CliError> {
    let name = file.clone().unwrap_or_else(|| PathBuf::from("standard output"));
    let failed = |source: io::Error| CliError::Write { path: name.clone(), source };
    let to: Box<dyn Write> = match &file {
        Some(path) => Box::new(File::create(path).map_err(failed)?),
        None => Box::new(io::stdout()),
    };
    let mut to = BufWriter::new(to);
    let mut after = 0;
    loop {
        let jobs = ledger.list(JobFilter { state: None, after, limit: PAGE }).await?;
        let Some(last) = jobs.last() else { break };
        after = last.id;
        let mut all = stream::iter(jobs).map(|job| details(ledger, job.key)).buffered(PARALLEL);
        while let Some(details) = all.next().await {
            let line = json::details(&details?, &[]);
            match writeln!(to, "{line}") {
                // A reader that went away (`| head`) wants no more.
                Err(error) if file.is_none() && error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                written => written.map_err(failed)?,
            }
        }
    }
    match to.flush() {
        Err(error) if file.is_none() && error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        flushed => flushed.map_err(failed),
    }
}

async fn details(ledger: &dyn Ledger, key: String) -> Result<JobDetails, LedgerError> {
    let key = JobKey::from_hex(&key).ok_or_else(|| LedgerError::Corrupt(format!("a job's key {key}")))?;
    ledger.show(&key).await?.ok_or_else(|| LedgerError::UnknownJob(key.to_string()))
}
