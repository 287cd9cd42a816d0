//! The words for what is wrong with variables and token files.

use crate::{
    check::{
        Acc, ContainerContext, Evidence, Fix, PodContext, Subject,
        pod_env::{
            Fault, fault, place,
            token::{AGENT_TOKEN, ROLE, TOKEN, URI},
            unset,
        },
    },
    ident::Arn,
    identity::{
        Mechanism, Signature,
        admission::{AGENT_URI, IRSA_MOUNT},
    },
};

/// The faults of variables and token files, each by its code.
pub(super) fn told(pod: &PodContext<'_>, acc: &mut Acc) {
    for it in pod.admitted() {
        let Some(words) = fault(pod, it).and_then(words) else { continue };
        if words.code != acc.code() {
            continue;
        }
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            words.message,
            vec![Evidence {
                place: match words.place {
                    Place::Variable(name) => place(it, name),
                    Place::Volume => format!("container {} volumeMounts", it.container.name),
                },
                found: words.found,
                needed: words.needed,
            }],
        );
        finding.signature = Some(words.signature);
        if words.unset.is_empty() {
            finding.fixes.push(Fix::by_hand(
                "FX-NONE",
                "rename the volume and its mount in the pod template".into(),
                Vec::new(),
            ));
        } else if let Some(role) = role_by_hand(pod, it).filter(|_| words.code == "POD-ENV-03") {
            // What is written by hand is right, and the webhook adds the volume as soon as it is asked for.
            let key = &pod.identity.key;
            let was = pod.identity.sa.as_ref().known().and_then(|it| it.role_arn());
            finding.fixes.push(Fix::annotate(key, was, &role));
            finding.fixes.push(Fix::restart(&pod.pod.namespace, &pod.pod.name, pod.owner));
        } else {
            finding.fixes.extend(unset(pod, it, &words.unset));
        }
    }
}

/// The role that a container names where its ServiceAccount asks for none.
fn role_by_hand(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> Option<String> {
    let role = it.literal(ROLE).filter(|it| Arn::from(*it).is_iam_role())?;
    let fits = pod.identity.mechanism == Mechanism::None
        && it.literal(TOKEN).is_some_and(|it| it.starts_with(IRSA_MOUNT));
    fits.then(|| role.to_owned())
}

enum Place {
    Variable(&'static str),
    Volume,
}

/// A fault as its row tells it.
struct Words {
    code: &'static str,
    message: String,
    place: Place,
    found: String,
    needed: String,
    signature: Signature,
    /// Variables that have to go; none where a volume is to blame.
    unset: Vec<&'static str>,
}

/// `None` for what HOOK-13 tells.
fn words(fault: &Fault) -> Option<Words> {
    let or_neither =
        |written: &str| format!("set together with {written}, or neither written by hand");
    let res = match fault {
        Fault::RoleAlone => Words {
            code: "POD-ENV-01",
            message: "sets AWS_ROLE_ARN by hand, so no token file is injected".into(),
            place: Place::Variable(TOKEN),
            found: String::new(),
            needed: or_neither(ROLE),
            signature: Signature::E12,
            unset: vec![ROLE],
        },
        Fault::TokenAlone { stops } => Words {
            code: "POD-ENV-02",
            message: "sets AWS_WEB_IDENTITY_TOKEN_FILE by hand, but no role".into(),
            place: Place::Variable(ROLE),
            found: String::new(),
            needed: or_neither(TOKEN),
            signature: if *stops { Signature::E32 } else { Signature::E12 },
            unset: vec![TOKEN],
        },
        Fault::NotMounted(variable, file) => Words {
            code: "POD-ENV-03",
            message: format!("reads its token from `{file}`, which no volume provides"),
            place: Place::Variable(variable),
            found: file.clone(),
            needed: "a mount that covers the file".into(),
            signature: Signature::E11,
            unset: if *variable == TOKEN { vec![ROLE, TOKEN] } else { vec![URI, AGENT_TOKEN] },
        },
        Fault::ApiToken(file) => Words {
            code: "POD-ENV-05",
            message: format!("hands STS `{file}`, the token for the API server"),
            place: Place::Variable(TOKEN),
            found: file.clone(),
            needed: "a token for sts.amazonaws.com".into(),
            signature: Signature::E02,
            unset: vec![ROLE, TOKEN],
        },
        Fault::Early(written) => Words {
            code: "POD-ENV-06",
            message: format!(
                "sets {} by hand, so the webhook does not mount the token",
                written.join(", ")
            ),
            place: Place::Variable(written.first().copied().unwrap_or(ROLE)),
            found: written.join(", "),
            needed: "not all of them by hand".into(),
            signature: match (written.contains(&ROLE), written.contains(&TOKEN)) {
                (true, false) => Signature::E12,
                (false, true) => Signature::E32,
                (true, true) | (false, false) => Signature::E11,
            },
            unset: [ROLE, TOKEN, URI, AGENT_TOKEN]
                .into_iter()
                .filter(|it| written.contains(it))
                .collect(),
        },
        Fault::Volume { found, needed } => Words {
            code: "POD-ENV-07",
            message: format!("has a {found} of its own, which the webhook keeps"),
            place: Place::Volume,
            found: found.clone(),
            needed: needed.clone(),
            signature: if found.contains("with a token for") {
                Signature::E02
            } else {
                Signature::E11
            },
            unset: Vec::new(),
        },
        Fault::Address(uri) => Words {
            code: "POD-ENV-08",
            message: format!("asks `{uri}` for credentials, so Pod Identity is not injected"),
            place: Place::Variable(URI),
            found: uri.clone(),
            needed: AGENT_URI.into(),
            signature: Signature::E20,
            unset: vec![URI],
        },
        Fault::AgentAlone(written) => Words {
            code: "POD-ENV-08",
            message: format!("sets {written} by hand, so the rest of Pod Identity is not injected"),
            place: Place::Variable(if *written == URI { AGENT_TOKEN } else { URI }),
            found: String::new(),
            needed: or_neither(written),
            signature: if *written == URI { Signature::E24 } else { Signature::E12 },
            unset: vec![written],
        },
        Fault::Stripped(_) => return None,
    };
    Some(res)
}
