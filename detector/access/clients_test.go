package access

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is remembered of user agents is what reading them gives, also where there
// are more than are remembered.
func TestClients(t *testing.T) {
	var cs Clients
	for range 2 {
		for i := range 2000 {
			ua := fmt.Sprintf("tool%d/v1.%d (linux/amd64) kubernetes/abcdef0", i, i%7)
			c := cs.read(ua)
			require.Equal(t, ua, c.agent)
			require.Equal(t, ParseClient(ua), c.Client)
			require.Equal(t, c.Client.Text(), c.text)
		}
	}
	require.Same(t, cs.read("kubectl"), cs.read("kubectl"))
}
