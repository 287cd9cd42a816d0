//! An edit as a person reads it: what must be found, and what becomes different.

use crate::{
    ident::Text,
    plan::{AssociationFields, Edit, EnvEntry, Expect, Line, diff, digest_of},
};

pub(crate) fn expects(edit: &Edit) -> Vec<Expect> {
    let one = |field: String, value: Option<&str>| {
        vec![Expect { field, value: value.map(str::to_owned) }]
    };
    match edit {
        Edit::Annotate { key, was, .. } => {
            one(format!("metadata.annotations[{key}]"), was.as_deref())
        }
        Edit::CreateServiceAccount { .. } => one("ServiceAccount".into(), None),
        Edit::DeleteServiceAccount { uid, annotations, .. } => {
            let mut res = one("metadata.uid".into(), Some(uid));
            res.extend(annotations.iter().map(|(key, value)| Expect {
                field: format!("metadata.annotations[{key}]"),
                value: Some(value.to_string()),
            }));
            res
        }
        Edit::UseServiceAccount { was, .. } => {
            one("spec.template.spec.serviceAccountName".into(), was.as_deref())
        }
        Edit::SetEnv { container, changes, .. } => changes
            .iter()
            .map(|it| Expect {
                field: format!("container {container} env {}", it.name),
                value: it.was.as_ref().map(shown),
            })
            .collect(),
        Edit::RestoreEnv { container, names, .. } => names
            .iter()
            .map(|it| Expect { field: format!("container {container} env {it}"), value: None })
            .collect(),
        Edit::SetMetadata { place, key, was, .. } => one(place.field(key), was.as_deref()),
        Edit::Restart { .. } => Vec::new(),
        Edit::CreateProvider { .. } => one("OIDC provider".into(), None),
        Edit::DeleteProvider { client_ids, .. } => {
            one("ClientIDList".into(), Some(&client_ids.join(", ")))
        }
        Edit::AddClientId { client_id, .. } => {
            vec![Expect { field: format!("ClientIDList[{client_id}]"), value: None }]
        }
        Edit::RemoveClientId { client_id, .. } => {
            one(format!("ClientIDList[{client_id}]"), Some(client_id))
        }
        Edit::SetThumbprints { was, .. } => one("ThumbprintList".into(), Some(&was.join(", "))),
        Edit::SetTrust { was, .. } => {
            let sha = digest_of(was.as_bytes());
            one("AssumeRolePolicyDocument sha256".into(), Some(&sha))
        }
        Edit::CreateAssociation { .. } => one("association".into(), None),
        Edit::UpdateAssociation { was, .. } | Edit::DeleteAssociation { was, .. } => {
            fields(was).into_iter().map(|(field, value)| Expect { field, value }).collect()
        }
        Edit::CreateAddon { name } => one(format!("add-on {name}"), None),
        Edit::DeleteAddon { name } => one(format!("add-on {name}"), Some(name)),
    }
}

fn shown(it: &EnvEntry) -> String {
    match it {
        EnvEntry::Value(it) => it.to_string(),
        EnvEntry::Hidden => "(hidden)".to_owned(),
        EnvEntry::From(it) => format!("(from {it})"),
    }
}

fn fields(it: &AssociationFields) -> Vec<(String, Option<String>)> {
    vec![
        ("roleArn".into(), Some(it.role_arn.to_string())),
        ("targetRoleArn".into(), it.target_role_arn.as_ref().map(ToString::to_string)),
        ("disableSessionTags".into(), Some(it.disable_session_tags.to_string())),
        ("policy".into(), it.policy.as_ref().map(ToString::to_string)),
        ("tags".into(), (!it.tags.is_empty()).then(|| tags(&it.tags))),
    ]
}

fn tags(all: &[(Text, Text)]) -> String {
    let all: Vec<String> = all.iter().map(|(key, value)| format!("{key}={value}")).collect();
    all.join(", ")
}

pub(crate) fn diff(edit: &Edit) -> Vec<Line> {
    let swap = |name: &str, was: Option<String>, now: Option<String>| {
        let line = |it: String| format!("{name}: {it}");
        let was = was.map(|it| Line::Gone(line(it)));
        was.into_iter().chain(now.map(|it| Line::New(line(it)))).collect::<Vec<_>>()
    };
    let own = |it: &Option<Text>| it.as_ref().map(ToString::to_string);
    match edit {
        Edit::Annotate { key, was, value, .. } => {
            let mut res = vec![Line::Same("metadata.annotations".into())];
            res.extend(swap(key, own(was), own(value)));
            res
        }
        Edit::CreateServiceAccount { service_account, annotations, labels } => {
            let mut res = vec![Line::New(format!("ServiceAccount {service_account}"))];
            let pairs = annotations.iter().chain(labels);
            res.extend(pairs.map(|(key, value)| Line::New(format!("  {key}: {value}"))));
            res
        }
        Edit::DeleteServiceAccount { service_account, .. } => {
            vec![Line::Gone(format!("ServiceAccount {service_account}"))]
        }
        Edit::UseServiceAccount { was, name, .. } => {
            let mut res = vec![Line::Same("spec.template.spec".into())];
            res.extend(swap("serviceAccountName", own(was), own(name)));
            res
        }
        Edit::SetEnv { container, changes, .. } => {
            let mut res = vec![Line::Same(format!("container {container} env"))];
            for it in changes {
                let (was, now) = (it.was.as_ref().map(shown), it.entry.as_ref().map(shown));
                res.extend(swap(&it.name, was, now));
            }
            res
        }
        Edit::RestoreEnv { container, names, revision, .. } => {
            let mut res = vec![Line::Same(format!("container {container} env"))];
            let from = format!("(as in revision {revision})");
            res.extend(names.iter().map(|it| Line::New(format!("{it}: {from}"))));
            res
        }
        Edit::SetMetadata { place, key, was, value, .. } => {
            let mut res = vec![Line::Same(format!("spec.template.metadata.{}", place.as_str()))];
            res.extend(swap(key, own(was), own(value)));
            res
        }
        Edit::Restart { workload } => {
            vec![Line::New(format!("{workload}: its pods are made again"))]
        }
        Edit::CreateProvider { issuer, client_ids, account, .. } => vec![
            Line::New(format!("OIDC provider https://{issuer} in account {account}")),
            Line::New(format!("  client ids: {}", client_ids.join(", "))),
        ],
        Edit::DeleteProvider { arn, .. } => vec![Line::Gone(format!("OIDC provider {arn}"))],
        Edit::AddClientId { client_id, .. } => {
            vec![Line::Same("ClientIDList".into()), Line::New(client_id.to_string())]
        }
        Edit::RemoveClientId { client_id, .. } => {
            vec![Line::Same("ClientIDList".into()), Line::Gone(client_id.to_string())]
        }
        Edit::SetThumbprints { was, thumbprints, .. } => {
            let mut res = vec![Line::Same("ThumbprintList".into())];
            res.extend(was.iter().map(|it| Line::Gone(it.to_string())));
            res.extend(thumbprints.iter().map(|it| Line::New(it.to_string())));
            res
        }
        Edit::SetTrust { was, document, .. } => diff::documents(was, document),
        Edit::CreateAssociation { service_account, fields: now } => {
            let mut res = vec![Line::New(format!("association of {service_account}"))];
            let set = fields(now).into_iter().filter_map(|(name, it)| Some((name, it?)));
            res.extend(set.map(|(name, value)| Line::New(format!("  {name}: {value}"))));
            res
        }
        Edit::UpdateAssociation { service_account, was, fields: now, .. } => {
            let mut res = vec![Line::Same(format!("association of {service_account}"))];
            for ((name, was), (_, now)) in fields(was).into_iter().zip(fields(now)) {
                if was == now {
                    res.extend(was.map(|it| Line::Same(format!("{name}: {it}"))));
                } else {
                    res.extend(swap(&name, was, now));
                }
            }
            res
        }
        Edit::DeleteAssociation { service_account, was, .. } => {
            let mut res = vec![Line::Gone(format!("association of {service_account}"))];
            let set = fields(was).into_iter().filter_map(|(name, it)| Some((name, it?)));
            res.extend(set.map(|(name, value)| Line::Gone(format!("  {name}: {value}"))));
            res
        }
        Edit::CreateAddon { name } => vec![Line::New(format!("add-on {name}"))],
        Edit::DeleteAddon { name } => vec![Line::Gone(format!("add-on {name}"))],
    }
}
