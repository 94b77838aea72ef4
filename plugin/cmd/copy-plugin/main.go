// Command copy-plugin is the only program of the init container image: it puts the
// library where a Fluent Bit container of the same pod finds it.
//
//	copy-plugin DIRECTORY
//
// It copies /plugins/flb-filter_secretwatch.so there and makes the link out_secretwatch.so.
// Exit status 0 means that both are there and whole, 1 that they are not, 2 that the
// command line is wrong.
package main

import (
	"fmt"
	"os"

	"github.com/secretwatch/secretwatch/plugin/version"
)

// library is where the image has it (scripts/release/image).
const library = "/plugins/flb-filter_secretwatch.so"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "copy-plugin: accepted: one argument, the directory to copy the library to")
		os.Exit(2)
	}
	done, err := install(library, os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "copy-plugin:", err)
		os.Exit(1)
	}
	fmt.Printf("copy-plugin: secretwatch %s: %s\n", version.String(), done)
}
