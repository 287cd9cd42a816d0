//! What a kubeconfig's exec section says about the EKS cluster, as the AWS CLI and aws-iam-authenticator write it.

use crate::{
    ident::{Partition, Text},
    source::{
        Settings,
        aws::{KubeSide, env::Env},
    },
};

/// Which cluster, where and with whose credentials, before AWS was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Hints {
    pub(crate) cluster: Option<Text>,
    /// Named by a flag, so nothing else is tried when it does not exist.
    pub(crate) is_cluster_flag: bool,
    /// `None`: only the profile may know.
    pub(crate) region: Option<Text>,
    /// By flag or kubeconfig; `None`: the environment decides. The exec role is for Kubernetes only.
    pub(crate) profile: Option<String>,
    /// `https://HOST` of the API server.
    pub(crate) server: Option<Text>,
}

impl Hints {
    /// Flags, then exec arguments, then exec environment; for the region also the server's host, which belongs to one
    /// region for sure, and then the environment.
    pub(crate) fn new(settings: &Settings, env: &Env, kube: &KubeSide) -> Hints {
        let args = Args::new(&kube.exec_args);
        let exec_env = Env::new(&kube.exec_env);
        let owned = |it: &str| it.to_owned();
        let cluster = settings
            .cluster
            .clone()
            .or_else(|| args.value(&["--cluster-name", "--cluster-id", "-i"]).map(owned));
        let regions = ["AWS_REGION", "AWS_DEFAULT_REGION"];
        let region = settings
            .region
            .clone()
            .or_else(|| args.value(&["--region"]).map(owned))
            .or_else(|| exec_env.first(&regions).map(owned))
            .or_else(|| kube.server.as_deref().and_then(region_of_host).map(owned))
            .or_else(|| env.first(&regions).map(owned));
        let profile = settings
            .profile
            .clone()
            .or_else(|| args.value(&["--profile"]).map(owned))
            .or_else(|| exec_env.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]).map(owned));
        Hints {
            cluster: cluster.map(Into::into),
            is_cluster_flag: settings.cluster.is_some(),
            region: region.map(Into::into),
            profile,
            server: kube.server.clone(),
        }
    }
}

/// The region to ask STS and IAM in when none is known: both are global within a partition.
pub(crate) fn fallback_region(partition: &Partition) -> &'static str {
    match partition {
        Partition::AwsCn => "cn-north-1",
        Partition::AwsUsGov => "us-gov-west-1",
        Partition::Aws | Partition::Other(_) => "us-east-1",
    }
}

/// `https://ID.gr7.REGION.eks.amazonaws.com[.cn]`, with IPv6 `https://ID.REGION.api.aws` or
/// `….api.amazonwebservices.com.cn` (EKS User Guide, "Cluster API server endpoint").
fn region_of_host(server: &str) -> Option<&str> {
    const SUFFIXES: &[&str] = &[
        ".eks.amazonaws.com",
        ".eks.amazonaws.com.cn",
        ".api.aws",
        ".api.amazonwebservices.com.cn",
    ];
    let host = server.split_once("://").map_or(server, |(_, it)| it);
    let host = host.split(['/', ':']).next()?;
    let rest = SUFFIXES.iter().find_map(|it| host.strip_suffix(it))?;
    let region = rest.rsplit('.').next()?;
    let is_region =
        2 <= region.matches('-').count() && region.ends_with(|c: char| c.is_ascii_digit());
    is_region.then_some(region)
}

/// Command line arguments; `--name value`, `--name=value`, `-n value`, `-n=value`. Wrappers (`sh -c "aws eks …"`,
/// `aws-vault exec x -- aws eks …`) are looked through.
struct Args<'a>(Vec<&'a str>);

impl<'a> Args<'a> {
    fn new(args: &'a [String]) -> Args<'a> {
        let is_script = |it: &str| it.contains("get-token") || it.contains("aws-iam-authenticator");
        Args(
            args.iter()
                .flat_map(|it| match it.contains(' ') && is_script(it) {
                    true => {
                        it.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect()
                    }
                    false => vec![it.as_str()],
                })
                .collect(),
        )
    }

    /// The last one wins, as in the AWS CLI.
    fn value(&self, names: &[&str]) -> Option<&'a str> {
        let mut res = None;
        for (at, arg) in self.0.iter().enumerate() {
            for name in names {
                if arg == name {
                    res = self.0.get(at + 1).copied().or(res);
                } else if let Some(value) =
                    arg.strip_prefix(name).and_then(|it| it.strip_prefix('='))
                {
                    res = Some(value);
                }
            }
        }
        res.map(|it| it.trim_matches(['"', '\''])).filter(|it| !it.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fact::Knowledge, source::aws::tests::settings};

    struct Case<'a> {
        args: &'a [&'a str],
        exec_env: &'a [(&'a str, &'a str)],
        server: &'a str,
        env: &'a [(&'a str, &'a str)],
        /// Cluster, region, profile.
        expected: (Option<&'a str>, Option<&'a str>, Option<&'a str>),
    }

    const NOTHING: Case =
        Case { args: &[], exec_env: &[], server: "", env: &[], expected: (None, None, None) };

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn check(case: Case, flags: (Option<&str>, Option<&str>, Option<&str>)) {
        let mut settings = settings();
        settings.cluster = flags.0.map(Into::into);
        settings.region = flags.1.map(Into::into);
        settings.profile = flags.2.map(Into::into);
        let kube = KubeSide {
            server: (!case.server.is_empty()).then(|| case.server.into()),
            ca_sha256: None,
            exec_args: case.args.iter().map(|it| (*it).into()).collect(),
            exec_env: pairs(case.exec_env),
            issuer: Knowledge::NotYet,
        };
        let got = Hints::new(&settings, &Env::new(&pairs(case.env)), &kube);
        let got = (got.cluster.as_deref(), got.region.as_deref(), got.profile.as_deref());
        assert_eq!(got, case.expected, "{:?} {:?}", case.args, case.server);
    }

    #[test]
    fn exec_sections() {
        let none = (None, None, None);
        check(NOTHING, none);
        check(
            Case {
                args: &[
                    "--region",
                    "eu-west-1",
                    "eks",
                    "get-token",
                    "--cluster-name",
                    "prod",
                    "--profile",
                    "ops",
                    "--output",
                    "json",
                    "--role-arn",
                    "arn:aws:iam::1:role/k",
                ],
                expected: (Some("prod"), Some("eu-west-1"), Some("ops")),
                ..NOTHING
            },
            none,
        );
        check(
            Case {
                args: &["token", "-i", "prod", "-r", "arn:aws:iam::111122223333:role/k"],
                exec_env: &[
                    ("AWS_PROFILE", "ops"),
                    ("AWS_REGION", "us-gov-west-1"),
                    ("AWS_STS_REGIONAL_ENDPOINTS", ""),
                ],
                expected: (Some("prod"), Some("us-gov-west-1"), Some("ops")),
                ..NOTHING
            },
            none,
        );
        check(
            Case {
                args: &["-c", "aws eks get-token --cluster-name=\"prod\" --region cn-north-1"],
                expected: (Some("prod"), Some("cn-north-1"), None),
                ..NOTHING
            },
            none,
        );
        check(Case { args: &["--cluster-name"], ..NOTHING }, none);
    }

    #[test]
    fn flags_win_and_the_environment_comes_last() {
        let case = || Case {
            args: &["--region", "eu-west-1", "--cluster-name", "prod", "--profile", "ops"],
            env: &[("AWS_REGION", "us-east-1"), ("AWS_PROFILE", "dev")],
            ..NOTHING
        };
        check(
            Case { expected: (Some("a"), Some("b"), Some("c")), ..case() },
            (Some("a"), Some("b"), Some("c")),
        );
        check(
            Case { expected: (Some("prod"), Some("eu-west-1"), Some("ops")), ..case() },
            (None, None, None),
        );
        check(
            Case { args: &[], expected: (None, Some("us-east-1"), None), ..case() },
            (None, None, None),
        );
    }

    #[test]
    fn the_server_says_its_region() {
        let server = |server, region| {
            let env = &[("AWS_REGION", "us-east-1")][..];
            check(
                Case { server, env, expected: (None, Some(region), None), ..NOTHING },
                (None, None, None),
            );
        };
        server("https://ABC.gr7.ap-northeast-2.eks.amazonaws.com", "ap-northeast-2");
        server("https://ABC.sk1.cn-north-1.eks.amazonaws.com.cn:443", "cn-north-1");
        server("https://ABC.yl4.eks.eu-west-1.api.aws", "eu-west-1");
        server("https://abc.eu-west-1.api.aws", "eu-west-1");
        server("https://proxy.eks.amazonaws.com", "us-east-1");
        server("https://127.0.0.1:6443", "us-east-1");
    }
}
