//! The lists that can be gone to.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ViewKind {
    Identities,
    Pods,
    Roles,
    Associations,
    Providers,
    Findings,
    Namespaces,
    Contexts,
    /// AWS profiles.
    Profiles,
    Sources,
    Aliases,
}

impl ViewKind {
    pub const ALL: [ViewKind; 11] = [
        ViewKind::Identities,
        ViewKind::Pods,
        ViewKind::Roles,
        ViewKind::Associations,
        ViewKind::Providers,
        ViewKind::Findings,
        ViewKind::Namespaces,
        ViewKind::Contexts,
        ViewKind::Profiles,
        ViewKind::Sources,
        ViewKind::Aliases,
    ];

    /// In the pane's title and the crumbs.
    pub fn title(self) -> &'static str {
        match self {
            ViewKind::Identities => "identities",
            ViewKind::Pods => "pods",
            ViewKind::Roles => "roles",
            ViewKind::Associations => "associations",
            ViewKind::Providers => "providers",
            ViewKind::Findings => "findings",
            ViewKind::Namespaces => "namespaces",
            ViewKind::Contexts => "contexts",
            ViewKind::Profiles => "profiles",
            ViewKind::Sources => "sources",
            ViewKind::Aliases => "aliases",
        }
    }

    /// What may be typed after `:`, in lower case; the first is what the help page shows.
    pub fn aliases(self) -> &'static [&'static str] {
        match self {
            ViewKind::Identities => {
                &["sa", "identities", "identity", "id", "serviceaccount", "serviceaccounts"]
            }
            ViewKind::Pods => &["pods", "pod", "po"],
            ViewKind::Roles => &["roles", "role", "iam", "iamrole", "iamroles"],
            ViewKind::Associations => &[
                "assoc",
                "associations",
                "association",
                "podidentity",
                "podidentityassociation",
                "podidentityassociations",
                "pia",
            ],
            ViewKind::Providers => {
                &["oidc", "providers", "provider", "idp", "oidcprovider", "oidcproviders"]
            }
            ViewKind::Findings => &["findings", "finding", "faults", "f"],
            ViewKind::Namespaces => &["ns", "namespaces", "namespace"],
            ViewKind::Contexts => &["ctx", "contexts", "context"],
            ViewKind::Profiles => &["profiles", "profile"],
            ViewKind::Sources => &["sources", "source", "src"],
            ViewKind::Aliases => &["aliases", "alias", "a"],
        }
    }

    pub fn help(self) -> &'static str {
        match self {
            ViewKind::Identities => "ServiceAccounts by namespace, with what they may become",
            ViewKind::Pods => "pods, with what each really ends with",
            ViewKind::Roles => "IAM roles, with who may assume them and who is set up to",
            ViewKind::Associations => "Pod Identity associations",
            ViewKind::Providers => "IAM OIDC providers",
            ViewKind::Findings => "everything wrong, by cause",
            ViewKind::Namespaces => "namespaces",
            ViewKind::Contexts => "contexts of the kubeconfig",
            ViewKind::Profiles => "profiles of the AWS configuration, to read AWS with",
            ViewKind::Sources => "what is read from where, how old it is, and what is refused",
            ViewKind::Aliases => "everything that can be typed after :",
        }
    }

    /// Whether a namespace narrows it.
    pub fn has_namespaces(self) -> bool {
        match self {
            ViewKind::Identities | ViewKind::Pods | ViewKind::Associations | ViewKind::Findings => {
                true
            }
            ViewKind::Roles
            | ViewKind::Providers
            | ViewKind::Namespaces
            | ViewKind::Contexts
            | ViewKind::Profiles
            | ViewKind::Sources
            | ViewKind::Aliases => false,
        }
    }

    /// The view that a word names: any alias in any letter case, also behind a group and version (`v1/pods`).
    pub fn named(word: &str) -> Option<ViewKind> {
        let last = word.rsplit('/').next().unwrap_or(word).to_ascii_lowercase();
        ViewKind::ALL.into_iter().find(|it| it.aliases().contains(&&*last))
    }
}
