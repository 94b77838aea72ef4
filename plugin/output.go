package main

// #include "output.h"
import "C"

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"github.com/fluent/fluent-bit-go/output"

	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/plugin/delivery"
	"github.com/secretwatch/secretwatch/plugin/forward"
	"github.com/secretwatch/secretwatch/plugin/version"
)

// FLBPluginRegister is called when the library is loaded under a name that does
// not begin with flb-. def is a struct flb_plugin_proxy_def of the host.
//
//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) C.int {
	return C.int(output.FLBPluginRegister(def, "secretwatch", "Tag unusual accesses to Kubernetes secrets in audit events and send them"))
}

// secretwatchOutputInit sets up one instance. On any error it logs one line and
// returns FLB_ERROR, which stops the host's start.
//
//export secretwatchOutputInit
func secretwatchOutputInit(plugin unsafe.Pointer) (result C.int) {
	log := newOutputLog(C.GoString(C.sw_output_name(plugin)))
	defer func() {
		if r := recover(); r != nil {
			logPanic(log, "init", r)
			result = C.FLB_ERROR
		}
	}()
	// The host tells an empty value from none no more than this does.
	cfg, effective, err := readOutputProperties(func(key string) (string, bool) {
		v := output.FLBPluginConfigKey(plugin, key)
		return v, v != ""
	})
	if err != nil {
		log.Errorf("%v", err)
		return C.FLB_ERROR
	}
	ins, err := newOutput(cfg, log)
	if err != nil {
		log.Errorf("%v", err)
		return C.FLB_ERROR
	}
	log.Infof("version %s, %s", version.String(), effective)
	// fluent-bit-go keeps what it is given forever.
	output.FLBPluginSetContext(plugin, instances.add(ins))
	return C.FLB_OK
}

// secretwatchFlush delivers one chunk. data is only read, and only during the
// call. It blocks until the chunk is delivered or that has failed.
//
//export secretwatchFlush
func secretwatchFlush(context, data unsafe.Pointer, size C.size_t, tag *C.char, onEngine C.int) (result C.int) {
	ins := outputOf(context)
	if ins == nil {
		return C.FLB_ERROR
	}
	defer func() {
		if r := recover(); r != nil {
			logPanic(ins.log, "flush", r)
			result = C.FLB_RETRY
		}
	}()
	if onEngine != 0 && ins.forwards && ins.warned.CompareAndSwap(false, true) {
		ins.log.Warnf("runs on Fluent Bit's own thread, where a slow receiver stops everything else: set workers to 1 or more")
	}
	if data == nil || size == 0 {
		return C.FLB_OK
	}
	chunk := unsafe.Slice((*byte)(data), uint64(size))
	return C.int(ins.output.Deliver(chunk, C.GoString(tag), onEngine == 0))
}

// secretwatchOutputExit ends an instance. A context that is unknown, or ended
// before, is ignored.
//
//export secretwatchOutputExit
func secretwatchOutputExit(context unsafe.Pointer) {
	handle, _ := output.FLBPluginGetContext(context).(uintptr)
	ins := instances.remove(handle)
	if ins == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			logPanic(ins.log, "exit", r)
		}
	}()
	if err := ins.close(); err != nil {
		ins.log.Warnf("%v", err)
	}
	ins.log.Infof("%s; %s", ins.output.Summary(), ins.pipeline.Summary())
}

func outputOf(context unsafe.Pointer) *instance {
	handle, _ := output.FLBPluginGetContext(context).(uintptr)
	return instances.get(handle)
}

// newOutput sets up what a configuration asks for.
func newOutput(cfg *config.Config, log *hostLog) (*instance, error) {
	target, err := newTarget(&cfg.Output)
	if err != nil {
		return nil, err
	}
	ins, err := newInstance(cfg, log)
	if err != nil {
		target.Close()
		return nil, err
	}
	ins.output = delivery.New(delivery.Options{
		Process: ins.pipeline, Target: target, Log: log, OnlyFindings: cfg.Output.OnlyFindings,
	})
	switch cfg.Output.Target.Kind {
	case config.ForwardTCP, config.ForwardTLS, config.ForwardUnix:
		ins.forwards = true
	}
	ins.showMetrics()
	return ins, nil
}

func newTarget(o *config.Output) (delivery.Target, error) {
	switch o.Target.Kind {
	case config.File:
		return delivery.ToLines(delivery.OpenFile(o.Target.Address)), nil
	case config.Stdout:
		w, err := delivery.OpenStdout()
		if err != nil {
			return nil, err
		}
		return delivery.ToLines(w), nil
	}
	opts := forward.Options{
		Network: "tcp", Address: o.Target.Address,
		SharedKey: o.SharedKey, SharedKeyFile: o.SharedKeyFile,
		ConnectTimeout: o.ConnectTimeout, AckTimeout: o.AckTimeout,
	}
	// Only a name in the handshake; receivers do not care whether there is one.
	opts.Hostname, _ = os.Hostname()
	switch o.Target.Kind {
	case config.ForwardUnix:
		opts.Network = "unix"
	case config.ForwardTLS:
		opts.TLS = &forward.TLS{
			NoVerify: !o.TLSVerify, CAFile: o.TLSCAFile, ServerName: o.TLSServerName,
			CertFile: o.TLSCertFile, KeyFile: o.TLSKeyFile,
		}
	}
	client, err := forward.New(opts)
	if err != nil {
		return nil, err
	}
	return delivery.ToForward(client), nil
}

// readOutputProperties is readProperties for the output. The host checks no
// properties of Go plugins, so effective shows all of the output's own, for a
// person to see what was not understood.
func readOutputProperties(get func(key string) (string, bool)) (cfg *config.Config, effective string, err error) {
	cfg = config.DefaultOutput()
	var shown []string
	for _, table := range [][]config.Property{config.OutputProperties, config.Properties} {
		for i := range table {
			p := &table[i]
			value, ok := get(p.Name)
			if ok {
				if err := cfg.SetOutput(p.Name, value); err != nil {
					return nil, "", err
				}
			} else {
				value = p.Default
			}
			own := &table[0] == &config.OutputProperties[0]
			if value == "" || !own && value == p.Default {
				continue
			}
			shown = append(shown, fmt.Sprintf("%s=%q", p.Name, p.Shown(value)))
		}
	}
	if err := cfg.CheckOutput(); err != nil {
		return nil, "", err
	}
	return cfg, strings.Join(shown, " "), nil
}
