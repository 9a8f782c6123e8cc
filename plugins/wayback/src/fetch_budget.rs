//! What this attempt may still spend.

use std::cell::Cell;

use tierfall_sdk::{Budget, BudgetKind, FetchError, Host, Request, Response};

/// Reserved so that what was found is returned before the host ends the call: about what one more
/// request to a slow archive takes.
const RESERVE_MS: u64 = 1500;

/// Sends requests while the budget has some left and, once something was found, while it has time left.
///
/// Time is measured by the wall clock, which also runs while requests wait for the archive's pace; the
/// host does not count that wait. So it is a limit only once something was found: in a busy run most of
/// the time is such a wait.
pub struct FetchBudget<'a> {
    host: &'a dyn Host,
    until_ms: u64,
    found: Cell<bool>,
    fetches: Cell<u32>,
}

impl<'a> FetchBudget<'a> {
    /// The budget of an attempt that begins now.
    pub fn new(host: &'a dyn Host, budget: Budget) -> Self {
        let time = u64::from(budget.time_ms);
        // At most a third of a short budget is reserved.
        let until_ms = host.now_ms() + time - RESERVE_MS.min(time / 3);
        Self { host, until_ms, found: Cell::new(false), fetches: Cell::new(budget.fetches) }
    }

    /// Notes that something was found, which would be lost if the host ended the call.
    pub fn keep(&self) {
        self.found.set(true);
    }

    /// As [`Host::fetch`]; `FetchError::Budget` without a request where nothing is left.
    pub fn fetch(&self, request: &Request) -> Result<Response, FetchError> {
        if self.found.get() && self.host.now_ms() >= self.until_ms {
            return Err(FetchError::Budget(BudgetKind::Time));
        }
        let Some(left) = self.fetches.get().checked_sub(1) else {
            return Err(FetchError::Budget(BudgetKind::Fetches));
        };
        self.fetches.set(left);
        self.host.fetch(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::Level;
    use tierfall_sdk::testing::Recorded;

    const URL: &str = "https://archive.example/x";

    /// A host whose clock moves with each answer.
    struct Slow(Recorded, Cell<u64>);

    impl Host for Slow {
        fn fetch(&self, request: &Request) -> Result<Response, FetchError> {
            self.1.set(self.1.get() + 4000);
            self.0.fetch(request)
        }
        fn log(&self, _: Level, _: &str) {}
        fn now_ms(&self) -> u64 {
            self.1.get()
        }
    }

    #[test]
    fn no_more_requests_are_sent_than_allowed() {
        let host = Recorded::new().json(URL, "{}");
        let fetch_budget = FetchBudget::new(&host, Budget { time_ms: 10_000, fetches: 2 });
        let request = Request::get(URL);
        assert!(fetch_budget.fetch(&request).is_ok());
        assert!(fetch_budget.fetch(&request).is_ok());
        assert_eq!(fetch_budget.fetch(&request), Err(FetchError::Budget(BudgetKind::Fetches)));
        assert_eq!(host.urls().len(), 2);
    }

    #[test]
    fn with_something_to_lose_nothing_is_begun_shortly_before_the_end() {
        let host = Slow(Recorded::new().json(URL, "{}"), Cell::new(0));
        let fetch_budget = FetchBudget::new(&host, Budget { time_ms: 9000, fetches: 9 });
        let request = Request::get(URL);
        for _ in 0..4 {
            assert!(fetch_budget.fetch(&request).is_ok(), "the host ends it if it must");
        }
        fetch_budget.keep();
        assert_eq!(fetch_budget.fetch(&request), Err(FetchError::Budget(BudgetKind::Time)));
    }
}
