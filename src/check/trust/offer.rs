//! What repairs a trust policy, how it has to be confirmed, and whom it must not touch.

use crate::{
    check::{
        Finding, Fix, IdentityContext, judge, statement,
        trust::{Told, words},
    },
    fact::{IamRole, Knowledge, Pod, Scope},
    iam,
    ident::{Arn, SaKey, Text},
    identity::near_miss::{self, Condition, Diagnosis, Fault, Repair, Subject, What},
    plan::{AssociationFields, TrustChange},
};

const EDIT: &str = "FX-TRUST-EDIT";
const ADD: &str = "FX-TRUST-ADD";

pub(crate) fn offer(told: &Told<'_>, finding: &mut Finding) {
    let Told { cx, role, fault, diagnosis, .. } = told;
    match diagnosis.repair {
        Repair::Edit if fault.what == What::Condition(Condition::UnknownOperator) => {
            let title = format!("look at {}: nobody can say what it does", fault.path);
            finding.fixes.push(Fix::by_hand("FX-NONE", title, Vec::new()));
            return;
        }
        Repair::Narrow => {
            let subject = cx.key.subject();
            let title = format!("narrow {} so that it no longer matches `{subject}`", fault.path);
            finding.fixes.push(Fix::by_hand("FX-NONE", title, Vec::new()));
            return;
        }
        Repair::Edit | Repair::Add | Repair::Split => {}
    }
    if finding.code == "TRUST-SUB-09" {
        finding.fixes.push(run_as_trusted(told));
        return;
    }
    let id = if diagnosis.repair == Repair::Add { ADD } else { EDIT };
    let present = judge::settled_role(cx.cx.graph, role).known();
    let fix = diagnosis.repaired.as_ref().zip(present).and_then(|(repaired, present)| {
        let change = change(told, present);
        let (policy, instead) = match without_dead_name(told, repaired) {
            Some((policy, dead)) => (policy, Some(dead)),
            None => (repaired.clone(), None),
        };
        let title = words::title(told, instead.as_ref());
        Fix::trust_policy(id, title, role, &present.trust, &policy, change)
    });
    let fix = fix.unwrap_or_else(|| Fix::trust(id, words::title(told, None), role));
    finding.fixes.push(fix);
    finding.fixes.extend(present.and_then(|it| under_like(told, it)));
    if finding.code == "TRUST-PRIN-02" {
        finding.fixes.extend(associate(cx, role));
    }
}

/// Nobody new gets in where the statement names this ServiceAccount already, however wrongly, and no condition of it is
/// given up. All else is somebody's claim.
fn change(told: &Told<'_>, present: &IamRole) -> TrustChange {
    let Told { cx, diagnosis, .. } = told;
    let is_given_up = |it: &Fault| it.needed.is_empty() && it.what != What::TwoIssuers;
    let statement = diagnosis.statement.filter(|_| diagnosis.repair != Repair::Add);
    let statement = statement.and_then(|it| present.trust.parsed.as_ref().ok()?.statements.get(it));
    let named = statement.is_some_and(|it| {
        let positive = it.conditions.iter().filter(|it| {
            it.parsed_operator().is_some_and(|it| !it.negated && it.test != iam::Test::Null)
        });
        positive.flat_map(|it| &it.values).any(|it| names(it, cx.key))
    });
    match named && !diagnosis.faults.iter().any(is_given_up) {
        true => TrustChange::NearMiss,
        false => TrustChange::Opens,
    }
}

/// Whether a value of a condition is the ServiceAccount's subject but for white space, letter case, what stands before
/// the names, or a wildcard over its name.
fn names(value: &str, key: &SaKey) -> bool {
    let value: String = value.split_whitespace().collect::<String>().to_lowercase();
    let mut parts = value.rsplit([':', '/']);
    let (name, namespace) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    *namespace == *key.namespace && iam::glob_matches(name, &key.name)
}

/// The repaired policy without the name that stood alone in the condition, where that is nobody's: then it was written
/// for this one. Anything that may be somebody's stays beside it.
fn without_dead_name(told: &Told<'_>, repaired: &iam::Policy) -> Option<(iam::Policy, SaKey)> {
    let Told { cx, fault, diagnosis, .. } = told;
    let (Repair::Edit, What::Subject(it)) = (diagnosis.repair, fault.what) else { return None };
    match it {
        Subject::Namespace | Subject::Name | Subject::Both | Subject::GeneratedName => {}
        Subject::Whitespace
        | Subject::Case
        | Subject::Shape
        | Subject::Wildcard
        | Subject::Placeholder
        | Subject::UnderAudience
        | Subject::Negated => return None,
    }
    let mut res = repaired.clone();
    let ours: Text = cx.key.subject().into();
    let conditions = &mut res.statements.get_mut(diagnosis.statement?)?.conditions;
    let condition = conditions.iter_mut().find(|it| {
        let literal = it
            .parsed_operator()
            .is_some_and(|it| !it.negated && it.test == iam::Test::StringEquals);
        literal && it.values.len() == 2 && it.values.contains(&ours)
    })?;
    let other = condition.values.iter().find(|it| **it != ours)?;
    let (namespace, name) = other.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    let dead = SaKey::new(namespace, name);
    if !is_nobodys(cx, &dead) {
        return None;
    }
    condition.values.retain(|it| *it == ours);
    Some((res, dead))
}

/// Neither a ServiceAccount nor anything that uses one has the name, and all of them were listed.
fn is_nobodys(cx: &IdentityContext<'_>, key: &SaKey) -> bool {
    let graph = cx.cx.graph;
    let listed = |make: &dyn Fn(Option<Text>) -> Scope| {
        [None, Some(key.namespace.clone())].into_iter().any(|it| {
            let scope = make(it);
            judge::is_settled(graph, &scope) && graph.listed(&scope).is_known()
        })
    };
    let kinds = crate::ident::WorkloadKind::ALL;
    graph.service_account(key) == Knowledge::Absent
        && listed(&|namespace| Scope::Pods { namespace })
        && kinds.into_iter().all(|kind| listed(&|namespace| Scope::Workloads { kind, namespace }))
        && graph.pods_of(key).next().is_none()
        && graph.workloads_of(key).next().is_none()
        && graph.association_of(key) == Knowledge::Absent
}

/// FX-TRUST-EDIT, second choice of TRUST-SUB-06: the pattern where it means what it says, for all whom it matches.
fn under_like(told: &Told<'_>, present: &IamRole) -> Option<Fix> {
    let Told { role, fault, diagnosis, .. } = told;
    if fault.what != What::Subject(Subject::Wildcard) {
        return None;
    }
    let mut policy = present.trust.parsed.as_ref().ok()?.clone();
    let conditions = &mut policy.statements.get_mut(diagnosis.statement?)?.conditions;
    let found = conditions.iter_mut().find(|it| {
        it.values.join(", ") == *fault.found
            && it.parsed_operator().is_some_and(|it| !it.test.has_wildcards())
    })?;
    *found = near_miss::like(found);
    let title = words::of_role(
        &format!("allow whomever `{}` matches (StringLike)", fault.found),
        "in",
        role,
    );
    Fix::trust_policy(EDIT, title, role, &present.trust, &policy, TrustChange::Opens)
}

/// FX-WL-SA of TRUST-SUB-09: what runs as `default` runs as the ServiceAccount that the role trusts, and the annotation
/// goes with it. The trust policy is right as it is.
fn run_as_trusted(told: &Told<'_>) -> Fix {
    let Told { cx, role, fault, .. } = told;
    let graph = cx.cx.graph;
    let trusted = fault.found.split(", ").find_map(|it| {
        let (namespace, name) = it.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        let is_name = *namespace == *cx.key.namespace && !name.contains(['*', '?']);
        is_name.then(|| SaKey::new(namespace, name))
    });
    let by_hand = |name: &str| {
        let title = format!("run the workloads as ServiceAccount `{name}`, which the role trusts");
        Fix::by_hand("FX-WL-SA", title, Vec::new())
    };
    let Some(trusted) = trusted else { return by_hand("NAME") };
    let running = graph.workloads_of(cx.key).filter(|it| !it.completed && it.owner.is_none());
    let running: Vec<_> = running.collect();
    // Which of several needs the role, only a person can say.
    let ([one], Some(annotation)) = (&running[..], cx.annotation) else {
        return by_hand(&trusted.name);
    };
    let of_one = |it: &Pod| graph.root_owner(it).is_some_and(|it| it.uid == one.uid);
    if graph.pods_of(cx.key).any(|it| !it.completed() && !of_one(it)) {
        return by_hand(&trusted.name);
    }
    let first = match graph.service_account(&trusted) {
        Knowledge::Absent => Some(Fix::create_service_account(&trusted, Some(role.text()))),
        Knowledge::Known(it) => match it.role_arn() {
            None => Some(Fix::annotate(&trusted, None, role.as_str())),
            Some(it) if **it == *role.as_str() => None,
            Some(_) => return by_hand(&trusted.name),
        },
        Knowledge::Denied(_) | Knowledge::NotYet => return by_hand(&trusted.name),
    };
    let mut res = Fix::use_service_account(one, &trusted.name);
    if res.edits.is_empty() {
        return res;
    }
    let mut edits: Vec<_> = first.into_iter().flat_map(|it| it.edits).collect();
    edits.extend(Fix::unannotate(cx.key, annotation).edits);
    edits.append(&mut res.edits);
    res.title = format!("{}, with the role annotation", res.title);
    res.edits = edits;
    res
}

/// The other way of TRUST-PRIN-02: the association that the role was written for, instead of the annotation.
fn associate(cx: &IdentityContext<'_>, role: &Arn) -> Option<Fix> {
    let annotation = cx.annotation?;
    let fields = AssociationFields::of_role(role.clone());
    let create = Fix::create_association(cx.cx, cx.key, fields);
    if create.edits.is_empty() {
        return Some(create);
    }
    Some(create.then(Fix::unannotate(cx.key, annotation)))
}

/// FX-TRUST-EDIT where somebody left a placeholder: whoever it was to be, nobody was let in yet.
pub(crate) fn fill_in(cx: &IdentityContext<'_>, role: &Arn) -> Fix {
    let title = words::subject(cx.key, role);
    let present = judge::settled_role(cx.cx.graph, role).known();
    let repaired = cx.diagnosis().and_then(|it: &Diagnosis| it.repaired.as_ref());
    let fix = repaired.zip(present).and_then(|(it, present)| {
        Fix::trust_policy(EDIT, title.clone(), role, &present.trust, it, TrustChange::Opens)
    });
    fix.unwrap_or_else(|| Fix::trust(EDIT, title, role))
}

/// FX-TRUST-ADD; `None` while issuer or account are not known.
pub(crate) fn add_statement(cx: &IdentityContext<'_>, role: &Arn) -> Option<Fix> {
    let issuer = cx.issuer()?;
    let provider = issuer.provider_arn(&role.partition()?, &role.account()?);
    let audience = cx.audience.first()?;
    let statement = statement::web_identity(&provider, &issuer, cx.key, audience);
    let known = judge::settled_role(cx.cx.graph, role).known()?;
    let mut policy = known.trust.parsed.clone().ok()?;
    policy.statements.push(statement);
    let title = words::append(cx.key, role);
    Fix::trust_policy(ADD, title, role, &known.trust, &policy, TrustChange::Opens)
}
