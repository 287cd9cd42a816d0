//! What IAM and EKS said of a role, an association or a provider.

use crate::{
    fact::{Denied, Knowledge},
    ident::{Arn, Ref, Timestamp},
    report::lets::{Today, lets},
    tree::relations,
    view::{
        Line, Tone,
        badge::glyph,
        details::Out,
        fit::{age, cut_middle, exactly, width},
        policy,
        words::{count, relation_words},
    },
};

impl Out<'_> {
    fn since(&self, at: Timestamp) -> String {
        format!("{} ago", age(self.model.now().as_second() - at.as_second()))
    }

    pub(in crate::view) fn role(&mut self, arn: &Arn) {
        self.text(Tone::Strong, arn.as_str());
        match self.model.world().graph.role(arn) {
            Knowledge::Known(it) => {
                self.reach(arn);
                let world = self.model.world();
                let lets = lets(world.graph, it, world.now, Today::LeftOut);
                if !lets.is_empty() {
                    self.heading("Its policy lets in");
                }
                for it in lets {
                    self.indented(1, Tone::Plain, &format!("[{}] {}", it.statement, it.who));
                }
                self.heading("Its policy names");
                for it in policy::trusts(&it.trust) {
                    self.indented(1, Tone::Plain, &it);
                }
                if let Err(it) = &it.trust.parsed {
                    self.text(
                        Tone::Error,
                        &format!("the policy is invalid: {} {}", it.path, it.reason),
                    );
                }
                if let Knowledge::Known(it) = it.last_used.as_ref() {
                    let text = it.at.map_or("never".into(), |at| self.since(at));
                    self.pair("last used*", &text);
                    self.text(Tone::Muted, "* by any caller, as IAM says, hours late");
                }
            }
            Knowledge::Absent => self.text(Tone::Error, "IAM has no such role"),
            Knowledge::Denied(it) => self.denied(&it),
            Knowledge::NotYet => self.text(Tone::Info, "being read"),
        }
        if !self.model.world().graph.role(arn).is_known() {
            self.users(&Ref::Role(arn.clone()));
        }
    }

    /// Who may, as evaluated, against who is set up to.
    fn reach(&mut self, arn: &Arn) {
        let world = self.model.world();
        let them = relations(world, arn);
        let n = u32::try_from(them.len()).unwrap_or(u32::MAX);
        if world.board.reach(arn).is_some_and(|it| it.is_open_to_all()) {
            self.text(Tone::Error, "any ServiceAccount of this cluster may assume it");
        }
        self.heading(&format!("Who may, and who is set up ({})", count(n, "ServiceAccount")));
        if them.is_empty() {
            self.text(Tone::Muted, "nobody here");
        }
        let widest = them.iter().map(|(it, _)| width(&it.to_string())).max().unwrap_or(0);
        let room = widest.min(self.room.saturating_sub(20));
        for (key, relation) in them {
            let (standing, text) = relation_words(relation);
            let (glyph, tone) = glyph(standing);
            let name = exactly(Line::of(Tone::Plain, cut_middle(&key.to_string(), room)), room);
            let mut line = Line::of(tone, format!("{glyph} "));
            line.spans.extend(name.spans);
            self.lines.push(line.add(Tone::Muted, format!("  {text}")));
        }
    }

    pub(in crate::view) fn association(&mut self, id: &str) {
        let Some(it) = self.model.world().graph.association(id) else {
            return self.text(Tone::Muted, "gone");
        };
        self.pair("id", id);
        self.pair("account", &it.service_account.to_string());
        match it.detail.as_ref() {
            Knowledge::Known(it) => {
                self.pair("role", it.role_arn.as_str());
                if let Some(it) = &it.target_role_arn {
                    self.pair("target role", it.as_str());
                }
                if let Some(at) = it.created {
                    let text = self.since(at);
                    self.pair("created", &text);
                }
                if it.disable_session_tags {
                    self.pair("session tags", "off");
                }
                if it.policy.is_some() {
                    self.pair("policy", "a session policy narrows it");
                }
            }
            Knowledge::Absent => self.text(Tone::Muted, "gone"),
            Knowledge::Denied(it) => self.denied(&it),
            Knowledge::NotYet => self.text(Tone::Info, "being read"),
        }
        let key = it.service_account.clone();
        self.heading("Leads to");
        self.account(&key);
    }

    pub(in crate::view) fn provider(&mut self, arn: &Arn) {
        self.text(Tone::Strong, arn.as_str());
        match self.model.provider(arn) {
            Some(it) => match it.detail.as_ref() {
                Knowledge::Known(it) => {
                    self.pair("audiences", &it.client_ids.join(", "));
                    if let Some(at) = it.created {
                        let text = self.since(at);
                        self.pair("created", &text);
                    }
                }
                Knowledge::Absent => self.text(Tone::Error, "IAM has no such provider"),
                Knowledge::Denied(it) => self.denied(&it),
                Knowledge::NotYet => self.text(Tone::Info, "being read"),
            },
            None => self.text(Tone::Error, "IAM has no such provider"),
        }
        self.users(&Ref::Provider(arn.clone()));
    }

    fn denied(&mut self, it: &Denied) {
        self.text(Tone::Unknown, &format!("{} denied", it.permission));
        if !it.detail.is_empty() {
            self.text(Tone::Muted, &it.detail);
        }
    }
}
