//! What is typed after `:`, and what could be meant by a part of it.

use crate::command::ViewKind;

/// A line that was understood. Names in it are as typed; whether they exist is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Show {
        view: ViewKind,
        /// `all` and nothing differ: `Some(None)` is all namespaces, `None` leaves the scope as it is.
        namespace: Option<Option<String>>,
        /// What followed `/` or `-f`, as the filter prompt takes it.
        filter: Option<String>,
    },
    Context(String),
    Login,
    /// With the text to explain, or empty: ask for it.
    Explain(String),
    Help,
    Quit,
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACommand {
    #[error("no view or command is called `{0}`")]
    Unknown(String),
    #[error("`{view}` has no namespaces")]
    NoNamespaces { view: &'static str },
    #[error("one namespace at a time: `{0}` is left over")]
    TooMany(String),
}

/// `:sa`, `:sa NS`, `:pods NS /PATTERN`, `:pods -f FUZZY`, `:ctx NAME`, `:ns NAME`, `:login`, `:q`, ….
///
/// A leading `:` is accepted, so that `--command ':sa default'` and `--command sa` are the same.
pub fn parse_line(text: &str) -> Result<Line, NotACommand> {
    let text = text.trim().trim_start_matches(':').trim_start();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let line = match word {
        "" => Line::Nothing,
        "q" | "q!" | "qa" | "Q" | "quit" | "exit" => Line::Quit,
        "h" | "?" | "help" => Line::Help,
        "login" => Line::Login,
        "explain" => Line::Explain(rest.to_owned()),
        word => {
            let lower = word.to_ascii_lowercase();
            let view = ViewKind::ALL.into_iter().find(|it| it.aliases().contains(&&*lower));
            match (view, rest) {
                (None, _) => return Err(NotACommand::Unknown(word.to_owned())),
                (Some(ViewKind::Contexts), name) if !name.is_empty() => {
                    Line::Context(name.to_owned())
                }
                (Some(ViewKind::Namespaces), name) if is_name(name) => Line::Show {
                    view: ViewKind::Identities,
                    namespace: Some(scope(name)),
                    filter: None,
                },
                (Some(view), rest) => show(view, rest)?,
            }
        }
    };
    Ok(line)
}

fn show(view: ViewKind, rest: &str) -> Result<Line, NotACommand> {
    let fuzzy = rest.match_indices("-f").find(|(at, _)| ends_word(&rest[..*at])).map(|(at, _)| at);
    let (names, filter) = match (rest.find('/'), fuzzy) {
        (Some(at), fuzzy) if fuzzy.is_none_or(|it| at < it) => (&rest[..at], Some(&rest[at + 1..])),
        (_, Some(at)) => (&rest[..at], Some(&rest[at..])),
        (_, None) => (rest, None),
    };
    let filter = filter.map(str::to_owned);
    let mut it = names.split_whitespace();
    let namespace = it.next();
    if let Some(more) = it.next() {
        return Err(NotACommand::TooMany(more.to_owned()));
    }
    if namespace.is_some() && !view.has_namespaces() {
        return Err(NotACommand::NoNamespaces { view: view.title() });
    }
    Ok(Line::Show { view, namespace: namespace.map(scope), filter })
}

fn ends_word(before: &str) -> bool {
    before.is_empty() || before.ends_with(char::is_whitespace)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['/', '-'])
}

fn scope(name: &str) -> Option<String> {
    (!matches!(name, "all" | "*")).then(|| name.to_owned())
}

/// What would complete the line: the rest of it, `None` when nothing fits or it is complete.
///
/// The first word completes to a view or command, a further one to a namespace or context.
pub fn suggest<'a>(
    text: &str,
    namespaces: impl Iterator<Item = &'a str>,
    contexts: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let rest = |candidate: &str, typed: &str| {
        candidate.strip_prefix(typed).filter(|it| !it.is_empty()).map(str::to_owned)
    };
    let Some((word, typed)) = text.split_once(' ') else {
        if text.is_empty() {
            return None;
        }
        let others = ["login", "explain", "help", "quit"];
        let views = ViewKind::ALL.into_iter().flat_map(|it| it.aliases().iter().copied());
        return views.chain(others).find_map(|it| rest(it, text));
    };
    let is = |view: ViewKind| view.aliases().contains(&word);
    if is(ViewKind::Contexts) {
        let mut contexts = contexts;
        return contexts.find_map(|it| rest(it, typed));
    }
    let scoped = ViewKind::ALL.into_iter().any(|it| it.has_namespaces() && is(it));
    if scoped || is(ViewKind::Namespaces) {
        let mut namespaces = namespaces;
        return namespaces.find_map(|it| rest(it, typed)).filter(|_| !typed.is_empty());
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::command::{Line, NotACommand, ViewKind, parse_line, suggest};

    fn check(text: &str, expected: Result<Line, NotACommand>) {
        assert_eq!(parse_line(text), expected, "{text}");
    }

    fn show(
        view: ViewKind,
        namespace: Option<Option<&str>>,
        filter: Option<&str>,
    ) -> Result<Line, NotACommand> {
        Ok(Line::Show {
            view,
            namespace: namespace.map(|it| it.map(str::to_owned)),
            filter: filter.map(str::to_owned),
        })
    }

    #[test]
    fn lines() {
        check("", Ok(Line::Nothing));
        check(" : ", Ok(Line::Nothing));
        check("q", Ok(Line::Quit));
        check(":q!", Ok(Line::Quit));
        check("sa", show(ViewKind::Identities, None, None));
        check(":SA default", show(ViewKind::Identities, Some(Some("default")), None));
        check("sa all", show(ViewKind::Identities, Some(None), None));
        check("pods shop /web-1", show(ViewKind::Pods, Some(Some("shop")), Some("web-1")));
        check("pods /a/b", show(ViewKind::Pods, None, Some("a/b")));
        check("pods kube-system", show(ViewKind::Pods, Some(Some("kube-system")), None));
        check("pods -f wb", show(ViewKind::Pods, None, Some("-f wb")));
        check(
            "pods kube-system -f wb",
            show(ViewKind::Pods, Some(Some("kube-system")), Some("-f wb")),
        );
        check("ns", show(ViewKind::Namespaces, None, None));
        check("ns shop", show(ViewKind::Identities, Some(Some("shop")), None));
        check("ns /sh", show(ViewKind::Namespaces, None, Some("sh")));
        check("ctx", show(ViewKind::Contexts, None, None));
        check("ctx arn:aws:eks:x cluster", Ok(Line::Context("arn:aws:eks:x cluster".into())));
        check(
            "explain InvalidIdentityToken: No OpenIDConnect",
            Ok(Line::Explain("InvalidIdentityToken: No OpenIDConnect".into())),
        );
        check("roles shop", Err(NotACommand::NoNamespaces { view: "roles" }));
        check("pods a b", Err(NotACommand::TooMany("b".into())));
        check("deploy", Err(NotACommand::Unknown("deploy".into())));
    }

    #[test]
    fn suggestions() {
        let case = |text: &str, expected: Option<&str>| {
            let got =
                suggest(text, ["kube-system", "shop"].into_iter(), ["prod", "stage"].into_iter());
            assert_eq!(got.as_deref(), expected, "{text}");
        };
        case("", None);
        case("ro", Some("les"));
        case("roles", None);
        case("lo", Some("gin"));
        case("ctx p", Some("rod"));
        case("ctx ", Some("prod"));
        case("sa k", Some("ube-system"));
        case("sa ", None);
        case("ns sh", Some("op"));
        case("roles s", None);
    }
}
