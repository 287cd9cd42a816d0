//! idscope against real servers: kube-apiserver with etcd, MiniStack (IAM, STS, EKS), moto.
//!
//! `tests/live/install` puts the servers into a cache outside the checkout; a missing one fails the suite. One test,
//! since the parts share the servers and run one after another; each prints what it proved.

mod aws;
mod differential;
mod kube;
mod peers;
mod planted;
#[path = "../common/policies.rs"]
mod policies;

use peers::{MiniStack, REGION};

#[tokio::test(flavor = "multi_thread")]
async fn everything_holds_on_real_peers() {
    let dir = tempfile::tempdir().expect("a directory");
    let ministack = MiniStack::start(dir.path());
    let aws = aws::Aws::new(&ministack.url(), REGION);
    differential::run(&aws).await;
    let (fresh, kubernetes) = (dir.path().join("aws"), dir.path().join("kubernetes"));
    for it in [&fresh, &kubernetes] {
        std::fs::create_dir(it).expect("a directory");
    }
    let ministack = MiniStack::start(&fresh);
    let aws = aws::Aws::new(&ministack.url(), REGION);
    planted::run(&ministack, &aws, &kubernetes).await;
}

/// RFC 4648 section 5, without padding.
fn base64_url(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut res = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |acc, it| (acc << 8) | u32::from(*it))
            << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * i)) & 63;
            res.push(char::from(DIGITS[index as usize]));
        }
    }
    res
}
