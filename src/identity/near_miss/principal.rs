//! What is nearest to the right provider among a statement's principals, and the principals that would do.

use crate::{
    iam,
    ident::{AccountId, Arn, Issuer, Text},
    identity::near_miss::{
        Principal,
        text::{is_near, is_placeholder},
    },
};

/// One wrong principal: `(type, value)` as written and what is wrong with it.
pub(crate) struct Wrong<'a> {
    pub what: Principal,
    pub kind: &'a str,
    pub value: &'a str,
    /// The issuer that it names, where it names one.
    pub issuer: Option<&'a str>,
}

/// The principal that needs the least to become `needed`. `None` for a statement without principals.
pub(crate) fn nearest<'a>(
    statement: &'a iam::Statement,
    needed: &Arn,
    issuer: &Issuer,
) -> Option<Wrong<'a>> {
    let all = statement.principals().map(|(kind, value)| {
        let what = classify(kind, value, needed, issuer);
        Wrong { what, kind, value, issuer: named_issuer(value) }
    });
    all.min_by_key(|it| rank(it.what))
}

/// Whether the statement may be somebody else's, so that it has to stay as it is.
pub(crate) fn is_foreign(what: Principal) -> bool {
    match what {
        Principal::OtherCluster
        | Principal::Placeholder
        | Principal::Deleted
        | Principal::PodIdentity
        | Principal::Service
        | Principal::Everyone
        | Principal::Other => true,
        Principal::NearId
        | Principal::Region
        | Principal::Account
        | Principal::Partition
        | Principal::SwappedHost
        | Principal::Scheme
        | Principal::Host
        | Principal::NotArn
        | Principal::WrongType => false,
    }
}

/// Whether the fault is in the issuer's text, so that a key with the same text has the same fault.
pub(crate) fn is_about_issuer(what: Principal) -> bool {
    match what {
        Principal::OtherCluster
        | Principal::NearId
        | Principal::Region
        | Principal::SwappedHost
        | Principal::Scheme
        | Principal::Host
        | Principal::Placeholder => true,
        Principal::Account
        | Principal::Partition
        | Principal::NotArn
        | Principal::WrongType
        | Principal::Deleted
        | Principal::PodIdentity
        | Principal::Service
        | Principal::Everyone
        | Principal::Other => false,
    }
}

/// `needed` in the place of the wrong value.
pub(crate) fn corrected(
    statement: &iam::Statement,
    wrong: &Wrong<'_>,
    needed: &Arn,
) -> iam::Principal {
    let mut res: Vec<(Text, Vec<Text>)> = Vec::new();
    let mut put = |kind: &str, value: Text| match res.iter_mut().find(|it| &*it.0 == kind) {
        Some((_, values)) if values.contains(&value) => {}
        Some((_, values)) => values.push(value),
        None => res.push((kind.into(), vec![value])),
    };
    for (kind, value) in statement.principals() {
        if (kind, value) == (wrong.kind, wrong.value) {
            put("Federated", needed.text().clone());
        } else {
            put(kind, value.into());
        }
    }
    iam::Principal::Listed(res)
}

/// Whether the issuer has the shape of an EKS cluster's, the host possibly swapped (`oidc.REGION.eks.…`).
pub(crate) fn is_eks(issuer: &str) -> bool {
    let host = issuer.split('/').next().unwrap_or_default();
    let aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    host.starts_with("oidc.") && host.contains(".eks.") && aws && issuer.contains("/id/")
        || host.starts_with("oidc-eks.") && issuer.contains("/id/")
}

/// The issuer in `arn:P:iam::ACCOUNT:oidc-provider/ISSUER`, scheme included where it was left in.
pub(crate) fn named_issuer(value: &str) -> Option<&str> {
    value.strip_prefix("arn:")?.split_once(":oidc-provider/").map(|it| it.1)
}

fn rank(what: Principal) -> u8 {
    match what {
        Principal::WrongType => 0,
        Principal::Scheme => 1,
        Principal::SwappedHost => 2,
        Principal::Partition => 3,
        Principal::Account => 4,
        Principal::Region => 5,
        Principal::Host => 6,
        Principal::NearId => 7,
        Principal::NotArn => 8,
        Principal::Placeholder => 9,
        Principal::OtherCluster => 10,
        Principal::Everyone => 11,
        Principal::Deleted => 12,
        Principal::PodIdentity => 13,
        Principal::Service => 14,
        Principal::Other => 15,
    }
}

fn classify(kind: &str, value: &str, needed: &Arn, issuer: &Issuer) -> Principal {
    if value == needed.as_str() {
        return Principal::WrongType;
    }
    match kind {
        "Federated" => federated(value, needed, issuer),
        "Service" if value == "pods.eks.amazonaws.com" => Principal::PodIdentity,
        "Service" => Principal::Service,
        _ if value == "*" => Principal::Everyone,
        _ if is_deleted(value) => Principal::Deleted,
        // A provider's ARN under the wrong type may be wrong in itself too; the type is what to mend first.
        _ if named_issuer(value) == Some(issuer.as_str()) => Principal::WrongType,
        _ => Principal::Other,
    }
}

fn federated(value: &str, needed: &Arn, issuer: &Issuer) -> Principal {
    let arn = Arn::from(value);
    let account = arn.parts().and_then(|it| AccountId::parse(it.account));
    let named = named_issuer(value);
    let Some((named, _)) = named.zip(account) else {
        return match value {
            _ if is_placeholder(value) => Principal::Placeholder,
            "accounts.google.com"
            | "cognito-identity.amazonaws.com"
            | "graph.facebook.com"
            | "www.amazon.com" => Principal::Other,
            _ => Principal::NotArn,
        };
    };
    let bare = Issuer::new(named);
    let (scheme, bare) = (bare.as_str() != named, bare.as_str());
    match relation(bare, issuer) {
        Relation::Same if scheme => Principal::Scheme,
        Relation::Same if arn.account() != needed.account() => Principal::Account,
        Relation::Same => Principal::Partition,
        Relation::Swapped => Principal::SwappedHost,
        Relation::Region => Principal::Region,
        Relation::Host => Principal::Host,
        Relation::NearId => Principal::NearId,
        Relation::Other if is_placeholder(value) => Principal::Placeholder,
        Relation::Other if is_eks(bare) => Principal::OtherCluster,
        Relation::Other => Principal::Other,
    }
}

/// What IAM shows once the principal behind an ARN is gone.
fn is_deleted(value: &str) -> bool {
    let tail = value.strip_prefix("AROA").or_else(|| value.strip_prefix("AIDA"));
    tail.is_some_and(|it| {
        !it.is_empty() && it.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

/// How an issuer, written without scheme, stands to the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Same,
    /// `oidc.REGION.eks.` instead of `oidc.eks.REGION.`.
    Swapped,
    /// The same id behind another region's host.
    Region,
    /// The same id otherwise: a typing error in the host, a trailing slash, other letter case.
    Host,
    /// The same host, and an id that was mistyped or cut.
    NearId,
    Other,
}

pub(crate) fn relation(found: &str, needed: &Issuer) -> Relation {
    if found == needed.as_str() {
        return Relation::Same;
    }
    let found = Issuer::new(found);
    let swapped = unswapped(found.host()).is_some_and(|host| {
        let rest = &found.as_str()[found.host().len()..];
        format!("{host}{rest}") == needed.as_str()
    });
    if swapped {
        return Relation::Swapped;
    }
    let same = found.as_str().trim().trim_end_matches('/');
    if same.eq_ignore_ascii_case(needed.as_str().trim_end_matches('/')) {
        return Relation::Host;
    }
    match (found.id(), needed.id()) {
        (Some(id), Some(right)) if id == right => match (found.region(), needed.region()) {
            (Some(region), Some(right)) if region != right => Relation::Region,
            _ => Relation::Host,
        },
        (Some(id), Some(right)) if found.host() == needed.host() && is_near(id, right) => {
            Relation::NearId
        }
        _ => Relation::Other,
    }
}

/// `oidc.REGION.eks.amazonaws.com` the right way round.
fn unswapped(host: &str) -> Option<String> {
    let (region, tail) = host.strip_prefix("oidc.")?.split_once(".eks.")?;
    Some(format!("oidc.eks.{region}.{tail}"))
}
