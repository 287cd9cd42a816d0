//! Cuts a JSON body into its objects while the bytes arrive, so that a list of 160 MB is never held at once.
//!
//! Knows strings, braces and brackets, nothing else of JSON: whoever gets an object decodes it and so notices what is
//! malformed inside. Any way of cutting the body into chunks gives the same objects.

/// What a body is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A list: outside `items`. `depth` counts open braces and brackets.
    Envelope { depth: u32 },
    /// Between the objects of `items`, or of a stream.
    Between,
    /// In an object; `depth` counts its open braces and brackets.
    Object { depth: u32 },
    /// After the end of a list.
    After,
}

/// Splits one body. Feed it chunks with `push`, then call `finish`.
#[derive(Debug)]
pub struct Splitter {
    place: Place,
    /// A watch is a stream of objects without list around them.
    is_stream: bool,
    in_string: bool,
    is_escaped: bool,
    /// The beginning of an object whose end has not arrived.
    partial: Vec<u8>,
    /// The list without its items.
    envelope: Vec<u8>,
    /// Where in `envelope` the latest string of depth 1 lies, and whether a colon made it a key.
    key: (usize, usize),
    is_value: bool,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    #[error("read the answer: it is no JSON list of objects (unexpected `{}` at its {place})", char::from(*.byte).escape_default())]
    Unexpected { byte: u8, place: &'static str },
    #[error("read the answer: it ends in the middle")]
    Unfinished,
    #[error("read the answer: one object is larger than {} MiB", MAX_OBJECT >> 20)]
    TooLarge,
}

/// Far above what etcd stores (1.5 MiB by default); a server that sends more is broken.
const MAX_OBJECT: usize = 64 << 20;

impl Splitter {
    /// For `{"kind": "PodList", "metadata": {…}, "items": [{…}, …]}`.
    pub fn list() -> Splitter {
        Splitter::new(Place::Envelope { depth: 0 })
    }

    /// For the objects of a watch, one after another.
    pub fn stream() -> Splitter {
        Splitter::new(Place::Between)
    }

    fn new(place: Place) -> Splitter {
        Splitter {
            place,
            is_stream: place == Place::Between,
            in_string: false,
            is_escaped: false,
            partial: Vec::new(),
            envelope: Vec::new(),
            key: (0, 0),
            is_value: false,
        }
    }

    /// Calls `object` with every object that ends in this chunk. The first error of either ends it.
    pub fn push<E: From<SplitError>>(
        &mut self,
        chunk: &[u8],
        mut object: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut at = 0;
        while at < chunk.len() {
            let rest = &chunk[at..];
            at += match self.place {
                Place::Envelope { depth } => self.in_envelope(depth, rest)?,
                Place::Between => self.between(rest)?,
                Place::Object { depth } => {
                    let (n_bytes, ended) = self.in_object(depth, rest);
                    if MAX_OBJECT < self.partial.len() + n_bytes {
                        return Err(SplitError::TooLarge.into());
                    }
                    let piece = &rest[..n_bytes];
                    if !ended {
                        self.partial.extend_from_slice(piece);
                    } else if self.partial.is_empty() {
                        object(piece)?;
                    } else {
                        self.partial.extend_from_slice(piece);
                        let whole = std::mem::take(&mut self.partial);
                        object(&whole)?;
                        self.partial = whole;
                        self.partial.clear();
                    }
                    n_bytes
                }
                Place::After => match rest[0] {
                    it if it.is_ascii_whitespace() => 1,
                    byte => return Err(SplitError::Unexpected { byte, place: "end" }.into()),
                },
            };
        }
        Ok(())
    }

    /// The list without its items, `items` being an empty list; empty for a stream. An error when the body ended early.
    pub fn finish(self) -> Result<Vec<u8>, SplitError> {
        match self.place {
            Place::After => Ok(self.envelope),
            Place::Between if self.is_stream => Ok(Vec::new()),
            Place::Envelope { .. } | Place::Between | Place::Object { .. } => {
                Err(SplitError::Unfinished)
            }
        }
    }

    /// One byte of the envelope. It is small, so bytewise is fast enough.
    fn in_envelope(&mut self, depth: u32, rest: &[u8]) -> Result<usize, SplitError> {
        let byte = rest[0];
        if MAX_OBJECT < self.envelope.len() {
            return Err(SplitError::TooLarge);
        }
        self.envelope.push(byte);
        if self.in_string {
            if !self.string_goes_on(byte) && depth == 1 && !self.is_value {
                self.key.1 = self.envelope.len() - 1;
            }
            return Ok(1);
        }
        match byte {
            b'"' if 0 < depth => {
                self.in_string = true;
                if depth == 1 && !self.is_value {
                    self.key = (self.envelope.len(), self.envelope.len());
                }
            }
            b':' if depth == 1 => self.is_value = true,
            b',' if depth == 1 => self.is_value = false,
            b'{' | b'[' if 0 < depth || byte == b'{' => {
                let is_items = byte == b'[' && depth == 1 && self.is_value;
                self.place = if is_items && &self.envelope[self.key.0..self.key.1] == b"items" {
                    Place::Between
                } else {
                    Place::Envelope { depth: depth + 1 }
                };
            }
            b'}' | b']' if 0 < depth => {
                self.place = match depth {
                    1 => Place::After,
                    _ => Place::Envelope { depth: depth - 1 },
                };
            }
            it if 0 < depth || it.is_ascii_whitespace() => {}
            byte => return Err(SplitError::Unexpected { byte, place: "beginning" }),
        }
        Ok(1)
    }

    fn between(&mut self, rest: &[u8]) -> Result<usize, SplitError> {
        match rest[0] {
            b'{' => {
                self.place = Place::Object { depth: 0 };
                Ok(0)
            }
            b']' if !self.is_stream => {
                self.envelope.push(b']');
                self.place = Place::Envelope { depth: 1 };
                Ok(1)
            }
            b',' if !self.is_stream => Ok(1),
            it if it.is_ascii_whitespace() => Ok(1),
            byte => Err(SplitError::Unexpected { byte, place: "items" }),
        }
    }

    /// How many bytes of `rest` belong to the object, and whether it ends there.
    fn in_object(&mut self, mut depth: u32, rest: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while at < rest.len() {
            if self.in_string {
                // Most bytes of a pod are in strings: skip to what may end one.
                if !self.is_escaped {
                    let end = rest[at..].iter().position(|it| matches!(it, b'"' | b'\\'));
                    at += end.unwrap_or(rest.len() - at);
                }
                let Some(byte) = rest.get(at) else { break };
                self.string_goes_on(*byte);
                at += 1;
                continue;
            }
            let byte = rest[at];
            at += 1;
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.place = Place::Between;
                        return (at, true);
                    }
                }
                _ => {}
            }
        }
        self.place = Place::Object { depth };
        (at, false)
    }

    /// Takes one byte of a string; `false` when it ends the string.
    fn string_goes_on(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
        self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    type Outcome = Result<(Vec<Value>, Value), SplitError>;

    fn split<'a>(mut splitter: Splitter, chunks: impl Iterator<Item = &'a [u8]>) -> Outcome {
        let mut objects = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, |it| {
                objects.push(serde_json::from_slice(it).unwrap_or(Value::Null));
                Ok::<_, SplitError>(())
            })?;
        }
        let envelope = splitter.finish()?;
        Ok((objects, serde_json::from_slice(&envelope).unwrap_or(Value::Null)))
    }

    fn whole(body: &str) -> Outcome {
        split(Splitter::list(), [body.as_bytes()].into_iter())
    }

    #[test]
    fn lists() {
        let check = |body: &str, n_items: usize, version: &str| {
            let (items, envelope) = whole(body).unwrap();
            assert_eq!(
                (items.len(), &envelope["metadata"]["resourceVersion"]),
                (n_items, &json!(version)),
                "{body}"
            );
            assert!(!items.contains(&Value::Null), "{body}");
        };
        check(r#"{"metadata":{"resourceVersion":"7"},"items":[{"a":1},{"b":[{}]}]}"#, 2, "7");
        check(r#"{"items":[{"a":"]}\"\\"}],"metadata":{"resourceVersion":"7"}}"#, 1, "7");
        check("{ \"items\" : [ ] , \"metadata\" : {\"resourceVersion\":\"7\"}}\n", 0, "7");
        check(r#"{"items":null,"metadata":{"resourceVersion":"7"}}"#, 0, "7");
        check(
            r#"{"metadata":{"items":[1],"resourceVersion":"7"},"x":"items","y":["items"]}"#,
            0,
            "7",
        );
        check(r#"{"metadata":{"resourceVersion":"7"},"it\"ems":[1,2],"items":[{}]}"#, 1, "7");
    }

    #[test]
    fn broken_bodies() {
        let check = |body: &str, expected: SplitError| {
            assert_eq!(whole(body).unwrap_err(), expected, "{body}");
        };
        let unexpected = |byte: u8, place: &'static str| SplitError::Unexpected { byte, place };
        check("", SplitError::Unfinished);
        check(r#"{"items":[{"a":1}"#, SplitError::Unfinished);
        check(r#"{"items":[{"a":1"#, SplitError::Unfinished);
        check("<html>", unexpected(b'<', "beginning"));
        check("[{}]", unexpected(b'[', "beginning"));
        check(r#"{"items":[{}, 5]}"#, unexpected(b'5', "items"));
        check(r#"{"items":[]} {"#, unexpected(b'{', "end"));
    }

    #[test]
    fn a_stream_is_objects_alone() {
        let check = |body: &str, expected: Result<usize, SplitError>| {
            let found = split(Splitter::stream(), [body.as_bytes()].into_iter());
            assert_eq!(found.map(|(it, _)| it.len()), expected, "{body}");
        };
        check("{\"type\":\"ADDED\"}\n{}\n", Ok(2));
        check("", Ok(0));
        check("{}\n{\"type", Err(SplitError::Unfinished));
        check("garbage", Err(SplitError::Unexpected { byte: b'g', place: "items" }));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            r#"[a-z"\\{}\[\],:é]{0,8}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((r#"[a-z"\\{\]]{0,5}"#, inner), 0..4)
                    .prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        })
    }

    fn json_object() -> impl Strategy<Value = Value> {
        prop::collection::vec((r#"[a-z"\\{\]]{0,5}"#, json_value()), 0..4)
            .prop_map(|it| Value::Object(it.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_items(
            items in prop::collection::vec(json_object(), 0..6),
            extra in json_value(),
            pretty in any::<bool>(),
            items_first in any::<bool>(),
            cuts in prop::collection::vec(1_usize..40, 1..8),
        ) {
            let mut list = serde_json::Map::new();
            if !items_first {
                list.insert("extra".into(), extra.clone());
            }
            list.insert("items".into(), items.clone().into());
            list.insert("extra".into(), extra.clone());
            let list = Value::Object(list);
            let body = if pretty { serde_json::to_vec_pretty(&list) } else { serde_json::to_vec(&list) }.unwrap();
            let mut rest = &*body;
            let mut sizes = cuts.iter().cycle();
            let chunks = std::iter::from_fn(|| {
                let n_bytes = (*sizes.next()?).min(rest.len());
                let (chunk, tail) = rest.split_at(n_bytes);
                rest = tail;
                (!chunk.is_empty()).then_some(chunk)
            });
            let (found, envelope) = split(Splitter::list(), chunks).unwrap();
            prop_assert_eq!(found, items);
            prop_assert_eq!(&envelope["extra"], &extra);
        }

        #[test]
        fn garbage_never_panics(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'{'), Just(b'}'), Just(b'['), Just(b'"')], 0..200),
            prefix in prop_oneof![Just(""), Just("{\"items\":["), Just("{\"items\":[{\"a\":")],
        ) {
            let chunks = [prefix.as_bytes(), &*bytes];
            let _ = split(Splitter::list(), chunks.into_iter());
            let _ = split(Splitter::stream(), chunks.into_iter());
        }

        #[test]
        fn a_cut_list_is_never_complete(items in prop::collection::vec(json_object(), 0..4), cut in 1_usize..60) {
            let body = serde_json::to_vec(&json!({"items": items})).unwrap();
            let cut = body.len().saturating_sub(cut);
            prop_assert!(split(Splitter::list(), [&body[..cut]].into_iter()).is_err());
        }
    }
}
