//! The sources that a race has come to: who was asked by what, and who had nothing.

use crate::tiers::source::{Source, SourceName};
use tierfall_work::Work;

/// One source, asked or skipped.
struct Considered<'a> {
    name: &'a SourceName,
    /// By which of its kinds of identifier, counted from its first, it was asked.
    asked_by: Option<usize>,
    had_nothing: bool,
}

/// A plan has a dozen or two of them, which are found sooner by their names one after the other than by hashes of
/// these.
#[derive(Default)]
pub(super) struct ConsideredSources<'a>(Vec<Considered<'a>>);

impl<'a> ConsideredSources<'a> {
    pub(super) fn contains(&self, name: &SourceName) -> bool {
        self.0.iter().any(|seen| seen.name == name)
    }

    /// It is not asked.
    pub(super) fn skip(&mut self, name: &'a SourceName) {
        self.0.push(Considered { name, asked_by: None, had_nothing: false });
    }

    /// It is asked about `work`.
    pub(super) fn ask(&mut self, source: &'a dyn Source, work: &Work) {
        let asked_by = source.ids().iter().position(|kind| work.has(*kind));
        self.0.push(Considered { name: source.name(), asked_by, had_nothing: false });
    }

    /// It answered, and had nothing.
    pub(super) fn had_nothing(&mut self, name: &SourceName) {
        if let Some(seen) = self.0.iter_mut().find(|seen| seen.name == name) {
            seen.had_nothing = true;
        }
    }

    /// Whether it answered, and had nothing.
    pub(super) fn has_nothing(&self, name: &SourceName) -> bool {
        self.0.iter().any(|seen| seen.name == name && seen.had_nothing)
    }

    /// It is asked again.
    pub(super) fn forget(&mut self, name: &SourceName) {
        self.0.retain(|seen| seen.name != name);
    }

    /// Forgets a source that had nothing and would now be asked by a kind of identifier that it prefers; whether it
    /// was one.
    pub(super) fn forget_if_better_known(&mut self, source: &dyn Source, work: &Work) -> bool {
        let better = |asked_by: usize| source.ids().iter().take(asked_by).any(|kind| work.has(*kind));
        let again = |seen: &Considered| {
            seen.had_nothing && seen.name == source.name() && seen.asked_by.is_some_and(better)
        };
        let at = self.0.iter().position(again);
        at.map(|at| self.0.swap_remove(at)).is_some()
    }
}
