//! The names that stand in an error text.

use crate::{
    ident::{Arn, Text},
    identity::signature::{Match, Signature, normalise::Normal},
};

/// How far from the phrase names are looked for, in bytes.
const REACH: usize = 600;

/// What IAM calls the policies that it blames (IAM User Guide, "Troubleshoot access denied error messages").
const POLICIES: [&str; 9] = [
    "identity-based policy",
    "resource-based policy",
    "permissions boundary",
    "session policy",
    "service control policy",
    "resource control policy",
    "vpc endpoint policy",
    "role trust policy",
    "resource-based control policy",
];

/// Reads the names around the phrase at an offset of the tight text. The excerpt is left empty.
pub(crate) fn of(normal: &Normal, signature: Signature, at: usize) -> Match {
    let at = normal.in_words(at);
    let (from, to) = (at.saturating_sub(REACH), (at + REACH).min(normal.words.len()));
    let (from, to) = (ceil(&normal.words, from), ceil(&normal.words, to));
    let around = Around {
        before: &normal.words[from..at],
        before_lower: &normal.lower[from..at],
        after: &normal.words[at..to],
        after_lower: &normal.lower[at..to],
    };
    let mut res = Match {
        signature,
        excerpt: String::new(),
        role: None,
        issuer: None,
        namespace: None,
        service_account: None,
        pod: normal.pod(at).map(str::to_owned),
        caller: None,
        action: None,
        resource: None,
        policy: None,
    };
    let mut key = around.subject();
    match signature {
        Signature::E01 => res.issuer = around.after("for "),
        Signature::E05 => {
            res.action = Some("sts:AssumeRoleWithWebIdentity".into());
            res.role = around.role();
        }
        Signature::E13 | Signature::E14 | Signature::E17 | Signature::E27 => {
            res.caller = around.before("user:").map(Arn::from);
            res.role = res.caller.as_ref().and_then(assumed);
            res.action = around.after("perform:").map(Text::from);
            res.resource = around.after("on resource:").map(Text::from);
            let said = POLICIES.into_iter().filter_map(|it| {
                let at = around.after_lower.find(it)?;
                Some((at, it))
            });
            res.policy = said.min().map(|it| it.1.into());
        }
        Signature::E16 => {
            let named = around.after("service account ");
            let named = named.as_deref().and_then(|it| it.split_once('/'));
            key = named.map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).or(key);
        }
        // Names that stand by themselves tell what they are.
        _ => {
            res.role = around.role();
            res.issuer = around.word(|it| it.starts_with("oidc.eks."));
        }
    }
    if let Some((namespace, name)) = key {
        (res.namespace, res.service_account) = (Some(namespace), Some(name));
    }
    res
}

/// The role behind `arn:P:sts::ACCOUNT:assumed-role/NAME/SESSION`, without its path.
fn assumed(caller: &Arn) -> Option<Arn> {
    let parts = caller.parts()?;
    let name = parts.resource.strip_prefix("assumed-role/")?.split('/').next()?;
    Some(Arn::new(format!("arn:{}:iam::{}:role/{name}", parts.partition, parts.account)))
}

struct Around<'a> {
    before: &'a str,
    before_lower: &'a str,
    after: &'a str,
    after_lower: &'a str,
}

impl Around<'_> {
    /// The word behind the first label after the phrase.
    fn after(&self, label: &str) -> Option<String> {
        let at = self.after_lower.find(label)? + label.len();
        first_word(&self.after[at..])
    }

    /// The word behind the last label before the phrase.
    fn before(&self, label: &str) -> Option<String> {
        let at = self.before_lower.rfind(label)? + label.len();
        first_word(&self.before[at..])
    }

    fn role(&self) -> Option<Arn> {
        let is_role = |it: &str| it.contains(":role/") && Arn::from(it).is_iam_role();
        self.word(is_role).map(Arn::from)
    }

    /// Namespace and name in a token's subject.
    fn subject(&self) -> Option<(String, String)> {
        let word = self.word(|it| it.starts_with("system:serviceaccount:"))?;
        let (namespace, name) = word.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        Some((namespace.to_owned(), name.to_owned()))
    }

    /// The first word after the phrase, else the last one before it, that is such a name.
    fn word(&self, is_it: impl Fn(&str) -> bool) -> Option<String> {
        let fitting = |text: &str| {
            let bare = text.strip_prefix("https://").unwrap_or(text);
            is_it(bare).then(|| bare.to_owned())
        };
        let split = |text: &str| -> Vec<String> {
            let words = text.split(is_end).map(|it| trimmed(it).to_owned());
            words.filter(|it| !it.is_empty()).collect()
        };
        split(self.after)
            .iter()
            .find_map(|it| fitting(it))
            .or_else(|| split(self.before).iter().rev().find_map(|it| fitting(it)))
    }
}

fn first_word(text: &str) -> Option<String> {
    let text = text.trim_start_matches(|c: char| is_end(c));
    let end = text.find(is_end).unwrap_or(text.len());
    let word = trimmed(&text[..end]);
    (!word.is_empty()).then(|| word.to_owned())
}

fn is_end(c: char) -> bool {
    c.is_whitespace() || "\"'`,;()<>{}[]".contains(c)
}

/// Without what a sentence puts behind a name.
fn trimmed(word: &str) -> &str {
    word.trim_end_matches(['.', ':', ','])
}

fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}
