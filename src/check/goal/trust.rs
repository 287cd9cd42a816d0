//! Trust policies on the way to a goal.

use crate::{
    check::{Context, goal::NoWay, judge, statement},
    fact::{AssociationDetail, Knowledge},
    graph::Graph,
    iam,
    ident::{Arn, SaKey},
    identity::{Verdict, eks},
    plan::{AssociationFields, Edit, TrustChange},
};
use std::sync::Arc;

/// What makes the trust policy of an association's role let EKS in for the ServiceAccount; `None` where it does.
pub(crate) fn pod_identity_trust(
    cx: Context<'_>,
    key: &SaKey,
    fields: &AssociationFields,
) -> Result<Option<Edit>, NoWay> {
    let role = &fields.role_arn;
    let known = trust_of(cx.graph, role)?;
    let detail = AssociationDetail {
        role_arn: role.clone(),
        target_role_arn: None,
        external_id: None,
        disable_session_tags: fields.disable_session_tags,
        policy: None,
        created: None,
        modified: None,
        tags: Vec::new(),
    };
    let ask = judge::delivery(cx, key, Knowledge::Known(&detail));
    match eks::judge(&ask).verdict {
        Verdict::Allow | Verdict::None => return Ok(None),
        Verdict::Unknown(why) => return Err(why.describe()),
        Verdict::Deny(_) => {}
    }
    let policy = known
        .parsed
        .as_ref()
        .map_err(|it| format!("the trust policy of `{role}` is invalid: {}", it.reason))?;
    let mut policy = policy.clone();
    let cluster = cx.graph.cluster().known().ok_or("the cluster is not known")?;
    policy.statements.push(statement::pod_identity(cluster, key, fields.disable_session_tags));
    trust_edit(role, &known, &policy, TrustChange::Opens).map(Some)
}

pub(super) fn trust_of(graph: &Graph, role: &Arn) -> Result<Arc<iam::Document>, NoWay> {
    match judge::settled_role(graph, role) {
        Knowledge::Known(it) => Ok(it.trust.clone()),
        Knowledge::Absent => Err(format!("role `{role}` does not exist")),
        Knowledge::Denied(it) => Err(format!("{} is denied for `{role}`", it.permission)),
        Knowledge::NotYet => Err(format!("role `{role}` is not read yet")),
    }
}

pub(super) fn trust_edit(
    role: &Arn,
    present: &iam::Document,
    wanted: &iam::Policy,
    change: TrustChange,
) -> Result<Edit, NoWay> {
    let document = present.rewritten(wanted, iam::Kind::Trust);
    let document =
        document.ok_or_else(|| format!("the trust policy of `{role}` cannot be written"))?;
    Ok(Edit::SetTrust {
        role: role.clone(),
        was: present.raw.clone(),
        document: document.into(),
        change,
    })
}
