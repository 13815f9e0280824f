//! How words of the school are compared: case, ё/е, spaces and dashes do not tell two names apart.

/// The form that names are looked up by.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for letter in text.trim().chars().flat_map(char::to_lowercase) {
        if letter.is_whitespace() || letter == '\u{a0}' {
            gap = !out.is_empty();
            continue;
        }
        if gap {
            out.push(' ');
            gap = false;
        }
        out.push(match letter {
            'ё' => 'е',
            '‐' | '‑' | '–' | '—' | '−' => '-',
            other => other,
        });
    }
    out
}

/// The form that codes and class names are looked up by: Т-014 typed with a Latin T is the same person, 5A the same class.
pub fn fold_code(text: &str) -> String {
    fold(text)
        .chars()
        .filter(|letter| *letter != ' ')
        .map(|letter| match letter {
            'а' => 'a',
            'в' => 'b',
            'с' => 'c',
            'е' => 'e',
            'н' => 'h',
            'к' => 'k',
            'м' => 'm',
            'о' => 'o',
            'р' => 'p',
            'т' => 't',
            'х' => 'x',
            'у' => 'y',
            'з' => 'z',
            'г' => 'g',
            'д' => 'd',
            other => other,
        })
        .collect()
}

/// Nobody mistypes a text of this length, and the distance of long ones costs their product.
const LONGEST_SLIP: usize = 64;

/// The candidate nearest to `wanted` by edit distance, when it is near enough to be a slip.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = fold(wanted);
    let length = wanted.chars().count();
    if length > LONGEST_SLIP {
        return None;
    }
    let limit = (length / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (fold(candidate), candidate))
        // The distance is at least the difference of lengths.
        .filter(|(folded, _)| folded.chars().count().abs_diff(length) <= limit)
        .map(|(folded, candidate)| (strsim::damerau_levenshtein(&wanted, &folded), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_read_alike_are_alike() {
        assert_eq!(fold("  Ёлка   и  ЁЖ "), "елка и еж");
        assert_eq!(fold_code("Т-014"), fold_code("T-014"));
        assert_eq!(fold_code("5 А"), fold_code("5a"));
        assert_eq!(fold_code("З-002"), fold_code("Z-002"));
        assert_eq!(nearest("Матиматика", ["Физика", "Математика"]), Some("Математика"));
        assert_eq!(nearest("Химия", ["Математика"]), None);
        assert_eq!(nearest(&"я".repeat(1_000_000), [&*"я".repeat(999_999)]), None, "in no time");
    }
}
