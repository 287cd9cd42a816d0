//! What stands in one column of one row.

mod aws;

use crate::{
    check::{ContainerLine, Finding, Severity, row},
    fact::{Pod, Scope},
    ident::{Ref, SaKey, Text, Timestamp},
    identity::{Carried, Mechanism},
    model::Model,
    tree::{Cause, Fold, Row, RowId, Standing, Within, World, of_pod, of_ref, worst},
    view::{
        Line, Tone,
        badge::{badge, brief, glyph, say, tally, tell},
        fit::{age, cut_end, cut_middle},
        header,
        words::{carried, count, label, mechanism, provider, source_detail, unknown},
    },
};

use std::{cell::RefCell, rc::Rc};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Col {
    Name,
    Via,
    Role,
    Target,
    Pods,
    Account,
    Ends,
    Age,
    Trusts,
    ConfiguredBy,
    LastUsed,
    Clients,
    Code,
    Cause,
    Affects,
    Repair,
    Count,
    ClusterName,
    State,
    Detail,
    Why,
}

impl Col {
    /// Right-aligned.
    pub fn is_number(self) -> bool {
        matches!(self, Col::Pods | Col::Age | Col::Count | Col::LastUsed)
    }
}

/// Everything that cells are made of.
pub struct Cells<'a> {
    pub model: &'a Model,
    pub world: World<'a>,
    now: Timestamp,
    /// The account that goes without saying.
    account: Option<&'a str>,
    /// Of the pod that was asked for last: a row asks several times.
    last: RefCell<Option<(Ref, Rc<Vec<ContainerLine>>)>>,
}

impl<'a> Cells<'a> {
    pub fn new(model: &'a Model) -> Cells<'a> {
        let world = model.world();
        let account = world.graph.cluster().known().map(|it| &*it.account);
        Cells { model, world, now: model.now(), account, last: RefCell::default() }
    }

    /// The cell, no wider than `room` where cutting at the end would lose what matters.
    pub fn cell(&self, row: &Row, col: Col, room: usize) -> Line {
        if col == Col::Name {
            return self.name(row, room);
        }
        match &row.id {
            RowId::Node(at) => self.node_cell(at, col, room),
            RowId::Under(parent, at) => match (col, Model::cause_of_row(parent)) {
                (Col::Code, Some(_)) => Line::new(),
                (Col::Cause, Some(_)) => Line::of(Tone::Plain, cut_middle(&label(at), room)),
                (Col::ConfiguredBy | Col::Why, _) => self.node_cell(at, Col::Why, room),
                (_, _) => Line::new(),
            },
            RowId::Container { namespace, pod, container } => {
                let lines = self.lines(namespace, pod);
                let line = lines.iter().find(|it| it.container == *container);
                match (col, line) {
                    (Col::Via | Col::Ends, Some(it)) => {
                        Line::of(Tone::Plain, provider(&it.chain.provider))
                    }
                    (Col::Role, Some(it)) => self.role(it.role_arn.as_ref(), room),
                    (Col::Why, Some(it)) => Line::of(Tone::Muted, cut_end(&it.chain.because, room)),
                    (_, _) => Line::new(),
                }
            }
            RowId::Cause(cause) => self.cause_cell(cause, col, room),
            RowId::Context(name) => match col {
                Col::ClusterName => {
                    let it = self.world.contexts.iter().find(|(it, _)| it == name);
                    Line::of(Tone::Plain, it.map_or(String::new(), |(_, it)| cut_middle(it, room)))
                }
                _ => Line::new(),
            },
            RowId::Source(scope) => self.source_cell(scope, col, room),
        }
    }

    fn lines(&self, namespace: &Text, pod: &Text) -> Rc<Vec<ContainerLine>> {
        let at = Ref::Pod { namespace: namespace.clone(), name: pod.clone() };
        let mut last = self.last.borrow_mut();
        match &*last {
            Some((of, lines)) if *of == at => lines.clone(),
            Some(_) | None => {
                let lines = self.world.ledger.containers(namespace, pod).unwrap_or_default();
                let lines = Rc::new(lines);
                *last = Some((at, lines.clone()));
                lines
            }
        }
    }

    fn name(&self, row: &Row, room: usize) -> Line {
        let mark = match row.fold {
            Fold::Open => "▾ ",
            Fold::Folded => "▸ ",
            Fold::Leaf => "  ",
        };
        let mut res = Line::of(Tone::Muted, format!("{}{mark}", "  ".repeat(row.depth.into())));
        let room = room.saturating_sub(res.width());
        let in_one_namespace = match &self.model.screen().ask.within {
            Within::Namespace(_) => true,
            Within::Of(it) => matches!(it, Ref::ServiceAccount(_) | Ref::Workload { .. }),
            Within::Everything => false,
        };
        match &row.id {
            RowId::Node(at) | RowId::Under(_, at) if Model::cause_of_row(&row.id).is_none() => {
                let text = match at {
                    Ref::ServiceAccount(key)
                        if 0 < row.depth && matches!(row.id, RowId::Node(_)) =>
                    {
                        key.name.to_string()
                    }
                    Ref::ServiceAccount(key) if in_one_namespace => key.name.to_string(),
                    Ref::Pod { name, .. } if 0 < row.depth => format!("pod {name}"),
                    Ref::Pod { name, .. } if in_one_namespace => name.to_string(),
                    Ref::Association(id) => match self.world.graph.association(id) {
                        Some(it) if in_one_namespace => it.service_account.name.to_string(),
                        Some(it) => it.service_account.to_string(),
                        None => id.to_string(),
                    },
                    it => label(it),
                };
                let tone = match at {
                    Ref::Namespace(_) => Tone::Strong,
                    _ => Tone::Plain,
                };
                res.push(tone, cut_middle(&text, room));
            }
            RowId::Node(_) => {}
            RowId::Under(_, at) => res.push(glyph(self.standing(at)).1, glyph(self.standing(at)).0),
            RowId::Container { container, .. } => {
                res.push(Tone::Muted, "· ");
                res.push(Tone::Plain, cut_middle(container, room.saturating_sub(2)));
            }
            RowId::Cause(cause) if self.is_hygiene(cause) => res.push(Tone::Muted, "· hygiene"),
            RowId::Cause(cause) => {
                let standing = self.cause_standing(cause);
                let it = if room < 9 {
                    Line::of(glyph(standing).1, glyph(standing).0)
                } else {
                    badge(standing)
                };
                res.spans.extend(it.spans);
            }
            RowId::Context(name) => {
                let is_current = self.model.context() == Some(name);
                res.push(
                    if is_current { Tone::Strong } else { Tone::Plain },
                    cut_middle(name, room.saturating_sub(if is_current { 10 } else { 0 })),
                );
                if is_current {
                    res.push(Tone::Info, " · current");
                }
            }
            RowId::Source(scope) => res.push(Tone::Plain, cut_middle(&scope.name(), room)),
        }
        res
    }

    pub fn standing(&self, at: &Ref) -> Standing {
        match at {
            Ref::ServiceAccount(key) => {
                self.world.board.identity(key).map_or(Standing::Waiting, |it| it.standing)
            }
            Ref::Namespace(name) => {
                self.world.board.namespace(name).worst().unwrap_or(Standing::Undeclared)
            }
            it => of_ref(self.world.graph, self.world.ledger, it),
        }
    }

    fn node_cell(&self, at: &Ref, col: Col, room: usize) -> Line {
        match at {
            Ref::ServiceAccount(key) => self.account_cell(key, col, room),
            Ref::Pod { namespace, name } => match self.world.graph.pod(namespace, name) {
                Some(pod) => self.pod_cell(pod, col, room),
                None if col == Col::Why => Line::of(Tone::Muted, "gone"),
                None => Line::new(),
            },
            Ref::Namespace(name) => match col {
                Col::Why => tally(&self.world.board.namespace(name)),
                Col::Count => {
                    Line::of(Tone::Plain, self.world.board.namespace(name).total().to_string())
                }
                _ => Line::new(),
            },
            Ref::Role(arn) => self.role_cell(arn, at, col, room),
            Ref::Association(id) => self.association_cell(id, at, col, room),
            Ref::Provider(arn) => self.provider_cell(arn, at, col, room),
            it => {
                if col == Col::Why {
                    self.why(it, room)
                } else {
                    Line::new()
                }
            }
        }
    }

    fn account_cell(&self, key: &SaKey, col: Col, room: usize) -> Line {
        let identity = self.world.ledger.identity(key);
        let summary = self.world.board.identity(key);
        match (col, identity, summary) {
            (Col::Via, Some(it), _) => Line::of(Tone::Plain, mechanism(it.mechanism)),
            (Col::Role, Some(it), _) => self.role(it.role_arn.as_ref(), room),
            (Col::Pods, _, Some(it)) => match (it.counts.total, it.mechanism) {
                (0, _) => Line::of(Tone::Muted, "–"),
                (n, Mechanism::None) => Line::of(Tone::Plain, n.to_string()),
                (n, _) => Line::of(Tone::Plain, format!("{}/{n}", it.counts.injected)),
            },
            (Col::Why, _, Some(it)) => {
                let code = it.code.filter(|_| it.standing < Standing::Waiting);
                let because = identity.and_then(|it| unknown(&it.verdict));
                match (code, because) {
                    (Some(code), _) => tell(it.standing, code, room),
                    (_, Some(why)) => say(it.standing, &why, room),
                    (_, _) => brief(it.standing, room),
                }
            }
            (Col::Why, _, None) => brief(Standing::Waiting, room),
            (_, _, _) => Line::new(),
        }
    }

    fn pod_cell(&self, pod: &Pod, col: Col, room: usize) -> Line {
        let lines = || self.lines(&pod.namespace, &pod.name);
        match col {
            Col::Via => {
                let lines = lines();
                let it = lines.iter().find(|it| it.effective != Carried::None);
                Line::of(Tone::Plain, it.map_or("–", |it| carried(&it.effective)))
            }
            Col::Role => {
                let lines = lines();
                let it = lines.iter().find_map(|it| it.role_arn.as_ref());
                self.role(it, room)
            }
            Col::Account => Line::of(Tone::Plain, cut_middle(&pod.spec.service_account, room)),
            Col::Ends => {
                let lines = lines();
                match lines.first() {
                    None => Line::of(Tone::Muted, if pod.completed() { "completed" } else { "–" }),
                    Some(it) => {
                        let mut res = Line::of(Tone::Plain, provider(&it.chain.provider));
                        if let Some(arn) = &it.role_arn {
                            res.push(Tone::Plain, " ");
                            let left = room.saturating_sub(res.width());
                            res.spans.extend(self.role(Some(arn), left).spans);
                        }
                        res
                    }
                }
            }
            Col::Age => self.age(pod.created),
            Col::Why => {
                let at = Ref::Pod { namespace: pod.namespace.clone(), name: pod.name.clone() };
                let (standing, signature) = of_pod(self.world.ledger, pod);
                let found =
                    worst(self.world.ledger.findings_at(&at)).and_then(|(_, it)| row(it.code));
                match (found, signature) {
                    (Some(it), _) => tell(standing, it.code, room),
                    (None, Some(it)) => {
                        let (glyph, tone) = glyph(standing);
                        Line::of(tone, format!("{glyph} {it}"))
                    }
                    (None, None) => brief(standing, room),
                }
            }
            _ => Line::new(),
        }
    }

    fn cause_cell(&self, cause: &Cause, col: Col, room: usize) -> Line {
        match col {
            Col::Code => Line::of(Tone::Plain, cause.code),
            Col::Cause => {
                let title = row(cause.code).map_or(cause.code, |it| it.title);
                let of = match &cause.of {
                    Ref::Association(id) => self.world.graph.association(id),
                    _ => None,
                };
                let of = of.map_or_else(|| label(&cause.of), |it| it.service_account.to_string());
                // Both ends of a name carry meaning, a sentence its beginning: the name gives way first.
                let for_name = (room / 2).max(room.saturating_sub(title.len() + 2));
                let mut res = Line::of(Tone::Strong, cut_middle(&of, for_name));
                res.push(Tone::Plain, format!(": {title}"));
                crate::view::fit::cut_line(res, room)
            }
            Col::Affects => {
                let it = self.world.board.affects(cause);
                let text = match (it.identities, it.pods) {
                    (0, _) => "–".into(),
                    (1, pods) => format!("1 SA {}", count(pods, "pod")),
                    (n, pods) => format!("{n} SAs {}", count(pods, "pod")),
                };
                Line::of(Tone::Plain, cut_end(&text, room))
            }
            Col::Repair => {
                let findings = self.model.findings_of(&RowId::Cause(cause.clone()));
                match findings.iter().find_map(|it| it.fixes.first()) {
                    Some(it) => Line::of(Tone::Key, "f ")
                        .add(Tone::Plain, cut_end(&it.title, room.saturating_sub(2))),
                    None => Line::of(Tone::Muted, "–"),
                }
            }
            _ => Line::new(),
        }
    }

    fn is_hygiene(&self, cause: &Cause) -> bool {
        let findings = self.model.findings_of(&RowId::Cause(cause.clone()));
        findings.iter().all(|it| it.severity == Severity::Hygiene)
    }

    fn cause_standing(&self, cause: &Cause) -> Standing {
        let findings: Vec<&Finding> = self.model.findings_of(&RowId::Cause(cause.clone()));
        worst(findings).map_or(Standing::Healthy, |(it, _)| it)
    }

    fn source_cell(&self, scope: &Scope, col: Col, room: usize) -> Line {
        let Some(state) = self.world.graph.source(scope) else { return Line::new() };
        match col {
            Col::State => {
                let (text, tone) = header::state(self.now, state, Model::is_watched(scope));
                Line::of(tone, cut_end(&text, room))
            }
            Col::Detail => Line::of(Tone::Plain, cut_end(&source_detail(state), room)),
            _ => Line::new(),
        }
    }

    fn why(&self, at: &Ref, room: usize) -> Line {
        match worst(self.world.ledger.findings_at(at)) {
            Some((standing, it)) => tell(standing, it.code, room),
            None => brief(self.standing(at), room),
        }
    }

    fn age(&self, at: Option<Timestamp>) -> Line {
        match at {
            Some(at) => Line::of(Tone::Plain, age(self.now.as_second() - at.as_second())),
            None => Line::of(Tone::Muted, "–"),
        }
    }
}
