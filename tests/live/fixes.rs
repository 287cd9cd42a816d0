//! Repairs on the real servers: a scenario's fault is planted, `fix --apply` repairs it, `check` finds it gone and
//! nothing new, STS lets in whom it refused, and `undo` brings back the fault and every document as it was. All of it by
//! somebody who may do exactly what `info --permissions --fixes` asks for, on the API server and in IAM.

use crate::{
    controllers::{self, Controllers},
    exchange::{assume, differs, is_by_provider},
    kube,
    scenarios::{ONLY, compare},
    site::{Caller, Rights, Said, Site, is_above_hygiene, now},
};
use idscope::lab::World;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// At least so many codes must be repaired and put back here.
const ENOUGH: usize = 30;

/// What cannot be repaired or put back here although it is elsewhere. `(code, why)`.
const NOT_HERE: &[(&str, &str)] = &[
    ("OIDC-05", "MiniStack has no iam:AddClientIDToOpenIDConnectProvider"),
    ("OIDC-07", "MiniStack has no iam:AddClientIDToOpenIDConnectProvider"),
    ("OIDC-08", "MiniStack has no iam:UpdateOpenIDConnectProviderThumbprint"),
    ("OIDC-09", "MiniStack takes two URLs that differ by a slash for one"),
];

/// What the program says when there is nothing that it may write.
const NOTHING_WRITTEN: i32 = 4;

/// What a repair says once it is applied while the pods that it is about are still to be made anew.
const NOT_HEALED: i32 = 1;

/// So many of those that STS lets in are asked about with `probe` too.
const PROBED: usize = 5;

#[derive(Default)]
struct Tally {
    repaired: BTreeSet<String>,
    /// Codes whose repair leaves nothing to put back.
    for_good: BTreeSet<String>,
    wrong: Vec<String>,
    /// Codes whose repair a person has to make.
    by_hand: Vec<String>,
    refused: BTreeMap<String, String>,
    /// ServiceAccounts that STS refused before and lets in after.
    n_let_in: usize,
    /// Those that STS lets in after, and that it could not be asked about before.
    n_after_only: usize,
    /// Those of them that `probe` asked about.
    n_probed: usize,
    /// Those that it refuses again after the undo.
    n_out_again: usize,
    /// What an undo left to a person since something may use it by now.
    n_by_hand: usize,
}

pub async fn run(site: &mut Site) {
    let mut tally = Tally::default();
    for (code, path) in files() {
        let started = Instant::now();
        one(site, &code, &path, &mut tally).await;
        if Duration::from_secs(20) < started.elapsed() {
            eprintln!("  {code} took {:?}", started.elapsed());
        }
    }
    let Tally { repaired, for_good, mut wrong, by_hand, refused, .. } = tally;
    let Tally { n_let_in, n_after_only, n_probed, n_out_again, n_by_hand, .. } = tally;
    eprintln!(
        "fixes: {} codes repaired with `fix --apply`, found gone, and put back with `undo`, every document as before: {}",
        repaired.len(),
        repaired.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    );
    eprintln!(
        "  STS lets in {n_let_in} ServiceAccounts that it refused and {n_after_only} that had no role to ask for or that only the \
         provider kept out, and refuses {n_out_again} again after the undo; `probe` was answered {n_probed} times; {n_by_hand} things that may \
         be used by now were taken away by the commands that the undo printed"
    );
    eprintln!(
        "  {} more by a restart alone, which nothing takes back: {}",
        for_good.len(),
        for_good.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    );
    eprintln!("  a person has to repair {}: {}", by_hand.len(), by_hand.join(", "));
    for (code, why) in &refused {
        eprintln!("  not {code}: {why}");
    }
    if std::env::var_os(ONLY).is_none() {
        if repaired.len() < ENOUGH {
            wrong.push(format!("only {} codes were repaired", repaired.len()));
        }
        let here = NOT_HERE.iter().filter(|(it, _)| repaired.contains(*it));
        wrong.extend(here.map(|(it, _)| format!("{it} can be repaired here after all")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn one(site: &mut Site, code: &str, path: &Path, tally: &mut Tally) {
    let text = fs::read_to_string(path).expect("a scenario");
    let name = path.display().to_string();
    let world = World::parse(&name, &text, now()).unwrap_or_else(|it| panic!("{it}"));
    let made = match Site::refuses(&world) {
        Some(why) => Err(why),
        None => site.make(&world).await,
    };
    match made {
        Ok(()) => {
            let caller = site.caller(&world, &Rights::to_fix(&world)).await;
            let mut repair = Repair { site, world: &world, caller, code, tally };
            let res = repair.run(&text).await;
            match (res, NOT_HERE.iter().find(|(it, _)| *it == code)) {
                (Ok(()), _) => {}
                (Err(_), Some((_, why))) => {
                    tally.refused.insert(code.to_owned(), (*why).to_owned());
                }
                (Err(why), None) => tally.wrong.push(format!("{name}: {why}")),
            }
        }
        Err(why) => {
            // The service's words; the rest is how they came.
            let why = why.split(" (ServiceError").next().unwrap_or_default();
            tally.refused.insert(code.to_owned(), why.to_owned());
        }
    }
    site.sweep(&world).await;
}

struct Repair<'a> {
    site: &'a mut Site,
    world: &'a World,
    caller: Caller,
    code: &'a str,
    tally: &'a mut Tally,
}

impl Repair<'_> {
    async fn run(&mut self, text: &str) -> Result<(), String> {
        let before = self.caller.check(&[]);
        // Whoever may repair lacks nothing that a scenario takes away.
        if let Err(why) = compare(text, &before) {
            let lacks = !self.world.caller.deny.is_empty()
                || !self.world.caller.deny_kube.is_empty()
                || self.world.caller.namespaces.is_some();
            if !lacks {
                return Err(why);
            }
            self.tally.refused.insert(self.code.to_owned(), "it is about missing rights".into());
            return Ok(());
        }
        let (code, mut controllers) = (self.code, Controllers::watch(self.site).await);
        let documents = self.documents().await;
        let wanted = ["fix", "--all", "--code", code];
        let Some(plan) = self.plan(&wanted)? else {
            self.tally.by_hand.push(code.to_owned());
            return Ok(());
        };
        let refused = self.kept_out(&before).await?;

        let mut plans = vec![plan];
        let after = loop {
            let plan = plans.last().expect("one at least").clone();
            self.apply(&wanted, &plan)?;
            controllers.settle(self.site, self.world).await;
            let after = self.caller.check(&[]);
            let is_there = !after.lines(|it| it["code"] == *code).is_empty();
            // What only takes hold in new pods is followed by the restart that it asks for.
            match plan["restartNeeded"] == true && is_there && plans.len() == 1 {
                true => plans.extend(self.plan(&wanted)?),
                false => break after,
            }
            if plans.len() == 1 {
                break after;
            }
        };
        gone(code, &plans, &before, &after)?;
        self.let_in(&before, &after, &refused).await?;

        if !self.put_back(&plans, &mut controllers).await? {
            self.tally.for_good.insert(code.to_owned());
            return Ok(());
        }
        let now = self.documents().await;
        let differ = differences(&documents, &now);
        if !differ.is_empty() {
            return Err(format!("undone, and not as it was:\n{}", differ.join("\n")));
        }
        let again = self.caller.check(&[]);
        let (was, is) = (told(code, &before), told(code, &again));
        if was != is {
            return Err(format!("undone, and found {is:#?} instead of {was:#?}"));
        }
        self.out_again(&refused, &again).await?;
        self.tally.repaired.insert(code.to_owned());
        Ok(())
    }

    /// Undoes what was applied, the last first; whether there was anything to put back.
    async fn put_back(
        &mut self,
        plans: &[Value],
        controllers: &mut Controllers,
    ) -> Result<bool, String> {
        let listed = self.caller.run(&["undo", "--output", "json"]);
        let entries: Value =
            serde_json::from_slice(&listed.stdout).map_err(|it| format!("no journal: {it}"))?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let mut is_back = false;
        for (entry, plan) in entries.iter().rev().zip(plans.iter().rev()) {
            let wanted = ["undo", entry["id"].as_str().ok_or("an entry without id")?];
            if let Some(back) = self.plan(&wanted)? {
                let said = self.apply(&wanted, &back)?;
                self.by_hand(&said).await?;
                is_back = true;
            } else {
                let out = self.caller.run(&wanted);
                let said = String::from_utf8_lossy(&out.stderr).into_owned();
                let n = self.by_hand(&said).await?;
                is_back |= 0 < n;
                // Pods that were made anew cannot be had back, and need not be; and what cannot be put back was said before.
                let steps = plan["steps"].as_array().into_iter().flatten();
                let mut noted =
                    steps.map(|it| it["undoNote"].is_string() || it["edit"]["kind"] == "restart");
                if n == 0 && !noted.all(|it| it) {
                    return Err(format!("nothing to undo: {said}"));
                }
            }
            controllers.settle(self.site, self.world).await;
        }
        Ok(is_back)
    }

    /// The plan as data; `None` where there is nothing that the program may write.
    fn plan(&self, arguments: &[&str]) -> Result<Option<Value>, String> {
        let out = self.caller.run(&[arguments, &["--output", "json"]].concat());
        let stderr = String::from_utf8_lossy(&out.stderr);
        if let Ok(plan) = serde_json::from_slice::<Value>(&out.stdout)
            && plan["digest"].is_string()
        {
            let mays = plan["steps"].as_array().into_iter().flatten().map(|it| &it["may"]);
            let denied: Vec<&Value> = mays.filter(|it| it["allowed"] == false).collect();
            return match denied.is_empty() {
                true => Ok(Some(plan)),
                false => Err(format!("not allowed: {denied:?}")),
            };
        }
        match out.status.code() {
            Some(0) => Ok(None),
            Some(NOTHING_WRITTEN) if stderr.contains("everything that can be put back") => Ok(None),
            other => Err(format!("no plan ({other:?}): {stderr}")),
        }
    }

    /// What an undo leaves to a person, with the command for it: does it as that person. How much that was.
    async fn by_hand(&mut self, said: &str) -> Result<usize, String> {
        let mut n = 0;
        for line in said.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let after = |flag: &str| {
                let at = words.iter().position(|it| *it == flag);
                at.and_then(|it| words.get(it + 1)).copied().unwrap_or_default()
            };
            let cluster = &self.world.cluster;
            match words.as_slice() {
                ["aws", "iam", "delete-open-id-connect-provider", ..] => {
                    let arn = after("--open-id-connect-provider-arn");
                    let account = arn.split(':').nth(4).unwrap_or_default();
                    let aws = self.site.aws.root(account, &cluster.region);
                    let request = aws.iam.delete_open_id_connect_provider();
                    let gone = request.open_id_connect_provider_arn(arn).send().await;
                    gone.map_err(|it| format!("{line}: {it}"))?;
                }
                ["aws", "eks", "delete-addon", ..] => {
                    let aws = self.site.aws.root(cluster.account.as_str(), &cluster.region);
                    let request = aws.eks.delete_addon().cluster_name(after("--cluster-name"));
                    let gone = request.addon_name(after("--addon-name")).send().await;
                    gone.map_err(|it| format!("{line}: {it}"))?;
                }
                ["kubectl", .., "delete", "serviceaccount", "-n", namespace, name] => {
                    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}");
                    kube::call(&self.site.admin, "DELETE", &path, None).await?;
                }
                _words => continue,
            }
            n += 1;
        }
        self.tally.n_by_hand += n;
        Ok(n)
    }

    /// Carries a plan out; what the program says on the way.
    fn apply(&self, arguments: &[&str], plan: &Value) -> Result<String, String> {
        let digest = plan["digest"].as_str().unwrap_or_default();
        let out = self.caller.run(&[arguments, &["--apply", "--yes", digest]].concat());
        let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
        let waits = plan["restartNeeded"] == true || stderr.contains("/apis/apps/v1/") || {
            let steps = plan["steps"].as_array().into_iter().flatten();
            let kinds: Vec<&Value> = steps.map(|it| &it["edit"]["kind"]).collect();
            let rolls =
                ["restart", "set-env", "restore-env", "set-metadata", "use-service-account"];
            kinds.iter().any(|it| rolls.iter().any(|roll| *it == roll))
                || kinds.iter().any(|it| *it == "create-service-account")
        };
        match out.status.code() {
            Some(0) => Ok(stderr),
            Some(NOT_HEALED) if waits && stderr.contains("applied, still there") => Ok(stderr),
            other => Err(format!("{arguments:?} ended with {other:?}: {stderr}")),
        }
    }

    /// Identities that are refused, each asked for at STS, which must refuse it too.
    async fn kept_out(&mut self, before: &Said) -> Result<BTreeSet<String>, String> {
        let mut res = BTreeSet::new();
        for it in before.identities() {
            let askable = it["mechanism"] == "irsa"
                && it["verdict"] == "deny"
                && it["exists"] == true
                && it["roleArn"].is_string();
            let name_of_file = format!("{}/fires.yaml", self.code);
            if !askable || is_by_provider(it) || differs(&name_of_file) {
                continue;
            }
            if assume(self.site, self.world, it).await.is_ok() {
                return Err(format!("STS lets {} in before", name(it)));
            }
            res.insert(name(it));
        }
        Ok(res)
    }

    /// Whoever was refused and is allowed now gets in.
    async fn let_in(
        &mut self,
        before: &Said,
        after: &Said,
        refused: &BTreeSet<String>,
    ) -> Result<(), String> {
        for it in after.identities() {
            let was = before.identities().iter().find(|was| name(was) == name(it));
            let was_allowed = was.is_some_and(|it| it["verdict"] == "allow");
            if it["mechanism"] != "irsa" || it["verdict"] != "allow" || was_allowed {
                continue;
            }
            if let Err(why) = assume(self.site, self.world, it).await {
                return Err(format!("STS keeps {} out after: {why}", name(it)));
            }
            match refused.contains(&name(it)) {
                true => {
                    self.tally.n_let_in += 1;
                    if self.tally.n_probed < PROBED {
                        self.probe(it)?;
                    }
                }
                false => self.tally.n_after_only += 1,
            }
        }
        Ok(())
    }

    /// The program's own question to AWS, with a token that it may ask for. It has to be answered; MiniStack denies the
    /// one-element list that Kubernetes writes as the audience, which STS accepts, so a denial is an answer here.
    fn probe(&mut self, identity: &Value) -> Result<(), String> {
        let target = format!("sa/{}", name(identity));
        let out = self.caller.run(&["probe", &target, "--yes", "--output", "json"]);
        let said: Value = serde_json::from_slice(&out.stdout).unwrap_or_default();
        self.tally.n_probed += 1;
        match (out.status.code(), said["answer"]["verdict"].as_str()) {
            (Some(0), Some("allow")) | (Some(1), Some("deny")) => Ok(()),
            (other, _) => Err(format!(
                "probe {target} ended with {other:?}: {said} {}",
                String::from_utf8_lossy(&out.stderr)
            )),
        }
    }

    async fn out_again(&mut self, refused: &BTreeSet<String>, again: &Said) -> Result<(), String> {
        for it in again.identities().iter().filter(|it| refused.contains(&name(it))) {
            if assume(self.site, self.world, it).await.is_ok() {
                return Err(format!("STS lets {} in after the undo", name(it)));
            }
            self.tally.n_out_again += 1;
        }
        Ok(())
    }

    /// Everything that a repair may write, by name, as it is stored.
    async fn documents(&mut self) -> BTreeMap<String, String> {
        let mut res = BTreeMap::new();
        let cluster = &self.world.cluster;
        let roles = self.world.roles.iter().filter_map(|it| it.arn.account());
        let mut accounts: BTreeSet<String> = roles.map(|it| it.to_string()).collect();
        accounts.extend(self.world.providers.iter().map(|it| it.account.to_string()));
        accounts.insert(cluster.account.to_string());
        for account in accounts {
            let aws = self.site.aws.root(&account, &cluster.region);
            for role in aws.iam.list_roles().send().await.expect("roles").roles() {
                let got = aws.iam.get_role().role_name(role.role_name()).send().await;
                let role = got.expect("a role").role.expect("a role");
                let trust = role.assume_role_policy_document.unwrap_or_default();
                res.insert(format!("role {}", role.arn), trust);
            }
            let listed = aws.iam.list_open_id_connect_providers().send().await;
            for it in listed.expect("providers").open_id_connect_provider_list() {
                let arn = it.arn().unwrap_or_default();
                let got = aws.iam.get_open_id_connect_provider();
                let got = got.open_id_connect_provider_arn(arn).send().await.expect("a provider");
                let told = format!("{:?} {:?}", got.client_id_list(), got.thumbprint_list());
                res.insert(format!("provider {arn}"), told);
            }
        }
        let aws = self.site.aws.root(cluster.account.as_str(), &cluster.region);
        let listed = aws.eks.list_pod_identity_associations().cluster_name(&*cluster.name);
        for it in listed.send().await.expect("associations").associations() {
            let id = it.association_id().unwrap_or_default();
            let got = aws.eks.describe_pod_identity_association().cluster_name(&*cluster.name);
            let got = got.association_id(id).send().await.expect("an association");
            let it = got.association().expect("an association");
            res.insert(
                format!("association {:?}/{:?}", it.namespace(), it.service_account()),
                format!(
                    "{:?} {:?} {:?} {:?}",
                    it.role_arn(),
                    it.target_role_arn().filter(|it| !it.is_empty()),
                    it.disable_session_tags(),
                    it.policy().filter(|it| !it.is_empty())
                ),
            );
        }
        let listed = aws.eks.list_addons().cluster_name(&*cluster.name).send().await;
        res.insert("add-ons".into(), format!("{:?}", listed.expect("add-ons").addons()));
        for it in controllers::list(self.site, &[("ServiceAccount", "v1", "serviceaccounts")]).await
        {
            let metadata = &it["metadata"];
            let told =
                format!("{} {}", filled(&metadata["annotations"]), filled(&metadata["labels"]));
            res.insert(kube::path(&it), told);
        }
        let kinds = [
            ("Deployment", "apps/v1", "deployments"),
            ("StatefulSet", "apps/v1", "statefulsets"),
            ("DaemonSet", "apps/v1", "daemonsets"),
            ("CronJob", "batch/v1", "cronjobs"),
        ];
        for mut it in controllers::list(self.site, &kinds).await {
            let template = match it["kind"] == "CronJob" {
                true => &mut it["spec"]["jobTemplate"]["spec"]["template"],
                false => &mut it["spec"]["template"],
            };
            let mut template = template.take();
            let annotations = template["metadata"]["annotations"].as_object_mut();
            if let Some(all) = annotations {
                // A restart cannot be taken back, only made again.
                all.shift_remove("kubectl.kubernetes.io/restartedAt");
            }
            let annotations = filled(&template["metadata"]["annotations"]);
            template["metadata"]["annotations"] = annotations;
            res.insert(kube::path(&it), template.to_string());
        }
        res
    }
}

/// An empty map is none.
fn filled(map: &Value) -> Value {
    let is_empty = map.as_object().is_none_or(serde_json::Map::is_empty);
    if is_empty { Value::Null } else { map.clone() }
}

fn name(identity: &Value) -> String {
    let text = |key: &str| identity[key].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("serviceAccount"))
}

/// Findings of the code and everything above hygiene; pods without their names, since others were made in their places.
fn told(code: &str, said: &Said) -> Vec<String> {
    let lines = said.lines(|it| it["code"] == *code || is_above_hygiene(it));
    let mut res: Vec<String> = lines
        .into_iter()
        .map(|it| {
            let parts: Vec<&str> = it.split(['/', ' ']).collect();
            match parts.as_slice() {
                [code, severity, kind @ ("Pod" | "Container"), namespace, _pod, container @ ..] => {
                    format!("{code} {severity} {kind} {namespace} {}", container.join("/"))
                }
                _whole => it.clone(),
            }
        })
        .collect();
    res.sort();
    res.dedup();
    res
}

/// The code's findings are gone but for what a person has to do, and nothing new is wrong.
fn gone(code: &str, plans: &[Value], before: &Said, after: &Said) -> Result<(), String> {
    let left = plans.iter().flat_map(|it| it["byHand"].as_array().into_iter().flatten());
    let now = after.lines(|it| it["code"] == *code);
    if left.filter(|it| it["code"] == *code).count() < now.len() {
        return Err(format!("applied, and still there: {now:?}"));
    }
    let was = before.lines(is_above_hygiene);
    let new: Vec<String> = after
        .lines(|it| {
            let code = it["code"].as_str().unwrap_or_default();
            // What runs without an owner is as it was before the change until somebody makes it again.
            let of_running = ["HOOK-", "PI-POD-", "PI-ASSOC-12", "PI-ASSOC-11", "NODE-"];
            let waits = plans.iter().any(|it| it["restartNeeded"] == true)
                && of_running.iter().any(|it| code.starts_with(it));
            // The old statement is kept, and is told of now that it stands beside another (`check::is_left`).
            let is_kept =
                code == "SEC-TRUST-11" && plans.iter().any(|it| it["id"] == "FX-TRUST-ADD");
            is_above_hygiene(it) && !waits && !is_kept
        })
        .into_iter()
        .filter(|it| !was.contains(it))
        .collect();
    match new.is_empty() {
        true => Ok(()),
        false => Err(format!("applied, and new: {new:?}")),
    }
}

fn differences(was: &BTreeMap<String, String>, is: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let differs = names.into_iter().filter(|it| was.get(*it) != is.get(*it));
    differs
        .map(|it| format!("  {it}\n    was {:?}\n    is  {:?}", was.get(it), is.get(it)))
        .collect()
}

/// The first scenario of every code.
fn files() -> Vec<(String, PathBuf)> {
    let only = std::env::var(ONLY).unwrap_or_default();
    let dirs = fs::read_dir("tests/scenarios").expect("scenarios");
    let mut res: Vec<(String, PathBuf)> = dirs
        .map(|it| it.expect("a directory").path())
        .filter_map(|dir| {
            let code = dir.file_name()?.to_string_lossy().into_owned();
            let file = dir.join("fires.yaml");
            (file.exists() && file.display().to_string().contains(&only)).then_some((code, file))
        })
        .collect();
    res.sort();
    res
}
