package metrics

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestAlerts: the rules and the scrape example are what promtool wants, each rule fires on what it is about and not on
// a healthy node (testdata/alerts_test.yaml), and asks for what is emitted.
func TestAlerts(t *testing.T) {
	for _, args := range []string{
		"check rules ../docs/grafana/alerts.yaml", "check config ../docs/grafana/prometheus.yml",
		"test rules testdata/alerts_test.yaml",
	} {
		if out, err := exec.Command("promtool", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", args, err, out)
		}
	}
	data, err := os.ReadFile("../docs/grafana/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(data, &file); err != nil || len(file.Groups) != 1 {
		t.Fatal(err)
	}
	tried, err := os.ReadFile("testdata/alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := writeText(&text, full(t), identity{"r", "n"}); err != nil {
		t.Fatal(err)
	}
	emitted := metricNames(t, text.String())
	for _, r := range file.Groups[0].Rules {
		if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s: %v %v", r.Alert, r.Labels, r.Annotations)
		}
		if !strings.Contains(string(tried), `alertname="`+r.Alert+`"`) {
			t.Errorf("%s is not tried", r.Alert)
		}
		for _, name := range metric.FindAllString(r.Expr, -1) {
			if !emitted[name] {
				t.Errorf("%s: there is no metric %s", r.Alert, name)
			}
		}
	}
}
