//! The signals that tell the program to end: Ctrl-C, a service manager's SIGTERM, the SIGHUP of a terminal that is gone.

use std::time::Duration;

use tierfall::run::Run;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::output::complain;
use crate::signal::Signal;
use crate::stderr;

/// Who sends one signal often sends two: `timeout` to its child and to the group, the system and the shell when a
/// terminal is closed. So soon after the first, another one says nothing new.
const SAME: Duration = Duration::from_millis(300);

/// The signals of this process. Once they are listened to, none ends the process by itself.
pub struct ShutdownSignals {
    #[cfg(unix)]
    interrupt: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
}

impl ShutdownSignals {
    /// Listens from here on. What cannot be listened to does what it does in every program.
    #[cfg(unix)]
    pub fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
            hang_up: if hang_up_is_ours() { signal(SignalKind::hangup()).ok() } else { None },
        }
    }

    /// Listens from here on.
    #[cfg(not(unix))]
    pub fn listen() -> Self {
        Self {}
    }

    /// The next one.
    #[cfg(unix)]
    pub async fn next(&mut self) -> Signal {
        async fn of(signal: &mut Option<tokio::signal::unix::Signal>) {
            if let Some(signal) = signal
                && signal.recv().await.is_some()
            {
                return;
            }
            std::future::pending().await
        }
        tokio::select! {
            () = of(&mut self.interrupt) => Signal::Interrupt,
            () = of(&mut self.terminate) => Signal::Terminate,
            () = of(&mut self.hang_up) => Signal::HangUp,
        }
    }

    /// The next one.
    #[cfg(not(unix))]
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }

    /// The next one that is no echo of the one that came at `first`.
    async fn next_after(&mut self, first: Instant) -> Signal {
        loop {
            let signal = self.next().await;
            if first.elapsed() > SAME {
                return signal;
            }
        }
    }
}

/// The signal that ends a command; for those that leave nothing behind.
pub async fn ended() -> Signal {
    ShutdownSignals::listen().next().await
}

/// Whether SIGHUP is to be listened to. Not where the program was started with it ignored, as `nohup` does; that
/// cannot be seen on systems without `/proc`, so there it does what it does in every program.
#[cfg(unix)]
fn hang_up_is_ours() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| !ignores_hang_up(&status))
}

/// Reads the mask of the signals that a process ignores, in which the lowest bit is SIGHUP.
#[cfg(unix)]
fn ignores_hang_up(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & 1 == 1)
}

/// The tokens of a run that signals cancel, and how long its works may take to end.
pub struct Ending {
    drain: CancellationToken,
    stop: CancellationToken,
    grace: Duration,
}

impl Ending {
    pub fn of(run: &Run, grace: Duration) -> Self {
        Self { drain: run.drain.clone(), stop: run.stop.clone(), grace }
    }

    /// The first signal lets the works in hand end, as long as `grace` lasts; then, or with the next signal, what is in
    /// flight is dropped and everything given back. One more ends the process at once. `first` is told of the first.
    pub async fn follow(self, first: impl FnOnce(Signal)) {
        let mut signals = ShutdownSignals::listen();
        let signal = signals.next().await;
        let at = Instant::now();
        first(signal);
        self.drain.cancel();
        if self.grace > Duration::ZERO {
            complain(format_args!(
                "tierfall: stopping ({}): nothing new is begun, and what is in hand has {} s to end (a second signal ends \
                 it now)",
                signal.name(),
                self.grace.as_secs()
            ));
            let second = tokio::time::timeout(self.grace, signals.next_after(at)).await;
            self.stop.cancel();
            let last = match second {
                Ok(_) => signals.next_after(Instant::now()).await,
                Err(_) => signals.next().await,
            };
            exit(last);
        }
        self.stop.cancel();
        complain(match signal {
            Signal::Interrupt => {
                "tierfall: stopping; what was received is kept (press Ctrl-C again to stop at once)"
                    .to_owned()
            }
            Signal::Terminate | Signal::HangUp => {
                format!(
                    "tierfall: stopping ({}); what was received is kept (a second signal ends at once)",
                    signal.name()
                )
            }
        });
        exit(signals.next_after(at).await)
    }
}

/// Ends the process now.
fn exit(signal: Signal) -> ! {
    stderr::settle();
    std::process::exit(Exit::from(signal) as i32)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_of_ignored_signals_says_whether_sighup_is_among_them() {
        let status = |mask: &str| format!("Name:\ttierfall\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(ignores_hang_up(&status("0000000000000001")));
        assert!(ignores_hang_up(&status("0000000000001001")));
        assert!(!ignores_hang_up(&status("0000000000001000")));
        assert!(!ignores_hang_up(&status("0000000000000000")));
        assert!(ignores_hang_up("Name:\ttierfall\n"), "what cannot be known is left as it is");
    }
}
