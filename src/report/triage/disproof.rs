//! What the data says against a code that nobody was found to have, where one sentence says it.

use crate::{
    check::Ledger,
    fact::{Knowledge, Webhook},
    graph::Graph,
    ident::{SaKey, WorkloadKind},
    identity::Mechanism,
};

/// `confirmed`: the codes that were found. `None` where only the whole reading says it.
pub(crate) fn disproof(
    graph: &Graph,
    ledger: &Ledger,
    key: &SaKey,
    confirmed: &[&str],
    code: &str,
) -> Option<String> {
    match code {
        "ANN-01" | "ANN-11" | "ANN-12" | "ANN-16" | "SA-07" => {
            declared(graph, key).or_else(|| undeclared(code, confirmed))
        }
        "PI-ASSOC-03" | "PI-ASSOC-04" | "PI-ASSOC-12" => match graph.association_of(key).known() {
            Some(it) => Some(format!("association {} is there for it", it.id)),
            None => undeclared(code, confirmed),
        },
        "SA-02" | "SA-03" | "SA-05" | "PI-ASSOC-01" => {
            match graph.service_account(key).is_known() {
                true => Some(format!("ServiceAccount {key} exists")),
                false => missing(key, code, confirmed),
            }
        }
        "SA-06" | "PI-ASSOC-02" => graph
            .namespace(&key.namespace)
            .is_known()
            .then(|| format!("namespace {} exists", key.namespace)),
        "SA-01" => (&*key.name != "default")
            .then(|| format!("its pods and templates name ServiceAccount `{}`", key.name)),
        "HOOK-03" => graph
            .webhook()
            .known()
            .filter(|it| !it.hooks.is_empty())
            .map(|_| format!("MutatingWebhookConfiguration `{WEBHOOK}` exists")),
        "HOOK-04" => match graph.webhook() {
            Knowledge::Known(_) => {
                Some(format!("MutatingWebhookConfiguration `{WEBHOOK}` is called for its pods"))
            }
            Knowledge::Absent => Some(format!("there is no configuration `{WEBHOOK}` to be wrong")),
            Knowledge::Denied(_) | Knowledge::NotYet => None,
        },
        "HOOK-01" | "HOOK-05" | "HOOK-06" | "HOOK-11" | "HOOK-13" | "PI-POD-01" | "PI-POD-02"
        | "NODE-01" => delivered(ledger, key, confirmed),
        "HOOK-02" | "POD-ENV-04" => {
            let counts = ledger.counts(key);
            (0 < counts.total && counts.stale == 0)
                .then(|| "no pod carries another role than the declared one".to_owned())
        }
        "PI-AGENT-01" => graph
            .workload(WorkloadKind::DaemonSet, "kube-system", AGENT)
            .map(|_| format!("DaemonSet kube-system/{AGENT} exists")),
        "PI-AGENT-02" => confirmed
            .contains(&"PI-AGENT-01")
            .then(|| "no node has an agent: PI-AGENT-01 says so once".to_owned()),
        "PERM-01" => {
            let role = graph.role(ledger.identity(key)?.role_arn.as_ref()?).known()?;
            let policies = role.policies.as_ref().known()?;
            let n = policies.attached.len() + policies.inline.len();
            (0 < n).then(|| format!("role `{}` has {n} policies", role.arn))
        }
        _ => None,
    }
}

const WEBHOOK: &str = Webhook::POD_IDENTITY;
const AGENT: &str = "eks-pod-identity-agent";

/// Why nothing is declared for it, by what it is not.
fn undeclared(code: &str, confirmed: &[&str]) -> Option<String> {
    let because = match code {
        "ANN-01" => {
            let more: Vec<&str> = confirmed.iter().copied().filter(|it| *it != code).collect();
            return (!more.is_empty())
                .then(|| format!("why it declares nothing is known: {}", more.join(", ")));
        }
        "ANN-11" => "none of its annotations and labels has nearly the key of the role",
        "ANN-12" => "no pod, workload or namespace of its has the annotation either",
        "ANN-16" => "it has no role annotation, not even an empty one",
        "PI-ASSOC-03" => "no association has nearly its name",
        "PI-ASSOC-04" => "no other cluster of the account has an association of its name",
        "PI-ASSOC-12" => "none of its pods was given an association's credentials",
        _ => return None,
    };
    Some(because.to_owned())
}

/// Which of the codes for a ServiceAccount that is not there it is not.
fn missing(key: &SaKey, code: &str, confirmed: &[&str]) -> Option<String> {
    match code {
        "SA-03" => {
            Some(format!("no other namespace has a ServiceAccount `{}` with a role", key.name))
        }
        "SA-05" => Some("nothing says that eksctl made its association".to_owned()),
        _ if confirmed.is_empty() => None,
        _ => Some(format!("that {key} does not exist is told by {}", confirmed.join(", "))),
    }
}

/// What gives the ServiceAccount its role.
fn declared(graph: &Graph, key: &SaKey) -> Option<String> {
    let annotation = graph.service_account(key).known().and_then(|it| it.role_arn());
    if let Some(role) = annotation.filter(|it| !it.is_empty()) {
        return Some(format!("ServiceAccount {key} is annotated with `{role}`"));
    }
    let association = graph.association_of(key).known()?;
    Some(format!("association {} gives ServiceAccount {key} its role", association.id))
}

/// Whether pods have what is declared, or why they have not.
fn delivered(ledger: &Ledger, key: &SaKey, confirmed: &[&str]) -> Option<String> {
    let counts = ledger.counts(key);
    let declares = ledger.identity(key).is_some_and(|it| it.mechanism != Mechanism::None);
    match (counts.total, counts.total - counts.injected) {
        (0, _) => Some("it has no pods that run".to_owned()),
        _ if !declares => Some("nothing is declared that pods could lack".to_owned()),
        (1, 0) => Some("its pod carries the declared identity".to_owned()),
        (n, 0) => Some(format!("all {n} of its pods carry the declared identity")),
        (_, _) if !confirmed.is_empty() => {
            Some(format!("why its pods lack the identity is known: {}", confirmed.join(", ")))
        }
        (_, _) => None,
    }
}
