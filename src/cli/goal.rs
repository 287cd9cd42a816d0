//! `fix --goal`: the way to a whole identity instead of the repair of findings.

use crate::{
    check::{self, Course, Proof, Proposal, Stage, Whole},
    cli::{args::Reach, collect::Collected, error::UsageError, fix::RE_HOME},
    ident::{Arn, Ref, SaKey, visible},
    plan::{self, Because, Edit},
};
use std::time::Duration;

/// What `--goal` asks for, with what belongs to it.
pub struct Asked<'a> {
    pub goal: Reach,
    pub role: Option<&'a str>,
    pub ready_for: Duration,
    /// EKS Auth answered with the expected role, as a probe found.
    pub answered: bool,
}

/// The ServiceAccount whose migration waits for nothing but an answer of EKS Auth.
pub fn waits_for_answer(asked: &Asked<'_>, targets: &[Ref], read: &Collected) -> Option<SaKey> {
    let ([target], Reach::Migrate) = (targets, asked.goal) else { return None };
    let key = read.graph.account_of(target)?;
    let stage = |answered: bool| {
        let proof = Proof { ready_for: asked.ready_for, answered };
        let it = check::migrate(&read.graph, &read.ledger, &key, proof, read.now);
        it.ok().map(|it| it.stage)
    };
    let waits = stage(false) == Some(Stage::Prove) && stage(true) != Some(Stage::Prove);
    waits.then_some(key)
}

/// The plan of the way, or of the present stage of a migration; what is to be known beside it goes to stderr.
pub fn proposal(
    asked: &Asked<'_>,
    targets: &[Ref],
    read: &Collected,
) -> Result<Proposal, UsageError> {
    let Collected { graph, ledger, now, .. } = read;
    let goal = match asked.goal {
        Reach::Irsa => Whole::Irsa,
        Reach::PodIdentity => Whole::PodIdentity,
        Reach::Migrate => Whole::Migrate,
        Reach::ReHome => return re_homed(targets, read),
    };
    let [target] = targets else {
        return Err(UsageError::new("--goal takes one ServiceAccount, pod or workload"));
    };
    let key = graph.account_of(target).ok_or_else(|| {
        UsageError::new(format!("{target} has no ServiceAccount that could be led to a goal"))
    })?;
    let role = asked.role.map(Arn::from);
    let proof = Proof { ready_for: asked.ready_for, answered: asked.answered };
    let Course { title, way, stage, can_be_left } =
        check::course(graph, ledger, &key, goal, role.as_ref(), proof, *now)
            .map_err(|it| UsageError::new(format!("`{key}`: {it}")))?;
    if let Some((stage, because)) = stage {
        eprintln!("idscope: stage {}: {}", stage.as_str(), visible(&because));
        if stage != Stage::Finished && can_be_left {
            eprintln!("idscope: `idscope undo` leaves the stages that were applied");
        }
    }
    for it in &way.notes {
        eprintln!("idscope: note: {}", visible(it));
    }
    let because = Because { code: None, subject: format!("sa/{key}").into() };
    let id = goal.as_str();
    let plan = (!way.edits.is_empty()).then(|| plan::build(graph, id, title, because, way.edits));
    Ok(Proposal { plan, left: Vec::new(), findings: Vec::new() })
}

/// One plan for all roles that the cluster of before had, or for those that were named.
fn re_homed(targets: &[Ref], read: &Collected) -> Result<Proposal, UsageError> {
    let Collected { graph, now, .. } = read;
    let mut roles = Vec::new();
    for it in targets {
        match it {
            Ref::Role(it) => roles.push(it.clone()),
            Ref::Cluster => {}
            Ref::ServiceAccount(_)
            | Ref::Pod { .. }
            | Ref::Workload { .. }
            | Ref::Association(_)
            | Ref::Namespace(_)
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => {
                return Err(UsageError::new("--goal re-home takes `cluster`, or roles"));
            }
        }
    }
    let way = check::re_home(graph, &roles, *now).map_err(UsageError::new)?;
    for it in &way.notes {
        eprintln!("idscope: note: {}", visible(it));
    }
    let n_roles = way.edits.iter().filter(|it| matches!(it, Edit::SetTrust { .. })).count();
    let title = format!("let {n_roles} roles trust this cluster instead of the one before");
    let because = Because { code: None, subject: "cluster".into() };
    let plan =
        (!way.edits.is_empty()).then(|| plan::build(graph, RE_HOME, title, because, way.edits));
    Ok(Proposal { plan, left: Vec::new(), findings: Vec::new() })
}
