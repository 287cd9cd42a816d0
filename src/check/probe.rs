//! What a probe of a ServiceAccount has to ask for.

use crate::{
    check::judge::Declaration,
    fact::{Knowledge, Phase, ServiceAccount},
    graph::Graph,
    ident::SaKey,
    identity::probe::{Ask, Way},
};

/// The question to AWS, as a new pod would ask it; `Err` says why there is none.
pub fn probe_ask(graph: &Graph, key: &SaKey) -> Result<Ask, String> {
    let it = Declaration::of(graph, key);
    let way = match (&it.association, it.annotation) {
        (Knowledge::Known(association), _) => {
            let cluster = graph.cluster().known();
            let cluster = cluster.ok_or("which EKS cluster this is is not known")?;
            let mut running: Vec<_> = graph
                .pods_of(key)
                .filter(|it| it.phase == Phase::Running && !it.deleting && !it.mirror)
                .collect();
            running.sort_by_key(|it| (!it.ready, it.name.clone()));
            let pod = running.first().ok_or_else(|| {
                format!("no pod of `{key}` runs, and EKS Auth answers only for the token of one")
            })?;
            let detail = association.detail.as_ref().known();
            Way::EksAuth {
                cluster: cluster.name.clone(),
                pod: pod.name.clone(),
                pod_uid: pod.uid.clone(),
                role_arn: detail.map(|it| it.role_arn.text().clone()),
                target: detail.and_then(|it| Some(it.target_role_arn.as_ref()?.text().clone())),
            }
        }
        (Knowledge::Denied(_) | Knowledge::NotYet, _) => {
            return Err("whether it has a Pod Identity association could not be read".to_owned());
        }
        (Knowledge::Absent, Some(role)) => {
            let audience = it.sa.known().and_then(|it| it.annotation(ServiceAccount::AUDIENCE));
            let audience = audience.filter(|it| !it.is_empty()).cloned();
            Way::Sts {
                role_arn: role.clone(),
                audience: audience.unwrap_or_else(|| "sts.amazonaws.com".into()),
            }
        }
        (Knowledge::Absent, None) => {
            return Err(format!("ServiceAccount `{key}` asks for no AWS identity"));
        }
    };
    Ok(Ask { service_account: key.clone(), way })
}
