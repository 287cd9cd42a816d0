//! An edit as commands of `kubectl`, `aws` and `eksctl` that name their target, for whoever carries it out by hand.
//!
//! Every foreign value is one shell word, every document a quoted here-document.

use crate::{
    fact::Knowledge,
    graph::Graph,
    ident::{AccountId, SaKey, Text},
    plan::{AssociationFields, Call, Edit, EnvEntry, WorkloadKey, heredoc, quote},
};

/// How the targets are called where the commands run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The kubeconfig context.
    pub context: Option<Text>,
    pub cluster: Option<Text>,
    pub region: Option<Text>,
    /// The cluster's account.
    pub account: Option<AccountId>,
    /// Profiles by account.
    pub profiles: Vec<(AccountId, Text)>,
    /// The caller's credentials are no profile's (environment, instance): commands take them from where they run.
    pub ambient: Option<AccountId>,
}

impl Names {
    /// As the graph knows them.
    pub fn of(graph: &Graph) -> Names {
        let context = graph.api_server().map(|it| it.context.clone()).filter(|it| !it.is_empty());
        let cluster = graph.cluster().known();
        let mut res = Names {
            context,
            cluster: cluster.map(|it| it.name.clone()),
            region: cluster.map(|it| it.region.clone()),
            account: cluster.and_then(|it| AccountId::parse(&it.account)),
            profiles: Vec::new(),
            ambient: None,
        };
        if let Knowledge::Known(it) = graph.caller()
            && let Some(account) = AccountId::parse(&it.account)
        {
            match &*it.via {
                "" | "environment" | "web identity" | "container" | "instance" => {
                    res.ambient = Some(account);
                }
                _ => res.profiles.push((account, it.via.clone())),
            }
        }
        res
    }

    /// The same for somebody else, whose contexts and profiles have other names: what is not set there stops the command.
    pub fn handed_over(&self) -> Names {
        Names { context: None, profiles: Vec::new(), ambient: None, ..self.clone() }
    }

    /// `kubectl --context …`.
    pub(crate) fn kubectl(&self) -> String {
        match &self.context {
            Some(it) => format!("kubectl --context {}", quote(it)),
            None => {
                let cluster = self.cluster.as_deref().unwrap_or("the cluster");
                format!(
                    "kubectl --context {}",
                    unset("KUBE_CONTEXT", &format!("a context of {cluster}"))
                )
            }
        }
    }

    /// ` --profile … --region …`.
    pub(crate) fn flags(&self, account: Option<&AccountId>) -> String {
        let account = account.or(self.account.as_ref());
        let profile = account.and_then(|it| self.profiles.iter().find(|(of, _)| of == it));
        let mut res = match (profile, account) {
            (Some((_, it)), _) => format!(" --profile {}", quote(it)),
            (None, Some(it)) if self.ambient.as_ref() == Some(it) => String::new(),
            (None, Some(it)) => {
                let name = format!("AWS_PROFILE_{it}");
                format!(" --profile {}", unset(&name, &format!("a profile of account {it}")))
            }
            (None, None) => {
                format!(" --profile {}", unset("AWS_PROFILE", "a profile of the cluster's account"))
            }
        };
        if let Some(it) = &self.region {
            res.push_str(&format!(" --region {}", quote(it)));
        }
        res
    }

    pub(crate) fn cluster(&self) -> String {
        match &self.cluster {
            Some(it) => quote(it),
            None => unset("EKS_CLUSTER", "the cluster's name"),
        }
    }
}

/// A placeholder that stops the command with a word to the person where it is not set.
fn unset(name: &str, what: &str) -> String {
    // The message stands in double quotes: only letters of ours and names from the cluster, which are made plain.
    let plain = |c: char| c.is_ascii_alphanumeric() || " _-.'".contains(c);
    let what: String = what.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    format!("\"${{{name}:?set it to {what}}}\"")
}

/// The commands that make an edit, in order.
pub fn commands(edit: &Edit, names: &Names) -> Vec<String> {
    let kubectl = names.kubectl();
    let aws = |service: &str, operation: &str, rest: String| {
        let account = edit.account(names.account.as_ref());
        vec![format!("aws {service} {operation}{}{rest}", names.flags(account.as_ref()))]
    };
    match edit {
        Edit::Annotate { service_account: it, key, value, .. } => vec![match value {
            Some(value) => format!(
                "{kubectl} annotate serviceaccount -n {} {} {} --overwrite",
                quote(&it.namespace),
                quote(&it.name),
                quote(&format!("{key}={value}"))
            ),
            None => format!(
                "{kubectl} annotate serviceaccount -n {} {} {}",
                quote(&it.namespace),
                quote(&it.name),
                quote(&format!("{key}-"))
            ),
        }],
        Edit::CreateServiceAccount { service_account: it, annotations, labels } => {
            let mut res = vec![format!(
                "{kubectl} create serviceaccount -n {} {}",
                quote(&it.namespace),
                quote(&it.name)
            )];
            for (verb, pairs) in [("annotate", annotations), ("label", labels)] {
                if !pairs.is_empty() {
                    let pairs: Vec<_> =
                        pairs.iter().map(|(key, value)| quote(&format!("{key}={value}"))).collect();
                    res.push(format!(
                        "{kubectl} {verb} serviceaccount -n {} {} {}",
                        quote(&it.namespace),
                        quote(&it.name),
                        pairs.join(" ")
                    ));
                }
            }
            res
        }
        Edit::DeleteServiceAccount { service_account: it, .. } => vec![format!(
            "{kubectl} delete serviceaccount -n {} {}",
            quote(&it.namespace),
            quote(&it.name)
        )],
        Edit::UseServiceAccount { workload, name: Some(name), .. } => vec![format!(
            "{kubectl} set serviceaccount -n {} {} {}",
            quote(&workload.namespace),
            target(workload),
            quote(name)
        )],
        Edit::SetEnv { workload, container, changes, .. } => {
            let words: Vec<String> = changes
                .iter()
                .map(|it| match &it.entry {
                    None => quote(&format!("{}-", it.name)),
                    Some(EnvEntry::Value(value)) => quote(&format!("{}={value}", it.name)),
                    Some(EnvEntry::Hidden | EnvEntry::From(_)) => {
                        let what = format!("the value of {}", it.name);
                        format!("{}={}", quote(&it.name), unset("VALUE", &what))
                    }
                })
                .collect();
            vec![format!(
                "{kubectl} set env -n {} {} -c {} {}",
                quote(&workload.namespace),
                target(workload),
                quote(container),
                words.join(" ")
            )]
        }
        Edit::RestoreEnv { workload, revision, .. } => vec![format!(
            "{kubectl} rollout undo -n {} {} --to-revision={revision}",
            quote(&workload.namespace),
            target(workload)
        )],
        Edit::Restart { workload } => vec![format!(
            "{kubectl} rollout restart -n {} {}",
            quote(&workload.namespace),
            target(workload)
        )],
        Edit::UseServiceAccount { workload, name: None, .. }
        | Edit::SetMetadata { workload, .. } => {
            let Call::Kubernetes { body, content_type, .. } = edit.call("", "") else {
                return Vec::new();
            };
            let kind = if content_type.is_some_and(|it| it.contains("strategic")) {
                "strategic"
            } else {
                "merge"
            };
            vec![format!(
                "{kubectl} patch -n {} {} --type {kind} -p {}",
                quote(&workload.namespace),
                target(workload),
                quote(&body.to_string())
            )]
        }
        Edit::CreateProvider { account, issuer, client_ids, tags, .. } => {
            let mut rest = format!(" --url {}", quote(&format!("https://{issuer}")));
            rest.push_str(" --client-id-list");
            for it in client_ids {
                rest.push_str(&format!(" {}", quote(it)));
            }
            if !tags.is_empty() {
                rest.push_str(&format!(" --tags {}", quote(&tag_list(tags))));
            }
            let mut res = aws("iam", "create-open-id-connect-provider", rest);
            if names.account.as_ref() == Some(account) {
                res.push(format!(
                    "eksctl utils associate-iam-oidc-provider --cluster {}{} --approve",
                    names.cluster(),
                    names.flags(Some(account))
                ));
            }
            res
        }
        Edit::DeleteProvider { arn, .. } => aws(
            "iam",
            "delete-open-id-connect-provider",
            format!(" --open-id-connect-provider-arn {}", quote(arn.as_str())),
        ),
        Edit::AddClientId { provider, client_id } => aws(
            "iam",
            "add-client-id-to-open-id-connect-provider",
            client_id_flags(provider.as_str(), client_id),
        ),
        Edit::RemoveClientId { provider, client_id } => aws(
            "iam",
            "remove-client-id-from-open-id-connect-provider",
            client_id_flags(provider.as_str(), client_id),
        ),
        Edit::SetThumbprints { provider, thumbprints, .. } => {
            let all: Vec<_> = thumbprints.iter().map(|it| quote(it)).collect();
            aws(
                "iam",
                "update-open-id-connect-provider-thumbprint",
                format!(
                    " --open-id-connect-provider-arn {} --thumbprint-list {}",
                    quote(provider.as_str()),
                    all.join(" ")
                ),
            )
        }
        Edit::SetTrust { role, document, .. } => aws(
            "iam",
            "update-assume-role-policy",
            format!(
                " --role-name {} --policy-document file:///dev/stdin {}",
                quote(role.name().unwrap_or(role.as_str())),
                heredoc("POLICY", document)
            ),
        ),
        Edit::CreateAssociation { service_account, fields } => aws(
            "eks",
            "create-pod-identity-association",
            format!(
                " --cluster-name {}{}{}",
                names.cluster(),
                service_account_flags(service_account),
                field_flags(None, fields)
            ),
        ),
        Edit::UpdateAssociation { id, was, fields, .. } => aws(
            "eks",
            "update-pod-identity-association",
            format!(
                " --cluster-name {} --association-id {}{}",
                names.cluster(),
                quote(id),
                field_flags(Some(was), fields)
            ),
        ),
        Edit::DeleteAssociation { id, .. } => aws(
            "eks",
            "delete-pod-identity-association",
            format!(" --cluster-name {} --association-id {}", names.cluster(), quote(id)),
        ),
        Edit::CreateAddon { name } => aws(
            "eks",
            "create-addon",
            format!(
                " --cluster-name {} --addon-name {} --resolve-conflicts OVERWRITE",
                names.cluster(),
                quote(name)
            ),
        ),
        Edit::DeleteAddon { name } => aws(
            "eks",
            "delete-addon",
            format!(" --cluster-name {} --addon-name {}", names.cluster(), quote(name)),
        ),
    }
}

/// `deploy/web`, quoted.
fn target(workload: &WorkloadKey) -> String {
    format!("{}/{}", workload.kind.short(), quote(&workload.name))
}

fn service_account_flags(it: &SaKey) -> String {
    format!(" --namespace {} --service-account {}", quote(&it.namespace), quote(&it.name))
}

fn client_id_flags(provider: &str, client_id: &str) -> String {
    format!(" --open-id-connect-provider-arn {} --client-id {}", quote(provider), quote(client_id))
}

fn tag_list(tags: &[(Text, Text)]) -> String {
    let all: Vec<_> =
        tags.iter().map(|(key, value)| serde_json::json!({"Key": key, "Value": value})).collect();
    serde_json::Value::Array(all).to_string()
}

fn field_flags(was: Option<&AssociationFields>, now: &AssociationFields) -> String {
    let mut res = String::new();
    if was.is_none_or(|it| it.role_arn != now.role_arn) {
        res.push_str(&format!(" --role-arn {}", quote(now.role_arn.as_str())));
    }
    let target = was.and_then(|it| it.target_role_arn.as_ref());
    if target != now.target_role_arn.as_ref() {
        let value = now.target_role_arn.as_ref().map_or("", |it| it.as_str());
        res.push_str(&format!(" --target-role-arn {}", quote(value)));
    }
    if was.is_some_and(|it| it.disable_session_tags) != now.disable_session_tags {
        res.push_str(match now.disable_session_tags {
            true => " --disable-session-tags",
            false => " --no-disable-session-tags",
        });
    }
    if was.and_then(|it| it.policy.as_ref()) != now.policy.as_ref() {
        res.push_str(&format!(" --policy {}", quote(now.policy.as_deref().unwrap_or_default())));
    }
    if was.is_none() && !now.tags.is_empty() {
        let tags = now.tags.iter().map(|(key, it)| (key.to_string(), it.to_string().into()));
        let tags = serde_json::Value::Object(tags.collect()).to_string();
        res.push_str(&format!(" --tags {}", quote(&tags)));
    }
    res
}
