//! The report as data: `idscope/report/v1`. Every key is always there; what does not apply is `null`.

use serde::Serialize;

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub schema: &'static str,
    pub generated_at: String,
    pub cluster: Cluster,
    pub sources: Vec<Source>,
    pub identities: Vec<Identity>,
    pub containers: Vec<Container>,
    pub roles: Vec<Role>,
    pub findings: Vec<Finding>,
    pub summary: Summary,
    pub caller: Option<Caller>,
    pub tool_version: &'static str,
    pub accounts_read: Vec<String>,
}

#[derive(Serialize, Debug, Clone, Default)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    pub context: Option<String>,
    pub name: Option<String>,
    pub arn: Option<String>,
    pub account: Option<String>,
    pub region: Option<String>,
    pub issuer: Option<String>,
    pub kubernetes_version: Option<String>,
    /// `issuer`, `endpoint`, `certificate-authority`, or null: the pairing is not proven.
    pub proven_by: Option<&'static str>,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    pub arn: String,
    pub account: String,
    pub via: String,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    pub name: String,
    /// `live`, `cached`, `pending`, `denied`, `failed`, `truncated`.
    pub state: &'static str,
    pub observed_at: Option<String>,
    pub count: usize,
    pub detail: Option<String>,
    pub missing_permission: Option<String>,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    pub namespace: String,
    pub service_account: String,
    /// `null` when nobody may say.
    pub exists: Option<bool>,
    pub mechanism: &'static str,
    pub role_arn: Option<String>,
    pub target_role_arn: Option<String>,
    pub association_id: Option<String>,
    pub verdict: &'static str,
    pub error_signature: Option<String>,
    pub because: String,
    pub health: &'static str,
    pub pods: Pods,
    pub findings: Vec<&'static str>,
}

#[derive(Serialize, Debug, Clone, Default)]
#[serde(rename_all = "camelCase")]
pub struct Pods {
    pub total: u32,
    pub injected: u32,
    pub stale: u32,
    pub node_role: u32,
    #[serde(rename = "static")]
    pub fixed: u32,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    pub namespace: String,
    pub pod: String,
    pub container: String,
    pub declared: String,
    pub effective: String,
    pub actual: &'static str,
    pub reach: Option<&'static str>,
    pub role_arn: Option<String>,
    pub because: String,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    pub arn: String,
    pub knowledge: &'static str,
    pub used_by: Vec<String>,
    pub could_be_used_by: Vec<String>,
    pub open_to: &'static str,
    pub trusts: Vec<Trust>,
    pub complete: bool,
    pub last_used: Option<LastUsed>,
    /// Whom it lets in beside those, in words.
    pub lets: Vec<Lets>,
    pub not_read: Vec<String>,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Trust {
    pub statement: usize,
    pub effect: &'static str,
    pub principal_type: String,
    pub principal: String,
    pub scope: &'static str,
    pub pattern: Option<String>,
    pub verdict: &'static str,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Lets {
    pub statement: usize,
    /// As of a trust.
    pub scope: &'static str,
    pub who: String,
    /// How many ServiceAccounts that is today; `null` where they are not this cluster's.
    pub today: Option<u32>,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct LastUsed {
    pub at: Option<String>,
    pub region: Option<String>,
    pub read_at: Option<String>,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub code: &'static str,
    pub name: &'static str,
    pub severity: &'static str,
    pub confidence: &'static str,
    pub subject: Subject,
    pub message: String,
    pub error_signature: Option<String>,
    pub evidence: Vec<Evidence>,
    pub affects: Affects,
    pub fixes: Vec<Fix>,
    pub reference: &'static str,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    pub kind: &'static str,
    pub namespace: Option<String>,
    pub name: String,
    pub arn: Option<String>,
    pub container: Option<String>,
    pub workload_kind: Option<&'static str>,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    #[serde(rename = "where")]
    pub place: String,
    pub found: String,
    pub needed: String,
}

#[derive(Serialize, Debug, Clone, Copy, Default)]
#[serde(rename_all = "camelCase")]
pub struct Affects {
    pub pods: u32,
    pub workloads: u32,
}

#[derive(Serialize, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    pub id: &'static str,
    pub title: String,
    pub applicability: &'static str,
    pub restart_needed: bool,
    pub commands: Vec<String>,
}

#[derive(Serialize, Debug, Clone, Copy, Default)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub identities: usize,
    pub healthy: usize,
    pub blocker: usize,
    pub wrong_id: usize,
    pub degraded: usize,
    pub security: usize,
    pub hygiene: usize,
    pub unknown: usize,
}
