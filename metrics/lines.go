package metrics

import (
	"bytes"
	"compress/gzip"
	"time"

	client "github.com/influxdata/influxdb1-client/v2"
)

// longestTag bounds a tag: what is longer is no name.
const longestTag = 128

// tag makes a tag value that line protocol can carry. An empty one stands for
// nothing there.
func tag(s string) string {
	clean := make([]rune, 0, len(s))
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			r = '_'
		}
		if clean = append(clean, r); len(clean) == longestTag {
			break
		}
	}
	// A backslash at the end would escape what follows it.
	if n := len(clean); n > 0 && clean[n-1] == '\\' {
		clean[n-1] = '_'
	}
	return string(clean)
}

// lines writes points in line protocol, with times in milliseconds.
func lines(points []point, id identity, at time.Time) ([]byte, error) {
	tagNames := map[string][]string{}
	for _, m := range Catalogue() {
		tagNames[m.Name] = m.Tags
	}
	var b bytes.Buffer
	for _, p := range points {
		tags := map[string]string{"region": tag(id.region), "node": tag(id.node)}
		for i, name := range tagNames[p.measurement] {
			tags[name] = tag(p.tags[i])
		}
		line, err := client.NewPoint(p.measurement, tags, p.values, at)
		if err != nil {
			return nil, err
		}
		b.WriteString(line.PrecisionString("ms"))
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

func zipped(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

func unzipped(data []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(z)
	return b.Bytes(), err
}
