//! What no run could answer.

use crate::told::{check, check_if, check_step_if};
use expect_test::expect;

#[test]
fn a_function_is_asked_of_a_text_or_takes_its_value_in_brackets() {
    for (condition, expected) in [
        (
            "startsWith(branch, \"release/\")",
            expect![[r#"
                9:10 /stages/1/if expression_type: `startsWith` is asked of a text (write `branch.startsWith("release/")`)
            "#]],
        ),
        (
            "contains(stages[\"unit-tests\"].outputs[\"test-result\"], \"a\")",
            expect![[r#"
                9:10 /stages/1/if expression_type: `contains` is asked of a text (write `branch.contains("a")`)
            "#]],
        ),
        (
            "!endsWith(\"a.b\", variables.DEBUG)",
            expect![[r#"
            9:11 /stages/1/if expression_type: `endsWith` is asked of a text (write `"a.b".endsWith(variables.DEBUG)`)
        "#]],
        ),
        (
            "branch.int() == 1",
            expect![[r#"
                9:17 /stages/1/if expression_type: `int` takes what it is about in brackets (write `int(branch)`)
            "#]],
        ),
        (
            "(1).string() == branch",
            expect![[r#"
                9:14 /stages/1/if expression_type: `string` takes what it is about in brackets (write `string(1)`)
            "#]],
        ),
        (
            "branch.endsWith",
            expect![[r#"
                9:17 /stages/1/if expression_type: `branch` is a text, and has no `endsWith` (`endsWith` is a function: write `branch.endsWith("…")`)
            "#]],
        ),
        (
            "not(branch == \"main\")",
            expect![[r#"
                9:10 /stages/1/if unknown_function: there is no function `not` (write `!`)
            "#]],
        ),
        (
            "branch.startsWith(\"release/\") && branch.size() > 3 && size(branch) < 20 && string(number) != \"1\"",
            expect![""],
        ),
    ] {
        check_if(condition, expected);
    }
}

#[test]
fn what_stands_behind_and_or_and_a_question_mark_is_answered_by_itself() {
    for (condition, expected) in [
        (
            "branch == \"main\" && number > \"x\"",
            expect![[r#"
                9:30 /stages/1/if expression_fails: `>` can't be used with a number and a text
            "#]],
        ),
        (
            "branch == \"main\" && branch",
            expect![[r#"
                9:30 /stages/1/if expression_type: what `&&`, `||`, `!` and `?:` look at has to be true or false, and this is a text (compare it with something: `… == "…"`)
            "#]],
        ),
        (
            "event == \"push\" || number",
            expect![[r#"
                9:29 /stages/1/if expression_type: what `&&`, `||`, `!` and `?:` look at has to be true or false, and this is a number (compare it with something: `… == "…"`)
            "#]],
        ),
        (
            "branch == \"main\" ? branch : true",
            expect![[r#"
                9:29 /stages/1/if expression_type: an `if` has to be true or false, and this is a text (compare it with something: `… == "…"`)
            "#]],
        ),
        (
            "number ? true : false",
            expect![[r#"
                9:10 /stages/1/if expression_type: what `&&`, `||`, `!` and `?:` look at has to be true or false, and this is a number (compare it with something: `… == "…"`)
            "#]],
        ),
        (
            "failure() && (branch == \"x\" || !(tag.contains(1)))",
            expect![[r#"
                9:43 /stages/1/if expression_fails: `contains` can't be used with a text and a number
            "#]],
        ),
        (
            "always() && number + \"x\" == \"1\"",
            expect![[r#"
                9:22 /stages/1/if expression_fails: `+` can't be used with a number and a text
            "#]],
        ),
        (
            "(branch == \"x\" && number > \"x\") == true",
            expect![[r#"
                9:10 /stages/1/if expression_fails: `>` can't be used with a number and a text
            "#]],
        ),
        (
            "branch == \"main\" && commit.message == \"x\"",
            expect![[r#"
                9:37 /stages/1/if expression_type: `commit` is a text, and has no `message` (did you mean `commit_message`?)
            "#]],
        ),
        (
            "branch == \"main\" && branch.name == \"x\"",
            expect![[r#"
                9:37 /stages/1/if expression_type: `branch` is a text, and has no `name` (write `branch` alone)
            "#]],
        ),
        (
            "[\"main\"].exists(b, b == branch && number > 1) && has(variables.X) && variables.X == \"1\"",
            expect![""],
        ),
        ("branch == \"a\" || inputs.level > 1 || (event == \"push\" ? inputs.dry : number > 3)", expect![""]),
    ] {
        check_if(condition, expected);
    }
}

#[test]
fn a_name_with_a_dash_is_told_to_need_brackets_once() {
    for (condition, expected) in [
        (
            "stages.unit-tests.status == \"failed\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `unit-tests` needs brackets: `-` is a minus here (write `stages["unit-tests"].status`)
            "#]],
        ),
        (
            "stages.unit-tests.outputs.test-result == \"ok\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `unit-tests` needs brackets: `-` is a minus here (write `stages["unit-tests"].outputs["test-result"]`)
            "#]],
        ),
        (
            "stages[\"unit-tests\"].outputs.test-result == \"ok\" && brnch == \"x\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `test-result` needs brackets: `-` is a minus here (write `stages["unit-tests"].outputs["test-result"]`)
                9:62 /stages/1/if unknown_name: `brnch` means nothing here (did you mean `branch`? A text needs quotes: `"brnch"`)
            "#]],
        ),
        ("number-1 > 2 && inputs.level-number > 0", expect![""]),
    ] {
        check_if(condition, expected);
    }
    for (condition, expected) in [
        (
            "matrix.node-version == \"20\"",
            expect![[r#"
                9:31 /stages/0/jobs/0/steps/1/if unknown_name: `node-version` needs brackets: `-` is a minus here (write `matrix["node-version"]`)
            "#]],
        ),
        (
            "steps.run-tests.status == \"failed\"",
            expect![[r#"
                9:31 /stages/0/jobs/0/steps/1/if unknown_name: `run-tests` needs brackets: `-` is a minus here (write `steps["run-tests"].status`)
            "#]],
        ),
        (
            "steps[\"run-tests\"].outputs.my-version-2 != \"\"",
            expect![[r#"
                9:31 /stages/0/jobs/0/steps/1/if unknown_name: `my-version-2` needs brackets: `-` is a minus here (write `steps["run-tests"].outputs["my-version-2"]`)
            "#]],
        ),
        (
            "matrix.os-arch == \"x\"",
            expect![[r#"
                9:41 /stages/0/jobs/0/steps/1/if unknown_name: `arch` means nothing here (a text needs quotes: `"arch"`; known are branch, base_branch, pull_request, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages)
            "#]],
        ),
    ] {
        check_step_if(condition, expected);
    }
}

#[test]
fn what_is_wrong_is_marked_where_it_stands() {
    for (condition, expected) in [
        (
            "variables.nope == \"x\" && stages.nope.status == \"failed\"",
            expect![[r#"
                9:20 /stages/1/if warning unset_variable: nothing in the file sets the variable `nope` here (without a parameter of that name, the run fails; `has(variables.nope)` asks first)
                9:42 /stages/1/if unknown_stage: there is no stage `nope` (the stages are after, unit-tests)
            "#]],
        ),
        (
            "stages[\"unit-tests\"].status == status",
            expect![[r#"
                9:41 /stages/1/if unknown_name: `status` means nothing here (did you mean `stages`? A text needs quotes: `"status"`)
            "#]],
        ),
        (
            "variables.main == main",
            expect![[r#"
                9:20 /stages/1/if warning unset_variable: nothing in the file sets the variable `main` here (without a parameter of that name, the run fails; `has(variables.main)` asks first)
                9:28 /stages/1/if unknown_name: `main` means nothing here (a text needs quotes: `"main"`; known are branch, base_branch, pull_request, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages)
            "#]],
        ),
    ] {
        check_if(condition, expected);
    }
}

#[test]
fn a_variable_that_is_set_further_down_is_told_by_its_line() {
    check(
        r#"
variables:
  A: "${{ variables.B }}"
  B: x
stages:
  - name: a
    variables: { C: "${{ variables.C }}" }
    jobs: [{ name: j, steps: ['$A $C'] }]
"#,
        expect![[r#"
            3:21 /variables/A warning unset_variable: the variable `B` has no value yet: it is set on line 4 (a value may use what stands above it; move this below)
            7:36 /stages/0/variables/C warning unset_variable: the variable `C` has no value yet: it is set on line 7 (a value may use what stands above it; move this below)
        "#]],
    );
}

#[test]
fn of_what_could_not_be_read_nothing_more_is_said() {
    check(
        r#"
on: { manual: { inputs: { my-version: , level: { type: integer } } } }
stages:
  - name: "build!"
    jobs:
      - name: x
        matrix: { os: linux, node: [18] }
        outputs: [v]
        runs_on: "${{ matrix.os }}"
        steps: ['make ${{ matrix.os }} ${{ inputs["my-version"] }} ${{ inputs.level }}']
  - name: test
    depends_on: "build!"
    if: inputs.level > 2
    variables: { V: "${{ stages['build!'].outputs.v }}" }
    jobs: [{ name: x, steps: ["x $V"] }]
"#,
        expect![[r#"
            2:27 /on/manual/inputs/my-version bad_name: `my-version` can't be a variable: letters, digits and `_` can, not beginning with a digit (call the input something else; it is a variable of every step)
            2:56 /on/manual/inputs/level/type unknown_value: an input's `type` can't be `integer` (known are string, number, boolean, choice)
            4:11 /stages/0/name bad_name: a stage's name can't hold `!` (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
            7:23 /stages/0/jobs/0/matrix/os wrong_type: `os` has to be a list of values, and this is `linux` (write `os: [a, b]`)
        "#]],
    );
    check(
        "stages: [{ name: a, depends_on: b, jobs: [{ name: x, steps: [x] }] }]",
        expect![[r#"
        1:33 /stages/0/depends_on unknown_stage: there is no stage `b` (there is no other stage)
    "#]],
    );
}
