//! Identifiers that look like the services' own and follow from names, so that two runs of one scenario are equal.

use crate::ident::Text;
use sha2::{Digest, Sha256};

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}

fn letters(parts: &[&str], alphabet: &[u8], n: usize) -> String {
    let pick = |byte: &u8| char::from(alphabet[usize::from(*byte) % alphabet.len()]);
    digest(parts).iter().take(n).map(pick).collect()
}

/// `AROA…`, 21 characters.
pub fn role_id(arn: &str) -> Text {
    format!("AROA{}", letters(&["role", arn], UPPER, 17)).into()
}

/// `ANPA…`, 21 characters.
pub fn policy_id(arn: &str) -> String {
    format!("ANPA{}", letters(&["policy", arn], UPPER, 17))
}

/// `AIDA…`, 21 characters.
pub fn user_id(arn: &str) -> String {
    format!("AIDA{}", letters(&["user", arn], UPPER, 17))
}

/// `a-` and 17 letters or digits.
pub fn association_id(cluster: &str, namespace: &str, service_account: &str) -> Text {
    format!("a-{}", letters(&[cluster, namespace, service_account], LOWER, 17)).into()
}

/// A version 4 shaped UUID.
pub fn uid(parts: &[&str]) -> String {
    let it = digest(parts);
    let hex: String = it.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// What the API server appends to `generateName`: consonants and digits that spell nothing.
pub fn suffix(parts: &[&str], n: usize) -> String {
    letters(parts, b"bcdfghjklmnpqrstvwxz2456789", n)
}

/// A 20 character access key of an account, `AKIA…`, which names it again: see `account_of_key`.
pub fn access_key(account: &str) -> String {
    format!("AKIALAB{account}X")
}

/// The account that `access_key` was made for.
pub fn account_of_key(key: &str) -> Option<&str> {
    key.strip_prefix("AKIALAB")?.strip_suffix('X').filter(|it| it.len() == 12)
}

#[cfg(test)]
mod tests {
    use crate::lab::ids::*;

    #[test]
    fn ids_have_the_services_shapes() {
        assert_eq!(role_id("arn:aws:iam::111122223333:role/app").len(), 21);
        assert_eq!(association_id("prod", "shop", "web").len(), 19);
        let uid = uid(&["Pod", "shop", "web"]);
        assert_eq!(uid.len(), 36);
        assert_eq!(uid.matches('-').count(), 4);
        let key = access_key("111122223333");
        assert_eq!((key.len(), account_of_key(&key)), (20, Some("111122223333")));
    }
}
