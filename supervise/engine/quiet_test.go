package engine

import (
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"
)

func TestCleanMappings(t *testing.T) {
	const smaps = `00400000-00b8b000 r-xp 00000000 fe:00 9985784                            /usr/bin/omsinit
Size:               7724 kB
Rss:                6676 kB
Anonymous:             0 kB
AnonHugePages:         0 kB
FilePmdMapped:         0 kB
00b8b000-0129d000 r--p 0078b000 fe:00 9985784                            /usr/bin/omsinit
Anonymous:             0 kB
0129d000-01374000 rw-p 00e9d000 fe:00 9985784                            /usr/bin/omsinit
Anonymous:             0 kB
109b6bc00000-109b6c800000 rw-p 00000000 00:00 0 
Anonymous:          5244 kB
7f0000000000-7f0000001000 r--p 00000000 00:00 0 
Anonymous:             0 kB
7ff3adb63000-7ff3adb67000 r--p 001cf000 fe:00 326269                     /usr/lib/x86_64-linux-gnu/libc.so.6
Anonymous:            16 kB
7ffd68d6c000-7ffd68d6e000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
`
	want := []mapping{{0x400000, 0xb8b000}, {0xb8b000, 0x129d000}}
	if got := cleanMappings(strings.NewReader(smaps)); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// TestGiveBack: less of our own file is mapped afterwards, and all that is needed comes back.
func TestGiveBack(t *testing.T) {
	mapped := func() uint64 {
		p, err := procfs.NewProc(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		status, err := p.NewStatus()
		if err != nil {
			t.Fatal(err)
		}
		return status.RssFile
	}
	before := mapped()
	giveBack()
	if after := mapped(); after >= before {
		t.Errorf("%d bytes of files were mapped before, %d are after", before, after)
	}
}

// TestCollectsAgain: the first collection of a start, however early, is the last one at its limit. Otherwise whoever
// holds more than that would collect all the time.
func TestCollectsAgain(t *testing.T) {
	percent := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	normal := percent()
	defer collectLater()()
	if percent() == normal {
		t.Fatal("the collector is not kept out of the way")
	}
	runtime.GC()
	for end := time.Now().Add(30 * time.Second); percent() != normal; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after a collection: %d %%, want %d", percent(), normal)
		}
	}
}
