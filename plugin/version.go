package main

import "runtime/debug"

// version and commit are set by the linker (-ldflags -X). Without that they come
// from the build information.
var version, commit string

// versionString returns the version with the commit in parentheses, where known.
func versionString() string {
	v, c := version, commit
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
	if c != "" {
		v += " (" + c + ")"
	}
	return v
}
