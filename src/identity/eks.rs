//! Would EKS Pod Identity deliver: the association's role, its trust in the service, the target role behind it.
//!
//! Delivery on the node (agent, platform) is not a grant and is judged in `check`; so is what the session may do, which
//! is where the association's session policy counts.

use crate::{
    fact::{AssociationDetail, Cluster, IamRole, Knowledge, Policies},
    iam,
    ident::{AccountId, Arn, SaKey, Text, Timestamp},
    identity::{
        Judged, Signature, Why,
        steps::{Found, Steps, missing},
        sts::{World, common_keys, further_keys, resource_tags},
        words,
    },
};

#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub service_account: &'a SaKey,
    pub cluster: Knowledge<&'a Cluster>,
    pub association: Knowledge<&'a AssociationDetail>,
    pub role: Knowledge<&'a IamRole>,
    /// Only looked at when the association names a target role.
    pub target: Knowledge<&'a IamRole>,
    pub world: World<'a>,
    pub now: Option<Timestamp>,
}

/// Who assumes the role, in every partition.
pub const SERVICE: &str = "pods.eks.amazonaws.com";
/// The session tags that EKS adds, unless they are switched off.
pub const TAG_KEYS: [&str; 6] = [
    "eks-cluster-arn",
    "eks-cluster-name",
    "kubernetes-namespace",
    "kubernetes-service-account",
    "kubernetes-pod-name",
    "kubernetes-pod-uid",
];

const ASSUME: &str = "sts:AssumeRole";
const TAG: &str = "sts:TagSession";

/// Steps 5 to 8 of the delivery: what EKS Auth and STS decide.
///
/// Hops: `association`, `role`, `trust policy`, `trust policy (sts:TagSession)`; with a target role also
/// `role policies`, `role policies (sts:TagSession)`, `target role`, `target trust policy`,
/// `target trust policy (sts:TagSession)`. Without session tags the TagSession hops are left out.
pub fn judge(ask: &Ask<'_>) -> Judged {
    let mut steps = Steps::default();
    if let Some(association) = association(ask, &mut steps) {
        associated_role(ask, association, &mut steps);
        if let Some(target) = &association.target_role_arn {
            target_role(ask, association, target, &mut steps);
        }
    }
    let sa = ask.service_account;
    steps.verdict(format!("EKS may assume the role for `{}:{}`", sa.namespace, sa.name))
}

/// The request that the associated role's trust policy is evaluated with. `action` is `sts:AssumeRole` or
/// `sts:TagSession`.
pub fn request(ask: &Ask<'_>, association: &AssociationDetail, action: &str) -> iam::Request {
    let mut context = session_keys(ask, association, &ask.role);
    context.set("aws:PrincipalServiceName", [SERVICE]);
    context.set("aws:PrincipalServiceNamesList", [SERVICE]);
    context.set("aws:PrincipalIsAWSService", ["true"]);
    match &ask.cluster {
        Knowledge::Known(it) => {
            context.set("aws:SourceAccount", [it.account.clone()]);
            context.set("aws:SourceArn", [it.arn.text().clone()]);
        }
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => {
            context.set_unknown("aws:SourceAccount");
            context.set_unknown("aws:SourceArn");
        }
    }
    match ask.world {
        World::Open => context.set_unknown_prefix("aws:SourceOrg"),
        World::Closed(_) => {}
    }
    further_keys(&mut context, ask.world);
    iam::Request {
        action: action.into(),
        caller: iam::Caller::Service(SERVICE.into()),
        resource: None,
        context,
    }
}

/// The request that role A's policies and target role B's trust policy are evaluated with. `None` when A's ARN has no
/// account.
pub fn target_request(
    ask: &Ask<'_>,
    association: &AssociationDetail,
    target: &Arn,
    action: &str,
) -> Option<iam::Request> {
    let arn = association.role_arn.clone();
    let account = arn.account()?;
    let mut context = session_keys(ask, association, &ask.target);
    context.set("aws:PrincipalArn", [arn.text().clone()]);
    context.set("aws:PrincipalAccount", [account.as_str()]);
    context.set("aws:PrincipalType", ["AssumedRole"]);
    context.set("aws:PrincipalIsAWSService", ["false"]);
    principal_tags(ask, association, &mut context);
    match external_id(ask, association) {
        Some(it) => context.set("sts:ExternalId", [it]),
        None => context.set_unknown("sts:ExternalId"),
    }
    match ask.world {
        World::Open => {
            context.set_unknown_prefix("aws:PrincipalOrg");
            for key in ["aws:userid", "aws:SourceAccount", "sts:RoleSessionName"] {
                context.set_unknown(key);
            }
        }
        World::Closed(_) => {}
    }
    further_keys(&mut context, ask.world);
    Some(iam::Request {
        action: action.into(),
        caller: iam::Caller::AwsRole { arn, account },
        resource: Some(target.text().clone()),
        context,
    })
}

fn association<'a>(ask: &Ask<'a>, steps: &mut Steps) -> Option<&'a AssociationDetail> {
    let name = format!("{}/{}", ask.service_account.namespace, ask.service_account.name);
    let what = "association";
    match &ask.association {
        Knowledge::Known(it) => {
            steps.add(what, name, Found::Pass, format!("gives `{}`", it.role_arn), None);
            return Some(it);
        }
        Knowledge::Absent => {
            let detail = format!("the cluster has no association for `{name}`");
            steps.add(what, name, Found::Fail(Signature::E19), detail, None);
        }
        Knowledge::Denied(_) | Knowledge::NotYet => {
            let of = format!("the association of `{name}`");
            if let Some((why, detail)) = missing(&ask.association, &of) {
                steps.add(what, name, Found::Unknown(why), detail, None);
            }
        }
    }
    None
}

fn associated_role(ask: &Ask<'_>, association: &AssociationDetail, steps: &mut Steps) {
    let arn = &association.role_arn;
    let Some(role) = existing(&ask.role, arn, "role", steps) else { return };
    if let Knowledge::Known(cluster) = &ask.cluster
        && arn.account().is_none_or(|it| it.as_str() != &*cluster.account)
    {
        let account = &cluster.account;
        let detail = format!("`{arn}` is not in the cluster's account {account}");
        steps.add("role", arn.text().clone(), Found::Fail(Signature::E18), detail, None);
        return;
    }
    steps.add("role", arn.text().clone(), Found::Pass, "exists", None);
    for (what, action) in hops(association, ["trust policy", "trust policy (sts:TagSession)"]) {
        let request = request(ask, association, action);
        steps.policy(what, arn.text().clone(), &role.trust, &request, Signature::E18);
    }
}

fn target_role(ask: &Ask<'_>, association: &AssociationDetail, target: &Arn, steps: &mut Steps) {
    let source = &association.role_arn;
    if let Knowledge::Known(role) = &ask.role {
        for (what, action) in hops(association, ["role policies", "role policies (sts:TagSession)"])
        {
            if let Some(request) = target_request(ask, association, target, action) {
                role_policies(role, what, &request, steps);
            }
        }
        boundary(role, steps);
    }
    let Some(role) = existing(&ask.target, target, "target role", steps) else { return };
    steps.add("target role", target.text().clone(), Found::Pass, "exists", None);
    let names = ["target trust policy", "target trust policy (sts:TagSession)"];
    for (what, action) in hops(association, names) {
        match target_request(ask, association, target, action) {
            Some(request) => {
                let name = target.text().clone();
                steps.policy(what, name, &role.trust, &request, Signature::E18);
            }
            None => {
                let detail = format!("`{source}` is not the ARN of a role");
                steps.add(what, target.text().clone(), Found::Fail(Signature::E18), detail, None);
            }
        }
    }
}

/// Which actions are asked for under which name.
fn hops(
    association: &AssociationDetail,
    names: [&'static str; 2],
) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
    let n_hops = if association.disable_session_tags { 1 } else { 2 };
    names.into_iter().zip([ASSUME, TAG]).take(n_hops)
}

/// The role under exactly this ARN; otherwise the hop says why there is none.
fn existing<'a>(
    role: &Knowledge<&'a IamRole>,
    arn: &Arn,
    what: &'static str,
    steps: &mut Steps,
) -> Option<&'a IamRole> {
    let name = arn.text().clone();
    match role {
        Knowledge::Known(it) if it.arn == *arn => return Some(it),
        Knowledge::Known(_) | Knowledge::Absent => {
            let detail = format!("{what} `{arn}` does not exist");
            steps.add(what, name, Found::Fail(Signature::E18), detail, None);
        }
        Knowledge::Denied(_) | Knowledge::NotYet => {
            if let Some((why, detail)) = missing(role, &format!("{what} `{arn}`")) {
                steps.add(what, name, Found::Unknown(why), detail, None);
            }
        }
    }
    None
}

/// All identity policies of one role together: any Deny refuses, else any Allow allows (IAM User Guide, "Policy
/// evaluation logic"). A document that is not known may hold a Deny.
fn role_policies(role: &IamRole, what: &'static str, request: &iam::Request, steps: &mut Steps) {
    let name = role.arn.text().clone();
    let of = format!("the policies of `{}`", role.arn);
    let none = Policies::default();
    let policies = match &role.policies {
        Knowledge::Known(it) => it,
        Knowledge::Absent => &none,
        Knowledge::Denied(_) | Knowledge::NotYet => {
            if let Some((why, detail)) = missing(&role.policies, &of) {
                steps.add(what, name, Found::Unknown(why), detail, None);
            }
            return;
        }
    };
    let mut unknown = None;
    let mut evaluations = Vec::new();
    let mut look = |document: &iam::Document, policy: &str| match &document.parsed {
        Ok(it) => evaluations.push((policy.to_owned(), iam::evaluate(it, request))),
        Err(it) => {
            let detail = format!("policy `{policy}` is invalid: {}", it.reason);
            unknown.get_or_insert((Why::InvalidPolicy(it.reason.as_str().into()), detail));
        }
    };
    let mut unread = None;
    for it in &policies.attached {
        match &it.document {
            Knowledge::Known(document) => look(document, it.arn.as_str()),
            Knowledge::Absent => {}
            Knowledge::Denied(_) | Knowledge::NotYet => {
                unread = unread.or(missing(&it.document, &format!("policy `{}`", it.arn)));
            }
        }
    }
    policies.inline.iter().for_each(|(name, it)| look(it, name));

    let take =
        |decision: iam::Decision| evaluations.iter().position(|it| it.1.decision == decision);
    let (found, detail, at) = if let Some(at) = take(iam::Decision::ExplicitDeny) {
        (Found::Fail(Signature::E18), words::reason(&evaluations[at].1), Some(at))
    } else if let Some(at) = take(iam::Decision::Unknown) {
        let detail = words::reason(&evaluations[at].1);
        (Found::Unknown(Why::Undecidable(detail.as_str().into())), detail, Some(at))
    } else if let Some((why, detail)) = unknown.or(unread) {
        (Found::Unknown(why), detail, None)
    } else if let Some(at) = take(iam::Decision::Allow) {
        (Found::Pass, words::reason(&evaluations[at].1), Some(at))
    } else {
        let resource = request.resource.as_deref().unwrap_or_default();
        let detail = format!("{of} do not allow `{}` on `{resource}`", request.action);
        (Found::Fail(Signature::E18), detail, None)
    };
    let (detail, evaluation) = match at.map(|it| evaluations.swap_remove(it)) {
        Some((policy, it)) => (format!("policy `{policy}`: {detail}"), Some(it)),
        None => (detail, None),
    };
    steps.add(what, name, found, detail, evaluation);
}

/// A boundary may forbid what the policies allow; its document is not read.
fn boundary(role: &IamRole, steps: &mut Steps) {
    let name = role.arn.text().clone();
    let what = "permissions boundary";
    match &role.permissions_boundary {
        Knowledge::Known(None) | Knowledge::Absent => {}
        Knowledge::Known(Some(it)) => {
            let detail = format!("whether `{it}` allows `{ASSUME}` is not judged");
            let why = Why::Undecidable(detail.as_str().into());
            steps.add(what, name, Found::Unknown(why), detail, None);
        }
        Knowledge::Denied(_) | Knowledge::NotYet => {
            let of = format!("the permissions boundary of `{}`", role.arn);
            if let Some((why, detail)) = missing(&role.permissions_boundary, &of) {
                steps.add(what, name, Found::Unknown(why), detail, None);
            }
        }
    }
}

/// The keys that both hops have: time and transport, the resource's tags, the session tags.
fn session_keys(
    ask: &Ask<'_>,
    association: &AssociationDetail,
    resource: &Knowledge<&IamRole>,
) -> iam::Context {
    let mut context = iam::Context::default();
    let region = match (&ask.cluster, ask.world) {
        (Knowledge::Known(it), World::Open) => Some(&*it.region),
        (Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet, World::Open)
        | (_, World::Closed(_)) => None,
    };
    common_keys(&mut context, ask.world, ask.now, region);
    resource_tags(&mut context, resource);
    if !association.disable_session_tags {
        context.set("aws:TagKeys", TAG_KEYS);
        context.set("sts:TransitiveTagKeys", TAG_KEYS);
        tags(ask, "aws:RequestTag/", &mut context);
    }
    context
}

/// The session tags' values. A pod's name and uid are anything.
fn tags(ask: &Ask<'_>, prefix: &str, context: &mut iam::Context) {
    for (key, value) in TAG_KEYS.into_iter().zip(tag_values(ask)) {
        let key = format!("{prefix}{key}");
        match (value, ask.world) {
            (Some(it), _) => context.set(&key, [it]),
            (None, World::Open) => context.set_unknown(&key),
            // In a closed world there is one, but no policy can name it.
            (None, World::Closed(_)) => context.set(&key, ["\u{fffd}"]),
        }
    }
}

fn tag_values(ask: &Ask<'_>) -> [Option<Text>; 6] {
    let cluster = ask.cluster.as_ref().known();
    let sa = ask.service_account;
    [
        cluster.map(|it| it.arn.text().clone()),
        cluster.map(|it| it.name.clone()),
        Some(sa.namespace.clone()),
        Some(sa.name.clone()),
        None,
        None,
    ]
}

/// Role A's own tags and the session's, which win (IAM User Guide, "Passing session tags").
fn principal_tags(ask: &Ask<'_>, association: &AssociationDetail, context: &mut iam::Context) {
    let own = match &ask.role {
        Knowledge::Known(it) => it.tags.as_ref(),
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => Knowledge::NotYet,
    };
    match own {
        Knowledge::Known(own) => {
            for (key, value) in own {
                context.set(&format!("aws:PrincipalTag/{key}"), [value.clone()]);
            }
        }
        Knowledge::Absent => {}
        Knowledge::Denied(_) | Knowledge::NotYet => {
            context.set_unknown_prefix("aws:PrincipalTag/");
        }
    }
    if !association.disable_session_tags {
        tags(ask, "aws:PrincipalTag/", context);
    }
}

/// `REGION/ACCOUNT/CLUSTER/NAMESPACE/SERVICEACCOUNT`, as the association says or as it is documented.
fn external_id(ask: &Ask<'_>, association: &AssociationDetail) -> Option<Text> {
    if let Some(it) = &association.external_id {
        return Some(it.clone());
    }
    let cluster = ask.cluster.as_ref().known()?;
    let SaKey { namespace, name } = ask.service_account;
    let Cluster { region, account, name: cluster, .. } = cluster;
    AccountId::parse(account)?;
    Some(format!("{region}/{account}/{cluster}/{namespace}/{name}").into())
}
