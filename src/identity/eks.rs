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
        steps::{Found, OF_CLUSTER, OF_TAGS, Steps, missing},
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
    steps.refuse(&OF_CLUSTER, &ask.cluster);
    for role in [&ask.role, &ask.target] {
        if let Knowledge::Known(it) = role {
            steps.refuse(&OF_TAGS, &it.tags);
        }
    }
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
        let mut detail = words::reason(&evaluations[at].1);
        (steps.undecided(&evaluations[at].1, &mut detail), detail, Some(at))
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
    let region = ask.cluster.as_ref().known().map(|it| &*it.region);
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

#[cfg(test)]
mod tests {
    use crate::{
        fact::{AttachedPolicy, Denied},
        identity::{Verdict, eks::*},
    };
    use std::sync::Arc;

    const A: &str = "arn:aws:iam::111122223333:role/a";
    const B: &str = "arn:aws:iam::444455556666:role/b";

    fn role(arn: &str, trust: &str) -> IamRole {
        let raw = format!(r#"{{"Version":"2012-10-17","Statement":[{trust}]}}"#);
        IamRole {
            arn: arn.into(),
            id: "AROAEXAMPLE".into(),
            created: None,
            trust: Arc::new(iam::Document::parse(raw, iam::Kind::Trust)),
            max_session_seconds: None,
            permissions_boundary: Knowledge::Known(None),
            tags: Knowledge::Known(Vec::new()),
            last_used: Knowledge::NotYet,
            policies: Knowledge::Known(Policies::default()),
            read_at: None,
        }
    }

    fn statement(principal: &str, actions: &str, condition: &str) -> String {
        format!(
            r#"{{"Effect":"Allow","Principal":{principal},"Action":[{actions}],"Condition":{condition}}}"#
        )
    }

    const SERVICE_ONLY: &str = r#"{"Service":"pods.eks.amazonaws.com"}"#;
    const BOTH: &str = r#""sts:AssumeRole","sts:TagSession""#;

    fn cluster() -> Cluster {
        Cluster {
            name: "c1".into(),
            arn: "arn:aws:eks:eu-west-1:111122223333:cluster/c1".into(),
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            issuer: None,
            endpoint: None,
            ca_sha256: None,
            created: None,
            version: "".into(),
            platform_version: "".into(),
            status: "".into(),
            authentication_mode: "".into(),
            auto_mode: false,
            node_role: None,
            tags: Vec::new(),
            health_issues: Vec::new(),
            outpost: false,
        }
    }

    fn association() -> AssociationDetail {
        AssociationDetail {
            role_arn: A.into(),
            target_role_arn: None,
            external_id: None,
            disable_session_tags: false,
            policy: None,
            created: None,
            modified: None,
            tags: Vec::new(),
        }
    }

    fn ask<'a>(
        cluster: &'a Cluster,
        association: &'a AssociationDetail,
        role: &'a IamRole,
        key: &'a SaKey,
    ) -> Ask<'a> {
        Ask {
            service_account: key,
            cluster: Knowledge::Known(cluster),
            association: Knowledge::Known(association),
            role: Knowledge::Known(role),
            target: Knowledge::Absent,
            world: World::Open,
            now: None,
        }
    }

    fn verdict(ask: &Ask<'_>) -> String {
        match judge(ask).verdict {
            Verdict::Deny(it) => it.to_string(),
            Verdict::Unknown(Why::Denied(it)) => it.permission.to_string(),
            it => it.as_str().to_owned(),
        }
    }

    fn check(trust: &str, tags: bool, expected: &str) {
        let (cluster, key) = (cluster(), SaKey::new("shop", "web"));
        let association = AssociationDetail { disable_session_tags: !tags, ..association() };
        let role = role(A, trust);
        assert_eq!(verdict(&ask(&cluster, &association, &role, &key)), expected, "{trust}");
    }

    #[test]
    fn the_trust_policy_is_asked_for_both_actions() {
        check(&statement(SERVICE_ONLY, BOTH, "{}"), true, "allow");
        check(&statement(SERVICE_ONLY, r#""sts:AssumeRole""#, "{}"), true, "E18");
        check(&statement(SERVICE_ONLY, r#""sts:AssumeRole""#, "{}"), false, "allow");
        check(&statement(SERVICE_ONLY, r#""sts:TagSession""#, "{}"), true, "E18");
        check(&statement(r#"{"Service":"eks.amazonaws.com"}"#, BOTH, "{}"), true, "E18");
        let one = statement(SERVICE_ONLY, r#""sts:AssumeRole""#, "{}");
        let other = statement(SERVICE_ONLY, r#""sts:TagSession""#, "{}");
        check(&format!("{one},{other}"), true, "allow");
    }

    #[test]
    fn conditions_on_the_session() {
        let with = |condition: &str| statement(SERVICE_ONLY, BOTH, condition);
        let equals =
            |key: &str, value: &str| with(&format!(r#"{{"StringEquals":{{"{key}":"{value}"}}}}"#));
        for (key, value) in [
            ("aws:RequestTag/kubernetes-namespace", "shop"),
            ("aws:RequestTag/kubernetes-service-account", "web"),
            ("aws:RequestTag/eks-cluster-name", "c1"),
            ("aws:RequestTag/eks-cluster-arn", "arn:aws:eks:eu-west-1:111122223333:cluster/c1"),
        ] {
            check(&equals(key, value), true, "allow");
            check(&equals(key, "other"), true, "E18");
            check(&equals(key, value), false, "E18");
        }
        check(&equals("aws:SourceAccount", "111122223333"), false, "allow");
        check(&equals("aws:SourceAccount", "444455556666"), true, "E18");
        check(
            &equals("aws:SourceArn", "arn:aws:eks:eu-west-1:111122223333:cluster/c1"),
            true,
            "allow",
        );
        check(&equals("aws:PrincipalTag/kubernetes-namespace", "shop"), true, "E18");
        check(&equals("sts:ExternalId", "x"), true, "E18");
        check(&equals("aws:RequestTag/kubernetes-pod-name", "web-1"), true, "unknown");
        let keys = |n: usize| {
            let keys: Vec<_> = TAG_KEYS[..n].iter().map(|it| format!("\"{it}\"")).collect();
            with(&format!(
                r#"{{"ForAllValues:StringEquals":{{"aws:TagKeys":[{}]}}}}"#,
                keys.join(",")
            ))
        };
        check(&keys(6), true, "allow");
        check(&keys(5), true, "E18");
    }

    #[test]
    fn what_is_missing_before_the_policy() {
        let (cluster, key, association) = (cluster(), SaKey::new("shop", "web"), association());
        let right = role(A, &statement(SERVICE_ONLY, BOTH, "{}"));
        let base = ask(&cluster, &association, &right, &key);
        let check = |ask: Ask<'_>, expected: &str| assert_eq!(verdict(&ask), expected);
        check(Ask { association: Knowledge::Absent, ..base.clone() }, "E19");
        check(Ask { association: Knowledge::NotYet, ..base.clone() }, "unknown");
        check(Ask { role: Knowledge::Absent, ..base.clone() }, "E18");
        check(Ask { role: Knowledge::NotYet, ..base.clone() }, "unknown");
        check(Ask { cluster: Knowledge::NotYet, ..base.clone() }, "allow");
        let elsewhere = Cluster { account: "444455556666".into(), ..cluster.clone() };
        check(Ask { cluster: Knowledge::Known(&elsewhere), ..base.clone() }, "E18");
        let tagged = role(
            A,
            &statement(SERVICE_ONLY, BOTH, r#"{"StringEquals":{"aws:SourceAccount":"1"}}"#),
        );
        check(
            Ask { role: Knowledge::Known(&tagged), cluster: Knowledge::NotYet, ..base.clone() },
            "unknown",
        );
    }

    fn identity_policy(actions: &str, effect: &str, resource: &str) -> Arc<iam::Document> {
        let raw = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Action":[{actions}],"Resource":"{resource}"}}]}}"#
        );
        Arc::new(iam::Document::parse(raw, iam::Kind::Identity))
    }

    /// A's inline policies, whether session tags are on, B's trust, and the verdict.
    fn check_target(policies: Vec<Arc<iam::Document>>, tags: bool, trust: &str, expected: &str) {
        let (cluster, key) = (cluster(), SaKey::new("shop", "web"));
        let association = AssociationDetail {
            target_role_arn: Some(B.into()),
            disable_session_tags: !tags,
            ..association()
        };
        let mut a = role(A, &statement(SERVICE_ONLY, BOTH, "{}"));
        let inline = policies.into_iter().map(|it| ("inline".into(), it)).collect();
        a.policies = Knowledge::Known(Policies { attached: Vec::new(), inline });
        let b = role(B, trust);
        let ask = Ask { target: Knowledge::Known(&b), ..ask(&cluster, &association, &a, &key) };
        let judged = judge(&ask);
        assert_eq!(verdict(&ask), expected, "{trust}: {}", judged.because);
    }

    #[test]
    fn a_target_role_needs_both_sides() {
        let policy = || identity_policy(BOTH, "Allow", B);
        let trust = |condition: &str| statement(&format!(r#"{{"AWS":"{A}"}}"#), BOTH, condition);
        let id = |it: &str| trust(&format!(r#"{{"StringEquals":{{"sts:ExternalId":"{it}"}}}}"#));
        let plain = trust("{}");
        check_target(vec![policy()], true, &plain, "allow");
        check_target(vec![], true, &plain, "E18");
        check_target(
            vec![identity_policy(BOTH, "Allow", "arn:aws:iam::444455556666:role/c")],
            true,
            &plain,
            "E18",
        );
        check_target(
            vec![policy(), identity_policy(r#""sts:*""#, "Deny", "*")],
            true,
            &plain,
            "E18",
        );
        let assume = identity_policy(r#""sts:AssumeRole""#, "Allow", "*");
        check_target(vec![assume.clone()], true, &plain, "E18");
        check_target(vec![assume], false, &plain, "allow");
        let root = statement(r#"{"AWS":"arn:aws:iam::111122223333:root"}"#, BOTH, "{}");
        check_target(vec![policy()], true, &root, "allow");
        check_target(vec![policy()], true, &plain.replace("role/a", "role/z"), "E18");
        let assume_only = statement(&format!(r#"{{"AWS":"{A}"}}"#), r#""sts:AssumeRole""#, "{}");
        check_target(vec![policy()], true, &assume_only, "E18");
        check_target(vec![policy()], false, &assume_only, "allow");
        check_target(vec![policy()], false, &id("eu-west-1/111122223333/c1/shop/web"), "allow");
        check_target(vec![policy()], false, &id("eu-west-1/111122223333/c1/shop/api"), "E18");
        let arn = format!(r#"{{"ArnEquals":{{"aws:PrincipalArn":"{A}"}}}}"#);
        check_target(vec![policy()], true, &root.replace("{}", &arn), "allow");
        check_target(
            vec![policy()],
            true,
            &trust(r#"{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#),
            "unknown",
        );
        check_target(
            vec![policy()],
            true,
            &trust(r#"{"StringEquals":{"aws:PrincipalTag/kubernetes-namespace":"shop"}}"#),
            "allow",
        );
    }

    #[test]
    fn policies_that_were_not_read_leave_it_open() {
        let (cluster, key) = (cluster(), SaKey::new("shop", "web"));
        let association = AssociationDetail { target_role_arn: Some(B.into()), ..association() };
        let mut a = role(A, &statement(SERVICE_ONLY, BOTH, "{}"));
        let b = role(B, &statement(&format!(r#"{{"AWS":"{A}"}}"#), BOTH, "{}"));
        let check = |a: &IamRole, expected: &str| {
            let ask = Ask { target: Knowledge::Known(&b), ..ask(&cluster, &association, a, &key) };
            assert_eq!(verdict(&ask), expected);
        };
        let denied = || Denied { permission: "iam:GetPolicy".into(), detail: "".into() };
        a.policies = Knowledge::Denied(denied());
        check(&a, "iam:GetPolicy");
        let unread = AttachedPolicy {
            arn: "arn:aws:iam::aws:policy/X".into(),
            document: Knowledge::Denied(denied()),
        };
        let inline = vec![("ok".into(), identity_policy(BOTH, "Allow", "*"))];
        a.policies = Knowledge::Known(Policies { attached: vec![unread.clone()], inline });
        check(&a, "iam:GetPolicy");
        let inline = vec![("no".into(), identity_policy(r#""*""#, "Deny", "*"))];
        a.policies = Knowledge::Known(Policies { attached: vec![unread], inline });
        check(&a, "E18");
        let inline = vec![("ok".into(), identity_policy(BOTH, "Allow", "*"))];
        a.policies = Knowledge::Known(Policies { attached: Vec::new(), inline });
        check(&a, "allow");
        a.permissions_boundary =
            Knowledge::Known(Some("arn:aws:iam::111122223333:policy/b".into()));
        check(&a, "unknown");
        a.permissions_boundary = Knowledge::NotYet;
        check(&a, "unknown");
        let ask = Ask { target: Knowledge::Absent, ..ask(&cluster, &association, &a, &key) };
        assert_eq!(verdict(&ask), "E18");
    }
}
