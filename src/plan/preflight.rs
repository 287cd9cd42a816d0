//! The checks of a script: is this the account, the cluster and the state that the plan was made from?

use crate::{
    ident::{AccountId, Text},
    plan::{
        Edit, Names, Plan, Step, WorkloadKey, digest_of, quote,
        turnover::{DEFAULT, fields},
    },
};
use serde_json::{Value, json};

/// Lines of POSIX shell that call `stop` with a reason at the first difference.
pub fn preflight(plan: &Plan, names: &Names, issuer: Option<&Text>) -> Vec<String> {
    let mut res = Vec::new();
    for account in plan.accounts() {
        res.push(of_account(account, names));
    }
    // A cluster that was made again has another issuer, and what the plan says of the old one is no longer so.
    if let Some(issuer) = issuer {
        res.push(of_cluster(plan, names, issuer));
    }
    res.extend(plan.steps.iter().filter_map(|it| of_step(it, names)));
    res
}

fn of_cluster(plan: &Plan, names: &Names, issuer: &Text) -> String {
    if plan.edits().any(Edit::is_kubernetes) {
        let wanted = quote(&format!("\"issuer\":\"https://{issuer}\""));
        return format!(
            "{} get --raw /.well-known/openid-configuration | tr -d ' ' | grep -qF {wanted} || stop \"the context is another cluster's\"",
            names.kubectl()
        );
    }
    format!(
        "[ \"$(aws eks describe-cluster{} --name {} --query cluster.identity.oidc.issuer --output text)\" = {} ] || stop \"the cluster has another issuer\"",
        names.flags(None),
        names.cluster(),
        quote(&format!("https://{issuer}"))
    )
}

fn of_account(account: &AccountId, names: &Names) -> String {
    format!(
        "[ \"$(aws sts get-caller-identity{} --query Account --output text)\" = {account} ] || stop \"the credentials are not account {account}'s\"",
        names.flags(Some(account))
    )
}

/// The state of the step's target; `None` where its command fails by itself when something is not as expected.
fn of_step(step: &Step, names: &Names) -> Option<String> {
    let kubectl = names.kubectl();
    match &step.edit {
        Edit::Annotate { service_account: it, key, was, .. } => {
            let path = format!("{{.metadata.annotations.{}}}", key.replace('.', "\\."));
            Some(format!(
                "[ \"$({kubectl} get serviceaccount -n {} {} -o jsonpath={})\" = {} ] || stop \"the annotation is not what it was\"",
                quote(&it.namespace),
                quote(&it.name),
                quote(&path),
                quote(was.as_deref().unwrap_or_default())
            ))
        }
        Edit::UseServiceAccount { workload, was, .. } => Some(format!(
            "[ \"$({kubectl} get -n {} {}/{} -o jsonpath={})\" = {} ] || stop \"the template's ServiceAccount is not what it was\"",
            quote(&workload.namespace),
            workload.kind.short(),
            quote(&workload.name),
            quote("{.spec.template.spec.serviceAccountName}"),
            quote(was.as_deref().unwrap_or_default())
        )),
        Edit::Restart { workload } => of_restart(workload, step, &kubectl),
        Edit::SetTrust { role, was, .. } => {
            // The CLI lays the document out anew, an entry a line; white space within a value may be all that is wrong.
            let laid_out = match serde_json::from_str::<Value>(was) {
                Ok(it) => one_line(&it),
                Err(_) => was.to_string(),
            };
            Some(format!(
                "[ \"$(aws iam get-role{} --role-name {} --query Role.AssumeRolePolicyDocument --output json | sed 's/^ *//' | tr -d '\\n' | sha256sum | cut -d' ' -f1)\" = {} ] || stop \"the trust policy is not what it was\"",
                names.flags(step.account.as_ref()),
                quote(role.name().unwrap_or(role.as_str())),
                digest_of(laid_out.as_bytes())
            ))
        }
        Edit::UpdateAssociation { id, was, .. } | Edit::DeleteAssociation { id, was, .. } => {
            Some(format!(
                "[ \"$(aws eks describe-pod-identity-association{} --cluster-name {} --association-id {} --query association.roleArn --output text)\" = {} ] || stop \"the association is not what it was\"",
                names.flags(step.account.as_ref()),
                names.cluster(),
                quote(id),
                quote(was.role_arn.as_str())
            ))
        }
        Edit::CreateServiceAccount { .. }
        | Edit::DeleteServiceAccount { .. }
        | Edit::SetEnv { .. }
        | Edit::RestoreEnv { .. }
        | Edit::SetMetadata { .. }
        | Edit::CreateProvider { .. }
        | Edit::DeleteProvider { .. }
        | Edit::AddClientId { .. }
        | Edit::RemoveClientId { .. }
        | Edit::SetThumbprints { .. }
        | Edit::CreateAssociation { .. }
        | Edit::CreateAddon { .. }
        | Edit::DeleteAddon { .. } => None,
    }
}

/// How the workload makes its pods anew must be what the plan says. What a manifest leaves out may not be written.
fn of_restart(workload: &WorkloadKey, step: &Step, kubectl: &str) -> Option<String> {
    let strategy = step.expects.first()?.value.as_deref()?;
    let (field, can_pause) = fields(workload.kind);
    let path = format!("{{.spec.{field}.type}}");
    let paused = if can_pause { "{.spec.paused}" } else { "" };
    let mut wanted = vec![strategy];
    if strategy == DEFAULT {
        wanted.push("");
    }
    // `paused` is left out where it is false.
    let wanted: Vec<String> = wanted
        .into_iter()
        .flat_map(|it| [quote(&format!("{it} ")), quote(&format!("{it} false"))])
        .collect();
    Some(format!(
        "case \"$({kubectl} get -n {} {}/{} -o jsonpath={})\" in {}) ;; *) stop \"the workload is restarted in another way now, or paused\";; esac",
        quote(&workload.namespace),
        workload.kind.short(),
        quote(&workload.name),
        quote(&format!("{path} {paused}")),
        wanted.join("|"),
    ))
}

/// What the CLI prints of a document, without indentation and line ends.
fn one_line(it: &Value) -> String {
    match it {
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, it)| format!("{}: {}", json!(key), one_line(it))).collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(list) => {
            let entries: Vec<String> = list.iter().map(one_line).collect();
            format!("[{}]", entries.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => it.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Python's `json.dumps(…, indent=4)` lays it out, which is what the CLI does.
    #[test]
    fn a_document_is_compared_value_by_value() {
        let printed = r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Principal": {},
            "Condition": {
                "StringEquals": {
                    "a:sub": "system:serviceaccount:  shop: web"
                }
            },
            "Resource": [],
            "n": 1
        }
    ]
}
"#;
        let trimmed: String = printed.lines().map(str::trim_start).collect();
        assert_eq!(one_line(&serde_json::from_str(printed).unwrap()), trimmed);
    }
}
