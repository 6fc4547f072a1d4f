package check

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// timeZone warns and does not stop: what is seen here is the time zone of the container, and the components' start
// scripts may set another one.
func (n *node) timeZone(ctx context.Context, f *found) {
	var seconds int
	var session, system string
	const offset = "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW()), @@time_zone, @@system_time_zone"
	err := n.db.QueryRowContext(ctx, offset).Scan(&seconds, &session, &system)
	if err != nil {
		f.query(n, err)
		return
	}
	zone := n.localZone()
	f.fact("time_zone", session)
	facts := []finding.Fact{fact("metadb_offset_seconds", seconds), fact("host_offset_seconds", zone.seconds),
		fact("time_zone", session), fact("system_time_zone", system)}
	if zone.unknown {
		f.warning("metadb.timezone",
			msg.M("the variable TZ of this container is %q, which names no time zone that is here, so everything runs in UTC", zone.name),
			msg.M("start the container with -e TZ=<time zone of the MetaDB>, such as Asia/Shanghai"), facts...)
	}
	if seconds == zone.seconds {
		return
	}
	f.warning("metadb.timezone",
		msg.M("the time zone of the MetaDB is UTC%s (%s, %s), and that of this node UTC%s (%s)",
			utcOffset(seconds), session, system, utcOffset(zone.seconds), zone.name),
		msg.M("set time_zone of the MetaDB to that of the nodes, or start the container with -e TZ=<time zone of the MetaDB>"),
		facts...)
}

func utcOffset(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	return fmt.Sprintf("%c%02d:%02d", sign, seconds/3600, seconds/60%60)
}

// zone is the time zone that programs of this node run in.
type zone struct {
	name    string
	seconds int // east of UTC
	unknown bool
}

// localZone returns what the C library, and with it Java, makes of TZ. Go knows names only: to it UTC-8, which is eight
// hours east, is UTC.
func (n *node) localZone() zone {
	now := n.now()
	tz := ""
	for _, e := range n.Environ {
		if value, ok := strings.CutPrefix(e, "TZ="); ok {
			tz = strings.TrimPrefix(value, ":")
		}
	}
	name, seconds := now.Zone()
	if tz == "" || zoneFile(tz) {
		return zone{name, seconds, false}
	}
	if location := posixZone(tz); location != nil {
		_, seconds = now.In(location).Zone()
		return zone{"TZ=" + tz, seconds, false}
	}
	return zone{tz, 0, true}
}

// zoneFile reports whether a time zone of this name is on the node.
func zoneFile(name string) bool {
	if !filepath.IsAbs(name) {
		name = filepath.Join("/usr/share/zoneinfo", name)
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// posixZone returns the time zone of a POSIX form such as CST-8 or EST5EDT,M3.2.0,M11.1.0; nil when it is none. That
// form is the last line of every time zone file, so a file with nothing else is made of it.
func posixZone(form string) *time.Location {
	const unset = "?"
	var b strings.Builder
	for range 2 { // the part of 32 bits, and that of 64: one kind of time, and no change
		b.WriteString("TZif2" + strings.Repeat("\x00", 15))
		for _, count := range []uint32{0, 0, 0, 0, 1, uint32(len(unset) + 1)} {
			b.Write(binary.BigEndian.AppendUint32(nil, count))
		}
		b.WriteString("\x00\x00\x00\x00\x00\x00" + unset + "\x00")
	}
	b.WriteString("\n" + form + "\n")
	location, err := time.LoadLocationFromTZData(form, []byte(b.String()))
	if err != nil || strings.ContainsAny(form, " \t\n") {
		return nil
	}
	if name, _ := time.Unix(0, 0).In(location).Zone(); name == unset {
		return nil
	}
	return location
}
