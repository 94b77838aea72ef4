package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
	"time"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"
	"github.com/stretchr/testify/require"
)

// A document of what is built here, read back.
func TestDocument(t *testing.T) {
	stage, out := t.TempDir(), t.TempDir()
	text, err := exec.Command("../../build.sh", filepath.Join(stage, runtime.GOARCH)).CombinedOutput()
	require.NoError(t, err, string(text))
	r := &release{stage: stage, version: "v1.2.3", revision: "0123456789ab", created: time.Unix(1_790_000_000, 0).UTC()}
	spdxFile, licenses := out+"/spdx.json", out+"/licenses.txt"
	require.NoError(t, run(r, spdxFile, licenses))
	written, err := os.ReadFile(spdxFile)
	require.NoError(t, err)
	doc, err := json.Read(bytes.NewReader(written))
	require.NoError(t, err)
	require.NoError(t, spdxlib.ValidateDocument(doc))
	mandatory(t, doc)

	described, err := spdxlib.GetDescribedPackageIDs(doc)
	require.NoError(t, err)
	require.Equal(t, []common.ElementID{"Package-secretwatch"}, described)
	packages := map[common.ElementID]*spdx.Package{}
	for _, p := range doc.Packages {
		require.NotContains(t, packages, p.PackageSPDXIdentifier)
		packages[p.PackageSPDXIdentifier] = p
	}
	related := func(kind string, from common.ElementID) (to []common.ElementID) {
		for _, rel := range doc.Relationships {
			if rel.Relationship == kind && rel.RefA.ElementRefID == from {
				to = append(to, rel.RefB.ElementRefID)
			}
		}
		return to
	}
	texts, err := os.ReadFile(licenses)
	require.NoError(t, err)
	require.Len(t, related("CONTAINS", "Package-secretwatch"), 3)
	files := map[string]*spdx.File{}
	for _, f := range doc.Files {
		files[f.FileName] = f
	}
	for _, name := range []string{library, "secretwatch", "copy-plugin"} {
		f := files["./"+runtime.GOARCH+"/"+name]
		require.NotNil(t, f, name)
		path := filepath.Join(stage, runtime.GOARCH, name)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		sum := sha256.Sum256(content)
		require.Contains(t, f.Checksums, common.Checksum{Algorithm: common.SHA256, Value: hex.EncodeToString(sum[:])})

		// Exactly the modules that the go command wrote into the file.
		info, err := buildinfo.ReadFile(path)
		require.NoError(t, err)
		want := map[string]string{"std": runtime.Version()[len("go"):]}
		for _, d := range info.Deps {
			want[d.Path] = d.Version
		}
		got := map[string]string{}
		for _, id := range related("STATIC_LINK", f.FileSPDXIdentifier) {
			p := packages[id]
			require.NotNil(t, p, id)
			got[p.PackageName] = p.PackageVersion
			require.NotEqual(t, none, p.PackageLicenseDeclared, "the license of %s is not recognised", p.PackageName)
			require.Contains(t, string(texts), "\n"+p.PackageName+" "+p.PackageVersion+", LICENSE")
		}
		require.Equal(t, want, got)
	}
	require.Equal(t, []common.ElementID{"Package-glibc"}, related("DYNAMIC_LINK", files["./"+runtime.GOARCH+"/"+library].FileSPDXIdentifier))

	// Once more, and nothing differs.
	require.NoError(t, run(r, out+"/again", licenses))
	again, err := os.ReadFile(out + "/again")
	require.NoError(t, err)
	require.Equal(t, string(written), string(again))
}

// mandatory looks at what the specification demands and the library does not look
// at: fields that have to be there, and forms of those that have one.
func mandatory(t *testing.T, doc *spdx.Document) {
	require.Equal(t, "SPDX-2.3", doc.SPDXVersion)
	require.Equal(t, "CC0-1.0", doc.DataLicense)
	require.NotEmpty(t, doc.DocumentName)
	require.Regexp(t, `^https://[^#]+$`, doc.DocumentNamespace)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, doc.CreationInfo.Created)
	require.NotEmpty(t, doc.CreationInfo.Creators)
	id := regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	license := regexp.MustCompile(`^[A-Za-z0-9.+-]+( AND [A-Za-z0-9.+-]+)*$`)
	for _, p := range doc.Packages {
		require.Regexp(t, id, p.PackageSPDXIdentifier)
		require.NotEmpty(t, p.PackageName)
		require.Regexp(t, `^(git\+)?https://\S+$`, p.PackageDownloadLocation)
		require.Regexp(t, license, p.PackageLicenseConcluded)
		require.Equal(t, p.FilesAnalyzed, p.PackageVerificationCode != nil, p.PackageName)
		for _, ref := range p.PackageExternalReferences {
			require.Regexp(t, `^pkg:golang/[a-z0-9./_~-]+@\S+$`, ref.Locator)
		}
	}
	for _, f := range doc.Files {
		require.Regexp(t, id, f.FileSPDXIdentifier)
		require.Regexp(t, `^\./`, f.FileName)
		require.Equal(t, common.SHA1, f.Checksums[0].Algorithm) // the only mandatory one
	}
}

func TestFails(t *testing.T) {
	require.ErrorContains(t, run(&release{stage: t.TempDir()}, "", ""), "run scripts/stage.sh")
	stage := t.TempDir()
	require.NoError(t, os.Mkdir(stage+"/arm64", 0o755))
	require.NoError(t, os.WriteFile(stage+"/arm64/"+library, []byte("none of Go"), 0o644))
	require.Error(t, run(&release{stage: stage}, "", ""))
}
