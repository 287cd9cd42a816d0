//! Where the containers of a pod end, in one world.

use crate::{
    check::{
        Context, End, IdentityContext, Reach,
        expect::Siblings,
        injection,
        judge::{self, Declaration},
        lines::{self, ContainerLine},
    },
    fact::{Knowledge, Phase, Pod, PodSpec, VolumeSource, Workload},
    graph::Graph,
    ident::{Arn, SaKey, Text},
    identity::{
        Verdict,
        admission::{self, Defaults, Known},
        chain::Provider,
        sts,
        webhook::Called,
    },
};
use std::sync::Arc;

/// The pod that the owner would make now, or why nobody can say. Where it runs is not known, as it is not scheduled.
fn new_pod(graph: &Graph, owner: &Workload, key: &SaKey) -> Result<Pod, Text> {
    let template = &owner.template;
    let spec = match injection::called_for_template(graph, owner) {
        Knowledge::Known(Called::Yes) => {
            let sa = graph.service_account(key).known();
            let known = Known {
                association: graph.association_of(key).is_known(),
                annotations: sa.map(|it| it.annotations.as_slice()),
            };
            let region = graph.cluster().known().map_or("", |it| &*it.region);
            Arc::new(admission::admit_selected(template, known, &Defaults::for_region(region)))
        }
        Knowledge::Known(Called::No(_)) | Knowledge::Absent => Arc::clone(template),
        Knowledge::Known(Called::Unknown(it)) => {
            return Err(format!("whether the webhook is called depends on {it}").into());
        }
        Knowledge::Denied(_) | Knowledge::NotYet => {
            return Err("the webhook's configuration is not read".into());
        }
    };
    Ok(Pod {
        namespace: owner.namespace.clone(),
        name: format!("{} (new)", owner.name).into(),
        uid: "".into(),
        created: None,
        owner: None,
        node: None,
        phase: Phase::Pending,
        ready: false,
        deleting: false,
        waiting: None,
        ready_since: None,
        printed: None,
        mirror: false,
        labels: owner.template_labels.clone(),
        spec,
    })
}

/// One ServiceAccount in one world, ready to be asked for ends.
pub(crate) struct Asked<'a> {
    identity: IdentityContext<'a>,
    declaration: Declaration<'a>,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(cx: Context<'a>, key: &'a SaKey) -> Asked<'a> {
        let identity = judge::identity(cx, key, &Siblings::default());
        Asked { identity, declaration: Declaration::of(cx.graph, key) }
    }

    /// As `ends`, of a pod that the owner would make now.
    pub(crate) fn ends_of_new(&self, owner: &Workload) -> Vec<End> {
        match new_pod(self.identity.cx.graph, owner, self.identity.key) {
            Ok(it) => self.ends(&it),
            Err(why) => {
                owner.template.containers.iter().map(|_| End::Unknown(None, why.clone())).collect()
            }
        }
    }

    /// One a container that the webhook looks at, in the pod's order.
    pub(crate) fn ends(&self, pod: &Pod) -> Vec<End> {
        let lines = lines::lines(self.identity.cx.graph, pod, &self.declaration);
        lines.iter().map(|it| self.end(&pod.spec, it)).collect()
    }

    fn end(&self, spec: &PodSpec, line: &ContainerLine) -> End {
        let unread = || Text::from(line.chain.unread.join(", "));
        match &line.chain.provider {
            Provider::Static => End::Static,
            Provider::NodeRole => match line.reach {
                Reach::Proven | Reach::NotKnown if line.chain.unread.is_empty() => End::NodeRole,
                Reach::Proven | Reach::NotKnown => End::Unknown(None, unread()),
                Reach::Blocked => End::None,
            },
            Provider::None => End::None,
            Provider::WebIdentity(None) => End::Unknown(None, "the role is not read".into()),
            // The SDK takes the variables and finds no file.
            Provider::WebIdentity(Some(_)) if lacks_token(spec, &line.container) => End::None,
            Provider::WebIdentity(Some(role)) => {
                let audience = audience(spec);
                let mut ask: sts::Ask<'_> = self.identity.ask(role.as_str());
                if let Some(it) = &audience {
                    ask.audience = it;
                }
                judged(sts::judge(&ask).verdict, role.clone())
            }
            Provider::Container => match (&self.identity.pod_identity, &line.role_arn) {
                (Some(it), Some(role)) => judged(it.verdict.clone(), role.clone()),
                (Some(_), None) => End::Unknown(None, "the association is not read".into()),
                (None, _) => match self.declaration.association {
                    Knowledge::Absent => End::None,
                    Knowledge::Known(_) | Knowledge::Denied(_) | Knowledge::NotYet => {
                        End::Unknown(None, "the associations are not read".into())
                    }
                },
            },
        }
    }
}

fn judged(verdict: Verdict, role: Arn) -> End {
    match verdict {
        Verdict::Allow => End::Role(role),
        Verdict::Deny(it) => End::Refused(role, Some(it)),
        Verdict::None => End::None,
        Verdict::Unknown(why) => End::Unknown(Some(role), why.describe().into()),
    }
}

/// Whether a container's variables name the webhook's token file, and nothing is mounted there.
fn lacks_token(spec: &PodSpec, container: &str) -> bool {
    let Some(it) = spec.containers.iter().find(|it| &*it.name == container) else { return false };
    let file = it.env("AWS_WEB_IDENTITY_TOKEN_FILE").and_then(|it| it.literal());
    let covers = |mount: &str| {
        let rest = file.and_then(|it| it.strip_prefix(mount.trim_end_matches('/')));
        rest.is_some_and(|it| it.starts_with('/'))
    };
    covers(admission::IRSA_MOUNT) && !it.mounts.iter().any(|it| covers(&it.path))
}

/// The audience of the token that the pod has mounted for STS.
fn audience(spec: &PodSpec) -> Option<Vec<Text>> {
    let volume = spec.volumes.iter().find(|it| &*it.name == admission::IRSA_VOLUME)?;
    match &volume.source {
        VolumeSource::Projected(sources) => {
            let all: Vec<Text> = sources.iter().map(|it| it.audience.clone()).collect();
            (!all.is_empty()).then_some(all)
        }
        VolumeSource::Secret(_) | VolumeSource::ConfigMap(_) | VolumeSource::Other(_) => None,
    }
}
