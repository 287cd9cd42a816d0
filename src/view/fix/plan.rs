//! The page of one plan.

use crate::{
    model::{Asked, Model, Planned, Proposed, Stage},
    plan::{Confirm, Edit, May, Names, Plan, Purpose, Step},
    view::{Line, Tone, fit::cut_middle, fix::Out, words::shorten},
};

pub fn plan(model: &Model, it: &Proposed, room: usize) -> Vec<Line> {
    let mut out = Out { model, room, lines: Vec::new() };
    out.text(0, Tone::Strong, &shorten(&it.offer.title));
    match (&it.stage, &it.plan) {
        (Stage::Running(run), Planned::Plan(plan)) => out.run(plan, run),
        (Stage::Ended { run, outcome, .. }, Planned::Plan(plan)) => {
            out.run(plan, run);
            out.ended(it, plan, outcome);
        }
        (Stage::Shown | Stage::Confirming(_), Planned::Plan(plan)) => out.shown(it, plan),
        (_, Planned::Refused(why)) => {
            out.heading(Tone::Error, "Refused");
            out.text(0, Tone::Plain, &why.to_string());
            out.by_hand(it);
        }
        (_, Planned::ByHand) => {
            out.heading(Tone::Muted, "Only a person can do this");
            out.by_hand(it);
        }
    }
    out.done()
}

impl Out<'_> {
    fn shown(&mut self, it: &Proposed, plan: &Plan) {
        if let Some(why) = &it.outdated {
            self.marked(0, ("▲", Tone::Warning), Tone::Warning, why);
            if it.purpose == Purpose::Fix {
                self.text(2, Tone::Muted, "ctrl-r makes the plan anew");
            }
        }
        for why in &it.offer.notes {
            self.marked(0, ("·", Tone::Info), Tone::Plain, &shorten(why));
        }
        self.blank();
        // Where somebody is let in, that comes first.
        let is_open = matches!(plan.confirm, Confirm::IamRole(_));
        if is_open {
            self.deputies(it);
        }
        for (at, step) in plan.steps.iter().enumerate() {
            self.step(at, step);
        }
        if !is_open {
            self.deputies(it);
        }
        // What is about to be interrupted is read before the long lists.
        let restarts = !plan.turnovers.is_empty();
        if restarts {
            self.blank();
            self.restart(it);
            self.warnings(plan);
        }
        self.blast(&it.blast);
        self.blank();
        if !restarts {
            self.restart(it);
        }
        self.rights(it, plan);
        self.managers(plan);
        self.undoing(it, plan);
        if !restarts {
            self.warnings(plan);
        }
        self.left(it);
        self.labelled("plan", Tone::Muted, &plan.digest[..plan.digest.len().min(12)]);
    }

    fn warnings(&mut self, plan: &Plan) {
        for warning in &plan.warnings {
            let tone = if warning.grave { Tone::Error } else { Tone::Warning };
            self.marked(0, ("▲", tone), tone, &shorten(&warning.text));
        }
    }

    /// `1  iam:UpdateAssumeRolePolicy  role/payments-api`, what it expects, and what it makes different.
    fn step(&mut self, at: usize, step: &Step) {
        let cluster = Names::of(self.model.world().graph).cluster;
        let call = step.edit.call(cluster.as_deref().unwrap_or_default(), "the time of the write");
        let mut line = Line::of(Tone::Muted, format!("{:>2} ", at + 1));
        line.push(Tone::Key, call.permission());
        let left = self.room.saturating_sub(line.width() + 2);
        line.push(Tone::Strong, format!("  {}", cut_middle(&target(step), left)));
        self.lines.push(line);
        for it in &step.expects {
            let text = match &it.value {
                Some(value) => format!("expects {} = {}", it.field, brief(value)),
                None => format!("expects no {}", it.field),
            };
            self.text(5, Tone::Muted, &shorten(&text));
        }
        self.diff(&step.diff);
    }

    /// What the caller may do, and what to hand to whom where it may not.
    fn rights(&mut self, it: &Proposed, plan: &Plan) {
        if let Some(why) = self.model.read_only() {
            self.labelled("you may", Tone::Warning, &format!("look: {why}"));
            return;
        }
        let told = match &it.may {
            Asked::Told(them) => them,
            Asked::Asking => return self.labelled("you may", Tone::Info, "◐ asking …"),
            Asked::Not => return,
        };
        let mut said: Vec<(&Edit, &May)> = Vec::new();
        for (step, may) in plan.steps.iter().zip(told) {
            // Many steps of one kind are one answer.
            let is_same = |(edit, other): &(&Edit, &May)| {
                std::mem::discriminant(*edit) == std::mem::discriminant(&step.edit) && *other == may
            };
            if said.iter().any(is_same) {
                continue;
            }
            said.push((&step.edit, may));
            let label = if said.len() == 1 { "you may" } else { "" };
            let permission = step.edit.call("", "").permission();
            match may {
                May::Yes => self.labelled(label, Tone::Success, &format!("✔ {permission}")),
                May::No(it) => {
                    self.labelled(label, Tone::Error, &format!("✖ not allowed: {it}"));
                }
                May::NotKnown(why) => {
                    let text = format!("? {permission}: not known, {why}");
                    self.labelled(label, Tone::Unknown, &text);
                }
            }
        }
        if let Some(missing) = it.missing() {
            let text = "c copies the commands for somebody who may; or ask for this:";
            self.labelled("", Tone::Plain, text);
            let resource = plan.steps.iter().find_map(|it| match &it.target {
                crate::ident::Ref::Role(it) | crate::ident::Ref::Provider(it) => Some(it.as_str()),
                _ => None,
            });
            for line in ask_for(missing, resource).lines() {
                self.lines.push(Line::of(Tone::Plain, format!("     {line}")));
            }
        }
    }

    /// Who else keeps what is changed, and where it is to be changed instead.
    fn managers(&mut self, plan: &Plan) {
        let mut said = Vec::new();
        for step in &plan.steps {
            let Some(it) = &step.managed_by else { continue };
            if said.contains(&it) {
                continue;
            }
            said.push(it);
            let label = if said.len() == 1 { "managed by" } else { "" };
            let of = if it.of.is_empty() { String::new() } else { format!(" `{}`", it.of) };
            self.labelled(label, Tone::Warning, &format!("▲ {}{of}: {}", it.name, it.place));
        }
        if said.is_empty() {
            let text = "– no marks of Helm, Argo CD, Flux, add-ons, CloudFormation, Terraform";
            self.labelled("managed by", Tone::Muted, text);
        }
    }

    fn undoing(&mut self, it: &Proposed, plan: &Plan) {
        let mut n_not = 0;
        for (at, step) in plan.steps.iter().enumerate() {
            // A restart takes nothing away that an undo would have to bring back.
            if matches!(step.edit, Edit::Restart { .. }) {
                continue;
            }
            if let Err(why) = &step.undo
                && !matches!(step.edit, Edit::CreateAssociation { .. })
            {
                n_not += 1;
                let text = format!("step {}: {why}", at + 1);
                self.labelled("undo", Tone::Warning, &text);
            }
        }
        if n_not == 0 && it.purpose == Purpose::Fix {
            self.labelled("undo", Tone::Muted, "possible: u afterwards, or :undo");
        }
    }

    /// What is not part of it: for a person, or left as it is.
    fn left(&mut self, it: &Proposed) {
        for left in &it.left {
            self.marked(0, ("·", Tone::Muted), Tone::Plain, &format!("stays: {}", left.why));
        }
        if it.offer.left.is_empty() {
            return;
        }
        self.heading(Tone::Muted, "Beside it, by hand");
        for (code, fix) in &it.offer.left {
            self.text(2, Tone::Plain, &format!("{code}: {}", shorten(&fix.title)));
        }
    }

    fn by_hand(&mut self, it: &Proposed) {
        for why in it.offer.notes.iter().chain(it.left.iter().map(|it| &it.why)) {
            self.marked(0, ("·", Tone::Info), Tone::Plain, &shorten(why));
        }
        let Some(commands) = self.model.plan_commands(it) else { return };
        self.heading(Tone::Muted, "Commands (c copies them)");
        for command in commands.lines() {
            for (at, part) in crate::view::fit::wrap(command, self.room.saturating_sub(4).max(8))
                .into_iter()
                .enumerate()
            {
                let mark = if at == 0 { "  $ " } else { "    " };
                self.lines.push(Line::of(Tone::Muted, mark).add(Tone::Plain, part));
            }
        }
        let restart = if it.offer.restart_needed {
            "pods have to be made again afterwards: the identity is injected at admission"
        } else {
            "no restart needed: the SDK asks again"
        };
        self.blank();
        self.text(0, Tone::Muted, restart);
    }
}

/// How the target of a step is called.
pub(in crate::view::fix) fn target(step: &Step) -> String {
    use crate::{ident::Ref, view::words::label};
    match &step.target {
        it @ Ref::Role(_) => format!("role/{}", label(it)),
        it @ Ref::Provider(_) => format!("oidc/{}", label(it)),
        it => it.to_string(),
    }
}

/// A digest by its beginning, everything else as it is.
fn brief(value: &str) -> String {
    let is_digest = value.len() == 64 && value.bytes().all(|it| it.is_ascii_hexdigit());
    if is_digest { format!("{}…", &value[..12]) } else { value.to_owned() }
}

/// What whoever grants permissions needs: the policy statement, or the rule of a Role.
fn ask_for(missing: &str, resource: Option<&str>) -> String {
    if missing.contains(':') {
        let resource = resource.unwrap_or("*");
        return format!(
            "{{\"Effect\": \"Allow\", \"Action\": \"{missing}\", \"Resource\": \"{resource}\"}}"
        );
    }
    let mut words = missing.split_whitespace();
    let (verb, resource) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let group = match resource {
        "deployments" | "statefulsets" | "daemonsets" | "replicasets" => "apps",
        "jobs" | "cronjobs" => "batch",
        _ => "",
    };
    let namespace = words.nth(1).map(|it| format!("  # in namespace {it}")).unwrap_or_default();
    format!("- apiGroups: [\"{group}\"]{namespace}\n  resources: [{resource}]\n  verbs: [{verb}]")
}

#[cfg(test)]
mod tests {
    use crate::view::fix::plan::{ask_for, brief};

    #[test]
    fn says_what_to_ask_for() {
        assert_eq!(
            ask_for("iam:UpdateAssumeRolePolicy", Some("arn:aws:iam::1:role/a")),
            r#"{"Effect": "Allow", "Action": "iam:UpdateAssumeRolePolicy", "Resource": "arn:aws:iam::1:role/a"}"#
        );
        assert_eq!(
            ask_for("patch serviceaccounts in payments", None),
            "- apiGroups: [\"\"]  # in namespace payments\n  resources: [serviceaccounts]\n  verbs: [patch]"
        );
        assert!(ask_for("patch deployments in shop", None).contains("[\"apps\"]"));
    }

    #[test]
    fn only_digests_are_cut() {
        assert_eq!(brief(&"ab".repeat(32)), "abababababab…");
        assert_eq!(brief("eks.amazonaws.com/role-arn"), "eks.amazonaws.com/role-arn");
    }
}
