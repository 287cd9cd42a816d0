//! The endpoints over plain HTTP: pages, watches, optimistic concurrency, refusals, faults, and AWS's own words.

use idscope::{
    ident::Timestamp,
    lab::{
        Lab, World,
        scenario::{self, Fault, When},
    },
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";

fn base() -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": format!("arn:aws:iam::111122223333:oidc-provider/{ISSUER}")},
            "Condition": {"StringEquals": {format!("{ISSUER}:sub"): "system:serviceaccount:shop:web"}}},
        {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Principal": {"Service": "pods.eks.amazonaws.com"}}]});
    format!(
        "apiVersion: lab.idscope.dev/v1\nkind: EksCluster\nname: prod\naccount: \"111122223333\"\nregion: eu-west-1\n\
         issuer: https://{ISSUER}\n---\napiVersion: lab.idscope.dev/v1\nkind: EksDefaults\n---\n\
         apiVersion: lab.idscope.dev/v1\nkind: OidcProvider\naccount: \"111122223333\"\nurl: {ISSUER}\n\
         clientIds: [sts.amazonaws.com]\n---\napiVersion: lab.idscope.dev/v1\nkind: IamRole\n\
         arn: arn:aws:iam::111122223333:role/app\ntrustPolicy: {trust}\n---\napiVersion: v1\nkind: ServiceAccount\n\
         metadata: {{name: web, namespace: shop, annotations: {{eks.amazonaws.com/role-arn: \
         arn:aws:iam::111122223333:role/app}}}}\n---\napiVersion: apps/v1\nkind: Deployment\n\
         metadata: {{name: web, namespace: shop}}\nspec: {{replicas: 2, template: {{metadata: {{labels: {{app: web}}}}, \
         spec: {{serviceAccountName: web, containers: [{{name: app, image: a}}]}}}}}}\n{}{}",
        pod("web-1"),
        pod("web-2"),
    )
}

fn pod(name: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: web}}, \
         ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: web}}]}}\nspec: {{serviceAccountName: web, \
         containers: [{{name: app, image: a}}]}}\n"
    )
}

fn lab(kind: &str, rest: &str) -> String {
    format!("---\napiVersion: lab.idscope.dev/v1\nkind: {kind}\n{rest}\n")
}

async fn start(more: &str) -> Lab {
    let now = Timestamp::try_from(SystemTime::now()).unwrap();
    let world = World::parse("test.yaml", &format!("{}{more}", base()), now);
    Lab::start(world.unwrap_or_else(|it| panic!("{it}"))).await.unwrap()
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|it| panic!("{it}: {self:?}"))
    }

    fn names(&self) -> Vec<String> {
        let items = self.json()["items"].as_array().unwrap().clone();
        items.iter().map(|it| it["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }
}

struct Ask<'a> {
    url: String,
    method: &'a str,
    path: &'a str,
    headers: &'a str,
    body: &'a str,
}

/// One request on a connection of its own; `None` when the server closed it without a whole answer.
async fn send(ask: Ask<'_>) -> Option<Answer> {
    let address = ask.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n{}\r\n{}",
        ask.method,
        ask.path,
        ask.body.len(),
        ask.headers,
        ask.body
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok()?;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let body = match head.to_lowercase().contains("transfer-encoding: chunked") {
        true => dechunk(body)?,
        false => body.to_owned(),
    };
    let status = head.split(' ').nth(1)?.parse().unwrap();
    Some(Answer { status, head: head.to_owned(), body })
}

fn dechunk(mut rest: &str) -> Option<String> {
    let mut res = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(res);
        }
        res.push_str(after.get(..size)?);
        rest = after.get(size + 2..)?;
    }
}

async fn kube(lab: &Lab, method: &str, path: &str, body: &Value) -> Answer {
    let kind = match method {
        "PATCH" if body.is_array() => "application/json-patch+json",
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = format!("Content-Type: {kind}\r\n");
    send(Ask { url: lab.kube_url(), method, path, headers: &headers, body: &body }).await.unwrap()
}

async fn get(lab: &Lab, path: &str) -> Answer {
    kube(lab, "GET", path, &Value::Null).await
}

const KEY: &str = "Authorization: AWS4-HMAC-SHA256 Credential=AKIALAB111122223333X/20260101/eu-west-1/iam/aws4_request, \
                   SignedHeaders=host, Signature=0\r\n";

async fn query(lab: &Lab, form: &str) -> Answer {
    let key = if form.contains("WebIdentity") { "" } else { KEY };
    let headers = format!("{key}Content-Type: application/x-www-form-urlencoded\r\n");
    send(Ask { url: lab.aws_url(), method: "POST", path: "/", headers: &headers, body: form })
        .await
        .unwrap()
}

async fn eks(lab: &Lab, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(Ask { url: lab.aws_url(), method, path, headers: KEY, body: &body }).await.unwrap()
}

const PODS: &str = "/api/v1/namespaces/shop/pods";

#[tokio::test]
async fn lists_come_in_pages_and_old_tokens_are_gone() {
    let lab = start(&format!("{}{}", pod("web-3"), pod("web-4"))).await;
    let first = get(&lab, &format!("{PODS}?limit=2")).await.json();
    assert_eq!(first["metadata"]["remainingItemCount"], 2);
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    let second = get(&lab, &format!("{PODS}?limit=2&continue={token}")).await;
    assert_eq!(second.names(), ["web-3", "web-4"]);
    assert_eq!(second.json()["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    assert!(second.json()["metadata"].get("continue").is_none());
    assert_eq!(get(&lab, &format!("{PODS}?continue=zzz")).await.status, 400);
    // The same token with a version from before the history.
    let old = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOlsic2hvcCIsIndlYi0xIl19";
    let gone = get(&lab, &format!("{PODS}?limit=2&continue={old}")).await;
    assert_eq!((gone.status, &gone.json()["reason"]), (410, &json!("Expired")));
}

#[tokio::test]
async fn selectors_filter_lists() {
    let lab = start("").await;
    let check = async |query: &str, n: usize| {
        let names = get(&lab, &format!("/api/v1/pods?{query}")).await.names();
        assert_eq!(names.len(), n, "{query}: {names:?}");
    };
    check("", 4).await;
    check("labelSelector=app%3Dweb", 2).await;
    check("labelSelector=app", 2).await;
    check("labelSelector=%21app", 2).await;
    check("fieldSelector=spec.nodeName%3Dnode-2", 1).await;
    check("fieldSelector=metadata.name%3Dweb-1,metadata.namespace%3Dshop", 1).await;
    check("fieldSelector=metadata.namespace%21%3Dshop", 2).await;
}

#[tokio::test]
async fn writes_are_checked_against_the_version_that_was_read() {
    let lab = start("").await;
    let path = "/api/v1/namespaces/shop/serviceaccounts/web";
    let read = get(&lab, path).await.json();
    let mut new = read.clone();
    new["metadata"]["annotations"]["a"] = "1".into();
    let dry = kube(&lab, "PUT", &format!("{path}?dryRun=All"), &new).await;
    assert_eq!(dry.json()["metadata"]["annotations"]["a"], "1");
    assert_eq!(get(&lab, path).await.json(), read, "a dry run leaves no trace");
    assert_eq!(kube(&lab, "PUT", path, &new).await.status, 200);
    let stale = kube(&lab, "PUT", path, &new).await;
    assert_eq!(stale.status, 409);
    assert_eq!(
        stale.json()["message"],
        "Operation cannot be fulfilled on serviceaccounts \"web\": the object has been modified; please apply your \
         changes to the latest version and try again"
    );
    let test = json!([{"op": "test", "path": "/metadata/annotations/a", "value": "2"}]);
    assert_eq!(kube(&lab, "PATCH", path, &test).await.status, 422);
    let now = get(&lab, path).await.json();
    let again = kube(&lab, "PATCH", path, &json!({"metadata": {"annotations": {"a": "1"}}})).await;
    assert_eq!(again.json(), now, "nothing changed, so nothing is stored");
    let other = json!({"preconditions": {"uid": "other"}});
    assert_eq!(kube(&lab, "DELETE", path, &other).await.status, 409);
    let exists = json!({"metadata": {"name": "web"}});
    let path = "/api/v1/namespaces/shop/serviceaccounts";
    let exists = kube(&lab, "POST", path, &exists).await;
    assert_eq!(exists.json()["message"], "serviceaccounts \"web\" already exists");
    let wrong = kube(&lab, "POST", path, &json!({"metadata": {"name": "BAD"}})).await;
    assert_eq!((wrong.status, &wrong.json()["details"]["kind"]), (422, &json!("ServiceAccount")));
    let cause = &wrong.json()["details"]["causes"][0];
    assert_eq!(
        (&cause["field"], &cause["reason"]),
        (&json!("metadata.name"), &json!("FieldValueInvalid"))
    );
    let missing = get(&lab, "/api/v1/namespaces/shop/pods/nope").await;
    assert_eq!(missing.json()["message"], "pods \"nope\" not found");
    let path = "/api/v1/namespaces/shop/secrets";
    let secret = json!({"metadata": {"name": "s"}, "stringData": {"a": "b"}});
    let made = kube(&lab, "POST", path, &secret).await.json();
    assert_eq!((&made["data"], &made["stringData"]), (&json!({"a": "Yg=="}), &Value::Null));
    let more = json!({"stringData": {"c": "d"}});
    let patched = kube(&lab, "PATCH", &format!("{path}/s"), &more).await.json();
    assert_eq!(patched["data"], json!({"a": "Yg==", "c": "ZA=="}));
}

/// The events of a watch that ends by itself.
async fn watch(lab: &Lab, path: &str) -> Vec<Value> {
    let answer = get(lab, path).await;
    answer.body.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|it| it["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn watches_replay_changes_and_say_when_they_cannot() {
    let lab = start("").await;
    let version =
        get(&lab, PODS).await.json()["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    assert_eq!(kube(&lab, "DELETE", &format!("{PODS}/web-1"), &Value::Null).await.status, 200);
    let end = "timeoutSeconds=1&allowWatchBookmarks=true&watch=1";
    let events = watch(&lab, &format!("{PODS}?resourceVersion={version}&{end}")).await;
    assert_eq!(types(&events), ["DELETED", "ADDED", "BOOKMARK"]);
    assert_eq!(events[0]["object"]["metadata"]["name"], "web-1");
    let env = events[1]["object"]["spec"]["containers"][0]["env"].as_array().unwrap();
    assert!(env.iter().any(|it| it["name"] == "AWS_ROLE_ARN"), "made anew through admission");
    let last = get(&lab, PODS).await.json()["metadata"]["resourceVersion"].clone();
    assert_eq!(events[2]["object"]["metadata"]["resourceVersion"], last);

    let gone = watch(&lab, &format!("{PODS}?resourceVersion=1&{end}")).await;
    assert_eq!(types(&gone), ["ERROR"]);
    assert_eq!(gone[0]["object"]["code"], 410);

    let list = watch(
        &lab,
        &format!("{PODS}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&{end}"),
    )
    .await;
    assert_eq!(types(&list), ["ADDED", "ADDED", "BOOKMARK", "BOOKMARK"]);
    assert_eq!(list[2]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let none = watch(&lab, &format!("/api/v1/pods?labelSelector=app%3Dnone&{end}")).await;
    assert_eq!(types(&none), ["BOOKMARK"]);
}

#[tokio::test]
async fn controllers_follow_templates_and_service_accounts() {
    let lab = start("").await;
    let restart =
        json!({"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}});
    let path = "/apis/apps/v1/namespaces/shop/deployments/web";
    assert_eq!(kube(&lab, "PATCH", path, &restart).await.status, 200);
    let names = get(&lab, PODS).await.names();
    assert_eq!(names.len(), 2);
    assert!(!names.contains(&"web-1".to_owned()));

    let gone = json!({"metadata": {"name": "late"}, "spec": {"replicas": 1, "template": {
        "metadata": {}, "spec": {"serviceAccountName": "late", "containers": [{"name": "c", "image": "i"}]}}}});
    let made = kube(&lab, "POST", "/apis/apps/v1/namespaces/shop/deployments", &gone).await;
    assert_eq!(made.status, 201);
    let late = || get(&lab, "/apis/apps/v1/namespaces/shop/deployments/late");
    let failure = late().await.json()["status"]["conditions"][1].clone();
    assert_eq!(failure["reason"], "FailedCreate");
    let pod = json!({"metadata": {"name": "x"}, "spec": {"serviceAccountName": "late", "containers": []}});
    let refused = kube(&lab, "POST", PODS, &pod).await;
    assert_eq!(
        refused.json()["message"],
        "pods \"x\" is forbidden: error looking up service account shop/late: serviceaccount \"late\" not found"
    );
    let account = json!({"metadata": {"name": "late"}});
    kube(&lab, "POST", "/api/v1/namespaces/shop/serviceaccounts", &account).await;
    assert_eq!(late().await.json()["status"]["readyReplicas"], 1);

    let space = json!({"metadata": {"name": "fresh"}});
    assert_eq!(kube(&lab, "POST", "/api/v1/namespaces", &space).await.status, 201);
    let accounts = get(&lab, "/api/v1/namespaces/fresh/serviceaccounts").await;
    assert_eq!(accounts.names(), ["default"]);
    kube(&lab, "DELETE", "/api/v1/namespaces/fresh", &Value::Null).await;
    assert!(get(&lab, "/api/v1/namespaces/fresh/serviceaccounts").await.names().is_empty());
}

#[tokio::test]
async fn the_caller_is_refused_in_the_servers_words() {
    let caller = "namespaces: [shop]\ndenyKube: [\"list:nodes\"]\ndeny: [\"iam:GetRole *role/app\", eks:ListAddons]";
    let lab = start(&lab("Caller", caller)).await;
    let check = async |path: &str, wanted: &str| {
        let answer = get(&lab, path).await;
        assert_eq!((answer.status, answer.json()["message"].as_str().unwrap()), (403, wanted));
    };
    check(
        "/api/v1/pods",
        "pods is forbidden: User \"lab\" cannot list resource \"pods\" in API group \"\" at the cluster scope",
    )
    .await;
    check(
        "/apis/apps/v1/namespaces/kube-system/daemonsets/x",
        "daemonsets.apps \"x\" is forbidden: User \"lab\" cannot get resource \"daemonsets\" in API group \"apps\" in the \
         namespace \"kube-system\"",
    )
    .await;
    check(
        "/api/v1/nodes",
        "nodes is forbidden: User \"lab\" cannot list resource \"nodes\" in API group \"\" at the cluster scope",
    )
    .await;
    assert_eq!(get(&lab, PODS).await.status, 200);
    let review = json!({"spec": {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "data"}}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(kube(&lab, "POST", path, &review).await.json()["status"]["allowed"], false);

    let role = query(&lab, "Action=GetRole&Version=2010-05-08&RoleName=app").await;
    assert_eq!(role.status, 403);
    assert!(
        role.body.contains(
            "<Code>AccessDenied</Code><Message>User: arn:aws:iam::111122223333:user/lab is not authorized to perform: \
             iam:GetRole on resource: arn:aws:iam::111122223333:role/app because no identity-based policy allows the \
             iam:GetRole action</Message>"
        ),
        "{}",
        role.body
    );
    assert_eq!(
        query(&lab, "Action=GetRole&Version=2010-05-08&RoleName=eks-node").await.status,
        200
    );
    let addons = eks(&lab, "GET", "/clusters/prod/addons", &Value::Null).await;
    assert!(addons.head.contains("x-amzn-errortype: AccessDeniedException"), "{}", addons.head);
}

#[tokio::test]
async fn faults_happen_as_often_as_they_are_asked_for() {
    let faults = [
        lab("Fault", "api: kube:pods:list\nanswer: throttle\ntimes: 1"),
        lab("Fault", "api: kube:nodes:list\nanswer: gone\ntimes: 1"),
        lab("Fault", "api: kube:namespaces:list\nanswer: garbage\ntimes: 1"),
        lab("Fault", "api: kube:serviceaccounts:list\nanswer: drop\ntimes: 1"),
        lab("Fault", "api: kube:deployments:list\nanswer: hang"),
        lab("Fault", "api: kube:pods:watch\nanswer: gone\nafterEvents: 1\ntimes: 1"),
        lab("Fault", "api: kube:nodes:watch\nanswer: drop\nafterEvents: 1"),
        lab("Fault", "api: iam:GetRole\nanswer: throttle\nresource: \"*role/app\"\ntimes: 1"),
        lab("Fault", "api: eks:DescribeCluster\nanswer: throttle\ntimes: 1"),
    ];
    let lab = start(&faults.concat()).await;
    let throttled = get(&lab, "/api/v1/pods").await;
    assert_eq!(throttled.status, 429);
    assert!(throttled.head.to_lowercase().contains("retry-after: 1"));
    assert_eq!(get(&lab, "/api/v1/pods").await.status, 200);
    assert_eq!(get(&lab, "/api/v1/nodes").await.status, 410);
    let garbage = get(&lab, "/api/v1/namespaces").await;
    assert!(garbage.status == 200 && serde_json::from_str::<Value>(&garbage.body).is_err());
    let ask = |path: &'static str| Ask {
        url: lab.kube_url(),
        method: "GET",
        path,
        headers: "",
        body: "",
    };
    assert!(send(ask("/api/v1/serviceaccounts")).await.is_none());
    assert!(send(ask("/api/v1/serviceaccounts")).await.is_some());
    let hang = timeout(Duration::from_millis(200), send(ask("/apis/apps/v1/deployments"))).await;
    assert!(hang.is_err());
    let events = watch(&lab, "/api/v1/pods?watch=1&timeoutSeconds=1").await;
    assert_eq!(types(&events), ["ADDED", "ERROR"]);
    let events = watch(&lab, "/api/v1/pods?watch=1&timeoutSeconds=1").await;
    assert_eq!(types(&events), ["ADDED"; 4]);
    assert!(send(ask("/api/v1/nodes?watch=1&timeoutSeconds=1")).await.is_none());

    let role = "Action=GetRole&Version=2010-05-08&RoleName=app";
    assert!(query(&lab, role).await.body.contains("<Code>Throttling</Code>"));
    assert_eq!(query(&lab, role).await.status, 200);
    assert_eq!(eks(&lab, "GET", "/clusters/prod", &Value::Null).await.status, 429);
    let cluster = eks(&lab, "GET", "/clusters/prod", &Value::Null).await.json();
    assert_eq!(cluster["cluster"]["endpoint"], lab.kube_url());
}

async fn token(lab: &Lab, account: &str, audience: &str) -> String {
    let path = format!("/api/v1/namespaces/shop/serviceaccounts/{account}/token");
    let request = json!({"spec": {"audiences": [audience], "expirationSeconds": 3600}});
    let answer = kube(lab, "POST", &path, &request).await.json();
    answer["status"]["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn sts_answers_as_the_trust_policy_says() {
    let far = lab("IamRole", "arn: arn:aws:iam::444455556666:role/far\ntrustPolicy: {}");
    let lab = start(&far).await;
    let ask = async |account: &str, audience: &str, role: &str| {
        let token = token(&lab, account, audience).await;
        let form = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={role}&RoleSessionName=test&WebIdentityToken=\
             {token}"
        );
        let answer = query(&lab, &form).await;
        let part = |name: &str| {
            let (_, rest) = answer.body.split_once(&format!("<{name}>"))?;
            Some(rest.split_once('<')?.0.to_owned())
        };
        (answer.status, part("Message").or_else(|| part("Arn")).unwrap())
    };
    let app = "arn:aws:iam::111122223333:role/app";
    let sts = "sts.amazonaws.com";
    let wanted = [
        (("web", sts, app), (200, "arn:aws:sts::111122223333:assumed-role/app/test".to_owned())),
        (
            ("default", sts, app),
            (403, "Not authorized to perform sts:AssumeRoleWithWebIdentity".into()),
        ),
        (("web", "other", app), (400, "Incorrect token audience".into())),
        (
            ("web", sts, "arn:aws:iam::444455556666:role/far"),
            (400, format!("No OpenIDConnect provider found in your account for https://{ISSUER}")),
        ),
        (
            ("web", sts, "arn:aws:iam::111122223333:policy/app"),
            (400, "Request ARN is invalid".into()),
        ),
        (
            ("web", sts, "arn:aws:iam::111122223333:role/nope"),
            (403, "Not authorized to perform sts:AssumeRoleWithWebIdentity".into()),
        ),
    ];
    for ((account, audience, role), wanted) in wanted {
        assert_eq!(ask(account, audience, role).await, wanted, "{account} {audience} {role}");
    }
    let forged = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::111122223333:role/app&\
                  RoleSessionName=test&WebIdentityToken=a.b.c";
    assert!(query(&lab, forged).await.body.contains("<Code>InvalidIdentityToken</Code>"));
}

#[tokio::test]
async fn associations_are_checked_when_they_are_made() {
    let lab = start("").await;
    let path = "/clusters/prod/pod-identity-associations";
    let body = |role: &str| {
        json!({"namespace": "shop", "serviceAccount": "web",
        "roleArn": format!("arn:aws:iam::111122223333:role/{role}")})
    };
    let wrong = eks(&lab, "POST", path, &body("eks-node")).await;
    assert_eq!(wrong.json()["message"], "Trust policy of the role provided is invalid");
    assert!(wrong.head.contains("x-amzn-errortype: InvalidParameterException"));
    let made = eks(&lab, "POST", path, &body("app")).await;
    assert_eq!(made.status, 200);
    assert_eq!(eks(&lab, "POST", path, &body("app")).await.status, 409);
    let token = token(&lab, "web", "pods.eks.amazonaws.com").await;
    let assume = "/clusters/prod/assume-role-for-pod-identity";
    let given = eks(&lab, "POST", assume, &json!({"token": token})).await.json();
    let arn = given["assumedRoleUser"]["arn"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:sts::111122223333:assumed-role/app/eks-prod-"), "{arn}");
    // The next pod is injected for Pod Identity.
    kube(&lab, "DELETE", &format!("{PODS}/web-1"), &Value::Null).await;
    let pods = get(&lab, &format!("{PODS}?labelSelector=eks.amazonaws.com/pod-identity")).await;
    assert_eq!(pods.names().len(), 1);
    // A trust policy that was changed later is not looked at again until credentials are asked for.
    let closed = "Action=UpdateAssumeRolePolicy&Version=2010-05-08&RoleName=app&PolicyDocument=%7B%22Version%22%3A\
                  %222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22\
                  Service%22%3A%22ec2.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";
    assert_eq!(query(&lab, closed).await.status, 200);
    let refused = eks(&lab, "POST", assume, &json!({"token": token})).await;
    assert_eq!(
        refused.json()["message"],
        "Unauthorized Exception! EKS does not have permissions to assume the associated role."
    );
}

#[tokio::test]
async fn iam_and_eks_lists_come_in_pages() {
    let role = |i: usize| {
        lab("IamRole", &format!("arn: arn:aws:iam::111122223333:role/r{i:03}\ntrustPolicy: {{}}"))
    };
    let association = |i: usize| {
        let rest = format!(
            "namespace: shop\nserviceAccount: s{i}\nroleArn: arn:aws:iam::111122223333:role/app"
        );
        lab("PodIdentityAssociation", &rest)
    };
    let more: String = (0..150).map(role).chain((0..120).map(association)).collect();
    let lab = start(&more).await;
    let first = query(&lab, "Action=ListRoles&Version=2010-05-08").await.body;
    assert_eq!(first.matches("<RoleName>").count(), 100);
    assert!(first.contains("<IsTruncated>true</IsTruncated>"));
    let marker = first.split_once("<Marker>").unwrap().1.split_once('<').unwrap().0;
    let second =
        query(&lab, &format!("Action=ListRoles&Version=2010-05-08&Marker={marker}")).await.body;
    assert_eq!(second.matches("<RoleName>").count(), 52);
    assert!(second.contains("<IsTruncated>false</IsTruncated>"));
    let path = "/clusters/prod/pod-identity-associations";
    let first = eks(&lab, "GET", path, &Value::Null).await.json();
    assert_eq!(first["associations"].as_array().unwrap().len(), 100);
    let next = first["nextToken"].as_str().unwrap();
    let second = eks(&lab, "GET", &format!("{path}?nextToken={next}"), &Value::Null).await.json();
    assert_eq!(second["associations"].as_array().unwrap().len(), 20);
    assert!(second["nextToken"].is_null());
}

#[tokio::test]
async fn accounts_go_by_their_keys() {
    let far = lab("IamRole", "arn: arn:aws:iam::444455556666:role/far\ntrustPolicy: {}");
    let caller = lab("Caller", "accounts: [\"111122223333\", \"444455556666\"]");
    let lab = start(&format!("{far}{caller}")).await;
    let ask = async |account: &str, form: &str| {
        let headers = KEY.replace("111122223333", account);
        send(Ask { url: lab.aws_url(), method: "POST", path: "/", headers: &headers, body: form })
            .await
            .unwrap()
    };
    let list = "Action=ListRoles&Version=2010-05-08";
    assert_eq!(ask("444455556666", list).await.body.matches("<RoleName>far</RoleName>").count(), 1);
    assert!(!ask("111122223333", list).await.body.contains("<RoleName>far</RoleName>"));
    let stranger = ask("999999999999", list).await;
    assert!(stranger.body.contains("<Code>InvalidClientTokenId</Code>"));
    assert_eq!(lab.account_profiles(), [("444455556666".into(), "lab-444455556666".to_owned())]);
    let dir = lab.kubeconfig().parent().unwrap().to_owned();
    assert!(dir.join("aws-config").exists());
    drop(lab);
    assert!(!dir.exists(), "the files go with the lab");
}

#[tokio::test]
async fn churn_replaces_pods() {
    let lab = start(&lab("Churn", "namespace: shop\nowner: web\nevery: 1s")).await;
    let before =
        get(&lab, PODS).await.json()["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let path = format!("{PODS}?watch=1&resourceVersion={before}&timeoutSeconds=3");
    let events = watch(&lab, &path).await;
    assert!(types(&events).starts_with(&["DELETED", "ADDED"]), "{:?}", types(&events));
    assert_eq!(get(&lab, PODS).await.names().len(), 2);
}

#[tokio::test]
async fn tables_and_discovery_are_what_kubectl_reads() {
    let lab = start("").await;
    let accept = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n";
    let ask = |path: &'static str, headers: &'static str| {
        send(Ask { url: lab.kube_url(), method: "GET", path, headers, body: "" })
    };
    let table = ask(PODS, accept).await.unwrap().json();
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["columnDefinitions"][1]["name"], "Ready");
    assert_eq!(table["rows"][0]["cells"][1], "1/1");
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let discovery =
        "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList\r\n";
    let groups = ask("/apis", discovery).await.unwrap();
    assert!(groups.head.contains("as=APIGroupDiscoveryList"));
    assert_eq!(groups.json()["kind"], "APIGroupDiscoveryList");
    let core = ask("/api/v1", "").await.unwrap().json();
    let resources = core["resources"].as_array().unwrap();
    assert!(resources.iter().any(|it| it["name"] == "serviceaccounts/token"));
    let issuer = ask("/.well-known/openid-configuration", "").await.unwrap().json();
    assert_eq!(issuer["issuer"], format!("https://{ISSUER}"));
    assert_eq!(ask("/apis/none/v1/things", "").await.unwrap().status, 404);
}

fn fault(api: &str, answer: scenario::Answer, when: When) -> Fault {
    Fault { api: api.into(), answer, resource: None, after_events: None, times: Some(1), when }
}

const TRUST: &str = "Action=UpdateAssumeRolePolicy&Version=2010-05-08&RoleName=app&PolicyDocument=%7B%22Version%22%3A\
                     %222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22\
                     Service%22%3A%22ec2.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";
const GET_ROLE: &str = "Action=GetRole&Version=2010-05-08&RoleName=app";

/// The trust policy that IAM serves now: whether it is the one of `TRUST`.
async fn is_written(lab: &Lab) -> bool {
    query(lab, GET_ROLE).await.body.contains("ec2.amazonaws.com")
}

#[tokio::test]
async fn an_answer_can_be_lost_before_and_after_the_write() {
    for (when, written) in [(When::Before, false), (When::After, true)] {
        let lab = start("").await;
        lab.break_with(fault("iam:UpdateAssumeRolePolicy", scenario::Answer::Drop, when));
        let headers = format!("{KEY}Content-Type: application/x-www-form-urlencoded\r\n");
        let ask =
            Ask { url: lab.aws_url(), method: "POST", path: "/", headers: &headers, body: TRUST };
        assert!(send(ask).await.is_none());
        assert_eq!(is_written(&lab).await, written, "{when:?}");

        lab.break_with(fault("kube:serviceaccounts:patch", scenario::Answer::Garbage, when));
        let path = "/api/v1/namespaces/shop/serviceaccounts/web";
        let patch = json!({"metadata": {"annotations": {"a": "b"}}});
        assert_eq!(kube(&lab, "PATCH", path, &patch).await.status, 200);
        let stored = get(&lab, path).await.json();
        assert_eq!(stored["metadata"]["annotations"]["a"] == "b", written, "{when:?}");
    }
}

#[tokio::test]
async fn a_read_may_not_have_heard_of_the_last_write() {
    let lab = start("").await;
    lab.break_with(fault("iam:GetRole", scenario::Answer::Stale, When::Before));
    assert!(!is_written(&lab).await);
    assert_eq!(query(&lab, TRUST).await.status, 200);
    assert!(!is_written(&lab).await, "stale once");
    assert!(is_written(&lab).await);
}

#[tokio::test]
async fn credentials_come_to_an_end() {
    let lab = start("").await;
    for (api, code) in [("iam:GetRole", "<Code>ExpiredToken</Code>")] {
        lab.break_with(fault(api, scenario::Answer::Expired, When::Before));
        let answer = query(&lab, GET_ROLE).await;
        assert_eq!((answer.status, answer.body.contains(code)), (403, true), "{}", answer.body);
    }
    lab.break_with(fault("eks:DescribeCluster", scenario::Answer::Expired, When::Before));
    let answer = eks(&lab, "GET", "/clusters/prod", &Value::Null).await;
    assert!(answer.head.contains("ExpiredTokenException"), "{}", answer.head);
    lab.break_with(fault("kube:pods:list", scenario::Answer::Expired, When::Before));
    assert_eq!(get(&lab, PODS).await.status, 401);
}

#[tokio::test]
async fn a_call_waits_where_it_is_told_to_and_everything_is_noted() {
    let lab = start("").await;
    let mut pause = lab.pause("iam:UpdateAssumeRolePolicy", 0, When::Before);
    let writing = query(&lab, TRUST);
    let meanwhile = async {
        pause.reached().await;
        assert!(!is_written(&lab).await);
        pause.release();
    };
    let (answer, ()) = tokio::join!(writing, meanwhile);
    assert_eq!((answer.status, is_written(&lab).await), (200, true));
    let wanted = "arn:aws:iam::111122223333:role/app";
    let seen: Vec<_> = lab.mutations().into_iter().map(|it| (it.api, it.resource)).collect();
    assert_eq!(seen, [("iam:UpdateAssumeRolePolicy".to_owned(), wanted.to_owned())]);
    // A dry run changes nothing, and neither does a question.
    let path = "/api/v1/namespaces/shop/serviceaccounts/web";
    kube(&lab, "PATCH", &format!("{path}?dryRun=All"), &json!({"metadata": {}})).await;
    kube(&lab, "DELETE", path, &json!({"dryRun": ["All"]})).await;
    token(&lab, "web", "x").await;
    assert_eq!(lab.mutations().len(), 1);
    assert_eq!(get(&lab, path).await.status, 200);
}

#[tokio::test]
async fn older_templates_are_kept() {
    let lab = start("").await;
    let deployment = "/apis/apps/v1/namespaces/shop/deployments/web";
    let sets = "/apis/apps/v1/namespaces/shop/replicasets";
    let number = "deployment.kubernetes.io/revision";
    let before = get(&lab, deployment).await.json();
    assert_eq!(before["metadata"]["annotations"][number], "1");
    let image =
        |image: &str| json!({"spec": {"template": {"metadata": {"annotations": {"i": image}}}}});
    let known = async |wanted: &[(&str, &str)]| {
        let mut all: Vec<_> = get(&lab, sets).await.json()["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                let note = &it["spec"]["template"]["metadata"]["annotations"]["i"];
                let number = &it["metadata"]["annotations"][number];
                (number.as_str().unwrap().to_owned(), note.as_str().unwrap_or("-").to_owned())
            })
            .collect();
        all.sort();
        let all: Vec<_> = all.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(all, wanted);
    };
    kube(&lab, "PATCH", deployment, &image("b")).await;
    known(&[("1", "-"), ("2", "b")]).await;
    kube(&lab, "PATCH", deployment, &image("c")).await;
    known(&[("1", "-"), ("2", "b"), ("3", "c")]).await;
    // Back to an older template: its ReplicaSet is used again and is the newest now.
    kube(&lab, "PATCH", deployment, &image("b")).await;
    known(&[("1", "-"), ("3", "c"), ("4", "b")]).await;
    assert_eq!(get(&lab, deployment).await.json()["metadata"]["annotations"][number], "4");
    kube(&lab, "PATCH", deployment, &json!({"spec": {"revisionHistoryLimit": 0}})).await;
    kube(&lab, "PATCH", deployment, &image("d")).await;
    known(&[("5", "d")]).await;
    assert_eq!(get(&lab, PODS).await.names().len(), 2);

    let revisions = "/apis/apps/v1/namespaces/kube-system/controllerrevisions";
    let count = async || get(&lab, revisions).await.json()["items"].as_array().unwrap().len();
    assert_eq!(count().await, 1);
    let agent = "/apis/apps/v1/namespaces/kube-system/daemonsets/eks-pod-identity-agent";
    assert_eq!(kube(&lab, "PATCH", agent, &image("b")).await.status, 200);
    assert_eq!(count().await, 2);
}

#[tokio::test]
async fn the_callers_own_permissions_are_those_of_the_scenario() {
    let lab = start(&lab("Caller", "deny: [\"iam:TagRole\", \"iam:PassRole *role/app\"]")).await;
    let arn = lab.change(|world| world.caller.arn.to_string());
    // The session of a role goes by its role.
    let role = arn.replace(":sts:", ":iam:").replace("assumed-role/", "role/");
    let is_session = arn.contains("assumed-role");
    let source = role.rsplit_once('/').filter(|_| is_session).map_or(&*role, |it| it.0);
    let ask = async |action: &str| {
        let form = format!(
            "Action=SimulatePrincipalPolicy&Version=2010-05-08&PolicySourceArn={source}&ActionNames.member.1={action}"
        );
        let body = query(&lab, &form).await.body;
        let decision = body.split_once("<EvalDecision>").unwrap_or_else(|| panic!("{body}")).1;
        decision.split_once('<').unwrap().0.to_owned()
    };
    assert_eq!(ask("iam:TagRole").await, "implicitDeny");
    assert_eq!(ask("iam:UpdateAssumeRolePolicy").await, "allowed");
    // A role that may not be handed on is not associated.
    let path = "/clusters/prod/pod-identity-associations";
    let body = json!({"namespace": "shop", "serviceAccount": "web",
        "roleArn": "arn:aws:iam::111122223333:role/app"});
    let refused = eks(&lab, "POST", path, &body).await;
    assert!(refused.body.contains("iam:PassRole"), "{}", refused.body);
}

#[tokio::test]
async fn tokens_are_bound_to_pods_that_exist() {
    let lab = start("").await;
    let path = "/api/v1/namespaces/shop/serviceaccounts/web/token";
    let ask = async |pod: &str, uid: Value| {
        let bound = json!({"kind": "Pod", "apiVersion": "v1", "name": pod, "uid": uid});
        let body = json!({"spec": {"audiences": ["x"], "boundObjectRef": bound}});
        kube(&lab, "POST", path, &body).await.status
    };
    assert_eq!(ask("web-1", Value::Null).await, 201);
    assert_eq!(ask("web-1", json!("other")).await, 409);
    assert_eq!(ask("gone", Value::Null).await, 404);
}
