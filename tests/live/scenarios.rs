//! The scenarios of `tests/scenarios`, made true on the real servers one after another: each must say there what its
//! first lines say, and STS must answer to a token of each ServiceAccount as the verdict does.

use crate::{
    exchange::Exchange,
    site::{Rights, Said, Site, is_above_hygiene, now},
};
use idscope::lab::World;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Names a part of a file's path, to try those files alone.
pub const ONLY: &str = "IDSCOPE_LIVE_ONLY";

/// Files whose worlds these servers cannot be brought to, and why. Each is tried all the same, and must fail.
const CANNOT: &[(&str, &str)] = &[
    ("PI-ASSOC-05/fires.yaml", "EKS keeps one association a ServiceAccount, and so does MiniStack"),
    (
        "PI-ASSOC-05/fires-without-ids.yaml",
        "EKS keeps one association a ServiceAccount, and so does MiniStack",
    ),
    ("POD-ENV-10/near-miss-opt-in.yaml", "MiniStack does not tell when a role was used last"),
    ("OIDC-09/near-miss.yaml", "MiniStack takes two URLs that differ by a slash for one"),
    (
        "TRUST-PRIN-12/fires.yaml",
        "IAM saves no trust policy with NotPrincipal, and neither does MiniStack",
    ),
];

/// Codes of the first wave that have scenarios and cannot be had here, and why.
const NOT_HERE: &[(&str, &str)] = &[
    ("ANN-18", "wherever it fits PI-BOTH-01 says more"),
    ("OIDC-06", "MiniStack has no partition aws-cn"),
    ("TOOL-PAGE-01", "MiniStack does not break off in the middle of a list"),
    ("TOOL-PART-01", "MiniStack has no partition aws-iso"),
    ("TRUST-PRIN-12", "IAM saves no trust policy with NotPrincipal, and neither does MiniStack"),
];

#[derive(Default)]
struct Tally {
    n_held: usize,
    codes: BTreeSet<String>,
    wrong: Vec<String>,
    refused: BTreeMap<String, String>,
    exchange: Exchange,
}

pub async fn run(site: &mut Site) {
    let mut tally = Tally::default();
    let files = files();
    for path in &files {
        one(site, path, &mut tally).await;
    }
    let Tally { n_held, codes, mut wrong, refused, exchange } = tally;
    eprintln!(
        "scenarios: {n_held} of {} hold on the real servers, {} codes found",
        files.len(),
        codes.len()
    );
    for (path, why) in &refused {
        eprintln!("  not {path}: {why}");
    }
    exchange.say();
    if std::env::var_os(ONLY).is_none() {
        wrong.extend(missing(&codes));
        exchange.is_enough();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// At least so many codes must be found on the real servers.
const ENOUGH: usize = 60;

/// What is wrong with the codes that were found: every code of the first wave that has a scenario must be among them,
/// but for those of the table.
fn missing(found: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    if found.len() < ENOUGH {
        wrong.push(format!("only {} codes were found", found.len()));
    }
    let rows = include_str!("../codes.csv").lines().filter(|it| it.ends_with(",first"));
    let codes = rows.filter_map(|it| it.split(',').next());
    let (mut n_first, mut without) = (0, Vec::new());
    for code in codes {
        n_first += 1;
        let excepted = NOT_HERE.iter().any(|(it, _)| *it == code);
        match (found.contains(code), excepted) {
            (true, true) => wrong.push(format!("{code} can be had here after all")),
            (false, false) if Path::new("tests/scenarios").join(code).exists() => {
                wrong.push(format!("{code} was not found"));
            }
            (false, false) => without.push(code),
            (true, false) | (false, true) => {}
        }
    }
    eprintln!(
        "  {} of the {n_first} codes of the first wave cannot be had here: {NOT_HERE:?}",
        NOT_HERE.len()
    );
    if !without.is_empty() {
        eprintln!("  {} have no scenario: {}", without.len(), without.join(", "));
    }
    wrong
}

async fn one(site: &mut Site, path: &Path, tally: &mut Tally) {
    let name = path.strip_prefix("tests/scenarios").expect("a scenario").display().to_string();
    let text = fs::read_to_string(path).expect("a scenario");
    let world = World::parse(&name, &text, now()).unwrap_or_else(|it| panic!("{it}"));
    if let Some(why) = Site::refuses(&world) {
        tally.refused.insert(name, why);
        return;
    }
    let known = CANNOT.iter().find(|(it, _)| *it == name).map(|(_, why)| (*why).to_owned());
    let res = match site.make(&world).await {
        Ok(()) => {
            let caller = site.caller(&world, &Rights::of(&world)).await;
            let namespaces = world.caller.namespaces.iter().flatten();
            let named: Vec<&str> = namespaces.flat_map(|it| ["-n", &**it]).collect();
            let said = caller.check(&named);
            let res = compare(&text, &said);
            if res.is_ok() {
                tally.exchange.compare(site, &world, &said, &name, &mut tally.wrong).await;
            }
            res
        }
        Err(text) => Err(text),
    };
    site.wipe().await;
    match (res, known) {
        (Ok(_), Some(_)) => tally.wrong.push(format!("{name}: it can be made here after all")),
        (Ok(codes), None) => {
            tally.n_held += 1;
            tally.codes.extend(codes);
        }
        (Err(_), Some(why)) => drop(tally.refused.insert(name, why)),
        (Err(text), None) => tally.wrong.push(format!("{name}: {text}")),
    }
}

/// The codes that were expected and found; `Err`: the difference.
pub fn compare(text: &str, said: &Said) -> Result<BTreeSet<String>, String> {
    let lines = |prefix: &str| -> Vec<String> {
        let all = text.lines().take_while(|it| it.starts_with('#'));
        let mut res: Vec<String> =
            all.filter_map(|it| it.strip_prefix(prefix)).map(|it| it.trim().to_owned()).collect();
        res.sort();
        res.dedup();
        res
    };
    let expected = lines("# expect:");
    let code = |it: &String| it.split(' ').next().unwrap_or_default().to_owned();
    let codes: BTreeSet<String> = expected.iter().map(code).collect();
    let mut found = said.lines(|it| {
        is_above_hygiene(it) || it["code"].as_str().is_some_and(|it| codes.contains(it))
    });
    found.dedup();
    let health = lines("# health:");
    let told: Vec<String> = health
        .iter()
        .map(|it| {
            let name = it.split(' ').next().unwrap_or_default();
            let of = |it: &&serde_json::Value| {
                let text = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
                format!("{}/{}", text("namespace"), text("serviceAccount")) == name
            };
            said.identities().iter().find(of).map_or_else(
                || format!("{name} is not told"),
                |it| {
                    let text = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
                    format!("{name} {} {}", text("verdict"), text("health"))
                },
            )
        })
        .collect();
    if expected == found && health == told {
        return Ok(codes);
    }
    let sources = said.report["sources"].as_array().into_iter().flatten();
    let unread: Vec<String> =
        sources.filter(|it| it["state"] != "live").map(ToString::to_string).collect();
    Err(format!(
        "expected {expected:#?}\n  found {found:#?}\n  {told:?} instead of {health:?}\n  {}{}",
        said.stderr,
        unread.join("\n")
    ))
}

fn files() -> Vec<PathBuf> {
    let mut res = Vec::new();
    for dir in fs::read_dir("tests/scenarios").expect("scenarios") {
        for file in fs::read_dir(dir.expect("a directory").path()).expect("a directory") {
            res.push(file.expect("a file").path());
        }
    }
    let only = std::env::var(ONLY).unwrap_or_default();
    res.retain(|it| it.display().to_string().contains(&only));
    res.sort();
    res
}
