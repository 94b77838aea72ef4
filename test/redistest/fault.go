package redistest

import (
	"strings"
	"time"
)

// fault is what a proxy does with requests, by one at a time. The zero value
// passes them on.
type fault struct {
	delay  time.Duration
	refuse bool
	drop   bool   // requests are not passed on
	lose   bool   // answers are not passed on
	answer []byte // in place of the server's
	errors bool   // answer is an error: connections are set up nevertheless
}

// setup are the commands that a server in trouble still answers, and with which a
// client sets a connection up.
var setup = map[string]bool{
	"AUTH": true, "CLIENT": true, "CLUSTER": true, "COMMAND": true, "HELLO": true,
	"READONLY": true, "READWRITE": true, "SELECT": true,
}

// answers says whether the fault answers a request itself.
func (f *fault) answers(request []byte) bool {
	return f.answer != nil && !(f.errors && setup[commandName(request)])
}

// Pass ends the present fault: requests and answers pass again. A connection on
// which a request or an answer got lost stays silent until the client closes it,
// since what follows would be taken for the answer to something else.
func (p *Proxy) Pass() {
	p.t.Helper()
	p.become(fault{})
}

// Delay has every answer wait for at least d from its request.
func (p *Proxy) Delay(d time.Duration) {
	p.t.Helper()
	p.become(fault{delay: d})
}

// Drop accepts connections and requests, does not pass the requests on and never
// answers.
func (p *Proxy) Drop() {
	p.t.Helper()
	p.become(fault{drop: true})
}

// LoseAnswers passes requests on, so that they take effect, but no answers.
func (p *Proxy) LoseAnswers() {
	p.t.Helper()
	p.become(fault{lose: true})
}

// Refuse closes all connections and refuses new ones.
func (p *Proxy) Refuse() {
	p.t.Helper()
	p.become(fault{refuse: true})
}

// Garbage answers every request with bytes that are no RESP.
func (p *Proxy) Garbage() {
	p.t.Helper()
	p.become(fault{answer: []byte("\x15\x03\x01\x00\x02\x02\x46\r\n\r\n}{\x00\xff\r\n")})
}

// ErrorReplies answers every request with an error such as "READONLY You can't
// write against a read only replica." or "LOADING Redis is loading", with or
// without the minus sign of the wire. Commands that set a connection up (HELLO,
// AUTH, CLIENT, SELECT, CLUSTER and the like) pass.
func (p *Proxy) ErrorReplies(text string) {
	p.t.Helper()
	p.become(fault{answer: []byte("-" + strings.TrimPrefix(text, "-") + "\r\n"), errors: true})
}
