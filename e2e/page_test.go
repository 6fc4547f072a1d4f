package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/testdata/testbrowser"
	"omsinit/testdata/testmaria"
	"omsinit/testdata/testpicture"
)

// pictures is a folder for what the browser and the terminal show, or empty. `make pictures` makes docs/pictures with
// it, on a machine with Chinese letters (the package fonts-droid-fallback).
var pictures = os.Getenv("OMSINIT_PICTURES")

// picture keeps what a tab shows, where that is wanted, with the paths that a container has.
func (n *node) picture(tab *testbrowser.Tab, name string) {
	if pictures != "" {
		tab.Text(fmt.Sprintf(
			"document.querySelector('main').innerHTML = document.querySelector('main').innerHTML.replaceAll(%q, '')", n.root))
		tab.Picture(pictures + "/" + name + ".png")
	}
}

// screen keeps what a terminal shows of a command, where that is wanted, in the language of OMS_LANG. show chooses from
// the output. The function that is returned writes the picture when the command has ended.
func (n *node) screen(name string, cmd *exec.Cmd, show func(output string) string) func() {
	if pictures == "" {
		return func() {}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &out, append(cmd.Env, "CLICOLOR_FORCE=1", "OMS_LANG="+os.Getenv("OMS_LANG"))
	return func() {
		if os.Getenv("OMS_LANG") == "zh" {
			name += ".zh"
		}
		svg := testpicture.SVG("omsinit "+cmd.Args[1], show(strings.ReplaceAll(out.String(), n.root, "")), 100)
		if err := os.WriteFile(filepath.Join(pictures, name+".svg"), []byte(svg), 0o644); err != nil {
			n.t.Error(err)
		}
	}
}

func (n *node) address() string {
	return fmt.Sprintf("http://127.0.0.1:%d/", n.ports["nginx_server_port"])
}

const (
	consoleIsShown = `document.title === "OMS stand-in"`
	refusedIsShown = `document.querySelector('#findings [data-id="config.value"] .bad') !== null`
)

// state is a JavaScript expression for the state of a program, or of a step.
func state(kind, name string) string {
	return fmt.Sprintf(`(document.querySelector('[data-%s="%s"]') || {dataset: {}}).dataset.state`, kind, name)
}

// TestPage follows a node in a browser: a config.yaml that is refused and then mended, a console that is slow, and
// one that crashes, and nginx that is stopped.
func TestPage(t *testing.T) {
	n := newNode(t, testmaria.Start(t, testmaria.Password("LooksLikeASecret42")))
	n.env = append(n.env, "OMS_STANDIN_START_DELAY=3")
	const element = `"<img src=x onerror='document.title=1'>"` // as the name of a key
	n.values["cm_location"], n.values[element] = "4711", "AnotherSecret43"
	n.writeConfig()
	r := n.boot()
	browser := testbrowser.Start(t)
	tab := browser.Open(n.address(), testbrowser.Look{Width: 880, Height: 720})
	phone := browser.Open(n.address(), testbrowser.Look{Width: 390, Height: 844, Dark: true,
		Language: "zh-CN,zh;q=0.9,en;q=0.8"})
	scriptless := browser.Open(n.address()+"?lang=zh", testbrowser.Look{NoScript: true})

	t.Run("a refused file", func(t *testing.T) {
		for _, tab := range []*testbrowser.Tab{tab, phone, scriptless} {
			tab.Await("what is wrong", refusedIsShown)
			if got := tab.Text(state("step", "check")); got != "failed" {
				t.Errorf("step 1 is %q", got)
			}
			shown := tab.Text("document.documentElement.outerHTML")
			for _, secret := range []string{"4711", "AnotherSecret43", "LooksLikeASecret42"} {
				if strings.Contains(shown, secret) {
					t.Errorf("the page holds %s", secret)
				}
			}
			if n := tab.Text("document.images.length"); n != "0" || tab.Text("document.title") == "1" {
				t.Errorf("the name of a key has become %s elements", n)
			}
		}
		if shown := phone.Text("document.body.innerText"); !strings.Contains(shown, "【步骤一】") ||
			!strings.Contains(shown, "config.yaml") {
			t.Errorf("no Chinese:\n%s", shown)
		}
		if wide := phone.Text("document.documentElement.scrollWidth"); wide != "390" {
			t.Errorf("the page is %s wide on a phone of 390", wide)
		}
		light, dark := tab.Text("getComputedStyle(document.body).backgroundColor"),
			phone.Text("getComputedStyle(document.body).backgroundColor")
		if light == dark {
			t.Errorf("light and dark are both %s", light)
		}
		n.picture(tab, "page-refused")
		n.picture(phone, "page-refused.zh")
	})
	t.Run("nothing can be changed", func(t *testing.T) {
		resp, err := http.Post(n.address()+"omsinit/status", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST: %s", resp.Status)
		}
	})
	t.Run("mended", func(t *testing.T) {
		delete(n.values, element)
		n.values["cm_location"], n.values["tsdb_usename"] = "200", "oms"
		n.writeConfig()
		check := n.command("check")
		keep := n.screen("check", check, func(output string) string { return output })
		if _ = check.Run(); check.ProcessState.ExitCode() != 3 { // one line for the picture, and a key that is misspelt
			t.Errorf("check: %v", check.ProcessState)
		}
		keep()
		delete(n.values, "tsdb_usename")
		n.values["cm_location"] = "1"
		n.writeConfig()
		hand := n.command("init")
		keep = n.screen("boot", hand, func(output string) string { // step 1 is check, which has a picture
			parts := strings.SplitN(output, "\n\n", 2)
			return parts[len(parts)-1]
		})
		if err := hand.Start(); err != nil {
			t.Fatal(err)
		}
		tab.Await("nginx in front of a console that is slow", state("program", "nginx")+` !== undefined && `+
			`document.querySelector('[data-program="nginx"] .good') !== null && document.querySelector('[data-program="oms_console"] .good') === null`)
		tab.Await("what is waited for", `document.querySelector('[data-step="restart"] .doing') !== null`)
		if status, _ := n.health(); status != http.StatusBadGateway {
			t.Errorf("nginx answers %d", status)
		}
		n.picture(tab, "page-first-boot")
		n.picture(phone, "page-first-boot.zh")
		for _, tab := range []*testbrowser.Tab{tab, phone, scriptless} {
			tab.Await("the console", consoleIsShown)
		}
		if err := hand.Wait(); err != nil {
			t.Error(err)
		}
		keep()
		r.waitReady()
	})
	t.Run("a console that crashes", func(t *testing.T) {
		n.must(0, "signal", "KILL", "oms_console") // within startsecs, so that it is given up: startretries is 0
		gone := browser.Open(n.address()+"?lang=zh", testbrowser.Look{})
		gone.Await("the console that is given up", state("program", "oms_console")+` === "FATAL"`)
		gone.Await("the language that is asked for, through nginx", `document.documentElement.lang === "zh"`)
		n.must(0, "start", "oms_console")
		gone.Await("the console", consoleIsShown)
		if at := gone.Text("location.href"); at != n.address()+"?lang=zh" {
			t.Errorf("the browser is sent to %s", at)
		}
	})
	t.Run("nginx that is gone", func(t *testing.T) {
		n.must(0, "stop", "nginx")
		gone := browser.Open(n.address(), testbrowser.Look{})
		gone.Await("nginx that is stopped", state("program", "nginx")+` === "STOPPED"`)
		if out, _ := n.must(0, "check"); !strings.Contains(out, "PASSED") {
			t.Error(out)
		}
		n.must(0, "start", "nginx")
		gone.Await("the console", consoleIsShown)
	})
}

// TestPageHTTPS: with a certificate the page is behind https://, and whoever comes with http:// is sent there.
func TestPageHTTPS(t *testing.T) {
	n := newNode(t, &testmaria.Server{Host: "127.0.0.1", Port: 1, User: "oms", Password: "x"})
	n.certify()
	n.values["cm_location"] = "4711"
	n.writeConfig()
	n.boot()
	tab := testbrowser.Start(t).Open(n.address(), testbrowser.Look{})
	tab.Await("what is wrong", refusedIsShown)
	if got := tab.Text("location.protocol"); got != "https:" {
		t.Errorf("the page is shown over %s", got)
	}
	if resp, err := http.Get(n.address() + "oms/health"); err != nil {
		t.Error(err)
	} else if resp.Body.Close(); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("health over http: %s", resp.Status)
	}
}

// TestPageOff: nothing listens with OMSINIT_PAGE=off, and a stranger on the port is warned of, once.
func TestPageOff(t *testing.T) {
	n := newNode(t, &testmaria.Server{Host: "127.0.0.1", Port: 1, User: "oms", Password: "x"})
	n.values["cm_location"] = "4711"
	n.writeConfig()
	n.env = append(n.env, "OMSINIT_PAGE=off")
	r := n.boot()
	r.waitOutput("step 1 (check) failed")
	if conn, err := dial(n.ports["nginx_server_port"]); err == nil {
		conn.Close()
		t.Error("somebody listens")
	}
	if _, err := os.Stat(n.path("/var/lib/omsinit/page.sock")); err == nil {
		t.Error("the socket is there")
	}
	r.stop()

	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", n.ports["nginx_server_port"]))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "stranger")
			c.Close()
		}
	}()
	n.env = append(n.env, "OMSINIT_PAGE=on")
	r = n.boot()
	r.waitOutput(fmt.Sprintf("is held by process %d", os.Getpid()))
	n.omsinit("init")
	if said := r.out.String(); strings.Count(said, "is held by process") != 1 {
		t.Errorf("not said once:\n%s", said)
	}
}
