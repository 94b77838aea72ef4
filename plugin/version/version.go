// Package version tells which build of secretwatch this is.
package version

import "runtime/debug"

// Set by the linker (scripts/build.sh). Without that they come from the build
// information that the go command writes.
var version, commit string

// Get returns the version, and the commit where known.
func Get() (v, c string) {
	v, c = version, commit
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && c == "" {
				c = s.Value[:min(12, len(s.Value))]
			}
		}
	}
	if v == "" {
		v = "(devel)"
	}
	return v, c
}

// String returns the version with the commit in parentheses, where known.
func String() string {
	v, c := Get()
	if c != "" {
		v += " (" + c + ")"
	}
	return v
}
