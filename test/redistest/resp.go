package redistest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// The wire format of Redis, RESP2 and RESP3:
// https://redis.io/docs/latest/develop/reference/protocol-spec/

// maxBulk is the length above which a string is no string of a test, in bytes.
const maxBulk = 64 << 20

// appendValue reads one value and appends its bytes as they are to dst. The value
// of an attribute and what follows a push message belong to it.
func appendValue(dst []byte, r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return dst, err
	}
	dst = append(dst, line...)
	line = bytes.TrimSuffix(line, []byte("\r\n"))
	if len(line) == 0 {
		return dst, fmt.Errorf("empty line in RESP")
	}
	values := 0
	switch kind := line[0]; kind {
	case '+', '-', ':', '_', ',', '#', '(':
		return dst, nil
	case '$', '=', '!':
		n, err := length(line)
		if err != nil || n < 0 {
			return dst, err
		}
		start := len(dst)
		dst = append(dst, make([]byte, n+len("\r\n"))...)
		_, err = io.ReadFull(r, dst[start:])
		return dst, err
	case '*', '~', '>', '%', '|':
		if values, err = length(line); err != nil {
			return dst, err
		}
		if kind == '%' || kind == '|' {
			values *= 2
		}
		if kind == '>' || kind == '|' {
			values++
		}
	default:
		return dst, fmt.Errorf("not RESP: %q", line)
	}
	for ; values > 0; values-- {
		if dst, err = appendValue(dst, r); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// length returns the number after the kind of a value, -1 for null.
func length(line []byte) (int, error) {
	n, err := strconv.Atoi(string(line[1:]))
	if err == nil && (n < -1 || n > maxBulk) {
		err = fmt.Errorf("not a length in RESP: %q", line)
	}
	return n, err
}

// commandName returns the name of a request, which is an array of strings, in
// upper case; "" if it is none.
func commandName(request []byte) string {
	// *2\r\n$3\r\nGET\r\n…
	fields := bytes.SplitN(request, []byte("\r\n"), 4)
	if len(fields) < 4 {
		return ""
	}
	return string(bytes.ToUpper(fields[2]))
}
