package history

import (
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestTextsAreShared(t *testing.T) {
	s := NewStore(Bounds{MaxValues: 1}, 1)
	event := []byte("prod and more")
	name := unsafe.String(&event[0], 4)
	first := s.Text(name)
	require.Equal(t, "prod", first)
	require.NotSame(t, &event[0], unsafe.StringData(first), "the event is not kept")
	copy(event, "test")
	require.Equal(t, "prod", first)
	require.Same(t, unsafe.StringData(first), unsafe.StringData(s.Text("prod")))

	for i := range 2 * maxShared {
		text := strconv.Itoa(i)
		require.Equal(t, text, s.Text(text))
	}
	long := strings.Repeat("x", maxText+1)
	require.Equal(t, long, s.Text(long))
	require.Len(t, s.texts.all, maxShared)
}
