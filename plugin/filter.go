package main

// #include <stdlib.h>
// #include "filter.h"
import "C"

import (
	"fmt"
	"runtime/debug"
	"strings"
	"unsafe"

	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/plugin/version"
)

// secretwatchInit sets up one instance and returns its handle. On any error it
// logs one line and returns 0, which stops the host's start.
//
//export secretwatchInit
func secretwatchInit(ins *C.struct_flb_filter_instance) (handle C.uintptr_t) {
	log := newHostLog(C.GoString(C.sw_instance_name(ins)))
	defer func() {
		if r := recover(); r != nil {
			logPanic(log, "init", r)
			handle = 0
		}
	}()
	cfg, given, err := readProperties(func(key string) (string, bool) {
		k := C.CString(key)
		defer C.free(unsafe.Pointer(k))
		v := C.sw_property(ins, k)
		return C.GoString(v), v != nil
	})
	if err != nil {
		log.Errorf("%v", err)
		return 0
	}
	instance, err := newInstance(cfg, log)
	if err != nil {
		log.Errorf("%v", err)
		return 0
	}
	instance.letPass(instances.add(instance), cfg.MetricsListen != "")
	instance.showMetrics()
	log.Infof("version %s, %s", version.String(), given)
	return C.uintptr_t(instance.handle)
}

// secretwatchFilter runs one chunk through an instance, unless the chunk has nothing
// of interest: most of these pass in filter.c already. data is only read, and
// only during the call. On FLB_FILTER_MODIFIED *out is memory of malloc that the
// host frees, or unset with *outSize 0 when no record is left. thread is the calling
// thread's.
//
//export secretwatchFilter
func secretwatchFilter(handle C.uintptr_t, data unsafe.Pointer, size C.size_t, out *unsafe.Pointer, outSize *C.size_t, thread *C.struct_sw_pace) (result C.int) {
	ins := instances.get(uintptr(handle))
	if ins == nil || data == nil || size == 0 {
		return C.FLB_FILTER_NOTOUCH
	}
	var buf cBuffer
	defer func() {
		if r := recover(); r != nil {
			logPanic(ins.log, "filter", r)
			buf.free()
			result = C.FLB_FILTER_NOTOUCH
		}
	}()
	(*pace)(thread).step()
	ins.noteFull((*pace)(thread))
	chunk := unsafe.Slice((*byte)(data), uint64(size))
	records, modified := ins.pipeline.Process(chunk, buf.alloc)
	if !modified {
		buf.free()
		return C.FLB_FILTER_NOTOUCH
	}
	if len(records) == 0 {
		buf.free()
		*out, *outSize = nil, 0
		return C.FLB_FILTER_MODIFIED
	}
	if !buf.owns(records) {
		panic("output is not in the allocated buffer")
	}
	*out, *outSize = buf.ptr, C.size_t(len(records))
	return C.FLB_FILTER_MODIFIED
}

// secretwatchExit ends an instance. A handle that is unknown, or ended before,
// is ignored.
//
//export secretwatchExit
func secretwatchExit(handle C.uintptr_t) {
	ins := instances.remove(uintptr(handle))
	if ins == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			logPanic(ins.log, "exit", r)
		}
	}()
	defer ins.letNonePass()
	if err := ins.close(); err != nil {
		ins.log.Warnf("%v", err)
	}
	ins.notePassed()
	ins.log.Infof("%s", ins.pipeline.Summary())
}

// readProperties builds the configuration from what get returns for each
// property. given tells a person which values differ from the defaults.
func readProperties(get func(key string) (string, bool)) (cfg *config.Config, given string, err error) {
	cfg = config.Default()
	var changed []string
	for i := range config.Properties {
		p := &config.Properties[i]
		value, ok := get(p.Name)
		if !ok {
			continue
		}
		if err := cfg.Set(p.Name, value); err != nil {
			return nil, "", err
		}
		if value != p.Default {
			changed = append(changed, fmt.Sprintf("%s=%q", p.Name, p.Shown(value)))
		}
	}
	if changed == nil {
		return cfg, "all properties at their defaults", nil
	}
	return cfg, strings.Join(changed, " "), nil
}

// logPanic reports a bug that was caught at the boundary to C. The stack goes in
// one line, as all of the log does.
func logPanic(log *hostLog, where string, value any) {
	stack := strings.Join(strings.Fields(string(debug.Stack())), " ")
	log.Errorf("internal error in %s, please report: %v: %s", where, value, stack)
}

// cBuffer is one allocation of C memory, handed to the host or freed.
type cBuffer struct {
	ptr  unsafe.Pointer
	size int
}

// alloc returns n bytes of malloc. It is called at most once a chunk; another
// call frees what the one before returned.
func (b *cBuffer) alloc(n int) []byte {
	b.free()
	if n <= 0 {
		return nil
	}
	b.ptr, b.size = C.malloc(C.size_t(n)), n
	return unsafe.Slice((*byte)(b.ptr), n)
}

// owns reports whether records starts at the start of the buffer.
func (b *cBuffer) owns(records []byte) bool {
	return b.ptr != nil && unsafe.Pointer(unsafe.SliceData(records)) == b.ptr && len(records) <= b.size
}

func (b *cBuffer) free() {
	if b.ptr != nil {
		C.free(b.ptr)
		b.ptr = nil
	}
}
