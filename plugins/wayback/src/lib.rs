//! The `wayback` plugin.
