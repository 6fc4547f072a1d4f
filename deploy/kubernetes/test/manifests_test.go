// Package test holds the manifests of deploy/kubernetes against the types of the API itself.
package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// region is what one namespace gets.
type region struct {
	set      *apps.StatefulSet
	job      *batch.Job
	budget   *policy.PodDisruptionBudget
	config   *core.ConfigMap
	services []*core.Service
	space    *core.Namespace
}

// build runs kustomize on an overlay, and reads every object strictly: a field that the API does not know, or that is
// there twice, is an error, which a cluster would report or drop.
func build(t *testing.T, overlay string) map[string]*region {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(),
		filepath.Join("..", "overlays", overlay))
	if err != nil {
		t.Fatal(err)
	}
	regions := map[string]*region{}
	for _, o := range objects.Resources() {
		text, err := o.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		name := o.GetNamespace()
		if o.GetKind() == "Namespace" {
			name = o.GetName()
		}
		r := regions[name]
		if r == nil {
			r = &region{}
			regions[name] = r
		}
		var into any
		switch kind := o.GetApiVersion() + " " + o.GetKind(); kind {
		case "apps/v1 StatefulSet":
			r.set = &apps.StatefulSet{}
			into = r.set
		case "batch/v1 Job":
			r.job = &batch.Job{}
			into = r.job
		case "policy/v1 PodDisruptionBudget":
			r.budget = &policy.PodDisruptionBudget{}
			into = r.budget
		case "v1 ConfigMap":
			r.config = &core.ConfigMap{}
			into = r.config
		case "v1 Service":
			r.services = append(r.services, &core.Service{})
			into = r.services[len(r.services)-1]
		case "v1 Namespace":
			r.space = &core.Namespace{}
			into = r.space
		default:
			t.Fatalf("%s: nobody looks at a %s", overlay, kind)
		}
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			t.Fatalf("%s: %s %s: %v", overlay, o.GetKind(), o.GetName(), err)
		}
	}
	return regions
}

func TestOverlays(t *testing.T) {
	for overlay, count := range map[string]int{"one-region": 1, "three-regions": 3} {
		regions := build(t, overlay)
		if len(regions) != count {
			t.Fatalf("%s has %d regions; want %d", overlay, len(regions), count)
		}
		heartbeats, defaults := map[string]bool{}, 0
		for name, r := range regions {
			t.Run(overlay+"/"+name, func(t *testing.T) { r.check(t, name) })
			var config struct {
				Heartbeat string `json:"drc_cm_heartbeat_db"`
				Default   bool   `json:"cm_is_default"`
			}
			if err := yaml.Unmarshal([]byte(r.config.Data["config.yaml"]), &config); err != nil {
				t.Fatal(err)
			}
			heartbeats[config.Heartbeat] = true
			if config.Default {
				defaults++
			}
		}
		if len(heartbeats) != count || defaults != 1 {
			t.Errorf("%s: heartbeat databases %v, default regions: %d", overlay, heartbeats, defaults)
		}
	}
}

// check looks at what a cluster would not: whether the objects fit each other.
func (r *region) check(t *testing.T, name string) {
	pod := r.set.Spec.Template.Spec
	c := pod.Containers[0]
	on := labels.Set(r.set.Spec.Template.Labels)
	selected := func(what string, s *meta.LabelSelector, want labels.Set) {
		selector, err := meta.LabelSelectorAsSelector(s)
		if err != nil || selector.Empty() || !selector.Matches(want) {
			t.Errorf("%s does not select %v: %v %v", what, want, selector, err)
		}
	}
	selected("the StatefulSet", r.set.Spec.Selector, on)
	selected("the budget", r.budget.Spec.Selector, on)
	for spec, its := range map[*core.PodSpec]labels.Set{&pod: on,
		&r.job.Spec.Template.Spec: r.job.Spec.Template.Labels} {
		rule := spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0]
		selected("the anti-affinity", rule.LabelSelector, its)
		if rule.TopologyKey != core.LabelHostname || !spec.HostNetwork || spec.NodeSelector["oms/region"] != name {
			t.Errorf("not one on each machine of the region: %+v", spec)
		}
		env := spec.Containers[0].Env[0]
		if env.Name != "OMS_HOST_IP" || env.ValueFrom.FieldRef.FieldPath != "status.hostIP" {
			t.Errorf("%+v", env)
		}
		if spec.Volumes[0].ConfigMap.Name != r.config.Name || *spec.Volumes[1].Secret.DefaultMode != 0o400 {
			t.Errorf("the volumes are %+v; the ConfigMap is %s", spec.Volumes, r.config.Name)
		}
		if strings.HasPrefix(spec.Containers[0].Image, "oms:") || spec.Containers[0].Image == "oms" {
			t.Errorf("the overlay has no image")
		}
	}
	ready := map[string]bool{}
	for _, s := range r.services {
		if !labels.SelectorFromSet(s.Spec.Selector).Matches(on) ||
			labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(r.job.Spec.Template.Labels)) {
			t.Errorf("%s selects %v", s.Name, s.Spec.Selector)
		}
		ready[s.Name] = !s.Spec.PublishNotReadyAddresses
	}
	if fmt.Sprint(ready) != "map[oms-cm:false oms-console:true]" {
		t.Errorf("services, and whether they lead to ready nodes only: %v", ready)
	}
	var config struct {
		URL      string   `json:"cm_url"`
		Nodes    []string `json:"cm_nodes"`
		Password string   `json:"oms_meta_password_file"`
	}
	text := r.config.Data["config.yaml"]
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	if want := "http://" + r.set.Spec.ServiceName + "." + name + ".svc.cluster.local:8088"; config.URL != want {
		t.Errorf("cm_url is %s; want %s", config.URL, want)
	}
	if n := len(config.Nodes); n != int(*r.set.Spec.Replicas) || n != int(*r.job.Spec.Completions) ||
		n != int(*r.job.Spec.Parallelism) {
		t.Errorf("%d nodes in config.yaml, %d pods, %d checks", n, *r.set.Spec.Replicas, *r.job.Spec.Completions)
	}
	if strings.Contains(text, "password:") || filepath.Dir(config.Password) != c.VolumeMounts[1].MountPath {
		t.Errorf("the password is in %q, and the secret at %s", config.Password, c.VolumeMounts[1].MountPath)
	}
	// Every mount has its volume, and the three of OMS last as long as the node does.
	var claims, mounts []string
	for _, claim := range r.set.Spec.VolumeClaimTemplates {
		claims = append(claims, claim.Name)
	}
	for _, m := range c.VolumeMounts {
		if slices.Contains(claims, m.Name) {
			mounts = append(mounts, m.MountPath)
		} else if !slices.ContainsFunc(pod.Volumes, func(v core.Volume) bool { return v.Name == m.Name }) {
			t.Errorf("nothing is mounted at %s", m.MountPath)
		}
	}
	if want := []string{"/home/admin/logs", "/home/ds/store", "/home/ds/run"}; !slices.Equal(mounts, want) {
		t.Errorf("lasting mounts are %v; want %v", mounts, want)
	}
	if r.budget.Spec.MaxUnavailable.IntValue() != 1 {
		t.Errorf("%+v", r.budget.Spec)
	}
	// What a filter by the label step=check applies: the namespace, config.yaml, and the job.
	for what, its := range map[string]map[string]string{"namespace": r.space.Labels, "config": r.config.Labels,
		"job": r.job.Labels} {
		if its["step"] != "check" {
			t.Errorf("the %s has labels %v", what, its)
		}
	}
	// Hooks and probes are commands that this omsinit has; the hook ends within the grace period.
	help, err := os.ReadFile("../../../internal/cli/cli.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{c.StartupProbe.Exec.Command, c.LivenessProbe.Exec.Command,
		c.ReadinessProbe.Exec.Command,
		c.Lifecycle.PreStop.Exec.Command, r.job.Spec.Template.Spec.Containers[0].Command} {
		if command[0] != "omsinit" || !strings.Contains(string(help), `a.command("`+command[1]+`"`) {
			t.Errorf("there is no command %v", command)
		}
	}
	if c.Lifecycle.PreStop.Exec.Command[4] != "120s" || *pod.TerminationGracePeriodSeconds < 150 {
		t.Errorf("preStop %v within %d s", c.Lifecycle.PreStop.Exec.Command, *pod.TerminationGracePeriodSeconds)
	}
}
