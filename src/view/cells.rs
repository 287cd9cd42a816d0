//! What stands in one column of one row.

mod aws;
mod cause;
mod kube;

use crate::{
    check::ContainerLine,
    command::ViewKind,
    fact::Scope,
    ident::{Ref, Text, Timestamp},
    model::Model,
    tree::{Fold, Row, RowId, Standing, Within, World, standing_of, worst},
    view::{
        Line, Tone,
        badge::{badge, brief, glyph, tally, tell},
        fit::{age, cut_end, cut_middle},
        header,
        words::{label, provider, source_detail},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Col {
    Name,
    Via,
    Role,
    Target,
    Pods,
    Account,
    Ends,
    Owner,
    Node,
    Age,
    May,
    ConfiguredBy,
    LastUsed,
    Arn,
    Id,
    Clients,
    Code,
    Cause,
    Affects,
    Repair,
    Count,
    /// The digit that leads there.
    Digit,
    ClusterName,
    State,
    Detail,
    /// Other words for a view.
    Words,
    Why,
}

impl Col {
    /// Right-aligned.
    pub fn is_number(self) -> bool {
        matches!(self, Col::Pods | Col::Age | Col::Count | Col::LastUsed | Col::Digit)
    }
}

/// Everything that cells are made of.
pub struct Cells<'a> {
    pub model: &'a Model,
    pub world: World<'a>,
    now: Timestamp,
    /// The account that goes without saying.
    account: Option<&'a str>,
}

impl<'a> Cells<'a> {
    pub fn new(model: &'a Model) -> Cells<'a> {
        let world = model.world();
        let account = world.graph.cluster().known().map(|it| &*it.account);
        Cells { model, world, now: model.now(), account }
    }

    /// The cell, no wider than `room` where cutting at the end would lose what matters.
    pub fn cell(&self, row: &Row, col: Col, room: usize) -> Line {
        if col == Col::Name {
            return self.name(row, room);
        }
        match &row.id {
            RowId::Node(at) => self.node_cell(at, col, room),
            RowId::Under(parent, at) => self.under_cell(parent, at, col, room),
            RowId::Container { namespace, pod, container } => {
                let lines = self.lines(namespace, pod);
                let line = lines.iter().find(|it| it.container == *container);
                match (col, line) {
                    (Col::Via | Col::Ends, Some(it)) => {
                        Line::of(Tone::Plain, provider(&it.chain.provider))
                    }
                    (Col::Role, Some(it)) => self.role(it.role_arn.as_ref(), room),
                    // Half a reason is none.
                    (Col::Why, Some(it)) if 30 <= room => {
                        Line::of(Tone::Muted, cut_end(&it.chain.because, room))
                    }
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
            RowId::Profile(_) => Line::new(),
            RowId::Source(scope) => self.source_cell(scope, col, room),
            RowId::Alias(view) => alias_cell(*view, col, room),
        }
    }

    fn lines(&self, namespace: &str, pod: &str) -> &'a [ContainerLine] {
        self.world.ledger.containers(namespace, pod).unwrap_or_default()
    }

    fn name(&self, row: &Row, room: usize) -> Line {
        let mark = match row.fold {
            Fold::Open => "▾ ",
            Fold::Folded => "▸ ",
            Fold::Leaf => "  ",
        };
        let mut res = Line::of(Tone::Muted, format!("{}{mark}", "  ".repeat(row.depth.into())));
        let room = room.saturating_sub(res.width());
        match &row.id {
            RowId::Node(at) | RowId::Under(_, at) if Model::cause_of_row(&row.id).is_none() => {
                let tone = match at {
                    Ref::Namespace(_) => Tone::Strong,
                    _ => Tone::Plain,
                };
                res.push(tone, cut_middle(&self.node_name(row, at), room));
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
                push_choice(&mut res, name, self.model.context() == Some(name), room);
            }
            RowId::Profile(name) => {
                push_choice(&mut res, name, self.model.profile() == Some(name), room);
            }
            RowId::Source(scope) => res.push(Tone::Plain, cut_middle(&scope.name(), room)),
            RowId::Alias(view) => res.push(Tone::Strong, view.title()),
        }
        res
    }

    /// Without the namespace where that goes without saying.
    fn node_name(&self, row: &Row, at: &Ref) -> String {
        let in_one_namespace = match &self.model.screen().ask.within {
            Within::Namespace(_) => true,
            Within::Of(it) => matches!(it, Ref::ServiceAccount(_) | Ref::Workload { .. }),
            Within::Everything => false,
        };
        let is_below = 0 < row.depth && matches!(row.id, RowId::Node(_));
        match at {
            Ref::ServiceAccount(key) if is_below || in_one_namespace => key.name.to_string(),
            Ref::Pod { name, .. } if 0 < row.depth => format!("pod {name}"),
            Ref::Pod { name, .. } if in_one_namespace => name.to_string(),
            Ref::Association(id) => match self.world.graph.association(id) {
                Some(it) if in_one_namespace => it.service_account.name.to_string(),
                Some(it) => it.service_account.to_string(),
                None => id.to_string(),
            },
            it => label(it),
        }
    }

    pub fn standing(&self, at: &Ref) -> Standing {
        standing_of(self.world, at)
    }

    fn node_cell(&self, at: &Ref, col: Col, room: usize) -> Line {
        match at {
            Ref::ServiceAccount(key) => self.account_cell(key, col, room),
            Ref::Pod { namespace, name } => match self.world.graph.pod(namespace, name) {
                Some(pod) => self.pod_cell(pod, col, room),
                None if col == Col::Why => Line::of(Tone::Muted, "gone"),
                None => Line::new(),
            },
            Ref::Namespace(name) => self.namespace_cell(name, col),
            Ref::Role(arn) => self.role_cell(arn, at, col, room),
            Ref::Association(id) => self.association_cell(id, at, col, room),
            Ref::Provider(arn) => self.provider_cell(arn, at, col, room),
            Ref::Cluster
            | Ref::Workload { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => {
                if col == Col::Why {
                    self.why(at, room)
                } else {
                    Line::new()
                }
            }
        }
    }

    /// What belongs to another row: what a cause affects, who has to do with a role.
    fn under_cell(&self, parent: &RowId, at: &Ref, col: Col, room: usize) -> Line {
        match (parent, at, col) {
            (RowId::Cause(_), at, Col::Cause) => {
                Line::of(Tone::Plain, cut_middle(&label(at), room))
            }
            (RowId::Cause(_), Ref::ServiceAccount(key), Col::Affects) => {
                let n = self.world.board.identity(key).map_or(0, |it| it.counts.total);
                Line::of(Tone::Muted, crate::view::words::count(n, "pod"))
            }
            (RowId::Node(Ref::Role(role)), Ref::ServiceAccount(key), Col::Why) => {
                self.relation(role, key, room)
            }
            (_, _, _) => Line::new(),
        }
    }

    fn namespace_cell(&self, name: &Text, col: Col) -> Line {
        let graph = self.world.graph;
        match col {
            Col::Why => tally(&self.world.board.namespace(name)),
            Col::Count => {
                Line::of(Tone::Plain, self.world.board.namespace(name).total().to_string())
            }
            Col::Age => self.age(graph.namespace(name).known().and_then(|it| it.created)),
            Col::Digit => {
                let at = self.model.favourites().iter().position(|it| it == name);
                Line::of(Tone::Key, at.map_or(String::new(), |it| (it + 1).to_string()))
            }
            _ => Line::new(),
        }
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

    /// The worst that is said of a node, as its row says it.
    pub fn why_of(&self, at: &Ref, room: usize) -> Line {
        self.node_cell(at, Col::Why, room)
    }

    fn why(&self, at: &Ref, room: usize) -> Line {
        match worst(self.world.ledger.findings_at(at)) {
            Some((standing, it)) => tell(standing, it.code, room),
            None => brief(self.standing(at), room),
        }
    }

    /// The code of what is said first.
    fn code_at(&self, at: &Ref) -> Line {
        let code = worst(self.world.ledger.findings_at(at)).map(|(_, it)| it.code);
        Line::of(Tone::Plain, code.unwrap_or_default())
    }

    fn age(&self, at: Option<Timestamp>) -> Line {
        match at {
            Some(at) => Line::of(Tone::Plain, age(self.now.as_second() - at.as_second())),
            None => Line::of(Tone::Muted, "–"),
        }
    }
}

/// Something to choose from, of which one is in use.
fn push_choice(line: &mut Line, name: &str, is_current: bool, room: usize) {
    let for_name = room.saturating_sub(if is_current { 10 } else { 0 });
    let tone = if is_current { Tone::Strong } else { Tone::Plain };
    line.push(tone, cut_middle(name, for_name));
    if is_current {
        line.push(Tone::Info, " · current");
    }
}

fn alias_cell(view: ViewKind, col: Col, room: usize) -> Line {
    match col {
        Col::Words => Line::of(Tone::Key, cut_end(&view.aliases().join(" "), room)),
        Col::Detail => Line::of(Tone::Plain, cut_end(view.help(), room)),
        _ => Line::new(),
    }
}
