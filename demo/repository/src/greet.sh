#!/bin/sh
# Greets whoever is named, as the hour has it: `greet NAME [HOUR]`.
if [ -z "${1:-}" ]; then
  echo "name someone to greet" >&2
  exit 2
fi
hour=${2:-12}
greeting=Hello
if [ "$hour" -lt 10 ]; then
  greeting="Good morning"
fi
if [ "$hour" -ge 18 ]; then
  greeting="Good evening"
fi
echo "$greeting, $1!"
