//! The table of codes against the reference table.

use idscope::{
    check::{self, Ledger, Rule, Severity},
    graph::Graph,
    identity::Signature,
    report::triage::triage,
};
use std::collections::{BTreeMap, BTreeSet};

const REFERENCE: &str = include_str!("codes.csv");

/// `code,title,severity,confidence,subject,wave`; only titles are ever quoted.
struct Line {
    severity: String,
    confidence: String,
    subject: String,
    wave: String,
}

fn reference() -> BTreeMap<String, Line> {
    let lines = REFERENCE.lines().skip(1).filter(|it| !it.is_empty());
    lines
        .map(|line| {
            let (code, rest) = line.split_once(',').unwrap();
            let mut last: Vec<_> = rest.rsplitn(5, ',').collect();
            last.reverse();
            let [_, severity, confidence, subject, wave] = last[..] else { panic!("{line}") };
            let own = |it: &str| it.to_owned();
            let line = Line {
                severity: own(severity),
                confidence: own(confidence),
                subject: own(subject),
                wave: own(wave),
            };
            (code.to_owned(), line)
        })
        .collect()
}

#[test]
fn every_code_is_the_reference_s() {
    let reference = reference();
    for row in check::table() {
        let line = reference.get(row.code).unwrap_or_else(|| panic!("{} is nowhere", row.code));
        let code = row.code;
        let severities: Vec<_> = line.severity.split(" or ").collect();
        // `-` is no fault at all.
        let none = line.severity == "-" && row.severity == Severity::Hygiene;
        assert!(none || severities.contains(&row.severity.as_str()), "{code}: {:?}", row.severity);
        assert_eq!(row.confidence.as_str(), line.confidence, "{code}");
        assert_eq!(row.subject.as_str(), line.subject, "{code}");
        let is_page = matches!(row.rule, Rule::Page);
        assert_eq!(line.wave == "page", is_page, "{code}: a page is never a finding");
    }
    let pages = reference.iter().filter(|(_, it)| it.wave == "page");
    for (code, _) in pages {
        assert!(check::row(code).is_some(), "{code} has no page");
    }
}

#[test]
fn codes_and_names_are_unique() {
    let mut codes = BTreeSet::new();
    let mut names = BTreeSet::new();
    for row in check::table() {
        assert!(codes.insert(row.code), "{} twice", row.code);
        assert!(names.insert(row.name), "{} twice", row.name);
        assert_eq!(check::row(row.code).map(|it| it.name), Some(row.name));
    }
    assert!(check::row("TRUST-SUB-99").is_none());
}

#[test]
fn a_family_is_what_stands_before_the_number() {
    let mut seen = BTreeSet::new();
    let reported = |it: &&&[check::Row]| !it.iter().any(|it| matches!(it.rule, Rule::Page));
    for family in check::FAMILIES.iter().filter(reported) {
        let names: BTreeSet<_> =
            family.iter().map(|it| it.code.rsplit_once('-').unwrap().0).collect();
        for name in names {
            assert!(seen.insert(name), "{name} is in two files");
        }
    }
}

#[test]
fn rows_say_what_they_must() {
    // API names keep their case at the start of a sentence.
    let sentence = |it: &str| {
        let first = it.split(' ').next().unwrap_or_default();
        it.starts_with(char::is_uppercase) || first.contains('`') || first.contains(':')
    };
    for row in check::table() {
        let code = row.code;
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(row.name.chars().all(kebab), "{code}: {}", row.name);
        assert!(!row.title.is_empty() && !row.title.ends_with('.'), "{code}: {}", row.title);
        assert!(!row.fragment.is_empty() && !row.fragment.ends_with('.'), "{code}: fragment");
        assert!(sentence(row.detect) && row.detect.ends_with('.'), "{code}: {}", row.detect);
        assert!(sentence(row.repair) && row.repair.ends_with('.'), "{code}: {}", row.repair);
        assert!(row.reference.starts_with("https://"), "{code}: {}", row.reference);
        assert!(row.fixes.iter().all(|it| it.starts_with("FX-")), "{code}: {:?}", row.fixes);
    }
}

#[test]
fn severities_are_ordered_worst_first() {
    assert!(Severity::Blocker < Severity::WrongId);
    assert!(Severity::SecHigh < Severity::Hygiene);
}

/// The texts of the signatures, with names in place of what stands for them.
fn printed(it: Signature) -> String {
    let session = "arn:aws:sts::111122223333:assumed-role/app/botocore-session-1";
    let node = "arn:aws:sts::111122223333:assumed-role/node/i-0123456789abcdef0";
    it.text()
        .replace("NODE-ROLE/i-…", "node/i-0123456789abcdef0")
        .replace("ACCOUNT", "111122223333")
        .replace("NODE-ROLE", node)
        .replace("resource: ROLE", "resource: arn:aws:iam::111122223333:role/b")
        .replace("ROLE", session)
        .replace("ACTION", "s3:GetObject")
        .replace("User: ARN", &format!("User: {session}"))
        .replace("open TOKEN", "open /var/run/secrets/eks.amazonaws.com/serviceaccount/token")
}

#[test]
fn every_page_is_a_hypothesis_of_some_error() {
    let (graph, ledger) = (Graph::default(), Ledger::default());
    let mut named = BTreeSet::new();
    for it in Signature::all() {
        for error in triage(&graph, &ledger, &printed(it).as_str().into(), None).errors {
            named.extend(error.causes.iter().map(|it| it.row.code));
        }
    }
    let reference = reference();
    let pages = reference.iter().filter(|(_, it)| it.wave == "page").map(|(code, _)| &**code);
    let missing: Vec<&str> = pages.filter(|it| !named.contains(it)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
