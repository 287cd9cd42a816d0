//! Cells about ServiceAccounts and pods.

use crate::{
    check::row,
    fact::{Knowledge, Pod},
    ident::{Ref, SaKey},
    identity::{Carried, Mechanism},
    tree::{Standing, of_pod, worst},
    view::{
        Line, Tone,
        badge::{brief, glyph, say, tell},
        cells::{Cells, Col},
        fit::cut_middle,
        words::{carried, error_text, mechanism, provider, unknown},
    },
};

impl Cells<'_> {
    pub(in crate::view) fn account_cell(&self, key: &SaKey, col: Col, room: usize) -> Line {
        let identity = self.world.ledger.identity(key);
        let summary = self.world.board.identity(key);
        match (col, identity, summary) {
            (Col::Via, Some(it), _) => Line::of(Tone::Plain, mechanism(it.mechanism)),
            (Col::Role, Some(it), _) if it.mechanism == Mechanism::Both => {
                self.both_roles(key, room)
            }
            (Col::Role, Some(it), _) => self.role(it.role_arn.as_ref(), room),
            (Col::Pods, _, Some(it)) => match (it.counts.total, it.mechanism) {
                (0, _) => Line::of(Tone::Muted, "–"),
                (n, Mechanism::None) => Line::of(Tone::Plain, n.to_string()),
                (n, _) => Line::of(Tone::Plain, format!("{}/{n}", it.counts.injected)),
            },
            (Col::Age, _, _) => {
                self.age(self.world.graph.service_account(key).known().and_then(|it| it.created))
            }
            (Col::Code, _, Some(it)) => Line::of(Tone::Plain, it.code.unwrap_or_default()),
            (Col::Why, _, Some(it))
                if it.standing == Standing::Unknown && self.is_without_aws() =>
            {
                self.without_aws(room)
            }
            (Col::Why, _, Some(it)) => {
                let code = it.code.filter(|_| it.standing < Standing::Waiting);
                let because = identity.and_then(|it| unknown(&it.verdict));
                match (code, because) {
                    (Some(code), _) => tell(it.standing, code, room),
                    (_, Some(why)) => say(it.standing, &why, room),
                    (_, _) => brief(it.standing, room),
                }
            }
            (Col::Why, _, None) => brief(Standing::Waiting, room),
            (_, _, _) => Line::new(),
        }
    }

    fn is_without_aws(&self) -> bool {
        self.model.why_no_aws().is_some()
    }

    /// Nothing was refused: nothing was asked.
    fn without_aws(&self, room: usize) -> Line {
        let reason = self.model.why_no_aws().map_or("", |it| it);
        let (glyph, tone) = glyph(Standing::Unknown);
        let text = if reason.len() + 2 <= room { reason } else { "no AWS" };
        Line::of(tone, format!("{glyph} {text}"))
    }

    /// What the association gives, and what the annotation asks for in vain where that is another role.
    fn both_roles(&self, key: &SaKey, room: usize) -> Line {
        let identity = self.world.ledger.identity(key);
        let ours = identity.and_then(|it| it.role_arn.as_ref());
        let annotated = match self.world.graph.service_account(key) {
            Knowledge::Known(it) => it.role_arn().map(|it| crate::ident::Arn::new(it.clone())),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
        };
        match annotated.filter(|it| Some(it) != ours) {
            None => self.role(ours, room),
            Some(_) if room < 20 => {
                let mut res = self.role(ours, room.saturating_sub(2));
                res.push(Tone::Error, " ≠");
                res
            }
            Some(other) => {
                let half = room.saturating_sub(3) / 2;
                let mut res = self.role(ours, half);
                res.push(Tone::Error, " ≠ ");
                let left = room.saturating_sub(res.width());
                res.spans.extend(self.role(Some(&other), left).spans);
                res
            }
        }
    }

    pub(in crate::view) fn pod_cell(&self, pod: &Pod, col: Col, room: usize) -> Line {
        let lines = || self.lines(&pod.namespace, &pod.name);
        let at = || Ref::Pod { namespace: pod.namespace.clone(), name: pod.name.clone() };
        match col {
            Col::Via => {
                let lines = lines();
                let it = lines.iter().find(|it| it.effective != Carried::None);
                Line::of(Tone::Plain, it.map_or("–", |it| carried(&it.effective)))
            }
            Col::Role => {
                let lines = lines();
                let it = lines.iter().find_map(|it| it.role_arn.as_ref());
                self.role(it, room)
            }
            Col::Account => Line::of(Tone::Plain, cut_middle(&pod.spec.service_account, room)),
            Col::Owner => match self.world.graph.root_owner(pod) {
                Some(it) => {
                    let text = format!("{}/{}", it.kind.short(), it.name);
                    Line::of(Tone::Plain, cut_middle(&text, room))
                }
                None => Line::of(Tone::Muted, "–"),
            },
            Col::Node => {
                Line::of(Tone::Plain, cut_middle(pod.node.as_deref().unwrap_or("–"), room))
            }
            Col::Ends => {
                let lines = lines();
                match lines.first() {
                    None => Line::of(Tone::Muted, if pod.completed() { "completed" } else { "–" }),
                    Some(it) => {
                        let mut res = Line::of(Tone::Plain, provider(&it.chain.provider));
                        if let Some(arn) = &it.role_arn {
                            res.push(Tone::Plain, " ");
                            let left = room.saturating_sub(res.width());
                            res.spans.extend(self.role(Some(arn), left).spans);
                        }
                        res
                    }
                }
            }
            Col::Age => self.age(pod.created),
            Col::Code => self.code_at(&at()),
            Col::Why => {
                let (standing, signature) = of_pod(self.world.ledger, pod);
                let found =
                    worst(self.world.ledger.findings_at(&at())).and_then(|(_, it)| row(it.code));
                match (found, signature) {
                    (Some(it), _) => tell(standing, it.code, room),
                    (None, Some(it)) if 30 <= room => say(standing, &error_text(it), room),
                    (None, Some(it)) => {
                        let (glyph, tone) = glyph(standing);
                        Line::of(tone, format!("{glyph} {it}"))
                    }
                    (None, None) => brief(standing, room),
                }
            }
            _ => Line::new(),
        }
    }
}
