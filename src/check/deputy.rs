//! The confused deputy: who would get a role by a plan, on whose word, and what the role could do.
//!
//! An annotation is a claim by whoever may edit the ServiceAccount. Whether to believe it only a person can say; here is
//! what there is to go by.

use crate::{
    check::{After, Context, expect::Siblings, judge},
    fact::{AttachedPolicy, Knowledge, Policies, ServiceAccount},
    graph::Graph,
    iam::{self, glob_matches},
    ident::{Arn, SaKey, Text, Timestamp},
    identity::Verdict,
    plan::Edit,
};
use std::collections::BTreeSet;

/// A role that somebody new may assume once a plan is carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Deputy {
    pub role: Arn,
    /// Who gets in, by name.
    pub newcomers: Vec<Newcomer>,
    /// What the role may do, what is like an administrator's first.
    pub policies: Knowledge<Vec<Power>>,
}

/// Somebody who could not assume the role before.
#[derive(Clone, Debug, PartialEq)]
pub struct Newcomer {
    pub service_account: SaKey,
    /// The annotation asks for this very role.
    pub is_annotated: bool,
    /// The field manager that wrote the annotation last, and when, as managedFields has it.
    pub written_by: Option<Text>,
    pub written_at: Option<Timestamp>,
    /// The trust policy named its namespace before.
    pub is_known_namespace: bool,
}

/// One policy of the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Power {
    pub name: Text,
    pub level: Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// May do everything, or give itself whatever it lacks.
    Administrator,
    /// It could not be read.
    NotKnown,
    Limited,
}

impl After<'_> {
    /// Every role that the edits let somebody new assume.
    pub fn deputies(&self) -> Vec<Deputy> {
        let mut roles: Vec<&Arn> = Vec::new();
        for role in self.edits().iter().filter_map(Edit::role) {
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        let of_role = |role: &Arn| deputy(self.before(), self.graph(), role, self.now());
        roles.into_iter().filter_map(of_role).collect()
    }
}

fn deputy(graph: &Graph, then: &Graph, role: &Arn, now: Timestamp) -> Option<Deputy> {
    // Everybody who asks for the role, now or then: who does not ask for it is not let in by any fix.
    let mut keys: BTreeSet<&SaKey> = BTreeSet::new();
    for world in [graph, then] {
        keys.extend(world.annotated_with(role));
        keys.extend(world.associated_with(role).map(|it| &it.service_account));
    }
    let gets_in = |key: &&SaKey| {
        let before = has(Context { graph, now }, key, role);
        !before && has(Context { graph: then, now }, key, role)
    };
    let newcomers: Vec<Newcomer> =
        keys.into_iter().filter(gets_in).map(|it| newcomer(graph, role, it)).collect();
    if newcomers.is_empty() {
        return None;
    }
    let policies = match graph.role(role) {
        Knowledge::Known(it) => it.policies.as_ref().map(powers),
        Knowledge::Absent => Knowledge::Absent,
        Knowledge::Denied(it) => Knowledge::Denied(it),
        Knowledge::NotYet => Knowledge::NotYet,
    };
    Some(Deputy { role: role.clone(), newcomers, policies })
}

/// Whether the ServiceAccount would be granted the role, by its token or by its association.
fn has(cx: Context<'_>, key: &SaKey, role: &Arn) -> bool {
    let it = judge::identity(cx, key, &Siblings::default());
    let by_association = it.pod_identity_verdict() == Some(&Verdict::Allow)
        && it.role_arn().is_some_and(|it| it == *role);
    by_association || judge::takes_token(&it, role.as_str())
}

fn newcomer(graph: &Graph, role: &Arn, key: &SaKey) -> Newcomer {
    let account = graph.service_account(key).known();
    let annotation = account.and_then(ServiceAccount::role_arn);
    let is_annotated = annotation.is_some_and(|it| *it == *role.text());
    // What the plan itself writes nobody has claimed before.
    let written = account.filter(|_| is_annotated);
    Newcomer {
        service_account: key.clone(),
        is_annotated,
        written_by: written.and_then(|it| it.annotation_manager.clone()),
        written_at: written.and_then(|it| it.annotation_changed),
        is_known_namespace: match graph.role(role) {
            Knowledge::Known(it) => names_namespace(&it.trust, &key.namespace),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => false,
        },
    }
}

/// Whether some Allow statement has a value for the namespace: in a subject, or as a request tag of Pod Identity.
fn names_namespace(trust: &iam::Document, namespace: &str) -> bool {
    let Ok(policy) = &trust.parsed else { return false };
    let allows = policy.statements.iter().filter(|it| it.effect == iam::Effect::Allow);
    let mut conditions = allows.flat_map(|it| &it.conditions);
    conditions.any(|it| {
        let key = it.key.to_ascii_lowercase();
        let is_it = |value: &Text| {
            if key.ends_with(":sub") {
                // Not by a wildcard: that names nobody.
                // One that is nearly right names it.
                value.split(':').nth(2).map(str::trim) == Some(namespace)
            } else {
                key == "aws:requesttag/kubernetes-namespace" && **value == *namespace
            }
        };
        it.values.iter().any(is_it)
    })
}

/// Managed policies that are an administrator's whatever their document says.
const ADMINISTRATORS: &[&str] = &["AdministratorAccess", "PowerUserAccess", "IAMFullAccess"];

/// Permissions with which one gives oneself every other.
const KEYS: &[&str] = &[
    "iam:PutRolePolicy",
    "iam:AttachRolePolicy",
    "iam:PutUserPolicy",
    "iam:AttachUserPolicy",
    "iam:CreatePolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:CreateAccessKey",
];

fn powers(it: &Policies) -> Vec<Power> {
    let attached = it.attached.iter().map(|it| Power {
        name: it.arn.name().unwrap_or(it.arn.as_str()).into(),
        level: level_of_attached(it),
    });
    let inline = it.inline.iter().map(|(name, document)| Power {
        name: format!("{name} (inline)").into(),
        level: level(document),
    });
    let mut res: Vec<Power> = attached.chain(inline).collect();
    res.sort_by(|a, b| (a.level, &a.name).cmp(&(b.level, &b.name)));
    res
}

fn level_of_attached(it: &AttachedPolicy) -> Level {
    let is_aws = it.arn.parts().is_some_and(|it| it.account == "aws");
    if is_aws && it.arn.name().is_some_and(|name| ADMINISTRATORS.contains(&name)) {
        return Level::Administrator;
    }
    match &it.document {
        Knowledge::Known(document) => level(document),
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => Level::NotKnown,
    }
}

/// An administrator's: an Allow on every resource of every action, or of one that leads to all others.
fn level(document: &iam::Document) -> Level {
    let Ok(policy) = &document.parsed else { return Level::NotKnown };
    let is_wide = |it: &iam::Statement| {
        let everywhere = it.resource.as_ref().is_some_and(|it| {
            it.negated || it.patterns.iter().any(|it| glob_matches(it, "arn:aws:iam::1:role/any"))
        });
        let takes = |action: &str| {
            let named = it
                .action
                .patterns
                .iter()
                .any(|it| glob_matches(&it.to_ascii_lowercase(), &action.to_ascii_lowercase()));
            named != it.action.negated
        };
        it.effect == iam::Effect::Allow && everywhere && KEYS.iter().any(|it| takes(it))
    };
    if policy.statements.iter().any(is_wide) { Level::Administrator } else { Level::Limited }
}

#[cfg(test)]
mod tests {
    use crate::{
        check::deputy::{Level, level, names_namespace},
        iam::{Document, Kind},
    };

    #[test]
    fn whoever_may_give_itself_everything_is_an_administrator() {
        let check = |statement: &str, wanted: Level| {
            let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
            assert_eq!(level(&Document::parse(text, Kind::Identity)), wanted, "{statement}");
        };
        check(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#, Level::Administrator);
        check(r#"{"Effect":"Allow","Action":"iam:*","Resource":"*"}"#, Level::Administrator);
        check(
            r#"{"Effect":"Allow","Action":["IAM:putrolepolicy"],"Resource":"*"}"#,
            Level::Administrator,
        );
        check(r#"{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}"#, Level::Administrator);
        check(r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#, Level::Limited);
        check(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#, Level::Limited);
        check(r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/*"}"#, Level::Limited);
        check(r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#, Level::Limited);
        check(r#"{"Effect":"Allow"}"#, Level::NotKnown);
    }

    #[test]
    fn a_wildcard_names_no_namespace() {
        let check = |key: &str, value: &str, wanted: bool| {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::111122223333:oidc-provider/x"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringLike":{{"{key}":"{value}"}}}}}}]}}"#
            );
            let document = Document::parse(text, Kind::Trust);
            assert_eq!(names_namespace(&document, "shop"), wanted, "{key} {value}");
        };
        check("x:sub", "system:serviceaccount:shop:other", true);
        check("x:sub", "system:serviceaccount:shop:*", true);
        check("x:sub", "system:serviceaccount:*:web", false);
        check("x:sub", "system:serviceaccount:bi:web", false);
        check("x:aud", "system:serviceaccount:shop:web", false);
        check("aws:RequestTag/kubernetes-namespace", "shop", true);
        check("aws:RequestTag/kubernetes-namespace", "*", false);
    }
}
