//! APP: controllers with their own rules.

use crate::{
    check::{
        Acc, Confidence, Context, Evidence, Fix, Row, Rule, Severity, Subject, SubjectKind,
        expect::Siblings,
        judge::{self, lines},
        known_controller,
    },
    fact::Pod,
    ident::Ref,
    identity::{Mechanism, Signature, Verdict, Why, chain::Provider},
};

/// What `known_controller` calls it.
const LOAD_BALANCER: &str = "AWS Load Balancer Controller";

pub const ROWS: &[Row] = &[Row {
    code: "APP-LBC-01",
    name: "load-balancer-controller-refused",
    title: "AWS Load Balancer Controller WebIdentityErr",
    severity: Severity::Blocker,
    confidence: Confidence::Certain,
    subject: SubjectKind::Workload,
    fragment: "workloads run the AWS Load Balancer Controller, which AWS refuses a web identity",
    detect: "The controller cannot get its web identity (Ingress and Service events say `FailedBuildModel` and `WebIdentityErr`). As a rule an OIDC, TRUST, ANN, SA, HOOK or POD code says why and is reported instead. This one remains where all that can be read would let it in, and yet a pod that carries the annotated role waits for its next start and left `WebIdentityErr` with E01, E02 or E05 in its termination message: an organisation's policy, an endpoint policy or a change that is not read yet.",
    repair: "Follow the code that is reported beside it, if any; else ask the organisation's administrators for resource control policies and look at the STS endpoint's policy. Restart the controller afterwards.",
    signatures: &[Signature::E05, Signature::E02, Signature::E01],
    fixes: &["FX-NONE"],
    reference: "https://repost.aws/knowledge-center/eks-load-balancer-webidentityerr",
    rule: Rule::Unit(refused),
}];

fn refused(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Ref::Workload { kind, namespace, name } = unit else { return };
    let Some(workload) = cx.graph.workload(*kind, namespace, name) else { return };
    if known_controller(workload) != Some(LOAD_BALANCER) || cx.graph.parent(workload).is_some() {
        return;
    }
    let key = workload.service_account();
    let pods = cx.graph.pods_of_workload(*kind, namespace, name);
    let said = pods
        .into_iter()
        .filter(|it| !it.deleting && !it.ready)
        .find_map(|pod| Some((pod, error_of(pod)?)).filter(|_| pod.service_account() == key));
    let Some((pod, error)) = said else { return };
    let declared = judge::Declaration::of(cx.graph, &key);
    let identity = judge::identity(*cx, &key, &Siblings::default());
    let uses_it = lines(cx.graph, pod, &declared).iter().any(|it| {
        it.effective == it.declared && matches!(it.chain.provider, Provider::WebIdentity(_))
    });
    // What is refused for a reason that can be read has a code of its own.
    let told = match identity.irsa_verdict() {
        Some(Verdict::Allow) => "everything that can be read would let it in",
        // What is still to come may say why.
        Some(Verdict::Unknown(Why::Pending(_)) | Verdict::Deny(_) | Verdict::None) | None => return,
        Some(Verdict::Unknown(Why::Denied(_) | Why::InvalidPolicy(_) | Why::Undecidable(_))) => {
            "not everything that decides could be read"
        }
    };
    if identity.mechanism != Mechanism::Irsa || !uses_it {
        return;
    }
    let finding = acc.push(
        Subject::workload(workload),
        format!("is refused its web identity ({error}), although {told}"),
        vec![Evidence {
            place: "containerStatuses terminated.message of its pods".into(),
            found: error.text().to_owned(),
            needed: "credentials".into(),
        }],
    );
    finding.signature = Some(error);
    let restart = format!("restart {} `{namespace}/{name}`", kind.as_str());
    let title = format!("ask who may change organisation and endpoint policies, then {restart}");
    finding.fixes.push(Fix::by_hand("FX-NONE", title, Vec::new()));
}

/// The refusal of a web identity that a container of the pod left behind.
fn error_of(pod: &Pod) -> Option<Signature> {
    let error = Signature::new(pod.printed?)?;
    [Signature::E01, Signature::E02, Signature::E05].contains(&error).then_some(error)
}
