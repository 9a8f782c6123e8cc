//! Planning jobs, and recording their candidates.

use crate::error::LedgerError;
use crate::event::{Event, EventKind};
use crate::job::{CandidateRecord, NewJob, Planned};
use crate::key::JobKey;
use crate::sql::{Param, Sql};

use super::execute::JobTx;
use super::request::{TxContext, TxRequest};
use super::rows::{corrupt, read_state};

/// Replies in the order of the jobs.
#[derive(Debug)]
pub(crate) struct PlanJobs(pub(crate) Vec<NewJob>);

impl TxRequest for PlanJobs {
    type Reply = Vec<Planned>;

    async fn apply<S: Sql>(&self, sql: &mut S, tx: &mut TxContext<'_>) -> Result<Vec<Planned>, LedgerError> {
        let now = sql.now().await?;
        let keys: Vec<JobKey> = self.0.iter().map(NewJob::key).collect();
        let works: Vec<String> = self.0.iter().map(|job| job.work.to_string()).collect();
        let sets: Vec<Vec<Param<'_>>> = self
            .0
            .iter()
            .zip(&keys)
            .zip(&works)
            .map(|((job, key), work)| {
                vec![
                    Param::Text(key.as_str()),
                    Param::Int(now),
                    Param::Int(now),
                    Param::Int(now),
                    Param::Text(&job.work_id),
                    Param::Text(&job.artifact_id),
                    Param::Text(&job.role),
                    Param::Text(&job.run_id),
                    Param::Text(work),
                ]
            })
            .collect();
        let inserted = sql
            .run_each(
                "INSERT INTO jobs (key, state, ready_at, planned_at, changed_at, work_id, artifact_id, role, run_id, \
                 work) VALUES ($1, 'PLANNED', $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (key) DO NOTHING",
                &sets,
            )
            .await?;
        let wanted: Vec<Vec<Param<'_>>> = keys.iter().map(|key| vec![Param::Text(key.as_str())]).collect();
        let found = sql.rows_of_each("SELECT id, state FROM jobs WHERE key = $1", &wanted).await?;

        let mut planned = Vec::with_capacity(keys.len());
        for (((key, rows), inserted), job) in keys.into_iter().zip(found).zip(inserted).zip(&self.0) {
            let row = rows.first().ok_or_else(|| corrupt("a planned job", "missing"))?;
            let id = row.int(0)?;
            if inserted > 0 {
                let event = Event::of_job(now, EventKind::JobPlanned, id, &key);
                tx.record(event.with("run_id", job.run_id.as_str()));
                planned.push(Planned::New(key));
            } else {
                let Ok(state) = row.text(1).and_then(read_state) else {
                    planned.push(Planned::Unreadable(key));
                    continue;
                };
                tx.record(
                    Event::of_job(now, EventKind::IdempotencyReplay, id, &key)
                        .with("run_id", job.run_id.as_str())
                        .with("what", "plan")
                        .with("state", state.label()),
                );
                planned.push(Planned::Known(key, state));
            }
        }
        Ok(planned)
    }
}

impl<S: Sql> JobTx<'_, '_, S> {
    /// Adds candidates to the job, or records how their acquisition ended.
    pub(super) async fn record_candidates(
        &mut self,
        candidates: &[CandidateRecord],
    ) -> Result<(), LedgerError> {
        self.check_claim()?;
        let details: Vec<String> = candidates.iter().map(|candidate| candidate.detail.to_string()).collect();
        let sets: Vec<Vec<Param<'_>>> = candidates
            .iter()
            .zip(&details)
            .map(|(candidate, detail)| {
                vec![
                    Param::Int(self.row.id),
                    Param::Text(&candidate.url),
                    Param::Text(&candidate.source),
                    Param::Text(detail),
                    Param::MaybeText(candidate.verdict.as_deref()),
                    Param::Int(self.now),
                ]
            })
            .collect();
        self.sql
            .run_each(
                "INSERT INTO candidates (job, url, source, detail, verdict, seen_at) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (job, url) DO UPDATE SET \
                 verdict = COALESCE(excluded.verdict, candidates.verdict)",
                &sets,
            )
            .await?;
        Ok(())
    }
}
