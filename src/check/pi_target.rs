//! PI-TARGET: the second role of an association, which the first one assumes.
//!
//! Speaks of what the chain says for sure. Conditions of the second role on anything but the external id have no code of
//! their own; the verdict tells them.

use crate::{
    check::{
        Acc, AssociationContext, Confidence, Evidence, Fix, Row, Rule, Severity, Subject,
        SubjectKind, judge,
    },
    fact::{AssociationDetail, Knowledge},
    iam::{Decision, Effect, Evaluation, Part, StatementTrace, Truth},
    ident::Arn,
    identity::{Hop, Outcome, Signature, eks},
};

const GUIDE: &str =
    "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-assign-target-role.html";

macro_rules! row {
    ($code:literal, $name:literal, $title:literal, $fragment:literal, $detect:literal, $repair:literal, $fixes:expr, $what:expr) => {
        Row {
            code: $code,
            name: $name,
            title: $title,
            severity: Severity::Blocker,
            confidence: Confidence::Certain,
            subject: SubjectKind::Association,
            fragment: $fragment,
            detect: $detect,
            repair: $repair,
            signatures: &[Signature::E18, Signature::E27],
            fixes: $fixes,
            reference: GUIDE,
            rule: Rule::Association(|cx, acc| report(cx, acc, $what)),
        }
    };
}

pub const ROWS: &[Row] = &[
    row!(
        "PI-TARGET-01",
        "target-role-not-allowed",
        "role A may not assume role B",
        "associations have a role that may not assume the target role",
        "The policies of the association's role do not allow `sts:AssumeRole` on the target role. Needs all of them.",
        "Allow sts:AssumeRole, and sts:TagSession unless session tags are disabled, on the target role in a policy of the association's role. Pods need no restart.",
        &["FX-ROLE-POL"],
        What::Assume
    ),
    row!(
        "PI-TARGET-02",
        "target-role-without-tag-session",
        "sts:TagSession missing on the way to role B",
        "associations have a target role to which session tags may not be passed",
        "The association's role may assume the target role, but `sts:TagSession` is missing in its policies or in the target role's trust policy, and session tags are not disabled.",
        "Allow sts:TagSession on both sides, or disable the association's session tags. Pods need no restart.",
        &["FX-ROLE-POL", "FX-TRUST-EDIT"],
        What::Tag
    ),
    row!(
        "PI-TARGET-03",
        "target-role-trusts-another",
        "B's trust does not name A or A's account",
        "associations have a target role that does not trust the association's role",
        "No statement of the target role's trust policy that is about sts:AssumeRole has the association's role or its account as principal.",
        "Name the association's role in the target role's trust policy. Pods need no restart.",
        &["FX-TRUST-EDIT"],
        What::Principal
    ),
    row!(
        "PI-TARGET-04",
        "target-role-external-id-mismatch",
        "ExternalId mismatch",
        "associations have a target role that asks for another external id",
        "The target role's trust policy has the association's role, but a condition on `sts:ExternalId` asks for another value than EKS sends: `REGION/ACCOUNT/CLUSTER/NAMESPACE/SERVICEACCOUNT`.",
        "Write the association's external id into the condition, or a statement of its own. Pods need no restart.",
        &["FX-TRUST-EDIT"],
        What::ExternalId
    ),
];

/// What is wrong; one a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Assume,
    Tag,
    Principal,
    ExternalId,
}

/// One reason, on one of the two sides.
struct Fault {
    what: What,
    place: String,
    found: String,
    needed: String,
}

fn report(context: &AssociationContext<'_>, acc: &mut Acc, wanted: What) {
    let Some(detail) = context.association.detail.as_ref().known() else { return };
    let Some(target) = &detail.target_role_arn else { return };
    let faults = diagnose(context, detail, target);
    let mut faults = faults.into_iter().filter(|it| it.what == wanted).peekable();
    let Some(first) = faults.peek() else { return };
    let source = &detail.role_arn;
    let message = match wanted {
        What::Assume => format!("role `{source}` may not assume the target role `{target}`"),
        What::Tag => {
            format!(
                "session tags may not be passed from role `{source}` to the target role `{target}`"
            )
        }
        What::Principal => format!("the target role `{target}` does not trust role `{source}`"),
        What::ExternalId => format!("the target role `{target}` asks for another external id"),
    };
    let repair = first.needed.clone();
    let evidence =
        faults.map(|it| Evidence { place: it.place, found: it.found, needed: it.needed });
    let subject = Subject::association(context.association);
    let finding = acc.push(subject, message, evidence.collect());
    finding.fixes.push(Fix::by_hand("FX-NONE", repair, Vec::new()));
}

/// Every fault, the first role's side first.
fn diagnose(
    context: &AssociationContext<'_>,
    detail: &AssociationDetail,
    target: &Arn,
) -> Vec<Fault> {
    let key = &context.association.service_account;
    let ask = judge::delivery(context.cx, key, Knowledge::Known(detail));
    let hops = eks::judge(&ask).hops;
    let hop = |what: &str| hops.iter().find(|it| it.what == what);
    let source = &detail.role_arn;
    let mut res = Vec::new();
    let own = [(What::Assume, "role policies"), (What::Tag, "role policies (sts:TagSession)")];
    let own = own.into_iter().find_map(|(what, name)| Some((what, refused(hop(name)?)?)));
    if let Some((what, it)) = own {
        let action = if what == What::Assume { "sts:AssumeRole" } else { "sts:TagSession" };
        res.push(Fault {
            what,
            place: format!("role {source} policies"),
            found: it.detail.clone(),
            needed: format!("allow {action} on {target} in a policy of {source}"),
        });
    }
    let trust = |what: &str| refused(hop(what)?)?.evaluation.as_ref();
    let place = |it: &StatementTrace, rest: &str| {
        format!("role {target} trust policy Statement[{}]{rest}", it.index)
    };
    match (trust("target trust policy"), trust("target trust policy (sts:TagSession)")) {
        (Some(assume), _) => res.extend(refusal(assume, detail, target, &place)),
        (None, Some(tag)) => {
            if let Some(it) = allows(tag).find(|it| lacks_only(it, is_action)) {
                res.push(Fault {
                    what: What::Tag,
                    place: place(it, ".Action"),
                    found: asked(it, is_action),
                    needed: format!("sts:TagSession for {source} in the trust policy of {target}"),
                });
            }
        }
        (None, None) => {}
    }
    res
}

/// Why the target role lets the first one not in; `None` for what has no code.
fn refusal(
    assume: &Evaluation,
    detail: &AssociationDetail,
    target: &Arn,
    place: &dyn Fn(&StatementTrace, &str) -> String,
) -> Option<Fault> {
    if assume.decision == Decision::ExplicitDeny {
        return None;
    }
    let source = &detail.role_arn;
    if let Some(it) = allows(assume).find(|it| lacks_only(it, is_external_id)) {
        let id = detail.external_id.as_deref().unwrap_or("no external id");
        return Some(Fault {
            what: What::ExternalId,
            place: place(it, ".Condition[sts:ExternalId]"),
            found: asked(it, is_external_id),
            needed: id.to_owned(),
        });
    }
    let is_principal = |it: &Part| matches!(it, Part::Principal);
    let mut about = allows(assume).filter(|it| holds(it, is_action)).peekable();
    let nearest = about.peek().copied();
    if about.any(|it| holds(it, is_principal)) {
        return None;
    }
    Some(Fault {
        what: What::Principal,
        place: nearest
            .map_or_else(|| format!("role {target} trust policy"), |it| place(it, ".Principal")),
        found: nearest
            .map_or_else(|| "no statement for it".to_owned(), |it| asked(it, is_principal)),
        needed: format!("name {source} in the trust policy of {target}"),
    })
}

/// The hop, where it refuses for sure, whether or not an earlier one did.
fn refused(hop: &Hop) -> Option<&Hop> {
    let is_denied =
        |it: &Evaluation| matches!(it.decision, Decision::ExplicitDeny | Decision::ImplicitDeny);
    let is_refused = match hop.outcome {
        Outcome::Fail => true,
        Outcome::Skipped => hop.evaluation.as_ref().is_some_and(is_denied),
        Outcome::Pass | Outcome::Unknown => false,
    };
    is_refused.then_some(hop)
}

fn allows(it: &Evaluation) -> impl Iterator<Item = &StatementTrace> {
    it.statements.iter().filter(|it| it.effect == Effect::Allow)
}

fn is_action(part: &Part) -> bool {
    matches!(part, Part::Action { .. })
}

fn is_external_id(part: &Part) -> bool {
    matches!(part, Part::Condition { key, .. } if key.eq_ignore_ascii_case("sts:ExternalId"))
}

/// Whether everything fails for sure that is such, and nothing else.
fn lacks_only(statement: &StatementTrace, of: impl Fn(&Part) -> bool) -> bool {
    let mut any = false;
    let as_expected = statement.clauses.iter().all(|it| {
        let fails = it.truth == Truth::False;
        any |= fails;
        it.truth == Truth::True || (fails && of(&it.part))
    });
    any && as_expected
}

fn holds(statement: &StatementTrace, of: impl Fn(&Part) -> bool) -> bool {
    statement.clauses.iter().filter(|it| of(&it.part)).all(|it| it.truth != Truth::False)
}

/// What the statement has there.
fn asked(statement: &StatementTrace, of: impl Fn(&Part) -> bool) -> String {
    let wanted = statement.clauses.iter().filter(|it| of(&it.part)).flat_map(|it| &it.wanted);
    wanted.map(|it| &**it).collect::<Vec<_>>().join(", ")
}
