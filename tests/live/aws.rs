//! Clients of the real emulators, and what the suite makes there.

use aws_credential_types::Credentials;
use aws_sdk_iam::config::Region;
use aws_smithy_http_client::{Builder, tls};

/// Settings of an SDK client for `url` with the given key pair (`test` is MiniStack's root).
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

pub struct Aws {
    pub iam: aws_sdk_iam::Client,
    pub eks: aws_sdk_eks::Client,
    pub sts: aws_sdk_sts::Client,
}

impl Aws {
    pub fn new(url: &str, region: &str) -> Aws {
        Aws::with_key(url, region, "test", "test")
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
        let resource = arn.split_once(":role").expect("a role ARN").1;
        let (path, name) = resource.rsplit_once('/').expect("a role ARN has a slash");
        let made = self
            .iam
            .create_role()
            .role_name(name)
            .path(format!("{path}/"))
            .assume_role_policy_document(trust)
            .send()
            .await
            .unwrap_or_else(|err| {
                panic!("role {arn}: {}", aws_sdk_iam::error::DisplayErrorContext(&err))
            });
        made.role().expect("a role").arn().to_owned()
    }

    /// Deletes every role, provider and association.
    pub async fn wipe(&self, cluster: &str) {
        let associations = self
            .eks
            .list_pod_identity_associations()
            .cluster_name(cluster)
            .send()
            .await
            .map(|it| it.associations().to_vec())
            .unwrap_or_default();
        for it in associations {
            let id = it.association_id().unwrap_or_default();
            let gone = self
                .eks
                .delete_pod_identity_association()
                .cluster_name(cluster)
                .association_id(id)
                .send()
                .await;
            gone.expect("an association can be deleted");
        }
        let providers = self.iam.list_open_id_connect_providers().send().await.expect("providers");
        for it in providers.open_id_connect_provider_list() {
            let arn = it.arn().unwrap_or_default();
            let gone = self
                .iam
                .delete_open_id_connect_provider()
                .open_id_connect_provider_arn(arn)
                .send()
                .await;
            gone.expect("a provider can be deleted");
        }
        let roles = self.iam.list_roles().send().await.expect("roles");
        for role in roles.roles() {
            // The cluster's own role stays: the cluster names it.
            if role.role_name() != CLUSTER_ROLE {
                self.delete_role(role.role_name()).await;
            }
        }
    }

    async fn delete_role(&self, name: &str) {
        let attached = self.iam.list_attached_role_policies().role_name(name).send().await;
        for it in attached.expect("attached policies").attached_policies() {
            let arn = it.policy_arn().unwrap_or_default();
            let gone = self.iam.detach_role_policy().role_name(name).policy_arn(arn).send().await;
            gone.expect("a policy can be detached");
        }
        let inline = self.iam.list_role_policies().role_name(name).send().await;
        for it in inline.expect("inline policies").policy_names() {
            let gone = self.iam.delete_role_policy().role_name(name).policy_name(it).send().await;
            gone.expect("an inline policy can be deleted");
        }
        self.iam.delete_role().role_name(name).send().await.expect("a role can be deleted");
    }

    /// Creates the EKS cluster and returns its issuer, with scheme.
    pub async fn cluster(&self, name: &str) -> String {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let arn = self
            .role(&format!("arn:aws:iam::{}:role/{CLUSTER_ROLE}", crate::peers::ACCOUNT), trust)
            .await;
        let network = aws_sdk_eks::types::VpcConfigRequest::builder()
            .subnet_ids("subnet-1")
            .subnet_ids("subnet-2")
            .build();
        self.eks
            .create_cluster()
            .name(name)
            .role_arn(arn)
            .resources_vpc_config(network)
            .send()
            .await
            .expect("a cluster");
        let described = self.eks.describe_cluster().name(name).send().await.expect("the cluster");
        let issuer = described
            .cluster()
            .and_then(|it| it.identity())
            .and_then(|it| it.oidc())
            .and_then(|it| it.issuer());
        issuer.expect("the cluster has an issuer").to_owned()
    }
}

/// The role that the cluster itself runs with.
pub const CLUSTER_ROLE: &str = "live-cluster-role";
