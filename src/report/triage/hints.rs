//! Texts that are none of the known signatures and still remind of a page: what fails before AWS says anything.

use crate::check::{self, Row};

/// A page, and groups of phrases of which one each must be there; lower case.
const HINTS: &[(&str, &[&[&str]])] = &[
    ("CHAIN-04", &[&["1 hour session limit", "session limit for roles assumed by role chaining"]]),
    (
        "NET-STS-06",
        &[
            STS,
            &[
                "x509",
                "certificate signed by unknown authority",
                "proxyconnect",
                "certificate verify failed",
                "unable to get local issuer certificate",
                "self signed certificate",
                "self-signed certificate",
                "pkix path building failed",
            ],
        ],
    ),
    ("NET-STS-07", &[STS, &["throttling", "rate exceeded", "toomanyrequests"]]),
    ("NET-STS-01", &[STS, UNREACHABLE]),
    ("POD-INIT-01", &[&["init container", "initcontainer", "init:"], UNREACHABLE]),
    ("PI-ASSOC-07", &[&["iam:passrole"]]),
    (
        "PI-ASSOC-06",
        &[&[
            "not in the same account as the cluster",
            "cross-account pass role",
            "cross account pass role",
        ]],
    ),
    ("PI-SESS-02", &[&["session policy"], &["disablesessiontags", "session tags", "2048"]]),
    ("PERM-01", &[REFUSED]),
    ("PERM-08", &[REFUSED]),
    ("PERM-09", &[REFUSED]),
    ("IN-AE-08", &[ACCESS_ENTRY, &[":sts:"]]),
    ("IN-AE-09", &[ACCESS_ENTRY, &["account"]]),
    ("IN-AE-10", &[ACCESS_ENTRY, &["username", "{{sessionname}}"]]),
];

/// A service that does not say who was refused by what, as S3 does not.
const REFUSED: &[&str] = &[
    "an error occurred (accessdenied)",
    "api error accessdenied",
    "accessdenied: access denied",
    "s3exception: access denied",
    "<code>accessdenied</code>",
];
const STS: &[&str] = &["sts.", "assumerolewithwebidentity", "://sts"];
const UNREACHABLE: &[&str] = &[
    "i/o timeout",
    "connect timeout",
    "connection timed out",
    "context deadline exceeded",
    "could not connect to the endpoint",
    "etimedout",
    "no such host",
    "network is unreachable",
    "connection refused",
    "timed out",
];
const ACCESS_ENTRY: &[&str] = &["accessentry", "access entry", "principalarn"];

/// The pages that fit, in the order of the table above.
pub(crate) fn of(text: &str) -> Vec<&'static Row> {
    let lower = text.to_ascii_lowercase();
    HINTS
        .iter()
        .filter(|(_, groups)| groups.iter().all(|it| it.iter().any(|it| lower.contains(it))))
        .filter_map(|(code, _)| check::row(code))
        .collect()
}
