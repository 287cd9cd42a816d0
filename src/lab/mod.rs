//! The embedded lab: a made-up EKS cluster and its AWS accounts, described by scenario files.
//!
//! Serves what a scenario says; judges nothing. The rules of admission and of STS are `identity`'s.

mod admission;
mod changes;
mod changes_eks;
mod changes_kube;
mod ids;
mod policies;
mod resource;
mod status;
pub mod scenario;

pub use changes::changes;
pub use scenario::{ScenarioError, World};
