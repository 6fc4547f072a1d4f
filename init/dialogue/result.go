package dialogue

import (
	"fmt"
	"io"
	"path"
	"strings"

	"gopkg.in/yaml.v3"

	"omsinit/internal/msg"
)

// Result is what a conversation has made.
type Result struct {
	Regions []Region
	shared  deployment
	upgrade bool
}

func (d *Dialogue) result() *Result { return &Result{d.regions, d.shared, d.Upgrade} }

// File is a file to write, for the owner alone when it is secret.
type File struct {
	Name   string
	Data   []byte
	Secret bool
}

// ConfigName returns the name of a region's config.yaml: that alone when there is one region.
func (r *Result) ConfigName(region Region) string {
	if len(r.Regions) == 1 {
		return "config.yaml"
	}
	return fmt.Sprintf("config-%d.yaml", region.Config.CMLocation)
}

// Formats are what is written for each node besides the lines of docker run.
type Formats struct{ Compose, Kubernetes bool }

// Files returns the config.yaml of each region, a script for each node that starts its container, and on request a
// file for docker compose for each node and a manifest for Kubernetes for each region. folder is where they are on the
// hosts.
func (r *Result) Files(lang msg.Lang, folder string, more Formats) ([]File, error) {
	var files []File
	for _, region := range r.Regions {
		files = append(files, File{r.ConfigName(region), region.Draft.File(lang), true})
		if more.Kubernetes {
			manifest, err := r.manifest(lang, region)
			if err != nil {
				return nil, err
			}
			files = append(files, manifest)
		}
		for _, node := range region.Config.CMNodes {
			name := strings.ReplaceAll(node, ":", "-")
			script := "#!/bin/sh\n" + r.Command(region, node, folder) + "\n"
			files = append(files, File{"docker-run-" + name + ".sh", []byte(script), false})
			if more.Compose {
				data, err := r.compose(region, node, folder)
				if err != nil {
					return nil, err
				}
				files = append(files, File{"compose-" + name + ".yaml", data, false})
			}
		}
	}
	return files, nil
}

// volumes returns the mounts of a node's container, as documented (docs/oms-facts.md §3).
func (r *Result) volumes(region Region, folder string) []string {
	s := r.shared
	list := []string{
		path.Join(folder, r.ConfigName(region)) + ":/home/admin/conf/config.yaml",
		path.Join(s.mount, "oms_logs") + ":/home/admin/logs",
		path.Join(s.mount, "oms_store") + ":/home/ds/store",
		path.Join(s.mount, "oms_run") + ":/home/ds/run",
	}
	if s.cert != "" {
		list = append(list, s.cert+":/etc/pki/nginx/oms_server.crt", s.key+":/etc/pki/nginx/oms_server.key")
	}
	return list
}

// Command returns the documented docker run line of a node (docs/oms-facts.md §3). folder is where its config.yaml is
// on the host. It holds no secret.
func (r *Result) Command(region Region, node, folder string) string {
	lines := []string{"docker run -dit --net host"}
	for _, v := range r.volumes(region, folder) {
		lines = append(lines, "  -v "+v)
	}
	lines = append(lines, "  -e OMS_HOST_IP="+node)
	if r.upgrade {
		lines = append(lines, "  -e IS_UPGRADE=true")
	}
	lines = append(lines, "  --privileged=true --pids-limit -1 --ulimit nproc=65535:65535",
		"  --name "+r.shared.container, "  "+r.shared.image)
	return strings.Join(lines, " \\\n")
}

// compose returns the same for docker compose.
func (r *Result) compose(region Region, node, folder string) ([]byte, error) {
	type service struct {
		Image       string         `yaml:"image"`
		Name        string         `yaml:"container_name"`
		Network     string         `yaml:"network_mode"`
		Privileged  bool           `yaml:"privileged"`
		PidsLimit   int            `yaml:"pids_limit"`
		Ulimits     map[string]int `yaml:"ulimits"`
		Environment map[string]string
		Volumes     []string `yaml:"volumes"`
		StopGrace   string   `yaml:"stop_grace_period"`
		Restart     string   `yaml:"restart"`
		Terminal    bool     `yaml:"tty"`
	}
	s := service{
		Image: r.shared.image, Name: r.shared.container, Network: "host", Privileged: true, PidsLimit: -1,
		Ulimits: map[string]int{"nproc": 65535}, Environment: map[string]string{"OMS_HOST_IP": node},
		Volumes: r.volumes(region, folder), StopGrace: "2m", Restart: "unless-stopped", Terminal: true,
	}
	if r.upgrade {
		s.Environment["IS_UPGRADE"] = "true"
	}
	return yaml.Marshal(map[string]any{"services": map[string]service{"oms": s}})
}

// Print writes what to do on which host, in order.
func (r *Result) Print(w io.Writer, lang msg.Lang, folder string) {
	say := func(m msg.Message) { fmt.Fprintln(w, m.In(lang)) }
	say(msg.M("Start one node after the other, in this order. On each host put the config.yaml of its region into %s, then run:", folder))
	for _, region := range r.Regions {
		for _, node := range region.Config.CMNodes {
			fmt.Fprintln(w)
			say(msg.M("# on the host %s, with %s:", node, path.Join(folder, r.ConfigName(region))))
			fmt.Fprintln(w, r.Command(region, node, folder))
		}
	}
	fmt.Fprintln(w)
	say(msg.M("Then: docker logs -f %s, until OMS service start successfully; the console is at %s", r.shared.container,
		r.address()))
}

// address is where the console of the first node is.
func (r *Result) address() string {
	scheme := "http"
	if r.shared.cert != "" {
		scheme = "https"
	}
	c := r.Regions[0].Config
	return scheme + "://" + join(c.CMNodes[0], c.NginxPort)
}
