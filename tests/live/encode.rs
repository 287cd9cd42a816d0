//! Base64 as etcd's gateway and JSON web tokens want it.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// RFC 4648 section 4, with padding.
pub fn base64(text: &str) -> String {
    let mut res = encode(text, STANDARD);
    while !res.len().is_multiple_of(4) {
        res.push('=');
    }
    res
}

/// RFC 4648 section 5, without padding.
pub fn base64_url(text: &str) -> String {
    encode(text, URL)
}

/// What [`base64_url`] made; `None` where the text is none of it.
pub fn from_base64_url(text: &str) -> Option<String> {
    let (mut bits, mut n_bits, mut res) = (0_u32, 0, Vec::new());
    for it in text.bytes() {
        let digit = URL.iter().position(|digit| *digit == it)?;
        bits = (bits << 6) | u32::try_from(digit).ok()?;
        n_bits += 6;
        if 8 <= n_bits {
            n_bits -= 8;
            res.push(u8::try_from((bits >> n_bits) & 255).ok()?);
        }
    }
    String::from_utf8(res).ok()
}

fn encode(text: &str, digits: &[u8; 64]) -> String {
    let mut res = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |acc, it| (acc << 8) | u32::from(*it))
            << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * i)) & 63;
            res.push(char::from(digits[index as usize]));
        }
    }
    res
}
