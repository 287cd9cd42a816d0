//! From a fault to its repair and back: the list, the plan, the words, how it goes, what came of it.

use crate::hand::{Hand, now, styled};
use idscope::{
    command::{Command, OTHERS, ViewKind},
    event::{Event, Generation, Key, KeyCode, Noted},
    fact::{Change, Fact},
    ident::Text,
    identity::probe::{Answer, Probed},
    keymap::Keymap,
    model::{Options, Request, Stage},
    plan::{
        self, Entry, May, Order, Outcome, Progress, Recorded, RecordedStep, StepState, Who, Writes,
    },
    ui::{Color, Theme},
    view::{PaneKind, exported},
};

const SIZES: [(u16, u16); 3] = [(120, 36), (80, 24), (60, 20)];
const LARGE: (u16, u16) = (120, 36);

fn check(name: &str, prepare: impl Fn(&mut Hand)) {
    for size in SIZES {
        let mut hand = Hand::before_world(size);
        prepare(&mut hand);
        let view = hand.see();
        let text = styled(&view, &Theme::new(Color::Painted, false));
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text);
    }
}

/// Stands on the ServiceAccount whose role has a space in its trust policy.
fn at_fault(hand: &mut Hand) {
    hand.goes("sa payments");
    assert!(hand.selected().contains("api"), "{}", hand.selected());
}

fn listed(hand: &mut Hand) {
    at_fault(hand);
    hand.keys("f");
}

fn proposed(hand: &mut Hand) {
    listed(hand);
    hand.keys("enter");
}

/// The world allows everything.
fn allowed(hand: &mut Hand) {
    let may = vec![May::Yes; order(hand).plan.steps.len()];
    answered(hand, may);
}

fn answered(hand: &mut Hand, may: Vec<May>) {
    let plan = Box::new(order(hand).plan);
    hand.send(Event::Permitted { generation: Generation::default(), plan, may });
}

/// The last plan that the world was asked about.
fn order(hand: &Hand) -> Order {
    let asked = hand.requests.iter().rev().find_map(|it| match it {
        Request::Permissions { order, .. } => Some((**order).clone()),
        _ => None,
    });
    asked.expect("a plan that was asked about")
}

fn confirmed(hand: &mut Hand) {
    proposed(hand);
    allowed(hand);
    hand.keys("a").types("yes").keys("enter");
}

fn tell(hand: &mut Hand, progress: Progress) {
    let digest = order(hand).plan.digest;
    hand.send(Event::Applying { digest, progress });
}

fn step(hand: &mut Hand, index: usize, state: StepState) {
    tell(hand, Progress::Step { index, state });
}

/// The world as the plan leaves it.
fn comes_true(hand: &mut Hand) {
    let edits: Vec<_> = order(hand).plan.edits().cloned().collect();
    for it in edits {
        let changes = plan::simulate(hand.model.world().graph, &it, now());
        hand.facts(changes);
    }
}

fn applied(hand: &mut Hand) {
    confirmed(hand);
    step(hand, 0, StepState::Done);
    tell(hand, Progress::Ended(Outcome::Applied));
}

fn entry(order: &Order, state: Option<StepState>, outcome: Option<Outcome>) -> Entry {
    let begun = RecordedStep { before: Some("{}".into()), state, made: None };
    Entry {
        id: "20260110T115900Z-1a2b3c".into(),
        at: now(),
        who: Who::default(),
        place: order.place.clone(),
        plan: Recorded::from(&order.plan),
        steps: vec![begun],
        outcome,
        undoes: None,
        undone_by: None,
        resumed: Vec::new(),
    }
}

fn noted(entry: Entry) -> Event {
    Event::Journal(Ok(vec![Noted { entry, is_running: false }]))
}

#[test]
fn what_can_be_done_is_listed() {
    check("fix_list", listed);
}

#[test]
fn a_plan_says_everything_before_it_is_confirmed() {
    check("fix_plan", |hand| {
        proposed(hand);
        allowed(hand);
    });
}

#[test]
fn a_plan_asks_for_its_words() {
    check("fix_confirm", |hand| {
        proposed(hand);
        allowed(hand);
        hand.keys("a").types("ye");
    });
}

#[test]
fn a_plan_that_runs_says_where_it_is() {
    check("fix_progress", |hand| {
        confirmed(hand);
        step(hand, 0, StepState::Reading);
    });
}

#[test]
fn a_conflict_shows_both_sides() {
    check("fix_conflict", |hand| {
        confirmed(hand);
        let found = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let found = Text::from(plan::laid_out(&found.into()));
        step(hand, 0, StepState::Moved { expected: "".into(), found });
        tell(hand, Progress::Ended(Outcome::Nothing { why: "it moved".into() }));
    });
}

#[test]
fn what_is_not_allowed_is_for_somebody_else() {
    check("fix_denied", |hand| {
        proposed(hand);
        answered(hand, vec![May::No("iam:UpdateAssumeRolePolicy".into())]);
    });
    let mut hand = Hand::before_world(LARGE);
    proposed(&mut hand);
    answered(&mut hand, vec![May::No("iam:UpdateAssumeRolePolicy".into())]);
    assert!(!hand.model.can(Command::Apply));
    hand.keys("a");
    assert_eq!(hand.model.proposal().unwrap().stage, Stage::Shown);
    hand.requests();
    hand.keys("c");
    let [Request::Copy(text)] = &hand.requests()[..] else { panic!() };
    // Where it runs the profile has another name: unset, the command stops.
    assert!(
        text.contains("not allowed for the caller") && text.contains("${AWS_PROFILE"),
        "{text}"
    );
}

#[test]
fn what_came_of_it_is_looked_at() {
    check("fix_applied", |hand| {
        applied(hand);
        comes_true(hand);
    });
    let mut hand = Hand::before_world(LARGE);
    applied(&mut hand);
    // What was written is not read yet.
    assert!(hand.text().contains("re-reading…"), "{}", hand.text());
    comes_true(&mut hand);
    let text = hand.text();
    assert!(text.contains("repaired: finding gone, verdict allow"), "{text}");
    assert!(!text.contains("re-reading"), "{text}");
}

#[test]
fn what_is_written_and_not_read_is_no_repair_after_a_minute() {
    let mut hand = Hand::before_world(LARGE);
    applied(&mut hand);
    let later = |seconds| now().checked_add(std::time::Duration::from_secs(seconds)).unwrap();
    hand.send(Event::Tick(later(59)));
    assert!(hand.text().contains("re-reading…"), "{}", hand.text());
    hand.send(Event::Tick(later(60)));
    assert!(hand.text().contains("still there: TRUST-SUB-03"), "{}", hand.text());
}

#[test]
fn what_was_written_is_listed_and_put_back() {
    check("undo_list", |hand| {
        proposed(hand);
        let done = entry(&order(hand), Some(StepState::Done), Some(Outcome::Applied));
        hand.keys("esc esc").goes("undo");
        hand.send(noted(done));
    });
    let mut hand = Hand::before_world(LARGE);
    applied(&mut hand);
    comes_true(&mut hand);
    let done = entry(&order(&hand), Some(StepState::Done), Some(Outcome::Applied));
    hand.requests();
    hand.keys("u");
    assert_eq!(hand.requests(), [Request::Journal]);
    hand.send(noted(done));
    let text = hand.text();
    assert!(text.contains("undo 20260110T115900Z-1a2b3c") && text.contains("loses"), "{text}");
    // The way back is a plan like any other.
    allowed(&mut hand);
    hand.keys("a").types("yes").keys("enter");
    let Some(Request::Apply(back)) = hand.requests().pop() else { panic!("{}", hand.text()) };
    assert_eq!(back.purpose, plan::Purpose::Undo("20260110T115900Z-1a2b3c".into()));
}

#[test]
fn what_was_cut_off_is_said_and_can_be_finished() {
    let mut hand = Hand::before_world(LARGE);
    proposed(&mut hand);
    let begun = entry(&order(&hand), None, None);
    hand.keys("esc esc").send(noted(begun.clone()));
    assert!(hand.text().contains("a fix was cut off here"), "{}", hand.text());
    hand.goes("undo").send(noted(begun));
    assert!(hand.text().contains("cut off in step 1 of 1"), "{}", hand.text());
    hand.keys("a");
    let purpose = hand.model.proposal().map(|it| it.purpose.clone());
    let entry = "20260110T115900Z-1a2b3c".into();
    assert_eq!(purpose, Some(plan::Purpose::Finish { entry, steps: vec![0] }));
}

#[test]
fn an_entry_with_nothing_left_is_closed_by_the_key_that_finishes() {
    let mut hand = Hand::before_world(LARGE);
    proposed(&mut hand);
    // Announced, written and read back; then it was cut off.
    let begun = entry(&order(&hand), Some(StepState::Done), None);
    hand.keys("esc esc");
    comes_true(&mut hand);
    hand.goes("undo").send(noted(begun.clone()));
    assert!(hand.text().contains("cut off after 1 of 1 steps"), "{}", hand.text());
    hand.requests();
    hand.keys("a");
    assert_eq!(hand.requests(), [Request::Close("20260110T115900Z-1a2b3c".into())]);
    assert!(hand.text().contains("it is finished: everything in it"), "{}", hand.text());
    // Closed, it is nothing to finish any more, and can be put back.
    let closed = Entry { outcome: Some(Outcome::Applied), ..begun };
    hand.goes("undo").send(noted(closed));
    assert!(!hand.model.can(Command::Apply));
    hand.keys("enter");
    let purpose = hand.model.proposal().map(|it| it.purpose.clone());
    assert!(matches!(purpose, Some(plan::Purpose::Undo(_))), "{}", hand.text());
    // Of another cluster it is left alone.
    let mut hand = Hand::before_world(LARGE);
    proposed(&mut hand);
    let mut begun = entry(&order(&hand), Some(StepState::Done), None);
    begun.place.cluster = Some("arn:aws:eks:eu-west-1:111122223333:cluster/other".into());
    hand.keys("esc esc").goes("undo").send(noted(begun));
    hand.requests();
    hand.keys("a");
    assert_eq!(hand.requests(), []);
    assert!(hand.text().contains("it was made on cluster"), "{}", hand.text());
}

#[test]
fn keys_from_before_the_question_are_dropped() {
    let mut hand = Hand::before_world(LARGE);
    proposed(&mut hand);
    allowed(&mut hand);
    // As a terminal hands them over at once: no frame is drawn in between.
    let key = |code| Event::Key(Key { code, ctrl: false, alt: false });
    for it in ['a', 'y', 'e', 's'] {
        hand.model.update(key(KeyCode::Char(it)));
    }
    assert!(hand.model.update(key(KeyCode::Enter)).is_empty());
    let Stage::Confirming(typed) = &hand.model.proposal().unwrap().stage else { panic!() };
    assert_eq!(typed.text, "");
    // Seen, it takes them; other words do nothing, and neither does a paste.
    hand.types("yse").keys("enter");
    let said = "✖ these are other words; type yes to apply: se";
    assert_eq!(hand.pane(PaneKind::Footer).trim(), said);
    // They stay to be mended.
    hand.keys("backspace");
    assert_eq!(hand.pane(PaneKind::Footer).trim(), "type yes to apply: s");
    hand.keys("ctrl-u").send(Event::Paste("yes".into()));
    let said = hand.pane(PaneKind::Footer);
    assert!(said.contains("✖ not pasted: type yes to apply:"), "{said}");
    hand.keys("enter");
    assert!(!hand.requests().iter().any(|it| matches!(it, Request::Apply(_))));
    hand.types("yes").keys("enter");
    assert!(matches!(hand.requests().pop(), Some(Request::Apply(_))));
}

#[test]
fn while_it_runs_every_way_out_stops_it_first() {
    for way in ["esc", "q", "ctrl-c"] {
        let mut hand = Hand::before_world(LARGE);
        confirmed(&mut hand);
        step(&mut hand, 0, StepState::Writing);
        hand.requests();
        hand.keys(way);
        assert_eq!(hand.requests(), [Request::StopApply], "{way}");
        assert!(hand.text().contains("stopping: the step in flight"), "{way}");
        // Nothing else leads away from it.
        hand.keys(": / ? f u").send(Event::Paste("x".into()));
        assert_eq!(hand.requests(), [], "{way}");
        assert!(hand.model.proposal().is_some_and(idscope::model::Proposed::is_running));
    }
    let mut hand = Hand::before_world(LARGE);
    confirmed(&mut hand);
    tell(&mut hand, Progress::Ended(Outcome::Stopped { done: 1 }));
    assert!(hand.text().contains("stopped: 1 of 1 steps were written"), "{}", hand.text());
    hand.requests();
    hand.keys("ctrl-c");
    assert_eq!(hand.requests(), [Request::Leave]);
}

#[test]
fn a_plan_is_dropped_with_its_caller_and_old_with_its_world() {
    let mut hand = Hand::before_world(LARGE);
    proposed(&mut hand);
    allowed(&mut hand);
    hand.keys("a");
    // Somebody else repaired it meanwhile.
    comes_true(&mut hand);
    hand.send(Event::Tick(now()));
    assert!(hand.text().contains("what it repairs is not there any more"), "{}", hand.text());
    assert!(!hand.model.can(Command::Apply));

    // What it was made from cannot be read any more.
    let mut hand = Hand::before_world(LARGE);
    proposed(&mut hand);
    allowed(&mut hand);
    hand.keys("a").types("ye");
    let scope = idscope::fact::Scope::Roles { account: "111122223333".into() };
    let state = idscope::fact::SourceState::Stale { at: now(), error: "gone".into(), attempts: 1 };
    hand.facts(vec![Change::Source { scope, state }]).send(Event::Tick(now()));
    assert!(hand.text().contains("read it again first"), "{}", hand.text());
    hand.types("s").keys("enter");
    assert!(!hand.model.can(Command::Apply));
    assert!(!hand.requests().iter().any(|it| matches!(it, Request::Apply(_))));

    let mut hand = Hand::before_world(LARGE);
    proposed(&mut hand);
    let caller = hand.model.world().graph.caller().known().unwrap().clone();
    let arn = "arn:aws:sts::111122223333:assumed-role/other/kim".into();
    let other = Fact::Caller(idscope::fact::Caller { arn, ..caller });
    hand.facts(vec![Change::Upsert(Box::new(other))]).send(Event::Tick(now()));
    assert!(hand.model.proposal().is_none());
    assert!(hand.text().contains("the plan was dropped"), "{}", hand.text());
}

#[test]
fn marked_rows_are_repaired_together() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("sa payments").keys("space down down space f");
    let text = hand.pane(PaneKind::Page);
    assert!(text.contains("fixes for 2 marked rows"), "{text}");
    assert!(text.contains("everything that can be repaired at the 2 marked rows"), "{text}");
}

#[test]
fn goals_are_offered_and_typed() {
    let mut hand = Hand::before_world(LARGE);
    at_fault(&mut hand);
    hand.goes("goal pod-identity");
    let text = hand.text();
    assert!(text.contains("make Pod Identity work for `payments/api`"), "{text}");
    // Whoever gets in by it is told, and the role's name is to be typed.
    assert!(text.contains("Somebody new gets role `payments-api`"), "{text}");
    allowed(&mut hand);
    hand.keys("a");
    assert!(hand.pane(PaneKind::Footer).contains("type payments-api to apply"), "{}", hand.text());
    let mut hand = Hand::before_world(LARGE);
    hand.goes("goal nowhere");
    assert!(hand.text().contains(":goal irsa"), "{}", hand.text());
}

/// Whatever stage a migration is in, its page names the way back, and that is a plan like any other.
#[test]
fn a_migration_is_left_from_any_stage() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("sa shop");
    while !hand.selected().contains("web") {
        hand.keys("down");
    }
    hand.goes("goal leave-migration");
    assert!(hand.text().contains("nothing of a migration is here"), "{}", hand.text());
    hand.goes("goal migrate");
    assert!(
        hand.text().contains("migrate `shop/web` to Pod Identity: dual-trust"),
        "{}",
        hand.text()
    );
    comes_true(&mut hand);
    hand.keys("esc").goes("goal migrate");
    let text = hand.pane(PaneKind::Page);
    assert!(text.contains("migrate `shop/web` to Pod Identity: associate"), "{text}");
    assert!(text.contains("the goal `leave-migration` leads back to IRSA from here"), "{text}");
    comes_true(&mut hand);
    hand.keys("esc").goes("goal leave-migration");
    let text = hand.pane(PaneKind::Page);
    assert!(text.contains("leave the migration of `shop/web`: back to IRSA"), "{text}");
    let kinds: Vec<&str> = order(&hand)
        .plan
        .edits()
        .map(|it| match it {
            plan::Edit::DeleteAssociation { .. } => "delete",
            plan::Edit::SetTrust { .. } => "trust",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["delete", "trust"], "{text}");
    comes_true(&mut hand);
    hand.keys("esc").goes("goal leave-migration");
    assert!(hand.text().contains("nothing of a migration is here"), "{}", hand.text());
}

/// An annotation is a claim: who made it and when, whom the trust policy knows, and what the role may do, the worst in
/// the tone of an error.
#[test]
fn whoever_gets_a_role_is_told_with_what_it_may_do() {
    let mut hand = Hand::before_world(LARGE);
    at_fault(&mut hand);
    let arn = idscope::ident::Arn::from("arn:aws:iam::111122223333:role/payments-api");
    let mut role = hand.model.world().graph.role(&arn).known().unwrap().clone();
    let mut policies = role.policies.known().unwrap().clone();
    policies.attached.push(idscope::fact::AttachedPolicy {
        arn: "arn:aws:iam::aws:policy/AdministratorAccess".into(),
        document: idscope::fact::Knowledge::NotYet,
    });
    role.policies = idscope::fact::Knowledge::Known(policies);
    let sa = idscope::ident::SaKey::new("payments", "api");
    let mut account = hand.model.world().graph.service_account(&sa).known().unwrap().clone();
    account.annotation_manager = Some("kubectl-edit".into());
    account.annotation_changed = Some("2026-01-09T12:00:00Z".parse().unwrap());
    let facts = [Fact::Role(role), Fact::ServiceAccount(account)];
    hand.facts(facts.into_iter().map(|it| Change::Upsert(Box::new(it))).collect());
    hand.goes("goal pod-identity");
    let text = hand.pane(PaneKind::Page);
    for it in [
        "the annotation was written by `kubectl-edit`, 24h ago (2026-01-09 12:00 UTC)",
        "the trust policy names namespace `payments` already",
    ] {
        assert!(text.contains(it), "no `{it}` in {text}");
    }
    let view = hand.see();
    let spans = view.panes.iter().flat_map(|it| &it.lines).flat_map(|it| &it.spans);
    let powers: Vec<_> = spans.filter(|it| it.text.contains("Access")).collect();
    let tones: Vec<_> = powers.iter().map(|it| it.tone).collect();
    // The worst first.
    assert!(powers[0].text.contains("AdministratorAccess"), "{powers:?}");
    assert_eq!(tones[0], idscope::view::Tone::Error, "{powers:?}");
    assert!(!tones[1..].contains(&idscope::view::Tone::Error), "{powers:?}");
}

#[test]
fn a_namespace_or_marked_rows_are_migrated_together() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("ns");
    while !hand.selected().contains("payments") {
        hand.keys("down");
    }
    hand.goes("goal migrate");
    let text = hand.pane(PaneKind::Page);
    assert!(text.contains("migrate ns/payments to Pod Identity: dual-trust"), "{text}");
    let of_namespace = order(&hand).plan.edits().count();
    assert!(1 < of_namespace, "{text}");
    // Marked rows, as far as they have something to be led.
    let mut hand = Hand::before_world(LARGE);
    hand.goes("sa payments").keys("space down space").goes("goal migrate");
    let text = hand.pane(PaneKind::Page);
    assert!(text.contains("migrate 2 marked rows to Pod Identity"), "{text}");
    // What is for one is not for several.
    hand.keys("esc").goes("goal irsa");
    assert!(hand.text().contains("`irsa` is for one ServiceAccount at a time"), "{}", hand.text());
}

#[test]
fn a_plan_is_taken_along_in_every_form() {
    let mut hand = Hand::before_world(LARGE);
    proposed(&mut hand);
    allowed(&mut hand);
    hand.requests();
    hand.keys("C e");
    let requests = hand.requests();
    let [Request::Copy(terraform), Request::Export] = &requests[..] else { panic!("{requests:?}") };
    assert!(terraform.contains("assume_role_policy"), "{terraform}");
    let saved = exported(&hand.model);
    let told: Vec<_> =
        saved.iter().map(|it| (it.ending, it.text.lines().next().unwrap())).collect();
    assert_eq!(told[0], ("sh", "#!/bin/sh"));
    assert_eq!(told[1].0, "tf");
    assert!(told[2].0 == "md" && told[2].1.starts_with("## "), "{told:?}");
}

/// AWS itself is asked only after the ServiceAccount's name was typed, and its answer stands beside the verdict.
#[test]
fn a_probe_asks_once_and_compares() {
    check("probe", |hand| {
        at_fault(hand);
        hand.keys("p");
    });
    let mut hand = Hand::before_world(LARGE);
    at_fault(&mut hand);
    hand.keys("p p").types("yes").keys("enter");
    assert_eq!(hand.requests(), []);
    hand.keys("ctrl-u").types("payments/api").keys("enter");
    let Some(Request::Probe { ask, .. }) = hand.requests().pop() else { panic!("{}", hand.text()) };
    let answered = |answer: Answer| {
        let probed = Box::new(Probed { ask: (*ask).clone(), answer });
        Event::Probed { generation: Generation::default(), probed }
    };
    hand.send(answered(Answer::Refused {
        code: "AccessDenied".into(),
        message: "Not authorized to perform sts:AssumeRoleWithWebIdentity".into(),
    }));
    assert!(hand.text().contains("AWS and idscope agree"), "{}", hand.text());
    let mut hand = Hand::before_world(LARGE);
    at_fault(&mut hand);
    hand.keys("p p").types("payments/api").keys("enter");
    let session = "arn:aws:sts::111122223333:assumed-role/payments-api/x".into();
    hand.send(answered(Answer::Granted { session }));
    let text = hand.text();
    assert!(text.contains("AWS and idscope differ") && text.contains("report to copy"), "{text}");
}

/// Every key in every place, and every line: nothing may ask the world for a change.
#[test]
fn read_only_has_no_way_to_write() {
    let contexts = Writes::NotIn(vec!["pr*d".to_owned()]);
    let all = ["", "f", "f enter", "f enter a", "d"];
    for (writes, places) in [(Writes::Never, &all[..]), (contexts, &all[2..3])] {
        let options = || Options { writes: writes.clone(), ..Options::default() };
        let fresh = || {
            let mut hand = Hand::with(options(), LARGE);
            hand.facts(crate::hand::world_changes(crate::hand::WORLD));
            hand
        };
        let mut hand = fresh();
        hand.keys("?");
        let help = hand.text();
        assert!(help.contains("read-only: the keys that write are not there"), "{help}");
        let says = |it: Command| help.contains(it.help());
        assert!(!says(Command::Apply) && !says(Command::Undo), "{help}");

        let keys: Vec<String> = Command::ALL
            .into_iter()
            .flat_map(|it| Keymap::default().keys(it).collect::<Vec<_>>())
            .map(|it| it.to_string())
            .collect();
        let mut n_asked = 0;
        for place in places.iter() {
            let mut hand = fresh();
            for key in &keys {
                hand.keys("esc esc esc esc");
                at_fault(&mut hand);
                hand.keys(place).keys(key).types("yes").keys("enter").types("payments-api");
                hand.keys("enter");
            }
            n_asked += hand.requests.iter().filter(|it| writes_something(it)).count();
        }
        let views = ViewKind::ALL.into_iter().map(|it| it.aliases()[0].to_owned());
        let lines = OTHERS.into_iter().map(|(it, _)| it.to_owned());
        let goals = ["irsa", "pod-identity", "migrate"].map(|it| format!("goal {it}"));
        for line in views.chain(lines).chain(goals) {
            let mut hand = fresh();
            at_fault(&mut hand);
            hand.goes(&line);
            for key in ["a", "u", "r", "p", "enter"] {
                hand.keys(key).types("yes").keys("enter");
            }
            n_asked += hand.requests.iter().filter(|it| writes_something(it)).count();
        }
        assert_eq!(n_asked, 0, "{writes:?}");
    }
    // The same hands do write where they may.
    let mut hand = Hand::before_world(LARGE);
    confirmed(&mut hand);
    assert!(hand.requests.iter().any(writes_something));
}

fn writes_something(it: &Request) -> bool {
    match it {
        Request::Apply(_) | Request::Permissions { .. } | Request::Probe { .. } => true,
        Request::Fetch(_)
        | Request::Refresh
        | Request::Document(_)
        | Request::Copy(_)
        | Request::SaveSeen
        | Request::Export
        | Request::StopApply
        | Request::Journal
        | Request::Close(_)
        | Request::Connect { .. }
        | Request::UseProfile { .. }
        | Request::Mouse(_)
        | Request::Suspend
        | Request::Login(_)
        | Request::Leave => false,
    }
}
