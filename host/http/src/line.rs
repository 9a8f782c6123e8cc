//! The line before a host: who waits for others to end, in order of arrival, files first.

use std::collections::BTreeSet;

use super::request::Role;

/// Those who wait, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Line {
    files: BTreeSet<u64>,
    others: BTreeSet<u64>,
    came: u64,
}

impl Line {
    /// One more, at the end; its number.
    pub(super) fn join(&mut self, role: Role) -> u64 {
        let number = self.came;
        self.came += 1;
        self.of(role).insert(number);
        number
    }

    pub(super) fn remove(&mut self, role: Role, number: u64) {
        self.of(role).remove(&number);
    }

    /// How many start before one that comes now.
    pub(super) fn ahead(&self, role: Role) -> u32 {
        self.ahead_of(role, self.came)
    }

    /// How many start before this one, if no file comes.
    pub(super) fn ahead_of(&self, role: Role, number: u64) -> u32 {
        count(match role {
            // One of the others may be next already.
            Role::File => self.files.range(..number).count() + self.others.len().min(1),
            Role::Api | Role::Page => self.files.len() + self.others.range(..number).count(),
        })
    }

    pub(super) fn len(&self) -> u32 {
        count(self.files.len() + self.others.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.others.is_empty()
    }

    fn of(&mut self, role: Role) -> &mut BTreeSet<u64> {
        match role {
            Role::File => &mut self.files,
            Role::Api | Role::Page => &mut self.others,
        }
    }
}

fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_first_and_who_leaves_moves_those_behind_up() {
        let mut line = Line::default();
        assert!(line.is_empty());
        let pages: Vec<u64> = (0..3).map(|_| line.join(Role::Page)).collect();
        assert_eq!((line.ahead(Role::Api), line.ahead(Role::File)), (3, 1));
        assert_eq!(line.ahead_of(Role::Page, pages[2]), 2);
        let file = line.join(Role::File);
        assert_eq!((line.ahead_of(Role::Page, pages[2]), line.ahead_of(Role::File, file)), (3, 1));
        line.remove(Role::Page, pages[0]);
        line.remove(Role::File, file);
        assert_eq!((line.ahead_of(Role::Page, pages[2]), line.len()), (1, 2));
    }
}
