//! Whom each role lets in, kept up as roles and accounts change, since a role with a wildcard has to be asked about
//! everybody.

use crate::{
    fact::Knowledge,
    graph::Graph,
    ident::{Arn, Issuer, Ref, SaKey, Timestamp},
    identity::who,
    tree::reach::{Breadth, Reach},
};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

#[derive(Default)]
pub struct Reaches {
    roles: HashMap<Arn, Reach>,
    /// Those that everybody who is new has to be asked about.
    open: BTreeSet<Arn>,
    issuer: Option<Issuer>,
    order: VecDeque<Arn>,
    waiting: HashSet<Arn>,
    asking: Option<Asking>,
}

/// A role of which not everybody has been asked about.
struct Asking {
    arn: Arn,
    reach: Reach,
    /// Who was asked about last.
    after: Option<SaKey>,
}

fn exists(graph: &Graph, key: &SaKey) -> bool {
    graph.service_account(key).is_known() || graph.pods_of(key).next().is_some()
}

impl Reaches {
    pub fn get(&self, arn: &Arn) -> Option<&Reach> {
        self.roles.get(arn)
    }

    /// Notes which roles have to be looked at again because of these units.
    pub fn expect(&mut self, graph: &Graph, units: &[Ref]) {
        let issuer = graph.issuer().known();
        if self.issuer != issuer {
            self.issuer = issuer;
            graph.roles().for_each(|it| self.push(it.arn.clone()));
            return;
        }
        for unit in units {
            match unit {
                Ref::Role(arn) => self.push(arn.clone()),
                Ref::Cluster
                | Ref::Namespace(_)
                | Ref::ServiceAccount(_)
                | Ref::Pod { .. }
                | Ref::Workload { .. }
                | Ref::Node(_)
                | Ref::Webhook(_)
                | Ref::Budget { .. }
                | Ref::ConfigMap { .. }
                | Ref::Secret { .. }
                | Ref::Association(_)
                | Ref::Provider(_)
                | Ref::Addon(_)
                | Ref::Nodegroup(_) => {}
            }
        }
    }

    fn push(&mut self, arn: Arn) {
        if self.asking.as_ref().is_some_and(|it| it.arn == arn) {
            self.asking = None;
        }
        if self.waiting.insert(arn.clone()) {
            self.order.push_back(arn);
        }
    }

    /// Roles that wait to be looked at.
    pub fn n_waiting(&self) -> usize {
        self.order.len() + usize::from(self.asking.is_some())
    }

    /// Asks up to about `n` questions of one role and one ServiceAccount.
    pub fn work(&mut self, graph: &Graph, n: usize, now: Timestamp) {
        let issuer = graph.issuer();
        let mut left = n.max(1);
        while 0 < left {
            let Some(Asking { arn, reach, after }) = self.next(graph, &issuer, now) else { return };
            left -= 1;
            let Knowledge::Known(role) = graph.role(&arn) else {
                self.roles.remove(&arn);
                continue;
            };
            let mut asking = Asking { arn, reach, after };
            let mut is_done = true;
            if asking.reach.breadth == Breadth::Listed {
                for key in who::named(role).filter(|it| exists(graph, it)) {
                    asking.reach.ask(graph, role, key, &issuer, now);
                }
            } else {
                for key in graph.identities_after(asking.after.as_ref()) {
                    if left == 0 {
                        is_done = false;
                        break;
                    }
                    left -= 1;
                    asking.reach.ask(graph, role, key.clone(), &issuer, now);
                    asking.after = Some(key.clone());
                }
            }
            if !is_done {
                self.asking = Some(asking);
                return;
            }
            if asking.reach.breadth != Breadth::Listed {
                self.open.insert(asking.arn.clone());
            }
            self.roles.insert(asking.arn, asking.reach);
        }
    }

    /// The role that is being asked about, else the next one.
    fn next(
        &mut self,
        graph: &Graph,
        issuer: &Knowledge<Issuer>,
        now: Timestamp,
    ) -> Option<Asking> {
        if let Some(it) = self.asking.take() {
            return Some(it);
        }
        loop {
            let arn = self.order.pop_front()?;
            self.waiting.remove(&arn);
            self.open.remove(&arn);
            match graph.role(&arn) {
                Knowledge::Known(role) => {
                    let reach = Reach::of(graph, role, issuer, now);
                    return Some(Asking { arn, reach, after: None });
                }
                Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => {
                    self.roles.remove(&arn);
                }
            }
        }
    }

    /// A ServiceAccount has appeared: may it?
    pub fn admit(&mut self, graph: &Graph, key: &SaKey, now: Timestamp) {
        let issuer = graph.issuer();
        let naming = graph.roles_naming(key).into_iter().map(|it| it.arn.clone());
        let arns: BTreeSet<Arn> = naming.chain(self.open.iter().cloned()).collect();
        for arn in arns {
            if let (Some(reach), Knowledge::Known(role)) =
                (self.roles.get_mut(&arn), graph.role(&arn))
            {
                reach.ask(graph, role, key.clone(), &issuer, now);
            }
        }
        // Who stands behind the last one is asked about in turn.
        if let Some(it) = &mut self.asking
            && it.after.as_ref().is_some_and(|after| key <= after)
            && let Knowledge::Known(role) = graph.role(&it.arn)
        {
            it.reach.ask(graph, role, key.clone(), &issuer, now);
        }
    }

    /// A ServiceAccount is gone.
    pub fn dismiss(&mut self, graph: &Graph, key: &SaKey) {
        if let Some(it) = &mut self.asking {
            it.reach.may.remove(key);
        }
        let naming = graph.roles_naming(key).into_iter().map(|it| it.arn.clone());
        for arn in naming.chain(self.open.iter().cloned()) {
            if let Some(it) = self.roles.get_mut(&arn) {
                it.may.remove(key);
            }
        }
    }
}
