//! Reads vector files: JSON with defaults, each fault told by file, vector and key.

use crate::{
    cli::error::UsageError,
    ident::{AccountId, Issuer, Partition, SaKey, Text, Timestamp},
    report::vector::Vector,
};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

pub const TRUST_SCHEMA: &str = "idscope/trust-vectors/v1";

/// One key's JSON text, kept raw so that duplicate keys in a policy survive.
pub type Fields = BTreeMap<String, Box<RawValue>>;

/// The keys that a trust vector may have.
const KNOWN: &[&str] = &[
    "id",
    "description",
    "mechanism",
    "partition",
    "account",
    "region",
    "issuer",
    "providers",
    "cluster",
    "namespace",
    "serviceAccount",
    "tokenAudience",
    "sessionTags",
    "roleTags",
    "context",
    "now",
    "trustPolicy",
    "expected",
    // For people only.
    "note",
    "source",
    "reference",
    "comment",
];

/// Where a fault is: the file, and the vector's id in it.
pub struct Place<'a> {
    pub file: &'a str,
    pub id: &'a str,
}

impl Place<'_> {
    pub fn wrong(&self, key: &str, value: &str, expected: &str) -> UsageError {
        let shown: String = value.chars().take(80).collect();
        UsageError::new(format!(
            "{}: vector `{}`: `{key}` is `{shown}`, expected {expected}",
            self.file, self.id
        ))
    }
}

/// A vector and what it expects. `defaults` fill what `fields` leave out.
pub fn trust_vector(
    fields: &Fields,
    defaults: &Fields,
    file: &str,
    now: Timestamp,
) -> Result<(Vector, String), UsageError> {
    let id = match fields.get("id") {
        Some(raw) => serde_json::from_str(raw.get()).unwrap_or_else(|_err| raw.get().to_owned()),
        None => return Err(UsageError::new(format!("{file}: a vector has no `id`"))),
    };
    let id: String = id;
    let place = Place { file, id: &id };
    known_keys(fields, &format!("{file}: vector `{id}`"))?;
    let get = |key: &str| fields.get(key).or_else(|| defaults.get(key));
    let text = |key: &str| -> Result<String, UsageError> {
        let raw = get(key).ok_or_else(|| place.wrong(key, "missing", "a string"))?;
        serde_json::from_str(raw.get()).map_err(|_err| place.wrong(key, raw.get(), "a string"))
    };
    let mechanism = text("mechanism")?;
    let pod_identity = match mechanism.as_str() {
        "irsa" => false,
        "pod-identity" => true,
        other => return Err(place.wrong("mechanism", other, "`irsa` or `pod-identity`")),
    };
    let account = text("account")?;
    let account = AccountId::parse(&account)
        .ok_or_else(|| place.wrong("account", &account, "twelve digits"))?;
    let expected = text("expected")?;
    let policy = get("trustPolicy").ok_or_else(|| place.wrong("trustPolicy", "missing", "JSON"))?;
    let vector = Vector {
        pod_identity,
        partition: Partition::parse(&text("partition")?),
        account,
        region: text("region")?,
        issuer: Issuer::new(&text("issuer")?),
        providers: match get("providers") {
            Some(raw) => lists(raw)
                .ok_or_else(|| place.wrong("providers", raw.get(), "{URL: [CLIENT, …]}"))?
                .into_iter()
                .map(|(url, clients)| (url.into(), clients))
                .collect(),
            None => Vec::new(),
        },
        cluster: text("cluster")?,
        service_account: SaKey::new(text("namespace")?, text("serviceAccount")?),
        token_audience: match get("tokenAudience") {
            Some(raw) => strings(raw).ok_or_else(|| {
                place.wrong("tokenAudience", raw.get(), "a string or a list of strings")
            })?,
            None => vec!["sts.amazonaws.com".into()],
        },
        session_tags: match get("sessionTags") {
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|_err| place.wrong("sessionTags", raw.get(), "true or false"))?,
            None => true,
        },
        role_tags: match get("roleTags") {
            Some(raw) => {
                let tags: BTreeMap<String, String> = serde_json::from_str(raw.get())
                    .map_err(|_err| place.wrong("roleTags", raw.get(), "{KEY: VALUE}"))?;
                tags.into_iter().map(|(k, v)| (k.into(), v.into())).collect()
            }
            None => Vec::new(),
        },
        context: match get("context") {
            Some(raw) => lists(raw)
                .ok_or_else(|| place.wrong("context", raw.get(), "{KEY: VALUE or [VALUE, …]}"))?
                .into_iter()
                .map(|(key, values)| (key.into(), values))
                .collect(),
            None => Vec::new(),
        },
        now: match get("now") {
            Some(_) => {
                let text = text("now")?;
                text.parse().map_err(|_err| place.wrong("now", &text, "an RFC 3339 time"))?
            }
            None => now,
        },
        trust_policy: document(policy),
        id,
    };
    Ok((vector, expected))
}

/// A typing error in a key would otherwise test something else without a word.
pub fn known_keys(fields: &Fields, place: &str) -> Result<(), UsageError> {
    match fields.keys().find(|it| !KNOWN.contains(&it.as_str())) {
        None => Ok(()),
        Some(key) => Err(UsageError::new(format!("{place}: unknown key `{key}`"))
            .hint(format!("known keys: {}", KNOWN.join(", ")))),
    }
}

/// The policy's text: an object as written, a string as the document that it holds.
fn document(raw: &RawValue) -> Text {
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => text.into(),
        Err(_not_a_string) => raw.get().into(),
    }
}

fn lists(raw: &RawValue) -> Option<Vec<(String, Vec<Text>)>> {
    let map: BTreeMap<String, Box<RawValue>> = serde_json::from_str(raw.get()).ok()?;
    map.into_iter().map(|(key, it)| Some((key, strings(&it)?))).collect()
}

/// A string, number or bool, or a list of them; context values are all text to IAM.
fn strings(raw: &RawValue) -> Option<Vec<Text>> {
    let value: serde_json::Value = serde_json::from_str(raw.get()).ok()?;
    let one = |it: &serde_json::Value| -> Option<Text> {
        match it {
            serde_json::Value::String(it) => Some(it.as_str().into()),
            serde_json::Value::Bool(it) => Some(it.to_string().into()),
            serde_json::Value::Number(it) => Some(it.to_string().into()),
            serde_json::Value::Null
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => None,
        }
    };
    match &value {
        serde_json::Value::Array(items) => items.iter().map(one).collect(),
        other => Some(vec![one(other)?]),
    }
}
