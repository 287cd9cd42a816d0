//! PI-BOTH: annotation and association on the same ServiceAccount.

use crate::{
    check::{
        Acc, Confidence, Evidence, Fix, IdentityContext, Row, Rule, Severity, Subject, SubjectKind,
    },
    fact::{Knowledge, ServiceAccount},
    ident::Arn,
    identity::Mechanism,
};

pub const ROWS: &[Row] = &[Row {
    code: "PI-BOTH-01",
    name: "annotation-and-association",
    title: "IRSA annotation and association on the same ServiceAccount",
    severity: Severity::WrongId,
    confidence: Confidence::Certain,
    subject: SubjectKind::ServiceAccount,
    fragment: "ServiceAccounts have both the role annotation and a Pod Identity association",
    detect: "Both exist. New pods get Pod Identity only; with another role their rights change at the next restart. Harmless while both name the same role.",
    repair: "Finish the migration: remove the annotation, or delete the association.",
    signatures: &[],
    fixes: &["FX-SA-UNANN", "FX-PIA-DEL"],
    reference: "https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html",
    rule: Rule::Identity(both),
}];

fn both(cx: &IdentityContext<'_>, acc: &mut Acc) {
    if cx.mechanism != Mechanism::Both {
        return;
    }
    let (Some(annotation), Knowledge::Known(association)) = (cx.annotation, &cx.association) else {
        return;
    };
    let Some(detail) = association.detail.as_ref().known() else { return };
    let same = **annotation == *detail.role_arn.as_str();
    let message = if same {
        "has both annotation and association for the same role; new pods use the association"
            .to_owned()
    } else {
        format!(
            "new pods get `{}` by the association, not the annotated `{annotation}`",
            detail.role_arn
        )
    };
    let finding = acc.push(
        Subject::service_account(cx.key, Some(Arn::new(annotation.clone()))),
        message,
        vec![
            Evidence {
                place: format!("ServiceAccount {} annotation {}", cx.key, ServiceAccount::ROLE_ARN),
                found: annotation.to_string(),
                needed: "one of the two".into(),
            },
            Evidence {
                place: format!("association {} roleArn", association.id),
                found: detail.role_arn.to_string(),
                needed: "one of the two".into(),
            },
        ],
    );
    if same {
        finding.severity = Severity::Hygiene;
    }
    finding.fixes.push(Fix::unannotate(cx.key, annotation));
    finding.fixes.push(Fix::delete_association(&cx.cx, association));
}
