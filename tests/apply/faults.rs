//! Everything that can go wrong while a plan is carried out, for every kind of edit: nothing wrong is written, and how it
//! ended is named, in the outcome and in the journal.

use crate::world::{Home, Ran, Row, rows, trust};
use futures::{StreamExt, future::join_all};
use idscope::{
    lab::{
        Lab, World,
        scenario::{Answer, Fault, When},
    },
    plan::{Outcome, StepState},
    source::Writes,
};
use serde_json::{Value, json};
use std::time::Duration;

/// What the world must be like afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum World_ {
    Before,
    After,
}

/// How it must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Applied,
    Nothing,
    NotKnown,
}

fn end(outcome: &Outcome) -> Option<End> {
    match outcome {
        Outcome::Applied => Some(End::Applied),
        Outcome::Nothing { .. } => Some(End::Nothing),
        Outcome::NotKnown { .. } => Some(End::NotKnown),
        Outcome::Partly { .. } | Outcome::Except { .. } | Outcome::Stopped { .. } => None,
    }
}

fn fault(api: &str, answer: Answer) -> Fault {
    Fault {
        api: api.into(),
        answer,
        resource: None,
        after_events: None,
        times: Some(1),
        when: When::Before,
    }
}

/// Of the write itself: a dry run is let through.
fn of_write(row: &Row, answer: Answer, when: When) -> Fault {
    let after_events = row.is_kubernetes().then_some(1);
    Fault { when, after_events, ..fault(row.write, answer) }
}

struct Case {
    name: &'static str,
    /// Which edits it is for.
    when: fn(&Row) -> bool,
    setup: fn(&Lab, &Row),
    timeout: Duration,
    propagation: Duration,
    wanted: (End, World_),
    /// Of the last step's state.
    state: fn(&StepState) -> bool,
    /// How often the write is sent.
    sent: fn(&Row) -> usize,
}

const LONG: Duration = Duration::from_secs(20);

fn case(name: &'static str, wanted: (End, World_), setup: fn(&Lab, &Row)) -> Case {
    Case {
        name,
        when: |_| true,
        setup,
        timeout: LONG,
        propagation: LONG,
        wanted,
        state: |_| true,
        sent: |_| 1,
    }
}

fn is_refused(it: &StepState) -> bool {
    matches!(it, StepState::Refused(_))
}

fn is_not_known(it: &StepState) -> bool {
    matches!(it, StepState::NotKnown(_))
}

fn is_done(it: &StepState) -> bool {
    *it == StepState::Done
}

fn cases() -> Vec<Case> {
    use {End::*, World_::*};
    vec![
        Case { state: is_done, ..case("nothing goes wrong", (Applied, After), |_, _| {}) },
        Case {
            state: is_done,
            sent: |_| 2,
            ..case("throttled once", (Applied, After), |lab, row| {
                lab.break_with(of_write(row, Answer::Throttle, When::Before));
            })
        },
        Case {
            state: is_refused,
            // The API server throttles the next dry run too.
            sent: |it| if it.is_kubernetes() { 1 } else { 4 },
            ..case("throttled for ever", (Nothing, Before), |lab, row| {
                let fault = of_write(row, Answer::Throttle, When::Before);
                lab.break_with(Fault { times: None, ..fault });
            })
        },
        Case {
            state: is_refused,
            ..case("denied", (Nothing, Before), |lab, row| {
                lab.break_with(of_write(row, Answer::Deny, When::Before));
            })
        },
        Case {
            state: is_not_known,
            ..case("connection dropped before the write", (NotKnown, Before), |lab, row| {
                lab.break_with(of_write(row, Answer::Drop, When::Before));
            })
        },
        Case {
            state: is_done,
            ..case("connection dropped after the write", (Applied, After), |lab, row| {
                lab.break_with(of_write(row, Answer::Drop, When::After));
            })
        },
        Case {
            state: is_not_known,
            timeout: Duration::from_secs(4),
            ..case("no answer in time, not written", (NotKnown, Before), |lab, row| {
                lab.break_with(of_write(row, Answer::Hang, When::Before));
            })
        },
        Case {
            state: is_done,
            timeout: Duration::from_secs(4),
            ..case("no answer in time, written", (Applied, After), |lab, row| {
                lab.break_with(of_write(row, Answer::Hang, When::After));
            })
        },
        Case {
            state: |it| is_not_known(it) || matches!(it, StepState::Overwritten { .. }),
            ..case("garbage instead of the write", (NotKnown, Before), |lab, row| {
                lab.break_with(of_write(row, Answer::Garbage, When::Before));
            })
        },
        Case {
            state: is_done,
            ..case("garbage after the write", (Applied, After), |lab, row| {
                lab.break_with(of_write(row, Answer::Garbage, When::After));
            })
        },
        Case {
            state: is_refused,
            ..case("credentials expired at the write", (Nothing, Before), |lab, row| {
                lab.break_with(of_write(row, Answer::Expired, When::Before));
            })
        },
        Case {
            when: |it| !it.is_kubernetes(),
            state: is_refused,
            sent: |_| 0,
            ..case("credentials expired right before it", (Nothing, Before), |lab, _| {
                let proof = fault("sts:GetCallerIdentity", Answer::Expired);
                lab.break_with(Fault { after_events: Some(1), ..proof });
            })
        },
        Case {
            when: Row::is_kubernetes,
            state: is_refused,
            sent: |_| 0,
            ..case("the dry run is refused", (Nothing, Before), |lab, row| {
                lab.break_with(fault(row.write, Answer::Deny));
            })
        },
        Case {
            state: is_refused,
            sent: |_| 0,
            ..case("what is there cannot be read", (Nothing, Before), |lab, row| {
                lab.break_with(fault(row.read, Answer::Deny));
            })
        },
        Case {
            when: |it| !it.is_kubernetes(),
            state: is_done,
            ..case("reads lag behind", (Applied, After), |lab, row| {
                lab.break_with(Fault { times: Some(7), ..fault(row.read, Answer::Stale) });
            })
        },
        Case {
            when: |it| !it.is_kubernetes(),
            state: is_not_known,
            propagation: Duration::from_millis(300),
            ..case("reads never catch up", (NotKnown, After), |lab, row| {
                lab.break_with(Fault { times: None, ..fault(row.read, Answer::Stale) });
            })
        },
    ]
}

async fn run(case: &Case, row: Row) -> (Home, Ran, Row) {
    let home = Home::new().await;
    let mut job = home.job(vec![row.edit.clone()]);
    job.propagation = case.propagation;
    let mut settings = home.settings();
    settings.request_timeout = case.timeout;
    (case.setup)(&home.lab, &row);
    let ran = home.run_with(&settings, job).await;
    (home, ran, row)
}

/// The contents after each edit when nothing goes wrong.
async fn expected(row: &Row) -> Value {
    let home = Home::new().await;
    let ran = home.run(home.job(vec![row.edit.clone()])).await;
    assert_eq!(ran.outcome, Outcome::Applied, "{}", row.name);
    home.contents().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_nothing_wrong_is_written() {
    let home = Home::new().await;
    let before = home.contents().await;
    let all = |world: &World| rows(world);
    let after = join_all(all(&home.world).iter().map(expected)).await;
    for (row, after) in all(&home.world).iter().zip(&after) {
        assert_ne!(before, *after, "{} changes nothing", row.name);
    }
    let mut wrong = Vec::new();
    let cases = cases();
    let runs = cases.iter().flat_map(|case| {
        let rows = all(&home.world).into_iter().zip(&after);
        rows.filter(|(row, _)| (case.when)(row)).map(move |(row, after)| async move {
            let (home, ran, row) = run(case, row).await;
            (case, home, ran, row, after)
        })
    });
    let mut runs = futures::stream::iter(runs).buffer_unordered(20);
    while let Some((case, home, ran, row, after)) = runs.next().await {
        {
            let at = format!("{}, {}", case.name, row.name);
            let there = home.contents().await;
            let world = match there {
                it if it == before => Some(World_::Before),
                it if it == *after => Some(World_::After),
                _ => None,
            };
            let (end_wanted, world_wanted) = case.wanted;
            if end(&ran.outcome) != Some(end_wanted) || world != Some(world_wanted) {
                wrong.push(format!("{at}: {:?}, the world is {world:?}", ran.outcome));
            }
            if !ran.last.as_ref().is_some_and(case.state) {
                wrong.push(format!("{at}: ended in {:?}", ran.last));
            }
            if (case.sent)(&row) != ran.seen.len() {
                wrong.push(format!("{at}: was sent as {:?}", ran.seen));
            }
            // The journal says the same.
            let entry = ran.entry.as_ref().unwrap();
            if entry.outcome.as_ref() != Some(&ran.outcome) || entry.cut_off().is_some() {
                wrong.push(format!("{at}: the journal says {entry:?}"));
            }
            let noted = entry.steps[0].state.as_ref();
            if entry.steps[0].before.is_some() && noted != ran.last.as_ref() {
                wrong.push(format!("{at}: the journal's step is {noted:?}, not {:?}", ran.last));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Somebody else's change of what the edit is about.
async fn rival(home: &Home, row: &Row) {
    use idscope::plan::Edit;
    let account = |name: &str| format!("/api/v1/namespaces/shop/serviceaccounts/{name}");
    let patch = async |path: &str, body: Value| {
        let (status, answer) = home.kube("PATCH", path, &body).await;
        assert_eq!(status, 200, "{answer}");
    };
    let other = json!({"metadata": {"annotations": {"eks.amazonaws.com/role-arn": "theirs"}}});
    match &row.edit {
        Edit::Annotate { .. } => patch(&account("web"), other).await,
        Edit::CreateServiceAccount { service_account, .. } => {
            let path = "/api/v1/namespaces/shop/serviceaccounts";
            let body =
                json!({"kind": "ServiceAccount", "metadata": {"name": service_account.name}});
            home.kube("POST", path, &body).await;
        }
        Edit::DeleteServiceAccount { .. } => patch(&account("lone"), other).await,
        Edit::UseServiceAccount { .. } | Edit::SetMetadata { .. } | Edit::SetEnv { .. } => {
            let kind = if row.name.contains("StatefulSet") {
                "statefulsets/db"
            } else {
                "deployments/web"
            };
            let container = json!([{"name": "app", "image": "a", "env": [{"name": "AWS_REGION", "value": "theirs"}]}]);
            let body = json!({"spec": {"template": {
                "metadata": {"annotations": {"eks.amazonaws.com/skip-containers": "theirs"}},
                "spec": {"serviceAccountName": "free", "containers": container}}}});
            patch(&format!("/apis/apps/v1/namespaces/shop/{kind}"), body).await;
        }
        Edit::SetTrust { .. } => home.lab.change(|world| {
            let role = world.roles.iter_mut().find(|it| it.arn.name() == Some("app")).unwrap();
            role.trust = trust("system:serviceaccount:shop:theirs").into();
        }),
        Edit::SetThumbprints { .. } | Edit::DeleteProvider { .. } => home.lab.change(|world| {
            for it in &mut world.providers {
                it.thumbprints = vec!["c".repeat(40).into()];
                it.client_ids.push("theirs".into());
            }
        }),
        Edit::AddClientId { .. } | Edit::RemoveClientId { .. } => {
            home.lab.change(|world| world.providers.clear());
        }
        Edit::CreateProvider { issuer, .. } => home.lab.change(|world| {
            let mut theirs = world.providers[0].clone();
            theirs.url = issuer.as_str().into();
            theirs.client_ids = vec!["theirs".into()];
            world.providers.push(theirs);
        }),
        Edit::CreateAssociation { service_account, .. } => home.lab.change(|world| {
            let mut theirs = world.associations[0].clone();
            theirs.id = "a-theirs".into();
            theirs.service_account = service_account.clone();
            theirs.role = crate::world::role("pods2");
            world.associations.push(theirs);
        }),
        Edit::UpdateAssociation { .. } | Edit::DeleteAssociation { .. } => {
            home.lab.change(|world| world.associations[0].disable_session_tags = true);
        }
        Edit::Restart { .. } | Edit::RestoreEnv { .. } => {}
        Edit::CreateAddon { .. } | Edit::DeleteAddon { .. } => {}
    }
}

/// Edits that somebody else can get in the way of. An add-on has no contents, and a restart none that matter.
fn can_move(row: &Row) -> bool {
    !row.name.contains("add-on") && row.name != "restart"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_changed_is_left_alone() {
    let moved = async |row: Row| {
        let home = Home::new().await;
        let job = home.job(vec![row.edit.clone()]);
        rival(&home, &row).await;
        let theirs = home.contents().await;
        let before = home.lab.mutations().len();
        let ran = home.run(job).await;
        assert!(matches!(ran.outcome, Outcome::Nothing { .. }), "{}: {ran:?}", row.name);
        assert!(matches!(ran.last, Some(StepState::Moved { .. })), "{}: {ran:?}", row.name);
        assert_eq!(home.lab.mutations().len(), before, "{}", row.name);
        assert_eq!(home.contents().await, theirs, "{}", row.name);
    };
    // Between the last reading and the write. For Kubernetes the write itself finds out; for AWS the proof of the caller
    // lies in between, and what is there is read once more after it.
    let in_between = async |row: Row| {
        let home = Home::new().await;
        let job = home.job(vec![row.edit.clone()]);
        let mut pause = match row.is_kubernetes() {
            true => home.lab.pause(row.write, 1, When::Before),
            false => home.lab.pause("sts:GetCallerIdentity", 1, When::Before),
        };
        let theirs = async {
            pause.reached().await;
            rival(&home, &row).await;
            let theirs = home.contents().await;
            pause.release();
            theirs
        };
        let (ran, theirs) = tokio::join!(home.run(job), theirs);
        assert!(matches!(ran.outcome, Outcome::Nothing { .. }), "{}: {ran:?}", row.name);
        assert!(matches!(ran.last, Some(StepState::Moved { .. })), "{}: {ran:?}", row.name);
        assert_eq!(home.contents().await, theirs, "{}", row.name);
        let noted = &ran.entry.unwrap().steps[0];
        assert!(noted.before.is_some() && noted.state == ran.last, "{}: {noted:?}", row.name);
    };
    // Right after the write, before it is read again.
    let after = async |row: Row| {
        let home = Home::new().await;
        let job = home.job(vec![row.edit.clone()]);
        let mut pause = home.lab.pause(row.write, usize::from(row.is_kubernetes()), When::After);
        let theirs = async {
            pause.reached().await;
            if row.name.starts_with("delete") {
                pause.release();
                return None;
            }
            rival(&home, &row).await;
            let theirs = home.contents().await;
            pause.release();
            Some(theirs)
        };
        let (ran, theirs) = tokio::join!(home.run(job), theirs);
        let Some(theirs) = theirs else { return };
        assert_eq!(home.contents().await, theirs, "{}", row.name);
        if row.name == "create service account"
            || row.name == "create provider"
            || row.name == "create association"
        {
            // The rival finds it there and changes nothing that is ours.
            return;
        }
        assert!(matches!(ran.outcome, Outcome::NotKnown { .. }), "{}: {ran:?}", row.name);
        assert!(matches!(ran.last, Some(StepState::Overwritten { .. })), "{}: {ran:?}", row.name);
    };
    let world = crate::world::parse(&crate::world::scenario());
    let all = || rows(&world).into_iter().filter(can_move);
    join_all(all().map(moved)).await;
    join_all(all().map(in_between)).await;
    join_all(all().map(after)).await;
}

#[tokio::test]
async fn an_object_that_moves_in_another_field_is_read_again() {
    let home = Home::new().await;
    let row = rows(&home.world).swap_remove(0);
    let mut pause = home.lab.pause(row.write, 1, When::Before);
    let meanwhile = async {
        pause.reached().await;
        let body = json!({"metadata": {"labels": {"theirs": "yes"}}});
        home.kube("PATCH", "/api/v1/namespaces/shop/serviceaccounts/web", &body).await;
        pause.release();
    };
    let (ran, ()) = tokio::join!(home.run(home.job(vec![row.edit])), meanwhile);
    assert_eq!(ran.outcome, Outcome::Applied);
    let (_, it) =
        home.kube("GET", "/api/v1/namespaces/shop/serviceaccounts/web", &Value::Null).await;
    assert_eq!(it["metadata"]["labels"]["theirs"], "yes");
    assert!(
        it["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
            .as_str()
            .unwrap()
            .ends_with("role/pods")
    );
}

#[tokio::test]
async fn nothing_is_written_as_somebody_else_or_elsewhere() {
    let home = Home::new().await;
    let before = home.contents().await;
    let trust = || {
        let found = rows(&home.world).into_iter().find(|it| it.name == "set trust");
        vec![found.unwrap().edit]
    };
    let annotate = || vec![rows(&home.world).swap_remove(0).edit];
    let check = async |ran: Ran, wanted: &str| {
        let Outcome::Nothing { why } = &ran.outcome else { panic!("{wanted}: {:?}", ran.outcome) };
        assert!(why.contains(wanted), "{why}");
        assert!(ran.seen.is_empty(), "{:?}", ran.seen);
        assert_eq!(home.contents().await, before);
    };
    // Another caller than the plan was made for, from the beginning and in between.
    let mut job = home.job(trust());
    job.callers[0].1 = "arn:aws:iam::111122223333:user/somebody".into();
    check(home.run(job).await, "write as `arn:aws:iam::111122223333:user/somebody`").await;
    let mut pause = home.lab.pause("iam:GetRole", 0, When::Before);
    let meanwhile = async {
        pause.reached().await;
        home.lab.change(|world| world.caller.arn = "arn:aws:iam::111122223333:user/new".into());
        pause.release();
    };
    let (ran, ()) = tokio::join!(home.run(home.job(trust())), meanwhile);
    check(ran, "the caller is `arn:aws:iam::111122223333:user/new` now").await;
    home.lab.change(|world| world.caller.arn = home.world.caller.arn.clone());

    // Another account's credentials.
    let mut job = home.job(trust());
    job.plan.steps[0].account = idscope::ident::AccountId::parse("444455556666");
    check(home.run(job.clone()).await, "no credentials for account 444455556666").await;
    let mut settings = home.settings();
    settings.account_profiles = vec![("444455556666".into(), "default".into())];
    settings.env.push(("AWS_PROFILE".into(), "default".into()));
    check(home.run_with(&settings, job).await, "account 444455556666").await;

    // Another cluster, another API server.
    let mut job = home.job(annotate());
    job.place.issuer = Some("oidc.example/other".into());
    check(home.run(job).await, "publishes issuer").await;
    let mut job = home.job(annotate());
    job.place.server = Some("https://elsewhere".into());
    check(home.run(job).await, "the plan is for the API server `https://elsewhere`").await;

    // Read-only, as a whole and by context.
    let mut settings = home.settings();
    settings.writes = Writes::Never;
    check(home.run_with(&settings, home.job(annotate())).await, "read-only").await;
    settings.writes = Writes::NotIn(vec!["other".into(), "pr*".into()]);
    check(home.run_with(&settings, home.job(annotate())).await, "context `prod` is read-only")
        .await;
    settings.writes = Writes::NotIn(vec!["other".into()]);
    assert_eq!(home.run_with(&settings, home.job(annotate())).await.outcome, Outcome::Applied);
}

/// What a step finds is what an earlier step of the plan left: it is waited for until reading shows that.
#[tokio::test]
async fn two_writes_to_one_role_are_one_after_the_other() {
    use idscope::plan::{Edit, TrustChange};
    let home = Home::new().await;
    let set = |was: &str, now: &str| Edit::SetTrust {
        role: crate::world::role("app"),
        was: trust(was).into(),
        document: trust(now).into(),
        change: TrustChange::NearMiss,
    };
    let (first, then, last) = (
        "system:serviceaccount: shop:web",
        "system:serviceaccount:shop:web",
        "system:serviceaccount:shop:api",
    );
    home.lab.break_with(Fault { times: Some(7), ..fault("iam:GetRole", Answer::Stale) });
    let ran = home.run(home.job(vec![set(first, then), set(then, last)])).await;
    assert_eq!(ran.outcome, Outcome::Applied, "{ran:?}");
    let found = home.lab.change(|world| {
        let mut all = world.roles.iter();
        all.find(|it| it.arn.name() == Some("app")).unwrap().trust.to_string()
    });
    assert_eq!(found, trust(last));
}

#[tokio::test]
async fn a_step_that_fails_ends_the_plan_and_what_was_written_stays() {
    let home = Home::new().await;
    let edits = |home: &Home| {
        let all = rows(&home.world);
        let of = |name: &str| all.iter().find(|it| it.name == name).unwrap().edit.clone();
        vec![of("set trust"), of("annotate"), of("restart")]
    };
    home.lab.break_with(fault("kube:serviceaccounts:patch", Answer::Deny));
    let ran = home.run(home.job(edits(&home))).await;
    assert!(matches!(ran.outcome, Outcome::Partly { done: 1, .. }), "{ran:?}");
    assert_eq!(ran.outcome.exit_status(), 5);
    let seen: Vec<_> = ran.seen.iter().map(|it| &*it.api).collect();
    assert_eq!(seen, ["iam:UpdateAssumeRolePolicy"]);

    // The same plan again: what is so already is not written again.
    let ran = home.run(home.job(edits(&home))).await;
    assert_eq!(ran.outcome, Outcome::Applied);
    let seen: Vec<_> = ran.seen.iter().map(|it| &*it.api).collect();
    assert_eq!(seen, ["kube:serviceaccounts:patch", "kube:deployments:patch"]);
    assert_eq!(ran.entry.unwrap().steps[0].state, Some(StepState::Already));

    // An answer that is lost in the middle ends the plan, though reading shows that it was written.
    let home = Home::new().await;
    home.lab.break_with(Fault {
        when: When::After,
        ..fault("iam:UpdateAssumeRolePolicy", Answer::Drop)
    });
    let ran = home.run(home.job(edits(&home))).await;
    let Outcome::Partly { done: 1, why } = &ran.outcome else { panic!("{ran:?}") };
    assert!(why.contains("reading again shows that it was written"), "{why}");
    assert_eq!(ran.seen.len(), 1);
}
