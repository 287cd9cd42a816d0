//! What is listed: a kind, in one namespace or in all; its path, its scope, and the permission it takes.

use crate::{
    fact::Scope,
    ident::{Text, WorkloadKind},
    source::slim::Kind,
};

/// One list and its watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Listed {
    pub(crate) kind: Kind,
    /// `None`: cluster-wide.
    pub(crate) namespace: Option<Text>,
}

impl Listed {
    pub(crate) fn everywhere(kind: Kind) -> Listed {
        Listed { kind, namespace: None }
    }

    pub(crate) fn scope(&self) -> Scope {
        let namespace = self.namespace.clone();
        match self.kind {
            Kind::Pod => Scope::Pods { namespace },
            Kind::ServiceAccount => Scope::ServiceAccounts { namespace },
            Kind::Namespace => Scope::Namespaces,
            Kind::Node => Scope::Nodes,
            Kind::Webhook => Scope::Webhooks,
            Kind::Budget => Scope::Budgets { namespace },
            Kind::Workload(kind) => Scope::Workloads { kind, namespace },
        }
    }

    /// The path of the collection, without query.
    pub(crate) fn path(&self) -> String {
        let (group, plural) = (group(self.kind), plural(self.kind));
        match &self.namespace {
            Some(it) => format!("{group}/namespaces/{it}/{plural}"),
            None => format!("{group}/{plural}"),
        }
    }

    /// `list pods` or `list pods in payments`.
    pub(crate) fn permission(&self, verb: &str) -> Text {
        let plural = plural(self.kind);
        match &self.namespace {
            Some(it) => format!("{verb} {plural} in {it}").into(),
            None => format!("{verb} {plural}").into(),
        }
    }
}

pub(crate) fn is_namespaced(kind: Kind) -> bool {
    match kind {
        Kind::Pod | Kind::ServiceAccount | Kind::Budget | Kind::Workload(_) => true,
        Kind::Namespace | Kind::Node | Kind::Webhook => false,
    }
}

fn group(kind: Kind) -> &'static str {
    match kind {
        Kind::Pod | Kind::ServiceAccount | Kind::Namespace | Kind::Node => "/api/v1",
        Kind::Webhook => "/apis/admissionregistration.k8s.io/v1",
        Kind::Budget => "/apis/policy/v1",
        Kind::Workload(WorkloadKind::Job | WorkloadKind::CronJob) => "/apis/batch/v1",
        Kind::Workload(
            WorkloadKind::Deployment
            | WorkloadKind::StatefulSet
            | WorkloadKind::DaemonSet
            | WorkloadKind::ReplicaSet,
        ) => "/apis/apps/v1",
    }
}

fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Pod => "pods",
        Kind::ServiceAccount => "serviceaccounts",
        Kind::Namespace => "namespaces",
        Kind::Node => "nodes",
        Kind::Webhook => "mutatingwebhookconfigurations",
        Kind::Budget => "poddisruptionbudgets",
        Kind::Workload(WorkloadKind::Deployment) => "deployments",
        Kind::Workload(WorkloadKind::StatefulSet) => "statefulsets",
        Kind::Workload(WorkloadKind::DaemonSet) => "daemonsets",
        Kind::Workload(WorkloadKind::ReplicaSet) => "replicasets",
        Kind::Workload(WorkloadKind::Job) => "jobs",
        Kind::Workload(WorkloadKind::CronJob) => "cronjobs",
    }
}
