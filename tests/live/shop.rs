//! The demo's shop, made true on the real servers: what the program says of it there is what it says of it on the lab,
//! and that is what `worlds/shop.txt` has, line by line, reviewed by people.

use crate::site::{Rights, Said, Site, now, program};
use idscope::lab::World;
use std::{collections::BTreeSet, path::Path, process::Command};

const SHOP: &str = include_str!("../../assets/scenarios/default.yaml");
const EXPECTED: &str = include_str!("worlds/shop.txt");

/// What the real servers cannot show of it. `(line, why)`.
const LAB_ONLY: &[(&str, &str)] = &[];

pub async fn run(dir: &Path) {
    let world = World::parse("default.yaml", SHOP, now()).unwrap_or_else(|it| panic!("{it}"));
    let mut site = Site::start(dir, world.published_issuer()).await;
    site.make(&world).await.expect("a world");
    let said = site.caller(&world, &Rights::of(&world)).await.check(&[]);
    let (here, there) = (told(&said), told(&on_lab()));
    let expected: BTreeSet<String> = EXPECTED
        .lines()
        .filter(|it| !it.is_empty() && !it.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let lab_only: BTreeSet<String> = LAB_ONLY.iter().map(|(it, _)| (*it).to_owned()).collect();
    let both: BTreeSet<String> = here.union(&lab_only).cloned().collect();
    let differ = |a: &BTreeSet<String>, b: &BTreeSet<String>| -> Vec<String> {
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>, sign: &str| -> Vec<String> {
            a.difference(b).map(|it| format!("{sign} {it}")).collect()
        };
        [only(a, b, "+"), only(b, a, "-")].concat()
    };
    let (of_lab, of_file) = (differ(&both, &there), differ(&there, &expected));
    assert!(of_lab.is_empty(), "the real servers against the lab:\n{}", of_lab.join("\n"));
    assert!(of_file.is_empty(), "the lab against worlds/shop.txt:\n{}", of_file.join("\n"));
    let codes: BTreeSet<&str> = here.iter().filter_map(|it| it.split(' ').next()).collect();
    eprintln!(
        "shop: {} objects, {} roles in {} accounts: {} findings of {} codes, {} identities, all as on the lab",
        world.objects.len(),
        world.roles.len(),
        world.caller.accounts.len(),
        here.iter().filter(|it| !it.starts_with("identity ")).count(),
        codes.len() - 1,
        said.identities().len(),
    );
}

/// The demo, as a user checks it.
fn on_lab() -> Said {
    let mut command = Command::new(program());
    let out = command.args(["check", "--demo", "--output", "json"]).output();
    Said::of(&out.expect("the program runs"))
}

/// Findings, and verdict and health of every identity, without what depends on the hour.
fn told(said: &Said) -> BTreeSet<String> {
    let mut res: BTreeSet<String> =
        said.lines(|it| it["code"] != "TOOL-LAG-01").into_iter().collect();
    for it in said.identities() {
        let text = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
        res.insert(format!(
            "identity {}/{} {} {} {}",
            text("namespace"),
            text("serviceAccount"),
            text("mechanism"),
            text("verdict"),
            text("health")
        ));
    }
    res
}
