package metadb

import (
	"strings"
	"testing"

	"omsinit/internal/msg"
)

// TestStatusColumns: a Chinese sign takes two cells of a terminal, and the
// columns after it are aligned all the same.
func TestStatusColumns(t *testing.T) {
	status := Status{Release: "4.2.3-CE", UpToDate: true, Databases: []DatabaseStatus{
		{Kind: "rm", Name: "oms_rm", Exists: true, Journal: true, Files: []FileStatus{
			{Version: "4.2.3", State: "done", Applied: 12, Total: 12, Checksum: "abc", Finished: "2026-01-02 03:04:05",
				Tool: "omsinit 1"},
			{Version: "4.2.3-extra", State: "in flight", Applied: 3, Total: 4, Checksum: "def"},
		}},
	}}
	for lang, want := range map[msg.Lang][]string{
		msg.English: {
			"  4.2.3        done       12/12  abc  2026-01-02 03:04:05  omsinit 1",
			"  4.2.3-extra  in flight  3/4    def",
		},
		msg.Chinese: {
			"  4.2.3        完成      12/12  abc  2026-01-02 03:04:05  omsinit 1",
			"  4.2.3-extra  结果未知  3/4    def",
		},
	} {
		var b strings.Builder
		if err := status.Print(&b, lang); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), strings.Join(want, "\n")+"\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", lang, b.String(), strings.Join(want, "\n"))
		}
	}
}
