//! The smallest edit of a trust policy that would flip a refusal, which names what is wrong with it; and the reverse
//! probe, who else gets in.
//!
//! Words here are about policies only. Which failure-mode code a fault becomes, and whether another finding already
//! explains it, is `check`'s business.

use crate::{
    iam,
    ident::{Issuer, SaKey, Text},
    identity::sts,
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

/// Names what keeps `policy` from allowing `target`. `None` when it does allow it.
pub fn diagnose(_policy: &iam::Policy, _target: &Target<'_>) -> Option<Diagnosis> {
    None
}

/// As `diagnose` for what `sts::judge` refused or could not decide at the trust policy. `None` when it did not get so
/// far, allows, or the policy is invalid.
pub fn of(_ask: &sts::Ask<'_>) -> Option<Diagnosis> {
    None
}

/// Who, beside the one asked for, gets in by one Allow statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub statement: usize,
    pub openness: Openness,
    /// The clause that opens it, as a path, or the statement's when there is none.
    pub path: String,
    /// The pattern as written; empty without one.
    pub found: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Openness {
    /// No subject other than those that it names.
    Listed,
    /// Every ServiceAccount of one namespace, as documented: `system:serviceaccount:NAMESPACE:*`.
    Namespace(Text),
    /// A prefix or other wildcard in the name within one namespace: `system:serviceaccount:NAMESPACE:app-*`.
    Name(Text),
    /// A wildcard in the namespace: `…:*:app`, `…:team-*:app`.
    Namespaces,
    /// A wildcard that runs over the colon: `…:default*`.
    OverColon,
    /// Every ServiceAccount, since the pattern is `*`, `system:serviceaccount:*` or `…:*:*`.
    Everyone,
    /// Every ServiceAccount: there is no condition at all.
    NoCondition,
    /// Every ServiceAccount: only `:aud` is asked for, or nothing about the subject.
    NoSubject,
    /// Every ServiceAccount, since an operator holds for a key that is not there (`ForAllValues`, `…IfExists`, negated).
    Vacuous,
}

/// The openness of every Allow statement that lets tokens of `issuer` in, in document order.
pub fn openness(_policy: &iam::Policy, _target: &Target<'_>) -> Vec<Open> {
    Vec::new()
}

/// The EKS issuers whose providers the policy's Allow statements name as Federated, each once, in document order.
pub fn eks_issuers(_policy: &iam::Policy) -> Vec<Issuer> {
    Vec::new()
}
