package bot

// Scope is a right that the app asks for, and why.
type Scope struct {
	Name, Why string
	Optional  bool // Meshline works without it
}

// Scopes are the least rights with which everything works.
var Scopes = []Scope{
	{Name: "commands", Why: "for /meshline"},
	{Name: "chat:write", Why: "to post cards and digests"},
	{Name: "im:write", Why: "to remind owners in a direct message"},
	{Name: "users:read", Why: "to find the people in meshline.yaml"},
	{Name: "users:read.email", Why: "to find them by their e-mail addresses"},
	{Name: "channels:read", Why: "to find the public channels in meshline.yaml, and whether the app is in them"},
	{Name: "groups:read", Why: "to find the private ones"},
	{Name: "channels:history", Why: "to find our own card after a crash, in public channels", Optional: true},
	{Name: "groups:history", Why: "to find our own card after a crash, in private channels", Optional: true},
	{Name: "im:history", Why: "to find our own reminder after a crash", Optional: true},
}
