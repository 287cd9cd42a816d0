//! What hands that know k9s expect: sorting, marks, history, digits, searching a text, the mouse.

use crate::hand::{Hand, WORLD, world_changes};
use idscope::{
    event::{Document, Event, Generation, Mouse, MouseKind},
    fact::{Change, Fact},
    ident::{Ref, SaKey, Text},
    model::{Options, Request},
    view::{PaneKind, saved},
};

const LARGE: (u16, u16) = (120, 36);
const SMALL: (u16, u16) = (80, 24);

fn copied(hand: &mut Hand) -> String {
    match hand.requests().as_slice() {
        [Request::Copy(it)] => it.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The rows of the list by their first word, heads left out.
fn names(hand: &mut Hand) -> Vec<String> {
    let list = hand.pane(PaneKind::List);
    let rows = list.lines().skip(2).filter(|it| !it.starts_with('╰'));
    let clean = |it: &str| it.trim_start_matches(['│', '•', ' ', '▸', '▾', '·']).to_owned();
    let first = |it: String| it.split_whitespace().next().map(str::to_owned);
    rows.map(clean).filter_map(first).filter(|it| it != "│").collect()
}

#[test]
fn a_sort_key_sorts_and_pressed_again_turns_round() {
    let check = |line: &str, keys: &str, first: &str, title: &str| {
        let mut hand = Hand::before_world(LARGE);
        hand.goes(line).keys(keys);
        assert_eq!(names(&mut hand).first().map(String::as_str), Some(first), "{line} {keys}");
        assert!(hand.pane(PaneKind::List).contains(title), "{line} {keys}: {}", hand.text());
    };
    check("sa payments", "", "api", "NAME↓");
    check("sa payments", "N", "mailer", "by name, turned round");
    check("sa payments", "N N", "api", "NAME↓");
    check("sa payments", "S", "api", "by status");
    check("sa payments", "S S", "default", "by status, turned round");
    check("pods shop", "A", "cart-0", "by age");
    check("pods shop", "A A", "static-site-0", "by age, turned round");
    check("pods", "P", "shop/web-2", "by namespace, turned round");
    check("pods", "N", "payments/ap…9f5c-abcde", "by name");
    check("roles", "", "gone", "VERDICT↓");
    check("roles", "N", "eks-node", "by name");
    check("ns", "S", "payments", "by status");
    // The column to the right of the first, and then by it.
    check("sa payments", "shift-right shift-right O", "mailer", "by role");
    check(
        "sa payments",
        "shift-right shift-right shift-left shift-left shift-left O",
        "mailer",
        "by name",
    );
    // Of one namespace there is nothing to sort by namespace.
    check("pods shop", "P", "cart-0", "pods(shop)");
}

#[test]
fn sorting_keeps_the_selection_on_its_node() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("sa payments").keys("down down");
    assert!(hand.selected().contains("ledger"));
    hand.keys("N");
    assert!(hand.selected().contains("ledger"), "{}", hand.text());
}

#[test]
fn marks_are_taken_together() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("sa payments").keys("space down down down space");
    assert!(hand.pane(PaneKind::List).contains("2 marked"), "{}", hand.text());
    hand.keys("c");
    assert_eq!(copied(&mut hand), "api\nmailer");
    hand.keys("space");
    assert!(hand.pane(PaneKind::List).contains("1 marked"));
    // A range from the last mark.
    hand.keys("g ctrl-\\ space G ctrl-space c");
    assert_eq!(copied(&mut hand), "api\ndefault\nledger\nmailer");
    hand.keys("ctrl-\\");
    assert!(!hand.pane(PaneKind::List).contains("marked"));
    hand.keys("c");
    assert_eq!(copied(&mut hand), "mailer");
}

#[test]
fn marked_rows_are_seen_without_colour() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("sa payments").keys("down space");
    assert!(hand.pane(PaneKind::List).contains("│•  default"), "{}", hand.text());
    let mut hand = Hand::before_world((40, 12));
    hand.goes("sa payments").keys("space down");
    assert!(hand.pane(PaneKind::List).contains("• api"), "{}", hand.text());
}

#[test]
fn namespaces_are_copied_once_each() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("pods").keys("n");
    assert_eq!(copied(&mut hand), "bi");
    hand.keys("space down space G space n");
    assert_eq!(copied(&mut hand), "bi\nshop");
    hand.goes("assoc").keys("n");
    assert_eq!(copied(&mut hand), "payments");
    hand.goes("roles").keys("n");
    assert_eq!(hand.requests(), []);
}

#[test]
fn history_leads_back_and_forth() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("pods").goes("roles").goes("findings");
    let check = |hand: &mut Hand, key: &str, title: &str| {
        hand.keys(key);
        assert!(hand.pane(PaneKind::List).contains(title), "{key}: {}", hand.text());
    };
    check(&mut hand, "[", "roles[");
    check(&mut hand, "[", "pods(all)");
    check(&mut hand, "[", "identities(all)");
    check(&mut hand, "[", "identities(all)");
    check(&mut hand, "]", "pods(all)");
    check(&mut hand, "-", "identities(all)");
    check(&mut hand, "-", "pods(all)");
    check(&mut hand, "]", "roles[");
    check(&mut hand, "]", "findings(all)");
    check(&mut hand, "]", "findings(all)");
    // Somewhere else: what was ahead is gone.
    hand.keys("[").goes("ns");
    check(&mut hand, "]", "namespaces[");
    check(&mut hand, "[", "roles[");
}

#[test]
fn lines_typed_before_come_back() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("pods shop").goes("roles").types(":").keys("up");
    assert!(hand.pane(PaneKind::Footer).starts_with(":roles"), "{}", hand.text());
    hand.keys("up up");
    assert!(hand.pane(PaneKind::Footer).starts_with(":pods shop"), "{}", hand.text());
    hand.keys("down down");
    assert!(!hand.pane(PaneKind::Footer).contains("roles"), "{}", hand.text());
    hand.keys("up up enter");
    assert!(hand.pane(PaneKind::List).contains("pods(shop)"));
}

#[test]
fn digits_lead_to_namespaces() {
    let options = Options { namespaces: vec!["payments".into()], ..Options::default() };
    let mut hand = Hand::with(options, LARGE);
    hand.facts(world_changes(WORLD)).goes("pods").keys("1");
    assert!(hand.pane(PaneKind::List).contains("pods(payments)[4]"), "{}", hand.text());
    hand.keys("0");
    assert!(hand.pane(PaneKind::List).contains("pods(all)"));
    // Nothing has a second digit yet; the row's own namespace gets it.
    hand.keys("2");
    assert!(hand.pane(PaneKind::List).contains("pods(all)"));
    hand.keys("G w");
    assert!(hand.pane(PaneKind::List).contains("pods(shop)"), "{}", hand.text());
    hand.goes("roles").keys("2");
    assert!(hand.pane(PaneKind::List).contains("identities(shop)"), "{}", hand.text());
    hand.goes("ns /shop|payments");
    let list = hand.pane(PaneKind::List);
    assert!(list.contains("1   payments") && list.contains("2   shop"), "{list}");
}

#[test]
fn aliases_are_a_list_that_leads_there() {
    let mut hand = Hand::before_world(LARGE);
    hand.keys("ctrl-a");
    let list = hand.pane(PaneKind::List);
    assert!(list.contains("aliases[11]") && list.contains("serviceaccount"), "{list}");
    hand.types("/").types("iam").keys("enter enter");
    assert!(hand.pane(PaneKind::List).contains("roles["), "{}", hand.text());
    hand.goes("a");
    assert!(hand.pane(PaneKind::List).contains("aliases["));
}

#[test]
fn wide_header_and_crumbs_are_switched() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("sa payments").keys("ctrl-w");
    let text = hand.text();
    assert!(text.contains("stray whitespace in the subject") && text.contains("AGE"), "{text}");
    assert!(!text.contains("╭ sa payments/api"), "{text}");
    hand.keys("ctrl-w ctrl-e ctrl-g");
    let text = hand.text();
    assert!(text.contains("╭ sa payments/api"), "{text}");
    assert!(!text.contains("idscope") && !text.contains("<payments>"), "{text}");
}

#[test]
fn labels_select() {
    let check = |line: &str, expected: &[&str]| {
        let mut hand = Hand::before_world(LARGE);
        hand.goes(line);
        assert_eq!(names(&mut hand), expected, "{line}");
    };
    check("pods payments app=api", &["api-7d9f5c-abcde", "api-7d9f5c-fghij"]);
    check("pods payments app!=api", &["ledger-0", "mailer-0"]);
    check("pods payments -l app in (api,x)", &["api-7d9f5c-abcde", "api-7d9f5c-fghij"]);
    check("pods payments /!app=api", &["ledger-0", "mailer-0"]);
    let mut hand = Hand::before_world(LARGE);
    hand.goes("roles /tier=front");
    let list = hand.pane(PaneKind::List);
    assert!(list.contains("nothing matches") && list.contains("have labels"), "{list}");
}

#[test]
fn filters_look_at_what_is_seen() {
    let check = |line: &str, expected: &[&str]| {
        let mut hand = Hand::before_world((200, 50));
        hand.goes(line);
        assert_eq!(names(&mut hand), expected, "{line}");
    };
    check("sa payments /whitespace", &["api"]);
    check(
        "pods /E05",
        &["payments/api-7d9f5c-abcde", "payments/api-7d9f5c-fghij", "payments/mailer-0"],
    );
    check(
        "pods /node role",
        &["kube-system/ek…entity-agent-1", "kube-system/ek…entity-agent-2", "shop/static-site-0"],
    );
    check("roles /payments/api", &["payments-api", "reports"]);
}

fn document(text: &str, whole: Option<&str>) -> Document {
    Document { text: text.into(), with_managed_fields: whole.map(Text::from) }
}

#[test]
fn whole_objects_are_read_when_asked_for() {
    let mut hand = Hand::before_world(SMALL);
    hand.goes("sa payments").keys("y");
    let of = Ref::ServiceAccount(SaKey::new("payments", "api"));
    assert_eq!(hand.requests(), [Request::Document(of.clone())]);
    assert!(hand.text().contains("◐ reading"), "{}", hand.text());
    let generation = Generation::default();
    let answer = |it: &str| Ok(document(it, None));
    // One of something else, and one of another time.
    let other = Ref::ServiceAccount(SaKey::new("payments", "ledger"));
    hand.send(Event::Document { generation, of: other, answer: answer("kind: Wrong") });
    let late = Generation(7);
    hand.send(Event::Document { generation: late, of: of.clone(), answer: answer("kind: Wrong") });
    assert!(hand.text().contains("◐ reading"), "{}", hand.text());
    let long = format!("kind: ServiceAccount\nnote: {}END", "x".repeat(100));
    let answer = Ok(document(&long, Some("kind: ServiceAccount\nmanagedFields: []")));
    hand.send(Event::Document { generation, of: of.clone(), answer });
    assert!(hand.text().contains("kind: ServiceAccount"), "{}", hand.text());
    assert!(!hand.text().contains("END"));
    hand.keys("right right right right right right right right");
    assert!(hand.text().contains("xEND"), "{}", hand.text());
    hand.keys("left left left left left left m");
    assert!(hand.text().contains("managedFields"), "{}", hand.text());
    hand.keys("c");
    assert!(copied(&mut hand).contains("managedFields"));
    hand.keys("ctrl-r");
    assert_eq!(hand.requests(), [Request::Document(of.clone())]);
    hand.send(Event::Document { generation, of, answer: Err("failed to read it: gone".into()) });
    assert!(hand.text().contains("failed to read it: gone"), "{}", hand.text());
}

#[test]
fn objects_of_aws_need_no_further_call() {
    let mut hand = Hand::before_world(LARGE);
    let check = |hand: &mut Hand, line: &str, expected: &[&str]| {
        hand.goes(line).keys("y");
        assert_eq!(hand.requests(), [], "{line}");
        let text = hand.text();
        assert!(expected.iter().all(|it| text.contains(it)), "{line}: {text}");
    };
    check(
        &mut hand,
        "roles /shop-web",
        &["yaml of role shop-web", "assumeRolePolicyDocument:", "AmazonS3ReadOnlyAccess"],
    );
    check(&mut hand, "assoc", &["serviceAccount: ledger", "roleArn: arn:aws:iam::1111"]);
    check(&mut hand, "oidc", &["clientIdList:", "- sts.amazonaws.com"]);
}

#[test]
fn a_page_is_searched() {
    let mut hand = Hand::before_world(SMALL);
    hand.goes("roles /shop-web").keys("t").types("/").types("stringequals|:sub");
    let text = hand.text();
    assert!(text.contains("</stringequals|:sub> 1 of 2"), "{text}");
    assert!(hand.selected().contains("StringEquals"), "{}", hand.selected());
    hand.keys("enter n");
    assert!(hand.text().contains("2 of 2"), "{}", hand.text());
    assert!(hand.selected().contains(":sub"), "{}", hand.selected());
    hand.keys("n");
    assert!(hand.text().contains("1 of 2"));
    hand.keys("N");
    assert!(hand.text().contains("2 of 2"));
    // First the search, then the page.
    hand.keys("esc");
    assert!(hand.text().contains("trust policy of") && !hand.text().contains("of 2"));
    hand.types("/").types("nowhere").keys("enter");
    assert!(hand.text().contains("nothing"), "{}", hand.text());
    hand.keys("esc esc");
    assert!(hand.pane(PaneKind::List).contains("roles["), "{}", hand.text());
}

#[test]
fn a_match_that_is_gone_to_is_in_sight() {
    let mut hand = Hand::before_world((60, 12));
    hand.keys("?").types("/").types("leave at once").keys("enter");
    assert!(hand.text().contains("leave at once"), "{}", hand.text());
}

#[test]
fn what_is_seen_is_saved() {
    let mut hand = Hand::before_world(SMALL);
    hand.goes("sa payments").keys("ctrl-s");
    assert_eq!(hand.requests(), [Request::SaveSeen]);
    let it = saved(&hand.model);
    assert_eq!((it.name.as_str(), it.ending), ("identities", "csv"));
    let lines: Vec<&str> = it.text.lines().collect();
    assert_eq!(lines[0], "NAME,VIA,ROLE,PODS,AGE,CODE,WHY");
    assert!(lines[1].starts_with("api,irsa,payments-api,2/2,"), "{}", lines[1]);
    assert!(lines[1].ends_with("TRUST-SUB-03,✖ stray whitespace in the subject"), "{}", lines[1]);
    assert_eq!(lines.len(), 5);
    hand.keys("t");
    let it = saved(&hand.model);
    assert_eq!((it.name.as_str(), it.ending), ("payments-api", "json"));
    assert!(it.text.contains("\"Statement\""), "{}", it.text);
    hand.keys("esc d");
    let it = saved(&hand.model);
    assert_eq!((it.name.as_str(), it.ending), ("sa-payments-api", "txt"));
    assert!(it.text.contains("TRUST-SUB-03"), "{}", it.text);
    hand.send(Event::Saved(Ok("/somewhere/x.csv".into())));
    assert!(hand.pane(PaneKind::Footer).contains("saved /somewhere/x.csv"));
}

#[test]
fn another_profile_is_another_reading() {
    let mut hand = Hand::before_world(LARGE);
    let profiles: Vec<Text> = vec!["audit".into(), "prod".into()];
    hand.send(Event::Profiles { profiles, current: Some("prod".into()) });
    hand.goes("profiles");
    assert!(hand.pane(PaneKind::List).contains("prod · current"), "{}", hand.text());
    hand.keys("enter");
    let generation = Generation(1);
    assert_eq!(hand.requests(), [Request::UseProfile { profile: "audit".into(), generation }]);
    hand.goes("profile nobody");
    assert!(hand.pane(PaneKind::Footer).contains("no profile is called `nobody`"));
}

#[test]
fn a_line_may_name_the_context() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("pods shop @stage /web");
    let generation = Generation(1);
    assert_eq!(hand.requests(), [Request::Connect { context: "stage".into(), generation }]);
    assert!(hand.pane(PaneKind::List).contains("pods(shop)[0] </web>"), "{}", hand.text());
    hand.goes("pods @nowhere");
    assert!(hand.pane(PaneKind::Footer).contains("no context is called `nowhere`"));
}

#[test]
fn it_steps_aside_when_asked() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("suspend").goes("mouse").goes("mouse");
    assert_eq!(hand.requests(), [Request::Suspend, Request::Mouse(false), Request::Mouse(true)]);
}

#[test]
fn the_owner_is_one_key_away() {
    let mut hand = Hand::before_world(LARGE);
    hand.goes("pods /api-7d9f5c-f").keys("J");
    assert!(hand.pane(PaneKind::List).contains("identities(payments)"), "{}", hand.text());
    assert!(hand.selected().contains("api"), "{}", hand.selected());
    hand.goes("assoc all /shop/cart").keys("J");
    assert!(hand.selected().contains("cart"), "{}", hand.text());
}

#[test]
fn the_wheel_scrolls_and_a_click_chooses() {
    let mut hand = Hand::before_world(LARGE);
    let at = |kind, x, y| Event::Mouse(Mouse { kind, x, y });
    hand.goes("sa payments").send(at(MouseKind::Click, 10, 7));
    assert!(hand.selected().contains("ledger"), "{}", hand.text());
    // Over the details it scrolls those and leaves the list alone.
    let before = hand.pane(PaneKind::Details);
    hand.send(at(MouseKind::WheelDown, 100, 10));
    assert_ne!(hand.pane(PaneKind::Details), before);
    assert!(hand.selected().contains("ledger"));
    hand.send(at(MouseKind::WheelDown, 10, 10));
    assert!(hand.selected().contains("mailer"), "{}", hand.text());
    hand.send(at(MouseKind::WheelUp, 10, 10));
    assert!(hand.selected().contains("api"), "{}", hand.text());
    // A second click enters; one beside the rows does nothing.
    hand.send(at(MouseKind::Click, 10, 30)).send(at(MouseKind::Click, 10, 0));
    assert!(hand.pane(PaneKind::List).contains("identities(payments)"));
    hand.send(at(MouseKind::Click, 10, 8)).send(at(MouseKind::Click, 10, 8));
    assert!(hand.pane(PaneKind::List).contains("pods(sa/payments/mailer)"), "{}", hand.text());
}

#[test]
fn rows_that_come_above_do_not_move_what_is_looked_at() {
    let mut hand = Hand::before_world(SMALL);
    hand.keys("G");
    let line_of = |hand: &mut Hand| {
        let view = hand.see();
        let list = view.panes.iter().find(|it| it.kind == PaneKind::List).unwrap();
        list.lines.iter().position(|it| it.back != idscope::view::Back::None)
    };
    let (selected, line) = (hand.selected(), line_of(&mut hand));
    let accounts = (0..30).map(|n| {
        let mut changes = world_changes(WORLD);
        let found = changes.iter_mut().find_map(|it| match it {
            Change::Replace { facts, .. } => facts.iter().find_map(|it| match it {
                Fact::ServiceAccount(it) => Some(it.clone()),
                _ => None,
            }),
            _ => None,
        });
        let mut account = found.unwrap();
        account.key = SaKey::new("bi", format!("another-{n}"));
        Change::Upsert(Box::new(Fact::ServiceAccount(account)))
    });
    hand.facts(accounts.collect());
    assert_eq!((hand.selected(), line_of(&mut hand)), (selected, line));
}

#[test]
fn roles_say_who_may_against_who_is_set_up() {
    let mut hand = Hand::before_world((160, 36));
    hand.goes("roles");
    let list = hand.pane(PaneKind::List);
    let row = |name: &str| {
        let row = list.lines().find(|it| it.contains(name)).unwrap_or_default();
        row.trim_matches(['│', ' ']).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let check = |name: &str, parts: &[&str]| {
        let row = row(name);
        assert!(parts.iter().all(|it| row.contains(it)), "{row}");
    };
    check("payments-api", &["nobody (names ␣payments/a", "✖ refuses api"]);
    check("reports", &["14 SAs (any in cluster)", "bi/reports", "◆ too wide: 13 more"]);
    check("shop-cart", &["2 (payments/ledger, …)", "✔ exact"]);
    check("shop-web", &["shop/web", "✔ exact"]);
    check("old-batch", &["ec2", "211d", "· not for pods"]);
    check("gone", &["payments/mailer", "✖ not there"]);
    check("lake-reader", &["bi/foreign", "? iam:GetRole denied"]);
    hand.types("/").types("reports$").keys("enter");
    let details = hand.pane(PaneKind::Details);
    assert!(details.contains("any ServiceAccount of this cluster may assume it"), "{details}");
    assert!(details.contains("set up, may") && details.contains("may, not set up"), "{details}");
    // Whoever comes or goes is asked as well.
    let before = hand.pane(PaneKind::List);
    hand.facts(vec![Change::Remove(Ref::ServiceAccount(SaKey::new("shop", "static-site")))]);
    hand.facts(vec![Change::Remove(Ref::Pod {
        namespace: "shop".into(),
        name: "static-site-0".into(),
    })]);
    assert!(before.contains("13 more"), "{before}");
    assert!(hand.pane(PaneKind::List).contains("12 more"), "{}", hand.text());
}

/// A world in which every name that may hold anything holds what a terminal would obey, and wide characters.
fn hostile() -> Hand {
    const EVIL: &str = "\u{1b}[2J\u{9b}31m\u{7}\u{202e}한글🙂\u{200b}e\u{301}\n";
    let mut hand = Hand::at(LARGE);
    let mut changes = world_changes(WORLD);
    for it in &mut changes {
        let Change::Replace { facts, .. } = it else { continue };
        for it in facts {
            match it {
                Fact::ServiceAccount(it) => {
                    it.key.name = format!("{}{EVIL}", it.key.name).into();
                    for (_, value) in &mut it.annotations {
                        *value = format!("{value}{EVIL}").into();
                    }
                }
                Fact::Pod(it) => {
                    it.name = format!("{}{EVIL}", it.name).into();
                    it.waiting = Some(EVIL.into());
                    it.node = Some(EVIL.into());
                }
                Fact::Association(it) => it.service_account.name = EVIL.into(),
                Fact::Namespace(it) => it.name = format!("{}{EVIL}", it.name).into(),
                _ => {}
            }
        }
    }
    let profiles: Vec<Text> = vec![EVIL.into()];
    hand.send(Event::Profiles { profiles, current: Some(EVIL.into()) });
    let contexts = vec![(EVIL.into(), EVIL.into())];
    hand.send(Event::Contexts { contexts, current: Some(EVIL.into()) });
    hand.facts(changes);
    hand
}

#[test]
fn nothing_from_outside_steers_the_terminal() {
    let mut hand = hostile();
    let check = |hand: &mut Hand, what: &str| {
        for size in [(200, 50), (120, 36), (80, 24), (40, 12), (20, 5)] {
            hand.send(Event::Resize { width: size.0, height: size.1 });
            let view = hand.see();
            for pane in &view.panes {
                let heads = [&pane.title, &pane.title_right, &pane.foot];
                for line in pane.lines.iter().chain(heads) {
                    let text = line.text();
                    let odd = |it: char| it.is_control() || "\u{202e}\u{200b}\u{301}".contains(it);
                    assert!(!text.contains(odd), "{what} {size:?}: {text:?}");
                    assert!(line.width() <= usize::from(size.0), "{what} {size:?}: {text:?}");
                }
            }
        }
        hand.send(Event::Resize { width: LARGE.0, height: LARGE.1 });
    };
    for line in
        ["sa", "pods", "roles", "assoc", "oidc", "findings", "ns", "ctx", "profiles", "sources"]
    {
        hand.goes(line);
        check(&mut hand, line);
        for keys in ["o", "G", "d", "esc t", "esc f", "esc u"] {
            hand.keys(keys);
            check(&mut hand, &format!("{line} {keys}"));
        }
    }
    hand.goes("sa").keys("down y");
    let of = hand.requests().into_iter().find_map(|it| match it {
        Request::Document(of) => Some(of),
        _ => None,
    });
    let answer = Ok(document("a: \u{1b}]0;x\u{7}\n한글🙂: \u{202e}b\n\tc", None));
    hand.send(Event::Document { generation: Generation::default(), of: of.unwrap(), answer });
    check(&mut hand, "yaml");
    hand.send(Event::Paste("\u{1b}[2Jsts:AssumeRole \u{202e}".into()));
    check(&mut hand, "explain");
}

#[test]
fn a_text_of_any_length_is_shown() {
    let mut hand = Hand::before_world(SMALL);
    hand.goes("pods payments").keys("y");
    let of = Ref::Pod { namespace: "payments".into(), name: "api-7d9f5c-abcde".into() };
    let entries = (0..5_000).map(|n| format!("    - name: VARIABLE_{n}\n      value: {n}\n"));
    let answer = Ok(document(&format!("kind: Pod\n{}", entries.collect::<String>()), None));
    hand.send(Event::Document { generation: Generation::default(), of, answer });
    hand.types("/").types("VARIABLE_4321").keys("enter");
    assert!(hand.selected().contains("VARIABLE_4321"), "{}", hand.text());
    hand.keys("G");
    assert!(hand.text().contains("value: 4999"), "{}", hand.text());
    hand.keys("g");
    assert!(hand.text().contains("kind: Pod"), "{}", hand.text());
}
