//! Faults, each as the one thing that is changed in a healthy workload.

use crate::fleet::{Draft, Place, Sort, pod_identity_statement};
use idscope::{
    fact::{Policies, ServiceAccount},
    ident::{Arn, SaKey, Text, WorkloadKind},
};

pub struct Plant {
    pub code: &'static str,
    /// The sorts of workload that can have it.
    pub sorts: &'static [Sort],
    pub fits: fn(&Place, &Draft) -> bool,
    /// Changes the draft; what must be found.
    pub plant: fn(&Place, &mut Draft) -> String,
}

/// Workloads that need web identity, a ServiceAccount a role.
const WEB: &[Sort] = &[Sort::Irsa, Sort::CrossAccount, Sort::Fargate, Sort::Windows];
/// Those of them whose pods can fall back to nothing but the node.
const WEB_ON_NODES: &[Sort] = &[Sort::Irsa];
const PODS: &[Sort] = &[Sort::PodIdentity, Sort::TargetRole];

/// What is changed in the trust policy of the first role.
fn edit(draft: &mut Draft, from: &str, to: &str) {
    let trust = &mut draft.roles[0].trust;
    let edited = trust.replace(from, to);
    assert_ne!(*trust, edited, "`{from}` is not in {trust}");
    *trust = edited;
}

fn account(code: &str, draft: &Draft) -> String {
    format!("{code} blocker ServiceAccount {}/{}", draft.namespace, draft.service_account)
}

fn association(code: &str, draft: &Draft) -> String {
    format!("{code} blocker Association {}/{}", draft.namespace, draft.service_account)
}

fn role(line: &str, draft: &Draft) -> String {
    format!("{line} Role {}", draft.roles[0].arn.name().unwrap())
}

fn key(draft: &Draft) -> SaKey {
    SaKey::new(draft.namespace.clone(), draft.service_account.clone())
}

fn provider(place: &Place, draft: &Draft) -> String {
    let account = draft.roles[0].arn.account().unwrap();
    place.provider(account.as_str(), &place.issuer).to_string()
}

/// The annotation's new value.
fn annotate(draft: &mut Draft, value: &str) {
    for (name, it) in &mut draft.annotations {
        if &**name == ServiceAccount::ROLE_ARN {
            *it = value.into();
        }
    }
}

/// Another statement for the first role.
fn add(draft: &mut Draft, statement: &str) {
    let trust = &mut draft.roles[0].trust;
    let (before, _) = trust.rsplit_once("]}").unwrap();
    *trust = format!("{before},{statement}]}}");
}

/// The trust policy has no statement but the workload's own.
fn alone(_: &Place, draft: &Draft) -> bool {
    draft.roles[0].trust.matches(r#""Effect""#).count() == 1
}

fn always(_: &Place, _: &Draft) -> bool {
    true
}

/// Some pod has credentials and goes on.
fn runs(_: &Place, draft: &Draft) -> bool {
    use idscope::fact::Phase;
    draft.pods.iter().any(|it| matches!(it.phase, Phase::Running | Phase::Pending))
}

fn other_region(place: &Place) -> &'static str {
    match &*place.region {
        "cn-north-1" => "cn-northwest-1",
        "us-gov-west-1" => "us-gov-east-1",
        _ => "ap-southeast-2",
    }
}

macro_rules! trust {
    ($code:literal, $plant:expr) => {
        Plant {
            code: $code,
            sorts: WEB,
            fits: alone,
            plant: |place, draft| {
                let plant: fn(&Place, &mut Draft) = $plant;
                plant(place, draft);
                account($code, draft)
            },
        }
    };
}

macro_rules! delivery {
    ($code:literal, $plant:expr) => {
        Plant {
            code: $code,
            sorts: PODS,
            fits: always,
            plant: |place, draft| {
                let plant: fn(&Place, &mut Draft) = $plant;
                plant(place, draft);
                association($code, draft)
            },
        }
    };
}

macro_rules! open {
    ($line:literal, $plant:expr) => {
        Plant {
            code: $line,
            sorts: WEB,
            fits: alone,
            plant: |place, draft| {
                let plant: fn(&Place, &mut Draft) = $plant;
                plant(place, draft);
                role($line, draft)
            },
        }
    };
}

macro_rules! annotation {
    ($code:literal, $fits:expr, $plant:expr) => {
        Plant {
            code: $code,
            sorts: WEB_ON_NODES,
            fits: $fits,
            plant: |place, draft| {
                let plant: fn(&Place, &mut Draft) = $plant;
                plant(place, draft);
                account($code, draft)
            },
        }
    };
}

const DATE: &str = r#""Condition":{"DateLessThan":{"aws:CurrentTime":"2025-01-01T00:00:00Z"},"#;
const ORG: &str = r#""Condition":{"StringLike":{"aws:PrincipalOrgID":"o-*"},"#;

pub const PLANTS: &[Plant] = &[
    trust!("TRUST-ACT-01", |_, it| edit(it, "sts:AssumeRoleWithWebIdentity", "sts:AssumeRole")),
    trust!("TRUST-ACT-02", |_, it| {
        edit(it, "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML");
    }),
    trust!("TRUST-PRIN-01", |place, it| {
        let principal = format!(r#"{{"Federated":"{}"}}"#, provider(place, it));
        edit(it, &principal, r#"{"Service":"ec2.amazonaws.com"}"#);
    }),
    trust!("TRUST-PRIN-02", |_, it| {
        it.roles[0].trust = format!(
            r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
            pod_identity_statement(&key(it))
        );
    }),
    trust!("TRUST-PRIN-03", |place, it| edit(it, &place.issuer, &place.other_issuer())),
    trust!("TRUST-PRIN-04", |place, it| {
        let (from, to) = (format!("oidc-provider/oidc.eks.{}", place.region), other_region(place));
        edit(it, &from, &format!("oidc-provider/oidc.eks.{to}"));
    }),
    trust!("TRUST-PRIN-05", |place, it| {
        let account = it.roles[0].arn.account().unwrap();
        let from = format!("iam::{account}:oidc-provider/{}", place.issuer);
        edit(it, &from, &format!("iam::618033988749:oidc-provider/{}", place.issuer));
    }),
    trust!("TRUST-PRIN-06", |place, it| {
        let arn = provider(place, it);
        let (_, rest) = arn.split_once(":iam:").unwrap();
        let partition = if arn.starts_with("arn:aws:") { "aws-cn" } else { "aws" };
        edit(it, &arn, &format!("arn:{partition}:iam:{rest}"));
    }),
    trust!("TRUST-PRIN-07", |place, it| {
        let region = &place.region;
        let from = format!("oidc-provider/oidc.eks.{region}");
        edit(it, &from, &format!("oidc-provider/oidc.{region}.eks"));
    }),
    trust!("TRUST-PRIN-08", |_, it| edit(it, "oidc-provider/oidc", "oidc-provider/https://oidc")),
    trust!("TRUST-PRIN-09", |place, it| {
        let arn = provider(place, it);
        edit(it, &arn, &place.issuer);
    }),
    trust!("TRUST-PRIN-10", |_, it| edit(it, r#""Federated""#, r#""AWS""#)),
    Plant {
        code: "TRUST-PRIN-12",
        sorts: WEB,
        fits: alone,
        plant: |_, it| {
            edit(it, r#""Principal""#, r#""NotPrincipal""#);
            account("TRUST-PRIN-12", it).replace("blocker", "unknown")
        },
    },
    trust!("TRUST-PRIN-13", |place, it| {
        let account = it.roles[0].arn.account().unwrap();
        let from = format!("iam::{account}:oidc-provider/{}", place.issuer);
        edit(it, &from, &format!("iam::ACCOUNT_ID:oidc-provider/{}", place.issuer));
    }),
    trust!("TRUST-KEY-01", |place, it| {
        for claim in ["sub", "aud"] {
            let to = format!("{}:{claim}", place.other_issuer());
            edit(it, &format!("{}:{claim}", place.issuer), &to);
        }
    }),
    trust!("TRUST-KEY-02", |place, it| {
        let arn = provider(place, it);
        edit(it, &format!(r#""{}:sub"#, place.issuer), &format!(r#""{arn}:sub"#));
    }),
    trust!("TRUST-KEY-03", |place, it| {
        edit(
            it,
            &format!(r#""{}:sub"#, place.issuer),
            &format!(r#""https://{}:sub"#, place.issuer),
        );
    }),
    trust!("TRUST-KEY-04", |place, it| {
        let near = format!("{}F", &place.issuer[..place.issuer.len() - 1]);
        edit(it, &format!("{}:sub", place.issuer), &format!("{near}:sub"));
    }),
    trust!("TRUST-KEY-05", |place, it| edit(it, &format!("{}:sub", place.issuer), "oidc:sub")),
    trust!("TRUST-KEY-08", |_, it| edit(it, r#""Condition":{"#, ORG)),
    trust!("TRUST-SUB-01", |_, it| {
        let from = format!("serviceaccount:{}:", it.namespace);
        edit(it, &from, "serviceaccount:elsewhere:");
    }),
    trust!("TRUST-SUB-02", |_, it| {
        let from = format!(":{}\"", it.service_account);
        edit(it, &from, ":billing-batch\"");
    }),
    trust!("TRUST-SUB-03", |_, it| edit(it, "system:serviceaccount:", "system:serviceaccount: ")),
    trust!("TRUST-SUB-04", |_, it| edit(it, ":svc-", ":Svc-")),
    trust!("TRUST-SUB-05", |_, it| edit(it, "system:serviceaccount:", "system:serviceaccounts:")),
    trust!("TRUST-SUB-06", |_, it| {
        let from = format!(":{}\"", it.service_account);
        edit(it, &from, ":svc-*\"");
    }),
    trust!("TRUST-SUB-08", |place, it| {
        let subject = key(it).subject();
        let from = format!(r#""{0}:sub":"{subject}","{0}:aud":"sts.amazonaws.com""#, place.issuer);
        edit(it, &from, &format!(r#""{}:aud":"{subject}""#, place.issuer));
    }),
    trust!("TRUST-AUD-01", |place, it| {
        let to = format!(r#"aud":"sts.{}.amazonaws.com""#, place.region);
        edit(it, r#"aud":"sts.amazonaws.com""#, &to);
    }),
    trust!("TRUST-COND-02", |place, it| {
        let like = format!(
            r#""Condition":{{"StringLike":{{"{}:sub":"system:serviceaccount:other:*"}},"#,
            place.issuer
        );
        edit(it, r#""Condition":{"#, &like);
    }),
    trust!("TRUST-COND-03", |place, it| {
        let arn = provider(place, it);
        add(
            it,
            &format!(r#"{{"Effect":"Deny","Principal":{{"Federated":"{arn}"}},"Action":"sts:*"}}"#),
        );
    }),
    trust!("TRUST-COND-06", |_, it| edit(it, r#""Condition":{"#, DATE)),
    trust!("TRUST-MULTI-01", |place, it| {
        let third = place.other_issuer().replace("5D3C", "6E4D");
        let theirs = crate::fleet::web_statement(
            &Place { issuer: third.as_str().into(), ..place.clone() },
            it.roles[0].arn.account().unwrap().as_str(),
            &key(it),
        );
        edit(it, &place.issuer, &place.other_issuer());
        add(it, &theirs);
    }),
    annotation!("ANN-02", always, |_, it| {
        let arn = it.roles[0].arn.to_string();
        annotate(it, &arn.replace(":iam::", ":iam:::"));
        it.roles.clear();
    }),
    annotation!("ANN-03", always, |_, it| {
        let name = it.roles[0].arn.name().unwrap().to_owned();
        annotate(it, &name);
        it.roles.clear();
    }),
    annotation!("ANN-04", always, |_, it| {
        let arn = it.roles[0].arn.to_string();
        annotate(it, &arn.replace(":role/", ":policy/"));
        it.roles.clear();
    }),
    annotation!("ANN-05", always, |_, it| {
        let arn = it.roles[0].arn.to_string();
        annotate(it, &format!("{arn}\n"));
        it.roles.clear();
    }),
    annotation!("ANN-06", always, |_, it| it.roles.clear()),
    annotation!("ANN-07", |_, it| it.roles[0].arn.as_str().matches('/').count() == 2, |_, it| {
        let arn = it.roles[0].arn.to_string();
        let (before, name) = arn.rsplit_once('/').unwrap();
        let (before, _) = before.rsplit_once('/').unwrap();
        annotate(it, &format!("{before}/{name}"));
    }),
    Plant {
        code: "PERM-01",
        sorts: &[
            Sort::Irsa,
            Sort::CrossAccount,
            Sort::PodIdentity,
            Sort::SharedRole,
            Sort::Migration,
        ],
        fits: always,
        plant: |_, it| {
            it.roles[0].policies = Policies::default();
            role("PERM-01 blocker", it)
        },
    },
    open!("SEC-TRUST-01 sec-high", |_, it| {
        let trust = &it.roles[0].trust;
        let (before, _) = trust.split_once(r#","Condition""#).unwrap();
        it.roles[0].trust = format!("{before}}}]}}");
    }),
    open!("SEC-TRUST-02 sec-high", |place, it| {
        let from = format!(r#""{}:sub":"{}","#, place.issuer, key(it).subject());
        edit(it, &from, "");
    }),
    open!("SEC-TRUST-03 sec-high", |_, it| {
        let subject = key(it).subject();
        edit(it, "StringEquals", "StringLike");
        edit(it, &subject, "system:serviceaccount:*");
    }),
    open!("SEC-TRUST-04 sec-med", |_, it| {
        let name = format!(":{}\"", it.service_account);
        edit(it, "StringEquals", "StringLike");
        edit(it, &name, ":*\"");
    }),
    open!("SEC-TRUST-05 sec-high", |_, it| {
        let namespace = format!("serviceaccount:{}:", it.namespace);
        edit(it, "StringEquals", "StringLike");
        edit(it, &namespace, "serviceaccount:team-*:");
    }),
    open!("SEC-TRUST-06 sec-high", |_, it| {
        let subject = key(it).subject();
        let open = format!("system:serviceaccount:{}*", it.namespace);
        edit(it, "StringEquals", "StringLike");
        edit(it, &subject, &open);
    }),
    open!("SEC-TRUST-07 sec-high", |place, it| {
        let from = format!(r#""StringEquals":{{"{}:sub""#, place.issuer);
        let to = format!(r#""StringEqualsIfExists":{{"{}:subject""#, place.issuer);
        edit(it, &from, &to);
    }),
    open!("SEC-TRUST-08 sec-high", |_, it| {
        add(it, r#"{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}"#);
    }),
    open!("SEC-TRUST-11 sec-low", |_, it| {
        add(
            it,
            r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#,
        );
    }),
    Plant {
        code: "SEC-TRUST-10",
        sorts: &[Sort::PodIdentity],
        fits: always,
        plant: |place, it| {
            let gone = place.other_issuer().replace("5D3C", "6E4D");
            let gone = Place { issuer: gone.as_str().into(), ..place.clone() };
            let statement = crate::fleet::web_statement(&gone, &place.account, &key(it));
            add(it, &statement);
            role("SEC-TRUST-10 sec-low", it)
        },
    },
    delivery!("PI-TRUST-01", |_, it| edit(it, r#","sts:TagSession""#, "")),
    delivery!("PI-TRUST-02", |_, it| edit(it, "pods.eks.amazonaws.com", "eks.amazonaws.com")),
    delivery!("PI-TRUST-03", |place, it| {
        it.roles[0].trust = crate::fleet::web_trust(place, &place.account, &key(it));
    }),
    delivery!("PI-TRUST-04", |_, it| {
        edit(it, r#"["sts:AssumeRole","sts:TagSession"]"#, r#""sts:AssumeRoleWithWebIdentity""#);
    }),
    delivery!("PI-TRUST-05", |_, it| {
        let from = format!(r#"kubernetes-namespace":"{}""#, it.namespace);
        edit(it, &from, r#"kubernetes-namespace":"elsewhere""#);
    }),
    delivery!("PI-TRUST-06", |_, it| edit(it, "aws:RequestTag/", "aws:PrincipalTag/")),
    delivery!("PI-TRUST-07", |_, it| {
        edit(
            it,
            r#""Condition":{"#,
            r#""Condition":{"StringLike":{"aws:SourceAccount":"618033988749"},"#,
        );
    }),
    Plant {
        code: "PI-TRUST-08",
        sorts: &[Sort::PodIdentity],
        fits: always,
        plant: |_, it| {
            it.association.as_mut().unwrap().detail.disable_session_tags = true;
            association("PI-TRUST-08", it)
        },
    },
    delivery!("PI-TRUST-09", |_, it| {
        edit(
            it,
            r#""Condition":{"#,
            r#""Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["eks-cluster-arn","kubernetes-namespace"]},"#,
        );
    }),
    delivery!("PI-TRUST-10", |place, it| {
        let admin = place.role(&place.account, "admin");
        it.roles[0].trust = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{admin}"}},"Action":"sts:AssumeRole"}}]}}"#
        );
    }),
    delivery!("PI-TRUST-11", |_, it| {
        add(
            it,
            r#"{"Effect":"Deny","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":"sts:TagSession"}"#,
        );
    }),
    Plant {
        code: "PI-ASSOC-03",
        sorts: &[Sort::PodIdentity],
        fits: runs,
        plant: |_, it| {
            let name = it.service_account.replace("svc", "scv");
            let own = it.association.as_mut().unwrap();
            own.service_account = name.as_str().into();
            format!("PI-ASSOC-03 wrong-id Association {}/{name}", it.namespace)
        },
    },
    delivery!("PI-ASSOC-08", |_, it| {
        it.roles.remove(0);
    }),
    Plant {
        code: "PI-ASSOC-11",
        sorts: &[Sort::PodIdentity, Sort::Migration],
        fits: runs,
        plant: |place, it| {
            it.association.as_mut().unwrap().detail.modified = Some(place.ago(1));
            association("PI-ASSOC-11", it).replace("blocker", "degraded")
        },
    },
    Plant {
        code: "PI-BOTH-01",
        sorts: &[Sort::Migration],
        fits: always,
        plant: |_, it| {
            let own = it.roles[0].arn.to_string();
            let mut twin = it.roles[0].clone();
            twin.arn = Arn::new(format!("{own}-twin"));
            it.association.as_mut().unwrap().detail.role_arn = twin.arn.clone();
            it.roles.push(twin);
            account("PI-BOTH-01", it).replace("blocker", "wrong-id")
        },
    },
    Plant {
        code: "SA-02",
        sorts: &[Sort::Plain],
        fits: |_, it| it.owner == WorkloadKind::Deployment,
        plant: |_, it| {
            let name: Text = "nobody-made-it".into();
            it.spec.service_account = name;
            it.pods.clear();
            format!("SA-02 blocker Workload {}/{}", it.namespace, it.name)
        },
    },
];
