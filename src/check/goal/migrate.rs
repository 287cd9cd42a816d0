//! From IRSA to Pod Identity, one stage at a time. The stage is worked out from the world, so it can be left and gone on
//! with at any time, by anybody.

use crate::{
    check::{
        Context, Health, Ledger, Severity,
        fix::{not_restarted, quietest_first, restarted},
        goal::{Goal, NoWay, Way, eligibility, meant_role, reach},
        judge, statement,
    },
    fact::{Knowledge, Pod, Scope, ServiceAccount},
    graph::Graph,
    iam,
    ident::{Arn, SaKey, Timestamp, WorkloadKind},
    identity::{Carried, Verdict},
    plan::{Edit, TrustChange, WorkloadKey},
};
use std::time::Duration;

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The trust policy gets a statement for EKS beside the one for the provider.
    DualTrust,
    /// The association is made; new pods switch from then on.
    Associate,
    /// One workload is restarted; then it waits for a person.
    Canary,
    /// The others follow.
    Restart,
    /// Every pod carries the association's role and has been Ready for a while.
    Prove,
    /// The annotation goes.
    Unannotate,
    /// The statement for the provider goes; a confirmation of its own.
    DropTrust,
    Finished,
}

/// The present stage and what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Migration {
    pub stage: Stage,
    pub way: Way,
    /// What to know at this stage, and what it waits for.
    pub because: String,
}

/// What stands between a migration and its last stages.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// How long every pod must have been Ready.
    pub ready_for: Duration,
    /// EKS Auth answered with the expected role.
    pub answered: bool,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::DualTrust => "dual-trust",
            Stage::Associate => "associate",
            Stage::Canary => "canary",
            Stage::Restart => "restart",
            Stage::Prove => "prove",
            Stage::Unannotate => "unannotate",
            Stage::DropTrust => "drop-trust",
            Stage::Finished => "finished",
        }
    }
}

/// How many workloads are restarted at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// One, and then a person looks at it.
    Canary,
    /// All: somebody else was the canary.
    All,
}

/// The stage that `key` is in. `Err` when it cannot be migrated, with the reason.
pub fn migrate(
    graph: &Graph,
    ledger: &Ledger,
    key: &SaKey,
    proof: Proof,
    now: Timestamp,
) -> Result<Migration, NoWay> {
    staged(graph, ledger, key, proof, Pace::Canary, now)
}

pub(super) fn staged(
    graph: &Graph,
    ledger: &Ledger,
    key: &SaKey,
    proof: Proof,
    pace: Pace,
    now: Timestamp,
) -> Result<Migration, NoWay> {
    let cx = Context { graph, now };
    let role = meant_role(graph, key)?;
    let eligible = eligibility(cx, key, &role);
    if let Some(it) = eligible.never.first() {
        return Err(format!("not eligible: {it}"));
    }
    let declaration = judge::Declaration::of(graph, key);
    let annotated = declaration.annotation.is_some();
    let associated = declaration.association.is_known();
    if !annotated && !associated {
        return Err(format!("`{key}` has neither annotation nor association: nothing to migrate"));
    }
    let way = reach(graph, key, Goal::PodIdentity, Some(&role), now)?;
    let is_trust = |it: &&Edit| matches!(it, Edit::SetTrust { .. } | Edit::CreateAddon { .. });
    let trust: Vec<Edit> = way.edits.iter().filter(is_trust).cloned().collect();
    let notes = way.notes.clone();
    let at = |stage: Stage, edits: Vec<Edit>, because: String| Migration {
        stage,
        way: Way { edits, notes: notes.clone() },
        because,
    };
    if !trust.is_empty() {
        let because = "the role trusts both ways from now on; nothing changes for what runs";
        return Ok(at(Stage::DualTrust, trust, because.to_owned()));
    }
    if !associated {
        let is_made = |it: &&Edit| {
            matches!(it, Edit::CreateAssociation { .. } | Edit::CreateServiceAccount { .. })
        };
        let edits = way.edits.iter().filter(is_made).cloned().collect();
        let because = "new pods switch to Pod Identity from the moment that it is made";
        return Ok(at(Stage::Associate, edits, because.to_owned()));
    }
    let moved = |pod: &Pod| {
        judge::lines(graph, pod, &declaration)
            .iter()
            .all(|it| !matches!(it.effective, Carried::Irsa(_)))
    };
    let pods: Vec<&Pod> = graph.pods_of(key).filter(|it| !it.completed() && !it.deleting).collect();
    let left: Vec<&&Pod> = pods.iter().filter(|it| !moved(it)).collect();
    if !left.is_empty() {
        let mut owners: Vec<WorkloadKey> = Vec::new();
        let mut bare = Vec::new();
        for pod in &left {
            let owner = graph.root_owner(pod);
            match restarted(owner) {
                Ok(it) => {
                    let it = WorkloadKey::from(it);
                    if !owners.contains(&it) {
                        owners.push(it);
                    }
                }
                Err(why) => {
                    let note = not_restarted(graph, pod, owner, &why);
                    if !bare.contains(&note) {
                        bare.push(note);
                    }
                }
            }
        }
        quietest_first(graph, &mut owners);
        let first = left.len() == pods.len() && pace == Pace::Canary;
        let stage = if first { Stage::Canary } else { Stage::Restart };
        if first {
            owners.truncate(1);
        }
        let mut because = match stage {
            Stage::Canary => "one workload first; look at it, then go on".to_owned(),
            _ => {
                let n_bad = pods.iter().filter(|it| moved(it) && !it.ready).count();
                let look = match n_bad {
                    0 => String::new(),
                    n => format!("; look first: {n} of those that moved are not Ready"),
                };
                format!("{} pods still carry the annotated role{look}", left.len())
            }
        };
        if !bare.is_empty() {
            because.push_str(&format!("; {}", bare.join("; ")));
        }
        let edits = owners.into_iter().map(|workload| Edit::Restart { workload }).collect();
        return Ok(at(stage, edits, because));
    }
    if annotated {
        if let Some(why) = unproven(graph, ledger, key, &pods, proof, now) {
            return Ok(at(Stage::Prove, Vec::new(), why));
        }
        let was = declaration.annotation.cloned();
        let edit = Edit::Annotate {
            service_account: key.clone(),
            key: ServiceAccount::ROLE_ARN.into(),
            was,
            value: None,
        };
        let because = "nothing reads the annotation any more";
        return Ok(at(Stage::Unannotate, vec![edit], because.to_owned()));
    }
    match drop_trust(graph, key, &role)? {
        Some(edit) => {
            let because = "nobody needs the statement for the OIDC provider any more";
            Ok(at(Stage::DropTrust, vec![edit], because.to_owned()))
        }
        None => Ok(at(Stage::Finished, Vec::new(), "everything is on Pod Identity".to_owned())),
    }
}

/// What is still to be seen before the annotation may go; `None` when it is proven.
fn unproven(
    graph: &Graph,
    ledger: &Ledger,
    key: &SaKey,
    pods: &[&Pod],
    proof: Proof,
    now: Timestamp,
) -> Option<String> {
    let verdict = ledger.identity(key).map(|it| it.verdict.clone());
    if verdict != Some(Verdict::Allow) {
        return Some("EKS would not grant the association's role: see its findings".to_owned());
    }
    if ledger.health(graph, key) == Health::Degraded {
        let found = ledger.findings_of_identity(graph, key).into_iter();
        let mut codes: Vec<&str> =
            found.filter(|it| it.severity <= Severity::Degraded).map(|it| it.code).collect();
        codes.dedup();
        return Some(format!("there are findings on it: {}", codes.join(", ")));
    }
    if let Some(it) = pods.iter().find(|it| !it.ready) {
        return Some(format!("pod {}/{} is not Ready", it.namespace, it.name));
    }
    let minutes = proof.ready_for.as_secs() / 60;
    let young = pods.iter().find(|it| {
        let since = it.ready_since.max(it.created);
        since.is_none_or(|since| now.duration_since(since).unsigned_abs() < proof.ready_for)
    });
    if let Some(it) = young {
        return Some(format!(
            "pod {}/{} has not been Ready for {minutes} minutes",
            it.namespace, it.name
        ));
    }
    (!proof.answered).then(|| "EKS Auth has not answered with the role yet: probe it".to_owned())
}

/// The role's trust policy without what only web identity of this cluster needs; `Err` while somebody else still does.
fn drop_trust(graph: &Graph, key: &SaKey, role: &Arn) -> Result<Option<Edit>, NoWay> {
    let Knowledge::Known(known) = judge::settled_role(graph, role) else {
        return Err(format!("role `{role}` could not be read"));
    };
    let Ok(policy) = &known.trust.parsed else {
        return Err(format!("the trust policy of `{role}` is invalid"));
    };
    let Some(issuer) = graph.issuer().known() else {
        return Err("the cluster's issuer is not known".to_owned());
    };
    let is_ours = |it: &iam::Statement| statement::is_web_identity_of(it, &issuer);
    if !policy.statements.iter().any(is_ours) {
        return Ok(None);
    }
    if let Some(scope) = unlisted(graph) {
        return Err(format!(
            "the statement for the OIDC provider stays: whether anybody still needs it is not known, since {scope} is not read everywhere"
        ));
    }
    if let Some(who) = needs_web_identity(graph, key, role) {
        return Err(format!("the statement for the OIDC provider stays: {who} still needs it"));
    }
    let mut wanted = policy.clone();
    wanted.statements.retain(|it| !is_ours(it));
    let document = known.trust.rewritten(&wanted, iam::Kind::Trust);
    let document =
        document.ok_or_else(|| format!("the trust policy of `{role}` cannot be written"))?;
    Ok(Some(Edit::SetTrust {
        role: role.clone(),
        was: known.trust.raw.clone(),
        document: document.into(),
        change: TrustChange::Narrows,
    }))
}

/// A list that would tell of somebody who needs the role, and that is not complete for the whole cluster.
fn unlisted(graph: &Graph) -> Option<String> {
    let workloads = WorkloadKind::ALL.map(|kind| Scope::Workloads { kind, namespace: None });
    let first = [Scope::ServiceAccounts { namespace: None }, Scope::Pods { namespace: None }];
    let mut all = first.into_iter().chain(workloads);
    all.find(|it| !graph.listed(it).is_known()).map(|it| it.name())
}

/// Whoever still reaches the role by web identity in this cluster: another annotated ServiceAccount, a pod that was
/// injected before, a template that names the role by hand.
fn needs_web_identity(graph: &Graph, key: &SaKey, role: &Arn) -> Option<String> {
    let others = graph.annotated_with(role).find(|it| *it != key);
    if let Some(it) = others {
        return Some(format!("ServiceAccount `{it}`"));
    }
    // Of a value that comes from elsewhere nobody can say that it is another role's.
    let names_role = |env: &crate::fact::Container| {
        let named = env.env("AWS_ROLE_ARN").filter(|it| it.is_set());
        named.is_some_and(|it| it.literal().is_none_or(|it| **it == *role.as_str()))
    };
    let pod = graph
        .pods()
        .filter(|it| !it.completed())
        .find(|it| it.spec.containers.iter().any(names_role));
    if let Some(it) = pod {
        return Some(format!("pod {}/{}", it.namespace, it.name));
    }
    let template = graph
        .workloads()
        .filter(|it| !it.completed)
        .find(|it| it.template.containers.iter().any(names_role));
    template.map(|it| format!("{}/{}/{}", it.kind.short(), it.namespace, it.name))
}
