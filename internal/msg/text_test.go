package msg_test

import (
	"encoding/json"
	"io/fs"
	"testing"

	"omsinit/internal/msg"
)

func TestTextInJSON(t *testing.T) {
	type answer struct {
		Message msg.Text `json:"message"`
		Fix     msg.Text `json:"fix,omitzero"`
	}
	for want, a := range map[string]answer{
		`{"message":{"en":"","zh":""}}`: {
			msg.NewText(msg.Message{}), msg.ErrorText(nil),
		},
		`{"message":{"en":"connection 7","zh":"连接 7"},"fix":{"en":"only this","zh":""}}`: {
			msg.NewText(msg.M("connection %d", 7)), msg.Text{English: "only this"},
		},
		`{"message":{"en":"cannot read x: file does not exist","zh":"无法读取 x：文件不存在"}}`: {
			Message: msg.ErrorText(msg.Errorf("cannot read %s: %w", "x", fs.ErrNotExist)),
		},
	} {
		data, err := json.Marshal(a)
		if err != nil || string(data) != want {
			t.Errorf("got %s, %v, want %s", data, err, want)
		}
		var back answer
		if err := json.Unmarshal(data, &back); err != nil || back != a {
			t.Errorf("read again: %+v, %v, want %+v", back, err, a)
		}
	}
	if err := msg.ErrorText(nil).Err(); err != nil {
		t.Errorf("the error of no text: %v", err)
	}
	if data, err := json.Marshal(msg.M("connection %d", 7)); err != nil || string(data) != `"connection 7"` {
		t.Errorf("a message: got %s, %v", data, err)
	}
	if got := msg.Chinese.Sprintf("%v", msg.Text{English: "only this"}); got != "only this" {
		t.Errorf("without Chinese: %q", got)
	}
}
