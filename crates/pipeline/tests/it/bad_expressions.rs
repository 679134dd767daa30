//! Expressions with mistakes, and all that is said about them.

use crate::told::{check, check_drawn, check_step};
use expect_test::expect;

#[test]
fn text_that_strangers_write_can_not_get_into_a_script() {
    for (run, expected) in [
        (
            "echo ${{ branch }}",
            expect![[r#"
            1:64 /stages/0/jobs/0/steps/0/run untrusted_in_run: `branch` may hold text that others wrote, and in a script text becomes commands (it is in the environment: write `"$PENSTOCK_BRANCH"`)
        "#]],
        ),
        (
            "echo ${{ commit_message }} ${{ author }}",
            expect![[r#"
            1:64 /stages/0/jobs/0/steps/0/run untrusted_in_run: `commit_message` may hold text that others wrote, and in a script text becomes commands (give it to the step as `variables: { COMMIT_MESSAGE: "${{ commit_message }}" }` and write `"$COMMIT_MESSAGE"`)
            1:86 /stages/0/jobs/0/steps/0/run untrusted_in_run: `author` may hold text that others wrote, and in a script text becomes commands (give it to the step as `variables: { AUTHOR: "${{ author }}" }` and write `"$AUTHOR"`)
        "#]],
        ),
        (
            "echo ${{ variables.GREETING }}",
            expect![[r#"
            1:64 /stages/0/jobs/0/steps/0/run untrusted_in_run: `variables` may hold text that others wrote, and in a script text becomes commands (every variable is in the environment: write `"$GREETING"`)
        "#]],
        ),
        (
            "echo ${{ variables[branch] }}",
            expect![[r#"
            1:64 /stages/0/jobs/0/steps/0/run untrusted_in_run: `variables` may hold text that others wrote, and in a script text becomes commands (every variable is in the environment: write `"$NAME"`)
            1:74 /stages/0/jobs/0/steps/0/run untrusted_in_run: `branch` may hold text that others wrote, and in a script text becomes commands (it is in the environment: write `"$PENSTOCK_BRANCH"`)
        "#]],
        ),
        (
            "echo ${{ \"a\" + tag }}",
            expect![[r#"
            1:70 /stages/0/jobs/0/steps/0/run untrusted_in_run: `tag` may hold text that others wrote, and in a script text becomes commands (give it to the step as `variables: { TAG: "${{ tag }}" }` and write `"$TAG"`)
        "#]],
        ),
        (
            "echo ${{ [\"a\"].exists(branch, branch == \"a\") ? branch : \"b\" }}",
            expect![[r#"
            1:77 /stages/0/jobs/0/steps/0/run bad_name: `branch` has a meaning already (call the loop's variable something else)
        "#]],
        ),
        (
            "echo ${{ pipeline }} ${{ repository }}",
            expect![[r#"
                1:64 /stages/0/jobs/0/steps/0/run untrusted_in_run: `pipeline` may hold text that others wrote, and in a script text becomes commands (it is in the environment: write `"$PENSTOCK_PIPELINE"`)
                1:80 /stages/0/jobs/0/steps/0/run untrusted_in_run: `repository` may hold text that others wrote, and in a script text becomes commands (it is in the environment: write `"$PENSTOCK_REPOSITORY_URL"`)
            "#]],
        ),
        ("echo ${{ number }} ${{ event }} ${{ commit }}", expect![[""]]),
    ] {
        check_step(&format!("run: '{run}'"), expected);
    }
}

#[test]
fn expressions_are_looked_at_word_by_word() {
    let on_stage = |condition: &str| {
        format!("stages:\n  - name: a\n    if: {condition}\n    jobs: [{{ name: b, steps: [make] }}]\n")
    };
    for (condition, expected) in [
        (
            "branch = \"main\"",
            expect![[r#"
                3:16 /stages/0/if expression_syntax: `=` compares nothing; write `==`
            "#]],
        ),
        (
            "branch == main",
            expect![[r#"
                3:19 /stages/0/if unknown_name: `main` means nothing here (a text needs quotes: `"main"`; known are branch, base_branch, pull_request, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages)
            "#]],
        ),
        (
            "branch == \"main",
            expect![[r#"
            3:19 /stages/0/if expression_syntax: this text has no closing quote
        "#]],
        ),
        (
            "branch == \"main\" &",
            expect![[r#"
            3:26 /stages/0/if expression_syntax: write `&&`
        "#]],
        ),
        (
            "(branch == \"main\"",
            expect![[r#"
                3:26 /stages/0/if expression_syntax: expected `)`
            "#]],
        ),
        (
            "branch ==",
            expect![[r#"
                3:18 /stages/0/if expression_syntax: expected an expression, found the end
            "#]],
        ),
        (
            "''",
            expect![[r#"
            3:9 /stages/0/if expression_syntax: there is no expression here
        "#]],
        ),
        (
            "branch",
            expect![[r#"
            3:9 /stages/0/if expression_type: an `if` has to be true or false, and this is a text (compare it with something: `… == "…"`)
        "#]],
        ),
        (
            "number > \"1\"",
            expect![[r#"
                3:9 /stages/0/if expression_fails: `>` can't be used with a number and a text
            "#]],
        ),
        (
            "github.ref == \"x\"",
            expect![[r#"
                3:9 /stages/0/if unknown_name: `github` means nothing here (write `branch` or `tag`)
            "#]],
        ),
        (
            "secrets.TOKEN != \"\"",
            expect![[r#"
                3:9 /stages/0/if not_supported_yet: `secrets` is not supported yet in expressions (known are branch, base_branch, pull_request, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages)
            "#]],
        ),
        (
            "starts_with(branch, \"v\")",
            expect![[r#"
            3:9 /stages/0/if unknown_function: there is no function `starts_with` (did you mean `startsWith`?)
        "#]],
        ),
        (
            "branch.matches(\"v.*\")",
            expect![[r#"
                3:16 /stages/0/if unknown_function: there is no function `matches` (known are size, contains, startsWith, endsWith, string, int, double, bool, changed, has, exists, all, exists_one, always, success, failure, cancelled)
            "#]],
        ),
        (
            "hash(\"x\") == \"\"",
            expect![[r#"
            3:9 /stages/0/if not_supported_yet: `hash()` is not supported yet (leave it out for now)
        "#]],
        ),
        (
            "stages.b.status == \"failed\"",
            expect![[r#"
            3:16 /stages/0/if unknown_stage: there is no stage `b` (the stages are a)
        "#]],
        ),
        (
            "stages.a.state == \"failed\"",
            expect![[r#"
                3:16 /stages/0/if warning not_awaited: `a` asks for itself, and has no result yet (ask for another stage)
                3:18 /stages/0/if unknown_name: a stage has no `state` in expressions (did you mean `status`?)
            "#]],
        ),
        (
            "variables.MISSING == \"1\"",
            expect![[r#"
                3:19 /stages/0/if warning unset_variable: nothing in the file sets the variable `MISSING` here (without a parameter of that name, the run fails; `has(variables.MISSING)` asks first)
            "#]],
        ),
        ("has(variables.MISSING) && variables.MISSING == \"1\"", expect![[""]]),
        (
            "variables.exists(v, variables.exists(w, v == w))",
            expect![[r#"
            3:46 /stages/0/if limit_exceeded: a loop can't be within another (use a list with `in`, or split it into two conditions)
        "#]],
        ),
        (
            "variables.map(v, v) == []",
            expect![[r#"
            3:19 /stages/0/if unknown_function: `map` makes lists, and no expression can be one (use `exists`, `all` or `exists_one`)
        "#]],
        ),
        (
            "variables.all(v, v + v != \"\")",
            expect![[r#"
            3:23 /stages/0/if limit_exceeded: nothing can be added up within a loop (compare the parts one by one)
        "#]],
        ),
        ("${{ branch == \"main\" }}", expect![[""]]),
        ("\"${{ branch == 'main' }}\"", expect![[""]]),
        (
            "branch == \"ä\" && ö",
            expect![[r#"
                3:26 /stages/0/if expression_syntax: `ö` means nothing here; a text needs quotes
            "#]],
        ),
        ("true", expect![[""]]),
        (
            "[always]",
            expect![[r#"
            3:9 /stages/0/if wrong_type: `if` has to be text, and this is a list
        "#]],
        ),
    ] {
        check(&on_stage(condition), expected);
    }
    check(
        &on_stage("always(1)"),
        expect![[r#"
        3:9 /stages/0/if expression_type: `always()` takes nothing (write `always()` alone)
    "#]],
    );
    check_step("run: make, if: 'success()'", expect![""]);
    check_step(
        "run: make, if: 'stages.a.status == \"failed\"'",
        expect![[r#"
            1:72 /stages/0/jobs/0/steps/0/if warning not_awaited: `a` asks for itself, and has no result yet (ask for another stage)
        "#]],
    );
}

#[test]
fn an_expression_is_found_within_blocks_quotes_and_folds() {
    check_drawn(
        r#"
variables:
  A: "tab\t\"\u00e4\ud83d\ude00\
    ${{ nowhere }}\""
  B: >-
    folded
    over ${{ nohow }}
  C: plain
    and ${{ no where }}
stages:
  - name: a
    jobs:
      - name: b
        steps:
          - run: |
              "echo" 'one\n'
                echo ${{ number }} ${{ branch }}

              echo ${{ number + }}
          - echo ${{ number
"#,
        expect![[r#"
            error[unknown_name]: `nowhere` means nothing here
             --> .penstock.yml:4:9
            4 |     ${{ nowhere }}\""
              |         ^^^^^^^
              = a text needs quotes: `"nowhere"`; known are branch, base_branch, pull_request, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages

            error[unknown_name]: `nohow` means nothing here
             --> .penstock.yml:7:14
            7 |     over ${{ nohow }}
              |              ^^^^^
              = a text needs quotes: `"nohow"`; known are branch, base_branch, pull_request, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages

            error[expression_syntax]: expected the end, found `where`
             --> .penstock.yml:9:16
            9 |     and ${{ no where }}
              |                ^

            error[untrusted_in_run]: `branch` may hold text that others wrote, and in a script text becomes commands
              --> .penstock.yml:17:40
            17 |                 echo ${{ number }} ${{ branch }}
               |                                        ^^^^^^
               = it is in the environment: write `"$PENSTOCK_BRANCH"`

            error[expression_syntax]: expected an expression, found the end
              --> .penstock.yml:19:33
            19 |               echo ${{ number + }}
               |                                 ^

            error[expression_syntax]: `${{` is never closed
              --> .penstock.yml:20:18
            20 |           - echo ${{ number
               |                  ^^^
               = end it with `}}`; for the three characters themselves write `${{ "${{" }}`
        "#]],
    );
}
