// Package sim generates the audit log of a middling Kubernetes cluster in
// event time: what people, workloads, nodes and controllers do with Secrets
// over some weeks, and attacks mixed into it. It is seeded and deterministic,
// reads no clock, and hands out events as they would reach a log shipper: near
// time order, from three API servers.
//
// # Assumptions
//
// It is written from what is known of audit events and of the clients that
// cause them, not from one cluster's log. What it assumes, and where it
// departs from a real cluster:
//
//   - The API servers see true client addresses (no source NAT in front of
//     them). Pods are not masqueraded. People come from an office NAT, a VPN
//     pool, homes (fixed, renewed every few days, or dual stack), mobile
//     networks, hotels and a bastion. One developer in twelve works through an
//     access proxy that impersonates.
//   - People: about 100. One in seven reads secrets several times a day, most
//     a few times a week, one in four less than once a week. Holidays, time
//     zones, weekends, an on-call rota, four new hires, three new laptops,
//     five people trying a new tool, two trying curl, two reading a whole
//     namespace in a loop, two administrators who list the whole cluster
//     although they never do.
//   - 400 service accounts that read secrets by API. Pods that only mount
//     secrets show through their kubelet. Every week about one in four
//     applications is deployed more than once; five change their client
//     library and a third upgrade it during the month.
//   - Kubernetes 1.35 and newer with informers that stream (sendInitialEvents),
//     some older informers that list and watch. The cluster itself is upgraded
//     once, node by node.
//   - Thinned, to keep a month near a million events: watches are re-opened
//     every hour or so instead of every five to ten minutes; a kubelet's
//     refresh of mounted secrets is kept once an hour and node instead of for
//     each secret; tokens are minted only for pods about to call for secrets.
//     Thinning removes repeats of what an identity does anyway.
//   - Only requests that concern Secrets, service account tokens and self
//     reviews are generated.
//   - Attackers know what they do: half of them use the victim's own client,
//     some its own address. Each attack leaves at least one trace that a
//     baseline of the identity could in principle see.
package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// Config says what to generate. Start from DefaultConfig.
type Config struct {
	Seed uint64
	Days int
	// Attacks is the number of attacks mixed in after QuietDays.
	Attacks int
	// QuietDays at the beginning have no attack.
	QuietDays int
	// ReceivedShare is the share of requests that also leave an event at stage
	// RequestReceived, as under policies that omit no stage.
	ReceivedShare float64
	// ResentShare is the share of events delivered twice, as by a webhook
	// backend after an error.
	ResentShare float64
}

// DefaultConfig is a month with 40 attacks.
func DefaultConfig(seed uint64) Config {
	return Config{
		Seed:          seed,
		Days:          30,
		Attacks:       40,
		QuietDays:     2,
		ReceivedShare: 0.03,
		ResentShare:   0.001,
	}
}

// Label says what an event is part of. Labels are shared between events.
type Label struct {
	// Attack is the attack's number from 1, or 0 for benign events.
	Attack int
	// Actor is who: person, app, node, ci, gitops, operator, control-plane or
	// nobody. For attacks it is "attack".
	Actor string
	// Behaviour names the benign behaviour or the kind of attack.
	Behaviour string
}

// Attack describes one attack that was mixed in.
type Attack struct {
	ID    int
	Kind  string
	Start time.Time
	Story string
	// Requests counts the attacker's requests; 0 if it never came to pass.
	Requests int
}

// Start is when every simulated log begins, a Monday.
var Start = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// Networks are the address ranges of the simulated cluster, as its owner would
// configure them.
const Networks = "pods=10.244.0.0/16, nodes=10.0.0.0/16, vpn=10.8.0.0/16, office=192.0.2.0/28, ci=198.51.100.0/24"

// Handler receives an event and its label. The event is valid until it
// returns and must not be changed.
type Handler func(ev *audit.Event, label *Label)

// Run generates the log and calls handle for every event in order of delivery.
// It returns the attacks that were mixed in.
func Run(cfg Config, handle Handler) []Attack {
	s := &simulation{
		cfg:    cfg,
		start:  Start.UnixNano(),
		handle: handle,
		labels: map[[2]string]*Label{},
	}
	s.now = s.start
	s.end = s.start + int64(cfg.Days)*day
	s.rng = s.random("world")
	s.build()
	s.loop()
	attacks := make([]Attack, len(s.attacks))
	for i, a := range s.attacks {
		attacks[i] = a.Attack
	}
	return attacks
}

const (
	second = int64(time.Second)
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
	day    = 24 * hour
)

type simulation struct {
	cfg        Config
	start, end int64 // ns since the epoch
	now        int64
	rng        *rand.Rand // for building the world and what belongs to nobody

	queue  queue
	handle Handler
	pool   []*audit.Event
	labels map[[2]string]*Label

	servers []*apiServer

	namespaces []*namespace // alive ones of teams, not previews
	nodes      []*node      // alive
	podNets    []bool       // pod networks in use, by third octet
	apps       []*app
	infra      map[string]*app
	manager    *controllerManager
	people     []*person
	ci         *ciSystem
	dashboard  *app
	gateway    *app   // an access proxy that impersonates people
	version    string // of the cluster

	attacks []*attack
	// recent benign requests: audit ids an attacker may have seen.
	recent [16]string
	nth    int
}

// random returns a generator of its own for name, so that what one actor does
// does not depend on how often another one asked.
func (s *simulation) random(name string) *rand.Rand {
	h := uint64(14695981039346656037)
	for i := 0; i < len(name); i++ {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return rand.New(rand.NewPCG(s.cfg.Seed*0x9e3779b97f4a7c15+1, h))
}

func (s *simulation) label(actor, behaviour string) *Label {
	k := [2]string{actor, behaviour}
	l := s.labels[k]
	if l == nil {
		l = &Label{Actor: actor, Behaviour: behaviour}
		s.labels[k] = l
	}
	return l
}

// build makes the world as it is on the first morning and schedules what will
// happen to it. The order matters: later parts refer to earlier ones.
func (s *simulation) build() {
	s.version = "v1.35.3"
	s.buildServers()
	s.buildNamespaces()
	s.buildNodes()
	s.buildCI()
	s.buildInfra()
	s.buildApps()
	s.buildControlPlane()
	s.buildPeople()
	s.buildNoise()
	s.buildAttacks()
}

func (s *simulation) String() string {
	return fmt.Sprintf("seed %d at %s", s.cfg.Seed, time.Unix(0, s.now).UTC().Format(time.RFC3339))
}
