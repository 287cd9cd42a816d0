//! The table of codes, fixes and proofs: what `assets/fixes.md` says is worked out here from every scenario, and a code
//! whose fix is a person's says why.

use crate::{faults::faults, judge::judge, lab::EXCEPTIONS, world::parse};
use idscope::{
    check::{self, FAMILIES, Rule, Wanted},
    graph::Graph,
    ident::Timestamp,
    lab as embedded,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Codes that name a repair and leave it to a person, each with the reason.
const BY_HAND: &[(&str, &str)] = &[
    ("ANN-06", "only a person knows whether the role is to be made again or another one is meant"),
    ("ANN-15", "the add-on writes the annotation; its own setting has to change"),
    ("APP-LBC-01", "what refuses it (organisation or endpoint policies) cannot be read"),
    (
        "CHAIN-01",
        "the second role, or the policies of the first, are not the ServiceAccount's to change",
    ),
    ("HOOK-03", "the webhook's certificate is not known to anybody but EKS"),
    ("HOOK-04", "what the webhook's configuration was like is not known"),
    ("HOOK-13", "another webhook or policy takes the identity away, and would again"),
    ("NODE-01", "another finding says why nothing is declared or injected"),
    (
        "OIDC-12",
        "deleting a provider cannot be taken back, and clusters of other accounts may need it",
    ),
    ("PERM-01", "which policy the workload needs, only a person can say"),
    ("PI-AGENT-02", "why the agent is not Ready on a node is not in what can be read"),
    ("PI-ASSOC-09", "the association is the add-on's; setting it replaces all that the add-on has"),
    ("PI-TARGET-01", "the policies of the first role are not the association's to change"),
    ("PI-TARGET-02", "policies and the target role are not the association's to change"),
    ("PI-TARGET-03", "whom the target role trusts is for its owner to say"),
    ("PI-TARGET-04", "whom the target role trusts is for its owner to say"),
    ("PI-TRUST-11", "a Deny is there on purpose"),
    ("POD-ENV-07", "volume and mount would have to be renamed together, in the manifest"),
    ("POD-ENV-11", "the variable is right; another finding says why nothing is injected"),
    ("SA-06", "a namespace is made by whoever owns it"),
    ("SA-07", "the Helm release lacks the values; the next upgrade would take the change back"),
    ("SA-11", "which workloads of the namespace need the role, only a person can say"),
    ("SEC-ANN-01", "whether the subject is meant, only a person can say"),
    ("SEC-TRUST-08", "who needs the role beside workloads cannot be read here"),
    ("SEC-TRUST-09", "associations of other clusters of the account may use the statement"),
    ("SEC-TRUST-11", "who needs the role beside workloads cannot be read here"),
    ("TOOL-PERM-04", "which profile reads the account, only a person can say"),
    ("TOOL-PERM-05", "the caller cannot give itself permissions"),
    ("TRUST-COND-03", "a Deny is there on purpose"),
    ("TRUST-COND-07", "nobody can say what the operator does"),
];

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[derive(Default)]
struct Told {
    automatic: BTreeSet<&'static str>,
    by_hand: BTreeSet<&'static str>,
    /// Scenarios whose fault is repaired and put back in the lab.
    proofs: Vec<String>,
}

/// By code, from every scenario in which it is found.
fn told() -> &'static BTreeMap<&'static str, Told> {
    static TOLD: OnceLock<BTreeMap<&'static str, Told>> = OnceLock::new();
    TOLD.get_or_init(|| {
        let mut res: BTreeMap<&'static str, Told> = BTreeMap::new();
        for (code, path) in faults() {
            let mut graph = Graph::default();
            for change in embedded::changes(&parse(&path)) {
                graph.apply(change);
            }
            let ledger = judge(&graph, now());
            for it in ledger.findings().filter(|it| it.code == code) {
                let told = res.entry(it.code).or_default();
                for fix in &it.fixes {
                    let list =
                        if fix.edits.is_empty() { &mut told.by_hand } else { &mut told.automatic };
                    list.insert(fix.id);
                }
            }
            let wanted = Wanted { code: Some(code.as_str().into()), targets: Vec::new() };
            let plan = check::propose(&graph, &ledger, &wanted, now()).plan;
            if matches!(plan, Some(Ok(_))) {
                let row = check::row(&code).unwrap();
                let file = path.file_name().unwrap().to_string_lossy().into_owned();
                res.entry(row.code).or_default().proofs.push(file);
            }
        }
        res
    })
}

/// The scenarios whose fault has a plan, with its code.
pub fn proofs() -> Vec<(String, PathBuf)> {
    let all = told().iter().flat_map(|(code, it)| it.proofs.iter().map(move |file| (code, file)));
    all.map(|(code, file)| (code.to_string(), Path::new("tests/scenarios").join(code).join(file)))
        .collect()
}

fn table() -> String {
    let mut res = String::from(
        "# Codes, fixes and proofs\n\n\
         Every code that can be found, in the order of the manual (`codes.md`). *Automatic* fixes are shown, applied and\n\
         undone by `idscope fix`, `idscope undo` and the dashboard; fixes *by hand* are shown as commands. The proofs are\n\
         scenarios of `tests/scenarios`: with the plan simulated, the finding is gone and nothing worse is there\n\
         (`tests/check_fixes.rs`); carried out against the embedded endpoints it is gone, AWS would grant, and undone every\n\
         document is as it was (`tests/proofs/lab.rs`). `tests/live/fixes.rs` carries plans out on real servers and puts them\n\
         back. A statement that a fix keeps byte for byte, because nobody but a person can say who needs it, is no news of the\n\
         fix: where only EC2 or an account's root was let in (TRUST-PRIN-01), SEC-TRUST-11 has that statement looked at, and\n\
         the plan says so before.\n\n\
         | code | what is wrong | automatic | by hand | proofs |\n|---|---|---|---|---|\n",
    );
    let ids = |all: &BTreeSet<&str>| match all.is_empty() {
        true => "–".to_owned(),
        false => all.iter().copied().collect::<Vec<_>>().join(", "),
    };
    let mut rows: Vec<_> = FAMILIES.iter().flat_map(|it| it.iter()).collect();
    rows.retain(|it| !matches!(it.rule, Rule::Page));
    for row in rows {
        let none = Told::default();
        let told = told().get(row.code).unwrap_or(&none);
        let reason = BY_HAND.iter().find(|(code, _)| *code == row.code).map(|it| it.1);
        let by_hand = match reason {
            Some(it) => format!("{it} ({})", ids(&told.by_hand)),
            None => ids(&told.by_hand),
        };
        let by_hand = by_hand.replace(" (–)", "").replace("FX-NONE", "commands");
        let proofs = match told.proofs.is_empty() {
            true => "–".to_owned(),
            false => told.proofs.join(", "),
        };
        res.push_str(&format!(
            "| {} | {} | {} | {by_hand} | {proofs} |\n",
            row.code,
            row.title.replace('|', "\\|"),
            ids(&told.automatic),
        ));
    }
    res.push_str("\n## Where a proof falls short\n\n| scenario | in what | why |\n|---|---|---|\n");
    for (scenario, short, why) in EXCEPTIONS {
        res.push_str(&format!("| {scenario} | {} | {why} |\n", short.describe()));
    }
    res
}

#[test]
fn the_table_says_what_is_so() {
    let path = "assets/fixes.md";
    let wanted = table();
    if std::env::var_os("IDSCOPE_WRITE_TABLE").is_some() {
        fs::write(path, &wanted).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    let differs = wanted.lines().zip(kept.lines()).find(|(a, b)| a != b);
    assert!(
        wanted == kept,
        "{path} is not what the scenarios say; write it anew with IDSCOPE_WRITE_TABLE=1. The first difference: {differs:?}"
    );
}

#[test]
fn what_is_left_to_a_person_has_a_reason() {
    let reasons: BTreeSet<&str> = BY_HAND.iter().map(|it| it.0).collect();
    let mut without = Vec::new();
    let mut needless = Vec::new();
    for (code, told) in told() {
        let is_by_hand = told.proofs.is_empty() && !told.by_hand.is_empty();
        if is_by_hand && !reasons.contains(code) {
            without.push((code, &told.by_hand));
        }
        if !is_by_hand && reasons.contains(code) {
            needless.push(code);
        }
    }
    assert!(without.is_empty(), "by hand, and nobody says why: {without:?}");
    assert!(needless.is_empty(), "a reason for what is automatic: {needless:?}");
}

#[test]
fn every_offered_fix_is_in_the_manual() {
    let mut wrong = Vec::new();
    for row in FAMILIES.iter().flat_map(|it| it.iter()) {
        let Some(told) = told().get(row.code) else { continue };
        for id in told.automatic.union(&told.by_hand).filter(|it| **it != "FX-NONE") {
            if !row.fixes.contains(id) {
                wrong.push(format!("{} offers {id}, which its page does not name", row.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
