//! Flags of the commands that change something, or ask AWS for credentials.

use crate::cli::args::duration;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args, Debug)]
pub struct Fix {
    /// As for explain, with --goal migrate or leave-migration also ns/NAME; none with --all, --plan or --finish
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Only findings of this code
    #[arg(long)]
    pub code: Option<String>,
    /// Every subject that has the code
    #[arg(long, requires = "code", conflicts_with = "targets")]
    pub all: bool,
    /// Lead one ServiceAccount to a whole identity
    #[arg(long, value_enum, conflicts_with_all = ["code", "all"])]
    pub goal: Option<Reach>,
    /// With --goal: the role, where nothing names it yet
    #[arg(long, value_name = "ARN", requires = "goal")]
    pub role: Option<String>,
    /// With --goal migrate: how long every pod must have been there before the annotation goes
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub ready_for: std::time::Duration,
    /// With --goal migrate: ask EKS Auth, once and with a fresh token, whether it delivers the role, where the stage needs it
    #[arg(long, requires = "goal")]
    pub probe: bool,
    /// A plan that somebody else made (JSON); - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["targets", "code", "all", "goal"])]
    pub plan: Option<PathBuf>,
    /// Go on with a fix that was cut off, by its ID in the journal; what is so already is not written again
    #[arg(long, value_name = "ID", conflicts_with_all = ["targets", "code", "all", "plan"])]
    pub finish: Option<String>,
    /// How long the pods of the first workload may take to be Ready, where several are restarted
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub ready_within: std::time::Duration,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = FixOutput::Text)]
    pub output: FixOutput,
    /// Carry it out; asks first
    #[arg(long)]
    pub apply: bool,
    /// With --apply: do not ask, if the plan has this digest
    #[arg(long, value_name = "DIGEST", requires = "apply")]
    pub yes: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reach {
    /// Provider, trust policy, annotation, restart
    Irsa,
    /// Agent, trust policy, association, ServiceAccount, restart
    PodIdentity,
    /// The next stage from IRSA to Pod Identity
    Migrate,
    /// Back from any stage of that to IRSA, by what is there: no journal is needed
    LeaveMigration,
    /// Provider and trust policies of all roles after the cluster was made again; TARGET `cluster`, or roles
    ReHome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FixOutput {
    Text,
    Json,
    Sh,
    Tf,
    Markdown,
}

#[derive(Args, Debug)]
pub struct Undo {
    /// The journal's entry; without it they are listed
    pub id: Option<String>,
    /// How long the pods of the first workload may take to be Ready, where several are restarted
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub ready_within: std::time::Duration,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = FixOutput::Text)]
    pub output: FixOutput,
    /// Carry it out; asks first
    #[arg(long)]
    pub apply: bool,
    /// With --apply: do not ask, if the plan has this digest
    #[arg(long, value_name = "DIGEST", requires = "apply")]
    pub yes: Option<String>,
}

#[derive(Args, Debug)]
pub struct Probe {
    /// As for explain; what has a ServiceAccount
    pub target: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = ProbeOutput::Text)]
    pub output: ProbeOutput,
    /// Do not ask first
    #[arg(long)]
    pub yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProbeOutput {
    Text,
    Json,
}
