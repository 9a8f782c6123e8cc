//! The plugins that ship with Tierfall, built as components, in bytes.
//!
//! Only the library knows this crate, so that an edit of a plugin rebuilds nothing but what embeds it. It knows
//! nothing of how components are loaded.
//!
//! ```
//! let (name, component) = tierfall_built_in::PLUGINS[0];
//! assert_eq!(name, "direct_oa");
//! // A component begins with WebAssembly's magic number.
//! assert!(component.starts_with(b"\0asm"));
//! ```

include!(concat!(env!("OUT_DIR"), "/built_in.rs"));
