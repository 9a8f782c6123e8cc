//! What processes tell each other of hosts beside their turns: what a host's rules for robots are, and which hosts are
//! left alone because they fail.

use std::time::Duration;

/// The rules of an origin, as a process read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRules {
    /// The status of the answer.
    pub status: u16,
    /// Its body.
    pub text: String,
    /// For how long they are valid, from now.
    pub fresh: Duration,
}

/// What a process is to do that lacks the rules of an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulesTurn {
    /// Another has read them.
    Known(HostRules),
    /// It reads them itself, and the others wait for it, for a short time.
    Read,
    /// Another reads them; it is worth asking again after so long.
    Later(Duration),
}

/// Whose requests a breaker stops.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BreakerName {
    /// The host that is left alone.
    pub host: String,
    /// By requests of this kind.
    pub role: String,
    /// Of this plugin.
    pub plugin: String,
}

/// A breaker that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostBreaker {
    /// Whose requests it stops.
    pub name: BreakerName,
    /// For how long from now; then one request finds out whether it may close.
    pub left: Duration,
    /// For how long it was opened.
    pub span: Duration,
    /// Why, for people.
    pub why: String,
}
