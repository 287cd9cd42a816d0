//! Would the API server call the pod identity webhook for a new pod: the rules of its configuration, its selectors
//! asked of the pod's and the namespace's labels, and what is known of the backend that EKS runs.
//!
//! Whether the webhook then has anything to inject is `admission`'s. A label that is not known makes the answer unknown
//! where it decides, never a guess. Sources: Kubernetes "Dynamic Admission Control", apimachinery `labels.Selector`,
//! amazon-eks-pod-identity-webhook.

use crate::{
    fact::{Selector, SelectorTerm, Webhook, WebhookRule},
    ident::Text,
};

/// Where the webhook of EKS listens, on the API server's own host.
pub const EKS_URL: &str = "https://127.0.0.1:23443/mutate";
/// The version of AdmissionReview that the webhook understands.
pub const REVIEW: &str = "v1beta1";
/// The label that the API server keeps on every namespace; its value is the namespace's name.
pub const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Labels as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    pub labels: &'a [(Text, Text)],
    /// Keys that will be there, with values that nobody knows yet: what controllers add to the pods they make.
    pub pending: &'a [&'a str],
    /// Whether there are no others.
    pub complete: bool,
}

/// Whether the webhook is called for a pod and can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    Yes,
    /// Why the webhook that comes nearest is not; never empty unless the configuration has no webhooks.
    No(Vec<Refusal>),
    /// What cannot be known, as a fragment.
    Unknown(String),
}

/// One reason why a webhook of the configuration injects nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No rule covers CREATE of pods.
    Rules,
    /// The address is none that EKS uses.
    Address(Text),
    /// Nobody can check who answers at its address: there is no caBundle, and no public authority vouches for it.
    Certificate,
    /// It is sent no AdmissionReview that it understands.
    Versions(Vec<Text>),
    /// A selector leaves the pod out.
    Selector {
        /// The webhook's name.
        hook: Text,
        of: Side,
        term: SelectorTerm,
        /// The label's value; `None` when the label is not there.
        found: Option<Text>,
    },
}

/// Whose labels a selector is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `objectSelector`.
    Pod,
    /// `namespaceSelector`.
    Namespace,
}

impl Side {
    pub fn field(self) -> &'static str {
        match self {
            Side::Pod => "objectSelector",
            Side::Namespace => "namespaceSelector",
        }
    }
}

/// What the API server would do for a pod with these labels in a namespace with those.
pub fn called(webhook: &Webhook, pod: Seen<'_>, namespace: Seen<'_>) -> Called {
    let mut nearest: Option<Vec<Refusal>> = None;
    let mut unknown = None;
    for hook in &webhook.hooks {
        let mut refusals = broken(hook);
        let mut open = None;
        for (of, selector, seen) in [
            (Side::Pod, &hook.object_selector, pod),
            (Side::Namespace, &hook.namespace_selector, namespace),
        ] {
            for term in terms(selector) {
                match seen.fits(&term) {
                    Some(true) => {}
                    Some(false) => {
                        let found = seen.get(&term.key).cloned();
                        let hook = hook.name.clone();
                        refusals.push(Refusal::Selector { hook, of, term, found });
                    }
                    None => {
                        open.get_or_insert(format!("label `{}` ({})", term.key, of.field()));
                    }
                }
            }
        }
        if refusals.is_empty() && hook.has_match_conditions {
            open.get_or_insert("the webhook's matchConditions".to_owned());
        }
        match (refusals.is_empty(), open) {
            (true, None) => return Called::Yes,
            (true, Some(it)) => {
                unknown.get_or_insert(it);
            }
            // One false term is enough, whatever else is not known.
            (false, _) => {
                if nearest.as_ref().is_none_or(|it| refusals.len() < it.len()) {
                    nearest = Some(refusals);
                }
            }
        }
    }
    match unknown {
        Some(it) => Called::Unknown(it),
        None => Called::No(nearest.unwrap_or_default()),
    }
}

/// What keeps a webhook from answering for any pod at all. What the manifest does not say is not held against it.
pub fn broken(hook: &WebhookRule) -> Vec<Refusal> {
    let mut res = Vec::new();
    if !hook.covers_pod_create {
        res.push(Refusal::Rules);
    }
    if let Some(url) = hook.url.as_ref().filter(|it| ***it != *EKS_URL) {
        res.push(Refusal::Address(url.clone()));
    }
    if hook.url.is_some() && !hook.has_ca_bundle {
        res.push(Refusal::Certificate);
    }
    let versions = &hook.admission_review_versions;
    if !versions.is_empty() && versions.iter().all(|it| **it != *REVIEW) {
        res.push(Refusal::Versions(versions.clone()));
    }
    res
}

/// `matchLabels` are terms too.
fn terms(selector: &Selector) -> impl Iterator<Item = SelectorTerm> {
    let equal = selector.match_labels.iter().map(|(key, value)| SelectorTerm {
        key: key.clone(),
        operator: "In".into(),
        values: vec![value.clone()],
    });
    equal.chain(selector.expressions.iter().cloned())
}

impl<'a> Seen<'a> {
    /// All labels there are.
    pub fn all(labels: &'a [(Text, Text)]) -> Seen<'a> {
        Seen { labels, pending: &[], complete: true }
    }

    fn get(&self, key: &str) -> Option<&'a Text> {
        self.labels.iter().find(|(it, _)| **it == *key).map(|(_, it)| it)
    }

    /// Whether one term of a selector fits; `None` when that depends on what is not known.
    fn fits(&self, term: &SelectorTerm) -> Option<bool> {
        let value = self.get(&term.key);
        let pending = value.is_none() && self.pending.contains(&&*term.key);
        let open = value.is_none() && !pending && !self.complete;
        let listed = || value.is_some_and(|it| term.values.contains(it));
        match &*term.operator {
            "Exists" => (!open).then(|| value.is_some() || pending),
            "DoesNotExist" => (!open).then(|| value.is_none() && !pending),
            "In" => (!open && !pending).then(listed),
            "NotIn" => (!open && !pending).then(|| !listed()),
            // The API server takes no other; of one that it learns later nothing is known here.
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{fact::Webhook, identity::webhook::*};

    fn hook() -> WebhookRule {
        WebhookRule {
            name: "iam-for-pods.amazonaws.com".into(),
            url: Some(EKS_URL.into()),
            service: None,
            failure_policy: "Ignore".into(),
            reinvocation_policy: "IfNeeded".into(),
            admission_review_versions: vec![REVIEW.into()],
            covers_pod_create: true,
            object_selector: Selector::default(),
            namespace_selector: Selector::default(),
            has_match_conditions: false,
            has_ca_bundle: true,
        }
    }

    fn term(key: &str, operator: &str, values: &[&str]) -> SelectorTerm {
        SelectorTerm {
            key: key.into(),
            operator: operator.into(),
            values: values.iter().map(|it| (*it).into()).collect(),
        }
    }

    fn selector(terms: &[SelectorTerm]) -> Selector {
        Selector { match_labels: Vec::new(), expressions: terms.to_vec() }
    }

    fn ask(hooks: &[WebhookRule], pod: Seen<'_>, namespace: Seen<'_>) -> String {
        let hooks = hooks.to_vec();
        let webhook = Webhook { name: "it".into(), created: None, changed: None, hooks };
        match called(&webhook, pod, namespace) {
            Called::Yes => "yes".into(),
            Called::No(it) => format!("no {}", it.len()),
            Called::Unknown(it) => it,
        }
    }

    #[test]
    fn terms_are_asked_of_labels_as_kubernetes_asks_them() {
        let labels = [("app".into(), "web".into()), ("empty".into(), "".into())];
        let check = |term: SelectorTerm, expected: &str| {
            let hook = WebhookRule { object_selector: selector(&[term]), ..hook() };
            let seen = Seen { pending: &["pod-template-hash"], ..Seen::all(&labels) };
            assert_eq!(ask(&[hook], seen, Seen::all(&[])), expected);
        };
        check(term("app", "In", &["web"]), "yes");
        check(term("app", "In", &["api", "web"]), "yes");
        check(term("app", "In", &["Web"]), "no 1");
        check(term("app", "In", &[]), "no 1");
        check(term("other", "In", &["web"]), "no 1");
        check(term("empty", "In", &[""]), "yes");
        check(term("app", "NotIn", &["web"]), "no 1");
        check(term("app", "NotIn", &["api"]), "yes");
        check(term("other", "NotIn", &["web"]), "yes");
        check(term("app", "Exists", &[]), "yes");
        check(term("empty", "Exists", &[]), "yes");
        check(term("other", "Exists", &[]), "no 1");
        check(term("app", "DoesNotExist", &[]), "no 1");
        check(term("other", "DoesNotExist", &[]), "yes");
        check(term("pod-template-hash", "Exists", &[]), "yes");
        check(term("pod-template-hash", "DoesNotExist", &[]), "no 1");
        let open = "label `pod-template-hash` (objectSelector)";
        check(term("pod-template-hash", "In", &["a"]), open);
        check(term("pod-template-hash", "NotIn", &["a"]), open);
        check(term("app", "Like", &["web"]), "label `app` (objectSelector)");
    }

    #[test]
    fn what_is_not_known_decides_only_where_it_matters() {
        let name = [(NAMESPACE_NAME.into(), "shop".into())];
        let partly = Seen { labels: &name, pending: &[], complete: false };
        let check = |terms: &[SelectorTerm], expected: &str| {
            let hook = WebhookRule { namespace_selector: selector(terms), ..hook() };
            assert_eq!(ask(&[hook], Seen::all(&[]), partly), expected, "{terms:?}");
        };
        let by_name = |name: &str| term(NAMESPACE_NAME, "In", &[name]);
        check(&[by_name("shop")], "yes");
        check(&[by_name("other")], "no 1");
        check(&[term("team", "Exists", &[])], "label `team` (namespaceSelector)");
        check(&[term("team", "NotIn", &["a"])], "label `team` (namespaceSelector)");
        check(&[term("team", "Exists", &[]), by_name("other")], "no 1");
        check(&[], "yes");
    }

    #[test]
    fn one_webhook_that_answers_is_enough() {
        let none = Seen::all(&[]);
        let check = |hooks: Vec<WebhookRule>, expected: &str| {
            assert_eq!(ask(&hooks, none, none), expected);
        };
        let no_rule = WebhookRule { covers_pod_create: false, ..hook() };
        let elsewhere = WebhookRule { url: Some("https://10.0.0.1/mutate".into()), ..hook() };
        let unchecked = WebhookRule { has_ca_bundle: false, ..hook() };
        let v1 = WebhookRule { admission_review_versions: vec!["v1".into()], ..hook() };
        let both =
            WebhookRule { admission_review_versions: vec!["v1".into(), REVIEW.into()], ..hook() };
        let unsaid = WebhookRule { admission_review_versions: Vec::new(), url: None, ..hook() };
        let service = WebhookRule { url: None, service: Some("iam/webhook".into()), ..hook() };
        let conditions = WebhookRule { has_match_conditions: true, ..hook() };
        let labelled =
            Selector { match_labels: vec![("iam".into(), "on".into())], ..Selector::default() };
        let labelled = WebhookRule { object_selector: labelled, ..v1.clone() };
        check(vec![hook()], "yes");
        check(vec![both], "yes");
        check(vec![unsaid], "yes");
        check(vec![service], "yes");
        check(vec![], "no 0");
        check(vec![no_rule.clone()], "no 1");
        check(vec![elsewhere], "no 1");
        check(vec![unchecked], "no 1");
        check(vec![v1.clone()], "no 1");
        check(vec![labelled.clone()], "no 2");
        check(vec![labelled.clone(), v1], "no 1");
        check(vec![no_rule, hook()], "yes");
        check(vec![conditions.clone()], "the webhook's matchConditions");
        check(vec![labelled, conditions.clone()], "the webhook's matchConditions");
        check(vec![conditions, hook()], "yes");
    }
}
