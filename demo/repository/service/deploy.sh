#!/bin/sh
# Puts this tree where the service runs it from ($SERVICE_FOLDER), under the version that is deployed.
new=$SERVICE_FOLDER/new
rm -rf "$new"
mkdir -p "$new"
cp -R src service "$new"
echo "$PENSTOCK_VERSION" > "$new/VERSION"
rm -rf "$SERVICE_FOLDER/current"
mv "$new" "$SERVICE_FOLDER/current"
echo "$PENSTOCK_VERSION is in place${PENSTOCK_ROLLBACK:+ again}${PENSTOCK_PREVIOUS_VERSION:+, $PENSTOCK_PREVIOUS_VERSION was}"
