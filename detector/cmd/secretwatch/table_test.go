package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/secretwatch/secretwatch/detector/rule"
)

func TestTable(t *testing.T) {
	findings := []finding{
		{severity: rule.High, score: 73, first: true, user: "alice", verb: "get", object: "prod/db", source: "203.0.113.9", rules: "a,b", reason: strings.Repeat("word ", 40) + "end"},
		{severity: rule.Low, score: 21, user: "é" + strings.Repeat("u", 200), verb: "list", object: "prod/*", source: "10.0.0.1", rules: "c", reason: "short"},
	}
	f := func(width int, check func(lines []string)) {
		t.Helper()
		var b strings.Builder
		tab := table{w: &b, width: width}
		if err := tab.write(findings); err != nil {
			t.Fatal(err)
		}
		check(strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n"))
	}
	f(0, func(lines []string) {
		if len(lines) != 3 || !strings.HasSuffix(lines[1], "word end") || !strings.HasSuffix(lines[2], "short") {
			t.Fatalf("%q", lines)
		}
	})
	f(250, func(lines []string) {
		if len(lines) != 3 || !strings.HasSuffix(lines[1], "...") || utf8.RuneCountInString(lines[1]) != 250 {
			t.Fatalf("%q", lines)
		}
	})
	f(120, func(lines []string) {
		if len(lines) < 5 || lines[2][:5] != "    w" || strings.Contains(lines[0], "REASON") {
			t.Fatalf("%q", lines)
		}
	})
}

func TestPrintable(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		if got := printable(s); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	f("", "")
	f("kubectl/ünï 漢字 🚀", "kubectl/ünï 漢字 🚀")
	f("a\x1b[2J\r\n\tb\x00\x7f", `a\x1b[2J\r\n\tb\x00\x7f`)
	f("\xff\xe2\x82", `\xff\xe2\x82`)
	f("\u202e\u200b\u2028", `\u202e\u200b\u2028`)
}

func TestShorten(t *testing.T) {
	f := func(s string, n int, want string) {
		t.Helper()
		if got := shorten(s, n); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	f("", 0, "")
	f("abc", 3, "abc")
	f("éé漢漢漢", 4, "é...")
	f("abcd", 2, "...")
}
