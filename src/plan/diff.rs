//! Two documents line by line, as a person compares them: only the statements that differ, with their path.

use crate::plan::Line;
use serde_json::Value;

/// The lines of two policies that differ, each block under the path of its statement. Falls back to the whole texts
/// where one is no JSON.
pub(crate) fn documents(was: &str, now: &str) -> Vec<Line> {
    let (Ok(left), Ok(right)) = (serde_json::from_str(was), serde_json::from_str(now)) else {
        return lines(was, now);
    };
    let (left, right): (Value, Value) = (left, right);
    let (left, right) = (statements(&left), statements(&right));
    let head = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
    let rest = left.len().min(right.len()) - head;
    let tail = left.iter().rev().zip(right.iter().rev()).take(rest).take_while(|(a, b)| a == b);
    let tail = tail.count();
    let mut res = Vec::new();
    let (left, right) = (&left[head..left.len() - tail], &right[head..right.len() - tail]);
    for index in 0..left.len().max(right.len()) {
        let pretty = |it: Option<&Value>| {
            it.map(|it| serde_json::to_string_pretty(it).unwrap_or_default()).unwrap_or_default()
        };
        res.push(Line::Same(format!("Statement[{}]", head + index)));
        res.extend(lines(&pretty(left.get(index)), &pretty(right.get(index))));
    }
    res
}

fn statements(document: &Value) -> Vec<Value> {
    match document.get("Statement") {
        Some(Value::Array(it)) => it.clone(),
        Some(it) => vec![it.clone()],
        None => Vec::new(),
    }
}

/// By longest common subsequence. Documents are a few hundred lines at most.
pub(crate) fn lines(was: &str, now: &str) -> Vec<Line> {
    let (left, right): (Vec<&str>, Vec<&str>) = (was.lines().collect(), now.lines().collect());
    // Longest common subsequence of the rests, by where they begin.
    let mut longest = vec![vec![0_u32; right.len() + 1]; left.len() + 1];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            longest[i][j] = match left[i] == right[j] {
                true => longest[i + 1][j + 1] + 1,
                false => longest[i + 1][j].max(longest[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut res = Vec::new();
    while i < left.len() || j < right.len() {
        if i < left.len() && j < right.len() && left[i] == right[j] {
            res.push(Line::Same(left[i].to_owned()));
            (i, j) = (i + 1, j + 1);
        } else if i < left.len() && (j == right.len() || longest[i][j + 1] <= longest[i + 1][j]) {
            res.push(Line::Gone(left[i].to_owned()));
            i += 1;
        } else {
            res.push(Line::New(right[j].to_owned()));
            j += 1;
        }
    }
    res
}
