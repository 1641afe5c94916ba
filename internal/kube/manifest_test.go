package kube_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/llmload/llmload/internal/cli"
)

const scenario = `
name: chat "sweep" ünï
target: {endpoint: "${URL}", api_key: "${API_KEY}", headers: {x-tenant: "${TENANT}"}}
workload: {prompts: {file: prompts/a.jsonl}}
load: {open: {rate: 100/s}, requests: 400}
`

// render is what `llmload submit kubernetes` prints for a scenario.
func render(t *testing.T, text string, more ...string) (out, errs string, code int) {
	t.Helper()
	dir := t.TempDir()
	for name, body := range map[string]string{"s.yaml": text, "prompts/a.jsonl": "{\"prompt\": \"a: b\\n\"}\n"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"API_KEY": "sk-very-secret", "URL": "http://vllm.models:8000/v1"}[name]
		return v, ok
	}
	var stdout, stderr bytes.Buffer
	args := append([]string{"llmload", "submit", "kubernetes", filepath.Join(dir, "s.yaml"), "--shards", "4", "--image", "registry/llmload:1", "--claim", "runs"}, more...)
	code = cli.Main(args, cli.IO{In: strings.NewReader(""), Out: &stdout, Err: &stderr, LookupEnv: env})
	return stdout.String(), stderr.String(), code
}

// manifests are decoded strictly: a key that the API does not have is an error, as is one that stands twice.
type manifests struct {
	config  corev1.ConfigMap
	service corev1.Service
	job     batchv1.Job
	merge   batchv1.Job
}

func decode(t *testing.T, text string) (m manifests) {
	t.Helper()
	docs := strings.Split(text, "\n---\n")
	into := []any{&m.config, &m.service, &m.job, &m.merge}
	if len(docs) != len(into) {
		t.Fatalf("%d documents", len(docs))
	}
	for i, doc := range docs {
		if err := yaml.UnmarshalStrict([]byte(doc), into[i]); err != nil {
			t.Fatalf("document %d: %v\n%s", i+1, err, doc)
		}
	}
	return m
}

func TestManifestsAreThoseOfTheAPI(t *testing.T) {
	out, errs, code := render(t, scenario)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	m := decode(t, out)
	name := m.job.Name
	for _, n := range []string{m.config.Name, m.service.Name, name, m.merge.Name} {
		if why := validation.IsDNS1123Label(n); len(why) > 0 || !strings.HasPrefix(n, name) {
			t.Errorf("name %q: %v", n, why)
		}
	}
	spec := m.job.Spec
	if *spec.CompletionMode != batchv1.IndexedCompletion || *spec.Completions != 4 || *spec.Parallelism != 4 || *spec.BackoffLimitPerIndex != 0 {
		t.Errorf("the job is %+v", spec)
	}
	if m.service.Spec.ClusterIP != corev1.ClusterIPNone || m.service.Spec.Selector["job-name"] != name || spec.Template.Spec.Subdomain != m.service.Name {
		t.Errorf("the service is %+v", m.service.Spec)
	}
	for _, pod := range []corev1.PodSpec{spec.Template.Spec, m.merge.Spec.Template.Spec} {
		pod := pod
		c := pod.Containers[0]
		if pod.RestartPolicy != corev1.RestartPolicyNever || !*pod.SecurityContext.RunAsNonRoot || *c.SecurityContext.AllowPrivilegeEscalation || !*c.SecurityContext.ReadOnlyRootFilesystem {
			t.Errorf("a pod may do too much: %+v", pod)
		}
		if c.Command != nil || c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
			t.Errorf("container %+v", c)
		}
		mounted(t, m.config, pod)
	}
	args := strings.Join(spec.Template.Spec.Containers[0].Args, " ")
	for _, want := range []string{"run /scenario/scenario.yaml", "--rendezvous /runs/" + name + "/rendezvous", "--out /runs/" + name + "/shard-{shard}"} {
		if !strings.Contains(args, want) {
			t.Errorf("no %q in %s", want, args)
		}
	}
	if got := strings.Join(m.merge.Spec.Template.Spec.Containers[0].Args, " "); !strings.HasPrefix(got, fmt.Sprintf("merge /runs/%s --partial --out /runs/%s/merged --wait ", name, name)) || !strings.HasSuffix(got, " --wait 1h0m0s --stalled 15m0s") {
		t.Errorf("the merge is %s", got)
	}
}

// mounted holds that each volume is there, and that the scenario's files come to lie as it names them.
func mounted(t *testing.T, config corev1.ConfigMap, pod corev1.PodSpec) {
	t.Helper()
	var paths []string
	for _, v := range pod.Volumes {
		if v.ConfigMap == nil {
			continue
		}
		for _, item := range v.ConfigMap.Items {
			if _, ok := config.Data[item.Key]; !ok || v.ConfigMap.Name != config.Name {
				t.Errorf("no %s in the ConfigMap", item.Key)
			}
			paths = append(paths, item.Path)
		}
	}
	if !slices.Equal(paths, []string{"scenario.yaml", "prompts/a.jsonl"}) {
		t.Errorf("files %v", paths)
	}
	if config.Data["file-0"] != scenario {
		t.Errorf("the scenario is %q", config.Data["file-0"])
	}
	for _, mount := range pod.Containers[0].VolumeMounts {
		if !slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name }) {
			t.Errorf("no volume %s", mount.Name)
		}
	}
}

func TestSecretsAreReferences(t *testing.T) {
	out, _, _ := render(t, scenario)
	if strings.Contains(out, "sk-very-secret") || strings.Contains(out, "vllm.models") {
		t.Errorf("a variable's value is in the manifest:\n%s", out)
	}
	var got []string
	for _, e := range decode(t, out).job.Spec.Template.Spec.Containers[0].Env {
		if e.ValueFrom != nil {
			got = append(got, e.ValueFrom.SecretKeyRef.Name+"/"+e.ValueFrom.SecretKeyRef.Key)
		}
	}
	if !slices.Equal(got, []string{"llmload/API_KEY", "llmload/TENANT", "llmload/URL"}) {
		t.Errorf("secrets %v", got)
	}
	for _, literal := range []string{`endpoint: "http://h", metrics: ["http://h/metrics?token=sk-literal"]`, `api_key: "sk-literal"`, `headers: {authorization: "Bearer sk-literal"}`, `api_key: "", endpoint: "http://h/v1?key=sk-literal"`} {
		text := "target: {" + literal + "}\nload: {open: {rate: 100/s}, requests: 400}\n"
		if !strings.Contains(literal, "endpoint") {
			text = strings.Replace(text, "{", `{endpoint: "http://h", `, 1)
		}
		out, errs, code := render(t, text)
		if code != 2 || out != "" || strings.Contains(errs, "sk-literal") || !strings.Contains(errs, "write ${NAME}") {
			t.Errorf("%s: exit code %d, %q, %s", literal, code, out, errs)
		}
		if out, errs, code = render(t, text, "--endpoint", "http://vllm:8000"); code != 2 || out != "" || strings.Contains(errs, "sk-literal") {
			t.Errorf("%s, and another endpoint: exit code %d, %q, %s", literal, code, out, errs)
		}
	}
}

func TestMistakesAreFoundBeforeAnythingIsSubmitted(t *testing.T) {
	const load = "target: {endpoint: http://h}\nload: {open: {rate: 100/s}, requests: 400}\n"
	for _, row := range []struct {
		sentence, scenario string
		args               []string
		want               string
	}{
		{"no server", "load: {open: {rate: 100/s}, requests: 400}\n", nil, "each would start a mock of its own"},
		{"a load that cannot be divided", "target: {endpoint: http://h}\nload: {closed: {concurrency: 2}}\n", nil, "its workers, 2, cannot be divided among 4 shards"},
		{"a key on the command line", load, []string{"--endpoint", "http://h?key=x"}, "may be a key"},
		{"a name that Kubernetes has not", load, []string{"--claim", "My Claim"}, `"My Claim" is no name in Kubernetes`},
		{"a file elsewhere", "target: {endpoint: http://h}\nworkload: {prompts: {file: /etc/hostname}}\nload: {open: {rate: 100/s}, requests: 400}\n", nil, "/etc/hostname"},
	} {
		if out, errs, code := render(t, row.scenario, row.args...); code != 2 || out != "" || !strings.Contains(errs, row.want) {
			t.Errorf("%s: exit code %d, %q, %s", row.sentence, code, out, errs)
		}
	}
}
