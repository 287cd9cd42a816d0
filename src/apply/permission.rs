//! May the caller carry a plan out? Asked of the API server and of IAM; where neither says, that is said.

use crate::{
    apply::{Hands, kube_target},
    ident::{Arn, Ref, Text},
    plan::{Call, Edit, May, Plan, Step},
    source::aws::{account::Account, error::Failure},
};
use aws_sdk_iam::types::PolicyEvaluationDecisionType as Decision;
use serde_json::json;

/// One answer a step.
pub async fn permissions(hands: &Hands, plan: &Plan) -> Vec<May> {
    if let Some(it) = hands.read_only() {
        return plan
            .steps
            .iter()
            .map(|_| May::NotKnown(format!("not asked: {it}").into()))
            .collect();
    }
    let mut res = Vec::new();
    for step in &plan.steps {
        let call = step.edit.call(&hands.cluster, "");
        res.push(match &call {
            Call::Kubernetes { verb, path, .. } => kubernetes(hands, verb, path, &call).await,
            Call::Aws { .. } => match step.account.as_ref().and_then(|it| hands.account(it)) {
                Some(it) => aws(it, step, &call).await,
                None => May::NotKnown("no credentials for the account".into()),
            },
        });
    }
    res
}

/// Says of each step that takes away what was never read whether it can be brought back, and from which revision.
pub async fn revisions(hands: &Hands, plan: &mut Plan) {
    for step in &mut plan.steps {
        let Ok(Edit::RestoreEnv { revision, .. }) = &mut step.undo else { continue };
        match kube_target::can_return(&hands.link, &step.edit).await {
            Ok(it) => *revision = it,
            Err(why) => step.undo = Err(why),
        }
    }
}

/// `SelfSubjectAccessReview`, which everybody may ask.
async fn kubernetes(hands: &Hands, verb: &str, path: &str, call: &Call) -> May {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (group, rest) = match parts[..] {
        ["api", _, ..] => ("", &parts[2..]),
        ["apis", group, _, ..] => (group, &parts[3..]),
        _ => return May::NotKnown("the path is of no resource".into()),
    };
    let ["namespaces", namespace, resource, name @ ..] = rest else {
        return May::NotKnown("the path is of no namespace".into());
    };
    let verb = match verb {
        "POST" => "create",
        "DELETE" => "delete",
        _ => "patch",
    };
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"group": group, "resource": resource, "verb": verb,
            "namespace": namespace, "name": name.first().copied().unwrap_or_default()}}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let body = review.to_string().into_bytes();
    let answer = hands.link.write("POST", path, Some("application/json"), body).await;
    let answer = answer.map(|it| serde_json::from_slice::<serde_json::Value>(&it));
    match answer {
        Ok(Ok(it)) if it["status"]["allowed"] == true => May::Yes,
        Ok(Ok(_)) => May::No(call.permission()),
        Ok(Err(it)) => May::NotKnown(it.to_string().into()),
        Err(it) => May::NotKnown(it.to_string().into()),
    }
}

/// `iam:SimulatePrincipalPolicy` on the caller itself, where that is allowed. Its yes is advisory: organisation policies
/// may still refuse.
async fn aws(account: &Account, step: &Step, call: &Call) -> May {
    let Some(principal) = principal(&account.arn) else {
        // The root user of an account may do everything that its organisation lets it.
        return May::Yes;
    };
    let arn = match &step.target {
        Ref::Role(it) | Ref::Provider(it) => it.to_string(),
        _ => "*".to_owned(),
    };
    let mut needed = vec![(call.permission(), arn)];
    needed.extend(beside(&step.edit));
    for (permission, resource) in needed {
        match simulated(account, &principal, &permission, resource).await {
            May::Yes => {}
            other => return other,
        }
    }
    May::Yes
}

/// What a call takes beside the permission of its own name, and on what.
fn beside(edit: &Edit) -> Vec<(Text, String)> {
    let mut res = Vec::new();
    // Whoever hands a role to EKS must be allowed to, whatever else they may do.
    if let Edit::CreateAssociation { fields, .. } | Edit::UpdateAssociation { fields, .. } = edit {
        res.push(("iam:PassRole".into(), fields.role_arn.to_string()));
    }
    if let Edit::CreateAssociation { fields, .. } = edit
        && !fields.tags.is_empty()
    {
        res.push(("eks:TagResource".into(), "*".to_owned()));
    }
    if let Edit::CreateProvider { tags, .. } = edit
        && !tags.is_empty()
    {
        res.push(("iam:TagOpenIDConnectProvider".into(), "*".to_owned()));
    }
    res
}

async fn simulated(account: &Account, principal: &str, permission: &Text, resource: String) -> May {
    let request = account
        .clients
        .iam
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .action_names(&**permission)
        .resource_arns(resource)
        .send();
    match account.call("iam:SimulatePrincipalPolicy", request).await {
        Ok(it) => {
            let results = it.evaluation_results.unwrap_or_default();
            match results.first().map(|it| &it.eval_decision) {
                Some(Decision::Allowed) => May::Yes,
                Some(_) => May::No(permission.clone()),
                None => May::NotKnown("the simulation said nothing".into()),
            }
        }
        Err(Failure::Denied(it)) => May::NotKnown(format!("{} is denied", it.permission).into()),
        Err(Failure::Absent) => May::NotKnown("the caller's role was not found".into()),
        Err(Failure::Throttled) => May::NotKnown("too many requests".into()),
        Err(Failure::Expired(it) | Failure::Failed(it)) => May::NotKnown(it),
    }
}

/// The user or role behind a caller's ARN; `None` for the account's root. A session's ARN lacks the role's path.
fn principal(caller: &Arn) -> Option<String> {
    let parts = caller.parts()?;
    if parts.resource == "root" {
        return None;
    }
    match parts.resource.strip_prefix("assumed-role/") {
        Some(rest) => {
            let name = rest.split('/').next().unwrap_or_default();
            Some(format!("arn:{}:iam::{}:role/{name}", parts.partition, parts.account))
        }
        None => Some(caller.to_string()),
    }
}
