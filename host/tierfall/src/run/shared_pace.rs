//! The pace of hosts, kept together with other processes through a ledger: the run's own where it is a server's, else
//! a file, which all runs of a ledger, or all of a user, have in common. So are the rules of hosts for robots, which one
//! process reads for all, and the breakers that any of them has opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tierfall_http::{
    BreakerFollower, BreakerKey, OpenBreaker, PaceAnswer, PaceClaim, PaceUnshared, Role, SharedPace,
    SharedRules,
};
use tierfall_ledger::{
    BreakerName, HostBreaker, HostRules, Ledger, LedgerError, RulesTurn, TurnClaim, Turns,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use super::file_system;
use super::opening::{LedgerPlace, open_turns};
use crate::config::Config;
use crate::out;

/// An agreement that is kept in a ledger. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct LedgerPace {
    queue: mpsc::UnboundedSender<Message>,
    /// How often it was said that a breaker opened or closed.
    said: Arc<AtomicU64>,
}

enum Message {
    Claim(TurnClaim, oneshot::Sender<Result<Turns, PaceUnshared>>),
    GiveBack(String, u32),
    Hold(String, Duration),
    TakeRules(String, oneshot::Sender<Result<RulesTurn, PaceUnshared>>),
    KeepRules(String, Option<HostRules>),
    Follow(BreakerFollower),
    Opened(HostBreaker),
    Closed(BreakerName),
    Probe(BreakerName, oneshot::Sender<bool>),
    Unshare(oneshot::Sender<()>),
}

/// Speaks with the ledger, one message after the other: what comes back late must not undo what was said after it.
struct Talk {
    ledger: Arc<dyn Ledger>,
    owner: Arc<str>,
    inbox: mpsc::UnboundedReceiver<Message>,
    /// Until when the ledger is not asked, because it did not answer.
    silent: Option<Instant>,
    /// Who wants to know of open breakers.
    follower: Option<BreakerFollower>,
    /// See [`LedgerPace::said`], and how much of it the ledger was told.
    said: Arc<AtomicU64>,
    told: u64,
}

/// Others believe a process to be gone after twenty seconds.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// The longest wait for the ledger. A work waits for it meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
/// Who has the turn to read a host's rules has said something by then.
const RULES_PATIENCE: Duration = Duration::from_secs(20);
/// A ledger that did not answer is not asked again for so long: each question would cost `PATIENCE`.
const SILENCE: Duration = Duration::from_secs(30);

/// The agreement that the configuration asks for. Where it cannot be had the run goes on by its own pace, and says so.
pub(super) async fn shared_pace(config: &Config, out: &Path) -> Option<Arc<dyn SharedPace>> {
    if !(config.http.pace.enabled && config.http.pace.share) {
        return None;
    }
    let place = place(config, out)?;
    if let LedgerPlace::File(path) = &place
        && let Some(kind) = file_system::network(path)
    {
        tracing::warn!(
            "each process keeps every host's pace by itself: {place} is on a network file system ({kind}), which SQLite \
             cannot share. A local folder in XDG_STATE_HOME shares it on this machine, a ledger on PostgreSQL between \
             machines; where nothing else runs, http.pace.share = false says so"
        );
        return None;
    }
    match open_turns(config, &place).await {
        Ok(ledger) => Some(Arc::new(LedgerPace::start(ledger))),
        Err(error) => {
            tracing::warn!(
                "other processes are not known to this one, and each keeps every host's pace by itself: {place}: \
                 {error}. Where nothing else runs, http.pace.share = false says so"
            );
            None
        }
    }
}

/// Beside the ledger, so that whoever shares it shares this; without one in the user's state folder.
fn place(config: &Config, out: &Path) -> Option<LedgerPlace> {
    if !config.ledger.enabled {
        return Some(LedgerPlace::File(config.state_dir.as_ref()?.join("pace.sqlite")));
    }
    match LedgerPlace::of(config, out) {
        LedgerPlace::File(ledger) => {
            let mut name = ledger.into_os_string();
            name.push(".pace");
            let path = PathBuf::from(name);
            // The output folder may be somebody else's work.
            (config.ledger.url.is_some() || !out::is_link(&path)).then_some(LedgerPlace::File(path))
        }
        server @ LedgerPlace::Server(_) => Some(server),
    }
}

impl LedgerPace {
    /// Takes over the ledger, and closes it in the end.
    fn start(ledger: Arc<dyn Ledger>) -> Self {
        let (queue, inbox) = mpsc::unbounded_channel();
        let owner = format!("{}-{:08x}", std::process::id(), fastrand::u32(..));
        let said = Arc::new(AtomicU64::new(0));
        let talk = Talk {
            ledger,
            owner: owner.into(),
            inbox,
            silent: None,
            follower: None,
            said: Arc::clone(&said),
            told: 0,
        };
        tokio::spawn(talk.run());
        Self { queue, said }
    }

    fn say_of_breaker(&self, message: Message) {
        self.said.fetch_add(1, Ordering::SeqCst);
        self.say(message);
    }

    fn say(&self, message: Message) {
        // It ends only with the runtime.
        let _ = self.queue.send(message);
    }
}

impl SharedPace for LedgerPace {
    fn claim<'a>(&'a self, claim: PaceClaim<'a>) -> BoxFuture<'a, Result<PaceAnswer, PaceUnshared>> {
        let claim = TurnClaim {
            host: claim.host.to_owned(),
            // Set by the one who speaks.
            owner: Arc::from(""),
            every: claim.every,
            window: claim
                .window
                .map(|window| (u32::try_from(window.requests).unwrap_or(u32::MAX), window.per)),
            burst: claim.burst,
            concurrency: claim.concurrency,
            open: claim.open,
            more: claim.more,
            starts: claim.starts,
            within: claim.within,
            max_hold: claim.max_hold,
        };
        let (reply, answer) = oneshot::channel();
        self.say(Message::Claim(claim, reply));
        Box::pin(async {
            let ended = |_| Err(PaceUnshared("the run ends".to_owned()));
            Ok(match answer.await.unwrap_or_else(ended)? {
                Turns::Granted { starts, open } => PaceAnswer::Granted { starts, open },
                Turns::Later(wait) => PaceAnswer::Later(wait),
                Turns::Held(wait) => PaceAnswer::Held(wait),
            })
        })
    }

    fn give_back(&self, host: &str, open: u32) {
        self.say(Message::GiveBack(host.to_owned(), open));
    }

    fn hold(&self, host: &str, wait: Duration) {
        self.say(Message::Hold(host.to_owned(), wait));
    }

    fn rules<'a>(&'a self, origin: &'a str) -> BoxFuture<'a, Option<SharedRules>> {
        let asking = async move {
            loop {
                let (reply, answer) = oneshot::channel();
                self.say(Message::TakeRules(origin.to_owned(), reply));
                match answer.await.ok()?.ok()? {
                    RulesTurn::Known(HostRules { status, text, fresh }) => {
                        return Some(SharedRules { status, text, fresh });
                    }
                    RulesTurn::Read => return None,
                    RulesTurn::Later(wait) => tokio::time::sleep(wait).await,
                }
            }
        };
        Box::pin(async { tokio::time::timeout(RULES_PATIENCE, asking).await.ok().flatten() })
    }

    fn read_rules(&self, origin: &str, rules: Option<SharedRules>) {
        let rules = rules.map(|SharedRules { status, text, fresh }| HostRules { status, text, fresh });
        self.say(Message::KeepRules(origin.to_owned(), rules));
    }

    fn follow_breakers(&self, follower: BreakerFollower) {
        self.say(Message::Follow(follower));
    }

    fn breaker_opened(&self, breaker: OpenBreaker) {
        let OpenBreaker { key, left, span, why } = breaker;
        self.say_of_breaker(Message::Opened(HostBreaker { name: name_of(&key), left, span, why }));
    }

    fn breaker_closed(&self, key: &BreakerKey) {
        self.say_of_breaker(Message::Closed(name_of(key)));
    }

    fn may_probe<'a>(&'a self, key: &'a BreakerKey) -> BoxFuture<'a, bool> {
        let (reply, answer) = oneshot::channel();
        self.say(Message::Probe(name_of(key), reply));
        // Where nobody can be asked, it is everybody's own.
        Box::pin(async { answer.await.unwrap_or(true) })
    }

    fn unshare(&self) -> BoxFuture<'_, ()> {
        let (reply, answer) = oneshot::channel();
        self.say(Message::Unshare(reply));
        Box::pin(async { answer.await.unwrap_or(()) })
    }
}

fn name_of(key: &BreakerKey) -> BreakerName {
    BreakerName { host: key.host.clone(), role: key.role.label().to_owned(), plugin: key.plugin.clone() }
}

/// A breaker of the ledger; `None`: no process like this one has opened it.
fn breaker_of(HostBreaker { name, left, span, why }: HostBreaker) -> Option<OpenBreaker> {
    let BreakerName { host, role, plugin } = name;
    let role = Role::of_label(&role)?;
    Some(OpenBreaker { key: BreakerKey { host, role, plugin }, left, span, why })
}

impl Talk {
    async fn run(mut self) {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.answer(message).await,
                    None => break,
                },
                _ = heartbeat.tick() => {
                    let (ledger, owner) = (Arc::clone(&self.ledger), Arc::clone(&self.owner));
                    let _ = self.ask(ledger.renew_turns(&owner)).await;
                    self.follow_breakers().await;
                }
            }
        }
        let (ledger, owner) = (Arc::clone(&self.ledger), Arc::clone(&self.owner));
        let _ = self.ask(ledger.end_turns(&owner)).await;
        ledger.close().await;
    }

    async fn answer(&mut self, message: Message) {
        let (ledger, owner) = (Arc::clone(&self.ledger), Arc::clone(&self.owner));
        match message {
            // Who has gone away since needs no turn.
            Message::Claim(_, reply) if reply.is_closed() => {}
            Message::Claim(claim, reply) => {
                let (host, open) = (claim.host.clone(), claim.open);
                let answer = self.ask(ledger.claim_turns(TurnClaim { owner: owner.clone(), ..claim })).await;
                if reply.send(answer).is_err() {
                    let _ = self.ask(ledger.return_turns(&host, &owner, open)).await;
                }
            }
            // An error says that nobody can be told; what is not renewed is soon forgotten.
            Message::GiveBack(host, open) => {
                let _ = self.ask(ledger.return_turns(&host, &owner, open)).await;
            }
            Message::Hold(host, wait) => {
                let _ = self.ask(ledger.hold_host(&host, wait)).await;
            }
            Message::TakeRules(_, reply) if reply.is_closed() => {}
            Message::TakeRules(origin, reply) => {
                let turn = self.ask(ledger.take_rules(&origin, &owner)).await;
                if let Err(Ok(RulesTurn::Read)) = reply.send(turn) {
                    let _ = self.ask(ledger.keep_rules(&origin, &owner, None)).await;
                }
            }
            Message::KeepRules(origin, rules) => {
                let _ = self.ask(ledger.keep_rules(&origin, &owner, rules)).await;
            }
            Message::Unshare(reply) => {
                let _ = self.ask(ledger.end_turns(&owner)).await;
                // Whoever waited for it may be gone.
                let _ = reply.send(());
            }
            Message::Follow(follower) => {
                self.follower = Some(follower);
                self.follow_breakers().await;
            }
            Message::Opened(breaker) => {
                let _ = self.ask(ledger.open_breaker(breaker)).await;
                self.told += 1;
            }
            Message::Closed(name) => {
                let _ = self.ask(ledger.close_breaker(name)).await;
                self.told += 1;
            }
            Message::Probe(name, reply) => {
                let may = self.ask(ledger.probe_breaker(name)).await.unwrap_or(true);
                let _ = reply.send(may);
            }
        }
    }

    /// Tells of the breakers that are open, unless some of this process's own have changed since the ledger was asked.
    async fn follow_breakers(&mut self) {
        if self.follower.is_none() || self.said.load(Ordering::SeqCst) != self.told {
            return;
        }
        let ledger = Arc::clone(&self.ledger);
        let Ok(open) = self.ask(ledger.breakers()).await else { return };
        if let Some(follower) =
            self.follower.as_ref().filter(|_| self.said.load(Ordering::SeqCst) == self.told)
        {
            follower(open.into_iter().filter_map(breaker_of).collect());
        }
    }

    async fn ask<T>(
        &mut self,
        request: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, PaceUnshared> {
        if self.silent.is_some_and(|until| Instant::now() < until) {
            return Err(PaceUnshared("the ledger did not answer a moment ago".to_owned()));
        }
        let answer = match tokio::time::timeout(PATIENCE, request).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        match answer {
            Ok(answer) => {
                if self.silent.take().is_some() {
                    tracing::info!("the pace of hosts is shared with other processes again");
                }
                Ok(answer)
            }
            Err(why) => {
                if self.silent.is_none() {
                    tracing::warn!("the pace of hosts is not shared with other processes for now: {why}");
                }
                self.silent = Some(Instant::now() + SILENCE);
                Err(PaceUnshared(why))
            }
        }
    }
}
