package main

import (
	"fmt"
	"runtime"

	"github.com/secretwatch/secretwatch/plugin/version"
)

func printVersion(args []string, std stdio) int {
	if len(args) > 0 && args[0] != "--help" && args[0] != "-h" {
		fmt.Fprintf(std.err, "secretwatch version: unexpected %q; accepted: no arguments\n", args[0])
		return exitUsage
	}
	fmt.Fprintf(std.out, "secretwatch %s %s %s/%s\n", version.String(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}
