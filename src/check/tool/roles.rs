//! Roles that may not be read, here and in other accounts.

use crate::{
    check::{Acc, Context, Evidence, Fix, Subject, tool::refused},
    fact::{Denied, Knowledge},
    ident::{Arn, Ref},
};

/// The refusal of a role that an annotation or association names.
fn role_refusal(cx: &Context<'_>, unit: &Ref) -> Option<(Arn, Denied)> {
    let Ref::Role(arn) = unit else { return None };
    let used = cx.graph.annotated_with(arn).next().is_some()
        || cx.graph.associated_with(arn).next().is_some();
    match cx.graph.role(arn) {
        _ if !used => None,
        Knowledge::Denied(it) => Some((arn.clone(), it)),
        Knowledge::Known(it) => match &it.last_used {
            Knowledge::Denied(it) => Some((arn.clone(), it.clone())),
            Knowledge::Known(_) | Knowledge::Absent | Knowledge::NotYet => None,
        },
        Knowledge::Absent | Knowledge::NotYet => None,
    }
}

/// Whether the role's account is one that the caller was proven to read.
fn is_account_read(cx: &Context<'_>, arn: &Arn) -> bool {
    let account = arn.account();
    cx.graph.caller().known().is_none_or(|caller| {
        caller.accounts.iter().any(|it| account.as_ref().is_some_and(|a| a.as_str() == &**it))
    })
}

pub(super) fn role_denied(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some((arn, it)) = role_refusal(cx, unit).filter(|(arn, _)| is_account_read(cx, arn)) else {
        return;
    };
    // The list brings trust policies too, and nothing else that matters.
    let what = match cx.graph.role(&arn) {
        Knowledge::Known(_) => "boundary, tags and last use",
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => "the trust policy",
    };
    acc.push(
        Subject::role(&arn),
        format!("`{}` is denied, so {what} of `{arn}` is unknown", it.permission),
        vec![Evidence {
            place: format!("role {arn}"),
            found: refused(&it),
            needed: it.permission.to_string(),
        }],
    );
}

pub(super) fn role_elsewhere(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some((arn, it)) = role_refusal(cx, unit).filter(|(arn, _)| !is_account_read(cx, arn))
    else {
        return;
    };
    let account = arn.account().map_or_else(String::new, |it| it.to_string());
    let finding = acc.push(
        Subject::role(&arn),
        format!("`{arn}` is in account {account}, for which there are no credentials"),
        vec![Evidence {
            place: format!("role {arn}"),
            found: refused(&it),
            needed: it.permission.to_string(),
        }],
    );
    finding.fixes.push(Fix::by_hand(
        "FX-NONE",
        "name a profile for the account".into(),
        vec![format!("idscope --account-profile {account}=PROFILE")],
    ));
}
