//! Who else keeps an object as it is, and would put back what is changed here.
//!
//! By labels, field managers, tags and owner ARNs, as the tools themselves write them: Helm ("Chart best practices:
//! labels"), Argo CD (tracking label and annotation), Flux (`kustomize.toolkit.fluxcd.io`), eksctl, CloudFormation
//! (`aws:cloudformation:*` tags), Terraform (only by convention).

use crate::{
    fact::{Association, IamRole, Knowledge, OidcProvider, ServiceAccount, Workload},
    ident::Text,
};

/// Who, and where the change should be made instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// `Helm`, `Argo CD`, `EKS add-on`, ….
    pub name: &'static str,
    /// E.g. release `web`, application `shop`, stack `irsa`; empty when it does not say.
    pub of: Text,
    /// What to do there; lowercase fragment.
    pub place: String,
}

pub(crate) fn of_service_account(it: &ServiceAccount) -> Option<Manager> {
    by_marks(&it.labels, &it.annotations).or_else(|| by_manager(it.annotation_manager.as_deref()?))
}

pub(crate) fn of_workload(it: &Workload) -> Option<Manager> {
    by_marks(&it.labels, &it.annotations)
}

pub(crate) fn of_role(it: &IamRole) -> Option<Manager> {
    by_tags(it.tags.as_ref().known()?, "trust policy")
}

pub(crate) fn of_provider(it: &OidcProvider) -> Option<Manager> {
    by_tags(&it.detail.as_ref().known()?.tags, "provider")
}

pub(crate) fn of_association(it: &Association) -> Option<Manager> {
    if let Some(arn) = &it.owner_arn {
        if !arn.as_str().contains(":addon/") {
            let (name, of) = ("its owner", arn.text().clone());
            return Some(Manager { name, of, place: "change it there".into() });
        }
        return Some(Manager {
            name: "EKS add-on",
            of: arn.text().clone(),
            place: "change it with `aws eks update-addon --pod-identity-associations`".into(),
        });
    }
    match it.detail.as_ref() {
        Knowledge::Known(it) => by_tags(&it.tags, "association"),
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
    }
}

type Pairs = [(Text, Text)];

fn get<'a>(pairs: &'a Pairs, key: &str) -> Option<&'a Text> {
    pairs.iter().find(|(it, _)| &**it == key).map(|(_, it)| it)
}

fn by_marks(labels: &Pairs, annotations: &Pairs) -> Option<Manager> {
    let flux = ["kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"];
    if let Some(it) = flux.iter().find_map(|it| get(labels, it)) {
        return Some(Manager {
            name: "Flux",
            of: it.clone(),
            place: "change it in the repository that Flux applies".into(),
        });
    }
    let argo = get(annotations, "argocd.argoproj.io/tracking-id")
        .map(|it| Text::from(it.split(':').next().unwrap_or_default()))
        .or_else(|| get(labels, "argocd.argoproj.io/instance").cloned());
    if let Some(of) = argo {
        return Some(Manager {
            name: "Argo CD",
            of,
            place: "change it in the repository that Argo CD applies".into(),
        });
    }
    match get(labels, "app.kubernetes.io/managed-by").map(|it| &**it) {
        Some("Helm") => {
            let of = get(annotations, "meta.helm.sh/release-name")
                .or_else(|| get(labels, "app.kubernetes.io/instance"));
            Some(Manager {
                name: "Helm",
                of: of.cloned().unwrap_or_else(|| "".into()),
                place: "change it in the release's values and upgrade".into(),
            })
        }
        Some("eksctl") => Some(Manager {
            name: "eksctl",
            of: "".into(),
            place: "change it with `eksctl` or in its CloudFormation stack".into(),
        }),
        Some("EKS") => Some(addon("")),
        Some(_) | None => None,
    }
}

/// By the field manager that wrote the annotation last.
fn by_manager(manager: &str) -> Option<Manager> {
    match manager {
        "helm" => Some(Manager {
            name: "Helm",
            of: "".into(),
            place: "change it in the release's values and upgrade".into(),
        }),
        it if it.starts_with("argocd") => Some(Manager {
            name: "Argo CD",
            of: "".into(),
            place: "change it in the repository that Argo CD applies".into(),
        }),
        "kustomize-controller" | "helm-controller" => Some(Manager {
            name: "Flux",
            of: "".into(),
            place: "change it in the repository that Flux applies".into(),
        }),
        "eks" => Some(addon("")),
        it if it.eq_ignore_ascii_case("terraform") || it.starts_with("Terraform") => {
            Some(Manager {
                name: "Terraform",
                of: "".into(),
                place: "change it in the Terraform configuration".into(),
            })
        }
        _ => None,
    }
}

fn addon(of: &str) -> Manager {
    Manager {
        name: "EKS add-on",
        of: of.into(),
        place: "change it with `aws eks update-addon`".into(),
    }
}

fn by_tags(tags: &Pairs, what: &str) -> Option<Manager> {
    if let Some(it) = get(tags, "aws:cloudformation:stack-name") {
        return Some(Manager {
            name: "CloudFormation",
            of: it.clone(),
            place: format!("change the {what} in the stack's template"),
        });
    }
    let terraform = tags.iter().find(|(key, value)| {
        let key = key.to_ascii_lowercase();
        key.contains("terraform") || value.eq_ignore_ascii_case("terraform")
    });
    terraform.map(|(_, value)| Manager {
        name: "Terraform",
        of: if value.eq_ignore_ascii_case("terraform") || &**value == "true" {
            "".into()
        } else {
            value.clone()
        },
        place: format!("change the {what} in the Terraform configuration"),
    })
}
