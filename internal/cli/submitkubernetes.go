package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/scenarios"
)

func kubernetesFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "image", Usage: "kubernetes: the `IMAGE` of llmload, see the Dockerfile"},
		&cli.StringFlag{Name: "claim", Usage: "kubernetes: the PersistentVolumeClaim `CLAIM` that all pods can write (ReadWriteMany)"},
		&cli.StringFlag{Name: "namespace", Value: "default", Usage: "kubernetes: the `NAMESPACE`"},
		&cli.StringFlag{Name: "secret", Value: "llmload", Usage: "kubernetes: the `SECRET` whose keys are the variables ${NAME} of the scenario"},
		&cli.StringFlag{Name: "cpu", Value: "2", Usage: "kubernetes: `CORES` that a shard asks for, see docs/scale-out.md"},
		&cli.StringFlag{Name: "memory", Value: "512Mi", Usage: "kubernetes: `MEMORY` that a shard asks for"},
		&cli.DurationFlag{Name: "wait", Value: time.Hour, Usage: "kubernetes: how long the pods may take to start"},
	}
}

// kubernetesJob is what the manifests are made of.
type kubernetesJob struct {
	submission
	Namespace, Image, Claim, CPU, Memory string
	Secret                               string
	Secrets                              []string // variables of the scenario
	Files                                []configFile
}

// configFile is the scenario, or a file that it names.
type configFile struct{ Key, Path, Text string }

// submitKubernetes prints the manifests.
func submitKubernetes(c *cli.Context, sys IO) error {
	for _, name := range []string{"image", "claim"} {
		if c.String(name) == "" {
			return usage("kubernetes needs --%s", name)
		}
	}
	for _, name := range []string{"claim", "namespace", "secret"} {
		if !kubernetesName.MatchString(c.String(name)) {
			return usage("--%s %q is no name in Kubernetes: lower-case letters, digits and dashes", name, c.String(name))
		}
	}
	if cpu := c.String("cpu"); !coreCount.MatchString(cpu) {
		return usage("--cpu %q is no number of cores: write 2, 1.5 or 500m", cpu)
	}
	if memory := c.String("memory"); !memoryAmount.MatchString(memory) {
		return usage("--memory %q is no amount of memory: write 512Mi or 2Gi", memory)
	}
	if out := c.String("out"); out != "" && !filepath.IsLocal(out) {
		return usage("--out %q is a folder of the volume: write a name without / before it and without ..", out)
	}
	if c.Duration("wait") <= 0 {
		return usage("--wait %s is no time to wait", c.Duration("wait"))
	}
	seen := &sighted{IO: sys}
	sys = seen.sys()
	plan, err := checked(sys, c, c.Args().Get(1))
	if err != nil {
		return err
	}
	if err := seen.secrets(sys, c.Args().Get(1)); err != nil {
		return err
	}
	j := kubernetesJob{
		submission: newSubmission(c, plan, "/scenario/scenario.yaml", c.String("out")), Namespace: c.String("namespace"), Image: c.String("image"),
		Claim: c.String("claim"), CPU: c.String("cpu"), Memory: c.String("memory"), Secret: c.String("secret"), Secrets: slices.Sorted(maps.Keys(seen.asked)),
	}
	j.Out = path.Join("/runs", cmp.Or(c.String("out"), j.Name))
	j.Run = append(j.Run, "--rendezvous", path.Join(j.Out, "rendezvous"), "--wait", c.Duration("wait").String(), "--lead", c.Duration("lead").String())
	j.folders(path.Join)
	j.Merge = append(j.Merge, "--wait", c.Duration("wait").String(), "--stalled", silence(plan).String())
	if j.Files, err = seen.files(); err != nil {
		return err
	}
	text, err := render("kubernetes.yaml", j)
	if err != nil {
		return err
	}
	_, err = io.WriteString(sys.Out, text)
	return err
}

// silence is how long a shard that lives may write nothing: in a pause, then in a request that takes as long as it may.
func silence(p *scenarios.Plan) time.Duration {
	var pause time.Duration
	for i := range p.Stages {
		pause = max(pause, p.Stages[i].Pause)
	}
	return 5*time.Minute + pause + cmp.Or(time.Duration(p.Client.Timeout), time.Hour)
}

// Quantities as Kubernetes reads them, of which zero asks for nothing.
var (
	coreCount    = regexp.MustCompile(`^(?:[1-9][0-9]*m?|[0-9]*[1-9][0-9]*\.[0-9]+|0?\.[0-9]*[1-9][0-9]*)$`)
	memoryAmount = regexp.MustCompile(`^[1-9][0-9]*(?:\.[0-9]+)?(?:[KMGTPE]i|[kMGTPE])?$`)
)

var kubernetesName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// sighted is an IO that notes what a scenario takes from outside: variables of the environment, and files.
type sighted struct {
	IO
	asked map[string]string // variables and their values
	read  []configFile      // the scenario first
}

// sys is the IO to load the scenario with. What is not set here is set in the pods.
func (s *sighted) sys() IO {
	s.asked = map[string]string{}
	sys := s.IO
	sys.LookupEnv = func(name string) (string, bool) {
		v, ok := s.IO.LookupEnv(name)
		if !ok || v == "" {
			v = "http://" + name + ".invalid" // a value that also an address can have
		}
		s.asked[name] = v
		return v, true
	}
	sys.note = func(name string, text []byte) {
		if !slices.ContainsFunc(s.read, func(f configFile) bool { return f.Path == name }) {
			s.read = append(s.read, configFile{fmt.Sprintf("file-%d", len(s.read)), name, string(text)})
		}
	}
	return sys
}

// secrets refuses a scenario that holds one: its text goes into a ConfigMap, with the addresses that --endpoint stands for.
func (s *sighted) secrets(sys IO, file string) error {
	l, err := loadSpec(sys, file)
	if err != nil {
		return err
	}
	p, err := l.resolve()
	if err != nil {
		return err
	}
	for place, value := range placesOfSecrets(p) {
		named := slices.ContainsFunc(slices.Collect(maps.Values(s.asked)), func(v string) bool { return strings.Contains(value, v) })
		if value != "" && !named {
			return usage("%s stands in the scenario itself, which would go into a ConfigMap: write ${NAME}, and put the value into the Secret --secret names", place)
		}
	}
	return nil
}

// placesOfSecrets are the values of a plan that no output may show.
func placesOfSecrets(p *scenarios.Plan) map[string]string {
	places := map[string]string{"target.api_key": string(p.Target.APIKey)}
	for name, value := range p.Target.Headers {
		places["the header "+name] = string(value)
	}
	for what, addresses := range map[string][]string{"endpoint": p.Target.Endpoints(), "metrics": p.Target.Metrics} {
		for i, address := range addresses {
			_, query, _ := strings.Cut(address, "?")
			places[fmt.Sprintf("the query of %s %d", what, i+1)] = query
		}
	}
	return places
}

// maxConfigMap leaves room below the 1 MiB of an object.
const maxConfigMap = 900 << 10

// files are what goes into the ConfigMap.
func (s *sighted) files() ([]configFile, error) {
	size := 0
	for i, f := range s.read {
		size += len(f.Text)
		switch clean := path.Clean(f.Path); {
		case !utf8.ValidString(f.Text):
			return nil, usage("%s is no text, which a ConfigMap holds: put it into the image or on the volume", f.Path)
		case i == 0:
			s.read[i].Path = "scenario.yaml"
		case path.IsAbs(clean) || strings.HasPrefix(clean, "../"):
			return nil, usage("%s lies outside the scenario's folder, and pods have that alone: put it beside the scenario", f.Path)
		default:
			s.read[i].Path = clean
		}
	}
	if size > maxConfigMap {
		return nil, usage("the scenario and its files are %d KiB, and a ConfigMap holds %d: use synthetic prompts, or an image with the files in it", size>>10, maxConfigMap>>10)
	}
	return s.read, nil
}
