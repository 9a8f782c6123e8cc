//! Attempts of different works at one source, put into one question: what waits for a source goes out together when
//! the question before it is answered. Nothing is waited for: the first goes out at once, alone, unless it is known to
//! come with others at this moment.
//!
//! A question with room for more takes in works that will come to the source later: their answers are kept until they
//! do, unless other identifiers are known of them by then.
//!
//! A question is nobody's: it runs in a task of its own, so that a work that is given up leaves it and ends nothing.
//! When nobody waits for its answers any more, it is dropped with its requests.

use std::any::Any;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::source::{Answer, Ask};
use super::together::Together;
use tierfall_http::{AttemptClock, Doing, FOR_EVER, Parking, WorkClock};
use tierfall_ids::IdKind;
use tierfall_sandbox::{WorkQuestion, shares_of};
use tierfall_work::Work;

/// Asks a source about several works at once: one answer each, in their order.
pub(super) type AskMany =
    dyn Fn(Vec<WorkQuestion>, Arc<AttemptClock>) -> BoxFuture<'static, Vec<Answer>> + Send + Sync;

/// Questions to one source that may be on their way at once.
const AT_ONCE: usize = 3;
/// So long a question may take, without its waits, before the next is sent beside it.
const SLOW: Duration = Duration::from_secs(2);

/// What waits for one source.
#[derive(Clone)]
pub(super) struct Batcher(Arc<Inner>);

struct Inner {
    /// Works of one question.
    most: usize,
    /// The time of a question about one work.
    timeout: Duration,
    /// The kinds of identifier that it asks by.
    ids: Vec<IdKind>,
    ask: Box<AskMany>,
    together: Together,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Works that will come, by their keys.
    ahead: HashMap<String, Ahead>,
    /// Their keys in the order in which they were announced; some are gone.
    announced: VecDeque<String>,
    /// The clocks of the questions that are on their way.
    asking: BTreeMap<u64, Arc<AttemptClock>>,
    asked: u64,
    /// How long the last question took, with its waits.
    took: Duration,
}

/// A work that waits for its answer.
struct Waiting {
    question: WorkQuestion,
    clock: Arc<AttemptClock>,
    answer: oneshot::Sender<Told>,
}

/// The clocks of those who wait for a question: while it waits for a turn itself, so do they.
struct Followers(Vec<Arc<AttemptClock>>);

impl Followers {
    fn busy(&self, busy: bool) {
        self.0.iter().for_each(|clock| clock.waits_for_somebody_busy(busy));
    }
}

impl Parking for Followers {
    fn does(&self, now: Doing) {
        self.busy(now != Doing::Parked);
    }
}

/// A work that will come to the source.
enum Ahead {
    Expected(Arc<Work>),
    /// It is in a question that is on its way; it may have come meanwhile.
    Asking(Arc<Work>, Option<Waiting>),
    Answered(Arc<Work>, Box<Answer>),
}

/// A question whose turn it is: its number, its time, and what it asks for whom.
type Turn = (u64, Arc<AttemptClock>, Vec<(WorkQuestion, Whose)>);

/// Those that a question is about: who waits for the answer, or the key of who will come.
enum Whose {
    Waits(oneshot::Sender<Told>),
    Comes(String),
}

/// An answer; or what the host's own code panicked with over this work alone.
type Told = Result<Answer, Box<dyn Any + Send>>;

impl Batcher {
    pub(super) fn new(
        most: u32,
        timeout: Duration,
        ids: Vec<IdKind>,
        ask: Box<AskMany>,
        together: Together,
    ) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        Self(Arc::new(Inner { most, timeout, ids, ask, together, state: Mutex::default() }))
    }

    /// A work that may come to the source later, as it is known now. Until it is forgotten, a question may ask ahead.
    pub(super) fn expect(&self, work: &Arc<Work>) {
        let key = work.key();
        let mut state = self.0.state();
        match state.ahead.get_mut(&key) {
            // What was asked is still what would be asked.
            Some(Ahead::Asking(asked, _) | Ahead::Answered(asked, _)) if self.0.same(asked, work) => {}
            Some(Ahead::Asking(_, Some(_))) => {}
            Some(Ahead::Expected(known)) => *known = Arc::clone(work),
            _ => {
                state.ahead.insert(key.clone(), Ahead::Expected(Arc::clone(work)));
                state.announced.push_back(key);
            }
        }
    }

    /// The work comes no more.
    pub(super) fn forget(&self, key: &str) {
        let mut state = self.0.state();
        state.ahead.remove(key);
        // Nobody may ever ask: what is announced does not pile up.
        if state.announced.len() > 2 * state.ahead.len() + self.0.most {
            let State { ahead, announced, .. } = &mut *state;
            announced.retain(|key| ahead.contains_key(key));
        }
    }

    /// Asks about one work, beside others that wait.
    pub(super) async fn find(&self, ask: Ask) -> Answer {
        // Its question has a clock of its own; the work's holds all the same.
        let waits = ask.clock.queue();
        waits.expects(self.0.next_answer());
        let (answer, told) = oneshot::channel();
        let question = WorkQuestion { work: ask.work, tried: ask.tried };
        if let Some(answer) = self.0.join(Waiting { question, clock: Arc::clone(&ask.clock), answer }) {
            return answer;
        }
        self.0.together.all_come().await;
        self.0.send_out();
        match told.await {
            Ok(Ok(answer)) => answer,
            // As if it had been asked alone.
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => Answer::none(),
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // No panic leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether two states of a work are asked about in the same way.
    fn same(&self, one: &Work, other: &Work) -> bool {
        self.ids.iter().all(|kind| one.id(*kind) == other.id(*kind))
    }

    /// When one that comes now has its answer, if questions go on to take so long.
    fn next_answer(&self) -> Instant {
        let state = self.state();
        let before = u32::try_from(state.waiting.len() / self.most).unwrap_or(u32::MAX);
        Instant::now() + state.took.saturating_mul(before.saturating_add(1)).min(FOR_EVER)
    }

    /// Takes in who waits, unless there is an answer for it.
    fn join(&self, waiting: Waiting) -> Option<Answer> {
        let mut state = self.state();
        let work = &waiting.question.work;
        match state.ahead.remove(&work.key()) {
            Some(Ahead::Answered(asked, answer)) if self.same(&asked, work) => return Some(*answer),
            Some(Ahead::Asking(asked, None)) if self.same(&asked, work) => {
                state.ahead.insert(work.key(), Ahead::Asking(asked, Some(waiting)));
            }
            _ => state.waiting.push_back(waiting),
        }
        None
    }

    /// Sends what may be sent now.
    fn send_out(self: &Arc<Self>) {
        // There is none any more when a program ends.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        while let Some((number, clock, works)) = self.next() {
            let asking = Asking { inner: Arc::clone(self), number, since: Instant::now() };
            runtime.spawn(async move {
                let inner = Arc::clone(&asking.inner);
                inner.answer(works, clock).await;
                drop(asking);
            });
        }
    }

    /// The next question, if it is its turn.
    fn next(&self) -> Option<Turn> {
        let mut state = self.state();
        let is_slow = |clock: &Arc<AttemptClock>| clock.used() >= SLOW;
        let turn = state.asking.is_empty()
            || state.asking.len() < AT_ONCE
                && (state.waiting.len() >= self.most || state.asking.values().all(is_slow));
        if !turn {
            return None;
        }
        let (mut works, mut clocks) = (Vec::new(), Vec::new());
        while works.len() < self.most
            && let Some(next) = state.waiting.pop_front()
        {
            // Who was given up meanwhile is asked about no more.
            if !next.answer.is_closed() {
                works.push((next.question, Whose::Waits(next.answer)));
                clocks.push(next.clock);
            }
        }
        if works.is_empty() {
            return None;
        }
        while works.len() < self.most
            && let Some(key) = state.announced.pop_front()
        {
            if let Some(ahead) = state.ahead.get_mut(&key)
                && let Ahead::Expected(work) = ahead
            {
                let work = Arc::clone(work);
                *ahead = Ahead::Asking(Arc::clone(&work), None);
                works.push((WorkQuestion { work, tried: Vec::new() }, Whose::Comes(key)));
            }
        }
        let time = self.timeout.saturating_mul(shares_of(works.len()));
        let most = clocks.iter().map(|clock| clock.left_of_all()).max().unwrap_or_default();
        let followers = Followers(clocks);
        followers.busy(true);
        let all = WorkClock::new(most.max(time)).telling(Arc::new(followers));
        let clock = Arc::new(AttemptClock::new(time, &Arc::new(all)));
        state.asked += 1;
        let number = state.asked;
        state.asking.insert(number, Arc::clone(&clock));
        Some((number, clock, works))
    }

    /// Asks, and tells each its answer, unless nobody waits for one any more.
    async fn answer(&self, works: Vec<(WorkQuestion, Whose)>, clock: Arc<AttemptClock>) {
        let (questions, mut whose): (Vec<_>, Vec<_>) = works.into_iter().unzip();
        let answers = {
            let gone = join_all(whose.iter_mut().map(|whose| async move {
                match whose {
                    Whose::Waits(answer) => answer.closed().await,
                    // It may have come by then.
                    Whose::Comes(_) => std::future::pending().await,
                }
            }));
            tokio::select! {
                biased;
                answers = self.ask_unharmed(questions, &clock) => answers,
                _ = gone => return,
            }
        };
        if whose.len() > 1 {
            self.together.go_on();
        }
        for (whose, answer) in whose.into_iter().zip(answers) {
            match whose {
                // It may have been given up just now.
                Whose::Waits(waiting) => drop(waiting.send(answer)),
                Whose::Comes(key) => self.keep(key, answer),
            }
        }
    }

    /// Keeps the answer for a work that will come, or gives it to it. A failure is nobody's: it asks itself.
    fn keep(&self, key: String, answer: Told) {
        let mut state = self.state();
        let Some(Ahead::Asking(work, waiting)) = state.ahead.remove(&key) else { return };
        match (answer, waiting) {
            (Ok(answer), Some(waiting)) if answer.is_final() => drop(waiting.answer.send(Ok(answer))),
            (Ok(answer), None) if answer.is_final() => {
                state.ahead.insert(key, Ahead::Answered(work, Box::new(answer)));
            }
            (_, Some(waiting)) => state.waiting.push_back(waiting),
            (_, None) => {}
        }
    }

    /// Asks; over what the host's own code panics, that is asked again in halves, so that only the work at fault is
    /// left without an answer.
    async fn ask_unharmed(&self, questions: Vec<WorkQuestion>, clock: &Arc<AttemptClock>) -> Vec<Told> {
        let mut answers: Vec<Told> = Vec::new();
        let mut parts = vec![questions];
        // The last of them is the next.
        while let Some(part) = parts.pop() {
            let asked = part.len();
            let asking = AssertUnwindSafe(async { (self.ask)(part.clone(), Arc::clone(clock)).await });
            match asking.catch_unwind().await {
                Ok(mut own) => {
                    own.resize_with(asked, Answer::none);
                    answers.extend(own.into_iter().map(Ok));
                }
                Err(panic) if asked <= 1 => answers.push(Err(panic)),
                Err(_) => {
                    let mut first = part;
                    let second = first.split_off(asked / 2);
                    parts.extend([second, first]);
                }
            }
        }
        answers
    }
}

/// A question that is on its way: the next one may go when it is dropped, however that came about.
struct Asking {
    inner: Arc<Inner>,
    number: u64,
    since: Instant,
}

impl Drop for Asking {
    fn drop(&mut self) {
        {
            let mut state = self.inner.state();
            state.asking.remove(&self.number);
            state.took = self.since.elapsed();
        }
        self.inner.send_out();
    }
}

#[cfg(test)]
mod tests;
