//! The provider is not there: what is there instead.

use crate::{
    check::{
        Acc, Context, Evidence, Fix, Subject,
        oidc::{Site, recreated},
    },
    fact::{Knowledge, OidcProvider},
    ident::{Arn, Issuer, Ref},
    identity::near_miss,
};

/// Providers that an account may have unless it asked for more (IAM quotas).
const QUOTA: usize = 100;

/// OIDC-01, 02, 03, 09 and 10: exactly one of them for a provider that is missing.
pub(crate) fn report(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some((site, roles)) = missing(cx, unit) else { return };
    let nearest = nearest(cx, &site);
    let code = match &nearest {
        Some((it, _)) => it.code(),
        None if site.is_foreign(cx) => "OIDC-10",
        None => "OIDC-01",
    };
    if code != acc.code() {
        return;
    }
    let found = nearest.as_ref().map_or("", |(_, it)| &*it.url).to_owned();
    let message = match &nearest {
        Some((it, provider)) => it.sentence(&site, provider),
        None => format!("account {} has no OIDC provider for `{}`", site.account, site.issuer),
    };
    let n_roles = roles.len();
    let finding = acc.push(
        Subject::provider(&site.arn),
        format!("{message} ({n_roles} annotated {})", if n_roles == 1 { "role" } else { "roles" }),
        vec![Evidence {
            place: format!("OIDC providers of account {}", site.account),
            found,
            needed: site.issuer.to_string(),
        }],
    );
    finding.fixes.push(Fix::create_provider(cx, &site.account, &site.issuer));
}

/// OIDC-11.
pub(crate) fn quota(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some((site, _)) = missing(cx, unit) else { return };
    let Some(all) = cx.graph.providers(&site.account).known() else { return };
    if all.len() < QUOTA {
        return;
    }
    acc.push(
        Subject::provider(&site.arn),
        format!("account {} has {} OIDC providers already", site.account, all.len()),
        vec![Evidence {
            place: format!("OIDC providers of account {}", site.account),
            found: all.len().to_string(),
            needed: format!("fewer than {QUOTA}"),
        }],
    );
}

/// OIDC-16.
pub(crate) fn login(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some((site, _)) = missing(cx, unit).filter(|(site, _)| !site.is_foreign(cx)) else {
        return;
    };
    let Some(logins) = cx.graph.identity_providers().known() else { return };
    let Some(first) = logins.names.first() else { return };
    let finding = acc.push(
        Subject::provider(&site.arn),
        format!("the cluster's OIDC login `{first}` is for people; roles need an IAM provider"),
        vec![
            Evidence {
                place: "identity provider configs of the cluster".into(),
                found: logins.names.join(", "),
                needed: "nothing: they do not serve ServiceAccounts".into(),
            },
            Evidence {
                place: format!("OIDC providers of account {}", site.account),
                found: String::new(),
                needed: site.issuer.to_string(),
            },
        ],
    );
    finding.fixes.push(Fix::create_provider(cx, &site.account, &site.issuer));
}

/// OIDC-17.
pub(crate) fn no_issuer(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some(cluster) = cx.graph.cluster().known().filter(|_| *unit == Ref::Cluster) else {
        return;
    };
    let mut annotated = cx.graph.named_roles().flat_map(|it| cx.graph.annotated_with(it));
    if cluster.issuer.is_some() || annotated.next().is_none() {
        return;
    }
    let mut subject = Subject::cluster(cx.graph);
    subject.kind = crate::check::SubjectKind::OidcProvider;
    acc.push(
        subject,
        format!("cluster `{}` has no OIDC issuer, so no annotation can work", cluster.name),
        vec![Evidence {
            place: format!("cluster {} identity.oidc.issuer", cluster.name),
            found: String::new(),
            needed: "an issuer".into(),
        }],
    );
}

/// The site when its provider is known to be absent and no recreated cluster explains it, with the roles that need it.
fn missing<'a>(cx: &Context<'a>, unit: &Ref) -> Option<(Site<'a>, Vec<&'a Arn>)> {
    let site = Site::of(cx, unit)?;
    if site.provider != Knowledge::Absent || recreated(cx, &site.account).is_some() {
        return None;
    }
    let mut roles: Vec<_> = site.roles(cx).collect();
    if site.is_foreign(cx) {
        // An account that has none of the annotated roles either is a wrong account (ANN-06, ANN-08).
        let graph = cx.graph;
        roles.retain(|it| crate::check::judge::settled_role(graph, it) != Knowledge::Absent);
    }
    (!roles.is_empty()).then_some((site, roles))
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Near {
    /// Equal but for slashes, letter case, and a path behind it.
    Spelling,
    Region,
    Id,
}

impl Near {
    fn code(self) -> &'static str {
        match self {
            Near::Spelling => "OIDC-09",
            Near::Region => "OIDC-03",
            Near::Id => "OIDC-02",
        }
    }

    fn sentence(self, site: &Site<'_>, provider: &OidcProvider) -> String {
        let url = &provider.url;
        match self {
            Near::Spelling => format!("`{url}` is not byte for byte the issuer `{}`", site.issuer),
            Near::Region => format!("`{url}` has the cluster's id behind another region's host"),
            Near::Id => format!("`{url}` has nearly, but not exactly, the cluster's id"),
        }
    }
}

/// The provider of the account that comes nearest to the issuer; `None` when all are of something else.
fn nearest<'a>(cx: &Context<'a>, site: &Site<'_>) -> Option<(Near, &'a OidcProvider)> {
    let all = cx.graph.providers(&site.account).known()?;
    // A provider of a cluster that exists is that cluster's, however near its id.
    let others = cx.graph.other_clusters().known();
    let is_theirs = |url: &str| others.is_some_and(|it| it.of_issuer(&Issuer::new(url)).is_some());
    all.into_iter()
        .filter(|it| !is_theirs(&it.url))
        .filter_map(|it| near(&it.url, &site.issuer).map(|near| (near, it)))
        .min_by(|(a, x), (b, y)| (a, &x.url).cmp(&(b, &y.url)))
}

/// How a provider's URL comes near to the issuer; `None` when it is of something else.
pub(crate) fn near(url: &str, issuer: &Issuer) -> Option<Near> {
    let parts = |it: &str| -> Vec<String> {
        it.split('/').filter(|it| !it.is_empty()).map(str::to_ascii_lowercase).collect()
    };
    // Something behind it (`/.well-known/openid-configuration`, `/keys`) was copied along.
    if parts(url).starts_with(&parts(issuer.as_str())) {
        return Some(Near::Spelling);
    }
    let other = Issuer::new(url);
    let (id, wanted) = (other.id()?, issuer.id()?);
    if id == wanted {
        return Some(Near::Region);
    }
    (other.host() == issuer.host() && near_miss::text::is_near(id, wanted)).then_some(Near::Id)
}

#[cfg(test)]
mod tests {
    use crate::{check::oidc::absent::near, ident::Issuer};

    #[test]
    fn what_is_near() {
        let issuer = Issuer::new("oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1");
        let check = |url: &str, code: Option<&str>| {
            assert_eq!(near(url, &issuer).map(|it| it.code()), code, "{url}");
        };
        check("oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1/", Some("OIDC-09"));
        check("oidc.eks.eu-west-1.amazonaws.com/id/c891f985baf5a4c1", Some("OIDC-09"));
        check("oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1/keys", Some("OIDC-09"));
        check("oidc.eks.eu-west-2.amazonaws.com/id/C891F985BAF5A4C1", Some("OIDC-03"));
        check("oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C2", Some("OIDC-02"));
        check("oidc.eks.eu-west-1.amazonaws.com/id/C891F985", Some("OIDC-02"));
        check("oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF", None);
        check("token.actions.githubusercontent.com", None);
    }
}
