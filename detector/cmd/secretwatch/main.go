// Command secretwatch runs the engine of the Fluent Bit plugin by itself.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Exit codes.
const (
	exitOK    = 0
	exitInput = 1 // input that could not be read
	exitUsage = 2 // wrong command line
)

// command is one subcommand.
type command struct {
	name  string
	short string // one line
	run   func(args []string, std stdio) int
}

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

func commands() []command {
	return []command{
		{"replay", "judge audit logs from files or standard input", replay},
		{"baseline", "make a history from old audit logs", baselineCommand},
		{"history", "look into a history, change it, take it elsewhere", historyCommand},
		{"version", "print the version", printVersion},
		{"help", "explain a command", help},
	}
}

func main() {
	os.Exit(run(os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

func run(args []string, std stdio) int {
	if len(args) == 0 {
		fmt.Fprintf(std.err, "secretwatch: no command; accepted: %s\n", commandNames())
		return exitUsage
	}
	switch args[0] {
	case "-h", "-help", "--help":
		return help(args[1:], std)
	case "-version", "--version":
		return printVersion(nil, std)
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(args[1:], std)
		}
	}
	fmt.Fprintf(std.err, "secretwatch: unknown command %q; accepted: %s\n", args[0], commandNames())
	return exitUsage
}

func commandNames() string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

func help(args []string, std stdio) int {
	if len(args) > 0 && args[0] != "help" {
		return run([]string{args[0], "--help"}, std)
	}
	fmt.Fprint(std.out, "secretwatch judges accesses to Kubernetes Secrets in audit logs.\n\nUsage: secretwatch COMMAND [flags] [arguments]\n\nCommands:\n")
	for _, c := range commands() {
		fmt.Fprintf(std.out, "  %-8s  %s\n", c.name, c.short)
	}
	fmt.Fprint(std.out, "\n\"secretwatch help COMMAND\" says more.\n")
	return exitOK
}
