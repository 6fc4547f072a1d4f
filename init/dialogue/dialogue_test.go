package dialogue

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// person answers each question from a list of answers by key; what is not in it is the suggestion.
type person struct {
	t       *testing.T
	answers map[string][]string
	asked   []string
}

func (p *person) next(key string) (string, bool) {
	p.asked = append(p.asked, key)
	list := p.answers[key]
	if len(list) == 0 {
		return "", false
	}
	p.answers[key] = list[1:]
	return list[0], true
}

func (p *person) Ask(key string, question msg.Message, suggestion string, _ bool) (string, error) {
	if len(p.asked) > 200 {
		p.t.Fatalf("it asks for ever: %v", p.asked[len(p.asked)-10:])
	}
	answer, ok := p.next(key)
	if answer == "^C" {
		return "", context.Canceled
	}
	if !ok {
		return suggestion, nil
	}
	return answer, nil
}

func (p *person) Confirm(key string, _ msg.Message, suggestion bool) (bool, error) {
	answer, ok := p.next(key)
	if !ok {
		return suggestion, nil
	}
	return answer == "y", nil
}

func (p *person) Again() bool { return true }

const secret = "it's # me"

// minimal are answers that a single node cannot do without.
func minimal(more ...string) map[string][]string {
	m := map[string][]string{"oms_meta_host": {"10.0.0.9"}, "oms_meta_user": {"root"}, "oms_meta_password": {secret},
		"cm_nodes": {"10.0.0.1"}, Image: {"oms:1"}}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i]] = strings.Split(more[i+1], "|")
	}
	return m
}

func TestConversations(t *testing.T) {
	refused := errors.New("refused")
	for name, tc := range map[string]struct {
		answers map[string][]string
		metadb  func() (Found, error)
		want    []string // lines of the files
		files   int
	}{
		"one node": {minimal(), nil, []string{"cm_url: http://10.0.0.1:8088", "oms_meta_port: 2883",
			"drc_rm_db: oms_rm", "drc_cm_heartbeat_db: oms_cm_hb", "cm_location: 0", "oms_meta_password: 'it''s # me'",
			"tsdb_enabled: false"}, 1},
		"wrong answers": {minimal("oms_meta_host", "a b|10.0.0.8", "oms_meta_port", "0|x|3306",
			"oms_meta_user", "u@sys||u@oms", "cm_nodes", "host|10.0.0.1,10.0.0.1|10.0.0.3", "mode", "x|single", Image,
			"a b|oms:2", Mount, "rel|/data/x y|/d"), nil,
			[]string{"oms_meta_host: 10.0.0.8", "oms_meta_port: 3306", "oms_meta_user: u@oms",
				"cm_nodes: [10.0.0.3]"}, 1},
		"several nodes": {minimal("mode", "n", "cm_nodes", "10.0.0.1|10.0.0.1, 10.0.0.2", "cm_url",
			"|10.0.0.100:8088"), nil, []string{"cm_nodes: [10.0.0.1, 10.0.0.2]", "cm_url: http://10.0.0.100:8088"}, 1},
		"one node, two addresses": {minimal("cm_nodes", "10.0.0.1,10.0.0.2|10.0.0.1"), nil,
			[]string{"cm_nodes: [10.0.0.1]"}, 1},
		"another prefix": {minimal(Prefix, "a-b|mine"), nil,
			[]string{"drc_rm_db: mine_rm", "drc_cm_db: mine_cm", "drc_cm_heartbeat_db: mine_cm_hb"}, 1},
		"databases that are there": {minimal(Prefix, "old|new", Existing, "n"),
			func() (Found, error) { return Found{Databases: []string{"old_rm"}}, nil },
			[]string{"drc_rm_db: new_rm"}, 1},
		"a MetaDB that refuses": {minimal("oms_meta_user", "a|b", "oms_meta_password", "x|y", "keep", "n|y"),
			func() (Found, error) { return Found{}, refused },
			[]string{"oms_meta_user: b", "oms_meta_password: 'y'"}, 1},
		"a MetaDB that is away": {minimal(), func() (Found, error) { return Found{}, finding.Transient(refused) },
			[]string{"oms_meta_user: root"}, 1},
		"two regions": {minimal("mode", "regions", "cm_region", "|cn-hangzhou|cn-beijing", "cm_region_cn", "杭州|北京",
			"cm_nodes", "10.0.0.1|10.0.1.1", "cm_url", "10.0.0.100:8088|10.0.1.100:8088", More, "y|n",
			"cm_location", "7|7|8"),
			func() (Found, error) { return Found{Regions: []string{"3 cn-x"}, Locations: []int{3}}, nil },
			[]string{"cm_region: cn-hangzhou", "cm_region_cn: '杭州'", "cm_is_default: true", "cm_location: 7",
				"cm_region: cn-beijing", "cm_location: 8", "cm_is_default: false", "drc_cm_heartbeat_db: oms_cm_hb_8"},
			2},
		"nobody is the default": {minimal("mode", "regions", "cm_region", "a|b", "cm_nodes", "10.0.0.1|10.0.1.1", More,
			"y|n", "cm_is_default", "n|n"), nil, []string{"cm_is_default: true", "cm_is_default: false"}, 2},
		"a number of the MetaDB": {minimal("mode", "regions", "cm_region", "a", "cm_location", "3|4"),
			func() (Found, error) {
				return Found{Regions: []string{"3 x"}, Locations: []int{3}, HasDefault: true}, nil
			}, []string{"cm_location: 4", "cm_is_default: false"}, 1},
		"a part is changed": {minimal(Correct, "y|y|n|y", "change", "9|2", "cm_nodes", "10.0.0.1|10.0.0.5", "cm_url",
			"http://10.0.0.1:8088|http://10.0.0.5:8088"), nil,
			[]string{"cm_nodes: [10.0.0.5]", "cm_url: http://10.0.0.5:8088"}, 1},
		"a group is repeated": {minimal(Correct, "n|y", "oms_meta_host", "10.0.0.9|10.0.0.10", "oms_meta_password",
			"x|z"), nil, []string{"oms_meta_host: 10.0.0.10", "oms_meta_password: 'z'"}, 1},
		"metrics and audit": {minimal("tsdb_enabled", "y", "tsdb_url", "http://x|10.0.0.7:8086", "tsdb_username", "t",
			"tsdb_password", "p", "apsara_audit_enable", "y", "apsara_audit_sls_access_key", "k",
			"apsara_audit_sls_access_secret", "s", "apsara_audit_sls_endpoint", "e", "apsara_audit_sls_ops_site_topic",
			"o", "apsara_audit_sls_user_site_topic", "u"), nil,
			[]string{"tsdb_service: INFLUXDB", "tsdb_url: 10.0.0.7:8086", "apsara_audit_sls_endpoint: e"}, 1},
		"what another region has": {minimal("mode", "regions", "cm_region", "a|a|b", "cm_nodes",
			"10.0.0.1,10.0.0.1|10.0.0.1,10.0.0.2|10.0.1.1,10.0.0.2|10.0.1.1,10.0.1.2", "cm_url",
			"10.0.0.100:8088|http://10.0.0.100:8088|10.0.1.100:8088", More, "y|n"), nil,
			[]string{"cm_nodes: [10.0.0.1, 10.0.0.2]", "cm_region: b", "cm_nodes: [10.0.1.1, 10.0.1.2]",
				"cm_url: http://10.0.1.100:8088"}, 2},
		"the region of the MetaDB, deployed anew": {minimal(Existing, "y"), func() (Found, error) {
			return Found{Databases: []string{"oms_rm"}, Regions: []string{"7 cn-x"}, Locations: []int{7},
				HasDefault: true}, nil
		}, []string{"cm_location: 7", "cm_is_default: true"}, 1},
		"another port of the CM": {minimal(Ports, "y", "cm_server_port", "18088"), nil,
			[]string{"cm_server_port: 18088", "cm_url: http://10.0.0.1:18088"}, 1},
		"another port of a CM behind a VIP": {minimal("cm_url", "10.0.0.100:8088", Ports, "y", "cm_server_port",
			"18088"), nil, []string{"cm_server_port: 18088", "cm_url: http://10.0.0.100:8088"}, 1},
		"another node, another port": {minimal(Correct, "y|y|y|n|y", "change", "2", "cm_nodes", "10.0.0.1|10.0.0.5",
			Ports, "y", "cm_server_port", "18088"), nil,
			[]string{"cm_nodes: [10.0.0.5]", "cm_url: http://10.0.0.5:18088"}, 1},
		"another port in two regions": {minimal("mode", "regions", "cm_region", "a|b", "cm_nodes", "10.0.0.1|10.0.1.1",
			More, "y|n", Ports, "y", "cm_server_port", "18088"), nil,
			[]string{"cm_url: http://10.0.0.1:18088", "cm_url: http://10.0.1.1:18088"}, 2},
		"other ports": {minimal(Ports, "y", "nginx_server_port", "80|18089"), nil,
			[]string{"nginx_server_port: 18089", "cm_server_port: 8088"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var said []string
			d := &Dialogue{Asker: &person{t: t, answers: tc.answers}, Say: func(_ style.Style, m msg.Message) {
				said = append(said, m.String())
				if m.In(msg.Chinese) == "" {
					t.Errorf("no Chinese: %q", m)
				}
			}}
			if tc.metadb != nil {
				d.MetaDB = func(_ context.Context, c *config.Config) (Found, error) {
					found, err := tc.metadb()
					if !slices.Contains(found.Databases, c.RMDatabase) {
						found.Databases = nil
					}
					return found, err
				}
			}
			result, err := d.Run(t.Context())
			if err != nil {
				t.Fatalf("%v\n%s", err, strings.Join(said, "\n"))
			}
			files, err := result.Files(msg.English, "/conf", Formats{Compose: true, Kubernetes: true})
			if err != nil {
				t.Fatal(err)
			}
			var all string
			configs := 0
			for _, f := range files {
				if f.Secret {
					configs++
					all += string(f.Data)
					if _, _, err := config.Parse(f.Name, f.Data); err != nil {
						t.Errorf("%v\n%s", err, f.Data)
					}
				} else if strings.Contains(string(f.Data), "it's") {
					t.Errorf("%s has the password", f.Name)
				}
			}
			if configs != tc.files {
				t.Errorf("%d config files", configs)
			}
			for _, line := range tc.want {
				if !strings.Contains(all, line+"\n") {
					t.Errorf("no line %q in\n%s", line, all)
				}
			}
			if strings.Contains(strings.Join(said, "\n"), secret) {
				t.Error("the password is shown")
			}
		})
	}
}

// TestUpgradeOfNothing: an OMS that is to be upgraded has databases, and a MetaDB without them is warned of.
func TestUpgradeOfNothing(t *testing.T) {
	for _, found := range []Found{{}, {Databases: []string{"oms_rm"}}} {
		warned := false
		d := &Dialogue{Asker: &person{t: t, answers: minimal()}, Upgrade: true,
			Say:    func(s style.Style, _ msg.Message) { warned = warned || s == style.Warning },
			MetaDB: func(context.Context, *config.Config) (Found, error) { return found, nil }}
		if _, err := d.Run(t.Context()); err != nil || warned != (found.Databases == nil) {
			t.Errorf("%+v: warned %v, %v", found, warned, err)
		}
	}
}

// TestCommand: what is run on the hosts is the documented line.
func TestCommand(t *testing.T) {
	for _, upgrade := range []bool{false, true} {
		d := &Dialogue{Asker: &person{t: t, answers: minimal(HTTPS, "y", Container, "oms_1", Mount, "/data/o")},
			Say: func(style.Style, msg.Message) {}, Upgrade: upgrade}
		result, err := d.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(result.Command(result.Regions[0], "10.0.0.1", "/conf"), " \\\n ", "")
		want := "docker run -dit --net host -v /conf/config.yaml:/home/admin/conf/config.yaml -v /data/o/oms_logs:/home/admin/logs -v /data/o/oms_store:/home/ds/store -v /data/o/oms_run:/home/ds/run -v /data/o/https_crt:/etc/pki/nginx/oms_server.crt -v /data/o/https_key:/etc/pki/nginx/oms_server.key -e OMS_HOST_IP=10.0.0.1"
		if upgrade {
			want += " -e IS_UPGRADE=true"
		}
		want += " --privileged=true --pids-limit -1 --ulimit nproc=65535:65535 --name oms_1 oms:1"
		if got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		var b strings.Builder
		result.Print(&b, msg.Chinese, "/conf")
		if !strings.Contains(b.String(), "https://10.0.0.1:8089") {
			t.Error(b.String())
		}
	}
}

// TestManifest: for Kubernetes a region is one DaemonSet on the network of its hosts, with the mounts of the documented
// line; what is not asked for is not in it.
func TestManifest(t *testing.T) {
	for _, more := range []bool{false, true} {
		answers := minimal(Container, "OMS_1.")
		if more {
			answers = minimal("mode", "regions", "cm_region", "a|b", "cm_nodes", "10.0.0.1,10.0.0.2|10.0.1.1", "cm_url",
				"10.0.0.100:8088", More, "y|n", HTTPS, "y")
		}
		d := &Dialogue{Asker: &person{t: t, answers: answers}, Say: func(style.Style, msg.Message) {}, Upgrade: more}
		result, err := d.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		files, err := result.Files(msg.Chinese, "/conf", Formats{Kubernetes: true})
		if err != nil {
			t.Fatal(err)
		}
		name, count, files := "oms-1", 0, slices.DeleteFunc(files,
			func(f File) bool { return !strings.HasPrefix(f.Name, "kubernetes") })
		for i, f := range files {
			if more {
				name = "oms-" + strconv.Itoa(i)
			}
			var set struct {
				Kind     string
				Metadata struct{ Name string }
				Spec     struct {
					Template struct {
						Spec struct {
							HostNetwork bool `yaml:"hostNetwork"`
							Containers  []struct {
								Image  string
								Env    []map[string]any
								Mounts []struct{ Name, MountPath string } `yaml:"volumeMounts"`
							}
							Volumes []map[string]any
						}
					}
				}
			}
			if err := yaml.Unmarshal(f.Data, &set); err != nil {
				t.Fatalf("%v\n%s", err, f.Data)
			}
			pod := set.Spec.Template.Spec
			if set.Kind != "DaemonSet" || set.Metadata.Name != name || !pod.HostNetwork ||
				pod.Containers[0].Image != "oms:1" {
				t.Errorf("%+v", set)
			}
			mounts, variables := 4, 1
			if more {
				mounts, variables = 6, 2
			}
			if len(pod.Containers[0].Mounts) != mounts || len(pod.Volumes) != mounts ||
				len(pod.Containers[0].Env) != variables {
				t.Errorf("%s", f.Data)
			}
			count++
		}
		if want := len(result.Regions); count != want {
			t.Errorf("%d manifests; want %d", count, want)
		}
	}
}

// TestStart: with a file only what is missing or wrong in it is asked for.
func TestStart(t *testing.T) {
	start := "oms_meta_host: 10.0.0.9\noms_meta_port: 99999\noms_meta_user: root\noms_meta_password: 'x y'\ndrc_rm_db: r\ndrc_cm_db: c\ndrc_cm_heartbeat_db: h\ncm_url: http://10.0.0.1:8088\ncm_location: 5\ncm_nodes: [10.0.0.1]\n"
	p := &person{t: t, answers: map[string][]string{"oms_meta_port": {"3306"}, Image: {"oms:1"}}}
	d := &Dialogue{Asker: p, Say: func(style.Style, msg.Message) {}, Start: []byte(start)}
	result, err := d.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c := result.Regions[0].Config; c.MetaPort != 3306 || c.MetaPassword.Reveal() != "x y" || c.CMLocation != 5 ||
		c.RMDatabase != "r" {
		t.Errorf("%+v", c)
	}
	for _, key := range p.asked {
		if slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return k.Name == key }) &&
			key != "oms_meta_port" {
			t.Errorf("%s was asked for", key)
		}
	}
}

// TestStartKeeps: what the questions do not know of a file stays in it, and a secret stays where it is.
func TestStartKeeps(t *testing.T) {
	secretFile := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secretFile, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := "oms_meta_host: 10.0.0.9\noms_meta_port: 1\noms_meta_user: root\noms_meta_password_file: " + secretFile +
		"\ndrc_rm_db: r\ndrc_cm_db: c\ndrc_cm_heartbeat_db: h\n" +
		"cm_url: http://10.0.0.1:8088\ncm_location: 5\ncm_nodes: [10.0.0.1]\nsso: {id: 7, hosts: [a, b]}\nmine: !!bool \"true\"\n"
	tried := ""
	p := &person{t: t, answers: map[string][]string{Image: {"oms:1"}}}
	d := &Dialogue{Asker: p, Say: func(style.Style, msg.Message) {}, Start: []byte(start),
		MetaDB: func(_ context.Context, c *config.Config) (Found, error) {
			tried = c.MetaPassword.Reveal()
			return Found{Databases: []string{"r"}}, nil
		}}
	result, err := d.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if tried != secret {
		t.Errorf("the MetaDB of the file was tried with %q", tried)
	}
	text := string(result.Regions[0].Draft.File(msg.English))
	for _, want := range []string{"oms_meta_password_file: '" + secretFile + "'", "sso: {id: 7, hosts: [a, b]}",
		"mine: !!bool \"true\""} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, secret) {
		t.Error("the password is written out")
	}
	if slices.Contains(p.asked, "oms_meta_host") {
		t.Error("what is right in the file was asked for")
	}
}

// TestWrongPart: the part that an error is about is suggested.
func TestWrongPart(t *testing.T) {
	for key, want := range map[string]string{"oms_meta_host": "1", "cm_url": "2", "tsdb_url": "3",
		"nginx_server_port": "5", "": "1"} {
		p := &suggested{}
		c := &conversation{Dialogue: &Dialogue{Asker: p, Say: func(style.Style, msg.Message) {}}, draft: config.Draft{}}
		err := error(&config.Error{Findings: []finding.Finding{{Place: finding.Place{Key: key}}}})
		if key == "" {
			err = nil
		}
		_ = c.change(err)
		if p.suggestion != want {
			t.Errorf("%s: %s is suggested, want %s", key, p.suggestion, want)
		}
	}
}

// suggested keeps what is suggested first, and goes.
type suggested struct {
	person
	suggestion string
}

func (s *suggested) Ask(_ string, _ msg.Message, suggestion string, _ bool) (string, error) {
	s.suggestion = suggestion
	return "", context.Canceled
}

// TestInterrupted: Ctrl-C at any question ends it.
func TestInterrupted(t *testing.T) {
	p := &person{t: t, answers: minimal("tsdb_enabled", "y", "tsdb_url", "^C")}
	d := &Dialogue{Asker: p, Say: func(style.Style, msg.Message) {}}
	if result, err := d.Run(t.Context()); !errors.Is(err, context.Canceled) || result != nil {
		t.Errorf("%v, %v", result, err)
	}
}

func TestAnswers(t *testing.T) {
	base := "oms_meta_host: 10.0.0.9\noms_meta_user: root\noms_meta_password: \"" + secret + "\"\nimage: oms:1\n"
	for name, tc := range map[string]struct {
		text, err string // of the error; "": none
		regions   int
	}{
		"one node":      {base + "cm_nodes: [10.0.0.1]", "", 1},
		"several nodes": {base + "cm_nodes: [10.0.0.1, 10.0.0.2]\ncm_url: 10.0.0.7:8088", "", 1},
		"two regions": {base +
			"regions:\n- {cm_region: a, cm_nodes: 10.0.0.1}\n- {cm_region: b, cm_nodes: [10.0.0.2]}", "", 2},
		"a node of two regions": {base +
			"regions:\n- {cm_region: a, cm_nodes: 10.0.0.1}\n- {cm_region: b, cm_nodes: 10.0.0.1}",
			"10.0.0.1 is a node of the region a already", 0},
		"a slip":              {base + "oms_meta_hots: x", "did you mean oms_meta_host", 0},
		"no YAML":             {"{", "YAML", 0},
		"an unknown answer":   {base + "colour: blue", "colour", 0},
		"a map":               {base + "cm_nodes: {a: b}", "cm_nodes", 0},
		"a list of texts":     {base + "regions: [a]", "regions", 0},
		"a missing answer":    {"image: oms:1\ncm_nodes: 10.0.0.1", "oms_meta_host", 0},
		"a wrong answer":      {base + "cm_nodes: 10.0.0.1\noms_meta_port: many", "oms_meta_port", 0},
		"no boolean":          {base + "cm_nodes: 10.0.0.1\ntsdb_enabled: perhaps", "tsdb_enabled", 0},
		"two with one number": {base + "regions:\n- {cm_region: a, cm_nodes: 10.0.0.1, cm_location: 4}\n- {cm_region: b, cm_nodes: 10.0.0.2, cm_location: 4}", "cm_location 4 is taken", 0},
		"one node of two": {base + "mode: single\ncm_nodes: [10.0.0.1, 10.0.0.2]\ncm_url: 10.0.0.7:8088",
			"cm_nodes", 0},
		"a region without a name": {base + "mode: regions\ncm_nodes: 10.0.0.1", "cm_region", 0},
		"one file for both":       {base + "cm_nodes: 10.0.0.1\nhttps_crt: /a\nhttps_key: /a", "https_key", 0},
		"a path for no command":   {base + "cm_nodes: 10.0.0.1\nmount: '/data; rm -rf /'", "mount", 0},
	} {
		t.Run(name, func(t *testing.T) {
			answers, err := ReadAnswers("answers.yaml", []byte(tc.text))
			var result *Result
			if err == nil {
				result, err = (&Dialogue{Asker: answers, Say: func(style.Style, msg.Message) {}}).Run(t.Context())
			}
			if tc.err == "" && (err != nil || len(result.Regions) != tc.regions) ||
				tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("%+v, %v", result, err)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the password is shown: %v", err)
			}
		})
	}
}
