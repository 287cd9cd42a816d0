//! One CSV record, read as Go's `encoding/csv` does with its defaults (nothing trimmed, quotes strict).
//!
//! Only what the annotation `skip-containers` needs: the first record, or nothing when it is malformed.

/// The fields of the first record that is not an empty line. `None` when there is none or when it is malformed: a quote
/// in an unquoted field, text after a closing quote, a quote that is never closed.
pub fn first_record(text: &str) -> Option<Vec<String>> {
    let mut lines = Lines(text);
    let mut line = lines.find(|it| !matches!(&**it, "" | "\n"))?;
    let mut rest = 0;
    let mut res = Vec::new();
    loop {
        let Some(quoted) = line[rest..].strip_prefix('"') else {
            let field = &line[rest..];
            let comma = field.find(',');
            let field = &field[..comma.unwrap_or(field.trim_end_matches('\n').len())];
            if field.contains('"') {
                return None;
            }
            res.push(field.to_owned());
            match comma {
                Some(it) => rest += it + 1,
                None => return Some(res),
            }
            continue;
        };
        let mut field = String::new();
        rest = line.len() - quoted.len();
        loop {
            let Some(at) = line[rest..].find('"') else {
                // The field goes on in the next line.
                field.push_str(&line[rest..]);
                line = lines.next()?;
                rest = 0;
                continue;
            };
            field.push_str(&line[rest..rest + at]);
            rest += at + 1;
            match line.as_bytes().get(rest) {
                Some(b'"') => {
                    field.push('"');
                    rest += 1;
                }
                Some(b',') => {
                    rest += 1;
                    break;
                }
                None => {
                    res.push(field);
                    return Some(res);
                }
                Some(b'\n') => {
                    res.push(field);
                    return Some(res);
                }
                Some(_) => return None,
            }
        }
        res.push(field);
    }
}

/// Lines with their `\n`; `\r\n` becomes `\n`, and a `\r` at the very end is dropped.
struct Lines<'a>(&'a str);

impl Iterator for Lines<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.find('\n').map_or(self.0.len(), |it| it + 1);
        let (line, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(match line.strip_suffix("\r\n") {
            Some(it) => format!("{it}\n"),
            None if line.ends_with('\n') => line.to_owned(),
            None => line.strip_suffix('\r').unwrap_or(line).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::identity::csv::first_record;

    /// Every expectation was printed by Go 1.26 `csv.NewReader(strings.NewReader(text)).Read()`.
    #[test]
    fn reads_as_go_does() {
        let check = |text: &str, expected: Option<&[&str]>| {
            let expected = expected.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
            assert_eq!(first_record(text), expected, "{text:?}");
        };
        check("", None);
        check("a,b", Some(&["a", "b"]));
        check("a, b", Some(&["a", " b"]));
        check("a,", Some(&["a", ""]));
        check(",", Some(&["", ""]));
        check(" ", Some(&[" "]));
        check("\n\na,b\nc", Some(&["a", "b"]));
        check("\r\n\r\na\r\n", Some(&["a"]));
        check("a\r", Some(&["a"]));
        check("\r", None);
        check("\"a\",b", Some(&["a", "b"]));
        check("\"a,b\"", Some(&["a,b"]));
        check("\"a\nb\",c", Some(&["a\nb", "c"]));
        check("\"a\"\"b\"", Some(&["a\"b"]));
        check("a\"b", None);
        check(" \"a\"", None);
        check("\"a\" ,b", None);
        check("\"a", None);
        check("\"a\"\n", Some(&["a"]));
        check("\"\"", Some(&[""]));
        check("\"a\",", Some(&["a", ""]));
        check("\"a\"\r\n", Some(&["a"]));
    }
}
