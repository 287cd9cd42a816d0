//! Pasted text made comparable: without colours, escapes, wraps and letter case, and with the way back to what it said.

/// One paste in two forms: `words` for reading names out, `tight` for finding phrases wherever a line was broken.
pub(crate) struct Normal {
    /// Runs of white space as one space or one line feed, no control characters.
    pub words: String,
    /// `words` in ASCII lower case, for finding labels; same offsets.
    pub lower: String,
    /// `lower` without white space.
    pub tight: String,
    /// For every byte of `tight`, its offset in `words`.
    back: Vec<usize>,
    /// Where in `words` the lines of which pod begin, in order.
    pods: Vec<(usize, String)>,
}

/// How much an excerpt shows, in characters.
const EXCERPT: usize = 300;
/// How much of that stands before the phrase.
const LEAD: usize = 100;
/// Widths that terminals and log viewers break lines at.
const WIDTHS: [usize; 6] = [80, 100, 120, 132, 160, 200];

impl Normal {
    pub(crate) fn of(text: &str) -> Normal {
        let mut pods = Vec::new();
        let words = collapsed(&unescaped(&unprefixed(&unwrapped(&plain(text)))), &mut pods);
        let lower = words.to_ascii_lowercase();
        let mut tight = String::with_capacity(lower.len());
        let mut back = Vec::with_capacity(lower.len());
        for (at, c) in lower.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            tight.push(c);
            back.extend((0..c.len_utf8()).map(|it| at + it));
        }
        Normal { words, lower, tight, back, pods }
    }

    /// The pod whose line stands at an offset of `words`, where `kubectl` wrote it before the line.
    pub(crate) fn pod(&self, at: usize) -> Option<&str> {
        let n_before = self.pods.partition_point(|(from, _)| *from <= at);
        Some(&*self.pods.get(n_before.checked_sub(1)?)?.1)
    }

    /// The offset in `words` of one in `tight`.
    pub(crate) fn in_words(&self, tight: usize) -> usize {
        self.back.get(tight).copied().unwrap_or(self.words.len())
    }

    /// What stands around an offset of `tight`, credentials left out.
    pub(crate) fn excerpt(&self, at: usize) -> String {
        let at = self.in_words(at);
        let before: Vec<char> = self.words[..at].chars().rev().take(LEAD * 2).collect();
        // A cut in the middle of something long would hide from the redaction what it is.
        let lead: String = match before.iter().skip(LEAD).position(|c| c.is_whitespace()) {
            Some(cut) => before[..LEAD + cut].iter().rev().collect(),
            None if before.len() < LEAD * 2 => before.iter().rev().collect(),
            None => String::new(),
        };
        let tail: String = self.words[at..].chars().take(EXCERPT * 2).collect();
        let shown = redacted(&format!("{lead}{tail}").replace('\n', " "));
        let shown = shown.trim();
        if shown.chars().count() <= EXCERPT {
            return shown.to_owned();
        }
        let cut: String = shown.chars().take(EXCERPT - 1).collect();
        format!("{}…", cut.trim_end())
    }
}

/// Without terminal escapes, control characters and box drawing; quotes straightened.
fn plain(text: &str) -> String {
    let mut res = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\n' | '\t' => res.push(c),
            '\r' => {}
            '\u{2018}' | '\u{2019}' => res.push('\''),
            '\u{201c}' | '\u{201d}' => res.push('"'),
            '\u{200b}' | '\u{feff}' | '\u{2500}'..='\u{257f}' => {}
            c if c.is_control() => {}
            // Ours, see `unprefixed`.
            POD | END => {}
            // Marks that turn the reading direction could show something else than what is there.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c => res.push(c),
        }
    }
    res
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        // An operating system command: up to BEL or ESC `\`, but never over the line's end.
        Some(']') => {
            while let Some(c) = chars.next_if(|c| *c != '\n') {
                match c {
                    '\u{7}' => break,
                    '\u{1b}' => {
                        chars.next_if_eq(&'\\');
                        break;
                    }
                    _ => {}
                }
            }
        }
        Some(c) if ('\u{20}'..='\u{7e}').contains(c) => {
            chars.next();
        }
        Some(_) | None => {}
    }
}

/// Parameters, intermediates, one final byte (ECMA-48).
fn skip_control_sequence(chars: &mut Chars<'_>) {
    while chars.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
    chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
}

/// Begins and ends the name of the pod whose line follows.
const POD: char = '\u{e000}';
const END: char = '\u{e001}';

/// Lines without what `kubectl logs --prefix --timestamps` and the container runtime put before them, which would stand
/// in the middle of an error of several lines. The pod's name stays, between `POD` and `END`.
fn unprefixed(text: &str) -> String {
    let mut res = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        if let Some((name, behind)) = pod_prefix(rest) {
            res.extend([POD]);
            res.push_str(name);
            res.extend([END]);
            rest = behind;
        }
        rest = timestamp(rest).unwrap_or(rest);
        for stream in ["stdout F ", "stderr F ", "stdout P ", "stderr P "] {
            rest = rest.strip_prefix(stream).unwrap_or(rest);
        }
        res.push_str(rest);
    }
    res
}

/// `[pod/NAME/CONTAINER] ` and what follows it.
fn pod_prefix(line: &str) -> Option<(&str, &str)> {
    let (prefix, rest) = line.strip_prefix("[pod/")?.split_once(']')?;
    let (name, container) = prefix.split_once('/')?;
    let is_name = |it: &str| {
        !it.is_empty() && it.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
    };
    (is_name(name) && is_name(container)).then_some((name, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// What follows `2026-01-01T00:00:00.000000000Z `.
fn timestamp(line: &str) -> Option<&str> {
    let (word, rest) = line.split_once(' ')?;
    let shape = |it: u8| it.is_ascii_digit() || b"-:.TZ+".contains(&it);
    let is_time = 20 <= word.len()
        && word.as_bytes()[4] == b'-'
        && word.as_bytes()[10] == b'T'
        && word.bytes().all(shape);
    is_time.then_some(rest)
}

/// Lines that were broken at a fixed width are joined again: the longest ones, if several are equally long or of a
/// usual width.
fn unwrapped(text: &str) -> String {
    let widths: Vec<usize> = text.lines().map(|it| it.chars().count()).collect();
    let widest = widths.iter().copied().max().unwrap_or_default();
    let n_widest = widths.iter().filter(|it| **it == widest).count();
    let is_wrapped = 40 <= widest && (2 <= n_widest || WIDTHS.contains(&widest));
    let mut res = String::with_capacity(text.len());
    let mut lines = text.lines().zip(widths).peekable();
    while let Some((line, width)) = lines.next() {
        res.push_str(line);
        // What has a prefix of its own is no rest of the line before it.
        let begins = lines
            .peek()
            .is_some_and(|(next, _)| pod_prefix(next).is_some() || timestamp(next).is_some());
        if begins || !(is_wrapped && width == widest) {
            res.push('\n');
        }
    }
    res
}

/// Without the escapes of JSON strings, however often they were nested. Windows paths keep their backslashes.
fn unescaped(text: &str) -> String {
    let mut res = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        res.push_str(before);
        let is_drive = before.ends_with(':')
            && before.chars().rev().nth(1).is_some_and(|it| it.is_ascii_alphabetic())
            && before.chars().rev().nth(2).is_none_or(|it| !it.is_ascii_alphanumeric());
        if is_drive {
            let end = from.find(|c: char| c.is_whitespace() || "\"',;".contains(c));
            let (path, after) = from.split_at(end.unwrap_or(from.len()));
            // A quote that ends the path may itself be escaped.
            let path = path.trim_end_matches('\\');
            res.push_str(path);
            rest = after;
            continue;
        }
        let tail = from.trim_start_matches('\\');
        let mut chars = tail.chars();
        match chars.next() {
            Some('n' | 'r') => res.push('\n'),
            Some('t') => res.push('\t'),
            Some('u') => {
                let code = tail.get(1..5).and_then(|it| u32::from_str_radix(it, 16).ok());
                match code.and_then(char::from_u32) {
                    Some(c) => {
                        if !c.is_control() {
                            res.push(c);
                        }
                        chars = tail[5..].chars();
                    }
                    None => res.push('u'),
                }
            }
            Some(c) => res.push(c),
            None => {}
        }
        rest = chars.as_str();
    }
    res.push_str(rest);
    res
}

fn collapsed(text: &str, pods: &mut Vec<(usize, String)>) -> String {
    let mut res = String::with_capacity(text.len());
    let mut gap: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == POD {
            let name: String = chars.by_ref().take_while(|it| *it != END).collect();
            pods.push((res.len(), name));
            continue;
        }
        if c.is_whitespace() {
            gap = Some(if c == '\n' || gap == Some('\n') { '\n' } else { ' ' });
            continue;
        }
        if let Some(it) = gap.take().filter(|_| !res.is_empty()) {
            res.push(it);
        }
        res.push(c);
    }
    res
}

const HIDDEN: &str = "(hidden)";

/// Words after which a credential stands, in lower case.
const LABELS: [&str; 8] = [
    "secretaccesskey",
    "secret_access_key",
    "secret_key",
    "secretkey",
    "sessiontoken",
    "session_token",
    "security-token",
    "bearer",
];

/// Without whatever is or looks like a credential.
fn redacted(text: &str) -> String {
    let mut res = String::with_capacity(text.len());
    let mut hide_next = false;
    for word in text.split_inclusive([' ', '"', '\'', ',', '=', '(', ')', '<', '>', '{', '}']) {
        let body = word.trim_end_matches([' ', '"', '\'', ',', '=', '(', ')', '<', '>', '{', '}']);
        let end = &word[body.len()..];
        if body.is_empty() || body == ":" {
            res.push_str(word);
            continue;
        }
        match hide_next || is_credential(body) {
            true => res.push_str(HIDDEN),
            false => res.push_str(body),
        }
        res.push_str(end);
        let lower = body.to_ascii_lowercase();
        let lower = lower.trim_end_matches(':');
        hide_next = LABELS.iter().any(|it| lower.ends_with(it));
    }
    res
}

fn is_credential(word: &str) -> bool {
    let starts = |them: &[&str]| them.iter().any(|it| word.contains(it));
    let jwt = word.find("eyJ").is_some_and(|it| 16 <= word.len() - it);
    let key = ["AKIA", "ASIA"].iter().any(|it| {
        word.find(it).is_some_and(|at| {
            let rest = word[at..].bytes();
            16 <= rest.take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit()).count()
        })
    });
    let session = starts(&["IQoJ", "FwoG", "FQoG"]) && 24 <= word.len();
    // Forty characters of base64 without a separator of names or paths between them, or a secret key's shape.
    let letters = |it: &str| it.chars().all(|c| c.is_ascii_alphanumeric() || "+=_".contains(c));
    let long = word.split(['/', '.', ':', '-']).any(|it| 40 <= it.len() && letters(it));
    let mixed = |it: &str| {
        it.chars().any(|c| c.is_ascii_lowercase())
            && it.chars().any(|c| c.is_ascii_uppercase())
            && it.chars().any(|c| c.is_ascii_digit())
    };
    let secret = word.len() == 40
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c))
        && mixed(word);
    jwt || key || session || long || secret
}
