//! Application variables: which names there are, and which value wins.

use std::collections::BTreeMap;

use super::schema::Variable;

/// In the environment, before the upper-cased name.
pub const ENVIRONMENT_PREFIX: &str = "SPIN_VARIABLE_";

/// Checks a variable's name by Spin's rules, so that it maps to one environment variable and back.
pub fn check_name(name: &str) -> Result<(), String> {
    let wrong = if name.is_empty() {
        "is empty"
    } else if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        "may only have lower-case letters, digits and underscores"
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "must start with a letter"
    } else if name.ends_with('_') {
        "must end with a letter or a digit"
    } else if name.contains("__") {
        "may not have two underscores in a row"
    } else if name.split('_').any(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
        "may not have a digit after an underscore"
    } else {
        return Ok(());
    };
    Err(format!("{name:?}: a variable's name {wrong}"))
}

/// The value of every variable: the environment's, else the given one, else the default.
pub fn resolve(
    defined: &BTreeMap<String, Variable>,
    given: &BTreeMap<String, String>,
    environment: impl Fn(&str) -> Option<String>,
    problems: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for (name, variable) in defined {
        if let Err(problem) = check_name(name) {
            problems.push(format!("[variables]: {problem}"));
            continue;
        }
        if variable.required == variable.default.is_some() {
            problems.push(format!("[variables] {name}: give it either a `default` or `required = true`"));
            continue;
        }
        let key = format!("{ENVIRONMENT_PREFIX}{}", name.to_ascii_uppercase());
        let value =
            environment(&key).or_else(|| given.get(name).cloned()).or_else(|| variable.default.clone());
        match value {
            Some(value) => {
                values.insert(name.clone(), value);
            }
            None => problems.push(format!("[variables] {name} is required and has no value; set {key}")),
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defined(text: &str) -> BTreeMap<String, Variable> {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_environment_wins_over_what_is_given_and_that_over_the_default() {
        let defined = defined("a.default = '1'\nb.default = '1'\nc.default = '1'");
        let given = ["a", "b", "unknown"].map(|n| (n.to_owned(), "2".to_owned())).into();
        let mut problems = vec![];
        let values = resolve(
            &defined,
            &given,
            |key| (key == "SPIN_VARIABLE_A").then(|| "3".to_owned()),
            &mut problems,
        );
        assert_eq!(values.values().collect::<Vec<_>>(), ["3", "2", "1"]);
        assert!(problems.is_empty());
    }

    #[test]
    fn a_required_variable_without_value_says_what_to_set() {
        let mut problems = vec![];
        resolve(&defined("api_key.required = true\nodd = {}"), &BTreeMap::new(), |_| None, &mut problems);
        assert_eq!(
            problems,
            [
                "[variables] api_key is required and has no value; set SPIN_VARIABLE_API_KEY",
                "[variables] odd: give it either a `default` or `required = true`"
            ]
        );
    }

    #[test]
    fn names_follow_the_rules_of_spin() {
        for good in ["a", "a1", "a_b", "a_b1"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "A", "1a", "_a", "a_", "a__b", "a_1", "a-b", "ä"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
