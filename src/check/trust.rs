//! What keeps an annotated role's trust policy from letting its ServiceAccount in: one diagnosis, many families.
//!
//! The codes are here, since one fault has one code; each family's file has its words.

mod offer;
mod words;

pub(crate) use offer::{add_statement, fill_in};
pub(crate) use words::of_role;

use crate::{
    check::{Acc, Evidence, IdentityContext, Subject},
    fact::Knowledge,
    iam,
    ident::Arn,
    identity::{
        Verdict,
        near_miss::{self, Diagnosis, Fault, What},
    },
};

/// The fault as a family tells it.
pub(crate) struct Told<'a> {
    pub cx: &'a IdentityContext<'a>,
    pub role: &'a Arn,
    pub policy: &'a iam::Policy,
    pub fault: &'a Fault,
    pub diagnosis: &'a Diagnosis,
}

/// Reports the faults that have the row's code, each with the family's sentence.
pub(crate) fn report(cx: &IdentityContext<'_>, acc: &mut Acc, say: fn(&Told<'_>) -> String) {
    let (Some(diagnosis), Some(role)) = (cx.diagnosis(), cx.annotated_role()) else { return };
    let Some(policy) = policy(cx) else { return };
    for fault in diagnosis.faults.iter().filter(|it| !it.secondary) {
        if code(fault, policy, cx) != Some(acc.code()) {
            continue;
        }
        let told = Told { cx, role: &role, policy, fault, diagnosis };
        let evidence = Evidence {
            place: format!("role {role} {}", fault.path),
            found: fault.found.to_string(),
            needed: needed(fault),
        };
        let finding = acc.push(
            Subject::service_account(cx.key, Some(role.clone())),
            say(&told),
            vec![evidence],
        );
        offer::offer(&told, finding);
    }
}

/// What would be right instead, for faults that no value mends too.
fn needed(fault: &Fault) -> String {
    if !fault.needed.is_empty() {
        return fault.needed.to_string();
    }
    match fault.what {
        What::Deny => "no Deny that matches".to_owned(),
        What::TwoIssuers => "a statement of its own".to_owned(),
        What::Action(_)
        | What::Principal(_)
        | What::Key(_)
        | What::Subject(_)
        | What::Audience(_)
        | What::Condition(_)
        | What::Conflict
        | What::NoStatement => "nothing in this place".to_owned(),
    }
}

/// Whether web identity is what its pods use: an association would take over. Where nobody may read the
/// associations, pods that carry the annotated role show that there is none.
pub(crate) fn web_identity_applies(cx: &IdentityContext<'_>) -> bool {
    cx.annotation.is_some()
        && match &cx.association {
            Knowledge::Absent => true,
            Knowledge::Known(_) | Knowledge::NotYet => false,
            Knowledge::Denied(_) => 0 < cx.counts.injected,
        }
}

/// Judges the trust policy as if the provider existed: a missing provider is a finding of its own.
pub(crate) fn diagnose(cx: &IdentityContext<'_>) -> Option<Diagnosis> {
    if !web_identity_applies(cx) || cx.irsa_verdict().is_none_or(|it| *it == Verdict::Allow) {
        return None;
    }
    let role = cx.annotation?;
    let mut ask = cx.ask(role);
    ask.provider = Knowledge::Known(ask.audience.to_vec());
    near_miss::of(&ask)
}

/// The trust policy of the annotated role, where it is known and valid.
pub(crate) fn policy<'a>(cx: &'a IdentityContext<'_>) -> Option<&'a iam::Policy> {
    let trust = cx.trust.get_or_init(|| {
        let role = crate::check::judge::settled_role(cx.cx.graph, &cx.annotated_role()?);
        Some(role.known()?.trust.clone())
    });
    trust.as_ref()?.parsed.as_ref().ok()
}

/// Which code a fault has; `None` where the reference has only a page for it.
fn code(fault: &Fault, policy: &iam::Policy, cx: &IdentityContext<'_>) -> Option<&'static str> {
    use near_miss::{Action, Audience, Condition, Key, Principal, Subject as Sub};
    Some(match fault.what {
        What::Action(Action::AssumeRole) => "TRUST-ACT-01",
        What::Action(Action::NotAction | Action::Other) => "TRUST-ACT-02",
        What::Principal(it) => match it {
            Principal::OtherCluster => of_other_clusters(policy),
            // An id that is a typing error away from ours is no other cluster.
            Principal::NearId | Principal::Host => "TRUST-KEY-04",
            Principal::Region => "TRUST-PRIN-04",
            Principal::Account => "TRUST-PRIN-05",
            Principal::Partition => "TRUST-PRIN-06",
            Principal::SwappedHost => "TRUST-PRIN-07",
            Principal::Scheme => "TRUST-PRIN-08",
            Principal::NotArn => "TRUST-PRIN-09",
            Principal::WrongType => "TRUST-PRIN-10",
            Principal::Placeholder => "TRUST-PRIN-13",
            Principal::Deleted => "TRUST-PRIN-11",
            Principal::PodIdentity => "TRUST-PRIN-02",
            Principal::Service | Principal::Other => "TRUST-PRIN-01",
            // Whether `*` takes a web identity is not documented: the verdict is unknown, and SEC-TRUST-08 warns.
            Principal::Everyone => return None,
        },
        What::NoStatement => of_no_statement(policy),
        What::Key(it) => match it {
            Key::OtherIssuer => "TRUST-KEY-01",
            Key::NearIssuer => "TRUST-KEY-04",
            Key::Arn => "TRUST-KEY-02",
            Key::Scheme => "TRUST-KEY-03",
            Key::Bare => "TRUST-KEY-05",
            Key::Placeholder => "TRUST-PRIN-13",
            Key::Claim => "TRUST-KEY-07",
            Key::PrincipalKey | Key::Absent => "TRUST-KEY-08",
            // What the way to STS or the SDK decides cannot be seen from here: pages TRUST-KEY-09 and TRUST-KEY-10.
            Key::Network | Key::SessionName => return None,
        },
        What::Subject(it) => match it {
            Sub::Namespace => "TRUST-SUB-01",
            Sub::Name | Sub::Both if is_other_namespace(&fault.found, cx) => "TRUST-SUB-01",
            // A pod that names no ServiceAccount runs as `default`, which no policy is meant for.
            Sub::Name if &*cx.key.name == "default" => "TRUST-SUB-09",
            Sub::Name | Sub::Both => "TRUST-SUB-02",
            Sub::Whitespace => "TRUST-SUB-03",
            Sub::Case => "TRUST-SUB-04",
            Sub::Shape => "TRUST-SUB-05",
            Sub::Wildcard => "TRUST-SUB-06",
            // A name that Kubernetes cannot have is SA-08.
            Sub::Placeholder if fault.found.starts_with("system:serviceaccount:") => return None,
            Sub::Placeholder => "TRUST-PRIN-13",
            Sub::GeneratedName => "TRUST-SUB-07",
            Sub::UnderAudience => "TRUST-SUB-08",
            Sub::Negated => "TRUST-COND-04",
        },
        What::Audience(Audience::TokenIsCustom) => "TRUST-AUD-03",
        What::Audience(Audience::Value | Audience::Negated) => "TRUST-AUD-01",
        What::Condition(it) => match it {
            Condition::Variable => "TRUST-COND-05",
            Condition::Time => "TRUST-COND-06",
            Condition::UnknownOperator => "TRUST-COND-07",
            Condition::Misuse | Condition::Value => "TRUST-COND-04",
        },
        What::TwoIssuers => "TRUST-COND-01",
        What::Conflict => "TRUST-COND-02",
        What::Deny => "TRUST-COND-03",
    })
}

/// A pattern that would fit the name, in another namespace only: `system:serviceaccount:other:*`.
fn is_other_namespace(found: &str, cx: &IdentityContext<'_>) -> bool {
    let subject = found.strip_prefix("system:serviceaccount:").and_then(|it| it.split_once(':'));
    subject.is_some_and(|(namespace, name)| {
        namespace != &*cx.key.namespace && iam::glob_matches(name, &cx.key.name)
    })
}

fn of_other_clusters(policy: &iam::Policy) -> &'static str {
    if 1 < near_miss::eks_issuers(policy).len() { "TRUST-MULTI-01" } else { "TRUST-PRIN-03" }
}

/// No statement comes near: by whom the policy serves instead.
fn of_no_statement(policy: &iam::Policy) -> &'static str {
    if !near_miss::eks_issuers(policy).is_empty() {
        return of_other_clusters(policy);
    }
    let services: Vec<_> = allowed(policy, "Service").collect();
    let others = allowed(policy, "AWS").chain(allowed(policy, "Federated")).next().is_some();
    let only_pod_identity =
        !services.is_empty() && !others && services.iter().all(|it| *it == POD_IDENTITY);
    if only_pod_identity { "TRUST-PRIN-02" } else { "TRUST-PRIN-01" }
}

/// The principal of EKS Pod Identity, the same in every partition.
pub(crate) const POD_IDENTITY: &str = "pods.eks.amazonaws.com";

/// The principals of one type that Allow statements name.
pub(crate) fn allowed<'a>(policy: &'a iam::Policy, of: &'a str) -> impl Iterator<Item = &'a str> {
    let allow = policy.statements.iter().filter(|it| it.effect == iam::Effect::Allow);
    allow
        .filter_map(|it| match &it.principal {
            Some(iam::Principal::Listed(it)) => Some(it),
            Some(iam::Principal::Everyone) | None => None,
        })
        .flatten()
        .filter(move |(it, _)| **it == *of)
        .flat_map(|(_, it)| it.iter().map(|it| &**it))
}

/// The policy without that Federated principal; `None` when nobody would be left, or it is not named.
pub(crate) fn without_principal(policy: &iam::Policy, provider: &Arn) -> Option<iam::Policy> {
    let mut res = policy.clone();
    for index in (0..policy.statements.len()).rev() {
        let statement = &policy.statements[index];
        let named = statement.principals().any(|it| it == ("Federated", provider.as_str()));
        if named && statement.effect == iam::Effect::Allow {
            res = without_principal_at(&res, index, provider.as_str())?;
        }
    }
    (res != *policy).then_some(res)
}

/// The same of one statement.
pub(crate) fn without_principal_at(
    policy: &iam::Policy,
    index: usize,
    value: &str,
) -> Option<iam::Policy> {
    let mut res = policy.clone();
    let statement = res.statements.get_mut(index)?;
    if let Some(iam::Principal::Listed(listed)) = &mut statement.principal {
        for (_, values) in listed.iter_mut() {
            values.retain(|it| **it != *value);
        }
        listed.retain(|(_, values)| !values.is_empty());
        if listed.is_empty() {
            res.statements.remove(index);
        }
    }
    (!res.statements.is_empty()).then_some(res)
}

/// Whom the policy serves instead, as the end of a sentence.
pub(crate) fn principals(policy: &iam::Policy) -> String {
    let mut all: Vec<&str> =
        ["Service", "AWS", "Federated"].into_iter().flat_map(|it| allowed(policy, it)).collect();
    all.dedup();
    if all.is_empty() { "nor anybody else".to_owned() } else { format!("only {}", all.join(", ")) }
}

/// Whether the policy as it stands lets the ServiceAccount in, provider or not.
pub(crate) fn lets_in(cx: &IdentityContext<'_>) -> bool {
    evaluation(cx).is_some_and(|it| it.decision == iam::Decision::Allow)
}

/// What the trust policy of the annotated role comes to by itself, whatever stands before it. `None` where the role, its
/// policy or the issuer is not known.
pub(crate) fn evaluation<'a>(cx: &'a IdentityContext<'_>) -> Option<&'a iam::Evaluation> {
    cx.irsa.as_ref()?.hops.iter().find_map(|it| it.evaluation.as_ref())
}
