//! Associations as they are: doubled, owned, unused, changed or gone.

use crate::{
    check::{
        Acc, AssociationContext, Context, Evidence, Fix, IdentityContext, Subject, SubjectKind,
        fix,
        judge::{self, Declaration},
        quote,
    },
    fact::{Association, AssociationDetail, IamRole, Knowledge, Pod, PodSpec, Scope},
    ident::{Arn, SaKey, Text, WorkloadKind},
    identity::{Verdict, eks},
    plan::{self, AssociationFields},
};
use jiff::SignedDuration;
use std::sync::Arc;

/// How long credentials may be kept that the agent was given (EKS User Guide: up to 6 hours, 59 minutes with a target
/// role).
const KEPT: SignedDuration = SignedDuration::from_hours(6);
const KEPT_OF_TARGET: SignedDuration = SignedDuration::from_mins(59);

/// What EKS says to whoever asks for a second one.
const EXISTS: &str = "Association already exists";

/// PI-ASSOC-05.
pub(crate) fn twice(context: &AssociationContext<'_>, acc: &mut Acc) {
    let AssociationContext { cx, association: it, .. } = context;
    let key = &it.service_account;
    let first = cx.graph.associations_of(key).min_by_key(|it| age(it));
    if let Some(first) = first.filter(|first| first.id != it.id) {
        let finding = acc.push(
            Subject::association(it),
            format!("is a second association of `{key}`, which has `{}` already", first.id),
            vec![Evidence {
                place: format!("associations of {key}"),
                found: format!("{}, {}", first.id, it.id),
                needed: "one".into(),
            }],
        );
        let delete = Fix::delete_association(cx, it);
        if let (Knowledge::Known(new), Knowledge::Known(old)) = (&it.detail, &first.detail)
            && new.role_arn != old.role_arn
        {
            let title = format!("give association `{}` the role `{}`", first.id, new.role_arn);
            let update = Fix::update_association(cx, first, title, new.into());
            finding.fixes.extend(update.map(|it| it.then(delete.clone())));
        }
        finding.fixes.push(delete);
        return;
    }
    let refused = cx.graph.addons().find_map(|addon| {
        let mut issues = addon.health_issues.iter();
        let issue = issues.find(|(_, text)| text.contains(EXISTS) && text.contains(&*it.id))?;
        Some((addon, &issue.1))
    });
    let Some((addon, text)) = refused else { return };
    let finding = acc.push(
        Subject::association(it),
        format!("keeps add-on `{}` from making its own association of `{key}`", addon.name),
        vec![Evidence {
            place: format!("add-on {} health", addon.name),
            found: text.to_string(),
            needed: "one association".into(),
        }],
    );
    // Without it nobody has an identity until the add-on has made its own.
    let delete = Fix::delete_association(cx, it);
    let mut commands = delete.commands(&plan::Names::of(cx.graph));
    commands.extend(Fix::set_in_addon(cx, it, &addon.name).by_hand);
    let title = format!("{}, and let add-on `{}` make its own at once", delete.title, addon.name);
    finding.fixes.push(Fix::by_hand(delete.id, title, commands));
}

/// Oldest first; one whose age nobody may read counts as young.
fn age(it: &Association) -> impl Ord + use<> {
    let created = it.detail.as_ref().known().and_then(|it| it.created);
    (created.is_none(), created, it.id.clone())
}

/// PI-ASSOC-09.
pub(crate) fn owned(context: &AssociationContext<'_>, acc: &mut Acc) {
    let AssociationContext { cx, association: it, .. } = context;
    let Some(owner) = &it.owner_arn else { return };
    let finding = acc.push(
        Subject::association(it),
        format!("belongs to `{owner}`, which replaces it when it is updated"),
        vec![Evidence {
            place: format!("association {} ownerArn", it.id),
            found: owner.to_string(),
            needed: "nothing: change it through its owner".into(),
        }],
    );
    finding.fixes.push(Fix::through_addon(cx, it, owner));
}

/// PI-ASSOC-10.
pub(crate) fn unused(context: &AssociationContext<'_>, acc: &mut Acc) {
    let AssociationContext { cx, association: it, .. } = context;
    let key = &it.service_account;
    if cx.graph.is_used(key) || !cx.graph.service_account(key).is_known() || !is_all_listed(context)
    {
        return;
    }
    let finding = acc.push(
        Subject::association(it),
        format!("is for `{key}`, which no workload uses"),
        vec![Evidence {
            place: format!("pods and templates of namespace {}", key.namespace),
            found: "none names it".into(),
            needed: format!("serviceAccountName: {}", key.name),
        }],
    );
    finding.fixes.push(Fix::delete_association(cx, it));
}

/// Whether all pods and workloads of the association's namespace are known.
fn is_all_listed(context: &AssociationContext<'_>) -> bool {
    let AssociationContext { cx, association: it, .. } = context;
    let namespace = || Some(it.service_account.namespace.clone());
    let workloads =
        WorkloadKind::ALL.into_iter().map(|kind| Scope::Workloads { kind, namespace: namespace() });
    let mut scopes = workloads.chain([Scope::Pods { namespace: namespace() }]);
    scopes.all(|it| cx.graph.listed(&it).is_known())
}

/// PI-ASSOC-11.
pub(crate) fn changed(context: &AssociationContext<'_>, acc: &mut Acc) {
    let AssociationContext { cx, association: it, .. } = context;
    let Some(detail) = it.detail.as_ref().known() else { return };
    let (Some(created), Some(modified)) = (detail.created, detail.modified) else { return };
    let kept = if detail.target_role_arn.is_some() { KEPT_OF_TARGET } else { KEPT };
    let Ok(end) = modified.checked_add(kept) else { return };
    if modified <= created || end <= cx.now {
        return;
    }
    let declared = Declaration::of(cx.graph, &it.service_account);
    let mut served = cx
        .graph
        .pods_of(&it.service_account)
        .filter(|pod| pod.created.is_some_and(|it| it < modified) && !pod.completed())
        .filter(asking(&declared));
    let Some(first) = served.next() else { return };
    let n_pods = 1 + served.count();
    let finding = acc.push(
        Subject::association(it),
        format!(
            "was changed at {modified}; {n_pods} of its pods may be served credentials of before until {end}"
        ),
        vec![Evidence {
            place: format!("association {} modifiedAt", it.id),
            found: format!("{modified}, younger than pod {}", first.name),
            needed: format!("pods that are younger, or {end} past"),
        }],
    );
    let owner = cx.graph.root_owner(first);
    finding.fixes.push(Fix::restart(&first.namespace, &first.name, owner));
    acc.lapses(end);
}

/// Whether some container of a pod asks the agent for credentials.
fn asking<'a>(declared: &Declaration<'_>) -> impl FnMut(&&'a Pod) -> bool {
    // Pods of one owner follow each other and share their spec.
    let mut last: Option<(&Arc<PodSpec>, bool)> = None;
    move |pod| {
        let known = last.filter(|(spec, _)| Arc::ptr_eq(spec, &pod.spec));
        let asks = known.map_or_else(|| judge::asks_agent(&pod.spec, declared), |(_, it)| it);
        last = Some((&pod.spec, asks));
        asks
    }
}

/// PI-ASSOC-08.
pub(crate) fn no_role(context: &AssociationContext<'_>, acc: &mut Acc) {
    let AssociationContext { cx, association: it, .. } = context;
    let Some(detail) = it.detail.as_ref().known() else { return };
    if let Some(target) = &detail.target_role_arn
        && judge::settled_role(cx.graph, target) == Knowledge::Absent
    {
        no_target(context, target, acc);
    }
    if judge::settled_role(cx.graph, &detail.role_arn) != Knowledge::Absent {
        return;
    }
    let finding = acc.push(
        Subject::association(it),
        format!("names role `{}`, which does not exist", detail.role_arn),
        vec![Evidence {
            place: format!("association {} roleArn", it.id),
            found: format!("{} (no such role)", detail.role_arn),
            needed: "the ARN of an existing role".into(),
        }],
    );
    if let Some(role) = meant(cx, &it.service_account, detail.disable_session_tags) {
        let title = format!("give the association of `{}` the role `{role}`", it.service_account);
        let fields = AssociationFields { role_arn: role, ..detail.into() };
        finding.fixes.extend(Fix::update_association(cx, it, title, fields));
        return;
    }
    finding.fixes.push(Fix::by_hand(
        "FX-PIA-UPDATE",
        "give the association an existing role".into(),
        vec![format!(
            "aws eks update-pod-identity-association --cluster-name {} --association-id {} --role-arn ROLE_ARN",
            fix::cluster_name(cx),
            quote(&it.id)
        )],
    ));
}

fn no_target(context: &AssociationContext<'_>, target: &Arn, acc: &mut Acc) {
    let AssociationContext { cx, association: it, .. } = context;
    let finding = acc.push(
        Subject::association(it),
        format!("names target role `{target}`, which does not exist"),
        vec![Evidence {
            place: format!("association {} targetRoleArn", it.id),
            found: format!("{target} (no such role)"),
            needed: "the ARN of an existing role".into(),
        }],
    );
    finding.fixes.push(Fix::by_hand(
        "FX-PIA-UPDATE",
        "give the association an existing target role".into(),
        vec![format!(
            "aws eks update-pod-identity-association --cluster-name {} --association-id {} --target-role-arn ROLE_ARN",
            fix::cluster_name(cx),
            quote(&it.id)
        )],
    ));
}

/// The only role that names the ServiceAccount, by its annotation or in its trust policy, and that EKS may assume for it.
fn meant(cx: &Context<'_>, key: &SaKey, without_tags: bool) -> Option<Arn> {
    let graph = cx.graph;
    let annotated = graph.service_account(key).known().and_then(|it| it.role_arn());
    let annotated = annotated.map(|it| Arn::new(it.clone()));
    let naming = graph.roles_naming(key).into_iter();
    let tagged = graph.roles().filter(|it| is_named_by_tags(it, key));
    let mut all: Vec<Arn> =
        annotated.into_iter().chain(naming.chain(tagged).map(|it| it.arn.clone())).collect();
    all.sort();
    all.dedup();
    all.retain(|role| {
        let detail = AssociationDetail {
            role_arn: role.clone(),
            target_role_arn: None,
            external_id: None,
            disable_session_tags: without_tags,
            policy: None,
            created: None,
            modified: None,
            tags: Vec::new(),
        };
        let ask = judge::delivery(*cx, key, Knowledge::Known(&detail));
        eks::judge(&ask).verdict == Verdict::Allow
    });
    match &all[..] {
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// Whether a statement for EKS asks for exactly this ServiceAccount.
fn is_named_by_tags(role: &IamRole, key: &SaKey) -> bool {
    let Ok(policy) = &role.trust.parsed else { return false };
    policy.statements.iter().any(|it| {
        let asks = |tag: &str, value: &Text| {
            it.conditions.iter().any(|it| {
                it.key.eq_ignore_ascii_case(&format!("aws:RequestTag/kubernetes-{tag}"))
                    && it.values == [value.clone()]
            })
        };
        it.principals().any(|it| it == ("Service", eks::SERVICE))
            && asks("namespace", &key.namespace)
            && asks("service-account", &key.name)
    })
}

/// PI-ASSOC-12.
pub(crate) fn deleted(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let settled = judge::is_settled(cx.cx.graph, &Scope::Associations);
    if cx.association != Knowledge::Absent || !settled || cx.counts.stale == 0 {
        return;
    }
    let declared = Declaration::of(cx.cx.graph, cx.key);
    let pods: Vec<_> = cx
        .cx
        .graph
        .pods_of(cx.key)
        .filter(|it| !it.completed())
        .filter(asking(&declared))
        .collect();
    let Some(first) = pods.iter().min_by_key(|it| &it.name) else { return };
    let subject =
        Subject { kind: SubjectKind::Association, ..Subject::service_account(cx.key, None) };
    let finding = acc.push(
        subject,
        format!("of `{}` is gone, and {} of its pods still ask the agent", cx.key, pods.len()),
        vec![Evidence {
            place: format!(
                "pod {}/{} env AWS_CONTAINER_CREDENTIALS_FULL_URI",
                first.namespace, first.name
            ),
            found: "set, but no association exists".into(),
            needed: "an association, or a restart".into(),
        }],
    );
    // New pods would get nothing; those that run work again once it is back.
    if let Some(role) = meant(&cx.cx, cx.key, false) {
        let fields = AssociationFields::of_role(role);
        finding.fixes.push(Fix::create_association(cx.cx, cx.key, fields));
    }
    finding.fixes.push(Fix::restart(&first.namespace, &first.name, cx.cx.graph.root_owner(first)));
}
