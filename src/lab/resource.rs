//! Which Kubernetes kinds there are, under which plural they are served, and whether they live in namespaces.
//!
//! The table holds what real clusters have; whatever else a scenario brings is named by its CustomResourceDefinition or
//! by the English plural.

use serde_json::Value;

/// One served resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub short: Vec<String>,
    pub namespaced: bool,
}

impl Resource {
    pub fn api_version(&self) -> String {
        match &*self.group {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// `pods`, `deployments.apps`.
    pub fn qualified(&self) -> String {
        match &*self.group {
            "" => self.plural.clone(),
            group => format!("{}.{group}", self.plural),
        }
    }

    pub fn singular(&self) -> String {
        self.kind.to_lowercase()
    }
}

/// Group, version, kind, plural, short names, namespaced.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str], bool);

const KNOWN: &[Row] = &[
    ("", "v1", "Pod", "pods", &["po"], true),
    ("", "v1", "ServiceAccount", "serviceaccounts", &["sa"], true),
    ("", "v1", "Namespace", "namespaces", &["ns"], false),
    ("", "v1", "Node", "nodes", &["no"], false),
    ("", "v1", "ConfigMap", "configmaps", &["cm"], true),
    ("", "v1", "Secret", "secrets", &[], true),
    ("", "v1", "Service", "services", &["svc"], true),
    ("", "v1", "Endpoints", "endpoints", &["ep"], true),
    ("", "v1", "Event", "events", &["ev"], true),
    ("", "v1", "PersistentVolume", "persistentvolumes", &["pv"], false),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"], true),
    ("", "v1", "ReplicationController", "replicationcontrollers", &["rc"], true),
    ("", "v1", "ResourceQuota", "resourcequotas", &["quota"], true),
    ("", "v1", "LimitRange", "limitranges", &["limits"], true),
    ("apps", "v1", "Deployment", "deployments", &["deploy"], true),
    ("apps", "v1", "ReplicaSet", "replicasets", &["rs"], true),
    ("apps", "v1", "StatefulSet", "statefulsets", &["sts"], true),
    ("apps", "v1", "DaemonSet", "daemonsets", &["ds"], true),
    ("apps", "v1", "ControllerRevision", "controllerrevisions", &[], true),
    ("batch", "v1", "Job", "jobs", &[], true),
    ("batch", "v1", "CronJob", "cronjobs", &["cj"], true),
    (
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        &[],
        false,
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        &[],
        false,
    ),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", &[], true),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", &[], true),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", &[], false),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", &[], false),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", &["netpol"], true),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", &["ing"], true),
    ("networking.k8s.io", "v1", "IngressClass", "ingressclasses", &[], false),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses", &["sc"], false),
    ("storage.k8s.io", "v1", "CSIDriver", "csidrivers", &[], false),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"], true),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"], true),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", &["pc"], false),
    ("coordination.k8s.io", "v1", "Lease", "leases", &[], true),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", &[], true),
    ("events.k8s.io", "v1", "Event", "events", &["ev"], true),
    (
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        &["crd", "crds"],
        false,
    ),
];

/// The resources that every lab serves.
pub fn known() -> impl Iterator<Item = Resource> {
    KNOWN.iter().map(|(group, version, kind, plural, short, namespaced)| Resource {
        group: (*group).into(),
        version: (*version).into(),
        kind: (*kind).into(),
        plural: (*plural).into(),
        short: short.iter().map(|it| (*it).into()).collect(),
        namespaced: *namespaced,
    })
}

/// The resources of the table and those that `objects` (manifests) need beside it.
pub fn all<'a>(objects: impl Iterator<Item = &'a Value> + Clone) -> Vec<Resource> {
    let mut res: Vec<Resource> = known().collect();
    for crd in objects.clone().filter(|it| it["kind"] == "CustomResourceDefinition") {
        res.extend(of_definition(crd));
    }
    for object in objects {
        let (group, version) = split(object["apiVersion"].as_str().unwrap_or_default());
        let kind = object["kind"].as_str().unwrap_or_default();
        let namespaced = object["metadata"]["namespace"].is_string();
        let same = |it: &&mut Resource| it.group == group && it.kind == kind;
        match res.iter_mut().find(same) {
            Some(it) => {
                let in_table = KNOWN.iter().any(|known| known.0 == group && known.2 == kind);
                it.namespaced |= namespaced && !in_table;
            }
            None => res.push(Resource {
                group: group.into(),
                version: version.into(),
                kind: kind.into(),
                plural: plural(kind),
                short: Vec::new(),
                namespaced,
            }),
        }
    }
    res
}

/// `apps/v1` is (`apps`, `v1`); `v1` is (empty, `v1`).
pub fn split(api_version: &str) -> (&str, &str) {
    api_version.rsplit_once('/').unwrap_or(("", api_version))
}

/// `None` when the definition has no usable names.
fn of_definition(crd: &Value) -> Option<Resource> {
    let spec = &crd["spec"];
    let text = |it: &Value| it.as_str().map(str::to_owned);
    let short = spec["names"]["shortNames"].as_array().into_iter().flatten();
    Some(Resource {
        group: text(&spec["group"])?,
        version: text(&spec["versions"][0]["name"])?,
        kind: text(&spec["names"]["kind"])?,
        plural: text(&spec["names"]["plural"])?,
        short: short.filter_map(text).collect(),
        namespaced: spec["scope"] != "Cluster",
    })
}

fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    let ends = |words: &[&str]| words.iter().any(|it| lower.ends_with(it));
    match lower.strip_suffix('y') {
        Some(stem) if !ends(&["ay", "ey", "oy", "uy"]) => format!("{stem}ies"),
        Some(_) | None if ends(&["s", "x", "ch", "sh"]) => format!("{lower}es"),
        Some(_) | None => format!("{lower}s"),
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::resource::*;
    use serde_json::json;

    #[test]
    fn plurals_are_english() {
        for (kind, wanted) in [
            ("ClusterPolicy", "clusterpolicies"),
            ("Gateway", "gateways"),
            ("Issuer", "issuers"),
            ("EC2NodeClass", "ec2nodeclasses"),
            ("Mesh", "meshes"),
        ] {
            assert_eq!(plural(kind), wanted);
        }
    }

    #[test]
    fn a_definition_names_its_kind() {
        let objects = [
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": "fish.sea.example"},
                "spec": {"group": "sea.example", "scope": "Cluster", "versions": [{"name": "v2"}],
                    "names": {"kind": "Fish", "plural": "fish"}}}),
            json!({"apiVersion": "sea.example/v2", "kind": "Fish", "metadata": {"name": "cod"}}),
            json!({"apiVersion": "sea.example/v2", "kind": "Ship",
                "metadata": {"name": "ark", "namespace": "port"}}),
        ];
        let all = all(objects.iter());
        let find = |kind: &str| all.iter().find(|it| it.kind == kind).unwrap();
        assert_eq!(
            (find("Fish").qualified().as_str(), find("Fish").namespaced),
            ("fish.sea.example", false)
        );
        assert_eq!(
            (find("Ship").qualified().as_str(), find("Ship").namespaced),
            ("ships.sea.example", true)
        );
    }
}
