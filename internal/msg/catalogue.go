package msg

import (
	_ "embed"
	"fmt"
	"sync"

	"github.com/chai2010/gettext-go/po"
)

// catalogue is a gettext file: msgid is the English format, msgstr its Chinese.
//
//go:embed zh.po
var catalogue []byte

// chinese returns the Chinese texts by their English formats. The catalogue is
// read when the first text is asked for in Chinese, which takes some
// milliseconds. It panics when the catalogue cannot be read: the tests of this
// package rule that out.
var chinese = sync.OnceValue(func() map[string]string {
	file, err := po.Load(catalogue)
	if err != nil {
		panic(fmt.Sprintf("msg: cannot read zh.po: %v", err))
	}
	texts := make(map[string]string, len(file.Messages))
	for _, m := range file.Messages {
		texts[m.MsgId] = m.MsgStr
	}
	return texts
})
