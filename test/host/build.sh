#!/bin/sh
# Builds the loader host for both generations of Fluent Bit's interface, and the
# one for the output:
#   build.sh DIRECTORY   writes DIRECTORY/host-v2, DIRECTORY/host-v5 and DIRECTORY/host-output
# CFLAGS adds options.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build() {
	out=$1
	shift
	# shellcheck disable=SC2086
	${CC:-cc} -std=gnu11 -O2 -g -Wall -Wextra -Werror ${CFLAGS:-} -rdynamic -o "$out" "$@" -lpthread -ldl -lm
}
build "$1/host-v2" -DFLUENT_BIT_V2 "$here"/*.c
build "$1/host-v5" "$here"/*.c
build "$1/host-output" "$here"/proxy/proxy.c "$here"/buffer.c "$here"/fluentbit.c "$here"/json.c "$here"/msgpack.c
