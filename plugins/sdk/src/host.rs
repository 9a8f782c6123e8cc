//! The host, as a plugin sees it.

use crate::bindings::tierfall::source::{clock, http, log};
use crate::{FetchError, Level, Request, Response};

/// Everything a plugin may ask for. Its sources take `&dyn Host`, so that tests stand in for it.
pub trait Host {
    /// Sends a request. Redirects and retries happen in the host.
    ///
    /// # Errors
    /// Any status is an answer; an error says why there is none. `?` turns it into the
    /// [`SourceError`](crate::SourceError) that fits.
    fn fetch(&self, request: &Request) -> Result<Response, FetchError>;

    /// Writes a line into the run's log, under the name of this plugin.
    fn log(&self, level: Level, message: &str);

    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
}

/// The host that runs this component. Outside of one, every call panics.
#[derive(Clone, Copy, Debug)]
pub struct ComponentHost;

impl Host for ComponentHost {
    fn fetch(&self, request: &Request) -> Result<Response, FetchError> {
        http::fetch(request)
    }

    fn log(&self, level: Level, message: &str) {
        log::log(level, message);
    }

    fn now_ms(&self) -> u64 {
        clock::now()
    }
}

/// Prepares a fresh instance: a panic, which ends it in a trap, first says in the log where it was.
#[doc(hidden)]
pub fn start() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| {
        log::log(Level::Warn, &panic.to_string());
    }));
}
