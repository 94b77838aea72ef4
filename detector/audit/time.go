package audit

import "time"

// ParseTime reads an RFC 3339 time as nanoseconds since the Unix epoch, 0 if it
// is none or out of the range of int64. The API server's own form, UTC with a Z
// and up to nine digits of fraction (metav1.MicroTime writes six), takes the
// fast path.
func ParseTime(s string) int64 {
	if ns, ok := parseUTC(s); ok {
		return ns
	}
	if len(s) < len("2006-01-02T15:04:05Z") || len(s) > 64 {
		return 0
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1678 || t.Year() > 2261 {
		return 0
	}
	return t.UnixNano()
}

// parseUTC reads YYYY-MM-DDTHH:MM:SS[.fraction]Z for the years 1970 to 2261.
func parseUTC(s string) (int64, bool) {
	n := len(s)
	if n < 20 || n > 30 || s[n-1] != 'Z' ||
		s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	year := digits(s[0:2])*100 + digits(s[2:4])
	month, day := digits(s[5:7]), digits(s[8:10])
	hour, minute, second := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	if year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	var frac int64
	if n > 20 {
		if s[19] != '.' || n == 21 {
			return 0, false
		}
		for _, c := range []byte(s[20 : n-1]) {
			if c < '0' || c > '9' {
				return 0, false
			}
			frac = 10*frac + int64(c-'0')
		}
		frac *= scales[n-21]
	}
	// Days since the epoch, counting years from March so that the leap day is
	// the last of its year.
	y, m := int64(year), int64(month)
	if m <= 2 {
		y, m = y-1, m+12
	}
	days := 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + int64(day) - 719469
	return ((days*24+int64(hour))*60+int64(minute))*60e9 + int64(second)*1e9 + frac, true
}

// scales are how many nanoseconds the last digit of a fraction stands for, by how
// many digits it has.
var scales = [...]int64{1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 10, 1}

// digits reads two digits; anything else gives a number above every limit.
func digits(s string) int {
	a, b := s[0]-'0', s[1]-'0'
	if a > 9 || b > 9 {
		return 1000
	}
	return int(a)*10 + int(b)
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
