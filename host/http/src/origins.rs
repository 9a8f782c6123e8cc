//! What is read once per origin, and kept for a while: its robots.txt, its reservations of rights.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

/// Origins that are remembered; what is kept of one is a few kilobytes, in the worst case 500.
const ORIGINS: usize = 2048;

/// A value for each of the origins met so far.
#[derive(Debug)]
pub struct OriginCache<T> {
    cells: Mutex<HashMap<String, Arc<OnceCell<Kept<T>>>>>,
}

#[derive(Debug)]
struct Kept<T> {
    until: Instant,
    value: Arc<T>,
}

impl<T> Default for OriginCache<T> {
    fn default() -> Self {
        Self { cells: Mutex::default() }
    }
}

impl<T: Send + Sync + 'static> OriginCache<T> {
    /// The value of `url`'s origin; `read` gets it, and says for how long it holds, if it is not here. One
    /// reading runs per origin; it goes on when the one who asked first is cancelled, so that the next
    /// finds it done. `None` if the reading was given up.
    pub async fn get<F>(&self, url: &Url, read: impl FnOnce() -> F + Send + 'static) -> Option<Arc<T>>
    where
        F: Future<Output = (T, Duration)> + Send + 'static,
    {
        let cell = self.cell(&url.origin().ascii_serialization());
        if cell.get().is_none() {
            let cell = Arc::clone(&cell);
            let filling = tokio::spawn(async move {
                cell.get_or_init(|| async move {
                    let (value, fresh) = read().await;
                    Kept { until: Instant::now() + fresh, value: Arc::new(value) }
                })
                .await;
            });
            // A panic in the task leaves the cell empty, which is answered below.
            let _ = filling.await;
        }
        cell.get().map(|kept| Arc::clone(&kept.value))
    }

    fn cell(&self, origin: &str) -> Arc<OnceCell<Kept<T>>> {
        let now = Instant::now();
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(origin)
            && cell.get().is_none_or(|kept| kept.until > now)
        {
            return Arc::clone(cell);
        }
        if cells.len() >= ORIGINS {
            cells.retain(|_, cell| cell.get().is_some_and(|kept| kept.until > now));
        }
        if cells.len() >= ORIGINS {
            cells.clear();
        }
        let cell = Arc::<OnceCell<Kept<T>>>::default();
        cells.insert(origin.to_owned(), Arc::clone(&cell));
        cell
    }
}
