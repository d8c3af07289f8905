//! What a person probably meant.

/// What in `known` was probably meant by `written`.
pub fn similar<'k>(written: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let written = written.to_lowercase();
    let allowed = 1 + written.chars().count() / 4;
    known
        .map(|known| (strsim::damerau_levenshtein(&written, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn a_slip_is_seen_and_another_word_is_not() {
        let known = || ["zones", "state", "listen"].into_iter();
        assert_eq!(similar("lissten", known()), Some("listen"));
        assert_eq!(similar("Zone", known()), Some("zones"));
        assert_eq!(similar("workers", known()), None);
    }
}
