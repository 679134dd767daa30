#!/bin/sh
# Passes where the greeting of $1 is the one that is expected.
said=$(sh src/greet.sh "$1")
if [ "$said" = "$GREETING, $1!" ]; then
  echo "ok: $said"
else
  echo "not ok: $said" >&2
  exit 1
fi
