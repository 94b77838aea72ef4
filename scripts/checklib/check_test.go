package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// good exports what the host looks for.
const good = `
#include <stdlib.h>
void *filter_secretwatch_plugin;
__attribute__((weak)) int flb_log_print(void);
int FLBPluginRegister(void) { return flb_log_print ? flb_log_print() : 0; }
int FLBPluginInit(void) { return 0; }
int FLBPluginFlushCtx(void) { return abs(FLBPluginInit()); }
int FLBPluginExitCtx(void) { return 0; }
`

var hardened = []string{"-Wl,-z,relro,-z,now"}

// compile builds a library of C.
func compile(t *testing.T, name, source string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.c"), filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(in, []byte(source), 0o644))
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	cmd := exec.Command(cc, append([]string{"-shared", "-fPIC", "-O0", "-fno-builtin", "-o", out, in}, args...)...)
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	return out
}

// libcOf builds something that says it is glibc and has a function of a version
// besides an old one.
func libcOf(t *testing.T, version string) string {
	script := filepath.Join(t.TempDir(), "version")
	require.NoError(t, os.WriteFile(script, []byte("GLIBC_2.2.5 { abs; };\n"+version+" { newer; };\n"), 0o644))
	return compile(t, "libc.so.6", "int abs(int i) { return i; } int newer(void) { return 0; }",
		"-nostdlib", "-Wl,-soname,libc.so.6", "-Wl,--version-script="+script)
}

func TestCheck(t *testing.T) {
	limit := version{2, 17}
	f := func(want, source string, args ...string) {
		t.Helper()
		r, err := check(compile(t, "lib.so", source, args...), limit)
		require.NoError(t, err)
		if want == "" {
			require.Empty(t, r.problems)
			require.Equal(t, []string{"libc.so.6"}, r.needed)
			require.True(t, r.glibc.newer(version{2, 1}), r.glibc)
			return
		}
		require.Len(t, r.problems, 1)
		require.Contains(t, r.problems[0], want)
	}
	with := func(args ...string) []string { return append(args, hardened...) }
	f("", good, hardened...)

	newer := good + "int newer(void); int use(void) { return newer(); }"
	f("needs glibc 2.18 (newer); the limit is 2.17", newer, with(libcOf(t, "GLIBC_2.18"))...)
	f("needs glibc 2.99.1 (newer); the limit is 2.17", newer, with(libcOf(t, "GLIBC_2.99.1"))...)
	f("", newer, with(libcOf(t, "GLIBC_2.17"))...)
	f("needs GLIBC_PRIVATE of libc.so.6 (newer)", newer, with(libcOf(t, "GLIBC_PRIVATE"))...)
	f("needs GLIBC_ABI_DT_RELR of libc.so.6", newer, with(libcOf(t, "GLIBC_ABI_DT_RELR"))...)

	f("needs the library libdl.so.2", good, with("-Wl,--no-as-needed", "-l:libdl.so.2")...)
	f("has DT_RUNPATH /opt", good, with("-Wl,--enable-new-dtags,-rpath,/opt")...)
	f("has DT_RPATH /opt", good, with("-Wl,--disable-new-dtags,-rpath,/opt")...)
	f("needs the symbol nowhere of no library", good+"int nowhere(void); int use(void) { return nowhere(); }", hardened...)
	f("does not export FLBPluginExitCtx", strings.Replace(good, "FLBPluginExitCtx", "other", 1), hardened...)
	f("does not export filter_secretwatch_plugin", strings.Replace(good, "void *filter_secretwatch_plugin", "void filter_secretwatch_plugin(void) {}", 1), hardened...)
	f("asks for an executable stack", good, with("-z", "execstack")...)
	f("-z relro -z now", good, "-Wl,-z,norelro,-z,now")
	f("-z relro -z now", good, "-Wl,-z,relro,-z,lazy")
}

func TestCheckNoLibrary(t *testing.T) {
	_, err := check("check.go", version{2, 17})
	require.Error(t, err)
	program := filepath.Join(t.TempDir(), "program")
	text, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(text))
	text, err = exec.Command(program, program).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(text), "is no shared library")
}

// The gate lets pass what is built, and would not with a limit below what it asks for.
func TestBuilt(t *testing.T) {
	dir := t.TempDir()
	text, err := exec.Command("../build.sh", dir).CombinedOutput()
	require.NoError(t, err, string(text))
	library := filepath.Join(dir, "flb-filter_secretwatch.so")
	r, err := check(library, version{2, 17})
	require.NoError(t, err)
	require.Empty(t, r.problems)
	r, err = check(library, version{2, 2})
	require.NoError(t, err)
	require.NotEmpty(t, r.problems)
	require.Contains(t, r.problems[0], "the limit is 2.2")
}
