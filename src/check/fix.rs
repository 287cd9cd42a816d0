//! Repairs: what is written, or what only a person can do.

mod env;
mod restart;

pub(crate) use restart::{not_restarted, quietest_first, restarted, rolled_out};

use crate::{
    check::{Applicability, Context, Fix, eligibility, goal},
    fact::{Association, ServiceAccount, Workload},
    iam,
    ident::{AccountId, Arn, Issuer, Partition, SaKey, Text, WorkloadKind},
    plan::{self, AssociationFields, Edit, Names, Place, TrustChange},
};

impl Fix {
    /// As commands, with real names, for whoever does it by hand.
    pub fn commands(&self, names: &Names) -> Vec<String> {
        let written = self.edits.iter().flat_map(|it| plan::commands(it, names));
        written.chain(self.by_hand.iter().cloned()).collect()
    }

    fn of(id: &'static str, title: String, applicability: Applicability, edit: Edit) -> Fix {
        let restart_needed = edit.needs_restart();
        Fix { id, title, applicability, restart_needed, edits: vec![edit], by_hand: Vec::new() }
    }

    /// Both in one, under this one's id.
    pub(crate) fn then(mut self, other: Fix) -> Fix {
        self.title = format!("{}, then {}", self.title, other.title);
        self.restart_needed |= other.restart_needed;
        self.edits.extend(other.edits);
        self.by_hand.extend(other.by_hand);
        self
    }

    /// FX-SA-ANN. `was` is what is there now.
    pub(crate) fn annotate(key: &SaKey, was: Option<&Text>, role: &str) -> Fix {
        let edit = Edit::Annotate {
            service_account: key.clone(),
            key: ServiceAccount::ROLE_ARN.into(),
            was: was.cloned(),
            value: Some(role.into()),
        };
        let title = format!("annotate ServiceAccount `{key}` with `{role}`");
        if !Arn::from(role).is_iam_role() {
            // Which role, only a person can say.
            let command = format!(
                "kubectl annotate serviceaccount -n {} {} {} --overwrite",
                plan::quote(&key.namespace),
                plan::quote(&key.name),
                plan::quote(&format!("{}={role}", ServiceAccount::ROLE_ARN))
            );
            let mut res = Fix::by_hand("FX-SA-ANN", title, vec![command]);
            res.restart_needed = true;
            return res;
        }
        Fix::of("FX-SA-ANN", title, Applicability::Safe, edit)
    }

    /// FX-SA-UNANN.
    pub(crate) fn unannotate(key: &SaKey, was: &Text) -> Fix {
        let edit = Edit::Annotate {
            service_account: key.clone(),
            key: ServiceAccount::ROLE_ARN.into(),
            was: Some(was.clone()),
            value: None,
        };
        let title = format!("remove the role annotation from ServiceAccount `{key}`");
        Fix::of("FX-SA-UNANN", title, Applicability::Safe, edit)
    }

    /// FX-SA-CREATE, with the role annotation where one is known.
    pub(crate) fn create_service_account(key: &SaKey, role: Option<&Text>) -> Fix {
        let annotation = |it: &Text| (Text::from(ServiceAccount::ROLE_ARN), it.clone());
        let edit = Edit::CreateServiceAccount {
            service_account: key.clone(),
            annotations: role.map(annotation).into_iter().collect(),
            labels: Vec::new(),
        };
        let title = match role {
            Some(it) => format!("create ServiceAccount `{key}`, annotated with `{it}`"),
            None => format!("create ServiceAccount `{key}`"),
        };
        Fix::of("FX-SA-CREATE", title, Applicability::Safe, edit)
    }

    /// FX-WL-SA: the template of a workload names another ServiceAccount.
    pub(crate) fn use_service_account(workload: &Workload, name: &str) -> Fix {
        if workload.kind == WorkloadKind::Job {
            return job("FX-WL-SA", workload, &format!("with `serviceAccountName: {name}`"));
        }
        let spec = &workload.template;
        let edit = Edit::UseServiceAccount {
            workload: workload.into(),
            was: spec.service_account_named.then(|| spec.service_account.clone()),
            name: Some(name.into()),
        };
        let title = format!("run {} as ServiceAccount `{name}`", title(workload));
        Fix::of("FX-WL-SA", title, Applicability::Confirm, edit)
    }

    /// FX-WL-META: sets or removes (`None`) one label or annotation of the pod template. A bare pod is made again by
    /// hand.
    pub(crate) fn set_metadata(
        (namespace, pod): (&str, &str),
        owner: Option<&Workload>,
        (place, key): (Place, &str),
        was: Option<&Text>,
        value: Option<Text>,
    ) -> Fix {
        let title = format!("change `{key}` in the pod template");
        let Some(it) = rolled_out(owner) else {
            let command = format!(
                "kubectl delete pod -n {} {} # and create it again without it",
                plan::quote(namespace),
                plan::quote(pod)
            );
            return Fix::by_hand("FX-WL-META", title, vec![command]);
        };
        let edit = Edit::SetMetadata {
            workload: it.into(),
            place,
            key: key.into(),
            was: was.cloned(),
            value,
        };
        Fix::of("FX-WL-META", title, Applicability::Confirm, edit)
    }

    /// FX-OIDC-CREATE. In the cluster's own account eksctl does the same.
    pub(crate) fn create_provider(cx: &Context<'_>, account: &AccountId, issuer: &Issuer) -> Fix {
        let cluster = cx.graph.cluster().known();
        let partition = cluster.and_then(|it| it.arn.partition()).unwrap_or(Partition::Aws);
        let edit = Edit::CreateProvider {
            partition,
            account: account.clone(),
            issuer: issuer.clone(),
            client_ids: audiences(cx, account),
            tags: cluster.map(|it| ("cluster".into(), it.name.clone())).into_iter().collect(),
        };
        let title = format!("create the OIDC provider of `{issuer}` in account {account}");
        Fix::of("FX-OIDC-CREATE", title, Applicability::Confirm, edit)
    }

    /// FX-OIDC-AUD.
    pub(crate) fn add_client_id(provider: &Arn, client_id: &str) -> Fix {
        let edit = Edit::AddClientId { provider: provider.clone(), client_id: client_id.into() };
        let title = format!("add client id `{client_id}` to the OIDC provider");
        Fix::of("FX-OIDC-AUD", title, Applicability::Confirm, edit)
    }

    /// FX-OIDC-THUMB: this one instead of all that are there.
    pub(crate) fn set_thumbprints(provider: &Arn, was: &[Text], thumbprint: Text) -> Fix {
        let title = format!("write the thumbprint `{thumbprint}` into the OIDC provider");
        let edit = Edit::SetThumbprints {
            provider: provider.clone(),
            was: was.to_vec(),
            thumbprints: vec![thumbprint],
        };
        Fix::of("FX-OIDC-THUMB", title, Applicability::Confirm, edit)
    }

    /// FX-TRUST-EDIT, FX-TRUST-ADD, FX-TRUST-PI for a person: read, edit as `title` says, write.
    pub(crate) fn trust(id: &'static str, title: String, role: &Arn) -> Fix {
        let name = plan::quote(role.name().unwrap_or(role.as_str()));
        let commands = vec![
            format!(
                "aws iam get-role --role-name {name} --query Role.AssumeRolePolicyDocument > trust.json"
            ),
            format!(
                "aws iam update-assume-role-policy --role-name {name} --policy-document file://trust.json"
            ),
        ];
        Fix::by_hand(id, title, commands)
    }

    /// The same with the policy as it should be: only the statements that differ are written anew. `None` when it says
    /// so already or cannot be written as JSON.
    pub(crate) fn trust_policy(
        id: &'static str,
        title: String,
        role: &Arn,
        present: &iam::Document,
        wanted: &iam::Policy,
        change: TrustChange,
    ) -> Option<Fix> {
        let edit = Edit::SetTrust {
            role: role.clone(),
            was: present.raw.clone(),
            document: present.rewritten(wanted, iam::Kind::Trust)?.into(),
            change,
        };
        Some(Fix::of(id, title, Applicability::Confirm, edit))
    }

    /// FX-PIA-CREATE, and before it what makes the role's trust policy let it in. By hand where that cannot be
    /// told, or where something that runs as the ServiceAccount could not use it.
    pub(crate) fn create_association(
        cx: Context<'_>,
        key: &SaKey,
        fields: AssociationFields,
    ) -> Fix {
        let id = "FX-PIA-CREATE";
        let role = fields.role_arn.clone();
        if let Some(why) = eligibility(cx, key, &role).never.first() {
            let title = format!("no association for `{key}`: {why}");
            return Fix::by_hand(id, title, Vec::new());
        }
        let title = format!("associate ServiceAccount `{key}` with `{role}`");
        let trust = goal::pod_identity_trust(cx, key, &fields);
        let edit = Edit::CreateAssociation { service_account: key.clone(), fields };
        match trust {
            Ok(None) => Fix::of(id, title, Applicability::Confirm, edit),
            Ok(Some(it)) => {
                let title = format!("let `{key}` into role `{role}`, then {title}");
                let mut res = Fix::of(id, title, Applicability::Confirm, it);
                res.restart_needed = true;
                res.edits.push(edit);
                res
            }
            Err(why) => {
                let mut res = Fix::by_hand(id, format!("{title}: {why}"), Vec::new());
                let names = Names::of(cx.graph);
                res.by_hand = plan::commands(&edit, &names);
                res.restart_needed = true;
                res
            }
        }
    }

    /// FX-PIA-UPDATE. An add-on's association is changed through the add-on.
    pub(crate) fn update_association(
        cx: &Context<'_>,
        association: &Association,
        title: String,
        fields: AssociationFields,
    ) -> Option<Fix> {
        let was = association.detail.as_ref().known()?;
        if let Some(owner) = &association.owner_arn {
            return Some(Fix::through_addon(cx, association, owner));
        }
        let edit = Edit::UpdateAssociation {
            id: association.id.clone(),
            service_account: association.service_account.clone(),
            was: was.into(),
            fields,
        };
        Some(Fix::of("FX-PIA-UPDATE", title, Applicability::Confirm, edit))
    }

    /// FX-PIA-DEL. What belongs to an add-on goes only through it.
    pub(crate) fn delete_association(cx: &Context<'_>, association: &Association) -> Fix {
        if let Some(owner) = &association.owner_arn {
            return Fix::through_addon(cx, association, owner);
        }
        let key = &association.service_account;
        let title = format!("delete the Pod Identity association of `{key}`");
        match association.detail.as_ref().known() {
            Some(it) => {
                let edit = Edit::DeleteAssociation {
                    id: association.id.clone(),
                    service_account: key.clone(),
                    was: it.into(),
                };
                Fix::of("FX-PIA-DEL", title, Applicability::Confirm, edit)
            }
            None => {
                let command = format!(
                    "aws eks delete-pod-identity-association --cluster-name {} --association-id {}",
                    cluster_name(cx),
                    plan::quote(&association.id)
                );
                Fix::by_hand("FX-PIA-DEL", title, vec![command])
            }
        }
    }

    /// An association that an add-on owns is the add-on's setting; setting it replaces all that the add-on has.
    pub(crate) fn through_addon(cx: &Context<'_>, it: &Association, owner: &Arn) -> Fix {
        // `arn:P:eks:REGION:ACCOUNT:addon/CLUSTER/NAME/ID`; anything else is not an add-on's.
        let addon = owner.as_str().split_once(":addon/").and_then(|(_, it)| it.split('/').nth(1));
        let Some(name) = addon else {
            return Fix::by_hand(
                "FX-NONE",
                format!("change it through `{owner}`, which would put it back"),
                Vec::new(),
            );
        };
        Fix::set_in_addon(cx, it, name)
    }

    /// An association of the add-on for the same ServiceAccount and role, by hand.
    pub(crate) fn set_in_addon(cx: &Context<'_>, it: &Association, name: &str) -> Fix {
        let role = it.detail.as_ref().known().map_or("ROLE_ARN", |it| it.role_arn.as_str());
        let value = format!("serviceAccount={},roleArn={role}", it.service_account.name);
        Fix::by_hand(
            "FX-NONE",
            format!("change the associations of add-on `{name}`, all of them at once"),
            vec![format!(
                "aws eks update-addon --cluster-name {} --addon-name {} --resolve-conflicts PRESERVE --pod-identity-associations {}",
                cluster_name(cx),
                plan::quote(name),
                plan::quote(&value)
            )],
        )
    }

    /// FX-AGENT-ADD.
    pub(crate) fn add_agent() -> Fix {
        let edit = Edit::CreateAddon { name: "eks-pod-identity-agent".into() };
        let title = "install the Pod Identity agent add-on".to_owned();
        Fix::of("FX-AGENT-ADD", title, Applicability::Confirm, edit)
    }

    /// FX-NONE, or another id whose command only a person can finish.
    pub(crate) fn by_hand(id: &'static str, title: String, commands: Vec<String>) -> Fix {
        Fix {
            id,
            title,
            applicability: Applicability::DisplayOnly,
            restart_needed: false,
            edits: Vec::new(),
            by_hand: commands,
        }
    }
}

/// The API server takes no other template for a Job that exists.
fn job(id: &'static str, workload: &Workload, how: &str) -> Fix {
    let (namespace, name) = (plan::quote(&workload.namespace), plan::quote(&workload.name));
    let commands = vec![
        format!("kubectl get job -n {namespace} {name} -o yaml > job.yaml"),
        "kubectl replace --force -f job.yaml".to_owned(),
    ];
    Fix::by_hand(id, format!("make {} again {how}", title(workload)), commands)
}

/// The audiences of the tokens that come to an account's provider, the usual one first.
fn audiences(cx: &Context<'_>, account: &AccountId) -> Vec<Text> {
    let mut res: Vec<Text> = vec!["sts.amazonaws.com".into()];
    let keys = cx.graph.named_roles_in(account).flat_map(|it| cx.graph.annotated_with(it));
    let accounts = keys.filter_map(|it| cx.graph.service_account(it).known());
    for it in accounts.filter_map(|it| it.annotation(ServiceAccount::AUDIENCE)) {
        if !it.is_empty() && !res.contains(it) {
            res.push(it.clone());
        }
    }
    res
}

pub(in crate::check::fix) fn title(workload: &Workload) -> String {
    format!("{} `{}/{}`", workload.kind.as_str(), workload.namespace, workload.name)
}

pub(crate) fn cluster_name(cx: &Context<'_>) -> String {
    cx.graph.cluster().known().map_or_else(|| "CLUSTER".to_owned(), |it| plan::quote(&it.name))
}
