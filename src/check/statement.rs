//! Statements that let exactly one ServiceAccount in: the only place where a fix or a goal makes one.

use crate::{
    fact::Cluster,
    iam::{Condition, Effect, Patterns, Principal, Statement},
    ident::{Arn, Issuer, SaKey, Text},
    identity::{eks::SERVICE, sts},
};

/// The statement of FX-TRUST-ADD.
pub(crate) fn web_identity(
    provider: &Arn,
    issuer: &Issuer,
    key: &SaKey,
    audience: &Text,
) -> Statement {
    let equals = |name: &str, value: Text| Condition {
        operator: "StringEquals".into(),
        key: format!("{issuer}:{name}").into(),
        values: vec![value],
    };
    Statement {
        sid: None,
        effect: Effect::Allow,
        principal: Some(Principal::Listed(vec![(
            "Federated".into(),
            vec![provider.text().clone()],
        )])),
        action: Patterns { negated: false, patterns: vec![sts::ACTION.into()] },
        resource: None,
        conditions: vec![equals("sub", key.subject().into()), equals("aud", audience.clone())],
    }
}

/// FX-TRUST-PI: EKS may assume the role for this ServiceAccount of this cluster. Without session tags there is nothing
/// to tell ServiceAccounts apart by, so it is the cluster and its account that are asked for.
pub(crate) fn pod_identity(cluster: &Cluster, key: &SaKey, without_tags: bool) -> Statement {
    let equals = |key: &str, value: Text| Condition {
        operator: "StringEquals".into(),
        key: key.into(),
        values: vec![value],
    };
    let conditions = match without_tags {
        false => vec![
            equals("aws:RequestTag/eks-cluster-arn", cluster.arn.text().clone()),
            equals("aws:RequestTag/kubernetes-namespace", key.namespace.clone()),
            equals("aws:RequestTag/kubernetes-service-account", key.name.clone()),
        ],
        true => vec![
            equals("aws:SourceAccount", cluster.account.clone()),
            Condition {
                operator: "ArnEquals".into(),
                key: "aws:SourceArn".into(),
                values: vec![cluster.arn.text().clone()],
            },
        ],
    };
    let actions: &[&str] =
        if without_tags { &["sts:AssumeRole"] } else { &["sts:AssumeRole", "sts:TagSession"] };
    Statement {
        sid: None,
        effect: Effect::Allow,
        principal: Some(Principal::Listed(vec![("Service".into(), vec![SERVICE.into()])])),
        action: Patterns {
            negated: false,
            patterns: actions.iter().map(|it| Text::from(*it)).collect(),
        },
        resource: None,
        conditions,
    }
}

/// Whether a statement allows web identity to this cluster's tokens and to nobody else.
pub(crate) fn is_web_identity_of(it: &Statement, issuer: &Issuer) -> bool {
    let ours = format!(":oidc-provider/{issuer}");
    match &it.principal {
        Some(Principal::Listed(groups)) => {
            it.effect == Effect::Allow
                && !groups.is_empty()
                && groups.iter().all(|(kind, values)| {
                    &**kind == "Federated" && values.iter().all(|it| it.ends_with(&ours))
                })
        }
        Some(Principal::Everyone) | None => false,
    }
}
