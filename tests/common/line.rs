//! Findings as scenario files list them.

use idscope::check::{Finding, SubjectKind};

/// `CODE severity Kind namespace/name[/container]`; cluster-wide names stand alone.
pub fn line(finding: &Finding) -> String {
    let subject = &finding.subject;
    let mut name = match &subject.namespace {
        Some(it) => format!("{it}/{}", subject.name),
        None => subject.name.to_string(),
    };
    if subject.kind == SubjectKind::Container {
        name = format!("{name}/{}", subject.container.as_deref().unwrap_or_default());
    }
    let (severity, kind) = (finding.severity.as_str(), subject.kind.as_str());
    format!("{} {severity} {kind} {name}", finding.code)
}
