//! A plan on its way to be carried out: for whom it was made, what for, and whether anything may be written at all.

use crate::{
    fact::Knowledge,
    graph::Graph,
    iam::glob_matches,
    ident::{AccountId, Text},
    plan::{Plan, Whereabouts},
};

/// A plan that a person confirmed, with what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub plan: Plan,
    /// The cluster that the plan is for.
    pub place: Whereabouts,
    /// Who the credentials belonged to when the plan was made.
    pub callers: Vec<(AccountId, Text)>,
    pub purpose: Purpose,
}

/// What a plan is carried out for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    Fix,
    /// To put this entry of the journal back.
    Undo(Text),
    /// To finish this entry, which was cut off. For each step of the plan the number of the entry's step; those that the
    /// plan lacks are as the entry wanted them.
    Finish {
        entry: Text,
        steps: Vec<usize>,
    },
}

impl Order {
    /// For the cluster and the caller that the graph is of.
    pub fn of(graph: &Graph, plan: Plan, purpose: Purpose) -> Order {
        Order { plan, place: Whereabouts::of(graph), callers: callers(graph), purpose }
    }
}

impl Whereabouts {
    /// The cluster that the graph is of.
    pub fn of(graph: &Graph) -> Whereabouts {
        let server = graph.api_server();
        let cluster = graph.cluster().known();
        Whereabouts {
            context: server.map(|it| it.context.clone()),
            server: server.map(|it| it.server.clone()),
            cluster: cluster.map(|it| it.arn.text().clone()),
            issuer: graph.issuer().known().map(|it| it.as_str().into()),
            created: cluster.and_then(|it| it.created),
        }
    }
}

/// Whose credentials each account's are, as far as it was read.
pub fn callers(graph: &Graph) -> Vec<(AccountId, Text)> {
    match graph.caller() {
        Knowledge::Known(it) => AccountId::parse(&it.account)
            .map(|account| (account, it.arn.text().clone()))
            .into_iter()
            .collect(),
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => Vec::new(),
    }
}

/// Whether anything may be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Writes {
    /// As far as the caller may.
    #[default]
    Allowed,
    /// `--readonly`, or the configuration.
    Never,
    /// Not through these kubeconfig contexts (globs).
    NotIn(Vec<String>),
}

impl Writes {
    /// Why nothing is written through a context; `None`: it may be.
    pub fn refusal(&self, context: &str) -> Option<String> {
        match self {
            Writes::Allowed => None,
            Writes::Never => Some("this session is read-only".to_owned()),
            Writes::NotIn(contexts) => {
                let is_named = contexts.iter().any(|it| glob_matches(it, context));
                is_named.then(|| format!("context `{context}` is read-only"))
            }
        }
    }
}
