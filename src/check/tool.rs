//! TOOL: what idscope itself cannot see. Shown, never guessed.

mod freshness;
mod roles;

use crate::{
    check::{
        Acc, Confidence, Context, Evidence, Fix, Row, Rule, Severity, Subject, SubjectKind, judge,
    },
    fact::{Denied, Knowledge, Scope, SourceState},
    ident::{Partition, Ref, Text},
};
use std::collections::BTreeMap;

const PERMISSIONS: &str = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html";
const EKS: &str = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html";
const RBAC: &str = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/";

macro_rules! row {
    ($code:literal, $name:literal, $title:literal, $subject:ident, $fragment:literal, $detect:literal, $repair:literal, $reference:expr, $rule:expr) => {
        Row {
            code: $code,
            name: $name,
            title: $title,
            severity: Severity::Unknown,
            confidence: Confidence::Certain,
            subject: SubjectKind::$subject,
            fragment: $fragment,
            detect: $detect,
            repair: $repair,
            signatures: &[],
            fixes: &["FX-NONE"],
            reference: $reference,
            rule: Rule::Unit($rule),
        }
    };
}

pub const ROWS: &[Row] = &[
    row!(
        "TOOL-CTX-01",
        "context-is-another-cluster",
        "kube context is not the AWS cluster",
        Cluster,
        "contexts belong to another cluster than the one read from AWS",
        "The issuer that the API server publishes differs from the EKS cluster's. No verdict is given across the two.",
        "Name the right cluster with --cluster, --region and --profile.",
        "https://docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html",
        other_cluster
    ),
    row!(
        "TOOL-PERM-01",
        "role-not-readable",
        "iam:GetRole denied",
        Role,
        "roles may not be read, so their trust or their boundary is unknown",
        "iam:GetRole was refused for a role that is used here. Where iam:ListRoles brought its trust policy, only its boundary, tags and last use are unknown; where not, the verdict is too.",
        "Allow iam:GetRole to the caller.",
        PERMISSIONS,
        roles::role_denied
    ),
    row!(
        "TOOL-PERM-02",
        "providers-not-readable",
        "iam:ListOpenIDConnectProviders or iam:GetOpenIDConnectProvider denied",
        Cluster,
        "clusters have OIDC providers that may not be read",
        "Listing or reading the account's OIDC providers was refused.",
        "Allow iam:ListOpenIDConnectProviders and iam:GetOpenIDConnectProvider to the caller.",
        PERMISSIONS,
        providers_denied
    ),
    row!(
        "TOOL-PERM-03",
        "associations-not-readable",
        "eks:ListPodIdentityAssociations or eks:DescribePodIdentityAssociation denied",
        Cluster,
        "clusters have Pod Identity associations that may not be read",
        "Listing or describing the associations was refused, so Pod Identity cannot be excluded.",
        "Allow eks:ListPodIdentityAssociations and eks:DescribePodIdentityAssociation to the caller.",
        EKS,
        associations_denied
    ),
    row!(
        "TOOL-PERM-04",
        "role-in-unread-account",
        "role in another account without credentials",
        Role,
        "roles are in accounts that nothing here has credentials for",
        "The role's account is none that the configured credentials belong to.",
        "Name a profile for the account: --account-profile ID=PROFILE.",
        PERMISSIONS,
        roles::role_elsewhere
    ),
    row!(
        "TOOL-PERM-05",
        "cluster-not-readable",
        "cannot list Kubernetes objects cluster-wide",
        Cluster,
        "clusters have Kubernetes objects that may not be listed",
        "Listing pods, ServiceAccounts, workloads, nodes, namespaces or webhook configurations was refused.",
        "Bind the ClusterRole that `idscope info --permissions` prints.",
        RBAC,
        kube_denied
    ),
    row!(
        "TOOL-PERM-06",
        "env-from-not-readable",
        "ConfigMaps of envFrom unreadable",
        Cluster,
        "clusters have envFrom objects that may not be read",
        "A ConfigMap that an envFrom names may not be read, so static keys in it cannot be excluded.",
        "Allow get on configmaps.",
        RBAC,
        env_denied
    ),
    row!(
        "TOOL-PERM-07",
        "node-role-not-readable",
        "node role unreadable",
        Cluster,
        "clusters have node groups that may not be read",
        "Listing or describing the node groups was refused, so the nodes' role is unknown.",
        "Allow eks:ListNodegroups and eks:DescribeNodegroup to the caller.",
        EKS,
        nodes_denied
    ),
    row!(
        "TOOL-LAG-01",
        "data-old",
        "data older than the refresh interval, or IAM/EKS change less than a minute old",
        Cluster,
        "clusters are shown with data that is old, or younger than AWS is quick",
        "A source was complete once and its link is down now, so what is shown is as old as it says; or an association, a role or a provider that is used here was made or changed less than a minute ago, and AWS may still answer as before. When a trust policy was changed IAM does not say.",
        "Wait for the reconnect or for the minute to pass, or press ctrl-r; read again before repairing anything.",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency",
        freshness::lag
    ),
    row!(
        "TOOL-PAGE-01",
        "list-truncated",
        "pagination truncated",
        Cluster,
        "clusters have lists whose end was not reached",
        "A list call ended before its last page, so what is missing in it is unknown.",
        "Press ctrl-r to read it again.",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html",
        freshness::truncated
    ),
    row!(
        "TOOL-PART-01",
        "partition-unknown",
        "partition unknown",
        Cluster,
        "clusters are in a partition whose host names are not known",
        "The cluster's ARN is in none of aws, aws-cn and aws-us-gov; checks that look at host names are left out.",
        "Nothing: the other checks hold.",
        "https://docs.aws.amazon.com/general/latest/gr/aws-arns-and-namespaces.html",
        partition
    ),
];

/// One finding on the cluster, with one line of evidence for each scope.
pub(in crate::check::tool) fn say(
    cx: &Context<'_>,
    acc: &mut Acc,
    message: String,
    evidence: Vec<Evidence>,
    commands: Vec<String>,
) {
    if evidence.is_empty() {
        return;
    }
    let finding = acc.push(Subject::cluster(cx.graph), message, evidence);
    if !commands.is_empty() {
        finding.fixes.push(Fix::by_hand("FX-NONE", "allow what is missing".into(), commands));
    }
}

fn refused(it: &Denied) -> String {
    if it.detail.is_empty() { "denied".into() } else { format!("denied: {}", it.detail) }
}

/// The refused scopes that `wanted` takes, once a permission.
fn denied(cx: &Context<'_>, wanted: &dyn Fn(&Scope) -> bool) -> BTreeMap<Text, Evidence> {
    let mut res = BTreeMap::new();
    for (scope, state) in cx.graph.sources() {
        if let (SourceState::Denied { denied, .. }, true) = (state, wanted(scope)) {
            res.entry(denied.permission.clone()).or_insert_with(|| Evidence {
                place: scope.name(),
                found: refused(denied),
                needed: denied.permission.to_string(),
            });
        }
    }
    res
}

fn other_cluster(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let (Ref::Cluster, Some((published, described))) = (unit, judge::issuer_mismatch(cx.graph))
    else {
        return;
    };
    let evidence = vec![Evidence {
        place: "/.well-known/openid-configuration issuer".into(),
        found: published.to_string(),
        needed: described.to_string(),
    }];
    let message =
        "is not the cluster that the kube context talks to, so no verdict is given".into();
    say(cx, acc, message, evidence, Vec::new());
}

fn providers_denied(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster {
        return;
    }
    // Where nobody has credentials nothing was refused; that is told of the roles there (TOOL-PERM-04).
    let readable = cx.graph.caller().known().map(|it| &it.accounts);
    let is_readable = |account: &Text| readable.is_none_or(|all| all.contains(account));
    let mut found = denied(cx, &|it| match it {
        Scope::Providers { account } => is_readable(account),
        Scope::ApiServer
        | Scope::Namespaces
        | Scope::ServiceAccounts { .. }
        | Scope::Pods { .. }
        | Scope::Workloads { .. }
        | Scope::Budgets { .. }
        | Scope::Nodes
        | Scope::Webhooks
        | Scope::Caller
        | Scope::Cluster
        | Scope::OtherClusters
        | Scope::OtherAssociations
        | Scope::IdentityProviders
        | Scope::Associations
        | Scope::Addons
        | Scope::Nodegroups
        | Scope::Roles { .. } => false,
    });
    for it in cx.graph.all_providers() {
        if let Knowledge::Denied(denied) = &it.detail {
            found.entry(denied.permission.clone()).or_insert_with(|| Evidence {
                place: it.arn.to_string(),
                found: refused(denied),
                needed: denied.permission.to_string(),
            });
        }
    }
    let message =
        "has OIDC providers that may not be read, so that stage of IRSA is unknown".into();
    say(cx, acc, message, found.into_values().collect(), Vec::new());
}

fn associations_denied(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster {
        return;
    }
    let mut found = denied(cx, &|it| *it == Scope::Associations);
    for it in cx.graph.associations() {
        if let Knowledge::Denied(denied) = &it.detail {
            found.entry(denied.permission.clone()).or_insert_with(|| Evidence {
                place: format!("association {}", it.id),
                found: refused(denied),
                needed: denied.permission.to_string(),
            });
        }
    }
    let message =
        "has associations that may not be read, so Pod Identity cannot be excluded".into();
    say(cx, acc, message, found.into_values().collect(), Vec::new());
}

fn kube_denied(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster {
        return;
    }
    let mut found = denied(cx, &|it| match it {
        Scope::Namespaces
        | Scope::ServiceAccounts { .. }
        | Scope::Pods { .. }
        | Scope::Workloads { .. }
        | Scope::Nodes
        | Scope::Webhooks => true,
        // No verdict needs them: a plan that restarts something says that they are not known.
        Scope::Budgets { .. } => false,
        Scope::ApiServer
        | Scope::Caller
        | Scope::Cluster
        | Scope::OtherClusters
        | Scope::OtherAssociations
        | Scope::IdentityProviders
        | Scope::Associations
        | Scope::Addons
        | Scope::Nodegroups
        | Scope::Roles { .. }
        | Scope::Providers { .. } => false,
    });
    let message = match found.is_empty() {
        true => "may be another one than the kube context's: its issuer may not be read",
        false => "has Kubernetes objects that may not be listed",
    };
    found.extend(unproven(cx));
    let commands = vec!["idscope info --permissions".to_owned()];
    say(cx, acc, message.into(), found.into_values().collect(), commands);
}

/// The refusal of the issuer, where nothing else proves that the kube context is this cluster.
fn unproven(cx: &Context<'_>) -> Option<(Text, Evidence)> {
    let server = cx.graph.api_server().filter(|it| it.proof.is_none())?;
    let (Knowledge::Denied(it), Knowledge::Known(_)) = (&server.issuer, cx.graph.cluster()) else {
        return None;
    };
    let evidence = Evidence {
        place: "/.well-known/openid-configuration issuer".into(),
        found: refused(it),
        needed: it.permission.to_string(),
    };
    Some((it.permission.clone(), evidence))
}

fn env_denied(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster {
        return;
    }
    let evidence = cx
        .graph
        .refused_env_objects()
        .into_iter()
        .map(|(of, it)| Evidence {
            place: of.to_string(),
            found: refused(&it),
            needed: it.permission.to_string(),
        })
        .collect();
    let message =
        "has envFrom objects that may not be read, so static keys cannot be excluded".into();
    say(cx, acc, message, evidence, Vec::new());
}

fn nodes_denied(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster {
        return;
    }
    let found = denied(cx, &|it| *it == Scope::Nodegroups);
    let message = "has node groups that may not be read, so the nodes' role is unknown".into();
    say(cx, acc, message, found.into_values().collect(), Vec::new());
}

fn partition(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let (Ref::Cluster, Some(cluster)) = (unit, cx.graph.cluster().known()) else { return };
    let Some(Partition::Other(it)) = cluster.arn.partition() else { return };
    let evidence = vec![Evidence {
        place: format!("cluster {}", cluster.arn),
        found: it.to_string(),
        needed: "aws, aws-cn or aws-us-gov".into(),
    }];
    say(
        cx,
        acc,
        format!("is in partition `{it}`, whose host names are not known"),
        evidence,
        Vec::new(),
    );
}
