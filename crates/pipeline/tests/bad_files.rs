//! Files with mistakes, and all that is said about them.

use expect_test::{Expect, expect};
use penstock_pipeline::{Source, parse};

fn check(text: &str, expected: Expect) {
    let parsed = parse(text);
    let source = Source { text, origin: ".penstock.yml" };
    let said: Vec<String> = parsed.diagnostics.iter().map(|d| d.render(&source)).collect();
    assert_eq!(parsed.definition.is_none(), parsed.errors().next().is_some());
    expected.assert_eq(&said.join("\n"));
}

/// Where and what only, one on each line.
fn check_short(text: &str, expected: Expect) {
    let line = |d: &penstock_pipeline::Diagnostic| {
        let hint = d.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}:{} {} {}: {}{hint}\n", d.line, d.column, d.pointer, d.code, d.message)
    };
    expected.assert_eq(&parse(text).diagnostics.iter().map(line).collect::<String>());
}

/// `text` as the one job's one further member.
fn check_job(member: &str, expected: Expect) {
    check_short(
        &format!("stages: [{{ name: a, jobs: [{{ name: b, steps: [make], {member} }}] }}]"),
        expected,
    );
}

fn check_step(member: &str, expected: Expect) {
    check_short(
        &format!("stages: [{{ name: a, jobs: [{{ name: b, steps: [{{ {member} }}] }}] }}]"),
        expected,
    );
}

#[test]
fn everything_wrong_is_told_at_once_in_the_order_of_the_file() {
    check(
        r#"
name: web
on:
  push: { branches: [main, "feature**"], path: ["src/**"] }
  schedule: [{ cron: "0 3 * * *" }]
variables: { 1X: a, PENSTOCK_BRANCH: b }
timeout: 5
stages:
  - name: build
    depends_on: tset
    if: brnach == "main"
    jobs:
      - name: app
        image: node:20
        run-on: linux
        retry: { max: 9, on: [runner_lots] }
        steps:
          - npm ci
          - run: echo ${{ commit_message }}
            timeout: 5x
          - uses: actions/checkout@v4
  - name: test
    jobs: []
"#,
        expect![[r#"
            error[bad_pattern]: `**` has to be a whole segment, such as `release/**` or `**/*.md`
             --> .penstock.yml:4:28
            4 |   push: { branches: [main, "feature**"], path: ["src/**"] }
              |                            ^^^^^^^^^^^

            error[unknown_field]: `push` has no `path`
             --> .penstock.yml:4:42
            4 |   push: { branches: [main, "feature**"], path: ["src/**"] }
              |                                          ^^^^
              = did you mean `paths`? Known are branches, paths, paths_ignore

            error[bad_name]: `1X` can't be a variable: letters, digits and `_` can, not beginning with a digit
             --> .penstock.yml:6:14
            6 | variables: { 1X: a, PENSTOCK_BRANCH: b }
              |              ^^

            error[bad_name]: `PENSTOCK_BRANCH`: variables that begin with `PENSTOCK` are set by the runner
             --> .penstock.yml:6:21
            6 | variables: { 1X: a, PENSTOCK_BRANCH: b }
              |                     ^^^^^^^^^^^^^^^

            error[bad_duration]: `timeout` is no length of time: `5`
             --> .penstock.yml:7:10
            7 | timeout: 5
              |          ^
              = say of what: `5s` or `5m`

            error[unknown_stage]: there is no stage `tset`
              --> .penstock.yml:10:17
            10 |     depends_on: tset
               |                 ^^^^
               = did you mean `test`?

            error[unknown_name]: `brnach` means nothing here
              --> .penstock.yml:11:9
            11 |     if: brnach == "main"
               |         ^^^^^^
               = did you mean `branch`? A text needs quotes: `"brnach"`

            error[not_supported_yet]: `image` is not supported yet in a job
              --> .penstock.yml:14:9
            14 |         image: node:20
               |         ^^^^^
               = choose a runner that has the tools by `runs_on` until then

            error[unknown_field]: a job has no `run-on`
              --> .penstock.yml:15:9
            15 |         run-on: linux
               |         ^^^^^^
               = did you mean `runs_on`? Known are name, runs_on, if, variables, env, timeout, retry, checkout, reports, matrix, outputs, priority, continue_on_error, enabled, steps

            error[out_of_range]: `max` has to be from 0 to 5, and this is 9
              --> .penstock.yml:16:23
            16 |         retry: { max: 9, on: [runner_lots] }
               |                       ^

            error[unknown_value]: `runner_lots` is no cause of a retry
              --> .penstock.yml:16:31
            16 |         retry: { max: 9, on: [runner_lots] }
               |                               ^^^^^^^^^^^
               = did you mean `runner_lost`?

            error[untrusted_in_run]: `commit_message` may hold text that others wrote, and in a script text becomes commands
              --> .penstock.yml:19:27
            19 |           - run: echo ${{ commit_message }}
               |                           ^^^^^^^^^^^^^^
               = give it to the step as `variables: { COMMIT_MESSAGE: "${{ commit_message }}" }` and write `"$COMMIT_MESSAGE"`

            error[bad_duration]: `timeout` is no length of time: `5x`
              --> .penstock.yml:20:22
            20 |             timeout: 5x
               |                      ^^
               = write it like `90s`, `5m`, `2h` or `1h30m`

            error[foreign_action]: `actions/checkout@v4` is an action of another system
              --> .penstock.yml:21:19
            21 |           - uses: actions/checkout@v4
               |                   ^^^^^^^^^^^^^^^^^^^
               = leave it out: the commit is checked out already, unless `checkout: false` says otherwise

            error[missing_field]: a stage needs at least one job
              --> .penstock.yml:23:11
            23 |     jobs: []
               |           ^
               = write `jobs:`, and below it `- name: …` with `steps` for each
        "#]],
    );
}

#[test]
fn what_is_no_yaml_says_where_it_breaks() {
    for (text, expected) in [
        (
            "stages: [\n  { name: a }\nname: b\n",
            expect![[r#"
                3:5 /stages/0 yaml_syntax: this is not YAML: illegal placement of ':' indicator (the `[` of line 1, column 9 may lack its end)
            "#]],
        ),
        (
            "stages:\n\t- name: a\n",
            expect![[r#"
                2:2 /stages yaml_syntax: this is not YAML: tabs disallowed within this context (block indentation) (indent with blanks)
            "#]],
        ),
        (
            "name: a: b\n",
            expect![[r#"
            1:8  yaml_syntax: this is not YAML: mapping values are not allowed in this context (put quotes around a text that contains `: `, or check the indentation)
        "#]],
        ),
        (
            "name: \"a\n",
            expect![[r#"
                2:1 /name yaml_syntax: this is not YAML: invalid indentation in multiline quoted scalar (check the indentation, the quotes and the brackets up to here)
            "#]],
        ),
        (
            "a: 1\n---\nb: 2\n",
            expect![[r#"
            2:1  yaml_syntax: a second document begins here; a pipeline is one (keep each pipeline in its own file, without `---`)
        "#]],
        ),
        (
            "",
            expect![[r#"
            1:1  empty: there is nothing here (begin with `stages: [{ name: build, jobs: [{ name: app, steps: [make] }] }]`)
        "#]],
        ),
        (
            "# nothing\n",
            expect![[r#"
            1:1  empty: there is nothing here (begin with `stages: [{ name: build, jobs: [{ name: app, steps: [make] }] }]`)
        "#]],
        ),
        (
            "- a\n",
            expect![[r#"
                1:1  wrong_type: a pipeline has to be a mapping, and this is a list (known are name, on, variables, env, timeout, max_concurrent, concurrency, priority, then, stages)
            "#]],
        ),
        (
            "just text",
            expect![[r#"
                1:1  wrong_type: a pipeline has to be a mapping, and this is a plain value (known are name, on, variables, env, timeout, max_concurrent, concurrency, priority, then, stages)
            "#]],
        ),
        (
            "%YAML 1.2\n---\na: 1",
            expect![[r#"
            1:1  yaml_syntax: this is not YAML: YAML directives are disallowed (check the indentation, the quotes and the brackets up to here)
        "#]],
        ),
        (
            "a: *nowhere\n",
            expect![[r#"
                1:1 /a unknown_field: a pipeline has no `a` (known are name, on, variables, env, timeout, max_concurrent, concurrency, priority, then, stages)
                1:1  missing_field: a pipeline needs `stages` (write `stages:`, and below it `- name: …` with `jobs` for each)
                1:4 /a unknown_anchor: nothing before this is anchored as `&nowhere` (put `&name` before what is to be repeated)
            "#]],
        ),
        (
            "a: &a [*a]\n",
            expect![[r#"
                1:8 /a/0 yaml_syntax: an anchor can't hold itself (write it out once without the alias)
            "#]],
        ),
        (
            "? [a, b]\n: c\nname: x\nname: y\n",
            expect![[r#"
                1:3  yaml_syntax: a key has to be a word (put quotes around it)
                3:1  missing_field: a pipeline needs `stages` (write `stages:`, and below it `- name: …` with `jobs` for each)
                4:1 /name duplicate_key: `name` is here twice (keep one of them)
            "#]],
        ),
    ] {
        check_short(text, expected);
    }
}

#[test]
fn a_member_that_is_known_and_not_there_yet_says_so_by_name() {
    check_short(
        r#"
matrix: {}
concurrency: { group: web, limit: 1, cancel_in_progress: true }
on: { manual: { inputs: {} }, pull_request: { types: [opened] } }
stages:
  - name: a
    approval: {}
    jobs:
      - name: b
        image: node
        matrix: {}
        cache: []
        artifacts: []
        services: {}
        outputs: {}
        needs: x
        steps: [{ uses: x, with: {} }]
"#,
        expect![[r#"
            2:1 /matrix unknown_field: a pipeline has no `matrix` (it belongs to a job)
            7:5 /stages/0/approval not_supported_yet: `approval` is not supported yet in a stage (start the stage's pipeline by hand until then)
            10:9 /stages/0/jobs/0/image not_supported_yet: `image` is not supported yet in a job (choose a runner that has the tools by `runs_on` until then)
            11:17 /stages/0/jobs/0/matrix missing_field: the matrix has no combination, so that there is no job (write `matrix: { node: [18, 20] }`)
            12:9 /stages/0/jobs/0/cache not_supported_yet: `cache` is not supported yet in a job (do it in a step with `run` until then)
            13:9 /stages/0/jobs/0/artifacts not_supported_yet: `artifacts` is not supported yet in a job (do it in a step with `run` until then)
            14:9 /stages/0/jobs/0/services not_supported_yet: `services` is not supported yet in a job (do it in a step with `run` until then)
            15:18 /stages/0/jobs/0/outputs wrong_type: `outputs` has to be a list, and this is a mapping (write the names in a list, such as `[version]`)
            16:9 /stages/0/jobs/0/needs not_supported_yet: `needs` is not supported yet in a job (jobs of one stage run side by side; put what has to wait into a stage with `depends_on`)
            17:25 /stages/0/jobs/0/steps/0/uses foreign_action: `x` is an action of another system (write what it does as `run`, or as an `action.yml` in a folder and `uses: ./folder`)
        "#]],
    );
}

#[test]
fn an_unknown_member_says_what_was_meant_where_it_can() {
    for (member, expected) in [
        (
            "runs-on: linux",
            expect![[r#"
                1:54 /stages/0/jobs/0/runs-on unknown_field: a job has no `runs-on` (did you mean `runs_on`? Known are name, runs_on, if, variables, env, timeout, retry, checkout, reports, matrix, outputs, priority, continue_on_error, enabled, steps)
            "#]],
        ),
        (
            "timeout-minutes: 5",
            expect![[r#"
            1:54 /stages/0/jobs/0/timeout-minutes unknown_field: a job has no `timeout-minutes` (write `timeout: 30m`)
        "#]],
        ),
        (
            "frobnicate: 1",
            expect![[r#"
                1:54 /stages/0/jobs/0/frobnicate unknown_field: a job has no `frobnicate` (known are name, runs_on, if, variables, env, timeout, retry, checkout, reports, matrix, outputs, priority, continue_on_error, enabled, steps)
            "#]],
        ),
        (
            "'a/b~c': 1",
            expect![[r#"
                1:54 /stages/0/jobs/0/a~1b~0c unknown_field: a job has no `a/b~c` (known are name, runs_on, if, variables, env, timeout, retry, checkout, reports, matrix, outputs, priority, continue_on_error, enabled, steps)
            "#]],
        ),
    ] {
        check_job(member, expected);
    }
    check_short(
        "jobs: {}\nstage: []\n",
        expect![[r#"
            1:1 /jobs unknown_field: a pipeline has no `jobs` (jobs belong to stages: `stages: [{ name: build, jobs: […] }]`)
            1:1  missing_field: a pipeline needs `stages` (write `stages:`, and below it `- name: …` with `jobs` for each)
            2:1 /stage unknown_field: a pipeline has no `stage` (did you mean `stages`? Known are name, on, variables, env, timeout, max_concurrent, concurrency, priority, then, stages)
        "#]],
    );
}

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
            1:61 /stages/0/jobs/0/retry wrong_type: `retry` has to be a whole number, and this is a plain value
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
    check_short(
        "name: ' x'\nmax_concurrent: 0\nstages: [{ name: 'a$b', type: tests, jobs: [{ name: -b, steps: [] }, { steps: make }, job] }]\n",
        expect![[r#"
            1:7 /name bad_name: a pipeline's name has to begin with a letter or a digit (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
            2:17 /max_concurrent out_of_range: `max_concurrent` has to be from 1 to 1000, and this is 0
            3:18 /stages/0/name bad_name: a stage's name can't hold `$` (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
            3:31 /stages/0/type unknown_value: `tests` is no type of a stage (did you mean `test`?)
            3:53 /stages/0/jobs/0/name bad_name: a job's name has to begin with a letter or a digit (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
            3:64 /stages/0/jobs/0/steps missing_field: a job needs at least one step (write `steps:`, and below it `- run: …` for each)
            3:70 /stages/0/jobs/1 missing_field: a job needs `name` (write `name: …`; it shows in statuses and logs)
            3:79 /stages/0/jobs/1/steps wrong_type: `steps` has to be a list, and this is a plain value (write `steps:`, and below it `- run: …` for each)
            3:87 /stages/0/jobs/2 wrong_type: a job has to be a mapping, and this is a plain value (known are name, runs_on, if, variables, env, timeout, retry, checkout, reports, matrix, outputs, priority, continue_on_error, enabled, steps)
        "#]],
    );
    check_short(
        "concurrency: 2\nmax_concurrent: 2\nstages: {}\n",
        expect![[r#"
            1:14 /concurrency wrong_type: `concurrency` has to be a mapping, and this is a plain value (write `concurrency: { limit: 1 }`, or `concurrency: { group: "web-${{ branch }}" }`)
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
                3:19 /stages/0/if unknown_name: `main` means nothing here (a text needs quotes: `"main"`; known are branch, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages)
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
            3:9 /stages/0/if expression_fails: `>` can't be used with int and string
        "#]],
        ),
        (
            "github.ref == \"x\"",
            expect![[r#"
                3:9 /stages/0/if unknown_name: `github` means nothing here (names stand alone here: branch, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages)
            "#]],
        ),
        (
            "secrets.TOKEN != \"\"",
            expect![[r#"
                3:9 /stages/0/if not_supported_yet: `secrets` is not supported yet in expressions (known are branch, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages)
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
                3:9 /stages/0/if not_awaited: `a` asks for itself, and has no result yet (ask for another stage)
                3:18 /stages/0/if unknown_name: a stage has no `state` in expressions (did you mean `status`?)
            "#]],
        ),
        (
            "variables.MISSING == \"1\"",
            expect![[r#"
            3:19 /stages/0/if unset_variable: nothing in the file sets the variable `MISSING` here (without a parameter of that name, the run fails; `has(variables.MISSING)` asks first)
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
        check_short(&on_stage(condition), expected);
    }
    check_short(
        &on_stage("always(1)"),
        expect![[r#"
        3:9 /stages/0/if expression_type: `always()` takes nothing (write `always()` alone)
    "#]],
    );
    check_step("run: make, if: 'success()'", expect![""]);
    check_step(
        "run: make, if: 'stages.a.status == \"failed\"'",
        expect![[r#"
        1:65 /stages/0/jobs/0/steps/0/if not_awaited: `a` asks for itself, and has no result yet (ask for another stage)
    "#]],
    );
}

#[test]
fn an_expression_is_found_within_blocks_quotes_and_folds() {
    check(
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
              = a text needs quotes: `"nowhere"`; known are branch, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages

            error[unknown_name]: `nohow` means nothing here
             --> .penstock.yml:7:14
            7 |     over ${{ nohow }}
              |              ^^^^^
              = a text needs quotes: `"nohow"`; known are branch, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages

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

#[test]
fn stages_that_wait_for_each_other_are_shown_as_a_circle() {
    check(
        r#"
stages:
  - { name: a, depends_on: [d, b], jobs: [{ name: j, steps: [make] }] }
  - { name: b, depends_on: c, jobs: [{ name: j, steps: [make] }] }
  - { name: c, depends_on: [a], jobs: [{ name: j, steps: [make] }] }
  - { name: d, depends_on: [], jobs: [{ name: j, steps: [make] }] }
  - { name: e, depends_on: [e], jobs: [{ name: j, steps: [make] }] }
  - { name: f, depends_on: [a, e, a], jobs: [{ name: j, steps: [make] }] }
"#,
        expect![[r#"
            error[dependency_cycle]: stages wait for each other in a circle: a → b → c → a
             --> .penstock.yml:3:32
            3 |   - { name: a, depends_on: [d, b], jobs: [{ name: j, steps: [make] }] }
              |                                ^
              = take one of these out of `depends_on`

            error[dependency_cycle]: stages wait for each other in a circle: e → e
             --> .penstock.yml:7:29
            7 |   - { name: e, depends_on: [e], jobs: [{ name: j, steps: [make] }] }
              |                             ^
              = take one of these out of `depends_on`

            warning[redundant]: `a` is in `depends_on` twice
             --> .penstock.yml:8:35
            8 |   - { name: f, depends_on: [a, e, a], jobs: [{ name: j, steps: [make] }] }
              |                                   ^
              = once is enough
        "#]],
    );
}

#[test]
fn names_are_used_once() {
    check_short(
        r#"
stages:
  - name: a
    jobs: [{ name: j, steps: [make] }, { name: k, steps: [make] }, { name: j, steps: [make] }]
  - name: a
    jobs: [{ name: j, steps: [make] }]
"#,
        expect![[r#"
            4:68 /stages/0/jobs/2 duplicate_name: a job `j` is here already, on line 4 (call one of them something else)
            5:11 /stages/1/name duplicate_name: a stage `a` is here already, on line 3 (call one of them something else)
        "#]],
    );
}

#[test]
fn a_condition_that_does_not_wait_for_what_it_asks_is_warned_of() {
    check_short(
        r#"
stages:
  - { name: a, jobs: [{ name: j, steps: [make] }] }
  - { name: b, depends_on: a, jobs: [{ name: j, steps: [make] }] }
  - { name: c, depends_on: b, if: 'always() && stages.a.status == "failed"', jobs: [{ name: j, steps: [make] }] }
  - { name: d, if: 'stages["c"].status == "failed"', jobs: [{ name: j, steps: [make] }] }
"#,
        expect![[r#"
            6:21 /stages/3/if not_awaited: this asks for `c`, and does not wait for it (add `c` to `depends_on`)
        "#]],
    );
}

#[test]
fn triggers_that_could_not_work_as_meant_are_refused() {
    for (on, expected) in [
        (
            "on: pusch",
            expect![[r#"
            1:5 /on unknown_value: there is no event `pusch` (did you mean `push`?)
        "#]],
        ),
        (
            "on: [push, schedule, workflow_dispatch]",
            expect![[r#"
                1:12 /on/1 missing_field: `schedule` has to say when (write `on: { schedule: [{ cron: "0 3 * * *" }] }`)
                1:22 /on/2 unknown_value: there is no event `workflow_dispatch` (by hand is `manual: {}`)
            "#]],
        ),
        (
            "on: {}",
            expect![[r#"
                1:5 /on missing_field: `on` selects nothing, so that nothing can start the pipeline (name at least one of push, pull_request, tag, schedule, webhook, manual)
            "#]],
        ),
        (
            "on: []",
            expect![[r#"
                1:5 /on missing_field: `on` selects nothing, so that nothing can start the pipeline (name at least one of push, pull_request, tag, schedule, webhook, manual)
            "#]],
        ),
        (
            "on: { push: main }",
            expect![[r#"
            1:13 /on/push wrong_type: `push` has to be a mapping, and this is a plain value (known are branches, paths, paths_ignore)
        "#]],
        ),
        (
            "on: { push: { branches: [] } }",
            expect![[r#"
            1:25 /on/push/branches bad_pattern: `branches` is empty, so that nothing could match (leave it out to let everything match)
        "#]],
        ),
        (
            "on: { push: { branches: ['!main'], tags: [v1] } }",
            expect![[r#"
            1:25 /on/push/branches bad_pattern: `branches` only takes out, so that nothing is left (put `"**"` before them)
            1:36 /on/push/tags unknown_field: `push` has no `tags` (tags are an event of their own: `on: { tag: ["v*"] }`)
        "#]],
        ),
        (
            "on: { tag: ['v[0'] }",
            expect![[r#"
            1:13 /on/tag/0 bad_pattern: `[` is never closed; write `\[` if the character is meant
        "#]],
        ),
        (
            "on: { push: { paths: [src/] } }",
            expect![[r#"
            1:23 /on/push/paths/0 bad_pattern: a pattern that begins or ends with `/` matches nothing; write `src/**`
        "#]],
        ),
    ] {
        check_short(
            &format!("{on}\nstages: [{{ name: a, jobs: [{{ name: j, steps: [make] }}] }}]"),
            expected,
        );
    }
}

#[test]
fn a_mistake_that_aliases_repeat_is_told_once_where_it_was_written() {
    check_short(
        r#"
stages:
  - name: a
    jobs: &jobs [{ name: j, steps: [make], imag: x }]
  - name: b
    jobs: *jobs
"#,
        expect![[r#"
            4:44 /stages/0/jobs/0/imag unknown_field: a job has no `imag` (known are name, runs_on, if, variables, env, timeout, retry, checkout, reports, matrix, outputs, priority, continue_on_error, enabled, steps)
        "#]],
    );
}
