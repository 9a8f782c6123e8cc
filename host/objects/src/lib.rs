//! Files in a bucket of an object store: whole, checked, and stored once.
//!
//! An object is created under a condition: that there is none of its name yet (`If-None-Match: *` of S3 and Azure, a
//! generation of 0 of Google). Two processes that store the same file therefore store it once, and none overwrites what
//! the other has finished. What is long goes up in parts; the condition is put when they are joined, so that half a file
//! is never an object.
//!
//! The connections are the operator's own, like those to a database: nothing that a source or an answer says leads here.

#![warn(missing_docs)]

mod connection;
mod error;
mod google;
mod objects;
mod parts;
mod place;
mod server;
mod service;
mod settings;
mod upload;

pub use error::ObjectError;
pub use objects::{Objects, Theirs};
pub use place::{InvalidPlace, Place};
pub use service::{Service, is_address};
pub use settings::ObjectSettings;
pub use upload::Put;
