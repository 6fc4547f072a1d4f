package schema

import (
	"testing"

	"omsinit/capture/match"
)

func TestLiteral(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a", "{": "{", "{{x}}": `{{"{{"}}x}}`, "{{{": `{{"{{{"}}`, "a{b{{": `a{b{{"{{"}}`,
	} {
		if got := match.Literal(text, false); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if got := unliteral(match.Literal(text, false)); got != text {
			t.Errorf("%s came back as %s", text, got)
		}
	}
	if got := match.Literal("${", true); got != `${{"{"}}` {
		t.Error(got)
	}
}
