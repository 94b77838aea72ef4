package rule

import (
	"slices"
	"strings"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// impersonation sees principals acting as somebody they did not act as before.
type impersonation struct{}

var impersonationInfo = Info{
	ID:         "impersonation",
	Title:      "Kubernetes Secret Access Through Impersonation",
	Techniques: []string{"T1134", "T1552.007"},
}

func (impersonation) Info() *Info { return &impersonationInfo }

const mastersGroup = "system:masters"

func (impersonation) Judge(c *Case) {
	ev := c.Event
	target := ev.Impersonated.Username
	if target == "" {
		deniedImpersonation(c)
		return
	}
	masters := slices.Contains(ev.Impersonated.Groups, mastersGroup)
	scope := "as " + target
	if masters {
		scope += " in " + mastersGroup
	}
	key := access.Key(scope)
	status := c.ScopeStatus(key, scope, nil)
	if status == history.Unsure {
		c.Unsure = true
		return
	}
	found := !c.Learning && (Fresh(status) || status == history.Probation)
	c.Note(Lesson{Dim: history.DimScope, Key: key, Text: scope, Flagged: found})
	if !found {
		return
	}
	severity := Medium
	switch {
	case masters || privilegedName(target):
		severity = High
	case slices.Contains(ev.User.Groups, mastersGroup):
		severity = Low
	case c.impersonatesHabitually(access.ClassOf(target)):
		// Tenants come and go under a controller that acts for them.
		severity = Low
	}
	repeat := status == history.Probation
	c.Find(severity, key, repeat)
	c.SayText(c.Principal)
	c.Say(" acts ")
	c.SayText(scope)
	c.Say(", which it did not in ")
	c.SayWindow()
	c.SayRepeat(repeat)
}

// deniedImpersonation finds attempts that were refused: the API server then
// leaves impersonatedUser empty and names the target in the message only.
func deniedImpersonation(c *Case) {
	if c.Outcome != access.Denied || c.Learning || !strings.Contains(c.Event.StatusMessage, "cannot impersonate resource") {
		return
	}
	_, rest, _ := strings.Cut(c.Event.StatusMessage, `"`)
	target, _, _ := strings.Cut(rest, `"`)
	c.Find(Medium, access.Key(target), false)
	c.SayText(c.Principal)
	c.Say(" tried to act as ")
	c.SayText(target)
	c.Say(" and was denied")
}

// impersonatesHabitually says whether P is known to act for several of a class:
// a tenant controller or a management platform.
func (c *Case) impersonatesHabitually(class access.Class) bool {
	n := 0
	c.P.Sets[history.DimScope].Each(func(v *history.Value) {
		if target, ok := strings.CutPrefix(v.Text, "as "); ok && v.Flagged == 0 && access.ClassOf(target) == class {
			n++
		}
	})
	return n >= 2 || n == 1 && c.Class == access.ServiceAccount && class == access.ServiceAccount
}

// privilegedName says whether acting under the name is as good as owning the
// cluster: the administrators kubeadm makes, control plane components, nodes,
// and the service accounts of kube-system.
func privilegedName(name string) bool {
	switch name {
	case "system:admin", "kubernetes-admin", "kubernetes-super-admin", "cluster-admin":
		return true
	}
	switch access.ClassOf(name) {
	case access.Component, access.Node:
		return true
	}
	return access.HomeNamespace(name) == "kube-system"
}
