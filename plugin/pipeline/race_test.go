//go:build race

package pipeline

// raceEnabled: with the race detector sync.Pool forgets at random.
const raceEnabled = true
