//! The association that only another cluster has.

use crate::{
    check::{
        Acc, Evidence, Fix, IdentityContext, Subject, SubjectKind, fix, is_node_agent,
        judge::{self, Declaration},
        quote,
    },
    fact::Knowledge,
    identity::Mechanism,
    plan::AssociationFields,
};

/// PI-ASSOC-04.
pub(crate) fn report(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let graph = cx.cx.graph;
    if cx.mechanism != Mechanism::None || !cx.sa.is_known() || &*cx.key.name == "default" {
        return;
    }
    // What nobody may read may be there.
    if Declaration::of(graph, cx.key).association != Knowledge::Absent {
        return;
    }
    let Some(there) = graph.associated_elsewhere(cx.key) else { return };
    let Some(user) = user(cx) else { return };
    let name = there.cluster.name().unwrap_or_default();
    let subject =
        Subject { kind: SubjectKind::Association, ..Subject::service_account(cx.key, None) };
    let finding = acc.push(
        subject,
        format!("of `{}` exists in cluster `{name}` but not in this one ({user})", cx.key),
        vec![Evidence {
            place: format!("Pod Identity associations of {}", cx.key),
            found: format!("one in {}", there.cluster),
            needed: "one in this cluster".into(),
        }],
    );
    let accepting = graph.roles_naming(cx.key);
    let role = accepting.into_iter().find(|it| judge::accepts(cx, it.arn.as_str()));
    finding.fixes.push(match role {
        Some(it) => {
            let fields = AssociationFields::of_role(it.arn.clone());
            Fix::create_association(cx.cx, cx.key, fields)
        }
        None => {
            let region = there.cluster.parts().map_or("", |it| it.region);
            let (namespace, account) = (quote(&cx.key.namespace), quote(&cx.key.name));
            let title = format!("create the association that `{name}` has");
            let commands = vec![
                format!(
                    "aws eks list-pod-identity-associations --cluster-name {} --region {} --namespace {namespace} --service-account {account}",
                    quote(name),
                    quote(region),
                ),
                format!(
                    "aws eks create-pod-identity-association --cluster-name {} --namespace {namespace} --service-account {account} --role-arn ROLE_ARN",
                    fix::cluster_name(&cx.cx)
                ),
            ];
            let mut fix = Fix::by_hand("FX-PIA-CREATE", title, commands);
            fix.restart_needed = true;
            fix
        }
    });
}

/// What runs with the ServiceAccount and needs credentials that it has not got; `None` where nothing does.
fn user(cx: &IdentityContext<'_>) -> Option<String> {
    let graph = cx.cx.graph;
    let counts = cx.counts;
    // Whoever brings keys has other credentials (POD-KEY-01 says so).
    if 0 < counts.total && counts.fixed == counts.total {
        return None;
    }
    let mut workloads = graph.workloads_of(cx.key);
    let workload = workloads.find(|it| !it.completed && !is_node_agent(&it.name, &it.namespace));
    if let Some(it) = workload {
        return Some(format!("{} `{}` uses it", it.kind.as_str(), it.name));
    }
    let mut pods = graph.pods_of(cx.key);
    let pod = pods.find(|it| !it.completed() && !is_node_agent(&it.name, &it.namespace))?;
    Some(format!("pod `{}` uses it", pod.name))
}
