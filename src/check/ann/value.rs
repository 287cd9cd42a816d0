//! The annotation's text by itself: is it the ARN of a role?

use crate::{
    check::{
        Acc, Evidence, IdentityContext, Subject,
        ann::{annotate, evidence, naming},
        judge,
        trust::web_identity_applies,
    },
    fact::{Knowledge, ServiceAccount},
    graph::Graph,
    ident::Arn,
    identity::Signature,
};

/// Account ids that AWS uses in its documentation.
const DOCUMENTATION_ACCOUNTS: &[&str] =
    &["111122223333", "123456789012", "444455556666", "777788889999"];

/// Words of templates that nobody filled in.
const PLACEHOLDERS: &[&str] = &[
    "ACCOUNT_ID",
    "ACCOUNT-ID",
    "ACCOUNTID",
    "AWS_ACCOUNT",
    "AWS-ACCOUNT",
    "YOUR_",
    "YOUR-",
    "ROLE_NAME",
    "ROLE-NAME",
    "ROLE_ARN",
    "IAM_ROLE",
    "REPLACE_ME",
    "CHANGEME",
    "CHANGE_ME",
    "{{",
];

/// Imported annotations are as long as anybody likes.
const SHOWN: usize = 300;

/// The finding of the row's code, if the value has that fault.
pub(crate) fn report(cx: &IdentityContext<'_>, acc: &mut Acc) {
    if !web_identity_applies(cx) {
        return;
    }
    let Some(value) = cx.annotation else { return };
    if judge::settled_role(cx.cx.graph, &Arn::new(value.clone())).is_known() {
        return;
    }
    let faults = faults(value, &|account| is_ours(cx.cx.graph, account));
    let Some(fault) = faults.into_iter().find(|it| it.code() == acc.code()) else { return };
    let clean = bare(value);
    let repaired = Arn::from(clean.as_str()).is_iam_role().then(|| clean.clone());
    let role = match fault {
        Fault::Whitespace => repaired,
        Fault::RoleName(_) => by_name(cx, &clean).map(|it| it.to_string()),
        Fault::Malformed | Fault::NotARole(_) | Fault::Placeholder(_) => None,
    };
    let role = role.or_else(|| naming(cx).map(|it| it.to_string()));
    // A line break is what is wrong here, and must be seen.
    let escaped =
        |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let shown: String = value.chars().take(SHOWN).map(escaped).collect();
    let needed = role.clone().unwrap_or_else(|| "arn:PARTITION:iam::ACCOUNT:role/NAME".to_owned());
    let finding = acc.push(
        Subject::service_account(cx.key, cx.annotated_role()),
        fault.sentence(),
        evidence(cx, &shown, needed),
    );
    if value.chars().count() < MIN_ROLE_ARN {
        finding.signature = Some(Signature::E07);
    } else if Arn::from(&**value).is_iam_role() {
        finding.signature = Some(Signature::E05);
    }
    match role {
        Some(it) => finding.fixes = annotate(cx, &it),
        None => {
            finding.fixes = annotate(cx, "ROLE_ARN");
            for fix in &mut finding.fixes {
                fix.applicability = crate::check::Applicability::DisplayOnly;
            }
        }
    }
}

/// STS takes no shorter RoleArn.
const MIN_ROLE_ARN: usize = 20;

/// A key, whether a value of it is valid, and what is.
type Setting = (&'static str, fn(&str) -> bool, &'static str);

/// ANN-17.
pub(crate) fn settings(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Knowledge::Known(sa) = &cx.sa else { return };
    let is_bool = |it: &str| {
        let valid =
            ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"];
        valid.contains(&it)
    };
    let is_lifetime = |it: &str| it.parse::<i64>().is_ok_and(|it| (600..=86_400).contains(&it));
    let is_audience = |it: &str| !it.is_empty() && it.trim() == it;
    let checks: [Setting; 3] = [
        (ServiceAccount::REGIONAL_STS, is_bool, "true or false"),
        (ServiceAccount::EXPIRATION, is_lifetime, "a number of seconds between 600 and 86400"),
        (ServiceAccount::AUDIENCE, is_audience, "an audience"),
    ];
    for (key, is_valid, needed) in checks {
        let Some(value) = sa.annotation(key).filter(|it| !is_valid(it)) else { continue };
        acc.push(
            Subject::service_account(cx.key, cx.annotated_role()),
            format!("`{key}` is not {needed}"),
            vec![Evidence {
                place: format!("ServiceAccount {} annotation {key}", cx.key),
                found: value.to_string(),
                needed: needed.to_owned(),
            }],
        );
    }
}

/// What is wrong with the text alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Whitespace,
    Placeholder(String),
    RoleName(String),
    /// What it is the ARN of.
    NotARole(&'static str),
    Malformed,
}

impl Fault {
    fn code(&self) -> &'static str {
        match self {
            Fault::Whitespace => "ANN-05",
            Fault::Placeholder(_) => "ANN-13",
            Fault::RoleName(_) => "ANN-03",
            Fault::NotARole(_) => "ANN-04",
            Fault::Malformed => "ANN-02",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Fault::Whitespace => "the role annotation has whitespace or quotes in it".into(),
            Fault::Placeholder(it) => {
                format!("the role annotation still has the placeholder `{it}`")
            }
            Fault::RoleName(it) => format!("`{it}` is a role's name; STS wants its ARN"),
            Fault::NotARole(it) => format!("the annotation is the ARN of {it}, not of a role"),
            Fault::Malformed => "the annotation is not a role ARN".into(),
        }
    }
}

/// Every fault of a value; stray characters are looked past, since behind them there may be another fault.
pub(crate) fn faults(value: &str, is_ours: &dyn Fn(&str) -> bool) -> Vec<Fault> {
    let clean = bare(value);
    let placeholder = placeholder(value, is_ours);
    let mut res = Vec::new();
    // `<your role>` and `{{ .Values.role }}` have their spaces by nature.
    let spaced = |it: &String| bare(it) != *it || it == "{{";
    if clean != value && !placeholder.as_ref().is_some_and(spaced) {
        res.push(Fault::Whitespace);
    }
    match placeholder {
        Some(it) => res.push(Fault::Placeholder(it)),
        None if clean.is_empty() => {}
        None => res.extend(shape(&clean)),
    }
    res
}

fn shape(clean: &str) -> Option<Fault> {
    let arn = Arn::from(clean);
    if arn.is_iam_role() {
        return None;
    }
    if !clean.contains(':') {
        let named = clean.chars().all(|c| c.is_ascii_alphanumeric() || "_-/.@+=,".contains(c));
        return Some(if named { Fault::RoleName(clean.to_owned()) } else { Fault::Malformed });
    }
    let Some(parts) = arn.parts() else { return Some(Fault::Malformed) };
    let what = match (parts.service, parts.resource.split(['/', ':']).next().unwrap_or_default()) {
        ("iam", "policy") => "a policy",
        ("iam", "instance-profile") => "an instance profile",
        ("iam", "user") => "a user",
        ("iam", "group") => "a group",
        ("iam", "oidc-provider") => "an OIDC provider",
        ("iam", "saml-provider") => "a SAML provider",
        ("iam", "root") => "an account",
        ("sts", "assumed-role") => "a session of a role",
        ("sts", "federated-user") => "a federated user",
        ("iam" | "sts", _) => return Some(Fault::Malformed),
        (_, _) => "something outside IAM",
    };
    Some(Fault::NotARole(what))
}

/// The text without whitespace and quotes.
fn bare(value: &str) -> String {
    let stray = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '\'' | '`' | '\u{200b}' | '\u{feff}')
    };
    value.chars().filter(|it| !stray(*it)).collect()
}

/// The text that was to be filled in.
fn placeholder(value: &str, is_ours: &dyn Fn(&str) -> bool) -> Option<String> {
    if let Some((_, rest)) = value.split_once('<')
        && let Some((inner, _)) = rest.split_once('>')
        && !inner.is_empty()
    {
        return Some(format!("<{inner}>"));
    }
    if let Some((_, rest)) = value.split_once('$') {
        let braced = rest.strip_prefix(['{', '(']).unwrap_or(rest);
        let name: String =
            braced.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if !name.is_empty() {
            return Some(format!("${name}"));
        }
    }
    let mut run = 0;
    for c in value.chars() {
        run = if matches!(c, 'x' | 'X') { run + 1 } else { 0 };
        if run == 6 {
            return Some("xxxxxx".into());
        }
    }
    let arn = Arn::from(bare(value).as_str());
    // A role may well be called `MY_IAM_ROLE`: in a well-formed ARN only a name that is nothing else counts.
    let is_meant = |word: &str| {
        if arn.is_iam_role() { arn.name() == Some(word) } else { value.contains(word) }
    };
    if let Some(it) = PLACEHOLDERS.iter().find(|it| is_meant(it)) {
        return Some((*it).to_owned());
    }
    let account = arn.account()?;
    let documented = DOCUMENTATION_ACCOUNTS.contains(&account.as_str());
    (documented && !is_ours(account.as_str())).then(|| account.to_string())
}

/// Whether an account is the cluster's or one that is read. Unknown counts as ours: nothing is said then.
fn is_ours(graph: &Graph, account: &str) -> bool {
    let cluster = graph.cluster().known().map(|it| &*it.account == account);
    let caller = graph.caller().known().map(|it| it.accounts.iter().any(|it| &**it == account));
    match (cluster, caller) {
        (Some(cluster), Some(caller)) => cluster || caller,
        (_, _) => true,
    }
}

/// Whether a well-formed ARN was copied from the documentation or a template; never of a role that exists.
pub(crate) fn is_placeholder(cx: &IdentityContext<'_>, role: &Arn) -> bool {
    if judge::settled_role(cx.cx.graph, role).is_known() {
        return false;
    }
    placeholder(role.as_str(), &|account| is_ours(cx.cx.graph, account)).is_some()
}

/// The role that a name or `path/name` means in the cluster's account.
fn by_name(cx: &IdentityContext<'_>, text: &str) -> Option<Arn> {
    let graph = cx.cx.graph;
    let account = graph.cluster().known()?.arn.account()?;
    let name = text.rsplit('/').next()?;
    graph.role_by_name(&account, name).map(|it| it.arn.clone())
}

#[cfg(test)]
mod tests {
    use crate::check::ann::value::{Fault, faults};

    #[test]
    fn each_value_has_its_faults() {
        let check = |value: &str, expected: &[Fault]| {
            let ours = |it: &str| it == "111122223333";
            assert_eq!(faults(value, &ours), expected, "{value:?}");
        };
        let placeholder = |it: &str| Fault::Placeholder(it.into());
        check("arn:aws:iam::111122223333:role/app", &[]);
        check("arn:aws-cn:iam::111122223333:role/team/app", &[]);
        check("arn:aws:iam::210000000012:role/app", &[]);
        check(" arn:aws:iam::111122223333:role/app", &[Fault::Whitespace]);
        check("arn:aws:iam::111122223333:role/app\n", &[Fault::Whitespace]);
        check("\"arn:aws:iam::111122223333:role/app\"", &[Fault::Whitespace]);
        check("arn:aws:iam::111122223333:role/my app", &[Fault::Whitespace]);
        check("arn:aws:iam::111122223333:role/app\u{a0}", &[Fault::Whitespace]);
        check("arn:aws:iam::444455556666:role/app", &[placeholder("444455556666")]);
        check("arn:aws:iam::ACCOUNT_ID:role/app", &[placeholder("ACCOUNT_ID")]);
        check("arn:aws:iam::xxxxxxxxxxxx:role/app", &[placeholder("xxxxxx")]);
        check("arn:aws:iam::<account id>:role/app", &[placeholder("<account id>")]);
        check("arn:aws:iam::${AWS_ACCOUNT}:role/app", &[placeholder("$AWS_ACCOUNT")]);
        check("arn:aws:iam::111122223333:role/MY_IAM_ROLE", &[]);
        check("arn:aws:iam::111122223333:role/ROLE_NAME", &[placeholder("ROLE_NAME")]);
        check("app", &[Fault::RoleName("app".into())]);
        check("team/app", &[Fault::RoleName("team/app".into())]);
        check(" app ", &[Fault::Whitespace, Fault::RoleName("app".into())]);
        check("arn:aws:iam::111122223333:policy/app", &[Fault::NotARole("a policy")]);
        check(
            "arn:aws:sts::111122223333:assumed-role/app/x",
            &[Fault::NotARole("a session of a role")],
        );
        check("arn:aws:iam::11112222333:role/app", &[Fault::Malformed]);
        check("arn:aws:iam:::role/app", &[Fault::Malformed]);
        check("arn:aws:iam:::111122223333:role/app", &[Fault::Malformed]);
        check("arn:aws:iam::111122223333:role:app", &[Fault::Malformed]);
        check("aws:iam::111122223333:role/app", &[Fault::Malformed]);
        check(" ", &[Fault::Whitespace]);
    }
}
