//! What one takes along: marks, copies, and how the list is sorted while one gathers.

use crate::{
    fact::SourceState,
    ident::{Ref, Text},
    model::{Condition, Mode, Model, Page, PageKind, ProbeStage, what_to_ask_for},
    report::probe as report,
    tree::{RowId, SortBy},
};

impl Model {
    pub(in crate::model) fn mark(&mut self) {
        let screen = self.screen_mut();
        let Some(id) = screen.current().map(|it| it.id.clone()) else { return };
        if screen.marks.remove(&id) {
            screen.last_mark = None;
        } else {
            screen.marks.insert(id.clone());
            screen.last_mark = Some(id);
        }
    }

    /// From the last mark to here; without one, this row.
    pub(in crate::model) fn mark_range(&mut self) {
        let screen = self.screen_mut();
        let last = screen.last_mark.clone();
        let from = screen.rows.iter().position(|it| Some(&it.id) == last.as_ref());
        let Some(from) = from else { return self.mark() };
        let (first, last) = (from.min(screen.at), from.max(screen.at));
        let ids: Vec<RowId> = screen.rows[first..=last].iter().map(|it| it.id.clone()).collect();
        screen.marks.extend(ids);
        screen.last_mark = screen.current().map(|it| it.id.clone());
    }

    pub(in crate::model) fn clear_marks(&mut self) {
        let screen = self.screen_mut();
        screen.marks.clear();
        screen.last_mark = None;
    }

    /// By this, or, if it is so already, the other way round. The selection stays on its node.
    pub(in crate::model) fn sort(&mut self, by: SortBy) {
        let screen = self.screen_mut();
        screen.ask.sort = screen.ask.sort.toggled(by);
        screen.column = Some(by);
        // Whoever has not moved yet wants to see what comes first now.
        let is_untouched = screen.selected.is_none() || screen.at == 0;
        self.force_rows();
        if is_untouched {
            self.select(0);
        }
    }

    /// By the chosen column; until one was chosen, the one that it is sorted by.
    pub(in crate::model) fn sort_column(&mut self) {
        let screen = self.screen();
        self.sort(screen.column.unwrap_or(screen.ask.sort.by));
    }

    pub(in crate::model) fn choose_column(&mut self, to_right: bool) {
        let screen = self.screen_mut();
        let all = SortBy::of(screen.view());
        let chosen = screen.column.unwrap_or(screen.ask.sort.by);
        let at = all.iter().position(|it| *it == chosen).unwrap_or(0);
        let next = if to_right { at + 1 } else { at.saturating_sub(1) };
        screen.column = all.get(next).or(all.last()).copied();
    }

    /// The namespace of the row; an association's is known to the graph alone.
    pub(in crate::model) fn namespace_of_current(&self) -> Option<Text> {
        self.namespace_of(&self.screen().current()?.id)
    }

    fn namespace_of(&self, id: &RowId) -> Option<Text> {
        match id.node() {
            Some(Ref::Association(it)) => {
                Some(self.graph.association(&it)?.service_account.namespace.clone())
            }
            Some(_) | None => id.namespace(),
        }
    }

    /// What is marked; without marks, the selected row.
    fn taken(&self) -> Vec<&RowId> {
        let screen = self.screen();
        if screen.marks.is_empty() {
            return screen.current().map(|it| &it.id).into_iter().collect();
        }
        // In the list's order; what is folded away comes last.
        let seen = screen.rows.iter().map(|it| &it.id).filter(|it| screen.marks.contains(it));
        let mut res: Vec<&RowId> = seen.collect();
        let hidden = screen.marks.iter().filter(|it| !res.contains(it));
        let hidden: Vec<&RowId> = hidden.collect();
        res.extend(hidden);
        res
    }

    /// What `n` would copy.
    pub(in crate::model) fn copied_namespaces(&self) -> Option<Text> {
        let mut res: Vec<Text> = Vec::new();
        for it in self.taken().into_iter().filter_map(|it| self.namespace_of(it)) {
            if !res.contains(&it) {
                res.push(it);
            }
        }
        (!res.is_empty()).then(|| res.join("\n").into())
    }

    /// What `c` would copy; `None` where there is nothing to name.
    pub(in crate::model) fn copied_text(&self) -> Option<Text> {
        let page = match &self.mode {
            Mode::Page(page) => page,
            Mode::List | Mode::Details => return self.copied_rows(),
        };
        match &page.kind {
            PageKind::Help => None,
            PageKind::Details(id) => Some(name_of(id)?.into()),
            PageKind::Policy(_) | PageKind::Yaml(_) | PageKind::Plan(_) => self.page_text(page),
            PageKind::Probe(_) => self.page_text(page),
            PageKind::Fixes(_) => None,
            PageKind::Journal(it) => Some(it.selected()?.entry.id.clone()),
            PageKind::Explain(it) => (!it.text.trim().is_empty()).then(|| it.text.as_str().into()),
        }
    }

    /// The open page as plain text, where it has one that is not made for the screen.
    pub fn page_text(&self, page: &Page) -> Option<Text> {
        match &page.kind {
            PageKind::Policy(arn) => Some(self.policy_text(arn)?.into()),
            PageKind::Yaml(it) => it.text().cloned(),
            PageKind::Plan(it) => self.plan_commands(it),
            PageKind::Probe(it) => match &it.stage {
                ProbeStage::Answered(page) => Some(report::text(page).into()),
                ProbeStage::Shown | ProbeStage::Confirming(_) | ProbeStage::Asking => None,
            },
            PageKind::Help
            | PageKind::Details(_)
            | PageKind::Fixes(_)
            | PageKind::Journal(_)
            | PageKind::Explain(_) => None,
        }
    }

    fn copied_rows(&self) -> Option<Text> {
        let taken = self.taken();
        match taken.as_slice() {
            [] => match self.condition() {
                Condition::Denied(it) => Some(what_to_ask_for(&it).into()),
                _ => None,
            },
            [RowId::Source(scope)] => match self.graph.source(scope) {
                Some(SourceState::Denied { denied, .. }) => Some(what_to_ask_for(denied).into()),
                Some(_) | None => Some(scope.name().into()),
            },
            them => {
                let names: Vec<String> = them.iter().filter_map(|it| name_of(it)).collect();
                (!names.is_empty()).then(|| names.join("\n").into())
            }
        }
    }
}

/// The name that other tools take.
fn name_of(id: &RowId) -> Option<String> {
    let text = match id {
        RowId::Context(it) | RowId::Profile(it) => it.to_string(),
        RowId::Source(it) => it.name(),
        RowId::Alias(it) => it.aliases()[0].to_owned(),
        RowId::Container { container, .. } => container.to_string(),
        RowId::Cause(it) => it.code.to_owned(),
        RowId::Node(it) | RowId::Under(_, it) => match it {
            Ref::ServiceAccount(key) => key.name.to_string(),
            Ref::Namespace(it)
            | Ref::Node(it)
            | Ref::Webhook(it)
            | Ref::Association(it)
            | Ref::Addon(it)
            | Ref::Nodegroup(it) => it.to_string(),
            Ref::Pod { name, .. }
            | Ref::Workload { name, .. }
            | Ref::Budget { name, .. }
            | Ref::ConfigMap { name, .. }
            | Ref::Secret { name, .. } => name.to_string(),
            Ref::Role(it) | Ref::Provider(it) => it.to_string(),
            Ref::Cluster => return None,
        },
    };
    Some(text)
}
