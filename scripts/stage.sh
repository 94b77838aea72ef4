#!/bin/sh
# Builds what images and releases are made of, and looks whether it may go out:
#   stage.sh DIRECTORY [ARCHITECTURE…]   writes DIRECTORY/ARCHITECTURE/; amd64 and arm64 by default
# Needs a C compiler for each architecture, such as Debian's gcc-aarch64-linux-gnu;
# CC_amd64 and CC_arm64 name others.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- amd64 arm64

compiler() {
	case $1 in
	"$(${GO:-go} env GOHOSTARCH)") echo "${CC:-cc}" ;;
	amd64) echo "${CC_amd64:-x86_64-linux-gnu-gcc}" ;;
	arm64) echo "${CC_arm64:-aarch64-linux-gnu-gcc}" ;;
	*) echo "stage.sh: architecture $1; accepted: amd64, arm64" >&2; return 1 ;;
	esac
}
for arch; do
	cc=$(compiler "$arch")
	command -v "$cc" >/dev/null || {
		echo "stage.sh: no C compiler for $arch: $cc is not installed (Debian: gcc-aarch64-linux-gnu, gcc-x86-64-linux-gnu)" >&2
		exit 1
	}
	rm -rf "${out:?}/$arch"
	echo "building for $arch"
	GOOS=linux GOARCH=$arch CC=$cc scripts/build.sh "$out/$arch"
	${GO:-go} run ./scripts/checklib "$out/$arch/flb-filter_secretwatch.so"
done
