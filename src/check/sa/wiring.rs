//! Which ServiceAccount a workload names, and whether it is there.

use crate::{
    check::{
        Acc, Context, Evidence, Finding, Fix, IdentityContext, PodContext, Subject,
        blocker_or_wrong_id,
        expect::Siblings,
        is_node_agent,
        judge::{self, Declaration},
        pi_assoc,
    },
    fact::{Knowledge, ServiceAccount, Workload},
    ident::{Arn, Ref, SaKey, Text, WorkloadKind},
    identity::Mechanism,
    plan,
};

pub(super) fn runs_as_default(cx: &IdentityContext<'_>, acc: &mut Acc) {
    if &*cx.key.name != "default" || cx.mechanism != Mechanism::None {
        return;
    }
    let graph = cx.cx.graph;
    let workload = graph
        .workloads_of(cx.key)
        .find(|it| !it.completed && !is_node_agent(&it.name, &it.namespace));
    if workload.is_none() && cx.bare_pods == 0 {
        return;
    }
    // A ServiceAccount with an identity that nobody uses was meant for somebody; who names it elsewhere was (SA-03).
    let meant = graph.identities_in(&cx.key.namespace).find(|it| {
        *it != cx.key && declares(cx, it) && !is_used(cx, it) && !is_sought_elsewhere(cx, it)
    });
    let Some(meant) = meant else { return };
    // Whoever uses it may be among what was not read, or not yet.
    if !graph.lists_users(&cx.key.namespace) {
        return;
    }
    let bare = || {
        let mut pods = graph.pods_of(cx.key);
        pods.find(|it| !it.completed() && it.owner.is_none() && !it.mirror)
    };
    let (runs, place, named) = match workload {
        Some(it) => (
            format!("{} `{}`", it.kind.as_str(), it.name),
            format!(
                "{} {}/{} spec.template.spec.serviceAccountName",
                it.kind.as_str(),
                it.namespace,
                it.name
            ),
            it.template.service_account_named,
        ),
        None => {
            let Some(it) = bare() else { return };
            let place = format!("Pod {}/{} spec.serviceAccountName", it.namespace, it.name);
            (format!("pod `{}`", it.name), place, true)
        }
    };
    let finding = acc.push(
        Subject::service_account(cx.key, None),
        format!(
            "{runs} runs as `default`; ServiceAccount `{meant}` has an identity and is used by nobody"
        ),
        vec![Evidence {
            place,
            found: if named { "default".into() } else { String::new() },
            needed: meant.name.to_string(),
        }],
    );
    finding.severity = blocker_or_wrong_id(0 < cx.counts.node_role + cx.counts.fixed);
    finding.fixes.push(match workload {
        Some(it) => Fix::use_service_account(it, &meant.name),
        None => Fix::by_hand(
            "FX-WL-SA",
            format!("create the pod again as ServiceAccount `{}`", meant.name),
            Vec::new(),
        ),
    });
}

/// SA-10.
pub(super) fn unused(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Some(annotation) = cx.annotation else { return };
    let default = SaKey::new(cx.key.namespace.clone(), "default");
    let graph = cx.cx.graph;
    // Who runs as `default` was meant to use it (SA-01), and so was who names it where it is not (SA-03).
    if is_used(cx, cx.key)
        || is_used(cx, &default)
        || is_sought_elsewhere(cx, cx.key)
        || !graph.lists_users(&cx.key.namespace)
    {
        return;
    }
    let finding = acc.push(
        Subject::service_account(cx.key, Some(Arn::new(annotation.clone()))),
        "is annotated with a role, and no pod and no template uses it".into(),
        vec![Evidence {
            place: format!("pods and templates of namespace {}", cx.key.namespace),
            found: "none names it".into(),
            needed: "a workload that runs as it".into(),
        }],
    );
    finding.fixes.push(Fix::unannotate(cx.key, annotation));
}

/// Whether a workload of another namespace names a ServiceAccount of that name which its own namespace lacks.
fn is_sought_elsewhere(cx: &IdentityContext<'_>, key: &SaKey) -> bool {
    let graph = cx.cx.graph;
    let mut namesakes = graph.identities_named(&key.name);
    namesakes.any(|it| {
        it.namespace != key.namespace
            && !graph.service_account(it).is_known()
            && graph.templates_of(it).next().is_some()
    })
}

fn declares(cx: &IdentityContext<'_>, key: &SaKey) -> bool {
    let it = Declaration::of(cx.cx.graph, key);
    it.sa.is_known() && it.mechanism() != Mechanism::None
}

fn is_used(cx: &IdentityContext<'_>, key: &SaKey) -> bool {
    // What a Deployment keeps of its former templates uses nothing; pods that it left behind do.
    cx.cx.graph.pods_of(key).next().is_some() || cx.cx.graph.workloads_of(key).next().is_some()
}

/// The workload of a unit that creates pods itself: not a ReplicaSet of a Deployment, nor a CronJob's Job.
fn creator<'a>(cx: &Context<'a>, unit: &Ref) -> Option<(&'a Workload, SaKey)> {
    let Ref::Workload { kind, namespace, name } = unit else { return None };
    let workload = cx.graph.workload(*kind, namespace, name)?;
    let owned = workload.owner.as_ref().is_some_and(|it| {
        WorkloadKind::parse(&it.kind)
            .is_some_and(|kind| cx.graph.workload(kind, namespace, &it.name).is_some())
    });
    if owned || workload.completed || workload.replicas == Some(0) {
        return None;
    }
    Some((workload, workload.service_account()))
}

/// One of that name that is annotated elsewhere.
fn twin<'a>(cx: &Context<'a>, key: &SaKey) -> Option<(SaKey, &'a ServiceAccount)> {
    let namesakes: Vec<SaKey> = cx.graph.identities_named(&key.name).cloned().collect();
    namesakes.into_iter().filter(|it| it.namespace != key.namespace).find_map(|it| {
        let sa = cx.graph.service_account(&it).known()?;
        sa.role_arn().filter(|it| !it.is_empty())?;
        Some((it, sa))
    })
}

pub(super) fn absent(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some((workload, key)) = creator(cx, unit) else { return };
    let finding = gone(cx, &key, Subject::workload(workload), "", acc);
    if let (Some(finding), Some(error)) = (finding, workload.create_errors.first()) {
        finding.evidence.push(Evidence {
            place: "condition ReplicaFailure".into(),
            found: error.to_string(),
            needed: String::new(),
        });
    }
}

/// SA-02 of a pod that no known workload made. None is admitted without its ServiceAccount.
pub(super) fn absent_since(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.owner.is_some() || pod.pod.mirror {
        return;
    }
    let since = ": it was deleted since, and the pod's tokens cannot be renewed";
    let key = pod.pod.service_account();
    if let Some(it) = gone(&pod.cx, &key, Subject::maker(pod.pod), since, acc) {
        // It was created long ago.
        it.signature = None;
    }
}

fn gone<'a>(
    cx: &Context<'_>,
    key: &SaKey,
    subject: Subject,
    since: &str,
    acc: &'a mut Acc,
) -> Option<&'a mut Finding> {
    // `default` is made by a controller a moment after its namespace.
    if &*key.name == "default" || cx.graph.service_account(key) != Knowledge::Absent {
        return None;
    }
    let cause = match cx.graph.association_of(key) {
        Knowledge::Known(it) => format!(" (association {} names it too: the same cause)", it.id),
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => String::new(),
    };
    let finding = acc.push(
        subject,
        format!("runs as ServiceAccount `{key}`, which does not exist{since}{cause}"),
        vec![Evidence {
            place: format!("ServiceAccount {key}"),
            found: "does not exist".into(),
            needed: "exists".into(),
        }],
    );
    finding.fixes.push(Fix::create_service_account(key, trusting(cx, key).as_ref()));
    Some(finding)
}

/// The role that the ServiceAccount is to be annotated with once it is there: the only one that trusts it by name and
/// would let it in. With an association it needs none.
fn trusting(cx: &Context<'_>, key: &SaKey) -> Option<Text> {
    if !matches!(cx.graph.association_of(key), Knowledge::Absent) {
        return None;
    }
    let named = cx.graph.roles_naming(key);
    let [role] = &named[..] else { return None };
    let identity = judge::identity(*cx, key, &Siblings::default());
    judge::takes_token(&identity, role.arn.as_str()).then(|| role.arn.text().clone())
}

pub(super) fn elsewhere(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some((workload, key)) = creator(cx, unit) else { return };
    if &*key.name == "default" || cx.graph.service_account(&key) != Knowledge::Absent {
        return;
    }
    let Some((twin, sa)) = twin(cx, &key) else { return };
    let finding = acc.push(
        Subject::workload(workload),
        format!(
            "runs as ServiceAccount `{key}`, which exists in namespace `{}` only",
            twin.namespace
        ),
        vec![Evidence {
            place: format!("ServiceAccount {key}"),
            found: format!("does not exist; `{twin}` does"),
            needed: "exists in the workload's namespace".into(),
        }],
    );
    finding.fixes.push(Fix::create_service_account(&key, sa.role_arn()));
}

pub(super) fn left_out_by_eksctl(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Knowledge::Known(association) = &cx.association else { return };
    let namespace = cx.cx.graph.namespace(&cx.key.namespace);
    if cx.sa != Knowledge::Absent
        || namespace == Knowledge::Absent
        || !pi_assoc::is_of_eksctl(&cx.cx, association)
    {
        return;
    }
    let role = association.detail.as_ref().known().map(|it| it.role_arn.clone());
    let finding = acc.push(
        Subject::service_account(cx.key, role),
        "does not exist: eksctl made its association, but not the ServiceAccount".into(),
        vec![Evidence {
            place: format!("ServiceAccount {}", cx.key),
            found: format!("does not exist; association {} does", association.id),
            needed: "exists".into(),
        }],
    );
    finding.fixes.push(Fix::create_service_account(cx.key, None));
}

pub(super) fn default_annotated(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Some(annotation) = cx.annotation.filter(|_| &*cx.key.name == "default") else { return };
    let finding = acc.push(
        Subject::service_account(cx.key, Some(Arn::new(annotation.clone()))),
        format!("gives `{annotation}` to every pod of the namespace that names no ServiceAccount"),
        vec![Evidence {
            place: format!("ServiceAccount {} annotation {}", cx.key, ServiceAccount::ROLE_ARN),
            found: annotation.to_string(),
            needed: "a ServiceAccount of the workload's own".into(),
        }],
    );
    // Without it whoever runs as `default` loses its identity, so those come first.
    let mut fix = Fix::unannotate(cx.key, annotation);
    if 0 < cx.counts.total || cx.cx.graph.workloads_of(cx.key).next().is_some() {
        let title = format!("give its workloads a ServiceAccount of their own, then {}", fix.title);
        fix = Fix::by_hand(fix.id, title, fix.commands(&plan::Names::of(cx.cx.graph)));
    }
    finding.fixes.push(fix);
}
