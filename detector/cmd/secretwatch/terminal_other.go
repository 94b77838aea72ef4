//go:build !linux

package main

// terminalWidth returns 0: terminals are not told from files here, and nothing
// is cut.
func terminalWidth(any) int { return 0 }
