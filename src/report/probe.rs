//! What AWS answered to a probe, beside the verdict; and where both differ, a finding about idscope itself, with a report
//! that a person may hand on.

use crate::{
    ident::{Text, visible},
    identity::{
        Judged, Verdict,
        probe::{Agreement, Answer, Probed, Way},
    },
    report::chain,
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// One answer with what was judged of the same identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub probed: Probed,
    pub verdict: Verdict,
    pub because: String,
    pub judged: Option<Judged>,
    pub version: &'static str,
}

/// What else explains a difference, before anybody looks for a fault in here.
const OTHER_REASONS: &str = "a change of IAM or EKS that is younger than a minute (TOOL-LAG-01), or a service control, \
    resource control or VPC endpoint policy, which are not read (TOOL-ORG-01)";

impl Page {
    pub fn agreement(&self) -> Agreement {
        self.probed.against(&self.verdict)
    }

    /// `allow` 0, `deny` 1, otherwise 3: what AWS says counts.
    pub fn exit_status(&self) -> u8 {
        match &self.probed.answer {
            Answer::Granted { .. } => 0,
            Answer::Refused { .. } => 1,
            Answer::NotKnown(_) => 3,
        }
    }

    /// The finding about idscope itself; `None` where both agree or nothing was answered.
    pub fn finding(&self) -> Option<String> {
        match self.agreement() {
            Agreement::Differs(how) => {
                Some(format!("{how}: the verdict is wrong, unless the reason is {OTHER_REASONS}"))
            }
            Agreement::Agrees | Agreement::Settles | Agreement::Open => None,
        }
    }
}

/// What will be asked, for whoever has to agree to it.
pub fn question(way: &Way, key: &crate::ident::SaKey) -> String {
    let audience = visible(way.audience()).into_owned();
    match way {
        Way::Sts { role_arn, .. } => format!(
            "asks the API server for a token of ServiceAccount `{key}` (audience {audience}) and STS once, with it, for role \
             {}; credentials that come back are dropped unseen; the audit logs of both will show it",
            visible(role_arn)
        ),
        Way::EksAuth { cluster, pod, .. } => format!(
            "asks the API server for a token of ServiceAccount `{key}` that is bound to its running pod `{pod}` and EKS Auth \
             of cluster {} once, with it, for credentials; what comes back is dropped unseen; the audit logs of both will \
             show it",
            visible(cluster)
        ),
    }
}

pub fn text(page: &Page) -> String {
    let mut res = String::new();
    let ask = &page.probed.ask;
    line(&mut res, &format!("sa/{}  {}", ask.service_account, ask.way.operation()));
    let answer = match &page.probed.answer {
        Answer::Granted { session } => format!("as {}", visible(session.as_str())),
        Answer::Refused { code, message } => format!("{}: {}", visible(code), visible(message)),
        Answer::NotKnown(why) => visible(why).into_owned(),
    };
    let answered = page.probed.answer.signature().map(|it| format!(" {it}")).unwrap_or_default();
    let word = format!("{}{answered}", page.probed.answer.as_str());
    line(&mut res, &format!("  AWS      {word:<10} {answer}"));
    let judged = page.verdict.signature().map(|it| format!(" {it}")).unwrap_or_default();
    let word = format!("{}{judged}", page.verdict.as_str());
    line(&mut res, &format!("  idscope  {word:<10} {}", visible(&page.because)));
    let said = match page.agreement() {
        Agreement::Agrees => "AWS and idscope agree",
        Agreement::Settles => "AWS settles what could not be judged",
        Agreement::Open => "AWS did not answer the question, so nothing is compared",
        Agreement::Differs(_) => "AWS and idscope differ",
    };
    line(&mut res, said);
    if let Some(it) = page.finding() {
        line(&mut res, &visible(&it));
    }
    if let Some(it) = report(page) {
        line(&mut res, "\nA report to copy; look through it for what nobody else should read:\n");
        line(&mut res, &it);
    }
    res
}

pub fn data(page: &Page) -> Value {
    let ask = &page.probed.ask;
    let (role_arn, pod): (Option<&Text>, Option<&Text>) = match &ask.way {
        Way::Sts { role_arn, .. } => (Some(role_arn), None),
        Way::EksAuth { role_arn, pod, .. } => (role_arn.as_ref(), Some(pod)),
    };
    let (session, code, message) = match &page.probed.answer {
        Answer::Granted { session } => (Some(session.as_str()), None, None),
        Answer::Refused { code, message } => (None, Some(&**code), Some(&**message)),
        Answer::NotKnown(why) => (None, None, Some(&**why)),
    };
    let agreement = match page.agreement() {
        Agreement::Agrees => "agrees",
        Agreement::Settles => "settles",
        Agreement::Open => "open",
        Agreement::Differs(_) => "differs",
    };
    json!({
        "schema": "idscope/probe/v1",
        "namespace": ask.service_account.namespace,
        "serviceAccount": ask.service_account.name,
        "operation": ask.way.operation(),
        "audience": ask.way.audience(),
        "roleArn": role_arn,
        "pod": pod,
        "answer": {
            "verdict": page.probed.answer.as_str(),
            "errorSignature": page.probed.answer.signature().map(|it| it.to_string()),
            "session": session,
            "code": code,
            "message": message,
        },
        "judged": {
            "verdict": page.verdict.as_str(),
            "errorSignature": page.verdict.signature().map(|it| it.to_string()),
            "because": page.because,
        },
        "agreement": agreement,
        "finding": page.finding().map(|message| json!({
            "name": "verdict-differs-from-aws",
            "subject": {"kind": "Tool", "name": "idscope"},
            "message": message,
            "report": report(page),
        })),
    })
}

/// Everything that somebody needs to find the fault in idscope; `None` where there is none.
pub fn report(page: &Page) -> Option<String> {
    let Agreement::Differs(how) = page.agreement() else { return None };
    let mut res = String::new();
    line(&mut res, &format!("idscope {}: {how}", page.version));
    line(
        &mut res,
        &format!(
            "asked: {} audience {}",
            page.probed.ask.way.operation(),
            page.probed.ask.way.audience()
        ),
    );
    match &page.probed.answer {
        Answer::Granted { session } => line(&mut res, &format!("AWS: granted {session}")),
        Answer::Refused { code, message } => line(&mut res, &format!("AWS: {code}: {message}")),
        Answer::NotKnown(why) => line(&mut res, &format!("AWS: {why}")),
    }
    let judged = page.verdict.signature().map(|it| format!(" {it}")).unwrap_or_default();
    line(&mut res, &format!("idscope: {}{judged}: {}", page.verdict.as_str(), page.because));
    if let Some(it) = &page.judged {
        res.push_str(&chain::text(&it.hops));
    }
    Some(res.lines().map(|it| visible(it).trim_end().to_owned() + "\n").collect())
}

fn line(res: &mut String, text: &str) {
    let _ = writeln!(res, "{text}");
}

#[cfg(test)]
mod tests {
    use crate::{
        ident::SaKey,
        identity::{
            Signature, Verdict,
            probe::{Answer, Ask, Probed, Way},
        },
        report::probe::{Page, data, report, text},
    };

    fn page(verdict: Verdict, answer: Answer) -> Page {
        let way = Way::Sts {
            role_arn: "arn:aws:iam::111122223333:role/app".into(),
            audience: "sts.amazonaws.com".into(),
        };
        let ask = Ask { service_account: SaKey::new("shop", "web"), way };
        let because = "the trust policy\u{1b}[31m refuses it".to_owned();
        Page { probed: Probed { ask, answer }, verdict, because, judged: None, version: "1.2.3" }
    }

    #[track_caller]
    fn check(verdict: Verdict, answer: Answer, agreement: &str, status: u8, wanted: &[&str]) {
        let it = page(verdict, answer);
        let (text, data) = (text(&it), data(&it));
        assert_eq!((data["agreement"].as_str(), it.exit_status()), (Some(agreement), status));
        for part in wanted {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains('\u{1b}'), "{text}");
        let differs = agreement == "differs";
        assert_eq!((data["finding"].is_object(), report(&it).is_some()), (differs, differs));
    }

    #[test]
    fn the_answer_counts_and_a_difference_is_a_finding_about_idscope() {
        let granted = || Answer::Granted {
            session: "arn:aws:sts::111122223333:assumed-role/app/idscope-probe".into(),
        };
        let refused = || Answer::Refused {
            code: "AccessDenied".into(),
            message: "Not authorized to perform sts:AssumeRoleWithWebIdentity".into(),
        };
        let deny = || Verdict::Deny(Signature::E05);
        check(Verdict::Allow, granted(), "agrees", 0, &["AWS      allow", "idscope  allow"]);
        check(deny(), refused(), "agrees", 1, &["AWS      deny E05", "idscope  deny E05"]);
        check(
            deny(),
            granted(),
            "differs",
            0,
            &["idscope judges E05, AWS grants", "idscope 1.2.3"],
        );
        check(Verdict::Allow, refused(), "differs", 1, &["TOOL-ORG-01", "AWS: AccessDenied: Not"]);
        check(Verdict::Allow, Answer::NotKnown("no answer".into()), "open", 3, &["no answer"]);
    }
}
