package pipeline

import (
	"bytes"
	"testing"
)

var scanned = bytes.Repeat([]byte(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"f6b26987-db50-44d4-8185-ca435edf5bd2","stage":"RequestReceived","requestURI":"/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/apiserver-x","verb":"get","user":{"username":"system:serviceaccount:kube-system:controller","groups":["system:serviceaccounts","system:authenticated"]},"sourceIPs":["127.0.0.1"]}`), 2000)

func BenchmarkScan(b *testing.B) { scan(b, nextNeedle) }

func BenchmarkScanGo(b *testing.B) {
	scan(b, func(b []byte, _ int) int { return candidateGo(b) })
}

func scan(b *testing.B, next func([]byte, int) int) {
	b.SetBytes(int64(len(scanned)))
	b.ReportAllocs()
	for b.Loop() {
		if next(scanned, 0) >= 0 {
			b.Fatal("found")
		}
	}
}
