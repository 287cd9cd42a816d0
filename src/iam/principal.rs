//! Who is asking, against the `Principal` element (IAM User Guide, "AWS JSON policy elements: Principal").
//!
//! Values of principals have no wildcards but the lone `*`; they compare byte for byte.

use crate::{
    iam::{Caller, Clause, Effect, Got, Part, Principal, Truth},
    ident::{AccountId, Arn, Text},
};

pub(crate) fn judge(wanted: &Principal, effect: Effect, caller: &Caller) -> Clause {
    let (truth, note) = match wanted {
        Principal::Everyone => everyone(effect, caller),
        Principal::Listed(types) => types
            .iter()
            .flat_map(|(kind, values)| values.iter().map(move |it| (&**kind, &**it)))
            .map(|(kind, value)| one(kind, value, effect, caller))
            .fold((Truth::False, None), or),
    };
    let got = match caller {
        Caller::Federated(arn) | Caller::AwsRole { arn, .. } => arn.text().clone(),
        Caller::Service(name) => name.clone(),
    };
    Clause {
        part: Part::Principal,
        wanted: wanted.written(),
        got: Got::Present(vec![got]),
        truth,
        note,
    }
}

impl Principal {
    /// Every principal as `TYPE VALUE`, or the lone `*`.
    fn written(&self) -> Vec<Text> {
        match self {
            Principal::Everyone => vec!["*".into()],
            Principal::Listed(types) => types
                .iter()
                .flat_map(|(kind, values)| values.iter().map(move |it| (kind, it)))
                .map(|(kind, value)| format!("{kind} {value}").into())
                .collect(),
        }
    }
}

type Judged = (Truth, Option<&'static str>);

fn or((truth, note): Judged, (other, other_note): Judged) -> Judged {
    let res = truth.or(other);
    // The note belongs to whichever of the two decided.
    (res, if truth == res { note } else { other_note })
}

fn one(kind: &str, value: &str, effect: Effect, caller: &Caller) -> Judged {
    if (kind, value) == ("AWS", "*") {
        return everyone(effect, caller);
    }
    match caller {
        Caller::Federated(arn) => ((kind == "Federated" && value == arn.as_str()).into(), None),
        Caller::Service(name) => ((kind == "Service" && value == &**name).into(), None),
        Caller::AwsRole { arn, account } if kind == "AWS" => named_role(value, arn, account),
        Caller::AwsRole { .. } => (Truth::False, None),
    }
}

/// `"*"` and `{"AWS": "*"}`, which IAM documents as everyone, anonymous callers included. Whether an Allow reaches
/// a federated identity or a service by it is nowhere shown; a Deny does.
fn everyone(effect: Effect, caller: &Caller) -> Judged {
    match (effect, caller) {
        (Effect::Deny, _) | (Effect::Allow, Caller::AwsRole { .. }) => (Truth::True, None),
        (Effect::Allow, Caller::Federated(_) | Caller::Service(_)) => {
            (Truth::Unknown, Some("whether `*` allows this kind of caller is not documented"))
        }
    }
}

fn named_role(value: &str, arn: &Arn, account: &AccountId) -> Judged {
    const DELEGATED: &str = "trusts the account, so the caller's own policies must allow it too";
    if value == arn.as_str() {
        return (Truth::True, None);
    }
    if value == account.as_str() {
        return (Truth::True, Some(DELEGATED));
    }
    let value = Arn::from(value);
    let (Some(role), Some(wanted)) = (arn.parts(), value.parts()) else {
        return (Truth::False, None);
    };
    if wanted.partition != role.partition
        || wanted.account != account.as_str()
        || !wanted.region.is_empty()
    {
        return (Truth::False, None);
    }
    match wanted.service {
        "iam" if wanted.resource == "root" => (Truth::True, Some(DELEGATED)),
        // One session of the role; its name is chosen at run time.
        "sts" => {
            let session = wanted.resource.strip_prefix("assumed-role/");
            let is_ours =
                session.and_then(|it| it.split_once('/')).map(|(name, _)| name) == arn.name();
            let note = "names one session, whose name is not known from here";
            if is_ours { (Truth::Unknown, Some(note)) } else { (Truth::False, None) }
        }
        _ => (Truth::False, None),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        iam::{
            Caller, Effect, Principal,
            Truth::{self, False, True, Unknown},
            principal::judge,
        },
        ident::{AccountId, Arn},
    };

    const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.example/id/A";
    const ROLE: &str = "arn:aws:iam::111122223333:role/path/app";

    fn listed(kind: &str, values: &[&str]) -> Principal {
        Principal::Listed(vec![(kind.into(), values.iter().map(|it| (*it).into()).collect())])
    }

    /// `expected` is what an Allow gives, then what a Deny gives.
    #[track_caller]
    fn check(caller: &Caller, wanted: &Principal, expected: [Truth; 2]) {
        let got = [Effect::Allow, Effect::Deny].map(|it| judge(wanted, it, caller).truth);
        assert_eq!(got, expected, "{wanted:?}");
    }

    #[test]
    fn federated() {
        let caller = Caller::Federated(Arn::from(PROVIDER));
        check(&caller, &Principal::Everyone, [Unknown, True]);
        check(&caller, &listed("AWS", &["*"]), [Unknown, True]);
        check(&caller, &listed("AWS", &["x", "*"]), [Unknown, True]);
        check(&caller, &listed("Federated", &[PROVIDER]), [True, True]);
        check(&caller, &listed("Federated", &["x", PROVIDER, "y"]), [True, True]);
        check(&caller, &listed("Federated", &[&PROVIDER.to_lowercase()]), [False, False]);
        check(&caller, &listed("Federated", &["*"]), [False, False]);
        check(&caller, &listed("Federated", &[&PROVIDER.replace("/A", "/*")]), [False, False]);
        check(&caller, &listed("Federated", &["oidc.example/id/A"]), [False, False]);
        check(&caller, &listed("federated", &[PROVIDER]), [False, False]);
        check(&caller, &listed("AWS", &[PROVIDER]), [False, False]);
        check(&caller, &listed("AWS", &["111122223333"]), [False, False]);
        check(&caller, &listed("Service", &[PROVIDER]), [False, False]);
        check(&caller, &listed("Federated", &[]), [False, False]);
        let both = Principal::Listed(vec![
            ("AWS".into(), vec!["*".into()]),
            ("Federated".into(), vec![PROVIDER.into()]),
        ]);
        check(&caller, &both, [True, True]);
    }

    #[test]
    fn service() {
        let caller = Caller::Service("pods.eks.amazonaws.com".into());
        check(&caller, &Principal::Everyone, [Unknown, True]);
        check(&caller, &listed("Service", &["pods.eks.amazonaws.com"]), [True, True]);
        check(&caller, &listed("Service", &["ec2.amazonaws.com"]), [False, False]);
        check(&caller, &listed("Service", &["pods.eks.amazonaws.com.cn"]), [False, False]);
        check(&caller, &listed("Service", &["*"]), [False, False]);
        check(&caller, &listed("AWS", &["pods.eks.amazonaws.com"]), [False, False]);
    }

    #[test]
    fn iam_role() {
        let account = AccountId::parse("111122223333").unwrap();
        let caller = Caller::AwsRole { arn: Arn::from(ROLE), account };
        check(&caller, &Principal::Everyone, [True, True]);
        for value in ["*", ROLE, "111122223333", "arn:aws:iam::111122223333:root"] {
            check(&caller, &listed("AWS", &[value]), [True, True]);
            check(&caller, &listed("Federated", &[value]), [False, False]);
        }
        for value in [
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:iam::111122223333:role/path/*",
            "arn:aws-cn:iam::111122223333:root",
            "arn:aws:iam::444455556666:root",
            "444455556666",
            "arn:aws:iam::111122223333:user/root",
            "AROAEXAMPLEID",
            "arn:aws:sts::111122223333:assumed-role/other/session",
            "arn:aws:sts::444455556666:assumed-role/app/session",
        ] {
            check(&caller, &listed("AWS", &[value]), [False, False]);
        }
        let session = "arn:aws:sts::111122223333:assumed-role/app/session";
        check(&caller, &listed("AWS", &[session]), [Unknown, Unknown]);
    }
}
