//! Which steps of a plan stand on which: a step that fails takes with it those that need it, and no others.
//!
//! A step gives what it writes. What it needs is named by what it is about: the role of a ServiceAccount, the provider of
//! a role's account, the ServiceAccount of a workload. Where that cannot be told it needs everything before it.

use crate::{
    fact::ServiceAccount,
    graph::Graph,
    ident::{AccountId, Arn, SaKey, Text},
    plan::{Edit, May, Step, TrustChange, WorkloadKey},
};

/// What is given and needed.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Role(Arn),
    /// The OIDC provider of the account.
    Provider(AccountId),
    ServiceAccount(SaKey),
    Workload(WorkloadKey),
    Addon,
}

/// For each step those before it that it needs, as indices. Those that they need in turn are not among them.
pub(crate) fn needs(graph: &Graph, edits: &[&Edit]) -> Vec<Vec<usize>> {
    let all = edits.iter().enumerate();
    all.map(|(index, edit)| {
        let before = &edits[..index];
        match needed(graph, edit, before) {
            None => (0..index).collect(),
            Some(tokens) => (0..index)
                .filter(|it| given(before[*it]).is_none_or(|it| tokens.contains(&it)))
                .collect(),
        }
    })
    .collect()
}

/// The steps that are left alone once these are not done, in order.
pub fn left_alone(steps: &[Step], not_done: &[usize]) -> Vec<usize> {
    let mut res: Vec<usize> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let is_lost = |it: &usize| not_done.contains(it) || res.contains(it);
        if !not_done.contains(&index) && step.needs.iter().any(is_lost) {
            res.push(index);
        }
    }
    res
}

/// The permission without which nothing of the plan can be carried out; `None` where something stands beside what is not
/// allowed. `may` is one a step.
pub fn blocked<'a>(steps: &[Step], may: &'a [May]) -> Option<&'a Text> {
    let denied: Vec<usize> =
        (0..steps.len().min(may.len())).filter(|it| matches!(may[*it], May::No(_))).collect();
    let May::No(missing) = may.get(*denied.first()?)? else { return None };
    let n_lost = left_alone(steps, &denied).len();
    (denied.len() + n_lost == steps.len()).then_some(missing)
}

/// `None`: whoever comes later may need it, whatever it is.
fn given(edit: &Edit) -> Option<Token> {
    let provider = |arn: &Arn| arn.account().map(Token::Provider);
    match edit {
        Edit::Annotate { service_account: it, .. }
        | Edit::CreateServiceAccount { service_account: it, .. }
        | Edit::DeleteServiceAccount { service_account: it, .. }
        | Edit::CreateAssociation { service_account: it, .. }
        | Edit::UpdateAssociation { service_account: it, .. }
        | Edit::DeleteAssociation { service_account: it, .. } => {
            Some(Token::ServiceAccount(it.clone()))
        }
        Edit::UseServiceAccount { workload, .. }
        | Edit::SetEnv { workload, .. }
        | Edit::RestoreEnv { workload, .. }
        | Edit::SetMetadata { workload, .. }
        | Edit::Restart { workload } => Some(Token::Workload(workload.clone())),
        Edit::CreateProvider { account, .. } => Some(Token::Provider(account.clone())),
        Edit::DeleteProvider { arn: it, .. }
        | Edit::AddClientId { provider: it, .. }
        | Edit::RemoveClientId { provider: it, .. }
        | Edit::SetThumbprints { provider: it, .. } => provider(it),
        Edit::SetTrust { role, .. } => Some(Token::Role(role.clone())),
        Edit::CreateAddon { .. } | Edit::DeleteAddon { .. } => Some(Token::Addon),
    }
}

/// `None`: everything before it.
fn needed(graph: &Graph, edit: &Edit, before: &[&Edit]) -> Option<Vec<Token>> {
    let mut res = Vec::new();
    match edit {
        Edit::SetTrust { role, change, .. } => {
            // What is taken away may be what an earlier step was to make up for.
            if *change == TrustChange::Narrows {
                return None;
            }
            of_role(role, &mut res);
        }
        Edit::Annotate { service_account, value, .. } => {
            // An annotation that goes leaves what was made in its place.
            let role = value.as_ref()?;
            res.push(Token::ServiceAccount(service_account.clone()));
            of_role(&Arn::new(role.clone()), &mut res);
        }
        Edit::CreateServiceAccount { service_account, annotations, .. } => {
            res.push(Token::ServiceAccount(service_account.clone()));
            annotations.iter().for_each(|(_, it)| of_role(&Arn::new(it.clone()), &mut res));
        }
        Edit::CreateAssociation { service_account, fields }
        | Edit::UpdateAssociation { service_account, fields, .. } => {
            res.extend([Token::ServiceAccount(service_account.clone()), Token::Addon]);
            for it in std::iter::once(&fields.role_arn).chain(&fields.target_role_arn) {
                of_role(it, &mut res);
            }
        }
        Edit::UseServiceAccount { workload, .. }
        | Edit::SetEnv { workload, .. }
        | Edit::SetMetadata { workload, .. }
        | Edit::Restart { workload } => {
            res.extend([Token::Workload(workload.clone()), Token::Addon]);
            let it = graph.workload(workload.kind, &workload.namespace, &workload.name)?;
            of_account(graph, &it.service_account(), before, &mut res);
            let named = std::iter::once(edit).chain(before.iter().copied());
            for name in named.filter_map(|it| new_account(it, workload)) {
                let key = SaKey::new(workload.namespace.clone(), name.clone());
                of_account(graph, &key, before, &mut res);
            }
        }
        Edit::CreateProvider { account, .. } => res.push(Token::Provider(account.clone())),
        Edit::AddClientId { provider, .. } | Edit::SetThumbprints { provider, .. } => {
            res.push(Token::Provider(provider.account()?));
        }
        Edit::CreateAddon { .. } => res.push(Token::Addon),
        Edit::DeleteServiceAccount { .. }
        | Edit::RestoreEnv { .. }
        | Edit::DeleteProvider { .. }
        | Edit::RemoveClientId { .. }
        | Edit::DeleteAssociation { .. }
        | Edit::DeleteAddon { .. } => return None,
    }
    Some(res)
}

/// The ServiceAccount that an edit gives the workload.
fn new_account<'a>(edit: &'a Edit, of: &WorkloadKey) -> Option<&'a Text> {
    match edit {
        Edit::UseServiceAccount { workload, name, .. } if workload == of => name.as_ref(),
        _ => None,
    }
}

fn of_role(role: &Arn, acc: &mut Vec<Token>) {
    acc.extend(role.account().map(Token::Provider));
    acc.push(Token::Role(role.clone()));
}

/// The ServiceAccount with every role that it has, or gets before.
fn of_account(graph: &Graph, key: &SaKey, before: &[&Edit], acc: &mut Vec<Token>) {
    acc.push(Token::ServiceAccount(key.clone()));
    let account = graph.service_account(key).known();
    if let Some(it) = account.and_then(ServiceAccount::role_arn) {
        of_role(&Arn::new(it.clone()), acc);
    }
    let association = graph.association_of(key).known().and_then(|it| it.detail.as_ref().known());
    if let Some(it) = association {
        of_role(&it.role_arn, acc);
        it.target_role_arn.iter().for_each(|it| of_role(it, acc));
    }
    for it in before {
        match it {
            Edit::Annotate { service_account, value: Some(it), .. } if service_account == key => {
                of_role(&Arn::new(it.clone()), acc);
            }
            Edit::CreateServiceAccount { service_account, annotations, .. }
                if service_account == key =>
            {
                annotations.iter().for_each(|(_, it)| of_role(&Arn::new(it.clone()), acc));
            }
            Edit::CreateAssociation { service_account, fields }
            | Edit::UpdateAssociation { service_account, fields, .. }
                if service_account == key =>
            {
                of_role(&fields.role_arn, acc);
                fields.target_role_arn.iter().for_each(|it| of_role(it, acc));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        graph::Graph,
        ident::{AccountId, Arn, Issuer, Partition, SaKey},
        plan::{Edit, TrustChange, needs::needs},
    };

    #[test]
    fn a_step_needs_what_it_is_about() {
        let role = |name: &str| Arn::from(&*format!("arn:aws:iam::111122223333:role/{name}"));
        let far = || Arn::from("arn:aws:iam::444455556666:role/far");
        let trust = |role: Arn, change: TrustChange| Edit::SetTrust {
            role,
            was: "{}".into(),
            document: "{ }".into(),
            change,
        };
        let opens = |it: Arn| trust(it, TrustChange::Opens);
        let provider = || Edit::CreateProvider {
            partition: Partition::Aws,
            account: AccountId::parse("111122223333").unwrap(),
            issuer: Issuer::new("oidc.eks.eu-west-1.amazonaws.com/id/AB"),
            client_ids: Vec::new(),
            tags: Vec::new(),
        };
        let annotate = |name: &str, value: Option<Arn>| Edit::Annotate {
            service_account: SaKey::new("shop", name),
            key: "eks.amazonaws.com/role-arn".into(),
            was: None,
            value: value.map(|it| it.text().clone()),
        };
        let check = |edits: &[Edit], expected: &[&[usize]]| {
            let edits: Vec<&Edit> = edits.iter().collect();
            assert_eq!(needs(&Graph::default(), &edits), expected, "{edits:?}");
        };
        // Roles stand beside each other, on the provider of their account.
        check(
            &[provider(), opens(role("a")), opens(role("b")), opens(far())],
            &[&[], &[0], &[0], &[]],
        );
        check(
            &[opens(role("a")), annotate("a", Some(role("a"))), annotate("b", Some(role("b")))],
            &[&[], &[0], &[]],
        );
        // What takes something away needs everything that was to come in its place.
        check(
            &[opens(far()), annotate("a", None), trust(role("b"), TrustChange::Narrows)],
            &[&[], &[0], &[0, 1]],
        );
    }
}
