//! Queries: counts, lists, one job's details, events. Nothing here writes, except [`insert_events`].

use crate::clock::Due;
use crate::error::LedgerError;
use crate::event::{Event, EventFilter, EventKind, EventRecord};
use crate::job::{
    CandidateRecord, Counts, JobDetails, JobDisposition, JobFilter, JobRecord, StoredFile, UnreadableRow,
};
use crate::key::JobKey;
use crate::op::OpRecord;
use crate::sql::{Param, Row, Sql};
use crate::state::State;

use super::request::{TxContext, TxRequest};
use super::rows::{
    corrupt, job_result, known_states, long, read_attempts, read_fence, read_identity, read_json, read_key,
    read_label, read_state, read_work, short, why,
};

#[derive(Debug)]
pub(crate) struct CountJobs;

#[derive(Debug)]
pub(crate) struct ListJobs(pub(crate) JobFilter);

/// The keys with this prefix, two at most: enough to know whether it means one job.
#[derive(Debug)]
pub(crate) struct FindKeys(pub(crate) String);

#[derive(Debug)]
pub(crate) struct ShowJob(pub(crate) JobKey);

#[derive(Debug)]
pub(crate) struct ListEvents(pub(crate) EventFilter);

#[derive(Debug)]
pub(crate) struct Dispositions(pub(crate) Vec<JobKey>);

/// Jobs after the given id that have a file, and its SHA-256.
#[derive(Debug)]
pub(crate) struct Artifacts {
    pub(crate) after: i64,
    pub(crate) limit: u32,
}

/// When the next job will be ready: in the past if one is.
#[derive(Debug)]
pub(crate) struct NextAt;

/// The time by the ledger's clock.
#[derive(Debug)]
pub(crate) struct Now;

macro_rules! records {
    ($tail:expr) => {
        concat!(
            "SELECT id, key, ",
            short!("work_id"),
            ", ",
            short!("artifact_id"),
            ", ",
            short!("role"),
            ", state, ",
            short!("owner"),
            ", fence, attempts, ready_at, planned_at, changed_at, ",
            short!("reason"),
            ", ",
            short!("artifact"),
            ", ",
            short!("run_id"),
            ", ",
            long!("work"),
            ", ",
            job_result!(),
            " FROM jobs ",
            $tail
        )
    };
}

impl TxRequest for CountJobs {
    type Reply = Counts;

    async fn apply<S: Sql>(&self, sql: &mut S, _tx: &mut TxContext<'_>) -> Result<Counts, LedgerError> {
        let now = sql.now().await?;
        let mut states: Vec<(State, u64)> = State::ALL.into_iter().map(|state| (state, 0)).collect();
        let mut set_aside = 0;
        for row in sql.rows("SELECT state, COUNT(*) FROM jobs GROUP BY state", &[]).await? {
            let label = row.text(0).unwrap_or_default();
            match states.iter_mut().find(|(known, _)| known.label() == label) {
                Some(entry) => entry.1 = row.count(1)?,
                None => set_aside += row.count(1)?,
            }
        }
        let mut count = async |statement: &str, params: &[Param<'_>]| -> Result<u64, LedgerError> {
            let rows = sql.rows(statement, params).await?;
            rows.first().ok_or_else(|| corrupt("a count", "missing"))?.count(0)
        };
        // Unfinished, and never ready: only what was set aside is so.
        let unready = "SELECT COUNT(*) FROM jobs WHERE ready_at IS NULL AND state IN \
                       ('PLANNED', 'LEASED', 'HEAD_DONE', 'RESUME_OK', 'STREAMING', 'FINALIZED')";
        let (held, expired, scheduled) = (
            "SELECT COUNT(*) FROM jobs WHERE owner IS NOT NULL AND ready_at > $1",
            "SELECT COUNT(*) FROM jobs WHERE owner IS NOT NULL AND ready_at <= $1",
            "SELECT COUNT(*) FROM jobs WHERE state = 'FAILED' AND ready_at > $1",
        );
        let now = [Param::Int(now)];
        Ok(Counts {
            states,
            held: count(held, &now).await?,
            expired: count(expired, &now).await?,
            scheduled: count(scheduled, &now).await?,
            set_aside: set_aside + count(unready, &[]).await?,
        })
    }
}

impl TxRequest for ListJobs {
    type Reply = Vec<Result<JobRecord, UnreadableRow>>;

    async fn apply<S: Sql>(&self, sql: &mut S, _tx: &mut TxContext<'_>) -> Result<Self::Reply, LedgerError> {
        let JobFilter { state, after, limit } = self.0;
        let (after, limit) = (Param::Int(after), Param::Int(i64::from(limit)));
        let rows = match state {
            Some(state) => {
                let statement = records!("WHERE state = $1 AND id > $2 ORDER BY id LIMIT $3");
                sql.rows(statement, &[Param::Text(state.label()), after, limit]).await?
            }
            None => sql.rows(records!("WHERE id > $1 ORDER BY id LIMIT $2"), &[after, limit]).await?,
        };
        rows.iter().map(|row| or_unreadable(row, 1, read_record)).collect()
    }
}

impl TxRequest for FindKeys {
    type Reply = Vec<JobKey>;

    async fn apply<S: Sql>(&self, sql: &mut S, _tx: &mut TxContext<'_>) -> Result<Vec<JobKey>, LedgerError> {
        // `g` comes after every hex digit, so this range is all the keys with the prefix.
        let end = format!("{}g", self.0);
        let rows = sql
            .rows(
                "SELECT key FROM jobs WHERE key >= $1 AND key < $2 ORDER BY key LIMIT 2",
                &[Param::Text(&self.0), Param::Text(&end)],
            )
            .await?;
        // What is no key can be shown by none.
        Ok(rows.iter().filter_map(|row| row.text(0).and_then(read_key).ok()).collect())
    }
}

impl TxRequest for ShowJob {
    type Reply = Option<JobDetails>;

    async fn apply<S: Sql>(
        &self,
        sql: &mut S,
        _tx: &mut TxContext<'_>,
    ) -> Result<Option<JobDetails>, LedgerError> {
        let rows = sql.rows(records!("WHERE key = $1"), &[Param::Text(self.0.as_str())]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let job = read_record(row)?;
        let ops = sql
            .rows(
                concat!(
                    "SELECT ",
                    short!("key"),
                    ", kind, status, fence, tries, started_at, ended_at, ",
                    long!("context"),
                    ", ",
                    long!("result"),
                    ", ",
                    short!("error"),
                    " FROM ops WHERE job = $1 ORDER BY started_at, kind"
                ),
                &[Param::Int(job.id)],
            )
            .await?;
        let candidates = sql
            .rows(
                concat!(
                    "SELECT ",
                    short!("url"),
                    ", ",
                    short!("source"),
                    ", ",
                    long!("detail"),
                    ", ",
                    short!("verdict"),
                    " FROM candidates WHERE job = $1 ORDER BY seen_at, url"
                ),
                &[Param::Int(job.id)],
            )
            .await?;
        let mut unreadable = Vec::new();
        let mut told = |problem: &LedgerError| unreadable.push(why(problem));
        let ops = ops.iter().filter_map(|row| read_op(row).inspect_err(&mut told).ok()).collect();
        let candidates =
            candidates.iter().filter_map(|row| read_candidate(row).inspect_err(&mut told).ok()).collect();
        Ok(Some(JobDetails { job, ops, candidates, unreadable }))
    }
}

impl TxRequest for ListEvents {
    type Reply = Vec<Result<EventRecord, UnreadableRow>>;

    async fn apply<S: Sql>(&self, sql: &mut S, _tx: &mut TxContext<'_>) -> Result<Self::Reply, LedgerError> {
        let EventFilter { job, kind, after, limit } = &self.0;
        let mut params = vec![Param::Int(*after)];
        let mut condition = String::from("e.id > $1");
        if let Some(job) = job {
            params.push(Param::Text(job.as_str()));
            condition += " AND j.key = $2";
        }
        if let Some(kind) = kind {
            params.push(Param::Text(kind.label()));
            condition += &format!(" AND e.kind = ${}", params.len());
        }
        params.push(Param::Int(i64::from(*limit)));
        let statement = format!(
            "SELECT e.id, e.at, e.kind, {}, {}, e.fence, e.from_state, e.to_state, {} \
             FROM events e JOIN jobs j ON j.id = e.job WHERE {condition} ORDER BY e.id LIMIT ${}",
            short!("j.key"),
            short!("e.owner"),
            long!("e.detail"),
            params.len()
        );
        let rows = sql.rows(&statement, &params).await?;
        rows.iter().map(|row| or_unreadable(row, 3, read_event)).collect()
    }
}

impl TxRequest for Dispositions {
    type Reply = Vec<JobDisposition>;

    async fn apply<S: Sql>(
        &self,
        sql: &mut S,
        _tx: &mut TxContext<'_>,
    ) -> Result<Vec<JobDisposition>, LedgerError> {
        let now = sql.now().await?;
        let sets: Vec<Vec<Param<'_>>> = self.0.iter().map(|job| vec![Param::Text(job.as_str())]).collect();
        let found = sql.rows_of_each("SELECT state, owner, ready_at FROM jobs WHERE key = $1", &sets).await?;
        found
            .iter()
            .map(|rows| {
                let Some(row) = rows.first() else { return Ok(JobDisposition::Unknown) };
                // Of a row that cannot be read nothing is known to be over.
                let Ok(state) = row.text(0).and_then(read_state) else { return Ok(JobDisposition::Open) };
                let ready_at = row.maybe_int(2)?;
                let is_held = !matches!(row.maybe_text(1), Ok(None));
                Ok(match ready_at {
                    Some(until) if is_held && until > now => JobDisposition::Held,
                    None if state.is_ending() && state != State::Failed => JobDisposition::Over,
                    _ => JobDisposition::Open,
                })
            })
            .collect()
    }
}

impl TxRequest for Artifacts {
    type Reply = Vec<Result<StoredFile, UnreadableRow>>;

    async fn apply<S: Sql>(&self, sql: &mut S, _tx: &mut TxContext<'_>) -> Result<Self::Reply, LedgerError> {
        let rows = sql
            .rows(
                concat!(
                    "SELECT id, key, ",
                    short!("artifact"),
                    " FROM jobs WHERE id > $1 AND artifact IS NOT NULL ORDER BY id LIMIT $2"
                ),
                &[Param::Int(self.after), Param::Int(i64::from(self.limit))],
            )
            .await?;
        rows.iter()
            .map(|row| {
                or_unreadable(row, 1, |row| {
                    Ok(StoredFile {
                        id: row.int(0)?,
                        job: read_key(row.text(1)?)?,
                        sha256: read_sha256(row.text(2)?)?,
                    })
                })
            })
            .collect()
    }
}

impl TxRequest for NextAt {
    type Reply = Option<Due>;

    async fn apply<S: Sql>(&self, sql: &mut S, _tx: &mut TxContext<'_>) -> Result<Option<Due>, LedgerError> {
        let statement = concat!(
            "SELECT ready_at FROM jobs WHERE ready_at IS NOT NULL AND ",
            known_states!(),
            " ORDER BY ready_at, id LIMIT 1"
        );
        let rows = sql.rows(statement, &[]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Due::new(row.int(0)?, sql.now().await?)))
    }
}

impl TxRequest for Now {
    type Reply = i64;

    async fn apply<S: Sql>(&self, sql: &mut S, _tx: &mut TxContext<'_>) -> Result<i64, LedgerError> {
        sql.now().await
    }
}

/// Writes events. Not a request: it runs off the critical path, whenever the engine has time.
pub(crate) async fn insert_events<S: Sql>(sql: &mut S, events: &[Event]) -> Result<(), LedgerError> {
    let details: Vec<Option<String>> = events.iter().map(Event::detail_text).collect();
    let sets: Vec<Vec<Param<'_>>> = events
        .iter()
        .zip(&details)
        .map(|(event, detail)| {
            vec![
                Param::Int(event.at),
                Param::Text(event.kind.label()),
                Param::Int(event.job_id),
                Param::MaybeText(event.owner.as_deref()),
                Param::Int(event.fence),
                Param::MaybeText(event.from.map(State::label)),
                Param::MaybeText(event.to.map(State::label)),
                Param::MaybeText(detail.as_deref()),
            ]
        })
        .collect();
    let statement = "INSERT INTO events (at, kind, job, owner, fence, from_state, to_state, detail) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sql.run_each(statement, &sets).await?;
    Ok(())
}

/// Reads one row of a list. It has its id first, and at `name` what it is called when it cannot be read.
fn or_unreadable<T>(
    row: &Row,
    name: usize,
    read: impl Fn(&Row) -> Result<T, LedgerError>,
) -> Result<Result<T, UnreadableRow>, LedgerError> {
    let id = row.int(0)?;
    Ok(read(row).map_err(|problem| UnreadableRow {
        id,
        name: row.text(name).unwrap_or("(unreadable)").to_owned(),
        why: why(&problem),
    }))
}

fn read_sha256(text: &str) -> Result<String, LedgerError> {
    // Digits of the same kind and number as a key's.
    JobKey::from_hex(text).map(|_| text.to_owned()).ok_or_else(|| corrupt("the SHA-256 of a file", text))
}

fn read_record(row: &Row) -> Result<JobRecord, LedgerError> {
    let owned = |text: &str| text.to_owned();
    let (key, work_id) = read_identity(row, 1)?;
    Ok(JobRecord {
        id: row.int(0)?,
        key: key.to_string(),
        work_id: work_id.to_owned(),
        artifact_id: row.text(3)?.to_owned(),
        role: row.text(4)?.to_owned(),
        state: read_state(row.text(5)?)?,
        owner: row.maybe_text(6)?.map(owned),
        fence: read_fence(row.int(7)?)?,
        attempts: read_attempts(row.int(8)?)?,
        ready_at: row.maybe_int(9)?,
        planned_at: row.int(10)?,
        changed_at: row.int(11)?,
        reason: row.maybe_text(12)?.map(owned),
        artifact: row.maybe_text(13)?.map(read_sha256).transpose()?,
        run_id: row.text(14)?.to_owned(),
        work: read_work(row, 15)?,
        result: row.maybe_text(16)?.map(read_json).transpose()?,
    })
}

fn read_op(row: &Row) -> Result<OpRecord, LedgerError> {
    Ok(OpRecord {
        key: row.text(0)?.to_owned(),
        kind: read_label("an op's kind", row.text(1)?)?,
        status: read_label("an op's status", row.text(2)?)?,
        fence: row.int(3)?,
        tries: row.int(4)?,
        started_at: row.int(5)?,
        ended_at: row.maybe_int(6)?,
        context: read_json(row.text(7)?)?,
        result: row.maybe_text(8)?.map(read_json).transpose()?,
        error: row.maybe_text(9)?.map(str::to_owned),
    })
}

fn read_candidate(row: &Row) -> Result<CandidateRecord, LedgerError> {
    Ok(CandidateRecord {
        url: row.text(0)?.to_owned(),
        source: row.text(1)?.to_owned(),
        detail: read_json(row.text(2)?)?,
        verdict: row.maybe_text(3)?.map(str::to_owned),
    })
}

fn read_event(row: &Row) -> Result<EventRecord, LedgerError> {
    let kind = row.text(2)?;
    Ok(EventRecord {
        id: row.int(0)?,
        at: row.int(1)?,
        kind: kind.parse::<EventKind>().map_err(|_| corrupt("an event's kind", kind))?,
        job: row.text(3)?.to_owned(),
        owner: row.maybe_text(4)?.map(str::to_owned),
        fence: row.int(5)?,
        from: row.maybe_text(6)?.map(read_state).transpose()?,
        to: row.maybe_text(7)?.map(read_state).transpose()?,
        detail: match row.maybe_text(8)? {
            Some(text) => read_json(text)?,
            None => serde_json::json!({}),
        },
    })
}
