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
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
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
	steps := stepper(t, ctx)
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
	// The form's last state: before it, the button to close may still move.
	steps(chromedp.WaitVisible(chromedp.Search(`//*[@data-modal]//b[contains(., "Done")]`)))
	steps(chromedp.Click(chromedp.CSS(`[data-close]`)), chromedp.WaitNotPresent(chromedp.CSS(`[data-modal]`)),
		chromedp.WaitNotPresent(chromedp.CSS(`button[data-action-id=exception_fix]`)))
	s.lawful()
}

// TestPressOutlivesRedraws: a button that is being pressed stays until it is
// released, whatever arrives meanwhile.
func TestPressOutlivesRedraws(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	s := newStage(t)
	s.open()
	s.world.sign(broken("First campaign"))
	s.card(channelSales, "First campaign")
	const button = `button[data-action-id=exception_fix]`
	steps := stepper(t, ctx)
	steps(chromedp.Navigate(s.world.slackURL+"/?as="+userSales+"&channel="+channelSales), chromedp.WaitVisible(chromedp.CSS(button)))
	at, err := chromedp.Run(ctx, chromedp.Evaluate[struct{ X, Y float64 }](`(({x, y, width, height}) =>
		({X: x + width / 2, Y: y + height / 2}))(document.querySelector("`+button+`").getBoundingClientRect())`))
	if err != nil {
		t.Fatal(err)
	}
	steps(chromedp.MouseEvent(chromedp.MousePressed, at.X, at.Y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	s.world.sign(broken("Second campaign"))
	s.card(channelSales, "Second campaign")
	steps(chromedp.Evaluate[chromedp.Void](`(async () => { while (drawing) await new Promise(setTimeout); await redraw() })()`, chromedp.EvalAwaitPromise),
		chromedp.MouseEvent(chromedp.MouseReleased, at.X, at.Y, chromedp.ButtonLeft, chromedp.ClickCount(1)),
		chromedp.WaitVisible(chromedp.CSS(`[data-modal]`)), chromedp.WaitVisible(chromedp.Search(`//*[@id="messages"]//*[contains(text(), "Second campaign")]`)))
}

// stepper runs actions one after another and, where one fails, says what the
// page showed.
func stepper(t *testing.T, ctx context.Context) func(...chromedp.Action[chromedp.Void]) {
	return func(actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		for i, action := range actions {
			if _, err := steadily(ctx, action); err != nil {
				shown, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
				t.Fatalf("step %d: %v; the page shows:\n%s", i+1, err, shown)
			}
		}
	}
}

// steadily repeats an action whose element was drawn anew at that very moment:
// the page lives, and nothing has happened yet when the element is gone.
func steadily[T any](ctx context.Context, action chromedp.Action[T]) (T, error) {
	const tries = 10
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
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
