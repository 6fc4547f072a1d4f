package component

import (
	"bufio"
	"bytes"
	"os"
	"os/user"
	"strconv"
	"strings"

	"omsinit/internal/atomicfile"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// ownMark stands in the first line of the reference pack's supervisord.conf.
const ownMark = "omsinit reference pack"

// node is what the files depend on beside the configuration: where they go,
// and as whom we run.
type node struct {
	layout   layout.Layout
	euidRoot bool
	// owned reports whether owners count: in the container, as root. In a relocated
	// tree everything belongs to whoever runs omsinit.
	owned bool
	// has reports whether the image brings a file, by its container path.
	has    func(path string) bool
	https  bool
	holds  []pack.Condition
	owners map[string]*atomicfile.Owner
}

func (s *Step) node() *node {
	n := &node{layout: s.Layout, euidRoot: os.Geteuid() == 0, https: s.https(),
		has: func(path string) bool { return isFile(s.Layout.Path(path)) }, owners: map[string]*atomicfile.Owner{}}
	n.owned = n.euidRoot && !s.Layout.Relocated()
	if s.Layout.Relocated() {
		n.holds = append(n.holds, pack.Relocated)
	} else {
		n.holds = append(n.holds, pack.InContainer)
	}
	if n.euidRoot {
		n.holds = append(n.holds, pack.EUIDRoot)
	}
	if ownSupervisor(s.Layout.SupervisordConf()) {
		n.holds = append(n.holds, pack.OwnSupervisor)
	}
	return n
}

// https reports whether both certificate files are there (oms-facts §10).
// Docker makes a folder where the host has no such file.
func (s *Step) https() bool {
	cert, key := s.Layout.CertFile(), s.Layout.KeyFile()
	haveCert, haveKey := isFile(cert), isFile(key)
	switch {
	case haveCert && !haveKey:
		s.say(msg.M("%s exists but %s does not: nginx stays on HTTP; mount both files for HTTPS", cert, key))
	case haveKey && !haveCert:
		s.say(msg.M("%s exists but %s does not: nginx stays on HTTP; mount both files for HTTPS", key, cert))
	}
	return s.Layout.HTTPS()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// ownSupervisor reports whether the program files are those of the reference
// pack, or still to be made. Those of a real OMS image have other start
// scripts behind them; adding ours would define programs that cannot start.
func ownSupervisor(conf string) bool {
	data, err := os.ReadFile(conf)
	if err != nil {
		return os.IsNotExist(err)
	}
	first := bufio.NewScanner(bytes.NewReader(data))
	return first.Scan() && strings.Contains(first.Text(), ownMark)
}

// mayWrite refuses to make files that would belong to the wrong user.
func (n *node) mayWrite() error {
	if n.euidRoot || n.layout.Relocated() {
		return nil
	}
	return msg.Errorf("only root can give the config files to their users; run this as root in the container, or under --root DIR, where everything belongs to whoever runs it")
}

// owner looks a user up. It is nil where owners do not count.
func (n *node) owner(name string) (*atomicfile.Owner, error) {
	if !n.owned {
		return nil, nil
	}
	if o, ok := n.owners[name]; ok {
		return o, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, msg.Errorf("there is no user %q here, who is to own config files; is this an OMS image? (useradd %s)", name, name)
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if uidErr != nil || gidErr != nil {
		return nil, msg.Errorf("cannot read the ids of the user %q: %s and %s", name, u.Uid, u.Gid)
	}
	n.owners[name] = &atomicfile.Owner{UID: uid, GID: gid}
	return n.owners[name], nil
}
