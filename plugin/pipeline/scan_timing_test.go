package pipeline

import (
	"bytes"
	"testing"
)

func BenchmarkScan(b *testing.B) {
	chunk := bytes.Repeat([]byte(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"f6b26987-db50-44d4-8185-ca435edf5bd2","stage":"RequestReceived","requestURI":"/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/apiserver-x","verb":"get","user":{"username":"system:serviceaccount:kube-system:controller","groups":["system:serviceaccounts","system:authenticated"]},"sourceIPs":["127.0.0.1"]}`), 2000)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		if nextNeedle(chunk, 0) >= 0 {
			b.Fatal("found")
		}
	}
}
