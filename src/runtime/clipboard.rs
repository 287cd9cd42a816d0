//! The clipboard by OSC 52, which works over SSH: the terminal does it, not this machine.

use std::io::{self, Write};

/// What terminals take; beyond it some hang and others cut.
const MAX_ENCODED: usize = 74_994;

#[derive(Debug, thiserror::Error)]
pub enum ClipboardError {
    /// Not retryable: the text has to be shorter.
    #[error("it is longer than terminals take")]
    TooLong,
    #[error("the terminal did not take it")]
    Terminal(#[from] io::Error),
}

/// Hands the text to the terminal. Whether it obeyed cannot be known.
pub fn copy(text: &str, env: &[(String, String)]) -> Result<(), ClipboardError> {
    let is_set = |name: &str| env.iter().any(|(it, value)| it == name && !value.is_empty());
    let is_screen = env.iter().any(|(it, value)| it == "TERM" && value.starts_with("screen"));
    let sequence = sequence(text, is_set("TMUX"), is_screen)?;
    let mut out = io::stdout().lock();
    out.write_all(sequence.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn sequence(text: &str, in_tmux: bool, in_screen: bool) -> Result<String, ClipboardError> {
    let encoded = base64(text.as_bytes());
    if MAX_ENCODED < encoded.len() {
        return Err(ClipboardError::TooLong);
    }
    let plain = format!("\x1b]52;c;{encoded}\x07");
    Ok(match (in_tmux, in_screen) {
        // Both hand on what is wrapped so; inside of it an escape is written twice in tmux.
        (true, _) => format!("\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b")),
        (false, true) => format!("\x1bP{plain}\x1b\\"),
        (false, false) => plain,
    })
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut res = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let get = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let word = get(0) << 16 | get(1) << 8 | get(2);
        for at in 0..4 {
            let digit = (word >> (18 - 6 * at)) & 63;
            res.push(if at <= chunk.len() { char::from(DIGITS[digit as usize]) } else { '=' });
        }
    }
    res
}

#[cfg(test)]
mod tests {
    use crate::runtime::clipboard::{base64, sequence};

    #[test]
    fn encodes_as_rfc_4648_does() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            ("✔", "4pyU"),
        ] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[test]
    fn multiplexers_hand_it_on() {
        assert_eq!(sequence("f", false, false).unwrap(), "\x1b]52;c;Zg==\x07");
        assert_eq!(sequence("f", true, true).unwrap(), "\x1bPtmux;\x1b\x1b]52;c;Zg==\x07\x1b\\");
        assert_eq!(sequence("f", false, true).unwrap(), "\x1bP\x1b]52;c;Zg==\x07\x1b\\");
        assert!(sequence(&"x".repeat(60_000), false, false).is_err());
    }
}
