//! What YAML takes for something else than was meant.

use crate::told::{check, check_drawn};
use expect_test::expect;

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
                1:1 /a unknown_field: a pipeline has no `a` (known are name, on, variables, env, timeout, max_concurrent, concurrency, priority, then, stages)
                1:1  missing_field: a pipeline needs `stages` (write `stages:`, and below it `- name: …` with `jobs` for each)
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
                1:1  wrong_type: a pipeline has to be a mapping, and this is `just text` (known are name, on, variables, env, timeout, max_concurrent, concurrency, priority, then, stages)
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
                1:4 /a unknown_anchor: nothing before this is anchored as `&nowhere` (put `&nowhere` before what is to be repeated; a text that begins with `*` needs quotes: `"*nowhere"`)
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
        check(text, expected);
    }
}

#[test]
fn a_condition_that_begins_with_not_is_no_tag() {
    check_drawn(
        r#"
on: { manual: { inputs: { dry_run: { type: boolean } } } }
stages:
  - name: production
    if: !inputs.dry_run && branch == "main"
    jobs: [{ name: j, if: !cancelled(), steps: [{ run: make, if: ! always() }] }]
  - name: c
    if: !(branch == "main")
    jobs: [{ name: j, steps: [make] }]
"#,
        expect![[r#"
            error[yaml_syntax]: `!inputs.dry_run` is a tag of YAML here, not part of the condition
             --> .penstock.yml:5:9
            5 |     if: !inputs.dry_run && branch == "main"
              |         ^^^^^^^^^^^^^^^
              = put quotes around the whole: `if: '!inputs.dry_run && branch == "main"'`

            error[yaml_syntax]: `!cancelled()` is a tag of YAML here, not part of the condition
             --> .penstock.yml:6:27
            6 |     jobs: [{ name: j, if: !cancelled(), steps: [{ run: make, if: ! always() }] }]
              |                           ^^^^^^^^^^^^
              = put quotes around the whole: `if: "!cancelled()"`

            error[yaml_syntax]: `!` is a tag of YAML here, not part of the condition
             --> .penstock.yml:6:66
            6 |     jobs: [{ name: j, if: !cancelled(), steps: [{ run: make, if: ! always() }] }]
              |                                                                  ^
              = put quotes around the whole: `if: "! always()"`

            error[yaml_syntax]: `!(branch` is a tag of YAML here, not part of the condition
             --> .penstock.yml:8:9
            8 |     if: !(branch == "main")
              |         ^^^^^^^^
              = put quotes around the whole: `if: '!(branch == "main")'`
        "#]],
    );
}

#[test]
fn a_tag_anywhere_else_is_refused_and_nothing_more_is_said_of_its_value() {
    check(
        r#"
variables: { A: !env FOO, B: !!str 5 }
stages:
  - name: a
    enabled: !x true
    jobs:
      - name: b
        runs_on: !one [linux]
        steps: [{ script: !reference [.setup, script] }, 'x $A $B']
      - !job { name: c, steps: [make] }
"#,
        expect![[r#"
            2:17 /variables/A yaml_syntax: `!env` is a tag of YAML, and means nothing here (take it out; where it is part of a text, put quotes around the whole: `"!env FOO"`)
            5:14 /stages/0/enabled yaml_syntax: `!x` is a tag of YAML, and means nothing here (take it out; where it is part of a text, put quotes around the whole: `"!x true"`)
            8:18 /stages/0/jobs/0/runs_on yaml_syntax: `!one` is a tag of YAML, and means nothing here (take it out)
            9:27 /stages/0/jobs/0/steps/0/script yaml_syntax: `!reference` is a tag of YAML, and means nothing here (take it out)
            10:9 /stages/0/jobs/1 yaml_syntax: `!job` is a tag of YAML, and means nothing here (take it out)
        "#]],
    );
}

#[test]
fn a_text_that_begins_with_a_sign_of_yaml_is_told_to_need_quotes() {
    let text = |member: &str| format!("stages:\n- name: a\n  {member}\n");
    for (member, expected) in [
        (
            "if: *",
            expect![[r#"
            3:7 /stages/0/if yaml_syntax: this is not YAML: a text can't begin with `*` without quotes (put quotes around it: `"*"`)
        "#]],
        ),
        (
            "if: * * * * *",
            expect![[r#"
            3:7 /stages/0/if yaml_syntax: this is not YAML: a text can't begin with `*` without quotes (put quotes around it: `"* * * * *"`)
        "#]],
        ),
        (
            "if: @x y # why",
            expect![[r#"
            3:7 /stages/0/if yaml_syntax: this is not YAML: a text can't begin with `@` without quotes (put quotes around it: `"@x y"`)
        "#]],
        ),
        (
            "if: `x`",
            expect![[r#"
            3:7 /stages/0/if yaml_syntax: this is not YAML: a text can't begin with a backtick without quotes (put quotes around it: `"`x`"`)
        "#]],
        ),
        (
            "if: %x",
            expect![[r#"
            3:7 /stages/0/if yaml_syntax: this is not YAML: a text can't begin with `%` without quotes (put quotes around it: `"%x"`)
        "#]],
        ),
        (
            "operator: >=",
            expect![[r#"
            3:13 /stages/0/operator yaml_syntax: this is not YAML: a text can't begin with `>` without quotes (put quotes around it: `">="`)
        "#]],
        ),
        (
            "if: \"main\" == branch",
            expect![[r#"
            3:14 /stages/0/if yaml_syntax: this is not YAML: invalid trailing content after double-quoted scalar (put quotes around the whole: `'"main" == branch'`)
        "#]],
        ),
        (
            "if: 'a' b",
            expect![[r#"
            3:11 /stages/0/if yaml_syntax: this is not YAML: invalid trailing content after single-quoted scalar (put quotes around the whole: `"'a' b"`)
        "#]],
        ),
        (
            "run: [ -f x ] && make",
            expect![[r#"
            3:17 /stages/0 yaml_syntax: this is not YAML: while parsing a block mapping, did not find expected key (put quotes around the whole: `"[ -f x ] && make"`)
        "#]],
        ),
        (
            "variables: { V: ${{ number }} }",
            expect![[r#"
            3:20 /stages/0/variables yaml_syntax: `${{` begins a mapping of YAML here (within `{ }` and `[ ]`, it needs quotes: `"${{ number }}"`)
        "#]],
        ),
        (
            "depends_on: [x, @y, z]",
            expect![[r#"
            3:19 /stages/0/depends_on/1 yaml_syntax: this is not YAML: a text can't begin with `@` without quotes (put quotes around it: `"@y"`)
        "#]],
        ),
        (
            "name: \"C:\\path\"",
            expect![[r#"
            3:3 /stages/0/name duplicate_key: `name` is here twice (keep one of them)
            3:9 /stages/0 yaml_syntax: this is not YAML: while parsing a quoted scalar, found unknown escape character (within double quotes, `\` begins an escape; write `'C:\path'`)
        "#]],
        ),
        (
            "if:branch",
            expect![[r#"
            3:5 /stages/0 yaml_syntax: `if:branch` is one text to YAML: a blank is missing after `:` (write `if: branch`)
        "#]],
        ),
        (
            "depends_on: - b",
            expect![[r#"
            3:15 /stages/0/depends_on yaml_syntax: this is not YAML: block sequence entries are not allowed in this context (begin the list on a line of its own)
        "#]],
        ),
    ] {
        check(&text(member), expected);
    }
    check(
        "on: { push: { paths: [**/*.md], branches: [main, *release] } }\nstages: [{ name: a, jobs: [{ name: b, steps: [x] }] }]",
        expect![[r#"
            1:23 /on/push/paths/0 unknown_anchor: nothing before this is anchored as `&*/*.md` (a text that begins with `*` needs quotes: `"**/*.md"`)
            1:50 /on/push/branches/1 unknown_anchor: nothing before this is anchored as `&release` (put `&release` before what is to be repeated; a text that begins with `*` needs quotes: `"*release"`)
        "#]],
    );
    check(
        "name:web\nstages: []\n",
        expect![[r#"
        1:5  yaml_syntax: `name:web` is one text to YAML: a blank is missing after `:` (write `name: web`)
    "#]],
    );
}

#[test]
fn what_is_nested_too_deeply_is_over_a_limit_and_no_broken_yaml() {
    check(
        &format!("stages: {}", "[".repeat(500)),
        expect![[r#"
        1:41 /stages/0 limit_exceeded: this is nested deeper than 32 levels (write it flatter)
    "#]],
    );
}

#[test]
fn what_is_merged_has_to_be_a_mapping_and_is_named_once() {
    check(
        r#"
x-d: &d { timeout: 1h }
x-e: &e { runs_on: mac }
stages:
  - name: a
    jobs:
      - { <<: [*d, 5], name: j, steps: [make] }
      - { <<: *d, <<: *e, name: k, steps: [make] }
      - { <<: [*d, *e], name: l, steps: [make] }
      - { <<: *f, name: m, steps: [make] }
"#,
        expect![[r#"
            7:20 /stages/0/jobs/0 wrong_type: `<<` takes a mapping (name an anchored mapping, such as `<<: *defaults`)
            8:19 /stages/0/jobs/1/<< duplicate_key: `<<` is here twice (name several in a list: `<<: [*one, *two]`)
            10:15 /stages/0/jobs/3/<< unknown_anchor: nothing before this is anchored as `&f` (put `&f` before what is to be repeated; a text that begins with `*` needs quotes: `"*f"`)
        "#]],
    );
}

#[test]
fn what_stands_before_a_second_document_is_read() {
    check(
        "stages: [{ name: a, jobs: [{ name: b, steps: [make] }], tiemout: 1h }]\n---\nstages: []\n",
        expect![[r#"
            1:57 /stages/0/tiemout unknown_field: a stage has no `tiemout` (did you mean `timeout`? Known are name, type, depends_on, if, timeout, variables, env, continue_on_error, enabled, gates, deploy, resources, jobs)
            2:1  yaml_syntax: a second document begins here; a pipeline is one (keep each pipeline in its own file, without `---`)
        "#]],
    );
    check(
        "---\n# nothing\n",
        expect![[r#"
        1:1  empty: there is nothing here (begin with `stages: [{ name: build, jobs: [{ name: app, steps: [make] }] }]`)
    "#]],
    );
}
