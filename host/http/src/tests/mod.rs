//! The client as a whole: its policy against a scripted transport on paused time, its behaviour on the
//! wire against servers on 127.0.0.1.

pub mod forbidden_hosts;
mod limits;
mod network;
mod recording;
mod redirects;
mod reservations;
mod retries;
mod robots_and_pace;
mod script;
mod server;
mod services;
mod shared_hosts;
mod shared_pace;
mod standard;
mod wire;

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use tokio::time::Instant;

use super::{
    AttemptClock, Body, FetchError, HopPolicy, HttpClient, HttpSettings, Method, Mode, Request,
    RequestBudget, RequestCost, Response, Role,
};

/// One attempt, with what it may spend.
struct Attempt {
    clock: AttemptClock,
    retries: AtomicU32,
    cost: RequestCost,
}

impl Attempt {
    fn new(seconds: u64, retries: u32) -> Self {
        let deadline = Instant::now() + Duration::from_secs(seconds * 10);
        Self::within(Duration::from_secs(seconds), deadline, retries)
    }

    fn within(budget: Duration, deadline: Instant, retries: u32) -> Self {
        Self {
            clock: AttemptClock::new(budget, deadline),
            retries: AtomicU32::new(retries),
            cost: RequestCost::default(),
        }
    }

    fn budget<'a>(&'a self, hops: &'a dyn HopPolicy) -> RequestBudget<'a> {
        RequestBudget { hops, clock: &self.clock, retries: &self.retries, cost: &self.cost }
    }

    async fn fetch(&self, client: &HttpClient, role: Role, url: &str) -> Result<Response, FetchError> {
        client.fetch(get(url), 1 << 20, self.budget(&role)).await
    }

    async fn open(&self, client: &HttpClient, role: Role, url: &str) -> Result<Body, FetchError> {
        client.open(get(url), self.budget(&role)).await
    }
}

/// One request, with ten seconds and no retries.
async fn fetch(client: &HttpClient, role: Role, url: &str) -> Result<Response, FetchError> {
    Attempt::new(10, 0).fetch(client, role, url).await
}

fn get(url: &str) -> Request {
    request(Method::Get, url)
}

fn request(method: Method, url: &str) -> Request {
    let url = url.parse().unwrap();
    Request { method, ..Request::get(url) }
}

fn live(settings: HttpSettings) -> HttpClient {
    HttpClient::new(settings, Mode::Live).unwrap()
}

/// Reads a body to its end, keeping nothing but its length.
async fn drain(mut body: Body) -> Result<u64, FetchError> {
    let mut read = 0;
    while let Some(piece) = body.chunk().await? {
        read += piece.len() as u64;
    }
    Ok(read)
}
