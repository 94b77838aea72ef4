// Package pipeline is the whole way of a record: chunk bytes in, chunk bytes
// out. The filter, the output and the replay tool are three thin doors to it.
package pipeline

// Logger receives one-line messages. Implementations add level and origin in
// their host's form. Safe for concurrent use.
type Logger interface {
	Errorf(format string, args ...any)
	Warnf(format string, args ...any)
	Infof(format string, args ...any)
	Debugf(format string, args ...any)
}
