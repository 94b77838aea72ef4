package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretwatch/secretwatch/plugin/forward/forwardtest"
)

// fluentdReceiver is a Fluentd that takes records with a shared key and writes them
// as lines, at once.
const fluentdReceiver = `
<source>
  @type forward
  bind 127.0.0.1
  port PORT
  TRANSPORT
  <security>
    self_hostname fluentd.example
    shared_key hush
  </security>
</source>
<match audit>
  @type file
  path OUT
  append true
  <format>
    @type json
  </format>
  <buffer>
    flush_mode immediate
    path OUT.buffer
  </buffer>
</match>
`

// TestFluentd: the output plugin into a real Fluentd (environment FLUENTD, or
// fluentd on PATH), with acknowledgement and shared key, plain and over TLS: every
// record arrives once and unchanged, with its verdict.
func TestFluentd(t *testing.T) {
	fluentBit(t)
	binary := program(t, "FLUENTD", "fluentd")
	rec := loadRecorded(t)
	pki := forwardtest.NewPKI(t)
	f := func(scheme, transport, options string) {
		t.Run(scheme, func(t *testing.T) {
			dir, port := t.TempDir(), freePort(t)
			out := filepath.Join(dir, "out")
			configuration := strings.NewReplacer("PORT", port, "OUT", out, "TRANSPORT", transport).Replace(fluentdReceiver)
			path := filepath.Join(dir, "fluentd.conf")
			if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
				t.Fatal(err)
			}
			fluentd := &engine{t: t, ended: make(chan struct{})}
			fluentd.cmd = exec.Command(binary, "--no-supervisor", "-c", path)
			fluentd.run()
			fluentd.await("Fluentd to listen", func() bool {
				c, err := net.Dial("tcp", "127.0.0.1:"+port)
				if err == nil {
					c.Close()
				}
				return err == nil
			})

			sender := startEngine(t, yaml(withoutParsers+`
pipeline:
  inputs:`+tailInput+`
  outputs:
    - name: secretwatch
      match: '*'
      target: {scheme}://127.0.0.1:{to}
      shared_key: hush
`+options+`
      learning_period: {learning}
      workers: 1
      retry_limit: no_limits
`, "{log}", rec.file(t), "{tag}", "audit", "{scheme}", scheme, "{to}", port, "{learning}", rec.learning), outputSO)
			sender.await("all records", func() bool { return countAll(out+"*.log") >= len(rec.lines) })
			sender.stop()
			if log := sender.stderr.String(); !strings.Contains(log, fmt.Sprintf("%d records delivered; ", len(rec.lines))) {
				t.Errorf("not all acknowledged: %s", tail([]byte(log)))
			}
			fluentd.terminate()
			var text []byte
			names, err := filepath.Glob(out + "*.log")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				text = append(text, readFile(t, name)...)
			}
			records := parseRecords(t, text)
			rec.checkUnchanged(t, records)
			rec.checkVerdicts(t, records)
		})
	}
	f("forward", "", "")
	f("forward+tls", fmt.Sprintf("<transport tls>\n    cert_path %s\n    private_key_path %s\n    ca_path %s\n    client_cert_auth true\n  </transport>", pki.Cert, pki.Key, pki.CA),
		fmt.Sprintf("      tls_ca_file: %s\n      tls_cert_file: %s\n      tls_key_file: %s", pki.CA, pki.Cert, pki.Key))
}
