//! Tags of an association: what is kept of them, and what of them can be set again.

use crate::{
    ident::Text,
    plan::{digest_of, looks_secret},
};

/// No tag of EKS has a bracket in it.
const HIDDEN: &str = "(hidden, sha256 ";

/// Whether nobody but AWS may set it.
pub(crate) fn is_of_aws(key: &str) -> bool {
    key.get(..4).is_some_and(|it| it.eq_ignore_ascii_case("aws:"))
}

/// By name; a value that looks like a credential by its digest, so that a change of it is seen all the same.
pub(crate) fn kept(tags: &[(Text, Text)]) -> Vec<(Text, Text)> {
    let kept = tags.iter().filter(|(key, _)| !is_of_aws(key)).map(|(key, value)| {
        let value = match looks_secret(key, value) {
            true => format!("{HIDDEN}{})", digest_of(value.as_bytes())).into(),
            false => value.clone(),
        };
        (key.clone(), value)
    });
    let mut res: Vec<(Text, Text)> = kept.collect();
    res.sort();
    res
}

pub(crate) fn is_hidden((_, value): &(Text, Text)) -> bool {
    value.starts_with(HIDDEN)
}

#[cfg(test)]
mod tests {
    use crate::{
        ident::Text,
        plan::tags::{is_hidden, kept},
    };

    #[test]
    fn credentials_and_tags_of_aws_are_not_kept() {
        let pair = |key: &str, value: &str| (Text::from(key), Text::from(value));
        let tags = [
            pair("team", "payments"),
            pair("aws:cloudformation:stack-name", "x"),
            pair("API_TOKEN", "hunter2"),
            pair("AWS:x", "y"),
            pair("a", ""),
        ];
        let kept = kept(&tags);
        let names: Vec<&str> = kept.iter().map(|(key, _)| &**key).collect();
        assert_eq!(names, ["API_TOKEN", "a", "team"]);
        assert!(is_hidden(&kept[0]) && !kept[0].1.contains("hunter2"), "{kept:?}");
        assert_eq!(kept[1..], [pair("a", ""), pair("team", "payments")]);
    }
}
