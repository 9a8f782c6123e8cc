//! Turns: when a process may ask a host again, if all processes that share the ledger are to keep its pace together.

use std::sync::Arc;
use std::time::Duration;

/// What one process asks for at one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnClaim {
    /// The name that the processes have for the host, or for one of its services.
    pub host: String,
    /// The process that asks.
    pub owner: Arc<str>,
    /// The time between the starts of two requests.
    pub every: Duration,
    /// At most so many starts within a time.
    pub window: Option<(u32, Duration)>,
    /// So many may start at once after a pause: what was not used meanwhile is made up for.
    pub burst: u32,
    /// Requests that may be open at once, those of all processes together.
    pub concurrency: u32,
    /// The owner's requests that are open now.
    pub open: u32,
    /// Requests that it wants to open besides.
    pub more: u32,
    /// Starts that it has use for. It may get fewer, and it keeps what it gets.
    pub starts: u32,
    /// A start that is further ahead is of no use to it.
    pub within: Duration,
    /// The longest that the owner leaves a host alone that asks for it. Who said more had a clock that was ahead.
    pub max_hold: Duration,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turns {
    /// The owner may start a request at each of these times from now, and have `open` of them open at once until it
    /// gives them back, or is not heard of for a while.
    Granted {
        /// From now, in order; never empty.
        starts: Vec<Duration>,
        /// Those that were open already among them.
        open: u32,
    },
    /// Nothing now. Others are open or come first, or the next start is further ahead than is of use. It is worth asking
    /// again after this time; whoever waits keeps its place in the line meanwhile.
    Later(Duration),
    /// The host asked to be left alone for so long from now: nobody may start.
    Held(Duration),
}
