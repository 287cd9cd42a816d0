//! The command line, as `interfaces` promises it. Parsing only; nothing here reads the world.

mod write;

pub use write::{Fix, FixOutput, Probe, ProbeOutput, Reach, Undo};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Which AWS identity does this pod really end with, why, and what repairs it?
#[derive(Parser, Debug)]
#[command(name = "idscope", version, about, long_about = None, max_term_width = 100)]
#[command(after_help = "Without a command: the dashboard on the current kube context.\n\
    Exit status of check: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage, 3 too little could be read.")]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Args, Debug, Clone)]
pub struct Global {
    /// The kubeconfig context to use
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Vec<String>,
    /// The kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Only this namespace; may be repeated
    #[arg(short, long, global = true, value_name = "NS", value_parser = namespace)]
    pub namespace: Vec<String>,
    /// All namespaces (the default, unless -n is given)
    #[arg(short = 'A', long, global = true)]
    pub all_namespaces: bool,
    /// The EKS cluster's name, where the kubeconfig does not tell
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The cluster's AWS region
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// The AWS profile that reads IAM and EKS
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// The AWS profile that reads another account's roles and providers; may be repeated
    #[arg(long, global = true, value_name = "ID=PROFILE", value_parser = account_profile)]
    pub account_profile: Vec<(String, String)>,
    /// Offer nothing that writes
    #[arg(long, global = true)]
    pub readonly: bool,
    /// Run on the embedded endpoints, with the default scenario or with FILE
    #[arg(long, global = true, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub demo: Option<Option<PathBuf>>,
    /// With --demo: a generated fleet of N pods instead of a scenario
    #[arg(long, global = true, value_name = "N", requires = "demo")]
    pub scale: Option<usize>,
    /// Neither read nor write the disk cache
    #[arg(long, global = true)]
    pub no_cache: bool,
    /// Read the key names of Secrets that an envFrom names
    #[arg(long, global = true)]
    pub read_secrets: bool,
    /// How long one request may take, e.g. 30s
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub request_timeout: std::time::Duration,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// ASCII characters only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Write a log to FILE (nothing is logged otherwise)
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// The dashboard's first view, e.g. ':sa default'
    #[arg(short = 'c', long = "command", value_name = "VIEW")]
    pub start: Option<String>,
    /// The row to select, e.g. pod/NS/NAME
    #[arg(long, value_name = "TARGET")]
    pub focus: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Judge everything once, print, exit
    Check(Check),
    /// One chain hop by hop, or what an error message means
    Explain(Explain),
    /// Judge trust policies offline
    Trust {
        #[command(subcommand)]
        command: Trust,
    },
    /// What a finding code means, what it needs to be seen, what repairs it
    Codes(Codes),
    /// The plan that repairs a target; changes nothing without --apply
    Fix(Fix),
    /// Put back what a journalled fix changed; without ID: list
    Undo(Undo),
    /// Ask AWS itself with a fresh token of the ServiceAccount; asks first, keeps nothing
    Probe(Probe),
    /// Serve the embedded endpoints of --demo to other clients
    Lab(Lab),
    /// Paths, versions, context, cluster, caller; --permissions prints the minimal policies
    Info(Info),
    /// Shell completions
    Completions { shell: clap_complete::Shell },
    /// The manual page
    Man,
}

#[derive(Args, Debug)]
pub struct Check {
    /// How to print
    #[arg(short, long, value_enum, default_value_t = CheckOutput::Table)]
    pub output: CheckOutput,
    /// The least severity that makes the exit status 1
    #[arg(long, value_enum, default_value_t = FailOn::Blocker, value_name = "SEVERITY")]
    pub fail_on: FailOn,
    /// Do not exit with 3 when a declared identity is unknown
    #[arg(long)]
    pub allow_unknown: bool,
    /// Only these codes
    #[arg(long, value_delimiter = ',', value_name = "CODE")]
    pub only: Vec<String>,
    /// All but these codes
    #[arg(long, value_delimiter = ',', value_name = "CODE")]
    pub skip: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckOutput {
    Table,
    Wide,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    Blocker,
    WrongId,
    Degraded,
    SecHigh,
    SecMed,
    SecLow,
    Hygiene,
    Never,
}

#[derive(Args, Debug)]
pub struct Explain {
    /// pod|sa|deploy|sts|ds|rs|job|cronjob/[NS/]NAME, role/ARN-or-NAME, association/NS/SA, oidc/ARN, node/NAME,
    /// cluster, a bare name; or an error message; or - for a log on standard input
    #[arg(value_name = "TARGET|TEXT|-", required = true, num_args = 1..)]
    pub what: Vec<String>,
    /// Judge this error (or - for standard input) for the target only
    #[arg(long, value_name = "TEXT|-")]
    pub error: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = ExplainOutput::Text)]
    pub output: ExplainOutput,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExplainOutput {
    Text,
    Json,
    Markdown,
}

#[derive(Subcommand, Debug)]
pub enum Trust {
    /// Judge one trust policy file
    Eval(TrustEval),
    /// Run trust-policy and admission vectors
    Test(TrustTest),
}

/// Flags mirror the keys of a trust-policy vector; --namespace, --cluster and --region are the global ones, and
/// --context takes condition keys here.
#[derive(Args, Debug)]
#[command(
    after_help = "--namespace, --cluster and --region say what the token says; --context KEY=VALUE adds a \
    condition key that is present (repeat for several values)."
)]
pub struct TrustEval {
    /// The trust policy (JSON); - is standard input
    #[arg(long, value_name = "FILE")]
    pub trust_policy: PathBuf,
    /// How the role is assumed
    #[arg(long, value_enum, default_value_t = Mechanism::Irsa)]
    pub mechanism: Mechanism,
    /// [default: by region]
    #[arg(long)]
    pub partition: Option<String>,
    /// The role's account
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// The cluster's issuer, with or without https://
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// A provider in the role's account [default: the issuer with sts.amazonaws.com]; may be repeated
    #[arg(long, visible_alias = "provider", value_name = "URL=CLIENT[,CLIENT]")]
    pub providers: Vec<String>,
    /// The ServiceAccount's name; its namespace is --namespace [default: default]
    #[arg(long, value_name = "NAME")]
    pub service_account: String,
    /// The token's audience [default: sts.amazonaws.com]; may be repeated
    #[arg(long, value_name = "AUD")]
    pub token_audience: Vec<String>,
    /// Whether Pod Identity sends session tags (false: disableSessionTags)
    #[arg(long, action = clap::ArgAction::Set, default_value_t = true, value_name = "BOOL")]
    pub session_tags: bool,
    /// A tag of the role; may be repeated
    #[arg(long, visible_alias = "role-tag", value_name = "KEY=VALUE")]
    pub role_tags: Vec<String>,
    /// The time of the request, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = TrustOutput::Text)]
    pub output: TrustOutput,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mechanism {
    Irsa,
    PodIdentity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TrustOutput {
    Text,
    Json,
}

#[derive(Args, Debug)]
pub struct TrustTest {
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    #[arg(short, long, value_enum, default_value_t = TrustOutput::Text)]
    pub output: TrustOutput,
}

#[derive(Args, Debug)]
pub struct Codes {
    /// One code, or its name
    pub code: Option<String>,
    #[arg(short, long, value_enum, default_value_t = CodesOutput::Text)]
    pub output: CodesOutput,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CodesOutput {
    Text,
    Json,
    Markdown,
}

#[derive(Args, Debug)]
pub struct Lab {
    /// Run this with the lab's environment and end with its status
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Info {
    /// Print the minimal IAM policy and ClusterRole
    #[arg(long)]
    pub permissions: bool,
    /// With --permissions: what repairing and probing need beside it
    #[arg(long, requires = "permissions")]
    pub fixes: bool,
}

/// Whatever may stand in a path; whether there is such a namespace is the cluster's to say.
fn namespace(text: &str) -> Result<String, String> {
    let is_odd = |it: char| it.is_whitespace() || it.is_control() || "/?#%".contains(it);
    match text.is_empty() || text.contains(is_odd) {
        true => Err("that is no name of a namespace".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn account_profile(text: &str) -> Result<(String, String), String> {
    let (account, profile) = text.split_once('=').ok_or("expected ID=PROFILE")?;
    if crate::ident::AccountId::parse(account).is_none() {
        return Err(format!("`{account}` is not a twelve-digit account id"));
    }
    if profile.is_empty() {
        return Err("the profile's name is empty".into());
    }
    Ok((account.to_owned(), profile.to_owned()))
}

/// `90s`, `10m`, `3h`, `500ms`, or plain seconds.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("`{text}` is not a duration such as 500ms, 30s or 2m");
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_err| wrong())?;
    let millis = match unit {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    match millis {
        Some(it) if it > 0 => Ok(std::time::Duration::from_millis(it)),
        Some(_) | None => Err(wrong()),
    }
}
