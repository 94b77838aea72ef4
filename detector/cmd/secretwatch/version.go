package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and commit are set by the linker (-ldflags -X). Without that they come
// from the build information.
var version, commit string

func printVersion(args []string, std stdio) int {
	if len(args) > 0 && args[0] != "--help" && args[0] != "-h" {
		fmt.Fprintf(std.err, "secretwatch version: unexpected %q; accepted: no arguments\n", args[0])
		return exitUsage
	}
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
	fmt.Fprintf(std.out, "secretwatch %s %s %s/%s\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}
