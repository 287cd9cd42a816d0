//! One scenario without one permission, held to what is so with it and to what might be behind it.

use crate::{
    calls::Call,
    elsewise,
    told::{self, Told, Whole},
};
use idscope::{
    check::Severity,
    lab::{self, Side, World},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What goes although it would be so whatever the call tells, appears, or stays although it need not be so:
/// `(permissions, codes, why that is right)`.
const EXCEPTIONS: &[(&[&str], &[&str], &str)] = &[
    (
        &["iam:GetRole", "eks:DescribePodIdentityAssociation"],
        &["PI-ASSOC-01"],
        "only the tags of the role, whose name the association tells, tell that eksctl made the ServiceAccount and it was deleted (SA-05)",
    ),
    (
        &[
            "eks:DescribePodIdentityAssociation",
            "eks:ListPodIdentityAssociations",
            "list:mutatingwebhookconfigurations",
            "list:namespaces",
            "list:serviceaccounts",
        ],
        &["NODE-01"],
        "the container ends with the node's role, whatever explains that",
    ),
    (
        &["eks:DescribeCluster", "eks:ListClusters"],
        &["ANN-01", "OIDC-01", "OIDC-02", "OIDC-03", "OIDC-09", "TRUST-PRIN-03"],
        "true without what other clusters would explain",
    ),
    (
        &["eks:ListClusters", "iam:GetRole"],
        &["POD-ENV-10"],
        "where the region is used is known of neither clusters nor the role's last use",
    ),
    (&["eks:DescribePodIdentityAssociation"], &["POD-ENV-04"], "which role it is for"),
    (
        &["iam:GetOpenIDConnectProvider"],
        &["APP-LBC-01", "OIDC-04", "OIDC-07", "POD-ENV-13", "TRUST-PRIN-03"],
        "thumbprints and the time of creation; what stays is said of the trust policy",
    ),
    (
        &["iam:ListOpenIDConnectProviders"],
        &["OIDC-01", "OIDC-13", "SEC-TRUST-10"],
        "the cluster's own is read by its name; which others there are comes from the list",
    ),
    (
        &["iam:ListRoles"],
        &["ANN-07", "TRUST-PRIN-01", "TRUST-SUB-02"],
        "IAM looks for a role by its name; the annotated role refuses, whatever others do",
    ),
    (
        &["list:mutatingwebhookconfigurations"],
        &["HOOK-01", "HOOK-11", "HOOK-13", "PI-POD-01", "PI-POD-02"],
        "true of the pod, whatever is so for all of them",
    ),
    (
        &[
            "list:pods",
            "list:cronjobs",
            "list:daemonsets",
            "list:deployments",
            "list:jobs",
            "list:replicasets",
            "list:statefulsets",
        ],
        &["ANN-01", "PI-ASSOC-01", "PI-TRUST-05", "POD-ENV-12", "SEC-ANN-01"],
        "true, whoever else runs as the ServiceAccount",
    ),
    (
        &["list:deployments"],
        &["ANN-01", "HOOK-02", "PI-BOTH-02", "POD-ENV-06", "SA-02"],
        "true of the pod; whether its manifest says so too is not known, and its ReplicaSet is named instead",
    ),
    (
        &["list:namespaces"],
        &["ANN-01", "ANN-12", "HOOK-04", "PI-ASSOC-01", "PI-ASSOC-03", "PI-TRUST-05"],
        "labels and annotations of namespaces, and whether one is missing",
    ),
    (
        &["list:pods"],
        &["ANN-01", "HOOK-04"],
        "annotations of pods, and pods that show that the webhook answers",
    ),
    (
        &["list:serviceaccounts"],
        &["OIDC-12", "PI-TRUST-05", "POD-ENV-03"],
        "true, and less than ServiceAccounts would explain",
    ),
];

/// Scenarios in which the very thing that is refused decides whether anything is judged.
const APART: &[(&str, &str)] = &[
    ("TOOL-CTX-01", "eks:DescribeCluster"),
    ("TOOL-CTX-01", "get:/.well-known/openid-configuration"),
];

/// One of so many other worlds is judged from nothing as well.
const BOTH_WAYS: usize = 50;

#[derive(Default)]
pub struct Matrix {
    wrong: Vec<String>,
    n_cells: usize,
    n_unknown: usize,
    n_otherwise: usize,
    used: BTreeSet<(&'static str, &'static str)>,
    is_whole: bool,
}

impl Matrix {
    /// Whether every cell is looked at, so that an exception that nothing needs is one too many.
    pub fn new(is_whole: bool) -> Matrix {
        Matrix { is_whole, ..Matrix::default() }
    }

    /// Every one of `calls`, each taken away alone.
    pub fn cells<'a>(&mut self, name: &str, whole: &Whole, calls: impl Iterator<Item = &'a Call>) {
        // Calls that tell the same are behind the same worlds.
        let mut behind: BTreeMap<String, Option<Vec<Arc<Told>>>> = BTreeMap::new();
        for call in calls {
            let others = behind.entry(elsewise::subject(call)).or_insert_with(|| {
                let worlds = elsewise::worlds(call, &whole.world)?;
                Some(worlds.iter().map(|it| self.otherwise(whole, it, call)).collect())
            });
            self.cell(name, whole, call, others.as_deref());
        }
    }

    /// What is told of another world; of some in both ways, which must be the same.
    fn otherwise(&mut self, whole: &Whole, world: &World, call: &Call) -> Arc<Told> {
        let res = whole.otherwise(world, call);
        self.n_otherwise += 1;
        if self.n_otherwise.is_multiple_of(BOTH_WAYS) {
            let changes = Side::ALL.map(|it| lab::changes_of(world, it));
            let afresh = told::from_nothing(changes, crate::now());
            assert_eq!(*res, afresh, "what came later is judged otherwise");
        }
        res
    }

    fn cell(&mut self, name: &str, whole: &Whole, call: &Call, elsewise: Option<&[Arc<Told>]>) {
        let permission = call.to_string();
        if APART.iter().any(|(scenario, it)| name.contains(scenario) && *it == permission) {
            return;
        }
        let mut denied = whole.world.clone();
        call.deny(&mut denied);
        let told = whole.denied(&denied, call);
        self.n_cells += 1;
        let mut wrong = self.verdicts(&whole.told, &told, elsewise, call);
        let unknown: BTreeSet<&String> = told
            .identities
            .iter()
            .filter(|(_, (verdict, _))| *verdict == "unknown")
            .map(|(key, _)| key)
            .collect();
        wrong.extend(self.findings(&whole.told, &told, elsewise, call, &unknown));
        let all = wrong.into_iter().map(|it| format!("{name} without {call}: {it}"));
        self.wrong.extend(all);
    }

    fn verdicts(
        &mut self,
        full: &Told,
        denied: &Told,
        elsewise: Option<&[Arc<Told>]>,
        call: &Call,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        for (key, (verdict, because)) in &denied.identities {
            let was = full.identities.get(key).map(|it| it.0);
            if *verdict == "unknown" && was != Some("unknown") {
                self.n_unknown += 1;
                if !because.contains(&call.named()) {
                    wrong.push(format!("{key} is unknown and does not name it: {because}"));
                }
                continue;
            }
            if was != Some(*verdict) && !(*verdict == "none" && is_shown_by_pods(call)) {
                wrong.push(format!("{key} was {was:?} and is {verdict}: {because}"));
            }
            // Pods that carry no identity show that there is none; that they are older than it is the price.
            let shown = *verdict == "none" && is_shown_by_pods(call);
            let others = elsewise.into_iter().flatten();
            for it in others.filter(|_| *verdict != "unknown" && !shown) {
                let other = it.identities.get(key).map(|it| it.0);
                if other.is_some_and(|it| it != *verdict) {
                    wrong.push(format!("{key} is {verdict} although it may be {other:?}"));
                }
            }
        }
        wrong
    }

    fn findings(
        &mut self,
        full: &Told,
        denied: &Told,
        elsewise: Option<&[Arc<Told>]>,
        call: &Call,
        unknown: &BTreeSet<&String>,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut say = |key: &str, text: String| {
            let code = key.split(' ').next().unwrap_or_default();
            let permission = call.to_string();
            let pairs = EXCEPTIONS.iter().flat_map(|(permissions, codes, _)| {
                permissions.iter().flat_map(|it| codes.iter().map(|code| (*it, *code)))
            });
            match pairs.into_iter().find(|(p, c)| *p == permission && *c == code) {
                Some(it) => drop(self.used.insert(it)),
                None => wrong.push(text),
            }
        };
        for (key, (severity, text)) in &denied.findings {
            let is_limit = key.starts_with("TOOL-");
            if !full.findings.contains_key(key) {
                if !is_limit || *severity != Severity::Unknown || !text.contains(&call.named()) {
                    say(key, format!("appears: {key}: {text}"));
                }
                continue;
            }
            let missing =
                elsewise.is_some_and(|all| all.iter().any(|it| !it.findings.contains_key(key)));
            // An association above the annotation makes moot what is said of the annotation's role, not untrue; the
            // verdict says that it cannot be excluded.
            if missing && !is_limit && call.to_string() != "eks:ListPodIdentityAssociations" {
                say(key, format!("stays although it need not be so: {key}"));
            }
        }
        for key in full.findings.keys().filter(|it| !denied.findings.contains_key(*it)) {
            let always =
                elsewise.is_some_and(|all| all.iter().all(|it| it.findings.contains_key(key)));
            let identity = key.split(' ').nth(2).unwrap_or_default();
            let is_unknown = unknown.iter().any(|it| *it == identity);
            if always && !is_unknown {
                say(key, format!("goes although it is so whatever is behind it: {key}"));
            }
        }
        wrong
    }

    pub fn assert_right(&self) {
        eprintln!(
            "{} cells, {} verdicts became unknown and name the permission",
            self.n_cells, self.n_unknown
        );
        assert!(self.wrong.is_empty(), "{} wrong:\n{}", self.wrong.len(), self.wrong.join("\n"));
        let unused = |it: &(&'static str, &'static str)| !self.used.contains(it);
        let all = EXCEPTIONS.iter().map(|(permissions, codes, _)| (permissions, codes));
        let none = |(permissions, codes): (&&[&'static str], &&[&'static str])| -> Vec<String> {
            // Each permission and each code of a group must be needed somewhere.
            let idle = |pairs: Vec<(&'static str, &'static str)>| pairs.iter().all(unused);
            let of_permission =
                permissions.iter().filter(|p| idle(codes.iter().map(|c| (**p, *c)).collect()));
            let of_code =
                codes.iter().filter(|c| idle(permissions.iter().map(|p| (*p, **c)).collect()));
            of_permission
                .chain(of_code)
                .map(|it| format!("{it} of {permissions:?} {codes:?}"))
                .collect()
        };
        let stale: Vec<String> = all.flat_map(none).collect();
        assert!(!self.is_whole || stale.is_empty(), "nothing needs these exceptions: {stale:#?}");
    }
}

/// Without associations a ServiceAccount whose pods carry nothing has none, as far as anybody can tell.
fn is_shown_by_pods(call: &Call) -> bool {
    call.to_string() == "eks:ListPodIdentityAssociations"
}
