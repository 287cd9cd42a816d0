//! `explain TARGET`: one subject's chain, hop by hop, with everything found on it.

use crate::{
    check::{self, Finding, Ledger, Rolled},
    graph::Graph,
    ident::{Ref, Text, visible},
    identity::{Judged, Verdict},
    plan::Names,
    report::{
        build::{self, Meta},
        chain,
        evidence::{self, Evidence, Provenance},
        facts::{self, Facts},
        json, roles,
        triage::{self, Cause, State},
    },
};
use std::{collections::BTreeSet, fmt::Write as _};

/// What is said of one subject, ready to be rendered.
pub struct Explained<'a> {
    /// As a `TARGET`: `sa/payments/api`.
    pub target: String,
    /// The ServiceAccount behind a pod, workload or association.
    pub identity: Option<json::Identity>,
    pub judged: Option<&'a Judged>,
    /// With both mechanisms, the annotation's chain, which new pods no longer use.
    pub shadowed: Option<&'a Judged>,
    pub containers: Vec<json::Container>,
    /// Of a node, a provider or the cluster.
    pub facts: Facts,
    pub role: Option<json::Role>,
    /// With `role`: what an auditor keeps.
    pub evidence: Option<Evidence>,
    pub findings: Vec<json::Finding>,
    /// What else could print the same error, and why it is not so here, or how it would be seen.
    pub others: Vec<Cause>,
    /// What an allow does not promise.
    pub caveats: Vec<&'static str>,
    /// E.g. that a pod is gone and its owner is explained.
    pub notes: Vec<String>,
    pub verdict: Option<Verdict>,
    /// Who read all this, when, and what of.
    pub provenance: Provenance,
}

/// What our verdicts cannot see; printed under every allow (TOOL-ORG-01).
const ORG: &str = "service control policies, resource control policies and VPC endpoint policies are not read; they \
    can still refuse (TOOL-ORG-01)";

pub fn explain<'a>(
    graph: &'a Graph,
    ledger: &'a Ledger,
    target: &Ref,
    meta: &Meta<'_>,
) -> Explained<'a> {
    let mut res = Explained {
        target: target_name(graph, target),
        identity: None,
        judged: None,
        shadowed: None,
        containers: Vec::new(),
        facts: facts::facts(graph, ledger, target),
        role: None,
        evidence: None,
        findings: Vec::new(),
        others: Vec::new(),
        caveats: Vec::new(),
        notes: Vec::new(),
        verdict: None,
        provenance: Provenance::of(graph, meta),
    };
    let mut found: Vec<&Finding> = Vec::new();
    if let Some(key) = graph.account_of(target) {
        let judged = ledger.identity(&key);
        res.identity = Some(build::identity(graph, ledger, &key, &|_code| true));
        res.judged = judged.and_then(|it| it.judged.as_deref());
        res.shadowed = judged.and_then(|it| it.shadowed.as_deref());
        res.verdict = judged.map(|it| it.verdict.clone());
        if matches!(res.verdict, Some(Verdict::Allow)) {
            res.caveats.push(ORG);
        }
        if let Some(signature) = res.verdict.as_ref().and_then(Verdict::signature) {
            res.others =
                triage::causes(graph, ledger, signature, std::slice::from_ref(&key), Some(target));
            res.others.retain(|it| it.state != State::Confirmed);
        }
        found = ledger.findings_of_identity(graph, &key);
        let mut of_workload: BTreeSet<(&Text, &Text)> = BTreeSet::new();
        if let Ref::Workload { kind, namespace, name } = target {
            let pods = graph.pods_of_workload(*kind, namespace, name).into_iter();
            of_workload.extend(pods.map(|it| (&it.namespace, &it.name)));
        }
        res.containers = build::containers(graph, ledger, &|pod| match target {
            Ref::Pod { namespace, name } => pod.namespace == *namespace && pod.name == *name,
            Ref::Workload { .. } => of_workload.contains(&(&pod.namespace, &pod.name)),
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::ServiceAccount(_)
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Association(_)
            | Ref::Role(_)
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => pod.service_account() == key,
        });
        if let Ref::Pod { namespace, name } = target {
            let mine = |it: &&Finding| match &it.subject.at {
                Ref::Pod { namespace: ns, name: pod } => ns == namespace && pod == name,
                _other_than_a_pod => true,
            };
            found.retain(mine);
        }
    } else if let Ref::Role(arn) = target {
        let role = roles::role(graph, arn, meta.generated_at);
        res.evidence = Some(evidence::evidence(graph, ledger, &role));
        res.role = Some(role);
        found = ledger
            .findings()
            .filter(|it| it.subject.arn.as_ref() == Some(arn) || it.subject.at == *target)
            .collect();
    } else {
        found.extend(ledger.findings_at(target));
    }
    let rolled = check::roll_up(graph, ledger);
    let names = Names::of(graph);
    let mut findings: Vec<json::Finding> = found
        .into_iter()
        .filter_map(|it| {
            let whole = rolled.iter().find(|rolled| std::ptr::eq(rolled.finding, it));
            // A sibling pod's finding stands on the youngest of them; asked for one pod, its own is shown.
            let own = matches!(target, Ref::Pod { .. })
                .then(|| Rolled { finding: it, affects: check::Affects::default() });
            whole.copied().or(own)
        })
        .map(|it| build::finding(&it, &names))
        .collect();
    findings.sort_by_cached_key(|it| {
        let subject = it.subject.clone();
        let at = (subject.namespace, subject.name, subject.arn, subject.container);
        (check::Severity::parse(it.severity), it.code, at, it.message.clone())
    });
    res.findings = findings;
    res
}

/// As a person would write it.
pub fn target_name(graph: &Graph, target: &Ref) -> String {
    match target {
        Ref::Association(id) => graph
            .association(id)
            .map_or_else(|| target.to_string(), |it| format!("association/{}", it.service_account)),
        other => other.to_string(),
    }
}

/// `text` or, with `markdown`, headings and code blocks.
pub fn render(it: &Explained<'_>, markdown: bool) -> String {
    let mut res = String::new();
    let verdict = match (&it.identity, &it.verdict) {
        (Some(identity), Some(verdict)) => match verdict.signature() {
            Some(signature) => format!("{} {signature}, {}", verdict.as_str(), identity.health),
            None => format!("{}, {}", verdict.as_str(), identity.health),
        },
        (_, None) | (None, _) => String::new(),
    };
    let title = visible(&it.target);
    let mark = if markdown { "# " } else { "" };
    let gap = if verdict.is_empty() { "" } else { ": " };
    put(&mut res, format_args!("{mark}{title}{gap}{verdict}"));
    for note in &it.notes {
        put(&mut res, format_args!("note: {}", visible(note)));
    }
    if let Some(identity) = &it.identity {
        put(&mut res, format_args!("{}", visible(&identity.because)));
        if let Some(signature) = it.verdict.as_ref().and_then(Verdict::signature) {
            put(&mut res, format_args!("its pods print {signature}: {}", signature.meaning()));
        }
    }
    section(&mut res, markdown, "Chain", it.judged.map(|it| chain::text(&it.hops)), true);
    let heading = "Annotation's chain (new pods use the association)";
    section(&mut res, markdown, heading, it.shadowed.map(|it| chain::text(&it.hops)), true);
    section(&mut res, markdown, "Known", Some(known(&it.facts)), true);
    section(&mut res, markdown, "Containers", containers(&it.containers), true);
    section(&mut res, markdown, "Role", it.role.as_ref().map(role), true);
    if let Some(it) = &it.evidence {
        section(&mut res, markdown, "Users", Some(evidence::render(it)), true);
        let policy = it.trust_policy.as_ref().map(evidence::render_policy);
        section(&mut res, markdown, "Trust policy", policy, true);
    }
    section(&mut res, markdown, "Findings", findings(&it.findings), markdown);
    let others = (!it.others.is_empty()).then(|| triage::render_causes(&it.others));
    section(&mut res, markdown, "Other explanations", others, true);
    // Who asked with which credentials is what makes the answer about a role one to keep.
    let provenance = it.evidence.as_ref().map(|_| it.provenance.render());
    section(&mut res, markdown, "Provenance", provenance, true);
    if !it.caveats.is_empty() {
        put(&mut res, format_args!(""));
        for caveat in &it.caveats {
            put(&mut res, format_args!("caveat: {caveat}"));
        }
    }
    res
}

fn section(res: &mut String, markdown: bool, heading: &str, body: Option<String>, code: bool) {
    let Some(body) = body.filter(|it| !it.is_empty()) else { return };
    if markdown {
        // Longer than every run of its own marks that the body has, which would end it.
        let longest = body.split(|it| it != '`').map(str::len).max().unwrap_or_default();
        let fence = "`".repeat(longest.max(2) + 1);
        let word = if code { "" } else { "text" };
        put(res, format_args!("\n## {heading}\n\n{fence}{word}\n{}\n{fence}", body.trim_end()));
    } else {
        put(res, format_args!("\n{heading}\n{}", body.trim_end()));
    }
}

/// Of a workload's or ServiceAccount's pods a few tell a person the same as all.
const MOST: usize = 20;

fn containers(lines: &[json::Container]) -> Option<String> {
    let mut res = String::new();
    for it in lines.iter().take(MOST) {
        let reach = it.reach.map(|it| format!(" (instance metadata {it})")).unwrap_or_default();
        let role = it.role_arn.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
        put(
            &mut res,
            format_args!(
                "{}[{}]  declared {}  carries {}  ends with {}{}{reach}: {}",
                visible(&it.pod),
                visible(&it.container),
                visible(&it.declared),
                visible(&it.effective),
                it.actual,
                visible(&role),
                visible(&it.because),
            ),
        );
    }
    if MOST < lines.len() {
        put(&mut res, format_args!("and {} more containers", lines.len() - MOST));
    }
    (!res.is_empty()).then_some(res)
}

fn known(facts: &Facts) -> String {
    let mut res = String::new();
    for (name, value) in facts {
        put(&mut res, format_args!("{name:<24} {}", visible(value)));
    }
    res
}

fn role(it: &json::Role) -> String {
    let mut res = String::new();
    let list = |items: &[String]| {
        if items.is_empty() { "nobody".to_owned() } else { visible(&items.join(", ")).into_owned() }
    };
    put(&mut res, format_args!("knowledge       {}", it.knowledge));
    put(&mut res, format_args!("open to         {}", it.open_to));
    put(&mut res, format_args!("may be used by  {}", list(&it.could_be_used_by)));
    put(&mut res, format_args!("configured by   {}", list(&it.used_by)));
    for of in &it.lets {
        put(
            &mut res,
            format_args!("lets in         Statement[{}]: {}", of.statement, visible(&of.who)),
        );
    }
    for trust in &it.trusts {
        let pattern = trust.pattern.as_ref().map(|it| format!(" sub {it}")).unwrap_or_default();
        put(
            &mut res,
            format_args!(
                "Statement[{}] {} {} {} ({}){}{}",
                trust.statement,
                trust.effect,
                visible(&trust.principal_type),
                visible(&trust.principal),
                trust.scope,
                visible(&pattern),
                if trust.verdict == "none" { " to no effect" } else { "" }
            ),
        );
    }
    if let Some(used) = &it.last_used {
        let at = used.at.as_ref().map_or("never, as far as IAM remembers", |it| it);
        let region = used.region.as_ref().map(|it| format!(" in {it}")).unwrap_or_default();
        let read = used.read_at.as_ref().map(|it| format!(" (read at {it})")).unwrap_or_default();
        put(&mut res, format_args!("last used       {at}{}{read}", visible(&region)));
    }
    if !it.complete {
        put(&mut res, format_args!("not read        {}", list(&it.not_read)));
    }
    res
}

fn findings(items: &[json::Finding]) -> Option<String> {
    let mut res = String::new();
    for it in items {
        let severity = it.severity;
        put(&mut res, format_args!("{} {} ({severity}, {})", it.code, it.name, it.confidence));
        put(&mut res, format_args!("  {}", visible(&it.message)));
        if let Some(signature) = &it.error_signature {
            put(&mut res, format_args!("  error: {signature}"));
        }
        let json::Affects { pods, workloads } = it.affects;
        if 0 < pods + workloads {
            put(&mut res, format_args!("  affects: {pods} pods, {workloads} workloads"));
        }
        for evidence in &it.evidence {
            put(&mut res, format_args!("  {}", visible(&evidence.place)));
            let or_nothing = |it: &str| match it.is_empty() {
                true => "nothing".to_owned(),
                false => visible(it).into_owned(),
            };
            put(&mut res, format_args!("    found  {}", or_nothing(&evidence.found)));
            put(&mut res, format_args!("    needed {}", or_nothing(&evidence.needed)));
        }
        for fix in &it.fixes {
            let restart = if fix.restart_needed { ", then restart the pods" } else { "" };
            put(&mut res, format_args!("  fix: {}{restart}", visible(&fix.title)));
            for command in fix.commands.iter().flat_map(|it| it.lines()) {
                put(&mut res, format_args!("    {}", visible(command)));
            }
        }
        put(&mut res, format_args!("  reference: {}", it.reference));
    }
    (!res.is_empty()).then_some(res)
}

/// For machines: `idscope/explain/v1`.
pub fn data(it: &Explained<'_>) -> serde_json::Value {
    serde_json::json!({
        "schema": "idscope/explain/v1",
        "toolVersion": it.provenance.tool_version,
        "generatedAt": it.provenance.generated_at,
        "cluster": it.provenance.cluster,
        "caller": it.provenance.caller,
        "accountsRead": it.provenance.accounts_read,
        "target": it.target,
        "verdict": it.verdict.as_ref().map(Verdict::as_str),
        "identity": it.identity,
        "chain": it.judged.map(|it| chain::json(&it.hops)),
        "shadowedChain": it.shadowed.map(|it| chain::json(&it.hops)),
        "facts": it.facts.iter().map(|(name, value)| {
            serde_json::json!({"name": name, "value": value})
        }).collect::<Vec<_>>(),
        "containers": it.containers,
        "role": it.role,
        "evidence": it.evidence,
        "findings": it.findings,
        "otherExplanations": it.others.iter().map(triage::cause_data).collect::<Vec<_>>(),
        "caveats": it.caveats,
        "notes": it.notes,
    })
}

fn put(res: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(res, "{text}").expect("a String takes all");
}
