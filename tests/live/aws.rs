//! Clients of the real emulators, and a writer of whole accounts that it can take away again.

use aws_credential_types::Credentials;
use aws_sdk_eks::error::DisplayErrorContext;
use aws_sdk_iam::config::Region;
use aws_smithy_http_client::{Builder, tls};
use idscope::{
    ident::AccountId,
    lab::scenario::{Association, Provider, Role, World},
};
use std::{collections::HashMap, error::Error};

/// Settings of an SDK client for `url` with the given key pair. A key of twelve digits is the root of that account.
pub fn config(url: &str, region: &str, key: &str, secret: &str) -> aws_config::SdkConfig {
    let http = Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .endpoint_url(url)
        .region(Region::new(region.to_owned()))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
            Credentials::new(key, secret, None, None, "suite"),
        ))
        .http_client(http)
        .build()
}

/// Clients of one account in one region.
#[derive(Clone)]
pub struct Aws {
    pub iam: aws_sdk_iam::Client,
    pub eks: aws_sdk_eks::Client,
    pub sts: aws_sdk_sts::Client,
}

impl Aws {
    /// As the account's root.
    pub fn new(url: &str, region: &str, account: &str) -> Aws {
        Aws::with_key(url, region, account, "test")
    }

    pub fn with_key(url: &str, region: &str, key: &str, secret: &str) -> Aws {
        let config = config(url, region, key, secret);
        Aws {
            iam: aws_sdk_iam::Client::new(&config),
            eks: aws_sdk_eks::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
        }
    }

    /// Creates a role with its path; its ARN comes back.
    pub async fn role(&self, arn: &str, trust: &str) -> String {
        let (name, path) = split(arn);
        let request = self.iam.create_role().role_name(name).path(path);
        let made = request.assume_role_policy_document(trust).send().await;
        let made = made.unwrap_or_else(|err| panic!("{}", told(arn, &err)));
        made.role().expect("a role").arn().to_owned()
    }

    /// Creates a user who may do what `policy` says; its key pair comes back.
    pub async fn user(&self, name: &str, policy: &str) -> (String, String) {
        self.iam.create_user().user_name(name).send().await.expect("a user");
        let put = self.iam.put_user_policy().user_name(name).policy_name("suite");
        put.policy_document(policy).send().await.expect("a user's policy");
        let made = self.iam.create_access_key().user_name(name).send().await.expect("a key");
        let key = made.access_key().expect("a key");
        (key.access_key_id().to_owned(), key.secret_access_key().to_owned())
    }
}

/// A role's name and its path with both slashes.
fn split(arn: &str) -> (&str, &str) {
    let resource = arn.split_once(":role").expect("a role ARN").1;
    let end = resource.rfind('/').expect("a role ARN has a slash");
    (&resource[end + 1..], &resource[..=end])
}

/// Makes what a world has in IAM and EKS, and takes it away again.
pub struct Maker {
    url: String,
    clients: HashMap<(String, String), Aws>,
    undo: Vec<Undo>,
}

enum Undo {
    Role {
        aws: Aws,
        name: String,
    },
    Provider {
        aws: Aws,
        arn: String,
    },
    Policy {
        aws: Aws,
        arn: String,
    },
    /// All of a cluster.
    Associations {
        aws: Aws,
        cluster: String,
    },
    Addon {
        aws: Aws,
        cluster: String,
        name: String,
    },
    Nodegroup {
        aws: Aws,
        cluster: String,
        name: String,
    },
}

fn told(what: &str, err: &(impl Error + 'static)) -> String {
    format!("{what}: {}", DisplayErrorContext(err))
}

impl Maker {
    pub fn new(url: String) -> Maker {
        Maker { url, clients: HashMap::new(), undo: Vec::new() }
    }

    /// The root of an account.
    pub fn root(&mut self, account: &str, region: &str) -> Aws {
        let key = (account.to_owned(), region.to_owned());
        self.clients.entry(key).or_insert_with(|| Aws::new(&self.url, region, account)).clone()
    }

    pub async fn make(&mut self, world: &World) -> Result<(), String> {
        let region = world.cluster.region.to_string();
        for policy in &world.policies {
            let account = policy.arn.account().ok_or("a policy without an account")?;
            let aws = self.root(account.as_str(), &region);
            let name = policy.arn.name().ok_or("a policy without a name")?;
            let request = aws.iam.create_policy().policy_name(name);
            let made = request.policy_document(&*policy.document).send().await;
            made.map_err(|err| told(policy.arn.as_str(), &err))?;
            self.undo.push(Undo::Policy { aws, arn: policy.arn.to_string() });
        }
        for role in &world.roles {
            self.role(role, &region).await?;
        }
        for provider in &world.providers {
            self.provider(provider, &region).await?;
        }
        self.cluster(world).await
    }

    async fn role(&mut self, role: &Role, region: &str) -> Result<(), String> {
        let arn = role.arn.as_str();
        let account = role.arn.account().as_ref().map(AccountId::to_string);
        let aws = self.root(&account.ok_or("a role without an account")?, region);
        let (name, path) = split(arn);
        let mut request = aws.iam.create_role().role_name(name).path(path);
        request = request.assume_role_policy_document(&*role.trust);
        request = request.max_session_duration(role.max_session_seconds);
        for (key, value) in &role.tags {
            let tag = aws_sdk_iam::types::Tag::builder().key(&**key).value(&**value).build();
            request = request.tags(tag.expect("a tag"));
        }
        if let Some(boundary) = &role.boundary {
            request = request.permissions_boundary(boundary.as_str());
        }
        let made = request.send().await.map_err(|err| told(arn, &err))?;
        assert_eq!(made.role().map(|it| it.arn()), Some(arn));
        let name = name.to_owned();
        self.undo.push(Undo::Role { aws: aws.clone(), name: name.clone() });
        for policy in &role.attached {
            let request = aws.iam.attach_role_policy().role_name(&name).policy_arn(policy.as_str());
            request.send().await.map_err(|err| told(policy.as_str(), &err))?;
        }
        for (policy, document) in &role.inline {
            let request = aws.iam.put_role_policy().role_name(&name).policy_name(&**policy);
            let put = request.policy_document(&**document).send().await;
            put.map_err(|err| told(policy, &err))?;
        }
        Ok(())
    }

    async fn provider(&mut self, provider: &Provider, region: &str) -> Result<(), String> {
        let aws = self.root(provider.account.as_str(), region);
        let mut request = aws.iam.create_open_id_connect_provider();
        request = request.url(format!("https://{}", provider.url));
        for it in &provider.client_ids {
            request = request.client_id_list(&**it);
        }
        for it in &provider.thumbprints {
            request = request.thumbprint_list(&**it);
        }
        let made = request.send().await.map_err(|err| told(&provider.url, &err))?;
        let arn = made.open_id_connect_provider_arn().unwrap_or_default().to_owned();
        self.undo.push(Undo::Provider { aws, arn });
        Ok(())
    }

    /// What lives in clusters. The clusters themselves are the site's.
    async fn cluster(&mut self, world: &World) -> Result<(), String> {
        let account = world.cluster.account.to_string();
        let aws = self.root(&account, &world.cluster.region);
        let cluster = world.cluster.name.to_string();
        for it in &world.nodegroups {
            let request = aws.eks.create_nodegroup().cluster_name(&cluster);
            let request = request.nodegroup_name(&*it.name).node_role(it.node_role.as_str());
            let made = request.subnets("subnet-1").send().await;
            made.map_err(|err| told(&it.name, &err))?;
            let (aws, cluster, name) = (aws.clone(), cluster.clone(), it.name.to_string());
            self.undo.push(Undo::Nodegroup { aws, cluster, name });
        }
        for it in &world.addons {
            let request = aws.eks.create_addon().cluster_name(&cluster).addon_name(&*it.name);
            let made = request
                .addon_version(&*it.version)
                .set_service_account_role_arn(
                    it.service_account_role.as_ref().map(ToString::to_string),
                )
                .set_configuration_values(it.configuration.as_ref().map(ToString::to_string))
                .send()
                .await;
            made.map_err(|err| told(&it.name, &err))?;
            let (aws, cluster, name) = (aws.clone(), cluster.clone(), it.name.to_string());
            self.undo.push(Undo::Addon { aws, cluster, name });
        }
        for it in &world.associations {
            self.association(world, it).await?;
        }
        Ok(())
    }

    async fn association(&mut self, world: &World, it: &Association) -> Result<(), String> {
        let clusters = std::iter::once(&world.cluster).chain(&world.other_clusters);
        let home = clusters.into_iter().find(|cluster| cluster.name == it.cluster);
        let home = home.ok_or_else(|| format!("no cluster {}", it.cluster))?;
        let aws = self.root(home.account.as_str(), &home.region);
        let request = aws.eks.create_pod_identity_association().cluster_name(&*it.cluster);
        let request = request
            .namespace(&*it.service_account.namespace)
            .service_account(&*it.service_account.name)
            .role_arn(it.role.as_str())
            .disable_session_tags(it.disable_session_tags)
            .set_target_role_arn(it.target_role.as_ref().map(ToString::to_string))
            .set_policy(it.policy.as_ref().map(ToString::to_string));
        request.send().await.map_err(|err| told(it.role.as_str(), &err))?;
        let cluster = it.cluster.to_string();
        self.undo.push(Undo::Associations { aws, cluster });
        Ok(())
    }

    /// Takes away what the program itself may have made in a world and left.
    pub async fn sweep(&mut self, world: &World) {
        let accounts = world.providers.iter().map(|it| &it.account);
        for account in accounts.chain([&world.cluster.account]) {
            let aws = self.root(account.as_str(), &world.cluster.region);
            aws.sweep(&world.cluster.name).await.unwrap_or_else(|it| panic!("{it}"));
        }
    }

    pub async fn wipe(&mut self) {
        for it in self.undo.drain(..).rev() {
            it.run().await.unwrap_or_else(|err| panic!("cannot be taken away: {err}"));
        }
    }
}

impl Aws {
    /// Takes away every OIDC provider of the account, and every association and add-on of a cluster.
    async fn sweep(&self, cluster: &str) -> Result<(), String> {
        let listed = self.iam.list_open_id_connect_providers().send().await;
        let listed = listed.map_err(|err| told(cluster, &err))?;
        for arn in listed.open_id_connect_provider_list().iter().filter_map(|it| it.arn()) {
            Undo::Provider { aws: self.clone(), arn: arn.to_owned() }.run().await?;
        }
        let Ok(addons) = self.eks.list_addons().cluster_name(cluster).send().await else {
            // No cluster of this account.
            return Ok(());
        };
        Undo::Associations { aws: self.clone(), cluster: cluster.to_owned() }.run().await?;
        for name in addons.addons() {
            let (aws, cluster, name) = (self.clone(), cluster.to_owned(), name.clone());
            Undo::Addon { aws, cluster, name }.run().await?;
        }
        Ok(())
    }
}

impl Undo {
    async fn run(self) -> Result<(), String> {
        match self {
            Undo::Role { aws, name } => {
                let attached = aws.iam.list_attached_role_policies().role_name(&name).send().await;
                let attached = attached.map_err(|err| told(&name, &err))?;
                for it in attached.attached_policies() {
                    let arn = it.policy_arn().unwrap_or_default();
                    let request = aws.iam.detach_role_policy().role_name(&name).policy_arn(arn);
                    request.send().await.map_err(|err| told(arn, &err))?;
                }
                let inline = aws.iam.list_role_policies().role_name(&name).send().await;
                for it in inline.map_err(|err| told(&name, &err))?.policy_names() {
                    let request = aws.iam.delete_role_policy().role_name(&name).policy_name(it);
                    request.send().await.map_err(|err| told(it, &err))?;
                }
                let gone = aws.iam.delete_role().role_name(&name).send().await;
                gone.map(drop).map_err(|err| told(&name, &err))
            }
            Undo::Provider { aws, arn } => {
                let request = aws.iam.delete_open_id_connect_provider();
                let gone = request.open_id_connect_provider_arn(&arn).send().await;
                gone.map(drop).map_err(|err| told(&arn, &err))
            }
            Undo::Policy { aws, arn } => {
                let gone = aws.iam.delete_policy().policy_arn(&arn).send().await;
                gone.map(drop).map_err(|err| told(&arn, &err))
            }
            Undo::Associations { aws, cluster } => {
                let listed = aws.eks.list_pod_identity_associations().cluster_name(&cluster);
                let listed = listed.send().await.map_err(|err| told(&cluster, &err))?;
                for id in listed.associations().iter().filter_map(|it| it.association_id()) {
                    let request = aws.eks.delete_pod_identity_association().cluster_name(&cluster);
                    let gone = request.association_id(id).send().await;
                    gone.map_err(|err| told(id, &err))?;
                }
                Ok(())
            }
            Undo::Addon { aws, cluster, name } => {
                let request = aws.eks.delete_addon().cluster_name(cluster).addon_name(&name);
                request.send().await.map(drop).map_err(|err| told(&name, &err))
            }
            Undo::Nodegroup { aws, cluster, name } => {
                let request = aws.eks.delete_nodegroup().cluster_name(cluster);
                let gone = request.nodegroup_name(&name).send().await;
                gone.map(drop).map_err(|err| told(&name, &err))
            }
        }
    }
}
