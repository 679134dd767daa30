#!/bin/sh
# Tests src/greet.sh. Writes reports/unit.xml (JUnit) and reports/lines.info (LCOV); fails where a test does.
mkdir -p reports
export LINES_RUN=reports/lines-run
: > "$LINES_RUN"
sh tests/instrument.sh src/greet.sh > reports/greet.sh

tests=0 failures=0
: > reports/cases
# expect SAID ARGUMENTS…
expect() {
  expected=$1
  shift
  tests=$((tests + 1))
  if said=$(sh reports/greet.sh "$@" 2>&1) && [ "$said" = "$expected" ]; then
    echo "ok: $said"
    echo "  <testcase classname=\"greet\" name=\"$expected\"/>" >> reports/cases
  else
    failures=$((failures + 1))
    echo "not ok: $said instead of $expected"
    echo "  <testcase classname=\"greet\" name=\"$expected\"><failure message=\"$said\"/></testcase>" >> reports/cases
  fi
}

expect "Hello, Ada!" Ada
expect "Good morning, Grace!" Grace 8
expect "Good evening, Mary!" Mary 21

{
  echo '<?xml version="1.0" encoding="UTF-8"?>'
  echo "<testsuite name=\"greet\" tests=\"$tests\" failures=\"$failures\" errors=\"0\" skipped=\"0\">"
  cat reports/cases
  echo '</testsuite>'
} > reports/unit.xml

{
  echo "TN:"
  echo "SF:src/greet.sh"
  found=0 hit=0 number=0
  while IFS= read -r line; do
    number=$((number + 1))
    case $line in 'echo '*'LINES_RUN'*) ;; *) continue ;; esac
    times=$(grep -c "^$number\$" "$LINES_RUN" || true)
    found=$((found + 1))
    [ "$times" -eq 0 ] || hit=$((hit + 1))
    echo "DA:$number,$times"
  done < reports/greet.sh
  echo "LF:$found"
  echo "LH:$hit"
  echo "end_of_record"
} > reports/lines.info

echo "$((tests - failures)) of $tests passed"
[ "$failures" -eq 0 ]
