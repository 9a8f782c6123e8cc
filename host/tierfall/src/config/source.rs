//! `[sources.NAME]`.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use tierfall_settings::{Harmless, named, number, some_millis};

/// Whether a source's pages are subject to robots.txt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Robots {
    /// It is, and it is obeyed.
    Honour,
    /// It is not.
    Ignore,
}

/// What is different about a source.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Source {
    #[serde(default, rename = "timeout_ms", deserialize_with = "some_millis")]
    pub timeout: Option<Duration>,
    #[serde(default, deserialize_with = "retries")]
    pub retries: Option<u32>,
    pub robots: Option<Robots>,
    /// Every other key: whether the source declares it is known when its plugin is loaded.
    #[serde(rename = "*", deserialize_with = "named")]
    pub settings: Vec<(String, Setting)>,
}

impl Source {
    /// See [`Harmless`].
    pub(super) const HARMLESS: &[Harmless] = &[Harmless::key("timeout_ms"), Harmless::key("retries")];
}

/// The text of a setting, among which somebody may have put a key: it is not shown.
#[derive(Clone)]
pub(super) struct Setting(pub String);

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let other = |_| D::Error::custom("settings of a source are texts, numbers, or true or false");
        deserializer.deserialize_any(Scalar).map(Self).map_err(other)
    }
}

struct Scalar;

impl Visitor<'_> for Scalar {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, or true or false")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

fn retries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    number::<_, _, 0, 10>(deserializer).map(Some)
}
