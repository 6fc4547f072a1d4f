package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"omsinit/testdata/testinflux"
)

// dashboards are the files, and how many panels each has at least in a row.
var dashboards = map[string]int{"oms-node.json": 18, "oms-cluster.json": 14}

type dashboard struct {
	Title, UID    string
	SchemaVersion int
	Panels        []struct {
		ID          int
		Type, Title string
		Datasource  struct{ Type, UID string }
		GridPos     struct{ H, W, X, Y int }
		Targets     []struct {
			RefID, Query, Expr string
			RawQuery           bool
			Datasource         struct{ Type, UID string }
		}
	}
	Templating struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
}

func loadDashboard(t *testing.T, name string) (d dashboard) {
	t.Helper()
	data, err := os.ReadFile("../docs/grafana/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDashboardForm: what Grafana needs of a dashboard, and the same panels for
// both sources.
func TestDashboardForm(t *testing.T) {
	for name, panels := range dashboards {
		t.Run(name, func(t *testing.T) { formOf(t, loadDashboard(t, name), panels) })
	}
}

func formOf(t *testing.T, d dashboard, panels int) {
	t.Helper()
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 36 {
		t.Errorf("%q %q %d", d.Title, d.UID, d.SchemaVersion)
	}
	variables := map[string]bool{"timeFilter": true, "__interval": true, "__rate_interval": true}
	for _, v := range d.Templating.List {
		variables[v.Name] = true
	}
	titles := map[string][]string{}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	uses := regexp.MustCompile(`\$\{?([a-z_A-Z]+)`)
	row := ""
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("the id %d comes twice", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Errorf("%s: %q lies on %q, or outside", row, p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			row = strings.ToLower(p.Title)
			continue
		}
		titles[row] = append(titles[row], p.Title)
		if len(p.Targets) == 0 || p.Datasource.Type != row || p.Datasource.UID != "${"+row+"}" {
			t.Errorf("%s: %q has the source %+v and %d queries", row, p.Title, p.Datasource, len(p.Targets))
		}
		for _, target := range p.Targets {
			if target.Datasource != p.Datasource || target.RefID == "" || (row == "influxdb") != target.RawQuery {
				t.Errorf("%s: %q has the query %+v", row, p.Title, target)
			}
			for _, m := range uses.FindAllStringSubmatch(strings.ReplaceAll(target.Query+target.Expr, "$/", "/"), -1) {
				if !variables[m[1]] {
					t.Errorf("%s: %q uses the variable %q, which is not there", row, p.Title, m[1])
				}
			}
		}
	}
	if len(titles["influxdb"]) < panels || !slices.Equal(titles["influxdb"], titles["prometheus"]) {
		t.Errorf("the rows differ: %v", titles)
	}
}

// TestDashboardQueries: every query finds something of what is really emitted.
func TestDashboardQueries(t *testing.T) {
	influx := testinflux.New(t, "oms", secret, "")
	cfg := configFor(influx.Addr)
	if _, err := (&Wiring{Config: cfg, Into: into, Node: "n"}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	points := full(t)
	s, err := dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range 3 {
		text, err := lines(points, identity{"cn-hangzhou", "10.0.0.1"}, now.Add(-time.Duration(i)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.write(t.Context(), place{into.Database, into.RetentionPolicy}, text, ""); err != nil {
			t.Fatal(err)
		}
	}
	var text strings.Builder
	if err := writeText(&text, points, identity{"cn-hangzhou", "10.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	emitted := metricNames(t, text.String())
	fill := strings.NewReplacer("$timeFilter", "time > now() - 1h", "$__interval", "10s", `"$policy".`,
		into.Database+"."+into.RetentionPolicy+".", "$region", ".*", "$node", ".*",
		// The node of the test is in state 2.
		`"s" = 3`, `"s" = 2`, `"s" = 4`, `"s" = 2`)
	for name := range dashboards {
		t.Run(name, func(t *testing.T) {
			queriesOf(t, loadDashboard(t, name), influx, fill, emitted)
		})
	}
}

// The names of the figures, and of the labels that they are chosen by.
var (
	metric = regexp.MustCompile(`omsinit_[a-z_]+`)
	label  = regexp.MustCompile(`([a-z_]+)=~`)
)

func queriesOf(t *testing.T, d dashboard, influx *testinflux.Server, fill *strings.Replacer, emitted map[string]bool) {
	t.Helper()
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			if target.RawQuery {
				rows := influx.Query(fill.Replace(target.Query))
				known := slices.ContainsFunc(rows, func(row map[string]any) bool {
					for column, value := range row {
						if _, isNumber := value.(float64); isNumber && column != "time" {
							return true
						}
					}
					return false
				})
				if !known {
					t.Errorf("%q finds nothing: %s", p.Title, target.Query)
				}
				continue
			}
			names := metric.FindAllString(target.Expr, -1)
			for _, name := range names {
				if !emitted[name] {
					t.Errorf("%q: there is no metric %s", p.Title, name)
				}
			}
			for _, m := range label.FindAllStringSubmatch(target.Expr, -1) {
				if m[1] != "region" && m[1] != "node" {
					t.Errorf("%q: no metric has the label %s", p.Title, m[1])
				}
			}
			if len(names) == 0 || strings.Count(target.Expr, "{") != len(names) ||
				strings.Count(target.Expr, "(") != strings.Count(target.Expr, ")") {
				t.Errorf("%q: %s", p.Title, target.Expr)
			}
			// A rate of what does not only grow is nonsense.
			if inner, ok := strings.CutPrefix(target.Expr, "rate("); ok &&
				!strings.HasSuffix(metric.FindString(inner), "_total") {
				t.Errorf("%q: %s", p.Title, target.Expr)
			}
		}
	}
	for _, v := range d.Templating.List {
		if query, ok := v.Query.(string); ok && strings.HasPrefix(query, "SHOW") {
			query = strings.Replace(fill.Replace(query), "SHOW TAG VALUES", "SHOW TAG VALUES ON "+into.Database, 1)
			if rows := influx.Query(query); len(rows) != 1 {
				t.Errorf("variable %s: %v", v.Name, rows)
			}
		}
		if query, ok := v.Query.(map[string]any); ok {
			if text, _ := query["query"].(string); !emitted[metric.FindString(text)] {
				t.Errorf("variable %s: %s", v.Name, text)
			}
		}
	}
}
