//! How two names resemble each other. Knows nothing of policies.

/// At most so many edits apart counts as a typing error.
pub const NEAR: usize = 4;

/// How many single-character insertions, deletions and replacements apart two texts are (Levenshtein), counted up to
/// `most + 1`.
pub fn distance(a: &str, b: &str, most: usize) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
        // No later row can be smaller than the least of this one.
        if row.iter().all(|it| *it > most) {
            return most + 1;
        }
    }
    row[b.len()].min(most + 1)
}

/// Whether one was probably meant to be the other: not equal, but at most four edits apart, or cut short after at least
/// eight characters.
pub fn is_near(found: &str, needed: &str) -> bool {
    let cut = found.len() >= 8 && needed.starts_with(found);
    found != needed && (cut || distance(found, needed, NEAR) <= NEAR)
}

/// Whether the text still has something that was to be filled in: `<…>`, `$NAME`, `${…}`, `xxxxxx`, `ACCOUNT_ID`,
/// `AWS-ACCOUNT`, `REGION`, `EXAMPLED539…`.
pub fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 9] = [
        "ACCOUNT",
        "REGION",
        "NAMESPACE",
        "CLUSTER",
        "SERVICEACCOUNT",
        "ISSUER",
        "PARTITION",
        "YOUR",
        "PLACEHOLDER",
    ];
    let bracketed = text.find('<').is_some_and(|it| text[it..].contains('>'));
    let variable = text.match_indices('$').any(|(at, _)| {
        text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '{')
    });
    let crossed = has_run(text, 'x') || has_run(text, 'X');
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    let shouted = words.into_iter().any(|word| {
        let parts: Vec<_> = word.split(['_', '-']).collect();
        let upper = |it: &str| 2 <= it.len() && it.bytes().all(|b| b.is_ascii_uppercase());
        let joined = 2 <= parts.len()
            && parts.iter().all(|it| it.bytes().all(|b| !b.is_ascii_lowercase()))
            && parts.windows(2).any(|it| upper(it[0]) && upper(it[1]));
        joined || WORDS.contains(&word)
    });
    bracketed || variable || crossed || shouted || text.contains("EXAMPLED539")
}

fn has_run(text: &str, wanted: char) -> bool {
    let mut n = 0;
    text.chars().any(|c| {
        n = if c == wanted { n + 1 } else { 0 };
        n == 6
    })
}

/// The text without any white space and without what else is not seen: no-break and zero-width blanks, soft hyphens,
/// marks of the reading direction.
pub(crate) fn without_space(text: &str) -> String {
    let invisible = |c: char| {
        c.is_whitespace()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    text.chars().filter(|c| !invisible(*c)).collect()
}

/// Whether two names differ only in what a generator put behind the last hyphen.
pub(crate) fn same_but_generated(a: &str, b: &str) -> bool {
    let generated = |it: &str| {
        (5..=12).contains(&it.len())
            && it.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && it.bytes().any(|b| b.is_ascii_digit())
    };
    match (a.rsplit_once('-'), b.rsplit_once('-')) {
        (Some((a, tail_a)), Some((b, tail_b))) => {
            a == b && tail_a != tail_b && generated(tail_a) && generated(tail_b)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::identity::near_miss::text::*;

    #[test]
    fn distances() {
        let check = |a: &str, b: &str, expected: usize| {
            assert_eq!(distance(a, b, NEAR), expected, "{a} {b}");
            assert_eq!(distance(b, a, NEAR), expected, "{b} {a}");
        };
        check("", "", 0);
        check("abc", "abc", 0);
        check("abc", "acb", 2);
        check("abc", "ab", 1);
        check("abcd", "", 4);
        check("abcde", "", 5);
        check("AAAA1111", "BBBB2222", 5);
        check("kitten", "sitting", 3);
    }

    #[test]
    fn nearness() {
        for (found, needed, expected) in [
            ("C891F985BAF5A4C1", "C891F985BAF5A4C1C7ABBA6A00DFD39E", true),
            ("C891", "C891F985BAF5A4C1C7ABBA6A00DFD39E", false),
            ("C891F985BAF5A4C1C7ABBA6A00DFD39E", "C891F985BAF5A4C1C7ABBA6A00DFD39E", false),
            ("C891F985BAF5A4C1C7ABBA6A00DFD3", "C891F985BAF5A4C1C7ABBA6A00DFD39E", true),
            ("D891F985BBF5A4C1C7ABBA6A00DFD39E", "C891F985BAF5A4C1C7ABBA6A00DFD39E", true),
        ] {
            assert_eq!(is_near(found, needed), expected, "{found}");
        }
    }

    #[test]
    fn placeholders() {
        for text in [
            "arn:aws:iam::ACCOUNT_ID:oidc-provider/x",
            "arn:aws:iam::AWS-ACCOUNT:oidc-provider/x",
            "oidc.eks.REGION.amazonaws.com/id/1",
            "oidc.eks.us-west-2.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE",
            "EKS_CLUSTER_1_OIDC-PROVIDER_ID",
            "arn:aws:iam::<account>:role/x",
            "arn:aws:iam::xxxxxxxxxxxx:role/x",
            "$oidc_provider:sub",
            "${OIDC_PROVIDER}:sub",
            "system:serviceaccount:KUBBE_SYSTEM:x",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in [
            "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/AAAA1111",
            "system:serviceaccount:kube-system:aws-load-balancer-controller",
            "arn:aws:iam::111122223333:role/AmazonEKS-EBS-CSI-DriverRole",
            "C891F985BAF5A4C1C7ABBA6A00DFD39E",
            "a$",
            "",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn generated_names() {
        assert!(same_but_generated("provider-aws-3fd9bb1b5de1", "provider-aws-0a1b2c3d4e5f"));
        assert!(!same_but_generated("provider-aws", "provider-gcp"));
        assert!(!same_but_generated("app-1", "app-2"));
    }
}
