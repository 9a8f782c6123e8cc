//! The defaults, and with them the keys that there are.

use std::sync::LazyLock;

use super::origin::Origin;
use super::tree::Tree;

/// What ships with the program: the single source of every default.
pub(super) const DEFAULTS: &str = include_str!("default.toml");

/// The defaults as the lowest layer.
pub(super) fn defaults() -> &'static Tree {
    static TREE: LazyLock<Tree> = LazyLock::new(|| {
        Tree::parse(DEFAULTS, |line| Origin::Default { line }).expect("the embedded defaults are TOML")
    });
    &TREE
}
