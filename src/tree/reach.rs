//! Roles reversed: who of this cluster may assume each, against who is set up to.

use crate::{
    fact::{Denied, IamRole, Knowledge},
    graph::Graph,
    ident::{Arn, Issuer, Ref, SaKey, Timestamp},
    identity::{Verdict, who},
    tree::{Standing, World, standing},
};
use std::collections::BTreeSet;

/// Whom a role's trust policy lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// ServiceAccounts of this cluster that get in by web identity.
    pub may: BTreeSet<SaKey>,
    pub breadth: Breadth,
    /// Somebody about whom nobody can say.
    pub has_unknown: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// Only names that are written out.
    Listed,
    /// Names that fit a pattern.
    Wildcard,
    /// Whoever has a token of the cluster.
    Everyone,
    Unknown,
}

impl Reach {
    pub fn is_open_to_all(&self) -> bool {
        self.breadth == Breadth::Everyone
    }

    /// Before anybody was asked about.
    pub(in crate::tree) fn of(
        graph: &Graph,
        role: &IamRole,
        issuer: &Knowledge<Issuer>,
        now: Timestamp,
    ) -> Reach {
        let wild = who::has_wildcards(role);
        let (everyone, unknown) = match who::accepts_strangers(graph, role, issuer, now) {
            Verdict::Allow => (true, false),
            Verdict::Unknown(_) => (false, true),
            Verdict::Deny(_) | Verdict::None => (false, false),
        };
        let breadth = match (everyone, unknown, wild) {
            (true, _, _) => Breadth::Everyone,
            (_, true, _) => Breadth::Unknown,
            (_, _, true) => Breadth::Wildcard,
            (_, _, _) => Breadth::Listed,
        };
        Reach { may: BTreeSet::new(), breadth, has_unknown: unknown }
    }

    pub(in crate::tree) fn ask(
        &mut self,
        graph: &Graph,
        role: &IamRole,
        key: SaKey,
        issuer: &Knowledge<Issuer>,
        now: Timestamp,
    ) {
        match who::accepts(graph, role, &key, issuer, now) {
            Verdict::Allow => {
                self.may.insert(key);
            }
            Verdict::Unknown(_) => self.has_unknown = true,
            Verdict::Deny(_) | Verdict::None => {
                self.may.remove(&key);
            }
        }
    }
}

/// What there is to say of a role: does it let in exactly those who are set up to use it?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleVerdict {
    NotThere,
    NotRead(Denied),
    /// Not asked yet.
    Reading,
    /// Its trust policy turns some away that are set up to use it.
    Refuses(BTreeSet<SaKey>),
    /// A pattern or nothing at all lets in those that nobody set up; how many there are.
    TooWide {
        n_more: usize,
    },
    /// Some are written out that nobody set up.
    More {
        n_more: usize,
    },
    /// Something decides that cannot be known from here.
    Unknown,
    Exact,
    /// For pods of this cluster, and none is set up.
    Unused,
    /// Trusts no EKS identity, and nothing here names it.
    NotForPods,
}

impl RoleVerdict {
    /// Among roles that stand alike.
    pub(in crate::tree) fn rank(&self) -> i64 {
        match self {
            RoleVerdict::NotThere => 0,
            RoleVerdict::Refuses(_) => 1,
            RoleVerdict::TooWide { .. } => 2,
            RoleVerdict::NotRead(_) => 3,
            RoleVerdict::Unknown => 4,
            RoleVerdict::Reading => 5,
            RoleVerdict::More { .. } => 6,
            RoleVerdict::Exact => 7,
            RoleVerdict::Unused => 8,
            RoleVerdict::NotForPods => 9,
        }
    }

    fn standing(&self) -> Standing {
        match self {
            RoleVerdict::NotThere | RoleVerdict::Refuses(_) => Standing::Blocked,
            RoleVerdict::TooWide { .. } => Standing::Risky,
            RoleVerdict::NotRead(_) | RoleVerdict::Unknown => Standing::Unknown,
            RoleVerdict::Reading => Standing::Waiting,
            RoleVerdict::More { .. } | RoleVerdict::Exact => Standing::Healthy,
            RoleVerdict::Unused | RoleVerdict::NotForPods => Standing::Undeclared,
        }
    }
}

/// How somebody stands to a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Set up, and let in.
    Uses,
    /// Set up, and turned away.
    Refused,
    /// Its annotation asks for it in vain: an association gives it another role.
    Hidden,
    /// Let in, and not set up.
    Could,
    /// Set up; whether it is let in cannot be said.
    NotKnown,
}

/// How a ServiceAccount stands to a role; `None`: they have nothing to do with each other.
pub fn relation(world: World<'_>, arn: &Arn, key: &SaKey) -> Option<Relation> {
    let graph = world.graph;
    let reach = world.board.reach(arn);
    // An association wins over the annotation.
    if let Some(it) = graph.associated_with(arn).find(|it| it.service_account == *key) {
        let Knowledge::Known(role) = graph.role(arn) else { return Some(Relation::NotKnown) };
        return Some(match who::delivers(graph, role, it, world.now) {
            Verdict::Allow => Relation::Uses,
            Verdict::Deny(_) => Relation::Refused,
            Verdict::Unknown(_) | Verdict::None => Relation::NotKnown,
        });
    }
    let may = reach.is_some_and(|it| it.may.contains(key));
    let is_annotated = graph.annotated_with(arn).any(|it| it == key);
    if is_annotated && graph.association_of(key).is_known() {
        return Some(Relation::Hidden);
    }
    if is_annotated {
        return Some(match reach {
            Some(_) if may => Relation::Uses,
            Some(it) if !it.has_unknown => Relation::Refused,
            Some(_) | None => Relation::NotKnown,
        });
    }
    may.then_some(Relation::Could)
}

/// Everybody that a role has to do with, those that are set up first.
pub fn relations(world: World<'_>, arn: &Arn) -> Vec<(SaKey, Relation)> {
    let annotated = world.graph.annotated_with(arn).cloned();
    let associated = world.graph.associated_with(arn).map(|it| it.service_account.clone());
    let configured: BTreeSet<SaKey> = annotated.chain(associated).collect();
    let could: Vec<SaKey> = world
        .board
        .reach(arn)
        .map(|it| it.may.difference(&configured).cloned().collect())
        .unwrap_or_default();
    let all =
        configured.into_iter().filter_map(|it| Some((it.clone(), relation(world, arn, &it)?)));
    let mut res: Vec<_> = all.collect();
    res.extend(could.into_iter().map(|it| (it, Relation::Could)));
    res
}

/// The verdict, and how the role stands with its findings taken in.
pub fn role_verdict(world: World<'_>, arn: &Arn) -> (RoleVerdict, Standing) {
    let verdict = verdict(world, arn);
    let found = standing::worst(world.ledger.findings_at(&Ref::Role(arn.clone())));
    let standing = verdict.standing();
    let standing = found.map_or(standing, |(it, _)| it.min(standing));
    (verdict, standing)
}

fn verdict(world: World<'_>, arn: &Arn) -> RoleVerdict {
    let role = match world.graph.role(arn) {
        Knowledge::Known(it) => it,
        Knowledge::Absent => return RoleVerdict::NotThere,
        Knowledge::Denied(it) => return RoleVerdict::NotRead(it),
        Knowledge::NotYet => return RoleVerdict::Reading,
    };
    let relations = relations(world, arn);
    let count = |of: Relation| relations.iter().filter(|(_, it)| *it == of).count();
    if role.trust.parsed.is_err() {
        return RoleVerdict::Unknown;
    }
    let refused: BTreeSet<SaKey> = relations
        .iter()
        .filter(|(_, it)| *it == Relation::Refused)
        .map(|(it, _)| it.clone())
        .collect();
    if !refused.is_empty() {
        return RoleVerdict::Refuses(refused);
    }
    let Some(reach) = world.board.reach(arn) else { return RoleVerdict::Reading };
    let n_more = count(Relation::Could);
    match reach.breadth {
        Breadth::Everyone => return RoleVerdict::TooWide { n_more },
        Breadth::Wildcard if 0 < n_more => return RoleVerdict::TooWide { n_more },
        Breadth::Unknown => return RoleVerdict::Unknown,
        Breadth::Wildcard | Breadth::Listed => {}
    }
    if relations.len() == n_more {
        return match who::trusts_workloads(role) {
            true => RoleVerdict::Unused,
            false => RoleVerdict::NotForPods,
        };
    }
    if 0 < count(Relation::NotKnown) {
        return RoleVerdict::Unknown;
    }
    if 0 < n_more { RoleVerdict::More { n_more } } else { RoleVerdict::Exact }
}
