//! PI-BOTH: annotation and association on the same ServiceAccount.

use crate::{
    check::{
        Acc, Confidence, Evidence, Fix, IdentityContext, Row, Rule, Severity, Subject, SubjectKind,
        injection,
        judge::{self, Declaration},
    },
    fact::{IamRole, Knowledge, Pod, ServiceAccount},
    graph::Graph,
    iam::Effect,
    ident::{Arn, Text},
    identity::{Carried, Mechanism, Signature},
};

const ROLE: &str = "AWS_ROLE_ARN";
const TOKEN: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

pub const ROWS: &[Row] = &[
    Row {
        code: "PI-BOTH-01",
        name: "annotation-and-association",
        title: "IRSA annotation and association on the same ServiceAccount",
        severity: Severity::WrongId,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have both the role annotation and a Pod Identity association",
        detect: "Both exist. New pods get Pod Identity only; with another role their rights change at the next restart. Harmless while both name the same role.",
        repair: "Finish the migration: remove the annotation, or delete the association.",
        signatures: &[],
        fixes: &["FX-SA-UNANN", "FX-PIA-DEL"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html",
        rule: Rule::Identity(both),
    },
    Row {
        code: "PI-BOTH-02",
        name: "oidc-trust-removed-too-early",
        title: "migration removed the OIDC trust while old pods still use IRSA",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have pods that still use IRSA with a role that trusts no OIDC provider any more",
        detect: "The ServiceAccount has an association, pods of it still carry the web identity variables of the role that the association or the annotation names, and no Allow statement of that role's trust policy has a Federated principal.",
        repair: "Restart the workload: new pods use Pod Identity, unless the template sets the variables by hand; then take them out. Or put the web identity statement back until they are restarted.",
        signatures: &[Signature::E05],
        fixes: &["FX-RESTART", "FX-WL-ENV"],
        reference: "https://docs.eksctl.io/usage/pod-identity-associations/",
        rule: Rule::Identity(left_behind),
    },
];

fn both(cx: &IdentityContext<'_>, acc: &mut Acc) {
    if cx.mechanism != Mechanism::Both {
        return;
    }
    let (Some(annotation), Knowledge::Known(association)) = (cx.annotation, &cx.association) else {
        return;
    };
    let Some(detail) = association.detail.as_ref().known() else { return };
    let same = **annotation == *detail.role_arn.as_str();
    let message = if same {
        "has both annotation and association for the same role; new pods use the association"
            .to_owned()
    } else {
        format!(
            "new pods get `{}` by the association, not the annotated `{annotation}`",
            detail.role_arn
        )
    };
    let finding = acc.push(
        Subject::service_account(cx.key, Some(Arn::new(annotation.clone()))),
        message,
        vec![
            Evidence {
                place: format!("ServiceAccount {} annotation {}", cx.key, ServiceAccount::ROLE_ARN),
                found: annotation.to_string(),
                needed: "one of the two".into(),
            },
            Evidence {
                place: format!("association {} roleArn", association.id),
                found: detail.role_arn.to_string(),
                needed: "one of the two".into(),
            },
        ],
    );
    if same {
        finding.severity = Severity::Hygiene;
    }
    finding.fixes.push(Fix::unannotate(cx.key, annotation));
    finding.fixes.push(Fix::delete_association(&cx.cx, association));
}

fn left_behind(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Knowledge::Known(association) = &cx.association else { return };
    if cx.counts.stale == 0 {
        return;
    }
    let graph = cx.cx.graph;
    let declared = Declaration::of(graph, cx.key);
    let associated = association.detail.as_ref().known().map(|it| it.role_arn.clone());
    // A role that only a pod names is not read.
    let mut named: Vec<Arn> = associated.into_iter().chain(cx.annotated_role()).collect();
    named.dedup();
    for arn in named {
        let Some(role) = judge::settled_role(graph, &arn).known() else { continue };
        if !trusts_no_provider(role) {
            continue;
        }
        let mut pods = graph.pods_of(cx.key).filter_map(|pod| {
            let (container, by_hand) = using(graph, pod, &declared, &arn)?;
            Some((pod, container, by_hand))
        });
        let Some((first, container, by_hand)) = pods.next() else { continue };
        let n_pods = 1 + pods.count();
        let finding = acc.push(
            Subject::service_account(cx.key, Some(arn.clone())),
            format!("{n_pods} of its pods still use IRSA, which `{arn}` does not take any more"),
            vec![
                Evidence {
                    place: format!("pod {}/{} env {ROLE}", first.namespace, first.name),
                    found: arn.to_string(),
                    needed: "Pod Identity, as the association has it".into(),
                },
                Evidence {
                    place: format!("role {arn} trust policy Principal"),
                    found: "no Federated principal".into(),
                    needed: "the cluster's OIDC provider, while pods use IRSA".into(),
                },
            ],
        );
        let owner = graph.root_owner(first);
        finding.fixes.extend(if by_hand {
            owner.map(|it| Fix::unset_env(it, container, &[ROLE, TOKEN]))
        } else {
            Some(Fix::restart(&first.namespace, &first.name, owner))
        });
    }
}

/// The container by which a pod uses a role through IRSA, and whether its template says so itself: then no restart helps.
fn using<'a>(
    graph: &Graph,
    pod: &'a Pod,
    declared: &Declaration<'_>,
    role: &Arn,
) -> Option<(&'a Text, bool)> {
    if pod.completed() {
        return None;
    }
    let template = injection::template_of(graph, pod, graph.root_owner(pod));
    let lines = judge::lines(graph, pod, declared).into_iter().zip(&pod.spec.containers);
    let mut using = lines.filter(|(line, _)| line.effective == Carried::Irsa(role.clone()));
    using.find_map(|(_, it)| {
        let twin =
            template.and_then(|spec| spec.containers.iter().find(|twin| twin.name == it.name));
        let by_hand = twin.is_some_and(|it| it.env(ROLE).is_some());
        // What somebody wrote without a token file gives no identity at all (POD-ENV-03).
        let file = || it.env(TOKEN).and_then(|it| it.literal());
        let has_file =
            || file().is_some_and(|file| it.mounts.iter().any(|it| file.starts_with(&*it.path)));
        (!by_hand || has_file()).then_some((&it.name, by_hand))
    })
}

/// Whether no Allow statement names an OIDC provider, or everybody.
fn trusts_no_provider(role: &IamRole) -> bool {
    role.trust.parsed.as_ref().is_ok_and(|policy| {
        let allows = policy.statements.iter().filter(|it| it.effect == Effect::Allow);
        allows.flat_map(|it| it.principals()).all(|(kind, it)| kind != "Federated" && it != "*")
    })
}
