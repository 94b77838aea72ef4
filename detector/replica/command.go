package replica

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/history"
)

// Client looks into a shared history and changes it, without being a replica.
type Client struct {
	store *store
	cfg   detector.Config
}

// Bounds of time of a client's calls.
const (
	// questionTimeout is for one question, with the connection.
	questionTimeout = 10 * time.Second
	// transferTimeout is for reading a whole history. No single answer may take
	// longer than the client library waits by default, some seconds.
	transferTimeout = time.Minute
)

// Errors of a Client.
var (
	// ErrNone: the history that is named is not there.
	ErrNone = errors.New("there is no such history")
	// ErrExists: it is there already.
	ErrExists = errors.New("there is a history already")
	// ErrReplaced: it was removed, or removed and begun anew, since it was read.
	ErrReplaced = errors.New("the history was removed meanwhile")
)

// Connect returns a client of the history that o names, to be closed; Timeout,
// Save and Log are not used. cfg is that of the replicas: what they observed since
// they last wrote records is judged here as it was there.
//
// Nothing is sent yet. The error says which of the files in o.Access cannot be
// used. Those of the methods hold no passwords.
func Connect(o Options, cfg detector.Config) (*Client, error) {
	s, err := newStore(&o, &cfg)
	if err != nil {
		return nil, err
	}
	return &Client{s, cfg}, nil
}

// Close ends all connections.
func (c *Client) Close() error {
	return c.store.close()
}

// Copy is a shared history as it was when it was read.
type Copy struct {
	// Memory is the caller's.
	Memory *detector.Memory

	records recordSet
	epoch   string
}

// Load reads the history as it is now, or fails with ErrNone.
func (c *Client) Load(ctx context.Context) (*Copy, error) {
	if err := c.exists(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	var all recordSet
	m, h, at, err := c.store.load(ctx, c.cfg, &all)
	if err != nil {
		return nil, inTime(err)
	}
	if all == nil {
		all = recordSet{}
	}
	if at != h.at {
		m.Changes(false, all.put) // by what was observed since
	}
	return &Copy{Memory: m, records: all, epoch: h.epoch}, nil
}

// Records calls add for every record that the history was read from, brought up
// to date, in the order of tables and keys.
func (c *Copy) Records(add func(table history.Table, key string, value []byte) error) error {
	return c.records.each(add)
}

// exists returns nil or ErrNone, or why that is not known.
func (c *Client) exists(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	n, err := c.store.client.Exists(ctx, c.store.keys.meta()).Result()
	if err == nil && n == 0 {
		return ErrNone
	}
	return inTime(err)
}

// Forget makes all replicas forget a principal, or one of its values if value is
// not empty: those that run at once, others when they start. It fails with
// ErrReplaced if the history is not that of the copy any more.
func (c *Client) Forget(ctx context.Context, of *Copy, principal, value string) error {
	return c.wish(ctx, of, "forget", principal, value)
}

// Approve makes all replicas end the probation of a principal and its values, or
// of one value if value is not empty. All else is as with Forget.
func (c *Client) Approve(ctx context.Context, of *Copy, principal, value string) error {
	return c.wish(ctx, of, "approve", principal, value)
}

func (c *Client) wish(ctx context.Context, of *Copy, field, principal, value string) error {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	done, err := c.store.wish(ctx, of.epoch, field, principal, value)
	if err == nil && !done {
		return ErrReplaced
	}
	if err = inTime(err); errors.Is(err, errNoAnswer) {
		err = fmt.Errorf("%w; it may be done nevertheless, and may be asked for again", err)
	}
	return err
}

// Create begins a history with the records that write emits, at once and as a
// whole, or fails with ErrExists. Nothing is left if it fails.
func (c *Client) Create(ctx context.Context, write func(emit history.Emit) error) error {
	switch err := c.exists(ctx); {
	case err == nil:
		return ErrExists
	case !errors.Is(err, ErrNone):
		return err
	}
	generation := randomID()
	start, err := c.fill(ctx, generation, write)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, questionTimeout)
		defer cancel()
		var done bool
		if done, err = c.store.create(ctx, generation, start); done {
			return nil
		}
		if err = inTime(err); err == nil {
			err = ErrExists // since a moment
		}
	}
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	switch removed, failed := c.store.abandon(ctx, generation); {
	case failed != nil:
		return fmt.Errorf("%w; what was written may be left there", err)
	case !removed:
		return nil // it is there, only the answer got lost
	}
	return err
}

// fill writes the records of a new generation and returns how far back they know.
func (c *Client) fill(ctx context.Context, generation string, write func(emit history.Emit) error) (start int64, err error) {
	m := detector.NewMemory(c.cfg)
	restorer := m.Restore() // as replicas will
	var failed, refused error
	none := true
	again := func() error { return nil } // nobody else knows of them
	err = c.store.write(ctx, generation, again, func(emit history.Emit) {
		failed = write(func(table history.Table, key string, value []byte) {
			if refused == nil {
				refused = restorer.Add(table, key, value)
			}
			none = false
			emit(table, key, value)
		})
	})
	switch {
	case failed != nil:
		return 0, failed
	case refused != nil:
		return 0, refused
	case err != nil:
		return 0, inTime(err)
	case none:
		return 0, errors.New("no records to begin a history with")
	}
	restorer.Done()
	return m.Store().Since(), nil
}

var errNoAnswer = errors.New("no answer in time")

// inTime explains an error that is a lack of an answer.
func inTime(err error) error {
	var slow net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout() {
		return fmt.Errorf("%w (%w)", errNoAnswer, err)
	}
	return err
}
