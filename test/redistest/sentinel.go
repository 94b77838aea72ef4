package redistest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"testing"
)

// MasterName is the name under which sentinels of this package know the master.
const MasterName = "mymaster"

const (
	sentinels = 3
	quorum    = 2
	// How long the master is silent before a sentinel holds it to be down, in
	// milliseconds.
	downAfter = 500
)

// Sentinel is a master with a replica, watched by three sentinels of which two
// must agree that the master is down.
type Sentinel struct {
	t         testing.TB
	data      []*Server // the first master and its replica
	sentinels []*Server
}

// StartSentinel runs them and returns when the replica follows its master and the
// sentinels know it and each other. Options are for the two data servers.
func StartSentinel(t testing.TB, with ...Option) *Sentinel {
	t.Helper()
	o := collect(with)
	o.single(t, "StartSentinel")
	s := &Sentinel{t: t}
	master := start(t, o)
	o.set("replicaof", "127.0.0.1", strconv.Itoa(master.port))
	s.data = []*Server{master, start(t, o)}
	for range sentinels {
		s.sentinels = append(s.sentinels, startSentinel(t, master))
	}
	await(t, "mutual discovery of the sentinels", s.discovered)
	return s
}

// startSentinel runs one sentinel for a master.
func startSentinel(t testing.TB, master *Server) *Server {
	t.Helper()
	s := &Server{t: t, folder: t.TempDir()}
	s.launch(func() [][]string {
		var o options
		o.set("bind", "127.0.0.1")
		o.set("port", strconv.Itoa(s.port))
		o.set("dir", s.folder)
		o.set("sentinel", "monitor", MasterName, "127.0.0.1", strconv.Itoa(master.port), strconv.Itoa(quorum))
		o.set("sentinel", "down-after-milliseconds", MasterName, strconv.Itoa(downAfter))
		o.set("sentinel", "failover-timeout", MasterName, "5000")
		if password := master.options.password; password != "" {
			o.set("sentinel", "auth-pass", MasterName, password)
		}
		return o.settings
	}, "--sentinel")
	// Sentinels look around every few seconds. From Redis 7 on that can be
	// quicker; before, discovery and failover only take longer.
	_, _ = s.Do("SENTINEL", "DEBUG", "info-period", 200, "publish-period", 200, "ask-period", 200)
	return s
}

// discovered returns nil if all is in place for a failover.
func (s *Sentinel) discovered() error {
	if link, err := s.data[1].info("replication", "master_link_status"); err != nil || link != "up" {
		return fmt.Errorf("link of the replica: %q, %v", link, err)
	}
	for _, sentinel := range s.sentinels {
		answer, err := sentinel.Do("SENTINEL", "MASTER", MasterName)
		if err != nil {
			return err
		}
		view := stringMap(answer)
		if view["flags"] != "master" || view["num-slaves"] != "1" || view["num-other-sentinels"] != strconv.Itoa(sentinels-1) {
			return fmt.Errorf("sentinel %s: flags %s, replicas %s, other sentinels %s", sentinel.Addr(), view["flags"], view["num-slaves"], view["num-other-sentinels"])
		}
	}
	return nil
}

// stringMap makes a map of an answer that is a map (RESP3) or a list of names and
// values (RESP2).
func stringMap(answer any) map[string]string {
	m := make(map[string]string)
	switch answer := answer.(type) {
	case map[any]any:
		for name, value := range answer {
			m[fmt.Sprint(name)] = fmt.Sprint(value)
		}
	case []any:
		for pair := range slices.Chunk(answer, 2) {
			m[fmt.Sprint(pair[0])] = fmt.Sprint(pair[len(pair)-1])
		}
	}
	return m
}

// master returns the server that a sentinel holds to be the master.
func (s *Sentinel) master(sentinel *Server) (*Server, error) {
	answer, err := sentinel.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MasterName)
	if err != nil {
		return nil, err
	}
	port := answer.([]any)[1].(string)
	for _, server := range s.data {
		if strconv.Itoa(server.port) == port {
			return server, nil
		}
	}
	return nil, fmt.Errorf("sentinel %s names port %s", sentinel.Addr(), port)
}

// Master returns the server that the sentinels name.
func (s *Sentinel) Master() *Server {
	s.t.Helper()
	for _, sentinel := range s.sentinels {
		if sentinel.Running() {
			master, err := s.master(sentinel)
			if err != nil {
				s.t.Fatal(err)
			}
			return master
		}
	}
	s.t.Fatal("no sentinel runs")
	return nil
}

// Servers returns the two data servers, the first master first.
func (s *Sentinel) Servers() []*Server {
	return slices.Clone(s.data)
}

// Sentinels returns the sentinels, which hold no keys.
func (s *Sentinel) Sentinels() []*Server {
	return slices.Clone(s.sentinels)
}

// Addrs returns the addresses of the sentinels.
func (s *Sentinel) Addrs() []string {
	return addrs(s.sentinels)
}

// URL returns the address of the sentinels in the form of redis.ParseFailoverURL:
// redis://first?addr=second&addr=third&master_name=mymaster, with &password= for
// the master: there, user and password before the host are for the sentinels.
func (s *Sentinel) URL() string {
	all := s.Addrs()
	query := url.Values{"addr": all[1:], "master_name": {MasterName}}
	if password := s.data[0].options.password; password != "" {
		query.Set("password", password)
	}
	u := url.URL{Scheme: "redis", Host: all[0], RawQuery: query.Encode()}
	return u.String()
}

// KillMaster kills the present master and returns it.
func (s *Sentinel) KillMaster() *Server {
	s.t.Helper()
	master := s.Master()
	master.Kill()
	return master
}

// WaitFailover returns when all running sentinels name one master, and that one
// runs and knows that it is.
func (s *Sentinel) WaitFailover() {
	s.t.Helper()
	await(s.t, "failover by the sentinels", func() error {
		for _, sentinel := range s.sentinels {
			if !sentinel.Running() {
				continue
			}
			master, err := s.master(sentinel)
			if err == nil && !master.Running() {
				err = fmt.Errorf("sentinel %s names %s, which is dead", sentinel.Addr(), master.Addr())
			}
			if err != nil {
				return err
			}
			if role, err := master.info("replication", "role"); err != nil || role != "master" {
				return fmt.Errorf("role of %s: %q, %v", master.Addr(), role, err)
			}
		}
		return nil
	})
}
