//! Standard error, written by a thread of its own: who does not read it, such as a pager or a supervisor that stalls,
//! keeps nobody from going on. What is not taken is kept up to a bound; what is beyond is counted, and told of once
//! somebody reads again.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use indicatif::MultiProgress;

/// Bytes that wait to be written: many thousand lines.
const MOST_WAITING: usize = 1 << 20;
/// What a line takes besides its bytes.
const LINE: usize = 64;
/// A reader who has not taken everything by then is not waited for before he has.
const SOON: Duration = Duration::from_millis(500);
/// At the end a reader who has taken nothing for so long is not waited for.
const AT_THE_END: Duration = Duration::from_secs(3);

static STANDARD: Queue = Queue::new();

/// What is drawn on the same terminal; lines are written above it.
static BARS: OnceLock<MultiProgress> = OnceLock::new();

/// From here on lines are written above these.
pub fn stay_above(bars: MultiProgress) {
    let _ = BARS.set(bars);
}

/// From here on `notice` says how many lines were left out.
pub fn notice_by(notice: fn(u64) -> Vec<u8>) {
    STANDARD.lock().notice = notice;
}

/// Writes whole lines; that they cannot be written changes nothing.
pub fn write(lines: Vec<u8>) {
    static WRITES: OnceLock<bool> = OnceLock::new();
    let writes = || {
        let thread = std::thread::Builder::new().name("stderr".into());
        thread.spawn(|| STANDARD.serve(put)).is_ok()
    };
    match *WRITES.get_or_init(writes) {
        true => STANDARD.add(lines),
        false => put(&lines),
    }
}

fn put(lines: &[u8]) {
    // In one piece: what a panic or a child says may come between.
    let put = || drop(io::stderr().lock().write_all(lines));
    match BARS.get() {
        Some(bars) => bars.suspend(put),
        None => put(),
    }
}

/// Waits until what was said is written, where somebody reads it: so it stands before what comes on standard output.
pub fn settle() {
    STANDARD.settle();
}

/// The same at the end of the program, with more patience.
pub fn finish() {
    STANDARD.finish();
}

/// A writer of log lines.
#[derive(Debug)]
pub struct LogLines;

impl Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines on their way.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: VecDeque<Vec<u8>>,
    /// Of those.
    bytes: usize,
    is_writing: bool,
    /// Writes that ended.
    written: u64,
    /// Somebody waited in vain, and not everything was taken since.
    is_stuck: bool,
    /// Lines that came when there was no room.
    left_out: u64,
    notice: fn(u64) -> Vec<u8>,
}

impl Queue {
    const fn new() -> Self {
        let state = State {
            waiting: VecDeque::new(),
            bytes: 0,
            is_writing: false,
            written: 0,
            is_stuck: false,
            left_out: 0,
            notice: |lines| notice_text(lines).into_bytes(),
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn add(&self, lines: Vec<u8>) {
        let mut state = self.lock();
        if !state.waiting.is_empty() && state.bytes + lines.len() + LINE > MOST_WAITING {
            state.left_out += 1;
            return;
        }
        if let Some(notice) = state.take_notice() {
            state.push(notice);
        }
        state.push(lines);
        self.changed.notify_all();
    }

    /// Writes what comes, for ever.
    fn serve(&self, mut put: impl FnMut(&[u8])) {
        let mut state = self.lock();
        loop {
            let Some(lines) = state.pop() else {
                state.is_stuck = false;
                self.changed.notify_all();
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.is_writing = true;
            drop(state);
            put(&lines);
            state = self.lock();
            state.is_writing = false;
            state.written += 1;
            self.changed.notify_all();
        }
    }

    fn settle(&self) {
        let state = self.lock();
        if state.is_stuck {
            return;
        }
        let waited = self.changed.wait_timeout_while(state, SOON, |state| !state.is_settled());
        let (mut state, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_stuck = timed_out.timed_out();
    }

    fn finish(&self) {
        let mut state = self.lock();
        while !state.is_settled() {
            let before = state.written;
            let nothing = |state: &mut State| !state.is_settled() && state.written == before;
            let waited = self.changed.wait_timeout_while(state, AT_THE_END, nothing);
            let timed_out;
            (state, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
            if timed_out.timed_out() {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_settled(&self) -> bool {
        self.waiting.is_empty() && !self.is_writing && self.left_out == 0
    }

    fn push(&mut self, lines: Vec<u8>) {
        self.bytes += lines.len() + LINE;
        self.waiting.push_back(lines);
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let Some(lines) = self.waiting.pop_front() else { return self.take_notice() };
        self.bytes = self.bytes.saturating_sub(lines.len() + LINE);
        Some(lines)
    }

    fn take_notice(&mut self) -> Option<Vec<u8>> {
        match std::mem::take(&mut self.left_out) {
            0 => None,
            lines => Some((self.notice)(lines)),
        }
    }
}

/// What stands in place of lines that were left out.
pub fn left_out(lines: u64) -> String {
    let lines = if lines == 1 { "1 line is".to_owned() } else { format!("{lines} lines are") };
    format!("tierfall: {lines} missing here: nobody read them in time")
}

fn notice_text(lines: u64) -> String {
    format!("{}\n", left_out(lines))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{self, Receiver, SyncSender};

    use super::*;

    /// A queue, what has come out of it, and what lets a line out.
    fn queue() -> (Arc<Queue>, Receiver<String>, SyncSender<()>) {
        let queue = Arc::new(Queue::new());
        let (came, comes) = mpsc::channel();
        let (lets, let_out) = mpsc::sync_channel(0);
        let served = Arc::clone(&queue);
        std::thread::spawn(move || {
            served.serve(|lines| {
                // Once the test has ended nobody holds anything up.
                let _ = let_out.recv();
                let _ = came.send(String::from_utf8_lossy(lines).trim_end().to_owned());
            });
        });
        (queue, comes, lets)
    }

    #[test]
    fn who_does_not_read_holds_nobody_up_and_is_told_how_many_lines_are_missing() {
        let (queue, comes, lets) = queue();
        let line = |number: usize| format!("{number:>1000}\n").into_bytes();
        // Many times what there is room for. What is taken out to be written would make room in the middle of it.
        queue.add(line(0));
        while !queue.lock().is_writing {
            std::thread::yield_now();
        }
        (1..20_000).for_each(|number| queue.add(line(number)));
        queue.settle();
        assert!(queue.lock().is_stuck && queue.lock().bytes <= MOST_WAITING);
        drop(lets);
        queue.finish();
        let mut lines: Vec<String> = comes.try_iter().collect();
        let notice = lines.pop().expect("a notice");
        assert!(lines.iter().enumerate().all(|(at, line)| line.trim() == at.to_string()));
        assert!(lines.len() > 900, "{} had room", lines.len());
        assert_eq!(notice, left_out((20_000 - lines.len()) as u64));
        // From here on everything is written again, and waited for.
        queue.add(b"more\n".to_vec());
        queue.settle();
        assert_eq!(comes.try_iter().collect::<Vec<_>>(), ["more"]);
    }

    #[test]
    fn what_was_left_out_is_told_of_where_it_is_missing() {
        let (queue, comes, lets) = queue();
        let long = |byte| vec![byte; MOST_WAITING / 2];
        // The first is being written, the next two have room, the fourth has none.
        queue.add(b"first\n".to_vec());
        while !queue.lock().is_writing {
            std::thread::yield_now();
        }
        [b'a', b'b', b'c'].into_iter().for_each(|byte| queue.add(long(byte)));
        for _ in 0..2 {
            lets.send(()).expect("it writes");
        }
        while queue.lock().bytes > MOST_WAITING / 4 {
            std::thread::yield_now();
        }
        queue.add(b"last\n".to_vec());
        drop(lets);
        queue.finish();
        let came: Vec<String> = comes.try_iter().map(|line| line.chars().take(12).collect()).collect();
        let expected = ["first", "aaaaaaaaaaaa", "tierfall: 2 ", "last"];
        assert_eq!(came, expected, "of three long lines one has room");
    }

    #[test]
    fn a_line_that_is_longer_than_all_the_room_is_written_where_nothing_else_waits() {
        let (queue, comes, lets) = queue();
        queue.add(vec![b'x'; 2 * MOST_WAITING]);
        drop(lets);
        queue.finish();
        assert_eq!(comes.try_iter().map(|line| line.len()).collect::<Vec<_>>(), [2 * MOST_WAITING]);
    }
}
