//! What stands in a list that has no rows.

use crate::{
    command::{Command, ViewKind},
    model::{Condition, Model},
    tree::Within,
    view::{
        Line, Tone,
        fit::{thousands, wrap},
        words::label,
    },
};

/// Why there are no rows, and what to do about it.
pub fn condition(model: &Model, room: usize, height: usize) -> Vec<Line> {
    let ask = &model.screen().ask;
    let what = noun(ask.view);
    let place = match &ask.within {
        Within::Everything => String::new(),
        Within::Namespace(it) => format!(" in {it}"),
        Within::Of(it) => format!(" of {}", label(it)),
    };
    let key = |it: Command| model.keymap().hint(it).unwrap_or_else(|| "–".into());
    let all = match &ask.within {
        Within::Namespace(_) => format!(" · {} looks everywhere", key(Command::AllNamespaces)),
        Within::Everything | Within::Of(_) => String::new(),
    };
    let mut res: Vec<(Tone, String)> = Vec::new();
    match model.condition() {
        Condition::Rows => {}
        Condition::Loading(0) => res.push((Tone::Info, format!("◐ reading {what}{place} …"))),
        Condition::Loading(n) => {
            res.push((Tone::Info, format!("◐ {what} {} so far …", thousands(n))));
        }
        Condition::NoMatch => {
            let text = format!(
                "nothing matches /{}/{place} · {} clears{all}",
                ask.filter.text(),
                key(Command::Back)
            );
            res.push((Tone::Plain, text));
            if ask.filter.is_of_labels() && !has_labels(ask.view) {
                let text = "pods, ServiceAccounts and namespaces have labels";
                res.push((Tone::Muted, text.into()));
            }
        }
        Condition::NoFaults { n_unknown } => {
            res.push((
                Tone::Success,
                format!("✔ nothing wrong{place} · {} shows all", key(Command::Faults)),
            ));
            if 0 < n_unknown {
                res.push((
                    Tone::Unknown,
                    format!("? {n_unknown} not known, which is not the same"),
                ));
            }
        }
        Condition::Empty if ask.view == ViewKind::Contexts => {
            res.push((
                Tone::Plain,
                "no contexts: KUBECONFIG or --kubeconfig names no file that has any".into(),
            ));
        }
        Condition::Empty if ask.view == ViewKind::Profiles => {
            res.push((
                Tone::Plain,
                "no profiles: neither AWS_CONFIG_FILE nor ~/.aws has any".into(),
            ));
        }
        Condition::Empty if ask.view == ViewKind::Findings => {
            res.push((Tone::Success, format!("✔ nothing wrong{place}{all}")));
        }
        Condition::Empty => res.push((Tone::Plain, format!("no {what}{place}{all}"))),
        Condition::Denied(it) => {
            res.push((Tone::Unknown, format!("? {} denied{}", it.permission, whom(model))));
            if !it.detail.is_empty() {
                res.push((Tone::Muted, it.detail.to_string()));
            }
            let text = format!(
                "verdicts that need it are unknown · {} copies what to ask for",
                key(Command::Copy)
            );
            res.push((Tone::Plain, text));
        }
        Condition::NoCluster(error) => {
            res.push((Tone::Error, format!("✖ no cluster: {error}")));
            res.push((Tone::Plain, format!("{}ctx chooses another context", key(Command::Prompt))));
        }
        Condition::Off(reason) => {
            res.push((Tone::Unknown, format!("? AWS is not read: {reason}")));
            let text = format!("{}profiles chooses another profile", key(Command::Prompt));
            res.push((Tone::Plain, text));
        }
        Condition::Expired { profile, login } => {
            res.push((Tone::Error, format!("✖ credentials of {profile} have expired")));
            res.push((Tone::Plain, format!("{}login runs {login}", key(Command::Prompt))));
        }
        Condition::Failed(error) => {
            res.push((Tone::Error, format!("✖ {what} could not be read: {error}")));
            res.push((Tone::Plain, "it is tried again".into()));
        }
    }
    let lines = res.into_iter().flat_map(|(tone, text)| {
        wrap(&text, room).into_iter().map(move |it| Line::of(tone, it)).collect::<Vec<_>>()
    });
    let mut lines: Vec<Line> = lines.collect();
    lines.truncate(height);
    lines
}

fn has_labels(view: ViewKind) -> bool {
    match view {
        ViewKind::Identities | ViewKind::Pods | ViewKind::Namespaces => true,
        ViewKind::Roles
        | ViewKind::Associations
        | ViewKind::Providers
        | ViewKind::Findings
        | ViewKind::Contexts
        | ViewKind::Profiles
        | ViewKind::Sources
        | ViewKind::Aliases => false,
    }
}

fn whom(model: &Model) -> String {
    match model.world().graph.caller() {
        crate::fact::Knowledge::Known(it) => {
            format!(" for {}", it.arn.name().unwrap_or(it.arn.as_str()))
        }
        crate::fact::Knowledge::Absent
        | crate::fact::Knowledge::Denied(_)
        | crate::fact::Knowledge::NotYet => String::new(),
    }
}

fn noun(view: ViewKind) -> &'static str {
    match view {
        ViewKind::Identities => "ServiceAccounts",
        ViewKind::Pods => "pods",
        ViewKind::Roles => "roles",
        ViewKind::Associations => "associations",
        ViewKind::Providers => "providers",
        ViewKind::Findings => "findings",
        ViewKind::Namespaces => "namespaces",
        ViewKind::Contexts => "contexts",
        ViewKind::Profiles => "profiles",
        ViewKind::Sources => "sources",
        ViewKind::Aliases => "aliases",
    }
}
