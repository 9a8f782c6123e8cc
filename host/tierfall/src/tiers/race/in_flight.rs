//! What a race has in flight, and in which order it comes back.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, FuturesUnordered, Stream};

/// Futures that run side by side. Dropping it drops them all.
pub(super) enum InFlight<'a, T> {
    /// Each comes back when it is done: a race.
    AsTheyEnd(FuturesUnordered<BoxFuture<'a, T>>),
    /// Each comes back after those that were started before it: the same order every time.
    InOrder(FuturesOrdered<BoxFuture<'a, T>>),
}

impl<'a, T> InFlight<'a, T> {
    pub(super) fn new(in_order: bool) -> Self {
        if in_order { Self::InOrder(FuturesOrdered::new()) } else { Self::AsTheyEnd(FuturesUnordered::new()) }
    }

    pub(super) fn push(&mut self, future: BoxFuture<'a, T>) {
        match self {
            Self::AsTheyEnd(futures) => futures.push(future),
            Self::InOrder(futures) => futures.push_back(future),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::AsTheyEnd(futures) => futures.len(),
            Self::InOrder(futures) => futures.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Stream for InFlight<'_, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match self.get_mut() {
            Self::AsTheyEnd(futures) => Pin::new(futures).poll_next(context),
            Self::InOrder(futures) => Pin::new(futures).poll_next(context),
        }
    }
}
