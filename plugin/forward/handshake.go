package forward

import (
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// sharedKey returns the shared key, or nothing if there is none.
func (o *Options) sharedKey() (string, error) {
	if o.SharedKeyFile == "" {
		return o.SharedKey, nil
	}
	b, err := os.ReadFile(o.SharedKeyFile)
	if err != nil {
		return "", fmt.Errorf("shared key: %w", err)
	}
	key := strings.TrimRight(string(b), "\r\n")
	if key == "" {
		return "", fmt.Errorf("shared key: %s is empty", o.SharedKeyFile)
	}
	return key, nil
}

// authenticate answers the receiver's HELO by a PING and checks its PONG, so that
// each side knows that the other has the shared key.
func (c *conn) authenticate(key, hostname string) error {
	b, err := c.answer()
	if err != nil {
		return fmt.Errorf("no HELO (has the receiver a shared key?): %w", err)
	}
	nonce, keepalive, err := parseHelo(b)
	if err != nil {
		return err
	}
	c.single = !keepalive

	// Printable, because receivers take it for text.
	var random [8]byte
	rand.Read(random[:])
	salt := hex.EncodeToString(random[:])

	ping := msgpack.AppendArrayHeader(nil, 6)
	for _, s := range []string{"PING", hostname, salt, digest(salt, hostname, nonce, key), "", ""} {
		ping = msgpack.AppendStr(ping, s)
	}
	if _, err := c.Write(ping); err != nil {
		return err
	}
	if b, err = c.answer(); err != nil {
		return fmt.Errorf("no PONG, the receiver probably has another shared key: %w", err)
	}
	return checkPong(b, salt, nonce, key)
}

// parseHelo reads ["HELO", {"nonce": ..., "auth": ..., "keepalive": ...}].
func parseHelo(b []byte) (nonce string, keepalive bool, err error) {
	parts, ok := parseArray(b)
	if !ok || len(parts) != 2 || text(parts[0]) != "HELO" {
		return "", false, errors.New("the receiver did not begin with HELO")
	}
	keepalive = true
	options := parts[1]
	pairs, at, _ := msgpack.ReadMapHeader(options, 0)
	for range pairs {
		value, err := msgpack.Skip(options, at)
		if err != nil {
			return "", false, err
		}
		end, err := msgpack.Skip(options, value)
		if err != nil {
			return "", false, err
		}
		switch text(options[at:value]) {
		case "nonce":
			nonce = text(options[value:end])
		case "keepalive":
			keepalive = options[value] != 0xc2 // false
		}
		at = end
	}
	return nonce, keepalive, nil
}

// checkPong reads ["PONG", ok, reason, server's name, digest].
func checkPong(b []byte, salt, nonce, key string) error {
	parts, ok := parseArray(b)
	if !ok || len(parts) != 5 || text(parts[0]) != "PONG" {
		return errors.New("the receiver did not answer PING by PONG")
	}
	if parts[1][0] != 0xc3 { // true
		return fmt.Errorf("the receiver refused: %.200q", text(parts[2]))
	}
	want := digest(salt, text(parts[3]), nonce, key)
	if subtle.ConstantTimeCompare([]byte(text(parts[4])), []byte(want)) != 1 {
		return errors.New("the receiver does not know the shared key")
	}
	return nil
}

// digest proves the knowledge of the shared key.
func digest(salt, hostname, nonce, key string) string {
	sum := sha512.Sum512([]byte(salt + hostname + nonce + key))
	return hex.EncodeToString(sum[:])
}
