//! Pod Identity: associations, checked at every change as EKS checks them, and the credentials that they give.

use crate::{
    fact::{AssociationDetail, Knowledge},
    iam::{self, Document, Kind},
    ident::{Arn, SaKey, Text},
    identity::{Verdict, eks as judge, sts::World as Keys},
    lab::{
        aws::{
            Call,
            eks::{epoch, page, tags},
            error::AwsError,
            sts::{request_keys, session_of},
        },
        changes, changes_eks, ids, kube,
        scenario::{Association, Cluster},
        state::{Shared, State, now},
    },
};
use serde_json::{Value, json};

pub fn answer(
    shared: &Shared,
    state: &mut State,
    call: &Call<'_>,
    cluster: &Cluster,
) -> Result<Value, AwsError> {
    match call.operation() {
        "ListPodIdentityAssociations" => list(state, call, cluster),
        "DescribePodIdentityAssociation" => {
            let it = find(state, call, cluster)?;
            Ok(json!({"association": full(&state.world.associations[it], cluster)}))
        }
        "CreatePodIdentityAssociation" => create(state, call, cluster),
        "UpdatePodIdentityAssociation" => update(state, call, cluster),
        "DeletePodIdentityAssociation" => {
            let at = find(state, call, cluster)?;
            let gone = state.world.associations.remove(at);
            Ok(json!({"association": full(&gone, cluster)}))
        }
        "AssumeRoleForPodIdentity" => assume(shared, state, call, cluster),
        _ => Err(AwsError::unknown_operation()),
    }
}

/// Only names and ids, as EKS lists them.
fn list(state: &State, call: &Call<'_>, cluster: &Cluster) -> Result<Value, AwsError> {
    let wanted = |key: &str, it: &str| call.query.get(key).is_none_or(|wanted| wanted == it);
    let own = state.world.associations.iter().filter(|it| {
        it.cluster == cluster.name
            && wanted("namespace", &it.service_account.namespace)
            && wanted("serviceAccount", &it.service_account.name)
    });
    let brief = |it: &Association| {
        json!({"clusterName": &*it.cluster, "namespace": &*it.service_account.namespace,
            "serviceAccount": &*it.service_account.name, "associationArn": it.arn(cluster).as_str(),
            "associationId": &*it.id, "ownerArn": it.owner.as_ref().map(Arn::as_str)})
    };
    page(call, "associations", own.map(brief).collect())
}

fn full(it: &Association, cluster: &Cluster) -> Value {
    json!({"clusterName": &*it.cluster, "namespace": &*it.service_account.namespace,
        "serviceAccount": &*it.service_account.name, "roleArn": it.role.as_str(),
        "associationArn": it.arn(cluster).as_str(), "associationId": &*it.id, "tags": tags(&it.tags),
        "createdAt": epoch(it.created), "modifiedAt": epoch(it.modified),
        "ownerArn": it.owner.as_ref().map(Arn::as_str), "disableSessionTags": it.disable_session_tags,
        "targetRoleArn": it.target_role.as_ref().map(Arn::as_str), "externalId": it.external_id.as_deref(),
        "policy": it.policy.as_deref()})
}

fn find(state: &State, call: &Call<'_>, cluster: &Cluster) -> Result<usize, AwsError> {
    let id = call.path.get(3).map(String::as_str).unwrap_or_default();
    let mut all = state.world.associations.iter();
    all.position(|it| *it.id == *id && it.cluster == cluster.name)
        .ok_or_else(|| AwsError::not_found(format!("No association found with id: {id}")))
}

fn create(state: &mut State, call: &Call<'_>, cluster: &Cluster) -> Result<Value, AwsError> {
    let body = call.json()?;
    let text = |key: &str| {
        body[key].as_str().filter(|it| !it.is_empty()).ok_or_else(|| {
            AwsError::invalid_parameter(format!(
                "1 validation error detected: Value at '{key}' must not be null"
            ))
        })
    };
    let key = SaKey::new(text("namespace")?, text("serviceAccount")?);
    let role = Arn::from(text("roleArn")?);
    let existing = state
        .world
        .associations
        .iter()
        .find(|it| it.cluster == cluster.name && it.service_account == key);
    if let Some(it) = existing {
        let message = format!("Association already exists: {}", it.id);
        return Err(AwsError::sender(409, "ResourceInUseException", message));
    }
    pass_role(state, call, &role)?;
    if body["tags"].as_object().is_some_and(|it| !it.is_empty()) {
        may(state, call, "eks:TagResource", None)?;
    }
    check_tags(&body)?;
    check_role(state, &role, cluster)?;
    check_policy(&body, body["disableSessionTags"] == true)?;
    let number = state.next().to_string();
    let target = body["targetRoleArn"].as_str().map(Arn::from);
    let new = Association {
        id: ids::association_id(&cluster.name, &key.namespace, &format!("{}#{number}", key.name)),
        cluster: cluster.name.clone(),
        role,
        external_id: target.as_ref().map(|_| external_id(cluster, &key)),
        target_role: target,
        disable_session_tags: body["disableSessionTags"] == true,
        policy: body["policy"].as_str().map(Into::into),
        owner: None,
        created: now(),
        modified: now(),
        tags: tags_of(&body),
        service_account: key,
    };
    let res = json!({"association": full(&new, cluster)});
    state.world.associations.push(new);
    Ok(res)
}

fn update(state: &mut State, call: &Call<'_>, cluster: &Cluster) -> Result<Value, AwsError> {
    let at = find(state, call, cluster)?;
    let body = call.json()?;
    let mut new = state.world.associations[at].clone();
    if let Some(owner) = &new.owner
        && owner.as_str().contains(":addon/")
    {
        let message = format!("The association is managed by an add-on: {owner}");
        return Err(AwsError::sender(400, "InvalidRequestException", message));
    }
    if let Some(role) = body["roleArn"].as_str() {
        new.role = Arn::from(role);
        pass_role(state, call, &new.role)?;
        check_role(state, &new.role, cluster)?;
    }
    if let Some(target) = body["targetRoleArn"].as_str() {
        new.target_role = Some(Arn::from(target)).filter(|_| !target.is_empty());
        new.external_id =
            new.target_role.as_ref().map(|_| external_id(cluster, &new.service_account));
    }
    if let Some(it) = body["disableSessionTags"].as_bool() {
        new.disable_session_tags = it;
    }
    check_policy(&body, new.disable_session_tags)?;
    if let Some(it) = body["policy"].as_str() {
        new.policy = Some(Text::from(it)).filter(|it| !it.is_empty());
    }
    new.modified = now();
    let res = json!({"association": full(&new, cluster)});
    state.world.associations[at] = new;
    Ok(res)
}

fn external_id(cluster: &Cluster, key: &SaKey) -> Text {
    format!(
        "{}/{}/{}/{}/{}",
        cluster.region, cluster.account, cluster.name, key.namespace, key.name
    )
    .into()
}

fn check_policy(body: &Value, tags_disabled: bool) -> Result<(), AwsError> {
    let Some(policy) = body["policy"].as_str().filter(|it| !it.is_empty()) else { return Ok(()) };
    if !tags_disabled {
        return Err(AwsError::invalid_parameter(
            "Session tags must be disabled when using a session policy.",
        ));
    }
    if policy.len() > 2048 {
        return Err(AwsError::invalid_parameter(
            "The session policy must not exceed 2048 characters.",
        ));
    }
    Document::parse(policy, Kind::Identity).parsed.map(|_| ()).map_err(|it| {
        AwsError::invalid_parameter(format!("The session policy is invalid: {}", it.reason))
    })
}

/// Whoever hands a role to EKS must be allowed to.
fn pass_role(state: &State, call: &Call<'_>, role: &Arn) -> Result<(), AwsError> {
    may(state, call, "iam:PassRole", Some(role.as_str()))
}

fn may(
    state: &State,
    call: &Call<'_>,
    action: &str,
    resource: Option<&str>,
) -> Result<(), AwsError> {
    if !state.world.caller.denies(action, resource) {
        return Ok(());
    }
    let caller = call.principal.as_ref().map(|it| it.arn.to_string()).unwrap_or_default();
    let error = AwsError::not_authorized(&caller, action, resource);
    Err(AwsError { code: "AccessDeniedException", ..error })
}

/// A map, which has no order.
fn tags_of(body: &Value) -> Vec<(Text, Text)> {
    let all = body["tags"].as_object().into_iter().flatten();
    let text = |it: &Value| Text::from(it.as_str().unwrap_or_default());
    let mut res: Vec<(Text, Text)> = all.map(|(key, it)| (key.as_str().into(), text(it))).collect();
    res.sort();
    res
}

/// EKS keeps tags that begin with `aws:` to AWS, and takes few characters beside letters and digits.
fn check_tags(body: &Value) -> Result<(), AwsError> {
    let is_taken = |it: &str| {
        it.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
            && !it.to_ascii_lowercase().starts_with("aws:")
    };
    let mut tags = body["tags"].as_object().into_iter().flatten();
    let wrong = tags.find(|(key, it)| !is_taken(key) || !it.as_str().is_some_and(is_taken));
    match wrong {
        None => Ok(()),
        Some((key, _)) => Err(AwsError::invalid_parameter(format!("Invalid tag: {key}"))),
    }
}

/// EKS looks at the trust policy when an association is made or changed, and never again.
fn check_role(state: &State, role: &Arn, cluster: &Cluster) -> Result<(), AwsError> {
    if !role.is_iam_role() {
        return Err(AwsError::invalid_parameter("Role ARN is invalid"));
    }
    if role.account().as_ref() != Some(&cluster.account) {
        return Err(AwsError::invalid_parameter("Role is not in the same account as the cluster"));
    }
    let found = state.world.role(role).ok_or_else(|| {
        AwsError::invalid_parameter(format!("Role provided in the request does not exist: {role}"))
    })?;
    let document = Document::parse(&*found.trust, Kind::Trust);
    let names_service = document.parsed.as_ref().is_ok_and(|policy| {
        policy.statements.iter().any(|it| {
            let principals = match &it.principal {
                Some(iam::Principal::Listed(all)) => all.as_slice(),
                Some(iam::Principal::Everyone) | None => &[],
            };
            it.effect == iam::Effect::Allow
                && principals.iter().any(|(kind, values)| {
                    &**kind == "Service" && values.iter().any(|it| &**it == judge::SERVICE)
                })
        })
    });
    match names_service {
        true => Ok(()),
        false => Err(AwsError::invalid_parameter("Trust policy of the role provided is invalid")),
    }
}

/// What the agent asks for with a pod's token.
fn assume(
    shared: &Shared,
    state: &mut State,
    call: &Call<'_>,
    cluster: &Cluster,
) -> Result<Value, AwsError> {
    let body = call.json()?;
    let invalid = |message: &str| AwsError::sender(400, "InvalidTokenException", message);
    let token = body["token"].as_str().unwrap_or_default();
    let claims =
        kube::verify_token(shared, token).ok_or_else(|| invalid("The token is invalid."))?;
    if !claims.audiences.iter().any(|it| it == judge::SERVICE) {
        return Err(invalid("The token included in the request has an invalid audience."));
    }
    if claims.expires <= now().as_second() {
        return Err(AwsError::sender(
            400,
            "ExpiredTokenException",
            "The token included in the request is expired.",
        ));
    }
    let key = SaKey::new(claims.namespace.as_str(), claims.service_account.as_str());
    let world = &state.world;
    let found = world
        .associations
        .iter()
        .find(|it| it.cluster == cluster.name && it.service_account == key);
    let found = found.cloned().ok_or_else(|| {
        AwsError::not_found(format!(
            "No pod identity association found for service account {}/{}",
            key.namespace, key.name
        ))
    })?;
    let detail = AssociationDetail {
        role_arn: found.role.clone(),
        target_role_arn: found.target_role.clone(),
        external_id: found.external_id.clone(),
        disable_session_tags: found.disable_session_tags,
        policy: found.policy.clone(),
        created: Some(found.created),
        modified: Some(found.modified),
        tags: Vec::new(),
    };
    let fact = |arn: &Arn| world.role(arn).map(|it| changes::full_role(world, it));
    let (role, target) = (fact(&found.role), found.target_role.as_ref().and_then(fact));
    let described = changes_eks::fact(cluster);
    let mut keys = request_keys(call);
    let (name, uid) = claims.pod.clone().unwrap_or_default();
    keys.push(("aws:RequestTag/kubernetes-pod-name".into(), vec![name.as_str().into()]));
    keys.push(("aws:RequestTag/kubernetes-pod-uid".into(), vec![uid.as_str().into()]));
    let ask = judge::Ask {
        service_account: &key,
        cluster: Knowledge::Known(&described),
        association: Knowledge::Known(&detail),
        role: role.as_ref().map_or(Knowledge::Absent, Knowledge::Known),
        target: target.as_ref().map_or(Knowledge::Absent, Knowledge::Known),
        world: Keys::Closed(if found.disable_session_tags {
            &keys[..keys.len() - 2]
        } else {
            &keys
        }),
        now: Some(now()),
    };
    let assumed = found.target_role.as_ref().unwrap_or(&found.role).clone();
    let role = match (judge::judge(&ask).verdict, world.role(&assumed).cloned()) {
        (Verdict::Allow, Some(role)) => role,
        _ => {
            let message = "Unauthorized Exception! EKS does not have permissions to assume the associated role.";
            return Err(AwsError::sender(400, "AccessDeniedException", message));
        }
    };
    let session = format!("eks-{}-{}", cluster.name, ids::suffix(&[&name, &uid], 8));
    let session: String = session.chars().take(64).collect();
    let given = session_of(shared, state, &role, &session, 21_600)?;
    let credentials = &given["Credentials"];
    Ok(json!({
        "subject": {"namespace": &*key.namespace, "serviceAccount": &*key.name},
        "audience": judge::SERVICE,
        "podIdentityAssociation": {"associationArn": found.arn(cluster).as_str(), "associationId": &*found.id},
        "assumedRoleUser": {"arn": given["AssumedRoleUser"]["Arn"], "assumeRoleId": given["AssumedRoleUser"]["AssumedRoleId"]},
        "credentials": {"sessionToken": credentials["SessionToken"], "secretAccessKey": credentials["SecretAccessKey"],
            "accessKeyId": credentials["AccessKeyId"], "expiration": epoch(now()) + 21_600.0}
    }))
}
