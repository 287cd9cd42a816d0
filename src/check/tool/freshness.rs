//! How old and how whole the lists are that everything else is judged by.

use crate::{
    check::{Acc, Context, Evidence, tool::say},
    fact::SourceState,
    ident::Ref,
};

pub(super) fn old(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster {
        return;
    }
    let evidence = cx
        .graph
        .sources()
        .filter_map(|(scope, state)| match state {
            SourceState::Stale { at, error, .. } => Some(Evidence {
                place: scope.name(),
                found: format!("as of {at}: {error}"),
                needed: "a live answer".into(),
            }),
            SourceState::Pending { .. }
            | SourceState::Live { .. }
            | SourceState::Cached { .. }
            | SourceState::Denied { .. }
            | SourceState::Failed { .. }
            | SourceState::Truncated { .. }
            | SourceState::Expired { .. }
            | SourceState::Off { .. } => None,
        })
        .collect();
    say(cx, acc, "is shown with data that could not be renewed".into(), evidence, Vec::new());
}

pub(super) fn truncated(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster {
        return;
    }
    let evidence = cx
        .graph
        .sources()
        .filter_map(|(scope, state)| match state {
            SourceState::Truncated { detail, .. } => Some(Evidence {
                place: scope.name(),
                found: detail.to_string(),
                needed: "the whole list".into(),
            }),
            SourceState::Pending { .. }
            | SourceState::Live { .. }
            | SourceState::Cached { .. }
            | SourceState::Stale { .. }
            | SourceState::Denied { .. }
            | SourceState::Failed { .. }
            | SourceState::Expired { .. }
            | SourceState::Off { .. } => None,
        })
        .collect();
    say(cx, acc, "has lists whose end was not reached".into(), evidence, Vec::new());
}
