//! How findings name what they are about (the JSON contract, "Subject by code").

use crate::{
    check::{Subject, SubjectKind},
    fact::{Association, Container, Pod, Workload},
    graph::Graph,
    ident::{Arn, Ref, SaKey, Text},
};

impl Subject {
    /// TRUST and ANN findings carry the role in `arn`.
    pub fn service_account(key: &SaKey, arn: Option<Arn>) -> Subject {
        Subject {
            namespace: Some(key.namespace.clone()),
            arn,
            ..Subject::plain(
                SubjectKind::ServiceAccount,
                key.name.clone(),
                Ref::ServiceAccount(key.clone()),
            )
        }
    }

    pub fn pod(pod: &Pod) -> Subject {
        let at = Ref::Pod { namespace: pod.namespace.clone(), name: pod.name.clone() };
        Subject {
            namespace: Some(pod.namespace.clone()),
            ..Subject::plain(SubjectKind::Pod, pod.name.clone(), at)
        }
    }

    /// `name` is the pod's, `container` its own; it hangs at the pod.
    pub fn container(pod: &Pod, container: &Container) -> Subject {
        Subject {
            kind: SubjectKind::Container,
            container: Some(container.name.clone()),
            ..Subject::pod(pod)
        }
    }

    /// `name` is its ServiceAccount's and `arn` its role's.
    pub fn association(association: &Association) -> Subject {
        let key = &association.service_account;
        let role = association.detail.as_ref().known().map(|it| it.role_arn.clone());
        Subject {
            namespace: Some(key.namespace.clone()),
            arn: role,
            ..Subject::plain(
                SubjectKind::Association,
                key.name.clone(),
                Ref::Association(association.id.clone()),
            )
        }
    }

    /// `name` is its friendly name; the whole text where that is no ARN.
    pub fn role(arn: &Arn) -> Subject {
        let name = arn.name().map_or_else(|| arn.text().clone(), Text::from);
        Subject {
            arn: Some(arn.clone()),
            ..Subject::plain(SubjectKind::Role, name, Ref::Role(arn.clone()))
        }
    }

    /// A missing provider goes by the ARN that it should have. `name` is what follows `oidc-provider/`.
    pub fn provider(arn: &Arn) -> Subject {
        let name = match arn.as_str().split_once(":oidc-provider/") {
            Some((_, it)) => it.into(),
            None => arn.text().clone(),
        };
        Subject {
            arn: Some(arn.clone()),
            ..Subject::plain(SubjectKind::OidcProvider, name, Ref::Provider(arn.clone()))
        }
    }

    pub fn node(name: &Text) -> Subject {
        Subject::plain(SubjectKind::Node, name.clone(), Ref::Node(name.clone()))
    }

    /// By its EKS name; where AWS could not be asked, by the kubeconfig context's.
    pub fn cluster(graph: &Graph) -> Subject {
        match graph.cluster().known() {
            Some(it) => Subject {
                arn: Some(it.arn.clone()),
                ..Subject::plain(SubjectKind::Cluster, it.name.clone(), Ref::Cluster)
            },
            None => {
                let name = graph.api_server().map_or_else(|| "".into(), |it| it.context.clone());
                Subject::plain(SubjectKind::Cluster, name, Ref::Cluster)
            }
        }
    }

    pub fn workload(workload: &Workload) -> Subject {
        let at = Ref::Workload {
            kind: workload.kind,
            namespace: workload.namespace.clone(),
            name: workload.name.clone(),
        };
        Subject {
            namespace: Some(workload.namespace.clone()),
            workload_kind: Some(workload.kind.as_str()),
            ..Subject::plain(SubjectKind::Workload, workload.name.clone(), at)
        }
    }

    /// A pod in place of the workload that it has not.
    pub fn maker(pod: &Pod) -> Subject {
        Subject {
            kind: SubjectKind::Workload,
            workload_kind: Some(SubjectKind::Pod.as_str()),
            ..Subject::pod(pod)
        }
    }

    fn plain(kind: SubjectKind, name: Text, at: Ref) -> Subject {
        Subject { kind, namespace: None, name, arn: None, container: None, workload_kind: None, at }
    }
}
