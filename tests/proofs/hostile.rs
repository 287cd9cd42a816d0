//! Names, tags and policies that somebody chose to do harm: in every form that a plan is written in they stay what they
//! are, one word, one string, one line.

use idscope::{
    check::{Blast, Restarts},
    fact::{Denied, Knowledge, Rollout, UpdateStrategy},
    ident::{AccountId, Arn, Issuer, Partition, Ref, SaKey, Text, WorkloadKind},
    plan::{
        self, AssociationFields, Because, Confirm, Edit, EnvChange, EnvEntry, Line, Names, Place,
        Plan, Step, TrustChange, Turnover, Warning, WorkloadKey,
    },
    report::plan as page,
};
use proptest::prelude::*;
use serde_json::json;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

/// What does harm somewhere: in a shell, in HCL, in markdown, in JSON, on a terminal.
const PIECES: [&str; 26] = [
    "$(touch canary)",
    "`touch canary`",
    "; touch canary;",
    "'",
    "\"",
    "\\",
    "\n",
    "\r\n",
    "${path.module}",
    "%{ if true }",
    "$${",
    "POLICY",
    "EOF\n",
    "```",
    "~~~\n",
    "![x](http://x/y)",
    "<script>",
    "# h",
    "| a |",
    "\u{1b}[2J",
    "\u{202e}",
    "*",
    "--flag",
    " ",
    "\t",
    "ä",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece =
        prop_oneof![proptest::sample::select(&PIECES[..]).prop_map(str::to_owned), "[a-z]{1,4}"];
    prop::collection::vec(piece, 1..5).prop_map(|it| it.concat())
}

/// Every kind of edit that a finding can ask for, full of the text.
fn edits(text: &str) -> Vec<Edit> {
    let it = || Text::from(text);
    let key = || SaKey::new(text, text);
    let workload = || WorkloadKey::new(WorkloadKind::Deployment, text, text);
    let arn = |kind: &str| Arn::new(format!("arn:aws:iam::111122223333:{kind}/x"));
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Sid": text, "Effect": "Allow"}]});
    let fields = || AssociationFields {
        role_arn: arn("role"),
        target_role_arn: None,
        disable_session_tags: true,
        policy: Some(policy.to_string().into()),
        tags: vec![("team".into(), it())],
    };
    vec![
        Edit::Annotate {
            service_account: key(),
            key: "eks.amazonaws.com/role-arn".into(),
            was: Some(it()),
            value: Some(it()),
        },
        Edit::CreateServiceAccount {
            service_account: key(),
            annotations: vec![("a/b".into(), it())],
            labels: vec![("c".into(), it())],
        },
        Edit::UseServiceAccount { workload: workload(), was: Some(it()), name: Some(it()) },
        Edit::SetEnv {
            workload: workload(),
            container: it(),
            init: false,
            changes: vec![EnvChange {
                name: "A".into(),
                was: Some(EnvEntry::Value(it())),
                entry: Some(EnvEntry::Value(it())),
            }],
            order: vec![it(), "A".into()],
        },
        Edit::SetMetadata {
            workload: workload(),
            place: Place::Labels,
            key: "k".into(),
            was: Some(it()),
            value: Some(it()),
        },
        Edit::Restart { workload: workload() },
        Edit::CreateProvider {
            partition: Partition::Aws,
            account: AccountId::parse("111122223333").unwrap(),
            issuer: Issuer::new("https://oidc.eks.eu-west-1.amazonaws.com/id/A"),
            client_ids: vec![it()],
            tags: vec![("cluster".into(), it())],
        },
        Edit::AddClientId { provider: arn("oidc-provider"), client_id: it() },
        Edit::SetTrust {
            role: arn("role"),
            was: policy.to_string().into(),
            document: policy.to_string().into(),
            change: TrustChange::Opens,
        },
        Edit::CreateAssociation { service_account: key(), fields: fields() },
        Edit::UpdateAssociation {
            id: it(),
            service_account: key(),
            was: fields(),
            fields: fields(),
        },
        Edit::DeleteAssociation { id: it(), service_account: key(), was: fields() },
        Edit::CreateAddon { name: it() },
    ]
}

fn plan(text: &str) -> Plan {
    let steps = edits(text).into_iter().map(|edit| Step {
        target: Ref::ServiceAccount(SaKey::new(text, text)),
        uid: None,
        account: None,
        expects: vec![plan::Expect { field: text.to_owned(), value: Some(text.to_owned()) }],
        diff: vec![
            Line::Same(text.to_owned()),
            Line::Gone(text.to_owned()),
            Line::New(text.to_owned()),
        ],
        managed_by: None,
        undo: Err(text.to_owned()),
        needs: Vec::new(),
        edit,
    });
    Plan {
        id: "FX".into(),
        title: text.to_owned(),
        because: Because { code: None, subject: text.into() },
        steps: steps.collect(),
        turnovers: vec![
            turnover(WorkloadKind::Deployment, text),
            turnover(WorkloadKind::StatefulSet, text),
        ],
        warnings: vec![Warning { grave: true, text: text.to_owned() }],
        restart_needed: true,
        confirm: Confirm::IamRole(text.into()),
        digest: "0".repeat(64).into(),
    }
}

fn turnover(kind: WorkloadKind, text: &str) -> Turnover {
    let denied = Denied { permission: text.into(), detail: text.into() };
    Turnover {
        workload: WorkloadKey::new(kind, text, text),
        pods: 2,
        replicas: Some(2),
        rollout: Some(Rollout { strategy: UpdateStrategy::Other(text.into()), paused: true }),
        spent: Knowledge::Denied(denied),
    }
}

fn names(text: &str) -> Names {
    let account = AccountId::parse("111122223333").unwrap();
    Names {
        context: Some(text.into()),
        cluster: Some(text.into()),
        region: Some(text.into()),
        account: Some(account.clone()),
        profiles: vec![(account, text.into())],
        ambient: None,
    }
}

fn shown<T>(text: &str, look: impl FnOnce(&page::Page<'_>) -> T) -> T {
    let (plan, blast, names) = (plan(text), Blast::default(), names(text));
    let restarts = Restarts::default();
    let page = page::Page {
        plan: &plan,
        blast: &blast,
        deputies: &[],
        names: &names,
        may: &[],
        left: &[],
        restarts: &restarts,
    };
    look(&page)
}

/// Programs that only say what they were called with, each word ended by a NUL; and what they read.
fn stubs(dir: &Path) {
    for name in ["kubectl", "aws", "eksctl"] {
        let path = dir.join(name);
        fs::write(&path, "#!/bin/sh\nfor it in \"$@\"; do printf '%s\\0' \"$it\"; done >> \"$SAID\"\ncat >> \"$SAID\"\nprintf '\\0' >> \"$SAID\"\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_script_is_one_and_does_only_what_it_says(text in hostile()) {
        let dir = tempfile::tempdir().unwrap();
        stubs(dir.path());
        let place = plan::Whereabouts { issuer: Some(text.as_str().into()), ..plan::Whereabouts::default() };
        let script = shown(&text, |it| page::script(it, &place));
        let check = Command::new("sh").arg("-n").arg("-c").arg(&script).output().unwrap();
        prop_assert!(check.status.success(), "{}\n{script}", String::from_utf8_lossy(&check.stderr));
        for edit in edits(&text) {
            let said = dir.path().join("said");
            fs::write(&said, "").unwrap();
            let commands = plan::commands(&edit, &names(&text)).join("\n");
            let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
            let ran = Command::new("sh")
                .args(["-eu", "-c", &commands])
                .current_dir(dir.path())
                .env("PATH", path)
                .env("SAID", &said)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            prop_assert!(ran.status.success(), "{}\n{commands}", String::from_utf8_lossy(&ran.stderr));
            prop_assert!(!dir.path().join("canary").exists(), "{commands}");
            let said = fs::read(&said).unwrap();
            let said = String::from_utf8(said).unwrap();
            // Context or profile is a word of its own, as it is.
            prop_assert!(said.split('\0').any(|it| it == text), "{edit:?}\n{commands}\n{said:?}");
        }
    }

    #[test]
    fn a_snippet_of_terraform_has_no_templates(text in hostile()) {
        for edit in edits(&text) {
            let Some(written) = plan::terraform(&edit, &names(&text)) else { continue };
            let (mut strings, mut rest) = (Vec::new(), String::new());
            let mut chars = written.chars();
            while let Some(c) = chars.next() {
                if c == '#' && (rest.is_empty() || rest.ends_with('\n')) {
                    let comment: String = chars.by_ref().take_while(|it| *it != '\n').collect();
                    prop_assert!(!comment.contains(['\r', '\u{1b}']), "{written}");
                    continue;
                }
                if c != '"' {
                    rest.push(c);
                    continue;
                }
                strings.push(string(&mut chars).map_err(|it| TestCaseError::fail(format!("{it}\n{written}")))?);
            }
            // Outside strings stands only what we wrote.
            prop_assert!(!rest.contains(['$', '%', '`', '\'', '\\', '\u{1b}']), "{written}");
            if !matches!(edit, Edit::SetTrust { .. }) && !strings.is_empty() {
                prop_assert!(strings.contains(&text), "{written}");
            }
        }
    }

    #[test]
    fn markdown_shows_it_and_obeys_nothing_of_it(text in hostile()) {
        let written = shown(&text, |it| page::text(it, true));
        let mut fence: Option<&str> = None;
        for line in written.lines() {
            let ticks = line.len() - line.trim_start_matches('`').len();
            match fence {
                Some(it) if line == it => fence = None,
                Some(_) => prop_assert!(ticks < 3 || fence.is_some_and(|it| ticks < it.len()) || !line.trim_matches('`').is_empty(), "{written}"),
                None if 3 <= ticks => fence = Some(&line[..ticks]),
                None => {
                    let own = line.strip_prefix("## ").unwrap_or(line);
                    let mut chars = own.chars();
                    while let Some(c) = chars.next() {
                        if c == '\\' {
                            chars.next();
                            continue;
                        }
                        prop_assert!(!"`*_[]<>|!".contains(c), "{c} in {line}\n{written}");
                    }
                    prop_assert!(!own.trim_start().starts_with(['#', '~']), "{line}");
                }
            }
        }
        prop_assert_eq!(fence, None, "{}", written);
    }

    #[test]
    fn json_is_read_back_as_it_was(text in hostile()) {
        let written = shown(&text, |it| page::data(it).to_string());
        let (read, _, _) = page::read(&written).unwrap();
        prop_assert_eq!(read, edits(&text));
    }

    #[test]
    fn a_terminal_shows_it_on_its_line(text in hostile()) {
        let written = shown(&text, |it| page::text(it, false));
        prop_assert!(!written.contains(['\u{1b}', '\u{202e}', '\r']), "{written:?}");
        prop_assert!(written.lines().count() < 400, "{written}");
    }
}

/// The rest of a quoted HCL string as text.
fn string(chars: &mut std::str::Chars<'_>) -> Result<String, String> {
    let mut res = String::new();
    loop {
        match chars.next().ok_or("a string that does not end")? {
            '"' => return Ok(res),
            '\n' => return Err("a line break in a string".to_owned()),
            '\\' => match chars.next().ok_or("an escape that does not end")? {
                'n' => res.push('\n'),
                'r' => res.push('\r'),
                't' => res.push('\t'),
                'u' => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&digits, 16).map_err(|it| it.to_string())?;
                    res.push(char::from_u32(code).ok_or("no character")?);
                }
                it => res.push(it),
            },
            it @ ('$' | '%') => {
                let rest = chars.as_str();
                if rest.starts_with('{') {
                    return Err("a template".to_owned());
                }
                res.push(it);
                if rest.starts_with(it) && rest[1..].starts_with('{') {
                    chars.next();
                }
            }
            it => res.push(it),
        }
    }
}
