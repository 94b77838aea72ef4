package pipeline

// Needles are byte strings one of which stands in every record that can be of
// interest, however the record is wrapped: in JSON text, in JSON within JSON,
// or in MessagePack.
const (
	// needleSecrets is objectRef.resource. A request URI is no substitute: its
	// path is recorded as the client sent it, percent signs and all.
	needleSecrets = "secrets"
	// needleToken is objectRef.subresource of a minted token, or the end of its
	// path, or begins tokenreviews, as far as it is common to all wrappings; see
	// isNeedle.
	needleToken = "token"
	// needleKind begins the kind of an object that holds secrets, Secret or
	// SecretList, for events that lack a reference to it.
	needleKind = "Secret"
	// reviews is what begins with needleToken and is no token: events about it are
	// looked at for the sake of what they hold, not judged.
	reviews = "tokenreviews"
)

// needleReach is how many bytes from its offset on tell a needle.
const needleReach = len(reviews) + 1

// nextNeedle returns the offset of the first needle in b[from:], or -1. It is
// the only work done on most records that are not passed over at a glance.
func nextNeedle(b []byte, from int) int {
	for at := from; ; at++ {
		i := candidate(b[at:])
		if i < 0 {
			return -1
		}
		at += i
		if isNeedle(b, at) {
			return at
		}
	}
}

// isNeedle reports whether a needle stands at b[at].
//
// The plural counts unless it ends another word: external-secrets, sealedsecrets.
// A token counts only behind a quote, as in JSON, also where the quote is an
// escape, or behind the header of a str of five bytes in MessagePack (0xa5, or a
// length of 5 in its own byte), of twelve for tokenreviews, or as a part of its
// own in a path or a method name. That leaves out the many words in which "token"
// occurs. A kind counts only if it is a whole str.
func isNeedle(b []byte, at int) bool {
	if !startsNeedle(b, at) {
		return false
	}
	if at == 0 {
		return b[at] == 's'
	}
	before := b[at-1]
	if b[at] == 's' {
		if before != '-' && (before < 'a' || before > 'z') {
			return true
		}
		return behindEscape(b, at)
	}
	if b[at] == 'S' {
		rest := b[at+len(needleKind):]
		if len(rest) >= 4 && string(rest[:4]) == "List" {
			return before == 0xaa || before == 0x0a || (before == '"' || behindEscape(b, at)) && endsString(rest[4:])
		}
		return before == 0xa6 || before == 0x06 || (before == '"' || behindEscape(b, at)) && endsString(rest)
	}
	switch before {
	case '"', 0xa5, 0x05:
		return true
	case 0xac, 0x0c:
		return isReviews(b, at)
	case '/', '.':
		end := at + len(needleToken)
		return end == len(b) || b[end]|0x20 < 'a' || b[end]|0x20 > 'z'
	}
	return behindEscape(b, at)
}

// isReviews reports whether the word that begins at b[at] is tokenreviews.
func isReviews(b []byte, at int) bool {
	return len(b)-at >= len(reviews) && string(b[at:at+len(reviews)]) == reviews
}

// onlyReviews reports whether the needle at b[at] and all behind it are
// tokenreviews.
func onlyReviews(b []byte, at int) bool {
	for at >= 0 && isReviews(b, at) {
		at = nextNeedle(b, at+len(reviews))
	}
	return at < 0
}

// behindEscape reports whether b[:at] ends with an escape such as \u0022, as which
// some encoders write a quote within a string.
func behindEscape(b []byte, at int) bool { return at >= 6 && b[at-6] == '\\' && b[at-5] == 'u' }

// endsString reports whether a string of JSON, or of JSON within JSON, ends here.
func endsString(b []byte) bool { return len(b) > 0 && (b[0] == '"' || b[0] == '\\') }

// startsNeedle reports whether the bytes of a needle stand at b[at].
func startsNeedle(b []byte, at int) bool {
	switch b[at] {
	case 's':
		return len(b)-at >= len(needleSecrets) && string(b[at:at+len(needleSecrets)]) == needleSecrets
	case 't':
		return len(b)-at >= len(needleToken) && string(b[at:at+len(needleToken)]) == needleToken
	case 'S':
		return len(b)-at >= len(needleKind) && string(b[at:at+len(needleKind)]) == needleKind
	}
	return false
}

// bigrams has a bit for every pair of bytes that occurs in a needle.
var bigrams = func() (t [1 << 16 / 64]uint64) {
	for _, n := range []string{needleSecrets, needleToken, needleKind} {
		for i := range len(n) - 1 {
			pair := uint16(n[i]) | uint16(n[i+1])<<8
			t[pair/64] |= 1 << (pair % 64)
		}
	}
	return t
}()

// candidateGo returns the offset of the first "secrets", "token" or "Secret" in b, or -1.
// It looks at every fourth pair of bytes only:
// any needle has one of them.
func candidateGo(b []byte) int {
	for i := 0; i+1 < len(b); i += len(needleToken) - 1 {
		pair := uint16(b[i]) | uint16(b[i+1])<<8
		if bigrams[pair/64]>>(pair%64)&1 == 0 {
			continue
		}
		// A needle that covers the pair starts up to five bytes before it.
		for at := max(i-len(needleSecrets)+2, 0); at <= i; at++ {
			if startsNeedle(b, at) {
				return at
			}
		}
	}
	return -1
}
