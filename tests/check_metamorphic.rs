//! What is found does not depend on what things are called, in which order they come, which account they are in or which
//! partition: every scenario is told again in other words and must come to the same.
//!
//! Words are exchanged letter by letter, so that names which nearly equal each other still do.

use idscope::{
    check::{Finding, Ledger, SubjectKind},
    graph::Graph,
    ident::{Ref, Timestamp},
    lab::{self, World},
};
use regex::{Captures, Regex};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::PathBuf, sync::LazyLock};

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Scenarios that are about the very thing which a change exchanges: the change, the start of their paths, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "account",
        "ANN-13/fires-documentation",
        "only accounts of the documentation are placeholders",
    ),
    ("partition", "ANN-09/", "it is about the partition"),
    ("partition", "TRUST-PRIN-06/", "it is about the partition"),
    ("partition", "OIDC-05/fires-beside-trust", "in China its client id is OIDC-06"),
    ("partition", "POD-ENV-10/fires-opt-in", "other partitions have no such regions"),
    ("partition", "POD-ENV-10/fires-partition", "it is about the partition"),
    ("partition", "TOOL-PART-01/", "it is about the partition"),
];

#[test]
fn order_does_not_matter() {
    let mut wrong = Wrong::default();
    for scenario in SCENARIOS.iter() {
        for seed in 1..=3 {
            let docs = shuffled(scenario.docs.clone(), seed);
            let world = parse(scenario, &docs);
            let mut graph = Graph::default();
            let mut ledger = Ledger::default();
            let mut units = BTreeSet::new();
            for change in shuffled(lab::changes(&world), seed + 100) {
                let touched = graph.apply(change);
                // One a code is judged at every step, the others at the end.
                if scenario.is_first && seed == 1 {
                    ledger.refresh(&graph, &touched, now());
                } else {
                    units.extend(touched);
                }
            }
            ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now());
            wrong.compare(scenario, "order", &scenario.found, &found(&ledger));
        }
    }
    wrong.assert_none();
}

#[test]
fn names_do_not_matter() {
    again("names", 2, |scenario, seed| {
        let words = scenario.words();
        Box::new(move |text| renamed(text, &words, seed))
    });
}

#[test]
fn accounts_do_not_matter() {
    again("account", 1, |_, seed| Box::new(move |text| in_another_account(text, seed)));
}

#[test]
fn partitions_do_not_matter() {
    again("partition", 2, |scenario, seed| {
        let partition = if seed == 1 { &CHINA } else { &GOVCLOUD };
        let regions = scenario.regions();
        Box::new(move |text| moved(text, partition, &regions))
    });
}

/// Tells every scenario again with every text exchanged, as often as there are seeds.
fn again(
    change: &str,
    seeds: u64,
    exchange: impl Fn(&Scenario, u64) -> Box<dyn Fn(&str) -> String>,
) {
    let mut wrong = Wrong::default();
    for scenario in SCENARIOS.iter() {
        let about_it = |it: &(&str, &str, &str)| it.0 == change && scenario.name.starts_with(it.1);
        // What is in another partition already was moved by whoever wrote it.
        let elsewhere = change == "partition" && !scenario.is_commercial();
        if EXCEPTIONS.iter().any(about_it) || elsewhere {
            continue;
        }
        for seed in 1..=seeds {
            let exchange = exchange(scenario, seed);
            let mut docs = scenario.docs.clone();
            docs.iter_mut().for_each(|it| each_text(it, "", &*exchange));
            let expected = scenario.found.iter().map(|it| it.exchanged(&*exchange)).collect();
            let world = parse(scenario, &docs);
            wrong.compare(scenario, change, &expected, &found(&judged(&world)));
        }
    }
    wrong.assert_none();
}

struct Scenario {
    /// `TRUST-SUB-03/fires.yaml`.
    name: String,
    docs: Vec<Value>,
    found: BTreeSet<Line>,
    is_first: bool,
}

/// A finding as far as it is the same in other words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    code: &'static str,
    severity: &'static str,
    kind: SubjectKind,
    name: String,
}

impl Line {
    fn exchanged(&self, exchange: &dyn Fn(&str) -> String) -> Line {
        Line { name: exchange(&self.name), ..self.clone() }
    }
}

fn found(ledger: &Ledger) -> BTreeSet<Line> {
    ledger.findings().map(line).collect()
}

fn line(it: &Finding) -> Line {
    let subject = &it.subject;
    let parts = [subject.namespace.as_ref(), Some(&subject.name), subject.container.as_ref()];
    let parts: Vec<&str> = parts.into_iter().flatten().map(|it| &**it).collect();
    Line {
        code: it.code,
        severity: it.severity.as_str(),
        kind: subject.kind,
        name: parts.join("/"),
    }
}

static SCENARIOS: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    let mut paths: Vec<PathBuf> = fs::read_dir("tests/scenarios")
        .unwrap()
        .flat_map(|dir| fs::read_dir(dir.unwrap().path()).unwrap())
        .map(|it| it.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(scenario).collect()
});

fn scenario(path: &PathBuf) -> Scenario {
    let text = fs::read_to_string(path).unwrap();
    let name = path.strip_prefix("tests/scenarios").unwrap().display().to_string();
    let docs = serde_saphyr::from_multiple::<Value>(&text).unwrap();
    let mut res = Scenario {
        is_first: name.ends_with("/fires.yaml") || name.starts_with("healthy/"),
        name,
        docs,
        found: BTreeSet::new(),
    };
    res.found = found(&judged(&parse(&res, &res.docs)));
    // The way over values must not have changed anything itself.
    let world = World::parse(&res.name, &text, now()).unwrap_or_else(|it| panic!("{it}"));
    assert_eq!(found(&judged(&world)), res.found, "{}", res.name);
    res
}

fn parse(scenario: &Scenario, docs: &[Value]) -> World {
    let texts: Vec<String> = docs.iter().map(Value::to_string).collect();
    let text = texts.join("\n---\n");
    World::parse(&scenario.name, &text, now()).unwrap_or_else(|it| panic!("{it}\n{text}"))
}

fn judged(world: &World) -> Ledger {
    let mut graph = Graph::default();
    let mut units: BTreeSet<Ref> = BTreeSet::new();
    for change in lab::changes(world) {
        units.extend(graph.apply(change));
    }
    let mut ledger = Ledger::default();
    ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now());
    ledger
}

#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn compare(
        &mut self,
        scenario: &Scenario,
        change: &str,
        expected: &BTreeSet<Line>,
        found: &BTreeSet<Line>,
    ) {
        if expected == found {
            return;
        }
        let missing: Vec<_> = expected.difference(found).collect();
        let new: Vec<_> = found.difference(expected).collect();
        self.0.push(format!("{} ({change}): missing {missing:?}, new {new:?}", scenario.name));
    }

    fn assert_none(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

/// Every text of a document, keys included, but for what the format itself means by it.
fn each_text(value: &mut Value, key: &str, exchange: &dyn Fn(&str) -> String) {
    const OURS: &[&str] = &["apiVersion", "kind", "admissionReviewVersions", "api", "deny"];
    match value {
        Value::String(it) if !OURS.contains(&key) && !is_variable(it) => *it = exchange(it),
        Value::Array(list) => list.iter_mut().for_each(|it| each_text(it, key, exchange)),
        Value::Object(map) => {
            let entries: Vec<(String, Value)> = std::mem::take(map).into_iter().collect();
            for (key, mut it) in entries {
                each_text(&mut it, &key, exchange);
                // Condition keys hold issuers, labels hold anything.
                let key = if key.contains([':', '.', '/']) { exchange(&key) } else { key };
                map.insert(key, it);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `AWS_ROLE_ARN` is a name that SDKs gave.
fn is_variable(text: &str) -> bool {
    text.contains('_') && text.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// Words that mean something to Kubernetes, AWS or us wherever they stand in a name.
const MEANINGFUL: &[&str] = &[
    "account",
    "agent",
    "amazonaws",
    "annotations",
    "app",
    "arn",
    "aud",
    "autoscaler",
    "aws",
    "balancer",
    "cert",
    "cluster",
    "com",
    "controller",
    "csi",
    "default",
    "driver",
    "ebs",
    "efs",
    "eks",
    "external",
    "fargate",
    "iam",
    "identity",
    "istio",
    "karpenter",
    "kube",
    "load",
    "manager",
    "metadata",
    "name",
    "node",
    "oidc",
    "pod",
    "pods",
    "policy",
    "provider",
    "proxy",
    "role",
    "run",
    "secrets",
    "skip",
    "service",
    "serviceaccount",
    "serviceaccounts",
    "sts",
    "sub",
    "system",
    "token",
    "var",
    "webhook",
];

impl Scenario {
    /// The words that its names are made of.
    fn words(&self) -> BTreeSet<String> {
        let mut res = BTreeSet::new();
        for doc in &self.docs {
            names(doc, "", &mut res);
        }
        res.retain(|it| !MEANINGFUL.contains(&it.as_str()));
        res
    }

    fn is_commercial(&self) -> bool {
        let cluster = self.docs.iter().find(|it| it["kind"] == "EksCluster").unwrap();
        !["cn-", "us-gov-"].iter().any(|it| cluster["region"].as_str().unwrap().starts_with(it))
    }

    /// Every region that it speaks of, the cluster's first.
    fn regions(&self) -> Vec<String> {
        let mut res = Vec::new();
        let cluster = self.docs.iter().find(|it| it["kind"] == "EksCluster").unwrap();
        res.extend(cluster["region"].as_str().map(str::to_owned));
        let text: String = self.docs.iter().map(Value::to_string).collect();
        for it in REGIONS.find_iter(&text).map(|it| it.as_str()) {
            if !res.iter().any(|known| known == it) {
                res.push(it.to_owned());
            }
        }
        res
    }
}

/// Names of objects, ServiceAccounts, namespaces and roles.
fn names(value: &Value, key: &str, acc: &mut BTreeSet<String>) {
    const NAMES: &[&str] =
        &["name", "namespace", "serviceAccount", "serviceAccountName", "nodeName"];
    match value {
        Value::String(it) => {
            let role = it.split_once(":role/").map(|(_, it)| it);
            let text = role.or_else(|| NAMES.contains(&key).then_some(it.as_str()));
            let words = text.unwrap_or_default().split(|c: char| !c.is_ascii_alphabetic());
            acc.extend(words.filter(|it| 3 <= it.len()).map(str::to_ascii_lowercase));
        }
        Value::Array(list) => list.iter().for_each(|it| names(it, key, acc)),
        // Names of containers, variables, volumes and webhooks stay.
        Value::Object(map) => {
            for (key, it) in map {
                if !["containers", "initContainers", "volumes", "webhooks"].contains(&key.as_str())
                {
                    names(it, key, acc);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Other letters for every word that is one of the words or nearly one.
fn renamed(text: &str, words: &BTreeSet<String>, seed: u64) -> String {
    let shift = u8::try_from(seed * 5 % 26).unwrap();
    let letter = |c: char| match c {
        'a'..='z' => char::from((c as u8 - b'a' + shift) % 26 + b'a'),
        'A'..='Z' => char::from((c as u8 - b'A' + shift) % 26 + b'A'),
        other => other,
    };
    let mut res = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let lower = word.to_ascii_lowercase();
        let wild = res.ends_with(['*', '?']) || after.starts_with(['*', '?']);
        let meant = |it: &String| {
            *it == lower
                || 3 <= lower.len() && edits(it, &lower) <= usize::from(4 <= it.len()) + 1
                || wild && !lower.is_empty() && (it.starts_with(&lower) || it.ends_with(&lower))
        };
        if !MEANINGFUL.contains(&lower.as_str()) && words.iter().any(meant) {
            res.extend(word.chars().map(letter));
        } else {
            res.push_str(word);
        }
        let mut after = after.chars();
        res.extend(after.next());
        rest = after.as_str();
    }
    res
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

/// Other digits for every run of twelve.
fn in_another_account(text: &str, seed: u64) -> String {
    let shift = u8::try_from(2 + seed).unwrap();
    let digit = |c: char| char::from((c as u8 - b'0' + shift) % 10 + b'0');
    let mut res = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.len() == 12 && word.chars().all(|c| c.is_ascii_digit()) {
            res.extend(word.chars().map(digit));
        } else {
            res.push_str(word);
        }
        let mut after = after.chars();
        res.extend(after.next());
        rest = after.as_str();
    }
    res
}

struct Partition {
    name: &'static str,
    regions: [&'static str; 4],
    /// What follows `amazonaws.com` in names of hosts.
    suffix: &'static str,
}

const CHINA: Partition = Partition {
    name: "aws-cn",
    regions: ["cn-north-1", "cn-northwest-1", "cn-south-1", "cn-east-1"],
    suffix: ".cn",
};
const GOVCLOUD: Partition = Partition {
    name: "aws-us-gov",
    regions: ["us-gov-west-1", "us-gov-east-1", "us-gov-north-1", "us-gov-south-1"],
    suffix: "",
};

static REGIONS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b[a-z]{2}(-gov)?-[a-z]+-\d\b").unwrap());

/// Hosts of issuers, and principals of services; those of STS and of Pod Identity are the same everywhere.
static HOSTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\b(oidc[a-z0-9.-]*|ec2)\.amazonaws\.com(\.cn)?").unwrap());

fn moved(text: &str, partition: &Partition, regions: &[String]) -> String {
    let mut res = text.replace("arn:aws:", &format!("arn:{}:", partition.name));
    // By way of names that no region has, so that none is exchanged twice.
    for (i, it) in regions.iter().enumerate() {
        res = res.replace(it.as_str(), &format!("@{i}@"));
        res = res.replace(&it.to_uppercase(), &format!("#{i}#"));
    }
    for (i, it) in partition.regions.iter().enumerate() {
        res = res.replace(&format!("@{i}@"), it);
        res = res.replace(&format!("#{i}#"), &it.to_uppercase());
    }
    HOSTS
        .replace_all(&res, |it: &Captures<'_>| match it.get(2) {
            Some(_) => it[0].to_owned(),
            None => format!("{}{}", &it[0], partition.suffix),
        })
        .into_owned()
}

fn shuffled<T>(mut list: Vec<T>, seed: u64) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for i in (1..list.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        list.swap(i, usize::try_from(state % (i as u64 + 1)).unwrap());
    }
    list
}

/// The exchange itself is held to what it is to do.
#[test]
fn words_are_exchanged_as_meant() {
    let words = BTreeSet::from(["shop".to_owned(), "web".to_owned()]);
    let name = |text: &str| renamed(text, &words, 1);
    assert_eq!(name("system:serviceaccount:shop:web"), "system:serviceaccount:xmtu:bjg");
    assert_eq!(name("Web webb wib sohp w*"), "Bjg bjgg bng xtmu b*");
    assert_eq!(name("arn:aws:iam::111122223333:role/web"), "arn:aws:iam::111122223333:role/bjg");
    let account = |text: &str| in_another_account(text, 1);
    assert_eq!(account("arn:aws:iam::111122223333:role/web"), "arn:aws:iam::444455556666:role/web");
    assert_eq!(account("1111222233334"), "1111222233334");
    let regions = ["eu-west-1".to_owned()];
    let china = |text: &str| moved(text, &CHINA, &regions);
    assert_eq!(
        china("arn:aws:iam::1:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A"),
        "arn:aws-cn:iam::1:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/A"
    );
    assert_eq!(china("sts.amazonaws.com"), "sts.amazonaws.com");
    assert_eq!(china("eks.amazonaws.com/role-arn"), "eks.amazonaws.com/role-arn");
}
