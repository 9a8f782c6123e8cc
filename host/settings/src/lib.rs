//! How settings are written: durations, sizes, bounded numbers, paths.
//!
//! Each crate describes what can be set about it as a struct that serde fills; the functions here are for
//! `#[serde(deserialize_with = "…")]` on its fields. This crate knows neither the keys nor where their
//! values come from: the layered configuration of the `tierfall` crate is one deserializer, TOML another.
//!
//! ```
//! use std::time::Duration;
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     #[serde(rename = "idle_ms", deserialize_with = "tierfall_settings::some_millis")]
//!     idle: Duration,
//!     #[serde(deserialize_with = "tierfall_settings::bytes")]
//!     body_bytes: u64,
//!     #[serde(deserialize_with = "tierfall_settings::number::<_, _, 1, 100>")]
//!     redirects: u32,
//! }
//!
//! let settings: Settings = toml::from_str("idle_ms = 500\nbody_bytes = \"64 MiB\"\nredirects = 20")?;
//! assert_eq!(settings.idle, Duration::from_millis(500));
//! assert_eq!((settings.body_bytes, settings.redirects), (64 << 20, 20));
//! assert!(toml::from_str::<Settings>("idle_ms = 0\nbody_bytes = 1\nredirects = 20").is_err());
//! # Ok::<(), toml::de::Error>(())
//! ```
//!
//! Two conventions go beyond serde's own, and need a deserializer that knows them: a field called
//! [`SAME_TABLE`] is a struct read from the same table, and one called [`OTHER_KEYS`] is a map of the keys
//! that no other field takes. (`#[serde(flatten)]` would do, but forgets where its values came from.)
#![warn(missing_docs)]

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};

/// The name of a field whose struct is read from the same table as the field itself.
pub const SAME_TABLE: &str = "";

/// The name of a field that takes, as a map, every key that no other field takes.
pub const OTHER_KEYS: &str = "*";

/// The name of a newtype around a path, or a list of paths, that counts from the folder of the file that
/// names it. Around an `Option`, the words that stand for `None` follow, each after a `|`.
pub const PATH: &str = "path";

/// A key that may stand in a configuration file that was only found, in a folder that may be anybody's: the
/// worst that its value can do is what the person who started the program there would shrug at. A section
/// lists such keys of its own as `HARMLESS`; what is not listed is refused there, and so is a new key until
/// its owner has thought about it.
#[derive(Clone, Copy, Debug)]
pub struct Harmless {
    /// Below its section, dotted.
    pub key: &'static str,
    /// Whether this value is; of a list each item.
    pub value: fn(&str) -> bool,
}

impl Harmless {
    /// A key that is harmless with every value that it takes.
    pub const fn key(key: &'static str) -> Self {
        Self { key, value: |_| true }
    }
}

/// A whole number from `MIN` to `MAX`.
pub fn number<'de, D: Deserializer<'de>, N: TryFrom<u64>, const MIN: u64, const MAX: u64>(
    deserializer: D,
) -> Result<N, D::Error> {
    deserializer.deserialize_u64(Number::<N, MIN, MAX>(PhantomData))
}

/// A whole number from `MIN` to `MAX`, or `auto`, which is `None`.
pub fn auto_or_number<'de, D: Deserializer<'de>, const MIN: u64, const MAX: u64>(
    deserializer: D,
) -> Result<Option<usize>, D::Error> {
    deserializer.deserialize_u64(AutoOr::<MIN, MAX>)
}

/// Milliseconds, up to a day; also as an `Option`.
pub fn millis<'de, D: Deserializer<'de>, T: From<Duration>>(deserializer: D) -> Result<T, D::Error> {
    number::<D, u64, 0, DAY_MS>(deserializer).map(|millis| Duration::from_millis(millis).into())
}

/// As [`millis`], and not zero.
pub fn some_millis<'de, D: Deserializer<'de>, T: From<Duration>>(deserializer: D) -> Result<T, D::Error> {
    number::<D, u64, 1, DAY_MS>(deserializer).map(|millis| Duration::from_millis(millis).into())
}

/// Seconds, from one to thirty days.
pub fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    const MONTH: u64 = 30 * 24 * 60 * 60;
    number::<D, u64, 1, MONTH>(deserializer).map(Duration::from_secs)
}

/// A size in bytes: a number, or a text with a unit, like `64 MiB`.
pub fn bytes<'de, D: Deserializer<'de>, N: TryFrom<u64>>(deserializer: D) -> Result<N, D::Error> {
    deserializer.deserialize_u64(Size(PhantomData))
}

/// As [`bytes`], and not zero.
pub fn some_bytes<'de, D: Deserializer<'de>, N: TryFrom<u64>>(deserializer: D) -> Result<N, D::Error> {
    let size: u64 = bytes(deserializer)?;
    let size = if size > 0 { N::try_from(size).ok() } else { None };
    size.ok_or_else(|| D::Error::custom("it is more than 0 bytes, and no more than this machine can count"))
}

/// How long something is kept: a whole number with a unit (`s`, `min`, `h`, `d`), as in `90 d`; `forever` is `None`.
pub fn age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || {
        D::Error::custom(format_args!("{text:?} is no age: write `forever`, or a number and s, min, h or d"))
    };
    if text.trim() == "forever" {
        return Ok(None);
    }
    let digits = text.trim().len() - text.trim().trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.trim().split_at(digits);
    let seconds: u64 = match unit.trim() {
        "s" => 1,
        "min" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let age = number.checked_mul(seconds).filter(|age| (1..=MOST_AGE).contains(age));
    age.map(|age| Some(Duration::from_secs(age))).ok_or_else(wrong)
}

/// A text; an empty one is `None`.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(text).filter(|text| !text.is_empty()))
}

/// A path, or a list of them; see [`PATH`].
pub fn path<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(rename = "path")]
    struct Here<T>(T);
    Here::deserialize(deserializer).map(|Here(path)| path)
}

/// A table whose keys are names, in its order.
pub fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<(String, T)>, D::Error> {
    deserializer.deserialize_map(Named(PhantomData))
}

/// A hundred years, in seconds.
const MOST_AGE: u64 = 100 * 366 * 24 * 60 * 60;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

struct Number<N, const MIN: u64, const MAX: u64>(PhantomData<N>);

impl<N: TryFrom<u64>, const MIN: u64, const MAX: u64> Visitor<'_> for Number<N, MIN, MAX> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<N, E> {
        let fits = (MIN..=MAX).contains(&number).then(|| N::try_from(number).ok()).flatten();
        fits.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<N, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }
}

struct AutoOr<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for AutoOr<MIN, MAX> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}, or \"auto\"")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        match usize::try_from(number) {
            Ok(number) if (MIN..=MAX).contains(&(number as u64)) => Ok(Some(number)),
            _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match text.trim() {
            "auto" => Ok(None),
            number => match number.parse() {
                Ok(number) => self.visit_u64(number),
                Err(_) => Err(E::invalid_value(Unexpected::Str(text), &self)),
            },
        }
    }
}

struct Size<N>(PhantomData<N>);

impl<N: TryFrom<u64>> Visitor<'_> for Size<N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size: a number of bytes, or a text like \"64 MiB\"")
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<N, E> {
        N::try_from(bytes).map_err(|_| E::invalid_value(Unexpected::Unsigned(bytes), &self))
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<N, E> {
        match u64::try_from(bytes) {
            Ok(bytes) => self.visit_u64(bytes),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(bytes), &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<N, E> {
        match size(text) {
            Some(bytes) => self.visit_u64(bytes),
            None => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '_')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.replace('_', "").parse().ok()?;
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

struct Named<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Named<T> {
    type Value = Vec<(String, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = table.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        for (text, bytes) in [
            ("1024", Some(1024)),
            ("64 MiB", Some(64 << 20)),
            ("1_000kB", Some(1_000_000)),
            ("1.5 MiB", None),
            ("MiB", None),
            ("99999999999 GiB", None),
            ("", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }
}
