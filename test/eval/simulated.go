package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/test/published"
	"github.com/secretwatch/secretwatch/test/sim"
)

// What a simulated month must show.
const (
	maxMissed       = 1
	maxPerDay       = 1.0
	minTimesQuieter = 100.0
)

// simulated is the outcome of one month under one configuration.
type simulated struct {
	cfg      sim.Config
	networks string
	learning time.Duration
	detector *detector.Detector
	verdict  detector.Verdict

	attacks  []sim.Attack
	byAttack map[int]*flagged
	events   int

	days                       float64
	byDay                      []int // first findings at medium or higher
	first, low, repeats        int   // benign findings: medium or higher, low, tagged repeats
	firstRules, firstBehaviour tally
	crossed                    tally // behaviour and rules
	lowRules, lowBehaviour     tally
	examples                   []string
	judged                     int

	pub *publishedCount
}

// publishedCount is what the published rules say of the same month.
type publishedCount struct {
	rules   *published.Rules
	benign  [published.NumRules]int
	total   int
	attacks map[int]published.Alerts
}

func runSimulated(cfg sim.Config, learning time.Duration, networks string, verbose bool) ([]*simulated, error) {
	pub := &publishedCount{rules: published.New(), attacks: map[int]published.Alerts{}}
	var runs []*simulated
	for _, with := range []string{sim.Networks, ""} {
		if networks == "on" && with == "" || networks == "off" && with != "" {
			continue
		}
		dc := detector.DefaultConfig()
		dc.LearningPeriod = learning
		var err error
		if dc.Networks, err = parseNetworks(with); err != nil {
			return nil, err
		}
		d, err := detector.New(dc)
		if err != nil {
			return nil, err
		}
		runs = append(runs, &simulated{cfg: cfg, networks: with, learning: learning, detector: d, pub: pub,
			byAttack: map[int]*flagged{}, firstRules: tally{}, crossed: tally{}, firstBehaviour: tally{}, lowRules: tally{}, lowBehaviour: tally{},
			days: float64(cfg.Days), byDay: make([]int, cfg.Days+1)})
	}
	learned := sim.Start.Add(learning).UnixNano()
	attacks := sim.Run(cfg, func(ev *audit.Event, l *sim.Label) {
		pub.add(ev, l, learned)
		for _, r := range runs {
			r.add(ev, l, verbose)
		}
	})
	for _, r := range runs {
		r.attacks = attacks
	}
	return runs, nil
}

func (p *publishedCount) add(ev *audit.Event, l *sim.Label, learned int64) {
	alerts := p.rules.Judge(ev)
	if alerts == 0 || ev.Time < learned {
		return
	}
	if l.Attack > 0 {
		p.attacks[l.Attack] |= alerts
		return
	}
	p.total += alerts.Count()
	for r := range published.NumRules {
		if alerts.Has(r) {
			p.benign[r]++
		}
	}
}

func (r *simulated) add(ev *audit.Event, l *sim.Label, verbose bool) {
	r.events++
	v := &r.verdict
	result := r.detector.Judge(ev, v)
	if l.Attack > 0 {
		f := r.byAttack[l.Attack]
		if f == nil {
			f = &flagged{}
			r.byAttack[l.Attack] = f
		}
		if result == detector.Found || result == detector.Clean {
			f.requests++
		}
		if result == detector.Found {
			f.add(v)
		}
		return
	}
	if result == detector.Found || result == detector.Clean {
		r.judged++
	}
	if result != detector.Found {
		return
	}
	if !v.First {
		r.repeats++
		return
	}
	rules, behaviour := strings.Join(v.Rules, " + "), l.Actor+": "+l.Behaviour
	if v.Severity < rule.Medium {
		r.low++
		r.lowRules[rules]++
		r.lowBehaviour[behaviour]++
		return
	}
	r.first++
	if d := int((ev.Time - sim.Start.UnixNano()) / int64(24*time.Hour)); d < len(r.byDay) {
		r.byDay[d]++
	}
	r.firstRules[rules]++
	r.firstBehaviour[behaviour]++
	r.crossed[behaviour+" = "+rules]++
	if verbose {
		r.examples = append(r.examples, fmt.Sprintf("%s %-8s %-34s %s %s %s/%s [%s]: %s", time.Unix(0, ev.Time).UTC().Format("01-02 15:04:05"),
			v.Severity, behaviour, ev.User.Username, ev.Verb, ev.Namespace, ev.Name, rules, v.Reason))
	}
}

// caught counts attacks at medium or higher and lists the others. Attacks that
// found no victim do not count.
func (r *simulated) caught() (caught, of int, missed []string) {
	for _, a := range r.attacks {
		if a.Requests == 0 {
			continue
		}
		of++
		f := r.byAttack[a.ID]
		if f != nil && f.highest >= rule.Medium {
			caught++
			continue
		}
		said := "nothing was said"
		if f != nil && f.reason != "" {
			said = f.highest.String() + ": " + f.reason
		}
		missed = append(missed, fmt.Sprintf("#%d %s, %s (%s); %s", a.ID, a.Start.Format("01-02 15:04"), a.Kind, a.Story, said))
	}
	return caught, of, missed
}

func (r *simulated) perDay() float64 { return float64(r.first) / r.days }

// publishedPerDay leaves out the learning period, in which everything is new to
// the published rules; the detector's own findings in it count.
func (r *simulated) publishedPerDay() float64 {
	return float64(r.pub.total) / max(r.days-r.learning.Hours()/24, 1)
}

func (r *simulated) ratio() float64 {
	return r.publishedPerDay() / max(r.perDay(), 1/r.days)
}

func (r *simulated) print(w io.Writer, verbose bool) {
	caught, of, missed := r.caught()
	fmt.Fprintf(w, "== %d simulated days, seed %d, learning %v, %s\n", r.cfg.Days, r.cfg.Seed, r.learning, describe(r.networks))
	fmt.Fprintf(w, "   %d events, %d benign requests judged\n", r.events, r.judged)
	fmt.Fprintf(w, "   attacks at medium or higher: %d of %d\n", caught, of)
	for _, m := range missed {
		fmt.Fprintf(w, "      missed %s\n", m)
	}
	if verbose {
		for _, a := range r.attacks {
			if f := r.byAttack[a.ID]; f != nil && f.highest >= rule.Medium {
				fmt.Fprintf(w, "      caught #%d %s (%s): %s, %d of %d requests at medium or higher, %s\n", a.ID, a.Kind, a.Story, f.highest, f.medium, f.requests, f.ruleList())
			}
		}
	}
	fmt.Fprintf(w, "   benign first findings: %d at medium or higher (%.2f a day), %d low (%.1f a day); %d tagged repeats\n",
		r.first, r.perDay(), r.low, float64(r.low)/r.days, r.repeats)
	fmt.Fprintf(w, "   medium or higher by day: %v\n", r.byDay[:r.cfg.Days])
	fmt.Fprintln(w, "   medium or higher by behaviour:")
	r.firstBehaviour.print(w, "    ", 30)
	fmt.Fprintln(w, "   medium or higher by rules:")
	r.firstRules.print(w, "    ", 20)
	fmt.Fprintln(w, "   low by behaviour:")
	r.lowBehaviour.print(w, "    ", 15)
	fmt.Fprintln(w, "   low by rules:")
	r.lowRules.print(w, "    ", 10)
	if verbose {
		fmt.Fprintln(w, "   medium or higher by behaviour and rules:")
		r.crossed.print(w, "    ", 60)
		for _, x := range r.examples {
			fmt.Fprintln(w, "      "+x)
		}
	}
	fmt.Fprintf(w, "   published rules: %d benign alerts (%.0f a day), %.0f times the detector's\n", r.pub.total, r.publishedPerDay(), r.ratio())
	for rl := range published.NumRules {
		fmt.Fprintf(w, "    %8d  %s\n", r.pub.benign[rl], rl.Describe())
	}
	people := 0
	all := 0
	for _, a := range r.pub.attacks {
		all++
		if a&^(1<<published.WorkloadRead|1<<published.TokenCreated) != 0 {
			people++
		}
	}
	fmt.Fprintf(w, "   published rules alert on %d of %d attacks, on %d without the rules that alert on every workload read and token\n\n", all, of, people)
}

func (r *simulated) unmet() []string {
	var list []string
	where := fmt.Sprintf("seed %d, %s: ", r.cfg.Seed, describe(r.networks))
	caught, of, _ := r.caught()
	if caught < of-maxMissed {
		list = append(list, fmt.Sprintf("%s%d of %d attacks caught", where, caught, of))
	}
	if r.perDay() > maxPerDay {
		list = append(list, fmt.Sprintf("%s%.2f benign findings a day", where, r.perDay()))
	}
	if r.ratio() < minTimesQuieter {
		list = append(list, fmt.Sprintf("%sonly %.0f times quieter than the published rules", where, r.ratio()))
	}
	return list
}
