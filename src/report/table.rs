//! `check --output table|wide`: what is broken first, for people and for logs. Plain text, no colour.

use crate::{
    ident::visible,
    report::json::{Finding, Identity, Report},
};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// One line a finding, worst first, then a line of sums. Cut to `width` columns.
pub fn table(report: &Report, width: usize) -> String {
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by_key(|it| rank(it.severity));
    let rows: Vec<[String; 4]> = findings
        .iter()
        .map(|it| {
            [
                it.severity.to_owned(),
                it.code.to_owned(),
                visible(&subject(it)).into_owned(),
                visible(&it.message).into_owned(),
            ]
        })
        .collect();
    let mut res = String::new();
    if !rows.is_empty() {
        columns(&mut res, ["SEVERITY", "CODE", "SUBJECT", "MESSAGE"], &rows, Some(width));
        res.push('\n');
    }
    unread(&mut res, report);
    sums(&mut res, report);
    res
}

/// Identities and findings in full, nothing cut.
pub fn wide(report: &Report) -> String {
    let mut res = String::new();
    let identities: Vec<[String; 8]> = report.identities.iter().map(identity).collect();
    if !identities.is_empty() {
        let heads =
            ["NAMESPACE", "SERVICEACCOUNT", "VIA", "ROLE", "PODS", "VERDICT", "HEALTH", "WHY"];
        columns(&mut res, heads, &identities, None);
        res.push('\n');
    }
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by_key(|it| rank(it.severity));
    for it in findings {
        line(
            &mut res,
            format_args!(
                "{} {} {} ({})",
                it.severity,
                it.code,
                visible(&subject(it)),
                it.confidence
            ),
        );
        line(&mut res, format_args!("  {}", visible(&it.message)));
        for evidence in &it.evidence {
            line(
                &mut res,
                format_args!(
                    "  {}: found {}, needed {}",
                    visible(&evidence.place),
                    visible(&evidence.found),
                    visible(&evidence.needed)
                ),
            );
        }
        for fix in &it.fixes {
            let restart = if fix.restart_needed { ", then restart the pods" } else { "" };
            line(&mut res, format_args!("  fix: {}{restart}", visible(&fix.title)));
            for command in fix.commands.iter().flat_map(|it| it.lines()) {
                line(&mut res, format_args!("    {}", visible(command)));
            }
        }
        res.push('\n');
    }
    unread(&mut res, report);
    sums(&mut res, report);
    res
}

/// `ServiceAccount payments/api`, `Role reports`, `Container shop/web-1[app]`.
pub fn subject(it: &Finding) -> String {
    let kind = it.subject.workload_kind.unwrap_or(it.subject.kind);
    let namespace = it.subject.namespace.as_ref().map(|it| format!("{it}/")).unwrap_or_default();
    let container = it.subject.container.as_ref().map(|it| format!("[{it}]")).unwrap_or_default();
    format!("{kind} {namespace}{}{container}", it.subject.name)
}

fn identity(it: &Identity) -> [String; 8] {
    let role = it.role_arn.as_deref().map_or("–", |it| it.rsplit('/').next().unwrap_or(it));
    let verdict = match &it.error_signature {
        Some(signature) => format!("{} {signature}", it.verdict),
        None => it.verdict.to_owned(),
    };
    let row = [
        it.namespace.clone(),
        it.service_account.clone(),
        it.mechanism.to_owned(),
        role.to_owned(),
        format!("{}/{}", it.pods.injected, it.pods.total),
        verdict,
        it.health.to_owned(),
        it.because.clone(),
    ];
    row.map(|it| visible(&it).into_owned())
}

fn unread(res: &mut String, report: &Report) {
    for it in report.sources.iter().filter(|it| it.state != "live") {
        let permission =
            it.missing_permission.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
        let detail = it.detail.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
        line(
            res,
            format_args!("not read: {} {}{permission}{}", it.name, it.state, visible(&detail)),
        );
    }
}

fn sums(res: &mut String, report: &Report) {
    let it = &report.summary;
    line(
        res,
        format_args!(
            "{} identities, {} healthy; findings: {} blocker, {} wrong id, {} degraded, {} security, {} hygiene, \
             {} unknown",
            it.identities,
            it.healthy,
            it.blocker,
            it.wrong_id,
            it.degraded,
            it.security,
            it.hygiene,
            it.unknown
        ),
    );
}

fn rank(severity: &str) -> usize {
    let order =
        ["blocker", "wrong-id", "degraded", "sec-high", "sec-med", "sec-low", "unknown", "hygiene"];
    order.iter().position(|it| *it == severity).unwrap_or(order.len())
}

fn columns<const N: usize>(
    res: &mut String,
    heads: [&str; N],
    rows: &[[String; N]],
    limit: Option<usize>,
) {
    let mut widths = heads.map(|it| it.width());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut put = |cells: [&str; N]| {
        let mut text = String::new();
        for (i, cell) in cells.into_iter().enumerate() {
            text.push_str(cell);
            if i + 1 < N {
                text.extend(std::iter::repeat_n(' ', widths[i].saturating_sub(cell.width()) + 2));
            }
        }
        line(res, format_args!("{}", cut(text.trim_end(), limit)));
    };
    put(heads);
    for row in rows {
        put(std::array::from_fn(|i| row[i].as_str()));
    }
}

fn cut(text: &str, limit: Option<usize>) -> String {
    let Some(limit) = limit.filter(|it| text.width() > *it && *it > 1) else {
        return text.to_owned();
    };
    let mut res = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + width > limit - 1 {
            break;
        }
        used += width;
        res.push(c);
    }
    res.push('…');
    res
}

fn line(res: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(res, "{text}").expect("a String takes all");
}
