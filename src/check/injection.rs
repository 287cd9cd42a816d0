//! What the pods and templates of the cluster show of the pod identity webhook.
//!
//! The configuration decides for whom it is called; pods that it injected into since the configuration last changed
//! prove that it answers, whatever the configuration looks like.

use crate::{
    check::{ContainerLine, expect, judge::Declaration},
    fact::{
        Container, ContainerKind, Knowledge, Labels, Pod, PodSpec, VolumeSource, Webhook, Workload,
    },
    graph::Graph,
    ident::{Ref, Text, WorkloadKind},
    identity::{
        Carried, admission,
        webhook::{self, Called, NAMESPACE_NAME, Refusal, Seen, Side},
    },
};
use std::collections::BTreeSet;

/// Kept by the ledger, one pod and one workload at a time.
#[derive(Clone, Default)]
pub struct Injection {
    /// Pods and workloads that declare an identity and that a selector leaves out.
    left_out: BTreeSet<Ref>,
    /// How many of them are pods.
    pods_left_out: u32,
    /// Pods that were injected into since the configuration last changed.
    proofs: u32,
}

/// What rules read of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub pods: u32,
    pub workloads: u32,
    /// The first of them by name.
    pub first: Option<Ref>,
    /// Whether the webhook is known to answer.
    pub answers: bool,
}

impl Injection {
    pub(crate) fn shown(&self) -> Shown {
        Shown {
            pods: self.pods_left_out,
            workloads: self.left_out.len() as u32 - self.pods_left_out,
            first: self.left_out.first().cloned(),
            answers: self.answers(),
        }
    }

    pub(crate) fn answers(&self) -> bool {
        0 < self.proofs
    }

    pub(crate) fn put(&mut self, unit: Ref, left_out: bool) {
        let is_pod = u32::from(matches!(unit, Ref::Pod { .. }));
        if left_out {
            self.pods_left_out += u32::from(self.left_out.insert(unit)) * is_pod;
        } else {
            self.pods_left_out -= u32::from(self.left_out.remove(&unit)) * is_pod;
        }
    }

    pub(crate) fn count_proof(&mut self, was: bool, is: bool) {
        self.proofs = self.proofs + u32::from(is) - u32::from(was);
    }
}

/// Whether the webhook is called for pods with these labels; `Absent` without a configuration.
fn called(graph: &Graph, namespace: &Text, labels: &Labels, pending: &[&str]) -> Knowledge<Called> {
    let name = [(Text::from(NAMESPACE_NAME), namespace.clone())];
    graph.webhook().map(|it| {
        let of_namespace = match graph.namespace(namespace) {
            Knowledge::Known(it) => Seen::all(&it.labels),
            // Its name is a label of every namespace.
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => {
                Seen { labels: &name, pending: &[], complete: false }
            }
        };
        let of_pod = Seen { labels, pending, complete: true };
        webhook::called(it, of_pod, of_namespace)
    })
}

/// As it is for a stored pod; `answers` says that it was proven to.
pub(crate) fn called_for(graph: &Graph, pod: &Pod, answers: bool) -> Knowledge<Called> {
    match called(graph, &pod.namespace, &pod.labels, &[]) {
        Knowledge::Known(Called::No(why)) if answers && is_doubtful(&why) => {
            Knowledge::Known(Called::Yes)
        }
        it => it,
    }
}

/// Only the look of the configuration speaks against it.
pub(crate) fn is_doubtful(why: &[Refusal]) -> bool {
    !why.is_empty()
        && why.iter().all(|it| match it {
            Refusal::Address(_) | Refusal::Certificate | Refusal::Versions(_) => true,
            Refusal::Rules | Refusal::Selector { .. } => false,
        })
}

/// The pod itself asks to be left alone, by the label that is there for it (HOOK-07).
pub(crate) fn is_opted_out(called: &Knowledge<Called>) -> bool {
    let Knowledge::Known(Called::No(why)) = called else { return false };
    !why.is_empty()
        && why.iter().all(|it| match it {
            Refusal::Selector { of: Side::Pod, term, .. } => *term.key == *PodSpec::SKIP_WEBHOOK,
            Refusal::Selector { of: Side::Namespace, .. }
            | Refusal::Rules
            | Refusal::Address(_)
            | Refusal::Certificate
            | Refusal::Versions(_) => false,
        })
}

/// Nobody injects into pods like it, and it never asked for that (HOOK-03, HOOK-04).
pub(crate) fn is_not_called(called: &Knowledge<Called>) -> bool {
    match called {
        Knowledge::Absent => true,
        Knowledge::Known(Called::No(_)) => !is_opted_out(called),
        Knowledge::Known(Called::Yes | Called::Unknown(_))
        | Knowledge::Denied(_)
        | Knowledge::NotYet => false,
    }
}

/// Why a selector leaves it out although it never asked for that (HOOK-04).
pub(crate) fn left_out(called: &Knowledge<Called>) -> Option<&[Refusal]> {
    let Knowledge::Known(Called::No(why)) = called else { return None };
    let by_selector = !why.is_empty()
        && why.iter().all(|it| match it {
            Refusal::Selector { .. } => true,
            Refusal::Rules | Refusal::Address(_) | Refusal::Certificate | Refusal::Versions(_) => {
                false
            }
        });
    (by_selector && !is_opted_out(called)).then_some(why)
}

/// Whether a stored pod declares an identity, does not bring it itself, and is left out.
pub(crate) fn leaves_out(graph: &Graph, pod: &Pod, declared: &Carried) -> bool {
    *declared != Carried::None
        && needs_injection(&pod.spec)
        && left_out(&called(graph, &pod.namespace, &pod.labels, &[])).is_some()
}

/// Whether the pods that a workload would make now declare one and would be left out.
pub(crate) fn leaves_out_pods_of(graph: &Graph, workload: &Workload) -> bool {
    let key = workload.service_account();
    !workload.completed
        && needs_injection(&workload.template)
        && Declaration::of(graph, &key).carried() != Carried::None
        && left_out(&called_for_template(graph, workload)).is_some()
}

/// The owner's template; of a pod without owner one of its ServiceAccount's whose containers it has.
pub(crate) fn template_of<'a>(
    graph: &'a Graph,
    pod: &Pod,
    root_owner: Option<&'a Workload>,
) -> Option<&'a PodSpec> {
    if pod.owner.is_some() {
        return root_owner.map(|it| &*it.template);
    }
    let has = |name: &Text| pod.spec.containers.iter().any(|it| it.name == *name);
    let fits = |it: &&Workload| {
        let containers = &it.template.containers;
        !containers.is_empty() && containers.iter().all(|it| has(&it.name))
    };
    graph.templates_of(&pod.service_account()).find(fits).map(|it| &*it.template)
}

/// Whether a workload of a kind that is read made the pod, so that its manifest could be known.
pub(crate) fn has_manifest(pod: &Pod) -> bool {
    pod.owner.as_ref().is_some_and(|it| WorkloadKind::parse(&it.kind).is_some())
}

fn needs_injection(spec: &PodSpec) -> bool {
    let looked_at = |it: &&Container| it.kind != ContainerKind::Ephemeral;
    spec.containers.iter().filter(looked_at).any(|it| !expect::has_identity(it))
}

/// As it would be for a new pod of the workload.
pub(crate) fn called_for_template(graph: &Graph, workload: &Workload) -> Knowledge<Called> {
    let pending: &[&str] = match workload.kind {
        WorkloadKind::Deployment => &["pod-template-hash"],
        WorkloadKind::StatefulSet => &[
            "controller-revision-hash",
            "apps.kubernetes.io/pod-index",
            "statefulset.kubernetes.io/pod-name",
        ],
        WorkloadKind::DaemonSet => &["controller-revision-hash", "pod-template-generation"],
        WorkloadKind::Job | WorkloadKind::CronJob => &[
            "batch.kubernetes.io/controller-uid",
            "batch.kubernetes.io/job-name",
            "controller-uid",
            "job-name",
        ],
        WorkloadKind::ReplicaSet => &[],
    };
    called(graph, &workload.namespace, &workload.template_labels, pending)
}

/// Whether the pod was injected into after the configuration last changed.
pub(crate) fn proves(graph: &Graph, pod: &Pod, lines: &[ContainerLine]) -> bool {
    let Knowledge::Known(Webhook { changed: Some(changed), .. }) = graph.webhook() else {
        return false;
    };
    pod.created.is_some_and(|born| *changed < born) && has_injected(graph, pod, lines)
}

/// Whether some container carries an identity that the webhook gave it, and not its own manifest.
pub(crate) fn has_injected(graph: &Graph, pod: &Pod, lines: &[ContainerLine]) -> bool {
    let template = graph.root_owner(pod).map(|it| &it.template);
    let written = |container: &Container, name: &str| {
        let twin =
            template.and_then(|it| it.containers.iter().find(|it| it.name == container.name));
        twin.is_some_and(|it| it.env(name).is_some())
    };
    pod.spec.containers.iter().zip(lines).any(|(container, line)| {
        let variable = match &line.effective {
            Carried::None => return false,
            Carried::Irsa(_) => "AWS_ROLE_ARN",
            Carried::PodIdentity(_) => "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        };
        mounts_of_webhook(&pod.spec, container) && !written(container, variable)
    })
}

/// Whether a container has the mount that the webhook gives, of a volume as it makes it.
pub(crate) fn mounts_of_webhook(spec: &PodSpec, container: &Container) -> bool {
    [admission::IRSA_VOLUME, admission::POD_IDENTITY_VOLUME].iter().any(|name| {
        container.mounts.iter().any(|it| *it.volume == **name) && has_volume_of_webhook(spec, name)
    })
}

/// A volume of that name with a token for somebody else than the API server.
pub(crate) fn has_volume_of_webhook(spec: &PodSpec, name: &str) -> bool {
    spec.volumes.iter().any(|it| {
        *it.name == *name
            && match &it.source {
                VolumeSource::Projected(it) => it.iter().any(|it| !it.audience.is_empty()),
                VolumeSource::Secret(_) | VolumeSource::ConfigMap(_) | VolumeSource::Other(_) => {
                    false
                }
            }
    })
}
