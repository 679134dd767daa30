#!/bin/sh
# Greets whoever is named.
echo "${GREETING:-Hello}, ${1:?name someone to greet}!"
