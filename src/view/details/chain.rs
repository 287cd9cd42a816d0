//! The chain of an identity: what asks for it, what carries it, and every hop of the verdict.

use crate::{
    check::{ContainerLine, Reach},
    fact::Knowledge,
    ident::{Ref, SaKey, Text},
    identity::{Carried, Hop, Judged, Mechanism, Outcome, Signature, Verdict, chain::Provider},
    tree::Standing,
    view::{
        Line, Span, Tone,
        badge::{glyph, of_outcome},
        details::Out,
        policy,
        words::{count, error_text, unknown},
    },
};

impl Out<'_> {
    pub(in crate::view) fn account(&mut self, key: &SaKey) {
        let world = self.model.world();
        let Some(identity) = world.ledger.identity(key) else {
            return self.text(Tone::Info, "not judged yet");
        };
        let decided = identity.judged.as_ref().and_then(|it| deciding(it));
        let explains_itself = decided.is_some_and(|(_, it)| it.evaluation.is_some());
        self.headline(&identity.verdict, (!explains_itself).then_some(&*identity.because));
        self.heading("Chain");
        self.pods_hop(key, identity.mechanism);
        let (mark, said) = match (world.graph.service_account(key), identity.exists) {
            (Knowledge::Known(it), _) if it.role_arn().is_some() => (Outcome::Pass, "annotated"),
            (Knowledge::Known(_), _) => (Outcome::Pass, "not annotated"),
            (_, Some(false)) => (Outcome::Fail, "does not exist"),
            (_, _) => (Outcome::Unknown, "not read"),
        };
        self.hop(of_outcome(mark), "sa", &format!("{key} · {said}"));
        match &identity.judged {
            Some(it) => self.hops(it),
            None => self.text(Tone::Muted, "nothing asks for an AWS identity"),
        }
        if let Some(it) = &identity.shadowed {
            self.heading("Annotation, which the association hides");
            self.text(verdict_tone(&it.verdict), &it.because);
        }
    }

    /// `because` is `None` where the chain below takes the deciding policy apart.
    fn headline(&mut self, verdict: &Verdict, because: Option<&str>) {
        let tone = match verdict {
            Verdict::None => return,
            Verdict::Deny(it) => {
                self.text(Tone::Muted, "Its pods print");
                self.indented(1, Tone::Error, &error_text(*it));
                Tone::Plain
            }
            Verdict::Unknown(_) => {
                self.text(Tone::Unknown, &unknown(verdict).unwrap_or_default());
                Tone::Plain
            }
            Verdict::Allow => Tone::Success,
        };
        if let Some(it) = because {
            self.text(tone, it);
        }
    }

    fn pods_hop(&mut self, key: &SaKey, mechanism: Mechanism) {
        let counts = self.model.world().ledger.counts(key);
        if counts.total == 0 {
            self.hop(("·", Tone::Muted), "no pods", "");
            return;
        }
        if mechanism == Mechanism::None {
            self.hop(("·", Tone::Muted), &count(counts.total, "pod"), "");
        } else {
            let all = counts.injected == counts.total;
            let mark = of_outcome(if all { Outcome::Pass } else { Outcome::Fail });
            let text = format!("{} of {} pods carry it", counts.injected, counts.total);
            self.hop(mark, &text, "");
        }
        let mut say = |n: u32, text: &str| {
            if 0 < n {
                self.detail(Tone::Plain, &format!("{n} {text}"));
            }
        };
        say(counts.stale, "started with another identity and need a restart");
        say(counts.node_role, "end with the node role");
        say(counts.fixed, "use static keys");
    }

    /// A line a hop; the one that decided is told in full, its policy clause by clause.
    fn hops(&mut self, judged: &Judged) {
        let decided = deciding(judged).map(|(at, _)| at);
        for (at, it) in judged.hops.iter().enumerate() {
            // That an ARN is one goes without saying.
            if it.what == "role ARN" && it.outcome == Outcome::Pass {
                continue;
            }
            self.hop(of_outcome(it.outcome), it.what, &short_name(&it.name));
            if Some(at) != decided {
                continue;
            }
            match &it.evaluation {
                None => self.detail(of_outcome(it.outcome).1, &it.detail),
                Some(evaluation) => {
                    let room = self.room.saturating_sub(2);
                    for mut line in policy::evaluation(evaluation, room) {
                        let edge = Span { text: "│ ".into(), tone: Tone::Muted };
                        line.spans.insert(0, edge);
                        self.lines.push(line);
                    }
                }
            }
        }
    }

    pub(in crate::view) fn pod(&mut self, namespace: &str, name: &str) {
        let world = self.model.world();
        let Some(pod) = world.graph.pod(namespace, name) else {
            return self.text(Tone::Muted, "gone");
        };
        let key = pod.service_account();
        self.pair("account", &key.to_string());
        if let Some(it) = world.graph.root_owner(pod) {
            self.pair("owner", &format!("{}/{}", it.kind.short(), it.name));
        }
        if let Some(it) = &pod.node {
            self.pair("node", it);
        }
        let phase = pod.waiting.as_deref().map_or(format!("{:?}", pod.phase), str::to_owned);
        self.pair("status", if pod.deleting { "terminating" } else { &phase });
        if let Some(it) = pod.printed.and_then(Signature::new) {
            self.text(Tone::Muted, "A container of it printed last");
            self.indented(1, Tone::Error, &error_text(it));
        }
        self.containers(namespace, name, None);
        if let Some(it) = world.ledger.identity(&key).and_then(|it| it.judged.as_ref()) {
            self.heading("Would it be granted");
            self.text(verdict_tone(&it.verdict), &it.because);
            self.hops(it);
        }
    }

    /// What each container was given and what it ends with.
    pub(in crate::view) fn containers(&mut self, namespace: &str, pod: &str, only: Option<&Text>) {
        let lines = self.model.world().ledger.containers(namespace, pod);
        let Some(lines) = lines else {
            self.text(Tone::Muted, "it has run to its end, or is not judged yet");
            return;
        };
        for it in lines.iter().filter(|it| only.is_none_or(|only| *only == it.container)) {
            self.container(it);
        }
    }

    fn container(&mut self, it: &ContainerLine) {
        self.heading(&format!("Container {}", it.container));
        self.pair("asked for", &short(&it.declared));
        self.pair("carries", &short(&it.effective));
        let (word, standing) = match (&it.chain.provider, it.reach) {
            (Provider::Static, _) => ("static keys", Standing::WrongId),
            (Provider::WebIdentity(_), _) => ("irsa", Standing::Healthy),
            (Provider::Container, _) => ("pod identity", Standing::Healthy),
            (Provider::NodeRole, Reach::Proven) => ("the node role", Standing::NodeRole),
            (Provider::NodeRole, Reach::NotKnown) => {
                ("the node role, if it can reach it", Standing::NodeRole)
            }
            (Provider::NodeRole, Reach::Blocked) => {
                ("nothing: metadata is out of reach", Standing::Undeclared)
            }
            (Provider::None, _) => ("nothing", Standing::Undeclared),
        };
        let standing = match (&it.declared, standing) {
            // What was asked for is not what it ends with.
            (Carried::Irsa(_) | Carried::PodIdentity(_), Standing::NodeRole) => Standing::WrongId,
            (Carried::Irsa(_) | Carried::PodIdentity(_), Standing::Undeclared) => Standing::Blocked,
            (Carried::None, Standing::WrongId) => Standing::Undeclared,
            (_, it) => it,
        };
        let (glyph, tone) = glyph(standing);
        self.hop((glyph, tone), "ends with", word);
        if let Some(arn) = &it.role_arn {
            self.detail(Tone::Strong, arn.as_str());
        }
        self.detail(Tone::Muted, &it.chain.because);
        if let Some(error) = it.chain.error {
            self.detail(Tone::Error, error);
        }
        for it in &it.chain.unread {
            self.detail(Tone::Unknown, &format!("not read, and might change this: {it}"));
        }
    }

    pub(in crate::view) fn cluster(&mut self) {
        let graph = self.model.world().graph;
        if let Knowledge::Known(it) = graph.cluster() {
            self.pair("name", &it.name);
            self.pair("region", &it.region);
            self.pair("account", &it.account);
            self.pair("version", &it.version);
            self.pair("issuer", it.issuer.as_ref().map_or("none", |it| it.as_str()));
        }
        if let Some(it) = graph.api_server() {
            self.pair("API server", &it.server);
        }
    }

    /// The accounts that use a node, a line each.
    pub(in crate::view) fn users(&mut self, at: &Ref) {
        let world = self.model.world();
        let users = crate::tree::users_of(world.graph, at);
        self.heading(&format!(
            "Used by {}",
            count(u32::try_from(users.len()).unwrap_or(u32::MAX), "ServiceAccount")
        ));
        for key in users {
            let standing = world.board.identity(&key).map_or(Standing::Waiting, |it| it.standing);
            let (glyph, tone) = glyph(standing);
            self.lines.push(Line::of(tone, glyph).add(Tone::Plain, format!(" {key}")));
        }
    }
}

/// The first hop that failed; without one, the first that is not known. `None` when all pass.
fn deciding(judged: &Judged) -> Option<(usize, &Hop)> {
    let first = |outcome| judged.hops.iter().enumerate().find(move |(_, it)| it.outcome == outcome);
    first(Outcome::Fail).or_else(|| first(Outcome::Unknown))
}

/// A role's ARN by what tells it apart; the pane names the account once.
fn short_name(name: &str) -> String {
    match name.split_once(":role/") {
        Some((_, it)) => it.to_owned(),
        None => name.to_owned(),
    }
}

fn short(it: &Carried) -> String {
    match it {
        Carried::None => "nothing".into(),
        Carried::Irsa(arn) => format!("irsa {}", arn.name().unwrap_or(arn.as_str())),
        Carried::PodIdentity(Some(arn)) => {
            format!("pod identity {}", arn.name().unwrap_or(arn.as_str()))
        }
        Carried::PodIdentity(None) => "pod identity, role not known".into(),
    }
}

fn verdict_tone(it: &Verdict) -> Tone {
    match it {
        Verdict::None => Tone::Muted,
        Verdict::Allow => Tone::Success,
        Verdict::Deny(_) => Tone::Error,
        Verdict::Unknown(_) => Tone::Unknown,
    }
}
