//! What can be done about rows: the list that `f` opens.

use crate::{
    check::{self, Finding, Led, Offer, Proof, Whole},
    event::Level,
    ident::{Ref, SaKey, Text},
    model::{Mode, Model, PageKind, Request},
    plan::Purpose,
    tree::RowId,
};
use std::time::Duration;

/// How long every pod has to be Ready before a migration takes the old way away.
const READY_FOR: Duration = Duration::from_secs(600);

/// Offers in their order.
#[derive(Debug)]
pub struct Offers {
    pub of: Vec<RowId>,
    pub offers: Vec<Offer>,
    /// The chosen one.
    pub at: usize,
    /// Goals that fit and cannot be reached, with the reason.
    pub out_of_reach: Vec<String>,
}

impl Offers {
    pub fn selected(&self) -> Option<&Offer> {
        self.offers.get(self.at)
    }

    pub(in crate::model) fn step(&mut self, down: bool) {
        let last = self.offers.len().saturating_sub(1);
        self.at = if down { (self.at + 1).min(last) } else { self.at.saturating_sub(1) };
    }
}

impl Model {
    /// Whether `f` has something to show: repairs, or a ServiceAccount that could be led somewhere.
    pub(in crate::model) fn can_offer(&self) -> bool {
        if let Mode::Page(page) = &self.mode
            && matches!(page.kind, PageKind::Fixes(_) | PageKind::Plan(_))
        {
            return false;
        }
        self.fixed_rows().iter().any(|it| {
            self.findings_of(it).iter().any(|it| !it.fixes.is_empty()) || self.key_of(it).is_some()
        })
    }

    /// What `f` is about: all marked rows, else the one that is looked at.
    fn fixed_rows(&self) -> Vec<RowId> {
        let marks = &self.screen().marks;
        match &self.mode {
            Mode::List | Mode::Details if !marks.is_empty() => marks.iter().cloned().collect(),
            Mode::List | Mode::Details | Mode::Page(_) => self.about().into_iter().collect(),
        }
    }

    pub(in crate::model) fn open_offers(&mut self) -> Vec<Request> {
        let of = self.fixed_rows();
        let it = self.offers_of(of);
        if it.offers.is_empty() && it.out_of_reach.is_empty() {
            self.say(Level::Info, "nothing to repair");
            return Vec::new();
        }
        self.open_page(PageKind::Fixes(Box::new(it)));
        Vec::new()
    }

    pub(in crate::model) fn offers_of(&self, of: Vec<RowId>) -> Offers {
        let findings: Vec<&Finding> = of.iter().flat_map(|it| self.findings_of(it)).collect();
        let mut offers = check::offers(&findings);
        if 1 < of.len() {
            let targets: Vec<Ref> = of.iter().filter_map(|it| self.target_of(it)).collect();
            let all = check::all_at_once(&self.graph, &self.ledger, targets, self.now);
            offers.splice(0..0, all);
        }
        let mut out_of_reach = Vec::new();
        if let [one] = &of[..]
            && let Some(key) = self.key_of(one)
        {
            let goals = check::goals(&self.graph, &self.ledger, &key, self.proof(&key), self.now);
            let is_new = |goal: &Offer| offers.iter().all(|it| it.edits != goal.edits);
            let goals: Vec<Offer> = goals.into_iter().filter(is_new).collect();
            let by_hand = offers.iter().position(|it| it.edits.is_empty()).unwrap_or(offers.len());
            offers.splice(by_hand..by_hand, goals);
            if offers.is_empty() {
                let led = self.led(&of, Whole::Migrate);
                let way = self.whole(&led, Whole::Migrate);
                out_of_reach.extend(way.err());
            }
        }
        Offers { of, offers, at: 0, out_of_reach }
    }

    /// The node that a fix of a row is about.
    fn target_of(&self, id: &RowId) -> Option<Ref> {
        match id {
            RowId::Cause(it) => Some(it.of.clone()),
            RowId::Node(_) | RowId::Under(..) | RowId::Container { .. } => id.node(),
            RowId::Context(_) | RowId::Profile(_) | RowId::Source(_) | RowId::Alias(_) => None,
        }
    }

    /// The ServiceAccount that a row can be led to a goal as, if it asks for any identity.
    pub(in crate::model) fn key_of(&self, id: &RowId) -> Option<SaKey> {
        let key = match id.node()? {
            Ref::ServiceAccount(it) => it,
            Ref::Pod { namespace, name } => self.graph.pod(&namespace, &name)?.service_account(),
            Ref::Association(it) => self.graph.association(&it)?.service_account.clone(),
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::Workload { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Role(_)
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => return None,
        };
        let asks = self.ledger.identity(&key)?.role_arn.is_some();
        asks.then_some(key)
    }

    /// What speaks for taking the old way away; that AWS delivers, a probe of this session has shown, or nothing.
    fn proof(&self, key: &SaKey) -> Proof {
        let ready_for = self.options.ready_for.unwrap_or(READY_FOR);
        Proof { ready_for, answered: self.is_delivered(key) }
    }

    /// `:goal irsa`, of the selected ServiceAccount; a migration takes a namespace or all marked rows as well.
    pub(in crate::model) fn go_to_goal(&mut self, word: &str) -> Vec<Request> {
        let Some(goal) = Whole::parse(word.trim()) else {
            let all: Vec<String> =
                Whole::ALL.iter().map(|it| format!("`:goal {}`", it.as_str())).collect();
            self.say(Level::Error, &all.join(", "));
            return Vec::new();
        };
        let led = self.led(&self.fixed_rows(), goal);
        if led.1.is_empty() {
            let text = match goal.takes_several() {
                true => "stand on a ServiceAccount, one of its pods or a namespace first",
                false => "stand on a ServiceAccount or one of its pods first",
            };
            self.say(Level::Error, text);
            return Vec::new();
        }
        match self.whole(&led, goal) {
            Ok(it) => self.propose(it, Purpose::Fix),
            Err(why) => {
                self.say(Level::Warning, &why);
                Vec::new()
            }
        }
    }

    /// Whom rows would lead to a goal, and what all of them are called.
    fn led(&self, rows: &[RowId], goal: Whole) -> (Text, Vec<SaKey>) {
        let mut keys: Vec<SaKey> = Vec::new();
        for row in rows {
            let found = match row.node() {
                Some(Ref::Namespace(it)) if goal.takes_several() => {
                    check::of_namespace(&self.graph, &it)
                }
                Some(Ref::ServiceAccount(it)) => vec![it],
                _ => self.key_of(row).into_iter().collect(),
            };
            for it in found {
                if !keys.contains(&it) {
                    keys.push(it);
                }
            }
        }
        let called = match (rows, &keys[..]) {
            ([one], _) if matches!(one.node(), Some(Ref::Namespace(_))) => {
                one.node().map(|it| it.to_string()).unwrap_or_default()
            }
            (_, [key]) => Ref::ServiceAccount(key.clone()).to_string(),
            (many, _) => format!("{} marked rows", many.len()),
        };
        (called.into(), keys)
    }

    fn whole(&self, (called, keys): &(Text, Vec<SaKey>), goal: Whole) -> Result<Offer, String> {
        let led = Led { keys, called: called.clone(), proof: &|it| self.proof(it) };
        check::whole(&self.graph, &self.ledger, &led, goal, self.now)
    }
}
