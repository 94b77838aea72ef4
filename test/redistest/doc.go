// Package redistest starts real Redis or Valkey servers for tests: one server, a
// cluster, or a master watched by sentinels, and a proxy that misbehaves on
// demand.
//
// Servers listen on 127.0.0.1 only, keep their files in a temporary folder and
// write no data to disk unless [Persist] is given. They are killed when the test
// ends, and by the kernel if the test's process dies first. Without a server to
// run the test is skipped.
//
// The environment variable REDIS_SERVER names the program (a path, or a name on
// PATH such as valkey-server). By default it is redis-server, else valkey-server.
package redistest
