package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// format turns a verdict into the fields that a tagged record gains. JSON is
// not a second way to write them but a rendering of the MessagePack, so that
// the two cannot differ. What is appended is valid UTF-8 throughout.
type format interface {
	// keys returns the top-level keys that are the format's own: a record that
	// has one of them already loses it, or, where the format rebuilds, has it
	// merged or moved. The result is not changed.
	keys() []string
	// appendFields appends keys and values as MessagePack and returns how many
	// pairs they are.
	appendFields(dst []byte, t *tag) (out []byte, pairs int)
	// appendRedacted appends the one pair that a record gains from which
	// something was removed and that is not tagged otherwise.
	appendRedacted(dst []byte) []byte
	// rebuilds says that fields are not just appended: rebuild appends a whole
	// body, made of the body of a record and what is told of it.
	rebuilds() bool
	rebuild(dst, body []byte, t *tag) []byte
}

// redactedKeys are the keys that appendRedacted writes, of all formats: a record
// has one of them at most.
var redactedKeys = [...]string{verdictKey, flatPrefix + "redacted"}

// formats makes a format by name.
var formats = map[string]func(*Options) format{
	"native": newNative,
	"flat":   newFlat,
	"ecs":    newECS,
}

// Formats returns the accepted values of Options.Format.
func Formats() []string {
	names := make([]string, 0, len(formats))
	for name := range formats {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func newFormat(opts *Options) (format, error) {
	name := opts.Format
	if name == "" {
		name = "native"
	}
	f := formats[name]
	if f == nil {
		return nil, fmt.Errorf("format %q: accepted are %s", name, strings.Join(Formats(), ", "))
	}
	return f(opts), nil
}

// AppendJSON appends the fields that a record with this verdict gains as the
// members of a JSON object, without its braces.
func (p *Pipeline) AppendJSON(dst []byte, v *detector.Verdict) []byte {
	b, pairs := p.format.appendFields(nil, &tag{verdict: v})
	return AppendMembers(dst, b, pairs)
}

// AppendMembers appends pairs key-value pairs of MessagePack as the members of
// a JSON object, without its braces.
func AppendMembers(dst, b []byte, pairs int) []byte {
	at := 0
	for i := range pairs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, at, _ = msgpack.AppendJSON(dst, b, at)
		dst = append(dst, ':')
		dst, at, _ = msgpack.AppendJSON(dst, b, at)
	}
	return dst
}

// appendText appends s as a str, invalid UTF-8 replaced: client text is passed
// on, but what this plugin adds must not be what makes a record unreadable.
func appendText(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return msgpack.AppendStr(dst, s)
}
