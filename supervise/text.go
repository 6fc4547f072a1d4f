package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"omsinit/internal/msg"
)

// wireError carries an error over the socket so that the client can still
// render it in either language: the format and arguments of a msg.Error, all
// the way down, and the English words for everything else.
type wireError struct {
	Text   string    `json:"text"` // English, for people with curl
	Format string    `json:"format,omitempty"`
	Args   []wireArg `json:"args,omitempty"`
}

type wireArg struct {
	Text   *string    `json:"text,omitempty"`
	Number *int64     `json:"number,omitempty"`
	Error  *wireError `json:"error,omitempty"`
}

func toWire(err error) *wireError {
	if err == nil {
		return nil
	}
	w := &wireError{Text: err.Error()}
	var e *msg.Error
	if errors.As(err, &e) && e.Error() == w.Text {
		w.Format, w.Args = e.Format, wireArgs(e.Args)
	}
	return w
}

func wireArgs(args []any) []wireArg {
	var out []wireArg
	for _, a := range args {
		switch v := a.(type) {
		case error:
			out = append(out, wireArg{Error: toWire(v)})
		case msg.Message:
			out = append(out, wireArg{Error: &wireError{Text: v.String(), Format: v.Format, Args: wireArgs(v.Args)}})
		case fmt.Stringer:
			s := v.String()
			out = append(out, wireArg{Text: &s})
		default:
			if rv := reflect.ValueOf(a); rv.IsValid() && rv.CanInt() {
				n := rv.Int()
				out = append(out, wireArg{Number: &n})
				continue
			}
			s := fmt.Sprint(a)
			out = append(out, wireArg{Text: &s})
		}
	}
	return out
}

// err rebuilds the error on the client's side.
func (w *wireError) err() error {
	if w == nil {
		return nil
	}
	if w.Format == "" {
		return errors.New(w.Text)
	}
	args := make([]any, len(w.Args))
	for i, a := range w.Args {
		switch {
		case a.Number != nil:
			args[i] = int(*a.Number)
		case a.Error != nil && a.Error.Format == "":
			args[i] = a.Error.Text
		case a.Error != nil:
			args[i] = a.Error.err()
		case a.Text != nil:
			args[i] = *a.Text
		default:
			args[i] = ""
		}
	}
	return msg.Errorf(w.Format, args...)
}

// UnmarshalJSON accepts the structure above, and a plain string.
func (w *wireError) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &w.Text)
	}
	type plain wireError
	return json.Unmarshal(data, (*plain)(w))
}
