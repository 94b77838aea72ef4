package bench

import (
	"strconv"
)

// Scenes are one finding of each rule, by rule id, on top of what Cluster
// learnt.
var Scenes = map[string]func(b *Bench) Got{
	"anonymous-access": func(b *Bench) Got { return b.Send(Anonymous) },
	"unusual-user":     func(b *Bench) Got { return b.Send(Mallory) },
	"unusual-user-agent": func(b *Bench) Got {
		return b.Send(With(K9s))
	},
	"new-source-ip": func(b *Bench) Got { return b.Send(From(Outside)) },
	"suspicious-user-agent": func(b *Bench) Got {
		return b.Send(With(Curl))
	},
	"new-namespace": func(b *Bench) Got { return b.Send(On("pay", "card")) },
	"denied-access": func(b *Bench) Got { return b.Send(On("shop", "root-ca"), Denied) },
	"impersonation": func(b *Bench) Got { return b.Send(Acting("bob", "pay-devs")) },
	"token-minted":  func(b *Bench) Got { return b.Send(Minting("shop", "web", "JTI=minted")) },
	"forged-forwarded-for": func(b *Bench) Got {
		return b.Send(From("192.0.2.10", Outside))
	},
	"credential-reuse":   func(b *Bench) Got { return b.Send(WebPod, From(Outside)) },
	"secret-enumeration": func(b *Bench) Got { return b.Send(List("")) },
	"identity-switch": func(b *Bench) Got {
		b.Send(From(Outside), With(Curl))
		return b.Send(Bob, From(Outside))
	},
	"secret-burst": func(b *Bench) (g Got) {
		for i := range b.Cfg.BurstCount {
			g = b.Send(On("shop", "secret-"+strconv.Itoa(i)))
		}
		return g
	},
}

// Hostile are texts that a client may send to confuse whoever reads them.
var Hostile = map[string]string{
	"control characters": "kube\x00ctl\x07\x1b[2J\x1b[31mfake\r\nalert: none",
	"bidi":               "kubectl \u202egnp.exe\u2066 \u200b(linux)",
	"quotes":             `kubectl"; severity="none"; reason='\'`,
	"newlines":           "kubectl\n{\"severity\":\"none\"}\n",
	"broken runes":       "k\xff\xc3(ubectl\xed\xa0\x80",
}

// Oversized is a user agent as the API server cuts it, within a rune.
func Oversized() string {
	b := make([]byte, 0, 1040)
	b = append(b, "agent-"...)
	for len(b) < 1023 {
		b = append(b, "ü"...)
	}
	return string(b[:1024]) + "...TRUNCATED"
}
