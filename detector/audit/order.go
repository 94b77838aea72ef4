package audit

import "encoding/binary"

// order lists the keys of an event as the API server writes them: fields in the
// order of their Go types (k8s.io/apiserver/pkg/apis/audit/v1.Event and what it
// holds), entries of maps sorted. The scanner compares a key with those that may
// be next, which is faster than finding out where it ends. A key that is not
// listed, or out of order, is only slower to read.
var order = [...]name{
	named("kind"), named("apiVersion"), named("level"), named("auditID"), named("stage"), named("requestURI"), named("verb"),
	named("user"), named("username"), named("uid"), named("groups"), named("extra"),
	named(keyCredentialID), named(keyNodeName), named(keyNodeUID), named(keyPodName), named(keyPodUID),
	named("impersonatedUser"), named("sourceIPs"), named("userAgent"),
	named("objectRef"), named("resource"), named("namespace"), named("name"), named("apiGroup"), named("apiVersion"), named("subresource"),
	named("responseStatus"), named("metadata"), named("code"),
	named("requestReceivedTimestamp"), named("stageTimestamp"),
	named("annotations"), named(keyDecision), named("authorization.k8s.io/reason"),
}

// ahead is how many of them are tried.
const ahead = 8

// longest is the length of the longest of them.
const longest = len("authentication.kubernetes.io/credential-id")

// name is a key together with its first and last eight bytes as numbers, in which
// most keys are compared without a call.
type name struct {
	string
	head, mask uint64 // mask has the bits of a shorter key
	tail       uint64 // 0 if the key is shorter
}

func named(key string) name {
	if len(key) > longest {
		panic("longer than the longest key: " + key)
	}
	n := name{string: key, mask: ^uint64(0)}
	var short [8]byte
	copy(short[:], key)
	n.head = binary.LittleEndian.Uint64(short[:])
	if len(key) < 8 {
		n.mask = 1<<(8*len(key)) - 1
	} else {
		n.tail = binary.LittleEndian.Uint64([]byte(key[len(key)-8:]))
	}
	return n
}

// begins reports whether b begins with the key, a quote and a colon. b has 10
// bytes more than the longest key at least.
func (n *name) begins(b []byte) bool {
	size := len(n.string)
	if (binary.LittleEndian.Uint64(b)^n.head)&n.mask != 0 || binary.LittleEndian.Uint16(b[size:]) != '"'|':'<<8 {
		return false
	}
	return size <= 8 || binary.LittleEndian.Uint64(b[size-8:]) == n.tail && (size <= 16 || n.same(b))
}

// same compares what is between the first eight bytes and the last.
func (n *name) same(b []byte) bool {
	size := len(n.string)
	return string(b[8:size-8]) == n.string[8:size-8]
}
