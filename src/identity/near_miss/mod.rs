//! The smallest edit of a trust policy that would flip a refusal, which names what is wrong with it; and the reverse
//! probe, who else gets in.
//!
//! Words here are about policies only. Which failure-mode code a fault becomes, and whether another finding already
//! explains it, is `check`'s business.

mod clause;
mod openness;
mod principal;
mod statement;
pub mod text;
mod value;

pub use openness::{Open, Openness, eks_issuers, openness};
pub(crate) use principal::{is_eks, named_issuer};
pub use text::{NEAR, distance, is_near, is_placeholder};
pub(crate) use value::like;

use crate::{
    fact::Knowledge,
    iam::{self, Caller, Decision, Effect, Truth},
    ident::{Arn, Issuer, SaKey, Text},
    identity::{
        near_miss::{
            clause::{Claim, needed},
            statement::Candidate,
        },
        sts,
        words::path,
    },
};

/// Why a trust policy refuses, and the document that would not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The statement that comes nearest, whose faults these are. `None` when none comes near.
    pub statement: Option<usize>,
    /// All that keeps that statement from matching: action, principal, then conditions in document order. Never empty.
    pub faults: Vec<Fault>,
    pub repair: Repair,
    /// The policy after `repair`; `None` with `Repair::Narrow`, which needs a person.
    pub repaired: Option<iam::Policy>,
    /// What `repaired` evaluates to: `Allow`, or `Unknown` when a clause that nobody can decide from here remains.
    pub decision: Option<iam::Decision>,
}

/// One thing that is wrong, with the smallest edit of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub what: What,
    /// `Statement[0].Condition.StringEquals[KEY]`, `Statement[1].Principal.Federated`, `Statement`.
    pub path: String,
    /// As written; several values joined by `, `. Empty when something is missing.
    pub found: Text,
    /// What would match. Empty when the clause has to go.
    pub needed: Text,
    /// Has the same cause as an earlier fault of the list (the keys of another cluster beside that cluster's ARN).
    pub secondary: bool,
}

/// How the policy is repaired with the least harm to whom it serves now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// The faults' edits in that statement.
    Edit,
    /// One more statement; the present ones may be in use by others.
    Add,
    /// The statement is divided, one part an issuer.
    Split,
    /// A Deny that matches must be narrowed by somebody who knows why it is there.
    Narrow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Action(Action),
    Principal(Principal),
    Key(Key),
    Subject(Subject),
    Audience(Audience),
    Condition(Condition),
    /// Keys of two issuers in one statement, of which a token can only have one.
    TwoIssuers,
    /// Two clauses on the same key that no value fulfils together.
    Conflict,
    /// This Deny statement matches.
    Deny,
    /// No statement is about this cluster's web identity at all.
    NoStatement,
}

/// The Action does not match `sts:AssumeRoleWithWebIdentity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It has `sts:AssumeRole`.
    AssumeRole,
    /// A NotAction excludes it.
    NotAction,
    Other,
}

/// What is nearest to the right provider among the principals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// An EKS issuer whose id is more than four edits away.
    OtherCluster,
    /// An EKS issuer whose id is at most four edits away, or a truncated one.
    NearId,
    /// The right id behind another region's host.
    Region,
    /// The right issuer in another account.
    Account,
    /// The right issuer and account in another partition.
    Partition,
    /// `oidc.REGION.eks.amazonaws.com`.
    SwappedHost,
    /// `oidc-provider/https://…`.
    Scheme,
    /// Another host or path that names the right id.
    Host,
    /// Federated, but not the ARN of an OIDC provider.
    NotArn,
    /// The provider's ARN under `AWS` or `Service`.
    WrongType,
    /// Something that was to be filled in: `ACCOUNT_ID`, `<…>`, `${…}`.
    Placeholder,
    /// `AROA…` or `AIDA…`: what IAM shows of a principal that was deleted.
    Deleted,
    /// Only `pods.eks.amazonaws.com`.
    PodIdentity,
    /// Only other services.
    Service,
    /// `*`: whether it lets web identity in is not documented.
    Everyone,
    /// Only AWS principals, or an OIDC provider that is not an EKS cluster's.
    Other,
}

/// The condition key is not one that the token has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Another issuer, more than four edits away.
    OtherIssuer,
    /// Another region or host, or an id at most four edits away.
    NearIssuer,
    /// `arn:…:oidc-provider/ISSUER:sub`.
    Arn,
    /// `https://ISSUER:sub`.
    Scheme,
    /// `sub`, `oidc:sub`, or a stray space.
    Bare,
    Placeholder,
    /// The right issuer, but a claim that STS does not expose (`:email`, `:kubernetes.io/…`).
    Claim,
    /// `aws:PrincipalOrgID` and the like, absent for web identity.
    PrincipalKey,
    /// `aws:SourceIp`, `aws:SourceVpc*`: depends on the way to STS.
    Network,
    /// `sts:RoleSessionName`, which the SDK invents.
    SessionName,
    /// Any other key that the request does not have.
    Absent,
}

/// The value of `:sub` is not the ServiceAccount's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Namespace,
    Name,
    Both,
    Whitespace,
    Case,
    /// Not `system:serviceaccount:NAMESPACE:NAME`.
    Shape,
    /// `*` or `?` under StringEquals, which would match under StringLike.
    Wildcard,
    Placeholder,
    /// The same name with another generated suffix.
    GeneratedName,
    /// The subject stands under `:aud`.
    UnderAudience,
    /// A negated operator excludes it.
    Negated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// The policy's value is not the token's, which has the usual one.
    Value,
    /// The policy has the usual value; the token was asked for another one.
    TokenIsCustom,
    /// A negated operator excludes it.
    Negated,
}

/// A condition that has nothing wrong with its key or the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// `${…}` in a value.
    Variable,
    /// A date that has passed or not come.
    Time,
    /// Null, …IfExists or a set operator that cannot hold here.
    Misuse,
    /// An operator that we do not know.
    UnknownOperator,
    /// Any other value that does not hold.
    Value,
}

/// Whom a policy is written for.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    pub service_account: &'a SaKey,
    pub issuer: &'a Issuer,
    /// The token's `aud`.
    pub audience: &'a [Text],
    /// The request that the policy was evaluated with; its caller is the provider of `issuer`.
    pub request: &'a iam::Request,
}

/// Names what keeps `policy` from allowing `target`. `None` when it does allow it, or when the request's caller is not
/// a provider.
pub fn diagnose(policy: &iam::Policy, target: &Target<'_>) -> Option<Diagnosis> {
    let Caller::Federated(provider) = &target.request.caller else { return None };
    let evaluation = iam::evaluate(policy, target.request);
    if evaluation.decision == Decision::Allow {
        return None;
    }
    let allowed = evaluation
        .statements
        .iter()
        .any(|it| (it.effect, it.matches) == (Effect::Allow, Truth::True));
    let allows = evaluation.statements.iter().filter(|it| it.effect == Effect::Allow && !allowed);
    let candidates = allows.filter_map(|it| statement::diagnose(policy, it, provider, target));
    let nearest = candidates.min_by_key(|it| it.cost);

    let mut res = match nearest {
        // What is open there was not read, and that is no fault; a Deny may still be one.
        Some(it) if it.faults.is_empty() => Diagnosis {
            statement: None,
            faults: Vec::new(),
            repair: Repair::Edit,
            repaired: None,
            decision: None,
        },
        Some(it) => repaired(policy, it, provider, target),
        None => added(policy, Vec::new(), None, provider, target),
    };
    let denies = denials(policy, &evaluation, target);
    if allowed {
        res.faults.clear();
        res.statement = None;
    }
    if evaluation.decision == Decision::ExplicitDeny || allowed {
        (res.repair, res.repaired, res.decision) = (Repair::Narrow, None, None);
    }
    res.statement = res.statement.or(denies.first().map(|it| it.0));
    res.faults.splice(0..0, denies.into_iter().map(|it| it.1));
    if res.faults.is_empty() {
        return None;
    }
    Some(res)
}

/// As `diagnose` for what `sts::judge` refused or could not decide at the trust policy, judged as if the provider
/// existed. `None` when role or issuer are not known, the policy is invalid, or it allows.
pub fn of(ask: &sts::Ask<'_>) -> Option<Diagnosis> {
    let (Knowledge::Known(role), Knowledge::Known(issuer)) = (&ask.role, &ask.issuer) else {
        return None;
    };
    let account = Arn::from(ask.role_arn).account()?;
    let policy = role.trust.parsed.as_ref().ok()?;
    let request = sts::request(ask, &account, issuer);
    let target = Target {
        service_account: ask.service_account,
        issuer,
        audience: ask.audience,
        request: &request,
    };
    diagnose(policy, &target)
}

/// The Deny statements that match; where none does, what leaves open whether one does.
fn denials(
    policy: &iam::Policy,
    evaluation: &iam::Evaluation,
    target: &Target<'_>,
) -> Vec<(usize, Fault)> {
    let denies = evaluation.statements.iter().filter(|it| it.effect == Effect::Deny);
    let fault =
        |what, path, found| Fault { what, path, found, needed: "".into(), secondary: false };
    match evaluation.decision {
        Decision::Allow | Decision::ImplicitDeny => Vec::new(),
        Decision::ExplicitDeny => denies
            .filter(|it| it.matches == Truth::True)
            .map(|it| (it.index, fault(What::Deny, format!("Statement[{}]", it.index), "".into())))
            .collect(),
        Decision::Unknown => {
            let open = denies.filter(|it| it.matches == Truth::Unknown);
            open.flat_map(|trace| {
                let conditions = &policy.statements[trace.index].conditions;
                let head = trace.clauses.len().saturating_sub(conditions.len());
                let clauses = trace.clauses.iter().skip(head).zip(conditions);
                let clauses = clauses.filter(|(clause, _)| clause.truth == Truth::Unknown);
                clauses.filter_map(|(clause, condition)| {
                    let (what, found, _) = clause::undecided(condition, target.issuer)?;
                    Some((trace.index, fault(what, path(trace.index, &clause.part), found)))
                })
            })
            .collect()
        }
    }
}

/// The policy after the candidate's repair, if that lets the target in; else with a statement of its own.
fn repaired(
    policy: &iam::Policy,
    candidate: Candidate,
    provider: &Arn,
    target: &Target<'_>,
) -> Diagnosis {
    let Candidate { index, faults, repair, edited, .. } = candidate;
    // Whoever wrote it may have meant more than one ServiceAccount; only this one was asked for.
    let widens = openness::opens(policy, &policy.statements[index], &edited, target);
    if repair == Repair::Add || widens {
        return added(policy, faults, Some(index), provider, target);
    }
    let mut changed = policy.clone();
    changed.statements.splice(index..=index, edited);
    let decision = iam::evaluate(&changed, target.request).decision;
    match decision {
        Decision::Allow | Decision::Unknown => Diagnosis {
            statement: Some(index),
            faults,
            repair,
            repaired: Some(changed),
            decision: Some(decision),
        },
        Decision::ImplicitDeny | Decision::ExplicitDeny => {
            added(policy, faults, Some(index), provider, target)
        }
    }
}

fn added(
    policy: &iam::Policy,
    mut faults: Vec<Fault>,
    statement: Option<usize>,
    provider: &Arn,
    target: &Target<'_>,
) -> Diagnosis {
    if faults.is_empty() {
        faults.push(Fault {
            what: What::NoStatement,
            path: "Statement".to_owned(),
            found: "".into(),
            needed: provider.text().clone(),
            secondary: false,
        });
    }
    let mut changed = policy.clone();
    changed.statements.push(canonical(provider, target));
    let decision = iam::evaluate(&changed, target.request).decision;
    let repaired = match decision {
        Decision::Allow | Decision::Unknown => Some(changed),
        Decision::ImplicitDeny | Decision::ExplicitDeny => None,
    };
    let decision = repaired.as_ref().map(|_| decision);
    Diagnosis { statement, faults, repair: Repair::Add, repaired, decision }
}

/// The statement that lets exactly `target` in.
pub fn canonical(provider: &Arn, target: &Target<'_>) -> iam::Statement {
    let condition = |name: &str, claim: Claim| iam::Condition {
        operator: "StringEquals".into(),
        key: format!("{}:{name}", target.issuer).into(),
        values: vec![needed(claim, target)],
    };
    iam::Statement {
        sid: None,
        effect: Effect::Allow,
        principal: Some(iam::Principal::Listed(vec![(
            "Federated".into(),
            vec![provider.text().clone()],
        )])),
        action: iam::Patterns { negated: false, patterns: vec![sts::ACTION.into()] },
        resource: None,
        conditions: vec![condition("sub", Claim::Subject), condition("aud", Claim::Audience)],
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        fact::{IamRole, Knowledge},
        iam::{Decision, Document, Kind, evaluate},
        identity::{
            near_miss::{Condition as Cond, *},
            sts::{Ask, World},
        },
    };
    use proptest::prelude::*;
    use std::sync::Arc;

    const ISS: &str = "oidc.eks.us-west-2.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";
    const OTHER: &str = "oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF";
    const ROLE: &str = "arn:aws:iam::111122223333:role/app";

    /// One trust policy after `$` was replaced by the issuer, `@` by its provider's ARN and `%` by another issuer.
    fn with_ask<T>(statements: &str, world: World<'_>, look: impl FnOnce(&Ask<'_>) -> T) -> T {
        let raw = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
            .replace('@', &format!("arn:aws:iam::111122223333:oidc-provider/{ISS}"))
            .replace("${", "¤{")
            .replace('$', ISS)
            .replace("¤{", "${")
            .replace('%', OTHER);
        let document = Document::parse(raw.as_str(), Kind::Trust);
        assert!(document.parsed.is_ok(), "{raw}: {:?}", document.parsed);
        let role = IamRole {
            arn: ROLE.into(),
            id: "AROAEXAMPLE".into(),
            created: None,
            trust: Arc::new(document),
            max_session_seconds: None,
            permissions_boundary: Knowledge::NotYet,
            tags: Knowledge::Known(Vec::new()),
            last_used: Knowledge::NotYet,
            policies: Knowledge::NotYet,
            read_at: None,
        };
        look(&Ask {
            role_arn: ROLE,
            service_account: &SaKey::new("shop", "web"),
            issuer: Knowledge::Known(Issuer::new(ISS)),
            audience: &["sts.amazonaws.com".into()],
            provider: Knowledge::Absent,
            role: Knowledge::Known(&role),
            region: Some("us-west-2"),
            session_name: Knowledge::Absent,
            world,
            now: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        })
    }

    /// The faults of a policy, and that its repair heals it.
    fn check(statements: &str, expected: &[What], repair: Repair) -> Diagnosis {
        with_ask(statements, World::Closed(&[]), |ask| {
            let found = of(ask).unwrap_or_else(|| panic!("allowed: {statements}"));
            let primary = found.faults.iter().filter(|it| !it.secondary).map(|it| it.what);
            assert_eq!(primary.collect::<Vec<_>>(), expected, "{statements}\n{:#?}", found.faults);
            assert_eq!(found.repair, repair, "{statements}");
            if repair != Repair::Narrow {
                assert_eq!(found.decision, Some(Decision::Allow), "{statements}");
                let issuer = Issuer::new(ISS);
                let account = ask.role.as_ref().known().unwrap().arn.account().unwrap();
                let request = sts::request(ask, &account, &issuer);
                let repaired = found.repaired.as_ref().unwrap();
                assert_eq!(evaluate(repaired, &request).decision, Decision::Allow);
            }
            found
        })
    }

    fn statement(principal: &str, action: &str, condition: &str) -> String {
        format!(
            r#"{{"Effect":"Allow","Principal":{principal},"Action":"{action}","Condition":{condition}}}"#
        )
    }

    const WEB: &str = "sts:AssumeRoleWithWebIdentity";
    const RIGHT: &str = r#"{"StringEquals":{"$:sub":"system:serviceaccount:shop:web","$:aud":"sts.amazonaws.com"}}"#;
    const FEDERATED: &str = r#"{"Federated":"@"}"#;

    #[test]
    fn a_policy_that_allows_has_no_faults() {
        with_ask(&statement(FEDERATED, WEB, RIGHT), World::Closed(&[]), |ask| {
            assert_eq!(of(ask), None);
        });
    }

    #[test]
    fn actions() {
        let check = |action: &str, what: Action| {
            let faults = [What::Action(what)];
            check(&statement(FEDERATED, action, RIGHT), &faults, Repair::Edit);
        };
        check("sts:AssumeRole", Action::AssumeRole);
        check("sts:assumerole", Action::AssumeRole);
        check("sts:AssumeRoleWithSAML", Action::Other);
        check("sts:AssumeRoleWithWebIdentities", Action::Other);
        let excluded = statement(FEDERATED, WEB, RIGHT).replace("Action", "NotAction");
        super::tests::check(&excluded, &[What::Action(Action::NotAction)], Repair::Edit);
    }

    #[test]
    fn principals() {
        let check = |principal: &str, what: Principal, repair: Repair| {
            check(&statement(principal, WEB, RIGHT), &[What::Principal(what)], repair);
        };
        let arn = |issuer: &str| {
            format!(r#"{{"Federated":"arn:aws:iam::111122223333:oidc-provider/{issuer}"}}"#)
        };
        let swapped = ISS.replace("oidc.eks.us-west-2", "oidc.us-west-2.eks");
        check(&arn("%"), Principal::OtherCluster, Repair::Add);
        check(&arn(&ISS.replace("C891", "C819")), Principal::NearId, Repair::Edit);
        check(&arn(&ISS[..ISS.len() - 12]), Principal::NearId, Repair::Edit);
        check(&arn(&ISS.replace("us-west-2", "eu-west-1")), Principal::Region, Repair::Edit);
        check(&arn(&swapped), Principal::SwappedHost, Repair::Edit);
        check(&arn("https://$"), Principal::Scheme, Repair::Edit);
        check(&arn("$/"), Principal::Host, Repair::Edit);
        check(&arn("$").replace("1111", "9999"), Principal::Account, Repair::Edit);
        check(&arn("$").replace(":aws:", ":aws-cn:"), Principal::Partition, Repair::Edit);
        check(&arn("$").replace("111122223333", "ACCOUNT_ID"), Principal::Placeholder, Repair::Add);
        check(r#"{"Federated":"$"}"#, Principal::NotArn, Repair::Edit);
        check(r#"{"AWS":"@"}"#, Principal::WrongType, Repair::Edit);
        check(r#"{"Service":"@"}"#, Principal::WrongType, Repair::Edit);
        check(r#"{"AWS":"AROAEXAMPLE123"}"#, Principal::Deleted, Repair::Add);
        check(r#"{"Service":"pods.eks.amazonaws.com"}"#, Principal::PodIdentity, Repair::Add);
        check(r#"{"Service":"ec2.amazonaws.com"}"#, Principal::Service, Repair::Add);
        check(r#"{"AWS":"arn:aws:iam::111122223333:root"}"#, Principal::Other, Repair::Add);
    }

    #[test]
    fn the_same_wrong_issuer_is_one_cause() {
        let typo = ISS.replace("C891", "C819");
        let wrong = statement(FEDERATED, WEB, RIGHT)
            .replace('@', "arn:aws:iam::111122223333:oidc-provider/$")
            .replace('$', &typo);
        let found = check(&wrong, &[What::Principal(Principal::NearId)], Repair::Edit);
        assert_eq!(found.faults.len(), 3);
    }

    #[test]
    fn keys() {
        let check_with = |key: &str, what: &[What], repair: Repair| {
            let condition =
                format!(r#"{{"StringEquals":{{"{key}":"system:serviceaccount:shop:web"}}}}"#);
            check(&statement(FEDERATED, WEB, &condition), what, repair);
        };
        let check = |key: &str, what: &[What]| check_with(key, what, Repair::Edit);
        check("%:sub", &[What::Key(Key::OtherIssuer)]);
        check(&format!("{}:sub", ISS.replace("C891", "C819")), &[What::Key(Key::NearIssuer)]);
        check(
            &format!("{}:sub", ISS.replace("us-west-2", "eu-west-1")),
            &[What::Key(Key::NearIssuer)],
        );
        check(
            &format!("{}:sub", ISS.replace("oidc.eks.us-west-2", "oidc.us-west-2.eks")),
            &[What::Principal(Principal::SwappedHost)],
        );
        check("@:sub", &[What::Key(Key::Arn)]);
        check("https://$:sub", &[What::Key(Key::Scheme)]);
        check("sub", &[What::Key(Key::Bare)]);
        check("oidc:sub", &[What::Key(Key::Bare)]);
        check("$:sub ", &[What::Key(Key::Bare)]);
        check(
            "oidc.eks.REGION.amazonaws.com/id/OIDC_PROVIDER_ID:sub",
            &[What::Key(Key::Placeholder)],
        );
        // Without them the statement would ask for nothing, and let every ServiceAccount in.
        let check = |key: &str, what: Key| check_with(key, &[What::Key(what)], Repair::Add);
        check("$:email", Key::Claim);
        check("$:kubernetes.io/namespace", Key::Claim);
        check("aws:PrincipalOrgID", Key::PrincipalKey);
        check("aws:SourceVpce", Key::Network);
        check("sts:RoleSessionName", Key::SessionName);
        check("aws:RequestTag/x", Key::Absent);
    }

    #[test]
    fn no_repair_lets_somebody_else_in() {
        let subject = |it: &str| format!(r#"{{"StringLike":{{"$:sub":"{it}"}}}}"#);
        let other = FEDERATED.replace(
            '@',
            &format!(
                "arn:aws:iam::111122223333:oidc-provider/{}",
                ISS.replace("us-west-2", "eu-west-1")
            ),
        );
        let wrong = [What::Principal(Principal::Region)];
        let check = |principal: &str, condition: &str, faults: &[What], repair: Repair| {
            let found = check(&statement(principal, WEB, condition), faults, repair);
            let raw = found.repaired.unwrap().to_json().unwrap();
            let others = raw.matches("system:serviceaccount:").count();
            let stars = raw.matches('*').count();
            (others, stars)
        };
        // What it would have opened stays shut, and only the one that asks gets a statement of its own.
        let region = |it: &str| check(&other, &subject(it), &wrong, Repair::Add);
        assert_eq!(region("system:serviceaccount:shop:*"), (2, 1));
        assert_eq!(region("system:serviceaccount:*:web"), (2, 1));
        assert_eq!(region("*"), (1, 1));
        check(&other, RIGHT, &wrong, Repair::Edit);
        let excluded = r#"{"StringNotEquals":{"$:sub":"system:serviceaccount:shop:web"}}"#;
        let negated = [What::Subject(Subject::Negated)];
        // Who was left out on purpose is let in beside that, not by taking it away.
        assert_eq!(check(FEDERATED, excluded, &negated, Repair::Add), (2, 0));
        // Under StringEquals a wildcard opens nothing, and it is not moved to where it would.
        let equals = subject("system:serviceaccount:shop:*").replace("Like", "Equals");
        let wildcard = [What::Subject(Subject::Wildcard)];
        assert_eq!(check(FEDERATED, &equals, &wildcard, Repair::Edit), (1, 0));
    }

    #[test]
    fn what_may_be_somebodys_stays() {
        let check = |operator: &str, values: &str, what: What, kept: &[&str]| {
            let condition = format!(r#"{{"{operator}":{{"$:sub":[{values}]}}}}"#);
            let found = check(&statement(FEDERATED, WEB, &condition), &[what], Repair::Edit);
            let values = &found.repaired.unwrap().statements[0].conditions[0].values;
            let all: Vec<_> =
                kept.iter().copied().chain(["system:serviceaccount:shop:web"]).collect();
            assert_eq!(values.iter().map(|it| &**it).collect::<Vec<_>>(), all);
        };
        // A pattern of the wrong shape matches whom it matches.
        let shape = What::Subject(Subject::Shape);
        check("StringLike", r#""system:*:shop:api""#, shape, &["system:*:shop:api"]);
        let api = "system:serviceaccount:shop:api";
        let values = format!(r#""{api}","${{aws:userid}}""#);
        check("StringLike", &values, What::Condition(Cond::Variable), &[api]);
    }

    #[test]
    fn a_wrong_key_may_hide_a_wrong_value() {
        let condition = r#"{"StringEquals":{"%:sub":"system:serviceaccount:shop:api"}}"#;
        let faults = [What::Key(Key::OtherIssuer), What::Subject(Subject::Name)];
        check(&statement(FEDERATED, WEB, condition), &faults, Repair::Edit);
    }

    #[test]
    fn subjects() {
        let check = |operator: &str, value: &str, what: Subject| {
            let condition = format!(r#"{{"{operator}":{{"$:sub":"{value}"}}}}"#);
            check(&statement(FEDERATED, WEB, &condition), &[What::Subject(what)], Repair::Edit)
        };
        let equals = "StringEquals";
        check(equals, "system:serviceaccount:pay:web", Subject::Namespace);
        check(equals, "system:serviceaccount:shop:api", Subject::Name);
        check(equals, "system:serviceaccount:pay:api", Subject::Both);
        check(equals, "system:serviceaccount: shop:web", Subject::Whitespace);
        check(equals, "system:serviceaccount:shop:web\u{a0}", Subject::Whitespace);
        check(equals, "system:serviceaccount:Shop:web", Subject::Case);
        check(equals, "system:serviceaccounts:shop:web", Subject::Shape);
        check(equals, "shop/web", Subject::Shape);
        check(equals, "serviceaccount:shop:web", Subject::Shape);
        check(equals, "system:serviceaccount:shop:*", Subject::Wildcard);
        check(equals, "system:serviceaccount:<namespace>:web", Subject::Placeholder);
        check(equals, "system:serviceaccount:SHOP_NS:web", Subject::Placeholder);
        check("StringLike", "system:serviceaccount:pay:*", Subject::Namespace);
        check("StringLike", "system:serviceaccount:shop:api-*", Subject::Name);
        check("StringLike", "system:serviceaccount:Shop:*", Subject::Case);
        let negated = r#"{"StringNotEquals":{"$:sub":"system:serviceaccount:shop:web"}}"#;
        let what = [What::Subject(Subject::Negated)];
        super::tests::check(&statement(FEDERATED, WEB, negated), &what, Repair::Add);
        check("ForAnyValue:StringEquals", "system:serviceaccount:shop:w?b", Subject::Wildcard);
    }

    #[test]
    fn generated_names_and_the_nearest_of_several_values() {
        let list = r#"["system:serviceaccount:pay:api","system:serviceaccount:SHOP:web"]"#;
        let condition = format!(r#"{{"StringEquals":{{"$:sub":{list}}}}}"#);
        let found = check(
            &statement(FEDERATED, WEB, &condition),
            &[What::Subject(Subject::Case)],
            Repair::Edit,
        );
        let values = &found.repaired.unwrap().statements[0].conditions[0].values;
        assert_eq!(values.len(), 2, "the other value stays: {values:?}");
    }

    #[test]
    fn another_ones_value_is_kept() {
        let condition = r#"{"StringEquals":{"$:sub":"system:serviceaccount:shop:api"}}"#;
        let found = check(
            &statement(FEDERATED, WEB, condition),
            &[What::Subject(Subject::Name)],
            Repair::Edit,
        );
        assert_eq!(found.faults[0].path, format!("Statement[0].Condition.StringEquals[{ISS}:sub]"));
        assert_eq!(&*found.faults[0].found, "system:serviceaccount:shop:api");
        assert_eq!(&*found.faults[0].needed, "system:serviceaccount:shop:web");
        let values = &found.repaired.unwrap().statements[0].conditions[0].values;
        assert_eq!(values.len(), 2, "{values:?}");
    }

    #[test]
    fn audiences() {
        let check = |value: &str, what: What| {
            let condition = format!(
                r#"{{"StringEquals":{{"$:aud":"{value}","$:sub":"system:serviceaccount:shop:web"}}}}"#
            );
            check(&statement(FEDERATED, WEB, &condition), &[what], Repair::Edit);
        };
        check("sts.amazonaws.com.cn", What::Audience(Audience::Value));
        check("https://sts.amazonaws.com", What::Audience(Audience::Value));
        check("custom.example", What::Audience(Audience::Value));
        let under = r#"{"StringEquals":{"$:aud":"system:serviceaccount:shop:web"}}"#;
        super::tests::check(
            &statement(FEDERATED, WEB, under),
            &[What::Subject(Subject::UnderAudience)],
            Repair::Edit,
        );
    }

    #[test]
    fn conditions() {
        let check = |more: &str, what: What| {
            let condition = format!(
                r#"{{"StringEquals":{{"$:sub":"system:serviceaccount:shop:web"}},{more}}}"#
            );
            check(&statement(FEDERATED, WEB, &condition), &[what], Repair::Edit);
        };
        check(
            r#""DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}"#,
            What::Condition(Cond::Time),
        );
        check(r#""Null":{"$:sub":"true"}"#, What::Condition(Cond::Misuse));
        check(r#""Null":{"aws:TokenIssueTime":"false"}"#, What::Condition(Cond::Misuse));
        check(
            r#""ArnLike":{"$:sub":"system:serviceaccount:shop:web"}"#,
            What::Condition(Cond::Misuse),
        );
        check(r#""StringLike":{"$:sub":"${aws:userid}"}"#, What::Condition(Cond::Variable));
        check(r#""Bool":{"aws:SecureTransport":"false"}"#, What::Condition(Cond::Value));
        check(r#""StringLike":{"$:sub":"system:serviceaccount:pay:*"}"#, What::Conflict);
    }

    #[test]
    fn two_issuers_are_split() {
        let condition = r#"{"StringEquals":{"$:sub":"system:serviceaccount:shop:web","%:sub":"system:serviceaccount:shop:web"}}"#;
        let principal = r#"{"Federated":["@","arn:aws:iam::111122223333:oidc-provider/%"]}"#;
        let found =
            check(&statement(principal, WEB, condition), &[What::TwoIssuers], Repair::Split);
        let repaired = found.repaired.unwrap();
        assert_eq!(repaired.statements.len(), 2);
        assert_eq!(eks_issuers(&repaired), [Issuer::new(ISS), Issuer::new(OTHER)]);
        assert!(repaired.statements.iter().all(|it| it.conditions.len() == 1));
    }

    #[test]
    fn denies_are_left_to_a_person() {
        let right = statement(FEDERATED, WEB, RIGHT);
        let deny = r#"{"Effect":"Deny","Principal":"*","Action":"sts:*"}"#;
        check(&format!("{right},{deny}"), &[What::Deny], Repair::Narrow);
        let wrong = right.replace(":web", ":api");
        let faults = [What::Deny, What::Subject(Subject::Name)];
        check(&format!("{deny},{wrong}"), &faults, Repair::Narrow);
        let open = right.replace("StringEquals", "StringMatches");
        let faults = [
            What::Deny,
            What::Condition(Cond::UnknownOperator),
            What::Condition(Cond::UnknownOperator),
        ];
        check(&format!("{deny},{open}"), &faults, Repair::Narrow);
    }

    #[test]
    fn what_was_not_read_is_no_fault() {
        let check = |statements: &str, expected: &[What]| {
            with_ask(statements, World::Open, |ask| {
                let found = of(ask).map(|it| it.faults).unwrap_or_default();
                let found: Vec<_> = found.iter().map(|it| it.what).collect();
                assert_eq!(found, expected, "{statements}");
            });
        };
        let right = statement(FEDERATED, WEB, RIGHT);
        let deny = |condition: &str| {
            format!("{right},{}", statement(FEDERATED, WEB, condition).replace("Allow", "Deny"))
        };
        let network = [What::Key(Key::Network)];
        check(&deny(r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#), &network);
        check(&deny(r#"{"StringEquals":{"aws:ResourceAccount":"1"}}"#), &[]);
        let odd = [What::Condition(Cond::UnknownOperator)];
        check(&deny(r#"{"StringMatches":{"aws:x":"y"}}"#), &odd);
        let subject = r#""StringEquals":{"$:sub":"system:serviceaccount:shop:web"}"#;
        let allow = |more: &str| statement(FEDERATED, WEB, &format!("{{{subject},{more}}}"));
        check(&allow(r#""StringLike":{"aws:ResourceOrgID":"o-1"}"#), &[]);
        check(
            &allow(r#""StringLike":{"sts:RoleSessionName":"x"}"#),
            &[What::Key(Key::SessionName)],
        );
        check(&allow(r#""StringMatches":{"aws:x":"y"}"#), &odd);
        check(
            r#"{"Effect":"Allow","Principal":"*","Action":"sts:*"}"#,
            &[What::Principal(Principal::Everyone)],
        );
    }

    #[test]
    fn no_statement_at_all() {
        let deny =
            r#"{"Effect":"Deny","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:*"}"#;
        check(deny, &[What::NoStatement], Repair::Add);
    }

    #[test]
    fn the_nearest_statement_is_told() {
        let service = statement(r#"{"Service":"ec2.amazonaws.com"}"#, "sts:AssumeRole", "{}");
        let other =
            statement(r#"{"Federated":"arn:aws:iam::111122223333:oidc-provider/%"}"#, WEB, RIGHT);
        let typo = statement(FEDERATED, WEB, RIGHT).replace(":web", ":webb");
        let found = check(
            &format!("{service},{other},{typo}"),
            &[What::Subject(Subject::Name)],
            Repair::Edit,
        );
        assert_eq!(found.statement, Some(2));
    }

    #[test]
    fn what_nobody_can_know_stays_and_is_said() {
        let condition = r#"{"StringEquals":{"$:sub":"system:serviceaccount:shop:api"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#;
        with_ask(&statement(FEDERATED, WEB, condition), World::Open, |ask| {
            let found = of(ask).unwrap();
            let whats: Vec<_> = found.faults.iter().map(|it| it.what).collect();
            assert_eq!(whats, [What::Subject(Subject::Name), What::Key(Key::Network)]);
            assert_eq!(found.decision, Some(Decision::Unknown));
            assert_eq!(found.repaired.unwrap().statements[0].conditions.len(), 2);
        });
    }

    fn check_open(statements: &str, expected: &[Openness]) {
        with_ask(statements, World::Closed(&[]), |ask| {
            let role = ask.role.as_ref().known().unwrap();
            let issuer = Issuer::new(ISS);
            let request = sts::request(ask, &role.arn.account().unwrap(), &issuer);
            let target = Target {
                service_account: ask.service_account,
                issuer: &issuer,
                audience: ask.audience,
                request: &request,
            };
            let found = openness(role.trust.parsed.as_ref().unwrap(), &target);
            let found: Vec<_> = found.into_iter().map(|it| it.openness).collect();
            assert_eq!(found, expected, "{statements}");
        });
    }

    #[test]
    fn who_else_gets_in() {
        let check = |condition: &str, expected: &[Openness]| {
            check_open(&statement(FEDERATED, WEB, condition), expected);
        };
        let like = |pattern: &str| format!(r#"{{"StringLike":{{"$:sub":"{pattern}"}}}}"#);
        check(RIGHT, &[Openness::Listed]);
        check("{}", &[Openness::NoCondition]);
        check(r#"{"StringEquals":{"$:aud":"sts.amazonaws.com"}}"#, &[Openness::NoSubject]);
        check(r#"{"StringEquals":{"$:aud":"other"}}"#, &[]);
        check(&like("*"), &[Openness::Everyone]);
        check(&like("system:serviceaccount:*"), &[Openness::Everyone]);
        check(&like("system:serviceaccount:*:*"), &[Openness::Everyone]);
        check(&like("system:serviceaccount:shop:*"), &[Openness::Namespace("shop".into())]);
        check(&like("system:serviceaccount:shop:w*"), &[Openness::Name("shop".into())]);
        check(&like("system:serviceaccount:*:web"), &[Openness::Namespaces]);
        check(&like("system:serviceaccount:team-*:*"), &[Openness::Namespaces]);
        check(&like("system:serviceaccount:default*"), &[Openness::OverColon]);
        check(&like("system:serviceaccount:shop:web"), &[Openness::Listed]);
        check(r#"{"ForAllValues:StringEquals":{"%:sub":"x"}}"#, &[Openness::Vacuous]);
        check(r#"{"StringEqualsIfExists":{"$x:sub":"x"}}"#, &[Openness::Vacuous]);
        check(r#"{"StringNotEquals":{"$:sub":"x"}}"#, &[Openness::Vacuous]);
        check(
            r#"{"StringEquals":{"$:sub":"system:serviceaccount:shop:web"},"StringLike":{"$:sub":"system:serviceaccount:shop:*"}}"#,
            &[Openness::Listed],
        );
        let deny = statement(FEDERATED, WEB, "{}").replace("Allow", "Deny");
        check_open(&deny, &[]);
    }

    proptest! {
        #[test]
        fn diagnoses_whatever_is_written(
            operator in "(ForAnyValue:|ForAllValues:)?(String(Not)?(Equals|Like)|Null|Bool|Arn(Not)?Like|Odd)(IfExists)?",
            key in "(\\$|%|@|https://\\$|sub|aws)(:sub|:aud|:SUB|:email)?[ ]?",
            value in "(system:serviceaccount:)?(shop|pay|\\*|Shop| shop):?(web|api|we\\*|\\?eb)?",
            principal in prop::sample::select(vec![FEDERATED, r#"{"AWS":"*"}"#, r#"{"Federated":"$"}"#]),
        ) {
            let condition = format!(r#"{{"{operator}":{{"{key}":"{value}"}}}}"#);
            let found = with_ask(&statement(principal, WEB, &condition), World::Open, of);
            if let Some(found) = found {
                prop_assert!(!found.faults.is_empty());
                prop_assert!(matches!(found.decision, Some(Decision::Allow | Decision::Unknown)));
            }
        }
    }
}
