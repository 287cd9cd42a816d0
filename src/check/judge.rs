//! From facts to what the rules read: which verdict, which identity, which provider a container settles on.
//!
//! Facts of the disk cache are painted elsewhere and never judged here: they count as not read yet.

use crate::{
    check::{Context, IdentityContext, expect},
    fact::{
        Association, AssociationDetail, Denied, EnvValue, IamRole, Knowledge, Scope,
        ServiceAccount, SourceState,
    },
    graph::Graph,
    ident::{AccountId, Arn, Issuer, SaKey, Text},
    identity::{Carried, Judged, Mechanism, Verdict, Why, eks, sts},
};
use std::{cell::OnceCell, collections::BTreeSet, sync::Arc};

pub(crate) use crate::check::lines::{asks_agent, lines};

/// What the webhook makes the token's audience unless the ServiceAccount says otherwise.
const AUDIENCE: &str = "sts.amazonaws.com";

/// What one ServiceAccount asks for, before any verdict.
#[derive(Clone)]
pub(crate) struct Declaration<'a> {
    pub sa: Knowledge<&'a ServiceAccount>,
    pub association: Knowledge<&'a Association>,
    /// Verbatim and not empty.
    pub annotation: Option<&'a Text>,
}

impl<'a> Declaration<'a> {
    pub fn of(graph: &'a Graph, key: &SaKey) -> Declaration<'a> {
        let sa = graph.service_account(key);
        let association = match graph.source(&Scope::Associations) {
            Some(SourceState::Cached { .. }) => Knowledge::NotYet,
            _ => graph.association_of(key),
        };
        let annotation = match &sa {
            Knowledge::Known(it) => it.role_arn().filter(|it| !it.is_empty()),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
        };
        Declaration { sa, association, annotation }
    }

    pub fn mechanism(&self) -> Mechanism {
        match (self.annotation.is_some(), self.association.is_known()) {
            (false, false) => Mechanism::None,
            (true, false) => Mechanism::Irsa,
            (false, true) => Mechanism::PodIdentity,
            (true, true) => Mechanism::Both,
        }
    }

    /// What annotation and association ask for now; with both the association's.
    pub fn carried(&self) -> Carried {
        match (&self.association, self.annotation) {
            (Knowledge::Known(it), _) => {
                Carried::PodIdentity(it.detail.as_ref().known().map(|it| it.role_arn.clone()))
            }
            (_, Some(it)) => Carried::Irsa(Arn::new(it.clone())),
            (_, None) => Carried::None,
        }
    }
}

/// The two issuers, when the API server publishes another one than the EKS cluster has (TOOL-CTX-01).
pub(crate) fn issuer_mismatch(graph: &Graph) -> Option<(Issuer, Issuer)> {
    let published = graph.api_server()?.issuer.as_ref().known()?.clone();
    let described = graph.cluster().known()?.issuer.clone()?;
    (published != described).then_some((published, described))
}

/// Whether what is known of a scope may be judged: everything but the disk cache.
pub(crate) fn is_settled(graph: &Graph, scope: &Scope) -> bool {
    !matches!(graph.source(scope), Some(SourceState::Cached { .. }))
}

/// The role as far as it may be judged.
pub(crate) fn settled_role<'a>(graph: &'a Graph, arn: &Arn) -> Knowledge<&'a IamRole> {
    let role = graph.role(arn);
    if !graph.has_painted_scopes() {
        return role;
    }
    let Some(account) = arn.account() else { return role };
    let scope = Scope::Roles { account: account.as_str().into() };
    match (graph.source(&scope), &role) {
        (Some(SourceState::Cached { at }), Knowledge::Known(it)) => {
            // A role that was read alone after the cache was written is as good as a listed one.
            if it.read_at.is_some_and(|read| *at < read) { role } else { Knowledge::NotYet }
        }
        (Some(SourceState::Cached { .. }), _) => Knowledge::NotYet,
        (_, _) => role,
    }
}

/// The client ids of the cluster's provider in an account.
pub(crate) fn client_ids(graph: &Graph, account: Option<&AccountId>) -> Knowledge<Vec<Text>> {
    let Some(account) = account else { return Knowledge::NotYet };
    if !is_settled(graph, &Scope::Providers { account: account.as_str().into() }) {
        return Knowledge::NotYet;
    }
    match graph.issuer() {
        Knowledge::Known(issuer) => match graph.provider(account, &issuer) {
            Knowledge::Known(it) => it.detail.as_ref().map(|it| it.client_ids.clone()),
            Knowledge::Absent => Knowledge::Absent,
            Knowledge::Denied(it) => Knowledge::Denied(it),
            Knowledge::NotYet => Knowledge::NotYet,
        },
        Knowledge::Absent => Knowledge::Absent,
        Knowledge::Denied(it) => Knowledge::Denied(it),
        Knowledge::NotYet => Knowledge::NotYet,
    }
}

/// Judges one ServiceAccount from nothing.
pub(crate) fn identity<'a>(
    cx: Context<'a>,
    key: &'a SaKey,
    siblings: &expect::Siblings,
) -> IdentityContext<'a> {
    let declaration = Declaration::of(cx.graph, key);
    let audience = match &declaration.sa {
        Knowledge::Known(it) => it.annotation(ServiceAccount::AUDIENCE).cloned(),
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
    };
    let mut res = IdentityContext {
        cx,
        key,
        mechanism: declaration.mechanism(),
        sa: declaration.sa,
        association: declaration.association,
        annotation: declaration.annotation,
        irsa: None,
        pod_identity: None,
        expected: None,
        counts: siblings.counts,
        annotated_pods: siblings.annotated,
        bare_pods: siblings.bare,
        audience: Arc::from([audience.unwrap_or_else(|| AUDIENCE.into())]),
        session: Knowledge::Absent,
        diagnosis: OnceCell::new(),
        trust: OnceCell::new(),
    };
    res.session = session(&res);
    if issuer_mismatch(cx.graph).is_some() {
        return res;
    }
    res.irsa = res.annotation.map(|it| Arc::new(sts::judge(&res.ask(it))));
    if let Knowledge::Known(it) = &res.association {
        let detail = it.detail.as_ref();
        res.pod_identity = Some(Arc::new(eks::judge(&delivery(cx, key, detail))));
    }
    if res.mechanism == Mechanism::None {
        res.expected = expect::expected(cx, key, siblings, &|role| accepts(&res, role));
    }
    res
}

/// The session name that every pod writes down, if they agree on one. Only looked for where the trust policy asks for it.
fn session(identity: &IdentityContext<'_>) -> Knowledge<Text> {
    let graph = identity.cx.graph;
    let role = identity.annotated_role().and_then(|it| settled_role(graph, &it).known());
    let asks = |it: &crate::iam::Condition| it.key.eq_ignore_ascii_case("sts:RoleSessionName");
    let policy = role.and_then(|it| it.trust.parsed.as_ref().ok());
    if !policy.is_some_and(|it| it.statements.iter().flat_map(|it| &it.conditions).any(asks)) {
        return Knowledge::Absent;
    }
    let own = Scope::Pods { namespace: Some(identity.key.namespace.clone()) };
    if let Knowledge::Denied(it) = graph.listed(&own) {
        return Knowledge::Denied(it);
    }
    let mut all: BTreeSet<&Text> = BTreeSet::new();
    for pod in graph.pods_of(identity.key).filter(|it| !it.completed()) {
        let set = pod.spec.containers.iter().filter_map(|it| it.env("AWS_ROLE_SESSION_NAME"));
        let mut sets = false;
        for value in set {
            sets = true;
            match value {
                // `$(NAME)` is put together by the kubelet.
                EnvValue::Literal(it) if !it.is_empty() && !it.contains("$(") => all.insert(it),
                EnvValue::Literal(_) | EnvValue::Redacted | EnvValue::From(_) => {
                    return Knowledge::Absent;
                }
            };
        }
        if !sets {
            return Knowledge::Absent;
        }
    }
    match (all.pop_first(), all.is_empty()) {
        (Some(it), true) => Knowledge::Known(it.clone()),
        (_, _) => Knowledge::Absent,
    }
}

/// Whether a role would take this ServiceAccount, by web identity (provider or not) or by an association made for it.
pub(crate) fn accepts(identity: &IdentityContext<'_>, role_arn: &str) -> bool {
    if takes_token(identity, role_arn) {
        return true;
    }
    let detail = AssociationDetail {
        role_arn: role_arn.into(),
        target_role_arn: None,
        external_id: None,
        disable_session_tags: false,
        policy: None,
        created: None,
        modified: None,
        tags: Vec::new(),
    };
    let ask = delivery(identity.cx, identity.key, Knowledge::Known(&detail));
    eks::judge(&ask).verdict == Verdict::Allow
}

/// Whether the trust policy of a role would take this ServiceAccount's token, were the provider there.
pub(crate) fn takes_token(identity: &IdentityContext<'_>, role_arn: &str) -> bool {
    let mut ask = identity.ask(role_arn);
    ask.provider = Knowledge::Known(ask.audience.to_vec());
    sts::allows(&ask)
}

/// The question to EKS Auth about an association.
pub(crate) fn delivery<'a>(
    cx: Context<'a>,
    key: &'a SaKey,
    association: Knowledge<&'a AssociationDetail>,
) -> eks::Ask<'a> {
    let (role, target) = match &association {
        Knowledge::Known(it) => (
            settled_role(cx.graph, &it.role_arn),
            it.target_role_arn.as_ref().map(|it| settled_role(cx.graph, it)),
        ),
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => (Knowledge::NotYet, None),
    };
    eks::Ask {
        service_account: key,
        cluster: cx.graph.cluster(),
        association,
        role,
        target: target.unwrap_or(Knowledge::NotYet),
        world: sts::World::Open,
        now: Some(cx.now),
    }
}

/// The verdict of the identity as a whole, with its sentence.
pub(crate) fn verdict(identity: &IdentityContext<'_>) -> (Verdict, String) {
    if let Some((published, described)) = issuer_mismatch(identity.cx.graph) {
        let why = format!(
            "the API server publishes issuer `{published}`, the EKS cluster has `{described}`: they are not one cluster"
        );
        return match identity.mechanism {
            Mechanism::None => unread_service_account(identity).unwrap_or((Verdict::None, why)),
            Mechanism::Irsa | Mechanism::PodIdentity | Mechanism::Both => {
                (Verdict::Unknown(Why::Undecidable(why.as_str().into())), why)
            }
        };
    }
    let said =
        |it: &Option<Arc<Judged>>| it.as_ref().map(|it| (it.verdict.clone(), it.because.clone()));
    let answer = match identity.mechanism {
        Mechanism::PodIdentity | Mechanism::Both => said(&identity.pod_identity),
        Mechanism::Irsa => match unread_association(identity) {
            Some(it) => Some(it),
            None => said(&identity.irsa),
        },
        Mechanism::None => unread_service_account(identity)
            .or_else(|| if shows_none(identity) { None } else { unread_association(identity) }),
    };
    answer.unwrap_or_else(|| {
        (Verdict::None, "no role annotation and no Pod Identity association".to_owned())
    })
}

/// Whether pods show that there is no association, where nobody could read it: some are there, and none of them carries
/// an identity nor looks as if it was meant to. Without AWS nothing is asked for in the first place.
fn shows_none(identity: &IdentityContext<'_>) -> bool {
    let counts = &identity.counts;
    let off =
        matches!(identity.cx.graph.source(&Scope::Associations), Some(SourceState::Off { .. }));
    counts.stale == 0 && identity.expected.is_none() && (0 < counts.total || off)
}

/// An association that nobody could read might stand above the annotation.
fn unread_association(identity: &IdentityContext<'_>) -> Option<(Verdict, String)> {
    let why = not_read(
        identity.cx.graph,
        &identity.association,
        &Scope::Associations,
        "eks:ListPodIdentityAssociations",
    )?;
    let because = unread("a Pod Identity association cannot be excluded", &why);
    Some((Verdict::Unknown(why), because))
}

/// A ServiceAccount that nobody could read might be annotated.
fn unread_service_account(identity: &IdentityContext<'_>) -> Option<(Verdict, String)> {
    let scope = Scope::ServiceAccounts { namespace: None };
    let why = not_read(identity.cx.graph, &identity.sa, &scope, "list serviceaccounts")?;
    let because = unread("the ServiceAccount could not be read", &why);
    Some((Verdict::Unknown(why), because))
}

/// What is not known, and what it takes to know it.
fn unread(what: &str, why: &Why) -> String {
    match why {
        Why::Denied(it) => format!("{what}: `{}` was refused", it.permission),
        Why::Pending(_) | Why::InvalidPolicy(_) | Why::Undecidable(_) => what.to_owned(),
    }
}

/// Why something is not known; `None` when it is, present or absent.
fn not_read<T>(
    graph: &Graph,
    knowledge: &Knowledge<T>,
    scope: &Scope,
    permission: &str,
) -> Option<Why> {
    match knowledge {
        Knowledge::Known(_) | Knowledge::Absent => None,
        Knowledge::Denied(it) => Some(Why::Denied(it.clone())),
        Knowledge::NotYet => Some(match graph.source(scope) {
            Some(SourceState::Denied { denied, .. }) => Why::Denied(denied.clone()),
            Some(SourceState::Off { reason }) => {
                Why::Denied(Denied { permission: permission.into(), detail: reason.clone() })
            }
            Some(SourceState::Expired { login, .. }) => Why::Denied(Denied {
                permission: permission.into(),
                detail: format!("credentials are expired: `{login}`").into(),
            }),
            _ => Why::Pending(permission.into()),
        }),
    }
}
