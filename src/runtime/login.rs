//! The login command, with the terminal to itself.

use std::process::Stdio;
use tokio::process::Command;

/// Runs the command to its end. Says whether it succeeded, and in a line why not.
///
/// No shell takes part: a profile's name comes from a file and is one word, whatever is in it.
pub async fn run(command: &str, env: &[(String, String)]) -> (bool, String) {
    let words = words(command);
    let Some((program, arguments)) = words.split_first() else {
        return (false, "the login command is empty".into());
    };
    let mut child = Command::new(program);
    child.args(arguments).stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    child.envs(env.iter().map(|(name, value)| (name, value)));
    match child.status().await {
        Ok(it) if it.success() => (true, String::new()),
        Ok(it) => (false, format!("`{program}` ended with {it}")),
        Err(error) => (false, format!("`{program}` could not be run: {error}")),
    }
}

/// Words as a shell splits them, with single and double quotes and nothing else of a shell.
fn words(command: &str) -> Vec<String> {
    let mut res = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for it in command.chars() {
        match (quote, it) {
            (Some(open), it) if it == open => quote = None,
            (Some(_), it) => word.get_or_insert_default().push(it),
            (None, '\'' | '"') => {
                quote = Some(it);
                word.get_or_insert_default();
            }
            (None, it) if it.is_whitespace() => res.extend(word.take()),
            (None, it) => word.get_or_insert_default().push(it),
        }
    }
    res.extend(word);
    res
}

#[cfg(test)]
mod tests {
    use crate::runtime::login::{run, words};

    #[test]
    fn splits_as_a_shell_does() {
        let check = |text: &str, expected: &[&str]| assert_eq!(words(text), expected, "{text}");
        check("aws sso login --profile prod", &["aws", "sso", "login", "--profile", "prod"]);
        check(
            "aws sso login --profile 'my prod'",
            &["aws", "sso", "login", "--profile", "my prod"],
        );
        check("a \"b c\"d ''", &["a", "b cd", ""]);
        check("echo $(id); ls", &["echo", "$(id);", "ls"]);
        check("  ", &[]);
    }

    #[tokio::test]
    async fn says_why_it_failed() {
        assert_eq!(run("true", &[]).await, (true, String::new()));
        let (ok, why) = run("false", &[]).await;
        assert!(!ok && why.contains("exit status"), "{why}");
        let (ok, why) = run("/nowhere/at-all", &[]).await;
        assert!(!ok && why.contains("could not be run"), "{why}");
    }
}
