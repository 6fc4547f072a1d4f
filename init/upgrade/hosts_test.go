package upgrade

import (
	"strings"
	"testing"

	"omsinit/init/upgrade/hosts"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// The commands of the hosts: the node with the CM comes first, names are quoted for a shell, every node of every region
// is there once, and the way back begins at the other hosts.
func TestPlanHosts(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 0)
	c.CMNodes, c.CMURL = []string{"10.0.0.1", "10.0.0.2"}, "http://10.0.0.2:8088"
	s.Exec("INSERT INTO oms_rm.cluster_info (region, region_cn, cm_url, code) VALUES ('bj', '北京', 'http://b:8088', 2)",
		"REPLACE INTO oms_cm.resource_group (id, name) VALUES (1, '1'), (2, '2')",
		"INSERT INTO oms_cm.host (resource_group_id, ip, host_status) VALUES (2, '10.0.1.1', 'ONLINE')")
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	if plan, err := u.Plan(t.Context(), nil, nil); err != nil || len(plan.Hosts) != 0 {
		t.Errorf("not asked for: %+v, %v", plan, err)
	}
	u.Hosts = hosts.Options{Image: "oms:4.2.3", Old: "my oms"}
	plan, err := u.Plan(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := plan.Print(&b, msg.English); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(b.String(), "\n") {
		if strings.HasPrefix(line, "# 10.") || strings.HasPrefix(line, "docker ") {
			got = append(got, line)
		}
	}
	run := func(node string) string {
		return "docker run -dit --net host --volumes-from 'my oms' -e OMS_HOST_IP=" + node +
			" -e IS_UPGRADE=true --privileged=true --pids-limit -1 --ulimit nproc=65535:65535 --name 'my oms-4.2.3-CE' oms:4.2.3"
	}
	want := []string{
		"# 10.0.0.2 hz", "docker stop 'my oms'", "# 10.0.0.1 hz", "docker stop 'my oms'", "# 10.0.1.1 bj",
		"docker stop 'my oms'",
		"# 10.0.0.2 hz", run("10.0.0.2"), "# 10.0.0.1 hz", run("10.0.0.1"), "# 10.0.1.1 bj", run("10.0.1.1"),
		"# 10.0.0.1 hz", "docker stop 'my oms-4.2.3-CE'", "# 10.0.1.1 bj", "docker stop 'my oms-4.2.3-CE'",
		"# 10.0.0.2 hz", "docker exec -it 'my oms-4.2.3-CE' omsinit upgrade rollback", "docker stop 'my oms-4.2.3-CE'",
		"docker start 'my oms'",
		"# 10.0.0.1 hz", "docker start 'my oms'", "# 10.0.1.1 bj", "docker start 'my oms'",
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
}
