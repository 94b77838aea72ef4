package main

import (
	"debug/elf"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// allowed are the libraries that may be needed: what every system with glibc has
// and Fluent Bit has loaded before.
var allowed = []string{"libc.so.6"}

// exported are the symbols by which Fluent Bit finds the filter (the variable) and
// its Go proxy the output (the functions).
var exported = map[string]elf.SymType{
	"filter_secretwatch_plugin": elf.STT_OBJECT,
	"FLBPluginRegister":         elf.STT_FUNC,
	"FLBPluginInit":             elf.STT_FUNC,
	"FLBPluginFlushCtx":         elf.STT_FUNC,
	"FLBPluginExitCtx":          elf.STT_FUNC,
}

// version is one of glibc: 2.34 is {2, 34, 0}.
type version [3]int

// parseVersion reads two or three numbers with dots between them.
func parseVersion(text string) (v version, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) < 2 || len(parts) > len(v) {
		return v, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

func (v version) String() string {
	if v[2] == 0 {
		return fmt.Sprintf("%d.%d", v[0], v[1])
	}
	return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])
}

func (v version) newer(than version) bool { return slices.Compare(v[:], than[:]) > 0 }

// report is what check found.
type report struct {
	machine  string
	glibc    version  // newest that a symbol asks for
	needed   []string // libraries
	problems []string // sentences; none if the library passes
}

func (r *report) problemf(format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// check looks at the library in a file. An error means that it is no ELF file or
// cannot be read; what is wrong with a readable one is in the report.
func check(name string, limit version) (*report, error) {
	f, err := elf.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &report{machine: f.Machine.String()}
	if f.Type != elf.ET_DYN || f.Class != elf.ELFCLASS64 {
		r.problemf("is no shared library of 64 bit but %s, %s", f.Type, f.Class)
		return r, nil
	}
	for _, look := range []func(*elf.File, version) error{r.libraries, r.versions, r.symbols, r.hardening} {
		if err := look(f, limit); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *report) libraries(f *elf.File, _ version) (err error) {
	if r.needed, err = f.ImportedLibraries(); err != nil {
		return err
	}
	for _, l := range r.needed {
		if !slices.Contains(allowed, l) {
			r.problemf("needs the library %s; allowed: %s", l, strings.Join(allowed, ", "))
		}
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		paths, err := f.DynString(tag)
		if err != nil {
			return err
		}
		if len(paths) > 0 {
			r.problemf("has %s %s: libraries would be looked for there", tag, strings.Join(paths, ":"))
		}
	}
	return nil
}

// versions looks at the versions of other libraries' symbols. They are compared
// as the loader does it: a missing one keeps the library from being loaded.
func (r *report) versions(f *elf.File, limit version) error {
	imported, err := f.ImportedSymbols()
	if err != nil {
		return err
	}
	users := map[string][]string{}
	for _, s := range imported {
		users[s.Version] = append(users[s.Version], s.Name)
	}
	needs, err := f.DynamicVersionNeeds()
	if err != nil {
		return err
	}
	for _, library := range needs {
		for _, need := range library.Needs {
			number, isGlibc := strings.CutPrefix(need.Dep, "GLIBC_")
			v, ok := parseVersion(number)
			if !isGlibc || !ok {
				r.problemf("needs %s of %s (%s); allowed are versions of glibc", need.Dep, library.Name, strings.Join(users[need.Dep], ", "))
				continue
			}
			if v.newer(limit) {
				r.problemf("needs glibc %s (%s); the limit is %s", v, strings.Join(users[need.Dep], ", "), limit)
			}
			if v.newer(r.glibc) {
				r.glibc = v
			}
		}
	}
	return nil
}

// symbols looks for what the host looks for, and for what the library may look for
// in vain: only weak symbols may be absent.
func (r *report) symbols(f *elf.File, _ version) error {
	all, err := f.DynamicSymbols()
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for _, s := range all {
		if s.Section == elf.SHN_UNDEF {
			if s.Version == "" && elf.ST_BIND(s.Info) != elf.STB_WEAK {
				r.problemf("needs the symbol %s of no library", s.Name)
			}
			continue
		}
		if want, ok := exported[s.Name]; ok && elf.ST_TYPE(s.Info) == want {
			found[s.Name] = true
		}
	}
	for _, name := range sortedKeys(exported) {
		if !found[name] {
			r.problemf("does not export %s (%s)", name, exported[name])
		}
	}
	return nil
}

func (r *report) hardening(f *elf.File, _ version) error {
	relro, stack := false, false
	for _, p := range f.Progs {
		switch {
		case p.Type == elf.PT_GNU_RELRO:
			relro = true
		case p.Type == elf.PT_GNU_STACK:
			stack = true
			if p.Flags&elf.PF_X != 0 {
				r.problemf("asks for an executable stack")
			}
		case p.Type == elf.PT_LOAD && p.Flags&elf.PF_W != 0 && p.Flags&elf.PF_X != 0:
			r.problemf("has memory that is writable and executable, at %#x", p.Vaddr)
		}
	}
	if !stack {
		r.problemf("does not say that its stack is not executable")
	}
	flags, err := f.DynValue(elf.DT_FLAGS)
	if err != nil {
		return err
	}
	var all elf.DynFlag
	for _, v := range flags {
		all |= elf.DynFlag(v)
	}
	now, err := f.DynValue(elf.DT_BIND_NOW)
	if err != nil {
		return err
	}
	if !relro || len(now) == 0 && all&elf.DF_BIND_NOW == 0 {
		r.problemf("is not linked with -z relro -z now: tables of addresses stay writable")
	}
	textrel, err := f.DynValue(elf.DT_TEXTREL)
	if err != nil {
		return err
	}
	if len(textrel) > 0 || all&elf.DF_TEXTREL != 0 {
		r.problemf("has relocations in its code")
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
