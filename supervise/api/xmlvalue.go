package api

import (
	"strconv"
	"strings"
)

// XMLValue is one <value> as it stands.
type XMLValue struct {
	String  *string `xml:"string"`
	Int     *string `xml:"int"`
	I4      *string `xml:"i4"`
	Boolean *string `xml:"boolean"`
	Array   *struct {
		Values []XMLValue `xml:"data>value"`
	} `xml:"array"`
	Struct *struct {
		Members []struct {
			Name  string   `xml:"name"`
			Value XMLValue `xml:"value"`
		} `xml:"member"`
	} `xml:"struct"`
	Text string `xml:",chardata"` // a value without a type is a string
}

// Struct is a <struct>.
type Struct map[string]any

func (s Struct) Text(name string) string {
	text, _ := s[name].(string)
	return text
}

func (s Struct) Number(name string) int {
	n, _ := s[name].(int)
	return n
}

// Value returns a string, an int, a bool, a []any or a Struct; what cannot
// be read is the zero value.
func (v *XMLValue) Value() any {
	number := func(text string) int {
		n, _ := strconv.Atoi(strings.TrimSpace(text))
		return n
	}
	switch {
	case v.String != nil:
		return *v.String
	case v.Int != nil:
		return number(*v.Int)
	case v.I4 != nil:
		return number(*v.I4)
	case v.Boolean != nil:
		return strings.TrimSpace(*v.Boolean) == "1"
	case v.Array != nil:
		list := make([]any, len(v.Array.Values))
		for i := range v.Array.Values {
			list[i] = v.Array.Values[i].Value()
		}
		return list
	case v.Struct != nil:
		s := Struct{}
		for _, m := range v.Struct.Members {
			s[m.Name] = m.Value.Value()
		}
		return s
	}
	return v.Text
}
