//! Convenient ways to read policies and evaluations. Decides nothing.

use crate::{
    iam::{
        Clause, Condition, Decision, Effect, Evaluation, Invalid, Operator, Part, Policy,
        Principal, Statement, StatementTrace, Truth,
    },
    ident::Text,
};
use std::fmt;

impl Policy {
    /// Every condition with the index of its statement, in document order.
    pub fn conditions(&self) -> impl Iterator<Item = (usize, &Condition)> {
        self.statements
            .iter()
            .enumerate()
            .flat_map(|(index, it)| it.conditions.iter().map(move |it| (index, it)))
    }

    /// Those of `conditions` whose key ends so, without regard to ASCII case: `:sub`, `:aud`.
    pub fn conditions_on<'a>(
        &'a self,
        suffix: &'a str,
    ) -> impl Iterator<Item = (usize, &'a Condition)> {
        self.conditions().filter(move |(_, it)| it.key_prefix(suffix).is_some())
    }

    /// The first federated principal that IAM does not store (`Federated principals must be valid domain names or SAML
    /// metadata ARNs`).
    pub fn refused_federated(&self) -> Option<&str> {
        let is_taken =
            |it: &str| it.starts_with("arn:") || it.contains('.') && !it.contains(['/', ':']);
        let all = self.statements.iter().flat_map(Statement::principals);
        let mut federated = all.filter(|(kind, _)| *kind == "Federated").map(|(_, it)| it);
        federated.find(|it| !is_taken(it))
    }
}

impl Statement {
    /// Every principal as `(type, value)`; the lone `*` is `("AWS", "*")`, which means the same.
    pub fn principals(&self) -> impl Iterator<Item = (&str, &str)> {
        let (everyone, listed) = match &self.principal {
            None => (None, &[][..]),
            Some(Principal::Everyone) => (Some(("AWS", "*")), &[][..]),
            Some(Principal::Listed(types)) => (None, &types[..]),
        };
        let listed = listed.iter().flat_map(|(kind, values): &(Text, Vec<Text>)| {
            values.iter().map(move |it| (&**kind, &**it))
        });
        everyone.into_iter().chain(listed)
    }
}

impl Condition {
    /// `None` for an operator that IAM does not document; conditions with it are unknown.
    pub fn parsed_operator(&self) -> Option<Operator> {
        Operator::parse(&self.operator)
    }

    /// What stands before `suffix` in the key (for `:sub`, the issuer), without regard to ASCII case. `None` when
    /// the key does not end so.
    pub fn key_prefix(&self, suffix: &str) -> Option<&str> {
        let at = self.key.len().checked_sub(suffix.len())?;
        let tail = self.key.get(at..)?;
        tail.eq_ignore_ascii_case(suffix).then(|| &self.key[..at])
    }
}

impl Evaluation {
    /// The statements that make the decision what it is: the matching ones, the undecidable ones for `Unknown`, and
    /// for an implicit deny the Allows that fail in the fewest clauses.
    pub fn deciding(&self) -> Vec<&StatementTrace> {
        let all = self.statements.iter();
        let by = |effect, truth| {
            all.clone().filter(move |it| (it.effect, it.matches) == (effect, truth))
        };
        match self.decision {
            Decision::Allow => by(Effect::Allow, Truth::True).collect(),
            Decision::ExplicitDeny => by(Effect::Deny, Truth::True).collect(),
            // An undecidable Allow does not matter beside a sure one.
            Decision::Unknown => {
                let denies: Vec<_> = by(Effect::Deny, Truth::Unknown).collect();
                let sure = by(Effect::Allow, Truth::True).next().is_some();
                let allows = by(Effect::Allow, Truth::Unknown).filter(|_| !sure);
                allows.chain(denies).collect()
            }
            Decision::ImplicitDeny => {
                let allows = all.filter(|it| it.effect == Effect::Allow);
                let fewest = allows.clone().map(|it| it.failing().count()).min();
                allows.filter(|it| Some(it.failing().count()) == fewest).collect()
            }
        }
    }
}

impl StatementTrace {
    /// The clauses that are false for sure.
    pub fn failing(&self) -> impl Iterator<Item = &Clause> {
        self.clauses.iter().filter(|it| it.truth == Truth::False)
    }
}

impl fmt::Display for Part {
    /// The path in the statement: `NotAction`, `Condition.StringEquals[oidc.example/id/A:sub]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Action { negated: false } => f.write_str("Action"),
            Part::Action { negated: true } => f.write_str("NotAction"),
            Part::Principal => f.write_str("Principal"),
            Part::Resource { negated: false } => f.write_str("Resource"),
            Part::Resource { negated: true } => f.write_str("NotResource"),
            Part::Condition { operator, key } => write!(f, "Condition.{operator}[{key}]"),
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "at `{}`: ", self.path)?;
        }
        f.write_str(&self.reason)
    }
}

#[cfg(test)]
mod tests {
    use crate::iam::{Document, Kind, Test};

    #[test]
    fn conditions_are_found_by_the_end_of_their_key() {
        let raw = r#"{"Statement":[
            {"Effect":"Allow","Principal":"*","Action":"a","Condition":{
                "StringLike":{"é:SUB":"x","i:aud":"y"},"Odd":{":sub":"z"},"Bool":{"sub":"t"}}},
            {"Effect":"Deny","Principal":"*","Action":"a","Condition":{"StringEquals":{"j:sub":"w"}}}]}"#;
        let policy = Document::parse(raw, Kind::Trust).parsed.unwrap();
        let found: Vec<_> = policy
            .conditions_on(":sub")
            .map(|(index, it)| {
                (index, it.key_prefix(":sub").unwrap(), it.parsed_operator().map(|it| it.test))
            })
            .collect();
        assert_eq!(
            found,
            [(0, "é", Some(Test::StringLike)), (0, "", None), (1, "j", Some(Test::StringEquals)),]
        );
    }
}
