package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/plugin/config"
)

const historyUsage = `Usage: secretwatch history show [PRINCIPAL] PLACE
       secretwatch history forget PRINCIPAL [--value VALUE] PLACE
       secretwatch history approve PRINCIPAL [--value VALUE] PLACE
       secretwatch history export PLACE > LINES
       secretwatch history import PLACE [LINES]

Looks into a history and changes it. A PLACE is --state FILE, or --redis-url URL
with --cluster NAME: the properties state_path, redis_url and cluster.

show     what is known of all principals, or of one
forget   forgets a principal, or one value of it
approve  ends the probation of a principal and its values, or of one value
export   writes all there is, a JSON object a line
import   makes a new history from exported lines, of a file or standard input

A VALUE is written as show shows it.

With a file, show and export tell what was last written while Fluent Bit runs; to
forget, approve and import, it must not run with that file. With Redis all can be
done while it runs: instances forget and approve within moments, and those that
do not run when they start. Only import has to come before the first of them.

What instances observed in the last moments before is judged here: use the flags
with which they are configured.
Exit codes: 0; 1 if the history cannot be used or has no such principal or value;
2 for a wrong command line.

Flags:
`

// historian is one run of the command.
type historian struct {
	std  stdio
	at   place
	json bool
	cfg  *config.Config
	args []string // behind the action
	// value is the flag of the same name.
	value string
}

// historyProperties are those that say where a shared history is, and how values
// and observations are judged.
var historyProperties = []string{
	"redis_url", "cluster", "redis_password_file", "redis_ca_file", "redis_cert_file", "redis_key_file",
	"window", "probation", "burst_count", "burst_window", "networks", "trusted_proxies", "ipv4_prefix", "ipv6_prefix",
	"ignore_users", "ignore_namespaces", "ignore_secrets", "severities",
}

// errUsage is wrapped by errors of the command line.
var errUsage = errors.New("wrong use")

func historyCommand(args []string, std stdio) int {
	h := &historian{std: std, cfg: config.Default()}
	f := newFlags("history")
	path := ""
	text := func(name, help string, to *string) {
		f.set.Var(&value{flags: f, to: func(v string) error {
			if v == "" {
				return fmt.Errorf("flag --%s: empty", name)
			}
			*to = v
			return nil
		}}, name, help)
	}
	text("state", "The file.", &path)
	text("value", "One value of the principal, as show shows it.", &h.value)
	output := f.oneOf("output", "What show and the others write: text, or a JSON object a line.", "table", "json")
	f.properties(h.cfg, historyProperties...)
	rest, err := f.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(std.out, historyUsage)
		f.usage(std.out, 100)
		return exitOK
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", errUsage, err)
	} else {
		h.json = *output == "json"
		err = h.run(rest, path)
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(std.err, "secretwatch history: %s\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitInput
}

func (h *historian) run(args []string, path string) error {
	actions := map[string]struct {
		run      func() error
		min, max int // arguments
	}{
		"show":    {h.show, 0, 1},
		"forget":  {h.forget, 1, 1},
		"approve": {h.approve, 1, 1},
		"export":  {h.export, 0, 0},
		"import":  {h.importLines, 0, 1},
	}
	const accepted = "accepted: show, forget, approve, export, import"
	if len(args) == 0 {
		return fmt.Errorf("%w: no action; %s", errUsage, accepted)
	}
	a, ok := actions[args[0]]
	h.args = args[1:]
	at, err := placeOf(path, h.cfg)
	switch {
	case !ok:
		return fmt.Errorf("%w: unknown action %q; %s", errUsage, args[0], accepted)
	case err != nil:
		return fmt.Errorf("%w: %w", errUsage, err)
	case len(h.args) < a.min:
		return fmt.Errorf("%w: %s: no principal; accepted: the name of one", errUsage, args[0])
	case len(h.args) > a.max:
		return fmt.Errorf("%w: %s: too many arguments: %q", errUsage, args[0], h.args[a.max:])
	}
	h.at = at
	return a.run()
}

// show writes all principals, or one with its values.
func (h *historian) show() error {
	m, err := h.at.load()
	if err != nil {
		return err
	}
	s := m.Store()
	if len(h.args) == 1 && !s.View(h.args[0], func(*history.Principal) {}) {
		return h.unknown()
	}
	if h.json {
		return h.dump(func(table history.Table, key string) bool {
			return table == history.Principals && (len(h.args) == 0 || history.RecordKey(h.args[0]) == key)
		})
	}
	w := bufio.NewWriter(h.std.out)
	// What a value is depends on when one asks: when the newest event came.
	at := s.Newest()
	if len(h.args) == 0 {
		h.list(w, s, at)
	} else {
		s.View(h.args[0], func(p *history.Principal) { h.principal(w, &s.Bounds, p, at) })
	}
	return w.Flush()
}

func (h *historian) list(w io.Writer, s *history.Store, at int64) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PRINCIPAL\tCLASS\tIS\tFIRST\tLAST\tSOURCES\tCLIENTS\tNAMESPACES\tSECRETS\tON PROBATION")
	for _, name := range s.Names() {
		s.View(name, func(p *history.Principal) {
			trial := 0
			for d := range p.Sets {
				p.Sets[d].Each(func(v *history.Value) {
					if v.Flagged != 0 {
						trial++
					}
				})
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\n", printable(p.Name), access.ClassOf(p.Name), p.Status(&s.Bounds, at),
				moment(p.First), moment(p.Last), p.Sets[history.DimSource].Len(), p.Sets[history.DimClient].Len(),
				p.Sets[history.DimNamespace].Len(), p.Objects.Len(), trial)
		})
	}
	t.Flush()
	if start, ok := s.Started(); ok {
		fmt.Fprintf(w, "\nlearning since %s\n", moment(start))
	} else if !s.Empty() {
		fmt.Fprintln(w, "\nlearnt from a baseline")
	}
}

func (h *historian) principal(w io.Writer, b *history.Bounds, p *history.Principal, at int64) {
	fmt.Fprintf(w, "%s (%s) is %s, first seen %s, last %s\n", printable(p.Name), access.ClassOf(p.Name), p.Status(b, at), moment(p.First), moment(p.Last))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nKIND\tVALUE\tIS\tFIRST\tLAST\tCOUNT\tON PROBATION UNTIL")
	for d := range p.Sets {
		p.Sets[d].Each(func(v *history.Value) {
			until := ""
			if v.Flagged != 0 {
				until = moment(v.Flagged + b.Probation)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", history.Dim(d), printable(v.Text), p.Sets[d].Status(b, v.Key, v.Text, at),
				moment(v.First), moment(v.Last), v.Count, until)
		})
	}
	t.Flush()
	fmt.Fprintf(w, "\n%d secrets read, %d credentials at home, at most %d new secrets at a time\n", p.Objects.Len(), p.Homes.Len(), p.Burst.Habit())
}

// moment is a time for a table, empty for none.
func moment(ns int64) string {
	if ns == 0 {
		return ""
	}
	return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05Z")
}

func (h *historian) unknown() error {
	return fmt.Errorf("%s has no principal %q; \"secretwatch history show %s\" lists them", h.at, h.args[0], h.at.flags())
}

func (h *historian) forget() error  { return h.edit(forgetting) }
func (h *historian) approve() error { return h.edit(approving) }

// edit changes one principal and tells what was done to it.
func (h *historian) edit(e edit) error {
	var values []string
	note, err := h.at.edit(e, h.args[0], h.value, func(all []string, ok bool) error {
		if !ok {
			return h.unknown()
		}
		if h.value != "" && len(all) == 0 {
			return fmt.Errorf("%q has no %s %q; \"secretwatch history show\" lists its values", h.args[0], e.takes, h.value)
		}
		values = all
		return nil
	})
	if err != nil {
		return err
	}
	what := printable(h.args[0])
	for i := range values {
		values[i] = printable(values[i])
	}
	if len(values) > 0 {
		what += ": " + strings.Join(values, ", ")
	}
	fmt.Fprintf(h.std.err, "%s %s\n", e.done, what)
	if note != "" {
		fmt.Fprintln(h.std.err, note)
	}
	return nil
}

func (h *historian) export() error {
	return h.dump(func(history.Table, string) bool { return true })
}

// dump writes the records that f takes as JSON lines.
func (h *historian) dump(f func(table history.Table, key string) bool) error {
	w := bufio.NewWriterSize(h.std.out, 1<<20)
	var line []byte
	err := h.at.records(func(table history.Table, key string, value []byte) (err error) {
		if !f(table, key) || !history.Exported(table) {
			return nil
		}
		if line, err = history.AppendJSON(line[:0], table, key, value); err != nil {
			return fmt.Errorf("%s: %w", h.at, err)
		}
		_, err = w.Write(append(line, '\n'))
		return err
	})
	return errors.Join(err, w.Flush())
}

// importLines makes a history from what export wrote.
func (h *historian) importLines() error {
	in, name := h.std.in, "standard input"
	if len(h.args) == 1 && h.args[0] != "-" {
		f, err := os.Open(h.args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		in, name = f, h.args[0]
	}
	records := 0
	err := h.at.create(func(emit history.Emit) error {
		r := bufio.NewReaderSize(in, 1<<20)
		for n := 1; ; n++ {
			line, err := r.ReadBytes('\n')
			if text := bytes.TrimSpace(line); len(text) > 0 {
				table, key, value, bad := history.FromJSON(text)
				if bad != nil {
					return fmt.Errorf("%s: line %d: %w", name, n, bad)
				}
				emit(table, key, value)
				records++
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	})
	if err == nil {
		fmt.Fprintf(h.std.err, "%d records in %s\n", records, h.at)
	}
	return err
}
