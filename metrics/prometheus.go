package metrics

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// prometheusType is the content type of the text form, version 0.0.4.
const prometheusType = "text/plain; version=0.0.4; charset=utf-8"

// writeText writes points in the text form of Prometheus.
func writeText(w io.Writer, points []point, id identity) error {
	byName := map[string][]point{}
	for _, p := range points {
		byName[p.measurement] = append(byName[p.measurement], p)
	}
	var b strings.Builder
	for _, m := range Catalogue() {
		for _, f := range m.Fields {
			if f.Kind == Words {
				continue
			}
			name := m.Name + "_" + f.Name
			head := fmt.Sprintf("# HELP %s %s\n# TYPE %s %s\n", name, f.Help, name, f.Kind)
			for _, p := range byName[m.Name] {
				value, ok := number(p.values[f.Name])
				if !ok {
					continue
				}
				b.WriteString(head)
				head = ""
				b.WriteString(name)
				b.WriteString(labels(m, p, id))
				b.WriteByte(' ')
				b.WriteString(strconv.FormatFloat(value, 'g', -1, 64))
				b.WriteByte('\n')
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func labels(m Measurement, p point, id identity) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	out := `{region="` + escape.Replace(tag(id.region)) + `",node="` + escape.Replace(tag(id.node)) + `"`
	for i, name := range m.Tags {
		out += "," + name + `="` + escape.Replace(tag(p.tags[i])) + `"`
	}
	return out + "}"
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
