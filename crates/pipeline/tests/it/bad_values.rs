//! Values of the wrong kind or size.

use crate::told::{check, check_job, check_step};
use expect_test::expect;

#[test]
fn values_of_the_wrong_kind_or_size_are_refused() {
    for (member, expected) in [
        (
            "timeout: 5",
            expect![[r#"
            1:63 /stages/0/jobs/0/timeout bad_duration: `timeout` is no length of time: `5` (say of what: `5s` or `5m`)
        "#]],
        ),
        (
            "timeout: 1 hour",
            expect![[r#"
            1:63 /stages/0/jobs/0/timeout bad_duration: `timeout` is no length of time: `1 hour` (write it like `90s`, `5m`, `2h` or `1h30m`)
        "#]],
        ),
        (
            "timeout: 8d",
            expect![[r#"
            1:63 /stages/0/jobs/0/timeout out_of_range: `timeout` has to be from 1s to 7d, and this is 8d
        "#]],
        ),
        (
            "timeout: [1h]",
            expect![[r#"
            1:63 /stages/0/jobs/0/timeout wrong_type: `timeout` has to be text, and this is a list
        "#]],
        ),
        (
            "timeout: '${{ variables.T }}'",
            expect![[r#"
                1:63 /stages/0/jobs/0/timeout interpolation_not_allowed: `timeout` can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
            "#]],
        ),
        (
            "retry: 6",
            expect![[r#"
            1:61 /stages/0/jobs/0/retry out_of_range: `retry` has to be from 0 to 5, and this is 6
        "#]],
        ),
        (
            "retry: often",
            expect![[r#"
                1:61 /stages/0/jobs/0/retry wrong_type: `retry` has to be a whole number from 0 to 5, and this is `often`
            "#]],
        ),
        (
            "retry: { delay: 2h, backoff: 0.5 }",
            expect![[r#"
            1:61 /stages/0/jobs/0/retry missing_field: `retry` needs `max` (write `max: 2`, or `retry: 2` alone)
            1:70 /stages/0/jobs/0/retry/delay out_of_range: `delay` has to be from 0s to 1h, and this is 2h
            1:83 /stages/0/jobs/0/retry/backoff out_of_range: `backoff` has to be from 1 to 10
        "#]],
        ),
        (
            "checkout: 'yes'",
            expect![[r#"
            1:64 /stages/0/jobs/0/checkout wrong_type: `checkout` has to be true or false (write `true` or `false`, without quotes)
        "#]],
        ),
        (
            "checkout: yes",
            expect![[r#"
            1:64 /stages/0/jobs/0/checkout wrong_type: `checkout` has to be true or false (write `true` or `false`, without quotes)
        "#]],
        ),
        (
            "runs_on: [linux, 'a b']",
            expect![[r#"
            1:71 /stages/0/jobs/0/runs_on/1 bad_name: `a b` can't be a label (use up to 63 letters, digits and `_ - . :`)
        "#]],
        ),
        (
            "runs_on: { a: b }",
            expect![[r#"
            1:63 /stages/0/jobs/0/runs_on wrong_type: `runs_on` has to be a list, and this is a mapping (write a label or a list, such as `[linux, gpu]`)
        "#]],
        ),
        (
            "variables: [a]",
            expect![[r#"
            1:65 /stages/0/jobs/0/variables wrong_type: `variables` has to be a mapping, and this is a list (write `variables: { NAME: value }`)
        "#]],
        ),
        (
            "variables: { A: [b] }",
            expect![[r#"
            1:70 /stages/0/jobs/0/variables/A wrong_type: a variable's value has to be text, and this is a list
        "#]],
        ),
        (
            "variables: { 'A-B': c }",
            expect![[r#"
            1:67 /stages/0/jobs/0/variables/A-B bad_name: `A-B` can't be a variable: letters, digits and `_` can, not beginning with a digit
        "#]],
        ),
        (
            "variables: { A: 1 }, env: { A: 2 }",
            expect![[r#"
                1:75 /stages/0/jobs/0/env duplicate_key: `env` and `variables` are the same (keep `variables`)
            "#]],
        ),
    ] {
        check_job(member, expected);
    }
    check(
        "name: ' x'\nmax_concurrent: 0\nstages: [{ name: 'a$b', type: tests, jobs: [{ name: -b, steps: [] }, { steps: make }, job] }]\n",
        expect![[r#"
            1:7 /name bad_name: a pipeline's name has to begin with a letter or a digit (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
            2:17 /max_concurrent out_of_range: `max_concurrent` has to be from 1 to 1000, and this is 0
            3:18 /stages/0/name bad_name: a stage's name can't hold `$` (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
            3:31 /stages/0/type unknown_value: `tests` is no type of a stage (did you mean `test`?)
            3:53 /stages/0/jobs/0/name bad_name: a job's name has to begin with a letter or a digit (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
            3:64 /stages/0/jobs/0/steps missing_field: a job needs at least one step (write `steps:`, and below it `- run: …` for each)
            3:70 /stages/0/jobs/1 missing_field: a job needs `name` (write `name: …`; it shows in statuses and logs)
            3:79 /stages/0/jobs/1/steps wrong_type: `steps` has to be a list, and this is `make` (write `steps:`, and below it `- run: …` for each)
            3:87 /stages/0/jobs/2 wrong_type: a job has to be a mapping, and this is `job` (known are name, runs_on, if, variables, env, timeout, retry, resources, checkout, reports, matrix, outputs, priority, continue_on_error, enabled, steps)
        "#]],
    );
    check(
        "concurrency: 2\nmax_concurrent: 2\nstages: {}\n",
        expect![[r#"
            1:14 /concurrency wrong_type: `concurrency` has to be a mapping, and this is `2` (write `concurrency: { limit: 1 }`, or `concurrency: { group: "web-${{ branch }}" }`)
            3:9 /stages wrong_type: `stages` has to be a list, and this is a mapping (write `stages:`, and below it `- name: …` with `jobs` for each)
        "#]],
    );
}

#[test]
fn a_step_stays_within_its_workspace() {
    for (member, expected) in [
        (
            "run: make, working_directory: /etc",
            expect![[r#"
            1:79 /stages/0/jobs/0/steps/0/working_directory bad_path: `working_directory` has to be a path below the workspace, with `/` (write it like `packages/web`)
        "#]],
        ),
        (
            "run: make, working_directory: a/../../b",
            expect![[r#"
            1:79 /stages/0/jobs/0/steps/0/working_directory bad_path: `working_directory` can't leave the workspace by `..` (write it like `packages/web`)
        "#]],
        ),
        (
            "run: make, working_directory: 'C:\\x'",
            expect![[r#"
            1:79 /stages/0/jobs/0/steps/0/working_directory bad_path: `working_directory` has to be a path below the workspace, with `/` (write it like `packages/web`)
        "#]],
        ),
        (
            "run: make, working_directory: '${{ branch }}'",
            expect![[r#"
                1:79 /stages/0/jobs/0/steps/0/working_directory interpolation_not_allowed: `working_directory` can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
            "#]],
        ),
        (
            "run: ''",
            expect![[r#"
            1:54 /stages/0/jobs/0/steps/0/run missing_field: `run` is empty (write the commands, or leave the step out)
        "#]],
        ),
        (
            "run: [a]",
            expect![[r#"
            1:54 /stages/0/jobs/0/steps/0/run wrong_type: `run` has to be text, and this is a list
        "#]],
        ),
        (
            "name: only",
            expect![[r#"
            1:47 /stages/0/jobs/0/steps/0 missing_field: a step needs `run` (write `run: …`; it is given to `sh -e -c`)
        "#]],
        ),
        (
            "run: make, name: '${{ branch }}'",
            expect![[r#"
                1:66 /stages/0/jobs/0/steps/0/name interpolation_not_allowed: a step's name can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
            "#]],
        ),
        (
            "run: make, name: \"a\\nb\"",
            expect![[r#"
            1:66 /stages/0/jobs/0/steps/0/name bad_name: a step's name has to be one line of text (make it shorter, or leave it out: the first line of `run` shows then)
        "#]],
        ),
        (
            "run: make, continue_on_error: 1",
            expect![[r#"
            1:79 /stages/0/jobs/0/steps/0/continue_on_error wrong_type: `continue_on_error` has to be true or false (write `true` or `false`, without quotes)
        "#]],
        ),
    ] {
        check_step(member, expected);
    }
}
