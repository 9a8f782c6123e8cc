//! JSON values of bounded number: a line of a few megabytes may hold millions, and each takes many times its length.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Values and names that one object may hold. Works with thousands of authors hold a third of it.
const MOST: usize = 200_000;

/// Parts of works that say nothing here and are long.
const IGNORED: [&str; 12] = [
    "abstract",
    "abstract_inverted_index",
    "affiliations",
    "concepts",
    "counts_by_year",
    "institutions",
    "keywords",
    "mesh",
    "reference",
    "referenced_works",
    "related_works",
    "topics",
];

/// Reads one value.
pub(super) fn parse(text: &str) -> serde_json::Result<Value> {
    let left = Cell::new(MOST);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Bounded(&left).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Counts what it builds.
#[derive(Clone, Copy)]
struct Bounded<'a>(&'a Cell<usize>);

impl Bounded<'_> {
    fn take<E: Error>(self) -> Result<(), E> {
        let left = self
            .0
            .get()
            .checked_sub(1)
            .ok_or_else(|| E::custom(format_args!("it holds more than {MOST} values")))?;
        self.0.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // `17000001.0` is how a table of numbers writes a whole one.
        let whole = (value.fract() == 0.0 && (0.0..1e15).contains(&value)).then_some(value as u64);
        Ok(whole.map(Number::from).or_else(|| Number::from_f64(value)).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            self.take()?;
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if IGNORED.contains(&name.as_str()) {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            // An object takes four times the room of a value.
            (0..4).try_for_each(|_| self.take())?;
            let value = members.next_value_seed(self)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
