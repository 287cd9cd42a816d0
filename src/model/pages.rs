//! What lies over the list: help, details in full, a policy, repairs, an explained error.

use crate::{
    check::{Finding, Told},
    command::Command,
    fact::{Denied, Knowledge, OidcProvider},
    ident::{Arn, Ref},
    model::{Mode, Model, Page, PageKind, Request, Stage},
    plan::Purpose,
    tree::{Cause, RowId, rank, users_of},
};

/// Columns that a page moves to the side at once.
const STEP: usize = 8;

impl Model {
    pub(in crate::model) fn page_command(&mut self, command: Command) -> Vec<Request> {
        let limit = self.shown.page_limit;
        let height = self.shown.page_height.saturating_sub(1).max(1);
        let n_matches = self.shown.n_matches;
        let Mode::Page(page) = &mut self.mode else { return Vec::new() };
        if page.has_selection() && matches!(command, Command::Up | Command::Down) {
            let down = command == Command::Down;
            match &mut page.kind {
                PageKind::Explain(it) => it.step(down),
                PageKind::Fixes(it) => it.step(down),
                PageKind::Journal(it) => it.step(down),
                PageKind::Help
                | PageKind::Details(_)
                | PageKind::Policy(_)
                | PageKind::Yaml(_)
                | PageKind::Probe(_)
                | PageKind::Plan(_) => {}
            }
            return Vec::new();
        }
        page.scroll = match command {
            Command::Up => page.scroll.saturating_sub(1),
            Command::Down => (page.scroll + 1).min(limit),
            Command::PageUp => page.scroll.saturating_sub(height),
            Command::PageDown => (page.scroll + height).min(limit),
            Command::First => 0,
            Command::Last => limit,
            Command::Open => {
                page.left += STEP;
                return Vec::new();
            }
            Command::Close => {
                page.left = page.left.saturating_sub(STEP);
                return Vec::new();
            }
            Command::NextMatch | Command::PreviousMatch => {
                page.step_match(n_matches, command == Command::NextMatch);
                return Vec::new();
            }
            Command::ManagedFields => {
                self.toggle_managed_fields();
                return Vec::new();
            }
            Command::Enter => return self.enter_from_page(),
            _ => return self.common_command(command),
        };
        Vec::new()
    }

    pub(in crate::model) fn page_can_enter(&self, page: &Page) -> bool {
        match &page.kind {
            PageKind::Help
            | PageKind::Policy(_)
            | PageKind::Yaml(_)
            | PageKind::Probe(_)
            | PageKind::Plan(_) => false,
            PageKind::Explain(it) => it.selected().is_some(),
            PageKind::Fixes(it) => it.selected().is_some(),
            PageKind::Journal(it) => it.selected().is_some_and(|it| !it.is_running),
            PageKind::Details(id) => match id {
                RowId::Node(it) => match it {
                    Ref::ServiceAccount(key) => self.graph.pods_of(key).next().is_some(),
                    Ref::Role(_) | Ref::Provider(_) | Ref::Association(_) => true,
                    Ref::Cluster
                    | Ref::Namespace(_)
                    | Ref::Pod { .. }
                    | Ref::Workload { .. }
                    | Ref::Node(_)
                    | Ref::Webhook(_)
                    | Ref::Budget { .. }
                    | Ref::ConfigMap { .. }
                    | Ref::Secret { .. }
                    | Ref::Addon(_)
                    | Ref::Nodegroup(_) => false,
                },
                RowId::Under(_, it) => matches!(it, Ref::ServiceAccount(_)),
                RowId::Cause(_)
                | RowId::Container { .. }
                | RowId::Context(_)
                | RowId::Profile(_)
                | RowId::Source(_)
                | RowId::Alias(_) => false,
            },
        }
    }

    fn enter_from_page(&mut self) -> Vec<Request> {
        let Mode::Page(page) = &self.mode else { return Vec::new() };
        match &page.kind {
            PageKind::Explain(it) => {
                if let Some(key) = it.selected().cloned() {
                    self.go_to_identity(key);
                }
                Vec::new()
            }
            PageKind::Details(id) => {
                let id = id.clone();
                self.drill(id)
            }
            PageKind::Fixes(it) => match it.selected().cloned() {
                Some(it) => self.propose(it, Purpose::Fix),
                None => Vec::new(),
            },
            PageKind::Journal(_) => self.undo_noted(),
            PageKind::Help
            | PageKind::Policy(_)
            | PageKind::Yaml(_)
            | PageKind::Probe(_)
            | PageKind::Plan(_) => Vec::new(),
        }
    }

    /// The page that `esc` goes back to, made anew where the world may have moved since. From what has ended there is no
    /// way back to where it was chosen.
    pub(in crate::model) fn page_before(&mut self) -> Option<Page> {
        let it = self.proposed_mut()?;
        let mut page = *it.before.take()?;
        if matches!(it.stage, Stage::Ended { .. }) {
            return None;
        }
        if let PageKind::Fixes(it) = &mut page.kind {
            let at = it.at;
            let mut again = self.offers_of(it.of.clone());
            again.at = at.min(again.offers.len().saturating_sub(1));
            **it = again;
        }
        Some(page)
    }

    /// The row that pages and questions are about.
    pub(in crate::model) fn about(&self) -> Option<RowId> {
        match &self.mode {
            Mode::Page(page) => match &page.kind {
                PageKind::Details(id) => Some(id.clone()),
                PageKind::Help
                | PageKind::Policy(_)
                | PageKind::Yaml(_)
                | PageKind::Fixes(_)
                | PageKind::Plan(_)
                | PageKind::Journal(_)
                | PageKind::Probe(_)
                | PageKind::Explain(_) => None,
            },
            Mode::List | Mode::Details => self.screen().current().map(|it| it.id.clone()),
        }
    }

    /// The role whose trust policy `y` would show; `None` where there is none, or it was not read.
    pub(in crate::model) fn policy_of_current(&self) -> Option<Arn> {
        let arn = match self.about()?.node()? {
            Ref::Role(arn) => Some(arn),
            Ref::ServiceAccount(key) => self.ledger.identity(&key)?.role_arn.clone(),
            Ref::Pod { namespace, name } => {
                let key = self.graph.pod(&namespace, &name)?.service_account();
                self.ledger.identity(&key)?.role_arn.clone()
            }
            Ref::Association(id) => {
                Some(self.graph.association(&id)?.detail.as_ref().known()?.role_arn.clone())
            }
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::Workload { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => None,
        }?;
        self.graph.role(&arn).is_known().then_some(arn)
    }

    /// The findings that concern a row, worst first.
    pub fn findings_of(&self, id: &RowId) -> Vec<&Finding> {
        let mut res: Vec<&Finding> = match id {
            RowId::Cause(cause) => self.findings_of_cause(cause),
            RowId::Under(parent, at) => match Model::cause_of_row(parent) {
                Some(cause) => self.findings_of_cause(cause),
                None => self.findings_at(at),
            },
            RowId::Container { container, .. } => {
                // INVARIANT: a container's row names its pod.
                let at = id.node().expect("the pod of a container");
                let all = self.findings_at(&at);
                let here = |it: &&Finding| {
                    it.subject.container.as_ref().is_none_or(|name| name == container)
                };
                all.into_iter().filter(here).collect()
            }
            RowId::Node(at) => self.findings_at(at),
            RowId::Context(_) | RowId::Profile(_) | RowId::Source(_) | RowId::Alias(_) => {
                Vec::new()
            }
        };
        let printed = match id.node() {
            Some(Ref::ServiceAccount(key)) => {
                self.ledger.identity(&key).and_then(|it| it.verdict.signature())
            }
            Some(_) | None => None,
        };
        res.sort_by_cached_key(|it| rank(Told::of(it), printed));
        res
    }

    fn findings_at(&self, at: &Ref) -> Vec<&Finding> {
        match at {
            Ref::ServiceAccount(key) => self.ledger.findings_of_identity(&self.graph, key),
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::Pod { .. }
            | Ref::Workload { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Association(_)
            | Ref::Role(_)
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => self.ledger.findings_at(at).iter().collect(),
        }
    }

    /// Looks only where `Cause::new` takes them from, so that it costs what the cause affects.
    fn findings_of_cause(&self, cause: &Cause) -> Vec<&Finding> {
        let mut places = vec![cause.of.clone()];
        match &cause.of {
            Ref::ServiceAccount(key) => {
                places.extend(
                    self.graph.pods_of(key).map(|it| Ref::Pod {
                        namespace: it.namespace.clone(),
                        name: it.name.clone(),
                    }),
                );
            }
            Ref::Role(_) => {
                let users = users_of(&self.graph, &cause.of);
                places.extend(users.into_iter().map(Ref::ServiceAccount));
            }
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::Pod { .. }
            | Ref::Workload { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Association(_)
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => {}
        }
        let of = |it: &&Finding| it.code == cause.code && Cause::new(&self.graph, it) == *cause;
        places.iter().flat_map(|it| self.ledger.findings_at(it)).filter(of).collect()
    }

    /// A provider that IAM has; `None` also while it was not read.
    pub fn provider(&self, arn: &Arn) -> Option<&OidcProvider> {
        let all = self.graph.providers(&arn.account()?).known()?;
        all.into_iter().find(|it| it.arn == *arn)
    }

    /// The trust policy of a role, indented; as it came where it is no JSON. `None` when it was not read.
    pub fn policy_text(&self, arn: &Arn) -> Option<String> {
        let Knowledge::Known(it) = self.graph.role(arn) else { return None };
        let raw = &it.trust.raw;
        let parsed = serde_json::from_str::<serde_json::Value>(raw).ok();
        let indented = parsed.and_then(|it| serde_json::to_string_pretty(&it).ok());
        Some(indented.unwrap_or_else(|| raw.to_string()))
    }
}

/// What whoever grants permissions needs: the policy statement, or the rule of a ClusterRole.
pub fn what_to_ask_for(denied: &Denied) -> String {
    let permission = &*denied.permission;
    if permission.contains(':') {
        return format!(
            "{{\n  \"Effect\": \"Allow\",\n  \"Action\": \"{permission}\",\n  \"Resource\": \"*\"\n}}"
        );
    }
    let mut words = permission.split_whitespace();
    let (verb, resource) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let group = match resource {
        "deployments" | "statefulsets" | "daemonsets" | "replicasets" => "apps",
        "jobs" | "cronjobs" => "batch",
        "mutatingwebhookconfigurations" => "admissionregistration.k8s.io",
        _ => "",
    };
    let verbs = if verb == "get" { "get" } else { "get, list, watch" };
    format!("- apiGroups: [\"{group}\"]\n  resources: [{resource}]\n  verbs: [{verbs}]")
}

#[cfg(test)]
mod tests {
    use crate::{fact::Denied, model::pages::what_to_ask_for};

    #[test]
    fn says_what_to_ask_for() {
        let check = |permission: &str, expected: &[&str]| {
            let denied = Denied { permission: permission.into(), detail: "".into() };
            let text = what_to_ask_for(&denied);
            for it in expected {
                assert!(text.contains(it), "{permission}: {text}");
            }
        };
        check("iam:ListRoles", &["\"Action\": \"iam:ListRoles\"", "\"Effect\": \"Allow\""]);
        check("list pods in payments", &["apiGroups: [\"\"]", "resources: [pods]", "list"]);
        check("list cronjobs", &["apiGroups: [\"batch\"]"]);
        check("get configmaps in shop", &["verbs: [get]"]);
    }
}
