// Package rule holds the detection rules, one a file, and the interface they
// share.
package rule

import "fmt"

// Severity is a level of Elastic's scale, which maps 21, 47, 73 and 99 to low,
// medium, high and critical (event.severity of the External Alerts rule).
type Severity uint8

// Severities in ascending order. None means nothing was found; as an override
// it is spelt "off" and disables a rule.
const (
	None Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{"none", "low", "medium", "high", "critical"}

func (s Severity) String() string { return severityNames[s] }

// Score is the risk score a severity stands for: 0, 21, 47, 73 or 99.
func (s Severity) Score() int { return [...]int{0, 21, 47, 73, 99}[s] }

// SeverityOf maps a risk score to the highest severity it reaches.
func SeverityOf(score int) Severity {
	switch {
	case score >= 99:
		return Critical
	case score >= 73:
		return High
	case score >= 47:
		return Medium
	case score >= 21:
		return Low
	}
	return None
}

// ParseSeverity reads low, medium, high or critical; "off" gives None.
func ParseSeverity(s string) (Severity, error) {
	switch s {
	case "off":
		return None, nil
	case "low":
		return Low, nil
	case "medium":
		return Medium, nil
	case "high":
		return High, nil
	case "critical":
		return Critical, nil
	}
	return None, fmt.Errorf("severity %q: accepted are off, low, medium, high and critical", s)
}
