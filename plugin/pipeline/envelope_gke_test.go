package pipeline

import (
	"testing"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// TestGKEWatch: a watch is one request, however many entries it has.
func TestGKEWatch(t *testing.T) {
	f := func(operation string, want ...audit.Stage) {
		t.Helper()
		var stages []audit.Stage
		p := newPipeline(t, func(o *Options) {
			o.Judge = fakeJudge{seen: func(ev *audit.Event) { stages = append(stages, ev.Stage) }}
		})
		process(t, p, record(packJSON(`{"operation":{"id":"a",`+operation+`},"protoPayload":{"methodName":"io.k8s.core.v1.secrets.watch",`+
			`"resourceName":"core/v1/secrets","authenticationInfo":{"principalEmail":"alice"}}}`)))
		if len(stages) != len(want) || len(want) > 0 && stages[0] != want[0] {
			t.Fatalf("%s: %v, want %v", operation, stages, want)
		}
	}
	f(`"first":true,"last":true`, audit.StageResponseStarted)
	f(`"first":true`, audit.StageResponseStarted)
	f(`"last":true`)
	f(`"producer":"k8s.io"`, audit.StageResponseComplete)
}
