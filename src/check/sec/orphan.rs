//! Roles that are used here and trust tokens of a cluster that nobody has.

use crate::{
    check::{
        Acc, Context, Evidence, Fix, Subject, judge,
        oidc::is_orphan,
        sec::principal::{allows, used},
        trust,
    },
    fact::Knowledge,
    ident::{Arn, Issuer, Ref},
    identity::near_miss,
    plan::TrustChange,
};

/// SEC-TRUST-10.
pub(crate) fn report(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some((arn, policy)) = used(cx, unit) else { return };
    let (Some(account), Some(partition)) = (arn.account(), arn.partition()) else { return };
    let Some(own) = cx.graph.issuer().known() else { return };
    let is_annotated = cx.graph.annotated_with(arn).next().is_some();
    if is_annotated && !near_miss::eks_issuers(policy).contains(&own) {
        // Nobody here gets in: TRUST-PRIN-03, TRUST-MULTI-01 or OIDC-04 says why.
        return;
    }
    for (index, statement) in allows(policy) {
        let federated = statement.principals().filter(|(kind, _)| *kind == "Federated");
        for (_, value) in federated {
            let Some(issuer) = near_miss::named_issuer(value).map(Issuer::new) else { continue };
            // The ARN of another account or partition lets nobody in.
            let is_of_role = *value == *issuer.provider_arn(&partition, &account).as_str();
            if !is_of_role || !near_miss::is_eks(issuer.as_str()) || !is_orphan(cx, &issuer) {
                continue;
            }
            let exists = match cx.graph.provider_at(&Arn::from(value)) {
                Knowledge::Known(_) => true,
                Knowledge::Absent if is_annotated => continue,
                Knowledge::Absent => false,
                Knowledge::Denied(_) | Knowledge::NotYet => continue,
            };
            let found = if exists { "no cluster has it" } else { "neither provider nor cluster" };
            let finding = acc.push(
                Subject::role(arn),
                format!("`{arn}` trusts tokens of `{issuer}`, an issuer that no known cluster has"),
                vec![Evidence {
                    place: format!("role {arn} Statement[{index}].Principal.Federated"),
                    found: format!("{issuer} ({found})"),
                    needed: "the issuer of a cluster".into(),
                }],
            );
            let what = format!("remove what names `{issuer}`, if no cluster needs it,");
            let title = trust::of_role(&what, "from", arn);
            let present = judge::settled_role(cx.graph, arn).known();
            let fix = trust::without_principal_at(policy, index, value).zip(present).and_then(
                |(wanted, role)| {
                    let (id, title) = ("FX-TRUST-EDIT", title.clone());
                    Fix::trust_policy(id, title, arn, &role.trust, &wanted, TrustChange::Narrows)
                },
            );
            finding.fixes.push(fix.unwrap_or_else(|| Fix::trust("FX-TRUST-EDIT", title, arn)));
        }
    }
}
