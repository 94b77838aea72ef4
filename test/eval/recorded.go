package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/test/published"
)

// recordedNetworks are the address ranges of the recorded cluster.
const recordedNetworks = "pods=10.244.0.0/16, nodes=10.0.0.0/24, ci=198.51.100.0/24"

// requestKey names a request. The audit id alone would not do: clients choose it.
type requestKey struct {
	id string
	at int64
}

type story struct {
	Scenario    string  `json:"scenario"`
	Label       string  `json:"label"`
	Start       float64 `json:"start"`
	Description string  `json:"description"`
}

type requestLabel struct {
	AuditID  string `json:"auditID"`
	Received string `json:"requestReceivedTimestamp"`
	Scenario string `json:"scenario"`
	Label    string `json:"label"`
	Secret   bool   `json:"secret"`
}

// recorded is the labelled log of a real API server.
type recorded struct {
	lines   [][]byte
	labels  map[requestKey]requestLabel
	stories []story
}

func readLines(path string, each func(line []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		if err := each(sc.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return sc.Err()
}

func readRecorded(dir string) (*recorded, error) {
	log := &recorded{labels: map[requestKey]requestLabel{}}
	err := readLines(filepath.Join(dir, "audit.jsonl.gz"), func(line []byte) error {
		log.lines = append(log.lines, append([]byte(nil), line...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = readLines(filepath.Join(dir, "labels.jsonl.gz"), func(line []byte) error {
		var l requestLabel
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		t, err := time.Parse(time.RFC3339Nano, l.Received)
		if err != nil {
			return err
		}
		log.labels[requestKey{l.AuditID, t.UnixNano()}] = l
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = readLines(filepath.Join(dir, "scenarios.jsonl"), func(line []byte) error {
		var s story
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		log.stories = append(log.stories, s)
		return nil
	})
	return log, err
}

// scenario is what was said of the requests of one scenario.
type scenario struct {
	name, label string
	detector    flagged
	published   map[requestKey]published.Alerts
	rules       published.Alerts
	examples    []string
}

type recordedResult struct {
	networks string
	byName   map[string]*scenario
	order    []*scenario // as they first appear after learning
	stories  map[string]string
}

// run judges the log once with the given networks.
func (log *recorded) run(networks string) (*recordedResult, error) {
	cfg := detector.DefaultConfig()
	var err error
	if cfg.Networks, err = parseNetworks(networks); err != nil {
		return nil, err
	}
	cfg.BurstWindow = time.Minute // the log is compressed time
	begin := int64(log.stories[0].Start * 1e9)
	for _, s := range log.stories {
		begin = min(begin, int64(s.Start*1e9))
	}
	var p audit.Parser
	var ev audit.Event
	var first int64
	for _, line := range log.lines {
		if p.ParseJSON(line, &ev) == nil && ev.Resource == "secrets" && ev.APIGroup == "" && ev.Stage != audit.StageRequestReceived {
			first = ev.Time
			break
		}
	}
	cfg.LearningPeriod = time.Duration(begin - first)
	d, err := detector.New(cfg)
	if err != nil {
		return nil, err
	}

	res := &recordedResult{networks: networks, byName: map[string]*scenario{}, stories: map[string]string{}}
	for _, s := range log.stories {
		res.stories[s.Scenario] = s.Description
	}
	pub := published.New()
	worst := map[requestKey]rule.Severity{}
	counted := map[requestKey]bool{}
	var v detector.Verdict
	for _, line := range log.lines {
		if err := p.ParseJSON(line, &ev); err != nil {
			return nil, fmt.Errorf("%w: %.200s", err, line)
		}
		result := d.Judge(&ev, &v)
		alerts := pub.Judge(&ev)
		if ev.Time < begin {
			continue
		}
		key := requestKey{ev.AuditID, ev.Time}
		l, ok := log.labels[key]
		if !ok {
			return nil, fmt.Errorf("no label for audit id %s", ev.AuditID)
		}
		s := res.byName[l.Scenario]
		if s == nil {
			s = &scenario{name: l.Scenario, label: l.Label, published: map[requestKey]published.Alerts{}}
			res.byName[l.Scenario] = s
			res.order = append(res.order, s)
		}
		key.id = strings.Clone(key.id)
		if l.Secret && !counted[key] {
			counted[key] = true
			s.detector.requests++
		}
		if alerts != 0 {
			s.published[key] |= alerts
			s.rules |= alerts
		}
		if result == detector.Found && v.Severity > worst[key] {
			worst[key] = v.Severity
			s.detector.add(&v)
			if v.Severity >= rule.Medium {
				s.examples = append(s.examples, fmt.Sprintf("%s %v %s: %s", v.Severity, v.Rules, v.User, v.Reason))
			}
		}
	}
	return res, nil
}

// figures are recall and false alerts.
type figures struct {
	attacks, caught, caughtPublished    int
	benign, medium, low, alertPublished int
	lookalike, lookMedium               int
	missed                              []string
}

func (r *recordedResult) figures() figures {
	var f figures
	for _, s := range r.order {
		d := &s.detector
		switch s.label {
		case "attack":
			f.attacks++
			if d.highest >= rule.Medium {
				f.caught++
			} else {
				f.missed = append(f.missed, s.name)
			}
			if s.rules != 0 {
				f.caughtPublished++
			}
		case "odd", "setup":
			// Raw requests of a tester: neither attack nor habit.
		default:
			f.benign += d.requests
			f.medium += d.medium
			f.low += d.low
			f.alertPublished += len(s.published)
			if s.label == "benign-lookalike" {
				f.lookalike += d.requests
				f.lookMedium += d.medium
			}
		}
	}
	return f
}

func (r *recordedResult) print(w io.Writer, verbose bool) {
	fmt.Fprintf(w, "== recorded log, %s\n", describe(r.networks))
	fmt.Fprintf(w, "   %-28s %8s | %4s %7s %-8s | %9s | %s\n", "scenario", "requests", "low", "medium+", "highest", "published", "rules")
	order := append([]*scenario(nil), r.order...)
	rank := map[string]int{"attack": 0, "benign-lookalike": 1, "odd": 2}
	at := func(s *scenario) int {
		if n, ok := rank[s.label]; ok {
			return n
		}
		return 3
	}
	sort.SliceStable(order, func(i, j int) bool { return at(order[i]) < at(order[j]) })
	for _, s := range order {
		d := &s.detector
		name := s.name
		if s.label == "attack" {
			name = "attack " + name
		}
		fmt.Fprintf(w, "   %-28s %8d | %4d %7d %-8s | %9d | %s\n", name, d.requests, d.low, d.medium, d.highest, len(s.published), d.ruleList())
		if verbose && s.label != "attack" && s.label != "odd" {
			for _, x := range s.examples {
				fmt.Fprintf(w, "        %s\n", x)
			}
		}
	}
	f := r.figures()
	fmt.Fprintf(w, "   detector:  %d of %d attacks at medium or higher; of %d ordinary requests %d flagged medium or higher, %d low\n",
		f.caught, f.attacks, f.benign, f.medium, f.low)
	fmt.Fprintf(w, "   published: %d of %d attacks; of %d ordinary requests %d alerted on\n\n", f.caughtPublished, f.attacks, f.benign, f.alertPublished)
}

func (r *recordedResult) unmet() []string {
	f := r.figures()
	var list []string
	where := "recorded log, " + describe(r.networks) + ": "
	if f.caught < f.attacks {
		list = append(list, where+"attacks missed: "+strings.Join(f.missed, ", "))
	}
	if f.medium > 0 {
		list = append(list, fmt.Sprintf("%s%d ordinary requests at medium or higher", where, f.medium))
	}
	return list
}
