//! JSON as written: members in order, doubled names kept, numbers as text.
//!
//! `serde_json::Value` keeps only the last of two members with the same name, and a policy with such a pair is no
//! policy. The syntax is still `serde_json`'s, with its limit of 128 levels.

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};

#[derive(Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(String),
    String(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
    /// With its article, for sentences.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, it: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(it))
    }

    fn visit_i64<E: Error>(self, it: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(it.to_string()))
    }

    fn visit_u64<E: Error>(self, it: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(it.to_string()))
    }

    fn visit_f64<E: Error>(self, it: f64) -> Result<Json<'de>, E> {
        // `1.0` stays `1.0` and does not become `1`.
        Ok(Json::Number(format!("{it:?}")))
    }

    fn visit_borrowed_str<E: Error>(self, it: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Borrowed(it)))
    }

    fn visit_str<E: Error>(self, it: &str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Owned(it.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut res = Vec::new();
        while let Some(it) = seq.next_element()? {
            res.push(it);
        }
        Ok(Json::List(res))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut res = Vec::new();
        while let Some((Name(name), value)) = map.next_entry()? {
            res.push((name, value));
        }
        Ok(Json::Object(res))
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(JsonVisitor)? {
            Json::String(it) => Ok(Name(it)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_) => {
                Err(D::Error::custom("a name is a string"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::iam::json::Json;
    use std::borrow::Cow;

    #[track_caller]
    fn check(raw: &str, expected: &Json<'_>) {
        let got: Json<'_> = serde_json::from_str(raw).unwrap();
        assert_eq!(got, *expected, "{raw}");
    }

    #[test]
    fn numbers_keep_their_kind() {
        for (raw, expected) in [
            ("0", "0"),
            ("-7", "-7"),
            ("111122223333", "111122223333"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.0", "1.0"),
            ("2.50", "2.5"),
            ("1e3", "1000.0"),
        ] {
            check(raw, &Json::Number(expected.into()));
        }
    }

    #[test]
    fn members_keep_order_and_doubles() {
        let string = |it: &'static str| Json::String(Cow::Borrowed(it));
        check(
            r#" {"b": "x", "a": null, "\u0062": [true, "\n"], "é": {}} "#,
            &Json::Object(vec![
                ("b".into(), string("x")),
                ("a".into(), Json::Null),
                ("b".into(), Json::List(vec![Json::Bool(true), string("\n")])),
                ("é".into(), Json::Object(Vec::new())),
            ]),
        );
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let got: Json<'_> = serde_json::from_str(r#"{"name": "value"}"#).unwrap();
        let Json::Object(members) = got else { panic!("an object") };
        assert!(matches!(
            &members[..],
            [(Cow::Borrowed("name"), Json::String(Cow::Borrowed("value")))]
        ));
    }
}
