package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// TestBadCM: whatever answers in the CM's place, step 5 ends in time with one
// message that says what it is, and registers nothing.
func TestBadCM(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	n.says(0, nil, "metadb", "migrate")
	released := make(chan struct{})
	t.Cleanup(func() { close(released) })
	const page = "<html><head><title>Proxy login</title></head></html>"
	for name, tc := range map[string]struct {
		root, create http.HandlerFunc // nil: as a CM
		want         string
		passing      bool // it is tried again until the time is over
	}{
		"not at all":  {nil, nil, "connection refused", true},
		"never ready": {respond(503, page), nil, "the last answer was: HTTP 503 Service Unavailable", true},
		"slowly": {func(http.ResponseWriter, *http.Request) { <-released }, nil,
			"did not answer GET", true},
		"a call slowly": {nil, func(http.ResponseWriter, *http.Request) { <-released },
			"did not answer POST", true},
		"half":              {nil, half, "the answer broke off after 12 bytes", true},
		"with an error 500": {nil, respond(500, page), "the last answer was: HTTP 500", true},
		"a proxy's page":    {nil, respond(200, page), `a web page titled "Proxy login"`, false},
		"a redirect to login": {nil, http.RedirectHandler("https://sso.example/", http.StatusFound).ServeHTTP,
			"HTTP 302 Found to https://sso.example/", false},
		"a refusal": {nil, respond(200, `{"errMsg":"no right to do that","errCode":4711,"isSuccess":false}`),
			`errCode 4711, errMsg "no right to do that"`, false},
		"something else": {nil, respond(200, `{"code":200}`), "the answer is not a CM's", false},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			root, create := tc.root, tc.create
			if root == nil {
				root = respond(200, "CM")
			}
			if create == nil {
				create = respond(200, `{"consumer":"drc","isSuccess":true}`)
			}
			mux.HandleFunc("GET /{$}", root)
			mux.HandleFunc("POST /consumer/create", create)
			cm := httptest.NewServer(mux)
			t.Cleanup(cm.CloseClientConnections)
			if name == "not at all" {
				cm.Close()
			}
			n.values["cm_url"] = cm.URL
			n.writeConfig()
			out, errOut, status := n.omsinit("init", "--only", "resource", "--ready-timeout", "1s")
			if status != 1 || !strings.Contains(errOut, tc.want) ||
				strings.Count(errOut, "step 5 (resource) failed") != 1 {
				t.Errorf("status %d, want %q\n%s%s", status, tc.want, out, errOut)
			}
			if !tc.passing && strings.Contains(errOut, "within 1s") {
				t.Errorf("a refusal was waited for:\n%s", errOut)
			}
			if got := count(t, db, "oms_rm.cluster_info") + count(t, db, "oms_cm.host"); got != 0 {
				t.Errorf("%d rows were written", got)
			}
		})
	}
}

func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if strings.HasPrefix(body, "<") {
			w.Header().Set("Content-Type", "text/html")
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// half answers with less than it announces.
func half(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n{\"consumer\":")
}
