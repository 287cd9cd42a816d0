//! Containers that other webhooks add to pods and that never call AWS: whether they carry an identity is no matter.

/// Of service meshes, Vault, Dapr. Those of App Mesh, X-Ray and log routers are missing on purpose: they call AWS.
const NAMES: &[&str] = &[
    "consul-connect-inject-init",
    "consul-dataplane",
    "daprd",
    "istio-init",
    "istio-proxy",
    "istio-validation",
    "kuma-init",
    "kuma-sidecar",
    "linkerd-init",
    "linkerd-network-validator",
    "linkerd-proxy",
    "vault-agent",
    "vault-agent-init",
];

pub(crate) fn never_calls_aws(container: &str) -> bool {
    NAMES.contains(&container)
}
