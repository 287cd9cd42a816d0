//! What else somebody may write into a container's environment, and containers that differ from their neighbours.

use crate::{
    check::{
        Acc, ContainerContext, Evidence, Fix, PodContext, Subject,
        hook::{has_identity_variables, is_skipped},
        injection, is_node_agent, judge,
        pod_env::{place, unset},
        sidecar,
    },
    fact::{EnvValue, Knowledge},
    iam,
    ident::{Arn, Text},
    identity::{Carried, Mechanism, Signature, Verdict, chain::Provider, sts},
};

const METADATA: &str = "AWS_EC2_METADATA_DISABLED";
const SESSION: &str = "AWS_ROLE_SESSION_NAME";

/// POD-ENV-11.
pub(super) fn no_fallback(pod: &PodContext<'_>, acc: &mut Acc) {
    let meant = pod.identity.mechanism != Mechanism::None || pod.identity.expected.is_some();
    let name = pod.owner.map_or(&pod.pod.name, |it| &it.name);
    if !meant || is_node_agent(name, &pod.pod.namespace) {
        return;
    }
    for it in pod.admitted() {
        let disabled = it.literal(METADATA).is_some_and(|it| it.eq_ignore_ascii_case("true"));
        let nothing = it.effective == Carried::None
            && it.chain.provider == Provider::None
            && it.chain.error.is_none()
            && !it.is_partly_read();
        if !disabled || !nothing || sidecar::never_calls_aws(&it.container.name) {
            continue;
        }
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            "has no credentials at all: nothing is injected, and AWS_EC2_METADATA_DISABLED shuts the node's role off".into(),
            vec![Evidence {
                place: place(it, METADATA),
                found: "true".into(),
                needed: "an injected identity; the variable only takes the fallback away".into(),
            }],
        );
        finding.fixes.push(Fix::by_hand(
            "FX-NONE",
            "see to it that an identity is injected; leave the variable".into(),
            Vec::new(),
        ));
    }
}

/// POD-ENV-12.
pub(super) fn differs(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.declared == Carried::None || injection::is_opted_out(&pod.called) {
        return;
    }
    let Some(other) = pod.admitted().find(|it| it.effective == pod.declared) else { return };
    // What was added after admission is told from the rest by the manifest only.
    if pod.template.is_none() && injection::has_manifest(pod.pod) {
        return;
    }
    for it in pod.admitted() {
        let bare = it.effective == Carried::None
            && matches!(it.chain.provider, Provider::NodeRole | Provider::None)
            && it.chain.error.is_none()
            && !has_identity_variables(it)
            && !it.is_partly_read()
            && !is_skipped(pod, it)
            && !injection::mounts_of_webhook(&pod.pod.spec, it.container);
        // Of what was added afterwards HOOK-13 tells where it matters.
        if !bare || pod.is_own(it) == Some(false) || sidecar::never_calls_aws(&it.container.name) {
            continue;
        }
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            format!(
                "carries no identity, while container `{}` of the same pod does",
                other.container.name
            ),
            vec![Evidence {
                place: format!("container {} env and volumeMounts", it.container.name),
                found: it.chain.because.clone(),
                needed: other.effective.render(),
            }],
        );
        finding.fixes.push(Fix::restart(&pod.pod.namespace, &pod.pod.name, pod.owner));
    }
}

/// POD-ENV-13.
pub(super) fn session_name(pod: &PodContext<'_>, acc: &mut Acc) {
    for it in pod.admitted() {
        let Provider::WebIdentity(role) = &it.chain.provider else { continue };
        let Some(name) = session_of(pod, it) else { continue };
        let told = if !is_session_name(&name) {
            let what = "is no session name that STS takes";
            Some((what, "2 to 64 of A-Z, a-z, 0-9 and _+=,.@-", None))
        } else {
            let refused = role.as_ref().is_some_and(|it| is_refused(pod, it.as_str(), &name));
            let what = "is a session name that the role's trust policy refuses";
            refused.then_some((
                what,
                "the name that the trust policy asks for",
                Some(Signature::E05),
            ))
        };
        let Some((what, needed, signature)) = told else { continue };
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            format!("sets {SESSION} to `{name}`, which {what}"),
            vec![Evidence { place: place(it, SESSION), found: name, needed: needed.into() }],
        );
        finding.signature = signature;
        // Names that SDKs make up are seldom what a policy asks for.
        let accepted = role.as_ref().filter(|_| signature.is_some());
        let accepted = accepted.and_then(|role| accepted_name(pod, role.as_str()));
        if let (Some(name), Some(owner), Some(true)) =
            (accepted, pod.owner, pod.is_written(it, SESSION))
        {
            finding.fixes.push(Fix::set_env(owner, &it.container.name, SESSION, name));
        } else {
            finding.fixes.extend(unset(pod, it, &[SESSION]));
        }
    }
}

/// The first session name that the role's trust policy asks for and takes; wildcards stand for the ServiceAccount's name.
fn accepted_name(pod: &PodContext<'_>, role: &str) -> Option<Text> {
    let ask = pod.identity.ask(role);
    let known = judge::settled_role(pod.cx.graph, &Arn::new(role)).known()?;
    let policy = known.trust.parsed.as_ref().ok()?;
    let allows = policy.statements.iter().filter(|it| it.effect == iam::Effect::Allow);
    let asked = allows.flat_map(|it| &it.conditions);
    let asked = asked.filter(|it| it.key.eq_ignore_ascii_case("sts:RoleSessionName"));
    let filled = |it: &Text| it.replace('*', &pod.pod.spec.service_account).replace('?', "0");
    let mut names = asked.flat_map(|it| &it.values).map(filled);
    let is_taken = |name: &String| {
        let ask = sts::Ask { session_name: Knowledge::Known(name), ..ask.clone() };
        is_session_name(name) && sts::judge(&ask).verdict == Verdict::Allow
    };
    names.find(is_taken).map(Text::from)
}

/// The session name that the SDK will send, where it is known.
fn session_of(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> Option<String> {
    match it.container.env(SESSION)? {
        EnvValue::From(from) => match &**from {
            "field metadata.name" => Some(pod.pod.name.to_string()),
            "field metadata.namespace" => Some(pod.pod.namespace.to_string()),
            "field metadata.uid" => Some(pod.pod.uid.to_string()),
            "field spec.nodeName" => pod.pod.node.as_ref().map(ToString::to_string),
            "field spec.serviceAccountName" => Some(pod.pod.spec.service_account.to_string()),
            _ => None,
        },
        EnvValue::Literal(_) => it.literal(SESSION).map(str::to_owned),
        EnvValue::Redacted => None,
    }
}

/// The pattern of the STS API model: `[\w+=,.@-]{2,64}`.
fn is_session_name(text: &str) -> bool {
    (2..=64).contains(&text.chars().count())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
}

/// Whether the declared role refuses this session name and would not refuse every other.
fn is_refused(pod: &PodContext<'_>, role: &str, name: &str) -> bool {
    let declared = pod.identity.annotation.is_some_and(|it| **it == *role);
    let ask = pod.identity.ask(role);
    let denied = |ask: &sts::Ask<'_>| matches!(sts::judge(ask).verdict, Verdict::Deny(_));
    declared
        && denied(&sts::Ask { session_name: Knowledge::Known(name), ..ask.clone() })
        && !denied(&ask)
}

#[cfg(test)]
mod tests {
    use crate::check::pod_env::rest::is_session_name;

    #[test]
    fn session_names_are_those_of_sts() {
        let check = |text: &str, expected: bool| {
            assert_eq!(is_session_name(text), expected, "{text}");
        };
        check("web", true);
        check("web@prod+a=b,c.d-e_f", true);
        check("w", false);
        check("shop/web", false);
        check("shop:web", false);
        check("my web", false);
        check("wéb", false);
        check(&"w".repeat(64), true);
        check(&"w".repeat(65), false);
    }
}
