package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/utils"
	modulepath "golang.org/x/mod/module"
)

const (
	home    = "https://github.com/secretwatch/secretwatch"
	library = "flb-filter_secretwatch.so"
	none    = "NOASSERTION"
)

// release is what the document is about.
type release struct {
	stage             string // path, see scripts/stage.sh
	version, revision string
	created           time.Time
}

// binary is a file of the release.
type binary struct {
	name    string // architecture and file
	content []byte
	modules []moduleVersion
}

// binaries reads the files of all architectures in stage.
func (r *release) binaries() (all []*binary, err error) {
	for _, arch := range []string{"amd64", "arm64"} {
		for _, file := range []string{library, "secretwatch", "copy-plugin"} {
			name := filepath.Join(r.stage, arch, file)
			content, err := os.ReadFile(name)
			if os.IsNotExist(err) && file == library {
				break // not built for this one
			}
			if err != nil {
				return nil, err
			}
			info, err := buildinfo.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, &binary{path.Join(arch, file), content, linked(info)})
		}
	}
	if all == nil {
		return nil, fmt.Errorf("%s has nothing for amd64 or arm64; run scripts/stage.sh", r.stage)
	}
	return all, nil
}

// notID finds what may not be in an SPDX identifier.
var notID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

func id(kind, name string) common.ElementID {
	return common.ElementID("SPDXRef-" + kind + "-" + notID.ReplaceAllString(name, "-"))
}

// document says what is in which binary.
func (r *release) document(binaries []*binary, modules []*module) (*spdx.Document, error) {
	// The namespace has to be another for another content.
	all := sha256.New()
	for _, b := range binaries {
		all.Write(b.content)
	}
	doc := &spdx.Document{
		SPDXVersion:       spdx.Version,
		DataLicense:       spdx.DataLicense,
		SPDXIdentifier:    "DOCUMENT",
		DocumentName:      "secretwatch-" + r.version,
		DocumentNamespace: fmt.Sprintf("%s/spdx/%s-%x", home, r.version, all.Sum(nil)[:16]),
		CreationInfo: &spdx.CreationInfo{
			Created:  r.created.Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Organization", Creator: "secretwatch"}, {CreatorType: "Tool", Creator: "secretwatch-sbom"}},
		},
	}
	relate := func(a common.ElementID, kind string, b common.ElementID) {
		doc.Relationships = append(doc.Relationships, &spdx.Relationship{
			RefA: common.MakeDocElementID("", string(a)), Relationship: kind, RefB: common.MakeDocElementID("", string(b)),
		})
	}

	product := r.product()
	doc.Packages = append(doc.Packages, product)
	relate("SPDXRef-DOCUMENT", common.TypeRelationshipDescribe, product.PackageSPDXIdentifier)
	for _, m := range modules {
		p, err := m.spdx()
		if err != nil {
			return nil, err
		}
		doc.Packages = append(doc.Packages, p)
	}
	glibc := &spdx.Package{
		PackageName:             "glibc",
		PackageSPDXIdentifier:   id("Package", "glibc"),
		PackageDownloadLocation: "https://ftp.gnu.org/gnu/glibc/",
		PackageLicenseConcluded: "LGPL-2.1-or-later",
		PackageLicenseDeclared:  "LGPL-2.1-or-later",
		PackageCopyrightText:    none,
		PackageComment:          "Not part of the release: the C library of the system that the library is loaded on.",
	}
	doc.Packages = append(doc.Packages, glibc)

	for _, b := range binaries {
		f := b.spdx()
		doc.Files = append(doc.Files, f)
		relate(product.PackageSPDXIdentifier, common.TypeRelationshipContains, f.FileSPDXIdentifier)
		for _, d := range b.modules {
			relate(f.FileSPDXIdentifier, common.TypeRelationshipStaticLink, id("Package", d.path))
		}
		if path.Base(b.name) == library {
			relate(f.FileSPDXIdentifier, common.TypeRelationshipDynamicLink, glibc.PackageSPDXIdentifier)
		}
	}
	code, err := utils.GetVerificationCode(doc.Files, "")
	product.PackageVerificationCode = &code
	return doc, err
}

// product is the package that the document describes.
func (r *release) product() *spdx.Package {
	download := "git+" + home
	if r.revision != "" {
		download += "@" + r.revision
	}
	return &spdx.Package{
		PackageName:                 "secretwatch",
		PackageSPDXIdentifier:       id("Package", "secretwatch"),
		PackageVersion:              r.version,
		PackageSupplier:             &common.Supplier{SupplierType: "Organization", Supplier: "secretwatch"},
		PackageDownloadLocation:     download,
		PackageHomePage:             home,
		FilesAnalyzed:               true,
		PackageLicenseConcluded:     "Apache-2.0",
		PackageLicenseDeclared:      "Apache-2.0",
		PackageLicenseInfoFromFiles: []string{"Apache-2.0"},
		PackageCopyrightText:        none,
		PrimaryPackagePurpose:       "LIBRARY",
		PackageExternalReferences:   packageURL("github.com/secretwatch/secretwatch", r.version),
	}
}

func (m *module) spdx() (*spdx.Package, error) {
	p := &spdx.Package{
		PackageName:               m.path,
		PackageSPDXIdentifier:     id("Package", m.path),
		PackageVersion:            m.version,
		PackageLicenseConcluded:   m.license,
		PackageLicenseDeclared:    m.license,
		PackageCopyrightText:      none,
		PackageExternalReferences: packageURL(m.path, m.version),
	}
	if m.path == standardLibrary {
		p.PackageDownloadLocation = "https://go.dev/dl/go" + m.version + ".src.tar.gz"
		p.PackageComment = "Go's runtime and standard library."
		return p, nil
	}
	escaped, err := modulepath.EscapePath(m.path)
	p.PackageDownloadLocation = fmt.Sprintf("https://proxy.golang.org/%s/@v/%s.zip", escaped, m.version)
	return p, err
}

// packageURL is how scanners know a module:
// https://github.com/package-url/purl-spec/blob/main/types-doc/golang-definition.md
func packageURL(module, version string) []*spdx.PackageExternalReference {
	return []*spdx.PackageExternalReference{{
		Category: common.CategoryPackageManager,
		RefType:  common.TypePackageManagerPURL,
		Locator:  "pkg:golang/" + strings.ToLower(module) + "@" + version,
	}}
}

func (b *binary) spdx() *spdx.File {
	sum1, sum256 := sha1.Sum(b.content), sha256.Sum256(b.content)
	return &spdx.File{
		FileName:           "./" + b.name,
		FileSPDXIdentifier: id("File", b.name),
		FileTypes:          []string{"BINARY"},
		Checksums: []common.Checksum{
			{Algorithm: common.SHA1, Value: hex.EncodeToString(sum1[:])},
			{Algorithm: common.SHA256, Value: hex.EncodeToString(sum256[:])},
		},
		LicenseConcluded:   "Apache-2.0",
		LicenseInfoInFiles: []string{"Apache-2.0"},
		FileCopyrightText:  none,
	}
}
