package msg

// Text is a sentence in both languages, for where it is not known yet who will
// read it: in files and in answers over a socket. A field of this type is left
// out of JSON with omitzero.
type Text struct {
	English string `json:"en"`
	Chinese string `json:"zh"` // empty when there is only the English text
}

// NewText renders a message in both languages.
func NewText(m Message) Text {
	if m.IsZero() {
		return Text{}
	}
	return Text{English: m.In(English), Chinese: m.In(Chinese)}
}

// ErrorText renders an error in both languages. The text of nil is empty.
func ErrorText(err error) Text {
	return Text{English: English.Text(err), Chinese: Chinese.Text(err)}
}

// In returns the text in a language.
func (t Text) In(l Lang) string {
	if l == Chinese && t.Chinese != "" {
		return t.Chinese
	}
	return t.English
}

// String returns the English text.
func (t Text) String() string { return t.English }

// Err returns an error with this text, nil without one. It wraps nothing: what
// was behind the error stayed where the text was made.
func (t Text) Err() error {
	if t.IsZero() {
		return nil
	}
	return &textError{t}
}

// textError is an error whose words were rendered elsewhere.
type textError struct{ Text }

func (e *textError) Error() string { return e.English }

// IsZero reports whether there is no text.
func (t Text) IsZero() bool { return t == Text{} }
