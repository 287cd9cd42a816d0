//! Policies and their evaluation, for reading: whom a trust policy names, and which clause decided.

use crate::{
    iam::{Clause, Document, Effect, Evaluation, Got, Part, Principal, StatementTrace, Truth},
    view::{
        Line, Tone,
        badge::of_truth,
        fit::{cut_middle, width, wrap},
    },
};

const SUBJECT: &str = "system:serviceaccount:";

/// Whom the Allow statements name, as `namespace/account` patterns; says nothing of whether they get in.
pub fn trusts(document: &Document) -> Vec<String> {
    let Ok(policy) = &document.parsed else { return vec!["invalid policy".into()] };
    let mut res: Vec<String> = Vec::new();
    for statement in policy.statements.iter().filter(|it| it.effect == Effect::Allow) {
        let listed = match &statement.principal {
            Some(Principal::Everyone) => vec![("*", "everyone")],
            Some(Principal::Listed(them)) => {
                let all = them
                    .iter()
                    .flat_map(|(kind, values)| values.iter().map(move |it| (&**kind, &**it)));
                all.collect()
            }
            None => Vec::new(),
        };
        for (kind, value) in listed {
            if kind != "Federated" {
                res.push(match value {
                    "pods.eks.amazonaws.com" => "Pod Identity".into(),
                    it => it.strip_suffix(".amazonaws.com").unwrap_or(it).to_owned(),
                });
                continue;
            }
            let is_subject = |it: &str| it.to_ascii_lowercase().ends_with(":sub");
            let conditions = statement.conditions.iter().filter(|it| is_subject(&it.key));
            let subjects: Vec<String> = conditions
                .flat_map(|it| it.values.iter())
                .map(|it| {
                    it.strip_prefix(SUBJECT).map_or(it.to_string(), |it| it.replacen(':', "/", 1))
                })
                // One that is not seen is the fault that is looked for.
                .map(|it| it.replace(' ', "␣"))
                .collect();
            if subjects.is_empty() { res.push("any subject".into()) } else { res.extend(subjects) }
        }
    }
    res.dedup();
    res
}

/// The statements clause by clause; of several, those that could matter first.
pub fn evaluation(it: &Evaluation, room: usize) -> Vec<Line> {
    let mut res = Vec::new();
    let nearest = nearest(it);
    for statement in &it.statements {
        let matters = statement.matches != Truth::False || Some(statement.index) == nearest;
        if matters {
            push_statement(&mut res, statement, room);
        }
    }
    let n_hidden = it
        .statements
        .iter()
        .filter(|it| it.matches == Truth::False && Some(it.index) != nearest)
        .count();
    if 0 < n_hidden {
        let what = if n_hidden == 1 { "statement does" } else { "statements do" };
        res.push(Line::of(Tone::Muted, format!("{n_hidden} other {what} not match")));
    }
    res
}

/// Where nothing matches: the Allow that has the fewest clauses against it.
fn nearest(it: &Evaluation) -> Option<usize> {
    let against =
        |it: &StatementTrace| it.clauses.iter().filter(|it| it.truth == Truth::False).count();
    let allows = it.statements.iter().filter(|it| it.effect == Effect::Allow);
    let any_matches = it.statements.iter().any(|it| it.matches != Truth::False);
    if any_matches { None } else { allows.min_by_key(|it| against(it)).map(|it| it.index) }
}

fn push_statement(res: &mut Vec<Line>, it: &StatementTrace, room: usize) {
    let effect = match it.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    let sid = it.sid.as_ref().map_or(String::new(), |it| format!(" {it}"));
    let head = format!("Statement[{}] {effect}{sid}", it.index);
    res.push(Line::of(Tone::Plain, cut_middle(&head, room)));
    for clause in &it.clauses {
        push_clause(res, clause, room);
    }
}

fn push_clause(res: &mut Vec<Line>, it: &Clause, room: usize) {
    let (glyph, tone) = of_truth(it.truth);
    let part = match &it.part {
        Part::Action { negated: false } => "Action".to_owned(),
        Part::Action { negated: true } => "NotAction".to_owned(),
        Part::Principal => "Principal".to_owned(),
        Part::Resource { negated: false } => "Resource".to_owned(),
        Part::Resource { negated: true } => "NotResource".to_owned(),
        Part::Condition { operator, key } => format!("{operator} {}", short_key(key)),
    };
    let mut line = Line::of(Tone::Plain, " ").add(tone, glyph).add(Tone::Plain, " ");
    let left = room.saturating_sub(line.width());
    if it.truth == Truth::True {
        let wanted = it.wanted.iter().map(|it| short_value(it)).collect::<Vec<_>>().join(", ");
        line.push(Tone::Muted, cut_middle(&format!("{part} {wanted}"), left));
        res.push(line);
        return;
    }
    line.push(Tone::Strong, cut_middle(&part, left));
    res.push(line);
    let got = match &it.got {
        Got::Present(them) => them.iter().map(|it| it.to_string()).collect::<Vec<_>>().join(", "),
        Got::Absent => "nothing: the request has no such key".into(),
        Got::Unknown => "not known".into(),
    };
    let wanted = it.wanted.iter().map(|it| it.to_string()).collect::<Vec<_>>().join(", ");
    push_difference(res, "policy ", &wanted, "request", &got, room);
    if let Some(it) = it.note {
        for part in wrap(it, room.saturating_sub(3)) {
            res.push(Line::of(Tone::Muted, format!("   {part}")));
        }
    }
}

/// Two values under each other, with a mark at the first place where they differ.
pub fn push_difference(
    res: &mut Vec<Line>,
    first: &str,
    wanted: &str,
    second: &str,
    found: &str,
    room: usize,
) {
    let indent = 4 + width(first).max(width(second));
    let space = room.saturating_sub(indent).max(8);
    let push = |res: &mut Vec<Line>, name: &str, value: &str, tone: Tone| {
        for (at, part) in wrap(value, space).into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            let gap = " ".repeat(indent - 3 - width(name));
            res.push(Line::of(Tone::Muted, format!("   {name}{gap}")).add(tone, part));
        }
    };
    push(res, first, wanted, Tone::Error);
    let fits = width(wanted) <= space && width(found) <= space;
    push(res, second, found, Tone::Plain);
    let same = wanted.chars().zip(found.chars()).take_while(|(a, b)| a == b);
    let shared: String = same.map(|(it, _)| it).collect();
    // Only a near miss has a place where it differs.
    if fits && wanted != found && 4 <= shared.chars().count() {
        let gap = " ".repeat(indent + width(&shared));
        res.push(Line::of(Tone::Warning, format!("{gap}▲ {}", difference(wanted, found, &shared))));
    }
}

/// What stands in the policy where the two part.
fn difference(wanted: &str, found: &str, shared: &str) -> String {
    match (wanted[shared.len()..].chars().next(), found[shared.len()..].chars().next()) {
        (Some(it), _) if it.is_whitespace() => "a space".into(),
        (None, _) => "ends here".into(),
        (Some(_), None) => "goes on".into(),
        (Some(a), Some(b)) if a.eq_ignore_ascii_case(&b) => "upper and lower case".into(),
        (Some(_), Some(_)) => "differs here".into(),
    }
}

/// `oidc.eks.ap-northeast-2.amazonaws.com/id/C891…:sub` as `…D39E:sub`: the end tells clusters apart.
fn short_key(key: &str) -> String {
    match key.rsplit_once("/id/") {
        Some((_, rest)) => match rest.rsplit_once(':') {
            Some((id, claim)) => format!("{}:{claim}", cut_middle(id, 11)),
            None => rest.to_owned(),
        },
        None => key.to_owned(),
    }
}

fn short_value(value: &str) -> String {
    match value.split_once(":oidc-provider/") {
        Some((_, url)) => format!("oidc-provider/{url}"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        iam::{Document, Kind},
        view::policy::{push_difference, trusts},
    };

    #[test]
    fn names_whom_a_policy_trusts() {
        let check = |statements: &str, expected: &[&str]| {
            let raw = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
            assert_eq!(trusts(&Document::parse(raw, Kind::Trust)), expected, "{statements}");
        };
        let federated = r#""Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/o/id/A"},"Action":"sts:AssumeRoleWithWebIdentity""#;
        check(
            &format!(
                r#"{{"Effect":"Allow",{federated},"Condition":{{"StringEquals":{{"o/id/A:sub":"system:serviceaccount:shop:web"}}}}}}"#
            ),
            &["shop/web"],
        );
        check(&format!(r#"{{"Effect":"Allow",{federated}}}"#), &["any subject"]);
        check(
            r#"{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}"#,
            &["Pod Identity"],
        );
        check(r#"{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}"#, &[]);
        assert_eq!(trusts(&Document::parse("{", Kind::Trust)), ["invalid policy"]);
    }

    #[test]
    fn marks_where_two_values_part() {
        let check = |wanted: &str, found: &str, expected: Option<&str>| {
            let mut lines = Vec::new();
            push_difference(&mut lines, "policy", wanted, "request", found, 60);
            let text: Vec<String> =
                lines.iter().map(|it| it.spans.iter().map(|it| &*it.text).collect()).collect();
            let mark = text.iter().find(|it| it.contains('▲'));
            assert_eq!(mark.map(|it| it.trim()), expected, "{text:?}");
        };
        check("system: payments:api", "system:payments:api", Some("▲ a space"));
        check("payments:api", "payments:apis", Some("▲ ends here"));
        check("payments:API", "payments:api", Some("▲ upper and lower case"));
        check("web", "api", None);
        check("same-name", "same-name", None);
    }
}
