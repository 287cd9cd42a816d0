//! Words for things: how nodes are called, and what verdicts, mechanisms and sources read as.

use crate::{
    fact::SourceState,
    ident::Ref,
    identity::{Carried, Mechanism, Signature, Verdict, Why, chain::Provider},
    tree::{Relation, Standing, provider_word},
    view::fit::cut_middle,
};

/// Why nobody can say, in a fragment.
pub fn unknown(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Unknown(Why::Denied(it)) => Some(format!("{} denied", it.permission)),
        Verdict::Unknown(Why::Pending(it)) => Some(format!("reading {it}")),
        Verdict::Unknown(Why::InvalidPolicy(it) | Why::Undecidable(it)) => Some(it.to_string()),
        Verdict::None | Verdict::Allow | Verdict::Deny(_) => None,
    }
}

/// What the workload prints, with the number that we know it by.
pub fn error_text(it: Signature) -> String {
    format!("{} {it}", it.text())
}

/// How a node is called in a line that says what it is.
pub fn label(at: &Ref) -> String {
    match at {
        Ref::ServiceAccount(it) => it.to_string(),
        Ref::Namespace(it) | Ref::Node(it) => it.to_string(),
        Ref::Pod { namespace, name } => format!("{namespace}/{name}"),
        Ref::Role(it) => match it.name() {
            Some(name) => name.to_owned(),
            None => it.to_string(),
        },
        Ref::Provider(it) => match it.as_str().split_once(":oidc-provider/") {
            Some((_, url)) => url.to_owned(),
            None => it.to_string(),
        },
        Ref::Cluster
        | Ref::Workload { .. }
        | Ref::Webhook(_)
        | Ref::Budget { .. }
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Association(_)
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => at.to_string(),
    }
}

pub fn mechanism(it: Mechanism) -> &'static str {
    match it {
        Mechanism::None => "–",
        Mechanism::Irsa => "irsa",
        Mechanism::PodIdentity => "pod-id",
        Mechanism::Both => "both",
    }
}

pub fn carried(it: &Carried) -> &'static str {
    match it {
        Carried::None => "–",
        Carried::Irsa(_) => "irsa",
        Carried::PodIdentity(_) => "pod-id",
    }
}

pub fn provider(it: &Provider) -> &'static str {
    provider_word(it)
}

/// How somebody stands to a role.
pub fn relation_words(it: Relation) -> (Standing, &'static str) {
    match it {
        Relation::Uses => (Standing::Healthy, "set up, may"),
        Relation::Refused => (Standing::Blocked, "set up, refused"),
        Relation::Hidden => (Standing::WrongId, "set up, an association wins"),
        Relation::Could => (Standing::Risky, "may, not set up"),
        Relation::NotKnown => (Standing::Unknown, "set up, not known"),
    }
}

/// Where to look, in one word, for a code that has no room: its family's.
pub fn family_word(code: &str) -> &'static str {
    let family = code.rsplit_once('-').map_or(code, |(family, _)| family);
    let known = FAMILY_WORDS.iter().find(|(it, _)| *it == family);
    known.map_or("", |(_, word)| word)
}

/// No longer than eleven letters.
const FAMILY_WORDS: &[(&str, &str)] = &[
    ("ANN", "annotation"),
    ("APP", "app"),
    ("CHAIN", "second role"),
    ("HOOK", "injection"),
    ("NET", "network"),
    ("NODE", "node role"),
    ("OIDC", "provider"),
    ("PERM", "permissions"),
    ("PI-AGENT", "agent"),
    ("PI-ASSOC", "association"),
    ("PI-BOTH", "two ways"),
    ("PI-POD", "stale pod"),
    ("PI-TRUST", "trust"),
    ("PI-VER", "version"),
    ("POD-ENV", "environment"),
    ("POD-FS", "token file"),
    ("POD-KEY", "static keys"),
    ("POD-SDK", "SDK"),
    ("SA", "account"),
    ("SEC-ANN", "annotation"),
    ("SEC-ROLE", "role"),
    ("SEC-TRUST", "too wide"),
    ("TOOL-CTX", "context"),
    ("TOOL-PERM", "not read"),
    ("TRUST-ACT", "action"),
    ("TRUST-AUD", "audience"),
    ("TRUST-COND", "condition"),
    ("TRUST-DOC", "policy"),
    ("TRUST-KEY", "issuer key"),
    ("TRUST-MULTI", "clusters"),
    ("TRUST-PRIN", "principal"),
    ("TRUST-SUB", "subject"),
];

pub fn source_detail(state: &SourceState) -> String {
    match state {
        SourceState::Denied { denied, .. } if denied.detail.is_empty() => {
            denied.permission.to_string()
        }
        SourceState::Denied { denied, .. } => format!("{}: {}", denied.permission, denied.detail),
        SourceState::Stale { error, .. } | SourceState::Failed { error, .. } => error.to_string(),
        SourceState::Truncated { detail, .. } => detail.to_string(),
        SourceState::Expired { profile, login } => format!("{profile}: {login}"),
        SourceState::Off { reason } => reason.to_string(),
        SourceState::Pending { .. } | SourceState::Live { .. } | SourceState::Cached { .. } => {
            String::new()
        }
    }
}

/// A sentence with the issuers of condition keys, `[ISSUER:sub]`, by their ends: beside the statement's path they are
/// not what is read. Anywhere else an issuer may be the one that is wrong by a letter, and stays whole.
pub fn shorten(text: &str) -> String {
    const START: &str = "[oidc.eks.";
    let mut res = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(START) {
        let (before, key) = rest.split_at(at + 1);
        res.push_str(before);
        let end = key.find(']').unwrap_or(key.len());
        match key[..end].rsplit_once(':') {
            Some((issuer, claim)) => {
                res.push_str(&format!("{}:{claim}", cut_middle(issuer, 14)));
                rest = &key[end..];
            }
            None => rest = key,
        }
    }
    res.push_str(rest);
    res
}

pub fn count(n: u32, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

#[cfg(test)]
mod tests {
    use crate::view::words::{FAMILY_WORDS, family_word, shorten};

    #[test]
    fn issuers_are_told_by_their_ends() {
        let check = |text: &str, expected: &str| assert_eq!(shorten(text), expected);
        check("no issuer", "no issuer");
        check(
            "set [oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E:sub] to `x`",
            "set [oidc.ek…DFD39E:sub] to `x`",
        );
        check("oidc.eks.x/id/C891F985BAF5A4C1C7", "oidc.eks.x/id/C891F985BAF5A4C1C7");
        check("[oidc.eks.x] 한 [oidc.eks.", "[oidc.eks.x] 한 [oidc.eks.");
    }

    #[test]
    fn family_words_fit_beside_a_badge() {
        for (family, word) in FAMILY_WORDS {
            assert!(word.len() <= 11, "{family}");
            assert_eq!(family_word(&format!("{family}-01")), *word);
        }
        assert_eq!(family_word("TRUST-SUB-03"), "subject");
        assert_eq!(family_word("NEW-01"), "");
    }
}
