//! How old and how whole the lists are that everything else is judged by.

use crate::{
    check::{Acc, Context, Evidence, judge, tool::say},
    fact::{Scope, SourceState},
    ident::{Ref, Timestamp},
};
use jiff::SignedDuration;

/// How long IAM and EKS may still answer as before a change.
const SETTLES: SignedDuration = SignedDuration::from_secs(60);

/// TOOL-LAG-01.
pub(super) fn lag(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster {
        return;
    }
    let mut evidence = old(cx);
    let message = if evidence.is_empty() {
        "has changes in AWS that are younger than a minute, so answers may still differ"
    } else {
        "is shown with data that could not be renewed"
    };
    for (place, at) in young(cx) {
        if let Ok(end) = at.checked_add(SETTLES) {
            acc.lapses(end);
        }
        evidence.push(Evidence {
            place,
            found: format!("changed at {at}"),
            needed: "a change that is a minute old".into(),
        });
    }
    say(cx, acc, message.into(), evidence, Vec::new());
}

/// The sources that some verdict rests on.
fn judged_by<'a>(cx: &Context<'a>) -> impl Iterator<Item = (&'a Scope, &'a SourceState)> {
    cx.graph.sources().filter(|(it, _)| !matches!(it, Scope::Budgets { .. }))
}

/// Lists that were complete once and cannot be renewed.
fn old(cx: &Context<'_>) -> Vec<Evidence> {
    let stale = |(scope, state): (&Scope, &SourceState)| match state {
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
    };
    judged_by(cx).filter_map(stale).collect()
}

/// What verdicts here rest on and was made or changed within the last minute, by AWS's own clock.
fn young(cx: &Context<'_>) -> Vec<(String, Timestamp)> {
    let graph = cx.graph;
    let mut res = Vec::new();
    let mut note = |place: &dyn Fn() -> String, at: Option<Timestamp>| {
        let Some(at) = at else { return };
        let age = cx.now.duration_since(at);
        if !age.is_negative() && age < SETTLES {
            res.push((place(), at));
        }
    };
    if judge::is_settled(graph, &Scope::Associations) {
        for it in graph.associations() {
            let Some(detail) = it.detail.as_ref().known() else { continue };
            note(&|| format!("association {}", it.id), detail.modified.max(detail.created));
        }
    }
    let since = cx.now.checked_sub(SETTLES).unwrap_or(Timestamp::MIN);
    for arn in graph.roles_made_after(since) {
        let role = judge::settled_role(graph, arn).known();
        note(&|| format!("role {arn}"), role.and_then(|it| it.created));
    }
    for arn in graph.expected_providers() {
        let provider = graph.provider_at(&arn).known();
        let detail = provider.and_then(|it| it.detail.as_ref().known());
        note(&|| format!("OIDC provider {arn}"), detail.and_then(|it| it.created));
    }
    res
}

/// TOOL-PAGE-01.
pub(super) fn truncated(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster {
        return;
    }
    let evidence = judged_by(cx)
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
