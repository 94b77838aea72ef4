#!/bin/sh
# Makes the container images of secretwatch, without a container engine, in build/image:
# secretwatch, which copies the library into a volume, and fluent-bit, which is the
# image BASE with the library inside. scripts/release/image says more. Called by
# `make image`, which says what the variables are.
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC2086
scripts/stage.sh build/stage ${ARCHS:-}
rm -rf build/image
stage=$PWD/build/stage
set -- -stage "$stage" -version "${VERSION:-$(git describe --tags 2>/dev/null || echo dev)}" \
	-revision "$(git rev-parse HEAD 2>/dev/null || true)" -created "$(git log -1 --format=%ct 2>/dev/null || echo 0)"
${GO:-go} -C scripts/release run ./sbom "$@" -spdx "$stage/secretwatch.spdx.json" -licenses "$stage/THIRD-PARTY-LICENSES"
[ -z "${PUSH:-}" ] || set -- "$@" -registry "$PUSH" -push
exec ${GO:-go} -C scripts/release run ./image "$@" -out "$PWD/build/image" \
	-license "$PWD/LICENSE" -config "$PWD/conf/image/secretwatch.yaml" -plugins "$PWD/conf/fluent-bit/plugins.conf" \
	-base "${BASE-cr.fluentbit.io/fluent/fluent-bit:5.1.1}"
