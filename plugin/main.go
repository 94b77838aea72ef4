// Command plugin is the Fluent Bit filter secretwatch, built as a C shared
// library. This package holds all of the C, but for what its package quiet has, and
// nothing else: callbacks cross from C to Go here, and what happens to a chunk is in
// package pipeline.
package main

//go:generate go run ./config/gen

// main is never called: the library is loaded, not run.
func main() {}
