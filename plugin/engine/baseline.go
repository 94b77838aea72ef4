package engine

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/plugin/logfile"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// Baseline teaches an empty memory from old audit logs: their events are judged
// in the order of their times, and whatever they do is taken as habit.
type Baseline struct {
	Config *config.Config // Baseline, Key and Detector are used
	Memory *detector.Memory
	Log    pipeline.Logger
	Until  time.Time // zero for no limit
	// Tell, if not nil, is given each event before it is judged, with the detector
	// that judges it.
	Tell func(d *detector.Detector, ev *audit.Event)

	// Files are the logs; if there are none, those that Config.Baseline matches.
	Files []string

	bytes  int64
	events int
	from   int64 // times of the first and last event
	to     int64
	cut    bool // a log was not read to its end, for lack of time
}

// maxOpen is how many logs are read side by side. More of them overlap only
// where there are as many API servers.
const maxOpen = 64

const every = 5 * time.Second // between lines about progress

// Load reads the logs. What it could and could not do is told in the log. It
// reports whether all was read, after which the memory has learnt.
func (b *Baseline) Load() bool {
	files := b.Files
	if len(files) == 0 {
		files = b.match()
	}
	if len(files) == 0 {
		b.Log.Warnf("baseline %s: no such file, history begins empty", strings.Join(b.Config.Baseline, ", "))
		return false
	}
	cfg := b.Config.Detector
	cfg.LearningPeriod = time.Duration(1<<63 - 1)
	judge, err := detector.NewWith(cfg, b.Memory)
	if err != nil {
		b.Log.Warnf("baseline: %v", err)
		return false
	}
	b.Log.Infof("baseline: reading %d files", len(files))
	began := time.Now()
	late := b.merge(files, judge, began)
	b.Memory.Store().Unreported()
	identities, fresh := b.Memory.Store().Len()
	read := fmt.Sprintf("%d secret accesses of %d identities in %.1f MB", b.events, identities+fresh, float64(b.bytes)/1e6)
	if b.events > 0 {
		read += fmt.Sprintf(", from %s to %s", stamp(b.from), stamp(b.to))
	}
	took := time.Since(began).Round(10 * time.Millisecond)
	switch {
	case late:
		b.Log.Warnf("baseline: not all was read within %s (%s); learning goes on", took, read)
	case b.events == 0:
		b.Log.Warnf("baseline: no secret access found (%.1f MB), history begins empty", float64(b.bytes)/1e6)
	default:
		b.Memory.Store().EndLearning()
		b.Log.Infof("baseline: %s, read in %s; learning is over", read, took)
		return true
	}
	return false
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05Z") }

// match returns the files the globs match, each once.
func (b *Baseline) match() (files []string) {
	for _, g := range b.Config.Baseline {
		found, _ := filepath.Glob(g) // patterns were checked
		if len(found) == 0 {
			b.Log.Warnf("baseline: no file matches %s", g)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// merge judges the events of all files in the order of their times, as far as
// each file by itself is in order. It reports whether time ran out.
func (b *Baseline) merge(files []string, judge *detector.Detector, began time.Time) (late bool) {
	var all logs
	for _, name := range files {
		l := &log{b: b, name: name}
		if b.late() {
			return true
		}
		// The first event tells when the file's turn is. Until then it is closed:
		// logs of a year are many files.
		if l.open() && l.next() {
			all = append(all, l)
		}
		l.close()
	}
	heap.Init(&all)
	var v detector.Verdict
	opened, told := 0, began
	for n := 0; len(all) > 0; n++ {
		l := all[0]
		if l.src == nil && !l.done {
			if opened++; opened > maxOpen {
				b.Log.Warnf("baseline: more than %d logs of the same time, %s is left out", maxOpen, l.name)
				heap.Pop(&all)
				opened--
				continue
			}
			l.reopen()
		}
		ev := &l.events[0]
		if b.Tell != nil {
			b.Tell(judge, ev)
		}
		if judge.Judge(ev, &v) != detector.Skipped {
			if b.events++; b.from == 0 {
				b.from = ev.Time
			}
			b.to = max(b.to, ev.Time)
		}
		if l.events = l.events[1:]; len(l.events) > 0 || l.next() {
			heap.Fix(&all, 0)
		} else {
			heap.Pop(&all)
			l.close()
			opened--
		}
		if n%256 == 0 {
			if b.late() {
				late = true
				break
			}
			if time.Since(told) > every {
				told = time.Now()
				b.Log.Infof("baseline: %.1f MB and %d secret accesses read, at %s of the log", float64(b.bytes)/1e6, b.events, stamp(b.to))
			}
		}
	}
	for _, l := range all {
		l.close()
	}
	return late || b.cut
}

func (b *Baseline) late() bool { return !b.Until.IsZero() && time.Now().After(b.Until) }

// log is one file of a baseline, at the next event of interest.
type log struct {
	b       *Baseline
	name    string
	src     *logfile.Source
	records logfile.Records
	pipe    *pipeline.Pipeline
	events  []audit.Event // of one line, not yet judged
	line    []byte
	chunk   []byte
	done    bool // the file is read to its end
	counted bool // its bytes are being counted
}

// open starts to read the file, and says so in the log if it cannot be.
func (l *log) open() bool {
	src, err := logfile.Open(l.name, os.Stdin)
	if err != nil {
		l.b.Log.Warnf("baseline: %v", err)
		return false
	}
	key := l.b.Config.Key
	l.records.Key = key
	if key == "" {
		l.records.Key = "log"
	}
	if l.pipe, err = pipeline.New(pipeline.Options{Judge: l, Key: key}, nil); err != nil {
		l.b.Log.Warnf("baseline: %v", err)
		src.Close()
		return false
	}
	l.src = src
	return true
}

// reopen goes back to the event that was found when the file was opened first.
func (l *log) reopen() {
	l.events, l.counted = nil, true
	if !l.open() || !l.next() {
		// It was readable before. An empty event is judged as nothing.
		l.events, l.done = []audit.Event{{}}, true
	}
}

// close ends reading, for good or until reopen. Logs that wait for their turn may be
// many, so that they hold no more than the events that were found.
func (l *log) close() {
	if l.src != nil {
		l.src.Close()
	}
	l.src, l.pipe, l.line, l.chunk, l.records = nil, nil, nil, nil, logfile.Records{}
}

// next reads on to the next line with events and reports whether there is one.
func (l *log) next() bool {
	if l.src == nil {
		return false
	}
	l.events = l.events[:0]
	for n := 1; len(l.events) == 0; n++ {
		var err error
		l.line, _, err = l.src.Next(l.line[:0])
		if errors.Is(err, logfile.ErrTooLong) {
			continue
		}
		if err != nil {
			if err != io.EOF {
				l.b.Log.Warnf("baseline: %v", l.src.Describe(err))
			}
			l.done = true
			return false
		}
		if l.counted {
			l.b.bytes += int64(len(l.line)) + 1
		}
		if n%1024 == 0 && l.b.late() {
			l.b.cut = true
			return false
		}
		if !pipeline.Relevant(l.line) {
			continue
		}
		l.chunk = l.records.Append(l.chunk[:0], l.line, 0)
		l.pipe.Process(l.chunk, func(n int) []byte { return make([]byte, n) })
		if cap(l.line) > 1<<20 {
			l.line, l.chunk, l.records = nil, nil, logfile.Records{Key: l.records.Key}
		}
	}
	return true
}

// Judge takes the events that the pipeline finds in a line.
func (l *log) Judge(ev *audit.Event, _ *detector.Verdict) detector.Result {
	if ev.Time != 0 {
		l.events = append(l.events, clone(ev))
	}
	return detector.Skipped
}

// clone copies what the parser's memory holds.
func clone(ev *audit.Event) audit.Event {
	c := *ev
	for _, s := range [...]*string{
		&c.AuditID, &c.Verb, &c.RequestURI, &c.UserAgent, &c.Resource, &c.APIGroup, &c.Namespace, &c.Name,
		&c.Subresource, &c.StatusMessage, &c.Decision, &c.IssuedCredentialID, &c.LegacyToken,
	} {
		*s = strings.Clone(*s)
	}
	c.SourceIPs = cloneAll(ev.SourceIPs)
	for _, u := range [...]*audit.User{&c.User, &c.Impersonated} {
		u.Groups = cloneAll(u.Groups)
		for _, s := range [...]*string{&u.Username, &u.UID, &u.CredentialID, &u.PodName, &u.PodUID, &u.NodeName, &u.NodeUID} {
			*s = strings.Clone(*s)
		}
	}
	return c
}

func cloneAll(list []string) []string {
	list = slices.Clone(list)
	for i := range list {
		list[i] = strings.Clone(list[i])
	}
	return list
}

// logs is a heap, the earliest event first.
type logs []*log

func (l logs) Len() int           { return len(l) }
func (l logs) Less(i, j int) bool { return l[i].events[0].Time < l[j].events[0].Time }
func (l logs) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *logs) Push(x any)        { *l = append(*l, x.(*log)) }
func (l *logs) Pop() any {
	old := *l
	last := old[len(old)-1]
	*l = old[:len(old)-1]
	return last
}
