//! What is typed after `:`, and what could be meant by a part of it.

use crate::command::ViewKind;

/// A line that was understood. Names in it are as typed; whether they exist is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Show {
        view: ViewKind,
        /// `all` and nothing differ: `Some(None)` is all namespaces, `None` leaves the scope as it is.
        namespace: Option<Option<String>>,
        /// What followed `/`, `-f` or `-l`, as the filter prompt takes it.
        filter: Option<String>,
        /// What followed `@`: the context to look in.
        context: Option<String>,
    },
    Context(String),
    Profile(String),
    Login,
    /// With the text to explain, or empty: ask for it.
    Explain(String),
    /// Stop as a job of the shell; `fg` comes back.
    Suspend,
    /// Turn the mouse on or off.
    Mouse,
    /// What was written, and what puts it back.
    Undo,
    /// Lead the selected ServiceAccount there: `irsa`, `pod-identity`, `migrate`, or empty.
    Goal(String),
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

/// The words that are no views.
pub const OTHERS: [(&str, &str); 8] = [
    ("undo", "what was written from here, and what puts it back"),
    ("goal", "lead the ServiceAccount to a whole identity: irsa, pod-identity, migrate"),
    ("login", "run the login command, with the screen out of its way"),
    ("explain", "which error a text is, and whose it may be; or paste it anywhere"),
    ("suspend", "stop as a job of the shell; fg comes back"),
    ("mouse", "leave the mouse to the terminal, or take it again"),
    ("help", "the keys"),
    ("quit", "leave"),
];

/// `:sa`, `:sa NS`, `:pods NS /PATTERN`, `:pods -f FUZZY`, `:pods app=web`, `:pods @CONTEXT`, `:ctx NAME`, `:ns NAME`,
/// `:login`, `:q`, ….
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
        "suspend" => Line::Suspend,
        "mouse" => Line::Mouse,
        "undo" | "journal" => Line::Undo,
        "goal" => Line::Goal(rest.to_owned()),
        "explain" => Line::Explain(rest.to_owned()),
        // The main list is such a tree.
        "xray" | "xr" | "x" if !rest.is_empty() => return parse_line(rest),
        word => match (ViewKind::named(word), rest) {
            (None, _) => return Err(NotACommand::Unknown(word.to_owned())),
            (Some(ViewKind::Contexts), name) if is_name(name) => Line::Context(name.to_owned()),
            (Some(ViewKind::Profiles), name) if is_name(name) => Line::Profile(name.to_owned()),
            (Some(ViewKind::Namespaces), name) if is_name(name) => Line::Show {
                view: ViewKind::Identities,
                namespace: Some(scope(name)),
                filter: None,
                context: None,
            },
            (Some(view), rest) => show(view, rest)?,
        },
    };
    Ok(line)
}

fn show(view: ViewKind, rest: &str) -> Result<Line, NotACommand> {
    let (mut namespace, mut context, mut filter) = (None, None, None);
    let mut rest = rest.trim_start();
    while !rest.is_empty() {
        // Whatever follows is the filter's, spaces included.
        if let Some(it) = rest.strip_prefix('/') {
            filter = Some(it.to_owned());
            break;
        }
        if is_flag(rest, "-f") || is_flag(rest, "-l") {
            filter = Some(rest.to_owned());
            break;
        }
        let (word, more) = next_word(rest);
        rest = more;
        if let Some(name) = word.strip_prefix('@').filter(|it| !it.is_empty()) {
            context = Some(name.to_owned());
        } else if word.contains('=') || word.contains(' ') {
            filter = Some(format!("-l {word}"));
        } else if namespace.is_none() {
            namespace = Some(word);
        } else {
            return Err(NotACommand::TooMany(word.to_owned()));
        }
    }
    if namespace.is_some() && !view.has_namespaces() {
        return Err(NotACommand::NoNamespaces { view: view.title() });
    }
    Ok(Line::Show { view, namespace: namespace.map(scope), filter, context })
}

fn is_flag(rest: &str, flag: &str) -> bool {
    rest.strip_prefix(flag).is_some_and(|it| it.is_empty() || it.starts_with(char::is_whitespace))
}

/// The first word without the quotes around it, and what follows.
fn next_word(text: &str) -> (&str, &str) {
    if let Some(inner) = text.strip_prefix('\'')
        && let Some((word, rest)) = inner.split_once('\'')
    {
        return (word, rest.trim_start());
    }
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['/', '-'])
}

fn scope(name: &str) -> Option<String> {
    (!matches!(name, "all" | "*")).then(|| name.to_owned())
}

/// The names that a line can be completed with.
#[derive(Clone, Debug, Default)]
pub struct Known<'a> {
    pub namespaces: Vec<&'a str>,
    pub contexts: Vec<&'a str>,
    pub profiles: Vec<&'a str>,
}

/// What would complete the line: the rest of it, `None` when nothing fits or it is complete.
///
/// The first word completes to a view or command, a further one to a namespace, context or profile.
pub fn suggest(text: &str, known: &Known<'_>) -> Option<String> {
    let rest = |candidate: &str, typed: &str| {
        candidate.strip_prefix(typed).filter(|it| !it.is_empty()).map(str::to_owned)
    };
    let among = |them: &[&str], typed: &str| them.iter().find_map(|it| rest(it, typed));
    let Some((word, typed)) = text.split_once(' ') else {
        if text.is_empty() {
            return None;
        }
        let views = ViewKind::ALL.into_iter().flat_map(|it| it.aliases().iter().copied());
        let others = OTHERS.iter().map(|(it, _)| *it);
        return views.chain(others).find_map(|it| rest(it, text));
    };
    if word == "goal" {
        return among(&["irsa", "pod-identity", "migrate"], typed);
    }
    let view = ViewKind::named(word)?;
    match view {
        ViewKind::Contexts => among(&known.contexts, typed),
        ViewKind::Profiles => among(&known.profiles, typed),
        _ if typed.is_empty() => None,
        _ => match typed.strip_prefix('@') {
            Some(typed) => among(&known.contexts, typed),
            None if view.has_namespaces() || view == ViewKind::Namespaces => {
                among(&known.namespaces, typed)
            }
            None => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::command::{Known, Line, NotACommand, ViewKind, parse_line, suggest};

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
            context: None,
        })
    }

    #[test]
    fn lines() {
        check("", Ok(Line::Nothing));
        check(" : ", Ok(Line::Nothing));
        check("q", Ok(Line::Quit));
        check(":q!", Ok(Line::Quit));
        check("suspend", Ok(Line::Suspend));
        check("sa", show(ViewKind::Identities, None, None));
        check(":SA default", show(ViewKind::Identities, Some(Some("default")), None));
        check("ServiceAccount", show(ViewKind::Identities, None, None));
        check("v1/serviceaccounts shop", show(ViewKind::Identities, Some(Some("shop")), None));
        check("xray sa shop", show(ViewKind::Identities, Some(Some("shop")), None));
        check("sa all", show(ViewKind::Identities, Some(None), None));
        check("pods shop /web-1", show(ViewKind::Pods, Some(Some("shop")), Some("web-1")));
        check("pod /fred", show(ViewKind::Pods, None, Some("fred")));
        check("pods /a/b", show(ViewKind::Pods, None, Some("a/b")));
        check("pods /a b -f c", show(ViewKind::Pods, None, Some("a b -f c")));
        check("pods kube-system", show(ViewKind::Pods, Some(Some("kube-system")), None));
        check("pods -f wb", show(ViewKind::Pods, None, Some("-f wb")));
        check("sa my-f", show(ViewKind::Identities, Some(Some("my-f")), None));
        check(
            "pods kube-system -f wb",
            show(ViewKind::Pods, Some(Some("kube-system")), Some("-f wb")),
        );
        check("pods app=x,env=y", show(ViewKind::Pods, None, Some("-l app=x,env=y")));
        check("pods shop app=x", show(ViewKind::Pods, Some(Some("shop")), Some("-l app=x")));
        check("pods 'app in (a,b)'", show(ViewKind::Pods, None, Some("-l app in (a,b)")));
        check("pods -l app!=x", show(ViewKind::Pods, None, Some("-l app!=x")));
        check(
            "pods shop @stage",
            Ok(Line::Show {
                view: ViewKind::Pods,
                namespace: Some(Some("shop".into())),
                filter: None,
                context: Some("stage".into()),
            }),
        );
        check("ns", show(ViewKind::Namespaces, None, None));
        check("ns shop", show(ViewKind::Identities, Some(Some("shop")), None));
        check("ns /sh", show(ViewKind::Namespaces, None, Some("sh")));
        check("ctx", show(ViewKind::Contexts, None, None));
        check("ctx arn:aws:eks:x cluster", Ok(Line::Context("arn:aws:eks:x cluster".into())));
        check("ctx /sta", show(ViewKind::Contexts, None, Some("sta")));
        check("profile audit", Ok(Line::Profile("audit".into())));
        check("undo", Ok(Line::Undo));
        check("goal migrate", Ok(Line::Goal("migrate".into())));
        check("a", show(ViewKind::Aliases, None, None));
        check(
            "explain InvalidIdentityToken: No OpenIDConnect",
            Ok(Line::Explain("InvalidIdentityToken: No OpenIDConnect".into())),
        );
        check("roles shop", Err(NotACommand::NoNamespaces { view: "roles" }));
        check("pods a b", Err(NotACommand::TooMany("b".into())));
        check("deploy", Err(NotACommand::Unknown("deploy".into())));
        check("apps/v1/deployments", Err(NotACommand::Unknown("apps/v1/deployments".into())));
        check("xray", Err(NotACommand::Unknown("xray".into())));
    }

    #[test]
    fn suggestions() {
        let known = Known {
            namespaces: vec!["kube-system", "shop"],
            contexts: vec!["prod", "stage"],
            profiles: vec!["audit"],
        };
        let case = |text: &str, expected: Option<&str>| {
            assert_eq!(suggest(text, &known).as_deref(), expected, "{text}");
        };
        case("", None);
        case("ro", Some("les"));
        case("roles", None);
        case("lo", Some("gin"));
        case("ctx p", Some("rod"));
        case("ctx ", Some("prod"));
        case("profile a", Some("udit"));
        case("sa k", Some("ube-system"));
        case("sa @st", Some("age"));
        case("sa ", None);
        case("ns sh", Some("op"));
        case("roles s", None);
        case("goal m", Some("igrate"));
    }
}
