//! `trust eval`: one policy file against one token, clause by clause.

use crate::{
    cli::{
        args,
        error::UsageError,
        output,
        trust::{Map, raw, read, vectors},
    },
    ident::{Issuer, Timestamp},
    report::{chain, vector},
};

pub fn run(
    args: &args::TrustEval,
    global: &args::Global,
    now: Timestamp,
) -> Result<(String, u8), UsageError> {
    let file = args.trust_policy.display().to_string();
    let policy = read(&args.trust_policy)?;
    let mut fields = vectors::Fields::new();
    let mut set = |key: &str, value: Option<&str>| {
        if let Some(it) = value {
            fields.insert(key.to_owned(), raw(&it));
        }
    };
    let (irsa, mechanism) = match args.mechanism {
        args::Mechanism::Irsa => (true, "irsa"),
        args::Mechanism::PodIdentity => (false, "pod-identity"),
    };
    let need = |flag: &str, value: Option<&String>| match value {
        Some(it) => Ok(it.clone()),
        None => Err(UsageError::new(format!("{flag} is missing"))
            .hint("trust eval judges offline: nothing is read from a cluster or from AWS")),
    };
    let issuer = if irsa {
        need("--issuer", args.issuer.as_ref())?
    } else {
        args.issuer.clone().unwrap_or_default()
    };
    let account = need("--account", args.account.as_ref())?;
    let cluster = if irsa {
        global.cluster.clone().unwrap_or_default()
    } else {
        need("--cluster", global.cluster.as_ref())?
    };
    let region = match (&global.region, Issuer::new(&issuer).region()) {
        (Some(it), _) => it.clone(),
        (None, Some(it)) => it.to_owned(),
        (None, None) if irsa => String::new(),
        (None, None) => return Err(UsageError::new("--region is missing")),
    };
    set("id", Some(&file));
    set("mechanism", Some(mechanism));
    set("partition", Some(args.partition.as_deref().unwrap_or_else(|| partition(&region))));
    set("account", Some(&account));
    set("region", Some(&region));
    set("issuer", Some(&issuer));
    set("cluster", Some(&cluster));
    set("namespace", Some(global.namespace.first().map_or("default", String::as_str)));
    set("serviceAccount", Some(&args.service_account));
    set("now", args.now.as_deref());
    set("expected", Some(""));
    set("trustPolicy", Some(&policy));
    let mut providers: Map<Vec<String>> = Map::new();
    for it in &args.providers {
        let (url, clients) = pair("--providers", it, "URL=CLIENT[,CLIENT]")?;
        let url = Issuer::new(&url).as_str().to_owned();
        providers.entry(url).or_default().extend(clients.split(',').map(str::to_owned));
    }
    if args.providers.is_empty() {
        providers
            .insert(Issuer::new(&issuer).as_str().to_owned(), vec!["sts.amazonaws.com".to_owned()]);
    }
    fields.insert("providers".into(), raw(&providers));
    if !args.token_audience.is_empty() {
        fields.insert("tokenAudience".into(), raw(&args.token_audience));
    }
    fields.insert("sessionTags".into(), raw(&args.session_tags));
    let mut tags: Map<String> = Map::new();
    for it in &args.role_tags {
        let (key, value) = pair("--role-tags", it, "KEY=VALUE")?;
        tags.insert(key, value);
    }
    fields.insert("roleTags".into(), raw(&tags));
    let mut context: Map<Vec<String>> = Map::new();
    for it in &global.context {
        let (key, value) = pair("--context", it, "KEY=VALUE")?;
        context.entry(key).or_default().push(value);
    }
    fields.insert("context".into(), raw(&context));

    let (vector, _expected) = vectors::trust_vector(&fields, &vectors::Fields::new(), &file, now)?;
    let (got, judged) = vector::judge(&vector);
    let because = vector::because(&vector, &judged);
    let position = vector::invalid(&vector).and_then(|it| it.position);
    let place = position.map(|it| format!("{file}:{}:{}: ", it.line, it.column));
    let status = match got.as_str() {
        "ALLOW" => 0,
        // IAM could not have saved an invalid document: there is nothing to allow or deny.
        "UNKNOWN" | "INVALID" => 3,
        _signature => 1,
    };
    let text = match args.output {
        args::TrustOutput::Json => {
            let hops = chain::json(&judged.hops);
            let answer = serde_json::json!({
                "verdict": got,
                "because": because,
                "position": position.map(|it| serde_json::json!({"line": it.line, "column": it.column})),
                "chain": hops,
            });
            output::json(&answer)
        }
        args::TrustOutput::Text => {
            let place = place.unwrap_or_default();
            format!("{got}: {place}{because}\n\n{}", chain::text(&judged.hops))
        }
    };
    Ok((text, status))
}

fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

fn pair(flag: &str, text: &str, form: &str) -> Result<(String, String), UsageError> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(UsageError::new(format!("{flag}: `{text}` is not {form}"))),
    }
}
