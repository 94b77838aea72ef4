package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/detector/replica"
	"github.com/secretwatch/secretwatch/detector/state"
	"github.com/secretwatch/secretwatch/plugin/config"
)

// place is where a history is kept. Errors name it, and nothing shows a password.
type place interface {
	fmt.Stringer // for people
	// flags say on a command line where it is.
	flags() string
	// load returns a copy of the history.
	load() (*detector.Memory, error)
	// records calls add for every record of it, in the order of tables and keys.
	records(add func(table history.Table, key string, value []byte) error) error
	// edit changes a principal, or one value of it if value is not empty, unless
	// check fails, which is told what it comes to. note says when it is done, if
	// that is not at once.
	edit(e edit, principal, value string, check func(values []string, ok bool) error) (note string, err error)
	// create makes a history of what fill emits. There must be none.
	create(fill func(emit history.Emit) error) error
}

// edit is what can be done to a principal.
type edit struct {
	done  string // "forgotten"
	takes string // "value"
	here  func(s *history.Store, principal, value string) (values []string, ok bool)
	tell  func(c *replica.Client, ctx context.Context, of *replica.Copy, principal, value string) error
}

var (
	forgetting = edit{"forgotten", "value", (*history.Store).Forget, (*replica.Client).Forget}
	approving  = edit{"approved", "value on probation", (*history.Store).Approve, (*replica.Client).Approve}
)

// placeOf returns the place that a command line names: a file, or the properties
// about Redis.
func placeOf(path string, cfg *config.Config) (place, error) {
	switch {
	case path != "" && !cfg.Redis.None():
		return nil, errors.New("both --state and --redis-url; accepted: one of the two")
	case path != "":
		return inFile{path, cfg.Detector}, nil
	case !cfg.Redis.None():
		return inRedis{replica.Options{Server: cfg.Redis, Access: cfg.RedisAccess, Cluster: cfg.Cluster}, cfg.Detector}, nil
	}
	return nil, errors.New("no history; accepted: --state FILE, or --redis-url URL")
}

// inFile is a history in a file.
type inFile struct {
	path string
	cfg  detector.Config
}

func (p inFile) String() string                  { return p.path }
func (p inFile) flags() string                   { return "--state " + p.path }
func (p inFile) load() (*detector.Memory, error) { return state.Load(p.path, p.cfg) }

func (p inFile) records(add func(table history.Table, key string, value []byte) error) error {
	return state.Records(p.path, add)
}

func (p inFile) edit(e edit, principal, value string, check func(values []string, ok bool) error) (note string, err error) {
	return "", state.Edit(p.path, p.cfg, func(m *detector.Memory) error { return check(e.here(m.Store(), principal, value)) })
}

func (p inFile) create(fill func(emit history.Emit) error) error { return state.Create(p.path, fill) }

// inRedis is a history that instances share.
type inRedis struct {
	o   replica.Options
	cfg detector.Config
}

func (p inRedis) flags() string {
	flags := "--redis-url " + p.o.Server.String()
	if p.o.Cluster != "" {
		flags += " --cluster " + p.o.Cluster
	}
	return flags
}

func (p inRedis) String() string {
	if p.o.Cluster == "" {
		return p.o.Server.String()
	}
	return fmt.Sprintf("%s, cluster %q", p.o.Server, p.o.Cluster)
}

// located names the place in an error of the server.
func (p inRedis) located(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, replica.ErrNone):
		return fmt.Errorf("%s: %w; accepted: the properties redis_url and cluster of an instance", p, err)
	case errors.Is(err, replica.ErrExists):
		return fmt.Errorf("%s: %w; accepted: another --cluster, or a server without it", p, err)
	}
	return fmt.Errorf("%s: %w", p, err)
}

// with calls f with a client.
func (p inRedis) with(f func(c *replica.Client) error) error {
	c, err := replica.Connect(p.o, state.Unbounded(p.cfg))
	if err != nil {
		return p.located(err)
	}
	defer c.Close() // all that it did was answered
	return f(c)
}

// copied calls f with a client and what it read.
func (p inRedis) copied(f func(c *replica.Client, of *replica.Copy) error) error {
	return p.with(func(c *replica.Client) error {
		of, err := c.Load(context.Background())
		if err != nil {
			return p.located(err)
		}
		return f(c, of)
	})
}

func (p inRedis) load() (m *detector.Memory, err error) {
	err = p.copied(func(_ *replica.Client, of *replica.Copy) error {
		m = of.Memory
		return nil
	})
	return m, err
}

func (p inRedis) records(add func(table history.Table, key string, value []byte) error) error {
	return p.copied(func(_ *replica.Client, of *replica.Copy) error { return of.Records(add) })
}

func (p inRedis) edit(e edit, principal, value string, check func(values []string, ok bool) error) (note string, err error) {
	err = p.copied(func(c *replica.Client, of *replica.Copy) error {
		// What a replica has not told of yet is not known here: whoever asks for it
		// is told that there is no such value, rather than that it was done.
		if err := check(e.here(of.Memory.Store(), principal, value)); err != nil {
			return err
		}
		return p.located(e.tell(c, context.Background(), of, principal, value))
	})
	return "instances that run follow within moments, others when they start", err
}

func (p inRedis) create(fill func(emit history.Emit) error) error {
	return p.with(func(c *replica.Client) error { return p.located(c.Create(context.Background(), fill)) })
}
