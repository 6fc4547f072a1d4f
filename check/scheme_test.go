package check

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"omsinit/internal/layout"
)

func TestScheme(t *testing.T) {
	handler := http.NotFoundHandler()
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for address, want := range map[string]string{
		plain.Listener.Addr().String(): "http", secure.Listener.Addr().String(): "https", closed.Addr().String(): "",
	} {
		if got, err := Scheme(t.Context(), address); got != want || (err == nil) != (want != "") {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func TestClusterScheme(t *testing.T) {
	for name, tc := range map[string]struct {
		certificate, key bool
		peer             string
		want             string
	}{
		"both http":           {false, false, "http", ""},
		"both https":          {true, true, "https", ""},
		"the peer alone":      {false, false, "https", "error cluster.https"},
		"this node alone":     {true, true, "http", "error cluster.https"},
		"a key is missing":    {true, false, "http", ""},
		"the peer is away":    {true, true, "", ""},
		"half and half again": {false, true, "https", "error cluster.https"},
	} {
		t.Run(name, func(t *testing.T) {
			l := layout.New(t.TempDir())
			for path, there := range map[string]bool{l.CertFile(): tc.certificate, l.KeyFile(): tc.key} {
				if !there {
					continue
				}
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			asked := 0
			in := Input{Layout: l, HostIP: "10.0.0.1", Scheme: func(_ context.Context, address string) (string, error) {
				asked++
				if address != "10.0.0.2:8089" {
					t.Errorf("asked at %s", address)
				}
				if tc.peer == "" {
					return "", errors.New("refused")
				}
				return tc.peer, nil
			}}
			n, f := &node{Input: in, cfg: load(t, valid)}, &found{}
			clusterScheme(t.Context(), n, f)
			if got := ids(Result{Findings: f.findings}); got != tc.want || asked != len(n.cfg.CMNodes)-1 {
				t.Errorf("got %q, asked %d times", got, asked)
			}
		})
	}
}
