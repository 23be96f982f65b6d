// Package app is the composition root: configuration, and one file for each
// command of the binary. Rooms and simulators meet only here.
package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"
	"github.com/redis/go-redis/v9"
)

// commandLine is what the binary understands.
type commandLine struct {
	LogLevel slog.Level `help:"Least level that is logged." default:"info" env:"MESHLINE_LOG_LEVEL"`

	Demo     demoCommand     `cmd:"" help:"Run everything on this machine with nothing configured: a CRM, an ERP, a Slack and Meshline between them."`
	Serve    serveCommand    `cmd:"" help:"Run Meshline against a real workspace, CRM and ERP."`
	Migrate  migrateCommand  `cmd:"" help:"Bring the database up to date and stop."`
	Replay   replayCommand   `cmd:"" help:"Run the record of an exception again."`
	Doctor   doctorCommand   `cmd:"" help:"Look at everything that Meshline needs, and say how to cure what is wrong."`
	Manifest manifestCommand `cmd:"" help:"Print the manifest of the Slack app, with the reason of each scope."`
	HubSpot  hubspotCommand  `cmd:"" name:"hubspot" help:"Prepare HubSpot."`
	Odoo     odooCommand     `cmd:"" help:"Prepare Odoo."`
	Link     linkCommand     `cmd:"" help:"Propose which companies of the CRM are which customers of the ERP, for a first connection."`
	Health   healthCommand   `cmd:"" help:"Ask a running Meshline whether it is ready; for health checks."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// runtime is what every command is given.
type runtime struct {
	ctx context.Context
	out io.Writer
	log *slog.Logger
}

// Main runs one command and returns the exit code.
func Main(ctx context.Context, args []string, out, errOut io.Writer) int {
	var line commandLine
	parser, err := kong.New(&line, kong.Name("meshline"), kong.Writers(out, errOut),
		kong.Description("Signed deals become invoices, exactly once. What cannot go through becomes a Slack card with one owner."),
		kong.UsageOnError())
	if err != nil {
		_, _ = fmt.Fprintln(errOut, err)
		return 1
	}
	command, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "meshline:", err)
		return 2
	}
	log := slog.New(slog.NewJSONHandler(errOut, &slog.HandlerOptions{Level: line.LogLevel}))
	redis.SetLogger(redisLog{log})
	if err := command.Run(&runtime{ctx, out, log}); err != nil {
		_, _ = fmt.Fprintln(errOut, "meshline:", err)
		return 1
	}
	return 0
}

// redisLog puts what the Redis client says among our own lines.
type redisLog struct{ log *slog.Logger }

// Printf logs one line.
func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.LogAttrs(ctx, slog.LevelDebug, "redis client", slog.String("said", fmt.Sprintf(format, args...)))
}

// clock is the only place where the program asks for the time.
func clock() time.Time { return time.Now().UTC() }

type versionCommand struct{}

// Run prints the module version or the revision that was built.
func (versionCommand) Run(r *runtime) error {
	_, err := fmt.Fprintln(r.out, "meshline", version())
	return err
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return info.Main.Version
}
