//! Going elsewhere: down into what a row stands for, to what uses it, and to where a line says.

use crate::{
    command::{Line, ViewKind},
    event::Level,
    ident::{Ref, SaKey, Text},
    model::{Mode, Model, Page, PageKind, Request, Screen},
    tree::{Cause, Filter, RowId, Within},
};

impl Model {
    pub(in crate::model) fn drill(&mut self, id: RowId) -> Vec<Request> {
        match &id {
            RowId::Context(name) => return self.connect(name.clone()),
            RowId::Profile(name) => return self.use_profile(name.clone()),
            RowId::Alias(view) => return self.go_to_view(*view),
            RowId::Node(Ref::Namespace(name)) => {
                self.visited(name.clone());
                let within = Within::Namespace(name.clone());
                self.push(Screen::within(ViewKind::Identities, within));
            }
            RowId::Node(at @ Ref::ServiceAccount(key)) if self.has_pods(key) => {
                self.push(Screen::within(ViewKind::Pods, Within::Of(at.clone())));
            }
            RowId::Node(at @ (Ref::Role(_) | Ref::Provider(_) | Ref::Association(_))) => {
                self.push(Screen::within(ViewKind::Identities, Within::Of(at.clone())));
            }
            RowId::Under(_, Ref::ServiceAccount(key)) => self.go_to_identity(key.clone()),
            RowId::Cause(_) => self.toggle(),
            RowId::Node(_) | RowId::Under(..) | RowId::Container { .. } | RowId::Source(_) => {
                self.open_page(PageKind::Details(id));
            }
        }
        Vec::new()
    }

    pub(in crate::model) fn has_pods(&self, key: &SaKey) -> bool {
        self.graph.pods_of(key).next().is_some()
    }

    /// Its namespace's list, standing on it.
    pub(in crate::model) fn go_to_identity(&mut self, key: SaKey) {
        let within = Within::Namespace(key.namespace.clone());
        let mut screen = Screen::within(ViewKind::Identities, within);
        screen.expected = Some(RowId::Node(Ref::ServiceAccount(key)));
        self.push(screen);
    }

    pub(in crate::model) fn push(&mut self, screen: Screen) {
        self.screens.push(screen);
        self.arrived();
    }

    pub(in crate::model) fn arrived(&mut self) {
        self.mode = Mode::List;
        self.details_scroll = 0;
        self.force_rows();
    }

    pub(in crate::model) fn open_page(&mut self, kind: PageKind) {
        self.mode = Mode::Page(Page::new(kind));
    }

    /// What `enter` does to the row, in a word.
    pub fn enter_title(&self) -> &'static str {
        match self.screen().current().map(|it| &it.id) {
            Some(RowId::Context(_)) => "connect",
            Some(RowId::Profile(_)) => "use",
            Some(RowId::Alias(_)) => "go to",
            Some(RowId::Node(Ref::Namespace(_))) => "drill",
            Some(_) if !self.shown.details_shown => "details",
            Some(RowId::Cause(_)) => "unfold",
            Some(RowId::Under(..)) => "go to",
            Some(RowId::Node(Ref::ServiceAccount(key))) if self.has_pods(key) => "pods",
            Some(RowId::Node(Ref::Role(_) | Ref::Provider(_) | Ref::Association(_))) => "users",
            Some(RowId::Node(_) | RowId::Container { .. } | RowId::Source(_)) => "details",
            None => "drill",
        }
    }

    /// Where `u` leads; `None` where nothing can use the row.
    pub(in crate::model) fn users_screen(&self) -> Option<Screen> {
        let at = self.screen().current()?.id.node()?;
        let view = match &at {
            Ref::ServiceAccount(_) | Ref::Workload { .. } | Ref::Node(_) => ViewKind::Pods,
            Ref::Role(_) | Ref::Provider(_) | Ref::Association(_) | Ref::Pod { .. } => {
                ViewKind::Identities
            }
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => return None,
        };
        Some(Screen::within(view, Within::Of(at)))
    }

    /// Does what a line asks for.
    pub(in crate::model) fn go(&mut self, line: Line) -> Vec<Request> {
        match line {
            Line::Nothing => {}
            Line::Quit => return vec![Request::Leave],
            Line::Help => self.open_page(PageKind::Help),
            Line::Explain(text) => self.explain(&text),
            Line::Login => match self.login() {
                Some(it) => return vec![Request::Login(it)],
                None => self.say(
                    Level::Warning,
                    "no login command is known; set `login` in the configuration",
                ),
            },
            Line::Suspend => return vec![Request::Suspend],
            Line::Mouse => return self.toggle_mouse(),
            Line::Undo => return self.open_journal(),
            Line::Goal(word) => return self.go_to_goal(&word),
            Line::Context(name) => match self.known_context(&name) {
                Some(it) => return self.connect(it),
                None => self.say(Level::Error, &format!("no context is called `{name}`")),
            },
            Line::Profile(name) => match self.profiles.iter().find(|it| ***it == *name).cloned() {
                Some(it) => return self.use_profile(it),
                None => self.say(Level::Error, &format!("no profile is called `{name}`")),
            },
            Line::Show { view, namespace, filter, context } => {
                let mut requests = Vec::new();
                if let Some(name) = context {
                    let Some(it) = self.known_context(&name) else {
                        self.say(Level::Error, &format!("no context is called `{name}`"));
                        return Vec::new();
                    };
                    requests = self.connect(it);
                }
                let within = match namespace {
                    Some(Some(it)) => Within::Namespace(it.into()),
                    Some(None) => Within::Everything,
                    None => self.scope_of(view),
                };
                if let Within::Namespace(it) = &within {
                    self.visited(it.clone());
                }
                let mut screen = Screen::within(view, within);
                screen.ask.filter = Filter::parse(&filter.unwrap_or_default());
                self.visit(screen);
                return requests;
            }
        }
        Vec::new()
    }

    fn known_context(&self, name: &str) -> Option<Text> {
        self.contexts.iter().find(|(it, _)| **it == *name).map(|(it, _)| it.clone())
    }

    pub(in crate::model) fn go_to_view(&mut self, view: ViewKind) -> Vec<Request> {
        self.go(Line::Show { view, namespace: None, filter: None, context: None })
    }

    /// Leaves where one is for a new place; `[` comes back.
    pub(in crate::model) fn visit(&mut self, screen: Screen) {
        let here = std::mem::replace(&mut self.screens, vec![screen]);
        self.past.push(stowed(here));
        let n_more = self.past.len().saturating_sub(MAX_PAST);
        self.past.drain(..n_more);
        self.future.clear();
        self.arrived();
    }

    pub(in crate::model) fn go_back_in_history(&mut self) {
        if let Some(it) = self.past.pop() {
            let here = std::mem::replace(&mut self.screens, it);
            self.future.push(stowed(here));
            self.arrived();
        }
    }

    pub(in crate::model) fn go_on_in_history(&mut self) {
        if let Some(it) = self.future.pop() {
            let here = std::mem::replace(&mut self.screens, it);
            self.past.push(stowed(here));
            self.arrived();
        }
    }

    /// Changes places with the last view.
    pub(in crate::model) fn swap_with_last_view(&mut self) {
        if let Some(it) = self.past.last_mut() {
            let there = std::mem::take(it);
            *it = stowed(std::mem::replace(&mut self.screens, there));
            self.arrived();
        }
    }

    /// Gives a namespace a digit, if there is one left.
    pub(in crate::model) fn visited(&mut self, namespace: Text) {
        const DIGITS: usize = 9;
        if !self.favourites.contains(&namespace) && self.favourites.len() < DIGITS {
            self.favourites.push(namespace);
        }
    }

    /// The ServiceAccount that a pod, container or association belongs to.
    pub(in crate::model) fn owner_of_current(&self) -> Option<SaKey> {
        match self.screen().current()?.id.node()? {
            Ref::Pod { namespace, name } => {
                self.graph.pod(&namespace, &name).map(|it| it.service_account())
            }
            Ref::Association(id) => {
                self.graph.association(&id).map(|it| it.service_account.clone())
            }
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::ServiceAccount(_)
            | Ref::Workload { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Role(_)
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => None,
        }
    }

    /// A namespace that was chosen stays chosen while one goes from view to view.
    fn scope_of(&self, view: ViewKind) -> Within {
        match &self.screen().ask.within {
            it @ Within::Namespace(_) if view.has_namespaces() => it.clone(),
            Within::Namespace(_) | Within::Everything | Within::Of(_) => Within::Everything,
        }
    }

    /// Begins on this node, as soon as there is one.
    pub(in crate::model) fn focus(&mut self, at: Ref) {
        let namespaced = |it: &Text| Within::Namespace(it.clone());
        let (view, within) = match &at {
            Ref::Pod { namespace, .. } => (ViewKind::Pods, namespaced(namespace)),
            Ref::ServiceAccount(key) => (ViewKind::Identities, namespaced(&key.namespace)),
            Ref::Role(_) => (ViewKind::Roles, Within::Everything),
            Ref::Association(_) => (ViewKind::Associations, Within::Everything),
            Ref::Provider(_) => (ViewKind::Providers, Within::Everything),
            Ref::Workload { .. } => (ViewKind::Pods, Within::Of(at.clone())),
            Ref::Namespace(it) => (ViewKind::Identities, namespaced(it)),
            Ref::Node(_) => (ViewKind::Pods, Within::Of(at.clone())),
            Ref::Cluster
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => (ViewKind::Findings, Within::Everything),
        };
        let mut screen = Screen::within(view, within);
        screen.expected = Some(RowId::Node(at));
        self.push(screen);
    }

    /// The cause that a row is about; `None` for other rows.
    pub fn cause_of_row(id: &RowId) -> Option<&Cause> {
        match id {
            RowId::Cause(it) => Some(it),
            RowId::Under(parent, _) => Model::cause_of_row(parent),
            RowId::Node(_)
            | RowId::Container { .. }
            | RowId::Context(_)
            | RowId::Profile(_)
            | RowId::Source(_)
            | RowId::Alias(_) => None,
        }
    }
}

/// Places that `[` leads back to.
const MAX_PAST: usize = 20;

fn stowed(screens: Vec<Screen>) -> Vec<Screen> {
    screens.into_iter().map(Screen::stowed).collect()
}
