//! What an association names: a namespace, a ServiceAccount, or nearly one.

use crate::{
    check::{
        Acc, AssociationContext, Context, Evidence, Fix, IdentityContext, Severity, Subject,
        is_node_agent, judge, sa::is_kubernetes_name,
    },
    fact::{Association, Knowledge, Scope},
    ident::{SaKey, Text},
    identity::{Mechanism, near_miss::text::distance},
};

/// Whether eksctl made it, which does not create the ServiceAccount unless told to (SA-05).
pub(crate) fn is_of_eksctl(cx: &Context<'_>, it: &Association) -> bool {
    let by_eksctl = |tags: &[(Text, Text)]| tags.iter().any(|(key, _)| key.contains("eksctl"));
    let detail = it.detail.as_ref().known();
    let tagged = detail.is_some_and(|it| by_eksctl(&it.tags));
    // It makes the role in the same stack, which gives it tags and a name.
    let role = detail.and_then(|it| judge::settled_role(cx.graph, &it.role_arn).known());
    let its_role = role.is_some_and(|role| {
        role.tags.as_ref().known().is_some_and(|it| by_eksctl(it))
            || role
                .arn
                .name()
                .is_some_and(|it| it.starts_with("eksctl-") && it.contains("-podidentityrole-"))
    });
    tagged || its_role || it.owner_arn.as_ref().is_some_and(|it| it.as_str().contains("eksctl"))
}

/// PI-ASSOC-01.
pub(crate) fn no_service_account(context: &AssociationContext<'_>, acc: &mut Acc) {
    let AssociationContext { cx, association: it, .. } = context;
    let key = &it.service_account;
    let namespace = cx.graph.namespace(&key.namespace);
    if cx.graph.service_account(key) != Knowledge::Absent
        || namespace == Knowledge::Absent
        || is_of_eksctl(cx, it)
        || !is_kubernetes_name(&key.name)
    {
        // The last one is SA-08's: such a ServiceAccount cannot exist.
        return;
    }
    let finding = acc.push(
        Subject::association(it),
        format!("names ServiceAccount `{key}`, which does not exist"),
        vec![Evidence {
            place: format!("ServiceAccount {key}"),
            found: "does not exist".into(),
            needed: "exists".into(),
        }],
    );
    finding.fixes.push(Fix::create_service_account(key, None));
    finding.fixes.push(Fix::delete_association(cx, it));
}

/// PI-ASSOC-02.
pub(crate) fn no_namespace(context: &AssociationContext<'_>, acc: &mut Acc) {
    let AssociationContext { cx, association: it, .. } = context;
    let key = &it.service_account;
    if cx.graph.namespace(&key.namespace) != Knowledge::Absent {
        return;
    }
    let finding = acc.push(
        Subject::association(it),
        format!("names namespace `{}`, which does not exist", key.namespace),
        vec![Evidence {
            place: format!("namespace {}", key.namespace),
            found: "does not exist".into(),
            needed: "exists".into(),
        }],
    );
    finding.fixes.push(Fix::delete_association(cx, it));
}

/// PI-ASSOC-03.
pub(crate) fn near_miss(context: &AssociationContext<'_>, acc: &mut Acc) {
    let AssociationContext { cx, association: it, .. } = context;
    let key = &it.service_account;
    let Some(meant) = meant(cx, it) else { return };
    let still = cx.graph.pods_of(meant).any(|it| !it.completed());
    let finding = acc.push(
        Subject::association(it),
        format!("names `{key}`, which nobody uses; pods run as `{meant}`"),
        vec![Evidence {
            place: format!("association {} namespace and serviceAccount", it.id),
            found: key.to_string(),
            needed: meant.to_string(),
        }],
    );
    if still {
        finding.severity = Severity::WrongId;
    }
    let delete = Fix::delete_association(cx, it);
    finding.fixes.push(match it.detail.as_ref().known() {
        Some(detail) => {
            let create = Fix::create_association(*cx, meant, detail.into());
            // What could not be made is not paid for with what is there.
            if create.edits.is_empty() { create } else { create.then(delete) }
        }
        None => delete,
    });
}

/// Whether PI-ASSOC-03 says of an association that it was meant for this ServiceAccount.
pub(crate) fn is_meant(identity: &IdentityContext<'_>) -> bool {
    let cx = &identity.cx;
    identity.mechanism == Mechanism::None
        && judge::is_settled(cx.graph, &Scope::Associations)
        && cx
            .graph
            .idle_associations_like(identity.key)
            .any(|it| meant(cx, it) == Some(identity.key))
}

/// The ServiceAccount that an association was probably meant for; `None` where it is used itself, or may be.
fn meant<'a>(cx: &Context<'a>, it: &'a Association) -> Option<&'a SaKey> {
    let key = &it.service_account;
    let is_unread =
        matches!(cx.graph.namespace(&key.namespace), Knowledge::NotYet | Knowledge::Denied(_));
    if cx.graph.is_used(key) || is_unread || !cx.graph.lists_users(&key.namespace) {
        return None;
    }
    candidates(cx, key).into_iter().find(|it| goes_without(cx, it))
}

/// Nearly the same name in the namespace first, then the same name elsewhere.
///
/// Where the association's own ServiceAccount exists, somebody meant exactly that one, so only what looks like a typing
/// error counts.
fn candidates<'a>(cx: &Context<'a>, key: &'a SaKey) -> Vec<&'a SaKey> {
    let invented = cx.graph.service_account(key) == Knowledge::Absent;
    let mut res: Vec<&SaKey> = cx
        .graph
        .lookalikes(key)
        .filter(|it| &*it.name != "default")
        .filter(|it| {
            let (same, other) = match it.namespace == key.namespace {
                true => (&key.name, &it.name),
                false => (&key.namespace, &it.namespace),
            };
            let elsewhere = it.namespace != key.namespace;
            is_typed_like(same, other)
                || invented && (elsewhere || has_a_word_more(same, other) || is_slip(same, other))
        })
        .collect();
    // The likeliest first.
    res.sort_by_key(|it| (it.namespace != key.namespace, distance(&it.name, &key.name, 2), *it));
    res
}

/// A typing error: at most two edits, and not another one of a numbered series.
fn is_typed_like(a: &str, b: &str) -> bool {
    let series = |it: &str| it.replace(|c: char| c.is_ascii_digit(), "");
    4 <= a.len().min(b.len()) && distance(a, b, 2) <= 2 && (a == b || series(a) != series(b))
}

/// A short name with a letter too many or too few, or with its letters in another order.
fn is_slip(a: &str, b: &str) -> bool {
    let series = |it: &str| it.replace(|c: char| c.is_ascii_digit(), "");
    let sorted = |it: &str| {
        let mut res: Vec<char> = it.chars().collect();
        res.sort_unstable();
        res
    };
    let one_more = a.len().abs_diff(b.len()) == 1 && distance(a, b, 1) <= 1;
    let exchanged = distance(a, b, 2) <= 2 && sorted(a) == sorted(b);
    3 <= a.len().min(b.len()) && (one_more || exchanged) && series(a) != series(b)
}

/// One is the other with a word before or after it.
fn has_a_word_more(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    long.strip_prefix(short).is_some_and(|it| it.starts_with('-'))
        || long.strip_suffix(short).is_some_and(|it| it.ends_with('-'))
}

/// Used by a workload, and declares nothing.
fn goes_without(cx: &Context<'_>, key: &SaKey) -> bool {
    let declared = judge::Declaration::of(cx.graph, key);
    let agents = |name: &Text| is_node_agent(name, &key.namespace);
    declared.annotation.is_none()
        && declared.association == Knowledge::Absent
        && (cx.graph.workloads_of(key).any(|it| !it.completed && !agents(&it.name))
            || cx.graph.pods_of(key).any(|it| !it.completed() && !agents(&it.name)))
}

#[cfg(test)]
mod tests {
    use crate::check::pi_assoc::names::{has_a_word_more, is_slip, is_typed_like};

    #[test]
    fn near_names_are_near() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(is_typed_like(a, b) || has_a_word_more(a, b), expected, "{a} {b}");
        };
        check("aws-load-balancer-controller", "aws-loadbalancer-controller", true);
        check("cart", "cart-sa", true);
        check("cart", "carts", true);
        check("api", "app", false);
        check("worker-1", "worker-2", false);
        check("worker-1", "woker-1", true);
        check("orders", "payments", false);
    }

    #[test]
    fn short_names_slip() {
        let check =
            |a: &str, b: &str, expected: bool| assert_eq!(is_slip(a, b), expected, "{a} {b}");
        check("web", "webb", true);
        check("web", "wbe", true);
        check("api", "app", false);
        check("db", "dbs", false);
        check("web", "web1", false);
        check("web", "job", false);
    }
}
