//! Building blocks of the slim types: text that borrows from the response where it can, and lists and maps that drop
//! uninteresting entries while they are decoded.

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// Text, borrowed from the response unless it has escapes. `Cow` alone borrows only as a direct field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Str<'a>(Cow<'a, str>);

impl Str<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Str<'a>, D::Error> {
        deserializer.deserialize_str(StrVisitor)
    }
}

struct StrVisitor;

impl<'de> Visitor<'de> for StrVisitor {
    type Value = Str<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Str<'de>, E> {
        Ok(Str(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Str<'de>, E> {
        Ok(Str(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Str<'de>, E> {
        Ok(Str(Cow::Owned(text)))
    }
}

/// The text of an optional field; empty when it is absent or `null`.
pub(crate) fn text<'a>(field: &'a Option<Str<'_>>) -> &'a str {
    field.as_ref().map_or("", Str::as_str)
}

/// As `text`, with absent, `null` and empty told from the rest.
pub(crate) fn non_empty<'a>(field: &'a Option<Str<'_>>) -> Option<&'a str> {
    field.as_ref().map(Str::as_str).filter(|it| !it.is_empty())
}

/// The items of an optional list; none when it is absent or `null`.
pub(crate) fn items<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}

/// Whether an entry is worth keeping, asked as soon as its key is read.
pub(crate) trait Keep {
    fn keeps(key: &str) -> bool;
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct All;

impl Keep for All {
    fn keeps(_key: &str) -> bool {
        true
    }
}

/// A map of texts in the order of the response, without the entries that `K` drops: their values are never copied,
/// which spares the large `last-applied-configuration` of every applied object.
#[derive(Clone, Debug)]
pub(crate) struct Pairs<'a, K> {
    pub(crate) entries: Vec<(Str<'a>, Str<'a>)>,
    keep: PhantomData<K>,
}

impl<K> Pairs<'_, K> {
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(it, _)| it.as_str() == key).map(|(_, it)| it.as_str())
    }
}

impl<'de: 'a, 'a, K: Keep> Deserialize<'de> for Pairs<'a, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'a, K>, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<K>(PhantomData<K>);

impl<'de, K: Keep> Visitor<'de> for PairsVisitor<K> {
    type Value = Pairs<'de, K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de, K>, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Str<'de>>()? {
            if K::keeps(key.as_str()) {
                let value = map.next_value::<Option<Str<'de>>>()?.unwrap_or_default();
                entries.push((key, value));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Pairs { entries, keep: PhantomData })
    }
}

/// The keys of a map; its values are skipped byte by byte and never copied.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
            keys.push(key);
        }
        Ok(Keys(keys))
    }
}

/// Whether a decoded list item is worth keeping.
pub(crate) trait Wanted {
    fn is_wanted(&self) -> bool;
}

/// A list without its unwanted items, dropped one by one while decoding.
#[derive(Clone, Debug)]
pub(crate) struct Sieve<T>(pub(crate) Vec<T>);

impl<'de, T: Deserialize<'de> + Wanted> Deserialize<'de> for Sieve<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sieve<T>, D::Error> {
        deserializer.deserialize_seq(SieveVisitor(PhantomData))
    }
}

struct SieveVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Wanted> Visitor<'de> for SieveVisitor<T> {
    type Value = Sieve<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Sieve<T>, A::Error> {
        let mut res = Vec::new();
        while let Some(item) = seq.next_element::<T>()? {
            if item.is_wanted() {
                res.push(item);
            }
        }
        Ok(Sieve(res))
    }
}
