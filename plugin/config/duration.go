package config

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// units are the accepted duration units in descending order. Upper case is
// accepted as well because Fluent Bit's own time values accept it.
var units = []struct {
	letter byte
	span   time.Duration
}{
	{'w', 7 * 24 * time.Hour},
	{'d', 24 * time.Hour},
	{'h', time.Hour},
	{'m', time.Minute},
	{'s', time.Second},
}

var errTooLong = errors.New("too long")

// ParseDuration reads 7d, 1d12h, 1.5h, 4m15s, or a plain number of seconds. Each
// unit (w, d, h, m, s) occurs at most once, larger ones first. Negative values
// and values beyond time.Duration (292 years) are errors.
func ParseDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, errors.New("empty")
	}
	if s[0] == '-' {
		return 0, errors.New("negative")
	}
	var total time.Duration
	next := 0 // first unit that may still occur
	for first := true; s != ""; first = false {
		i := 0
		for i < len(s) && (s[i] == '.' || '0' <= s[i] && s[i] <= '9') {
			i++
		}
		number := s[:i]
		unit := time.Second
		if i == len(s) {
			if !first {
				return 0, errors.New("a number without a unit after one with a unit")
			}
		} else {
			u := next
			for u < len(units) && units[u].letter != s[i]|0x20 {
				u++
			}
			if u == len(units) {
				return 0, errors.New("units are w, d, h, m and s, larger ones first")
			}
			unit, next = units[u].span, u+1
			i++
		}
		d, err := scale(number, unit)
		if err != nil {
			return 0, err
		}
		if total+d < total {
			return 0, errTooLong
		}
		total += d
		s = s[i:]
	}
	return total, nil
}

// scale returns number, decimal digits with at most one point, times unit.
func scale(number string, unit time.Duration) (time.Duration, error) {
	if number == "" || number == "." {
		return 0, errors.New("a number is missing")
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil {
		if whole > int64(1<<63-1)/int64(unit) {
			return 0, errTooLong
		}
		return time.Duration(whole) * unit, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errors.New("not a number")
	}
	f *= float64(unit)
	if f >= 1<<63 {
		return 0, errTooLong
	}
	return time.Duration(f), nil
}

// setShort takes Go's durations as well, which know milliseconds.
func setShort(dst *time.Duration, value string, lo, hi time.Duration) error {
	if d, err := time.ParseDuration(value); err == nil {
		value = strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
	}
	return setDuration(dst, value, lo, hi)
}

func setDuration(dst *time.Duration, value string, lo, hi time.Duration) error {
	d, err := ParseDuration(value)
	if err != nil {
		return err
	}
	if d < lo {
		return fmt.Errorf("too short")
	}
	if d > hi {
		return errTooLong
	}
	*dst = d
	return nil
}
