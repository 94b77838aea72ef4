// Package access turns an audit event into what the rules reason about: who
// (principal), from where (source), with what (client), doing what to which
// object, and how it ended.
package access

import "strings"

// Class is the kind of identity behind a principal. Classes differ in what is
// ordinary: pods get new addresses all day, people do not.
type Class uint8

// Classes of identities.
const (
	Person         Class = iota // everything that is none of the below
	ServiceAccount              // system:serviceaccount:NAMESPACE:NAME
	Node                        // system:node:NAME
	Component                   // other system: identities, such as system:kube-controller-manager
	Anonymous                   // system:anonymous, or no user at all
)

func (c Class) String() string {
	return [...]string{"person", "service account", "node", "component", "anonymous"}[c]
}

const (
	serviceAccountPrefix = "system:serviceaccount:"
	nodePrefix           = "system:node:"
)

// ClassOf reads the class from a user name (k8s.io/apiserver user names:
// serviceaccount.MakeUsername, system:node:, user.Anonymous).
func ClassOf(username string) Class {
	switch {
	case username == "" || username == "system:anonymous":
		return Anonymous
	case strings.HasPrefix(username, serviceAccountPrefix):
		return ServiceAccount
	case strings.HasPrefix(username, nodePrefix):
		return Node
	case strings.HasPrefix(username, "system:"):
		return Component
	}
	return Person
}

// InCluster says whether identities of the class run inside the cluster, where
// one private address is as good as another.
func (c Class) InCluster() bool {
	return c == ServiceAccount || c == Node || c == Component
}

// HomeNamespace is the namespace a service account lives in, or "".
func HomeNamespace(username string) string {
	rest, ok := strings.CutPrefix(username, serviceAccountPrefix)
	if !ok {
		return ""
	}
	ns, _, _ := strings.Cut(rest, ":")
	return ns
}
