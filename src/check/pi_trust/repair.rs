//! The trust policy as it should be: one thing changed, written out whole.

use crate::{
    check::{
        AssociationContext, Fix,
        pi_trust::diagnosis::{Fault, What},
    },
    fact::{AssociationDetail, IamRole},
    iam::{self, Condition, Effect, Patterns, Principal, Statement},
    ident::Text,
    identity::eks::{SERVICE, TAG_KEYS},
    plan::{AssociationFields, TrustChange},
};

const ASSUME: &str = "sts:AssumeRole";
const TAG: &str = "sts:TagSession";

/// What repairs the faults of one kind.
pub(crate) fn fixes(
    context: &AssociationContext<'_>,
    detail: &AssociationDetail,
    role: &IamRole,
    what: What,
    faults: &[&Fault],
) -> Vec<Fix> {
    let Ok(policy) = &role.trust.parsed else { return Vec::new() };
    let mut res = Vec::new();
    let mut offer = |id: &'static str, title: &str, policy: Option<iam::Policy>| {
        // A statement of its own, or none about tags, lets in who was not meant before.
        let opens = id == "FX-TRUST-PI" || what == What::TagsDisabled;
        let change = if opens { TrustChange::Opens } else { TrustChange::NearMiss };
        let whole = policy.and_then(|it| {
            Fix::trust_policy(id, title.to_owned(), &role.arn, &role.trust, &it, change)
        });
        res.push(whole.unwrap_or_else(|| Fix::trust(id, title.to_owned(), &role.arn)));
    };
    let added = || Some(with_statement(policy, context, detail));
    let edit = "FX-TRUST-EDIT";
    match what {
        What::OtherService | What::FederatedOnly | What::Removed => {
            offer("FX-TRUST-PI", "add a statement for pods.eks.amazonaws.com", added());
        }
        What::TagSession => {
            let title = "add sts:TagSession to the statement for pods.eks.amazonaws.com";
            offer(edit, title, Some(with_actions(policy, faults, detail)));
        }
        What::Action => {
            let title = "add sts:AssumeRole and sts:TagSession to the statement";
            offer(edit, title, Some(with_actions(policy, faults, detail)));
        }
        What::RequestTag => match with_value(policy, faults) {
            Some(it) => offer(edit, "add the value that EKS sends to the condition", Some(it)),
            None => offer("FX-TRUST-PI", "add a statement for this ServiceAccount", added()),
        },
        What::Source => {
            let title = "write this cluster into the condition";
            offer(edit, title, with_values(policy, faults));
        }
        What::PrincipalTag => {
            let title = "ask for aws:RequestTag instead of aws:PrincipalTag";
            offer(edit, title, Some(with_request_tags(policy, faults)));
        }
        What::TagKeys => {
            offer(edit, "list all six tag keys", Some(with_tag_keys(policy, faults)));
        }
        What::TagsDisabled => {
            let title = "drop the conditions on tags from the statement";
            offer(edit, title, Some(without_conditions(policy, faults)));
            if detail.policy.is_none() {
                let fields = AssociationFields { disable_session_tags: false, ..detail.into() };
                let title = "send the session tags".into();
                let association = context.association;
                res.extend(Fix::update_association(&context.cx, association, title, fields));
            }
        }
        What::Deny => {
            let places: Vec<_> = faults.iter().map(|it| format!("[{}]", it.statement)).collect();
            let title = format!("narrow the Deny of Statement{}", places.join(", "));
            offer(edit, &title, None);
        }
    }
    res
}

/// FX-TRUST-PI: a statement for exactly this ServiceAccount of this cluster.
fn with_statement(
    policy: &iam::Policy,
    context: &AssociationContext<'_>,
    detail: &AssociationDetail,
) -> iam::Policy {
    let key = &context.association.service_account;
    let tag = |name: &str, value: Text| Condition {
        operator: "StringEquals".into(),
        key: format!("aws:RequestTag/{name}").into(),
        values: vec![value],
    };
    let cluster = context.cx.graph.cluster().known().map(|it| it.arn.text().clone());
    let mut conditions: Vec<Condition> =
        cluster.into_iter().map(|it| tag("eks-cluster-arn", it)).collect();
    conditions.push(tag("kubernetes-namespace", key.namespace.clone()));
    conditions.push(tag("kubernetes-service-account", key.name.clone()));
    if detail.disable_session_tags {
        conditions.clear();
    }
    let mut res = policy.clone();
    res.statements.push(Statement {
        sid: None,
        effect: Effect::Allow,
        principal: Some(Principal::Listed(vec![("Service".into(), vec![SERVICE.into()])])),
        action: Patterns { negated: false, patterns: actions(detail) },
        resource: None,
        conditions,
    });
    res
}

fn actions(detail: &AssociationDetail) -> Vec<Text> {
    let all = [ASSUME, TAG].into_iter().map(Text::from);
    all.take(if detail.disable_session_tags { 1 } else { 2 }).collect()
}

fn with_actions(
    policy: &iam::Policy,
    faults: &[&Fault],
    detail: &AssociationDetail,
) -> iam::Policy {
    let mut res = policy.clone();
    for fault in faults {
        let action = &mut res.statements[fault.statement].action;
        if action.negated {
            // What is left out by name is let in by name.
            *action = Patterns { negated: false, patterns: actions(detail) };
            continue;
        }
        for it in actions(detail) {
            if action.patterns.iter().all(|known| !known.eq_ignore_ascii_case(&it)) {
                action.patterns.push(it);
            }
        }
    }
    res
}

/// One more value for one condition; `None` where that would let in more than this ServiceAccount, or not even it.
fn with_value(policy: &iam::Policy, faults: &[&Fault]) -> Option<iam::Policy> {
    let [one] = faults else { return None };
    with_values(policy, std::slice::from_ref(one))
}

/// `None` where adding a value does not make a condition hold.
fn with_values(policy: &iam::Policy, faults: &[&Fault]) -> Option<iam::Policy> {
    let mut res = policy.clone();
    for fault in faults {
        let condition = condition(&mut res, fault)?;
        let operator = condition.parsed_operator()?;
        if operator.negated || operator.test == iam::Test::Null {
            return None;
        }
        condition.values.push(fault.sent.clone()?);
    }
    Some(res)
}

fn with_request_tags(policy: &iam::Policy, faults: &[&Fault]) -> iam::Policy {
    let mut res = policy.clone();
    for fault in faults {
        if let Some(it) = condition(&mut res, fault) {
            let tag = it.key.split_once('/').map_or("", |(_, tag)| tag);
            it.key = format!("aws:RequestTag/{tag}").into();
        }
    }
    res
}

fn with_tag_keys(policy: &iam::Policy, faults: &[&Fault]) -> iam::Policy {
    let mut res = policy.clone();
    for fault in faults {
        if let Some(it) = condition(&mut res, fault) {
            for key in TAG_KEYS {
                if it.values.iter().all(|known| **known != *key) {
                    it.values.push(key.into());
                }
            }
        }
    }
    res
}

fn without_conditions(policy: &iam::Policy, faults: &[&Fault]) -> iam::Policy {
    let mut res = policy.clone();
    for (index, statement) in res.statements.iter_mut().enumerate() {
        let gone: Vec<usize> = faults
            .iter()
            .filter(|it| it.statement == index)
            .filter_map(|it| it.condition)
            .collect();
        let mut at = 0;
        statement.conditions.retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
    }
    res
}

fn condition<'p>(policy: &'p mut iam::Policy, fault: &Fault) -> Option<&'p mut Condition> {
    policy.statements.get_mut(fault.statement)?.conditions.get_mut(fault.condition?)
}
