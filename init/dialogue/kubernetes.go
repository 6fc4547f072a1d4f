package dialogue

import (
	"bytes"
	_ "embed"
	"path"
	"strconv"
	"strings"
	"text/template"

	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

//go:embed kubernetes.yaml
var kubernetesYAML string

var kubernetes = template.Must(template.New("kubernetes.yaml").Parse(kubernetesYAML))

// notInName is what names of Kubernetes do not have.
var notInName = pattern.New(`[^a-z0-9]+`)

// manifest returns the manifest of a region: a DaemonSet, for OMS is one container on the network of each of its hosts
// with its data in folders of that host. It holds no secret: config.yaml becomes one by the commands at its head.
func (r *Result) manifest(lang msg.Lang, region Region) (File, error) {
	s, location := r.shared, strconv.Itoa(region.Config.CMLocation)
	name, file := strings.Trim(notInName().ReplaceAllString(strings.ToLower(s.container), "-"), "-"), "kubernetes.yaml"
	if len(r.Regions) > 1 {
		name, file = name+"-"+location, "kubernetes-"+location+".yaml"
	}
	var b bytes.Buffer
	err := kubernetes.Execute(&b, map[string]any{
		"Nodes": lang.Sprintf("Run once, with the names that Kubernetes has for the machines %s:",
			msg.List(region.Config.CMNodes)),
		"Pids": lang.Sprintf(
			"Kubernetes limits the processes of a container in the kubelet: podPidsLimit must be -1 or large."),
		"Again": lang.Sprintf(
			"OnDelete: OMS is upgraded and reconfigured one node after the other, by deleting its pod."),
		"Name": name, "File": file, "Config": r.ConfigName(region), "Image": strconv.Quote(s.image),
		"Upgrade": r.upgrade,
		"Logs":    path.Join(s.mount, "oms_logs"), "Store": path.Join(s.mount, "oms_store"),
		"Run":  path.Join(s.mount, "oms_run"),
		"Cert": s.cert, "Key": s.key,
	})
	return File{file, b.Bytes(), false}, err
}
