//! The phrases by which each signature is known, in every SDK's wording.

use crate::identity::signature::{Signature, normalise::Normal};

/// A phrase and what must stand near it, all in lower case and without white space.
struct Form {
    signature: Signature,
    phrase: &'static str,
    /// Of every group one must be there.
    near: &'static [&'static [&'static str]],
}

const fn form(signature: Signature, phrase: &'static str) -> Form {
    Form { signature, phrase, near: &[] }
}

const fn near(
    signature: Signature,
    phrase: &'static str,
    near: &'static [&'static [&'static str]],
) -> Form {
    Form { signature, phrase, near }
}

/// How far "near" reaches to either side, in bytes without white space.
const REACH: usize = 240;

/// What shows that a file is a token for AWS.
const TOKEN_FILE: &[&str] = &[
    "eks.amazonaws.com/serviceaccount",
    "eks.amazonaws.com\\serviceaccount",
    "eks-pod-identity-token",
    "serviceaccount/token",
    "unabletoreadfileat",
    "webidentitytoken",
    "web_identity_token_file",
    "container_authorization_token_file",
];
const AGENT: &[&str] = &["169.254.170.23", "fd00:ec2::23"];
/// The agent's answers end with `fault: client`.
const POD_IDENTITY: &[&str] =
    &["assumeroleforpodidentity", "eks-auth", "eksauth", "podidentity", "fault:client"];
const CONTAINER_ROLE: &str = "errorwhenretrievingcredentialsfromcontainer-role";
/// That nobody answers at an address.
const UNREACHABLE: &[&str] = &[
    "connectionrefused",
    "contextdeadlineexceeded",
    "econnrefused",
    "ehostunreach",
    "enetunreach",
    "etimedout",
    "i/otimeout",
    "timedout",
    "connecttimeout",
    "noroutetohost",
    "networkisunreachable",
    "failedtoconnect",
    "failedtoopentcpconnection",
    "connectionattemptfailed",
];

const FORMS: &[Form] = &[
    form(Signature::E01, "noopenidconnectproviderfoundinyouraccount"),
    form(Signature::E02, "incorrecttokenaudience"),
    form(Signature::E03, "certificatedoesn'tmatchconfiguredthumbprint"),
    form(Signature::E04, "couldn'tretrieveverificationkey"),
    form(Signature::E04, "idpcommunicationerror"),
    form(Signature::E04, "tokenprovidedisnotavalidjwt"),
    near(Signature::E04, "couldnotbevalidated", &[&["identitytoken", "idtoken", "tokenprovided"]]),
    form(Signature::E05, "notauthorizedtoperformsts:assumerolewithwebidentity"),
    form(Signature::E05, "notauthorizedtoperform:sts:assumerolewithwebidentity"),
    form(Signature::E06, "requestarnisinvalid"),
    near(Signature::E06, "isinvalid", &[&["validationerror"], &["assumerole"]]),
    form(Signature::E07, "invalidlengthforparameterrolearn"),
    near(Signature::E07, "lengthgreaterthanorequalto20", &[&["rolearn"]]),
    near(Signature::E07, "minimumfieldsizeof20", &[&["rolearn"]]),
    near(Signature::E07, "stringlengthtobe>=20", &[&["rolearn"]]),
    near(Signature::E07, "stringlength>=20", &[&["rolearn"]]),
    near(
        Signature::E08,
        "tokenexpired",
        &[&["expiredtoken", "webidentity", "mustbebeforetheexpiration"]],
    ),
    form(Signature::E09, "stsisnotactivatedinthisregion"),
    form(Signature::E09, "regiondisabledexception"),
    near(Signature::E10, "permissiondenied", &[TOKEN_FILE]),
    near(Signature::E10, "accessdeniedexception:/", &[TOKEN_FILE]),
    near(Signature::E10, "accesstothepath", &[TOKEN_FILE, &["denied"]]),
    near(Signature::E11, "nosuchfileordirectory", &[TOKEN_FILE]),
    near(Signature::E11, "nosuchfileexception", &[TOKEN_FILE]),
    near(Signature::E11, "couldnotfindfile", &[TOKEN_FILE]),
    near(Signature::E11, "couldnotfindapartofthepath", &[TOKEN_FILE]),
    near(Signature::E11, "cannotfindthefilespecified", &[TOKEN_FILE]),
    near(Signature::E11, "cannotfindthepathspecified", &[TOKEN_FILE]),
    near(Signature::E11, "can'topentokenfile", &[TOKEN_FILE]),
    near(Signature::E11, "[webidentitytoken]mustbeastring", &[&["bool(false)"]]),
    form(Signature::E11, "missing:web_identity_token_file"),
    form(Signature::E12, "unabletolocatecredentials"),
    form(Signature::E12, "nocredentialproviders"),
    form(Signature::E12, "novalidprovidersinchain"),
    form(Signature::E12, "noec2imdsrolefound"),
    form(Signature::E12, "missingcredentialsinconfig"),
    form(Signature::E12, "couldnotloadcredentialsfromanyproviders"),
    form(Signature::E12, "failedtomakeec2metadatarequest"),
    form(Signature::E12, "unabletoloadawscredentialsfromanyproviderinthechain"),
    form(Signature::E12, "unabletoloadcredentialsfromanyoftheprovidersinthechain"),
    form(Signature::E12, "unabletogetiamsecuritycredentialsfromec2instancemetadata"),
    form(Signature::E12, "failedtoresolveawscredentials"),
    form(Signature::E12, "noprovidersinchainprovidedcredentials"),
    form(Signature::E12, "errorretrievingcredentialsfromtheinstanceprofilemetadata"),
    form(Signature::E12, "noec2instancerolefound"),
    form(Signature::E12, "ec2metadatarequesterror"),
    form(Signature::E12, "ec2rolerequesterror"),
    form(Signature::E12, "failedtoloadcredentialsfromimds"),
    form(Signature::E12, "unabletosignrequestwithoutcredentialsset"),
    form(Signature::E12, "nocredentialscouldbeloadedfromthechain"),
    form(Signature::E12, "noidentitycouldberesolvedfromthechain"),
    form(Signature::E12, "kind:missingcredentials"),
    form(Signature::E12, "novalidcredentialsources"),
    form(Signature::E12, "nocredentialsinthepropertybag"),
    form(Signature::E12, "noidentityresolverregistered"),
    form(Signature::E12, "nohandlerwasreadytoauthenticate"),
    near(Signature::E12, "169.254.169.254", &[UNREACHABLE]),
    near(Signature::E12, "[fd00:ec2::254]", &[UNREACHABLE]),
    form(Signature::E15, "credentialshouldbescopedtoavalidregion"),
    near(Signature::E16, "errorlookingupserviceaccount", &[&["notfound"]]),
    form(Signature::E18, "eksdoesnothavepermissionstoassumetheassociatedrole"),
    near(Signature::E19, "(resourcenotfoundexception)", &[POD_IDENTITY]),
    near(Signature::E19, "resourcenotfoundexception:", &[POD_IDENTITY]),
    near(Signature::E20, "169.254.170.23", &[UNREACHABLE]),
    near(Signature::E20, "[fd00:ec2::23]", &[UNREACHABLE]),
    form(Signature::E20, CONTAINER_ROLE),
    near(Signature::E21, "onlyloopbackhostsareallowed", &[AGENT]),
    near(Signature::E21, "unsupportedhost", &[AGENT]),
    near(Signature::E21, "isnotavalidcontainermetadataservicehostname", &[AGENT]),
    near(Signature::E21, "hasaninvalidhost", &[AGENT]),
    near(Signature::E21, "notrefertotheloopbackinterface", &[AGENT]),
    near(Signature::E21, "notloopback", &[AGENT]),
    near(Signature::E21, "mustusealoopbackaddress", &[&["container_credentials_full_uri"]]),
    near(Signature::E21, "disallowedloopback", &[AGENT]),
    near(Signature::E21, "musthaveloopbackaddress", &[AGENT]),
    near(
        Signature::E22,
        "unabletostartserver:listentcp",
        &[AGENT, &["cannotassignrequestedaddress", "addressalreadyinuse"]],
    ),
    form(Signature::E23, "calledagentthroughinvalidaddress"),
    form(Signature::E24, "serviceaccounttokencannotbeempty"),
    form(Signature::E24, "serviceaccounttokencannotbeparsed"),
    form(Signature::E24, "failedbasicclaimvalidations"),
    form(Signature::E25, "trustpolicyoftheroleprovidedisinvalid"),
    near(Signature::E25, "associationalreadyexists", &[&["resourceinuse"]]),
    form(Signature::E26, "malformedpolicydocument"),
    form(Signature::E26, "federatedprincipalsmustbevaliddomainnamesorsaml"),
    form(Signature::E26, "hasprohibitedfieldresource"),
    form(Signature::E26, "aclsizeperrole"),
    form(Signature::E28, "packedpolicytoolarge"),
    form(Signature::E29, "youmustbeloggedintotheserver"),
    form(Signature::E29, "theserverhasaskedfortheclienttoprovidecredentials"),
    form(Signature::E29, "couldnotgettoken:accessdenied"),
    form(Signature::E29, "theserverdoesn'thavearesourcetype"),
    near(Signature::E30, "errorfromserver(forbidden)", &[&["cannot"]]),
    near(Signature::E30, "forbidden:user\"", &[&["cannot"]]),
    form(Signature::E31, "aws-java-sdk-stsmodulemustbeontheclasspath"),
    form(Signature::E31, "'sts'servicemodulemustbeontheclasspath"),
    near(Signature::E31, "awssdk.securitytoken", &[&["couldnotbefound", "mustbeavailable"]]),
    form(Signature::E32, "webidentitybuthasnorolearnconfigured"),
    form(Signature::E32, "rolearnisnotset"),
    form(Signature::E32, "_role_arnenvironmentvariablemustbeset"),
    form(Signature::E32, "_role_arnorthejavapropertyaws.rolearnmustbeset"),
    near(Signature::E33, "assumeroleforpodidentity", &[&["statuscode:0"], &["canceled"]]),
    near(Signature::E33, "assumeroleforpodidentity", &[&["statuscode:0"], UNREACHABLE]),
    form(Signature::E34, "durationsecondsexceedsthemaxsessionduration"),
    near(Signature::E35, "nxdomain", &[&["oidc.eks."]]),
    near(Signature::E35, "nosuchhost", &[&["oidc.eks."]]),
    form(Signature::E36, "perhapsyoumeanttoenableambientcredentials"),
];

/// The phrase that E13, E14, E17 and E27 share.
const NOT_AUTHORIZED: &str = "isnotauthorizedtoperform:";

/// Every signature found with the offset of its phrase in the tight text, in order of the offsets. Forms of one
/// signature that describe one and the same event are one.
pub(crate) fn found(normal: &Normal) -> Vec<(Signature, usize)> {
    let tight = &*normal.tight;
    let mut res: Vec<(Signature, usize)> = Vec::new();
    for form in FORMS {
        for (at, _) in tight.match_indices(form.phrase) {
            let around = window(tight, at, form.phrase.len());
            if form.near.iter().all(|group| group.iter().any(|it| around.contains(it))) {
                res.push((form.signature, at));
            }
        }
    }
    for (at, _) in tight.match_indices(NOT_AUTHORIZED) {
        res.extend(refusal(tight, at).map(|it| (it, at)));
    }
    // The code alone, with words that nobody has written down yet.
    let of_token = |it: &(Signature, usize)| it.0.number() <= Signature::E04.number();
    if !res.iter().any(of_token) {
        res.extend(tight.find("invalididentitytoken").map(|at| (Signature::E04, at)));
    }
    // botocore puts what the agent answers, which is an error of its own, behind the words for an agent that does not.
    res.retain(|(signature, at)| {
        *signature != Signature::E20
            || !tight[*at..].starts_with(CONTAINER_ROLE)
            || !window(tight, *at, CONTAINER_ROLE.len()).contains("receivednon200response")
    });
    res.sort_by_key(|it| it.1);
    // What a signature says once more in the same breath is not another event.
    let mut last: [Option<usize>; 37] = [None; 37];
    res.retain(|(signature, at)| {
        let slot = &mut last[usize::from(signature.number())];
        let again = slot.is_some_and(|it| at - it < 40);
        *slot = Some(*at);
        !again
    });
    res
}

/// Which of the refusals it is, by who was refused what.
fn refusal(tight: &str, at: usize) -> Option<Signature> {
    let before = window_before(tight, at);
    let user = before.rsplit_once("user:")?.1;
    let action = &tight[at + NOT_AUTHORIZED.len()..];
    let session = user.rsplit_once(":assumed-role/").and_then(|it| it.1.split('/').nth(1));
    let is_node = session.and_then(|it| it.strip_prefix("i-")).is_some_and(is_instance);
    let asks = |it: &str| action.starts_with(it);
    match () {
        () if asks("sts:assumerolewith") => None,
        () if asks("eks-auth:assumeroleforpodidentity") => Some(Signature::E17),
        () if asks("sts:assumerole") || asks("sts:tagsession") => Some(Signature::E27),
        () if is_node => Some(Signature::E13),
        () => Some(Signature::E14),
    }
}

/// The rest of an EC2 instance's id, or what people put there before they show a log to others.
fn is_instance(id: &str) -> bool {
    let hex = 8 <= id.len() && id.bytes().all(|b| b.is_ascii_hexdigit());
    let masked = |it: char| it.is_ascii_hexdigit() || "x*.…".contains(it);
    let hidden = 2 <= id.chars().count() && id.contains(['x', '*', '…']) && id.chars().all(masked);
    hex || hidden || id.starts_with(['{', '<'])
}

fn window(text: &str, at: usize, length: usize) -> &str {
    let from = floor(text, at.saturating_sub(REACH));
    let to = floor(text, (at + length + REACH).min(text.len()));
    &text[from..to]
}

fn window_before(text: &str, at: usize) -> &str {
    &text[floor(text, at.saturating_sub(REACH))..at]
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
