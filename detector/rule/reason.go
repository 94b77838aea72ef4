package rule

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/secretwatch/secretwatch/detector/history"
)

// maxClientText is how much of a text that a client chose is shown, in bytes
// before escaping.
const maxClientText = 80

// Say appends to the last finding's reason.
func (c *Case) Say(parts ...string) {
	for _, p := range parts {
		c.text = append(c.text, p...)
	}
	c.said()
}

// SayText appends text that a client may have chosen, cut and escaped.
func (c *Case) SayText(s string) {
	c.text = AppendText(c.text, s, maxClientText)
	c.said()
}

// SayInt appends a number.
func (c *Case) SayInt(n int) {
	c.text = strconv.AppendInt(c.text, int64(n), 10)
	c.said()
}

// SaySource appends where the access came from: its address and, where that
// counts as a network, the network.
func (c *Case) SaySource() {
	src := &c.Source
	switch {
	case !src.Addr.IsValid():
		c.text = append(c.text, "unknown"...)
	case src.Network != "":
		c.text = src.Addr.AppendTo(c.text)
		c.text = append(c.text, " ("...)
		c.text = append(c.text, src.Network...)
		c.text = append(c.text, ')')
	default:
		c.text = src.Addr.AppendTo(c.text)
	}
	c.said()
}

// SayWindow appends how far back the history reaches: "7d".
func (c *Case) SayWindow() {
	c.SaySpan(c.Store.Bounds.Window)
}

// SayKnown appends up to three established values of a dimension, and how many
// more there are: "known: kubectl linux/amd64, k9s linux/amd64 and 2 more".
func (c *Case) SayKnown(d history.Dim) {
	set := &c.P.Sets[d]
	n, shown := set.Len(), 0
	if n == 0 {
		c.Say("none known")
		return
	}
	c.text = append(c.text, "known: "...)
	set.Each(func(v *history.Value) {
		if v.Flagged != 0 || shown == 3 || v.Text == "" {
			return
		}
		if shown > 0 {
			c.text = append(c.text, ", "...)
		}
		c.text = AppendText(c.text, v.Text, 40)
		shown++
	})
	if n > shown {
		c.text = append(c.text, " and "...)
		c.text = strconv.AppendInt(c.text, int64(n-shown), 10)
		c.text = append(c.text, " more"...)
	}
	c.said()
}

// SayRepeat marks a finding whose value was called out before.
func (c *Case) SayRepeat(repeat bool) {
	if repeat {
		c.Say(" (again)")
	}
}

// SaySpan appends a duration in nanoseconds.
func (c *Case) SaySpan(ns int64) {
	c.text = AppendDuration(c.text, time.Duration(ns))
	c.said()
}

func (c *Case) said() {
	c.Findings[len(c.Findings)-1].reason[1] = len(c.text)
}

// AppendText appends at most limit bytes of s, cut at a rune, with everything
// that is not printable, quotes and backslashes escaped in Go's way, so that
// what a client sent cannot imitate the text around it or move a cursor.
func AppendText(dst []byte, s string, limit int) []byte {
	cut := false
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s, cut = s[:limit], true
	}
	for len(s) > 0 {
		if b := s[0]; b < utf8.RuneSelf {
			switch {
			case b == '"' || b == '\\' || b == ';':
				dst = append(dst, '\\', b)
			case b >= 0x20 && b < 0x7f:
				dst = append(dst, b)
			default:
				dst = append(dst, '\\', 'x', hex[b>>4], hex[b&15])
			}
			s = s[1:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, '\\', 'x', hex[s[0]>>4], hex[s[0]&15])
		case strconv.IsPrint(r):
			dst = append(dst, s[:n]...)
		default:
			q := strconv.QuoteRuneToASCII(r)
			dst = append(dst, q[1:len(q)-1]...)
		}
		s = s[n:]
	}
	if cut {
		dst = append(dst, "…"...)
	}
	return dst
}

const hex = "0123456789abcdef"

// AppendDuration appends a duration in its largest units: 7d, 1d12h, 90m.
func AppendDuration(dst []byte, d time.Duration) []byte {
	units := []struct {
		name string
		d    time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	n, parts := len(dst), 0
	for _, u := range units {
		if d >= u.d && parts < 2 {
			dst = strconv.AppendInt(dst, int64(d/u.d), 10)
			dst = append(dst, u.name...)
			d %= u.d
			parts++
		}
	}
	if len(dst) == n {
		dst = append(dst, "0s"...)
	}
	return dst
}

// SayObject appends what the access was about: "secret prod/db", "secrets in
// prod", "secrets of all namespaces".
func (c *Case) SayObject() {
	switch {
	case c.ClusterWide:
		c.Say("secrets of all namespaces")
	case c.Bulk:
		c.Say("secrets in ")
		c.SayText(c.Namespace)
	default:
		c.Say("secret ")
		c.SayText(c.Namespace)
		c.Say("/")
		c.SayText(c.Name)
	}
}
