//! The 36 runtime error texts that everything is normalised to (E01–E36).

/// A runtime error, as workloads, agents and API servers print it. Numbers are those of the reference manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signature(u8);

impl Signature {
    pub const E01: Signature = Signature(1);
    pub const E02: Signature = Signature(2);
    pub const E05: Signature = Signature(5);
    pub const E06: Signature = Signature(6);
    pub const E07: Signature = Signature(7);
    pub const E11: Signature = Signature(11);
    pub const E12: Signature = Signature(12);
    pub const E13: Signature = Signature(13);
    pub const E14: Signature = Signature(14);
    pub const E16: Signature = Signature(16);
    pub const E18: Signature = Signature(18);
    pub const E19: Signature = Signature(19);
    pub const E20: Signature = Signature(20);
    pub const E27: Signature = Signature(27);
    pub const E32: Signature = Signature(32);

    /// `None` outside 1..=36.
    pub const fn new(number: u8) -> Option<Signature> {
        if 1 <= number && number <= 36 { Some(Signature(number)) } else { None }
    }

    pub const fn number(self) -> u8 {
        self.0
    }

    pub fn all() -> impl Iterator<Item = Signature> {
        (1..=36).map(Signature)
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "E{:02}", self.0)
    }
}
