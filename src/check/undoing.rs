//! What puts an entry of the journal back, and what finishes one that was cut off, as plans like any other.

use crate::{
    check::put_back,
    graph::Graph,
    ident::Timestamp,
    plan::{
        self, Because, Edit, Entry, Left, Plan, Purpose, RecordedStep, Refusal, Shown, Whereabouts,
    },
};

/// A plan for an entry of the journal, with what stays beside it.
#[derive(Clone, Debug)]
pub struct Undoing {
    /// `None` where nothing can be written, but something is left.
    pub plan: Option<Result<Plan, Refusal>>,
    pub purpose: Purpose,
    pub left: Vec<Left>,
}

/// The plan that puts `entry` back; `Err` says why there is none.
pub fn undo(graph: &Graph, entry: &Entry, now: Timestamp) -> Result<Undoing, String> {
    at_home(graph, entry)?;
    let plan::Undo { mut edits, left } = plan::undo(entry, graph, now);
    let purpose = Purpose::Undo(entry.id.clone());
    if edits.is_empty() && left.is_empty() {
        return Err("everything that can be put back is as it was".to_owned());
    }
    if edits.is_empty() {
        return Ok(Undoing { plan: None, purpose, left });
    }
    let back = put_back(graph, &edits, entry.at, now);
    edits.extend(back.restarts);
    let title = format!("undo {}: {}", entry.id, entry.plan.title);
    let mut plan = plan::build(graph, "FX-UNDO", title, because(entry), edits);
    if let Ok(it) = &mut plan {
        it.warnings.splice(0..0, back.warnings);
        it.restart_needed = false;
    }
    Ok(Undoing { plan: Some(plan), purpose, left })
}

/// The rest of an entry that was cut off. What the facts show already is not planned again; everything else is read before
/// it is written, as ever.
pub fn finish(graph: &Graph, entry: &Entry) -> Result<Undoing, String> {
    at_home(graph, entry)?;
    let (mut edits, mut steps): (Vec<Edit>, Vec<usize>) = (Vec::new(), Vec::new());
    for (index, edit) in entry.plan.edits.iter().enumerate() {
        let is_done = entry.steps.get(index).is_some_and(RecordedStep::is_done);
        let is_open = entry.cut_off() == Some(index);
        // One that was cut off is looked at once more, so that the journal hears of it.
        if !is_open && (is_done || plan::shown(graph, edit) == Shown::After) {
            continue;
        }
        edits.push(edit.clone());
        steps.push(index);
    }
    if edits.is_empty() {
        return Err("everything in it is as it was wanted".to_owned());
    }
    let title = format!("finish {}: {}", entry.id, entry.plan.title);
    let plan = plan::build(graph, &entry.plan.id, title, because(entry), edits);
    let purpose = Purpose::Finish { entry: entry.id.clone(), steps };
    Ok(Undoing { plan: Some(plan), purpose, left: Vec::new() })
}

fn because(entry: &Entry) -> Because {
    Because { code: entry.plan.code.clone(), subject: entry.plan.subject.clone() }
}

fn at_home(graph: &Graph, entry: &Entry) -> Result<(), String> {
    if let Some(why) = entry.place.differs(&Whereabouts::of(graph)) {
        return Err(why);
    }
    match &entry.undone_by {
        Some(by) => Err(format!("it was undone by {by} already")),
        None => Ok(()),
    }
}
