//! The recorded admission vectors, run whole against the webhook and the credential chain as functions.

use idscope::{
    fact::{
        Container, ContainerKind, EnvValue, EnvVar, Knowledge, Mount, PodSpec, TokenSource, Volume,
        VolumeSource,
    },
    ident::Text,
    identity::{
        admission::{Defaults, Known, admit},
        chain::settle_in,
    },
};
use serde_json::{Value, json};

const ADMISSION: &str = include_str!("vectors/admission-vectors.json");

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

fn mismatch(vector: &Value, defaults: &Defaults) -> Option<String> {
    let annotations = pairs(&vector["serviceAccount"]["annotations"]);
    let known = Known {
        association: vector["association"].as_bool().unwrap(),
        annotations: vector["serviceAccount"].is_object().then_some(&*annotations),
    };
    let stored = admit(&pod(&vector["pod"]), known, defaults);
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
            EnvValue::Redacted | EnvValue::From(_) => json!([&*it.name, null]),
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
            "env": sorted(it["env"].as_array().unwrap().clone()),
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

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], |it| it)
}

fn pod(value: &Value) -> PodSpec {
    let spec = &value["spec"];
    let selector = &spec["nodeSelector"];
    let containers = [
        ("initContainers", ContainerKind::Init),
        ("containers", ContainerKind::Main),
        ("ephemeralContainers", ContainerKind::Ephemeral),
    ];
    PodSpec {
        service_account: spec["serviceAccountName"].as_str().unwrap_or("default").into(),
        service_account_named: spec["serviceAccountName"].is_string(),
        host_network: spec["hostNetwork"].as_bool().unwrap_or_default(),
        windows_selector: ["kubernetes.io/os", "beta.kubernetes.io/os"]
            .iter()
            .any(|it| selector[it] == "windows"),
        windows_affinity: false,
        scheduler: None,
        fs_group: None,
        labels: pairs(&value["metadata"]["labels"]),
        annotations: pairs(&value["metadata"]["annotations"]),
        containers: containers
            .into_iter()
            .flat_map(|(field, kind)| items(&spec[field]).iter().map(move |it| container(it, kind)))
            .collect(),
        volumes: items(&spec["volumes"]).iter().map(volume).collect(),
    }
}

fn container(value: &Value, kind: ContainerKind) -> Container {
    Container {
        name: text(&value["name"]),
        kind,
        image: text(&value["image"]),
        env: items(&value["env"])
            .iter()
            .map(|it| EnvVar {
                name: text(&it["name"]),
                value: match it.get("valueFrom") {
                    Some(_) => EnvValue::From("elsewhere".into()),
                    None => EnvValue::Literal(text(&it["value"])),
                },
            })
            .collect(),
        env_from: Vec::new(),
        mounts: items(&value["volumeMounts"])
            .iter()
            .map(|it| Mount {
                volume: text(&it["name"]),
                path: text(&it["mountPath"]),
                sub_path: None,
                read_only: it["readOnly"].as_bool().unwrap_or_default(),
            })
            .collect(),
    }
}

fn volume(value: &Value) -> Volume {
    let sources = items(&value["projected"]["sources"]).iter();
    let tokens: Vec<_> = sources
        .filter_map(|it| it.get("serviceAccountToken"))
        .map(|it| TokenSource {
            audience: text(&it["audience"]),
            expiration_seconds: it["expirationSeconds"].as_i64(),
            path: text(&it["path"]),
        })
        .collect();
    let source = match value.get("projected") {
        Some(_) => VolumeSource::Projected(tokens),
        None => VolumeSource::Other("emptyDir".into()),
    };
    Volume { name: text(&value["name"]), source }
}
