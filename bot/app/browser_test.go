package app

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// picture says where to keep the screenshot that the README shows.
var picture = flag.String("picture", "", "file to write the README's picture to")

// browser opens a real Chromium, headless and offline.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium on this machine")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1560, 1000), chromedp.WSURLReadTimeout(time.Minute))
	allocated, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(cancel)
	ctx, cancelTab := chromedp.NewContext(allocated)
	t.Cleanup(cancelTab)
	ctx, cancelTime := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancelTime)
	return ctx
}

// TestBrowserPlaysTheDemo plays what a new user does: a good deal is invoiced;
// a broken one becomes a card, is fixed in a form after a wrong try, is posted,
// and its card closes.
func TestBrowserPlaysTheDemo(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	s := newStage(t)
	s.open()
	pages := httptest.NewServer(newPanels(s.world))
	t.Cleanup(pages.Close)
	steps := func(actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		for _, action := range actions {
			if _, err := steadily(ctx, action); err != nil {
				t.Fatal(err)
			}
		}
	}
	slackPage := s.world.slackURL + "/?as=" + userSales + "&channel=" + channelSales

	steps(chromedp.Navigate(pages.URL+"/crm"), chromedp.Click(chromedp.CSS(`button[value=good]`)),
		chromedp.WaitVisible(chromedp.CSS(`[data-invoice]`)))
	steps(chromedp.Click(chromedp.CSS(`button[value=broken]`)), chromedp.WaitVisible(chromedp.CSS(`.wait`)), chromedp.Navigate(slackPage),
		chromedp.WaitVisible(chromedp.CSS(`button[data-action-id=exception_fix]`)))
	if *picture != "" {
		takePicture(t, ctx, pages.URL)
		steps(chromedp.Navigate(slackPage), chromedp.WaitVisible(chromedp.CSS(`button[data-action-id=exception_fix]`)))
	}
	steps(chromedp.Click(chromedp.CSS(`button[data-action-id=exception_fix]`)), chromedp.WaitVisible(chromedp.CSS(`[data-modal] .input input`)),
		chromedp.SendKeys(chromedp.CSS(`[data-modal] .input input`), "nonsense"), chromedp.Click(chromedp.CSS(`[data-submit]`)))
	problem, err := steadily(ctx, chromedp.Text(chromedp.CSS(`[data-error-for]`)))
	if err != nil || !strings.Contains(problem, "wrong format") {
		t.Fatalf("under the field stands %q, %v", problem, err)
	}
	steps(chromedp.SetValue(chromedp.CSS(`[data-modal] .input input`), "RET-2002"), chromedp.Click(chromedp.CSS(`[data-submit]`)),
		chromedp.WaitNotPresent(chromedp.CSS(`[data-submit]`)))
	s.slackShows("the card is closed", func() bool {
		return !live(s.card(channelSales, "Spring campaign")) && len(s.cards(channelSales, "Posted as INV-000002")) == 1
	})
	steps(chromedp.Click(chromedp.CSS(`[data-close]`)), chromedp.WaitNotPresent(chromedp.CSS(`[data-modal]`)),
		chromedp.WaitNotPresent(chromedp.CSS(`button[data-action-id=exception_fix]`)))
	s.lawful()
}

// steadily repeats an action whose element was drawn anew at that very moment:
// the page lives, and nothing has happened yet when the element is gone.
func steadily[T any](ctx context.Context, action chromedp.Action[T]) (T, error) {
	const tries = 10
	for try := 1; ; try++ {
		value, err := chromedp.Run(ctx, action)
		if err == nil || try == tries || !strings.Contains(err.Error(), "-32000") {
			return value, err
		}
	}
}

func takePicture(t *testing.T, ctx context.Context, page string) {
	t.Helper()
	loaded := chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		// Frames load on their own; the picture is for people, not a check.
		timer := time.NewTimer(2 * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err := chromedp.Do(ctx, chromedp.Navigate(page), loaded); err != nil {
		t.Fatal(err)
	}
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*picture, shot, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPanelsRefuseOtherSites(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	pages := newPanels(s.world)
	request := httptest.NewRequest(http.MethodPost, "/crm/sign", strings.NewReader("kind=good"))
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	answer := httptest.NewRecorder()
	pages.ServeHTTP(answer, request)
	if answer.Code != http.StatusForbidden || len(s.world.crm.List("deals")) != 0 {
		t.Errorf("a foreign page was answered with %d", answer.Code)
	}
}
