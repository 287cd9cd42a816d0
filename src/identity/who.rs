//! Whom a role's trust policy lets in, asked one ServiceAccount at a time.
//!
//! Whether the OIDC provider is there is not asked: a missing one is told elsewhere, and comes back.

use crate::{
    fact::{Association, IamRole, Knowledge},
    graph::Graph,
    iam,
    ident::{Arn, Issuer, SaKey, Text, Timestamp},
    identity::{
        Verdict, eks,
        sts::{self, World},
    },
};
use std::collections::BTreeSet;

/// A name that nobody could have written down: only a wildcard or a missing condition lets it in.
const STRANGER: (&str, &str) = ("idscope-probe-ns", "idscope-probe-sa");

/// Whether STS would let the ServiceAccount in: with the audience that everybody has, or with its own.
pub fn accepts(
    graph: &Graph,
    role: &IamRole,
    key: &SaKey,
    issuer: &Knowledge<Issuer>,
    now: Timestamp,
) -> Verdict {
    let asks = |audience: &str| {
        let audience: [Text; 1] = [audience.into()];
        sts::judge(&sts::Ask {
            role_arn: role.arn.as_str(),
            service_account: key,
            issuer: issuer.clone(),
            audience: &audience,
            // Who is let in is the trust policy's business; a missing provider is told elsewhere.
            provider: Knowledge::Known(audience.to_vec()),
            role: Knowledge::Known(role),
            region: None,
            session_name: Knowledge::Absent,
            world: World::Open,
            now: Some(now),
        })
        .verdict
    };
    let usual = asks("sts.amazonaws.com");
    let own = graph.service_account(key).known().and_then(|it| it.annotation(AUDIENCE));
    match (&usual, own) {
        (Verdict::Deny(_), Some(own)) => asks(own),
        (_, Some(_) | None) => usual,
    }
}

/// Names another audience than `sts.amazonaws.com`, on a ServiceAccount.
const AUDIENCE: &str = "eks.amazonaws.com/audience";

/// Whether EKS would give the association's ServiceAccount this role: the associated or, behind it, the target role.
pub fn delivers(
    graph: &Graph,
    role: &IamRole,
    association: &Association,
    now: Timestamp,
) -> Verdict {
    let mut detail = association.detail.clone();
    if let Knowledge::Known(it) = &mut detail
        && it.role_arn == role.arn
    {
        // What lies behind it does not concern it.
        it.target_role_arn = None;
    }
    let of = |arn: Option<Arn>| arn.map_or(Knowledge::Absent, |it| graph.role(&it));
    let known = detail.as_ref().known();
    eks::judge(&eks::Ask {
        service_account: &association.service_account,
        cluster: graph.cluster(),
        association: detail.as_ref(),
        role: of(known.map(|it| it.role_arn.clone())),
        target: of(known.and_then(|it| it.target_role_arn.clone())),
        world: World::Open,
        now: Some(now),
    })
    .verdict
}

/// Would one be let in that does not exist: then all are.
pub fn accepts_strangers(
    graph: &Graph,
    role: &IamRole,
    issuer: &Knowledge<Issuer>,
    now: Timestamp,
) -> Verdict {
    accepts(graph, role, &SaKey::new(STRANGER.0, STRANGER.1), issuer, now)
}

/// The ServiceAccounts that Allow statements write out, whether they get in or not.
pub fn named(role: &IamRole) -> impl Iterator<Item = SaKey> {
    subject_values(role).filter_map(|it| exact(it))
}

/// The ServiceAccounts that Deny statements write out as those whom they do not mean.
pub fn spared(role: &IamRole) -> impl Iterator<Item = SaKey> {
    let denies = policy(role).into_iter().flat_map(|it| &it.statements);
    let denies = denies.filter(|it| it.effect == iam::Effect::Deny);
    let conditions = denies.flat_map(|it| &it.conditions).filter(|it| is_subject(it));
    let negated = conditions.filter(|it| it.parsed_operator().is_some_and(|it| it.negated));
    negated.flat_map(|it| &it.values).filter_map(|it| exact(it))
}

pub fn policy(role: &IamRole) -> Option<&iam::Policy> {
    role.trust.parsed.as_ref().ok()
}

fn allows(role: &IamRole) -> impl Iterator<Item = &iam::Statement> {
    policy(role)
        .into_iter()
        .flat_map(|it| &it.statements)
        .filter(|it| it.effect == iam::Effect::Allow)
}

/// Who is listed, by kind of principal; everyone as `*`.
pub fn principals(statement: &iam::Statement) -> Vec<(&str, &str)> {
    match &statement.principal {
        Some(iam::Principal::Everyone) => vec![("*", "*")],
        Some(iam::Principal::Listed(groups)) => groups
            .iter()
            .flat_map(|(kind, values)| values.iter().map(move |it| (&**kind, &**it)))
            .collect(),
        None => Vec::new(),
    }
}

/// Issuers of the EKS clusters that some Allow trusts.
pub fn trusted_issuers(role: &IamRole) -> BTreeSet<Issuer> {
    allows(role)
        .flat_map(principals)
        .filter(|(kind, _)| *kind == "Federated")
        .filter_map(|(_, it)| it.split_once(":oidc-provider/"))
        .filter(|(_, it)| it.starts_with("oidc.eks."))
        .map(|(_, it)| Issuer::new(it))
        .collect()
}

pub fn is_subject(it: &iam::Condition) -> bool {
    it.key.to_ascii_lowercase().ends_with(":sub")
}

/// The values that Allow statements ask of a `…:sub` key.
fn subject_values(role: &IamRole) -> impl Iterator<Item = &Text> {
    allows(role).flat_map(|it| &it.conditions).filter(|it| is_subject(it)).flat_map(|it| &it.values)
}

/// A subject that is written out in full.
fn exact(subject: &str) -> Option<SaKey> {
    let (namespace, name) = subject.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    let is_name = |it: &str| !it.is_empty() && !it.contains(['*', '?', '$', ':', '/', ' ']);
    (is_name(namespace) && is_name(name)).then(|| SaKey::new(namespace, name))
}

/// Whether some subject is a pattern: a wildcard where the operator has wildcards, a variable, all but some, any letter
/// case, or whomever a Deny leaves of everybody.
pub fn has_wildcards(role: &IamRole) -> bool {
    let denies = policy(role).into_iter().flat_map(|it| &it.statements);
    let mut denies = denies.filter(|it| it.effect == iam::Effect::Deny);
    let is_left_over = denies.any(|it| it.conditions.iter().any(is_subject))
        && allows(role).any(|it| !it.conditions.iter().any(is_subject));
    is_left_over || has_patterns(role)
}

fn has_patterns(role: &IamRole) -> bool {
    allows(role).flat_map(|it| &it.conditions).filter(|it| is_subject(it)).any(|it| {
        let operator = it.operator.to_ascii_lowercase();
        let is_like = operator.contains("like");
        let is_pattern = |it: &Text| it.contains("${") || (is_like && it.contains(['*', '?']));
        operator.contains("not")
            || operator.contains("ignorecase")
            || it.values.iter().any(is_pattern)
    })
}

/// Whether some statement is about web identity or EKS Pod Identity.
pub fn trusts_workloads(role: &IamRole) -> bool {
    policy(role).into_iter().flat_map(|it| &it.statements).flat_map(principals).any(|(kind, it)| {
        match kind {
            "*" => true,
            "Federated" => it.contains(":oidc-provider/oidc."),
            "Service" => it == eks::SERVICE,
            _ => false,
        }
    })
}
