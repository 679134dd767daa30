//! The schema of a pipeline file says what the parser does.

mod beyond;
mod corpus;
mod judge;
mod mutants;
mod tables;
mod yaml;

use std::collections::BTreeSet;

use expect_test::expect_file;
use judge::Judge;
use penstock_pipeline::{json_schema, parse};
use serde_json::Value;

const EVERYTHING: &str = include_str!("everything.yml");

fn judge() -> Judge {
    Judge::new(json_schema())
}

/// What is wrong where the parser and the schema don't say the same of a file.
fn disagreement(judge: &Judge, text: &str, json: &Value) -> Option<String> {
    let parsed = parse(text);
    let faults = judge.faults(json);
    let mistakes: Vec<String> = parsed
        .errors()
        .filter(|mistake| !beyond::is_beyond_a_schema(mistake))
        .map(|mistake| format!("  {}: {} ({})", mistake.pointer, mistake.message, mistake.code))
        .collect();
    if parsed.definition.is_some() && !faults.is_empty() {
        Some(format!("only the schema refuses this:\n  {}\n", faults.join("\n  ")))
    } else if faults.is_empty() && !mistakes.is_empty() {
        Some(format!("only the parser refuses this:\n{}\n", mistakes.join("\n")))
    } else {
        None
    }
}

#[test]
fn the_checked_in_schema_is_what_the_parser_reads() {
    let made = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    expect_file!["../../../../../components/api/pipeline.schema.json"].assert_eq(&made);
}

#[test]
fn of_every_file_of_the_tests_and_the_documentation_both_say_the_same() {
    let judge = judge();
    let (mut taken, mut refused) = (0, 0);
    let mut disagreements = vec![];
    for text in corpus::texts() {
        // What is no YAML at all is no question to a schema.
        let Some(json) = yaml::read(&text) else {
            assert!(parse(&text).definition.is_none(), "this is not read here:\n{text}");
            continue;
        };
        *if parse(&text).definition.is_some() { &mut taken } else { &mut refused } += 1;
        disagreements.extend(disagreement(&judge, &text, &json).map(|what| format!("{text}\n{what}")));
    }
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
    assert!(taken > 100 && refused > 100, "{taken} and {refused} files are too few");
}

#[test]
fn the_examples_of_the_documentation_fit() {
    let judge = judge();
    let whole = corpus::documented().into_iter().filter(|text| text.contains("\nstages:"));
    let mut count = 0;
    for text in whole {
        assert_eq!(judge.faults(&yaml::read(&text).unwrap()), [""; 0], "{text}");
        // An example is what people begin with.
        assert_eq!(parse(&text).diagnostics, [], "{text}");
        count += 1;
    }
    assert!(count > 0, "the examples were not found");
}

#[test]
fn whatever_is_left_out_renamed_or_of_a_wrong_type_both_say_the_same() {
    let judge = judge();
    let mut disagreements = vec![];
    let mut count = 0;
    let files = everything();
    for (index, file) in files.iter().enumerate() {
        assert_eq!(disagreement(&judge, &file.to_string(), file), None);
        assert!(parse(&file.to_string()).definition.is_some(), "{:?}", parse(&file.to_string()).diagnostics);
        for (mutation, mutant) in mutants::of(file, (index > 0).then_some(&files[0])) {
            count += 1;
            let text = mutant.to_string();
            disagreements
                .extend(disagreement(&judge, &text, &mutant).map(|what| format!("{mutation}: {what}")));
        }
    }
    assert!(disagreements.is_empty(), "{}\n{} of {count}", disagreements.join("\n"), disagreements.len());
    assert!(count > 3_000, "{count} are too few");
}

/// A file that uses every member, and those in which the root has what excludes another of its members.
fn everything() -> [Value; 3] {
    let first = yaml::read(EVERYTHING).unwrap();
    let (mut second, mut third) = (first.clone(), first.clone());
    let variables = second.as_object_mut().unwrap().remove("variables").unwrap();
    second["env"] = variables;
    second["concurrency"] = serde_json::json!({ "limit": 2 });
    second.as_object_mut().unwrap().remove("max_concurrent");
    let types = third["on"]["pull_request"].as_object_mut().unwrap().remove("types").unwrap();
    third["on"]["pull_request"]["events"] = types;
    [first, second, third]
}

#[test]
fn the_file_that_uses_everything_does() {
    let judge = judge();
    let mut used = BTreeSet::new();
    for file in everything() {
        mutants::members_used(&judge, judge.root(), &file, &mut used);
    }
    let described: BTreeSet<(String, String)> = tables::mappings(judge.root())
        .into_iter()
        .flat_map(|(about, names)| names.into_iter().map(move |name| (about.clone(), name)))
        .collect();
    assert_eq!(used, described);
}

/// Each table of the sources beside the schema: nothing was forgotten, whoever made the schema.
#[test]
fn every_table_of_the_parser_is_in_the_schema_and_nothing_else() {
    let schema = json_schema();
    let described: BTreeSet<BTreeSet<String>> =
        tables::mappings(&schema).into_iter().map(|(_, names)| names).collect();
    assert_eq!(described, tables::shapes());
    let lists = tables::closed_lists(&schema);
    for words in tables::words() {
        assert!(lists.contains(&words), "no closed list of the schema is {words:?}");
    }
}
