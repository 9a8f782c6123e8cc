//! What a run that is told to end still waits for: a store that does not answer must not keep it from its end.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A store that is well has answered by then, so that what it was just doing counts.
const MOMENT: Duration = Duration::from_secs(2);

/// Does something that is soon done, if it can be done at all; `None`: the run is over, and it was not done in time.
pub(super) async fn done_in_time<T>(halt: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    let over = async {
        halt.cancelled().await;
        tokio::time::sleep(MOMENT).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = over => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_a_moment_is_waited_for_and_what_takes_longer_is_not_once_the_run_is_over() {
        let halt = CancellationToken::new();
        let after = |ms| tokio::time::sleep(Duration::from_millis(ms));
        assert!(done_in_time(&halt, after(3_600_000)).await.is_some(), "nobody ended it");
        halt.cancel();
        assert!(done_in_time(&halt, after(500)).await.is_some());
        assert!(done_in_time(&halt, after(2_500)).await.is_none());
    }
}
