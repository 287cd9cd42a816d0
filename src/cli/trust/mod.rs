//! `trust eval` and `trust test`: the policy evaluator offline.

mod admission;
mod eval;
mod vectors;

use crate::{
    cli::{args, error::UsageError, output},
    iam,
    ident::Timestamp,
    report::vector,
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, io::Read, path::Path};

/// One line of `trust test --output json`.
#[derive(serde::Serialize)]
struct Outcome {
    id: String,
    expected: String,
    got: String,
    because: String,
}

/// The outer shape of both kinds of file.
#[derive(serde::Deserialize)]
struct File {
    schema: String,
    #[serde(default)]
    defaults: vectors::Fields,
    vectors: Vec<vectors::Fields>,
}

/// What to print, and whether everything passed.
pub fn run(
    command: &args::Trust,
    global: &args::Global,
    now: Timestamp,
) -> Result<(String, u8), UsageError> {
    match command {
        args::Trust::Eval(it) => eval::run(it, global, now),
        args::Trust::Test(it) => test(it, now),
    }
}

fn test(args: &args::TrustTest, now: Timestamp) -> Result<(String, u8), UsageError> {
    let mut outcomes = Vec::new();
    for path in &args.files {
        outcomes.extend(test_file(path, now)?);
    }
    let failed = outcomes.iter().filter(|it| it.expected != it.got).count();
    let text = match args.output {
        args::TrustOutput::Json => output::json(&outcomes),
        args::TrustOutput::Text => {
            let mut res = String::new();
            for it in outcomes.iter().filter(|it| it.expected != it.got) {
                res.push_str(&format!(
                    "{}: expected {}, got {}: {}\n",
                    it.id, it.expected, it.got, it.because
                ));
            }
            res.push_str(&format!("{} passed, {failed} failed\n", outcomes.len() - failed));
            res
        }
    };
    Ok((text, u8::from(failed != 0)))
}

fn test_file(path: &Path, now: Timestamp) -> Result<Vec<Outcome>, UsageError> {
    let name = path.display().to_string();
    let text = read(path)?;
    let file: File = serde_json::from_str(&text).map_err(|err| {
        let place = format!("{name}:{}:{}", err.line(), err.column());
        let res = UsageError::new(format!("{place}: not a vector file: {err}"));
        let res = match iam::json_hint(&text, &err) {
            Some(hint) => res.hint(hint),
            None => res,
        };
        res.hint(format!(
            "expected an object with `schema` ({}, {}), `defaults` and `vectors`",
            vectors::TRUST_SCHEMA,
            admission::SCHEMA
        ))
    })?;
    match file.schema.as_str() {
        vectors::TRUST_SCHEMA => {
            vectors::known_keys(&file.defaults, &format!("{name}: `defaults`"))
                .map(|()| file.vectors.iter())?
                .map(|fields| {
                    let (vector, expected) =
                        vectors::trust_vector(fields, &file.defaults, &name, now)?;
                    let (got, judged) = vector::judge(&vector);
                    let because = vector::because(&vector, &judged);
                    Ok(Outcome { id: vector.id, expected, got, because })
                })
                .collect()
        }
        admission::SCHEMA => {
            let defaults = admission::defaults(&file.defaults, &name)?;
            file.vectors.iter().map(|it| admission::judge(it, &defaults, &name)).collect()
        }
        other => Err(UsageError::new(format!("{name}: `schema` is `{other}`")).hint(format!(
            "expected {} or {}",
            vectors::TRUST_SCHEMA,
            admission::SCHEMA
        ))),
    }
}

/// A file's text; `-` is standard input.
fn read(path: &Path) -> Result<String, UsageError> {
    let wrong = |err: std::io::Error| {
        UsageError::new(format!("failed to read `{}`: {err}", path.display()))
    };
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map_err(wrong)?;
    } else {
        bytes = std::fs::read(path).map_err(wrong)?;
    }
    String::from_utf8(bytes).map_err(|err| not_text(path, &err))
}

/// Names the place of the first byte that is no UTF-8.
fn not_text(path: &Path, err: &std::string::FromUtf8Error) -> UsageError {
    let good = &err.as_bytes()[..err.utf8_error().valid_up_to()];
    let line = good.iter().filter(|it| **it == b'\n').count() + 1;
    let column =
        String::from_utf8_lossy(good).lines().next_back().map_or(0, |it| it.chars().count()) + 1;
    let res = UsageError::new(format!("{}:{line}:{column}: the file is not UTF-8", path.display()));
    match err.as_bytes() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => res.hint("it looks like UTF-16; save it as UTF-8"),
        _ => res,
    }
}

fn raw(value: &impl serde::Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("plain data serialises")
}

type Map<T> = BTreeMap<String, T>;
