//! Where nothing may be written: a cluster that nothing proves to be the one that AWS describes, and facts that are older
//! than what was read last.

use crate::{
    command::{idscope, said},
    world::{Home, role, trust},
};
use idscope::{
    ident::SaKey,
    plan::{AssociationFields, Edit, TrustChange},
};

/// Runs the program; it must refuse in these words, with this status, and write nothing.
async fn refused(home: &Home, kubeconfig: Option<&str>, args: &[&str], words: &str) {
    let mut command = idscope(home, args);
    if let Some(it) = kubeconfig {
        // Which cluster it is only the caller says.
        command.env("KUBECONFIG", it).args(["--cluster", "prod", "--region", "eu-west-1"]);
    }
    let out = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(out.status.code(), Some(4), "{args:?}: {}", said(&out));
    assert!(said(&out).contains(words), "{args:?}: no `{words}` in {}", said(&out));
    assert_eq!(home.lab.mutations(), [], "{args:?}");
    let state = home.state.path().join("xdg/idscope/journal.jsonl");
    let journal = std::fs::read_to_string(state).unwrap_or_default();
    assert!(journal.is_empty(), "{args:?}: {journal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_nothing_proves_is_not_written_to() {
    // The issuer that it publishes may not be read, and its address is another one than AWS says.
    let home = Home::with(
        "---\napiVersion: lab.idscope.dev/v1\nkind: Caller\ndenyKube: [\"get:/.well-known/openid-configuration\"]\n",
    )
    .await;
    let text = std::fs::read_to_string(home.lab.kubeconfig()).unwrap();
    let path = home.state.path().join("kubeconfig");
    std::fs::write(&path, text.replace("127.0.0.1", "localhost")).unwrap();
    let (file, digest) = home.plan_file(vec![Edit::SetTrust {
        role: role("app"),
        was: trust("system:serviceaccount: shop:web").into(),
        document: trust("system:serviceaccount:shop:web").into(),
        change: TrustChange::NearMiss,
    }]);
    for args in [
        &["fix", "sa/shop/web"][..],
        &["fix", "sa/shop/web", "--apply", "--yes", "x"],
        &["fix", "--plan", &file],
        &["fix", "--plan", &file, "--apply", "--yes", &digest],
        &["fix", "sa/shop/web", "--goal", "irsa", "--apply", "--yes", "x"],
    ] {
        let words = "nothing proves that this API server is the EKS cluster";
        refused(&home, path.to_str(), args, words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_the_credentials_expired_is_not_written_over() {
    let home = Home::with(
        "---\napiVersion: lab.idscope.dev/v1\nkind: Fault\napi: eks:ListPodIdentityAssociations\nanswer: expired\n",
    )
    .await;
    let fields = AssociationFields::of_role(role("pods"));
    let service_account = SaKey::new("shop", "free");
    let (file, digest) = home.plan_file(vec![Edit::CreateAssociation { service_account, fields }]);
    for args in
        [&["fix", "--plan", &file][..], &["fix", "--plan", &file, "--apply", "--yes", &digest]]
    {
        let words = "was last read before the credentials expired; read it again first";
        refused(&home, None, args, words).await;
    }
}
