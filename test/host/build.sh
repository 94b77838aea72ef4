#!/bin/sh
# Builds the loader host for both generations of Fluent Bit's interface:
#   build.sh DIRECTORY   writes DIRECTORY/host-v2 and DIRECTORY/host-v5
# CFLAGS adds options.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for generation in v2 v5; do
	define=
	[ $generation = v2 ] && define=-DFLUENT_BIT_V2
	# shellcheck disable=SC2086
	${CC:-cc} -std=gnu11 -O2 -g -Wall -Wextra -Werror ${CFLAGS:-} $define -rdynamic \
		-o "$1/host-$generation" "$here"/*.c -lpthread -ldl -lm
done
