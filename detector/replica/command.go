package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/history"
)

// Client looks into a shared history and changes it, without being a replica.
type Client struct{ store *store }

// Connect returns a client of the history that o names; Timeout, Save and Log are
// not used. Calls that fail say why.
func Connect(o Options, cfg detector.Config) (*Client, error) {
	s, err := newStore(&o, &cfg)
	if err != nil {
		return nil, err
	}
	return &Client{s}, nil
}

// Close ends all connections.
func (c *Client) Close() error {
	return errors.Join(c.store.client.Close(), c.store.follower.Close())
}

// ErrNone is the error for a history that is not there.
var ErrNone = errors.New("there is no such history")

// Load returns the history as it is now. It is a copy.
func (c *Client) Load(ctx context.Context, cfg detector.Config) (*detector.Memory, error) {
	if err := c.exists(ctx); err != nil {
		return nil, err
	}
	m, _, _, err := c.store.load(ctx, cfg)
	return m, err
}

func (c *Client) exists(ctx context.Context) error {
	n, err := c.store.client.Exists(ctx, c.store.keys.meta()).Result()
	if err == nil && n == 0 {
		err = ErrNone
	}
	return err
}

// Forget makes all replicas forget a principal, or one of its values if value is
// not empty.
func (c *Client) Forget(ctx context.Context, principal, value string) error {
	return c.store.append(ctx, "forget", principal, value)
}

// Approve makes all replicas end the probation of a principal and its values, or
// of one value if value is not empty.
func (c *Client) Approve(ctx context.Context, principal, value string) error {
	return c.store.append(ctx, "approve", principal, value)
}

// Create makes a history of records, which write emits. There must be none yet.
func (c *Client) Create(ctx context.Context, cfg detector.Config, write func(emit history.Emit) error) error {
	switch err := c.exists(ctx); {
	case err == nil:
		return errors.New("there is a history already")
	case !errors.Is(err, ErrNone):
		return err
	}
	// What is read is checked before anything is made of it.
	m := detector.NewMemory(cfg)
	restorer := m.Restore()
	generation := randomID()
	var failed error
	err := c.store.write(ctx, generation, func(emit history.Emit) {
		failed = write(func(table history.Table, key string, value []byte) {
			if err := restorer.Add(table, key, value); err != nil && failed == nil {
				failed = err
			}
			emit(table, key, value)
		})
	})
	if err = errors.Join(failed, err); err != nil {
		return errors.Join(err, c.store.drop(ctx, generation))
	}
	restorer.Done()
	id := randomID()
	h, err := c.store.join(ctx)
	if err != nil {
		return err
	}
	start := m.Store().Since()
	lease, err := c.store.lease(ctx, id, start)
	if err != nil {
		return err
	}
	done := false
	if lease.mine {
		h.generation, h.start = generation, start
		if done, err = c.store.commit(ctx, id, h); err != nil {
			return err
		}
	}
	if !done {
		return errors.Join(fmt.Errorf("a replica has begun a history meanwhile"), c.store.drop(ctx, generation))
	}
	return c.store.release(ctx, id)
}
