//go:build !amd64

package audit

func markBlocks(dst *marks, p *byte, blocks int) { panic("not called") }

func canMark() bool { return false }
