//! Every fix heals its finding: its commands are carried out on the facts, and the finding is gone.
//!
//! Commands are read as a shell would, so quoting is tested too. What a command cannot say here (restarts, choices that
//! only a person can make) is left out.

use idscope::{
    check::{Finding, Ledger},
    fact::{Change, Fact, Knowledge, OidcProvider, ProviderDetail, ServiceAccount},
    graph::Graph,
    iam,
    ident::{Arn, Issuer, Ref, SaKey, Text, Timestamp},
    lab::{self, World},
};
use std::{collections::BTreeSet, fs, path::PathBuf, sync::Arc};

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn fixes_heal() {
    let mut n_healed = 0;
    let mut wrong = Vec::new();
    for path in scenarios() {
        let text = fs::read_to_string(&path).unwrap();
        let world = World::parse(path.to_str().unwrap(), &text, now()).unwrap();
        let (graph, ledger) = judge(lab::changes(&world));
        for finding in ledger.findings() {
            // A recreated cluster needs all of them: the provider and every role.
            let together: Vec<String> =
                finding.fixes.iter().flat_map(|it| it.commands.clone()).collect();
            for fix in &finding.fixes {
                let commands = if finding.code == "OIDC-04" { &together } else { &fix.commands };
                let Some(changes) = carry_out(&graph, finding, commands) else { continue };
                let all = lab::changes(&world).into_iter().chain(changes).collect();
                let (_, after) = judge(all);
                let same =
                    |it: &&Finding| it.code == finding.code && it.subject.at == finding.subject.at;
                if after.findings().any(|it| same(&it)) {
                    wrong.push(format!(
                        "{} {} does not heal {}",
                        path.display(),
                        fix.id,
                        finding.code
                    ));
                }
                n_healed += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(40 < n_healed, "only {n_healed} fixes could be carried out");
}

/// What the commands change; `None` when one of them is none that can be carried out here.
fn carry_out(graph: &Graph, finding: &Finding, commands: &[String]) -> Option<Vec<Change>> {
    let mut res = Vec::new();
    for command in commands {
        let words = shell_words(command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let value = |flag: &str| words.iter().position(|it| *it == flag).map(|it| words[it + 1]);
        match words[..] {
            ["aws", "iam", "get-role", ..] => {}
            ["eksctl", "utils", ..] => {}
            ["aws", "iam", "update-assume-role-policy", ..] => {
                let document = value("--policy-document")?;
                if document.starts_with("file://") {
                    return None;
                }
                let name = value("--role-name")?;
                let account = finding.subject.arn.as_ref()?.account()?;
                let mut role = graph.role_by_name(&account, name)?.clone();
                role.trust = Arc::new(iam::Document::parse(document, iam::Kind::Trust));
                assert!(role.trust.parsed.is_ok(), "{document}");
                res.push(Change::Upsert(Box::new(Fact::Role(role))));
            }
            ["kubectl", "annotate", "serviceaccount", "-n", namespace, name, pair, ..] => {
                let (key, role) = pair.split_once('=')?;
                if role == "ROLE_ARN" {
                    return None;
                }
                let sa = SaKey::new(namespace, name);
                let mut sa: ServiceAccount = graph.service_account(&sa).known()?.clone();
                sa.annotations.retain(|(it, _)| &**it != key);
                sa.annotations.push((key.into(), role.into()));
                res.push(Change::Upsert(Box::new(Fact::ServiceAccount(sa))));
            }
            ["aws", "iam", "create-open-id-connect-provider", ..] => {
                let ids: Vec<Text> = vec![value("--client-id-list")?.into()];
                let issuer = Issuer::new(value("--url")?);
                let arn = finding.subject.arn.clone()?;
                assert!(arn.as_str().ends_with(issuer.as_str()));
                res.push(provider(arn, &issuer, ids));
            }
            ["aws", "iam", "add-client-id-to-open-id-connect-provider", ..] => {
                let arn = Arn::from(value("--open-id-connect-provider-arn")?);
                let issuer = graph.issuer().known()?;
                let known = graph.provider(&arn.account()?, &issuer).known()?;
                let mut ids = known.detail.as_ref().known()?.client_ids.clone();
                ids.push(value("--client-id")?.into());
                res.push(provider(arn, &issuer, ids));
            }
            _ => return None,
        }
    }
    (!res.is_empty()).then_some(res)
}

fn provider(arn: Arn, issuer: &Issuer, client_ids: Vec<Text>) -> Change {
    let detail = ProviderDetail {
        url: issuer.as_str().into(),
        client_ids,
        thumbprints: Vec::new(),
        created: Some(now()),
        tags: Vec::new(),
    };
    let detail = Knowledge::Known(detail);
    Change::Upsert(Box::new(Fact::Provider(OidcProvider {
        arn,
        url: issuer.as_str().into(),
        detail,
    })))
}

fn judge(changes: Vec<Change>) -> (Graph, Ledger) {
    let mut graph = Graph::default();
    let units: BTreeSet<Ref> = changes.into_iter().flat_map(|it| graph.apply(it)).collect();
    let mut ledger = Ledger::default();
    ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now());
    (graph, ledger)
}

/// Words as a POSIX shell splits them; single quotes and backslashes are all that we write.
fn shell_words(command: &str) -> Vec<String> {
    let mut res = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => res.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                word.extend(chars.by_ref().take_while(|it| *it != '\''));
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            other => word.get_or_insert_default().push(other),
        }
    }
    res.extend(word);
    res
}

fn scenarios() -> Vec<PathBuf> {
    let mut res = Vec::new();
    for dir in fs::read_dir("tests/scenarios").unwrap() {
        for file in fs::read_dir(dir.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().is_some_and(|it| it.to_string_lossy().starts_with("fires")) {
                res.push(path);
            }
        }
    }
    res.sort();
    res
}
