package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// arm64 runs programs for arm64 on another machine.
type arm64 struct {
	dir      string // what was built for it
	emulator string // QEMU's user mode
	sysroot  string // with glibc for arm64
}

// newARM64 builds the library and the loader hosts for arm64. The test is skipped
// where Debian's gcc-aarch64-linux-gnu, libc6-arm64-cross and qemu-user, or the
// like, are not there.
//
// The emulator keeps the memory order of the machine it runs on. On x86-64 that is
// stronger than arm64's, so what only a weak order brings to light stays hidden.
func newARM64(t *testing.T) *arm64 {
	t.Helper()
	if runtime.GOARCH == "arm64" {
		t.Skip("this machine is arm64: all other tests look at that")
	}
	if testing.Short() {
		t.Skip("short: everything is compiled once more")
	}
	const compiler = "aarch64-linux-gnu-gcc"
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skip("no C compiler for arm64: ", err)
	}
	a := &arm64{dir: t.TempDir(), sysroot: "/usr/aarch64-linux-gnu"}
	for _, name := range []string{"qemu-aarch64", "qemu-aarch64-static"} {
		if path, err := exec.LookPath(name); err == nil {
			a.emulator = path
		}
	}
	if a.emulator == "" {
		t.Skip("no emulator for arm64: neither qemu-aarch64 nor qemu-aarch64-static is on PATH")
	}
	if _, err := os.Stat(filepath.Join(a.sysroot, "lib/libc.so.6")); err != nil {
		t.Skip("no glibc for arm64: ", err)
	}
	for _, script := range []string{"../../scripts/build.sh", "../host/build.sh"} {
		cmd := exec.Command(script, a.dir)
		cmd.Env = append(os.Environ(), "GOARCH=arm64", "CC="+compiler, "VERSION="+testVersion, "COMMIT="+testCommit)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	return a
}

func (a *arm64) run(t *testing.T, stdin []byte, program string, args ...string) result {
	t.Helper()
	return run(t, stdin, a.emulator, append([]string{"-L", a.sysroot, filepath.Join(a.dir, program)}, args...)...)
}

// The library for arm64, loaded by a host for arm64 under emulation, gives byte for
// byte what the one for this machine gives.
func TestARM64(t *testing.T) {
	a := newARM64(t)
	rec := loadRecorded(t)
	log := rec.file(t)
	filter := filepath.Join(a.dir, filepath.Base(pluginSO))
	for _, generation := range generations {
		f := func(args ...string) {
			t.Helper()
			want := run(t, nil, hostBinary(generation), append(args, pluginSO, log)...)
			got := a.run(t, nil, "host-"+generation, append(args, filter, log)...)
			if want.code != 0 || got.code != 0 {
				t.Fatalf("%s %q: exit status %d, for arm64 %d: %s", generation, args, want.code, got.code, tail(got.stderr))
			}
			if !bytes.Equal(got.stdout, want.stdout) {
				t.Errorf("%s %q: %d bytes, for arm64 %d others", generation, args, len(want.stdout), len(got.stdout))
			}
			if lines := ours(t, got.stderr); len(lines) == 0 || !strings.Contains(lines[0], testVersion) {
				t.Errorf("%s %q: log %q", generation, args, lines)
			}
		}
		f("--prop", "learning_period="+rec.learning)
		f("--prop", "learning_period="+rec.learning, "--prop", "format=ecs", "--structured", "--stack", "24")
		f("--prop", "learning_period=0", "--prop", "format=flat", "--legacy", "--reload-every", "2", "--records-per-chunk", "50")
		state := []string{"--prop", "state_path=" + filepath.Join(t.TempDir(), "history.db"), "--prop", "state_flush=0.1s"}
		if r := a.run(t, nil, "host-"+generation, append(state, filter, log)...); r.code != 0 || !bytes.Contains(r.stderr, []byte(" findings")) {
			t.Errorf("%s: exit status %d with a state file: %s", generation, r.code, tail(r.stderr))
		}
	}

	// Eight threads, and the output with four workers.
	r := a.run(t, nil, "host-v5", "--threads", "8", "--records-per-chunk", "7", "--prop", "tag_all=on", filter, log)
	if records := parseRecords(t, r.stdout); r.code != 0 || len(records) != len(rec.lines) {
		t.Errorf("exit status %d, %d records of %d: %s", r.code, len(records), len(rec.lines), tail(r.stderr))
	}
	file := filepath.Join(t.TempDir(), "out")
	r = a.run(t, []byte(strings.Join(rec.lines, "\n")+"\n"), "host-output", "--prop", "target=file://"+file, "--workers", "4",
		filepath.Join(a.dir, filepath.Base(outputSO)))
	if records := parseRecords(t, readFile(t, file)); r.code != 0 || len(records) != len(rec.lines) {
		t.Errorf("exit status %d, %d records of %d: %s", r.code, len(records), len(rec.lines), tail(r.stderr))
	}
}
