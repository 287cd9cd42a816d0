//! The kinds that exist in no cluster: who asks, what goes wrong, what never rests.

use crate::{
    ident::AccountId,
    lab::scenario::{
        Answer, Churn, DenyAws, Fault, ScenarioError, When,
        kinds::CallerDoc,
        node::{Fields, Node, text},
        values::{account, duration, is_api},
    },
};
use std::time::Duration;

pub fn caller(node: &Node) -> Result<CallerDoc, ScenarioError> {
    let known = ["apiVersion", "kind", "arn", "accounts", "deny", "namespaces", "denyKube"];
    let it = Fields::read(node, "Caller", &known)?;
    let deny = |node: &Node| {
        let text = text(node, "deny")?;
        let (api, resource) = match text.split_once(' ') {
            Some((api, glob)) => (api, Some(glob.trim().into())),
            None => (&*text, None),
        };
        if !is_api(api, ':') {
            return Err(node.wrong("`service:Operation` or `service:Operation ARN-GLOB`"));
        }
        Ok(DenyAws { api: api.into(), resource })
    };
    let deny_kube = |node: &Node| {
        let text = text(node, "denyKube")?;
        match text.split_once(':') {
            Some((verb, resource)) if !verb.is_empty() && !resource.is_empty() => {
                Ok((verb.into(), resource.into()))
            }
            Some(_) | None => Err(node.wrong("`verb:resource`")),
        }
    };
    let has_accounts = it.node("accounts").is_some();
    let accounts: Vec<AccountId> =
        it.list("accounts")?.iter().map(account).collect::<Result<_, _>>()?;
    Ok(CallerDoc {
        arn: it.arn_opt("arn")?,
        accounts: has_accounts.then_some(accounts),
        deny: it.list("deny")?.iter().map(deny).collect::<Result<_, ScenarioError>>()?,
        namespaces: it.node("namespaces").map(|_| it.texts("namespaces")).transpose()?,
        deny_kube: it
            .list("denyKube")?
            .iter()
            .map(deny_kube)
            .collect::<Result<_, ScenarioError>>()?,
    })
}

pub fn fault(node: &Node) -> Result<Fault, ScenarioError> {
    let known = ["apiVersion", "kind", "api", "answer", "resource", "afterEvents", "times", "when"];
    let it = Fields::read(node, "Fault", &known)?;
    let (api, answer) = (it.text("api")?, it.text("answer")?);
    let n_parts = api.split(':').filter(|it| !it.is_empty()).count();
    let wanted = if api.starts_with("kube:") { 3 } else { 2 };
    if n_parts != wanted || api.split(':').count() != wanted {
        return Err(it.required("api")?.wrong("`service:Operation` or `kube:RESOURCE:VERB`"));
    }
    let Some((answer, _)) = Answer::ALL.into_iter().find(|(_, word)| *word == &*answer) else {
        let words: Vec<_> = Answer::ALL.iter().map(|(_, it)| format!("`{it}`")).collect();
        let at = it.required("answer")?;
        return Err(at.wrong(format!("`answer` to be one of {}", words.join(", "))));
    };
    if answer == Answer::Stale && api.starts_with("kube:") {
        return Err(it.required("answer")?.wrong("a call of IAM or EKS with `stale`"));
    }
    let when = match it.text_opt("when")?.as_deref() {
        None | Some("before") => When::Before,
        Some("after") => When::After,
        Some(_) => return Err(it.required("when")?.wrong("`when` to be `before` or `after`")),
    };
    Ok(Fault {
        api,
        answer,
        resource: it.text_opt("resource")?,
        after_events: it.count("afterEvents")?,
        times: it.count("times")?,
        when,
    })
}

pub fn churn(node: &Node) -> Result<Churn, ScenarioError> {
    let it = Fields::read(node, "Churn", &["apiVersion", "kind", "namespace", "owner", "every"])?;
    let every = match it.node("every") {
        Some(node) => duration(node, "every")?,
        None => Duration::from_secs(10),
    };
    Ok(Churn { namespace: it.text("namespace")?, owner: it.text("owner")?, every })
}
