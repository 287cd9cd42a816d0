//! Cells about roles, associations and providers.

use crate::{
    fact::Knowledge,
    ident::{Arn, Ref},
    tree::{Standing, users_of},
    view::{
        Line, Tone,
        badge::say,
        cells::{Cells, Col},
        fit::{cut_end, cut_middle},
        policy,
    },
};

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
            Col::Trusts => match role.known() {
                Some(it) => {
                    let them = policy::trusts(&it.trust);
                    let text = match them.as_slice() {
                        [] => "nobody".to_owned(),
                        [it] => cut_middle(it, room),
                        [it, ..] => cut_end(&format!("{} ({it}, …)", them.len()), room),
                    };
                    Line::of(Tone::Plain, text)
                }
                None => Line::of(Tone::Unknown, "?"),
            },
            Col::LastUsed => match role.known().and_then(|it| it.last_used.as_ref().known()) {
                Some(it) => self.age(it.at),
                None => Line::of(Tone::Muted, "–"),
            },
            Col::Why => match role {
                Knowledge::Absent => say(Standing::Blocked, "not there", room),
                Knowledge::Known(_) if self.standing(at) == Standing::Undeclared => {
                    Line::of(Tone::Muted, "· unused")
                }
                Knowledge::Known(_) | Knowledge::Denied(_) | Knowledge::NotYet => {
                    self.why(at, room)
                }
            },
            _ => Line::new(),
        }
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
            Col::Why if provider.is_none() => say(Standing::Blocked, "not there", room),
            Col::Why => self.why(at, room),
            _ => Line::new(),
        }
    }
}
