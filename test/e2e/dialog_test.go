package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// dialog is a loader host that is given one chunk after another.
type dialog struct {
	*engine
	in  io.WriteCloser
	out *os.File
	r   *bufio.Reader
}

// startDialog starts a loader host with the filter. It ends with the test, or when
// end is called.
func startDialog(t *testing.T, generation string, args ...string) *dialog {
	t.Helper()
	out, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	defer stdout.Close()
	d := &dialog{engine: &engine{t: t, ended: make(chan struct{})}, out: out, r: bufio.NewReader(out)}
	d.cmd = exec.Command(hostBinary(generation), append(append([]string{"--dialog", "--records-per-chunk", "1000000"}, args...), pluginSO)...)
	d.cmd.Stdout = stdout
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	d.run()
	return d
}

// chunk takes lines through the filter as one chunk and returns the records that
// come back, as JSON lines, and how long the filter took.
func (d *dialog) chunk(lines ...string) (records []byte, took time.Duration) {
	d.t.Helper()
	if err := d.out.SetReadDeadline(time.Now().Add(deadline)); err != nil {
		d.t.Fatal(err)
	}
	_, failed := io.WriteString(d.in, strings.Join(lines, "\n")+"\n\n")
	for {
		line, err := d.r.ReadBytes('\n')
		if err != nil || failed != nil {
			d.t.Fatalf("no answer: %v, %v: %s", err, failed, tail([]byte(d.stderr.String())))
		}
		if !bytes.HasPrefix(line, []byte(`{"nanoseconds":`)) {
			records = append(records, line...)
			continue
		}
		var end struct{ Nanoseconds int64 }
		if err := json.Unmarshal(line, &end); err != nil {
			d.t.Fatal(err)
		}
		return records, time.Duration(end.Nanoseconds)
	}
}

// end ends the host, and fails if that is not in order.
func (d *dialog) end() {
	d.t.Helper()
	d.in.Close()
	select {
	case <-d.ended:
	case <-time.After(deadline):
		d.t.Fatalf("does not end: %s", tail([]byte(d.stderr.String())))
	}
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		d.t.Errorf("exit status %d: %s", code, tail([]byte(d.stderr.String())))
	}
	ours(d.t, []byte(d.stderr.String()))
}
