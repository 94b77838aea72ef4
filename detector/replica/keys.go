package replica

import (
	_ "embed"
	"fmt"
	"net/url"

	"github.com/redis/go-redis/v9"

	"github.com/secretwatch/secretwatch/detector/history"
)

// keys are those of one cluster's history. All are in one hash slot, so that one
// script can use them: what one identity does also bears on others.
//
//	log            stream of what replicas observed, in the order that holds; fields:
//	               o  replica that observed it
//	               e  an observation, or
//	               forget or approve  name of a principal, and v  a value of it or ""
//	meta           hash:
//	               epoch  random, made with the hash: tells a history from one after a flush
//	               born   when that was, in s since the Unix epoch
//	               gen    generation of the records that is complete, absent before there is one
//	               at     id of the log's entry up to which it includes what was observed
//	               start  when whoever wrote it began to learn, ns since the Unix epoch
//	               save   random, made each time records were written: tells a server that
//	                      has them all from one that lost the last
//	lease          who writes records, expires
//	state:GEN:TABLE  hash of records as detector.Memory emits them, by their keys
type keys struct{ prefix string }

// keysOf returns the keys of a cluster by its name, which may be "".
func keysOf(cluster string) keys {
	// Braces mark the part of a key that decides on the slot, unless there is nothing
	// between them. No name is escaped to @.
	tag := "@"
	if cluster != "" {
		tag = url.QueryEscape(cluster)
	}
	return keys{"secretwatch:{" + tag + "}:"}
}

func (k keys) log() string   { return k.prefix + "log" }
func (k keys) meta() string  { return k.prefix + "meta" }
func (k keys) lease() string { return k.prefix + "lease" }

func (k keys) state(generation string, table history.Table) string {
	return fmt.Sprintf("%sstate:%s:%s", k.prefix, generation, table)
}

// Scripts. Each says itself what it takes and returns.
var (
	//go:embed lua/join.lua
	joinText string
	//go:embed lua/exchange.lua
	exchangeText string
	//go:embed lua/lease.lua
	leaseText string
	//go:embed lua/commit.lua
	commitText string
	//go:embed lua/release.lua
	releaseText string
	//go:embed lua/wish.lua
	wishText string
	//go:embed lua/create.lua
	createText string
	//go:embed lua/abandon.lua
	abandonText string

	joinScript     = redis.NewScript(joinText)
	exchangeScript = redis.NewScript(exchangeText)
	leaseScript    = redis.NewScript(leaseText)
	commitScript   = redis.NewScript(commitText)
	releaseScript  = redis.NewScript(releaseText)
	wishScript     = redis.NewScript(wishText)
	createScript   = redis.NewScript(createText)
	abandonScript  = redis.NewScript(abandonText)
)
