//! Every permission that the program asks for, from the documents that it prints; so none can be forgotten here.

use idscope::{
    ident::Text,
    lab::{World, scenario::DenyAws},
};
use serde_json::Value;
use std::fmt;

const IAM: &str = include_str!("../../assets/permissions/iam-read.json");
const RBAC: &str = include_str!("../../assets/permissions/clusterrole-read.yaml");

/// One permission, the least that can be taken away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `iam:GetRole`.
    Aws(String),
    /// `list` of `pods`.
    Kube { verb: String, resource: String },
    /// `get` of `/version`.
    Path(String),
}

impl fmt::Display for Call {
    /// As tables of the tests have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Aws(it) => f.write_str(it),
            Call::Kube { verb, resource } => write!(f, "{verb}:{resource}"),
            Call::Path(it) => write!(f, "get:{it}"),
        }
    }
}

impl Call {
    /// As the program calls it.
    pub fn named(&self) -> String {
        match self {
            Call::Aws(it) => it.clone(),
            Call::Kube { verb, resource } => format!("{verb} {resource}"),
            Call::Path(it) => format!("get {it}"),
        }
    }

    /// What `denyKube` of a scenario, and the lab's record of calls, say.
    pub fn deny(&self, world: &mut World) {
        let caller = &mut world.caller;
        let pair = |verb: &str, of: &str| (Text::from(verb), Text::from(of));
        match self {
            Call::Aws(it) => caller.deny.push(DenyAws { api: it.as_str().into(), resource: None }),
            Call::Kube { verb, resource } => caller.deny_kube.push(pair(verb, resource)),
            Call::Path(it) => caller.deny_kube.push(pair("get", it)),
        }
    }

    pub fn is(&self, verb: &str) -> bool {
        matches!(self, Call::Kube { verb: own, .. } if own == verb)
    }
}

/// Every action of the IAM policy, every verb on every resource and path of the ClusterRole.
pub fn all() -> Vec<Call> {
    let policy: Value = serde_json::from_str(IAM).expect("JSON");
    let statements = policy["Statement"].as_array().expect("statements");
    let mut res: Vec<Call> =
        statements.iter().flat_map(|it| texts(&it["Action"])).map(Call::Aws).collect();
    let role: Value = serde_saphyr::from_str(RBAC).expect("YAML");
    for rule in role["rules"].as_array().expect("rules") {
        let verbs = texts(&rule["verbs"]);
        for resource in texts(&rule["resources"]) {
            let of = |verb: &String| Call::Kube { verb: verb.clone(), resource: resource.clone() };
            res.extend(verbs.iter().map(of));
        }
        res.extend(texts(&rule["nonResourceURLs"]).into_iter().map(Call::Path));
    }
    res
}

/// What a run that ends asks: it watches nothing, and gets nothing that it lists.
pub fn of_a_check() -> Vec<Call> {
    let all = all();
    let is_listed = |resource: &str| {
        all.iter().any(|it| {
            it.is("list") && matches!(it, Call::Kube { resource: own, .. } if own == resource)
        })
    };
    let is_asked = |it: &&Call| match it {
        Call::Aws(_) | Call::Path(_) => true,
        Call::Kube { verb, resource } => verb == "list" || verb == "get" && !is_listed(resource),
    };
    all.iter().filter(is_asked).cloned().collect()
}

fn texts(it: &Value) -> Vec<String> {
    let all = it.as_array().into_iter().flatten();
    all.filter_map(|it| it.as_str().map(str::to_owned)).collect()
}
