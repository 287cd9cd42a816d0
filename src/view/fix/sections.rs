//! What stands on a plan's page beside its steps: who gets in and on whose word, whom it concerns, what is restarted.

use crate::{
    check::{Blast, Deputy, End, Level, Moved, Newcomer, When},
    fact::Knowledge,
    model::Proposed,
    plan::Confirm,
    view::{Tone, fit::age, fix::Out, words::count},
};

/// Entries of one list before they are counted only.
const LISTED: usize = 8;

impl Out<'_> {
    /// The confused deputy: an annotation is a claim.
    pub(in crate::view::fix) fn deputies(&mut self, it: &Proposed) {
        let asks_name = |it: &Proposed| {
            it.as_plan().is_some_and(|it| matches!(it.confirm, Confirm::IamRole(_)))
        };
        for deputy in &it.deputies {
            let is_open = asks_name(it);
            let tone = if is_open { Tone::Accent } else { Tone::Title };
            let name = deputy.role.name().unwrap_or(deputy.role.as_str());
            self.heading(tone, &format!("◆ Somebody new gets role `{name}`"));
            for newcomer in &deputy.newcomers {
                self.newcomer(newcomer);
            }
            self.powers(deputy);
            if is_open {
                self.text(
                    2,
                    Tone::Muted,
                    "an annotation is a claim by whoever may edit the ServiceAccount; believe it only if you know that it is meant",
                );
            }
        }
        if !it.deputies.is_empty() {
            self.blank();
        }
    }

    fn newcomer(&mut self, it: &Newcomer) {
        self.name(2, Tone::Strong, &it.service_account.to_string());
        let now = self.model.now();
        let claim = if it.is_annotated {
            let by = match &it.written_by {
                Some(it) => format!("by `{it}`"),
                None => "by nobody knows whom".to_owned(),
            };
            let when = match it.written_at {
                Some(at) => {
                    let ago = age(now.duration_since(at).as_secs());
                    format!("{ago} ago ({})", at.strftime("%Y-%m-%d %H:%M UTC"))
                }
                None => "nobody knows when".to_owned(),
            };
            format!("asks for it; the annotation was written {by}, {when}")
        } else {
            "does not ask for it by annotation; this plan is what links it".to_owned()
        };
        self.text(4, Tone::Plain, &claim);
        let namespace = &it.service_account.namespace;
        if it.is_known_namespace {
            let text = format!("the trust policy names namespace `{namespace}` already");
            self.marked(4, ("✔", Tone::Success), Tone::Plain, &text);
        } else {
            let text = format!("the trust policy has never named namespace `{namespace}`");
            self.marked(4, ("▲", Tone::Warning), Tone::Warning, &text);
        }
    }

    fn powers(&mut self, it: &Deputy) {
        let powers = match &it.policies {
            Knowledge::Known(it) => it,
            Knowledge::Denied(it) => {
                let text = format!("? what the role may do is not known: {} denied", it.permission);
                return self.text(2, Tone::Unknown, &text);
            }
            Knowledge::Absent | Knowledge::NotYet => {
                return self.text(2, Tone::Unknown, "? what the role may do is not read");
            }
        };
        if powers.is_empty() {
            return self.text(2, Tone::Muted, "the role has no policies");
        }
        self.text(2, Tone::Muted, "the role may");
        for it in powers {
            let (mark, tone, note) = match it.level {
                Level::Administrator => ("✖", Tone::Error, "  like an administrator"),
                Level::NotKnown => ("?", Tone::Unknown, "  not read"),
                Level::Limited => ("·", Tone::Plain, ""),
            };
            self.marked(4, (mark, tone), tone, &format!("{}{note}", it.name));
        }
    }

    pub(in crate::view::fix) fn blast(&mut self, it: &Blast) {
        self.heading(Tone::Title, "Whom it concerns");
        let lists = [
            ("gains", &it.gains, Tone::Success, "nobody"),
            ("loses", &it.loses, Tone::Error, "nobody"),
            ("changes identity", &it.changes_identity, Tone::WrongId, "nobody"),
            ("not known", &it.not_known, Tone::Unknown, "nothing"),
        ];
        for (label, list, tone, none) in lists {
            if list.is_empty() {
                self.labelled(label, Tone::Muted, none);
            }
            for (at, moved) in list.iter().take(LISTED).enumerate() {
                let label = if at == 0 { label } else { "" };
                self.moved(label, moved, tone);
            }
            if LISTED < list.len() {
                self.labelled("", Tone::Muted, &format!("and {} more", list.len() - LISTED));
            }
        }
    }

    fn moved(&mut self, label: &str, it: &Moved, tone: Tone) {
        let when = match it.when {
            When::Now => "now",
            When::NewPods => "once made again",
        };
        let pods = match it.pods {
            0 => "its next pod".to_owned(),
            n => format!("{} {when}", count(n, "pod")),
        };
        self.labelled(label, tone, &format!("{}, {pods}", it.owner));
        let text = format!("{} → {}", it.from.describe(), it.to.describe());
        self.labelled("", Tone::Plain, &text);
        // It works today, as somebody else.
        match &it.from {
            End::NodeRole | End::Static if matches!(it.to, End::Role(_)) => {
                let text = format!(
                    "it works today as {}: what that allows and the role does not will fail",
                    it.from.describe()
                );
                self.labelled("", Tone::Warning, &text);
            }
            End::NodeRole
            | End::Static
            | End::Role(_)
            | End::Refused(..)
            | End::Unknown(..)
            | End::None => {}
        }
    }
}
