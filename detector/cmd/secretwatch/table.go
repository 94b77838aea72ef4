package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// table writes findings in aligned columns, the reason last. Columns only grow,
// so that one page lines up with the page before it unless a value is wider than
// any that was there.
type table struct {
	w      io.Writer
	width  int // columns of the terminal; 0 to cut nothing
	widths []int
	titled bool
}

var columns = []string{"TIME", "SEVERITY", "SCORE", "FIRST", "USER", "VERB", "SECRET", "SOURCE", "RULES", "REASON"}

// Widest that the columns with client text may get on a terminal, and in a file.
const (
	wideCell    = 40
	widestCell  = 100
	leastReason = 30 // with less room the reason goes on a line of its own
)

func (t *table) row(f *finding) []string {
	first := "repeat"
	if f.first {
		first = "first"
	}
	return []string{
		time.Unix(0, f.time).UTC().Format("2006-01-02T15:04:05Z"), f.severity.String(), strconv.Itoa(f.score), first,
		f.user, f.verb, f.object, f.source, f.rules, f.reason,
	}
}

// write writes a page of findings.
func (t *table) write(findings []finding) error {
	if len(findings) == 0 {
		return nil
	}
	most := widestCell
	if t.width > 0 {
		most = wideCell
	}
	last := len(columns) - 1
	if t.widths == nil {
		t.widths = make([]int, last)
		for i := range t.widths {
			t.widths[i] = len(columns[i])
		}
	}
	rows := make([][]string, len(findings))
	for i := range findings {
		row := t.row(&findings[i])
		for j, cell := range row {
			cell = printable(cell)
			if j < last && columns[j] != "RULES" {
				cell = shorten(cell, most)
			}
			if row[j] = cell; j < last {
				t.widths[j] = max(t.widths[j], utf8.RuneCountInString(cell))
			}
		}
		rows[i] = row
	}
	if !t.titled {
		rows, t.titled = append([][]string{columns}, rows...), true
	}
	before := 0
	for _, w := range t.widths {
		before += w + 2
	}
	var b strings.Builder
	for _, row := range rows {
		b.Reset()
		for j, cell := range row[:last] {
			b.WriteString(cell)
			if pad := t.widths[j] - utf8.RuneCountInString(cell) + 2; t.width == 0 || j < last-1 || t.width-before >= leastReason {
				b.WriteString(strings.Repeat(" ", pad))
			}
		}
		reason := row[last]
		switch {
		case t.width == 0:
			b.WriteString(reason)
		case t.width-before >= leastReason:
			b.WriteString(shorten(reason, t.width-before))
		case &row[0] != &columns[0]:
			for _, line := range wrap(reason, max(t.width-4, leastReason)) {
				b.WriteString("\n    " + line)
			}
		}
		if _, err := fmt.Fprintln(t.w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// printable escapes what a terminal would not show as it is: control
// characters, invalid UTF-8, and marks that turn the direction of text.
func printable(s string) string {
	clean := utf8.ValidString(s)
	for _, r := range s {
		clean = clean && unicode.IsPrint(r)
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += size
	}
	return b.String()
}

// shorten cuts s to n runes and shows that it did.
func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	runes := []rune(s)
	return string(runes[:max(n-3, 0)]) + "..."
}
