//! Scenario files: one YAML stream of Kubernetes manifests and of the lab's own kinds, read into a `World`.
//!
//! Loading checks shape, not sense: a world may be wrong in every way that a real one may.

mod complete;
mod dates;
mod furniture;
mod kinds;
mod kinds_eks;
mod kinds_lab;
mod node;
mod object;
mod values;
mod world;

pub use object::strip_directives;
pub use world::*;

use crate::ident::{AccountId, Arn, Timestamp};
use node::{At, Node, Shape};
use std::fmt;

/// The `apiVersion` of the lab's own kinds.
pub const API_VERSION: &str = "lab.idscope.dev/v1";

/// Why a scenario file is not one: where, and what was expected there. Not retryable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// As given to `World::parse`.
    pub file: String,
    /// One-based.
    pub line: u64,
    /// One-based.
    pub column: u64,
    /// `expected …`, `unknown key …`.
    pub message: String,
}

impl ScenarioError {
    fn new(at: At, message: impl Into<String>) -> ScenarioError {
        ScenarioError {
            file: String::new(),
            line: at.line,
            column: at.column,
            message: message.into(),
        }
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

impl std::error::Error for ScenarioError {}

/// The documents of a file, sorted by what they are; nothing is implied yet.
#[derive(Default)]
struct Draft {
    cluster: Option<kinds::ClusterDoc>,
    other_clusters: Vec<kinds::ClusterDoc>,
    defaults: Option<kinds::Without>,
    objects: Vec<object::Object>,
    roles: Vec<kinds::Aged<Role>>,
    providers: Vec<kinds::Aged<kinds::ProviderDoc>>,
    associations: Vec<kinds::Aged<kinds::AssociationDoc>>,
    policies: Vec<Policy>,
    addons: Vec<Addon>,
    nodegroups: Vec<Nodegroup>,
    instances: Vec<Instance>,
    access_entries: Vec<AccessEntry>,
    caller: Option<kinds::CallerDoc>,
    faults: Vec<Fault>,
    churns: Vec<Churn>,
}

impl World {
    /// Reads `text`, which came from `file`, as of `now`.
    pub fn parse(file: &str, text: &str, now: Timestamp) -> Result<World, ScenarioError> {
        World::parse_with(file, text, now, Vec::new(), Vec::new())
    }

    /// As `parse`, with objects and roles that were generated and need no reading.
    pub(crate) fn parse_with(
        file: &str,
        text: &str,
        now: Timestamp,
        objects: Vec<serde_json::Value>,
        roles: Vec<Role>,
    ) -> Result<World, ScenarioError> {
        let complete = || {
            let mut draft = read(text, now)?;
            for value in objects {
                draft.objects.push(object::generated(value, now)?);
            }
            let at = At::default();
            draft.roles.extend(roles.into_iter().map(|it| kinds::Aged { at, created: None, it }));
            complete::complete(draft, now)
        };
        complete().map_err(|it: ScenarioError| ScenarioError { file: file.to_owned(), ..it })
    }

    /// The account that unnamed credentials belong to.
    pub fn home_account(&self) -> &AccountId {
        self.caller.accounts.first().unwrap_or(&self.cluster.account)
    }

    /// What the API server calls itself, with its scheme; one without an EKS issuer has Kubernetes' own.
    pub fn published_issuer(&self) -> &str {
        let own = self.cluster.published_issuer.as_deref();
        own.unwrap_or("https://kubernetes.default.svc.cluster.local")
    }

    pub fn role(&self, arn: &Arn) -> Option<&Role> {
        self.roles.iter().find(|it| it.arn == *arn)
    }

    /// The document of a managed or customer policy; `None`: NoSuchEntity.
    pub fn policy_document(&self, arn: &str) -> Option<&str> {
        let own = self.policies.iter().find(|it| it.arn.as_str() == arn).map(|it| &*it.document);
        own.or_else(|| crate::lab::policies::managed(arn))
    }
}

fn read(text: &str, now: Timestamp) -> Result<Draft, ScenarioError> {
    // The file is the user's own, so its size is no attack.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_documents: 1 << 20,
            // A level takes some 28 KiB of stack unoptimised, and threads have 2 MiB; manifests have some twenty levels.
            max_depth: 48,
            max_nodes: 1 << 26,
            max_events: 1 << 28,
            max_total_scalar_bytes: 1 << 30,
        },
    };
    let documents: Vec<Node> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|it| syntax(&it))?;
    let mut draft = Draft::default();
    for document in &documents {
        if !matches!(document.shape, Shape::Null) {
            sort_in(document, now, &mut draft)?;
        }
    }
    Ok(draft)
}

fn syntax(error: &serde_saphyr::Error) -> ScenarioError {
    let at = error.location().map_or(At { line: 1, column: 1 }, |it| At {
        line: it.line().max(1),
        column: it.column().max(1),
    });
    let text = error.without_snippet().to_string();
    // The first line says what; the location is ours to print.
    let first = text.lines().next().unwrap_or_default();
    let what = first.split(" at line ").next().unwrap_or(first);
    // Advice to programmers.
    let what = what.split(", set ").next().unwrap_or(what);
    ScenarioError::new(at, format!("expected well-formed YAML: {what}"))
}

fn sort_in(document: &Node, now: Timestamp, draft: &mut Draft) -> Result<(), ScenarioError> {
    let Shape::Map(_) = &document.shape else {
        return Err(document.wrong("a document with `apiVersion` and `kind`"));
    };
    let word = |key: &str| -> Result<&str, ScenarioError> {
        let node = document.get(key).ok_or_else(|| {
            ScenarioError::new(document.at, format!("expected key `{key}` of the document"))
        })?;
        node.as_text().ok_or_else(|| node.wrong(format!("`{key}` as a string")))
    };
    let (version, kind) = (word("apiVersion")?, word("kind")?);
    if version == API_VERSION {
        return kinds::read(document, kind, now, draft);
    }
    if version.starts_with("lab.idscope.dev") {
        let node = document.get("apiVersion").unwrap_or(document);
        return Err(node.wrong(format!("`apiVersion` to be `{API_VERSION}`")));
    }
    object::read(document, now, &mut draft.objects)
}
