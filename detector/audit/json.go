package audit

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/valyala/fastjson/fastfloat"
)

// Parser reads audit events from JSON text. The zero value is ready. It may not
// be used from several goroutines at once.
type Parser struct {
	b     []byte  // the copy of the input
	marks []marks // of it
}

// ErrSyntax is wrapped by the errors for text that is no JSON.
var ErrSyntax = errors.New("broken JSON")

// largeInput is the size in bytes from which the parser's memory is given back
// afterwards.
const largeInput = 256 << 10

// ParseJSON fills ev from the JSON text of one audit event. data is copied, so
// it may change afterwards; what ev holds aliases the parser's memory and is
// valid until the next call.
//
// A field of another type than the API's is taken as absent. Escapes that are
// no JSON and lone surrogates stay as they are written, invalid UTF-8 is passed
// on. Errors are ErrNotAudit, or wrap ErrSyntax for text that is broken or
// nested deeper than 300 levels; ev is then in no defined state.
func (p *Parser) ParseJSON(data []byte, ev *Event) error {
	if cap(p.b) > largeInput {
		p.b, p.marks = nil, nil
	}
	p.b = append(append(p.b[:0], data...), padding...)
	ev.Reset()
	s := p.scanner()
	audit := false
	if s.peek() == '{' {
		audit = s.event(ev)
	} else {
		s.skip()
	}
	switch {
	case !s.ended():
		return fmt.Errorf("%w near byte %d of %d", ErrSyntax, s.at, s.n)
	case !audit:
		return ErrNotAudit
	}
	return nil
}

// scanner returns a scanner of p.b.
func (p *Parser) scanner() scanner {
	if !marking {
		return newScanner(p.b, nil)
	}
	p.b = slices.Grow(p.b, 63) // marks are of 64 bytes each
	p.marks = mark(p.marks, p.b[:(len(p.b)+63)/64*64])
	return newScanner(p.b, p.marks)
}

// event reads an object and reports whether it is an event.
func (s *scanner) event(ev *Event) bool {
	var sh shape
	s.enter()
	for key, ok := s.key(); ok; key, ok = s.key() {
		switch s.peek() {
		case '"':
			ev.setTop(key, s.text(), &sh)
		case '{':
			switch key {
			case "user":
				s.user(&ev.User)
			case "impersonatedUser":
				s.user(&ev.Impersonated)
			case "objectRef":
				s.enter()
				for key, ok := s.key(); ok; key, ok = s.key() {
					s.set(ev.reference(key))
				}
			case "annotations":
				s.enter()
				for key, ok := s.key(); ok; key, ok = s.key() {
					s.set(ev.annotation(key))
				}
			case "responseStatus":
				s.status(ev)
			default:
				s.skip()
			}
		case '[':
			if key == "sourceIPs" {
				ev.SourceIPs = s.strings(ev.SourceIPs[:0])
			} else {
				s.skip()
			}
		default:
			s.skip()
		}
	}
	return sh.isAudit()
}

func (s *scanner) user(u *User) {
	s.enter()
	for key, ok := s.key(); ok; key, ok = s.key() {
		next := s.peek()
		switch {
		case key == "username":
			s.set(&u.Username)
		case key == "uid":
			s.set(&u.UID)
		case key == "groups" && next == '[':
			u.Groups = s.strings(u.Groups[:0])
		case key == "extra" && next == '{':
			s.enter()
			for key, ok := s.key(); ok; key, ok = s.key() {
				s.setFirst(u.extra(key))
			}
		default:
			s.skip()
		}
	}
}

func (s *scanner) status(ev *Event) {
	s.enter()
	for key, ok := s.key(); ok; key, ok = s.key() {
		switch key {
		case "message":
			s.set(&ev.StatusMessage)
		case "code":
			s.code(&ev.Code)
		default:
			s.skip()
		}
	}
}

// set reads the value that is next into a field that may be nil, if it is a
// string.
func (s *scanner) set(field *string) {
	switch {
	case s.peek() != '"':
		s.skip()
	case field == nil:
		s.raw()
	default:
		*field = s.text()
	}
}

// setFirst reads the first element of the array that is next the way set does.
func (s *scanner) setFirst(field *string) {
	if s.peek() != '[' {
		s.skip()
		return
	}
	s.enter()
	for s.more(']') {
		s.set(field)
		field = nil
	}
}

// code reads a response code, if there is one.
func (s *scanner) code(field *int) {
	switch s.peek() {
	case '"', '{', '[', 't', 'f', 'n':
		s.skip()
		return
	}
	if n, ok := codeOf(fastfloat.ParseBestEffort(s.number())); ok && !s.bad {
		*field = n
	}
}

// strings appends the strings of the array that is next; other elements are
// left out.
func (s *scanner) strings(dst []string) []string {
	s.enter()
	for s.more(']') {
		if s.peek() == '"' {
			dst = append(dst, s.text())
		} else {
			s.skip()
		}
	}
	return dst
}

// aliasOf is b as a string that shares its memory.
func aliasOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
