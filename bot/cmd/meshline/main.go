// Command meshline is the operating layer between a CRM and an ERP.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"meshline/bot/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := app.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
