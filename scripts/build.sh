#!/bin/sh
# Builds what is released:
#   build.sh DIRECTORY   writes flb-filter_secretwatch.so, the link out_secretwatch.so
#                        beside it, the tool secretwatch, and copy-plugin, the
#                        program of the init container image
# For another architecture set GOARCH, and CC to its C compiler. VERSION and COMMIT
# are what the files say of themselves; by default they are git's. The same sources,
# Go and C compiler give the same bytes, wherever they lie.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
version=${VERSION:-$(git describe --tags 2>/dev/null || echo dev)}
commit=${COMMIT-$(git rev-parse --short=12 HEAD 2>/dev/null || true)}
package=github.com/secretwatch/secretwatch/plugin/version
ldflags="-s -w -buildid= -X $package.version=$version -X $package.commit=$commit"

# netgo: glibc's resolver blocks a thread a name, and its symbols are versioned anew in 2.34.
CGO_ENABLED=1 ${GO:-go} build -buildmode=c-shared -trimpath -buildvcs=false -tags netgo \
	-ldflags "$ldflags -extldflags '-Wl,-z,relro,-z,now'" -o "$out/flb-filter_secretwatch.so" ./plugin
rm -f "$out/flb-filter_secretwatch.h"
ln -sf flb-filter_secretwatch.so "$out/out_secretwatch.so"
for program in ./detector/cmd/secretwatch ./plugin/cmd/copy-plugin; do
	CGO_ENABLED=0 ${GO:-go} build -trimpath -buildvcs=false -ldflags "$ldflags" -o "$out/" "$program"
done
