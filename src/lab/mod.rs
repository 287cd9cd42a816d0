//! The embedded lab: a made-up EKS cluster and its AWS accounts, described by scenario files.
//!
//! Serves what a scenario says; judges nothing. The rules of admission and of STS are `identity`'s.

mod admission;
mod aws;
mod calls;
mod changes;
mod changes_eks;
mod changes_kube;
mod controllers;
mod encode;
mod endpoint;
mod fault;
mod fleet;
mod ids;
mod kube;
mod listing;
mod pods;
mod policies;
mod resource;
mod revisions;
mod server;
mod state;
mod status;
mod store;
pub mod scenario;

pub use calls::{Pause, Seen};
pub use changes::{Side, changes, changes_of};
pub use endpoint::{Lab, LabError};
pub use scenario::{ScenarioError, World};
