package pipeline

import (
	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/plugin/pipeline/redact"
)

// find walks a chunk and notes in s.spans the records that contain a needle, but for
// those that are passed over at a glance, or all records if there are lists to be
// split. Reviews of tokens are only noted where they hold something to be removed:
// they are not judged.
//
// The error is that the chunk is no MessagePack. A chunk in which there is no needle
// is not walked to find out.
func (s *scratch) find(p *Pipeline, b []byte) error {
	s.spans = s.spans[:0]
	at, passed, glance := 0, 0, p.glance.Load()
	if glance {
		if at, passed = s.form.pass(b); at == 0 {
			// Another form than that of the chunk before, or nothing to pass over.
			if glance = s.form.learn(b, p); glance {
				at, passed = s.form.pass(b)
			}
		}
	}
	// What begins with an event that is passed over begins with no list.
	all := at == 0 && p.split && startsWithList(b)
	const (
		unknown   = -2
		patience  = 2 // records that one may look at in vain, and one more for each that is passed over
		noneAhead = -1
	)
	needle := unknown // the first at or behind at, where records are not looked at one by one
	records, vain, any := passed, 0, all
	for at < len(b) {
		if needle == unknown && !glance && !all {
			if needle = nextNeedle(b, at); needle == noneAhead && !any && passed == 0 {
				if p.watch != nil {
					records += int(count(b[at:]))
				}
				break
			}
		}
		r, err := chunk.Next(b, at)
		if err != nil {
			if any || nextNeedle(b, 0) >= 0 {
				return err
			}
			break
		}
		at = r.End
		records++
		if all {
			s.spans = append(s.spans, r)
			continue
		}
		first := needle
		if glance {
			// A needle counts where it begins.
			first = nextNeedle(b[:min(r.End+needleReach, len(b))], r.Start)
		}
		if first >= 0 && first < r.End {
			any, needle = true, unknown
			if !onlyReviews(b[:r.End], first) || p.redact && redact.Suspect(b[r.Start:r.End]) {
				s.spans = append(s.spans, r)
			}
		} else {
			vain++
		}
		if glance {
			end, n := s.form.pass(b[at:])
			at, records, passed = at+end, records+n, passed+n
			// Where most is other text, it costs less to scan all at once.
			glance = vain <= passed+patience
		}
	}
	if any || p.watch != nil {
		p.stats.records.Add(uint64(records))
	}
	return nil
}
