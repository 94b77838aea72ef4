package sim

import "github.com/secretwatch/secretwatch/detector/audit"

// buildNoise adds what belongs to nobody in particular: scanners without
// credentials, and pods whose token died with them.
func (s *simulation) buildNoise() {
	r := s.random("noise")
	nobody := s.newID(r, audit.User{Username: "system:anonymous", Groups: []string{"system:unauthenticated"}})
	s.daily(func(int) {
		for range poisson(r, 2) {
			s.after(between(r, 0, day), func() {
				ips := []string{outside(r)}
				agent := pick(r, []string{"Mozilla/5.0 zgrab/0.x", "curl/7.68.0", "Go-http-client/1.1", ""})
				s.send(request{who: nobody, agent: agent, ips: ips, verb: "list", code: 403, label: s.label("nobody", "anonymous scan")})
			})
		}
		for range poisson(r, 0.4) {
			s.after(between(r, 0, day), func() { s.deadToken(pick(r, s.apps)) })
		}
		// A controller that lacks a right asks for hours.
		if r.IntN(4) == 0 {
			s.after(between(r, 0, day), func() { s.missingRight(pick(r, s.apps)) })
		}
	})
}

// deadToken is a program that goes on with a token of a deleted pod: 45 times
// in ten minutes.
func (s *simulation) deadToken(a *app) {
	if !a.callsAPI() || len(a.pods) == 0 || len(a.reads) == 0 {
		return
	}
	p := a.pods[0]
	for i := range int64(45) {
		s.after(i*13*second, func() {
			s.podRequest(p, request{verb: "get", ns: a.nsName, name: a.reads[0], code: 401, label: s.label("app", "dead token")})
		})
	}
}

func (s *simulation) missingRight(a *app) {
	if !a.callsAPI() || len(a.pods) == 0 || a.ns == nil {
		return
	}
	p := a.pods[0]
	wait := second
	for t := int64(0); t < 3*hour; t += wait {
		wait = min(2*wait, 5*minute)
		s.after(t, func() {
			if p.alive && p.token != 0 {
				s.podRequest(p, request{verb: "list", query: "limit=500&resourceVersion=0", code: 403, label: s.label("app", "missing right")})
			}
		})
	}
}
