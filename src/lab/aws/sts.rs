//! STS: who am I, and the two ways to assume a role. Whether a trust policy lets somebody in is `identity`'s.

use crate::{
    fact::{IamRole, Knowledge},
    iam,
    ident::{AccountId, Arn, Issuer, Partition, SaKey, Text},
    identity::{Signature, Verdict, sts},
    lab::{
        admission::seconds,
        aws::{Call, Principal, error::AwsError},
        changes,
        encode::base64_url,
        ids,
        kube::{self, TokenClaims},
        scenario::{Role, World},
        state::{Shared, State, now},
    },
};
use serde_json::{Value, json};

pub fn answer(shared: &Shared, state: &mut State, call: &Call<'_>) -> Result<Value, AwsError> {
    match call.operation() {
        "GetCallerIdentity" => {
            let it = call.principal.as_ref().ok_or_else(AwsError::missing_token)?;
            Ok(
                json!({"UserId": it.user_id, "Account": it.account.as_str(), "Arn": it.arn.as_str()}),
            )
        }
        "AssumeRoleWithWebIdentity" => with_web_identity(shared, state, call),
        "AssumeRole" => assume_role(shared, state, call),
        _ => Err(AwsError::unknown_operation()),
    }
}

/// The keys that every request to this endpoint has.
pub fn request_keys(call: &Call<'_>) -> Vec<(Text, Vec<Text>)> {
    let one = |key: &str, value: &str| (key.into(), vec![value.into()]);
    let mut res = vec![
        one("aws:SourceIp", "127.0.0.1"),
        one("aws:UserAgent", "lab"),
        one("aws:SecureTransport", "true"),
    ];
    if !call.region.is_empty() {
        res.push(one("aws:RequestedRegion", &call.region));
    }
    res
}

fn too_short(arn: &str) -> AwsError {
    AwsError::validation(format!(
        "1 validation error detected: Value '{arn}' at 'roleArn' failed to satisfy constraint: Member must have length \
         greater than or equal to 20"
    ))
}

fn with_web_identity(
    shared: &Shared,
    state: &mut State,
    call: &Call<'_>,
) -> Result<Value, AwsError> {
    let role_arn = call.text("RoleArn")?.to_owned();
    let session = call.text("RoleSessionName")?.to_owned();
    check_session_name(&session)?;
    let invalid = |message: &str| AwsError::sender(400, "InvalidIdentityToken", message);
    let token = call.text("WebIdentityToken")?;
    let claims = kube::verify_token(shared, token)
        .ok_or_else(|| invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"))?;
    let key = SaKey::new(claims.namespace.as_str(), claims.service_account.as_str());
    let issuer = Issuer::new(&claims.issuer);
    let audience: Vec<Text> = claims.audiences.iter().map(|it| it.as_str().into()).collect();
    let role = state.world.role(&Arn::from(&*role_arn)).cloned();
    let fact = role.as_ref().map(|it| changes::full_role(&state.world, it));
    let keys = request_keys(call);
    let ask = sts::Ask {
        role_arn: &role_arn,
        service_account: &key,
        issuer: Knowledge::Known(issuer.clone()),
        audience: &audience,
        provider: provider(&state.world, &role_arn, &issuer),
        role: fact.as_ref().map_or(Knowledge::Absent, Knowledge::Known),
        region: Some(&call.region),
        session_name: Knowledge::Known(&session),
        world: sts::World::Closed(&keys),
        now: Some(now()),
    };
    match sts::judge(&ask).verdict {
        Verdict::Allow => {}
        Verdict::Deny(Signature::E01) => {
            let message =
                format!("No OpenIDConnect provider found in your account for {}", claims.issuer);
            return Err(invalid(&message));
        }
        Verdict::Deny(Signature::E02) => return Err(invalid("Incorrect token audience")),
        Verdict::Deny(Signature::E06) => {
            return Err(AwsError::validation("Request ARN is invalid"));
        }
        Verdict::Deny(Signature::E07) => return Err(too_short(&role_arn)),
        Verdict::Deny(_) | Verdict::Unknown(_) | Verdict::None => {
            let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
            return Err(AwsError::sender(403, "AccessDenied", message));
        }
    }
    check_expiry(&claims)?;
    let role = role.ok_or_else(|| AwsError::validation("Request ARN is invalid"))?;
    let duration = duration(call, &role)?;
    let mut res = session_of(shared, state, &role, &session, duration)?;
    let provider = issuer.provider_arn(&state.world.cluster.partition(), &account_of(&role)?);
    res["SubjectFromWebIdentityToken"] = key.subject().into();
    res["Audience"] = audience.first().map(|it| &**it).into();
    res["Provider"] = provider.as_str().into();
    Ok(res)
}

fn check_expiry(claims: &TokenClaims) -> Result<(), AwsError> {
    let at = now().as_second();
    if at < claims.expires {
        return Ok(());
    }
    let message = format!(
        "Token expired: current date/time {at} must be before the expiration date/time {}",
        claims.expires
    );
    Err(AwsError::sender(400, "ExpiredTokenException", message))
}

fn check_session_name(name: &str) -> Result<(), AwsError> {
    let valid = (2..=64).contains(&name.chars().count())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
    if valid {
        return Ok(());
    }
    Err(AwsError::validation(format!(
        "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: [\\w+=,.@-]*"
    )))
}

fn provider(world: &World, role_arn: &str, issuer: &Issuer) -> Knowledge<Vec<Text>> {
    let account = Arn::from(role_arn).account();
    let found = world
        .providers
        .iter()
        .find(|it| Some(&it.account) == account.as_ref() && &*it.url == issuer.as_str());
    found.map_or(Knowledge::Absent, |it| Knowledge::Known(it.client_ids.clone()))
}

fn duration(call: &Call<'_>, role: &Role) -> Result<i64, AwsError> {
    let seconds = call.query.get("DurationSeconds").and_then(|it| it.parse().ok()).unwrap_or(3600);
    if i64::from(role.max_session_seconds) < seconds {
        let message =
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(AwsError::validation(message));
    }
    if seconds < 900 {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member \
             must have value greater than or equal to 900"
        )));
    }
    Ok(seconds)
}

fn account_of(role: &Role) -> Result<AccountId, AwsError> {
    role.arn.account().ok_or_else(|| AwsError::validation("Request ARN is invalid"))
}

/// Credentials of a session that this endpoint recognises.
pub fn session_of(
    shared: &Shared,
    state: &mut State,
    role: &Role,
    name: &str,
    seconds_valid: i64,
) -> Result<Value, AwsError> {
    let account = account_of(role)?;
    let partition = role.arn.partition().unwrap_or(Partition::Aws);
    let role_name = role.arn.name().unwrap_or_default();
    let number = state.next().to_string();
    let key = format!("ASIA{}", ids::suffix(&["session", &number, name], 16).to_uppercase());
    let arn = Arn::new(format!("arn:{partition}:sts::{account}:assumed-role/{role_name}/{name}"));
    let user_id = format!("{}:{name}", role.id);
    let principal = Principal { arn: arn.clone(), account, user_id: user_id.clone() };
    state.sessions.insert(key.clone(), principal);
    let expires =
        now().checked_add(jiff::SignedDuration::from_secs(seconds_valid)).unwrap_or_default();
    // Nobody checks these two; they look like the real ones and give nothing away.
    let secret = base64_url(&kube::mac(&shared.secret, key.as_bytes()));
    Ok(json!({
        "Credentials": {"AccessKeyId": key, "SecretAccessKey": &secret[..40.min(secret.len())],
            "SessionToken": format!("lab-session-{secret}"), "Expiration": seconds(expires)},
        "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": arn.as_str()}
    }))
}

fn assume_role(shared: &Shared, state: &mut State, call: &Call<'_>) -> Result<Value, AwsError> {
    let role_arn = Arn::from(call.text("RoleArn")?);
    let session = call.text("RoleSessionName")?.to_owned();
    check_session_name(&session)?;
    let caller = call.principal.clone().ok_or_else(AwsError::missing_token)?;
    let refuse = || {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
            caller.arn
        );
        AwsError::sender(403, "AccessDenied", message)
    };
    let role = state.world.role(&role_arn).cloned().ok_or_else(refuse)?;
    let fact = changes::full_role(&state.world, &role);
    if !lets_in(&fact, &caller, call, &session) {
        return Err(refuse());
    }
    let duration = duration(call, &role)?;
    session_of(shared, state, &role, &session, duration)
}

/// The trust policy alone decides: whoever holds the lab's keys may ask for anything.
fn lets_in(role: &IamRole, caller: &Principal, call: &Call<'_>, session: &str) -> bool {
    let Ok(policy) = &role.trust.parsed else { return false };
    let mut context = iam::Context::default();
    let arn = role_of_session(&caller.arn);
    context.set("aws:PrincipalArn", [arn.text().clone()]);
    context.set("aws:PrincipalAccount", [caller.account.as_str()]);
    context.set("sts:RoleSessionName", [session]);
    if let Some(it) = call.query.get("ExternalId") {
        context.set("sts:ExternalId", [it]);
    }
    for (key, values) in request_keys(call) {
        context.set(&key, values);
    }
    let request = iam::Request {
        action: "sts:AssumeRole".into(),
        caller: iam::Caller::AwsRole { arn, account: caller.account.clone() },
        resource: None,
        context,
    };
    iam::evaluate(policy, &request).decision == iam::Decision::Allow
}

/// `assumed-role/NAME/SESSION` acts as `role/NAME`.
pub fn role_of_session(arn: &Arn) -> Arn {
    let Some(parts) = arn.parts() else { return arn.clone() };
    match parts.resource.strip_prefix("assumed-role/").and_then(|it| it.split('/').next()) {
        Some(name) => {
            Arn::new(format!("arn:{}:iam::{}:role/{name}", parts.partition, parts.account))
        }
        None => arn.clone(),
    }
}
