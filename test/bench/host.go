package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/test/gen"
)

// loaderHost runs whole chunks of 2 MB, Fluent Bit's size, through the plugin in
// the loader host, which does nothing else but read and copy them.
func (b *bench) loaderHost() ([]row, error) {
	const records = 1800
	chunks := max(*events/records, 1)
	write := func(secrets float64) (*candidate, error) {
		cfg := gen.DefaultConfig(1)
		cfg.Events, cfg.Secrets = chunks*records, secrets
		g := gen.New(cfg)
		c := &candidate{args: []string{b.host, "--raw", "--quiet", "--log-level", "1", b.plugin}}
		for i := range chunks {
			var data []byte
			for range records {
				data = chunk.AppendRecordHeader(data, 1_780_000_000_000_000_000)
				data = msgpack.AppendStr(msgpack.AppendMapHeader(data, 1), "log")
				data = msgpack.AppendStr(data, string(g.Next()))
			}
			path := filepath.Join(b.dir, fmt.Sprintf("%g-%d.chunk", secrets, i))
			if err := os.WriteFile(path, data, 0o644); err != nil {
				return nil, err
			}
			c.args = append(c.args, path)
		}
		return c, nil
	}
	none, err := write(0)
	if err != nil {
		return nil, err
	}
	few, err := write(0.02)
	if err != nil {
		return nil, err
	}
	many, err := write(0.2)
	if err != nil {
		return nil, err
	}
	if err := inTurns([]*candidate{none, few, many}); err != nil {
		return nil, err
	}
	n := float64(chunks * records)
	line := func(what string, c *candidate) row {
		return row{
			what:  "loader host, whole chunks, " + what,
			ratio: fmt.Sprintf("%.2f x", of(func(i int) float64 { return c.seconds(i) / none.seconds(i) })),
			notes: fmt.Sprintf("%.0f ns a record, %.0f ns without any", c.median()/n*1e9, none.median()/n*1e9),
		}
	}
	return []row{line("2 % secret accesses", few), line("20 %", many)}, nil
}
