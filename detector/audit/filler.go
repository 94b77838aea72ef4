package audit

import "strings"

// Filler fills an event field by field, for shapes in which events are taken
// apart. Names are paths with dots, such as user.username and
// annotations.authorization.k8s.io/decision; unknown ones are ignored. What is
// set is aliased, not copied.
type Filler struct {
	ev *Event
	s  shape
}

// Fill returns a filler for ev, which it empties.
func Fill(ev *Event) Filler {
	ev.Reset()
	return Filler{ev: ev}
}

// Text sets a field that is a string, or the first entry of one that is a list.
func (f *Filler) Text(path, v string) {
	head, rest, deep := strings.Cut(path, ".")
	if !deep {
		f.ev.setTop(path, v, &f.s)
	}
	var field *string
	switch head {
	case "user":
		field = f.ev.User.field(rest)
	case "impersonatedUser":
		field = f.ev.Impersonated.field(rest)
	case "objectRef":
		field = f.ev.reference(rest)
	case "annotations":
		field = f.ev.annotation(rest)
	case "responseStatus":
		if rest == "message" {
			field = &f.ev.StatusMessage
		}
	}
	if field != nil {
		*field = v
	}
}

func (u *User) field(name string) *string {
	switch name {
	case "username":
		return &u.Username
	case "uid":
		return &u.UID
	}
	if key, ok := strings.CutPrefix(name, "extra."); ok {
		return u.extra(key)
	}
	return nil
}

// Add appends an entry to a field that is a list.
func (f *Filler) Add(path, v string) {
	switch path {
	case "sourceIPs":
		f.ev.SourceIPs = append(f.ev.SourceIPs, v)
	case "user.groups":
		f.ev.User.Groups = append(f.ev.User.Groups, v)
	case "impersonatedUser.groups":
		f.ev.Impersonated.Groups = append(f.ev.Impersonated.Groups, v)
	default:
		// Of an entry of user.extra the first value counts.
		if key, ok := strings.CutPrefix(path, "user.extra."); ok {
			if field := f.ev.User.extra(key); field != nil && *field == "" {
				*field = v
			}
		}
	}
}

// Number sets a field that is a number.
func (f *Filler) Number(path string, n int64) {
	if path != "responseStatus.code" {
		return
	}
	if code, ok := codeOf(float64(n)); ok {
		f.ev.Code = code
	}
}

// Done reports whether what was filled in is an audit event.
func (f *Filler) Done() bool { return f.s.isAudit() }
