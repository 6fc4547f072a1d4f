package component

import (
	"strings"
	"testing"

	"omsinit/internal/config"
	"omsinit/internal/pack"
)

// A secret that a template writes in another form is shown no more than one
// that stands as it is.
func TestEncodedSecretsAreNotShown(t *testing.T) {
	for _, encoder := range pack.Encoders() {
		for _, spelling := range pack.Spellings(pack.Properties) {
			f := newFixture(t, map[string]string{
				"pack.yaml": "version: 1\nrelease: 9.9.9-CE\nstandalone: true\nfiles:\n" +
					"- {template: t, path: /a.properties, owner: root, mode: 0600, format: properties, spelling: \"" + string(spelling) + "\"}\n",
				"t": "address=db://u:{{" + encoder + " .oms_meta_password}}@{{.oms_meta_host}}\n",
			})
			f.apply()
			text := f.read("/a.properties")
			f.step.Config.MetaPassword, f.step.Config.MetaHost = config.Secret("other "+password), "10.9.9.9"
			r := f.apply()
			if len(r.Files) != 1 || !strings.Contains(r.Files[0].Diff, "a.properties") {
				t.Fatalf("%s %s: %+v", encoder, spelling, r)
			}
			for _, form := range pack.Forms(password) {
				if strings.Contains(r.Files[0].Diff, form) {
					t.Errorf("%s %s of\n%s\nis shown:\n%s", encoder, spelling, text, r.Files[0].Diff)
				}
			}
		}
	}
}
