// Command demoview tells the stories of the recorded audit log beside what the
// filter said of them:
//
//	demoview DATA OUT
//
// DATA is test/data, OUT the records that came out of the filter as JSON lines.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
)

// request identifies a request: the audit ID alone is chosen by the client.
type request struct {
	AuditID  string `json:"auditID"`
	Received string `json:"requestReceivedTimestamp"`
}

type story struct {
	Scenario    string `json:"scenario"`
	Label       string `json:"label"`
	Description string `json:"description"`

	tagged int
	worst  *verdict
}

type verdict struct {
	Severity  string `json:"severity"` // empty where only values were removed
	RiskScore int    `json:"risk_score"`
	Reason    string `json:"reason"`
	First     bool   `json:"first"`
	User      string `json:"user"`
	Verb      string `json:"verb"`
	Namespace string `json:"namespace"`
	Secret    string `json:"secret"`
	Outcome   string `json:"outcome"`
	Redacted  bool   `json:"redacted"`
}

type record struct {
	Log     string   `json:"log"`
	Verdict *verdict `json:"secretwatch"`
}

const width = 110

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: demoview DATA OUT")
	}
	data, out := os.Args[1], os.Args[2]

	var stories []*story
	byName := map[string]*story{}
	eachLine(filepath.Join(data, "scenarios.jsonl"), func(s story) {
		if s.Label == "attack" || s.Label == "benign-lookalike" {
			stories = append(stories, &s)
			byName[s.Scenario] = &s
		}
	})
	scenario := map[request]string{}
	eachLine(filepath.Join(data, "labels.jsonl.gz"), func(l struct {
		request
		Scenario string `json:"scenario"`
	}) {
		scenario[l.request] = l.Scenario
	})

	records, tagged, redacted := 0, 0, 0
	eachLine(out, func(r record) {
		records++
		if r.Verdict == nil {
			return
		}
		if r.Verdict.Redacted {
			redacted++
		}
		if r.Verdict.Severity == "" {
			return
		}
		tagged++
		var q request
		if err := json.Unmarshal([]byte(r.Log), &q); err != nil {
			log.Fatalf("%s: %v", out, err)
		}
		if s := byName[scenario[q]]; s != nil {
			s.tagged++
			if s.worst == nil || r.Verdict.RiskScore > s.worst.RiskScore {
				s.worst = r.Verdict
			}
		}
	})

	fmt.Printf("%d records in, %d of them tagged; values of secrets removed from %d. The stories in the log and what was said of them:\n",
		records, tagged, redacted)
	for _, s := range stories {
		kind := "ATTACK"
		if s.Label != "attack" {
			kind = "BENIGN"
		}
		fmt.Println()
		wrap(kind+"  ", s.Description)
		if s.worst == nil {
			fmt.Println("        nothing tagged")
			continue
		}
		v := s.worst
		wrap("        ", fmt.Sprintf("%s (%d): %s, %s %s (%s), %d records tagged", strings.ToUpper(v.Severity), v.RiskScore,
			v.User, v.Verb, target(v), v.Outcome, s.tagged))
		for _, reason := range strings.Split(v.Reason, "; ") {
			wrap("        - ", reason)
		}
	}
}

func target(v *verdict) string {
	if v.Namespace == "" {
		return "secrets of all namespaces"
	}
	if v.Secret == "" {
		return "secrets of " + v.Namespace
	}
	return "secret " + v.Namespace + "/" + v.Secret
}

// wrap prints text in lines of at most width, the first behind indent.
func wrap(indent, text string) {
	line, empty := indent, true
	for _, word := range strings.Fields(text) {
		if !empty && len(line)+1+len(word) > width {
			fmt.Println(line)
			line, empty = strings.Repeat(" ", len(indent)), true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	fmt.Println(line)
}

// eachLine calls f with each line of a JSON lines file, which may be compressed.
func eachLine[T any](path string, f func(T)) {
	file, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	var in io.Reader = bufio.NewReader(file)
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			log.Fatalf("%s: %v", path, err)
		}
	}
	for d := json.NewDecoder(in); d.More(); {
		var line T
		if err := d.Decode(&line); err != nil {
			log.Fatalf("%s: %v", path, err)
		}
		f(line)
	}
}
