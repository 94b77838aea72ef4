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
// the two cannot differ.
type format interface {
	// keys returns the top-level keys, in the order in which appendFields
	// writes them. The result is not changed.
	keys() []string
	// appendFields appends one key and value for each of keys as MessagePack.
	// What is appended is valid UTF-8 throughout.
	appendFields(dst []byte, v *detector.Verdict) []byte
}

// formats makes a format by name.
var formats = map[string]func(*Options) format{
	"native": newNative,
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
	b := p.format.appendFields(nil, v)
	return AppendMembers(dst, b, len(p.format.keys()))
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
