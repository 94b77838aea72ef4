package redistest

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"testing"
)

const slots = 16384

// nodeTimeout is cluster-node-timeout in milliseconds: how long a node is silent
// before it is suspected. A failover takes two to three times as long.
const nodeTimeout = 500

// Cluster is a set of servers in cluster mode.
type Cluster struct {
	t     testing.TB
	nodes []*Server // masters first, then the replicas of each in turn
}

// StartCluster runs a cluster with so many masters, each with so many replicas,
// and returns when every node holds it to be whole and every replica follows its
// master. A failover needs three masters or more.
func StartCluster(t testing.TB, masters, replicas int, with ...Option) *Cluster {
	t.Helper()
	o := collect(with)
	o.single(t, "StartCluster")
	o.set("cluster-enabled", "yes")
	o.set("cluster-node-timeout", fmt.Sprint(nodeTimeout))
	// A replica takes over however long ago it last heard from its master: on a
	// busy machine that is soon longer than so short a timeout allows.
	o.set("cluster-replica-validity-factor", "0")
	c := &Cluster{t: t}
	for range masters * (1 + replicas) {
		c.nodes = append(c.nodes, start(t, o))
	}
	c.form(masters, replicas)
	return c
}

// form makes a cluster of nodes that do not know each other.
func (c *Cluster) form(masters, replicas int) {
	c.t.Helper()
	for i, node := range c.nodes {
		// Different epochs at the start, so that there is nothing to vote about.
		c.must(node, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		if i < masters {
			// ADDSLOTSRANGE is shorter but came with Redis 7.
			add := []any{"CLUSTER", "ADDSLOTS"}
			for slot := i * slots / masters; slot < (i+1)*slots/masters; slot++ {
				add = append(add, slot)
			}
			c.must(node, add...)
		}
		for _, other := range c.nodes[:i] {
			c.must(node, "CLUSTER", "MEET", "127.0.0.1", other.port)
		}
	}
	for i, replica := range c.nodes[masters:] {
		id := c.must(c.nodes[i/replicas], "CLUSTER", "MYID")
		await(c.t, "CLUSTER REPLICATE", func() error {
			_, err := replica.Do("CLUSTER", "REPLICATE", id) // refused until it knows that node
			return err
		})
	}
	await(c.t, "forming of the cluster", func() error {
		for i, node := range c.nodes {
			known, err := c.cluster(node, "cluster_known_nodes")
			if err == nil && known != fmt.Sprint(len(c.nodes)) {
				err = fmt.Errorf("%s knows %s nodes", node.Addr(), known)
			}
			if err != nil {
				return err
			}
			field, want := "connected_slaves", fmt.Sprint(replicas)
			if i >= masters {
				field, want = "master_link_status", "up"
			}
			got, err := node.info("replication", field)
			if err == nil && got != want {
				err = fmt.Errorf("%s: %s is %q", node.Addr(), field, got)
			}
			if err != nil {
				return err
			}
		}
		return c.whole()
	})
}

// whole returns nil if every running node holds the cluster to be well, with each
// slot served by a running master.
func (c *Cluster) whole() error {
	for _, node := range c.nodes {
		if !node.Running() {
			continue
		}
		state, err := c.cluster(node, "cluster_state")
		if err == nil && state != "ok" {
			err = fmt.Errorf("%s: cluster_state is %q", node.Addr(), state)
		}
		if err != nil {
			return err
		}
		ranges, err := c.ranges(node)
		if err != nil {
			return err
		}
		served := 0
		for _, r := range ranges {
			if !r.master.Running() {
				return fmt.Errorf("%s: slots %d to %d are served by %s, which is dead", node.Addr(), r.first, r.last, r.master.Addr())
			}
			served += r.last - r.first + 1
		}
		if served != slots {
			return fmt.Errorf("%s: %d slots are served", node.Addr(), served)
		}
	}
	return nil
}

// slotRange is a run of slots and who serves it.
type slotRange struct {
	first, last int
	master      *Server
}

// ranges returns the slots and masters that a node knows.
func (c *Cluster) ranges(node *Server) ([]slotRange, error) {
	answer, err := node.Do("CLUSTER", "SLOTS")
	if err != nil {
		return nil, err
	}
	var ranges []slotRange
	for _, entry := range answer.([]any) {
		// First slot, last slot, master (address, port, …), replicas.
		fields := entry.([]any)
		port := int(fields[2].([]any)[1].(int64))
		i := slices.IndexFunc(c.nodes, func(s *Server) bool { return s.port == port })
		if i < 0 {
			return nil, fmt.Errorf("%s: CLUSTER SLOTS names port %d", node.Addr(), port)
		}
		ranges = append(ranges, slotRange{int(fields[0].(int64)), int(fields[1].(int64)), c.nodes[i]})
	}
	return ranges, nil
}

// cluster returns a field of CLUSTER INFO.
func (c *Cluster) cluster(node *Server, field string) (string, error) {
	fields, err := node.fields("CLUSTER", "INFO")
	return fields[field], err
}

// Nodes returns all nodes: the first masters, then the first replicas.
func (c *Cluster) Nodes() []*Server {
	return slices.Clone(c.nodes)
}

// Addrs returns the addresses of all nodes.
func (c *Cluster) Addrs() []string {
	return addrs(c.nodes)
}

// URL returns the address of all nodes in the form of redis.ParseClusterURL:
// redis://first?addr=second&addr=third….
func (c *Cluster) URL() string {
	u := url.URL{Scheme: "redis", Host: c.nodes[0].Addr(), User: c.nodes[0].userinfo()}
	u.RawQuery = url.Values{"addr": c.Addrs()[1:]}.Encode()
	return u.String()
}

// MasterOf returns the node that serves a key, in the view of the first node that
// runs.
func (c *Cluster) MasterOf(key string) *Server {
	c.t.Helper()
	node := c.anyRunning()
	slot, err := strconv.Atoi(fmt.Sprint(c.must(node, "CLUSTER", "KEYSLOT", key)))
	if err != nil {
		c.t.Fatal(err)
	}
	ranges, err := c.ranges(node)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, r := range ranges {
		if r.first <= slot && slot <= r.last {
			return r.master
		}
	}
	c.t.Fatalf("nobody serves slot %d of key %q", slot, key)
	return nil
}

// KillMasterOf kills the node that serves a key and returns it.
func (c *Cluster) KillMasterOf(key string) *Server {
	c.t.Helper()
	master := c.MasterOf(key)
	master.Kill()
	return master
}

// WaitFailover returns when every running node holds the cluster to be well and
// only running nodes to be masters.
func (c *Cluster) WaitFailover() {
	c.t.Helper()
	await(c.t, "failover of the cluster", c.whole)
}

func (c *Cluster) anyRunning() *Server {
	c.t.Helper()
	for _, node := range c.nodes {
		if node.Running() {
			return node
		}
	}
	c.t.Fatal("no node of the cluster runs")
	return nil
}

func (c *Cluster) must(node *Server, command ...any) any {
	c.t.Helper()
	answer, err := node.Do(command...)
	if err != nil {
		c.t.Fatal(errors.Join(fmt.Errorf("%s: %v", node.Addr(), command[:2]), err))
	}
	return answer
}

func addrs(servers []*Server) []string {
	var list []string
	for _, s := range servers {
		list = append(list, s.Addr())
	}
	return list
}
