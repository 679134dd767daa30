#!/bin/sh
# Prints the script $1 so that each of its lines notes its number in the file $LINES_RUN when it is run.
number=0
while IFS= read -r line; do
  number=$((number + 1))
  case $line in
    '' | '#'* | *fi) echo "$line" ;;
    *) echo "echo $number >> \"\$LINES_RUN\"; $line" ;;
  esac
done < "$1"
