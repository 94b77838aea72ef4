// Package config is the one declaration of the plugin's properties: name,
// default, accepted values and help. The filter's config map, the README table,
// the help text and the parsing of values all come from Properties.
package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/replica"
)

// Config is what the properties add up to. Start from Default.
type Config struct {
	// Detector configures the judging of events.
	Detector detector.Config
	// Key names the field that holds the audit event as a JSON string. Empty
	// means: the record itself, else the usual fields.
	Key string
	// Format is one of Formats.
	Format string
	// SeverityKey names the top-level field a tagged record gains besides the
	// verdict. Empty means none.
	SeverityKey string
	// TagAll also adds the verdict of judged events in which nothing was found.
	TagAll bool
	// SplitEventLists makes one record an item of records that hold lists.
	SplitEventLists bool
	// Redact removes the values of secrets and tokens.
	Redact bool
	// Cluster names the cluster the events come from. May be empty.
	Cluster string

	// StatePath is the file that history is kept in. Empty means only memory.
	StatePath string
	// StateFlush is how long a change may stay unwritten.
	StateFlush time.Duration
	// Baseline are globs of audit logs that are read when there is no history.
	Baseline []string
	// BaselineTimeout bounds the time that takes.
	BaselineTimeout time.Duration

	// MetricsListen is the host:port at which metrics are served. Empty means not
	// at all.
	MetricsListen string

	// Redis is the server through which history is shared. The zero value means
	// none.
	Redis replica.Server
	// RedisAccess is what else a connection to it needs. Paths are absolute.
	RedisAccess replica.Access
	// RedisTimeout is how long a chunk may wait for it.
	RedisTimeout time.Duration

	// Output is set by DefaultOutput only.
	Output Output
}

// Kind is the type of a property's value.
type Kind uint8

// Kinds of properties.
const (
	String Kind = iota
	Int
	Bool
	Duration
	List // comma-separated
)

func (k Kind) String() string {
	return [...]string{"string", "integer", "boolean", "duration", "list"}[k]
}

// Property is one option. All are optional.
type Property struct {
	Name    string // lower snake_case
	Default string // as a user would write it; empty if there is none
	Accepts string // what a value may look like, to follow the word "accepted"
	Help    string // one or two sentences
	Kind    Kind
	Secret  bool // not for logs

	// set parses value into c. Its error, if any text of its own, says what is
	// wrong with the value; property, value and Accepts are added by Set.
	set func(c *Config, value string) error
}

// Default returns the configuration of an instance with no property set.
func Default() *Config {
	c := &Config{Detector: detector.DefaultConfig()}
	c.setDefaults(Properties)
	return c
}

func (c *Config) setDefaults(table []Property) {
	for i := range table {
		p := &table[i]
		if p.Default == "" {
			continue
		}
		if err := p.set(c, p.Default); err != nil {
			panic("config: default of " + p.Name + ": " + err.Error())
		}
	}
}

// Find returns the property called name, in any case, or nil.
func Find(name string) *Property { return find(Properties, name) }

func find(table []Property, name string) *Property {
	for i := range table {
		if strings.EqualFold(table[i].Name, name) {
			return &table[i]
		}
	}
	return nil
}

// Set sets one property from its text. Setting a property again replaces its
// former value. The error is one line: property, value, and what is accepted.
func (c *Config) Set(name, value string) error {
	p := Find(name)
	if p == nil {
		return unknown(name)
	}
	return p.apply(c, value)
}

func (p *Property) apply(c *Config, value string) error {
	if err := p.set(c, strings.TrimSpace(value)); err != nil {
		detail := err.Error()
		if detail != "" {
			detail = ": " + detail
		}
		shown := quote(hidden(value))
		if p.Secret {
			shown = "(not shown)"
		}
		return fmt.Errorf("property %s: bad value %s%s; accepted: %s", p.Name, shown, detail, p.Accepts)
	}
	return nil
}

// Shown is a value of the property as it may stand in a log.
func (p *Property) Shown(value string) string {
	if p.Secret {
		return "***"
	}
	return hidden(value)
}

// unknown returns the error for a property that does not exist. It suggests the
// nearest name if one is near, and lists all.
func unknown(name string) error {
	names := make([]string, len(Properties))
	asked := strings.ToLower(cut(name, 32))
	best, bestDistance := "", len(asked)/3+1
	for i := range Properties {
		names[i] = Properties[i].Name
		if d := distance(asked, names[i]); d < bestDistance {
			best, bestDistance = names[i], d
		}
	}
	hint := ""
	if best != "" {
		hint = fmt.Sprintf(", did you mean %s?", best)
	}
	return fmt.Errorf("unknown property %s%s; accepted: %s", quote(name), hint, strings.Join(names, ", "))
}

// quote quotes and cuts a value for an error of one line.
func quote(s string) string { return fmt.Sprintf("%q", cut(s, 200)) }

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}

// distance is the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			d := diagonal
			if a[i-1] != b[j-1] {
				d = 1 + min(diagonal, row[j], row[j-1])
			}
			diagonal, row[j] = row[j], d
		}
	}
	return row[len(b)]
}
