//! The page of one plan: working it out, asking whether it may be, and noticing that it is out of date.

use crate::{
    check::{self, Class, Offer, Restarts, Undoing},
    event::{Generation, Level},
    fact::Knowledge,
    ident::Text,
    model::{
        Mode, Model, Page, PageKind, Request,
        propose::{Asked, Planned, Proposed, Stage},
    },
    plan::{self, Because, Edit, May, Names, Plan, Purpose},
    report::plan::terraform_of,
};
use std::fmt::Write;

impl Model {
    /// Opens the page of an offer.
    pub(in crate::model) fn propose(&mut self, offer: Offer, purpose: Purpose) -> Vec<Request> {
        let it = self.worked_out(offer, purpose, false);
        self.open_plan(it)
    }

    fn open_plan(&mut self, mut it: Proposed) -> Vec<Request> {
        let request = self.ask_permissions(&mut it);
        let mode = std::mem::replace(&mut self.mode, Mode::List);
        it.before = match mode {
            Mode::Page(page) => Some(Box::new(page)),
            Mode::List | Mode::Details => None,
        };
        self.open_page(PageKind::Plan(Box::new(it)));
        request
    }

    fn ask_permissions(&self, it: &mut Proposed) -> Vec<Request> {
        match &it.plan {
            Planned::Plan(plan) if self.read_only().is_none() => {
                it.may = Asked::Asking;
                let order = plan::Order::of(&self.graph, (**plan).clone(), it.purpose.clone());
                vec![Request::Permissions { order: Box::new(order), generation: self.generation }]
            }
            Planned::Plan(_) | Planned::Refused(_) | Planned::ByHand => Vec::new(),
        }
    }

    fn worked_out(&self, offer: Offer, purpose: Purpose, with_restart: bool) -> Proposed {
        let graph = &self.graph;
        let after = check::After::of(graph, &offer.edits, self.now);
        let blast = after.blast();
        let restarts = check::restarts(graph, &offer.edits, &blast);
        let mut edits = offer.edits.clone();
        if with_restart {
            let restart = |it: &check::Offered| Edit::Restart { workload: it.workload.clone() };
            edits.extend(restarts.offered.iter().map(restart));
        }
        let plan = if edits.is_empty() {
            Planned::ByHand
        } else {
            let title = offer.title.clone();
            match plan::build(graph, offer.id, title, offer.because.clone(), edits) {
                Ok(mut it) => {
                    after.forewarn(&self.ledger, &mut it);
                    Planned::Plan(Box::new(it))
                }
                Err(it) => Planned::Refused(it),
            }
        };
        let deputies = after.deputies();
        self.proposed(offer, plan, purpose, (blast, restarts, deputies), with_restart)
    }

    fn proposed(
        &self,
        offer: Offer,
        plan: Planned,
        purpose: Purpose,
        (blast, restarts, deputies): (check::Blast, Restarts, Vec<check::Deputy>),
        with_restart: bool,
    ) -> Proposed {
        Proposed {
            offer,
            plan,
            purpose,
            blast,
            deputies,
            restarts,
            with_restart,
            may: Asked::Not,
            stage: Stage::Shown,
            left: Vec::new(),
            outdated: None,
            made_at: self.now,
            callers: plan::callers(&self.graph),
            before: None,
        }
    }

    /// The page of what puts an entry of the journal back, or finishes it.
    pub(in crate::model) fn propose_undoing(&mut self, it: Undoing) -> Vec<Request> {
        let (mut plan, because, title, edits) = match it.plan {
            Some(Ok(it)) => {
                let edits: Vec<Edit> = it.edits().cloned().collect();
                let (because, title) = (it.because.clone(), it.title.clone());
                (Planned::Plan(Box::new(it)), because, title, edits)
            }
            Some(Err(it)) => (Planned::Refused(it), Because::default(), String::new(), Vec::new()),
            None => (Planned::ByHand, Because::default(), String::new(), Vec::new()),
        };
        let title = if title.is_empty() { "undo".to_owned() } else { title };
        let after = check::After::of(&self.graph, &edits, self.now);
        if let Planned::Plan(it) = &mut plan {
            after.forewarn(&self.ledger, it);
        }
        let blast = after.blast();
        let deputies = after.deputies();
        let offer = Offer {
            id: "FX-UNDO",
            title,
            class: Class::Mends,
            because,
            heals: Vec::new(),
            restart_needed: false,
            edits,
            by_hand: Vec::new(),
            left: Vec::new(),
            notes: Vec::new(),
        };
        let beside = (blast, Restarts::default(), deputies);
        let mut res = self.proposed(offer, plan, it.purpose, beside, false);
        res.left = it.left;
        self.open_plan(res)
    }

    /// The answer of the world to whether it may be.
    pub(in crate::model) fn permitted(
        &mut self,
        generation: Generation,
        told: Plan,
        may: Vec<May>,
    ) {
        if generation != self.generation {
            return;
        }
        let Some(it) = self.proposed_mut() else { return };
        if let Planned::Plan(plan) = &mut it.plan
            && plan.digest == told.digest
        {
            **plan = told;
            it.may = Asked::Told(may);
        }
    }

    /// The plan that is looked at.
    pub fn proposal(&self) -> Option<&Proposed> {
        match &self.mode {
            Mode::Page(Page { kind: PageKind::Plan(it), .. }) => Some(it),
            Mode::Page(_) | Mode::List | Mode::Details => None,
        }
    }

    pub(in crate::model) fn proposed_mut(&mut self) -> Option<&mut Proposed> {
        match &mut self.mode {
            Mode::Page(Page { kind: PageKind::Plan(it), .. }) => Some(it),
            Mode::Page(_) | Mode::List | Mode::Details => None,
        }
    }

    /// Drops a plan that was made for another caller, and marks one that the world has left behind.
    pub(in crate::model) fn look_after_plan(&mut self) {
        let Some(it) = self.proposal() else { return };
        if !matches!(it.stage, Stage::Shown | Stage::Confirming(_)) {
            return;
        }
        let callers = plan::callers(&self.graph);
        if it.callers != callers && !callers.is_empty() {
            self.mode = Mode::List;
            let text = "the caller of AWS is another one now: the plan was dropped";
            self.say(Level::Warning, text);
            return;
        }
        let Some(plan) = it.as_plan() else { return };
        let why = self.outdated(plan, it);
        // What a role may do comes later than that it is there.
        let is_read = |it: &check::Deputy| !matches!(it.policies, Knowledge::NotYet);
        let deputies = (!it.deputies.iter().all(is_read))
            .then(|| check::After::of(&self.graph, &it.offer.edits, self.now).deputies());
        let Some(it) = self.proposed_mut() else { return };
        if let Some(deputies) = deputies {
            it.deputies = deputies;
        }
        if why.is_some() {
            it.stage = Stage::Shown;
        }
        it.outdated = why;
    }

    fn outdated(&self, plan: &Plan, it: &Proposed) -> Option<String> {
        let is_gone = |it: &check::Healed| !it.is_found(&self.ledger);
        if !it.offer.heals.is_empty() && it.offer.heals.iter().all(is_gone) {
            return Some("what it repairs is not there any more".to_owned());
        }
        let edits = plan.edits().cloned().collect();
        let (title, because) = (String::new(), plan.because.clone());
        match plan::build(&self.graph, &plan.id, title, because, edits) {
            Ok(now) if now.digest == plan.digest => {
                let shown = |it: &Edit| plan::shown(&self.graph, it);
                let moved = plan.edits().find(|it| {
                    !matches!(it, Edit::Restart { .. })
                        && matches!(shown(it), plan::Shown::Other | plan::Shown::After)
                });
                // Of several edits of one thing only the first finds it as it is now.
                let is_single = plan.steps.len() == 1;
                moved.filter(|_| is_single).map(|_| "what it changes was changed since".to_owned())
            }
            Ok(_) => Some("what it changes was made anew since".to_owned()),
            Err(why) => Some(why.to_string()),
        }
    }

    /// Makes the plan anew from what is known now.
    pub(in crate::model) fn propose_again(&mut self) -> Vec<Request> {
        let Some(it) = self.proposal() else { return Vec::new() };
        if it.purpose != Purpose::Fix || !matches!(it.stage, Stage::Shown) {
            return Vec::new();
        }
        let (offer, with_restart) = (it.offer.clone(), it.with_restart);
        let again = self.offered_again(&offer);
        let Some(again) = again else {
            self.say(Level::Info, "there is nothing left of it to repair");
            return Vec::new();
        };
        let mut res = self.worked_out(again, Purpose::Fix, with_restart);
        let request = self.ask_permissions(&mut res);
        if let Some(it) = self.proposed_mut() {
            res.before = it.before.take();
            *it = res;
        }
        request
    }

    /// The same offer, of the findings as they are now.
    fn offered_again(&self, offer: &Offer) -> Option<Offer> {
        let Some(first) = offer.heals.first() else { return Some(offer.clone()) };
        let found: Vec<_> = self.ledger.findings_at(&first.at).iter().collect();
        let same = |it: &Offer| it.id == offer.id && it.class == offer.class;
        let mut all: Vec<Offer> = check::offers(&found).into_iter().filter(same).collect();
        let exact = all.iter().position(|it| it.title == offer.title).unwrap_or(0);
        (exact < all.len()).then(|| all.swap_remove(exact))
    }

    /// With the restart, or without.
    pub(in crate::model) fn toggle_restart(&mut self) -> Vec<Request> {
        let Some(it) = self.proposal() else { return Vec::new() };
        let (offer, with) = (it.offer.clone(), !it.with_restart);
        let purpose = it.purpose.clone();
        let mut res = self.worked_out(offer, purpose, with);
        let request = self.ask_permissions(&mut res);
        if let Some(it) = self.proposed_mut() {
            res.before = it.before.take();
            *it = res;
        }
        request
    }

    /// The plan as commands, or as Terraform. Where the caller may not, for somebody who may.
    pub fn plan_commands(&self, it: &Proposed) -> Option<Text> {
        let mut res = String::new();
        let mut names = Names::of(&self.graph);
        if let Some(missing) = it.missing() {
            names = names.handed_over();
            let _ = writeln!(res, "# not allowed for the caller: {missing}");
        }
        let edits = it.as_plan().map_or_else(
            || it.offer.edits.iter().collect::<Vec<_>>(),
            |plan| plan.edits().collect(),
        );
        for command in edits.iter().flat_map(|it| plan::commands(it, &names)) {
            let _ = writeln!(res, "{command}");
        }
        let left = it.offer.left.iter().flat_map(|(_, it)| it.commands(&names));
        for command in it.offer.by_hand.iter().cloned().chain(left) {
            let _ = writeln!(res, "{command}");
        }
        let undone = it.left.iter().filter_map(|it| it.edit.as_ref());
        for command in undone.flat_map(|it| plan::commands(it, &names)) {
            let _ = writeln!(res, "# left as it is: {command}");
        }
        (!res.is_empty()).then(|| res.into())
    }

    pub(in crate::model) fn plan_terraform(&self) -> Option<Text> {
        let it = self.proposal()?;
        let plan = it.as_plan()?;
        Some(terraform_of(plan, &Names::of(&self.graph)).into())
    }
}
