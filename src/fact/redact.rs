//! What must not get into a fact: credentials, by the name or the look of the value.

/// Whether the value of an environment variable is dropped at the door. An empty value is no credential.
pub fn is_credential(name: &str, value: &str) -> bool {
    !value.is_empty()
        && (names_credential(name) || looks_like_credential(value) || looks_like_secret_key(value))
}

/// By the name alone. `…_FILE` and `…_URI` name places, not credentials.
fn names_credential(name: &str) -> bool {
    const EXACT: [&str; 5] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    ];
    EXACT.contains(&name)
        || ["_PASSWORD", "_SECRET", "_SECRET_KEY", "_ACCESS_KEY", "_TOKEN"]
            .iter()
            .any(|it| name.ends_with(it))
}

/// An access key id or a JSON web token anywhere in the value, a private key's first line, a `Bearer` header.
pub fn looks_like_credential(value: &str) -> bool {
    has_key_id(value)
        || has_jwt(value)
        || value.contains("-----BEGIN ")
        || value.starts_with("Bearer ")
}

/// `AKIA…` or `ASIA…`: four letters and sixteen of A-Z and 2-7 (IAM, "unique identifiers").
fn has_key_id(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.windows(20).enumerate().any(|(i, it)| {
        let (prefix, rest) = it.split_at(4);
        let edge = |at: Option<&u8>| at.is_none_or(|it| !it.is_ascii_alphanumeric());
        (prefix == b"AKIA" || prefix == b"ASIA")
            && rest.iter().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
            && edge(i.checked_sub(1).and_then(|before| bytes.get(before)))
            && edge(bytes.get(i + 20))
    })
}

/// Three base64url parts of which the first begins as `{"` does.
fn has_jwt(value: &str) -> bool {
    value.match_indices("eyJ").any(|(at, _)| {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let mut parts = value[at..].split('.');
        let (header, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        parts.next().is_some()
            && header.chars().all(is_word)
            && 10 < claims.len()
            && claims.chars().all(is_word)
    })
}

/// Forty characters of base64 in mixed case with a digit: the shape of a secret access key. Git hashes, which are forty
/// too, have no capitals; paths and ARNs have other characters.
fn looks_like_secret_key(value: &str) -> bool {
    let value = value.trim();
    value.len() == 40
        && value.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'/' || c == b'+' || c == b'=')
        && value.bytes().any(|c| c.is_ascii_uppercase())
        && value.bytes().any(|c| c.is_ascii_lowercase())
        && value.bytes().any(|c| c.is_ascii_digit())
        && !value.starts_with('/')
}

/// A URL without the user and password in front of its host; `None` when there are none.
pub fn without_userinfo(url: &str) -> Option<String> {
    let start = url.find("://").map_or(0, |it| it + 3);
    let authority_end = url[start..].find(['/', '?', '#']).map_or(url.len(), |it| start + it);
    let at = url[start..authority_end].rfind('@')?;
    Some(format!("{}{}", &url[..start], &url[start + at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_name_or_look() {
        let check = |name: &str, value: &str, expected: bool| {
            assert_eq!(is_credential(name, value), expected, "{name}={value}");
        };
        // Put together here, so that no scanner takes this file for a leak.
        let key_id = format!("AKIA{}", "I44QH8DHBEXAMPLE");
        let jwt = format!("eyJhbGciOiJub25lIn0.{}.c2ln", "eyJzdWIiOiJhIiwiYXVkIjoiYiJ9");
        let secret = format!("je7MtGbClwBF/2Zp9Utk/{}", "h3yCo8nvbEXAMPLEKEY");
        check("AWS_ACCESS_KEY_ID", "anything", true);
        check("AWS_ACCESS_KEY_ID", "", false);
        check("AWS_SECRET_ACCESS_KEY", "example", true);
        check("AWS_CONTAINER_AUTHORIZATION_TOKEN", "x", true);
        check("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/var/run/token", false);
        check(
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
            false,
        );
        check("AWS_REGION", &key_id, true);
        check("AWS_ROLE_ARN", &format!("x{key_id}"), false);
        check("HTTP_PROXY", &format!("http://p?k={key_id}&"), true);
        check("AWS_PROFILE", &jwt, true);
        check("AWS_ROLE_SESSION_NAME", &secret, true);
        check("AWS_ROLE_SESSION_NAME", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", false);
        check("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/app", false);
        check("AWS_CONFIG_FILE", "/Home/user/abcdefghijklmnopqrstuvwxyz123", false);
        check("NO_PROXY", "169.254.170.23,.svc", false);
    }

    #[test]
    fn urls_lose_their_userinfo() {
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(without_userinfo(url).as_deref(), expected, "{url}");
        };
        check("http://u:p@proxy:3128", Some("http://proxy:3128"));
        check("http://u:p@ss@proxy:3128/x@y", Some("http://proxy:3128/x@y"));
        check("u:p@proxy", Some("proxy"));
        check("http://proxy:3128/@", None);
        check("http://proxy", None);
        check("", None);
    }
}
