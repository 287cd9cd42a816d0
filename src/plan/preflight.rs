//! The checks of a script: is this the account, the cluster and the state that the plan was made from?

use crate::{
    ident::{AccountId, Text},
    plan::{Edit, Names, Plan, Step, digest_of, quote},
};

/// Lines of POSIX shell that call `stop` with a reason at the first difference.
pub fn preflight(plan: &Plan, names: &Names, issuer: Option<&Text>) -> Vec<String> {
    let mut res = Vec::new();
    for account in plan.accounts() {
        res.push(of_account(account, names));
    }
    if plan.edits().any(Edit::is_kubernetes)
        && let Some(issuer) = issuer
    {
        let wanted = quote(&format!("\"issuer\":\"https://{issuer}\""));
        res.push(format!(
            "{} get --raw /.well-known/openid-configuration | tr -d ' ' | grep -qF {wanted} || stop \"the context is another cluster's\"",
            names.kubectl()
        ));
    }
    res.extend(plan.steps.iter().filter_map(|it| of_step(it, names)));
    res
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
        Edit::SetTrust { role, was, .. } => {
            // White space is not compared: the CLI lays the document out anew.
            let bare: String = match serde_json::from_str::<serde_json::Value>(was) {
                Ok(it) => it.to_string(),
                Err(_) => was.to_string(),
            };
            let bare: String = bare.chars().filter(|it| !it.is_ascii_whitespace()).collect();
            Some(format!(
                "[ \"$(aws iam get-role{} --role-name {} --query Role.AssumeRolePolicyDocument --output json | tr -d '[:space:]' | sha256sum | cut -d' ' -f1)\" = {} ] || stop \"the trust policy is not what it was\"",
                names.flags(step.account.as_ref()),
                quote(role.name().unwrap_or(role.as_str())),
                digest_of(bare.as_bytes())
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
        | Edit::Restart { .. }
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
