//! The embedded endpoints as a program meets them, and what they hold.

use idscope::{lab::Lab, source::Settings};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// Settings of a program that reads them once.
pub fn settings(lab: &Lab, request_timeout: Duration) -> Settings {
    Settings {
        context: None,
        kubeconfig: Some(lab.kubeconfig().to_owned()),
        namespaces: Vec::new(),
        cluster: None,
        region: None,
        profile: None,
        account_profiles: lab.account_profiles(),
        account_roles: Vec::new(),
        cache_dir: None,
        read_secrets: false,
        request_timeout,
        poll: Duration::from_secs(60),
        env: lab.settings_env(),
        follow: false,
        writes: Default::default(),
    }
}

/// Everything in IAM and EKS that a plan can change, without ids and times.
pub fn aws_contents(lab: &Lab) -> Value {
    lab.change(|world| {
        let roles: Vec<Value> = world.roles.iter().map(|it| json!([it.arn, it.trust])).collect();
        let mut providers: Vec<Value> = world
            .providers
            .iter()
            .map(|it| json!([it.arn(), it.client_ids, it.thumbprints]))
            .collect();
        providers.sort_by_key(Value::to_string);
        let mut associations: Vec<Value> = world
            .associations
            .iter()
            .map(|it| {
                let key = it.service_account.to_string();
                let mut tags = it.tags.clone();
                tags.sort();
                json!([key, it.role, it.target_role, it.disable_session_tags, it.policy, tags])
            })
            .collect();
        associations.sort_by_key(Value::to_string);
        let addons: Vec<Value> = world.addons.iter().map(|it| json!(it.name)).collect();
        json!([roles, providers, associations, addons])
    })
}

/// One request to the API server.
pub async fn kube(lab: &Lab, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let url = lab.kube_url();
    let (method, path, body) = (method.to_owned(), path.to_owned(), body.clone());
    let asking = tokio::task::spawn_blocking(move || http(&url, &method, &path, &body));
    asking.await.unwrap()
}

/// One request on a connection of its own. Blocks.
fn http(url: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let address = url.strip_prefix("http://").unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let kind = match method {
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(&whole(head, body)).unwrap_or_default())
}

fn whole(head: &str, body: &str) -> String {
    if !head.to_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut res, mut rest) = (String::new(), body);
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        res.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
    res
}
