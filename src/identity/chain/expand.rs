//! `$(NAME)` in the value of an env entry, as the kubelet replaces it (Kubernetes, "Define dependent environment
//! variables").

use crate::{
    fact::{EnvValue, EnvVar},
    identity::chain::Seen,
};
use std::collections::HashMap;

/// Values may double with each entry that refers to the one before twice; longer ones are not followed.
const MOST: usize = 8 << 10;

/// The entry at `at` as the process will see it. Linear in the entries before it.
pub(super) fn entry(env: &[EnvVar], at: usize) -> Seen {
    let Some(entry) = env.get(at) else { return Seen::Unset };
    let mut known = HashMap::new();
    if matches!(&entry.value, EnvValue::Literal(it) if it.contains('$')) {
        for it in env.iter().take(at) {
            let seen = value(&it.value, &known);
            known.insert(&*it.name, seen);
        }
    }
    value(&entry.value, &known)
}

fn value(written: &EnvValue, known: &HashMap<&str, Seen>) -> Seen {
    match written {
        EnvValue::Literal(it) if it.contains('$') => expanded(it, known),
        EnvValue::Literal(it) if it.is_empty() => Seen::Unset,
        EnvValue::Literal(it) => Seen::Literal(it.clone()),
        EnvValue::Redacted => Seen::Hidden("the manifest".into()),
        EnvValue::From(it) => Seen::Hidden(it.clone()),
    }
}

/// `$$` is one `$`.
fn expanded(text: &str, known: &HashMap<&str, Seen>) -> Seen {
    let mut res = String::new();
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once('$') {
        res.push_str(head);
        rest = tail;
        if let Some(tail) = rest.strip_prefix('$') {
            res.push('$');
            rest = tail;
            continue;
        }
        let Some((name, tail)) = rest.strip_prefix('(').and_then(|it| it.split_once(')')) else {
            res.push('$');
            continue;
        };
        rest = tail;
        match known.get(name) {
            Some(Seen::Literal(it)) if MOST < res.len() + it.len() => {
                return Seen::Hidden("a reference to much text".into());
            }
            Some(Seen::Literal(it)) => res.push_str(it),
            Some(Seen::Unset) => {}
            Some(Seen::Hidden(origin)) => return Seen::Hidden(origin.clone()),
            // It may be one of those that every pod has for the services around it.
            None => return Seen::Hidden(format!("`{text}`").into()),
        }
    }
    res.push_str(rest);
    if res.is_empty() { Seen::Unset } else { Seen::Literal(res.into()) }
}

#[cfg(test)]
mod tests {
    use crate::{
        fact::{EnvValue, EnvVar},
        identity::chain::{Seen, expand::entry},
    };

    /// Entries as `NAME=VALUE`; the last one is looked at. `expected` is `None` where the value is hidden.
    #[track_caller]
    fn check(entries: &[&str], expected: Option<&str>) {
        let env: Vec<EnvVar> = entries
            .iter()
            .map(|it| {
                let (name, value) = it.split_once('=').unwrap();
                let value = match value {
                    "secret" => EnvValue::From("secret s".into()),
                    it => EnvValue::Literal(it.into()),
                };
                EnvVar { name: name.into(), value }
            })
            .collect();
        let got = match entry(&env, env.len() - 1) {
            Seen::Unset => Some(String::new()),
            Seen::Literal(it) => Some(it.to_string()),
            Seen::Hidden(_) => None,
        };
        assert_eq!(got.as_deref(), expected, "{entries:?}");
    }

    #[test]
    fn expands_as_the_kubelet_does() {
        check(&["A=x"], Some("x"));
        check(&["B=1", "A=$(B)-$(B)"], Some("1-1"));
        check(&["B=1", "C=$(B)2", "A=$(C)"], Some("12"));
        check(&["B=1", "B=2", "A=$(B)"], Some("2"));
        check(&["A=$(B)"], None);
        check(&["A=$(B)", "B=1"], Some("1"));
        check(&["A=1", "A=$(A)2"], Some("12"));
        check(&["B=1", "A=$$(B)"], Some("$(B)"));
        check(&["B=1", "A=$$$(B)"], Some("$1"));
        check(&["A=$"], Some("$"));
        check(&["A=$B $(B"], Some("$B $(B"));
        check(&["A=$$"], Some("$"));
        check(&["B=", "A=$(B)"], Some(""));
        check(&["B=secret", "A=x$(B)"], None);
        check(&["B=secret", "B=1", "A=x$(B)"], Some("x1"));
    }

    #[test]
    fn doubling_values_are_not_followed() {
        let mut entries = vec!["A0=xx".to_owned()];
        entries.extend((1..64).map(|i| format!("A{i}=$(A{})$(A{})", i - 1, i - 1)));
        let entries: Vec<&str> = entries.iter().map(|it| &**it).collect();
        check(&entries, None);
    }
}
