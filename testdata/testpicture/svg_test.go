package testpicture

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestSVG(t *testing.T) {
	got := SVG("a & b", "plain \x1b[31m<red> 失败\x1b[0m\nsecond line that is long", 20)
	if err := xml.Unmarshal([]byte(got), new(struct{})); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	for _, want := range []string{
		`<text class="r" x="64" y="59" textLength="48">&lt;red&gt; </text>`,
		`<text class="r" x="112" y="59" textLength="32">失败</text>`,
		`<text class="" x="16" y="77" textLength="160">second line that is </text>`,
		`<text class="" x="16" y="95" textLength="32">long</text>`,
		`a &amp; b`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Error("an escape sequence")
	}
}
