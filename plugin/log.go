package main

// #include <stdlib.h>
// #include "filter.h"
import "C"

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unsafe"
)

// maxLine is what a log line of ours is cut at, in bytes. The host cuts at 4 KB.
const maxLine = 3000

// hostLog writes to Fluent Bit's log in the form of its own flb_plg_* macros:
// "[filter:secretwatch:NAME] message", or output instead of filter. Safe for concurrent use, also on threads
// that are not the host's.
type hostLog struct {
	plugin   string // filter or output
	instance string // as the host calls it
	prefix   string
}

func newHostLog(instance string) *hostLog { return newLog("filter", instance) }

func newOutputLog(instance string) *hostLog { return newLog("output", instance) }

func newLog(plugin, instance string) *hostLog {
	instance = oneLine(instance)
	return &hostLog{plugin, instance, "[" + plugin + ":secretwatch:" + instance + "] "}
}

func (l *hostLog) Errorf(format string, args ...any) { l.print(C.FLB_LOG_ERROR, format, args) }
func (l *hostLog) Warnf(format string, args ...any)  { l.print(C.FLB_LOG_WARN, format, args) }
func (l *hostLog) Infof(format string, args ...any)  { l.print(C.FLB_LOG_INFO, format, args) }
func (l *hostLog) Debugf(format string, args ...any) { l.print(C.FLB_LOG_DEBUG, format, args) }

func (l *hostLog) print(level C.int, format string, args []any) {
	if C.sw_log_enabled(level) == 0 {
		return
	}
	line := C.CString(l.prefix + oneLine(fmt.Sprintf(format, args...)))
	C.sw_log(level, line)
	C.free(unsafe.Pointer(line))
}

// oneLine cuts s and escapes what would break or disguise a log line.
func oneLine(s string) string {
	if len(s) > maxLine {
		s = s[:maxLine] + "..."
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unprintable(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
