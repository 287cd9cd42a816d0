//! The AWS managed policies that scenarios can attach; others do not exist here.

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../assets/aws-policies/", $name, ".json")))),*]
    };
}

/// Path and name below `policy/`, and the document.
const MANAGED: &[(&str, &str)] = embedded![
    "AdministratorAccess",
    "AmazonDynamoDBFullAccess",
    "AmazonDynamoDBReadOnlyAccess",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEKSWorkerNodeMinimalPolicy",
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonRoute53FullAccess",
    "AmazonS3FullAccess",
    "AmazonS3ReadOnlyAccess",
    "AmazonSQSFullAccess",
    "AmazonSSMManagedInstanceCore",
    "CloudWatchAgentServerPolicy",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "SecretsManagerReadWrite",
    "service-role/AmazonEBSCSIDriverPolicy",
    "service-role/AmazonEFSCSIDriverPolicy",
];

/// The document of `arn:PARTITION:iam::aws:policy/[PATH/]NAME`; `None`: NoSuchEntity.
pub fn managed(arn: &str) -> Option<&'static str> {
    let (head, name) = arn.split_once(":iam::aws:policy/")?;
    head.strip_prefix("arn:aws")?;
    MANAGED.iter().find(|(it, _)| *it == name).map(|(_, it)| *it)
}

#[cfg(test)]
mod tests {
    use crate::lab::policies::*;

    #[test]
    fn every_managed_policy_has_statements() {
        for (name, text) in MANAGED {
            let json: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(json["Version"], "2012-10-17", "{name}");
            let statements = json["Statement"].as_array().unwrap();
            for it in statements {
                assert!(it["Effect"].is_string(), "{name}");
                assert!(it.get("Action").or(it.get("NotAction")).is_some(), "{name}");
                assert!(it.get("Resource").is_some(), "{name}");
            }
        }
    }

    #[test]
    fn managed_policies_are_found_in_every_partition() {
        let check = |arn: &str, wanted: bool| assert_eq!(managed(arn).is_some(), wanted, "{arn}");
        check("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess", true);
        check("arn:aws-cn:iam::aws:policy/AmazonS3ReadOnlyAccess", true);
        check("arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy", true);
        check("arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicy", false);
        check("arn:aws:iam::111122223333:policy/AmazonS3ReadOnlyAccess", false);
        check("AmazonS3ReadOnlyAccess", false);
    }
}
