//! Giving out turns at hosts, so that all processes together keep each host's pace.
//!
//! Three tables: when a host's next start is free; which process has how many requests open, or waits in line; and,
//! for hosts that count requests within a time, the starts that were given out. Nothing here outlives a crash for
//! long: a process that is not heard of loses what it has.

use std::sync::Arc;
use std::time::Duration;

use crate::error::LedgerError;
use crate::sql::{Dialect, Param, Sql};
use crate::turns::{TurnClaim, Turns};

use super::request::{TxContext, TxRequest, millis};

/// Replies with the starts that the owner got, or with when to ask again.
#[derive(Debug)]
pub(crate) struct ClaimTurns(pub(crate) TurnClaim);

/// The owner has no more than `open` requests open, and wants no others for now.
#[derive(Debug)]
pub(crate) struct ReturnTurns {
    pub(crate) host: String,
    pub(crate) owner: Arc<str>,
    pub(crate) open: u32,
}

/// The host asked to be left alone.
#[derive(Debug)]
pub(crate) struct HoldHost {
    pub(crate) host: String,
    pub(crate) wait: Duration,
}

/// The owner is alive, and keeps what it has open. Forgets hosts that nobody needs to know of any more.
#[derive(Debug)]
pub(crate) struct RenewTurns(pub(crate) Arc<str>);

/// The owner ends: nothing is open any more.
#[derive(Debug)]
pub(crate) struct EndTurns(pub(crate) Arc<str>);

/// A process that is not heard of for so long has nothing open any more. Its heartbeat comes several times within it.
const LEASE: i64 = 20_000;
/// Whoever waits asks again far more often; one that does not has given up.
const WAITING: i64 = 3_000;
/// Between two questions of one that waits: long enough not to load the database, short beside a request.
const ASK_AGAIN: (i64, i64) = (20, 500);
/// While others wait in line, starts are given out for no longer ahead than this, and one at least.
const AHEAD_OF_OTHERS: i64 = 250;
/// A host whose next start has been free for so long is as good as a new one.
const FORGOTTEN: i64 = 600_000;
/// The longest that a host is left alone, whatever a row says: a day.
const LONGEST_HOLD: i64 = 86_400_000;
/// No honest row promises starts further ahead than one for each place of a host and a block of them, and some time for
/// processes that ask it more slowly: a clock was wrong that is right now.
const STARTS_AHEAD: i64 = 32;
const SLOWER: i64 = 30_000;

/// The line at a host, as one process sees it.
#[derive(Debug, Default)]
struct Line {
    /// Requests that others have open.
    open: u32,
    /// Others that wait and came before.
    ahead: u32,
    /// Others that wait.
    waiting: u32,
    /// Since when the process waits itself.
    since: Option<i64>,
}

impl TxRequest for ClaimTurns {
    type Reply = Turns;

    async fn apply<S: Sql>(&self, sql: &mut S, _: &mut TxContext<'_>) -> Result<Turns, LedgerError> {
        let claim = &self.0;
        let every = millis(claim.every).max(0);
        let (next_at, held_until) = lock(sql, &claim.host).await?;
        // After the lock: whoever had it before may have taken long.
        let now = sql.now().await?;
        let held = hold(sql, claim, held_until, now).await?;
        if held > 0 {
            save_holder(sql, claim, claim.open, None, now).await?;
            return Ok(Turns::Held(ms(held)));
        }
        let line = Line::of(sql, claim, now).await?;

        let free = claim.concurrency.max(1).saturating_sub(line.open);
        let most = free.saturating_sub(line.ahead);
        let open = claim.open.saturating_add(claim.more.max(1)).min(most);
        if open <= claim.open {
            let since = line.since.unwrap_or(now);
            save_holder(sql, claim, claim.open, Some(since), now).await?;
            return Ok(later((every / 2).clamp(ASK_AGAIN.0, ASK_AGAIN.1)));
        }

        let next_at = if next_at > latest_start(claim, now) { now } else { next_at };
        let mut window = Window::of(sql, claim, now).await?;
        // What lies before now was not used.
        let saved = every.saturating_mul(i64::from(claim.burst.max(1)) - 1);
        let due = next_at.max(now.saturating_sub(saved));
        let first = window.free_from(due.max(now));
        if first - now > millis(claim.within) {
            save_holder(sql, claim, claim.open, None, now).await?;
            return Ok(later(first - now));
        }
        let last = if line.waiting > 0 { first.saturating_add(AHEAD_OF_OTHERS) } else { i64::MAX };
        let mut starts = vec![first];
        window.take(first);
        let mut end = next_due(due, first, now, every);
        while starts.len() < usize::try_from(claim.starts).unwrap_or(usize::MAX) {
            let start = window.free_from(end.max(now));
            // A gap in the window is others' as much as the owner's.
            if start > last || (every > 0 && start - first > every.saturating_mul(i64::from(claim.starts))) {
                break;
            }
            window.take(start);
            starts.push(start);
            end = next_due(end, start, now, every);
        }
        sql.run(
            "UPDATE host_paces SET next_at = $1 WHERE host = $2",
            &[Param::Int(end), Param::Text(&claim.host)],
        )
        .await?;
        window.save(sql, claim).await?;
        save_holder(sql, claim, open, None, end.max(now)).await?;
        let starts = starts.into_iter().map(|start| ms(start - now)).collect();
        Ok(Turns::Granted { starts, open })
    }
}

impl TxRequest for ReturnTurns {
    type Reply = ();

    async fn apply<S: Sql>(&self, sql: &mut S, _: &mut TxContext<'_>) -> Result<(), LedgerError> {
        let (host, owner) = (Param::Text(&self.host), Param::Text(&self.owner));
        if self.open == 0 {
            sql.run("DELETE FROM host_holders WHERE host = $1 AND owner = $2", &[host, owner]).await?;
        } else {
            let open = Param::Int(self.open.into());
            sql.run(
                "UPDATE host_holders SET open = $1, since = NULL WHERE host = $2 AND owner = $3",
                &[open, host, owner],
            )
            .await?;
        }
        Ok(())
    }
}

impl TxRequest for HoldHost {
    type Reply = ();

    async fn apply<S: Sql>(&self, sql: &mut S, _: &mut TxContext<'_>) -> Result<(), LedgerError> {
        let (_, held_until) = lock(sql, &self.host).await?;
        let now = sql.now().await?;
        let until = now.saturating_add(millis(self.wait).min(LONGEST_HOLD));
        if until > held_until || held_until > now.saturating_add(LONGEST_HOLD) {
            let set = "UPDATE host_paces SET held_until = $1 WHERE host = $2";
            sql.run(set, &[Param::Int(until), Param::Text(&self.host)]).await?;
        }
        Ok(())
    }
}

impl TxRequest for RenewTurns {
    type Reply = ();

    async fn apply<S: Sql>(&self, sql: &mut S, _: &mut TxContext<'_>) -> Result<(), LedgerError> {
        let now = sql.now().await?;
        sql.run(
            "UPDATE host_holders SET until = $1 WHERE owner = $2 AND since IS NULL",
            &[Param::Int(now + LEASE), Param::Text(&self.0)],
        )
        .await?;
        // Or nobody has heard of it and will for long: its clock was ahead.
        sql.run(
            "DELETE FROM host_holders WHERE until <= $1 OR until > $2",
            &[Param::Int(now), Param::Int(now + LONGEST_HOLD)],
        )
        .await?;
        let old = Param::Int(now - FORGOTTEN);
        sql.run("DELETE FROM host_paces WHERE next_at < $1 AND held_until < $2", &[old, Param::Int(now)])
            .await?;
        super::hosts::forget(sql, now).await
    }
}

impl TxRequest for EndTurns {
    type Reply = ();

    async fn apply<S: Sql>(&self, sql: &mut S, _: &mut TxContext<'_>) -> Result<(), LedgerError> {
        let owner = [Param::Text(&self.0)];
        sql.run("DELETE FROM host_holders WHERE owner = $1", &owner).await?;
        // What it was reading for all is read by the next one that asks.
        sql.run("DELETE FROM host_rules WHERE owner = $1 AND reading_until > 0", &owner).await?;
        Ok(())
    }
}

impl Line {
    async fn of<S: Sql>(sql: &mut S, claim: &TurnClaim, now: i64) -> Result<Self, LedgerError> {
        let holders = sql
            .rows(
                "SELECT owner, open, since FROM host_holders WHERE host = $1 AND until > $2 AND until <= $3",
                // A process with a clock that was ahead may be gone, and would hold its places until then.
                &[
                    Param::Text(&claim.host),
                    Param::Int(now),
                    Param::Int(latest_start(claim, now).saturating_add(LEASE)),
                ],
            )
            .await?;
        let (mut line, mut waiting) = (Self::default(), Vec::new());
        for row in &holders {
            // What cannot be read holds nothing up: it is gone when its time is over.
            let (Ok(owner), Ok(open), Ok(since)) = (row.text(0), row.count(1), row.maybe_int(2)) else {
                continue;
            };
            if owner == &*claim.owner {
                line.since = since;
            } else {
                line.open = line.open.saturating_add(u32::try_from(open).unwrap_or(u32::MAX));
                waiting.extend(since.map(|since| (since, owner.to_owned())));
            }
        }
        line.waiting = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        let own = line.since.map(|since| (since, claim.owner.to_string()));
        let ahead = waiting.iter().filter(|other| own.as_ref().is_none_or(|own| *other < own)).count();
        line.ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        Ok(line)
    }
}

/// The starts that count towards a host's limit within a time.
#[derive(Debug, Default)]
struct Window {
    limit: Option<(usize, i64)>,
    /// In order; the new ones at the end.
    starts: Vec<i64>,
    new: usize,
}

impl Window {
    async fn of<S: Sql>(sql: &mut S, claim: &TurnClaim, now: i64) -> Result<Self, LedgerError> {
        let Some((requests, per)) = claim.window else { return Ok(Self::default()) };
        let per = within_window(per);
        let host = Param::Text(&claim.host);
        sql.run("DELETE FROM host_starts WHERE host = $1 AND at <= $2", &[host, Param::Int(now - per)])
            .await?;
        let most = i64::from(requests.max(1));
        let rows = sql
            .rows(
                "SELECT at FROM host_starts WHERE host = $1 ORDER BY at DESC LIMIT $2",
                &[host, Param::Int(most)],
            )
            .await?;
        let mut starts: Vec<i64> = rows.iter().filter_map(|row| row.int(0).ok()).collect();
        // A start further ahead than any is given out was written under a wrong clock.
        starts.retain(|start| *start <= latest_start(claim, now));
        starts.reverse();
        Ok(Self { limit: Some((usize::try_from(most).unwrap_or(usize::MAX), per)), starts, new: 0 })
    }

    /// The first time from `start` on at which one more is allowed.
    fn free_from(&self, start: i64) -> i64 {
        let oldest = self.limit.and_then(|(requests, per)| {
            let at = self.starts.len().checked_sub(requests)?;
            Some(self.starts.get(at)?.saturating_add(per))
        });
        oldest.map_or(start, |free| free.max(start))
    }

    fn take(&mut self, start: i64) {
        if self.limit.is_some() {
            self.starts.push(start);
            self.new += 1;
        }
    }

    async fn save<S: Sql>(&self, sql: &mut S, claim: &TurnClaim) -> Result<(), LedgerError> {
        let new = self.starts.iter().skip(self.starts.len() - self.new);
        let sets: Vec<Vec<Param<'_>>> =
            new.map(|start| vec![Param::Text(&claim.host), Param::Int(*start)]).collect();
        sql.run_each("INSERT INTO host_starts (host, at) VALUES ($1, $2)", &sets).await?;
        Ok(())
    }
}

/// No start that was promised under a right clock is later.
fn latest_start(claim: &TurnClaim, now: i64) -> i64 {
    let places = i64::from(claim.concurrency).clamp(1, STARTS_AHEAD);
    let starts = millis(claim.every).max(0).saturating_mul(places + STARTS_AHEAD);
    let window = claim.window.map_or(0, |(_, per)| within_window(per));
    now.saturating_add(starts).saturating_add(window).saturating_add(SLOWER)
}

/// For how long the host is still to be left alone. What is longer than anybody obeys lasts as long as is obeyed, from now
/// on.
async fn hold<S: Sql>(sql: &mut S, claim: &TurnClaim, held_until: i64, now: i64) -> Result<i64, LedgerError> {
    let (left, most) = (held_until.saturating_sub(now), millis(claim.max_hold).max(0));
    if left > most {
        let until = Param::Int(now.saturating_add(most));
        let set = "UPDATE host_paces SET held_until = $1 WHERE host = $2";
        sql.run(set, &[until, Param::Text(&claim.host)]).await?;
    }
    Ok(left.min(most))
}

/// The time of a window in which the host may count a request. It does when one arrives, which is later than it starts,
/// some more than others.
fn within_window(per: Duration) -> i64 {
    millis(per).saturating_add((millis(per) / 20).clamp(50, 2_000))
}

/// When the start after this one is due. One that was due before now is made up for, unless the host has to wait anyway.
fn next_due(due: i64, start: i64, now: i64, every: i64) -> i64 {
    (if start > now { start } else { due.min(start) }).saturating_add(every)
}

/// The host's next free start and until when it is left alone. Whoever else asks for it waits for this transaction.
async fn lock<S: Sql>(sql: &mut S, host: &str) -> Result<(i64, i64), LedgerError> {
    let add =
        "INSERT INTO host_paces (host, next_at, held_until) VALUES ($1, 0, 0) ON CONFLICT (host) DO NOTHING";
    let read = match S::DIALECT {
        Dialect::Sqlite => "SELECT next_at, held_until FROM host_paces WHERE host = $1",
        Dialect::Postgres => "SELECT next_at, held_until FROM host_paces WHERE host = $1 FOR UPDATE",
    };
    let host = [Param::Text(host)];
    // Twice: it may be forgotten between the two.
    for _ in 0..2 {
        sql.run(add, &host).await?;
        if let Some(row) = sql.rows(read, &host).await?.first() {
            // What is no time holds nothing up.
            return Ok((row.int(0).unwrap_or(0), row.int(1).unwrap_or(0)));
        }
    }
    Ok((0, 0))
}

async fn save_holder<S: Sql>(
    sql: &mut S,
    claim: &TurnClaim,
    open: u32,
    since: Option<i64>,
    from: i64,
) -> Result<(), LedgerError> {
    let lease = if since.is_some() && open == 0 { WAITING } else { LEASE };
    sql.run(
        "INSERT INTO host_holders (host, owner, open, since, until) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (host, owner) DO UPDATE SET open = excluded.open, since = excluded.since, until = excluded.until",
        &[
            Param::Text(&claim.host),
            Param::Text(&claim.owner),
            Param::Int(open.into()),
            Param::MaybeInt(since),
            Param::Int(from.saturating_add(lease)),
        ],
    )
    .await?;
    Ok(())
}

fn later(wait: i64) -> Turns {
    Turns::Later(ms(wait))
}

fn ms(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
