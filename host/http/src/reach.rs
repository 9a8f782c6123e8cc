//! Whether anything can be reached at all. A machine without a network, behind a proxy that is down or one that opens
//! TLS, fails with every host in the same way: that is told once, in place of being told of each work.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::error::FetchError;

/// So many hosts that fail before any has answered are no accident.
const HOSTS: usize = 3;
/// An authority that nobody knows, at two hosts: it is the same one's.
const UNTRUSTED_HOSTS: usize = 2;
/// Nothing is decided sooner after the first failure: what is asked next may be nearer.
const GRACE: Duration = Duration::from_secs(8);
/// A request that was given up after this long without an answer counts as unanswered.
const SILENCE: Duration = Duration::from_secs(4);

/// What the network has come to since the start. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Reach(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Cancelled with the first answer.
    answered: CancellationToken,
    /// No request is on its way.
    idle: Notify,
    failures: Mutex<Failures>,
    decided: CancellationToken,
}

#[derive(Debug, Default)]
struct Failures {
    /// Requests on their way.
    asking: usize,
    /// Since when.
    first: Option<Instant>,
    hosts: HashSet<String>,
    untrusted: HashSet<String>,
    /// A connection failed: what the last one failed by.
    last: Option<Outage>,
    /// A certificate was of no trusted authority.
    authority: Option<Outage>,
    /// Somebody else answered, or nobody on the public network was named.
    astray: Option<Outage>,
    outage: Option<Outage>,
}

/// Why nothing can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Where to look.
    pub cause: OutageCause,
    /// What the last request failed by, with its host.
    pub detail: String,
}

/// Where the way to all hosts is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageCause {
    /// No host answers.
    Network,
    /// The proxy does not answer.
    Proxy,
    /// Every certificate is of an authority that is not trusted.
    Certificates,
    /// Every certificate is one of another host.
    Names,
    /// Every certificate is of another time.
    Clock,
    /// DNS gives every name a private address.
    Dns,
}

impl OutageCause {
    /// What a failure of this kind at every host would mean.
    pub(crate) fn of(error: &FetchError) -> Self {
        match error {
            FetchError::Denied { .. } => Self::Dns,
            FetchError::Certificate(detail) if detail.contains("UnknownIssuer") => Self::Certificates,
            FetchError::Certificate(detail)
                if detail.contains("expired") || detail.contains("not valid yet") =>
            {
                Self::Clock
            }
            FetchError::Certificate(_) => Self::Names,
            _ => Self::Network,
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Network => {
                "is this machine online? Where only a proxy leads out, give it with --proxy URL or HTTPS_PROXY"
            }
            Self::Proxy => "check --proxy, HTTPS_PROXY and HTTP_PROXY, or go without it: --proxy direct",
            Self::Certificates => {
                "a proxy that opens TLS has an authority of its own: give its certificate with --ca-cert FILE"
            }
            Self::Names => {
                "a network that wants a login answers in place of every host: log in to it with a browser"
            }
            Self::Clock => {
                "is this machine's clock right? Where it is, a proxy may answer in place of every host"
            }
            Self::Dns => {
                "a network that wants a login, or a filter, may answer so: log in with a browser, or mend its DNS; where only \
                 a proxy leads out, give it with --proxy URL"
            }
        }
    }
}

/// What happened and what to do, in one line.
impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.cause {
            OutageCause::Network => "no host answers",
            OutageCause::Proxy => "the proxy does not answer",
            OutageCause::Certificates => "no certificate is trusted",
            OutageCause::Names => "no certificate is that of its host",
            OutageCause::Clock => "no certificate is of this time",
            OutageCause::Dns => "every name has a private address",
        };
        write!(f, "{what} ({}); {}", self.detail, self.cause.remedy())
    }
}

impl Reach {
    /// Completes when it is clear that nothing can be reached; never once anything has answered.
    pub async fn outage(&self) -> Outage {
        self.0.decided.cancelled().await;
        let outage = self.failures().outage.clone();
        match outage {
            Some(outage) => outage,
            None => std::future::pending().await,
        }
    }

    /// Says so now, if nothing has answered so far and something failed: nobody goes on to try.
    pub fn give_up(&self) -> bool {
        if self.0.answered.is_cancelled() {
            return false;
        }
        let mut failures = self.failures();
        let untrusted = failures.untrusted.len() >= UNTRUSTED_HOSTS;
        let astray = failures.hosts.len() >= HOSTS;
        let several = || {
            let authority = failures.authority.clone().filter(|_| untrusted);
            authority.or_else(|| failures.astray.clone().filter(|_| astray))
        };
        let Some(last) = failures.last.clone().or_else(several) else {
            return false;
        };
        self.decide(&mut failures, last);
        true
    }

    /// Whether so few have failed so far, and nothing has answered, that it may be they that are gone: who is asked next
    /// may answer. A proxy that is gone is gone for all.
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt().is_some()
    }

    /// Whether it is in doubt, and one that is asked now may answer.
    pub fn may_hear(&self) -> bool {
        self.is_in_doubt() && self.failures().asking > 0
    }

    /// Whether it is in doubt, and one that is asked now, or soon, may answer.
    pub fn is_open(&self) -> bool {
        self.in_doubt().is_some_and(|left| !left.is_zero() || self.failures().asking > 0)
    }

    /// For how long others are to be asked first.
    fn in_doubt(&self) -> Option<Duration> {
        if self.0.answered.is_cancelled() {
            return None;
        }
        let failures = self.failures();
        let by_network = failures.last.as_ref().is_some_and(|last| last.cause == OutageCause::Network);
        let in_doubt = by_network && failures.outage.is_none() && failures.hosts.len() < HOSTS;
        let left = |first: Instant| GRACE.saturating_sub(first.elapsed());
        in_doubt.then(|| failures.first.map_or(GRACE, left))
    }

    /// Completes when it is in doubt no more, or others were asked for long enough and none of them may still answer.
    pub async fn is_settled(&self) {
        loop {
            let idle = self.0.idle.notified();
            if !self.is_open() {
                return;
            }
            let left = self.in_doubt().unwrap_or_default();
            tokio::select! {
                () = self.0.answered.cancelled() => {}
                () = self.0.decided.cancelled() => {}
                () = tokio::time::sleep(left), if !left.is_zero() => {}
                () = idle => {}
            }
        }
    }

    pub(crate) fn answered(&self) {
        self.0.answered.cancel();
    }

    /// No connection to `host` came about.
    pub(crate) fn failed(&self, host: &str, proxied: bool, detail: String) {
        let cause = if proxied { OutageCause::Proxy } else { OutageCause::Network };
        self.count(host, |failures| failures.last = Some(Outage { cause, detail }));
    }

    /// The certificate of `host` is of an authority that is not trusted.
    pub(crate) fn untrusted(&self, host: &str, detail: String) {
        if self.0.answered.is_cancelled() {
            return;
        }
        let mut failures = self.failures();
        failures.untrusted.insert(host.to_owned());
        let outage = Outage { cause: OutageCause::Certificates, detail };
        failures.authority = Some(outage.clone());
        if failures.lasting(GRACE) && failures.untrusted.len() >= UNTRUSTED_HOSTS {
            self.decide(&mut failures, outage);
        }
    }

    /// Somebody else than `host` answered, or DNS leads to nobody.
    pub(crate) fn led_astray(&self, host: &str, cause: OutageCause, detail: String) {
        self.count(host, |failures| failures.astray = Some(Outage { cause, detail }));
    }

    /// Watches a request until it is over.
    pub(crate) fn watch<'a>(&'a self, host: &'a str) -> Watched<'a> {
        self.moves(1);
        Watched { reach: self, host, since: Instant::now(), over: false }
    }

    /// One request more is on its way, or one less.
    fn moves(&self, more: isize) {
        if self.0.answered.is_cancelled() {
            return;
        }
        let mut failures = self.failures();
        failures.asking = failures.asking.saturating_add_signed(more);
        if failures.asking == 0 {
            self.0.idle.notify_waiters();
        }
    }

    fn count(&self, host: &str, note: impl FnOnce(&mut Failures)) {
        if self.0.answered.is_cancelled() {
            return;
        }
        let mut failures = self.failures();
        note(&mut failures);
        failures.hosts.insert(host.to_owned());
        if failures.lasting(GRACE) && failures.hosts.len() >= HOSTS {
            let silent = || Outage {
                cause: OutageCause::Network,
                detail: format!("{host}: no answer for {} s", SILENCE.as_secs()),
            };
            let outage = failures.last.clone().or_else(|| failures.astray.clone()).unwrap_or_else(silent);
            self.decide(&mut failures, outage);
        }
    }

    fn decide(&self, failures: &mut Failures, outage: Outage) {
        failures.outage.get_or_insert(outage);
        self.0.decided.cancel();
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.0.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    /// Whether the first was so long ago.
    fn lasting(&mut self, grace: Duration) -> bool {
        self.first.get_or_insert_with(Instant::now).elapsed() >= grace
    }
}

/// A request on its way. Dropped after a long silence, it counts as one that was not answered.
pub(crate) struct Watched<'a> {
    reach: &'a Reach,
    host: &'a str,
    since: Instant,
    over: bool,
}

impl Watched<'_> {
    /// It came to something, which is told by itself.
    pub(crate) fn over(mut self) {
        self.over = true;
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if !self.over && self.since.elapsed() >= SILENCE {
            self.reach.count(self.host, |_| {});
        }
        self.reach.moves(-1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn outage(reach: &Reach) -> Option<OutageCause> {
        reach.outage().now_or_never().map(|outage| outage.cause)
    }

    /// Its first failure is long ago.
    fn failing() -> Reach {
        let reach = Reach::default();
        reach.failures().first = Instant::now().checked_sub(GRACE);
        reach
    }

    #[test]
    fn three_hosts_that_fail_before_any_answered_are_an_outage() {
        let reach = failing();
        for host in ["a.example", "b.example", "a.example"] {
            reach.failed(host, false, format!("{host}: no route"));
            assert_eq!(outage(&reach), None);
        }
        reach.failed("c.example", false, "c.example: no route".into());
        assert_eq!(outage(&reach), Some(OutageCause::Network));
    }

    #[test]
    fn after_one_answer_nothing_is_an_outage() {
        let reach = Reach::default();
        reach.answered();
        for host in ["a.example", "b.example", "c.example"] {
            reach.failed(host, true, String::new());
            reach.untrusted(host, String::new());
        }
        assert!(!reach.give_up());
        assert_eq!(outage(&reach), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_or_two_may_be_gone_by_themselves_until_something_answers_or_nothing_does_for_long() {
        let reach = Reach::default();
        assert!(!reach.is_in_doubt(), "nothing has failed");
        reach.failed("a.example", false, "a.example: no route".into());
        assert!(reach.is_in_doubt() && reach.is_open());
        assert!(reach.is_settled().now_or_never().is_none());
        let waiting = reach.clone();
        let waiting = tokio::spawn(async move { waiting.is_settled().await });
        tokio::task::yield_now().await;
        reach.answered();
        waiting.await.expect("it is settled");
        assert!(!reach.is_in_doubt());
        let reach = failing();
        let slow = reach.watch("slow.example");
        reach.failed("a.example", false, "a.example: no route".into());
        assert!(reach.is_open(), "one that is asked may still answer");
        let waiting = reach.clone();
        let waiting = tokio::spawn(async move { waiting.is_settled().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        slow.over();
        waiting.await.expect("it is settled");
        assert!(reach.is_in_doubt() && !reach.is_open());
        for host in ["b.example", "c.example"] {
            reach.failed(host, false, format!("{host}: no route"));
        }
        assert!(!reach.is_in_doubt(), "three are no accident");
        let reach = Reach::default();
        reach.failed("a.example", true, "127.0.0.1:9: refused".into());
        assert!(!reach.is_in_doubt(), "the proxy is everybody's");
    }

    #[test]
    fn who_gives_up_says_what_the_last_request_failed_by() {
        let reach = Reach::default();
        assert!(!reach.give_up(), "nothing was asked");
        reach.failed("a.example", true, "127.0.0.1:9: connection refused".into());
        assert!(reach.give_up());
        assert_eq!(outage(&reach), Some(OutageCause::Proxy));
    }

    #[test]
    fn what_answers_in_place_of_three_hosts_is_an_outage_and_what_does_of_one_is_not() {
        for cause in [OutageCause::Names, OutageCause::Clock, OutageCause::Dns] {
            let reach = failing();
            for host in ["a.example", "b.example", "a.example"] {
                reach.led_astray(host, cause, format!("{host}: odd"));
                assert!(!reach.give_up(), "{cause:?}: one host's certificate or address is its own");
            }
            reach.led_astray("c.example", cause, "c.example: odd".into());
            assert_eq!(outage(&reach), Some(cause));
        }
    }

    #[test]
    fn an_unknown_authority_at_two_hosts_is_a_proxy_that_opens_tls() {
        let reach = failing();
        reach.untrusted("a.example", "a.example: UnknownIssuer".into());
        assert_eq!(outage(&reach), None);
        assert!(!reach.give_up(), "one host's certificate is that host's matter");
        reach.untrusted("b.example", "b.example: UnknownIssuer".into());
        assert_eq!(outage(&reach), Some(OutageCause::Certificates));
    }
}
