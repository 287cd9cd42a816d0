//! A tiny AWS on loopback: canned answers per operation, with what IAM and EKS do on the wire (query XML with `Marker`,
//! REST JSON with `nextToken`), and a count of what was asked. No judgement, no signatures.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

pub const ACCOUNT: &str = "111122223333";
pub const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/AAAA";

/// Instead of a status: no answer, ever.
pub const HANG: u16 = 598;
/// Instead of a status: the connection is closed.
pub const DROP: u16 = 599;

/// What one operation answers: parameters in, status and body out.
type Handler = Box<dyn Fn(&Call) -> (u16, String) + Send + Sync>;

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// `iam:GetRole`, `eks:DescribeCluster`, ….
    pub operation: String,
    /// Form fields, query parameters, and `path` for EKS.
    pub parameters: HashMap<String, String>,
    pub access_key_id: String,
    /// What the request is signed for.
    pub region: String,
    pub at: std::time::Instant,
}

impl Call {
    pub fn get(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The last segment of an EKS path.
    pub fn last(&self) -> &str {
        self.get("path").rsplit('/').next().unwrap_or_default()
    }
}

#[derive(Clone, Default)]
pub struct Fake {
    handlers: Arc<Mutex<HashMap<String, Handler>>>,
    calls: Arc<Mutex<Vec<Call>>>,
    pub url: String,
}

impl Fake {
    /// Serves until the test's runtime ends. Knows the caller, an empty account and the cluster `prod`.
    pub async fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let fake = Fake { url, ..Fake::default() };
        fake.on("sts:GetCallerIdentity", |_| (200, caller(ACCOUNT)));
        fake.on("iam:ListRoles", |_| (200, list_roles(&[], None)));
        fake.on("iam:ListOpenIDConnectProviders", |_| (200, list_providers(&[])));
        fake.on("eks:ListClusters", |_| (200, r#"{"clusters": ["prod"]}"#.into()));
        fake.on("eks:DescribeCluster", |call| match call.last() {
            "prod" => (200, cluster("prod", ISSUER)),
            _ => not_found(),
        });
        fake.on("eks:ListPodIdentityAssociations", |_| (200, r#"{"associations": []}"#.into()));
        fake.on("eks:ListAddons", |_| (200, r#"{"addons": []}"#.into()));
        fake.on("eks:ListNodegroups", |_| (200, r#"{"nodegroups": []}"#.into()));
        fake.on("eks:ListIdentityProviderConfigs", |_| {
            (200, r#"{"identityProviderConfigs": []}"#.into())
        });
        let served = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fake = served.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let fake = fake.clone();
                        async move {
                            let response = fake.answer(request).await;
                            match response.status().as_u16() {
                                HANG => std::future::pending().await,
                                DROP => Err(std::io::Error::other("dropped")),
                                _ => Ok(response),
                            }
                        }
                    });
                    let io = TokioIo::new(stream);
                    let builder =
                        hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A client that goes away in the middle is the test's end.
                    let _ended = builder.serve_connection(io, service).await;
                });
            }
        });
        fake
    }

    pub fn on(
        &self,
        operation: &str,
        handler: impl Fn(&Call) -> (u16, String) + Send + Sync + 'static,
    ) {
        self.handlers.lock().unwrap().insert(operation.into(), Box::new(handler));
    }

    pub fn calls(&self, operation: &str) -> Vec<Call> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|it| it.operation == operation).cloned().collect()
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|it| it.to_bytes()).unwrap_or_default();
        let mut parameters = fields(parts.uri.query().unwrap_or_default());
        parameters.insert("path".into(), decoded(parts.uri.path()));
        let credential = parts.headers.get("authorization").and_then(|it| it.to_str().ok());
        let signed = |nth: usize| {
            let scope = credential.and_then(|it| it.split_once("Credential=")).map(|(_, it)| it);
            scope.and_then(|it| it.split('/').nth(nth)).unwrap_or_default().to_owned()
        };
        let (access_key_id, region) = (signed(0), signed(2));
        let is_query = parts.method == "POST" && parts.uri.path() == "/";
        if is_query {
            parameters.extend(fields(&String::from_utf8_lossy(&body)));
        }
        let operation = match parameters.get("Action") {
            Some(action) if action == "GetCallerIdentity" || action.starts_with("AssumeRole") => {
                format!("sts:{action}")
            }
            Some(action) => format!("iam:{action}"),
            None => format!("eks:{}", eks_operation(parts.uri.path())),
        };
        let at = std::time::Instant::now();
        let call = Call { operation, parameters, access_key_id, region, at };
        self.calls.lock().unwrap().push(call.clone());
        let handlers = self.handlers.lock().unwrap();
        let (status, body) = match handlers.get(&call.operation) {
            Some(handler) => handler(&call),
            None if is_query => denied_xml(&call.operation),
            None => denied_json(&call.operation),
        };
        let kind = if is_query { "text/xml" } else { "application/json" };
        Response::builder()
            .status(status)
            .header("content-type", kind)
            .body(Full::new(Bytes::from(body)))
            .expect("a response")
    }
}

fn eks_operation(path: &str) -> &'static str {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        ["clusters"] => "ListClusters",
        ["clusters", _] => "DescribeCluster",
        ["clusters", _, "pod-identity-associations"] => "ListPodIdentityAssociations",
        ["clusters", _, "pod-identity-associations", _] => "DescribePodIdentityAssociation",
        ["clusters", _, "addons"] => "ListAddons",
        ["clusters", _, "addons", _] => "DescribeAddon",
        ["clusters", _, "node-groups"] => "ListNodegroups",
        ["clusters", _, "node-groups", _] => "DescribeNodegroup",
        ["clusters", _, "identity-provider-configs"] => "ListIdentityProviderConfigs",
        _ => "Unknown",
    }
}

fn fields(text: &str) -> HashMap<String, String> {
    let pairs = text.split('&').filter_map(|it| it.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [a, b, tail @ ..]) => {
                let hex = [*a, *b];
                let hex = std::str::from_utf8(&hex).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                rest = tail;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// As IAM encodes documents.
pub fn encoded(text: &str) -> String {
    let plain = |it: &u8| it.is_ascii_alphanumeric() || b"-_.~".contains(it);
    text.bytes()
        .map(|it| if plain(&it) { char::from(it).to_string() } else { format!("%{it:02X}") })
        .collect()
}

pub fn denied_xml(operation: &str) -> (u16, String) {
    let message = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/ci is not authorized to perform: {operation} because no identity-based \
         policy allows the {operation} action"
    );
    error_xml(403, "AccessDenied", &message)
}

pub fn error_xml(status: u16, code: &str, message: &str) -> (u16, String) {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
    );
    (status, body)
}

pub fn denied_json(operation: &str) -> (u16, String) {
    error_json(
        403,
        "AccessDeniedException",
        &format!("User: x is not authorized to perform: {operation}"),
    )
}

pub fn error_json(status: u16, code: &str, message: &str) -> (u16, String) {
    (status, format!(r#"{{"__type": "{code}", "message": "{message}"}}"#))
}

pub fn not_found() -> (u16, String) {
    error_json(404, "ResourceNotFoundException", "No cluster found")
}

pub fn caller(account: &str) -> String {
    format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{account}:user/ci</Arn>\
         <UserId>AIDA1</UserId><Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
}

pub fn cluster(name: &str, issuer: &str) -> String {
    format!(
        r#"{{"cluster": {{"name": "{name}", "arn": "arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/{name}",
            "createdAt": 1700000000.5, "version": "1.34", "platformVersion": "eks.9", "status": "ACTIVE",
            "endpoint": "https://{name}.gr7.eu-west-1.eks.amazonaws.com",
            "identity": {{"oidc": {{"issuer": "https://{issuer}"}}}},
            "accessConfig": {{"authenticationMode": "API"}},
            "certificateAuthority": {{"data": "LS0tLS1CRUdJTgo="}}, "tags": {{"b": "2", "a": "1"}}}}}}"#
    )
}

pub fn assumed(key: &str) -> String {
    format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>\
         <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
}

fn role_xml(name: &str, path: &str, trust: &str, more: &str) -> String {
    format!(
        "<Path>{path}</Path><RoleName>{name}</RoleName><RoleId>AROA{name}</RoleId>\
         <Arn>arn:aws:iam::{ACCOUNT}:role{path}{name}</Arn><CreateDate>2025-01-01T00:00:00Z</CreateDate>\
         <AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument><MaxSessionDuration>3600</MaxSessionDuration>{more}",
        encoded(trust)
    )
}

/// `(name, path, trust policy)` of each role, and the marker of the next page.
pub fn list_roles(roles: &[(String, &str, &str)], marker: Option<&str>) -> String {
    let members: String = roles
        .iter()
        .map(|(name, path, trust)| format!("<member>{}</member>", role_xml(name, path, trust, "")))
        .collect();
    let end = marker.map(|it| format!("<Marker>{it}</Marker>")).unwrap_or_default();
    format!(
        "<ListRolesResponse><ListRolesResult><Roles>{members}</Roles><IsTruncated>{}</IsTruncated>{end}\
         </ListRolesResult></ListRolesResponse>",
        marker.is_some()
    )
}

pub fn get_role(name: &str, path: &str, trust: &str) -> String {
    let more = "<Tags><member><Key>team</Key><Value>web</Value></member></Tags><RoleLastUsed>\
                <LastUsedDate>2026-01-01T00:00:00Z</LastUsedDate><Region>eu-west-1</Region></RoleLastUsed>";
    let role = role_xml(name, path, trust, more);
    format!("<GetRoleResponse><GetRoleResult><Role>{role}</Role></GetRoleResult></GetRoleResponse>")
}

/// A row of `details`, with what it says of policies.
pub fn detailed_role(name: &str, path: &str, trust: &str, policies: &str) -> String {
    let more = "<Tags><member><Key>team</Key><Value>web</Value></member></Tags><RoleLastUsed>\
                <LastUsedDate>2026-01-01T00:00:00Z</LastUsedDate></RoleLastUsed>";
    format!("<member>{}</member>", role_xml(name, path, trust, &format!("{more}{policies}")))
}

pub fn details(roles: &str, policies: &str, marker: Option<&str>) -> String {
    let end = marker.map(|it| format!("<Marker>{it}</Marker>")).unwrap_or_default();
    format!(
        "<GetAccountAuthorizationDetailsResponse><GetAccountAuthorizationDetailsResult><RoleDetailList>{roles}\
         </RoleDetailList><Policies>{policies}</Policies><IsTruncated>{}</IsTruncated>{end}\
         </GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>",
        marker.is_some()
    )
}

pub fn list_providers(urls: &[&str]) -> String {
    let members: String = urls
        .iter()
        .map(|url| {
            format!("<member><Arn>arn:aws:iam::{ACCOUNT}:oidc-provider/{url}</Arn></member>")
        })
        .collect();
    format!(
        "<ListOpenIDConnectProvidersResponse><ListOpenIDConnectProvidersResult><OpenIDConnectProviderList>{members}\
         </OpenIDConnectProviderList></ListOpenIDConnectProvidersResult></ListOpenIDConnectProvidersResponse>"
    )
}

pub fn get_provider(url: &str) -> String {
    format!(
        "<GetOpenIDConnectProviderResponse><GetOpenIDConnectProviderResult><Url>{url}</Url><ClientIDList>\
         <member>sts.amazonaws.com</member></ClientIDList><ThumbprintList><member>00</member></ThumbprintList>\
         <CreateDate>2025-01-01T00:00:00Z</CreateDate></GetOpenIDConnectProviderResult>\
         </GetOpenIDConnectProviderResponse>"
    )
}

pub fn associations(range: std::ops::Range<usize>, next: Option<&str>) -> String {
    let rows: Vec<String> = range
        .map(|n| {
            format!(
                r#"{{"clusterName": "prod", "namespace": "shop", "serviceAccount": "sa{n}", "associationId": "a-{n}",
                    "associationArn": "arn:aws:eks:eu-west-1:{ACCOUNT}:podidentityassociation/prod/a-{n}"}}"#
            )
        })
        .collect();
    let next = next.map(|it| format!(r#", "nextToken": "{it}""#)).unwrap_or_default();
    format!(r#"{{"associations": [{}]{next}}}"#, rows.join(","))
}

pub fn association(id: &str) -> String {
    format!(
        r#"{{"association": {{"clusterName": "prod", "namespace": "shop", "serviceAccount": "x",
            "associationId": "{id}", "roleArn": "arn:aws:iam::{ACCOUNT}:role/app", "disableSessionTags": false,
            "createdAt": 1700000000, "modifiedAt": 1700000001}}}}"#
    )
}
