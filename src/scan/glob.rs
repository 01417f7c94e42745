//! Glob-style patterns, as servers match them.

/// True if `text` matches a pattern of `*`, `?`, `[a-z]`, `[^a-z]` and `\` before what is meant literally.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last `*` does not match.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                p += 1;
                retry = Some((p, t));
                continue;
            }
            (Some(b'?'), Some(_)) => Some(1),
            (Some(b'['), Some(byte)) => class(&pattern[p..], *byte),
            (Some(b'\\'), Some(byte)) if p + 1 < pattern.len() => {
                (pattern[p + 1] == *byte).then_some(2)
            }
            (Some(wanted), Some(byte)) => (wanted == byte).then_some(1),
            (Some(_), None) | (None, Some(_)) => None,
        };
        match (step, &mut retry) {
            (Some(step), _) => {
                p += step;
                t += 1;
            }
            (None, Some((after, from))) if *from < text.len() => {
                *from += 1;
                (p, t) = (*after, *from);
            }
            (None, _) => return false,
        }
    }
}

/// The length of the class at the begin of `pattern`, if `byte` is in it.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let mut p = 1;
    let is_negated = pattern.get(p) == Some(&b'^');
    p += usize::from(is_negated);
    let mut is_in = false;
    loop {
        match &pattern[p.min(pattern.len())..] {
            // An open class ends with the pattern.
            [] => break,
            [b']', ..] => {
                p += 1;
                break;
            }
            [b'\\', literal, ..] => {
                is_in |= *literal == byte;
                p += 2;
            }
            [low, b'-', high, ..] => {
                is_in |= (*low.min(high)..=*low.max(high)).contains(&byte);
                p += 3;
            }
            [literal, ..] => {
                is_in |= *literal == byte;
                p += 1;
            }
        }
    }
    (is_in != is_negated).then_some(p)
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn patterns_match_as_servers_match_them() {
        for (pattern, text, is_match) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("*b*b*", "abab", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h\\*llo", "h*llo", true),
            ("h\\*llo", "hello", false),
            ("a[", "a", false),
            ("a[b", "ab", true),
            ("", "a", false),
        ] {
            assert_eq!(
                glob(pattern.as_bytes(), text.as_bytes()),
                is_match,
                "{pattern} {text}"
            );
        }
    }
}
