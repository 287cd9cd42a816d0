//! idscope against real servers: kube-apiserver with etcd, MiniStack (IAM, STS, EKS), moto.
//!
//! `tests/live/install` puts the servers into a cache outside the checkout; a missing one fails the suite. Each test
//! starts its own and prints what it proved.

mod aws;
mod controllers;
mod differential;
mod encode;
mod exchange;
mod fixes;
mod kube;
mod paging;
mod peers;
#[path = "../common/policies.rs"]
mod policies;
mod rights;
mod scale;
mod scenarios;
mod shop;
mod site;
mod state;
mod watch;

use peers::{ACCOUNT, MiniStack, REGION};

/// The issuer of the cluster of most scenarios.
const ISSUER: &str = "https://oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_judged_as_sts_judges_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let ministack = MiniStack::start(dir.path());
    let aws = aws::Aws::new(&ministack.url(), REGION, ACCOUNT);
    differential::run(&aws).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scenarios_hold() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut site = site::Site::start(dir.path(), ISSUER).await;
    scenarios::run(&mut site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_makes_unknown_what_depends_on_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut site = site::Site::start(dir.path(), ISSUER).await;
    rights::run(&mut site).await;
    rights::watches(&mut site).await;
    rights::narrow(&mut site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_the_api_server_is_away() {
    let dir = tempfile::tempdir().expect("a directory");
    watch::run(dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_are_read_to_their_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut site = site::Site::start(dir.path(), ISSUER).await;
    paging::pods(&mut site).await;
    paging::iam(&mut site, dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_repaired_and_put_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut site = site::Site::start(dir.path(), ISSUER).await;
    fixes::run(&mut site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_is_what_it_is_on_the_lab() {
    let dir = tempfile::tempdir().expect("a directory");
    shop::run(dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for minutes: BENCHMARKS.md has the command"]
async fn ten_thousand_pods() {
    let dir = tempfile::tempdir().expect("a directory");
    scale::run(dir.path()).await;
}
