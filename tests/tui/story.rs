//! What happens when one does what: keys, filters, prompts, pastes, and facts that come in between.

use crate::hand::{Hand, WORLD, now, world_changes};
use idscope::{
    command::parse_line,
    event::{Event, Generation, Level, Notice},
    fact::{Change, Denied, Fact, Scope, SourceState},
    ident::{Ref, SaKey},
    model::{Options, Request},
    view::PaneKind,
};

const HUGE: (u16, u16) = (200, 50);
const LARGE: (u16, u16) = (120, 36);
const SMALL: (u16, u16) = (80, 24);

fn failed(error: &str) -> SourceState {
    SourceState::Failed { error: error.into(), attempts: 1 }
}

#[test]
fn the_selection_stays_on_its_node_while_rows_come_and_go() {
    let mut hand = Hand::at(LARGE);
    let mut changes = world_changes(WORLD);
    hand.facts(changes.split_off(changes.len() / 2));
    hand.facts(changes);
    hand.goes("sa payments").keys("down down");
    assert!(hand.selected().contains("ledger"), "{}", hand.selected());
    let gone = Ref::ServiceAccount(SaKey::new("payments", "default"));
    hand.facts(vec![Change::Remove(gone)]);
    assert!(hand.selected().contains("ledger"), "{}", hand.selected());
}

#[test]
fn a_selected_row_that_goes_leaves_the_selection_in_its_place() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("assoc").keys("down");
    assert!(hand.selected().contains("shop/cart"), "{}", hand.selected());
    hand.facts(vec![Change::Replace { scope: Scope::Associations, facts: vec![] }]);
    assert_eq!(hand.selected(), "");
    hand.keys("down up G");
    assert_eq!(hand.selected(), "");
}

#[test]
fn folded_descendants_match_and_their_path_opens() {
    let mut hand = Hand::before_world(HUGE);
    hand.types("/").types("api-7d9f5c-f");
    let list = hand.pane(PaneKind::List);
    assert!(list.contains("▾ payments") && list.contains("c-fghij"), "{list}");
    assert!(!list.contains("abcde") && !list.contains("shop"), "{list}");
    // Esc in the prompt puts back what was before.
    hand.keys("esc");
    let list = hand.pane(PaneKind::List);
    assert!(list.contains("shop") && !list.contains("fghij"), "{list}");
}

#[test]
fn filters_are_patterns_inverse_or_fuzzy() {
    let check = |filter: &str, with: &[&str], without: &[&str]| {
        let mut hand = Hand::before_world(LARGE);
        hand.types("/").types(filter).keys("enter");
        let list = hand.pane(PaneKind::List);
        assert!(with.iter().all(|it| list.contains(it)), "{filter}: {list}");
        assert!(!without.iter().any(|it| list.contains(it)), "{filter}: {list}");
    };
    check("WEB|mailer", &["mailer", "web"], &["cart", "reports"]);
    check("!irsa|none|both", &["cart"], &["mailer", "reports", "static"]);
    check("-f pmtapi", &["▸ api"], &["mailer", "cart"]);
    // A namespace by name keeps all that is in it.
    check("shop$", &["cart", "static-site", "web"], &["mailer"]);
    check("blocked", &["mailer"], &["cart"]);
}

#[test]
fn back_goes_one_step_at_a_time() {
    let mut hand = Hand::before_world(LARGE);
    hand.keys("G").types("/").types("web").keys("enter G enter");
    assert!(hand.pane(PaneKind::List).contains("pods(sa/shop/web)"), "{}", hand.text());
    hand.keys("t");
    assert!(hand.text().contains("trust policy of shop-web"));
    hand.keys("esc");
    assert!(hand.pane(PaneKind::List).contains("pods(sa/shop/web)"));
    hand.keys("esc");
    assert!(hand.pane(PaneKind::List).contains("</web>"));
    hand.keys("esc");
    assert!(!hand.pane(PaneKind::List).contains("</web>"));
    hand.keys("esc esc");
    assert_eq!(hand.requests(), []);
    hand.keys("q");
    assert_eq!(hand.requests(), [Request::Leave]);
}

#[test]
fn leaving_is_possible_from_everywhere() {
    for way in ["?", ":", "/", "down t", "down y", "d /"] {
        let mut hand = Hand::before_world(LARGE);
        hand.keys("G").keys(way).keys("ctrl-c");
        assert_eq!(hand.requests().last(), Some(&Request::Leave), "{way}");
    }
    for line in ["q", "q!", "quit"] {
        let mut hand = Hand::before_world(LARGE);
        hand.goes(line);
        assert_eq!(hand.requests(), [Request::Leave], "{line}");
    }
    let mut hand = Hand::at(LARGE);
    hand.send(Event::Terminate);
    assert_eq!(hand.requests(), [Request::Leave]);
}

#[test]
fn a_prompt_owns_all_keys() {
    let mut hand = Hand::before_world(LARGE);
    hand.types("/").types("q?:/0cu(");
    assert!(hand.pane(PaneKind::Footer).starts_with("/q?:/0cu("), "{}", hand.text());
    hand.keys("ctrl-u").types("web").keys("left left").types("x").keys("home delete end backspace");
    assert!(hand.pane(PaneKind::Footer).starts_with("/xe"), "{}", hand.pane(PaneKind::Footer));
    assert_eq!(hand.requests(), []);
    hand.keys("ctrl-u backspace");
    assert!(!hand.pane(PaneKind::Footer).starts_with('/'));
}

#[test]
fn a_paste_is_text_and_never_keys() {
    let mut hand = Hand::before_world(LARGE);
    hand.send(Event::Paste(
        "qq:q\n\u{3}InvalidIdentityToken: No OpenIDConnect provider found".into(),
    ));
    assert_eq!(hand.requests(), []);
    let text = hand.text();
    assert!(text.contains("╭ explain") && text.contains("InvalidIdentityToken"), "{text}");
    assert!(text.contains("\\u{3}"), "{text}");
    hand.keys("esc").types(":").send(Event::Paste("sa shop\n".into()));
    assert!(hand.pane(PaneKind::Footer).starts_with(":sa shop"), "{}", hand.text());
    hand.keys("enter");
    assert!(hand.pane(PaneKind::List).contains("identities(shop)"));
}

#[test]
fn an_explained_error_leads_to_whom_it_names() {
    let mut hand = Hand::before_world(LARGE);
    let text = "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity pod mailer-0";
    hand.send(Event::Paste(text.into()));
    assert!(hand.selected().contains("payments/mailer"), "{}", hand.text());
    hand.keys("enter");
    assert!(hand.pane(PaneKind::List).contains("identities(payments)"), "{}", hand.text());
    assert!(hand.selected().contains("mailer"), "{}", hand.text());
}

#[test]
fn lines_go_where_they_say_and_say_what_is_wrong() {
    let check = |line: &str, title: &str| {
        let mut hand = Hand::before_world(LARGE);
        hand.goes(line);
        let list = hand.pane(PaneKind::List);
        assert!(list.contains(title), "{line}: {list}");
    };
    check("sa", "identities(all)[14]");
    check("sa payments", "identities(payments)[4]");
    check("pods", "pods(all)[12]");
    check("po shop /web", "pods(shop)[2] </web>");
    check("roles", "roles[8]");
    check("assoc", "associations(all)[2]");
    check("oidc", "providers[1]");
    check("ns", "namespaces[5]");
    check("ctx", "contexts[2]");
    check("findings", "findings(all)");
    check("fin", "findings(all)");
    let mut hand = Hand::before_world(LARGE);
    hand.goes("deploy");
    assert!(hand.pane(PaneKind::Footer).contains("no view or command is called `deploy`"));
}

#[test]
fn a_chosen_namespace_stays_chosen() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("ns shop").goes("pods");
    assert!(hand.pane(PaneKind::List).contains("pods(shop)[4]"), "{}", hand.text());
    hand.keys("0");
    assert!(hand.pane(PaneKind::List).contains("pods(all)[12]"), "{}", hand.text());
    hand.keys("-");
    assert!(hand.pane(PaneKind::List).contains("identities(shop)"), "{}", hand.text());
}

#[test]
fn faults_only_hides_what_is_well() {
    let mut hand = Hand::before_world(LARGE);
    hand.keys("ctrl-z");
    let list = hand.pane(PaneKind::List);
    assert!(list.contains("mailer") && !list.contains("static-site"), "{list}");
    hand.keys("ctrl-z");
    assert!(hand.pane(PaneKind::List).contains("static-site"));
}

#[test]
fn worst_comes_first_on_request() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("ns").keys("S");
    assert!(hand.selected().contains("payments"), "{}", hand.text());
}

#[test]
fn used_by_leads_both_ways() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("roles /shop-web").keys("u");
    let list = hand.pane(PaneKind::List);
    assert!(list.contains("payments/ledger") && list.contains("shop/web"), "{list}");
    hand.keys("G u");
    assert!(hand.pane(PaneKind::List).contains("web-2"), "{}", hand.text());
}

#[test]
fn copies_names_policies_and_what_to_ask_for() {
    let copied = |hand: &mut Hand| match hand.requests().as_slice() {
        [Request::Copy(it)] => it.to_string(),
        other => panic!("{other:?}"),
    };
    let mut hand = Hand::before_world(LARGE);
    hand.goes("roles /payments-api").keys("c");
    assert_eq!(copied(&mut hand), "arn:aws:iam::111122223333:role/payments-api");
    hand.keys("t c");
    assert!(copied(&mut hand).contains("\"Version\": \"2012-10-17\""));
    hand.send(Event::Copied(Ok(())));
    assert!(hand.pane(PaneKind::Footer).contains("copied"));
    hand.goes("sources /roles@9081").keys("c");
    assert!(copied(&mut hand).contains("\"Action\": \"iam:ListRoles\""));
}

#[test]
fn a_message_goes_after_six_seconds() {
    let mut hand = Hand::before_world(LARGE);
    let notice = Notice { level: Level::Warning, text: "throttled, slower now".into() };
    hand.send(Event::Notice { generation: Generation::default(), notice });
    assert!(hand.text().contains("throttled"));
    let at = |seconds| now().checked_add(std::time::Duration::from_secs(seconds)).unwrap();
    hand.send(Event::Tick(at(5)));
    assert!(hand.text().contains("throttled"));
    hand.send(Event::Tick(at(6)));
    assert!(!hand.text().contains("throttled"));
}

#[test]
fn another_context_is_another_world() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("ctx stage");
    let next = Generation(1);
    assert_eq!(hand.requests(), [Request::Connect { context: "stage".into(), generation: next }]);
    assert!(hand.pane(PaneKind::List).contains("identities(all)[0]"), "{}", hand.text());
    // What the old sources still had to say is not heard.
    hand.facts(world_changes(WORLD));
    assert!(hand.pane(PaneKind::List).contains("identities(all)[0]"));
    hand.facts_of(next, world_changes(WORLD));
    assert!(hand.pane(PaneKind::List).contains("identities(all)[14]"), "{}", hand.text());
    hand.goes("ctx nowhere");
    assert!(hand.pane(PaneKind::Footer).contains("no context is called `nowhere`"));
}

#[test]
fn an_unreachable_cluster_offers_the_contexts_once() {
    let mut hand = Hand::at(LARGE);
    let state = failed("connection refused");
    let down = Change::Source { scope: Scope::ApiServer, state };
    hand.facts(vec![down.clone()]);
    let text = hand.text();
    assert!(text.contains("contexts[2]") && text.contains("connection refused"), "{text}");
    // Reached after all: the offer is withdrawn.
    hand.facts(world_changes(WORLD));
    assert!(hand.pane(PaneKind::List).contains("identities(all)"), "{}", hand.text());

    let mut hand = Hand::at(LARGE);
    hand.facts(vec![down.clone()]).keys("down enter");
    let generation = Generation(1);
    assert_eq!(hand.requests(), [Request::Connect { context: "stage".into(), generation }]);

    // Whoever looks at something else is not taken away from it.
    let mut hand = Hand::at(LARGE);
    hand.keys("?").facts(vec![down]);
    assert!(hand.text().contains("╭ help"));
}

#[test]
fn expired_credentials_are_renewed_by_login() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("login");
    assert!(hand.pane(PaneKind::Footer).contains("no login command"));
    let state = SourceState::Expired {
        profile: "prod".into(),
        login: "aws sso login --profile prod".into(),
    };
    hand.facts(vec![Change::Source { scope: Scope::Caller, state }]);
    assert!(hand.pane(PaneKind::Banner).contains(":login renews them"), "{}", hand.text());
    hand.requests();
    hand.goes("login");
    assert_eq!(hand.requests(), [Request::Login("aws sso login --profile prod".into())]);
    hand.send(Event::LoggedIn { ok: true, output: "".into() });
    assert_eq!(hand.requests(), [Request::Refresh]);
    hand.send(Event::LoggedIn { ok: false, output: "no\nsuch profile\n".into() });
    assert!(hand.pane(PaneKind::Footer).contains("login failed: such profile"));
}

#[test]
fn details_come_first_where_they_have_no_room() {
    let mut hand = Hand::before_world(SMALL);
    hand.goes("sa payments").keys("enter");
    let text = hand.text();
    assert!(text.contains("sa payments/api") && text.contains("a space"), "{text}");
    hand.keys("enter");
    assert!(hand.pane(PaneKind::List).contains("pods(sa/payments/api)"), "{}", hand.text());
    // The same key on a large screen goes there at once.
    let mut hand = Hand::before_world(LARGE);
    hand.goes("sa payments").keys("enter");
    assert!(hand.pane(PaneKind::List).contains("pods(sa/payments/api)"), "{}", hand.text());
}

#[test]
fn a_pane_that_goes_gives_the_keys_back() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("sa payments").keys("tab down down");
    assert!(hand.selected().contains("api"), "{}", hand.selected());
    hand.send(Event::Resize { width: 80, height: 24 }).keys("down");
    assert!(hand.selected().contains("default"), "{}", hand.selected());
}

#[test]
fn pages_scroll_no_further_than_they_are_long() {
    let mut hand = Hand::before_world(SMALL);
    hand.keys("? G pgdn pgdn down down");
    let bottom = hand.text();
    assert!(bottom.contains("fuzzy"), "{bottom}");
    hand.keys("up");
    assert_ne!(hand.text(), bottom);
}

#[test]
fn folding_and_moving() {
    let mut hand = Hand::before_world(LARGE);
    hand.keys("x");
    assert!(!hand.pane(PaneKind::List).contains("mailer"), "{}", hand.text());
    hand.keys("x");
    assert!(hand.pane(PaneKind::List).contains("mailer"));
    hand.keys("G");
    assert!(hand.selected().contains("web"), "{}", hand.selected());
    hand.keys("right right right");
    assert!(hand.selected().contains("pod web-1"), "{}", hand.text());
    assert!(hand.pane(PaneKind::List).contains("· app"), "{}", hand.text());
    hand.keys("left left");
    assert!(hand.selected().contains("▸ web") || hand.selected().contains("▾ web"));
    hand.keys("left left left");
    assert!(hand.selected().contains("▸ shop"), "{}", hand.selected());
    hand.keys("g");
    assert!(hand.selected().contains("bi"), "{}", hand.selected());
}

#[test]
fn begins_where_it_was_told_to() {
    let start = Some(parse_line(":sa shop").unwrap());
    let mut hand = Hand::with(Options { start, ..Options::default() }, LARGE);
    hand.facts(world_changes(WORLD));
    assert!(hand.pane(PaneKind::List).contains("identities(shop)"));

    let pod = Ref::Pod { namespace: "shop".into(), name: "web-2".into() };
    let mut hand = Hand::with(Options { focus: Some(pod), ..Options::default() }, LARGE);
    hand.facts(world_changes(WORLD));
    assert!(hand.selected().contains("web-2"), "{}", hand.text());
}

#[test]
fn help_says_every_key_that_is_bound() {
    let mut hand = Hand::before_world((120, 100));
    hand.keys("?");
    let text = hand.text();
    for it in idscope::command::Command::ALL {
        let key = hand.model.keymap().hint(it).unwrap();
        let said = text.lines().any(|line| line.contains(&key) && line.contains(it.help()));
        assert!(said, "{key} {}: {text}", it.help());
    }
}

#[test]
fn hints_name_only_keys_that_do_something() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("ctx");
    let footer = hand.pane(PaneKind::Footer);
    assert!(footer.contains("enter connect"), "{footer}");
    for it in ["policy", "used by", "faults", "repair"] {
        assert!(!footer.contains(it), "{footer}");
    }
}

#[test]
fn names_from_the_cluster_cannot_steer_the_terminal() {
    let mut hand = Hand::at(LARGE);
    let mut changes = world_changes(WORLD);
    for it in &mut changes {
        if let Change::Replace { facts, .. } = it {
            for it in facts {
                if let Fact::ServiceAccount(it) = it {
                    it.key.name = format!("{}\u{1b}[31m\u{202e}", it.key.name).into();
                }
            }
        }
    }
    hand.facts(changes);
    let view = hand.see();
    let text = view.panes.iter().flat_map(|it| &it.lines).flat_map(|it| &it.spans);
    for it in text {
        assert!(!it.text.chars().any(char::is_control), "{:?}", it.text);
        assert!(!it.text.contains('\u{202e}'), "{:?}", it.text);
    }
}

#[test]
fn what_is_not_there_is_asked_for_once() {
    let mut hand = Hand::at(LARGE);
    let mut changes = world_changes(WORLD);
    changes.retain(|it| {
        !matches!(
            it,
            Change::Replace { scope: Scope::Roles { .. }, .. }
                | Change::Source { scope: Scope::Roles { .. }, .. }
        )
    });
    hand.facts(changes);
    let fetched: Vec<Request> =
        hand.requests().into_iter().filter(|it| matches!(it, Request::Fetch(_))).collect();
    assert!(!fetched.is_empty());
    hand.facts(vec![]);
    hand.send(Event::Work { units: 8 });
    assert_eq!(hand.requests(), []);
}

#[test]
fn a_refused_list_says_what_to_ask_for() {
    let mut hand = Hand::at(SMALL);
    let denied = Denied { permission: "list serviceaccounts".into(), detail: "".into() };
    let state = SourceState::Denied { at: now(), denied };
    let scope = Scope::ServiceAccounts { namespace: None };
    hand.facts(vec![Change::Source { scope, state }]);
    let list = hand.pane(PaneKind::List);
    assert!(list.contains("list serviceaccounts denied"), "{list}");
    assert!(list.contains("c copies what to ask for"), "{list}");
    hand.keys("c");
    match hand.requests().as_slice() {
        [Request::Copy(it)] => assert!(it.contains("resources: [serviceaccounts]"), "{it}"),
        other => panic!("{other:?}"),
    }
}
