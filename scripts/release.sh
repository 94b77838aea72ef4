#!/bin/sh
# Makes the files of a release in build/release, from the commit that is checked out.
# The same commit, with the same Go and C compilers, gives the same bytes. Called by
# `make release`.
set -eu
cd "$(dirname "$0")/.."
if [ -n "$(git status --porcelain)" ]; then
	echo "release.sh: there are changes that are not committed; what is released has to be a commit" >&2
	exit 1
fi
VERSION=${VERSION:-$(git describe --tags 2>/dev/null || echo dev)}
export VERSION
out=$PWD/build/release
rm -rf "$out" && mkdir -p "$out"

# The image of Fluent Bit is not among the files: who wants it says on which base.
BASE='' scripts/image.sh
cp build/image/secretwatch.oci.tar "$out/secretwatch-$VERSION-image.oci.tar"
cp build/stage/secretwatch.spdx.json "$out/secretwatch-$VERSION.spdx.json"
for dir in build/stage/*/; do
	arch=$(basename "$dir")
	name=secretwatch-$VERSION-linux-$arch
	rm -rf "build/stage/$name" && mkdir "build/stage/$name"
	cp -P "$dir"/flb-filter_secretwatch.so "$dir"/out_secretwatch.so "$dir"/secretwatch "build/stage/$name"
	cp build/stage/THIRD-PARTY-LICENSES "build/stage/$name"
	git archive HEAD LICENSE README.md conf | tar -xf - -C "build/stage/$name"
	tar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$(git log -1 --format=%ct)" \
		--format=ustar -C build/stage -cf - "$name" |
		gzip -9n >"$out/$name.tar.gz"
	rm -rf "build/stage/$name"
done
(cd "$out" && sha256sum -- secretwatch-* | tee SHA256SUMS)
