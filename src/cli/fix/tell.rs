//! What is said on stderr while a plan is carried out, and of plans that were cut off.

use crate::{
    cli::fix::NOTHING_WRITTEN,
    graph::Graph,
    ident::visible,
    plan::{self, Edit, Entry, Plan, Progress, Shown, StepState},
};

pub(crate) fn say_nothing(why: &str) -> u8 {
    eprintln!("idscope: nothing was written: {}", visible(why));
    NOTHING_WRITTEN
}

pub(crate) fn say_progress(plan: &Plan, progress: &Progress) {
    let Progress::Step { index, state } = progress else { return };
    let Some(step) = plan.steps.get(*index) else { return };
    let words = match state {
        StepState::Waiting { what, until } => {
            format!("waiting until {}: {what}", until.strftime("%H:%M:%SZ"))
        }
        StepState::Checking => "reading".to_owned(),
        StepState::DryRun => "dry run".to_owned(),
        StepState::Writing => "writing".to_owned(),
        StepState::Reading => "written; reading again".to_owned(),
        StepState::Done => "done".to_owned(),
        StepState::Already => "it is so already, nothing was written".to_owned(),
        StepState::Refused(why) => format!("refused: {why}"),
        StepState::Moved { .. } => "it is not as the plan expects it".to_owned(),
        StepState::Overwritten { .. } => "something else was written after it".to_owned(),
        StepState::NotKnown(why) => format!("not known: {why}"),
    };
    let target = step.target.to_string();
    eprintln!("idscope: step {} {}: {}", index + 1, visible(&target), visible(&words));
    match state {
        StepState::Moved { found, .. } | StepState::Overwritten { found } => {
            say_three_ways(&step.edit, found);
        }
        StepState::Waiting { .. }
        | StepState::Checking
        | StepState::DryRun
        | StepState::Writing
        | StepState::Reading
        | StepState::Done
        | StepState::Already
        | StepState::Refused(_)
        | StepState::NotKnown(_) => {}
    }
}

/// What the plan was made from, what is there, what the plan would write.
fn say_three_ways(edit: &Edit, found: &str) {
    eprintln!("  first mark: what somebody else changed; second mark: what this plan changes");
    for it in plan::three_way(edit, found) {
        eprintln!("  {}", visible(&it.render()));
    }
}

/// How far a plan came, and the two ways on.
pub(crate) fn say_unfinished(entry: &Entry, graph: &Graph) {
    let all = entry.plan.edits.len();
    let title = visible(&entry.plan.title);
    eprintln!(
        "idscope: warning: {} was cut off: {title}: {} of {all} steps written",
        entry.id,
        entry.n_done()
    );
    for (index, edit) in entry.plan.edits.iter().enumerate() {
        let step = entry.steps.get(index);
        let said = match step {
            Some(it) if it.is_done() => "written",
            Some(it) if it.before.is_some() => match plan::shown_step(graph, edit, it) {
                Shown::After => "begun; reading shows that it is written",
                Shown::Before => "begun; reading shows that it is not written",
                Shown::Other => "begun; reading shows something else",
                Shown::NotKnown => "begun; not known whether it was written",
            },
            Some(_) | None => "not begun",
        };
        let call = edit.call("", "now").title();
        eprintln!("  step {}  {}: {said}", index + 1, visible(&call));
    }
    eprintln!("  finish it: idscope fix --finish {0}; or undo it: idscope undo {0}", entry.id);
}
