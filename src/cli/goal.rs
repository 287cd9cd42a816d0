//! `fix --goal`: the way to a whole identity instead of the repair of findings.

use crate::{
    check::{self, Course, Led, Proof, Proposal, Stage, Whole},
    cli::{args::Reach, collect::Collected, error::UsageError, fix::RE_HOME},
    ident::{Arn, Ref, SaKey, Text, visible},
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

/// The ServiceAccounts whose migration waits for nothing but an answer of EKS Auth.
pub fn wait_for_answer(asked: &Asked<'_>, targets: &[Ref], read: &Collected) -> Vec<SaKey> {
    if asked.goal != Reach::Migrate {
        return Vec::new();
    }
    let stage = |key: &SaKey, answered: bool| {
        let proof = Proof { ready_for: asked.ready_for, answered };
        let it = check::migrate(&read.graph, &read.ledger, key, proof, read.now);
        it.ok().map(|it| it.stage)
    };
    let waits = |it: &SaKey| {
        stage(it, false) == Some(Stage::Prove) && stage(it, true) != Some(Stage::Prove)
    };
    keys(targets, read).into_iter().filter(waits).collect()
}

/// The namespaces among the targets, as a migration takes them, and the other targets.
pub fn namespaces(
    goal: Option<Reach>,
    targets: &[String],
    read: &Collected,
) -> Result<(Vec<Ref>, Vec<String>), UsageError> {
    let mut res = (Vec::new(), Vec::new());
    for it in targets {
        let name = ["ns/", "namespace/"].iter().find_map(|prefix| it.strip_prefix(prefix));
        let takes_several = matches!(goal, Some(Reach::Migrate | Reach::LeaveMigration));
        match name.filter(|_| takes_several) {
            Some(name) if read.graph.identities_in(name).next().is_some() => {
                res.0.push(Ref::Namespace(name.into()));
            }
            Some(name) => {
                return Err(UsageError::new(format!(
                    "nothing is read of a namespace `{}`",
                    visible(name)
                )));
            }
            None => res.1.push(it.clone()),
        }
    }
    Ok(res)
}

/// The ServiceAccounts of the targets; of a namespace those that ask for a role.
fn keys(targets: &[Ref], read: &Collected) -> Vec<SaKey> {
    let mut res: Vec<SaKey> = Vec::new();
    for it in targets {
        let found = match it {
            Ref::Namespace(it) => check::of_namespace(&read.graph, it),
            it => read.graph.account_of(it).into_iter().collect(),
        };
        for it in found {
            if !res.contains(&it) {
                res.push(it);
            }
        }
    }
    res
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
        Reach::LeaveMigration => Whole::LeaveMigration,
        Reach::ReHome => return re_homed(targets, read),
    };
    let keys = keys(targets, read);
    let called: Text = match targets {
        [Ref::Namespace(_)] => targets[0].to_string().into(),
        [target] => match &keys[..] {
            [key] => format!("sa/{key}").into(),
            _ => {
                return Err(UsageError::new(format!(
                    "{target} has no ServiceAccount that could be led to a goal"
                )));
            }
        },
        many if goal.takes_several() => format!("{} targets", many.len()).into(),
        _ => return Err(UsageError::new("--goal takes one ServiceAccount, pod or workload")),
    };
    let role = asked.role.map(Arn::from);
    let proof = Proof { ready_for: asked.ready_for, answered: asked.answered };
    let led = Led { keys: &keys, called: called.clone(), proof: &|_| proof };
    let Course { title, way, stage } =
        check::course(graph, ledger, &led, goal, role.as_ref(), *now).map_err(
            |it| match &keys[..] {
                [key] => UsageError::new(format!("`{key}`: {it}")),
                _ => UsageError::new(it),
            },
        )?;
    if let Some((stage, because)) = stage {
        eprintln!("idscope: stage {}: {}", stage.as_str(), visible(&because));
    }
    for it in &way.notes {
        eprintln!("idscope: note: {}", visible(it));
    }
    let because = Because { code: None, subject: called };
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
