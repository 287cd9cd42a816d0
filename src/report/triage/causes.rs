//! Which codes can make a workload print an error, and which of them the live data proves or rules out, and by what.

use crate::{
    check::{self, Confidence, Finding, Ledger, Row, Rule, Severity},
    fact::{IamRole, Knowledge, Scope},
    graph::Graph,
    iam,
    ident::{Ref, SaKey},
    identity::{Hop, Judged, Mechanism, Outcome, Signature, Verdict, signature::Match},
    report::triage::{Cause, State, disproof::disproof},
};
use std::collections::BTreeSet;

/// Pages that explain an error although it is not what they are mostly about.
const ALSO: &[(Signature, &[&str])] = &[
    (Signature::E03, &["OIDC-08"]),
    (Signature::E05, &["TOOL-ORG-01", "TRUST-KEY-06"]),
    (Signature::E10, &["SA-09"]),
    (Signature::E11, &["SA-09"]),
    (Signature::E12, &["NET-STS-01", "NET-STS-06", "NET-STS-07", "POD-INIT-01"]),
    (Signature::E13, &["HOOK-09"]),
    (Signature::E14, &["PI-ASSOC-07", "TOOL-ORG-01"]),
    (Signature::E18, &["TOOL-ORG-01"]),
    (Signature::E20, &["POD-INIT-01"]),
    (Signature::E25, &["PI-ASSOC-06", "PI-ASSOC-07", "PI-SESS-02"]),
    (Signature::E27, &["TOOL-ORG-01"]),
    (Signature::E29, &["IN-AE-08", "IN-AE-09", "IN-AE-10"]),
    (Signature::E34, &["CHAIN-04"]),
];

/// Pages that say that something is no fault.
const HARMLESS: [&str; 2] = ["SA-09", "TRUST-KEY-06"];

/// As `causes`, with what the text itself says of the cause.
pub(crate) fn of_error(
    graph: &Graph,
    ledger: &Ledger,
    found: &Match,
    subjects: &[SaKey],
    target: Option<&Ref>,
) -> Vec<Cause> {
    let mut res = causes(graph, ledger, found.signature, subjects, target);
    let Some((codes, why)) = blamed(found) else { return res };
    for it in &mut res {
        if codes.contains(&it.row.code) {
            if it.state == State::Possible {
                it.because = format!("{why}: {}", it.row.detect);
            }
        } else if it.state == State::Possible {
            it.state = State::Excluded;
            it.because = why.clone();
        }
    }
    rank(&mut res);
    res
}

/// The codes that the text leaves, where IAM itself says what kind of policy refused.
fn blamed(found: &Match) -> Option<(&'static [&'static str], String)> {
    if found.signature != Signature::E14 {
        return None;
    }
    let action = found.action.as_deref().unwrap_or_default();
    if action == "iam:PassRole" {
        return Some((&["PI-ASSOC-07"], "the caller may not pass the role".to_owned()));
    }
    let policy = found.policy.as_deref()?;
    let codes: &[&str] = match policy {
        "service control policy" | "resource control policy" | "resource-based control policy" => {
            &["PERM-08", "TOOL-ORG-01"]
        }
        "resource-based policy" if action.starts_with("kms:") => &["PERM-09", "PERM-10"],
        "resource-based policy" => &["PERM-09"],
        "vpc endpoint policy" => &["PERM-12"],
        "permissions boundary" => &["PERM-07"],
        "session policy" => &["PI-SESS-01"],
        "identity-based policy" if action.starts_with("kms:") => &[
            "PERM-01", "PERM-02", "PERM-03", "PERM-04", "PERM-05", "PERM-06", "PERM-10", "PERM-11",
        ],
        "identity-based policy" => {
            &["PERM-01", "PERM-02", "PERM-03", "PERM-04", "PERM-05", "PERM-06", "PERM-11"]
        }
        _ => return None,
    };
    Some((codes, format!("IAM names the {policy}")))
}

/// Every code that can print `signature`, judged for `subjects` and for what hangs at `target` itself. Ranked.
pub fn causes(
    graph: &Graph,
    ledger: &Ledger,
    signature: Signature,
    subjects: &[SaKey],
    target: Option<&Ref>,
) -> Vec<Cause> {
    let mut found: Vec<(Option<&SaKey>, &Finding)> = subjects
        .iter()
        .flat_map(|key| {
            ledger.findings_of_identity(graph, key).into_iter().map(move |it| (Some(key), it))
        })
        .collect();
    let own = target.into_iter().flat_map(|it| ledger.findings_at(it));
    found.extend(own.map(|it| (None, it)));
    let fits = |row: &Row| {
        let also = ALSO.iter().any(|(it, codes)| *it == signature && codes.contains(&row.code));
        also || row.signatures.contains(&signature)
    };
    let confirmed: Vec<&'static str> = check::table()
        .filter(|row| fits(row))
        .filter(|row| found.iter().any(|(_, it)| it.code == row.code && is_cause(it)))
        .map(|it| it.code)
        .collect();
    let known = Known { graph, ledger, signature, subjects, confirmed: &confirmed };
    let mut res: Vec<Cause> = check::table()
        .filter(|row| fits(row))
        .map(|row| {
            let mut here: Vec<&(Option<&SaKey>, &Finding)> =
                found.iter().filter(|(_, it)| it.code == row.code).collect();
            if here.iter().any(|(_, it)| is_cause(it)) {
                here.retain(|(_, it)| is_cause(it));
            }
            let whose: BTreeSet<String> =
                here.iter().filter_map(|(key, _)| Some(key.as_ref()?.to_string())).collect();
            let (state, because) = match here.first() {
                Some((_, it)) if is_cause(it) => (State::Confirmed, it.message.clone()),
                Some((_, it)) if it.severity == Severity::Unknown => {
                    (State::Possible, it.message.clone())
                }
                Some((_, it)) => (State::Excluded, format!("harmless here: {}", it.message)),
                None => known.absent(row),
            };
            Cause { row, state, because, subjects: whose.into_iter().collect() }
        })
        .collect();
    rank(&mut res);
    res
}

/// Whether a finding makes pods print the error.
pub(crate) fn explains(finding: &Finding, signature: Signature) -> bool {
    let row = check::row(finding.code).expect("a finding's code is of the table");
    is_cause(finding) && row.signatures.contains(&signature)
}

/// What is untidy or too open makes nobody fail.
fn is_cause(finding: &Finding) -> bool {
    matches!(finding.severity, Severity::Blocker | Severity::WrongId | Severity::Degraded)
}

fn rank(causes: &mut [Cause]) {
    let is_page = |it: &Cause| matches!(it.row.rule, Rule::Page);
    causes.sort_by_key(|it| (it.state, is_page(it), it.row.severity, it.row.code));
}

/// What there is to say of a code that was not found.
struct Known<'a> {
    graph: &'a Graph,
    ledger: &'a Ledger,
    signature: Signature,
    subjects: &'a [SaKey],
    confirmed: &'a [&'static str],
}

impl Known<'_> {
    fn absent(&self, row: &Row) -> (State, String) {
        let detect = row.detect;
        if HARMLESS.contains(&row.code) {
            return (State::Excluded, format!("never the cause: {detect}"));
        }
        if let Some(why) = self.ruled_out(row.code) {
            return (State::Excluded, why);
        }
        if matches!(row.rule, Rule::Page) || row.confidence == Confidence::Runtime {
            return (State::Possible, detect.to_owned());
        }
        if self.subjects.is_empty() && self.everything_read() {
            return (
                State::Excluded,
                "everything was read, and nobody in this cluster has it".into(),
            );
        }
        if self.subjects.is_empty() {
            return (State::Possible, format!("nobody fits that could be read: {detect}"));
        }
        let unread = |key: &&SaKey| match self.ledger.identity(key) {
            Some(it) => matches!(it.verdict, Verdict::Unknown(_)),
            None => {
                matches!(self.graph.service_account(key), Knowledge::Denied(_) | Knowledge::NotYet)
            }
        };
        // Of what is proven of one chain, every link says something of its own codes.
        let judged: Vec<&Judged> = self.subjects.iter().filter_map(|it| self.judged(it)).collect();
        let stations = stations(row.code);
        let links: Vec<&Hop> = judged
            .iter()
            .filter_map(|it| it.hops.iter().rev().find(|hop| stations.contains(&hop.what)))
            .collect();
        if let Some(hop) = links.iter().find(|it| it.outcome == Outcome::Unknown) {
            return (State::Possible, format!("not decided: {}", hop.detail));
        }
        if let Some(hop) = links.iter().find(|it| it.outcome == Outcome::Fail) {
            let because = match self.confirmed {
                [] => return (State::Possible, format!("the {} fails: {}", hop.what, hop.detail)),
                codes => format!("the {} fails by {}", hop.what, codes.join(", ")),
            };
            return (State::Excluded, because);
        }
        if let Some(hop) = links.iter().find(|it| it.outcome == Outcome::Pass) {
            let name = if hop.name.is_empty() { String::new() } else { format!(" `{}`", hop.name) };
            return (
                State::Excluded,
                format!("the {}{name} is as it must be: {}", hop.what, hop.detail),
            );
        }
        let failed =
            judged.iter().find_map(|it| it.hops.iter().find(|it| it.outcome == Outcome::Fail));
        if let (false, Some(hop)) = (stations.is_empty(), failed) {
            let because =
                format!("never asked: the {} `{}` fails first: {}", hop.what, hop.name, hop.detail);
            return (State::Excluded, because);
        }
        if self.subjects.iter().any(|it| unread(&it)) {
            return (State::Possible, format!("not everything could be read: {detect}"));
        }
        let against =
            |key: &SaKey| disproof(self.graph, self.ledger, key, self.confirmed, row.code);
        let all: Option<Vec<String>> = self.subjects.iter().map(against).collect();
        // What is so for all of them is said of the first.
        let because = all.and_then(|it| it.into_iter().next());
        (State::Excluded, because.unwrap_or_else(|| format!("read, and not so: {detect}")))
    }

    /// Whether somebody who has the code would have been found.
    fn everything_read(&self) -> bool {
        let scopes = [
            Scope::Pods { namespace: None },
            Scope::ServiceAccounts { namespace: None },
            Scope::Associations,
        ];
        let decided = |it: &SaKey| {
            self.ledger.identity(it).is_some_and(|it| !matches!(it.verdict, Verdict::Unknown(_)))
        };
        scopes.iter().all(|it| self.graph.listed(it).is_known())
            && self.graph.identities().all(decided)
    }

    /// Pages that need something of a role which every subject's role is known not to have.
    fn ruled_out(&self, code: &str) -> Option<String> {
        let (what, needs): (&str, fn(&iam::Condition) -> bool) = match code {
            "TRUST-KEY-09" => ("the network", |it| {
                let key = it.key.to_ascii_lowercase();
                key.starts_with("aws:source") || key == "aws:vpcsourceip"
            }),
            "TRUST-KEY-10" => {
                ("the session name", |it| it.key.eq_ignore_ascii_case("sts:RoleSessionName"))
            }
            "TRUST-SUB-10" => ("all subjects but some", |it| {
                it.key.to_ascii_lowercase().ends_with(":sub")
                    && it.operator.to_ascii_lowercase().contains("not")
            }),
            "TRUST-ORG-01" => return self.refused_by_itself(),
            "ANN-10" => {
                let known = self.roles()?;
                return (!known.is_empty())
                    .then(|| "the role exists in this letter case".to_owned());
            }
            _ => return None,
        };
        let roles = self.roles()?;
        let asks = |role: &&IamRole| {
            let policy = role.trust.parsed.as_ref().ok();
            policy.is_none_or(|it| it.statements.iter().any(|it| it.conditions.iter().any(needs)))
        };
        (!roles.is_empty() && !roles.iter().any(asks))
            .then(|| format!("no condition on {what} is in the trust policy"))
    }

    /// What the organisation adds matters only where the trust policy lets in.
    fn refused_by_itself(&self) -> Option<String> {
        let judged: Vec<&Judged> = self.subjects.iter().filter_map(|it| self.judged(it)).collect();
        let refused = |it: &&Judged| matches!(it.verdict, Verdict::Deny(_));
        (!judged.is_empty() && judged.iter().all(refused))
            .then(|| "the chain itself refuses, whatever the organisation adds".to_owned())
    }

    /// The roles of all subjects; `None` when one of them is not known.
    fn roles(&self) -> Option<Vec<&IamRole>> {
        let named = self.subjects.iter().map(|it| self.ledger.identity(it)?.role_arn.as_ref());
        named.map(|it| self.graph.role(it?).known()).collect()
    }

    /// The chain that prints the error: web identity's for what STS says of tokens.
    fn judged(&self, key: &SaKey) -> Option<&Judged> {
        let it = self.ledger.identity(key)?;
        let of_token = matches!(self.signature.number(), 1..=11 | 32 | 34);
        match (it.mechanism, of_token) {
            (Mechanism::Both, true) => it.shadowed.as_deref(),
            (Mechanism::PodIdentity, true) => None,
            (Mechanism::Irsa, _) | (Mechanism::PodIdentity | Mechanism::Both, false) => {
                it.judged.as_deref()
            }
            (Mechanism::None, _) => None,
        }
    }
}

/// The hops that decide whether codes of a family can be so; none where the chain says nothing of them.
fn stations(code: &str) -> &'static [&'static str] {
    const FAMILIES: &[(&str, &[&str])] = &[
        ("OIDC-05", &["token audience"]),
        ("OIDC-06", &["token audience"]),
        ("OIDC-07", &["token audience"]),
        ("OIDC-", &["OIDC provider"]),
        ("ANN-14", &["trust policy"]),
        ("ANN-", &["role ARN", "role"]),
        ("TRUST-", &["trust policy"]),
        ("PI-ASSOC-", &["association", "role"]),
        ("PI-TRUST-", &["trust policy", "trust policy (sts:TagSession)"]),
        ("CHAIN-", &["target role", "target trust policy", "target trust policy (sts:TagSession)"]),
    ];
    FAMILIES.iter().find(|(it, _)| code.starts_with(it)).map_or(&[], |(_, it)| it)
}
