//! What the endpoints were asked, and calls that wait on their way until somebody lets them go on.
//!
//! For tests of whoever calls: a client can be stopped, killed or overtaken at exactly one call.

use crate::{
    iam::glob_matches,
    lab::{scenario::When, server::Aborted},
};
use std::collections::VecDeque;
use tokio::sync::oneshot;

/// How many calls are remembered.
const KEPT: usize = 10_000;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `iam:GetRole`, `kube:pods:list`.
    pub api: String,
    /// An ARN, or `NAMESPACE/NAME`; empty when the call names nothing.
    pub resource: String,
    /// Whether it would change something; a dry run would not.
    pub mutates: bool,
}

/// A call that is waited for, and then waits itself. Dropped, the call is cut off: its client gets no answer.
#[derive(Debug)]
pub struct Pause {
    reached: oneshot::Receiver<()>,
    go: oneshot::Sender<()>,
}

impl Pause {
    /// Returns once the call is there. Whether it was carried out already was chosen with [`When`].
    pub async fn reached(&mut self) {
        // A lab that is gone has nobody to wait for.
        let _ = (&mut self.reached).await;
    }

    /// Lets the call go on.
    pub fn release(self) {
        // Its client may have left.
        let _ = self.go.send(());
    }
}

/// The endpoint's end of a [`Pause`].
#[derive(Debug)]
pub(crate) struct Hold {
    pub when: When,
    reached: oneshot::Sender<()>,
    go: oneshot::Receiver<()>,
}

impl Hold {
    pub(crate) async fn pass(self) -> Result<(), Aborted> {
        let _ = self.reached.send(());
        self.go.await.map_err(|_| Aborted)
    }
}

#[derive(Debug)]
struct Awaited {
    /// A glob.
    api: String,
    /// Calls that pass before it.
    skip: usize,
    hold: Hold,
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    seen: VecDeque<Seen>,
    awaited: Vec<Awaited>,
}

impl Calls {
    pub(crate) fn seen(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter()
    }

    /// Pauses one call of `api` (a glob), after `skip` others.
    pub(crate) fn pause(&mut self, api: &str, skip: usize, when: When) -> Pause {
        let (tell, reached) = oneshot::channel();
        let (go, gone) = oneshot::channel();
        let hold = Hold { when, reached: tell, go: gone };
        self.awaited.push(Awaited { api: api.to_lowercase(), skip, hold });
        Pause { reached, go }
    }

    /// Notes a call, and says whether it is one that has to wait.
    pub(crate) fn note(&mut self, seen: Seen) -> Option<Hold> {
        let api = seen.api.to_lowercase();
        if self.seen.len() == KEPT {
            self.seen.pop_front();
        }
        self.seen.push_back(seen);
        let mut at = None;
        for (index, it) in self.awaited.iter_mut().enumerate() {
            if !glob_matches(&it.api, &api) {
                continue;
            }
            match it.skip.checked_sub(1) {
                Some(left) => it.skip = left,
                None => {
                    at = Some(index);
                    break;
                }
            }
        }
        at.map(|it| self.awaited.remove(it).hold)
    }
}

/// Whether an AWS operation (`iam:GetRole`) changes something. STS hands out credentials and changes nothing.
pub(crate) fn is_write(api: &str) -> bool {
    let (service, operation) = api.split_once(':').unwrap_or_default();
    let reads = ["Get", "List", "Describe", "Simulate", "Assume"];
    service != "sts" && !reads.iter().any(|it| operation.starts_with(it))
}

#[cfg(test)]
mod tests {
    use crate::lab::{
        calls::{Calls, Seen, is_write},
        scenario::When,
    };

    fn seen(api: &str) -> Seen {
        Seen { api: api.into(), resource: String::new(), mutates: is_write(api) }
    }

    #[tokio::test]
    async fn the_awaited_call_waits_and_no_other() {
        let mut calls = Calls::default();
        let mut pause = calls.pause("iam:get*", 1, When::Before);
        assert!(calls.note(seen("iam:ListRoles")).is_none());
        assert!(calls.note(seen("iam:GetRole")).is_none());
        let hold = calls.note(seen("iam:GetRole")).expect("the second one");
        assert!(calls.note(seen("iam:GetRole")).is_none());
        let passing = tokio::spawn(hold.pass());
        pause.reached().await;
        pause.release();
        assert!(passing.await.unwrap().is_ok());

        let pause = calls.pause("iam:GetRole", 0, When::After);
        let hold = calls.note(seen("iam:GetRole")).expect("the next one");
        drop(pause);
        assert!(hold.pass().await.is_err());
    }

    #[test]
    fn writes_are_told_from_reads() {
        for (api, wanted) in [
            ("iam:GetRole", false),
            ("iam:UpdateAssumeRolePolicy", true),
            ("iam:SimulatePrincipalPolicy", false),
            ("sts:AssumeRole", false),
            ("eks-auth:AssumeRoleForPodIdentity", false),
            ("eks:DeleteAddon", true),
            ("eks:DescribeAddon", false),
        ] {
            assert_eq!(is_write(api), wanted, "{api}");
        }
    }
}
