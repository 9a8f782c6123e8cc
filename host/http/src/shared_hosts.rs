//! What processes that share a pace tell each other of hosts besides: rules for robots, and breakers.

use std::time::Duration;

use super::request::Role;

/// The rules for robots of an origin, as a process has read them itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedRules {
    /// The status of the answer.
    pub status: u16,
    /// The file.
    pub text: String,
    /// For how long they are valid from now.
    pub fresh: Duration,
}

/// Whose requests a breaker stops.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BreakerKey {
    /// The host that is left alone.
    pub host: String,
    /// By requests of this role.
    pub role: Role,
    /// Of this plugin.
    pub plugin: String,
}

/// A breaker that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBreaker {
    /// Whose requests it stops.
    pub key: BreakerKey,
    /// For how long from now; then one request finds out whether it may close.
    pub left: Duration,
    /// For how long it was opened.
    pub span: Duration,
    /// Why, for people.
    pub why: String,
}

/// Who wants to know of all breakers that any process has open, whenever they are known anew.
pub type BreakerFollower = Box<dyn Fn(Vec<OpenBreaker>) + Send + Sync>;
