package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// module is one that is linked into some binary. The standard library counts as one.
type module struct {
	path, version string
	license       string // SPDX expression, NOASSERTION where it was not recognised
	texts         []licenseText
}

// licenseText is a file with a license or a notice.
type licenseText struct {
	name string
	text []byte
}

const standardLibrary = "std"

// modulesOf returns what is linked into the binaries, sorted by path.
func modulesOf(binaries []*binary) ([]*module, error) {
	found := map[string]*module{}
	for _, b := range binaries {
		for _, d := range b.modules {
			if m := found[d.path]; m != nil && m.version != d.version {
				return nil, fmt.Errorf("%s is linked as %s and as %s", d.path, m.version, d.version)
			}
			found[d.path] = &module{path: d.path, version: d.version}
		}
	}
	var all []*module
	for _, m := range found {
		if err := m.readLicense(); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *module) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

// moduleVersion is a module's path and version.
type moduleVersion struct{ path, version string }

// linked returns what the build information of a binary says is linked into it.
func linked(info *buildinfo.BuildInfo) []moduleVersion {
	all := []moduleVersion{{standardLibrary, strings.TrimPrefix(info.GoVersion, "go")}}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		all = append(all, moduleVersion{d.Path, d.Version})
	}
	return all
}

// dir returns where the go command keeps the module's sources.
func (m *module) dir() (string, error) {
	if m.path == standardLibrary {
		out, err := exec.Command("go", "env", "GOROOT").Output()
		return strings.TrimSpace(string(out)), err
	}
	out, err := exec.Command("go", "mod", "download", "-json", m.path+"@"+m.version).Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s@%s: %w", m.path, m.version, err)
	}
	var answer struct{ Dir string }
	return answer.Dir, errors.Join(json.Unmarshal(out, &answer))
}

// licenseFile finds what has to go with a binary, isLicense what is a license in it.
var (
	licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-.].*)?$`)
	isLicense   = regexp.MustCompile(`(?i)^(licen[cs]e|copying)`)
)

// readLicense looks into the module's files of the usual names.
func (m *module) readLicense() error {
	dir, err := m.dir()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() || !licenseFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		m.texts = append(m.texts, licenseText{e.Name(), text})
		if !isLicense.MatchString(e.Name()) {
			continue
		}
		// Below that much the file says more than the licenses found in it.
		const sure = 75
		if c := licensecheck.Scan(text); c.Percent >= sure {
			for _, match := range c.Match {
				if !match.IsURL && !slices.Contains(ids, match.ID) {
					ids = append(ids, match.ID)
				}
			}
		}
	}
	if m.texts == nil {
		return fmt.Errorf("%s %s has no license in %s", m.path, m.version, dir)
	}
	slices.Sort(ids)
	m.license = "NOASSERTION"
	if ids != nil {
		m.license = strings.Join(ids, " AND ")
	}
	return nil
}

// licenseTexts returns the licenses of all modules in one text.
func licenseTexts(modules []*module) []byte {
	var b bytes.Buffer
	b.WriteString("The files of this release contain the following, under the licenses given.\n")
	for _, m := range modules {
		for _, t := range m.texts {
			fmt.Fprintf(&b, "\n%s\n%s %s, %s\n\n%s\n", strings.Repeat("=", 80), m.path, m.version, t.name, bytes.TrimSpace(t.text))
		}
	}
	return b.Bytes()
}
