//! What makes `explain role/X` a document to keep: the policy as it was read with its hash, who read it when and with
//! which credentials, who is configured to use the role, who else could, and what was not read.

use crate::{
    check::Ledger,
    fact::{IamRole, Knowledge},
    graph::Graph,
    ident::{Arn, SaKey, visible},
    identity::{Mechanism, Verdict},
    report::{build, json},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, fmt::Write as _};

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// `null` when the role could not be read.
    pub trust_policy: Option<TrustPolicy>,
    /// Everybody whose annotation or association names the role.
    pub configured: Vec<Configured>,
    /// Everybody whom the role would let in.
    pub could: Vec<Could>,
    /// Sources that were not read to their end, whatever they hold.
    pub not_read: Vec<String>,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct TrustPolicy {
    /// As IAM returned it, URL-decoded and otherwise unchanged.
    pub document: String,
    /// Of the document's bytes, hex.
    pub sha256: String,
    /// Why it is no valid policy.
    pub invalid: Option<String>,
    pub read_at: Option<String>,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Configured {
    pub service_account: String,
    /// `annotation` or `association`.
    pub by: &'static str,
    pub association_id: Option<String>,
    /// `null` when nobody may say.
    pub exists: Option<bool>,
    /// Of the mechanism that names the role.
    pub verdict: &'static str,
    pub error_signature: Option<String>,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Could {
    pub service_account: String,
    /// `false`: whoever makes it may use the role.
    pub exists: Option<bool>,
    pub configured: bool,
}

/// Who read what when: the frame of every answer that may be kept.
#[derive(Clone, Debug)]
pub struct Provenance {
    pub generated_at: String,
    pub tool_version: &'static str,
    pub cluster: json::Cluster,
    pub caller: Option<json::Caller>,
    pub accounts_read: Vec<String>,
}

impl Provenance {
    pub fn of(graph: &Graph, meta: &build::Meta<'_>) -> Provenance {
        Provenance {
            generated_at: meta.generated_at.to_string(),
            tool_version: meta.tool_version,
            cluster: build::cluster(graph),
            caller: build::caller(graph),
            accounts_read: build::accounts_read(graph),
        }
    }

    pub fn render(&self) -> String {
        let mut res = String::new();
        let known = |it: &Option<String>| it.clone().unwrap_or_else(|| "not known".to_owned());
        put(&mut res, format_args!("read at         {}", self.generated_at));
        put(&mut res, format_args!("by              idscope {}", self.tool_version));
        put(&mut res, format_args!("cluster         {}", visible(&known(&self.cluster.arn))));
        let caller = self.caller.as_ref().map(|it| it.arn.clone());
        put(&mut res, format_args!("caller          {}", visible(&known(&caller))));
        let accounts = match self.accounts_read.is_empty() {
            true => "none".to_owned(),
            false => self.accounts_read.join(", "),
        };
        put(&mut res, format_args!("accounts read   {}", visible(&accounts)));
        res
    }
}

pub fn evidence(graph: &Graph, ledger: &Ledger, role: &json::Role) -> Evidence {
    let arn = Arn::from(role.arn.as_str());
    let configured = configured(graph, ledger, &arn);
    let named: BTreeSet<&str> = configured.iter().map(|it| &*it.service_account).collect();
    let could = role
        .could_be_used_by
        .iter()
        .map(|it| Could {
            service_account: it.clone(),
            exists: it.split_once('/').and_then(|(ns, name)| exists(graph, &SaKey::new(ns, name))),
            configured: named.contains(it.as_str()),
        })
        .collect();
    Evidence {
        trust_policy: graph.role(&arn).known().map(trust_policy),
        could,
        not_read: build::sources(graph)
            .into_iter()
            .filter(|it| it.state != "live")
            .map(|it| {
                let why = it.missing_permission.or(it.detail);
                let why = why.map(|it| format!(": {it}")).unwrap_or_default();
                format!("{} {}{why}", it.name, it.state)
            })
            .collect(),
        configured,
    }
}

fn trust_policy(role: &IamRole) -> TrustPolicy {
    let document = &*role.trust.raw;
    let digest = Sha256::digest(document.as_bytes());
    TrustPolicy {
        document: document.to_owned(),
        sha256: digest.iter().map(|it| format!("{it:02x}")).collect(),
        invalid: role.trust.parsed.as_ref().err().map(|it| match it.path.is_empty() {
            true => it.reason.clone(),
            false => format!("{}: {}", it.path, it.reason),
        }),
        read_at: role.read_at.map(|it| it.to_string()),
    }
}

fn configured(graph: &Graph, ledger: &Ledger, arn: &Arn) -> Vec<Configured> {
    let make = |key: &SaKey, by: &'static str, id: Option<String>| {
        let judged = ledger.identity(key);
        // With both mechanisms the verdict is the association's, and the annotation's stands beside it.
        let shadowed = judged
            .filter(|it| by == "annotation" && it.mechanism == Mechanism::Both)
            .and_then(|it| it.shadowed.as_ref());
        let verdict = match shadowed {
            Some(it) => Some(&it.verdict),
            None => judged.map(|it| &it.verdict),
        };
        Configured {
            service_account: key.to_string(),
            by,
            association_id: id,
            exists: exists(graph, key),
            verdict: verdict.map_or("unknown", Verdict::as_str),
            error_signature: verdict.and_then(Verdict::signature).map(|it| it.to_string()),
        }
    };
    let annotated = graph.annotated_with(arn).map(|it| make(it, "annotation", None));
    let associated = graph
        .associated_with(arn)
        .map(|it| make(&it.service_account, "association", Some(it.id.to_string())));
    let mut res: Vec<Configured> = annotated.chain(associated).collect();
    res.sort_by(|a, b| (&a.service_account, a.by).cmp(&(&b.service_account, b.by)));
    res
}

fn exists(graph: &Graph, key: &SaKey) -> Option<bool> {
    match graph.service_account(key) {
        Knowledge::Known(_) => Some(true),
        Knowledge::Absent => Some(false),
        Knowledge::Denied(_) | Knowledge::NotYet => None,
    }
}

/// For people; the document itself is left to `render_policy`.
pub fn render(it: &Evidence) -> String {
    let mut res = String::new();
    let there = |exists: Option<bool>| match exists {
        Some(true) => "",
        Some(false) => ", does not exist yet",
        None => ", may or may not exist",
    };
    for of in &it.configured {
        let error = of.error_signature.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
        let id = of.association_id.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
        put(
            &mut res,
            format_args!(
                "configured      {} by {}{id}: {}{error}{}",
                visible(&of.service_account),
                of.by,
                of.verdict,
                there(of.exists)
            ),
        );
    }
    for of in it.could.iter().filter(|it| !it.configured) {
        put(
            &mut res,
            format_args!(
                "could use it    {}, nothing configures it{}",
                visible(&of.service_account),
                there(of.exists)
            ),
        );
    }
    for it in &it.not_read {
        put(&mut res, format_args!("not read        {}", visible(it)));
    }
    res
}

/// The document line by line, with what proves that it is unchanged.
pub fn render_policy(it: &TrustPolicy) -> String {
    let mut res = String::new();
    let read = it.read_at.as_ref().map(|it| format!(", read {it}")).unwrap_or_default();
    put(&mut res, format_args!("sha256 {}, {} bytes{read}", it.sha256, it.document.len()));
    if let Some(why) = &it.invalid {
        put(&mut res, format_args!("not a valid trust policy: {}", visible(why)));
    }
    for line in it.document.lines() {
        put(&mut res, format_args!("{}", visible(line)));
    }
    res
}

fn put(res: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(res, "{text}").expect("a String takes all");
}
