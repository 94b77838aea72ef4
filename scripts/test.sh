#!/bin/sh
# Runs all tests and prints one line a package, the output of failed tests, and
# which tests were skipped and why. Called by `make test`.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build
scripts/install-test-deps.sh
log=build/test.log
status=0
${GO:-go} test -v "${@:-./...}" >"$log" 2>&1 || status=$?
if [ $status -ne 0 ]; then
	grep -vE '^ *(=== (RUN|PAUSE|CONT|NAME)|--- (PASS|SKIP))' "$log" || true
else
	grep -E '^ok ' "$log"
fi
# The reason stands in the line before the mark.
skipped=$(grep -E -B1 '^ *--- SKIP' "$log" | grep -vE '^--$|^=== ' | sed 's/^ *--- SKIP: /SKIP /') || true
if [ -n "$skipped" ]; then
	echo
	echo "Skipped (each under its reason):"
	echo "$skipped"
fi
exit $status
