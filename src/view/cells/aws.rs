//! Cells about roles, associations and providers.

use crate::{
    fact::{IamRole, Knowledge},
    ident::{Arn, Ref, SaKey},
    identity::who,
    tree::{Breadth, Relation, RoleVerdict, Standing, relation, role_verdict, users_of},
    view::{
        Line, Tone,
        badge::{glyph, say},
        cells::{Cells, Col},
        fit::{cut_end, cut_middle},
        policy,
        words::{count, relation_words},
    },
};
use std::collections::BTreeSet;

impl Cells<'_> {
    /// A role by its friendly name; with its account where that is another one.
    pub fn role(&self, arn: Option<&Arn>, room: usize) -> Line {
        let Some(arn) = arn else { return Line::of(Tone::Muted, "–") };
        let name = arn.name().unwrap_or(arn.as_str());
        let account = arn.parts().map(|it| it.account).filter(|it| Some(*it) != self.account);
        let text = match account {
            Some(it) if self.account.is_some() => format!("{name}@{it}"),
            Some(_) | None => name.to_owned(),
        };
        Line::of(Tone::Plain, cut_middle(&text, room))
    }

    pub(in crate::view) fn role_cell(&self, arn: &Arn, at: &Ref, col: Col, room: usize) -> Line {
        let role = self.world.graph.role(arn);
        match col {
            Col::May => self.may(arn, room),
            Col::ConfiguredBy => {
                let users = users_of(self.world.graph, at);
                match users.as_slice() {
                    [] => Line::of(Tone::Muted, "–"),
                    [it] => Line::of(Tone::Plain, cut_middle(&it.to_string(), room)),
                    [it, ..] => {
                        let text = format!("{} ({it}, …)", users.len());
                        Line::of(Tone::Plain, cut_end(&text, room))
                    }
                }
            }
            Col::LastUsed => match role.known().map(|it| it.last_used.as_ref()) {
                Some(Knowledge::Known(it)) => match it.at {
                    Some(at) => self.age(Some(at)),
                    None => Line::of(Tone::Muted, "never"),
                },
                Some(Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet) | None => {
                    Line::of(Tone::Muted, "–")
                }
            },
            Col::Arn => Line::of(Tone::Plain, cut_middle(arn.as_str(), room)),
            Col::Age => self.age(role.known().and_then(|it| it.created)),
            Col::Why => self.role_verdict(arn, room),
            _ => Line::new(),
        }
    }

    fn role_verdict(&self, arn: &Arn, room: usize) -> Line {
        let (verdict, standing) = role_verdict(self.world, arn);
        let text = match &verdict {
            RoleVerdict::NotThere => "not there".to_owned(),
            RoleVerdict::NotRead(it) => format!("{} denied", it.permission),
            RoleVerdict::Reading => "reading".to_owned(),
            RoleVerdict::Refuses(them) => match them.first() {
                Some(it) if them.len() == 1 && "refuses ".len() + it.name.len() + 2 <= room => {
                    format!("refuses {}", it.name)
                }
                Some(_) | None => format!("refuses {}", them.len()),
            },
            RoleVerdict::TooWide { n_more: 0 } => "too wide".to_owned(),
            RoleVerdict::TooWide { n_more } => format!("too wide: {n_more} more"),
            RoleVerdict::More { n_more } => format!("{n_more} more may"),
            RoleVerdict::Unknown => "unknown".to_owned(),
            RoleVerdict::Exact => "exact".to_owned(),
            RoleVerdict::Unused => "unused".to_owned(),
            RoleVerdict::NotForPods => "not for pods".to_owned(),
        };
        let (glyph, tone) = glyph(standing);
        Line::of(tone, glyph).add(tone, format!(" {}", cut_end(&text, room.saturating_sub(2))))
    }

    /// Whom the trust policy lets in here, evaluated; where nobody, whom it names.
    fn may(&self, arn: &Arn, room: usize) -> Line {
        let role = match self.world.graph.role(arn) {
            Knowledge::Known(it) => it,
            Knowledge::Absent => return Line::of(Tone::Muted, "–"),
            Knowledge::Denied(_) => return Line::of(Tone::Unknown, "?"),
            Knowledge::NotYet => return Line::of(Tone::Info, "…"),
        };
        let Some(reach) = self.world.board.reach(arn) else {
            return Line::of(Tone::Info, "…");
        };
        let associated = self.world.graph.associated_with(arn).map(|it| &it.service_account);
        let lets_in = |it: &&SaKey| relation(self.world, arn, it) == Some(Relation::Uses);
        let them: BTreeSet<&SaKey> = reach.may.iter().chain(associated.filter(lets_in)).collect();
        let pattern = || {
            let them = policy::trusts(&role.trust);
            them.into_iter().find(|it| it.contains(['*', '?'])).unwrap_or("a pattern".into())
        };
        let text = match (reach.breadth, them.len()) {
            (Breadth::Everyone, n) => format!("{} (any in cluster)", count(n as u32, "SA")),
            (Breadth::Unknown, _) => "not known".to_owned(),
            (Breadth::Wildcard, 0) => format!("nobody ({})", pattern()),
            (Breadth::Wildcard, n) => format!("{} ({})", count(n as u32, "SA"), pattern()),
            (Breadth::Listed, 0) => self.nobody(arn, role),
            (Breadth::Listed, 1) => {
                let name = them.first().map_or(String::new(), |it| it.to_string());
                let is_refused = them
                    .first()
                    .is_some_and(|it| relation(self.world, arn, it) == Some(Relation::Refused));
                // By its token it might get in; the association that it has instead does not.
                let name = if is_refused { format!("{name} (by IRSA)") } else { name };
                return Line::of(Tone::Plain, cut_middle(&name, room));
            }
            (Breadth::Listed, n) => {
                format!("{n} ({}, …)", them.first().map_or(String::new(), |it| it.to_string()))
            }
        };
        Line::of(Tone::Plain, cut_end(&text, room))
    }

    /// Of a role that lets nobody in: whom it names all the same.
    fn nobody(&self, arn: &Arn, role: &IamRole) -> String {
        let graph = self.world.graph;
        let gone = who::named(role).find(|it| !graph.service_account(it).is_known());
        if let Some(it) = gone {
            let has_namespace = graph.namespace(&it.namespace).is_known();
            let what = if has_namespace { "no such account" } else { "no such namespace" };
            // One that is not seen is the fault that is looked for.
            return format!("{} ({what})", it.to_string().replace(' ', "␣"));
        }
        let is_used = !users_of(graph, &Ref::Role(arn.clone())).is_empty();
        let names = match policy::trusts(&role.trust).as_slice() {
            [] => return "nobody".to_owned(),
            [it] => it.clone(),
            [it, ..] => format!("{it}, …"),
        };
        if is_used { format!("nobody (names {names})") } else { names }
    }

    /// How an account stands to a role, in words.
    pub(in crate::view) fn relation(&self, role: &Arn, key: &SaKey, room: usize) -> Line {
        let Some(it) = relation(self.world, role, key) else { return Line::new() };
        let (standing, text) = relation_words(it);
        let (glyph, tone) = glyph(standing);
        Line::of(tone, glyph)
            .add(Tone::Plain, format!(" {}", cut_end(text, room.saturating_sub(2))))
    }

    pub(in crate::view) fn association_cell(
        &self,
        id: &str,
        at: &Ref,
        col: Col,
        room: usize,
    ) -> Line {
        let Some(it) = self.world.graph.association(id) else { return Line::new() };
        let detail = it.detail.as_ref().known();
        match col {
            Col::Role => self.role(detail.map(|it| &it.role_arn), room),
            Col::Target => self.role(detail.and_then(|it| it.target_role_arn.as_ref()), room),
            Col::Age => self.age(detail.and_then(|it| it.created)),
            Col::Id => Line::of(Tone::Plain, cut_middle(id, room)),
            Col::Why => self.why(at, room),
            _ => Line::new(),
        }
    }

    pub(in crate::view) fn provider_cell(
        &self,
        arn: &Arn,
        at: &Ref,
        col: Col,
        room: usize,
    ) -> Line {
        let provider = self.model.provider(arn);
        let detail = provider.and_then(|it| it.detail.as_ref().known());
        match col {
            Col::Clients => Line::of(
                Tone::Plain,
                cut_end(&detail.map_or(String::new(), |it| it.client_ids.join(", ")), room),
            ),
            Col::Age => self.age(detail.and_then(|it| it.created)),
            Col::Why if provider.is_none() => say(Standing::Blocked, "not there", room),
            Col::Why => self.why(at, room),
            _ => Line::new(),
        }
    }
}
