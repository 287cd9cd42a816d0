//! The few encodings that both endpoints need: base64 and query strings.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// With padding (RFC 4648 section 4).
pub fn base64(bytes: &[u8]) -> String {
    let mut res = encode(bytes, STANDARD);
    while !res.len().is_multiple_of(4) {
        res.push('=');
    }
    res
}

/// Without padding (RFC 4648 section 5), as in JSON web tokens.
pub fn base64_url(bytes: &[u8]) -> String {
    encode(bytes, URL)
}

fn encode(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut res = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * i)) & 63;
            res.push(char::from(alphabet[index as usize]));
        }
    }
    res
}

/// Either alphabet, padding or not; `None` for another character.
pub fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let mut res = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut n_bits) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = STANDARD.iter().position(|it| *it == byte);
        let value = value.or_else(|| URL.iter().position(|it| *it == byte))?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            res.push(((bits >> n_bits) & 255) as u8);
        }
    }
    Some(res)
}

/// The decoded pairs of a query string or of a form.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|it| !it.is_empty());
        Query(
            pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (percent_decode(key), percent_decode(value))
                })
                .collect(),
        )
    }

    /// The first value of `key` unless it is empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(it, _)| it == key).map(|(_, it)| &**it);
        found.filter(|it| !it.is_empty())
    }

    /// As `get`, an empty value included.
    pub fn raw(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == key).map(|(_, it)| &**it)
    }

    pub fn is_true(&self, key: &str) -> bool {
        self.raw(key).is_some_and(|it| matches!(it, "" | "1" | "true" | "True"))
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

/// `+` is a space, `%41` is `A`; what is no escape stays.
pub fn percent_decode(text: &str) -> String {
    let mut res = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        match (byte, hex.and_then(|it| u8::from_str_radix(it, 16).ok())) {
            (b'%', Some(it)) => {
                res.push(it);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => res.push(b' '),
            (other, _) => res.push(*other),
        }
        rest = after;
    }
    String::from_utf8_lossy(&res).into_owned()
}

/// RFC 3986: everything but unreserved characters.
pub fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|it| match it {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(it).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::lab::encode::*;

    #[test]
    fn base64_goes_there_and_back() {
        for (plain, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(plain.as_bytes()), encoded);
            assert_eq!(base64_decode(encoded).unwrap(), plain.as_bytes());
        }
        assert_eq!(base64_url(&[255, 254]), "__4");
        assert_eq!(base64_decode("__4").unwrap(), [255, 254]);
        assert_eq!(base64_decode("a b"), None);
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("a=1+2&b=%7B%22x%22%7D&watch&c=");
        assert_eq!(query.get("a"), Some("1 2"));
        assert_eq!(query.get("b"), Some("{\"x\"}"));
        assert!(query.is_true("watch"));
        assert_eq!((query.get("c"), query.raw("c")), (None, Some("")));
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode(&percent_encode("a b/ü")), "a b/ü");
    }
}
