//! What each state looks like at each size. Snapshots carry the look of every cell under the text.

use crate::hand::{Hand, now, styled, world_changes};
use idscope::{
    event::Event,
    fact::{Change, Denied, Scope, SourceState},
    ident::Text,
    ui::{Color, Theme},
};

const SIZES: [(u16, u16); 5] = [(120, 36), (80, 24), (60, 20), (40, 12), (19, 4)];

/// The state at every size, each by a fresh hand.
fn check(name: &str, prepare: impl Fn(&mut Hand)) {
    for size in SIZES {
        check_at(name, size, &prepare);
    }
}

fn check_at(name: &str, size: (u16, u16), prepare: impl Fn(&mut Hand)) {
    let mut hand = Hand::at(size);
    prepare(&mut hand);
    let view = hand.see();
    let text = styled(&view, &Theme::new(Color::Painted, false));
    insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text);
}

fn world(hand: &mut Hand) {
    hand.facts(world_changes(crate::hand::WORLD));
}

fn source(scope: Scope, state: SourceState) -> Change {
    Change::Source { scope, state }
}

fn denied(permission: &str) -> SourceState {
    let denied = Denied { permission: permission.into(), detail: "".into() };
    SourceState::Denied { at: now(), denied }
}

#[test]
fn loading() {
    check("loading", |hand| {
        let scope = Scope::ServiceAccounts { namespace: None };
        hand.facts(vec![source(scope, SourceState::Pending { received: 500 })]);
    });
}

#[test]
fn identities_and_the_chain_that_is_broken() {
    check("identities", |hand| {
        world(hand);
        hand.types("/").types("api").keys("enter down esc");
    });
}

#[test]
fn empty_by_filter() {
    check("no_match", |hand| {
        world(hand);
        hand.goes("ns shop").types("/").types("lbc").keys("enter");
    });
}

#[test]
fn empty_for_real() {
    check_at("empty", (80, 24), |hand| {
        world(hand);
        hand.goes("assoc kube-system");
    });
}

#[test]
fn nothing_wrong() {
    check_at("no_faults", (80, 24), |hand| {
        world(hand);
        hand.goes("sa kube-system").keys("ctrl-z");
    });
}

#[test]
fn denied_lists() {
    check("denied", |hand| {
        world(hand);
        let account: Text = "111122223333".into();
        hand.facts(vec![
            Change::Replace { scope: Scope::Roles { account: account.clone() }, facts: vec![] },
            source(Scope::Roles { account }, denied("iam:ListRoles")),
        ]);
        hand.goes("roles").types("/").types("nothing-of-the-kind").keys("enter");
    });
}

#[test]
fn stale_rows_stay() {
    check("stale", |hand| {
        world(hand);
        let error: Text = "connection refused".into();
        let state = SourceState::Stale { at: now(), error, attempts: 2 };
        let accounts = Scope::ServiceAccounts { namespace: None };
        hand.facts(vec![
            source(accounts, state.clone()),
            source(Scope::Pods { namespace: None }, state),
        ]);
        let later = now().checked_add(std::time::Duration::from_secs(240)).unwrap();
        hand.send(Event::Tick(later));
    });
}

#[test]
fn no_cluster_shows_the_contexts() {
    check("no_cluster", |hand| {
        let error: Text = "connect to https://10.0.0.1: connection refused".into();
        let state = SourceState::Failed { error, attempts: 1 };
        hand.facts(vec![source(Scope::ApiServer, state)]);
    });
}

#[test]
fn without_aws() {
    check_at("no_aws", (120, 36), |hand| {
        let mut changes = world_changes(crate::hand::WORLD);
        let is_kube = |it: &Change| match it {
            Change::Replace { scope, .. } | Change::Source { scope, .. } => {
                scope.name().starts_with("kube/")
            }
            Change::Upsert(_) | Change::Remove(_) | Change::Know { .. } => false,
        };
        changes.retain(is_kube);
        let reason: Text = "no credentials".into();
        let off = SourceState::Off { reason };
        changes.extend(
            [Scope::Caller, Scope::Cluster, Scope::Associations].map(|it| source(it, off.clone())),
        );
        hand.facts(changes);
    });
}

#[test]
fn expired_credentials() {
    check_at("expired", (80, 24), |hand| {
        world(hand);
        let state = SourceState::Expired {
            profile: "prod".into(),
            login: "aws sso login --profile prod".into(),
        };
        hand.facts(vec![source(Scope::Associations, state)]);
    });
}

#[test]
fn findings_by_cause() {
    check("findings", |hand| {
        world(hand);
        hand.goes("findings").keys("o");
    });
}

#[test]
fn roles_reversed() {
    check("roles", |hand| {
        world(hand);
        hand.goes("roles").keys("o");
    });
}

#[test]
fn pods_and_their_containers() {
    check_at("pods", (120, 36), |hand| {
        world(hand);
        hand.goes("pods payments").keys("o down");
    });
}

#[test]
fn sources() {
    check_at("sources", (120, 36), |hand| {
        world(hand);
        hand.goes("sources").keys("G");
    });
}

#[test]
fn help() {
    check("help", |hand| {
        world(hand);
        hand.keys("?");
    });
}

#[test]
fn policy() {
    check_at("policy", (80, 24), |hand| {
        world(hand);
        hand.goes("roles /payments-api").keys("t");
    });
}

#[test]
fn explain() {
    check("explain", |hand| {
        world(hand);
        let text = "operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, \
            RequestID: 1-2-3, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity";
        hand.send(Event::Paste(text.into()));
    });
}

#[test]
fn in_ascii_nothing_is_drawn_that_is_not() {
    let mut hand = Hand::at((120, 36));
    world(&mut hand);
    hand.goes("sa payments");
    let view = hand.see();
    let text = crate::hand::text(&view, &Theme::new(Color::Painted, true));
    let odd: String = text.chars().filter(|it| !it.is_ascii()).collect();
    assert_eq!(odd, "", "{text}");
}

#[test]
fn without_colour_nothing_is_painted() {
    let mut hand = Hand::at((120, 36));
    world(&mut hand);
    let view = hand.see();
    let text = styled(&view, &Theme::new(Color::Plain, false));
    let looks = text.split_once("\n====").unwrap().1;
    let painted: String = looks.chars().filter(|it| "ewaigTkmu".contains(*it)).collect();
    assert_eq!(painted, "");
}
