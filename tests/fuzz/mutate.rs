//! Changes inputs blindly: bytes, runs, numbers, words of the language, pieces of other inputs.

use crate::rng::Rng;

/// Bytes that mean something to most formats.
const SHARP: &[u8] = b"\0\n\r\t \"'\\/{}[]()<>:;,.*?$#&%@!=+-_|~`\x1b\x7f\xc0\xff";

pub struct Mutator {
    words: &'static [&'static str],
    inputs: Vec<Vec<u8>>,
}

impl Mutator {
    pub fn new(words: &'static [&'static str]) -> Mutator {
        Mutator { words, inputs: vec![Vec::new()] }
    }

    pub fn add(&mut self, input: Vec<u8>) {
        self.inputs.push(input);
    }

    /// One input of at most `longest` bytes.
    pub fn make(&self, rng: &mut Rng, longest: usize) -> Vec<u8> {
        let mut res = rng.pick(&self.inputs).clone();
        let most = if rng.percent(50) { 2 } else { 5 };
        for _ in 0..1 << rng.below(most) {
            self.change(&mut res, rng, longest);
            res.truncate(longest);
        }
        res
    }

    fn change(&self, it: &mut Vec<u8>, rng: &mut Rng, longest: usize) {
        let at = rng.below(it.len() + 1);
        let most = 1 << rng.below(10);
        let end = (at + 1 + rng.below(most)).min(it.len());
        match rng.below(12) {
            0 if at < it.len() => it[at] ^= 1 << rng.below(8),
            1 if at < it.len() => it[at] = *rng.pick(SHARP),
            2 => it.insert(at, *rng.pick(SHARP)),
            3 if at < end => drop(it.drain(at..end)),
            4 | 5 => drop(it.splice(at..at, rng.pick(self.words).bytes())),
            6 if at < end => drop(it.splice(at..end, rng.pick(self.words).bytes())),
            // A piece again and again: what takes more than its share of time shows here.
            7 | 8 if at < end => {
                let piece = it[at..end].to_vec();
                let room = longest.saturating_sub(it.len()) / piece.len();
                let most = 1 << rng.below(14);
                let times = rng.below(room.min(most) + 1);
                drop(it.splice(at..at, piece.repeat(times)));
            }
            9 => {
                let other = rng.pick(&self.inputs);
                let from = rng.below(other.len() + 1);
                let to = from + rng.below(other.len() - from + 1);
                drop(it.splice(at..end.max(at), other[from..to].iter().copied()));
            }
            10 => {
                let number =
                    *rng.pick(&["0", "-1", "1e999", "18446744073709551616", "0.1", "1e-400"]);
                drop(it.splice(at..at, number.bytes()));
            }
            _ => {
                let c = *rng
                    .pick(&['é', '\u{feff}', '\u{202e}', '漢', '🦀', '\u{0}', '\u{a0}', 'İ', 'ß']);
                let mut utf8 = [0; 4];
                drop(it.splice(at..at, c.encode_utf8(&mut utf8).bytes()));
            }
        }
    }
}
