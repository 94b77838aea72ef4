package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/secretwatch/secretwatch/plugin/config"
)

// flags are the flags of one command. Errors are one line that says what is
// accepted.
type flags struct {
	set *flag.FlagSet
	// bad is the error of the flag that refused its value. The flag package
	// would wrap it.
	bad error
}

func newFlags(name string) *flags {
	f := &flags{set: flag.NewFlagSet(name, flag.ContinueOnError)}
	f.set.SetOutput(io.Discard)
	return f
}

// value is a flag whose text goes to a function.
type value struct {
	flags  *flags
	isBool bool
	text   string
	to     func(text string) error
}

func (v *value) String() string   { return v.text }
func (v *value) IsBoolFlag() bool { return v.isBool }

func (v *value) Set(text string) error {
	v.text = text
	err := v.to(text)
	if err != nil {
		v.flags.bad = err
	}
	return err
}

// oneOf declares a flag with a choice of values. The first is the default.
func (f *flags) oneOf(name, help string, accepted ...string) *string {
	chosen := accepted[0]
	f.set.Var(&value{flags: f, text: chosen, to: func(text string) error {
		if !slices.Contains(accepted, text) {
			return fmt.Errorf("flag --%s: bad value %q; accepted: %s", name, text, strings.Join(accepted, ", "))
		}
		chosen = text
		return nil
	}}, name, help+" Accepted: "+strings.Join(accepted, ", ")+".")
	return &chosen
}

// yes declares a flag that is on or off.
func (f *flags) yes(name, help string) *bool {
	on := false
	f.set.Var(&value{flags: f, isBool: true, to: func(text string) error {
		switch text {
		case "true", "on", "yes":
			on = true
		case "false", "off", "no":
			on = false
		default:
			return fmt.Errorf("flag --%s: bad value %q; accepted: on, off, true, false, yes, no", name, text)
		}
		return nil
	}}, name, help)
	return &on
}

// properties declares a flag for each property of the plugin, or for those named.
func (f *flags) properties(cfg *config.Config, names ...string) {
	for i := range config.Properties {
		p := &config.Properties[i]
		if len(names) > 0 && !slices.Contains(names, p.Name) {
			continue
		}
		f.set.Var(&value{flags: f, isBool: p.Kind == config.Bool, text: p.Default, to: func(text string) error {
			return cfg.Set(p.Name, text)
		}}, dashed(p.Name), p.Help+" Accepted: "+p.Accepts+".")
	}
}

// dashed is the flag of a property.
func dashed(property string) string { return strings.ReplaceAll(property, "_", "-") }

// parse reads args, in which flags may stand before, between and behind the
// files, and returns the files. The error is flag.ErrHelp if help is wanted.
func (f *flags) parse(args []string) (files []string, err error) {
	for {
		if err := f.set.Parse(args); err != nil {
			return nil, f.explain(err)
		}
		rest := f.set.Args()
		if len(rest) == 0 {
			return files, nil
		}
		if read := len(args) - len(rest); read > 0 && args[read-1] == "--" {
			return append(files, rest...), nil
		}
		files, args = append(files, rest[0]), rest[1:]
	}
}

// explain turns an error of the flag package into a line that a person can act
// on.
func (f *flags) explain(err error) error {
	if errors.Is(err, flag.ErrHelp) || f.bad == nil && err == nil {
		return err
	}
	if f.bad != nil {
		return f.bad
	}
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: "); ok {
		return fmt.Errorf("unknown flag -%s; accepted: %s", name, strings.Join(f.names(), ", "))
	}
	if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
		accepted := "a value"
		if p := config.Find(strings.ReplaceAll(name, "-", "_")); p != nil {
			accepted = p.Accepts
		}
		return fmt.Errorf("flag --%s has no value; accepted: %s", name, accepted)
	}
	return err
}

func (f *flags) names() (all []string) {
	f.set.VisitAll(func(g *flag.Flag) { all = append(all, "--"+g.Name) })
	return all
}

// usage writes all flags with their help, lines of at most width columns.
func (f *flags) usage(w io.Writer, width int) {
	f.set.VisitAll(func(g *flag.Flag) {
		head := "  --" + g.Name
		if v, ok := g.Value.(*value); ok && !v.isBool {
			head += " VALUE"
		}
		if g.DefValue != "" && g.DefValue != "off" {
			head += "  (default " + g.DefValue + ")"
		}
		fmt.Fprintln(w, head)
		for _, line := range wrap(g.Usage, width-6) {
			fmt.Fprintln(w, "      "+line)
		}
	})
}

// wrap breaks text at blanks into lines of at most width bytes, where it can.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
