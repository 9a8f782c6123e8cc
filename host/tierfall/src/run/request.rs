//! What a run is asked for.

use tierfall_input::BadEntry;
use tierfall_work::Work;

/// A work as it was asked for.
#[derive(Clone, Debug)]
pub struct WorkRequest {
    /// As the user wrote it.
    pub input: String,
    /// What is known of it before anybody is asked.
    pub work: Work,
}

/// What the input yields.
#[derive(Clone, Debug)]
pub enum InputItem {
    /// A work that was not asked for before.
    Work(WorkRequest),
    /// A line that cannot be read: reported, and the run goes on.
    Bad(BadEntry),
    /// The work was asked for before in this run.
    Repeat,
}
