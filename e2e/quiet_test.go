package e2e

import (
	"os"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// TestQuiet: what is odd in config.yaml is told to those who initialise or check
// a node, and not with every look at something else.
func TestQuiet(t *testing.T) {
	n := newNode(t, &testmaria.Server{Host: "127.0.0.1", Port: 1, User: "root", Password: "x"})
	const odd = "only this host can call this address"
	for args, want := range map[string]bool{
		"cluster show": false, "ha show": false, "ha off": false, "metadb status": false, "metadb migrate": false,
		"init --only metadb": true,
	} {
		out, errOut, status := n.omsinit(strings.Fields(args)...)
		if status != 1 || !strings.Contains(errOut, "cannot connect to the MetaDB") ||
			strings.Contains(out+errOut, odd) != want {
			t.Errorf("%s: status %d, told of cm_url: want %v\n%s%s", args, status, want, out, errOut)
		}
	}
	if err := os.WriteFile(n.path("/home/admin/conf/config.yaml"), []byte("oms_meta_host: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"cluster show", "ha show", "metadb status", "metrics check"} {
		out, errOut, status := n.omsinit(strings.Fields(args)...)
		if status != 1 || !strings.Contains(errOut, "config.yaml") || strings.Contains(errOut, "the check found") {
			t.Errorf("%s with a broken config.yaml: status %d\n%s%s", args, status, out, errOut)
		}
	}
}
