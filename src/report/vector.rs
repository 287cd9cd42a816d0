//! One trust-policy vector: the closed world that it describes, and what our evaluator says of it.

use crate::{
    fact::{AssociationDetail, Cluster, IamRole, Knowledge, LastUsed},
    iam,
    ident::{AccountId, Arn, Issuer, Partition, SaKey, Text, Timestamp},
    identity::{self, Judged, Verdict, Why, sts::World},
};
use std::sync::Arc;

/// Everything that a vector may set, defaults already filled in.
#[derive(Clone, Debug)]
pub struct Vector {
    pub id: String,
    pub pod_identity: bool,
    pub partition: Partition,
    /// The role's account, which for Pod Identity is the cluster's too.
    pub account: AccountId,
    pub region: String,
    pub issuer: Issuer,
    /// The providers of the role's account by their URL as IAM has it, without scheme, and their client ids.
    pub providers: Vec<(Text, Vec<Text>)>,
    pub cluster: String,
    pub service_account: SaKey,
    pub token_audience: Vec<Text>,
    pub session_tags: bool,
    pub role_tags: Vec<(Text, Text)>,
    /// Further condition keys that are present.
    pub context: Vec<(Text, Vec<Text>)>,
    pub now: Timestamp,
    /// The document as written.
    pub trust_policy: Text,
}

/// `ALLOW`, an error signature, `UNKNOWN` or `INVALID`, with the chain that led there.
pub fn judge(vector: &Vector) -> (String, Judged) {
    let document = iam::Document::parse(vector.trust_policy.clone(), iam::Kind::Trust);
    let invalid = document.parsed.as_ref().err().cloned();
    let arn = Arn::new(format!("arn:{}:iam::{}:role/role", vector.partition, vector.account));
    let role = IamRole {
        arn: arn.clone(),
        id: "AROAEXAMPLE".into(),
        created: None,
        trust: Arc::new(document),
        max_session_seconds: Some(3_600),
        permissions_boundary: Knowledge::Known(None),
        tags: Knowledge::Known(vector.role_tags.clone()),
        last_used: Knowledge::Known(LastUsed::default()),
        policies: Knowledge::Absent,
        read_at: None,
    };
    let world = World::Closed(&vector.context);
    let judged = if vector.pod_identity {
        let cluster = cluster(vector);
        let detail = AssociationDetail {
            role_arn: arn,
            target_role_arn: None,
            external_id: None,
            disable_session_tags: !vector.session_tags,
            policy: None,
            created: None,
            modified: None,
            tags: Vec::new(),
        };
        identity::eks::judge(&identity::eks::Ask {
            service_account: &vector.service_account,
            cluster: Knowledge::Known(&cluster),
            association: Knowledge::Known(&detail),
            role: Knowledge::Known(&role),
            target: Knowledge::Absent,
            world,
            now: Some(vector.now),
        })
    } else {
        // IAM keeps a provider's URL without scheme, and compares it byte for byte.
        let provider = vector.providers.iter().find(|(url, _)| **url == *vector.issuer.as_str());
        identity::sts::judge(&identity::sts::Ask {
            role_arn: arn.as_str(),
            service_account: &vector.service_account,
            issuer: Knowledge::Known(vector.issuer.clone()),
            audience: &vector.token_audience,
            provider: provider
                .map_or(Knowledge::Absent, |(_, clients)| Knowledge::Known(clients.clone())),
            role: Knowledge::Known(&role),
            region: Some(&vector.region),
            session_name: Knowledge::Absent,
            world,
            now: Some(vector.now),
        })
    };
    // INVALID wins over everything: such a document could not have been saved.
    let got = match (&judged.verdict, invalid) {
        (_, Some(_)) => "INVALID".to_owned(),
        (Verdict::Allow, None) => "ALLOW".to_owned(),
        (Verdict::Deny(signature), None) => signature.to_string(),
        (Verdict::Unknown(_) | Verdict::None, None) => "UNKNOWN".to_owned(),
    };
    (got, judged)
}

/// Why the policy means nothing; `None` when it is one.
pub fn invalid(vector: &Vector) -> Option<iam::Invalid> {
    iam::Document::parse(vector.trust_policy.clone(), iam::Kind::Trust).parsed.err()
}

/// The clause, hop or reason that decided, in one line.
pub fn because(vector: &Vector, judged: &Judged) -> String {
    match (invalid(vector), &judged.verdict) {
        (Some(it), _) if it.path.is_empty() => it.reason,
        (Some(it), _) => format!("{}: {}", it.path, it.reason),
        (None, Verdict::Unknown(Why::Undecidable(it))) => it.to_string(),
        (None, _) => judged.because.clone(),
    }
}

fn cluster(vector: &Vector) -> Cluster {
    Cluster {
        name: vector.cluster.as_str().into(),
        arn: Arn::new(format!(
            "arn:{}:eks:{}:{}:cluster/{}",
            vector.partition, vector.region, vector.account, vector.cluster
        )),
        account: vector.account.as_str().into(),
        region: vector.region.as_str().into(),
        issuer: Some(vector.issuer.clone()),
        endpoint: None,
        ca_sha256: None,
        created: None,
        version: "".into(),
        platform_version: "".into(),
        status: "ACTIVE".into(),
        authentication_mode: "API".into(),
        auto_mode: false,
        node_role: None,
        tags: Vec::new(),
        health_issues: Vec::new(),
        outpost: false,
    }
}
