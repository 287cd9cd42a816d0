//! Whom a trust policy lets in beside those whom it names: patterns in words, namespaces that do not exist yet, other
//! clusters, principals outside.
//!
//! Each is asked of the evaluator with an example, so that a statement that lets nobody in is not told.

use crate::{
    fact::{IamRole, Knowledge},
    graph::Graph,
    iam,
    ident::{Issuer, SaKey, Text, Timestamp},
    identity::{Verdict, eks, who},
    report::json,
};

/// Whether it is counted how many there are today, which asks about every ServiceAccount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Today {
    Counted,
    LeftOut,
}

/// One line a principal and pattern, in document order.
pub fn lets(graph: &Graph, role: &IamRole, now: Timestamp, today: Today) -> Vec<json::Lets> {
    let mut res = Vec::new();
    let asked = Asked { graph, role, now, today };
    let statements = who::policy(role).into_iter().flat_map(|it| it.statements.iter().enumerate());
    for (index, statement) in statements.filter(|(_, it)| it.effect == iam::Effect::Allow) {
        for (kind, value) in who::principals(statement) {
            let own = graph.issuer().known();
            let issuer = value.split_once(":oidc-provider/").map(|(_, it)| Issuer::new(it));
            match (kind, issuer) {
                ("Federated", Some(it)) if it.as_str().starts_with("oidc.eks.") => {
                    let is_own = own.as_ref() == Some(&it);
                    let at = (index, statement);
                    of_cluster(&asked, at, (&it, is_own), &mut res);
                }
                ("Service", _) if value == eks::SERVICE => {
                    res.push(line(index, "this-cluster", of_associations(statement), None));
                }
                _ if is_usable(statement, kind) => {
                    res.push(line(index, "outside", outside(kind, value, statement), None));
                }
                _ => {}
            }
        }
    }
    res
}

struct Asked<'a> {
    graph: &'a Graph,
    role: &'a IamRole,
    now: Timestamp,
    today: Today,
}

fn line(statement: usize, scope: &'static str, who: String, today: Option<usize>) -> json::Lets {
    json::Lets { statement, scope, who, today: today.and_then(|it| u32::try_from(it).ok()) }
}

/// What the subjects of a statement look like.
enum Subjects<'a> {
    Any,
    AnyBut(Vec<&'a Text>),
    Patterns(Vec<&'a Text>),
}

fn subjects<'a>(statement: &'a iam::Statement, issuer: &Issuer) -> Subjects<'a> {
    let mut patterns = Vec::new();
    let mut but = Vec::new();
    let mut is_asked = false;
    for it in subject_conditions(statement, issuer) {
        let Some(operator) = it.parsed_operator() else { continue };
        if operator.negated {
            but.extend(&it.values);
            continue;
        }
        is_asked = true;
        let is_pattern =
            |it: &&Text| it.contains("${") || (operator.test.has_wildcards() && is_wild(it));
        patterns.extend(it.values.iter().filter(is_pattern));
    }
    match (is_asked, but.is_empty()) {
        (true, _) => Subjects::Patterns(patterns),
        (false, true) => Subjects::Any,
        (false, false) => Subjects::AnyBut(but),
    }
}

fn of_cluster(
    asked: &Asked<'_>,
    (index, statement): (usize, &iam::Statement),
    (issuer, is_own): (&Issuer, bool),
    res: &mut Vec<json::Lets>,
) {
    let &Asked { graph, role, now, today } = asked;
    let is_counted = is_own && today == Today::Counted;
    let scope = if is_own { "this-cluster" } else { "other-cluster" };
    let whose = if is_own { "of this cluster".to_owned() } else { elsewhere(graph, issuer) };
    let gets_in = |key: &SaKey| {
        let verdict = who::accepts(graph, role, key, &Knowledge::Known(issuer.clone()), now);
        !matches!(verdict, Verdict::Deny(_) | Verdict::None)
    };
    let fitting = |pattern: &Text, res: &mut Vec<json::Lets>| {
        let Some((words, example)) = in_words(pattern) else { return };
        if !gets_in(&example) {
            return;
        }
        let fits = |it: &&SaKey| iam::glob_matches(pattern, &it.subject());
        let n =
            is_counted.then(|| graph.identities().filter(fits).filter(|it| gets_in(it)).count());
        let of = match n {
            Some(0) => " (none exists today)".to_owned(),
            Some(1) => " (1 exists today)".to_owned(),
            Some(n) => format!(" ({n} exist today)"),
            None => format!(" {whose}"),
        };
        res.push(line(index, scope, format!("{words}{of}"), n));
    };
    let stranger = SaKey::new("idscope-probe-ns", "idscope-probe-sa");
    match subjects(statement, issuer) {
        Subjects::Any if gets_in(&stranger) => {
            let all = is_counted.then(|| graph.identities().count());
            let who = format!(
                "any ServiceAccount {whose}, those of namespaces that do not exist yet included"
            );
            res.push(line(index, scope, who, all));
        }
        Subjects::AnyBut(but) if gets_in(&stranger) => {
            let names: Vec<String> = but.iter().map(|it| format!("`{it}`")).collect();
            let who = format!("any ServiceAccount {whose} but {}", names.join(", "));
            res.push(line(index, scope, who, None));
        }
        Subjects::Patterns(patterns) => {
            patterns.into_iter().for_each(|it| fitting(it, res));
            if !is_own {
                let asked = subject_conditions(statement, issuer);
                named(asked, index, &whose, &gets_in, res);
            }
        }
        // Whomever a Deny leaves of everybody.
        Subjects::Any | Subjects::AnyBut(_) => {
            let denies = who::policy(role).into_iter().flat_map(|it| &it.statements);
            let denies = denies.filter(|it| it.effect == iam::Effect::Deny);
            for it in denies.flat_map(|it| subject_conditions(it, issuer)) {
                let Some(operator) = it.parsed_operator().filter(|it| it.negated) else { continue };
                let is_pattern = |it: &&Text| operator.test.has_wildcards() && is_wild(it);
                it.values.iter().filter(is_pattern).for_each(|it| fitting(it, res));
                if !is_own {
                    named(std::iter::once(it), index, &whose, &gets_in, res);
                }
            }
        }
    }
}

/// What a statement asks of the subject.
fn subject_conditions<'a>(
    statement: &'a iam::Statement,
    issuer: &Issuer,
) -> impl Iterator<Item = &'a iam::Condition> {
    let key = format!("{issuer}:sub");
    statement.conditions.iter().filter(move |it| it.key.eq_ignore_ascii_case(&key))
}

fn is_wild(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Those of another cluster that are written out.
fn named<'a>(
    conditions: impl Iterator<Item = &'a iam::Condition>,
    index: usize,
    whose: &str,
    gets_in: &dyn Fn(&SaKey) -> bool,
    res: &mut Vec<json::Lets>,
) {
    for value in conditions.flat_map(|it| &it.values) {
        let Some((namespace, name)) =
            value.strip_prefix("system:serviceaccount:").and_then(|it| it.split_once(':'))
        else {
            continue;
        };
        let of = SaKey::new(namespace, name);
        if !is_wild(value) && gets_in(&of) {
            res.push(line(index, "other-cluster", format!("ServiceAccount {of} {whose}"), None));
        }
    }
}

fn elsewhere(graph: &Graph, issuer: &Issuer) -> String {
    let known = graph.other_clusters().known();
    let cluster = known
        .and_then(|it| it.clusters.iter().find(|it| it.issuer.as_ref() == Some(issuer)).cloned());
    match cluster {
        Some(it) => format!("of cluster {}", it.arn),
        None => format!("of the cluster with issuer {issuer}"),
    }
}

/// A pattern for subjects in words, and a ServiceAccount that fits it; `None` for one that no ServiceAccount can fit.
fn in_words(pattern: &str) -> Option<(String, SaKey)> {
    let example = |it: &str| it.replace('*', "idscope-probe").replace('?', "x");
    if pattern.contains("${") {
        return None;
    }
    let rest = pattern.strip_prefix("system:serviceaccount:");
    let parts = rest.and_then(|it| it.split_once(':')).filter(|(_, name)| !name.contains(':'));
    let Some((namespace, name)) = parts else {
        // Without the second colon the wildcard goes over both names.
        let open = pattern.find(['*', '?'])?;
        let begun = pattern[..open].strip_prefix("system:serviceaccount:").unwrap_or_default();
        let fits = SaKey::new(format!("{begun}idscope-probe"), "idscope-probe");
        let is_fit = iam::glob_matches(pattern, &fits.subject());
        return is_fit
            .then(|| (format!("any ServiceAccount whose subject matches `{pattern}`"), fits));
    };
    let of = match namespace {
        "*" => "any namespace".to_owned(),
        it if is_wild(it) => format!("a namespace that matches `{it}`"),
        it => format!("namespace `{it}`"),
    };
    let what = match name {
        "*" => format!("any ServiceAccount of {of}"),
        it if is_wild(it) => format!("any ServiceAccount of {of} whose name matches `{it}`"),
        it => format!("ServiceAccount `{it}` of {of}"),
    };
    Some((what, SaKey::new(example(namespace), example(name))))
}

/// Whether the statement's actions hold one by which a principal of that kind gets in.
pub(crate) fn is_usable(statement: &iam::Statement, kind: &str) -> bool {
    let ways: &[&str] = match kind {
        "Federated" => &["sts:assumerolewithwebidentity", "sts:assumerolewithsaml"],
        "AWS" | "Service" => &["sts:assumerole"],
        _ => &["sts:assumerole", "sts:assumerolewithwebidentity", "sts:assumerolewithsaml"],
    };
    let action = &statement.action;
    let listed = |way: &&str| {
        action.patterns.iter().any(|it| iam::glob_matches(&it.to_ascii_lowercase(), way))
    };
    ways.iter().any(|it| listed(it) != action.negated)
}

fn of_associations(statement: &iam::Statement) -> String {
    let values = |tag: &str| -> Vec<&Text> {
        let key = format!("aws:RequestTag/{tag}");
        let own = statement.conditions.iter().filter(|it| it.key.eq_ignore_ascii_case(&key));
        own.flat_map(|it| &it.values).collect()
    };
    let list =
        |all: Vec<&Text>| all.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" or ");
    let (namespace, name) = (values("kubernetes-namespace"), values("kubernetes-service-account"));
    let mut which = String::new();
    if !name.is_empty() {
        which.push_str(&format!(" for ServiceAccount {}", list(name)));
    }
    if !namespace.is_empty() {
        which.push_str(&format!(" in namespace {}", list(namespace)));
    }
    format!(
        "whoever an association{which} names it for, in any cluster of the account that the conditions leave"
    )
}

/// Somebody who is no ServiceAccount of an EKS cluster.
fn outside(kind: &str, value: &str, statement: &iam::Statement) -> String {
    let conditions = match statement.conditions.len() {
        0 => String::new(),
        1 => ", under one condition".to_owned(),
        n => format!(", under {n} conditions"),
    };
    let who = match kind {
        _ if value == "*" => "everyone".to_owned(),
        "AWS" => match value.strip_suffix(":root") {
            Some(it) => {
                let account = it.rsplit(':').next().unwrap_or(it);
                format!("whomever account {account} lets assume it")
            }
            None if value.len() == 12 && value.bytes().all(|b| b.is_ascii_digit()) => {
                format!("whomever account {value} lets assume it")
            }
            None => format!("`{value}`"),
        },
        "Service" => format!("AWS service `{value}`"),
        "Federated" => format!("tokens of `{value}`"),
        other => format!("{other} `{value}`"),
    };
    format!("{who}{conditions}")
}

#[cfg(test)]
mod tests {
    use crate::report::lets::in_words;

    #[test]
    fn patterns_are_spelled_out() {
        let check = |pattern: &str, words: Option<&str>| {
            let got = in_words(pattern);
            assert_eq!(got.as_ref().map(|it| &*it.0), words, "{pattern}");
            if let Some((_, example)) = got {
                assert!(crate::iam::glob_matches(pattern, &example.subject()), "{pattern}");
            }
        };
        let of = |it: &str| format!("system:serviceaccount:{it}");
        check(&of("shop:*"), Some("any ServiceAccount of namespace `shop`"));
        check(&of("team-*:*"), Some("any ServiceAccount of a namespace that matches `team-*`"));
        check(&of("team-?:api"), Some("ServiceAccount `api` of a namespace that matches `team-?`"));
        check(&of("*:api"), Some("ServiceAccount `api` of any namespace"));
        check(
            &of("shop:api-*"),
            Some("any ServiceAccount of namespace `shop` whose name matches `api-*`"),
        );
        check(
            &of("default*"),
            Some("any ServiceAccount whose subject matches `system:serviceaccount:default*`"),
        );
        check("*", Some("any ServiceAccount whose subject matches `*`"));
        check("repo:org/*", None);
    }
}
