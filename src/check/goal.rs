//! Whole identities as a goal: everything that is missing between a ServiceAccount and its role, in the order in which
//! it has to be made.
//!
//! Each way is made from the world as it is, so a way that was begun is gone on with by asking again.

mod eligible;
mod leave;
mod migrate;
mod migrate_all;
mod re_home;
mod trust;

pub use eligible::{Eligibility, eligibility};
pub(crate) use leave::is_under_way;
pub use leave::leave;
pub use migrate::{Migration, Proof, Stage, migrate};
pub use migrate_all::{migrate_all, of_namespace};
pub use re_home::re_home;
pub(crate) use trust::pod_identity_trust;

use crate::{
    check::{
        Context,
        expect::Siblings,
        fix::{not_restarted, quietest_first, restarted},
        goal::trust::{trust_edit, trust_of},
        judge,
    },
    fact::{Knowledge, Pod, ServiceAccount},
    graph::Graph,
    iam,
    ident::{Arn, SaKey, Text, Timestamp},
    identity::{Carried, Verdict, near_miss, sts},
    plan::{self, AssociationFields, Edit, TrustChange, WorkloadKey},
};
use std::sync::Arc;

/// What a ServiceAccount is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    Irsa,
    PodIdentity,
}

/// The edits that lead there, in order, and what has to be said beside them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Way {
    pub edits: Vec<Edit>,
    /// Sentences: what was left out and why.
    pub notes: Vec<String>,
}

/// Why there is no way. A sentence without full stop.
pub type NoWay = String;

const AGENT: &str = "eks-pod-identity-agent";
const AUDIENCE: &str = "sts.amazonaws.com";

/// The way to `goal`. `role` is asked for where neither annotation, nor association, nor a single trust policy names it.
pub fn reach(
    graph: &Graph,
    key: &SaKey,
    goal: Goal,
    role: Option<&Arn>,
    now: Timestamp,
) -> Result<Way, NoWay> {
    let role = match role {
        Some(it) => it.clone(),
        None => meant_role(graph, key)?,
    };
    if !role.is_iam_role() {
        return Err(format!("`{role}` is not the ARN of an IAM role"));
    }
    let mut world = World { graph: graph.clone(), now, way: Way::default() };
    match goal {
        Goal::Irsa => world.irsa(key, &role)?,
        Goal::PodIdentity => world.pod_identity(key, &role)?,
    }
    world.restarts(key);
    Ok(world.way)
}

/// The role that the ServiceAccount is meant to have, by what names it now.
pub(crate) fn meant_role(graph: &Graph, key: &SaKey) -> Result<Arn, NoWay> {
    let declared = judge::Declaration::of(graph, key);
    if let Some(it) = declared.annotation.map(|it| Arn::new(it.clone()))
        && it.is_iam_role()
    {
        return Ok(it);
    }
    if let Knowledge::Known(it) = &declared.association
        && let Knowledge::Known(it) = &it.detail
    {
        return Ok(it.role_arn.clone());
    }
    match &graph.roles_naming(key)[..] {
        [one] => Ok(one.arn.clone()),
        [] => Err(format!("nothing says which role `{key}` should have; name it with --role")),
        many => {
            let names: Vec<_> = many.iter().map(|it| it.arn.as_str()).collect();
            Err(format!(
                "several roles trust `{key}` by name ({}); choose one with --role",
                names.join(", ")
            ))
        }
    }
}

/// The world with the edits so far.
struct World {
    graph: Graph,
    now: Timestamp,
    way: Way,
}

impl World {
    fn make(&mut self, edit: Edit) {
        plan::pretend(&mut self.graph, &edit, self.now);
        self.way.edits.push(edit);
    }

    fn cx(&self) -> Context<'_> {
        Context { graph: &self.graph, now: self.now }
    }

    /// Provider, trust policy, annotation; an association would win over them.
    fn irsa(&mut self, key: &SaKey, role: &Arn) -> Result<(), NoWay> {
        let issuer = self.graph.issuer().known().ok_or("the cluster's issuer is not known")?;
        let (Some(account), Some(partition)) = (role.account(), role.partition()) else {
            return Err(format!("`{role}` names no account"));
        };
        let audience = self.audience(key);
        match self.graph.provider(&account, &issuer) {
            Knowledge::Absent => self.make(Edit::CreateProvider {
                partition,
                account,
                issuer,
                client_ids: vec![audience],
                tags: Vec::new(),
            }),
            Knowledge::Known(it) => {
                let arn = it.arn.clone();
                let accepts =
                    it.detail.as_ref().known().map(|it| it.client_ids.contains(&audience));
                match accepts {
                    Some(true) => {}
                    Some(false) => {
                        self.make(Edit::AddClientId { provider: arn, client_id: audience });
                    }
                    None => return Err(format!("provider `{arn}` could not be read")),
                }
            }
            Knowledge::Denied(it) => return Err(format!("{} is denied", it.permission)),
            Knowledge::NotYet => {
                return Err(format!("the OIDC providers of account {account} are not read yet"));
            }
        }
        self.web_identity_trust(key, role)?;
        self.service_account(key, Some(role))?;
        if let Knowledge::Known(it) = self.graph.association_of(key) {
            if let Some(owner) = &it.owner_arn {
                return Err(format!(
                    "`{key}` has an association that belongs to `{owner}`, which wins"
                ));
            }
            let was = it.detail.as_ref().known().ok_or("its association could not be read")?.into();
            let (id, service_account) = (it.id.clone(), key.clone());
            self.way.notes.push("an association wins over the annotation, so it goes".to_owned());
            self.make(Edit::DeleteAssociation { id, service_account, was });
        }
        Ok(())
    }

    /// Agent, trust policy, association, ServiceAccount.
    fn pod_identity(&mut self, key: &SaKey, role: &Arn) -> Result<(), NoWay> {
        let eligible = eligibility(self.cx(), key, role);
        if let Some(it) = eligible.never.first() {
            return Err(it.clone());
        }
        self.way.notes.extend(eligible.not_known);
        if !eligible.has_agent {
            self.make(Edit::CreateAddon { name: AGENT.into() });
        }
        self.pod_identity_trust(key, role)?;
        self.service_account(key, None)?;
        let fields = AssociationFields::of_role(role.clone());
        match self.graph.association_of(key) {
            Knowledge::Absent => {
                self.make(Edit::CreateAssociation { service_account: key.clone(), fields });
            }
            Knowledge::Known(it) => {
                let detail =
                    it.detail.as_ref().known().ok_or("its association could not be read")?;
                if detail.role_arn != *role {
                    if let Some(owner) = &it.owner_arn {
                        return Err(format!("its association belongs to `{owner}`"));
                    }
                    let was = AssociationFields::from(detail);
                    let fields = AssociationFields { role_arn: role.clone(), ..was.clone() };
                    let (id, service_account) = (it.id.clone(), key.clone());
                    self.make(Edit::UpdateAssociation { id, service_account, was, fields });
                }
            }
            Knowledge::Denied(it) => return Err(format!("{} is denied", it.permission)),
            Knowledge::NotYet => return Err("the associations are not read yet".to_owned()),
        }
        Ok(())
    }

    /// The role's trust policy lets the ServiceAccount's token in.
    fn web_identity_trust(&mut self, key: &SaKey, role: &Arn) -> Result<(), NoWay> {
        let known = self.role(role)?;
        let wanted = {
            let identity = judge::identity(self.cx(), key, &Siblings::default());
            let mut ask = identity.ask(role.as_str());
            ask.provider = Knowledge::Known(ask.audience.to_vec());
            match sts::judge(&ask).verdict {
                Verdict::Allow | Verdict::None => return Ok(()),
                Verdict::Unknown(why) => return Err(why.describe()),
                Verdict::Deny(_) => {}
            }
            near_miss::of(&ask)
        };
        let repaired = wanted.and_then(|it| it.repaired.map(|policy| (policy, it.repair)));
        let (policy, repair) = repaired.ok_or_else(|| {
            format!("the trust policy of `{role}` needs a person: a Deny matches")
        })?;
        let change = match repair {
            near_miss::Repair::Add => TrustChange::Opens,
            near_miss::Repair::Edit | near_miss::Repair::Split | near_miss::Repair::Narrow => {
                TrustChange::NearMiss
            }
        };
        self.set_trust(role, &known, &policy, change)
    }

    /// The role's trust policy lets EKS in for the ServiceAccount.
    fn pod_identity_trust(&mut self, key: &SaKey, role: &Arn) -> Result<(), NoWay> {
        let fields = AssociationFields::of_role(role.clone());
        if let Some(it) = pod_identity_trust(self.cx(), key, &fields)? {
            self.make(it);
        }
        Ok(())
    }

    fn role(&self, role: &Arn) -> Result<Arc<iam::Document>, NoWay> {
        trust_of(&self.graph, role)
    }

    fn set_trust(
        &mut self,
        role: &Arn,
        present: &iam::Document,
        wanted: &iam::Policy,
        change: TrustChange,
    ) -> Result<(), NoWay> {
        self.make(trust_edit(role, present, wanted, change)?);
        Ok(())
    }

    /// The ServiceAccount exists, annotated with `role` where one is wanted.
    fn service_account(&mut self, key: &SaKey, role: Option<&Arn>) -> Result<(), NoWay> {
        let annotation: Text = ServiceAccount::ROLE_ARN.into();
        match self.graph.service_account(key) {
            Knowledge::Absent => {
                let pair = role.map(|it| (annotation, it.text().clone()));
                self.make(Edit::CreateServiceAccount {
                    service_account: key.clone(),
                    annotations: pair.into_iter().collect(),
                    labels: Vec::new(),
                });
            }
            Knowledge::Known(it) => {
                let was = it.role_arn().cloned();
                if let Some(role) = role.filter(|it| was.as_ref() != Some(it.text())) {
                    self.make(Edit::Annotate {
                        service_account: key.clone(),
                        key: annotation,
                        was,
                        value: Some(role.text().clone()),
                    });
                }
            }
            Knowledge::Denied(it) => return Err(format!("{} is denied", it.permission)),
            Knowledge::NotYet => return Err(format!("ServiceAccount `{key}` is not read yet")),
        }
        Ok(())
    }

    /// Every owner whose pods do not carry what is declared then. Who cannot be restarted is named.
    fn restarts(&mut self, key: &SaKey) {
        let declaration = judge::Declaration::of(&self.graph, key);
        let declared = declaration.carried();
        if declared == Carried::None {
            return;
        }
        let stale = |pod: &Pod| {
            judge::lines(&self.graph, pod, &declaration).iter().any(|it| it.effective != declared)
        };
        let mut owners: Vec<WorkloadKey> = Vec::new();
        let mut notes = Vec::new();
        for pod in self.graph.pods_of(key).filter(|it| !it.completed() && !it.deleting) {
            if !stale(pod) {
                continue;
            }
            let owner = self.graph.root_owner(pod);
            match restarted(owner) {
                Ok(it) => {
                    let it = WorkloadKey::from(it);
                    if !owners.contains(&it) {
                        owners.push(it);
                    }
                }
                Err(why) => {
                    let note = not_restarted(&self.graph, pod, owner, &why);
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                }
            }
        }
        let webhook = self.graph.webhook();
        if !owners.is_empty() && !webhook.is_known() {
            self.way.notes.push(
                "no restart: the pod identity webhook is not there, and new pods would get nothing"
                    .to_owned(),
            );
            return;
        }
        self.way.notes.extend(notes);
        quietest_first(&self.graph, &mut owners);
        for workload in owners {
            self.way.edits.push(Edit::Restart { workload });
        }
    }

    fn audience(&self, key: &SaKey) -> Text {
        match self.graph.service_account(key) {
            Knowledge::Known(it) => it.annotation(ServiceAccount::AUDIENCE).cloned(),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
        }
        .unwrap_or_else(|| AUDIENCE.into())
    }
}
