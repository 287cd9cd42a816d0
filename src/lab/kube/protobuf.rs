//! Request bodies in Kubernetes' protobuf, which `kubectl create` and `kubectl auth` send whatever the server says.
//!
//! Only the kinds that they send and only the fields that something here reads; anything else is refused as a format.
//! Field numbers are those of the `generated.proto` files of k8s.io/api and k8s.io/apimachinery.

use crate::lab::encode::base64;
use serde_json::{Map, Value, json};

/// How the bytes of a field read.
enum Field {
    Text,
    Number,
    Bool,
    /// `map<string, string>`.
    Map,
    /// `map<string, bytes>`, as base64.
    Bytes,
    Texts,
    Message(Schema),
    Messages(Schema),
}

type Schema = &'static [(u64, &'static str, Field)];

const OWNER: Schema = &[
    (1, "kind", Field::Text),
    (3, "name", Field::Text),
    (4, "uid", Field::Text),
    (5, "apiVersion", Field::Text),
    (6, "controller", Field::Bool),
    (7, "blockOwnerDeletion", Field::Bool),
];
const METADATA: Schema = &[
    (1, "name", Field::Text),
    (2, "generateName", Field::Text),
    (3, "namespace", Field::Text),
    (5, "uid", Field::Text),
    (6, "resourceVersion", Field::Text),
    (11, "labels", Field::Map),
    (12, "annotations", Field::Map),
    (13, "ownerReferences", Field::Messages(OWNER)),
    (14, "finalizers", Field::Texts),
];
const REFERENCE: Schema = &[
    (1, "kind", Field::Text),
    (2, "apiVersion", Field::Text),
    (3, "name", Field::Text),
    (4, "uid", Field::Text),
];
const NAMED: Schema = &[(1, "name", Field::Text)];
const ATTRIBUTES: Schema = &[
    (1, "namespace", Field::Text),
    (2, "verb", Field::Text),
    (3, "group", Field::Text),
    (4, "version", Field::Text),
    (5, "resource", Field::Text),
    (6, "subresource", Field::Text),
    (7, "name", Field::Text),
];
const PATH: Schema = &[(1, "path", Field::Text), (2, "verb", Field::Text)];
const ENV: Schema = &[(1, "name", Field::Text), (2, "value", Field::Text)];
const CONTAINER: Schema = &[
    (1, "name", Field::Text),
    (2, "image", Field::Text),
    (3, "command", Field::Texts),
    (4, "args", Field::Texts),
    (7, "env", Field::Messages(ENV)),
];
const POD_SPEC: Schema = &[
    (2, "containers", Field::Messages(CONTAINER)),
    (3, "restartPolicy", Field::Text),
    (8, "serviceAccountName", Field::Text),
    (10, "nodeName", Field::Text),
];
const TEMPLATE: Schema =
    &[(1, "metadata", Field::Message(METADATA)), (2, "spec", Field::Message(POD_SPEC))];
const SELECTOR: Schema = &[(1, "matchLabels", Field::Map)];
const JOB_SPEC: Schema = &[
    (1, "parallelism", Field::Number),
    (2, "completions", Field::Number),
    (7, "backoffLimit", Field::Number),
    (6, "template", Field::Message(TEMPLATE)),
];
const JOB: Schema =
    &[(1, "metadata", Field::Message(METADATA)), (2, "spec", Field::Message(JOB_SPEC))];
const RULE: Schema = &[
    (1, "verbs", Field::Texts),
    (2, "apiGroups", Field::Texts),
    (3, "resources", Field::Texts),
    (4, "resourceNames", Field::Texts),
    (5, "nonResourceURLs", Field::Texts),
];
const RBAC_ROLE: Schema =
    &[(1, "metadata", Field::Message(METADATA)), (2, "rules", Field::Messages(RULE))];
const SUBJECT: Schema = &[
    (1, "kind", Field::Text),
    (2, "apiGroup", Field::Text),
    (3, "name", Field::Text),
    (4, "namespace", Field::Text),
];
const BINDING: Schema = &[
    (1, "metadata", Field::Message(METADATA)),
    (2, "subjects", Field::Messages(SUBJECT)),
    (
        3,
        "roleRef",
        Field::Message(&[
            (1, "apiGroup", Field::Text),
            (2, "kind", Field::Text),
            (3, "name", Field::Text),
        ]),
    ),
];

const KINDS: &[(&str, Schema)] = &[
    ("Namespace", &[(1, "metadata", Field::Message(METADATA))]),
    (
        "ServiceAccount",
        &[
            (1, "metadata", Field::Message(METADATA)),
            (3, "imagePullSecrets", Field::Messages(NAMED)),
            (4, "automountServiceAccountToken", Field::Bool),
        ],
    ),
    (
        "ConfigMap",
        &[
            (1, "metadata", Field::Message(METADATA)),
            (2, "data", Field::Map),
            (3, "binaryData", Field::Bytes),
            (4, "immutable", Field::Bool),
        ],
    ),
    (
        "Secret",
        &[
            (1, "metadata", Field::Message(METADATA)),
            (2, "data", Field::Bytes),
            (3, "type", Field::Text),
        ],
    ),
    (
        "TokenRequest",
        &[
            (1, "metadata", Field::Message(METADATA)),
            (
                2,
                "spec",
                Field::Message(&[
                    (1, "audiences", Field::Texts),
                    (3, "boundObjectRef", Field::Message(REFERENCE)),
                    (4, "expirationSeconds", Field::Number),
                ]),
            ),
        ],
    ),
    (
        "SelfSubjectAccessReview",
        &[
            (1, "metadata", Field::Message(METADATA)),
            (
                2,
                "spec",
                Field::Message(&[
                    (1, "resourceAttributes", Field::Message(ATTRIBUTES)),
                    (2, "nonResourceAttributes", Field::Message(PATH)),
                ]),
            ),
        ],
    ),
    (
        "SelfSubjectRulesReview",
        &[
            (1, "metadata", Field::Message(METADATA)),
            (2, "spec", Field::Message(&[(1, "namespace", Field::Text)])),
        ],
    ),
    ("SelfSubjectReview", &[(1, "metadata", Field::Message(METADATA))]),
    (
        "Scale",
        &[
            (1, "metadata", Field::Message(METADATA)),
            (2, "spec", Field::Message(&[(1, "replicas", Field::Number)])),
        ],
    ),
    ("Eviction", &[(1, "metadata", Field::Message(METADATA))]),
    (
        "DeleteOptions",
        &[
            (1, "gracePeriodSeconds", Field::Number),
            (
                2,
                "preconditions",
                Field::Message(&[(1, "uid", Field::Text), (2, "resourceVersion", Field::Text)]),
            ),
            (4, "propagationPolicy", Field::Text),
            (5, "dryRun", Field::Texts),
        ],
    ),
    (
        "Deployment",
        &[
            (1, "metadata", Field::Message(METADATA)),
            (
                2,
                "spec",
                Field::Message(&[
                    (1, "replicas", Field::Number),
                    (2, "selector", Field::Message(SELECTOR)),
                    (3, "template", Field::Message(TEMPLATE)),
                ]),
            ),
        ],
    ),
    ("Pod", &[(1, "metadata", Field::Message(METADATA)), (2, "spec", Field::Message(POD_SPEC))]),
    ("Job", JOB),
    (
        "CronJob",
        &[
            (1, "metadata", Field::Message(METADATA)),
            (
                2,
                "spec",
                Field::Message(&[
                    (1, "schedule", Field::Text),
                    (3, "concurrencyPolicy", Field::Text),
                    (4, "suspend", Field::Bool),
                    (5, "jobTemplate", Field::Message(JOB)),
                ]),
            ),
        ],
    ),
    ("Role", RBAC_ROLE),
    ("ClusterRole", RBAC_ROLE),
    ("RoleBinding", BINDING),
    ("ClusterRoleBinding", BINDING),
];

/// Of the envelope `runtime.Unknown`, whose field 2 is the object.
const TYPE_META: Schema = &[(1, "apiVersion", Field::Text), (2, "kind", Field::Text)];

/// The object as JSON; `None` when it is not protobuf or of a kind that is not known here.
pub fn decode(body: &[u8]) -> Option<Value> {
    let body = body.strip_prefix(b"k8s\0")?;
    let mut raw = &[][..];
    let mut kind = Value::Null;
    for (number, value) in fields(body)? {
        match (number, value) {
            (1, Wire::Bytes(it)) => kind = message(it, TYPE_META)?,
            (2, Wire::Bytes(it)) => raw = it,
            _ => {}
        }
    }
    let (_, schema) = KINDS.iter().find(|(it, _)| kind["kind"] == *it)?;
    let mut res = message(raw, schema)?;
    for key in ["apiVersion", "kind"] {
        res[key] = kind[key].clone();
    }
    Some(res)
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut res = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        res |= u64::from(first & 127) << shift;
        if first & 128 == 0 {
            return Some(res);
        }
    }
    None
}

fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Wire<'_>)>> {
    let mut res = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        match tag & 7 {
            0 => res.push((tag >> 3, Wire::Number(varint(&mut bytes)?))),
            1 => bytes = bytes.get(8..)?,
            2 => {
                let n = usize::try_from(varint(&mut bytes)?).ok()?;
                let (head, rest) = bytes.split_at_checked(n)?;
                bytes = rest;
                res.push((tag >> 3, Wire::Bytes(head)));
            }
            5 => bytes = bytes.get(4..)?,
            _ => return None,
        }
    }
    Some(res)
}

fn message(bytes: &[u8], schema: Schema) -> Option<Value> {
    let mut res = Map::new();
    for (number, wire) in fields(bytes)? {
        let Some((_, name, field)) = schema.iter().find(|(it, _, _)| *it == number) else {
            continue;
        };
        let name = (*name).to_owned();
        match (field, wire) {
            (Field::Text, Wire::Bytes(it)) => {
                let text = text(it)?;
                // Generated code writes empty strings too; JSON leaves them out.
                if !text.is_empty() {
                    res.insert(name, text.into());
                }
            }
            (Field::Number, Wire::Number(it)) => {
                res.insert(name, it.cast_signed().into());
            }
            (Field::Bool, Wire::Number(it)) => {
                res.insert(name, (it != 0).into());
            }
            (Field::Message(schema), Wire::Bytes(it)) => {
                res.insert(name, message(it, schema)?);
            }
            (Field::Messages(schema), Wire::Bytes(it)) => {
                push(&mut res, name, message(it, schema)?);
            }
            (Field::Texts, Wire::Bytes(it)) => push(&mut res, name, text(it)?.into()),
            (Field::Map | Field::Bytes, Wire::Bytes(it)) => {
                let (mut key, mut value) = (String::new(), &[][..]);
                for (number, wire) in fields(it)? {
                    match (number, wire) {
                        (1, Wire::Bytes(it)) => key = text(it)?,
                        (2, Wire::Bytes(it)) => value = it,
                        _ => {}
                    }
                }
                let value = match field {
                    Field::Bytes => base64(value),
                    _ => text(value)?,
                };
                let map = res.entry(name).or_insert_with(|| json!({}));
                map[key] = value.into();
            }
            _ => return None,
        }
    }
    Some(Value::Object(res))
}

fn push(res: &mut Map<String, Value>, name: String, value: Value) {
    if let Some(it) = res.entry(name).or_insert_with(|| json!([])).as_array_mut() {
        it.push(value);
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use crate::lab::kube::protobuf::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut res = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        res.extend_from_slice(bytes);
        res
    }

    fn envelope(kind: &str, raw: &[u8]) -> Vec<u8> {
        let types = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
        [b"k8s\0".to_vec(), field(1, &types), field(2, raw)].concat()
    }

    #[test]
    fn known_kinds_become_json() {
        let label = [field(1, b"a"), field(2, b"b")].concat();
        let metadata = [field(1, b"robot"), field(2, b""), field(11, &label)].concat();
        let raw = [field(1, &metadata), vec![4 << 3, 1]].concat();
        assert_eq!(
            decode(&envelope("ServiceAccount", &raw)),
            Some(json!({"metadata": {"name": "robot", "labels": {"a": "b"}},
                "automountServiceAccountToken": true, "apiVersion": "v1", "kind": "ServiceAccount"}))
        );
        let container = [field(1, b"c"), field(2, b"image")].concat();
        let spec = field(2, &[field(2, &container), field(8, b"web")].concat());
        let job = [field(1, &field(1, b"j")), field(2, &field(6, &spec))].concat();
        assert_eq!(
            decode(&envelope("Job", &job)).unwrap()["spec"]["template"]["spec"],
            json!({"containers": [{"name": "c", "image": "image"}], "serviceAccountName": "web"})
        );
        let subject = [field(1, b"ServiceAccount"), field(3, b"web"), field(4, b"shop")].concat();
        let binding = [field(2, &subject), field(3, &field(3, b"reader"))].concat();
        assert_eq!(
            decode(&envelope("RoleBinding", &binding)),
            Some(
                json!({"subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}],
                "roleRef": {"name": "reader"}, "apiVersion": "v1", "kind": "RoleBinding"})
            )
        );
        assert_eq!(decode(&envelope("Lease", &raw)), None);
        assert_eq!(decode(b"{}"), None);
        assert_eq!(decode(&envelope("ServiceAccount", &[10, 200])), None);
    }
}
