package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector/replica"
	"github.com/secretwatch/secretwatch/plugin/forward/forwardtest"
	"github.com/secretwatch/secretwatch/test/redistest"
)

const confDir = "../../conf/fluent-bit"

// redisPassword is what examples find where the password of Redis is.
const redisPassword = "hush"

// example is a configuration of conf/fluent-bit, made to run here.
type example struct {
	name string
	text string
	dir  string // of everything it writes
	port string // of its HTTP input
	pki  *forwardtest.PKI
}

// lineOf matches the lines of a property, in either format.
func lineOf(property string) *regexp.Regexp {
	return regexp.MustCompile(`(?mi)^( *)` + regexp.QuoteMeta(property) + `(:?)( +)\S.*\n`)
}

// loadExample replaces the paths in a configuration by such that exist, the
// addresses by free ones, and takes out what this Fluent Bit does not know.
func loadExample(t *testing.T, name, log string) *example {
	t.Helper()
	rec := loadRecorded(t)
	x := &example{name: name, dir: t.TempDir(), port: freePort(t), pki: forwardtest.NewPKI(t)}
	in := func(file string) string { return filepath.Join(x.dir, file) }
	write := func(file, text string) {
		if err := os.WriteFile(in(file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("parsers.conf", "[PARSER]\n    Name json\n    Format json\n")
	write("forward.key", "hush\n")
	write("redis-password", redisPassword+"\n")
	paths := strings.NewReplacer(
		"/fluent-bit/plugins/flb-filter_secretwatch.so", pluginSO,
		"/opt/secretwatch/flb-filter_secretwatch.so", pluginSO,
		"/fluent-bit/plugins/out_secretwatch.so", outputSO,
		"/opt/secretwatch/flb-filter_secretwatch.so", pluginSO,
		"/fluent-bit/etc/", x.dir+"/",
		"/var/log/kubernetes/audit/audit.log", log,
		"/var/log/fluent-bit", x.dir,
		"/var/lib/fluent-bit/", x.dir+"/",
		"/etc/fluent-bit/tls/ca.crt", x.pki.CA,
		"/etc/fluent-bit/tls/tls.crt", x.pki.Cert,
		"/etc/fluent-bit/tls/tls.key", x.pki.Key,
		"/etc/fluent-bit/forward.key", in("forward.key"),
		"/etc/fluent-bit/redis-password", in("redis-password"),
		"/var/lib/secretwatch/", x.dir+"/",
		" 0.0.0.0\n", " 127.0.0.1\n",
		" 9880\n", " "+x.port+"\n",
	)
	write("plugins.conf", paths.Replace(string(readFile(t, filepath.Join(confDir, "plugins.conf")))))
	x.text = paths.Replace(string(readFile(t, filepath.Join(confDir, name))))
	if regexp.MustCompile(`[^\w]/(fluent-bit|var/l|etc)/`).MatchString(x.text) {
		t.Errorf("%s: a path was not replaced:\n%s", name, x.text)
	}
	// The recorded log is shorter than a day.
	for _, property := range []string{"state_path", "redis_url"} {
		x.text = lineOf(property).ReplaceAllString(x.text, "${0}${1}learning_period${2}${3}"+rec.learning+"\n")
	}

	help := func(args ...string) string { return string(run(t, nil, fluentBit(t), append(args, "-h")...).stdout) }
	if !strings.Contains(help("-i", "tail"), "\ndb ") {
		x.drop("db")
	}
	if !strings.Contains(help("-i", "http"), "tls.verify_client_cert") {
		x.drop("tls.verify_client_cert")
	}
	return x
}

// drop removes a property.
func (x *example) drop(property string) { x.text = lineOf(property).ReplaceAllString(x.text, "") }

// set changes a property that is there.
func (x *example) set(t *testing.T, property, value string) {
	t.Helper()
	if !lineOf(property).MatchString(x.text) {
		t.Errorf("%s: has no %s", x.name, property)
	}
	x.text = lineOf(property).ReplaceAllString(x.text, "${1}"+property+"${2}${3}"+strings.ReplaceAll(value, "$", "$$")+"\n")
}

// args writes the configuration and returns Fluent Bit's arguments. Fluent Bit 2
// has no plugins in YAML.
func (x *example) args(t *testing.T) []string {
	t.Helper()
	var args []string
	if isVersion2(t) {
		plugins := regexp.MustCompile(`(?m)^plugins:\n((  +.*\n)+)`)
		if m := plugins.FindStringSubmatch(x.text); m != nil {
			for _, p := range regexp.MustCompile(`- (/\S+)`).FindAllStringSubmatch(m[1], -1) {
				args = append(args, "-e", p[1])
			}
			x.text = plugins.ReplaceAllString(x.text, "")
		}
	}
	path := filepath.Join(x.dir, filepath.Base(x.name))
	if err := os.WriteFile(path, []byte(x.text), 0o600); err != nil {
		t.Fatal(err)
	}
	return append(args, "-c", path)
}

func isVersion2(t *testing.T) bool {
	t.Helper()
	return bytes.Contains(run(t, nil, fluentBit(t), "--version").stdout, []byte("Fluent Bit v2."))
}

// start runs the configuration until the end of the test.
func (x *example) start(t *testing.T) *engine {
	t.Helper()
	e := &engine{t: t, ended: make(chan struct{})}
	e.cmd = exec.Command(fluentBit(t), x.args(t)...)
	e.cmd.Env = append(os.Environ(), "ELASTIC_PASSWORD=secret", "EVENT_HUB_CONNECTION_STRING=secret", replica.PasswordVariable+"="+redisPassword)
	e.run()
	return e
}

func examples(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.yaml", "*.conf"} {
		paths, err := filepath.Glob(filepath.Join(confDir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			if name := filepath.Base(p); name != "plugins.conf" {
				names = append(names, name)
			}
		}
	}
	if len(names) < 10 {
		t.Fatalf("only %q", names)
	}
	return names
}

// Fluent Bit understands every configuration, with all of its properties.
func TestConfDryRun(t *testing.T) {
	binary := fluentBit(t)
	inputs := string(run(t, nil, binary, "--help").stdout)
	for _, name := range examples(t) {
		t.Run(name, func(t *testing.T) {
			x := loadExample(t, name, "/nonexistent")
			if strings.Contains(x.text, "name: kafka") && !strings.Contains(inputs, "\n  kafka ") {
				t.Skip("this Fluent Bit was built without kafka")
			}
			if isVersion2(t) && strings.Contains(x.text, "threaded: true") {
				t.Skip("Fluent Bit 2.2 crashes after a dry run with a threaded input and any processor")
			}
			r := run(t, nil, binary, append(x.args(t), "--dry-run")...)
			if r.code != 0 || !strings.Contains(string(r.stdout)+string(r.stderr), "configuration test is successful") {
				t.Errorf("exit status %d: %s", r.code, tail(r.stderr))
			}
		})
	}
}

// The README names every file, and those it names are there.
func TestConfREADME(t *testing.T) {
	readme := string(readFile(t, filepath.Join(confDir, "README.md")))
	for _, name := range append(examples(t), "plugins.conf") {
		if !strings.Contains(readme, "]("+name+")") {
			t.Errorf("README.md lacks %s", name)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(readme, -1) {
		if _, err := os.Stat(filepath.Join(confDir, m[1])); err != nil {
			t.Error(err)
		}
	}
}

// confNetworks is what the examples say of networks.
const confNetworks = "pods=10.244.0.0/16, nodes=10.0.0.0/24"

// wantConf returns what an example that tails the recorded log should say.
func wantConf(t *testing.T, log string) []judged {
	t.Helper()
	r := run(t, nil, replay, "replay", "--output", "json", "--learning-period", loadRecorded(t).learning, "--networks", confNetworks, log)
	return parseRecords(t, r.stdout)
}

// The configurations that tail a log, with the recorded one.
func TestConfTail(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	log := rec.file(t)
	want := wantConf(t, log)
	for _, name := range []string{"tail.yaml", "tail.conf", "tail-json.yaml", "processor.yaml"} {
		t.Run(name, func(t *testing.T) {
			e := loadExample(t, name, log).start(t)
			e.await("all records", func() bool { return strings.Count(e.stdout.String(), "\n{") >= len(rec.lines)-1 })
			e.terminate()
			records := parseRecords(t, jsonLines(e.stdout.String()))
			if len(records) != len(rec.lines) {
				t.Errorf("%d records of %d", len(records), len(rec.lines))
			}
			compareVerdicts(t, "replay", want, name, records)
		})
	}
}

// A client cannot hide a request, or what comes after it, by making the event long:
// the API server takes a megabyte of headers, and its JSON has six bytes for each &.
func TestConfLongLine(t *testing.T) {
	if isVersion2(t) {
		t.Skip("Fluent Bit 2.2 takes minutes to write such a line as JSON")
	}
	event := func(user string, query int) string {
		return `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"` + user + `","stage":"ResponseComplete",` +
			`"requestURI":"/api/v1/secrets?` + strings.Repeat(`\u0026`, query) + `","verb":"list","user":{"username":"` + user + `"},` +
			`"sourceIPs":["192.0.2.9"],"userAgent":"curl/8.5.0","objectRef":{"resource":"secrets","apiVersion":"v1"},` +
			`"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-01-01T00:00:00.000000Z"}` + "\n"
	}
	log := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(log, []byte(event("before", 0)+event("long", 1<<20)+event("after", 0)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tail.yaml", "tail-json.yaml", "processor.yaml"} {
		t.Run(name, func(t *testing.T) {
			e := loadExample(t, name, log).start(t)
			e.await("all records", func() bool { return strings.Count(e.stdout.String(), "curl/8.5.0 is a scripting client") == 3 })
			e.terminate()
			for i, r := range parseRecords(t, jsonLines(e.stdout.String())) {
				if user := [...]string{"before", "long", "after"}[i]; r.verdict["user"] != user || r.severity != "high" {
					t.Errorf("%s: %v", user, r.verdict)
				}
			}
		})
	}
}

// The configurations that share a history, with what the example for Kubernetes lets
// their user do: what one Fluent Bit has found is known to the next.
func TestConfRedis(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	log := rec.file(t)
	_, acl, ok := strings.Cut(string(readFile(t, "../../conf/kubernetes/redis/users.acl")), "user secretwatch on >PASSWORD ")
	if !ok {
		t.Fatal("the user's rules are not where they were")
	}
	for _, name := range []string{"redis.yaml", "../kubernetes/redis/fluent-bit.yaml"} {
		t.Run(filepath.ToSlash(name), func(t *testing.T) {
			server := redistest.Start(t, redistest.ACLUser("secretwatch", redisPassword, strings.Fields(acl)...))
			var records []judged
			for round := range 2 {
				x := loadExample(t, name, log)
				x.set(t, "redis_url", "redis://secretwatch@"+server.Addr())
				if strings.Contains(x.text, "http_port") {
					x.set(t, "http_port", freePort(t))
				}
				// Nobody has to wait for others of this machine.
				x.text = lineOf("redis_url").ReplaceAllString(x.text, "${0}${1}redis_timeout${2}${3}5s\n")
				e := x.start(t)
				wanted := len(rec.lines)
				if strings.Contains(x.text, "regex: severity") {
					wanted = countFindings(wantConf(t, log))
				}
				if round > 0 {
					wanted = min(wanted, 1) // all of it was judged before
				}
				e.await("records", func() bool { return len(jsonRecords(e)) >= wanted })
				e.terminate()
				if n := e.count("[ warn] [filter:secretwatch"); n > 0 {
					t.Errorf("%d warnings: %s", n, tail([]byte(e.stderr.String())))
				}
				if round == 0 {
					records = parseRecords(t, jsonLines(e.stdout.String()))
				} else if !strings.Contains(e.stderr.String(), "history of ") {
					t.Errorf("the second one does not know what the first one knew: %s", tail([]byte(e.stderr.String())))
				}
			}
			want := wantConf(t, log)
			if got := countFindings(records); got != countFindings(want) {
				t.Errorf("%d findings of %d", got, countFindings(want))
			}
			for _, r := range records {
				if r.verdict != nil && r.verdict["cluster"] != "production" {
					t.Errorf("cluster %v", r.verdict["cluster"])
				}
			}
			if denied, err := server.Do("ACL", "LOG"); err != nil || fmt.Sprint(denied) != "[]" {
				t.Errorf("denied: %v, %v", denied, err)
			}
		})
	}
}

// jsonLines returns the lines of Fluent Bit's standard output that are records.
func jsonLines(text string) []byte {
	var b []byte
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "{") {
			b = append(append(b, line...), '\n')
		}
	}
	return b
}

// Bodies that a real API server posted, over TLS with a client certificate: each
// item comes out as a record.
func TestConfWebhook(t *testing.T) {
	binary := fluentBit(t)
	checks := strings.Contains(string(run(t, nil, binary, "-i", "http", "-h").stdout), "tls.verify_client_cert")
	for _, name := range []string{"webhook.yaml", "webhook.conf"} {
		t.Run(name, func(t *testing.T) {
			x := loadExample(t, name, "")
			e := x.start(t)
			with, without := x.client(t, true), x.client(t, false)
			items := 0
			for _, file := range []string{"webhook-body-1.json.gz", "webhook-body-2.json.gz"} {
				body, err := gunzip(filepath.Join("../data", file))
				if err != nil {
					t.Fatal(err)
				}
				var list struct{ Items []json.RawMessage }
				if err := json.Unmarshal(body, &list); err != nil {
					t.Fatal(err)
				}
				items += len(list.Items)
				e.await("to take a batch", func() bool { return postTo(with, "https://127.0.0.1:"+x.port+"/", body) })
			}
			if checks && postTo(without, "https://127.0.0.1:"+x.port+"/", []byte(`{"items":[]}`)) {
				t.Error("took a batch without a certificate")
			}
			e.await("all items", func() bool { return len(jsonRecords(e)) >= items })
			e.terminate()
			records := parseRecords(t, jsonLines(e.stdout.String()))
			if len(records) != items {
				t.Errorf("%d records of %d items", len(records), items)
			}
			for _, r := range records {
				if r.event["auditID"] == nil {
					t.Errorf("no event: %v", r.original)
				}
			}
		})
	}
}

func jsonRecords(e *engine) []string {
	return regexp.MustCompile(`(?m)^\{.*\}$`).FindAllString(e.stdout.String(), -1)
}

// client returns an HTTP client that trusts the example's certificate, and has
// one itself if wanted.
func (x *example) client(t *testing.T, certificate bool) *http.Client {
	t.Helper()
	cfg := &tls.Config{RootCAs: x509.NewCertPool()}
	cfg.RootCAs.AppendCertsFromPEM(readFile(t, x.pki.CA))
	if certificate {
		pair, err := tls.LoadX509KeyPair(x.pki.Cert, x.pki.Key)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: cfg}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func postTo(c *http.Client, url string, body []byte) bool {
	r, err := c.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return false
	}
	io.Copy(io.Discard, r.Body)
	r.Body.Close()
	return r.StatusCode/100 == 2
}

// What the log services deliver, as the comments in the files say, is judged.
func TestConfClouds(t *testing.T) {
	fluentBit(t)
	event := `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a1","stage":"ResponseComplete","requestURI":"/api/v1/secrets","verb":"list",` +
		`"user":{"username":"system:anonymous","groups":["system:unauthenticated"]},"sourceIPs":["203.0.113.9"],"userAgent":"curl/8.5.0",` +
		`"objectRef":{"resource":"secrets","apiVersion":"v1"},"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-01-01T00:00:00.000000Z","stageTimestamp":"2026-01-01T00:00:00.001000Z"}`
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	// f runs a configuration, sends it a body and looks at what becomes of that. send
	// may be nil for a plain POST.
	f := func(name, body string, change func(x *example), send func(t *testing.T, x *example, url, body string) bool) {
		t.Run(name, func(t *testing.T) {
			x := loadExample(t, name, "")
			if change != nil {
				change(x)
			}
			if send == nil {
				client := x.client(t, false)
				send = func(_ *testing.T, _ *example, url, body string) bool { return postTo(client, url, []byte(body)) }
			}
			e := x.start(t)
			scheme := "http"
			if strings.Contains(x.text, "tls: on") {
				scheme = "https"
			}
			e.await("to take it", func() bool { return send(t, x, scheme+"://127.0.0.1:"+x.port+"/", body) })
			e.await("a record", func() bool { return len(jsonRecords(e)) > 0 })
			e.terminate()
			if out := e.stdout.String(); !strings.Contains(out, `"anonymous-access"`) || !strings.Contains(out, `"severity":"critical"`) || !strings.Contains(out, `"cluster":"CLUSTER"`) {
				t.Errorf("not judged: %s", out)
			}
		})
	}
	subscription := `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/aws/eks/c/cluster","logStream":"kube-apiserver-audit-1","subscriptionFilters":["f"],` +
		`"logEvents":[{"id":"1","timestamp":1767225600000,"message":` + quote(event) + `}]}`
	f("eks.yaml", subscription, nil, nil)
	f("eks.yaml", subscription, nil, invokeLambda)
	f("gke.yaml", `{"insertId":"i","logName":"projects/p/logs/cloudaudit.googleapis.com%2Fdata_access","timestamp":"2026-01-01T00:00:00Z","resource":{"type":"k8s_cluster"},`+
		`"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"k8s.io","methodName":"io.k8s.core.v1.secrets.list","resourceName":"core/v1/secrets",`+
		`"authenticationInfo":{"principalEmail":"system:anonymous"},"requestMetadata":{"callerIp":"203.0.113.9","callerSuppliedUserAgent":"curl/8.5.0"},"status":{}}}`, nil, nil)
	f("aks.yaml", `{"topic":"insights-logs-kube-audit","payload":`+quote(`{"records":[{"category":"kube-audit","properties":{"log":`+quote(event)+`}}]}`)+`}`,
		func(x *example) {
			// The same records by another input: there is no Kafka here.
			input := regexp.MustCompile(`(?s)    - name: kafka\n.*?  filters:`)
			if !input.MatchString(x.text) {
				t.Error("aks.yaml has no kafka")
			}
			x.text = input.ReplaceAllString(x.text, "    - name: http\n      tag: kube-audit\n      port: "+x.port+"\n  filters:")
		}, nil)
}

// invokeLambda calls the function for EKS as Lambda does, with a payload as
// CloudWatch Logs makes it. It reports whether the function succeeded.
func invokeLambda(t *testing.T, x *example, url, body string) bool {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3, which the function for EKS is written in")
	}
	call := func(body string) error {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write([]byte(body))
		z.Close()
		cmd := exec.Command(python, "-B", "-c", "import eks_lambda, json, sys; eks_lambda.handler(json.load(sys.stdin), None)")
		cmd.Dir = confDir
		cmd.Env = append(os.Environ(), "FLUENT_BIT_URL="+url, "SSL_CERT_FILE="+x.pki.CA)
		cmd.Stdin = strings.NewReader(`{"awslogs":{"data":"` + base64.StdEncoding.EncodeToString(packed.Bytes()) + `"}}`)
		return cmd.Run()
	}
	if err := call(`{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","message":"CWL CONTROL MESSAGE: Checking health of destination"}]}`); err != nil {
		t.Errorf("a control message: %v", err)
	}
	return call(body) == nil
}

// Into Elasticsearch: a server that takes bulk requests.
func TestConfElastic(t *testing.T) {
	fluentBit(t)
	log := loadRecorded(t).file(t)
	var mu sync.Mutex
	var documents []map[string]any
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines := strings.Split(strings.TrimSpace(string(body(r.Body))), "\n")
		items := []string{}
		mu.Lock()
		for i := 1; i < len(lines); i += 2 {
			var action struct {
				Create struct {
					Index string `json:"_index"`
					ID    string `json:"_id"`
				}
			}
			var d map[string]any
			if err := json.Unmarshal([]byte(lines[i-1]), &action); err != nil || action.Create.Index != "logs-secretwatch.findings-default" || action.Create.ID == "" {
				t.Errorf("action %s: %v", lines[i-1], err)
			}
			if err := json.Unmarshal([]byte(lines[i]), &d); err != nil {
				t.Errorf("document %.200s: %v", lines[i], err)
			}
			documents = append(documents, d)
			items = append(items, `{"create":{"status":201}}`)
		}
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"errors":false,"items":[%s]}`, strings.Join(items, ","))
	}))
	defer s.Close()
	x := loadExample(t, "elastic.yaml", log)
	x.toServer(t, s.Listener.Addr().String())
	e := x.start(t)
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(documents) }
	want := countFindings(wantConf(t, log))
	e.await("all findings", func() bool { return count() >= want })
	e.terminate()
	for _, d := range documents {
		event, _ := d["event"].(map[string]any)
		kubernetes, _ := d["kubernetes"].(map[string]any)
		if d["secretwatch"] == nil || event["kind"] == nil || kubernetes["audit"] == nil || d["@timestamp"] == nil {
			t.Errorf("not a finding in ECS: %v", d)
			break
		}
	}
	if len(documents) != want {
		t.Errorf("%d documents of %d", len(documents), want)
	}
}

// Into Loki: a server that takes pushes.
func TestConfLoki(t *testing.T) {
	fluentBit(t)
	log := loadRecorded(t).file(t)
	want := countFindings(wantConf(t, log))
	var mu sync.Mutex
	lines, streams := 0, map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var push struct {
			Streams []struct {
				Stream map[string]string
				Values [][]any
			}
		}
		b := body(r.Body)
		if err := json.Unmarshal(b, &push); err != nil || r.URL.Path != "/loki/api/v1/push" {
			t.Errorf("%s: %v: %.200s", r.URL.Path, err, b)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, s := range push.Streams {
			streams[fmt.Sprint(s.Stream)] = true
			for _, v := range s.Values {
				var line map[string]any
				if err := json.Unmarshal([]byte(v[1].(string)), &line); err != nil || line["secretwatch_rules"] == nil || line["secretwatch_severity"] != s.Stream["severity"] {
					t.Errorf("line %.300s: %v", v[1], err)
				}
				lines++
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	x := loadExample(t, "loki.yaml", log)
	x.toServer(t, s.Listener.Addr().String())
	e := x.start(t)
	e.await("all findings", func() bool { mu.Lock(); defer mu.Unlock(); return lines >= want })
	e.terminate()
	if lines != want || len(streams) > 4 || !streams["map[cluster:CLUSTER job:secretwatch severity:high]"] {
		t.Errorf("%d lines of %d in %v", lines, want, streams)
	}
}

// body reads the body of a request or an answer, which may be compressed.
func body(r io.Reader) []byte {
	b, _ := io.ReadAll(r)
	if z, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
		b, _ = io.ReadAll(z)
	}
	return b
}

// toServer points the example's output to a server, host:port, without TLS.
func (x *example) toServer(t *testing.T, address string) {
	t.Helper()
	host, port, _ := strings.Cut(address, ":")
	x.set(t, "host", host)
	x.set(t, "port", port)
	x.set(t, "tls", "off")
}

func countFindings(records []judged) (n int) {
	for _, r := range records {
		if r.severity != nil {
			n++
		}
	}
	return n
}

// Into a receiver of the forward protocol: everything by Fluent Bit's own output,
// findings by the plugin's, over TLS with a shared key.
func TestConfForward(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	log := rec.file(t)
	want := wantConf(t, log)
	f := func(name string, r *forwardtest.Receiver, total int, change func(x *example, host, port string)) {
		t.Run(name, func(t *testing.T) {
			x := loadExample(t, name, log)
			if r.SharedKey != "" {
				r.TLS = x.pki.Server(false)
			}
			var mu sync.Mutex
			var got []judged
			r.Answer = func(m *forwardtest.Message) forwardtest.Answer {
				records := parseEntries(t, m)
				mu.Lock()
				defer mu.Unlock()
				got = append(got, records...)
				return forwardtest.Ack
			}
			if err := r.Start(); err != nil {
				t.Fatal(err)
			}
			defer r.Kill()
			host, port, _ := strings.Cut(r.Address, ":")
			change(x, host, port)
			e := x.start(t)
			e.await("all records", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) >= total })
			e.terminate()
			if len(got) != total {
				t.Errorf("%d records of %d", len(got), total)
			}
			compareVerdicts(t, "replay", want, name, got)
		})
	}
	f("forward.yaml", &forwardtest.Receiver{}, len(rec.lines), func(x *example, host, port string) {
		x.set(t, "host", host)
		x.set(t, "port", port)
		x.set(t, "tls", "off")
	})
	for _, name := range []string{"output.yaml", "output.conf"} {
		f(name, &forwardtest.Receiver{SharedKey: "hush"}, countFindings(want), func(x *example, host, port string) {
			x.set(t, "target", "forward+tls://"+host+":"+port)
		})
	}
	if !slices.ContainsFunc(want, func(j judged) bool { return j.severity == "critical" }) {
		t.Error("the recorded log lacks a critical finding")
	}
}
