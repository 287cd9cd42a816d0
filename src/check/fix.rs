//! Repairs as commands that a person can paste: real names, shell-quoted.

use crate::{
    check::{Applicability, Context, Fix},
    fact::Workload,
    iam,
    ident::{AccountId, Arn, Issuer, SaKey, Text, WorkloadKind},
};

/// A shell word: as it is where that is safe, else in single quotes.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl Fix {
    /// FX-SA-ANN.
    pub(crate) fn annotate(key: &SaKey, role: &str) -> Fix {
        Fix {
            id: "FX-SA-ANN",
            title: format!("annotate ServiceAccount `{key}` with `{role}`"),
            applicability: Applicability::Safe,
            restart_needed: true,
            commands: vec![format!(
                "kubectl annotate serviceaccount -n {} {} {} --overwrite",
                quote(&key.namespace),
                quote(&key.name),
                quote(&format!("eks.amazonaws.com/role-arn={role}"))
            )],
        }
    }

    /// FX-SA-UNANN.
    pub(crate) fn unannotate(key: &SaKey) -> Fix {
        Fix {
            id: "FX-SA-UNANN",
            title: format!("remove the role annotation from ServiceAccount `{key}`"),
            applicability: Applicability::Safe,
            restart_needed: true,
            commands: vec![format!(
                "kubectl annotate serviceaccount -n {} {} eks.amazonaws.com/role-arn-",
                quote(&key.namespace),
                quote(&key.name)
            )],
        }
    }

    /// FX-SA-CREATE.
    pub(crate) fn create_service_account(key: &SaKey) -> Fix {
        Fix {
            id: "FX-SA-CREATE",
            title: format!("create ServiceAccount `{key}`"),
            applicability: Applicability::Safe,
            restart_needed: false,
            commands: vec![format!(
                "kubectl create serviceaccount -n {} {}",
                quote(&key.namespace),
                quote(&key.name)
            )],
        }
    }

    /// FX-WL-SA: the template of a workload names another ServiceAccount.
    pub(crate) fn use_service_account(workload: &Workload, name: &str) -> Fix {
        Fix {
            id: "FX-WL-SA",
            title: format!("run {} as ServiceAccount `{name}`", title(workload)),
            applicability: Applicability::Confirm,
            restart_needed: true,
            commands: vec![format!(
                "kubectl set serviceaccount -n {} {} {}",
                quote(&workload.namespace),
                target(workload),
                quote(name)
            )],
        }
    }

    /// FX-WL-ENV: variables leave the template.
    pub(crate) fn unset_env(workload: &Workload, container: &str, names: &[&str]) -> Fix {
        let unset: Vec<_> = names.iter().map(|it| format!("{}-", quote(it))).collect();
        Fix {
            id: "FX-WL-ENV",
            title: format!("remove {} from {}", names.join(", "), title(workload)),
            applicability: Applicability::Confirm,
            restart_needed: true,
            commands: vec![format!(
                "kubectl set env -n {} {} -c {} {}",
                quote(&workload.namespace),
                target(workload),
                quote(container),
                unset.join(" ")
            )],
        }
    }

    /// FX-RESTART. A bare pod and a Job must be made again by hand, which is said instead.
    pub(crate) fn restart(namespace: &str, pod: &str, owner: Option<&Workload>) -> Fix {
        let rollout = rolled_out(owner);
        let (title, applicability, command) = match rollout {
            Some(it) => (
                format!("restart {}", title(it)),
                Applicability::Confirm,
                format!("kubectl rollout restart -n {} {}", quote(namespace), target(it)),
            ),
            None => (
                format!("delete pod `{pod}` and let it be made again"),
                Applicability::DisplayOnly,
                format!("kubectl delete pod -n {} {}", quote(namespace), quote(pod)),
            ),
        };
        let commands = vec![command];
        Fix { id: "FX-RESTART", title, applicability, restart_needed: true, commands }
    }

    /// FX-OIDC-CREATE. In the cluster's own account eksctl does the same.
    pub(crate) fn create_provider(cx: &Context<'_>, account: &AccountId, issuer: &Issuer) -> Fix {
        let mut commands = vec![format!(
            "aws iam create-open-id-connect-provider --url {} --client-id-list sts.amazonaws.com",
            quote(&format!("https://{issuer}"))
        )];
        let cluster = cx.graph.cluster().known();
        if let Some(it) = cluster.filter(|it| &*it.account == account.as_str()) {
            let command = "eksctl utils associate-iam-oidc-provider";
            commands.push(format!(
                "{command} --cluster {} --region {} --approve",
                quote(&it.name),
                quote(&it.region)
            ));
        }
        Fix {
            id: "FX-OIDC-CREATE",
            title: format!("create the OIDC provider of `{issuer}` in account {account}"),
            applicability: Applicability::Confirm,
            restart_needed: false,
            commands,
        }
    }

    /// FX-OIDC-AUD.
    pub(crate) fn add_client_id(provider: &Arn, client_id: &str) -> Fix {
        Fix {
            id: "FX-OIDC-AUD",
            title: format!("add client id `{client_id}` to the OIDC provider"),
            applicability: Applicability::Confirm,
            restart_needed: false,
            commands: vec![format!(
                "aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {} --client-id {}",
                quote(provider.as_str()),
                quote(client_id)
            )],
        }
    }

    /// FX-TRUST-EDIT, FX-TRUST-ADD, FX-TRUST-PI: the same three steps; `title` says what to write in between.
    pub(crate) fn trust(id: &'static str, title: String, role: &Arn) -> Fix {
        let name = quote(role.name().unwrap_or(role.as_str()));
        Fix {
            id,
            title,
            applicability: Applicability::Confirm,
            restart_needed: false,
            commands: vec![
                format!(
                    "aws iam get-role --role-name {name} --query Role.AssumeRolePolicyDocument > trust.json"
                ),
                format!(
                    "aws iam update-assume-role-policy --role-name {name} --policy-document file://trust.json"
                ),
            ],
        }
    }

    /// As `trust`, with the whole policy as it should be; `None` when it cannot be written as JSON.
    pub(crate) fn trust_policy(
        id: &'static str,
        title: String,
        role: &Arn,
        policy: &iam::Policy,
    ) -> Option<Fix> {
        let document = policy.to_json()?;
        let mut res = Fix::trust(id, title, role);
        let name = quote(role.name().unwrap_or(role.as_str()));
        res.commands = vec![
            format!(
                "aws iam get-role --role-name {name} --query Role.AssumeRolePolicyDocument > trust-before.json"
            ),
            format!(
                "aws iam update-assume-role-policy --role-name {name} --policy-document {}",
                quote(&document)
            ),
        ];
        Some(res)
    }

    /// FX-PIA-CREATE.
    pub(crate) fn create_association(cx: &Context<'_>, key: &SaKey, role: &Arn) -> Fix {
        Fix {
            id: "FX-PIA-CREATE",
            title: format!("associate ServiceAccount `{key}` with `{role}`"),
            applicability: Applicability::Confirm,
            restart_needed: true,
            commands: vec![format!(
                "aws eks create-pod-identity-association --cluster-name {} --namespace {} --service-account {} --role-arn {}",
                cluster_name(cx),
                quote(&key.namespace),
                quote(&key.name),
                quote(role.as_str())
            )],
        }
    }

    /// FX-PIA-UPDATE: `change` is the rest of the command, quoted.
    pub(crate) fn update_association(
        cx: &Context<'_>,
        id: &Text,
        title: String,
        change: &str,
    ) -> Fix {
        Fix {
            id: "FX-PIA-UPDATE",
            title,
            applicability: Applicability::Confirm,
            restart_needed: false,
            commands: vec![format!(
                "aws eks update-pod-identity-association --cluster-name {} --association-id {} {change}",
                cluster_name(cx),
                quote(id)
            )],
        }
    }

    /// FX-PIA-DEL.
    pub(crate) fn delete_association(cx: &Context<'_>, id: &Text, key: &SaKey) -> Fix {
        Fix {
            id: "FX-PIA-DEL",
            title: format!("delete the Pod Identity association of `{key}`"),
            applicability: Applicability::Confirm,
            restart_needed: true,
            commands: vec![format!(
                "aws eks delete-pod-identity-association --cluster-name {} --association-id {}",
                cluster_name(cx),
                quote(id)
            )],
        }
    }

    /// FX-AGENT-ADD.
    pub(crate) fn add_agent(cx: &Context<'_>) -> Fix {
        Fix {
            id: "FX-AGENT-ADD",
            title: "install the Pod Identity agent add-on".into(),
            applicability: Applicability::Confirm,
            restart_needed: false,
            commands: vec![format!(
                "aws eks create-addon --cluster-name {} --addon-name eks-pod-identity-agent",
                cluster_name(cx)
            )],
        }
    }

    /// FX-NONE, or another id whose command only a person can finish.
    pub(crate) fn by_hand(id: &'static str, title: String, commands: Vec<String>) -> Fix {
        let applicability = Applicability::DisplayOnly;
        Fix { id, title, applicability, restart_needed: false, commands }
    }
}

/// The statement of FX-TRUST-ADD, as one line of JSON.
pub(crate) fn web_identity_statement(provider: &Arn, issuer: &Issuer, key: &SaKey) -> String {
    format!(
        r#"{{"Effect":"Allow","Principal":{{"Federated":"{provider}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringEquals":{{"{issuer}:sub":"{}","{issuer}:aud":"sts.amazonaws.com"}}}}}}"#,
        key.subject()
    )
}

/// The owner, if it replaces its pods when its template changes.
pub(crate) fn rolled_out(owner: Option<&Workload>) -> Option<&Workload> {
    owner.filter(|it| match it.kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => true,
        WorkloadKind::ReplicaSet | WorkloadKind::Job | WorkloadKind::CronJob => false,
    })
}

/// `deploy/web`, quoted.
pub(crate) fn target(workload: &Workload) -> String {
    format!("{}/{}", workload.kind.short(), quote(&workload.name))
}

fn title(workload: &Workload) -> String {
    format!("{} `{}/{}`", workload.kind.as_str(), workload.namespace, workload.name)
}

fn cluster_name(cx: &Context<'_>) -> String {
    cx.graph.cluster().known().map_or_else(|| "CLUSTER".to_owned(), |it| quote(&it.name))
}
