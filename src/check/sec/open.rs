//! Who, beside those that are meant, gets in by web identity.

use crate::{
    check::{Acc, Context, Evidence, Fix, Subject, judge, statement::is_web_identity_of, trust},
    fact::{IamRole, Knowledge, PodSpec, Scope, ServiceAccount},
    iam,
    ident::{AccountId, Arn, Issuer, Ref, SaKey, Text, WorkloadKind},
    identity::{
        near_miss::{self, Open, Openness, Target},
        sts,
    },
    plan::TrustChange,
};
use std::{collections::BTreeSet, sync::Arc};

pub(crate) fn report(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Ref::Role(arn) = unit else { return };
    let (Some(account), Some(issuer)) = (arn.account(), cx.graph.issuer().known()) else { return };
    let Some(role) = judge::settled_role(cx.graph, arn).known() else { return };
    let Ok(policy) = &role.trust.parsed else { return };
    if acc.openness.get().is_none() {
        let found = whom(cx, arn, role, policy, &account, &issuer);
        acc.openness.get_or_init(|| found);
    }
    let code_of = |it: &Open| code(&it.openness).map(|(code, whom)| (code, whom, it.clone()));
    let open = acc.openness.get().into_iter().flatten().filter_map(code_of);
    let open: Vec<_> = open.filter(|(code, _, _)| *code == acc.code()).collect();
    if open.is_empty() {
        return;
    }
    // What no IAM stores is not written anew once for each of its statements.
    let users = users(cx, arn).filter(|it| !it.is_empty() && role.trust.raw.len() <= MOST_BYTES);
    for (_, whom, open) in open {
        let finding = acc.push(
            Subject::role(arn),
            format!("`{arn}` lets in {whom}"),
            vec![Evidence {
                place: format!("role {arn} {}", open.path),
                found: open.found.to_string(),
                needed: "system:serviceaccount:NAMESPACE:NAME of those that are meant".into(),
            }],
        );
        let users = users.as_ref();
        finding.fixes.push(narrow(cx, role, policy, open.statement, &issuer, users));
    }
}

/// Several times what IAM lets a trust policy have.
const MOST_BYTES: usize = 64 << 10;

/// Who gets in by each statement of the role's trust policy.
fn whom(
    cx: &Context<'_>,
    arn: &Arn,
    role: &IamRole,
    policy: &iam::Policy,
    account: &AccountId,
    issuer: &Issuer,
) -> Vec<Open> {
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
        session_name: Knowledge::Absent,
        world: sts::World::Open,
        now: Some(cx.now),
    };
    let request = sts::request(&ask, account, issuer);
    let target = Target { service_account: &asker, issuer, audience: &audience, request: &request };
    near_miss::openness(policy, &target)
}

/// FX-TRUST-EDIT: those who use the role now, by name, and nobody else.
fn narrow(
    cx: &Context<'_>,
    role: &IamRole,
    policy: &iam::Policy,
    index: usize,
    issuer: &Issuer,
    users: Option<&BTreeSet<SaKey>>,
) -> Fix {
    let (id, arn) = ("FX-TRUST-EDIT", &role.arn);
    let statement = &policy.statements[index];
    let users = users.filter(|_| is_web_identity_of(statement, issuer));
    let Some(users) = users else {
        let what = format!("name the ServiceAccounts that Statement[{index}] is meant for");
        return Fix::trust(id, trust::of_role(&what, "in", arn), arn);
    };
    let mut wanted = policy.clone();
    let (kept, mut subjects) = without_subject(statement);
    subjects.extend(users.iter().map(|it| Text::from(it.subject())));
    let equals = |name: &str, values: BTreeSet<Text>| iam::Condition {
        operator: "StringEquals".into(),
        key: format!("{issuer}:{name}").into(),
        values: values.into_iter().collect(),
    };
    let mut conditions = vec![equals("sub", subjects)];
    let asks = kept.iter().any(|it| it.key.eq_ignore_ascii_case(&format!("{issuer}:aud")));
    if !asks {
        let audience = |it: &SaKey| {
            let own = cx.graph.service_account(it).known();
            let own = own.and_then(|it| it.annotation(ServiceAccount::AUDIENCE)).cloned();
            own.unwrap_or_else(|| "sts.amazonaws.com".into())
        };
        conditions.push(equals("aud", users.iter().map(audience).collect()));
    }
    conditions.extend(kept);
    wanted.statements[index].conditions = conditions;
    let whom = match users.iter().next() {
        Some(one) if users.len() == 1 => format!("`{one}`"),
        Some(_) | None => format!("the {} ServiceAccounts that use it now", users.len()),
    };
    let title = trust::of_role(&format!("name only {whom}"), "in", arn);
    let fix = Fix::trust_policy(id, title.clone(), arn, &role.trust, &wanted, TrustChange::Narrows);
    fix.unwrap_or_else(|| Fix::trust(id, title, arn))
}

/// Who uses the role by web identity: by annotation, or by a name written into a template or pod. `None` while not all
/// of them could be listed.
fn users(cx: &Context<'_>, role: &Arn) -> Option<BTreeSet<SaKey>> {
    let graph = cx.graph;
    let kinds = WorkloadKind::ALL.map(|kind| Scope::Workloads { kind, namespace: None });
    let all = [Scope::ServiceAccounts { namespace: None }, Scope::Pods { namespace: None }];
    let is_read = |it: &Scope| graph.listed(it).is_known() && judge::is_settled(graph, it);
    if !all.iter().chain(&kinds).all(is_read) {
        return None;
    }
    let mut res: BTreeSet<SaKey> = graph.annotated_with(role).cloned().collect();
    let names = |it: &PodSpec| {
        it.containers.iter().any(|it| {
            let named = it.env("AWS_ROLE_ARN").and_then(|it| it.literal());
            named.is_some_and(|it| **it == *role.as_str())
        })
    };
    // Pods of one owner follow each other and share their spec.
    let mut last: Option<(&Arc<PodSpec>, bool)> = None;
    let pods = graph.pods().filter(|it| {
        let known = last.filter(|(spec, _)| Arc::ptr_eq(spec, &it.spec));
        let is_named = known.map_or_else(|| names(&it.spec), |(_, it)| it);
        last = Some((&it.spec, is_named));
        is_named && !it.completed()
    });
    res.extend(pods.map(|it| it.service_account()));
    let workloads = graph.workloads().filter(|it| !it.completed && names(&it.template));
    res.extend(workloads.map(|it| it.service_account()));
    Some(res)
}

/// The conditions that are not about the subject, and the subjects that were named exactly.
fn without_subject(statement: &iam::Statement) -> (Vec<iam::Condition>, BTreeSet<Text>) {
    let about = |it: &&iam::Condition| {
        it.key.to_ascii_lowercase().trim_end().ends_with("sub")
            || it.values.iter().any(|it| it.trim_start().starts_with("system:serviceaccount:"))
    };
    let kept = statement.conditions.iter().filter(|it| !about(it)).cloned().collect();
    let subjects = statement
        .conditions
        .iter()
        .filter(about)
        .filter(|it| it.parsed_operator().is_some_and(|it| !it.negated && !it.if_exists));
    let named = subjects
        .flat_map(|it| &it.values)
        .filter(|it| it.starts_with("system:serviceaccount:") && !it.contains(['*', '?', '$']));
    (kept, named.cloned().collect())
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
