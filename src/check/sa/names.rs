//! Names that cannot exist, and namespaces that do not.

use crate::{
    check::{Acc, Context, Evidence, Fix, IdentityContext, Subject, judge, trust},
    fact::{IamRole, Knowledge},
    iam,
    ident::{Arn, Ref, SaKey, Text},
    identity::{Verdict, near_miss::text::without_space},
};

/// RFC 1123 label for namespaces, subdomain for ServiceAccounts: lower case, digits, `-` (and `.` in names).
pub(crate) fn is_kubernetes_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: Option<char>| c.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    text.len() <= 253
        && edge(text.chars().next())
        && edge(text.chars().last())
        && text.chars().all(inner)
}

/// `system:serviceaccount:NAMESPACE:NAME` of an Allow statement, under an operator that takes it literally.
fn subjects(policy: &iam::Policy) -> impl Iterator<Item = (&Text, SaKey)> {
    let allows = policy.statements.iter().filter(|it| it.effect == iam::Effect::Allow);
    allows
        .flat_map(|it| &it.conditions)
        .filter(|it| {
            let operator = it.operator.to_ascii_lowercase();
            it.key.to_ascii_lowercase().ends_with(":sub")
                && (operator.starts_with("stringequals") || operator.starts_with("stringlike"))
        })
        .flat_map(|it| &it.values)
        .filter(|it| !it.contains(['*', '?']))
        .filter_map(|value| {
            let (namespace, name) =
                value.strip_prefix("system:serviceaccount:")?.split_once(':')?;
            Some((value, SaKey::new(namespace, name)))
        })
}

/// A placeholder: upper case, underscores, brackets. Blanks are another mistake (TRUST-SUB-03), and so are letters that
/// only look like the right ones (TRUST-SUB-02).
fn is_placeholder(text: &str) -> bool {
    text.is_ascii() && !text.is_empty() && without_space(text) == text && !is_kubernetes_name(text)
}

pub(super) fn placeholder(cx: &IdentityContext<'_>, acc: &mut Acc) {
    if let Knowledge::Known(association) = &cx.association
        && (is_placeholder(&cx.key.namespace) || is_placeholder(&cx.key.name))
    {
        let role = association.detail.as_ref().known().map(|it| it.role_arn.clone());
        let finding = acc.push(
            Subject::service_account(cx.key, role),
            format!("`{}` is no name that Kubernetes can have", cx.key),
            vec![Evidence {
                place: format!("association {} namespace and serviceAccount", association.id),
                found: cx.key.to_string(),
                needed: "lower case letters, digits and `-`".into(),
            }],
        );
        finding.fixes.push(Fix::delete_association(&cx.cx, association));
    }
    if !matches!(cx.irsa_verdict(), Some(Verdict::Deny(_))) {
        return;
    }
    let Some(arn) = cx.annotated_role() else { return };
    let Some(role) = judge::settled_role(cx.cx.graph, &arn).known() else { return };
    let Ok(policy) = &role.trust.parsed else { return };
    let wanted = cx.key.subject();
    let found = subjects(policy).find(|(value, it)| {
        // Only the case differs: TRUST-SUB-04. A policy variable is no name that somebody forgot to fill in: TRUST-COND-05.
        !value.eq_ignore_ascii_case(&wanted)
            && !value.contains("${")
            && (is_placeholder(&it.namespace) || is_placeholder(&it.name))
    });
    let Some((value, _)) = found else { return };
    let finding = acc.push(
        Subject::service_account(cx.key, Some(arn.clone())),
        format!(
            "the subject that `{arn}` trusts is a placeholder, no name that Kubernetes can have"
        ),
        vec![Evidence {
            place: format!("role {arn} trust policy condition on :sub"),
            found: value.to_string(),
            needed: wanted.clone(),
        }],
    );
    finding.fixes.push(trust::fill_in(cx, &arn));
}

pub(super) fn no_namespace(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Ref::Role(arn) = unit else { return };
    let used = cx.graph.annotated_with(arn).next().is_some()
        || cx.graph.associated_with(arn).next().is_some();
    let Some(role) = judge::settled_role(cx.graph, arn).known().filter(|_| !used) else { return };
    if let Some(key) = only_subjects_here(cx, role) {
        // Somebody may use the role after all where ServiceAccounts or associations may not be read.
        let is_unused = matches!(cx.graph.service_account(&key), Knowledge::Absent)
            && matches!(cx.graph.association_of(&key), Knowledge::Absent);
        if !is_unused || cx.graph.namespace(&key.namespace) != Knowledge::Absent {
            return;
        }
        let finding = acc.push(
            Subject::service_account(&key, Some(arn.clone())),
            format!("is what `{arn}` trusts, but namespace `{}` does not exist", key.namespace),
            vec![Evidence {
                place: format!("namespace {}", key.namespace),
                found: "does not exist".into(),
                needed: "exists".into(),
            }],
        );
        // It hangs at the role: there is no such ServiceAccount in the graph.
        finding.subject.at = unit.clone();
        finding.fixes.push(Fix::by_hand(
            "FX-NONE",
            "create the namespace".into(),
            vec![format!("kubectl create namespace {}", crate::check::quote(&key.namespace))],
        ));
    }
}

/// The one subject of a role that trusts this cluster's provider only; nothing for any other role.
fn only_subjects_here(cx: &Context<'_>, role: &IamRole) -> Option<SaKey> {
    let account = role.arn.account()?;
    let issuer = cx.graph.issuer().known()?;
    let provider: Arn = issuer.provider_arn(&role.arn.partition()?, &account);
    let policy = role.trust.parsed.as_ref().ok()?;
    let [statement] = policy.statements.as_slice() else { return None };
    let Some(iam::Principal::Listed(groups)) = &statement.principal else { return None };
    let [(kind, values)] = groups.as_slice() else { return None };
    if &**kind != "Federated" || !matches!(values.as_slice(), [it] if **it == *provider.as_str()) {
        return None;
    }
    let mut all = subjects(policy);
    match (all.next(), all.next()) {
        (Some((_, key)), None) if is_kubernetes_name(&key.namespace) => Some(key),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::check::sa::names::is_placeholder;

    #[test]
    fn placeholders_are_no_names() {
        let check =
            |text: &str, expected: bool| assert_eq!(is_placeholder(text), expected, "{text}");
        check("KUBBE_SYSTEM", true);
        check("LOAD_BALANCER_CONTROLLER_SERVICE_ACCOUNT", true);
        check("<namespace>", true);
        check("kube-system", false);
        check("app.v2", false);
        check(" kube-system", false);
        check("", false);
    }
}
