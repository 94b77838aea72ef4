package pipeline

// Relevant says whether b holds anything that makes Process look into it.
func Relevant(b []byte) bool { return nextNeedle(b, 0) >= 0 }
