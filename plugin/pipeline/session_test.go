package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
)

// diary is a Sharer that writes down what it is asked.
type diary struct {
	fakeJudge
	lines []string
}

func (d *diary) Session() Session    { d.note("session"); return d }
func (d *diary) See(ev *audit.Event) { d.note("see " + ev.User.Username) }
func (d *diary) Ask()                { d.note("ask") }
func (d *diary) End()                { d.note("end") }
func (d *diary) note(s string)       { d.lines = append(d.lines, s) }
func (d *diary) Judge(ev *audit.Event, v *detector.Verdict) detector.Result {
	d.note("judge " + ev.User.Username)
	return d.fakeJudge.Judge(ev, v)
}

func TestSession(t *testing.T) {
	list := `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[` + event("two") + `,` + event("three") + `]}`
	for _, split := range []bool{true, false} {
		d := &diary{}
		p := newPipeline(t, func(o *Options) { o.Judge, o.Split = d, split })
		in := append(logRecord(event("one")), logRecord(list)...)
		p.Process(in, alloc)
		require.Equal(t, []string{
			"session", "see one", "see two", "see three", "ask", "judge one", "judge two", "judge three", "end",
		}, d.lines)

		d.lines = nil
		p.Process(logRecord(event("panic")), alloc)
		require.Equal(t, []string{"session", "see panic", "ask", "judge panic", "end"}, d.lines)

		d.lines = nil
		p.Process(logRecord(`{"message":"nothing of interest"}`), alloc)
		require.Empty(t, d.lines)
	}
}
