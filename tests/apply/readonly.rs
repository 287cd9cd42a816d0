//! Every command that writes, where nothing may be written: endpoints that would notice see no change and make no token.

use crate::{
    command::{output, said, text},
    world::{Home, rows},
};
use serde_json::Value;

async fn digest(home: &Home, args: &[&str]) -> String {
    let out = output(home, &[args, &["-o", "json"]].concat()).await;
    let plan: Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", said(&out)));
    plan["digest"].as_str().unwrap_or_else(|| panic!("{}", said(&out))).to_owned()
}

/// What was asked that changes something, or makes credentials.
fn changes(home: &Home) -> Vec<String> {
    let all = home.lab.calls().into_iter();
    all.filter(|it| it.mutates || it.api.contains("token") || it.api.contains("Assume"))
        .map(|it| it.api)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_where_nothing_may_be() {
    let home = Home::new().await;
    let (file, of_file) = home.plan_file(vec![rows(&home.world).swap_remove(0).edit]);
    // Something to undo, and something to finish.
    let out = output(&home, &["fix", "--plan", &file, "--apply", "--yes", &of_file]).await;
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let entries = output(&home, &["undo", "-o", "json"]).await;
    let entries: Value = serde_json::from_slice(&entries.stdout).unwrap();
    let id = entries[0]["id"].as_str().unwrap();
    let before = home.contents().await;
    let known = changes(&home).len();

    let (fix, undo) = (["fix", "sa/shop/web"], ["undo", id]);
    let (of_fix, of_undo) = (digest(&home, &fix).await, digest(&home, &undo).await);
    let goal =
        ["fix", "sa/shop/free", "--goal", "irsa", "--role", "arn:aws:iam::111122223333:role/app"];
    let of_goal = digest(&home, &goal).await;
    let with = |args: &[&str], yes: &str| -> Vec<String> {
        let more = ["--apply", "--yes", yes];
        args.iter().chain(&more).map(|it| (*it).to_owned()).collect()
    };
    let commands = [
        (with(&fix, &of_fix), 4),
        (with(&undo, &of_undo), 4),
        (with(&goal, &of_goal), 4),
        (with(&["fix", "--plan", &file], &of_file), 4),
        (with(&["fix", "--finish", id], &of_file), 4),
        (["probe", "sa/shop/web", "--yes"].map(str::to_owned).to_vec(), 3),
    ];
    let config = home.state.path().join("config").join("config.yaml");
    let ways = [
        ("--readonly", String::new()),
        ("", "readonly: true\n".to_owned()),
        ("", "contexts: {\"*\": {readonly: true}}\n".to_owned()),
    ];
    for (flag, text_of_config) in ways {
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        std::fs::write(&config, &text_of_config).unwrap();
        for (command, status) in &commands {
            let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
            args.extend((!flag.is_empty()).then_some(flag));
            let out = output(&home, &args).await;
            assert_eq!(
                out.status.code(),
                Some(*status),
                "{args:?} {text_of_config}: {}",
                said(&out)
            );
            let told = text(&out.stderr);
            let done = told.contains("as it was wanted") || told.contains("digest is");
            assert!(told.contains("read-only") || done, "{args:?} {text_of_config}: {told}");
        }
    }
    assert_eq!(changes(&home).len(), known, "{:?}", changes(&home));
    assert_eq!(home.contents().await, before);
    // Another context's restriction is none of this one.
    std::fs::write(&config, "contexts: {other: {readonly: true}}\n").unwrap();
    let args: Vec<&str> = commands[1].0.iter().map(String::as_str).collect();
    let out = output(&home, &args).await;
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_at_once_are_one_that_writes_and_one_that_is_told() {
    use idscope::{lab::scenario::When, plan::Outcome};
    let home = Home::new().await;
    let trust = || {
        let found = rows(&home.world).into_iter().find(|it| it.name == "set trust");
        vec![found.unwrap().edit]
    };
    let mut pause = home.lab.pause("iam:UpdateAssumeRolePolicy", 0, When::Before);
    let second = async {
        pause.reached().await;
        let ran = home.run(home.job(trust())).await;
        pause.release();
        ran
    };
    let (first, second) = tokio::join!(home.run(home.job(trust())), second);
    assert_eq!(first.outcome, Outcome::Applied);
    let Outcome::Nothing { why } = &second.outcome else { panic!("{second:?}") };
    assert!(why.contains("role/app is being changed by another idscope"), "{why}");
    let writes = home.lab.mutations();
    assert_eq!(writes.len(), 1, "{writes:?}");
    let (entries, _) = home.journal().entries().unwrap();
    assert_eq!(entries.len(), 1, "whoever was told has written nothing down");
}
