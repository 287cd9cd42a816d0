//! JSON values as the XML of the query protocol: objects are elements, lists are `member`s, null is left out.

use crate::lab::aws::error::next_id;
use serde_json::Value;

pub fn response(operation: &str, namespace: &str, value: &Value) -> String {
    let mut res = format!("<{operation}Response xmlns=\"{namespace}\">");
    element(&mut res, &format!("{operation}Result"), value);
    metadata(&mut res);
    res.push_str(&format!("</{operation}Response>"));
    res
}

pub fn error(namespace: &str, code: &str, message: &str) -> String {
    let mut res = format!("<ErrorResponse xmlns=\"{namespace}\"><Error><Type>Sender</Type>");
    element(&mut res, "Code", &code.into());
    element(&mut res, "Message", &message.into());
    res.push_str("</Error>");
    element(&mut res, "RequestId", &next_id().into());
    res.push_str("</ErrorResponse>");
    res
}

fn metadata(res: &mut String) {
    res.push_str("<ResponseMetadata>");
    element(res, "RequestId", &next_id().into());
    res.push_str("</ResponseMetadata>");
}

fn element(res: &mut String, name: &str, value: &Value) {
    if value.is_null() {
        return;
    }
    res.push('<');
    res.push_str(name);
    res.push('>');
    match value {
        Value::Object(map) => map.iter().for_each(|(key, it)| element(res, key, it)),
        Value::Array(items) => items.iter().for_each(|it| element(res, "member", it)),
        Value::String(it) => escape(res, it),
        Value::Bool(it) => res.push_str(if *it { "true" } else { "false" }),
        Value::Number(it) => res.push_str(&it.to_string()),
        Value::Null => {}
    }
    res.push_str("</");
    res.push_str(name);
    res.push('>');
}

fn escape(res: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => res.push_str("&amp;"),
            '<' => res.push_str("&lt;"),
            '>' => res.push_str("&gt;"),
            '"' => res.push_str("&quot;"),
            '\n' => res.push_str("&#xA;"),
            '\r' => res.push_str("&#xD;"),
            // XML 1.0 has no way to write other control characters.
            c if c.is_control() && c != '\t' => res.push('\u{fffd}'),
            c => res.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::aws::xml::*;
    use serde_json::json;

    #[test]
    fn values_become_elements() {
        let mut res = String::new();
        element(
            &mut res,
            "R",
            &json!({"A": ["x", {"B": 1}], "C": null, "D": "<&\u{1}", "E": true}),
        );
        assert_eq!(
            res,
            "<R><A><member>x</member><member><B>1</B></member></A><D>&lt;&amp;\u{fffd}</D><E>true</E></R>"
        );
    }
}
