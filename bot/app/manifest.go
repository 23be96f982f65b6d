package app

import (
	"fmt"
	"strings"

	"meshline/bot"
)

type manifestCommand struct{}

// Run prints the manifest from which Slack makes the app.
func (manifestCommand) Run(r *runtime) error {
	_, err := fmt.Fprint(r.out, manifest())
	return err
}

// manifest is Slack's app manifest; each scope says why it is there.
func manifest() string {
	var scopes strings.Builder
	for _, scope := range bot.Scopes {
		why := scope.Why
		if scope.Optional {
			why += "; Meshline works without it"
		}
		fmt.Fprintf(&scopes, "      - %-17s # %s\n", scope.Name, why)
	}
	return fmt.Sprintf(manifestText, scopes.String())
}

const manifestText = `# Paste this at api.slack.com/apps, "Create New App", "From a manifest". Then make
# an app-level token with the scope connections:write, which no manifest can ask for.
display_information:
  name: Meshline
  description: Signed deals become invoices, exactly once. What cannot go through has one owner and one clock.
  background_color: "#1f2a44"
features:
  app_home:
    home_tab_enabled: true
    messages_tab_enabled: true
    messages_tab_read_only_enabled: true
  bot_user:
    display_name: meshline
    always_online: true
  slash_commands:
    - command: /meshline
      description: What flows, what is held, and replays
      usage_hint: "status | replay EX-101 | digest | help"
      should_escape: false
oauth_config:
  scopes:
    bot:
%ssettings:
  event_subscriptions:
    bot_events:
      - app_home_opened # to draw your queue on the Home tab
  interactivity:
    is_enabled: true
  org_deploy_enabled: false
  socket_mode_enabled: true
  token_rotation_enabled: false
`
