package metrics

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// Limits of what clients may take from the host. A connection serves one request
// and lasts at most readTimeout and writeTimeout together.
const (
	maxConns     = 32 // further ones wait
	maxScrapes   = 4  // at a time; further ones are refused
	maxHeader    = 8 << 10
	readTimeout  = 5 * time.Second
	writeTimeout = 10 * time.Second
)

const (
	// relisten is how often an address that could not be had is tried again.
	relisten = 2 * time.Second
	// grace is how long scrapes under way may take when the server is stopped.
	grace = 250 * time.Millisecond
)

// server serves a registry at an address, as soon as that can be had.
type server struct {
	address string
	log     pipeline.Logger
	http    http.Server
	stopped chan struct{}  // closed by stop
	done    chan struct{}  // closed when nobody accepts any more
	conns   sync.WaitGroup // the goroutines of connections
}

// startServer begins to serve. It does not fail: an address that cannot be had is
// a warning, and tried again.
func startServer(address string, registry *prometheus.Registry, log pipeline.Logger) *server {
	s := &server{address: address, log: log, stopped: make(chan struct{}), done: make(chan struct{})}
	trouble := errorLog(log)
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: trouble, MaxRequestsInFlight: maxScrapes,
	}))
	s.http = http.Server{
		Handler:        routes,
		ReadTimeout:    readTimeout,
		WriteTimeout:   writeTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       trouble,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.conns.Add(1)
			case http.StateClosed:
				s.conns.Done()
			}
		},
	}
	// Connections that stay would take the places of others.
	s.http.SetKeepAlivesEnabled(false)
	l, err := net.Listen("tcp", address)
	if err != nil {
		log.Warnf("metrics_listen %s: %v; metrics are not served, it is tried again every %s", address, plain(err), relisten)
	} else {
		s.ready()
	}
	go s.run(l)
	return s
}

func (s *server) ready() { s.log.Infof("metrics are served at http://%s/metrics", s.address) }

// run accepts connections until the server is stopped. l is nil if there is no
// listener yet.
func (s *server) run(l net.Listener) {
	defer close(s.done)
	for {
		for l == nil {
			select {
			case <-s.stopped:
				return
			case <-time.After(relisten):
			}
			var err error
			if l, err = net.Listen("tcp", s.address); err == nil {
				s.ready()
			}
		}
		err := s.http.Serve(netutil.LimitListener(l, maxConns)) // closes l
		if errors.Is(err, http.ErrServerClosed) {
			return
		}
		s.log.Warnf("metrics_listen %s: %v; it is tried again in %s", s.address, plain(err), relisten)
		l = nil
	}
}

// stop ends the server, its port and its goroutines. Scrapes under way get a
// little time, all other connections none.
func (s *server) stop() {
	close(s.stopped)
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	_ = s.http.Shutdown(ctx)
	_ = s.http.Close()
	<-s.done
	s.conns.Wait()
}

// plain is an error of the system without the address, which messages have
// already.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// errorLog returns the log that the HTTP server wants. What clients do wrong is
// no trouble of the host's, so it shows at level debug only.
func errorLog(to pipeline.Logger) *log.Logger { return log.New(debugWriter{to}, "", 0) }

type debugWriter struct{ log pipeline.Logger }

func (w debugWriter) Write(line []byte) (int, error) {
	w.log.Debugf("metrics: %s", strings.TrimSpace(string(line)))
	return len(line), nil
}
