//! Cells about causes: the rows of the findings.

use crate::{
    check::{Finding, Severity, row},
    ident::Ref,
    tree::{Cause, RowId, Standing, worst},
    view::{
        Line, Tone,
        cells::{Cells, Col},
        fit::{cut_end, cut_line, cut_middle},
        words::{count, label, shorten},
    },
};

impl Cells<'_> {
    pub(in crate::view) fn cause_cell(&self, cause: &Cause, col: Col, room: usize) -> Line {
        match col {
            Col::Code => Line::of(Tone::Plain, cause.code),
            Col::Cause => {
                let title = row(cause.code).map_or(cause.code, |it| it.title);
                // Both ends of a name carry meaning, a sentence its beginning: the name gives way first.
                let for_name = (room / 2).max(room.saturating_sub(title.len() + 2));
                let mut res = Line::of(Tone::Strong, cut_middle(&self.cause_name(cause), for_name));
                res.push(Tone::Plain, format!(": {title}"));
                cut_line(res, room)
            }
            Col::Affects => {
                let it = self.world.board.affects(cause);
                let text = match (it.identities, it.pods) {
                    (0, _) => "–".into(),
                    (1, pods) => format!("1 SA  {}", count(pods, "pod")),
                    (n, pods) => format!("{n} SAs {}", count(pods, "pod")),
                };
                Line::of(Tone::Plain, cut_end(&text, room))
            }
            Col::Repair => {
                let findings = self.model.findings_of(&RowId::Cause(cause.clone()));
                match findings.iter().find_map(|it| it.fixes.first()) {
                    Some(it) => Line::of(Tone::Key, "f ")
                        .add(Tone::Plain, cut_end(&shorten(&it.title), room.saturating_sub(2))),
                    None => Line::of(Tone::Muted, "–"),
                }
            }
            _ => Line::new(),
        }
    }

    /// What is at fault, as people call it.
    fn cause_name(&self, cause: &Cause) -> String {
        match &cause.of {
            Ref::Association(id) => match self.world.graph.association(id) {
                Some(it) => format!("association {}", it.service_account),
                None => label(&cause.of),
            },
            Ref::Role(_) => format!("role {}", label(&cause.of)),
            Ref::Provider(_) => format!("provider {}", label(&cause.of)),
            it => label(it),
        }
    }

    pub(in crate::view) fn is_hygiene(&self, cause: &Cause) -> bool {
        let findings = self.model.findings_of(&RowId::Cause(cause.clone()));
        findings.iter().all(|it| it.severity == Severity::Hygiene)
    }

    pub(in crate::view) fn cause_standing(&self, cause: &Cause) -> Standing {
        let findings: Vec<&Finding> = self.model.findings_of(&RowId::Cause(cause.clone()));
        worst(findings).map_or(Standing::Healthy, |(it, _)| it)
    }
}
