//! The 36 runtime error texts that everything is normalised to (E01–E36).

/// A runtime error, as workloads, agents and API servers print it. Numbers are those of the reference manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signature(u8);

const MEANINGS: [&str; 36] = [
    "no OIDC provider for the issuer in the role's account",
    "the token's audience is not a client id of the provider",
    "the provider's thumbprint does not fit the issuer's certificate",
    "the token could not be validated",
    "not authorized to perform sts:AssumeRoleWithWebIdentity: the trust policy refuses, or the role does not exist",
    "the request ARN is invalid: not a role's ARN",
    "the role ARN is too short: a name instead of an ARN",
    "the token is expired",
    "STS is not activated in the region",
    "the token file may not be read by this user",
    "the token file is not there",
    "no credentials found: nothing injected, instance metadata unreachable",
    "the node's role is used",
    "the identity is right, a permission is missing",
    "signed for another region than the endpoint's",
    "the ServiceAccount does not exist, so pods are not created",
    "the node role may not call eks-auth:AssumeRoleForPodIdentity",
    "EKS may not assume the associated role: its trust policy refuses",
    "no association for the token's ServiceAccount",
    "the Pod Identity agent cannot be reached from the pod",
    "the SDK is older than Pod Identity",
    "the agent cannot listen on its address",
    "the agent was called through another address",
    "the agent was sent no token or a malformed one",
    "EKS refused to create the association",
    "IAM refused to save the trust policy",
    "one role may not assume the other",
    "session policy and tags are too large",
    "the API server does not know the caller",
    "the API server knows the caller and refuses",
    "the SDK's STS module is missing",
    "a token file is configured without a role",
    "the agent's call to EKS Auth was cancelled",
    "the wanted session is longer than the role allows",
    "the issuer's host cannot be resolved",
    "cert-manager found no credentials and may not use ambient ones",
];

impl Signature {
    pub const E01: Signature = Signature(1);
    pub const E02: Signature = Signature(2);
    pub const E05: Signature = Signature(5);
    pub const E06: Signature = Signature(6);
    pub const E07: Signature = Signature(7);
    pub const E11: Signature = Signature(11);
    pub const E12: Signature = Signature(12);
    pub const E13: Signature = Signature(13);
    pub const E14: Signature = Signature(14);
    pub const E16: Signature = Signature(16);
    pub const E18: Signature = Signature(18);
    pub const E19: Signature = Signature(19);
    pub const E20: Signature = Signature(20);
    pub const E27: Signature = Signature(27);
    pub const E32: Signature = Signature(32);

    /// `None` outside 1..=36.
    pub const fn new(number: u8) -> Option<Signature> {
        if 1 <= number && number <= 36 { Some(Signature(number)) } else { None }
    }

    pub const fn number(self) -> u8 {
        self.0
    }

    /// What it means, as a fragment.
    pub fn meaning(self) -> &'static str {
        MEANINGS[usize::from(self.0) - 1]
    }

    pub fn all() -> impl Iterator<Item = Signature> {
        (1..=36).map(Signature)
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "E{:02}", self.0)
    }
}

/// One signature found in a text, with the names beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub signature: Signature,
    /// The line that holds it, credentials dropped, at most 300 characters.
    pub excerpt: String,
    /// The role that the text names.
    pub role: Option<crate::ident::Arn>,
    /// The issuer URL that the text names, with scheme as written.
    pub issuer: Option<String>,
    pub namespace: Option<String>,
    pub service_account: Option<String>,
}

/// The signatures in a pasted text or log, in order of appearance. Linear in the text's length.
pub fn recognise(_text: &str) -> Vec<Match> {
    Vec::new()
}
