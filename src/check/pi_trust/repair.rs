//! The trust policy as it should be: one thing changed, written out whole.

use crate::{
    check::{
        AssociationContext, Fix,
        pi_trust::diagnosis::{Fault, What},
        statement, trust,
    },
    fact::{AssociationDetail, IamRole},
    iam::{self, Condition, Patterns},
    ident::Text,
    identity::eks::TAG_KEYS,
    plan::{AssociationFields, TrustChange},
};

const ASSUME: &str = "sts:AssumeRole";
const TAG: &str = "sts:TagSession";
const EDIT: &str = "FX-TRUST-EDIT";
const ADD: &str = "FX-TRUST-PI";

/// What repairs the faults of one kind.
pub(crate) fn fixes(
    context: &AssociationContext<'_>,
    detail: &AssociationDetail,
    role: &IamRole,
    what: What,
    faults: &[&Fault],
) -> Vec<Fix> {
    let Ok(policy) = &role.trust.parsed else { return Vec::new() };
    let key = &context.association.service_account;
    let mut res = Vec::new();
    // A value of its own, or a statement, or none about tags, lets in who was not named before.
    let is_named = match what {
        What::TagSession | What::Action | What::PrincipalTag | What::TagKeys => true,
        What::OtherService
        | What::FederatedOnly
        | What::Removed
        | What::RequestTag
        | What::Source
        | What::TagsDisabled
        | What::Deny => false,
    };
    let change = if is_named { TrustChange::NearMiss } else { TrustChange::Opens };
    let mut offer = |id: &'static str, what: &str, policy: Option<iam::Policy>| {
        let preposition = if id == ADD { "to" } else { "in" };
        let title = trust::of_role(what, preposition, &role.arn);
        let whole = policy.and_then(|it| {
            Fix::trust_policy(id, title.clone(), &role.arn, &role.trust, &it, change)
        });
        res.push(whole.unwrap_or_else(|| Fix::trust(id, title, &role.arn)));
    };
    let added = || with_statement(policy, context, detail);
    let append = format!("append a statement for `{key}` (Pod Identity)");
    match what {
        What::OtherService | What::FederatedOnly | What::Removed => offer(ADD, &append, added()),
        What::TagSession => {
            offer(EDIT, "allow sts:TagSession", Some(with_actions(policy, faults, detail)));
        }
        What::Action => {
            let title = "allow sts:AssumeRole and sts:TagSession";
            offer(EDIT, title, Some(with_actions(policy, faults, detail)));
        }
        What::RequestTag => match with_value(policy, faults) {
            Some(it) => {
                offer(EDIT, &format!("name `{key}` in the conditions on session tags"), Some(it))
            }
            None => offer(ADD, &append, added()),
        },
        What::Source => match with_values(policy, faults) {
            Some(it) => offer(EDIT, "name this cluster as the source", Some(it)),
            None => offer(ADD, &append, added()),
        },
        What::PrincipalTag => {
            let title = "ask for aws:RequestTag instead of aws:PrincipalTag";
            offer(EDIT, title, Some(with_request_tags(policy, faults)));
        }
        What::TagKeys => {
            offer(EDIT, "list all six tag keys", Some(with_tag_keys(policy, faults)));
        }
        What::TagsDisabled => {
            let title = "ask for this cluster instead of session tags";
            offer(EDIT, title, with_source(policy, context, faults));
            if detail.policy.is_none() {
                let fields = AssociationFields { disable_session_tags: false, ..detail.into() };
                let title = "send the session tags".into();
                let association = context.association;
                res.extend(Fix::update_association(&context.cx, association, title, fields));
            }
        }
        What::Deny => {
            let places: Vec<_> = faults.iter().map(|it| format!("[{}]", it.statement)).collect();
            offer(EDIT, &format!("narrow the Deny of Statement{}", places.join(", ")), None);
        }
    }
    res
}

/// FX-TRUST-PI: a statement for exactly this ServiceAccount of this cluster; `None` while the cluster is not known.
fn with_statement(
    policy: &iam::Policy,
    context: &AssociationContext<'_>,
    detail: &AssociationDetail,
) -> Option<iam::Policy> {
    let key = &context.association.service_account;
    let cluster = context.cx.graph.cluster().known()?;
    let mut res = policy.clone();
    res.statements.push(statement::pod_identity(cluster, key, detail.disable_session_tags));
    Some(res)
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

/// Without tags there is nothing to tell ServiceAccounts apart by: the cluster is asked for in the place of the
/// conditions on them.
fn with_source(
    policy: &iam::Policy,
    context: &AssociationContext<'_>,
    faults: &[&Fault],
) -> Option<iam::Policy> {
    let cluster = context.cx.graph.cluster().known()?;
    let of_cluster =
        statement::pod_identity(cluster, &context.association.service_account, true).conditions;
    let mut res = policy.clone();
    for (index, statement) in res.statements.iter_mut().enumerate() {
        let gone: Vec<usize> = faults
            .iter()
            .filter(|it| it.statement == index)
            .filter_map(|it| it.condition)
            .collect();
        if gone.is_empty() {
            continue;
        }
        let mut at = 0;
        statement.conditions.retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
        for it in &of_cluster {
            if statement.conditions.iter().all(|known| !known.key.eq_ignore_ascii_case(&it.key)) {
                statement.conditions.push(it.clone());
            }
        }
    }
    Some(res)
}

fn condition<'p>(policy: &'p mut iam::Policy, fault: &Fault) -> Option<&'p mut Condition> {
    policy.statements.get_mut(fault.statement)?.conditions.get_mut(fault.condition?)
}
