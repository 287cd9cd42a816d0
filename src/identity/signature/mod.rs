//! The 36 runtime error texts that everything is normalised to (E01–E36), and their recognition in pasted text.
//!
//! What an error means for a cluster is `check`'s business; here it only gets its number and the names in it.

mod fields;
mod forms;
mod normalise;

use crate::{
    ident::{Arn, Text},
    identity::signature::normalise::Normal,
};
use std::collections::HashSet;

/// A runtime error, as workloads, agents and API servers print it. Numbers are those of the reference manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signature(u8);

macro_rules! signatures {
    ($($name:ident $number:literal)*) => {
        impl Signature {
            $(pub const $name: Signature = Signature($number);)*
        }
    };
}

signatures! {
    E01 1 E02 2 E03 3 E04 4 E05 5 E06 6 E07 7 E08 8 E09 9 E10 10 E11 11 E12 12 E13 13 E14 14 E15 15 E16 16 E17 17 E18 18
    E19 19 E20 20 E21 21 E22 22 E23 23 E24 24 E25 25 E26 26 E27 27 E28 28 E29 29 E30 30 E31 31 E32 32 E33 33 E34 34
    E35 35 E36 36
}

/// One of the texts, found in a paste, with the names beside it; each is `None` where the text does not give it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Match {
    pub signature: Signature,
    /// The line around it: no control characters, at most 300 characters, whatever looks like a credential left out.
    pub excerpt: String,
    /// The role that it is about. Where only `assumed-role/NAME/SESSION` is told, its path is not known, so compare by
    /// name.
    pub role: Option<Arn>,
    /// The issuer or a host of it, with scheme as written.
    pub issuer: Option<String>,
    pub namespace: Option<String>,
    pub service_account: Option<String>,
    /// The pod whose line it is, as `kubectl logs --prefix` writes it: without its namespace.
    pub pod: Option<String>,
    /// Who called, as in `User: ARN is not authorized`.
    pub caller: Option<Arn>,
    /// E.g. `s3:GetObject`.
    pub action: Option<Text>,
    pub resource: Option<Text>,
    /// The kind of policy that IAM blames, e.g. `identity-based policy`, `service control policy`.
    pub policy: Option<Text>,
}

/// The errors in `text`, in the order in which they stand there, those that only say that no provider is left last
/// (SDKs wrap the real cause in them); each once for the same names. Empty when the text has none of them. Linear in
/// the text's length.
///
/// Colours, JSON escapes and line wraps do not matter.
pub fn recognise(text: &str) -> Vec<Match> {
    let mut reader = Reader::default();
    reader.push(text);
    reader.finish()
}

/// As `recognise`, for a log that comes in pieces and may be of any length: it keeps what it found and the last piece.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    found: Vec<Match>,
    seen: HashSet<Match>,
    /// The end of what was looked at, for what begins in it.
    lead: String,
    /// What was not looked at yet.
    rest: String,
}

/// How much is looked at together, in bytes.
const PART: usize = 1 << 20;
/// How much of what stands before and behind a part is looked at with it, in bytes: more than any error is long.
const AROUND: usize = 4 << 10;
/// A log that repeats one error with ever new names is not kept whole: so many of each signature.
const MOST: usize = 500;

impl Reader {
    /// What comes next; best cut where a line ends.
    pub fn push(&mut self, text: &str) {
        self.rest.push_str(text);
        while PART + AROUND < self.rest.len() {
            let cut = line_end(&self.rest, PART);
            let behind = line_end(&self.rest, (cut + AROUND).min(self.rest.len()));
            let found =
                Part { lead: &self.lead, body: &self.rest[..cut], tail: &self.rest[cut..behind] }
                    .found();
            self.keep(found);
            let from = line_end(&self.rest[..cut], cut.saturating_sub(AROUND));
            self.lead = self.rest[from..cut].to_owned();
            self.rest.drain(..cut);
        }
    }

    /// Whether any error was found so far.
    pub fn is_known(&self) -> bool {
        !self.found.is_empty() || !self.last().found().is_empty()
    }

    pub fn finish(mut self) -> Vec<Match> {
        let found = self.last().found();
        self.keep(found);
        let mut res = self.found;
        res.sort_by_key(|it| it.signature == Signature::E12);
        res
    }

    fn last(&self) -> Part<'_> {
        Part { lead: &self.lead, body: &self.rest, tail: "" }
    }

    fn keep(&mut self, found: Vec<Match>) {
        for it in found {
            let names = Match { excerpt: String::new(), ..it.clone() };
            let known = self.found.iter().filter(|old| old.signature == it.signature).count();
            if known < MOST && self.seen.insert(names) {
                self.found.push(it);
            }
        }
    }
}

/// A piece of a log between what stands around it.
struct Part<'a> {
    lead: &'a str,
    body: &'a str,
    tail: &'a str,
}

impl Part<'_> {
    /// What begins in the body.
    fn found(&self) -> Vec<Match> {
        let normal = match (self.lead, self.tail) {
            ("", "") => Normal::of(self.body),
            (lead, tail) => Normal::of(&[lead, self.body, tail].concat()),
        };
        let length = |it: &str| if it.is_empty() { 0 } else { Normal::of(it).words.len() };
        // Rather a little of what stands around than to lose what stands at the edge: the same names count once.
        let from = length(self.lead).saturating_sub(AROUND / 8);
        let to = match self.tail {
            "" => usize::MAX,
            tail => (normal.words.len() + AROUND / 8).saturating_sub(length(tail)),
        };
        let all = forms::found(&normal).into_iter();
        let own = all.filter(|(_, at)| (from..to).contains(&normal.in_words(*at)));
        own.map(|(signature, at)| Match {
            excerpt: normal.excerpt(at),
            ..fields::of(&normal, signature, at)
        })
        .collect()
    }
}

/// Behind the last line feed before `at`, or where a character ends.
fn line_end(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let near = text[..at].rfind('\n').map(|it| it + 1);
    near.filter(|it| at - it <= AROUND / 2).unwrap_or(at)
}

impl Signature {
    /// `None` outside 1..=36.
    pub const fn new(number: u8) -> Option<Signature> {
        if 1 <= number && number <= 36 { Some(Signature(number)) } else { None }
    }

    /// Reads `E05`, `e5`. `None` for anything else.
    pub fn parse(text: &str) -> Option<Signature> {
        let digits = text.strip_prefix(['E', 'e'])?;
        let is_number =
            (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        Signature::new(digits.parse().ok().filter(|_| is_number)?)
    }

    pub const fn number(self) -> u8 {
        self.0
    }

    pub fn all() -> impl Iterator<Item = Signature> {
        (1..=36).map(Signature)
    }

    /// The part of the text that makes it recognisable.
    pub fn text(self) -> &'static str {
        self.row().0
    }

    /// What it means, as a fragment.
    pub fn meaning(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> (&'static str, &'static str) {
        let at = usize::from(self.0.saturating_sub(1));
        TABLE.get(at).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "E{:02}", self.0)
    }
}

/// Text and meaning, by number.
const TABLE: [(&str, &str); 36] = [
    (
        "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://ISSUER",
        "the token's issuer is not registered in the role's account",
    ),
    (
        "InvalidIdentityToken: Incorrect token audience",
        "the token's audience is none of the provider's client ids",
    ),
    (
        "InvalidIdentityToken: OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
        "the issuer's certificate is not publicly trusted and differs from the provider's thumbprint",
    ),
    (
        "InvalidIdentityToken: The web identity token provided could not be validated",
        "the token's keys cannot be fetched or do not fit its signature",
    ),
    (
        "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
        "the role's trust policy refuses the token, or the role does not exist",
    ),
    ("ValidationError: Request ARN is invalid", "what is sent as RoleArn is not the ARN of a role"),
    (
        "Invalid length for parameter RoleArn, value: N, valid min length: 20",
        "the name of a role is sent instead of its ARN",
    ),
    ("ExpiredTokenException: Token expired", "the token file is stale or the clock is wrong"),
    (
        "RegionDisabledException: STS is not activated in this region",
        "the account has STS switched off in that region",
    ),
    ("open TOKEN: permission denied", "the process may not read the token file"),
    (
        "open TOKEN: no such file or directory",
        "the environment names a token file that no volume provides",
    ),
    (
        "Unable to locate credentials",
        "nothing was injected and the instance metadata service is out of reach",
    ),
    (
        "User: arn:aws:sts::ACCOUNT:assumed-role/NODE-ROLE/i-… is not authorized to perform: ACTION",
        "the node's role is used instead of the pod's own",
    ),
    (
        "User: ARN is not authorized to perform: ACTION on resource: RESOURCE",
        "the identity is there, the permission is not",
    ),
    (
        "SignatureDoesNotMatch: Credential should be scoped to a valid region",
        "the global STS endpoint is used with a regional setting",
    ),
    (
        "error looking up service account NAMESPACE/NAME: serviceaccount \"NAME\" not found",
        "the pod names a ServiceAccount that does not exist",
    ),
    (
        "User: NODE-ROLE is not authorized to perform: eks-auth:AssumeRoleForPodIdentity",
        "the Pod Identity agent's node role lacks its permission",
    ),
    (
        "Unauthorized Exception! EKS does not have permissions to assume the associated role",
        "the trust policy of the associated or of the target role refuses EKS",
    ),
    (
        "(ResourceNotFoundException) on AssumeRoleForPodIdentity",
        "the cluster has no association for the token's ServiceAccount",
    ),
    (
        "Get \"http://169.254.170.23/v1/credentials\": connect: connection refused",
        "the Pod Identity agent is absent or out of this pod's reach",
    ),
    (
        "invalid endpoint host, \"169.254.170.23\", only loopback hosts are allowed",
        "the SDK is older than Pod Identity",
    ),
    (
        "Unable to start server: listen tcp [fd00:ec2::23]:80: bind: cannot assign requested address",
        "the Pod Identity agent cannot listen: IPv6 is off or port 80 is taken",
    ),
    (
        "Access Denied. Called agent through invalid address",
        "the Pod Identity agent was called through a proxy or an alias",
    ),
    (
        "Service account token cannot be empty",
        "the SDK sends the Pod Identity agent no token, a prefixed or an expired one",
    ),
    ("Trust policy of the role provided is invalid", "EKS refused to create the association"),
    ("MalformedPolicyDocument", "IAM refused to save the policy"),
    (
        "User: ROLE is not authorized to perform: sts:AssumeRole on resource: ROLE",
        "one role may not assume the next",
    ),
    ("PackedPolicyTooLarge", "session policy and session tags are too big together"),
    (
        "error: You must be logged in to the server (Unauthorized)",
        "the API server does not know who calls",
    ),
    (
        "Error from server (Forbidden): User \"NAME\" cannot VERB resource",
        "the API server knows who calls, and RBAC or an access policy refuses",
    ),
    (
        "To use web identity tokens, the 'sts' service module must be on the class path",
        "the application lacks the SDK's STS module",
    ),
    (
        "configured to assume role with web identity but has no role ARN configured",
        "the token file is set in the environment, the role is not",
    ),
    (
        "AssumeRoleForPodIdentity … StatusCode: 0 … canceled, context canceled",
        "the Pod Identity agent gets no answer from EKS in time",
    ),
    (
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role",
        "a longer session is asked for than the role allows",
    ),
    (
        "** server can't find oidc.eks.REGION.amazonaws.com: NXDOMAIN",
        "the issuer's host cannot be resolved where the tool runs",
    ),
    (
        "empty credentials; perhaps you meant to enable ambient credentials?",
        "cert-manager does not use the pod's own identity for this issuer",
    ),
];

#[cfg(test)]
mod tests {
    use crate::identity::signature::*;
    use proptest::prelude::*;

    fn numbers(text: &str) -> Vec<u8> {
        recognise(text).iter().map(|it| it.signature.number()).collect()
    }

    fn check(text: &str, expected: &[u8]) {
        assert_eq!(numbers(text), expected, "{text}");
        // The same text in a JSON log line, coloured, and wrapped by a terminal.
        let json = format!("{{\"level\":\"error\",\"msg\":{}}}", json_string(text));
        assert_eq!(numbers(&json), expected, "{json}");
        let twice = format!("{{\"log\":{}}}", json_string(&json));
        assert_eq!(numbers(&twice), expected, "{twice}");
        let coloured = format!("\u{1b}[31mERROR\u{1b}[0m {}", text.replace(' ', "\u{1b}[1m "));
        assert_eq!(numbers(&coloured), expected, "{coloured:?}");
        let chars: Vec<char> = text.chars().collect();
        let wrapped: Vec<String> = chars.chunks(37).map(|it| it.iter().collect()).collect();
        assert_eq!(numbers(&wrapped.join("\n")), expected, "{wrapped:?}");
    }

    fn json_string(text: &str) -> String {
        serde_json::to_string(text).unwrap()
    }

    #[test]
    fn every_text_of_the_table_is_recognised_as_itself() {
        for it in Signature::all() {
            let text = it
                .text()
                .replace("NODE-ROLE/i-…", "node/i-0123456789abcdef0")
                .replace("ACCOUNT", "111122223333")
                .replace(
                    "NODE-ROLE",
                    "arn:aws:sts::111122223333:assumed-role/node/i-0123456789abcdef0",
                )
                .replace("resource: ROLE", "resource: arn:aws:iam::111122223333:role/b")
                .replace("ROLE", "arn:aws:sts::111122223333:assumed-role/a/s")
                .replace("ACTION", "s3:GetObject")
                .replace(
                    "User: ARN",
                    "User: arn:aws:sts::111122223333:assumed-role/app/botocore-session-1",
                )
                .replace(
                    "open TOKEN",
                    "open /var/run/secrets/eks.amazonaws.com/serviceaccount/token",
                );
            assert_eq!(numbers(&text), [it.number()], "{text}");
            assert!(!it.meaning().is_empty());
        }
    }

    #[test]
    fn each_sdk_says_it_in_its_own_words() {
        check(
            "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: No OpenIDConnect provider found in your account for https://oidc.eks.eu-west-1.amazonaws.com/id/AAAA1111",
            &[1],
        );
        check(
            "WebIdentityErr: failed to retrieve credentials\ncaused by: InvalidIdentityToken: Incorrect token audience\n\tstatus code: 400, request id: 3b0d4b3a-0000-0000-0000-000000000000",
            &[2],
        );
        check(
            "InvalidIdentityToken: OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
            &[3],
        );
        check(
            "InvalidIdentityTokenException: The web identity token that was passed could not be validated by Amazon Web Services",
            &[4],
        );
        check(
            "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
            &[4],
        );
        check(
            "WebIdentityErr: failed to retrieve credentials\ncaused by: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity\n\tstatus code: 403, request id: 1",
            &[5],
        );
        check(
            "operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, RequestID: 1, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
            &[5],
        );
        check(
            "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: Not authorized to perform sts:AssumeRoleWithWebIdentity",
            &[5],
        );
        check(
            "software.amazon.awssdk.services.sts.model.StsException: Not authorized to perform sts:AssumeRoleWithWebIdentity (Service: Sts, Status Code: 403, Request ID: 1)",
            &[5],
        );
        check(
            "Amazon.SecurityToken.AmazonSecurityTokenServiceException: Not authorized to perform sts:AssumeRoleWithWebIdentity",
            &[5],
        );
        check("ValidationError: Request ARN is invalid\n\tstatus code: 400", &[6]);
        check(
            "botocore.exceptions.ParamValidationError: Parameter validation failed:\nInvalid length for parameter RoleArn, value: 3, valid min length: 20",
            &[7],
        );
        check(
            "1 validation error detected: Value 'app' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20",
            &[7],
        );
        check(
            "InvalidParameter: 1 validation error(s) found.\n- minimum field size of 20, AssumeRoleWithWebIdentityInput.RoleArn.",
            &[7],
        );
        check(
            "An error occurred (ExpiredTokenException) when calling the AssumeRoleWithWebIdentity operation: Token expired: current date/time 1700000000 must be before the expiration date/time 1699990000",
            &[8],
        );
        check(
            "RegionDisabledException: STS is not activated in this region for account:111122223333",
            &[9],
        );
        check(
            "WebIdentityErr: unable to read file at /var/run/secrets/eks.amazonaws.com/serviceaccount/token\ncaused by: open /var/run/secrets/eks.amazonaws.com/serviceaccount/token: permission denied",
            &[10],
        );
        check(
            "PermissionError: [Errno 13] Permission denied: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token'",
            &[10],
        );
        check(
            "Error: EACCES: permission denied, open '/var/run/secrets/eks.amazonaws.com/serviceaccount/token'",
            &[10],
        );
        check(
            "FileNotFoundError: [Errno 2] No such file or directory: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token'",
            &[11],
        );
        check(
            "failed to retrieve jwt from provide source, unable to read file at /tmp/t: open /tmp/t: no such file or directory",
            &[11],
        );
        check("botocore.exceptions.NoCredentialsError: Unable to locate credentials", &[12]);
        check(
            "NoCredentialProviders: no valid providers in chain. Deprecated.\n\tFor verbose messaging see aws.Config.CredentialsChainVerboseErrors",
            &[12],
        );
        check(
            "failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata, canceled, context deadline exceeded",
            &[12],
        );
        check("CredentialsProviderError: Could not load credentials from any providers", &[12]);
        check(
            "CredentialsError: Missing credentials in config, if using AWS_CONFIG_FILE, set AWS_SDK_LOAD_CONFIG=1",
            &[12],
        );
        check(
            "com.amazonaws.SdkClientException: Unable to load AWS credentials from any provider in the chain",
            &[12],
        );
        check(
            "User: arn:aws:sts::111122223333:assumed-role/eks-node/i-0123456789abcdef0 is not authorized to perform: route53:ListHostedZones on resource: *",
            &[13],
        );
        check(
            "An error occurred (AccessDenied) when calling the ListBuckets operation: User: arn:aws:sts::111122223333:assumed-role/app/botocore-session-1 is not authorized to perform: s3:ListAllMyBuckets because no identity-based policy allows the s3:ListAllMyBuckets action",
            &[14],
        );
        check(
            "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: sqs:SendMessage on resource: q with an explicit deny in a service control policy",
            &[14],
        );
        check("SignatureDoesNotMatch: Credential should be scoped to a valid region.", &[15]);
        check(
            "Error creating: pods \"web-\" is forbidden: error looking up service account shop/web: serviceaccount \"web\" not found",
            &[16],
        );
        check(
            "Error fetching credentials: (AccessDeniedException): User: arn:aws:sts::111122223333:assumed-role/node/i-0123456789abcdef0 is not authorized to perform: eks-auth:AssumeRoleForPodIdentity on resource: arn:aws:eks:eu-west-1:111122223333:cluster/c",
            &[17],
        );
        check(
            "[req]: (AccessDeniedException): Unauthorized Exception! EKS does not have permissions to assume the associated role., fault: client",
            &[18],
        );
        check(
            "{\"msg\":\"Error fetching credentials\",\"error\":\"operation error EKS Auth: AssumeRoleForPodIdentity, (ResourceNotFoundException): no such thing, fault: client\"}",
            &[19],
        );
        check(
            "Get \"http://169.254.170.23/v1/credentials\": dial tcp 169.254.170.23:80: connect: connection refused",
            &[20],
        );
        check(
            "botocore.exceptions.CredentialRetrievalError: Error when retrieving credentials from container-role: Error retrieving metadata: Received error when attempting to retrieve container metadata: Connect timeout",
            &[20],
        );
        check(
            "ValueError: Unsupported host '169.254.170.23'. Can only retrieve metadata from these hosts: 169.254.170.2, localhost",
            &[21],
        );
        check("169.254.170.23 is not a valid container metadata service hostname", &[21]);
        check(
            "Unable to start server: listen tcp [fd00:ec2::23]:80: bind: address already in use",
            &[22],
        );
        check(
            "Access Denied. Called agent through invalid address, please use either [169.254.170.23 fd00:ec2::23] address not proxy.local",
            &[23],
        );
        check(
            "Service account token cannot be parsed: token contains an invalid number of segments",
            &[24],
        );
        check("ResourceInUseException: Association already exists: a-1", &[25]);
        check("MalformedPolicyDocument: Has prohibited field Resource", &[26]);
        check("LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048", &[26]);
        check(
            "User: arn:aws:sts::111122223333:assumed-role/a/s is not authorized to perform: sts:TagSession on resource: arn:aws:iam::111122223333:role/b",
            &[27],
        );
        check("error: the server doesn't have a resource type \"svc\"", &[29]);
        check(
            "Error from server (Forbidden): pods is forbidden: User \"alice\" cannot list resource \"pods\" in API group \"\" in the namespace \"shop\"",
            &[30],
        );
        check(
            "WebIdentityTokenCredentialsProvider: To use assume role profiles the aws-java-sdk-sts module must be on the class path.",
            &[31],
        );
        check(
            "botocore.exceptions.InvalidConfigError: The provided profile or the current environment is configured to assume role with web identity but has no role ARN configured.",
            &[32],
        );
        check("failed to load credentials, role ARN is not set", &[32]);
        check(
            "operation error EKS Auth: AssumeRoleForPodIdentity, https response error StatusCode: 0, RequestID: , canceled, context canceled",
            &[33],
        );
    }

    #[test]
    fn each_language_has_its_own_way_to_say_so() {
        // Ruby, PHP, .NET, Rust, C++ and JavaScript as their own sources have it, and what people paste into issues.
        let token = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
        for (text, expected) in [
            (
                "Aws::STS::Errors::InvalidIdentityToken (No OpenIDConnect provider found in your account for https://oidc.eks.us-east-1.amazonaws.com/id/A)",
                1,
            ),
            (
                "InvalidIdentityTokenException: No OpenIDConnect provider found in your account for https://oidc.eks.us-east-1.amazonaws.com/id/<redacted>",
                1,
            ),
            (
                "ServiceError(ServiceError { source: InvalidIdentityTokenException(InvalidIdentityTokenException { message: Some(\"Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements\") }) })",
                4,
            ),
            ("Aws\\Exception\\CredentialsException: InvalidIdentityToken from file: /token", 4),
            (
                "Error executing \"AssumeRoleWithWebIdentity\" on \"https://sts.eu-west-1.amazonaws.com\"; AWS HTTP error: Client error: `POST https://sts.eu-west-1.amazonaws.com` resulted in a `403 Forbidden` response: <Code>AccessDenied</Code> <Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message>",
                5,
            ),
            (
                "Aws::STS::Errors::AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
                5,
            ),
            (
                "ERROR 2026-01-01 00:00:00.000 STSAssumeRoleWithWebIdentityCredentialsProvider [1] HTTP response code: 403 Exception name: AccessDenied Error message: Not authorized to perform sts:AssumeRoleWithWebIdentity",
                5,
            ),
            (
                "An error occurred (ValidationError) when calling the AssumeRoleWithWebIdentity operation: arn:aws:iam::111122223333:rol/app is invalid",
                6,
            ),
            (
                "Found 1 error while validating the input provided for the AssumeRoleWithWebIdentity operation: [RoleArn] expected string length to be >= 20, but found string length of 3",
                7,
            ),
            (
                "ExpiredTokenException(ExpiredTokenException { message: Some(\"Token expired: current date/time 1700000000 must be before the expiration date/time1699990000\") })",
                8,
            ),
            ("Errno::EACCES: Permission denied @ rb_sysopen - TOKEN", 10),
            ("java.nio.file.AccessDeniedException: TOKEN", 10),
            ("System.UnauthorizedAccessException: Access to the path 'TOKEN' is denied.", 10),
            ("file_get_contents(TOKEN): failed to open stream: Permission denied", 10),
            ("file_get_contents(TOKEN): failed to open stream: No such file or directory", 11),
            ("Errno::ENOENT: No such file or directory @ rb_sysopen - TOKEN", 11),
            ("System.IO.FileNotFoundException: Could not find file 'TOKEN'.", 11),
            ("java.nio.file.NoSuchFileException: TOKEN", 11),
            (
                "STSAssumeRoleWithWebIdentityCredentialsProvider [1] Can't open token file: TOKEN",
                11,
            ),
            (
                "[WebIdentityToken] must be a string or an object that implements __toString(). Found bool(false)",
                11,
            ),
            (
                "Aws::Errors::MissingWebIdentityTokenFile: Missing :web_identity_token_file parameter or invalid file path",
                11,
            ),
            (
                "Aws::Errors::MissingCredentialsError: unable to sign request without credentials set",
                12,
            ),
            (
                "ConstructionFailure(ConstructionFailure { source: SigningStageError { kind: MissingCredentials } })",
                12,
            ),
            ("no providers in chain provided credentials", 12),
            (
                "CredentialsProviderException: No credentials could be loaded from the chain: CredentialsProviderChain -> EnvironmentCredentialsProvider",
                12,
            ),
            (
                "CredentialsProviderException: No identity could be resolved from the chain: CredentialsProviderChain -> EnvironmentCredentialsProvider",
                12,
            ),
            (
                "operation error S3: ListBuckets, get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata, exceeded maximum number of attempts, 3, request send failed, Get \"http://169.254.169.254/latest/meta-data/iam/security-credentials/\": dial tcp 169.254.169.254:80: i/o timeout",
                12,
            ),
            ("EC2RoleRequestError: no EC2 instance role found\ncaused by: RequestError", 12),
            (
                "com.amazonaws.SdkClientException: Unable to load AWS credentials from any provider in the chain: [EnvironmentVariableCredentialsProvider: no, SystemPropertiesCredentialsProvider: no]",
                12,
            ),
            (
                "StorageAccessDenied: [S3] Access denied: ...\nUser: arn:aws:sts::123456789012:assumed-role/eks_node_groups/i-0xxxxxxxxxxxxxxxx\nis not authorized to perform: s3:ListBucket on <BUCKET>",
                13,
            ),
            (
                "User: arn:aws:sts::{accountId}:assumed-role/eksctl-c-nodegroup-NodeInstanceRole-{hash}/i-{instanceId} is not authorized to perform: secretsmanager:GetSecretValue on resource: x",
                13,
            ),
            (
                "unable to get caller identity: operation error STS: GetCallerIdentity, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [43250e5c-8c9c-4fe8-af41-34d48103435b]: (AccessDeniedException): Unauthorized Exception! EKS does not have permissions to assume the associated role., fault: client",
                18,
            ),
            (
                "failed to load credentials, : [43250e5c]: (ResourceNotFoundException): no association, fault: client",
                19,
            ),
            ("Error: connect EHOSTUNREACH 169.254.170.23:80", 20),
            (
                "Failed to open TCP connection to 169.254.170.23:80 (Connection refused - connect(2) for \"169.254.170.23\" port 80)",
                20,
            ),
            (
                "Ignoring, HTTP credential provider invalid endpoint host, \"169.254.170.23\", only loopback hosts are allowed. <nil>",
                21,
            ),
            (
                "ArgumentError: AWS_CONTAINER_CREDENTIALS_FULL_URI must use a loopback address when using the http scheme.",
                21,
            ),
            ("InvalidFullUri { err: NotLoopback, uri: http://169.254.170.23/v1/credentials }", 21),
            ("error: the server has asked for the client to provide credentials", 29),
            (
                "Assembly AWSSDK.SecurityToken could not be found or loaded. This assembly must be available at runtime to use Amazon.Runtime.AssumeRoleAWSCredentials",
                31,
            ),
            ("AWS_ROLE_ARN environment variable must be set", 32),
            (
                "java.lang.IllegalStateException: Either the environment variable AWS_ROLE_ARN or the javaproperty aws.roleArn must be set.",
                32,
            ),
        ] {
            check(&text.replace("TOKEN", token), &[expected]);
        }
    }

    #[test]
    fn what_the_agent_answers_is_told_apart_from_an_agent_that_does_not() {
        for (text, expected) in [
            ("MinRangeError: Expected string length >= 20, but found 3 for params.RoleArn", 7),
            ("error configuring AWS Provider: no valid credential sources found", 12),
            (
                "botocore.exceptions.CredentialRetrievalError: Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response 400 from container metadata: [1]: (AccessDeniedException): Unauthorized Exception! EKS does not have permissions to assume the associated role., fault: client",
                18,
            ),
            (
                "botocore.exceptions.CredentialRetrievalError: Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response 404 from container metadata: [1]: (ResourceNotFoundException): no association, fault: client",
                19,
            ),
            (
                "operation error EKS Auth: AssumeRoleForPodIdentity, exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, Post \"https://eks-auth.eu-west-1.api.aws/\": dial tcp 10.0.0.1:443: i/o timeout",
                33,
            ),
        ] {
            check(text, &[expected]);
        }
    }

    #[test]
    fn a_log_is_read_in_parts_as_it_is_read_whole() {
        let line = "2026-01-01T00:00:00Z info request handled path=/orders status=200 trace=0123456789abcdef\n";
        let errors = [
            "[pod/web-0/app] AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity\n",
            "[pod/web-0/app] InvalidIdentityToken: Incorrect token audience\n",
            "[pod/web-0/app] InvalidIdentityToken: No OpenIDConnect provider found in your account for https://x.example/a\n",
        ];
        // An error just before, over and just behind every place where the text is cut.
        for offset in (0..5).map(|it| PART + it * 40 - 120) {
            let mut text = String::new();
            for n in 1..=2 {
                while text.len() < n * offset {
                    text.push_str(line);
                }
                errors.iter().for_each(|it| text.push_str(it));
            }
            let whole = numbers(&text);
            assert_eq!(whole, [5, 2, 1], "{offset}");
            // However the pieces come.
            for size in [7_919, 300_007] {
                let mut reader = Reader::default();
                let bytes: Vec<&str> = text
                    .as_bytes()
                    .chunks(size)
                    .map(|it| std::str::from_utf8(it).unwrap())
                    .collect();
                bytes.iter().for_each(|it| reader.push(it));
                assert!(reader.is_known());
                let found = reader.finish();
                let got: Vec<u8> = found.iter().map(|it| it.signature.number()).collect();
                assert_eq!(got, whole, "{offset} {size}");
                assert_eq!(found[2].pod.as_deref(), Some("web-0"));
            }
        }
        assert!(!Reader::default().is_known());
    }

    #[test]
    fn an_error_with_ever_new_names_is_kept_a_while() {
        let mut reader = Reader::default();
        for n in 0..2_000 {
            reader.push(&format!("User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/{n}\n"));
        }
        reader.push("InvalidIdentityToken: Incorrect token audience\n");
        let found = reader.finish();
        assert_eq!(found.len(), MOST + 1);
    }

    #[test]
    fn a_prefix_names_the_pod_and_hides_nothing() {
        let text = "[pod/api-7d9f5c6b8-x2x4z/app] 2026-01-01T00:00:00.123456789Z WebIdentityErr: failed\n[pod/api-7d9f5c6b8-x2x4z/app] 2026-01-01T00:00:00.123456789Z caused by: AccessDenied: Not authorized to\n[pod/api-7d9f5c6b8-x2x4z/app] 2026-01-01T00:00:00.123456789Z perform sts:AssumeRoleWithWebIdentity\n[pod/web-0/app] 2026-01-01T00:00:01Z User: arn:aws:sts::111122223333:assumed-role/n/i-0123456789abcdef0\n[pod/web-0/app] 2026-01-01T00:00:01Z is not authorized to perform: s3:ListBucket\n2026-01-01T00:00:02.5Z stderr F Unable to locate credentials\n";
        let found: Vec<_> = recognise(text)
            .into_iter()
            .map(|it| (it.signature.number(), it.pod.unwrap_or_default()))
            .collect();
        let pod = |it: &str| it.to_owned();
        // A line without a prefix is still one of the pod before it, as far as anybody can tell.
        assert_eq!(
            found,
            [(5, pod("api-7d9f5c6b8-x2x4z")), (13, pod("web-0")), (12, pod("web-0"))]
        );
        assert_eq!(recognise("Unable to locate credentials")[0].pod, None);
        let marks = "\u{e000}x\u{e001}Unable to locate credentials";
        assert_eq!(recognise(marks)[0].pod, None);
    }

    #[test]
    fn java_wraps_the_cause_in_the_end_of_the_chain() {
        check(
            "Unable to load credentials from any of the providers in the chain AwsCredentialsProviderChain(...) : [SystemPropertyCredentialsProvider(): no, WebIdentityTokenCredentialsProvider(): Not authorized to perform sts:AssumeRoleWithWebIdentity (Service: Sts, Status Code: 403)]",
            &[5, 12],
        );
    }

    #[test]
    fn other_text_is_nothing() {
        for text in [
            "",
            "Listening on 169.254.170.23:80",
            "open /etc/app.yaml: no such file or directory",
            "open /etc/shadow: permission denied",
            "ResourceNotFoundException: Requested resource not found: Table: orders not found",
            "pod web-1 is Running",
            "context deadline exceeded",
            "ExpiredToken: The security token included in the request is expired",
            "sts:AssumeRoleWithWebIdentity succeeded for arn:aws:iam::111122223333:role/app",
            "Unable to start server: listen tcp :8080: bind: address already in use",
        ] {
            check(text, &[]);
        }
    }

    fn fields(text: &str) -> Match {
        recognise(text).into_iter().next().expect(text)
    }

    #[test]
    fn names_are_read_out() {
        let it = fields(
            "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://oidc.eks.eu-west-1.amazonaws.com/id/AAAA1111\n\tstatus code: 400",
        );
        assert_eq!(
            it.issuer,
            Some("https://oidc.eks.eu-west-1.amazonaws.com/id/AAAA1111".to_owned())
        );
        let it = fields(
            "{\"msg\":\"No OpenIDConnect provider found in your account for https://oidc.eks.eu-west-1.amazonaws.com/id/AAAA1111\\n\\tstatus code: 400\"}",
        );
        assert_eq!(
            it.issuer,
            Some("https://oidc.eks.eu-west-1.amazonaws.com/id/AAAA1111".to_owned())
        );

        let it = fields(
            "User: arn:aws:sts::111122223333:assumed-role/a/s is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/team/b.",
        );
        assert_eq!(it.caller, Some("arn:aws:sts::111122223333:assumed-role/a/s".into()));
        assert_eq!(it.action.as_deref(), Some("sts:AssumeRole"));
        assert_eq!(it.role, Some("arn:aws:iam::111122223333:role/a".into()));
        assert_eq!(it.resource.as_deref(), Some("arn:aws:iam::444455556666:role/team/b"));

        let it = fields(
            "User: arn:aws:sts::111122223333:assumed-role/a/s is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/k\" because no identity-based policy allows the s3:GetObject action",
        );
        assert_eq!(it.resource.as_deref(), Some("arn:aws:s3:::b/k"));
        assert_eq!(it.policy.as_deref(), Some("identity-based policy"));
        let it = fields(
            "User: arn:aws:sts::111122223333:assumed-role/a/s is not authorized to perform: s3:GetObject with an explicit deny in a service control policy",
        );
        assert_eq!(it.policy.as_deref(), Some("service control policy"));

        let it =
            fields("error looking up service account shop/web: serviceaccount \"web\" not found");
        assert_eq!(it.namespace.as_deref(), Some("shop"));
        assert_eq!(it.service_account.as_deref(), Some("web"));
        let it = fields(
            "secrets is forbidden: User \"system:serviceaccount:shop:web\" cannot get resource \"secrets\"",
        );
        assert_eq!(it.namespace.as_deref(), Some("shop"));
        assert_eq!(it.service_account.as_deref(), Some("web"));
    }

    #[test]
    fn a_name_that_a_terminal_broke_is_whole_again() {
        let text = "WebIdentityErr: failed to retrieve credentials caused by: InvalidIdentityToken: No OpenIDConnect provider found in your account for https://oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E status code: 400";
        let chars: Vec<char> = text.chars().collect();
        let lines: Vec<String> = chars.chunks(80).map(|it| it.iter().collect()).collect();
        let it = fields(&lines.join("\n"));
        let issuer = "https://oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";
        assert_eq!(it.issuer.as_deref(), Some(issuer));
    }

    #[test]
    fn several_errors_come_in_their_order_and_once() {
        let one = "Not authorized to perform sts:AssumeRoleWithWebIdentity\n";
        let two = "No OpenIDConnect provider found in your account for https://x.example/a\n";
        let other = "No OpenIDConnect provider found in your account for https://x.example/b\n";
        assert_eq!(numbers(&[two, one, two, one].concat()), [1, 5]);
        assert_eq!(numbers(&[two, other].concat()), [1, 1]);
    }

    #[test]
    fn credentials_never_reach_the_excerpt() {
        let jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJhdWQiOlsic3RzIl0sInN1YiI6IngifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ";
        for secret in [
            jwt,
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJ",
        ] {
            for lead in [
                "aws_secret_access_key=",
                "token \"",
                "Authorization: Bearer ",
                "SecretAccessKey\": \"",
            ] {
                let text = format!(
                    "{lead}{secret}\" Not authorized to perform sts:AssumeRoleWithWebIdentity"
                );
                let found = recognise(&text);
                assert_eq!(found.len(), 1);
                assert!(!found[0].excerpt.contains(&secret[4..12]), "{lead}: {}", found[0].excerpt);
            }
        }
        let role = "arn:aws:iam::111122223333:role/eksctl-prod-addon-iamserviceaccount-kube-system-aws-load-Role1-ABCDEFGHIJKL";
        let text = format!(
            "Not authorized to perform sts:AssumeRoleWithWebIdentity on {role} for oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E"
        );
        let excerpt = &recognise(&text)[0].excerpt;
        assert!(
            excerpt.contains(role) && excerpt.contains("C891F985BAF5A4C1C7ABBA6A00DFD39E"),
            "{excerpt}"
        );
    }

    #[test]
    fn signatures_are_read_back() {
        for it in Signature::all() {
            assert_eq!(Signature::parse(&it.to_string()), Some(it));
        }
        for text in ["E37", "E0", "E+5", "E005", "5", "", "é5"] {
            assert_eq!(Signature::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_pasted(text in "\\PC{0,60}[\\x00-\\x1f\\\\\"\u{1b}é]{0,8}(not authorized to perform|User: arn|169\\.254\\.170\\.23)?\\PC{0,60}") {
            for it in recognise(&text) {
                prop_assert!(!it.excerpt.contains(char::is_control));
                prop_assert!(it.excerpt.chars().count() <= 300);
            }
        }
    }
}
