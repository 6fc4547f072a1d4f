package capture_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"omsinit/capture/source"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
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
	want := []string{"GET /   200", "POST /a/create  n=1&zh=%E6%9D%AD+%E5%B7%9E%26 200", "GET /b x=1&y=+  200",
		"POST /direct  c=2 200", "POST /exists  z= 200", "PUT /put  q=1 200", "POST /json   200"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	if !strings.Contains(out, `"got":"n=1&zh=`) {
		t.Errorf("the command did not get the CM's answers:\n%s", out)
	}

	v := plainValues()
	v["cm_region_cn"] = "杭 州&"
	j := job(t, install(t, v, nil), nil)
	j.From.Calls = exchanges
	report := run(t, j)
	data, _ := os.ReadFile(filepath.Join(j.Out, "pack.yaml"))
	var m struct {
		Register string
		Calls    []struct {
			Name, Method, Path string
			Form, Query        map[string]string
			Body               string
			ContentType        string `yaml:"content_type"`
			Done               []int
		}
	}
	if err := yaml.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if m.Register != "calls" || len(m.Calls) != 6 || report.Calls != 6 {
		t.Fatalf("%s", data)
	}
	if c := m.Calls[0]; c.Name != "a-create" || c.Form["zh"] != "{{.cm_region_cn}}" || c.Form["n"] != "1" {
		t.Errorf("%+v", c)
	}
	if c := m.Calls[3]; fmt.Sprint(c.Done) != "[302 409]" {
		t.Errorf("%+v", c)
	}
	if c := m.Calls[4]; c.Method != "PUT" || c.Form["q"] != "1" {
		t.Errorf("%+v", c)
	}
	if c := m.Calls[5]; c.Body != `{"a":1}` || c.ContentType != "application/json" {
		t.Errorf("%+v", c)
	}
}

// TestCallsOfAnyForm: JSON bodies, values in paths and queries, and fields named like passwords become templates, and
// what cannot be sent again makes the capture fail.
func TestCallsOfAnyForm(t *testing.T) {
	t.Parallel()
	calls := func(location, region, password string) []source.Exchange {
		return []source.Exchange{
			{Method: "GET", Path: "/"},
			{Method: "PUT", Path: "/location/" + location + "/region", Query: url.Values{"n": {location}},
				ContentType: "application/json",
				Body: []byte(`{"name": "` + region + `", "code": ` + location + `, "auth": {"password": "` + password +
					`"}, "retry": 1}`)},
			{Method: "POST", Path: "/consumer/create", Form: url.Values{"consumer": {"drc"}, "password": {password}},
				ContentType: "application/x-www-form-urlencoded"},
		}
	}
	v, w := plainValues(), plainValues()
	v["oms_meta_password"], w["oms_meta_password"] = "first-secret-1", "second-secret-2"
	v["cm_location"], w["cm_location"], v["cm_region_cn"], w["cm_region_cn"] = 1, 12, "杭州", "北京"
	a, b := install(t, v, nil), install(t, w, nil)
	a.Calls, b.Calls = calls("1", "杭州", "first-secret-1"), calls("12", "北京", "second-secret-2")
	j := job(t, a, b)
	run(t, j)
	p, err := pack.Open(j.Out)
	if err != nil || len(p.Calls) != 2 {
		t.Fatalf("%v, %+v", err, p)
	}
	v["oms_meta_password"], v["cm_location"], v["cm_region_cn"] = `th"ird`, 7, "广 州"
	third := install(t, v, nil)
	for i, want := range []pack.Request{
		{Method: "PUT", Target: "/location/7/region?n=7", ContentType: "application/json",
			Body: `{"name": "广 州", "code": 7, "auth": {"password": "th\"ird"}, "retry": 1}`},
		{Method: "POST", Target: "/consumer/create", ContentType: "application/x-www-form-urlencoded",
			Body: "consumer=drc&password=th%22ird"},
	} {
		if got, err := p.Request(p.Calls[i], pack.Data{Config: third.Config, HostIP: third.HostIP}); err != nil ||
			!reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v\nwant %+v", got, err, want)
		}
	}
	for name, change := range map[string]func(*source.Exchange){
		"no text":  func(e *source.Exchange) { e.Body, e.ContentType = []byte{0xff, 0}, "application/octet-stream" },
		"a method": func(e *source.Exchange) { e.Method = "PROP-FIND" },
		"refused":  func(e *source.Exchange) { e.Status = 500 },
	} {
		a := install(t, v, nil)
		a.Calls = calls("7", "广 州", `th"ird`)[2:]
		change(&a.Calls[0])
		j := job(t, a, nil)
		if _, err := j.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "/consumer/create") ||
			!strings.Contains(err.Error(), "--allow-missing-calls") {
			t.Errorf("%s: %v", name, err)
		}
		j.AllowMissingCalls = true
		if report := run(t, j); report.Calls != 0 {
			t.Errorf("%s: it is sent all the same", name)
		}
		if p, err := pack.Open(j.Out); err != nil || len(p.Missing) != 1 ||
			!strings.Contains(p.Missing[0], "/consumer/create") {
			t.Errorf("%s: the pack does not say what it cannot do: %v", name, err)
		}
	}
}

// TestCallsAsTheyWere: headers, any method, fields that are sent once per node, answers without isSuccess, slow calls,
// and those that are tried again, are sent as the old step 5 does.
func TestCallsAsTheyWere(t *testing.T) {
	form := "application/x-www-form-urlencoded"
	calls := func(nodes []string, region, user, password, trace string) []source.Exchange {
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
		return []source.Exchange{
			{Method: "POST", Path: "/wait", Form: url.Values{"a": {"1"}}, ContentType: form, Status: 503},
			{Method: "POST", Path: "/wait", Form: url.Values{"a": {"1"}}, ContentType: form, Status: 200,
				Answer: []byte(`{"isSuccess":true,"token":"0123456789"}`), SetsCookie: true},
			{Method: "PUT", Path: "/nodes", Query: url.Values{"n": nodes, "r": {region}},
				Form: url.Values{"ip": nodes, "zh": {region}}, ContentType: form,
				Headers: map[string]string{"Authorization": basic, "Cookie": "JSESSIONID=1", "X-Region": region,
					"User-Agent": "curl"}, Status: 201, Answer: []byte("created"), Took: 9 * time.Second},
			{Method: "POST", Path: "/trace", Form: url.Values{"t": {trace}}, ContentType: form, Status: 200},
		}
	}
	v, w := plainValues(), plainValues()
	v["oms_meta_password"], w["oms_meta_password"] = "first-secret-1", "second-secret-2"
	v["cm_region_cn"], w["cm_region_cn"], w["cm_nodes"] = "杭 州", "北京&", []string{"10.0.0.7", "10.0.0.8"}
	install2 := func(v map[string]any, trace string) *source.Installation {
		i := install(t, v, nil)
		i.Calls = calls(i.Config.CMNodes, i.Config.CMRegionCN, i.Config.MetaUser, i.Config.MetaPassword.Reveal(), trace)
		return i
	}
	j := job(t, install2(v, "x1"), install2(w, "y2"))
	if _, err := j.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "--text /trace:t") {
		t.Errorf("a value that nothing explains: %v", err)
	}
	j.Keep = []string{"/trace:t"}
	run(t, j)
	p, err := pack.Open(j.Out)
	if err != nil || len(p.Calls) != 3 {
		t.Fatalf("%v, %+v", err, p)
	}
	v["cm_nodes"], v["cm_region_cn"], v["oms_meta_password"] = []string{"10.1.0.1", "fd00::2"}, `a&b\`, "third-3"
	third := install(t, v, nil)
	want := pack.Request{Method: "PUT", Target: "/nodes?n=10.1.0.1&n=fd00%3A%3A2&r=a%26b%5C", ContentType: form,
		Body: "ip=10.1.0.1&ip=fd00%3A%3A2&zh=a%26b%5C",
		Header: map[string]string{"Authorization": "Basic " +
			base64.StdEncoding.EncodeToString([]byte(third.Config.MetaUser+":third-3")), "X-Region": `a&b\`}}
	if got, err := p.Request(p.Calls[1], third.Data()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
	if c := p.Calls[1]; c.Answer != pack.ByStatus || fmt.Sprint(c.Status) != "[201]" || c.Timeout != 27 {
		t.Errorf("%+v", c)
	}
	number := install2(v, "x")
	number.Calls = []source.Exchange{{Method: "POST", Path: "/group", Form: url.Values{"a": {"1"}},
		Answer: []byte(`{"isSuccess":true,"groupId":11}`)},
		{Method: "POST", Path: "/host", ContentType: "application/json", Body: []byte(`{"groupId": 11, "limit": 11}`)}}
	if _, err := job(t, number, nil).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "groupId") {
		t.Errorf("a number that the CM has answered is sent again: %v", err)
	}
	token := install2(v, "0123456789")
	j = job(t, token, nil)
	if _, err := j.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "POST /wait") {
		t.Errorf("what the CM has answered is sent again: %v", err)
	}
}

// TestAnswersThatAreSentAgain: what the CM has made and answered with, in whatever place of a later call, is refused by
// name; what it was told before, or what only looks like it, is not.
func TestAnswersThatAreSentAgain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer string
		later  source.Exchange
		key    string
	}{
		"a number in the path": {`{"isSuccess":true,"data":{"groupId":11}}`,
			source.Exchange{Method: "PUT", Path: "/group/11/host"}, "path"},
		"a short text in the path": {`{"isSuccess":true,"id":"g-7"}`,
			source.Exchange{Method: "GET", Path: "/group/g-7"}, "path"},
		"a number in a body": {`{"isSuccess":true,"id":11}`,
			source.Exchange{Method: "POST", Path: "/host", ContentType: "application/json",
				Body: []byte(`{"a":{"groupId": "11"}}`)}, "groupId"},
		"a list in a body": {`{"isSuccess":true,"id":11}`,
			source.Exchange{Method: "POST", Path: "/host", ContentType: "application/json",
				Body: []byte(`{"groupIds": [ 3, 11 ]}`)}, "groupIds"},
		"by what was made": {`{"isSuccess":true,"id":11}`,
			source.Exchange{Method: "POST", Path: "/host", ContentType: "application/json",
				Body: []byte(`{"group": 11}`)}, "group"},
		"in a form": {`{"isSuccess":true,"id":11}`,
			source.Exchange{Method: "POST", Path: "/host", Form: url.Values{"group_id": {"11"}}}, "group_id"},
		"in a form with lists": {`{"isSuccess":true,"id":11}`,
			source.Exchange{Method: "POST", Path: "/host", Form: url.Values{"groupId": {"11"}, "x": {"1", "2"}}},
			"groupId"},
		"an answer that is no JSON": {"11\n", source.Exchange{Method: "PUT", Path: "/group/11"}, "path"},
		"an address": {`{"isSuccess":true,"next":"/group/11/hosts"}`,
			source.Exchange{Method: "GET", Path: "/group/11/hosts"}, "path"},
		"a token in a header": {`{"isSuccess":true,"token":"abcdef0123456789"}`,
			source.Exchange{Method: "GET", Path: "/x", Headers: map[string]string{"X-Auth": "t=abcdef0123456789;"}},
			"X-Auth"},
		"what it was told": {`{"isSuccess":true,"id":77}`,
			source.Exchange{Method: "PUT", Path: "/group/77"}, ""},
		"another field": {`{"isSuccess":true,"id":11}`,
			source.Exchange{Method: "POST", Path: "/host", Form: url.Values{"limit": {"11"}}}, ""},
		"a word": {"success", source.Exchange{Method: "POST", Path: "/success"}, ""},
		"a value of config.yaml": {`{"isSuccess":true,"id":3}`,
			source.Exchange{Method: "PUT", Path: "/location/3/x"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			of := func(location int) *source.Installation {
				v := plainValues()
				v["cm_location"] = location
				i := install(t, v, nil)
				later := tc.later
				if location != 3 {
					later.Path = strings.Replace(later.Path, "/location/3/", fmt.Sprintf("/location/%d/", location), 1)
				}
				i.Calls = []source.Exchange{{Method: "POST", Path: "/resource/group/create",
					Form: url.Values{"size": {"77"}}, Answer: []byte(tc.answer)}, later}
				return i
			}
			j := job(t, of(3), of(4))
			_, err := j.Run(t.Context())
			if tc.key == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(),
				tc.key+" is what the CM answered to POST /resource/group/create") {
				t.Fatalf("%v", err)
			}
			j.Keep = []string{tc.later.Path + ":" + tc.key}
			if _, err := j.Run(t.Context()); err != nil {
				t.Errorf("--text: %v", err)
			}
		})
	}
}

// TestRecorderOverTLS: a CM at https is recorded, and others are reached as before.
func TestRecorderOverTLS(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"isSuccess":true,"got":%q}`, r.Method+" "+r.URL.Path+" "+string(body)+" "+r.Header.Get("X-A"))
	})
	cm, other := httptest.NewTLSServer(handler), httptest.NewTLSServer(handler)
	defer cm.Close()
	defer other.Close()
	roots := x509.NewCertPool()
	roots.AddCert(cm.Certificate())
	var out bytes.Buffer
	turns := 0
	r := source.Recorder{CM: cm.URL, Roots: roots, Before: func() { turns++ }, After: func() { turns++ }}
	exchanges, err := r.Run(t.Context(), strings.NewReplacer("CM", cm.URL, "OTHER", other.URL).Replace(`
set -e
curl -fsS -H 'X-A: b' -d z=1 CM/a CM/b
curl -fsS -X PROPFIND "$OMSINIT_RECORD_URL/c"
curl -fsSk OTHER/d
python3 -c 'import urllib.request as u; print(u.urlopen("CM/e").read())'
`), &out)
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	var got []string
	for _, e := range exchanges {
		got = append(got, e.Method+" "+e.Path+" "+e.Headers["X-A"])
	}
	if want := "POST /a b,POST /b b,PROPFIND /c ,GET /e "; strings.Join(got, ",") != want || turns != 8 ||
		!strings.Contains(out.String(), "POST /a z=1 b") || !strings.Contains(out.String(), "GET /d") {
		t.Errorf("%q, %d\n%s", got, turns, &out)
	}
	r = source.Recorder{CM: cm.URL}
	if _, err := r.Run(t.Context(), "curl -sS "+cm.URL+"/a", &out); err == nil ||
		!strings.Contains(err.Error(), "SSL_CERT_FILE") {
		t.Errorf("a CM that nobody vouches for: %v", err)
	}
	r = source.Recorder{CM: cm.URL, Roots: roots, Limit: 300 * time.Millisecond}
	if _, err := r.Run(t.Context(), "sleep 77 & sleep 78", &out); err == nil ||
		!strings.Contains(err.Error(), "300ms") {
		t.Errorf("a command without end: %v", err)
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
	if _, _, err := record(t, "10.0.0.1:8088", "true"); err == nil ||
		!strings.Contains(err.Error(), "http://10.0.0.1:8088") {
		t.Errorf("%v", err)
	}
}
