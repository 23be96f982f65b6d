package exception

import (
	"fmt"
	"slices"
	"strings"
)

// Action is something a person may do.
type Action string

const (
	ActFix    Action = "fix"
	ActReplay Action = "replay"
	ActWaive  Action = "waive"
	ActDecide Action = "decide" // what became of a document in doubt
	ActLook   Action = "look"
)

// Team owns exceptions together; Owner answers for them and is reminded.
type Team struct {
	Key     string
	Name    string
	Channel string
	Owner   string   // a person's id
	Members []string // ids of the people who may act, the owner among them
	May     []Action
	All     bool // may act on the exceptions of every team
}

// Roles are all teams.
type Roles []Team

// DeniedError says that a person may not act, and who may.
type DeniedError struct {
	Action Action
	Team   Team
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("only %s may %s this", e.Team.Name, e.Action)
}

// Team finds a team by its key.
func (r Roles) Team(key string) (Team, bool) {
	i := slices.IndexFunc(r, func(t Team) bool { return t.Key == key })
	if i < 0 {
		return Team{}, false
	}
	return r[i], true
}

// Name returns a team's name, or its key when it is unknown.
func (r Roles) Name(key string) string {
	if team, ok := r.Team(key); ok {
		return team.Name
	}
	return strings.ReplaceAll(key, "_", " ")
}

// May returns a *DeniedError unless user may do action for team. Everyone in
// any team may look.
func (r Roles) May(user string, action Action, team string) error {
	for _, t := range r {
		if !slices.Contains(t.Members, user) {
			continue
		}
		if action == ActLook || (slices.Contains(t.May, action) && (t.All || t.Key == team)) {
			return nil
		}
	}
	owner, ok := r.Team(team)
	if !ok && len(r) > 0 {
		owner = r[0]
	}
	return &DeniedError{Action: action, Team: owner}
}
