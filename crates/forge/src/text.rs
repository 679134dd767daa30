//! Cutting text to a length without cutting a character.

/// The longest prefix of at most `max` bytes that ends between characters.
pub(crate) fn cut_bytes(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// At most `max` characters; the last one is an ellipsis where something is missing.
pub(crate) fn cut_chars(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        let text = "aé😀z";
        let cuts: Vec<_> = (0..=9).map(|max| cut_bytes(text, max)).collect();
        assert_eq!(cuts, ["", "a", "a", "aé", "aé", "aé", "aé", "aé😀", "aé😀z", "aé😀z"]);
    }

    #[test]
    fn a_text_that_is_cut_says_so_within_its_limit() {
        for (text, max, want) in [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("😀😀😀", 2, "😀…"), ("", 0, "")]
        {
            assert_eq!(cut_chars(text, max), want);
        }
    }
}
