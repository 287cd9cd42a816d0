//! The confused deputy as a plan tells it: who gets a role by it, on whose word, and what the role may do.

use crate::{
    check::{Deputy, Level, Newcomer, Power},
    fact::Knowledge,
};
use serde_json::{Value, json};

pub(crate) fn data(all: &[Deputy]) -> Value {
    let of = |it: &Deputy| {
        json!({
            "roleArn": it.role,
            "newcomers": it.newcomers.iter().map(newcomer).collect::<Vec<_>>(),
            "policies": it.policies.as_ref().known().map(|it| it.iter().map(power).collect::<Vec<_>>()),
            "policiesNote": unread(it),
        })
    };
    all.iter().map(of).collect()
}

fn newcomer(it: &Newcomer) -> Value {
    json!({
        "namespace": it.service_account.namespace,
        "serviceAccount": it.service_account.name,
        "annotated": it.is_annotated,
        "annotationWrittenBy": it.written_by,
        "annotationWrittenAt": it.written_at,
        "namespaceTrustedBefore": it.is_known_namespace,
    })
}

fn power(it: &Power) -> Value {
    json!({
        "name": it.name,
        "administrator": match it.level {
            Level::Administrator => Some(true),
            Level::Limited => Some(false),
            Level::NotKnown => None,
        },
    })
}

/// Why what the role may do is not told.
fn unread(it: &Deputy) -> Option<String> {
    match &it.policies {
        Knowledge::Known(_) => None,
        Knowledge::Denied(it) => Some(format!("not known: {} is denied", it.permission)),
        Knowledge::Absent | Knowledge::NotYet => Some("not read".to_owned()),
    }
}

/// Lines of a label and what it says; names in them are foreign.
pub(crate) fn lines(all: &[Deputy]) -> Vec<(&'static str, String)> {
    let mut res = Vec::new();
    for deputy in all {
        res.push(("opens", format!("role {} to somebody new", deputy.role)));
        for it in &deputy.newcomers {
            res.push(("  newcomer", format!("{}, {}", it.service_account, claim(it))));
            let namespace = &it.service_account.namespace;
            let said = match it.is_known_namespace {
                true => format!("the trust policy names namespace {namespace} already"),
                false => format!("the trust policy has never named namespace {namespace}"),
            };
            res.push(("  namespace", said));
        }
        match &deputy.policies {
            Knowledge::Known(it) if it.is_empty() => {
                res.push(("  the role may", "nothing: it has no policies".to_owned()));
            }
            Knowledge::Known(it) => {
                res.extend(it.iter().map(|it| ("  the role may", words(it))));
            }
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => {
                res.extend(unread(deputy).map(|it| ("  the role may", it)));
            }
        }
    }
    res
}

fn claim(it: &Newcomer) -> String {
    if !it.is_annotated {
        return "which does not ask for it by annotation: this plan is what links it".to_owned();
    }
    let by = it.written_by.as_deref().unwrap_or("nobody knows whom");
    let when = it.written_at.map_or_else(
        || "nobody knows when".to_owned(),
        |it| it.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
    );
    format!("whose annotation asks for it, written by {by}, {when}")
}

fn words(it: &Power) -> String {
    match it.level {
        Level::Administrator => format!("{}  LIKE AN ADMINISTRATOR", it.name),
        Level::NotKnown => format!("{}  not read", it.name),
        Level::Limited => it.name.to_string(),
    }
}
