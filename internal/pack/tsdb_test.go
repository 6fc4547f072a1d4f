package pack

import (
	"strings"
	"testing"
)

// TestTSDBOfOlderPack: a pack that was made before there was such a key.
func TestTSDBOfOlderPack(t *testing.T) {
	text, _ := edited(t, "tsdb:\n  database: oms\n  retention_policy: oms_30d\n  duration: 30d\n", "")
	if strings.Contains(text, "retention_policy") {
		t.Fatal("the key is there still")
	}
	p, err := Open(overlayDir(t, map[string]string{"pack.yaml": text}))
	if err != nil || p.TSDB != (TSDB{"oms", "oms_30d", "30d"}) {
		t.Errorf("%+v, %v", p, err)
	}
}
