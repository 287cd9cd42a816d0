//! Graph and ledger to `Report`. Sorted, so that two runs on the same world are equal but for times.

use crate::{
    check::{self, Ledger, Reach, Rolled, Severity, SubjectKind},
    fact::{Knowledge, Pod, Proof, Scope, SourceState},
    graph::Graph,
    ident::{SaKey, Text, Timestamp},
    identity::chain::{Chain, Provider},
    plan::Names,
    report::{json, roles},
};
use std::collections::HashSet;

/// What the graph does not know.
pub struct Meta<'a> {
    pub generated_at: Timestamp,
    pub tool_version: &'static str,
    /// The namespaces that were asked for; empty: all.
    pub namespaces: &'a [Text],
}

impl Meta<'_> {
    fn asks_for(&self, namespace: &Text) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(namespace)
    }
}

/// Keeps a finding; `--only` and `--skip` are such filters.
pub type Keep<'a> = &'a dyn Fn(&str) -> bool;

pub fn report(graph: &Graph, ledger: &Ledger, meta: &Meta<'_>, keep: Keep<'_>) -> json::Report {
    // Nobody is judged whom only the ReplicaSets of earlier revisions still name.
    let is_named =
        |it: &&SaKey| ledger.identity(it).is_some() || graph.templates_of(it).next().is_none();
    let keys: Vec<&SaKey> =
        graph.identities().filter(|it| meta.asks_for(&it.namespace)).filter(is_named).collect();
    // What hangs at no namespace is told where it concerns one that was asked for.
    let concerned: HashSet<*const check::Finding> = match meta.namespaces {
        [] => HashSet::new(),
        _ => {
            let all = keys.iter().flat_map(|it| ledger.findings_of_identity(graph, it));
            all.map(std::ptr::from_ref).collect()
        }
    };
    let asked = |it: &check::Finding| match (&it.subject.namespace, it.subject.kind) {
        (Some(namespace), _) => meta.asks_for(namespace),
        (None, SubjectKind::Namespace) => meta.asks_for(&it.subject.name),
        (None, SubjectKind::Cluster) => true,
        (None, _) => meta.namespaces.is_empty() || concerned.contains(&std::ptr::from_ref(it)),
    };
    let names = Names::of(graph);
    let mut findings: Vec<json::Finding> = check::roll_up(graph, ledger)
        .iter()
        .filter(|it| keep(it.finding.code) && asked(it.finding))
        .map(|it| finding(it, &names))
        .collect();
    findings.sort_by_cached_key(|it| {
        let subject = it.subject.clone();
        let at = (subject.namespace, subject.name);
        (at, it.code, subject.arn, subject.container, it.message.clone())
    });
    let identities: Vec<json::Identity> =
        keys.into_iter().map(|it| identity(graph, ledger, it, keep)).collect();
    let summary = summary(&identities, &findings);
    json::Report {
        schema: "idscope/report/v1",
        tool_version: meta.tool_version,
        generated_at: meta.generated_at.to_string(),
        cluster: cluster(graph),
        caller: caller(graph),
        accounts_read: accounts_read(graph),
        sources: sources(graph),
        identities,
        containers: containers(graph, ledger, &|pod| meta.asks_for(&pod.namespace)),
        roles: roles::roles(graph, meta.generated_at),
        findings,
        summary,
    }
}

pub fn caller(graph: &Graph) -> Option<json::Caller> {
    graph.caller().known().map(|it| json::Caller {
        arn: it.arn.to_string(),
        account: it.account.to_string(),
        via: it.via.to_string(),
    })
}

/// The caller's own account first.
pub fn accounts_read(graph: &Graph) -> Vec<String> {
    let caller = graph.caller().known();
    caller.map(|it| it.accounts.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

pub fn cluster(graph: &Graph) -> json::Cluster {
    let aws = graph.cluster().known();
    let api = graph.api_server();
    json::Cluster {
        context: api.map(|it| it.context.to_string()),
        name: aws.map(|it| it.name.to_string()),
        arn: aws.map(|it| it.arn.to_string()),
        account: aws.map(|it| it.account.to_string()),
        region: aws.map(|it| it.region.to_string()),
        issuer: graph.issuer().known().map(|it| it.to_string()),
        kubernetes_version: api.map(|it| it.version.to_string()).filter(|it| !it.is_empty()),
        proven_by: graph.api_server().and_then(|it| it.proof).map(|it| match it {
            Proof::Issuer => "issuer",
            Proof::Endpoint => "endpoint",
            Proof::CertificateAuthority => "certificate-authority",
        }),
    }
}

/// The words of the header and of the report for a source's state, its time, a detail and a missing permission.
pub fn source_words(
    state: &SourceState,
) -> (&'static str, Option<Timestamp>, Option<String>, Option<&Text>) {
    match state {
        SourceState::Pending { .. } => ("pending", None, None, None),
        SourceState::Live { at } => ("live", Some(*at), None, None),
        SourceState::Cached { at } => ("cached", Some(*at), None, None),
        SourceState::Stale { at, error, .. } => {
            ("failed", Some(*at), Some(error.to_string()), None)
        }
        SourceState::Denied { at, denied } => {
            let detail = (!denied.detail.is_empty()).then(|| denied.detail.to_string());
            ("denied", Some(*at), detail, Some(&denied.permission))
        }
        SourceState::Failed { error, .. } => ("failed", None, Some(error.to_string()), None),
        SourceState::Truncated { at, detail } => {
            ("truncated", Some(*at), Some(detail.to_string()), None)
        }
        SourceState::Expired { profile, login } => (
            "failed",
            None,
            Some(format!("credentials of `{profile}` are expired or invalid: {login}")),
            None,
        ),
        SourceState::Off { reason } => ("failed", None, Some(reason.to_string()), None),
    }
}

pub fn sources(graph: &Graph) -> Vec<json::Source> {
    let mut res: Vec<json::Source> = graph
        .sources()
        .map(|(scope, state)| {
            let (word, at, detail, permission) = source_words(state);
            json::Source {
                name: scope.name(),
                state: word,
                observed_at: at.map(|it| it.to_string()),
                count: count(graph, scope),
                detail,
                missing_permission: permission.map(|it| it.to_string()),
            }
        })
        .collect();
    res.sort_by(|a, b| a.name.cmp(&b.name));
    res
}

/// How many objects of a scope are known.
pub fn count(graph: &Graph, scope: &Scope) -> usize {
    let within = |namespace: &Option<Text>, it: &Text| namespace.as_ref().is_none_or(|ns| ns == it);
    match scope {
        Scope::ApiServer => usize::from(graph.api_server().is_some()),
        Scope::Caller => usize::from(graph.caller().is_known()),
        Scope::Cluster => usize::from(graph.cluster().is_known()),
        Scope::Webhooks => usize::from(graph.webhook().is_known()),
        Scope::Budgets { namespace } => graph.budgets(namespace.as_deref()).count(),
        Scope::OtherClusters => graph.other_clusters().known().map_or(0, |it| it.clusters.len()),
        Scope::OtherAssociations => graph.other_associations().count(),
        Scope::IdentityProviders => {
            graph.identity_providers().known().map_or(0, |it| it.names.len())
        }
        Scope::Namespaces => graph.namespaces().count(),
        Scope::ServiceAccounts { namespace } => {
            graph.service_accounts().filter(|it| within(namespace, &it.key.namespace)).count()
        }
        Scope::Pods { namespace } => {
            graph.pods().filter(|it| within(namespace, &it.namespace)).count()
        }
        Scope::Workloads { kind, namespace } => graph
            .workloads()
            .filter(|it| it.kind == *kind && within(namespace, &it.namespace))
            .count(),
        Scope::Nodes => graph.nodes().count(),
        Scope::Associations => graph.associations().count(),
        Scope::Addons => graph.addons().count(),
        Scope::Nodegroups => graph.nodegroups().count(),
        Scope::Roles { account } => graph
            .roles()
            .filter(|it| it.arn.account().is_some_and(|it| it.as_str() == &**account))
            .count(),
        Scope::Providers { account } => graph
            .all_providers()
            .filter(|it| it.arn.account().is_some_and(|it| it.as_str() == &**account))
            .count(),
    }
}

pub fn identity(graph: &Graph, ledger: &Ledger, key: &SaKey, keep: Keep<'_>) -> json::Identity {
    let counts = ledger.counts(key);
    let mut codes: Vec<&'static str> = ledger
        .findings_of_identity(graph, key)
        .iter()
        .map(|it| it.code)
        .filter(|it| keep(it))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let judged = ledger.identity(key);
    json::Identity {
        namespace: key.namespace.to_string(),
        service_account: key.name.to_string(),
        exists: judged.and_then(|it| it.exists),
        mechanism: judged.map_or("none", |it| it.mechanism.as_str()),
        role_arn: judged.and_then(|it| it.role_arn.as_ref()).map(ToString::to_string),
        target_role_arn: judged.and_then(|it| it.target_role_arn.as_ref()).map(ToString::to_string),
        association_id: judged.and_then(|it| it.association.as_ref()).map(ToString::to_string),
        verdict: judged.map_or("unknown", |it| it.verdict.as_str()),
        error_signature: judged.and_then(|it| it.verdict.signature()).map(|it| it.to_string()),
        because: judged.map_or_else(|| "not judged yet".to_owned(), |it| it.because.clone()),
        health: ledger.health(graph, key).as_str(),
        pods: json::Pods {
            total: counts.total,
            injected: counts.injected,
            stale: counts.stale,
            node_role: counts.node_role,
            fixed: counts.fixed,
        },
        findings: codes,
    }
}

/// The containers of the pods that `keep` keeps, sorted by namespace and pod.
pub fn containers(
    graph: &Graph,
    ledger: &Ledger,
    keep: &dyn Fn(&Pod) -> bool,
) -> Vec<json::Container> {
    let mut pods: Vec<_> = graph.pods().filter(|it| keep(it)).collect();
    pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    let mut res = Vec::new();
    for pod in pods {
        for line in ledger.containers(&pod.namespace, &pod.name).unwrap_or_default() {
            res.push(json::Container {
                namespace: pod.namespace.to_string(),
                pod: pod.name.to_string(),
                container: line.container.to_string(),
                declared: line.declared.render(),
                effective: line.effective.render(),
                actual: actual(line),
                reach: falls_back(line).then(|| line.reach.as_str()),
                role_arn: line.role_arn.as_ref().map(|it| it.to_string()),
                because: because(&line.chain),
            });
        }
    }
    res
}

/// Whether the chain ends where instance metadata decides: at the node's role, or at nothing because it is out of reach.
fn falls_back(line: &check::ContainerLine) -> bool {
    match &line.chain.provider {
        Provider::NodeRole => true,
        Provider::None => line.chain.error.is_none() && line.reach == Reach::Blocked,
        Provider::Static | Provider::WebIdentity(_) | Provider::Container => false,
    }
}

/// What decided, and what could not be read and might decide otherwise.
fn because(chain: &Chain) -> String {
    match chain.unread.is_empty() {
        true => chain.because.clone(),
        false => format!("{}; not read: {}", chain.because, chain.unread.join(", ")),
    }
}

/// Where the chain ends; instance metadata that cannot be reached is no identity.
fn actual(line: &check::ContainerLine) -> &'static str {
    match (&line.chain.provider, line.reach) {
        (Provider::Static, _) => "static",
        (Provider::WebIdentity(_), _) => "irsa",
        (Provider::Container, _) => "pod-identity",
        (Provider::NodeRole, Reach::Blocked) | (Provider::None, _) => "none",
        (Provider::NodeRole, Reach::Proven | Reach::NotKnown) => "node-role",
    }
}

/// `names` is how the commands call their targets.
pub fn finding(rolled: &Rolled<'_>, names: &Names) -> json::Finding {
    let it = rolled.finding;
    let row = check::row(it.code).expect("a finding's code is of the table");
    json::Finding {
        code: it.code,
        name: row.name,
        severity: it.severity.as_str(),
        confidence: it.confidence.as_str(),
        subject: json::Subject {
            kind: it.subject.kind.as_str(),
            namespace: it.subject.namespace.as_ref().map(ToString::to_string),
            name: it.subject.name.to_string(),
            arn: it.subject.arn.as_ref().map(ToString::to_string),
            container: it.subject.container.as_ref().map(ToString::to_string),
            workload_kind: it.subject.workload_kind,
        },
        message: it.message.clone(),
        error_signature: it.signature.map(|it| it.to_string()),
        evidence: it
            .evidence
            .iter()
            .map(|it| json::Evidence {
                place: it.place.clone(),
                found: it.found.clone(),
                needed: it.needed.clone(),
            })
            .collect(),
        affects: json::Affects { pods: rolled.affects.pods, workloads: rolled.affects.workloads },
        fixes: it
            .fixes
            .iter()
            .map(|it| json::Fix {
                id: it.id,
                title: it.title.clone(),
                applicability: it.applicability.as_str(),
                restart_needed: it.restart_needed,
                commands: it.commands(names),
            })
            .collect(),
        reference: row.reference,
    }
}

fn summary(identities: &[json::Identity], findings: &[json::Finding]) -> json::Summary {
    let mut res = json::Summary {
        identities: identities.len(),
        healthy: identities.iter().filter(|it| it.health == "healthy").count(),
        ..json::Summary::default()
    };
    for it in findings {
        let slot = match Severity::parse(it.severity) {
            Some(Severity::Blocker) => &mut res.blocker,
            Some(Severity::WrongId) => &mut res.wrong_id,
            Some(Severity::Degraded) => &mut res.degraded,
            Some(Severity::SecHigh | Severity::SecMed | Severity::SecLow) => &mut res.security,
            Some(Severity::Hygiene) => &mut res.hygiene,
            Some(Severity::Unknown) | None => &mut res.unknown,
        };
        *slot += 1;
    }
    res
}

/// What a role's knowledge is called.
pub fn knowledge_word<T>(it: &Knowledge<T>) -> &'static str {
    match it {
        Knowledge::Known(_) => "known",
        Knowledge::Absent => "absent",
        Knowledge::Denied(_) => "denied",
        Knowledge::NotYet => "not-yet",
    }
}
