//! Diagnostics as a terminal shows them.

use crate::told::check_drawn;
use expect_test::expect;
use penstock_pipeline::parse;

#[test]
fn of_a_long_line_what_is_around_the_mark_is_drawn() {
    let long = "x".repeat(200);
    check_drawn(
        &format!(
            r#"{{"variables":{{"A":"{long}"}},"stages":[{{"name":"a","jobs":[{{"name":"b","steps":["x $A"],"imag":"y"}}]}}],"x-y":"{long}"}}"#
        ),
        expect![[r#"
            error[unknown_field]: a job has no `imag`
             --> .penstock.yml:1:282
            1 | …,"stages":[{"name":"a","jobs":[{"name":"b","steps":["x $A"],"imag":"y"}]}],"x-y":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
              |                                                              ^^^^^^
              = did you mean `image`? It is not supported yet; choose a runner that has the tools by `runs_on` until then
        "#]],
    );
}

#[test]
fn how_many_are_not_told_is_told() {
    let wrong: String = (0..240).map(|n| format!("wrong_{n}: x\n")).collect();
    let parsed = parse(&format!("{wrong}stages: [{{ name: a, jobs: [{{ name: b, steps: [x] }}] }}]"));
    let last = parsed.diagnostics.last().expect("there are some");
    assert_eq!((parsed.diagnostics.len(), last.line), (100, 100));
    expect!["there are 141 more, which are not told"].assert_eq(&last.message);
}

#[test]
fn the_mark_stands_below_what_is_meant_however_wide_that_is_drawn() {
    check_drawn(
        "stages: [{ name: 構築, jobs: [{ name: a, steps: [make] }] }]\n\
         concurrency: { group: \"é\u{1f680}\", 制限: 1 }\n",
        expect![[r#"
            error[unknown_field]: `concurrency` has no `制限`
             --> .penstock.yml:2:29
            2 | concurrency: { group: "é🚀", 制限: 1 }
              |                              ^^^^
              = known are group, limit, cancel_in_progress
        "#]],
    );
}
