//! Other principals that a workload's role lets in.

use crate::{
    check::{Acc, Context, Evidence, Fix, Subject, judge, trust::POD_IDENTITY},
    iam::{Effect, Policy, Principal, Statement, glob_matches},
    ident::{Arn, Ref},
    identity::{near_miss, sts},
};

/// SEC-TRUST-08.
pub(crate) fn everybody(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some((arn, policy)) = used(cx, unit) else { return };
    for (index, statement) in allows(policy) {
        // With web identity nobody can say what `*` comes to, whatever the conditions are.
        let takes_tokens = takes_web_identity(statement);
        if !statement.conditions.is_empty() && !takes_tokens {
            continue;
        }
        let found = match &statement.principal {
            Some(Principal::Everyone) => "*".to_owned(),
            Some(Principal::Listed(listed)) => {
                let mut aws = listed.iter().filter(|(it, _)| &**it == "AWS").flat_map(|(_, it)| it);
                let root = |it: &str| is_root(it) && !takes_tokens && !serves_workloads(policy, cx);
                let bad = |it: &str| it == "*" || root(it);
                match aws.find(|it| bad(it)) {
                    Some(it) => it.to_string(),
                    None => continue,
                }
            }
            None => continue,
        };
        let message = if takes_tokens {
            format!("`{arn}` names `{found}` where it should name the OIDC provider")
        } else {
            format!("`{found}` may assume `{arn}` without any condition")
        };
        push(acc, arn, index, "Principal", found, message, "the principals that need the role");
    }
}

/// SEC-TRUST-09.
pub(crate) fn pod_identity(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some((arn, policy)) = used(cx, unit) else { return };
    let open = allows(policy)
        .find(|(_, it)| it.conditions.is_empty() && names(it, "Service", |it| it == POD_IDENTITY));
    let Some((index, _)) = open else { return };
    let message = format!("any cluster of the account can be given `{arn}` by an association");
    let needed = "conditions on aws:RequestTag/… or aws:SourceAccount";
    push(acc, arn, index, "Condition", String::new(), message, needed);
}

/// SEC-TRUST-11.
pub(crate) fn beside(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some((arn, policy)) = used(cx, unit) else { return };
    if !serves_workloads(policy, cx) {
        return;
    }
    for (index, statement) in allows(policy) {
        let service = names(statement, "Service", |it| it.starts_with("ec2.amazonaws.com"));
        let root = names(statement, "AWS", is_root);
        let found = match (service, root) {
            (true, _) => "ec2.amazonaws.com",
            (false, true) => "an account's root",
            (false, false) => continue,
        };
        let message = format!("`{arn}` may be assumed by {found} beside web identity");
        let needed = "only what the workloads need";
        push(acc, arn, index, "Principal", found.to_owned(), message, needed);
    }
}

/// A role that is annotated or associated here, with its policy.
pub(crate) fn used<'a>(cx: &Context<'a>, unit: &'a Ref) -> Option<(&'a Arn, &'a Policy)> {
    let Ref::Role(arn) = unit else { return None };
    let is_used = cx.graph.annotated_with(arn).next().is_some()
        || cx.graph.associated_with(arn).next().is_some();
    let role = judge::settled_role(cx.graph, arn).known().filter(|_| is_used)?;
    Some((arn, role.trust.parsed.as_ref().ok()?))
}

pub(crate) fn allows(policy: &Policy) -> impl Iterator<Item = (usize, &Statement)> {
    policy.statements.iter().enumerate().filter(|(_, it)| it.effect == Effect::Allow)
}

fn takes_web_identity(statement: &Statement) -> bool {
    let action = sts::ACTION.to_ascii_lowercase();
    let mut patterns = statement.action.patterns.iter();
    !statement.action.negated && patterns.any(|it| glob_matches(&it.to_ascii_lowercase(), &action))
}

fn names(statement: &Statement, of: &str, fits: impl Fn(&str) -> bool) -> bool {
    match &statement.principal {
        Some(Principal::Listed(it)) => {
            it.iter().filter(|(it, _)| **it == *of).flat_map(|(_, it)| it).any(|it| fits(it))
        }
        Some(Principal::Everyone) | None => false,
    }
}

/// `arn:…:iam::ACCOUNT:root`, or the account id alone, which means the same.
fn is_root(principal: &str) -> bool {
    crate::ident::AccountId::parse(principal).is_some()
        || Arn::from(principal)
            .parts()
            .is_some_and(|it| it.service == "iam" && it.resource == "root")
}

/// Whether the policy lets tokens of some EKS cluster in: what stands beside that is SEC-TRUST-11's.
fn serves_workloads(policy: &Policy, cx: &Context<'_>) -> bool {
    let issuer = cx.graph.issuer().known();
    near_miss::eks_issuers(policy).iter().any(|it| issuer.as_ref() == Some(it))
}

fn push(
    acc: &mut Acc,
    arn: &Arn,
    index: usize,
    part: &str,
    found: String,
    message: String,
    needed: &str,
) {
    let finding = acc.push(
        Subject::role(arn),
        message,
        vec![Evidence {
            place: format!("role {arn} Statement[{index}].{part}"),
            found,
            needed: needed.to_owned(),
        }],
    );
    let title = format!("in trust.json narrow Statement[{index}].{part}");
    finding.fixes.push(Fix::trust("FX-TRUST-EDIT", title, arn));
}
