//! Lookups on AWS's side.

use crate::{
    fact::{
        Addon, Association, Caller, Cluster, IamRole, IdentityProviders, Knowledge, Nodegroup,
        OidcProvider, OtherAssociation, OtherClusters, Scope,
    },
    graph::{Graph, scope::Reading, table::Held},
    ident::{AccountId, Arn, Issuer, Partition, Ref, SaKey, Timestamp},
};

/// # The cluster
impl Graph {
    pub fn cluster(&self) -> Knowledge<&Cluster> {
        self.look(self.cluster.as_ref(), || Ref::Cluster, || self.missing(&Scope::Cluster))
    }

    /// The issuer to judge by: DescribeCluster's; where AWS could not be asked, what the API server publishes.
    /// `Absent`: the cluster has none.
    pub fn issuer(&self) -> Knowledge<Issuer> {
        match self.cluster() {
            Knowledge::Known(it) => it.issuer.clone().map_or(Knowledge::Absent, Knowledge::Known),
            Knowledge::NotYet => match self.reading(&Scope::Cluster) {
                Reading::Partial | Reading::Expired => self.published_issuer(),
                // The answer is on its way.
                Reading::Unasked
                | Reading::Waiting
                | Reading::Cached
                | Reading::Complete
                | Reading::Denied(_)
                | Reading::Off(_) => Knowledge::NotYet,
            },
            Knowledge::Absent | Knowledge::Denied(_) => self.published_issuer(),
        }
    }

    pub fn caller(&self) -> Knowledge<&Caller> {
        self.single(self.caller.as_ref(), &Scope::Caller)
    }

    pub fn other_clusters(&self) -> Knowledge<&OtherClusters> {
        self.single(self.other_clusters.as_ref(), &Scope::OtherClusters)
    }

    /// An association for a ServiceAccount of this name in another cluster of the account. `None` says nothing: it may
    /// not be known.
    pub fn associated_elsewhere(&self, key: &SaKey) -> Option<&OtherAssociation> {
        self.single(self.other_associations.as_ref(), &Scope::OtherAssociations).known()?.of(key)
    }

    /// As far as they were read.
    pub fn other_associations(&self) -> impl Iterator<Item = &OtherAssociation> {
        self.other_associations.iter().flat_map(|it| it.fact.iter())
    }

    pub fn identity_providers(&self) -> Knowledge<&IdentityProviders> {
        self.single(self.identity_providers.as_ref(), &Scope::IdentityProviders)
    }

    fn published_issuer(&self) -> Knowledge<Issuer> {
        match self.single(self.api_server.as_ref(), &Scope::ApiServer) {
            Knowledge::Known(it) => it.issuer.clone(),
            Knowledge::Absent => Knowledge::NotYet,
            Knowledge::Denied(it) => Knowledge::Denied(it),
            Knowledge::NotYet => Knowledge::NotYet,
        }
    }

    /// What exists once and has no name of its own.
    fn single<'a, T>(&self, held: Option<&'a Held<T>>, scope: &Scope) -> Knowledge<&'a T> {
        match held {
            Some(it) if it.mark.cached => Knowledge::NotYet,
            Some(it) => Knowledge::Known(&it.fact),
            None => self.missing(scope),
        }
    }
}

/// # AWS
impl Graph {
    /// Sorted by id.
    pub fn associations(&self) -> impl Iterator<Item = &Association> {
        self.associations.values().map(|it| &it.fact)
    }

    pub fn association(&self, id: &str) -> Option<&Association> {
        self.associations.get(id).map(|it| &it.fact)
    }

    /// `Absent` only when the associations were listed completely.
    pub fn association_of(&self, key: &SaKey) -> Knowledge<&Association> {
        let seat = self.seats.get(&key.namespace, &key.name);
        let mut held = seat
            .into_iter()
            .flat_map(|it| &it.associations)
            .filter_map(|it| self.associations.get(it))
            .peekable();
        let painted = held.peek().is_some();
        if let Some(it) = held.find(|it| !it.mark.cached) {
            return Knowledge::Known(&it.fact);
        }
        if painted { Knowledge::NotYet } else { self.missing(&Scope::Associations) }
    }

    /// All of one ServiceAccount, which EKS lets have but one. Sorted by id; what is painted from the disk is left out.
    pub fn associations_of<'a>(
        &'a self,
        key: &SaKey,
    ) -> impl Iterator<Item = &'a Association> + use<'a> {
        let seat = self.seats.get(&key.namespace, &key.name);
        let ids = seat.into_iter().flat_map(|it| &it.associations);
        let held = ids.filter_map(|it| self.associations.get(it));
        held.filter(|it| !it.mark.cached).map(|it| &it.fact)
    }

    /// `Absent` when GetRole said NoSuchEntity, when a complete list of its account does not have that exact ARN, or
    /// when the text is not the ARN of an IAM role at all.
    pub fn role(&self, arn: &Arn) -> Knowledge<&IamRole> {
        let of = || Ref::Role(arn.clone());
        self.look(self.roles.get(arn), of, || self.missing_role(arn))
    }

    /// Sorted by ARN.
    pub fn roles(&self) -> impl Iterator<Item = &IamRole> {
        self.roles.held().map(|it| &it.fact)
    }

    /// By account and friendly name, whatever the path.
    pub fn role_by_name(&self, account: &AccountId, name: &str) -> Option<&IamRole> {
        self.roles.by_name(account, name).find_map(|it| self.judgeable_role(it))
    }

    /// Every role ARN that an annotation or an association (target roles included) names, valid or not. Sorted.
    pub fn named_roles(&self) -> impl Iterator<Item = &Arn> {
        self.roles.named()
    }

    /// As `named_roles`, of one account.
    pub fn named_roles_in<'a>(
        &'a self,
        account: &AccountId,
    ) -> impl Iterator<Item = &'a Arn> + use<'a> {
        self.roles.named_in(account)
    }

    /// The accounts that named roles belong to. Sorted.
    pub fn named_accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.roles.named_accounts()
    }

    /// The ServiceAccounts whose annotation is exactly this text. Sorted.
    pub fn annotated_with<'a>(&'a self, role: &Arn) -> impl Iterator<Item = &'a SaKey> + use<'a> {
        self.roles.annotated(role)
    }

    /// The associations whose role or target role this is. Sorted by id.
    pub fn associated_with<'a>(
        &'a self,
        role: &Arn,
    ) -> impl Iterator<Item = &'a Association> + use<'a> {
        self.roles.associated(role).filter_map(|it| self.association(it))
    }

    /// Known roles with an Allow whose `…:sub` under StringEquals (any set prefix) or wildcard-free StringLike names
    /// the subject exactly, or whose Pod Identity request tags do. Sorted by ARN.
    pub fn roles_naming(&self, key: &SaKey) -> Vec<&IamRole> {
        self.roles.naming(key).filter_map(|it| self.judgeable_role(it)).collect()
    }

    /// Known roles whose trust policy has an Allow with this OIDC provider among its principals. Sorted by ARN.
    pub fn roles_trusting(&self, provider: &Arn) -> Vec<&IamRole> {
        self.roles.trusting(provider).filter_map(|it| self.judgeable_role(it)).collect()
    }

    /// OIDC providers that some Allow of a role names, there or not. Sorted.
    pub fn trusted_providers(&self) -> impl Iterator<Item = &Arn> {
        self.roles.trusted_providers()
    }

    /// As `roles_trusting`, by name, and whatever is painted.
    pub fn names_trusting<'a>(&'a self, provider: &Arn) -> impl Iterator<Item = &'a Arn> + use<'a> {
        self.roles.trusting(provider)
    }

    /// Named roles that were made after `time`. Sorted.
    pub fn roles_made_after(&self, time: Timestamp) -> Vec<&Arn> {
        let young = self.roles.made_after(time).filter(|it| self.roles.is_named(it));
        let mut res: Vec<&Arn> = young.collect();
        res.sort_unstable();
        res
    }

    /// Whether an annotation or an association names the role, and in this account.
    pub fn names_role_in(&self, account: &AccountId, arn: &Arn) -> bool {
        self.roles.names_in(account, arn)
    }

    /// The provider of exactly this issuer in this account.
    pub fn provider(&self, account: &AccountId, issuer: &Issuer) -> Knowledge<&OidcProvider> {
        let urls = self.provider_urls.get(account);
        let arn = urls.and_then(|it| it.of(issuer.as_str()).next());
        let held = arn.and_then(|it| self.providers.get(it));
        let of = || Ref::Provider(issuer.provider_arn(&self.partition(), account));
        let scope = || Scope::Providers { account: account.as_str().into() };
        self.look(held, of, || self.missing(&scope()))
    }

    /// All providers of an account; `Absent` never.
    pub fn providers(&self, account: &AccountId) -> Knowledge<Vec<&OidcProvider>> {
        let listed = self.listed(&Scope::Providers { account: account.as_str().into() });
        listed.map(|()| {
            let urls = self.provider_urls.get(account).into_iter().flat_map(|it| it.iter());
            let held = urls.filter_map(|(_, it)| self.providers.get(it));
            held.filter(|it| !it.mark.cached).map(|it| &it.fact).collect()
        })
    }

    /// By its ARN; for one that is painted from the disk `NotYet`.
    pub fn provider_at(&self, arn: &Arn) -> Knowledge<&OidcProvider> {
        let of = || Ref::Provider(arn.clone());
        self.look(self.providers.get(arn), of, || match arn.account() {
            Some(it) => self.missing(&Scope::Providers { account: it.as_str().into() }),
            None => Knowledge::Absent,
        })
    }

    /// Of every account. Sorted by ARN.
    pub fn all_providers(&self) -> impl Iterator<Item = &OidcProvider> {
        self.providers.values().map(|it| &it.fact)
    }

    /// The ARN of the provider that an account needs for this cluster's tokens; `None` while the issuer is not known.
    pub fn expected_provider(&self, account: &AccountId) -> Option<Arn> {
        let issuer = self.issuer().known()?;
        Some(issuer.provider_arn(&self.partition(), account))
    }

    /// Those of every account that a named role belongs to.
    pub fn expected_providers(&self) -> impl Iterator<Item = Arn> {
        let issuer = self.issuer().known();
        let partition = self.partition();
        self.roles.named_accounts().filter_map(move |account| {
            issuer.as_ref().map(|it| it.provider_arn(&partition, account))
        })
    }

    pub fn addon(&self, name: &str) -> Knowledge<&Addon> {
        let of = || Ref::Addon(name.into());
        self.look(self.addons.get(name), of, || self.missing(&Scope::Addons))
    }

    /// Sorted.
    pub fn addons(&self) -> impl Iterator<Item = &Addon> {
        self.addons.values().map(|it| &it.fact)
    }

    pub fn nodegroup(&self, name: &str) -> Knowledge<&Nodegroup> {
        let of = || Ref::Nodegroup(name.into());
        self.look(self.nodegroups.get(name), of, || self.missing(&Scope::Nodegroups))
    }

    /// Sorted.
    pub fn nodegroups(&self) -> impl Iterator<Item = &Nodegroup> {
        self.nodegroups.values().map(|it| &it.fact)
    }

    /// The cluster's partition; before AWS said so, that of the region in the published issuer, else `aws`.
    fn partition(&self) -> Partition {
        let cluster = self.cluster.as_ref().and_then(|it| it.fact.arn.partition());
        cluster
            .or_else(|| {
                let published = self.api_server.as_ref()?.fact.issuer.as_ref().known()?;
                Some(Partition::of_region(published.region()?))
            })
            .unwrap_or(Partition::Aws)
    }

    fn judgeable_role(&self, arn: &Arn) -> Option<&IamRole> {
        self.roles.get(arn).filter(|it| !it.mark.cached).map(|it| &it.fact)
    }
}
