#!/bin/sh
# Runs a recorded audit log of a real Kubernetes API server through the filter,
# in Fluent Bit if there is one (FLUENT_BIT, or fluent-bit on PATH) and otherwise
# in the loader host of test/host, and shows what was caught and why.
# Called by `make demo`, which builds first.
set -eu
cd "$(dirname "$0")/.."

# The log's stories begin 4m15s after its first access to a secret. What comes
# before them is the ordinary life of the cluster, to learn from.
learning=4m15s

plugin=$PWD/build/flb-filter_secretwatch.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gzip -dc test/data/audit.jsonl.gz >"$work/audit.log"

fluent_bit=${FLUENT_BIT:-$(command -v fluent-bit || true)}
if [ -n "$fluent_bit" ]; then
	cat >"$work/fluent-bit.yaml" <<-YAML
	service:
	  flush: 0.2
	  log_level: info
	pipeline:
	  inputs:
	    - name: tail
	      path: $work/audit.log
	      read_from_head: true
	      exit_on_eof: true
	      buffer_chunk_size: 256k
	      buffer_max_size: 2M
	  filters:
	    - name: secretwatch
	      match: '*'
	      learning_period: $learning
	  outputs:
	    - name: file
	      match: '*'
	      file: $work/out.jsonl
	      format: plain
	YAML
	echo "Running the recorded audit log through Fluent Bit ($fluent_bit):"
	"$fluent_bit" -e "$plugin" -c "$work/fluent-bit.yaml" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
else
	echo "No Fluent Bit here (neither FLUENT_BIT nor fluent-bit on PATH)."
	echo "Running the recorded audit log through the loader host of test/host, which loads the filter as Fluent Bit does:"
	build/host-v5 --prop "learning_period=$learning" "$plugin" "$work/audit.log" \
		>"$work/out.jsonl" 2>"$work/log" || { cat "$work/log"; exit 1; }
fi
echo
grep 'filter:secretwatch' "$work/log"
echo
go run ./scripts/demoview test/data "$work/out.jsonl"
