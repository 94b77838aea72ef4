// Command checklib is the gate before a release: it refuses a library that some
// supported Fluent Bit could not load, or that is less hardened than it could be.
//
//	checklib [-glibc 2.17] FILE...
//
// It prints a line a file, or all that is wrong with it, and then ends with 1.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	glibc := flag.String("glibc", "2.17", "newest version of glibc that the library may ask for")
	flag.Parse()
	limit, ok := parseVersion(*glibc)
	if !ok || flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "checklib: accepted: [-glibc MAJOR.MINOR] FILE...")
		os.Exit(2)
	}
	failed := false
	for _, name := range flag.Args() {
		r, err := check(name, limit)
		if err != nil {
			fmt.Fprintf(os.Stderr, "checklib: %s: %v\n", name, err)
			os.Exit(1)
		}
		if len(r.problems) == 0 {
			fmt.Printf("%s: %s, glibc %s or newer, needs %s\n", name, r.machine, r.glibc, strings.Join(r.needed, ", "))
			continue
		}
		failed = true
		for _, p := range r.problems {
			fmt.Fprintf(os.Stderr, "checklib: %s: %s\n", name, p)
		}
	}
	if failed {
		os.Exit(1)
	}
}
