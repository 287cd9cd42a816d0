//! Tokens of real ServiceAccounts, exchanged at MiniStack's STS: it answers as the verdict says.

use crate::{
    encode::{base64_url, from_base64_url},
    kube,
    site::{Said, Site},
};
use idscope::lab::World;
use serde_json::{Value, json};

/// Where MiniStack's STS answers otherwise than AWS's, by scenario.
const DIFFERS: &[(&str, &str)] = &[
    ("ANN-07/fires.yaml", "it finds a role by its name, whatever the path"),
    (
        "POD-ENV-13/near-miss-condition.yaml",
        "it has no `sts:RoleSessionName` for this call, which AWS's list of condition keys has",
    ),
];

/// What came of the comparison.
#[derive(Default)]
pub struct Exchange {
    n_allowed: usize,
    n_denied: usize,
    /// MiniStack's STS looks at no OIDC provider, so what only the provider decides is proven elsewhere.
    n_left: usize,
}

impl Exchange {
    pub fn say(&self) {
        eprintln!(
            "tokens: {} allowed and {} denied by STS as we say, {} not compared (unknown, or decided by the provider, at which \
             MiniStack does not look)",
            self.n_allowed, self.n_denied, self.n_left
        );
    }

    /// Whether enough was compared to tell anything.
    pub fn is_enough(&self) {
        assert!(40 < self.n_allowed && 40 < self.n_denied, "too few tokens");
    }

    /// Asks STS for every ServiceAccount whose verdict is about its annotation.
    pub async fn compare(
        &mut self,
        site: &mut Site,
        world: &World,
        said: &Said,
        name: &str,
        wrong: &mut Vec<String>,
    ) {
        let irsa = said.identities().iter().filter(|it| {
            it["mechanism"] == "irsa" && it["exists"] == true && it["roleArn"].is_string()
        });
        for identity in irsa {
            let text = |key: &str| identity[key].as_str().unwrap_or_default();
            if text("verdict") == "unknown" || is_by_provider(identity) || differs(name) {
                self.n_left += 1;
                continue;
            }
            let (namespace, account) = (text("namespace"), text("serviceAccount"));
            let answer = assume(site, world, identity).await;
            let is_allowed = answer.is_ok();
            if (text("verdict") == "allow") != is_allowed {
                wrong.push(format!(
                    "{name}: {namespace}/{account}: ours {}, theirs {}",
                    text("because"),
                    answer.err().unwrap_or_else(|| "allowed".into())
                ));
            }
            if is_allowed {
                self.n_allowed += 1;
            } else {
                self.n_denied += 1;
            }
        }
    }
}

/// Whether MiniStack's STS answers otherwise than AWS's in the world of a scenario.
pub fn differs(name: &str) -> bool {
    DIFFERS.iter().any(|(it, _)| *it == name)
}

/// Whether an identity's verdict hangs on the OIDC provider, at which MiniStack's STS does not look.
pub fn is_by_provider(identity: &Value) -> bool {
    let signature = identity["errorSignature"].as_str().unwrap_or_default();
    ["E01", "E02", "E03", "E04"].contains(&signature)
}

/// AssumeRoleWithWebIdentity of the role that an identity names, with a token of its ServiceAccount; `Err`: STS's words.
pub async fn assume(site: &mut Site, world: &World, identity: &Value) -> Result<(), String> {
    let text = |key: &str| identity[key].as_str().unwrap_or_default();
    let token = token(site, text("namespace"), text("serviceAccount")).await;
    let aws = site.aws.root(world.cluster.account.as_str(), &world.cluster.region);
    let request = aws.sts.assume_role_with_web_identity().role_arn(text("roleArn"));
    let session = session(world, text("namespace"), text("serviceAccount"));
    let request = request.role_session_name(session).web_identity_token(token);
    let answer = request.send().await;
    answer.map(drop).map_err(|it| aws_sdk_sts::error::DisplayErrorContext(it).to_string())
}

/// The session name that the ServiceAccount's pods set, which a trust policy may ask for.
fn session<'w>(world: &'w World, namespace: &str, account: &str) -> &'w str {
    let pods = world.objects.iter().filter(|it| {
        it["kind"] == "Pod"
            && it["metadata"]["namespace"] == namespace
            && it["spec"]["serviceAccountName"] == account
    });
    let containers = pods.flat_map(|it| it["spec"]["containers"].as_array().into_iter().flatten());
    let mut env = containers.flat_map(|it| it["env"].as_array().into_iter().flatten());
    let set = env.find(|it| it["name"] == "AWS_ROLE_SESSION_NAME");
    set.and_then(|it| it["value"].as_str()).unwrap_or("suite")
}

/// A token that the API server signed for a ServiceAccount as the webhook would have asked for it, with its audience as
/// a string: MiniStack denies the one-element list that Kubernetes writes, which STS accepts. It does not look at the
/// signature.
async fn token(site: &Site, namespace: &str, account: &str) -> String {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}");
    let object = kube::call(&site.admin, "GET", &path, None).await.expect("a ServiceAccount");
    let asked = object["metadata"]["annotations"]["eks.amazonaws.com/audience"].as_str();
    let audience = asked.filter(|it| !it.is_empty()).unwrap_or("sts.amazonaws.com");
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": [audience]}});
    let path = format!("{path}/token");
    let answer = kube::call(&site.admin, "POST", &path, Some(&body)).await.expect("a token");
    let token = answer["status"]["token"].as_str().expect("a token");
    let mut parts = token.split('.');
    let (header, claims) = (parts.next().expect("a header"), parts.next().expect("claims"));
    let mut claims: Value =
        serde_json::from_str(&from_base64_url(claims).expect("base64")).expect("JSON");
    assert_eq!(claims["aud"], json!([audience]));
    claims["aud"] = audience.into();
    format!("{header}.{}.{}", base64_url(&claims.to_string()), base64_url("changed"))
}
