package access

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQueryValue(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		require.Equal(t, want, QueryValue("/api/v1/secrets?"+query, "fieldSelector"), query)
		// The API server reads queries with net/url.
		v, _ := url.ParseQuery(query)
		require.Equal(t, v.Get("fieldSelector"), want, query)
	}
	f("", "")
	f("fieldSelector", "")
	f("fieldSelector=a", "a")
	f("x=1&fieldSelector=a%3Db&fieldSelector=c", "a=b")
	f("fieldSelector=&fieldSelector=a", "")
	f("%66ieldSelector=&fieldSelector=a", "")
	f("field%53elector=a%2Cb&x", "a,b")
	f("fieldSelector=a;b", "")
	f("x;fieldSelector=a", "")
	f("fieldSelector=a%zz&fieldSelector=b", "b")
	f("field%zSelector=a&fieldSelector=b+c", "b c")
	f("&&=&fieldSelector=a=b=c&", "a=b=c")
	f("FieldSelector=a", "")
	require.Empty(t, QueryValue("/api/v1/secrets", "fieldSelector"))
	require.Empty(t, QueryValue("", ""))
	require.Equal(t, "b?c", QueryValue("/a?x=b?c", "x"))
}

func TestFieldValue(t *testing.T) {
	f := func(selector, want string) {
		t.Helper()
		require.Equal(t, want, FieldValue(selector, "metadata.namespace"), selector)
	}
	f("", "")
	f("metadata.namespace=prod", "prod")
	f("metadata.namespace==prod", "prod")
	f("type=Opaque,metadata.namespace=prod,metadata.name!=x", "prod")
	f("metadata.namespace!=prod", "")
	f("xmetadata.namespace=prod", "")
	f("metadata.namespacex=prod", "")
	f("metadata.name=metadata.namespace=prod", "")
	f("metadata.namespace", "")
	f(`metadata.namespace=pr\,od`, "")
	f(",,=,", "")
}
