//! A list is made anew only when it may be another one; what it shows is what one that was never shown before would.

use crate::hand::{Hand, WORLD, now, world_changes};
use idscope::{
    event::Event,
    fact::{Change, Fact, Phase, Pod},
    ident::Ref,
    view::PaneKind,
};
use std::sync::Arc;

const SIZE: (u16, u16) = (120, 90);

/// What happens to a pod, one after the other.
fn events(pod: &Pod) -> Vec<(&'static str, Change)> {
    let upsert = |it: &Pod| Change::Upsert(Box::new(Fact::Pod(it.clone())));
    let with = |edit: &dyn Fn(&mut Pod)| {
        let mut res = pod.clone();
        edit(&mut res);
        upsert(&res)
    };
    let spec = |edit: &dyn Fn(&mut idscope::fact::PodSpec)| {
        with(&|it| {
            let mut spec = (*it.spec).clone();
            edit(&mut spec);
            it.spec = Arc::new(spec);
        })
    };
    vec![
        ("is not ready", with(&|it| it.ready = false)),
        ("is ready", with(&|it| it.ready = true)),
        ("has crashed", with(&|it| it.waiting = Some("CrashLoopBackOff".into()))),
        ("goes away", with(&|it| it.deleting = true)),
        ("runs on another node", with(&|it| it.node = Some("node-2".into()))),
        (
            "has one container more",
            spec(&|it| it.containers.extend(it.containers.first().cloned())),
        ),
        (
            "has other containers",
            spec(&|it| it.containers.iter_mut().for_each(|it| it.name = "x".into())),
        ),
        ("runs as another", spec(&|it| it.service_account = "somebody-new".into())),
        ("runs as before", upsert(pod)),
        ("has come to its end", with(&|it| it.phase = Phase::Succeeded)),
        ("runs again", upsert(pod)),
        (
            "is gone",
            Change::Remove(Ref::Pod { namespace: pod.namespace.clone(), name: pod.name.clone() }),
        ),
        ("is back", upsert(pod)),
    ]
}

/// Asks for a list, then lets everything happen to a pod; after each event it is what a fresh one would be.
fn check(line: &str, keys: &str) {
    let ask = |hand: &mut Hand| {
        hand.goes(line).keys(keys).send(Event::Tick(now()));
    };
    let mut shown = Hand::before_world(SIZE);
    ask(&mut shown);
    let pods = shown.model.world().graph.pods();
    let pod = pods.min_by_key(|it| (it.namespace.clone(), it.name.clone()));
    let pod = pod.expect("a pod").clone();
    let mut so_far = world_changes(WORLD);
    for (what, change) in events(&pod) {
        // The fresh one would open another row instead of that which is gone.
        if keys.ends_with('l') && what == "is gone" {
            break;
        }
        so_far.push(change.clone());
        shown.facts(vec![change]).send(Event::Tick(now()));
        let mut fresh = Hand::at(SIZE);
        fresh.facts(so_far.clone());
        ask(&mut fresh);
        // What is selected is the person's, who may have lost a row.
        let rows = |hand: &mut Hand| hand.pane(PaneKind::List);
        assert_eq!(rows(&mut shown), rows(&mut fresh), "{line} {keys}: {what}");
    }
}

#[test]
fn a_list_is_what_one_made_anew_would_be() {
    check("sa", "");
    check("sa", "j l");
    check("pods", "");
    check("pods", "l");
    check("pods", "S");
    check("sa", "P");
    check("sa", "ctrl-z");
    check("pods /node-2", "");
}
