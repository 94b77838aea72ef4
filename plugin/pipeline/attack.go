package pipeline

import "github.com/secretwatch/secretwatch/detector/msgpack"

// attack is one technique of MITRE ATT&CK for Enterprise (attack.mitre.org) with
// the tactic under which rules mean it.
type attack struct {
	id       string // T1552.007
	name     string // of the technique
	sub      string // of the sub-technique, if it is one
	tacticID string
	tactic   string
}

// attacks are the techniques that rules name. A test holds it against them.
var attacks = []attack{
	{"T1069.003", "Permission Groups Discovery", "Cloud Groups", "TA0007", "Discovery"},
	{"T1078", "Valid Accounts", "", "TA0001", "Initial Access"},
	{"T1078.001", "Valid Accounts", "Default Accounts", "TA0001", "Initial Access"},
	{"T1090", "Proxy", "", "TA0011", "Command and Control"},
	{"T1134", "Access Token Manipulation", "", "TA0004", "Privilege Escalation"},
	{"T1528", "Steal Application Access Token", "", "TA0006", "Credential Access"},
	{"T1550.001", "Use Alternate Authentication Material", "Application Access Token", "TA0008", "Lateral Movement"},
	{"T1552.007", "Unsecured Credentials", "Container API", "TA0006", "Credential Access"},
	{"T1613", "Container and Resource Discovery", "", "TA0007", "Discovery"},
}

// technique is the id without the sub-technique.
func (a *attack) technique() string { return a.id[:len("T1552")] }

func attackOf(id string) *attack {
	for i := range attacks {
		if attacks[i].id == id {
			return &attacks[i]
		}
	}
	return nil
}

// attackList is a field that lists something of each technique once.
func attackList(name string, get func(*attack) (string, bool)) ecsField {
	return ecsField{name, func(dst []byte, _ *ecs, t *tag) []byte {
		// There are far fewer techniques than this.
		var all [16]string
		n := 0
	techniques:
		for _, id := range t.verdict.Techniques {
			a := attackOf(id)
			if a == nil || n == len(all) {
				continue
			}
			s, ok := get(a)
			if !ok {
				continue
			}
			for _, was := range all[:n] {
				if was == s {
					continue techniques
				}
			}
			all[n] = s
			n++
		}
		if n == 0 {
			return dst
		}
		dst = msgpack.AppendArrayHeader(dst, n)
		for _, s := range all[:n] {
			dst = msgpack.AppendStr(dst, s)
		}
		return dst
	}}
}
