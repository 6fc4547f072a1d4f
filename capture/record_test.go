package capture_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"omsinit/capture/source"
	"omsinit/internal/msg"
)

func fakeCM(t *testing.T) *httptest.Server {
	cm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		if r.URL.Path == "/exists" {
			fmt.Fprint(w, `{"isSuccess":false,"errCode":409}`)
			return
		}
		fmt.Fprintf(w, `{"isSuccess":true,"got":%q}`, r.Form.Encode())
	}))
	t.Cleanup(cm.Close)
	return cm
}

func record(t *testing.T, cm, command string) ([]source.Exchange, string, error) {
	t.Helper()
	var out bytes.Buffer
	r := source.Recorder{CM: cm}
	exchanges, err := r.Run(context.Background(), command, &out)
	return exchanges, out.String(), err
}

// The recorder is a proxy for those that are told of one, and the CM for those
// that call it; what is not for the CM is handed on and not kept.
func TestRecorder(t *testing.T) {
	cm := fakeCM(t)
	exchanges, out, err := record(t, cm.URL, strings.ReplaceAll(`
set -e
curl -fsS CM/
curl -fsS --data-urlencode 'zh=杭 州&' -d n=1 CM/a/create
curl -fsS "CM/b?x=1&y=%20"
curl -fsS -d c=2 "$OMSINIT_RECORD_URL/direct"
curl -fsS -d z= CM/exists
curl -fsS -X PUT -d q=1 CM/put
curl -fsS -H 'Content-Type: application/json' -d '{"a":1}' CM/json
`, "CM", cm.URL))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got []string
	for _, e := range exchanges {
		got = append(got, fmt.Sprintf("%s %s %s %s %d", e.Method, e.Path, e.Query.Encode(), e.Form.Encode(), e.Status))
	}
	want := []string{"GET /   200", "POST /a/create  n=1&zh=%E6%9D%AD+%E5%B7%9E%26 200", "GET /b x=1&y=+  200", "POST /direct  c=2 200", "POST /exists  z= 200", "PUT /put  q=1 200", "POST /json   200"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	if !strings.Contains(out, `"got":"n=1&zh=`) {
		t.Errorf("the command did not get the CM's answers:\n%s", out)
	}

	v := plainValues()
	v["cm_region_cn"] = "杭 州&"
	j := job(t, install(t, v, nil), nil)
	j.Calls = exchanges
	report := run(t, j)
	data, _ := os.ReadFile(filepath.Join(j.Out, "pack.yaml"))
	var m struct {
		Register string
		Calls    []struct {
			Name, Method, Path string
			Form               map[string]string
			Done               []int
		}
	}
	if err := yaml.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if m.Register != "calls" || len(m.Calls) != 4 || report.Calls != 4 {
		t.Fatalf("%s", data)
	}
	if c := m.Calls[0]; c.Name != "a-create" || c.Form["zh"] != "{{.cm_region_cn}}" || c.Form["n"] != "1" {
		t.Errorf("%+v", c)
	}
	if c := m.Calls[3]; fmt.Sprint(c.Done) != "[302 409]" {
		t.Errorf("%+v", c)
	}
	left := 0
	for _, f := range report.Findings {
		if f.Kind == "call" {
			left++
		}
	}
	if left != 2 {
		t.Errorf("%d calls are said to be left out, want PUT and JSON: %v", left, report.Findings)
	}
}

func TestRecorderFails(t *testing.T) {
	cm := fakeCM(t)
	other := fakeCM(t)
	for command, want := range map[string]string{
		"exit 4":                         "exit status 4",
		"true":                           "sent nothing to the CM",
		"curl -fsS " + other.URL + "/x/": "called " + other.URL,
	} {
		_, out, err := record(t, cm.URL, command)
		if err == nil || !strings.Contains(err.Error(), want) || msg.Chinese.Text(err) == err.Error() {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	if _, _, err := record(t, "https://10.0.0.1:8088", "true"); err == nil || !strings.Contains(err.Error(), "only http://") {
		t.Errorf("%v", err)
	}
}
