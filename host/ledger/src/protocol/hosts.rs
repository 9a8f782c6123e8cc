//! The rules of origins, which are read once for all processes, and the breakers that any of them has opened.

use std::sync::Arc;
use std::time::Duration;

use crate::error::LedgerError;
use crate::hosts::{BreakerName, HostBreaker, HostRules, RulesTurn};
use crate::sql::{Dialect, Param, Row, Sql};

use super::request::{TxContext, TxRequest, millis};
use super::rows::short;

/// Replies with the rules of an origin, or with who is to read them.
#[derive(Debug)]
pub(crate) struct TakeRules {
    pub(crate) origin: String,
    pub(crate) owner: Arc<str>,
}

/// The owner has read the rules of an origin; `None`: nothing that others could use.
#[derive(Debug)]
pub(crate) struct KeepRules {
    pub(crate) origin: String,
    pub(crate) owner: Arc<str>,
    pub(crate) rules: Option<HostRules>,
}

/// A host is left alone from now on.
#[derive(Debug)]
pub(crate) struct OpenBreaker(pub(crate) HostBreaker);

/// It is asked again.
#[derive(Debug)]
pub(crate) struct CloseBreaker(pub(crate) BreakerName);

/// Replies whether the owner is the one that finds out whether a breaker may close.
#[derive(Debug)]
pub(crate) struct ProbeBreaker(pub(crate) BreakerName);

/// Replies with all breakers that are open.
#[derive(Debug)]
pub(crate) struct ListBreakers;

/// Rules that are longer are everybody's own to read.
const RULES_BYTES: usize = 65_536;
/// So many origins' rules are kept, the newest.
const RULES_KEPT: i64 = 4_096;
/// RFC 9309, 2.4: no rules are believed for longer.
const DAY: i64 = 86_400_000;
/// Whoever reads rules has done so by then, or has given up.
const READING: i64 = 15_000;
/// Between two questions of one that waits for rules.
const ASK_AGAIN: i64 = 100;
/// Whoever finds out whether a breaker may close knows by then, or has given up.
const PROBING: i64 = 15_000;
/// A breaker that nobody has probed for so long after its time is nobody's any more.
const FORGOTTEN: i64 = 3_600_000;
/// The most that one process is told of; those that stay open for the longest.
const MOST: i64 = 1_000;
/// What is told of each, in characters.
const NAME: usize = 255;
const WHY: usize = 300;

impl TxRequest for TakeRules {
    type Reply = RulesTurn;

    async fn apply<S: Sql>(&self, sql: &mut S, _: &mut TxContext<'_>) -> Result<RulesTurn, LedgerError> {
        let (origin, owner) = (Param::Text(&self.origin), Param::Text(&self.owner));
        if self.origin.len() > NAME {
            return Ok(RulesTurn::Read);
        }
        let add = "INSERT INTO host_rules (origin, until, owner, reading_until) VALUES ($1, 0, '', 0) \
                   ON CONFLICT (origin) DO NOTHING";
        sql.run(add, &[origin]).await?;
        let read = concat!(
            "SELECT until, status, reading_until, ",
            short!("body"),
            " FROM host_rules WHERE origin = $1"
        );
        let read = match S::DIALECT {
            Dialect::Sqlite => read.to_owned(),
            Dialect::Postgres => format!("{read} FOR UPDATE"),
        };
        let rows = sql.rows(&read, &[origin]).await?;
        // After the lock: whoever had it before may have taken long.
        let now = sql.now().await?;
        let row = rows.first();
        if let Some(rules) = row.and_then(|row| rules(row, now)) {
            return Ok(RulesTurn::Known(rules));
        }
        // What was written under a clock that was ahead holds nothing up.
        let reading =
            row.and_then(|row| row.int(2).ok()).filter(|until| (now + 1..=now + READING).contains(until));
        if let Some(until) = reading {
            return Ok(RulesTurn::Later(ms((until - now).min(ASK_AGAIN))));
        }
        sql.run(
            "UPDATE host_rules SET until = 0, status = NULL, body = NULL, owner = $1, reading_until = $2 WHERE origin = $3",
            &[owner, Param::Int(now + READING), origin],
        )
        .await?;
        Ok(RulesTurn::Read)
    }
}

/// The rules of a row, unless they are too old, or none.
fn rules(row: &Row, now: i64) -> Option<HostRules> {
    let until = row.int(0).ok().filter(|until| (now + 1..=now + DAY).contains(until))?;
    let status = u16::try_from(row.int(1).ok()?).ok().filter(|status| (100..600).contains(status))?;
    let text = row.text(3).ok()?.to_owned();
    Some(HostRules { status, text, fresh: ms(until - now) })
}

impl TxRequest for KeepRules {
    type Reply = ();

    async fn apply<S: Sql>(&self, sql: &mut S, _: &mut TxContext<'_>) -> Result<(), LedgerError> {
        let (origin, owner) = (Param::Text(&self.origin), Param::Text(&self.owner));
        // A zero byte is no text to PostgreSQL.
        let fits = |rules: &&HostRules| rules.text.len() <= RULES_BYTES && !rules.text.contains('\0');
        let Some(rules) = self.rules.as_ref().filter(fits) else {
            sql.run("DELETE FROM host_rules WHERE origin = $1 AND owner = $2", &[origin, owner]).await?;
            return Ok(());
        };
        let until = sql.now().await?.saturating_add(millis(rules.fresh).clamp(0, DAY));
        sql.run(
            "UPDATE host_rules SET until = $1, status = $2, body = $3, reading_until = 0 WHERE origin = $4 AND owner = $5",
            &[Param::Int(until), Param::Int(rules.status.into()), Param::Text(&rules.text), origin, owner],
        )
        .await?;
        Ok(())
    }
}

impl TxRequest for OpenBreaker {
    type Reply = ();

    async fn apply<S: Sql>(&self, sql: &mut S, _: &mut TxContext<'_>) -> Result<(), LedgerError> {
        let HostBreaker { name, left, span, why } = &self.0;
        let until = sql.now().await?.saturating_add(millis(*left).clamp(0, DAY));
        let why: String = why.chars().filter(|char| *char != '\0').take(WHY).collect();
        let [host, role, plugin] = params(name);
        sql.run(
            "INSERT INTO host_breakers (host, role, plugin, until, span, why) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (host, role, plugin) DO UPDATE SET until = excluded.until, span = excluded.span, \
             why = excluded.why",
            &[host, role, plugin, Param::Int(until), Param::Int(millis(*span).clamp(0, DAY)), Param::Text(&why)],
        )
        .await?;
        Ok(())
    }
}

impl TxRequest for CloseBreaker {
    type Reply = ();

    async fn apply<S: Sql>(&self, sql: &mut S, _: &mut TxContext<'_>) -> Result<(), LedgerError> {
        let close = "DELETE FROM host_breakers WHERE host = $1 AND role = $2 AND plugin = $3";
        sql.run(close, &params(&self.0)).await?;
        Ok(())
    }
}

impl TxRequest for ProbeBreaker {
    type Reply = bool;

    async fn apply<S: Sql>(&self, sql: &mut S, _: &mut TxContext<'_>) -> Result<bool, LedgerError> {
        let now = sql.now().await?;
        let [host, role, plugin] = params(&self.0);
        let taken = sql
            .run(
                "UPDATE host_breakers SET until = $1 WHERE host = $2 AND role = $3 AND plugin = $4 \
                 AND (until <= $5 OR until > $6)",
                &[
                    Param::Int(now + PROBING),
                    host,
                    role,
                    plugin,
                    Param::Int(now),
                    // Nobody opens one for so long: a clock was ahead.
                    Param::Int(now + DAY),
                ],
            )
            .await?;
        if taken > 0 {
            return Ok(true);
        }
        let there = "SELECT until FROM host_breakers WHERE host = $1 AND role = $2 AND plugin = $3";
        // Where there is none, somebody has closed it.
        Ok(sql.rows(there, &params(&self.0)).await?.is_empty())
    }
}

impl TxRequest for ListBreakers {
    type Reply = Vec<HostBreaker>;

    async fn apply<S: Sql>(
        &self,
        sql: &mut S,
        _: &mut TxContext<'_>,
    ) -> Result<Vec<HostBreaker>, LedgerError> {
        let now = sql.now().await?;
        let list = concat!(
            "SELECT ",
            short!("host"),
            ", ",
            short!("role"),
            ", ",
            short!("plugin"),
            ", until, span, ",
            short!("why"),
            " FROM host_breakers WHERE until > $1 AND until <= $2 ORDER BY until DESC LIMIT $3"
        );
        let rows =
            sql.rows(list, &[Param::Int(now - FORGOTTEN), Param::Int(now + DAY), Param::Int(MOST)]).await?;
        // What cannot be read stops nobody.
        Ok(rows.iter().filter_map(|row| breaker(row, now)).collect())
    }
}

fn breaker(row: &Row, now: i64) -> Option<HostBreaker> {
    let text = |at: usize, most: usize| {
        let text = row.text(at).ok()?;
        (text.chars().nth(most).is_none()).then(|| text.to_owned())
    };
    let name = BreakerName { host: text(0, NAME)?, role: text(1, NAME)?, plugin: text(2, NAME)? };
    let span = row.int(4).ok().filter(|span| (0..=DAY).contains(span))?;
    Some(HostBreaker { name, left: ms(row.int(3).ok()? - now), span: ms(span), why: text(5, WHY)? })
}

/// Forgets what nobody needs to know of any more.
pub(super) async fn forget<S: Sql>(sql: &mut S, now: i64) -> Result<(), LedgerError> {
    sql.run(
        "DELETE FROM host_rules WHERE until <= $1 AND reading_until <= $2",
        &[Param::Int(now), Param::Int(now)],
    )
    .await?;
    // What one process remembers of them is no more.
    let beyond = "DELETE FROM host_rules WHERE until < (SELECT until FROM host_rules ORDER BY until DESC LIMIT 1 OFFSET $1) \
                  AND reading_until <= $2";
    sql.run(beyond, &[Param::Int(RULES_KEPT), Param::Int(now)]).await?;
    sql.run("DELETE FROM host_breakers WHERE until <= $1", &[Param::Int(now - FORGOTTEN)]).await?;
    Ok(())
}

fn params(name: &BreakerName) -> [Param<'_>; 3] {
    [Param::Text(&name.host), Param::Text(&name.role), Param::Text(&name.plugin)]
}

fn ms(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
