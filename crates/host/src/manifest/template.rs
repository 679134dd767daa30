//! `{{ name }}` in the values of a manifest.

use std::collections::BTreeMap;

/// A text with the names of application variables in double braces. There is no escape, as in Spin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

impl Template {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = vec![];
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (name, after) =
                after.split_once("}}").ok_or_else(|| "`{{` is not closed; write `{{ name }}`".to_owned())?;
            parts.push(Part::Name(name.trim().to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    pub fn is_literal(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// The text with every name replaced. The error names the variable, and never a value.
    pub fn fill(&self, variables: &BTreeMap<String, String>) -> Result<String, String> {
        self.0.iter().try_fold(String::new(), |mut text, part| {
            text.push_str(match part {
                Part::Text(t) => t,
                Part::Name(name) => variables
                    .get(name)
                    .ok_or_else(|| format!("no variable `{name}`; define it under [variables]"))?,
            });
            Ok(text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_double_braces_become_their_values() {
        let variables =
            BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b_c".to_owned(), "{{ a }}".to_owned())]);
        let fill = |text: &str| Template::parse(text).and_then(|t| t.fill(&variables));
        for (text, want) in [
            ("", Ok("")),
            ("plain", Ok("plain")),
            ("{{ a }}", Ok("1")),
            ("x{{a}}y{{  a  }}z", Ok("x1y1z")),
            ("a value is not read again: {{b_c}}", Ok("a value is not read again: {{ a }}")),
            ("{ a } }} {", Ok("{ a } }} {")),
            ("{{ a", Err("`{{` is not closed; write `{{ name }}`")),
            ("{{ none }}", Err("no variable `none`; define it under [variables]")),
            ("{{}}", Err("no variable ``; define it under [variables]")),
        ] {
            assert_eq!(fill(text), want.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn only_a_text_without_names_is_literal() {
        assert!(Template::parse("http://a").is_ok_and(|t| t.is_literal()));
        assert!(Template::parse("http://{{ a }}").is_ok_and(|t| !t.is_literal()));
    }
}
