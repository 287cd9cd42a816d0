//! Who, beside those that are meant, gets in by web identity.

use crate::{
    check::{Acc, Context, Evidence, Fix, Subject, judge},
    fact::Knowledge,
    ident::{Ref, SaKey, Text},
    identity::{
        near_miss::{self, Openness, Target},
        sts,
    },
};

pub(crate) fn report(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Ref::Role(arn) = unit else { return };
    let (Some(account), Some(issuer)) = (arn.account(), cx.graph.issuer().known()) else { return };
    let Some(role) = judge::settled_role(cx.graph, arn).known() else { return };
    let Ok(policy) = &role.trust.parsed else { return };
    // Whom the question is asked for does not matter to who else gets in.
    let asker = cx.graph.annotated_with(arn).next().cloned();
    let asker = asker.unwrap_or_else(|| SaKey::new("default", "default"));
    let audience: [Text; 1] = ["sts.amazonaws.com".into()];
    let ask = sts::Ask {
        role_arn: arn.as_str(),
        service_account: &asker,
        issuer: Knowledge::Known(issuer.clone()),
        audience: &audience,
        provider: Knowledge::Known(audience.to_vec()),
        role: Knowledge::Known(role),
        region: cx.graph.cluster().known().map(|it| &*it.region),
        session_name: None,
        world: sts::World::Open,
        now: Some(cx.now),
    };
    let request = sts::request(&ask, &account, &issuer);
    let target =
        Target { service_account: &asker, issuer: &issuer, audience: &audience, request: &request };
    for open in near_miss::openness(policy, &target) {
        let Some((code, whom)) = code(&open.openness) else { continue };
        if code != acc.code() {
            continue;
        }
        let finding = acc.push(
            Subject::role(arn),
            format!("`{arn}` lets in {whom}"),
            vec![Evidence {
                place: format!("role {arn} {}", open.path),
                found: open.found.to_string(),
                needed: "system:serviceaccount:NAMESPACE:NAME of those that are meant".into(),
            }],
        );
        let title =
            format!("in trust.json name the ServiceAccounts in Statement[{}]", open.statement);
        finding.fixes.push(Fix::trust("FX-TRUST-EDIT", title, arn));
    }
}

/// `None` for a statement that names whom it means, or a prefix within one namespace.
fn code(openness: &Openness) -> Option<(&'static str, String)> {
    let everyone = || "every ServiceAccount of the cluster".to_owned();
    Some(match openness {
        Openness::Listed | Openness::Name(_) => return None,
        Openness::Namespace(it) => {
            ("SEC-TRUST-04", format!("every ServiceAccount of namespace `{it}`"))
        }
        Openness::Namespaces => {
            ("SEC-TRUST-05", "ServiceAccounts of every namespace that fits a wildcard".to_owned())
        }
        Openness::OverColon => (
            "SEC-TRUST-06",
            "every ServiceAccount of every namespace that begins like the pattern".to_owned(),
        ),
        Openness::Everyone => ("SEC-TRUST-03", everyone()),
        Openness::NoCondition => ("SEC-TRUST-01", everyone()),
        Openness::NoSubject => ("SEC-TRUST-02", everyone()),
        Openness::Vacuous => ("SEC-TRUST-07", everyone()),
    })
}
