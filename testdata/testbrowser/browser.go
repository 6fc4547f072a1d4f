// Package testbrowser runs a real browser for tests: Debian's Chromium without a window, led over the pipe of its
// DevTools protocol (chromedevtools.github.io/devtools-protocol).
package testbrowser

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Browser is a running browser.
type Browser struct {
	t  testing.TB
	in *os.File // what it is told

	mu     sync.Mutex
	next   int
	waits  map[int]chan answer
	failed error // why it answers no more
}

type answer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  struct {
		Message string `json:"message"`
	} `json:"error"`
}

const patience = 60 * time.Second

// Start runs a browser until the test ends. A machine without one fails the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	hearing, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, saying, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// The tests run as root in a container of their own, where Chromium's sandbox cannot.
	cmd := exec.Command("chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--ignore-certificate-errors",
		"--hide-scrollbars", "--no-proxy-server", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe",
		"about:blank")
	var said strings.Builder
	cmd.Stderr, cmd.ExtraFiles = &said, []*os.File{hearing, saying}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("no browser (scripts/dev/install-deps.sh installs it): %v", err)
	}
	hearing.Close()
	saying.Close()
	b := &Browser{t: t, in: in, waits: map[int]chan answer{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.listen(out)
	}()
	t.Cleanup(func() {
		in.Close() // it ends with the pipe
		end := time.AfterFunc(5*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		_ = cmd.Wait()
		end.Stop()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
		out.Close()
		if t.Failed() {
			t.Logf("the browser has said\n%s", said.String())
		}
	})
	return b
}

// listen hands answers to those who wait for them.
func (b *Browser) listen(out *os.File) {
	read := bufio.NewReader(out)
	for {
		data, err := read.ReadBytes(0)
		var a answer
		if err == nil {
			err = json.Unmarshal(data[:len(data)-1], &a)
		}
		b.mu.Lock()
		if err != nil {
			b.failed = err
			for _, wait := range b.waits {
				close(wait)
			}
			b.waits = nil
			b.mu.Unlock()
			return
		}
		if wait := b.waits[a.ID]; wait != nil {
			wait <- a
			delete(b.waits, a.ID)
		}
		b.mu.Unlock()
	}
}

// call sends a command to the browser, or to a tab of it, and waits for the answer.
func (b *Browser) call(session, method string, params map[string]any, into any) error {
	message := map[string]any{"method": method, "params": params}
	if session != "" {
		message["sessionId"] = session
	}
	wait := make(chan answer, 1)
	b.mu.Lock()
	if b.failed != nil {
		b.mu.Unlock()
		return fmt.Errorf("%s: the browser has ended: %w", method, b.failed)
	}
	b.next++
	message["id"] = b.next
	b.waits[b.next] = wait
	b.mu.Unlock()
	data, err := json.Marshal(message)
	if err == nil {
		_, err = b.in.Write(append(data, 0))
	}
	if err != nil {
		return err
	}
	select {
	case a, ok := <-wait:
		switch {
		case !ok:
			return fmt.Errorf("%s: the browser has ended", method)
		case a.Error.Message != "":
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		case into == nil:
			return nil
		}
		return json.Unmarshal(a.Result, into)
	case <-time.After(patience):
		return fmt.Errorf("%s: no answer from the browser", method)
	}
}

// Tab is a page in the browser, with cookies and storage of its own.
type Tab struct {
	b       *Browser
	session string
}

// Look is how a tab is looked at. The zero value is a wide, light window of somebody who reads English.
type Look struct {
	Width, Height int // 0: 1100 by 900
	Dark          bool
	Language      string // Accept-Language
	NoScript      bool
}

// Open opens an address in a new tab.
func (b *Browser) Open(address string, l Look) *Tab {
	b.t.Helper()
	var context struct{ BrowserContextID string }
	var target struct{ TargetID string }
	var session struct{ SessionID string }
	tab := &Tab{b: b}
	err := errors.Join(b.call("", "Target.createBrowserContext", nil, &context))
	if err == nil {
		err = b.call("", "Target.createTarget",
			map[string]any{"url": "about:blank", "browserContextId": context.BrowserContextID}, &target)
	}
	if err == nil {
		err = b.call("", "Target.attachToTarget",
			map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	tab.session = session.SessionID
	if l.Width == 0 {
		l.Width, l.Height = 1100, 900
	}
	tab.do("Emulation.setDeviceMetricsOverride",
		map[string]any{"width": l.Width, "height": l.Height, "deviceScaleFactor": 1, "mobile": l.Width < 500})
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	tab.do("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme",
		"value": scheme}}})
	tab.do("Network.enable", nil)
	if l.Language == "" {
		l.Language = "en"
	}
	tab.do("Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]any{"Accept-Language": l.Language}})
	if l.NoScript {
		tab.do("Emulation.setScriptExecutionDisabled", map[string]any{"value": true})
	}
	tab.do("Page.navigate", map[string]any{"url": address})
	return tab
}

func (t *Tab) do(method string, params map[string]any) {
	t.b.t.Helper()
	if err := t.b.call(t.session, method, params, nil); err != nil {
		t.b.t.Fatal(err)
	}
}

// Text evaluates an expression of JavaScript that is a text. It is "" where the page is just being replaced.
func (t *Tab) Text(expression string) string {
	t.b.t.Helper()
	var result struct {
		Result struct{ Value any }
	}
	params := map[string]any{"expression": "String(" + expression + ")", "returnByValue": true}
	if err := t.b.call(t.session, "Runtime.evaluate", params, &result); err != nil {
		return ""
	}
	text, _ := result.Result.Value.(string)
	return text
}

// Await waits until an expression of JavaScript is true.
func (t *Tab) Await(what, expression string) {
	t.b.t.Helper()
	for deadline := time.Now().Add(patience); t.Text(expression) != "true"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.b.t.Fatalf("the browser does not show %s (%s); it shows %s\n%s", what, expression,
				t.Text("location.href"), t.Text("document.body.innerText"))
		}
	}
}

// Picture writes what is seen to a small PNG file.
func (t *Tab) Picture(file string) {
	t.b.t.Helper()
	var shot struct{ Data string }
	if err := t.b.call(t.session, "Page.captureScreenshot", map[string]any{"format": "png"}, &shot); err != nil {
		t.b.t.Fatal(err)
	}
	picture, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(shot.Data)))
	if err != nil {
		t.b.t.Fatal(err)
	}
	var small bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&small, reduced(picture, 128)); err != nil {
		t.b.t.Fatal(err)
	}
	if err := os.WriteFile(file, small.Bytes(), 0o644); err != nil {
		t.b.t.Fatal(err)
	}
}

// reduced returns a picture in so many of its own colours, the most frequent ones.
func reduced(picture image.Image, most int) image.Image {
	count := map[color.Color]int{}
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[picture.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	small := image.NewPaletted(bounds, colours[:min(most, len(colours))])
	draw.Draw(small, bounds, picture, bounds.Min, draw.Src)
	return small
}
