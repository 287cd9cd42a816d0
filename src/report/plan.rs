//! A plan as people and machines read it: text, JSON, a shell script, Terraform, markdown.

mod restart;

use crate::{
    check::{Blast, Deputy, Fix, Moved, Restarts, When},
    ident::{Text, visible},
    plan::{self, Call, Line, May, Names, Plan, Step, Whereabouts},
    report::deputy,
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A plan with everything that is told beside it.
pub struct Page<'a> {
    pub plan: &'a Plan,
    pub blast: &'a Blast,
    /// Roles that somebody new gets by it.
    pub deputies: &'a [Deputy],
    pub names: &'a Names,
    /// One a step; empty while nobody has asked.
    pub may: &'a [May],
    /// What a person has to do beside it.
    pub left: &'a [(&'static str, Fix)],
    /// What brings it to pods that run, beside the plan.
    pub restarts: &'a Restarts,
}

/// `idscope/plan/v1`.
pub fn data(page: &Page<'_>) -> Value {
    let Page { plan, blast, deputies, names, may, left, restarts } = page;
    let cluster = names.cluster.as_deref().unwrap_or_default();
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .enumerate()
        .map(|(index, it)| {
            json!({
                "target": it.target.to_string(),
                "uid": it.uid,
                "account": it.account,
                "expects": it.expects.iter()
                    .map(|it| json!({"field": it.field, "value": it.value}))
                    .collect::<Vec<_>>(),
                "call": call(&it.edit.call(cluster, "(the time of the write)")),
                "diff": diff(it),
                "commands": plan::commands(&it.edit, names),
                "terraform": plan::terraform(&it.edit, names),
                "managedBy": it.managed_by.as_ref()
                    .map(|it| json!({"name": it.name, "of": it.of, "place": it.place})),
                "may": may.get(index).map(allowed),
                "edit": it.edit,
                "undo": it.undo.as_ref().ok(),
                "undoNote": it.undo.as_ref().err(),
            })
        })
        .collect();
    json!({
        "schema": "idscope/plan/v1",
        "digest": plan.digest,
        "id": plan.id,
        "title": plan.title,
        "finding": {"code": plan.because.code, "subject": plan.because.subject},
        "steps": steps,
        "blast": {
            "gains": moved(&blast.gains),
            "loses": moved(&blast.loses),
            "changesIdentity": moved(&blast.changes_identity),
            "notKnown": moved(&blast.not_known),
        },
        "deputies": deputy::data(deputies),
        "warnings": plan.warnings.iter().map(|it| &it.text).collect::<Vec<_>>(),
        "restartNeeded": plan.restart_needed,
        "restarts": restart::data(plan, restarts),
        "notRestarted": restarts.refused,
        "confirm": plan.confirm.words(),
        "refused": null,
        "byHand": by_hand(left, names),
    })
}

/// The same where there is no plan: nothing to repair, nothing that may be written, or refused.
pub fn no_plan(left: &[(&'static str, Fix)], names: &Names, refused: Option<&str>) -> Value {
    json!({
        "schema": "idscope/plan/v1",
        "digest": null,
        "id": null,
        "title": null,
        "finding": null,
        "steps": [],
        "blast": {"gains": [], "loses": [], "changesIdentity": [], "notKnown": []},
        "deputies": [],
        "warnings": [],
        "restartNeeded": false,
        "restarts": [],
        "notRestarted": [],
        "confirm": null,
        "refused": refused,
        "byHand": by_hand(left, names),
    })
}

fn by_hand(left: &[(&'static str, Fix)], names: &Names) -> Value {
    let told = |(code, it): &(&'static str, Fix)| json!({"code": code, "title": it.title, "commands": it.commands(names)});
    left.iter().map(told).collect()
}

fn call(it: &Call) -> Value {
    match it {
        Call::Kubernetes { verb, path, content_type, body } => {
            json!({"verb": verb, "path": path, "contentType": content_type, "body": body})
        }
        Call::Aws { service, operation, parameters } => {
            json!({"service": service, "operation": operation, "parameters": parameters})
        }
    }
}

fn allowed(it: &May) -> Value {
    match it {
        May::Yes => json!({"allowed": true}),
        May::No(it) => json!({"allowed": false, "missing": it}),
        May::NotKnown(why) => json!({"allowed": null, "because": why}),
    }
}

fn moved(all: &[Moved]) -> Value {
    all.iter()
        .map(|it| {
            json!({
                "namespace": it.service_account.namespace,
                "serviceAccount": it.service_account.name,
                "owner": it.owner.to_string(),
                "when": match it.when { When::Now => "now", When::NewPods => "new-pods" },
                "pods": it.pods,
                "from": it.from.describe(),
                "to": it.to.describe(),
            })
        })
        .collect()
}

/// The step's diff in unified form.
pub fn diff(step: &Step) -> String {
    let mut res = String::new();
    for line in &step.diff {
        let (mark, text) = match line {
            Line::Same(it) => (' ', it),
            Line::Gone(it) => ('-', it),
            Line::New(it) => ('+', it),
        };
        put(&mut res, format_args!("{mark} {text}"));
    }
    res
}

/// For a person; markdown fences what others wrote, or takes its meaning from it.
pub fn text(page: &Page<'_>, markdown: bool) -> String {
    let Page { plan, blast, deputies, names, may, left, .. } = page;
    let mut res = String::new();
    let head = if markdown { "## " } else { "" };
    let visible = |it: &str| inline(it, markdown);
    put(&mut res, format_args!("{head}{}", visible(&plan.title)));
    put(&mut res, format_args!(""));
    for (index, step) in plan.steps.iter().enumerate() {
        let call = step.edit.call(names.cluster.as_deref().unwrap_or_default(), "…");
        put(
            &mut res,
            format_args!(
                "{}  {}  {}",
                index + 1,
                visible(&call.title()),
                visible(&step.target.to_string())
            ),
        );
        for it in &step.expects {
            let value = it.value.as_deref().unwrap_or("nothing");
            put(&mut res, format_args!("   expects {} = {}", visible(&it.field), visible(value)));
        }
        fenced(&mut res, markdown, "diff", &diff(step));
        match &step.undo {
            Ok(_) => {}
            Err(why) => put(&mut res, format_args!("   cannot be undone: {}", visible(why))),
        }
        if let Some(it) = may.get(index) {
            let said = match it {
                May::Yes => "allowed".to_owned(),
                May::No(it) => format!("not allowed: {it} is missing"),
                May::NotKnown(why) => format!("not known whether it is allowed: {why}"),
            };
            put(&mut res, format_args!("   you may  {}", visible(&said)));
        }
        if let Some(it) = &step.managed_by {
            put(&mut res, format_args!("   managed by  {} {}", it.name, visible(&it.of)));
        }
    }
    put(&mut res, format_args!(""));
    for (name, list) in [
        ("gains", &blast.gains),
        ("loses", &blast.loses),
        ("changes identity", &blast.changes_identity),
        ("not known", &blast.not_known),
    ] {
        if list.is_empty() {
            put(&mut res, format_args!("{name:<17}nobody"));
        }
        for it in list {
            put(&mut res, format_args!("{name:<17}{}", visible(&sentence(it))));
        }
    }
    for (label, said) in deputy::lines(deputies) {
        put(&mut res, format_args!("{label:<17}{}", visible(&said)));
    }
    for it in restart::lines(page) {
        put(&mut res, format_args!("{:<17}{}", "restart", visible(&it)));
    }
    for it in &plan.warnings {
        put(&mut res, format_args!("{:<17}{}", "warning", visible(&it.text)));
    }
    put(&mut res, format_args!("{:<17}{}", "digest", plan.digest));
    put(&mut res, format_args!(""));
    let commands: Vec<String> = plan.edits().flat_map(|it| plan::commands(it, names)).collect();
    fenced(&mut res, markdown, "sh", &(commands.join("\n") + "\n"));
    for (code, fix) in *left {
        put(&mut res, format_args!("by hand, {code}: {}", visible(&fix.title)));
        let commands = fix.commands(names).join("\n");
        if !commands.is_empty() {
            fenced(&mut res, markdown, "sh", &(commands + "\n"));
        }
    }
    res
}

/// `sa/payments/api (deploy/payments/api, 3 pods, new pods): from X to Y`.
pub fn sentence(it: &Moved) -> String {
    let when = match it.when {
        When::Now => "now",
        When::NewPods => "new pods",
    };
    let pods = if it.pods == 1 { "pod" } else { "pods" };
    format!(
        "{} ({}, {} {pods}, {when}): {} → {}",
        it.service_account,
        it.owner,
        it.pods,
        it.from.describe(),
        it.to.describe()
    )
}

/// A POSIX script: first whether this is the account, the cluster and the state that the plan was made from; it stops at
/// the first difference. Then the commands.
pub fn script(page: &Page<'_>, place: &Whereabouts) -> String {
    let Page { plan, names, .. } = page;
    let mut res = String::from("#!/bin/sh\n");
    put(&mut res, format_args!("# {}", visible(&plan.title)));
    put(&mut res, format_args!("# plan {}", plan.digest));
    put(&mut res, format_args!("set -eu"));
    put(&mut res, format_args!("stop() {{ echo \"stopped: $1\" >&2; exit 1; }}"));
    for it in plan::preflight(plan, names, place.issuer.as_ref()) {
        put(&mut res, format_args!("{it}"));
    }
    let mut held = restart::Held::of(plan);
    for step in &plan.steps {
        if let Some(it) = held.before(&step.edit, names) {
            put(&mut res, format_args!("{it}"));
        }
        for it in plan::commands(&step.edit, names) {
            // The second of two ways is a comment: one of them is enough.
            let it = match it.starts_with("eksctl ") {
                true => format!("# or: {}", it.replace('\n', "\n# ")),
                false => it,
            };
            put(&mut res, format_args!("{it}"));
        }
    }
    res
}

/// Every step's snippet; a comment where Terraform keeps nothing of the kind.
pub fn terraform(page: &Page<'_>) -> String {
    terraform_of(page.plan, page.names)
}

/// As `terraform`, of a plan alone.
pub fn terraform_of(plan: &Plan, names: &Names) -> String {
    let mut res = String::new();
    for it in plan.edits() {
        match plan::terraform(it, names) {
            Some(it) => res.push_str(&it),
            None => {
                let title = it.call(names.cluster.as_deref().unwrap_or_default(), "now").title();
                put(&mut res, format_args!("# not kept in Terraform: {}", visible(&title)));
            }
        }
    }
    res
}

/// Foreign text within a line: nothing in it is markup, or moves the cursor.
fn inline(text: &str, markdown: bool) -> String {
    let seen = visible(text);
    if !markdown {
        return seen.into_owned();
    }
    let mut res = String::with_capacity(seen.len());
    for c in seen.chars() {
        // CommonMark, "Backslash escapes": any ASCII punctuation; words stay readable where it means nothing.
        if "\\`*_{}[]<>#+!|~&$".contains(c) {
            res.push('\\');
        }
        res.push(c);
    }
    res
}

/// Foreign text in a fence that it cannot close.
fn fenced(res: &mut String, markdown: bool, language: &str, text: &str) {
    if !markdown {
        for line in text.lines() {
            put(res, format_args!("   {}", visible(line)));
        }
        return;
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    put(res, format_args!("{fence}{language}"));
    for line in text.lines() {
        put(res, format_args!("{}", visible(line)));
    }
    put(res, format_args!("{fence}"));
}

fn put(res: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(res, "{text}").expect("a String takes all");
}

/// The edits of a plan that somebody else made, and its digest.
pub fn read(text: &str) -> Result<(Vec<plan::Edit>, Text, Value), String> {
    let value: Value = serde_json::from_str(text).map_err(|it| format!("it is no JSON: {it}"))?;
    if value["schema"] != "idscope/plan/v1" {
        return Err("its schema is not `idscope/plan/v1`".to_owned());
    }
    let digest = value["digest"].as_str().ok_or("it has no digest")?;
    let steps = value["steps"].as_array().ok_or("it has no steps")?;
    let mut edits = Vec::new();
    for (index, it) in steps.iter().enumerate() {
        let edit = serde_json::from_value(it["edit"].clone());
        edits.push(edit.map_err(|it| format!("steps[{index}].edit: {it}"))?);
    }
    Ok((edits, digest.into(), value))
}
