//! The calls of a step: to the API server, to IAM, to EKS.

use crate::{
    apply::{
        eks_target, iam_target, kube_target,
        present::Present,
        run::Work,
        told::{is_iam, words},
    },
    ident::Text,
    plan::Step,
    source::{aws::error::Written, kube::write::WriteError},
};
use serde_json::Value;

/// Why a request brought no success.
pub(crate) enum Sent {
    /// Nothing was written, and asking again may help.
    NotNow(String),
    /// Nothing was written.
    Refused(String),
    NotKnown(String),
}

impl Work<'_> {
    pub(crate) async fn observe(&self, step: &Step) -> Result<Present, Text> {
        if step.edit.is_kubernetes() {
            let read = kube_target::observe(&self.hands.link, &step.edit).await;
            return read.map_err(|it| it.to_string().into());
        }
        let account = step.account.as_ref().and_then(|it| self.hands.account(it));
        let Some(account) = account else { return Err("no credentials".into()) };
        let read = if is_iam(&step.edit) {
            iam_target::observe(account, &step.edit).await
        } else {
            eks_target::observe(account, &self.hands.cluster, &step.edit).await
        };
        read.map_err(|it| words(&it))
    }

    pub(crate) async fn send(
        &self,
        step: &Step,
        present: &Present,
        is_dry_run: bool,
    ) -> Result<Value, Sent> {
        let permit = &self.permit;
        if step.edit.is_kubernetes() {
            let at = self.restarted_at.to_string();
            let link = &self.hands.link;
            let sent = kube_target::send(link, permit, &step.edit, present, &at, is_dry_run).await;
            return sent.map_err(|it| match it {
                WriteError::NotNow { message, .. } => Sent::NotNow(message.to_string()),
                WriteError::Refused { message, .. } => Sent::Refused(message.to_string()),
                WriteError::NotKnown(it) => Sent::NotKnown(it.to_string()),
            });
        }
        let account = step.account.as_ref().and_then(|it| self.hands.account(it));
        let Some(account) = account else {
            return Err(Sent::Refused("no credentials".to_owned()));
        };
        let sent = if is_iam(&step.edit) {
            iam_target::send(account, permit, &step.edit).await
        } else {
            eks_target::send(account, permit, &self.hands.cluster, &step.edit).await
        };
        sent.map_err(|it| match it {
            Written::NotNow(it) => Sent::NotNow(it.to_string()),
            Written::Refused(it) => Sent::Refused(it.to_string()),
            Written::NotKnown(it) => Sent::NotKnown(it.to_string()),
        })
    }
}
