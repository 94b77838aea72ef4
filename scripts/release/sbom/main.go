// Command sbom writes the bill of materials of a release: which modules, in which
// versions and under which licenses, are in each file. It reads that from the files
// themselves, where the go command leaves it.
//
//	sbom -stage DIRECTORY -spdx FILE -licenses FILE …
//
// -spdx is an SPDX 2.3 document (https://spdx.github.io/spdx-spec/v2.3/) in JSON,
// -licenses the licenses' texts, which have to go with the files. The same input
// gives the same bytes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/spdx/tools-golang/json"
)

func main() {
	var r release
	var created int64
	flag.StringVar(&r.stage, "stage", "", "directory with a directory for each architecture")
	flag.StringVar(&r.version, "version", "dev", "version of the release")
	flag.StringVar(&r.revision, "revision", "", "commit it was built from")
	flag.Int64Var(&created, "created", 0, "time of the commit, in seconds since 1970")
	spdxFile := flag.String("spdx", "", "where the SPDX document goes")
	licenses := flag.String("licenses", "", "where the licenses' texts go")
	flag.Parse()
	r.created = time.Unix(created, 0).UTC()
	if err := run(&r, *spdxFile, *licenses); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(r *release, spdxFile, licenses string) error {
	binaries, err := r.binaries()
	if err != nil {
		return err
	}
	modules, err := modulesOf(binaries)
	if err != nil {
		return err
	}
	doc, err := r.document(binaries, modules)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Write(doc, &text, json.Indent("  "), json.EscapeHTML(false)); err != nil {
		return err
	}
	if err := os.WriteFile(spdxFile, text.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(licenses, licenseTexts(modules), 0o644)
}
