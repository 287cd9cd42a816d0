//! What AWS itself answered to a fresh token of a ServiceAccount, beside what was judged. Asking is `apply`'s.

use crate::{
    ident::{Arn, SaKey, Text},
    identity::{Signature, Verdict, signature},
};

/// What is asked, and of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub service_account: SaKey,
    pub way: Way,
}

/// The way of the declared identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// `sts:AssumeRoleWithWebIdentity`, unsigned, with a token for this audience.
    Sts { role_arn: Text, audience: Text },
    /// `eks-auth:AssumeRoleForPodIdentity` with a token bound to this running pod.
    EksAuth {
        cluster: Text,
        pod: Text,
        pod_uid: Text,
        role_arn: Option<Text>,
        target: Option<Text>,
    },
}

impl Way {
    /// `sts:AssumeRoleWithWebIdentity`.
    pub fn operation(&self) -> &'static str {
        match self {
            Way::Sts { .. } => "sts:AssumeRoleWithWebIdentity",
            Way::EksAuth { .. } => "eks-auth:AssumeRoleForPodIdentity",
        }
    }

    /// What the token has to be for.
    pub fn audience(&self) -> &str {
        match self {
            Way::Sts { audience, .. } => audience,
            Way::EksAuth { .. } => crate::identity::eks::SERVICE,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    pub ask: Ask,
    pub answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Credentials came; they were dropped unseen. Whose they were.
    Granted { session: Arn },
    /// AWS's own words.
    Refused { code: Text, message: Text },
    /// Nobody answered, or nothing was asked.
    NotKnown(Text),
}

impl Answer {
    /// `allow`, `deny`, `unknown`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Answer::Granted { .. } => "allow",
            Answer::Refused { .. } => "deny",
            Answer::NotKnown(_) => "unknown",
        }
    }

    /// Which known error a refusal is.
    pub fn signature(&self) -> Option<Signature> {
        match self {
            Answer::Refused { code, message } => {
                signature::recognise(&format!("{code}: {message}")).first().map(|it| it.signature)
            }
            Answer::Granted { .. } | Answer::NotKnown(_) => None,
        }
    }
}

/// How an answer stands to the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    Agrees,
    /// Nothing was judged, and now it is known.
    Settles,
    /// One of both is wrong; the sentence says how.
    Differs(String),
    /// There is no answer to compare.
    Open,
}

impl Probed {
    /// Whether credentials came for the role that was asked for.
    pub fn is_as_asked(&self) -> bool {
        match &self.answer {
            Answer::Granted { session } => self.is_wanted(session),
            Answer::Refused { .. } | Answer::NotKnown(_) => false,
        }
    }

    /// Compares with what was judged of the declared identity.
    pub fn against(&self, verdict: &Verdict) -> Agreement {
        match (verdict, &self.answer) {
            (_, Answer::NotKnown(_)) => Agreement::Open,
            (
                Verdict::Unknown(_) | Verdict::None,
                Answer::Granted { .. } | Answer::Refused { .. },
            ) => Agreement::Settles,
            (Verdict::Allow, Answer::Granted { session }) => match self.is_wanted(session) {
                true => Agreement::Agrees,
                false => {
                    Agreement::Differs(format!("AWS grants `{session}`, another role than judged"))
                }
            },
            (Verdict::Deny(judged), Answer::Refused { .. }) => match self.answer.signature() {
                Some(got) if got != *judged && !is_one_message(got, *judged) => Agreement::Differs(
                    format!("both refuse, AWS with {got} and idscope with {judged}"),
                ),
                Some(_) | None => Agreement::Agrees,
            },
            (Verdict::Allow, Answer::Refused { code, .. }) => {
                Agreement::Differs(format!("idscope judges allow, AWS refuses with {code}"))
            }
            (Verdict::Deny(judged), Answer::Granted { .. }) => {
                Agreement::Differs(format!("idscope judges {judged}, AWS grants"))
            }
        }
    }

    /// `arn:…:assumed-role/NAME/SESSION` is a session of the role that was asked for.
    fn is_wanted(&self, session: &Arn) -> bool {
        let wanted: Vec<&Text> = match &self.ask.way {
            Way::Sts { role_arn, .. } => vec![role_arn],
            Way::EksAuth { role_arn, target, .. } => role_arn.iter().chain(target).collect(),
        };
        let Some(parts) = session.parts() else { return false };
        let mut names = parts.resource.split('/').skip(1);
        let name = names.next().unwrap_or_default();
        wanted.is_empty()
            || wanted.into_iter().any(|it| {
                let arn = Arn::new(it.clone());
                let same_account = arn.parts().is_some_and(|it| it.account == parts.account);
                same_account && arn.name().is_some_and(|it| it.eq_ignore_ascii_case(name))
            })
    }
}

/// Several causes print one message: STS says "Not authorized" of whatever the trust policy refuses.
fn is_one_message(a: Signature, b: Signature) -> bool {
    a.text() == b.text() || {
        let refused = |it: Signature| it.text().contains("Not authorized to perform");
        refused(a) && refused(b)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        ident::SaKey,
        identity::{
            Signature, Verdict, Why,
            probe::{Agreement, Answer, Ask, Probed, Way},
        },
    };

    fn probed(answer: Answer) -> Probed {
        let way = Way::Sts {
            role_arn: "arn:aws:iam::111122223333:role/team/app".into(),
            audience: "sts.amazonaws.com".into(),
        };
        Probed { ask: Ask { service_account: SaKey::new("shop", "web"), way }, answer }
    }

    fn granted(role: &str) -> Answer {
        let session =
            format!("arn:aws:sts::111122223333:assumed-role/{role}/idscope").as_str().into();
        Answer::Granted { session }
    }

    fn refused(code: &str, message: &str) -> Answer {
        Answer::Refused { code: code.into(), message: message.into() }
    }

    #[track_caller]
    fn check(verdict: Verdict, answer: Answer, wanted: &str) {
        let told = match probed(answer.clone()).against(&verdict) {
            Agreement::Agrees => "agrees".to_owned(),
            Agreement::Settles => "settles".to_owned(),
            Agreement::Open => "open".to_owned(),
            Agreement::Differs(it) => it,
        };
        assert_eq!(told, wanted, "{verdict:?} {answer:?}");
    }

    #[test]
    fn the_answer_is_set_beside_the_verdict() {
        let not_authorized =
            || refused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
        let no_provider = || {
            refused(
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://x",
            )
        };
        let deny = |it: &str| Verdict::Deny(Signature::parse(it).unwrap());
        let unknown = || Verdict::Unknown(Why::Pending("x".into()));
        check(Verdict::Allow, granted("app"), "agrees");
        check(
            Verdict::Allow,
            granted("other"),
            "AWS grants `arn:aws:sts::111122223333:assumed-role/other/idscope`, another role than judged",
        );
        check(
            Verdict::Allow,
            not_authorized(),
            "idscope judges allow, AWS refuses with AccessDenied",
        );
        check(deny("E05"), granted("app"), "idscope judges E05, AWS grants");
        check(deny("E05"), not_authorized(), "agrees");
        check(deny("E01"), no_provider(), "agrees");
        check(deny("E05"), no_provider(), "both refuse, AWS with E01 and idscope with E05");
        check(unknown(), granted("app"), "settles");
        check(unknown(), not_authorized(), "settles");
        check(Verdict::Allow, Answer::NotKnown("no answer".into()), "open");
    }
}
