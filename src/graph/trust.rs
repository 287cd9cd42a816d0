//! What a trust policy names: subjects written out in full, and OIDC providers.
//!
//! Not an evaluation: other conditions of the statement and Deny statements are not looked at.

use crate::{
    iam::{Condition, Document, Effect, Principal, Statement},
    ident::{Arn, SaKey},
};
use std::collections::BTreeSet;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Naming {
    /// ServiceAccounts that some Allow names exactly, by `…:sub` or by Pod Identity's request tags.
    pub subjects: BTreeSet<SaKey>,
    /// OIDC providers among the Federated principals.
    pub providers: BTreeSet<Arn>,
}

impl Naming {
    /// What is not a valid policy names nothing.
    pub fn of(trust: &Document) -> Naming {
        let mut res = Naming::default();
        let statements = trust.parsed.iter().flat_map(|it| &it.statements);
        for statement in statements.filter(|it| it.effect == Effect::Allow) {
            res.providers.extend(providers(statement));
            res.subjects.extend(token_subjects(statement));
            res.subjects.extend(tag_subjects(statement));
        }
        res
    }
}

fn providers(statement: &Statement) -> impl Iterator<Item = Arn> {
    let listed = match &statement.principal {
        Some(Principal::Listed(it)) => it.as_slice(),
        Some(Principal::Everyone) | None => &[],
    };
    listed
        .iter()
        .filter(|(kind, _)| &**kind == "Federated")
        .flat_map(|(_, values)| values)
        .filter(|it| it.contains(":oidc-provider/"))
        .map(|it| Arn::new(it.clone()))
}

fn token_subjects(statement: &Statement) -> impl Iterator<Item = SaKey> {
    let of_subject = |it: &&Condition| {
        it.key.rsplit_once(':').is_some_and(|(_, claim)| claim.eq_ignore_ascii_case("sub"))
    };
    statement.conditions.iter().filter(of_subject).flat_map(exact_values).filter_map(|it| {
        let (namespace, name) = it.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        let whole = !namespace.is_empty() && !name.is_empty() && !name.contains(':');
        whole.then(|| SaKey::new(namespace, name))
    })
}

/// Pairs of the two request tags that EKS Pod Identity sets, where one statement asks for both.
fn tag_subjects(statement: &Statement) -> Vec<SaKey> {
    let tagged = |tag: &str| -> Vec<&str> {
        let key = format!("aws:RequestTag/{tag}");
        let of_tag = |it: &&Condition| it.key.eq_ignore_ascii_case(&key);
        statement.conditions.iter().filter(of_tag).flat_map(exact_values).collect()
    };
    let names = tagged("kubernetes-service-account");
    tagged("kubernetes-namespace")
        .into_iter()
        .flat_map(|namespace| names.iter().map(move |name| SaKey::new(namespace, *name)))
        .collect()
}

/// The values that only an equal text matches.
fn exact_values(condition: &Condition) -> impl Iterator<Item = &str> {
    let operator = condition.operator.to_ascii_lowercase();
    let operator = operator
        .strip_prefix("foranyvalue:")
        .or_else(|| operator.strip_prefix("forallvalues:"))
        .unwrap_or(&operator);
    let operator = operator.strip_suffix("ifexists").unwrap_or(operator);
    let (equals, like) = (operator == "stringequals", operator == "stringlike");
    condition
        .values
        .iter()
        .map(|it| &**it)
        // A policy variable stands for text that is not known here.
        .filter(move |it| (equals || like && !it.contains(['*', '?'])) && !it.contains("${"))
}

#[cfg(test)]
mod tests {
    use crate::{
        graph::trust::Naming,
        iam::{Condition, Document, Effect, Patterns, Policy, Principal, Statement, Version},
    };

    fn statement(effect: Effect, conditions: &[(&str, &str, &[&str])]) -> Statement {
        let conditions = conditions.iter().map(|(operator, key, values)| Condition {
            operator: (*operator).into(),
            key: (*key).into(),
            values: values.iter().map(|it| (*it).into()).collect(),
        });
        Statement {
            sid: None,
            effect,
            principal: Some(Principal::Listed(vec![(
                "Federated".into(),
                vec!["arn:aws:iam::111122223333:oidc-provider/iss".into()],
            )])),
            action: Patterns { negated: false, patterns: vec!["sts:*".into()] },
            resource: None,
            conditions: conditions.collect(),
        }
    }

    fn check(effect: Effect, conditions: &[(&str, &str, &[&str])], expected: &[&str]) {
        let policy =
            Policy { version: Version::V2012, statements: vec![statement(effect, conditions)] };
        let document = Document { raw: "".into(), parsed: Ok(policy) };
        let naming = Naming::of(&document);
        let got: Vec<String> = naming.subjects.iter().map(ToString::to_string).collect();
        assert_eq!(got, expected, "{conditions:?}");
        assert_eq!(naming.providers.len(), usize::from(effect == Effect::Allow));
    }

    #[test]
    fn only_whole_subjects_count() {
        let sub = "system:serviceaccount:shop:web";
        check(Effect::Allow, &[("StringEquals", "iss:sub", &[sub])], &["shop/web"]);
        check(Effect::Allow, &[("stringequalsifexists", "other/id:SUB", &[sub])], &["shop/web"]);
        check(Effect::Allow, &[("ForAnyValue:StringLike", "iss:sub", &[sub])], &["shop/web"]);
        check(Effect::Deny, &[("StringEquals", "iss:sub", &[sub])], &[]);
        check(Effect::Allow, &[("StringNotEquals", "iss:sub", &[sub])], &[]);
        check(Effect::Allow, &[("StringEquals", "iss:aud", &[sub])], &[]);
        check(Effect::Allow, &[("StringLike", "iss:sub", &["system:serviceaccount:shop:*"])], &[]);
        check(Effect::Allow, &[("StringEquals", "iss:sub", &["system:serviceaccount:shop"])], &[]);
        check(Effect::Allow, &[("StringEquals", "iss:sub", &["${aws:x}"])], &[]);
    }

    #[test]
    fn request_tags_name_only_as_a_pair() {
        let namespace = ("StringEquals", "aws:RequestTag/kubernetes-namespace", &["a", "b"][..]);
        let name = ("StringLike", "aws:requesttag/kubernetes-service-account", &["x"][..]);
        check(Effect::Allow, &[namespace], &[]);
        check(Effect::Allow, &[name], &[]);
        check(Effect::Allow, &[namespace, name], &["a/x", "b/x"]);
    }
}
