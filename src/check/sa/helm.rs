//! What a Helm chart made when its values did not arrive.

use crate::{
    check::{Acc, Evidence, Fix, IdentityContext, Subject, quote},
    fact::{Knowledge, Workload},
    ident::{SaKey, Text},
    identity::Mechanism,
};

pub(super) fn values_lost(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let graph = cx.cx.graph;
    let Knowledge::Known(sa) = &cx.sa else { return };
    let helm = sa.label("app.kubernetes.io/managed-by").is_some_and(|it| &**it == "Helm");
    if cx.mechanism != Mechanism::None || !helm {
        return;
    }
    let Some((workload, release, chart)) = graph.workloads_of(cx.key).find_map(released) else {
        return;
    };
    // Named after the release, as a chart does when serviceAccount.name is not given.
    let after_release = *cx.key.name == *release || *cx.key.name == format!("{release}-{chart}");
    let meant = SaKey::new(cx.key.namespace.clone(), chart.as_str());
    let waiting = meant != *cx.key
        && graph.lists_users(&meant.namespace)
        && graph.association_of(&meant).is_known()
        && graph.pods_of(&meant).next().is_none()
        && graph.workloads_of(&meant).next().is_none();
    if !after_release || !waiting {
        return;
    }
    let finding = acc.push(
        Subject::service_account(cx.key, None),
        format!("was made by Helm release `{release}`; the association waits for `{meant}`"),
        vec![Evidence {
            place: format!(
                "{} {}/{} serviceAccountName",
                workload.kind.as_str(),
                workload.namespace,
                workload.name
            ),
            found: cx.key.name.to_string(),
            needed: meant.name.to_string(),
        }],
    );
    finding.fixes.push(Fix::by_hand(
        "FX-NONE",
        "run helm upgrade again, on one line".into(),
        vec![format!(
            "helm upgrade {} eks/{chart} -n {} --reuse-values --set serviceAccount.create=true --set serviceAccount.name={}",
            quote(&release),
            quote(&cx.key.namespace),
            quote(&meant.name)
        )],
    ));
}

/// The Helm release and chart (without its version) of a workload.
fn released(workload: &Workload) -> Option<(&Workload, Text, String)> {
    let label = |key: &str| workload.labels.iter().find(|(it, _)| &**it == key).map(|(_, it)| it);
    let release = label("app.kubernetes.io/instance")?.clone();
    let chart = label("helm.sh/chart")?;
    let name = chart.rsplit_once('-').map_or(&**chart, |(it, _)| it);
    Some((workload, release, name.to_owned()))
}
