package access

import (
	"net/url"
	"strings"
)

// QueryValue returns the value of a parameter of a request URI as the API
// server reads it (net/url.Values.Get): the first one of that name after
// decoding, where a pair that holds a semicolon or a broken escape does not
// count. A client that spells a parameter in an odd way must not be able to show
// the API server one value and the detector another.
func QueryValue(uri, name string) string {
	_, query, _ := strings.Cut(uri, "?")
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if strings.IndexByte(pair, ';') >= 0 {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, ok := unescape(key)
		if !ok || key != name {
			continue
		}
		if value, ok = unescape(value); ok {
			return value
		}
	}
	return ""
}

func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, true
	}
	s, err := url.QueryUnescape(s)
	return s, err == nil
}

// FieldValue is the value that a field selector demands a field to equal, or ""
// (k8s.io/apimachinery/pkg/fields.ParseSelector: terms joined by commas, each
// with one of !=, == and =). Selectors with escapes demand nothing here.
func FieldValue(selector, field string) string {
	if strings.IndexByte(selector, '\\') >= 0 {
		return ""
	}
	for selector != "" {
		var term string
		term, selector, _ = strings.Cut(selector, ",")
		key, value, ok := strings.Cut(term, "=")
		if ok && key == field {
			return strings.TrimPrefix(value, "=")
		}
	}
	return ""
}
