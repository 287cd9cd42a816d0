//! The same change for whoever keeps the resource in Terraform (provider `hashicorp/aws`, `hashicorp/kubernetes`).

use crate::{
    ident::Text,
    plan::{AssociationFields, Edit, Names, hcl},
};

/// What to write; `None` where Terraform keeps nothing of the kind (restarts).
pub fn terraform(edit: &Edit, names: &Names) -> Option<String> {
    let cluster = hcl(names.cluster.as_deref().unwrap_or("CLUSTER"));
    Some(match edit {
        Edit::Annotate { service_account: it, key, value, .. } => match value {
            Some(value) => block(
                "resource \"kubernetes_annotations\" \"service_account\"",
                &[
                    ("api_version", hcl("v1")),
                    ("kind", hcl("ServiceAccount")),
                    ("metadata", metadata(&it.name, &it.namespace)),
                    ("annotations", map(&[(key.clone(), value.clone())])),
                    ("force", "true".to_owned()),
                ],
            ),
            None => format!(
                "# Remove {} from the annotations of ServiceAccount {} in namespace {}.\n",
                comment(key),
                comment(&it.name),
                comment(&it.namespace)
            ),
        },
        Edit::CreateServiceAccount { service_account: it, annotations, labels } => {
            let mut inner = format!(
                "    name      = {}\n    namespace = {}\n",
                hcl(&it.name),
                hcl(&it.namespace)
            );
            for (name, pairs) in [("annotations", annotations), ("labels", labels)] {
                if !pairs.is_empty() {
                    inner.push_str(&format!("    {name} = {}\n", map(pairs)));
                }
            }
            format!(
                "resource \"kubernetes_service_account_v1\" \"this\" {{\n  metadata {{\n{inner}  }}\n}}\n"
            )
        }
        Edit::SetTrust { role, document, .. } => block(
            "resource \"aws_iam_role\" \"this\"",
            &[
                ("name", hcl(role.name().unwrap_or(role.as_str()))),
                ("assume_role_policy", hcl(document)),
            ],
        ),
        Edit::CreateProvider { issuer, client_ids, .. } => block(
            "resource \"aws_iam_openid_connect_provider\" \"this\"",
            &[("url", hcl(&format!("https://{issuer}"))), ("client_id_list", list(client_ids))],
        ),
        Edit::AddClientId { provider, client_id } => format!(
            "# Add {} to client_id_list of the aws_iam_openid_connect_provider\n# {}.\n",
            hcl(client_id),
            comment(provider.as_str())
        ),
        Edit::SetThumbprints { thumbprints, .. } => block(
            "resource \"aws_iam_openid_connect_provider\" \"this\"",
            &[("thumbprint_list", list(thumbprints))],
        ),
        Edit::CreateAssociation { service_account: it, fields }
        | Edit::UpdateAssociation { service_account: it, fields, .. } => {
            let mut members = vec![
                ("cluster_name", cluster),
                ("namespace", hcl(&it.namespace)),
                ("service_account", hcl(&it.name)),
            ];
            members.extend(field_members(fields));
            block("resource \"aws_eks_pod_identity_association\" \"this\"", &members)
        }
        Edit::DeleteAssociation { service_account: it, .. } => format!(
            "# Remove the aws_eks_pod_identity_association of ServiceAccount {} in namespace {}.\n",
            comment(&it.name),
            comment(&it.namespace)
        ),
        Edit::CreateAddon { name } => block(
            "resource \"aws_eks_addon\" \"this\"",
            &[("cluster_name", cluster), ("addon_name", hcl(name))],
        ),
        Edit::DeleteServiceAccount { .. }
        | Edit::UseServiceAccount { .. }
        | Edit::SetEnv { .. }
        | Edit::RestoreEnv { .. }
        | Edit::SetMetadata { .. }
        | Edit::Restart { .. }
        | Edit::DeleteProvider { .. }
        | Edit::RemoveClientId { .. }
        | Edit::DeleteAddon { .. } => return None,
    })
}

fn block(head: &str, members: &[(&str, String)]) -> String {
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut res = format!("{head} {{\n");
    for (name, value) in members {
        if *name == "metadata" {
            res.push_str(&format!("  {name} {value}\n"));
        } else {
            res.push_str(&format!("  {name:<width$} = {value}\n"));
        }
    }
    res.push_str("}\n");
    res
}

fn metadata(name: &str, namespace: &str) -> String {
    format!("{{\n    name      = {}\n    namespace = {}\n  }}", hcl(name), hcl(namespace))
}

fn map(pairs: &[(Text, Text)]) -> String {
    let all: Vec<_> =
        pairs.iter().map(|(key, value)| format!("{} = {}", hcl(key), hcl(value))).collect();
    format!("{{ {} }}", all.join(", "))
}

fn list(all: &[Text]) -> String {
    let all: Vec<_> = all.iter().map(|it| hcl(it)).collect();
    format!("[{}]", all.join(", "))
}

fn field_members(fields: &AssociationFields) -> Vec<(&'static str, String)> {
    let mut res = vec![("role_arn", hcl(fields.role_arn.as_str()))];
    if let Some(it) = &fields.target_role_arn {
        res.push(("target_role_arn", hcl(it.as_str())));
    }
    if fields.disable_session_tags {
        res.push(("disable_session_tags", "true".to_owned()));
    }
    if let Some(it) = &fields.policy {
        res.push(("policy", hcl(it)));
    }
    if !fields.tags.is_empty() {
        res.push(("tags", map(&fields.tags)));
    }
    res
}

/// Foreign text in a comment: it must not end the line.
fn comment(text: &str) -> String {
    crate::ident::visible(text).into_owned()
}
