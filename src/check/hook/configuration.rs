//! The webhook's configuration itself: missing, or altered so that pods go without.

use crate::{
    check::{Acc, Context, Evidence, Fix, Shown, Subject, injection},
    fact::{Knowledge, Scope, SelectorTerm, Webhook, WebhookRule},
    ident::Ref,
    identity::webhook::{self, EKS_URL, REVIEW, Refusal},
};

/// HOOK-03.
pub(super) fn missing(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster || !cx.graph.cluster().is_known() {
        return;
    }
    let found = match cx.graph.webhook() {
        Knowledge::Absent => "no such configuration",
        Knowledge::Known(it) if it.hooks.is_empty() => "a configuration without webhooks",
        Knowledge::Known(_) | Knowledge::Denied(_) | Knowledge::NotYet => return,
    };
    let finding = acc.push(
        Subject::cluster(cx.graph),
        "has no pod identity webhook, so no new pod gets an identity".into(),
        vec![Evidence {
            place: format!("MutatingWebhookConfiguration {}", Webhook::POD_IDENTITY),
            found: found.into(),
            needed: "webhook iam-for-pods.amazonaws.com for CREATE of pods".into(),
        }],
    );
    finding.fixes.push(look("restore the webhook configuration"));
}

/// HOOK-04.
pub(super) fn altered(cx: &Context<'_>, shown: &Shown, acc: &mut Acc) {
    let Knowledge::Known(it) = cx.graph.webhook() else { return };
    if !cx.graph.cluster().is_known() || it.hooks.is_empty() {
        return;
    }
    let told = if it.hooks.iter().all(|it| !webhook::broken(it).is_empty()) {
        unanswered(cx, &it.hooks, shown)
    } else {
        leaving_out(cx, shown)
    };
    let Some((message, evidence)) = told else { return };
    let finding = acc.push(Subject::cluster(cx.graph), message, evidence);
    finding.fixes.push(look("restore what was altered in the webhook configuration"));
}

/// No webhook of the configuration can answer for any pod.
fn unanswered(
    cx: &Context<'_>,
    hooks: &[WebhookRule],
    shown: &Shown,
) -> Option<(String, Vec<Evidence>)> {
    let why: Vec<Refusal> = webhook::broken(hooks.first()?);
    // A pod may show that it answers all the same, and may be among those that were not read.
    let every_pod = cx.graph.listed(&Scope::Pods { namespace: None });
    if injection::is_doubtful(&why) && (shown.answers || !every_pod.is_known()) {
        return None;
    }
    let what = match why.first()? {
        Refusal::Rules => "has no rule for CREATE of pods",
        Refusal::Address(_) => "has an address that is not the one of EKS",
        Refusal::Certificate => "has a certificate that nobody can check",
        Refusal::Versions(_) => "is not sent the AdmissionReview that it understands",
        Refusal::Selector { .. } => return None,
    };
    let evidence = why.iter().map(|it| of_refusal(&hooks[0].name, it)).collect();
    Some((
        format!("has a pod identity webhook that {what}, so no new pod gets an identity"),
        evidence,
    ))
}

/// A selector leaves out pods that declare an identity.
fn leaving_out(cx: &Context<'_>, shown: &Shown) -> Option<(String, Vec<Evidence>)> {
    let (name, called) = match shown.first.as_ref()? {
        Ref::Pod { namespace, name } => {
            let pod = cx.graph.pod(namespace, name)?;
            (format!("pod `{namespace}/{name}`"), injection::called_for(cx.graph, pod, false))
        }
        Ref::Workload { kind, namespace, name } => {
            let workload = cx.graph.workload(*kind, namespace, name)?;
            let title = format!("{} `{namespace}/{name}`", kind.as_str());
            (title, injection::called_for_template(cx.graph, workload))
        }
        Ref::Cluster
        | Ref::Namespace(_)
        | Ref::ServiceAccount(_)
        | Ref::Node(_)
        | Ref::Webhook(_)
        | Ref::Budget { .. }
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Association(_)
        | Ref::Role(_)
        | Ref::Provider(_)
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => return None,
    };
    let evidence = injection::left_out(&called)?.iter().map(|it| of_refusal("", it)).collect();
    let n = |n: u32, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    };
    let message = format!(
        "has a pod identity webhook whose selectors leave out {} and {} that declare an identity, {name} first",
        n(shown.pods, "pod"),
        n(shown.workloads, "workload")
    );
    Some((message, evidence))
}

fn of_refusal(hook: &str, why: &Refusal) -> Evidence {
    match why {
        Refusal::Rules => Evidence {
            place: place(hook, "rules"),
            found: "none for CREATE of pods".into(),
            needed: "apiGroups [\"\"], apiVersions [v1], operations [CREATE], resources [pods]"
                .into(),
        },
        Refusal::Address(it) => Evidence {
            place: place(hook, "clientConfig.url"),
            found: it.to_string(),
            needed: EKS_URL.into(),
        },
        Refusal::Certificate => Evidence {
            place: place(hook, "clientConfig.caBundle"),
            found: String::new(),
            needed: "the certificate authority that EKS made for this cluster".into(),
        },
        Refusal::Versions(it) => Evidence {
            place: place(hook, "admissionReviewVersions"),
            found: it.join(", "),
            needed: REVIEW.into(),
        },
        Refusal::Selector { hook, of, term, found } => Evidence {
            place: place(hook, &format!("{} {}", of.field(), term.key)),
            found: match found {
                Some(it) => format!("{}, and the label is `{it}`", wanted(term)),
                None => format!("{}, and there is no such label", wanted(term)),
            },
            needed: "a selector that takes every pod which declares an identity".into(),
        },
    }
}

fn wanted(term: &SelectorTerm) -> String {
    match term.values.as_slice() {
        [] => term.operator.to_string(),
        values => format!("{} {}", term.operator, values.join(", ")),
    }
}

fn place(hook: &str, field: &str) -> String {
    format!("MutatingWebhookConfiguration {} webhook {hook} {field}", Webhook::POD_IDENTITY)
}

fn look(title: &str) -> Fix {
    Fix::by_hand(
        "FX-NONE",
        title.into(),
        vec![format!("kubectl get mutatingwebhookconfiguration {} -o yaml", Webhook::POD_IDENTITY)],
    )
}

#[cfg(test)]
mod tests {
    use crate::check::hook::configuration::*;

    #[test]
    fn terms_are_told_as_they_are_written() {
        let check = |operator: &str, values: &[&str], expected: &str| {
            let values = values.iter().map(|it| (*it).into()).collect();
            let term = SelectorTerm { key: "a".into(), operator: operator.into(), values };
            assert_eq!(wanted(&term), expected);
        };
        check("Exists", &[], "Exists");
        check("In", &["a", "b"], "In a, b");
    }
}
