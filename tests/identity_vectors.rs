//! The recorded vectors, run whole: admission and credential chain against the webhook's and botocore's answers, trust
//! policies against the reference algorithm's.

use idscope::{
    fact::{AssociationDetail, Cluster, EnvValue, IamRole, Knowledge, VolumeSource},
    iam,
    ident::{Arn, Issuer, SaKey, Text},
    identity::{
        Verdict, Why,
        admission::{Defaults, Known, admit},
        chain::settle_in,
        eks,
        sts::{self, World},
    },
    source::slim::pod_from_json,
};
use serde_json::{Value, json};
use std::sync::Arc;

const ADMISSION: &str = include_str!("vectors/admission-vectors.json");
const TRUST: &str = include_str!("vectors/trust-vectors.json");

#[test]
fn admission_vectors() {
    let file: Value = serde_json::from_str(ADMISSION).unwrap();
    let flags = &file["defaults"];
    let defaults = Defaults {
        region: text(&flags["region"]),
        regional_sts: flags["stsRegionalEndpoints"].as_bool().unwrap(),
        audience: text(&flags["audience"]),
        token_expiration: flags["tokenExpiration"].as_i64().unwrap(),
        container_audience: text(&flags["containerCredentialsAudience"]),
    };
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 160);
    let wrong: Vec<String> = vectors.iter().filter_map(|it| mismatch(it, &defaults)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}

/// Every vector file as `trust test` runs it, so that duplicate keys and documents as text count too.
#[test]
fn trust_test_passes_every_file() {
    for (name, n_vectors) in [
        ("admission-vectors.json", 160),
        ("admission-webhook.json", 240),
        ("trust-vectors.json", 55),
        ("trust-language.json", 1599),
    ] {
        let (status, out) = trust_test(&format!("tests/vectors/{name}"));
        assert!(out.ends_with(&format!("{n_vectors} passed, 0 failed\n")), "{name}\n{out}");
        assert_eq!(status, Some(0), "{name}");
    }
}

#[test]
fn trust_test_tells_a_mismatch() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wrong.json");
    let text = TRUST.replacen(r#""expected": "ALLOW""#, r#""expected": "E05""#, 1);
    assert_ne!(text, TRUST);
    std::fs::write(&path, text).unwrap();
    let (status, out) = trust_test(path.to_str().unwrap());
    assert!(out.starts_with("TV-01: expected E05, got ALLOW: "), "{out}");
    assert!(out.ends_with("54 passed, 1 failed\n"), "{out}");
    assert_eq!(status, Some(1));
}

fn trust_test(path: &str) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_idscope"));
    let out = command.args(["trust", "test", path]).output().unwrap();
    (out.status.code(), String::from_utf8(out.stdout).unwrap())
}

fn mismatch(vector: &Value, defaults: &Defaults) -> Option<String> {
    let annotations = pairs(&vector["serviceAccount"]["annotations"]);
    let known = Known {
        association: vector["association"].as_bool().unwrap(),
        annotations: vector["serviceAccount"].is_object().then_some(&*annotations),
    };
    let stored = admit(&pod_from_json(&vector["pod"]).unwrap().spec, known, defaults);
    let expected = &vector["expected"];
    let label = stored.label("eks.amazonaws.com/pod-identity").map(|it| &**it);
    let tokens = stored.volumes.iter().flat_map(|volume| {
        let VolumeSource::Projected(tokens) = &volume.source else { return Vec::new() };
        let it = tokens.iter().map(|it| (volume.name.clone(), it.clone()));
        it.collect()
    });
    let tokens: Vec<_> = tokens
        .map(|(name, it)| {
            json!({
                "name": &*name,
                "audience": &*it.audience,
                "path": &*it.path,
                "expirationSeconds": it.expiration_seconds,
            })
        })
        .collect();
    let mut got = vec![json!({"label": label, "tokenVolumes": sorted(tokens)})];
    for container in &stored.containers {
        let chain = settle_in(container, &stored.volumes, &|_| Knowledge::Absent);
        let env = container.env.iter().map(|it| match &it.value {
            EnvValue::Literal(value) => json!([&*it.name, &**value]),
            EnvValue::Redacted | EnvValue::From(_) => json!([&*it.name, HIDDEN]),
        });
        let mounts = container.mounts.iter().map(|it| json!([&*it.volume, &*it.path]));
        got.push(json!({
            "name": &*container.name,
            "env": sorted(env.filter(is_aws).collect()),
            "mounts": sorted(mounts.collect()),
            "chain": chain.provider.as_str(),
            "chainError": chain.error,
        }));
    }

    let mut wanted = vec![json!({
        "label": expected["label"],
        "tokenVolumes": sorted(expected["tokenVolumes"].as_array().unwrap().clone()),
    })];
    // A jittered lifetime is not compared.
    let jittered = |it: &Value| it["expirationSeconds"].is_null();
    for (at, it) in wanted[0]["tokenVolumes"].as_array().unwrap().iter().enumerate() {
        if jittered(it) {
            got[0]["tokenVolumes"][at]["expirationSeconds"] = Value::Null;
        }
    }
    for it in expected["containers"].as_array().unwrap() {
        wanted.push(json!({
            "name": it["name"],
            "env": sorted(it["env"].as_array().unwrap().iter().map(hidden).collect()),
            "mounts": sorted(it["mounts"].as_array().unwrap().clone()),
            "chain": it["chain"],
            "chainError": it.get("chainError"),
        }));
    }
    (got != wanted).then(|| {
        let (got, wanted) = (Value::from(got), Value::from(wanted));
        format!("{}\n  got    {got}\n  wanted {wanted}", vector["id"])
    })
}

/// What stands for a value that the decoder drops since it is a credential.
const HIDDEN: &str = "(hidden)";

fn hidden(pair: &Value) -> Value {
    match pair[0].as_str().unwrap() {
        name @ ("AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY") if pair[1] != "" => {
            json!([name, HIDDEN])
        }
        _ => pair.clone(),
    }
}

fn is_aws(pair: &Value) -> bool {
    pair[0].as_str().unwrap().starts_with("AWS_")
}

fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by_key(Value::to_string);
    values
}

fn text(value: &Value) -> Text {
    value.as_str().unwrap_or_default().into()
}

fn pairs(value: &Value) -> Vec<(Text, Text)> {
    let pairs = value.as_object().into_iter().flatten();
    let mut res: Vec<_> = pairs.map(|(key, it)| (key.as_str().into(), text(it))).collect();
    res.sort();
    res
}

#[test]
fn trust_vectors() {
    let file: Value = serde_json::from_str(TRUST).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 55);
    let wrong = vectors.iter().filter_map(|vector| {
        let mut filled = file["defaults"].clone();
        for (key, value) in vector.as_object().unwrap() {
            filled[key] = value.clone();
        }
        let (got, because) = judge(&filled);
        let id = &vector["id"];
        (vector["expected"] != *got)
            .then(|| format!("{id}: {} got {got}: {because}", vector["expected"]))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}

fn judge(vector: &Value) -> (String, String) {
    let account = vector["account"].as_str().unwrap();
    let partition = vector["partition"].as_str().unwrap();
    let issuer = Issuer::new(vector["issuer"].as_str().unwrap());
    let service_account = SaKey::new(text(&vector["namespace"]), text(&vector["serviceAccount"]));
    let policy = vector["trustPolicy"].to_string();
    let role = IamRole {
        arn: Arn::new(format!("arn:{partition}:iam::{account}:role/vector")),
        id: "AROAEXAMPLE".into(),
        created: None,
        trust: Arc::new(iam::Document::parse(policy, iam::Kind::Trust)),
        max_session_seconds: None,
        permissions_boundary: Knowledge::Known(None),
        tags: Knowledge::Known(pairs(&vector["roleTags"])),
        last_used: Knowledge::NotYet,
        policies: Knowledge::NotYet,
        read_at: None,
    };
    if let Err(it) = &role.trust.parsed {
        return ("INVALID".to_owned(), it.reason.clone());
    }
    let context: Vec<(Text, Vec<Text>)> = vector["context"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, it)| (key.as_str().into(), texts(it)))
        .collect();
    let world = World::Closed(&context);
    let now = vector["now"].as_str().map(|it| it.parse().unwrap());
    let judged = if vector["mechanism"] == "irsa" {
        let audience = texts(&vector["tokenAudience"]);
        let provider = vector["providers"].get(issuer.as_str());
        sts::judge(&sts::Ask {
            role_arn: role.arn.as_str(),
            service_account: &service_account,
            issuer: Knowledge::Known(issuer),
            audience: &audience,
            provider: provider.map_or(Knowledge::Absent, |it| Knowledge::Known(texts(it))),
            role: Knowledge::Known(&role),
            region: None,
            session_name: Knowledge::Absent,
            world,
            now,
        })
    } else {
        let (region, name) = (vector["region"].as_str().unwrap(), text(&vector["cluster"]));
        let cluster = Cluster {
            arn: Arn::new(format!("arn:{partition}:eks:{region}:{account}:cluster/{name}")),
            name,
            account: account.into(),
            region: region.into(),
            issuer: Some(issuer),
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
        };
        let association = AssociationDetail {
            role_arn: role.arn.clone(),
            target_role_arn: None,
            external_id: None,
            disable_session_tags: vector["sessionTags"] == false,
            policy: None,
            created: None,
            modified: None,
            tags: Vec::new(),
        };
        eks::judge(&eks::Ask {
            service_account: &service_account,
            cluster: Knowledge::Known(&cluster),
            association: Knowledge::Known(&association),
            role: Knowledge::Known(&role),
            target: Knowledge::Absent,
            world,
            now,
        })
    };
    let got = match &judged.verdict {
        Verdict::None => "NONE".to_owned(),
        Verdict::Allow => "ALLOW".to_owned(),
        Verdict::Deny(it) => it.to_string(),
        Verdict::Unknown(Why::InvalidPolicy(_)) => "INVALID".to_owned(),
        Verdict::Unknown(_) => "UNKNOWN".to_owned(),
    };
    (got, judged.because)
}

fn texts(value: &Value) -> Vec<Text> {
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        it => vec![text(it)],
    }
}
