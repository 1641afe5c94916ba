// Package scaleout_test runs shards under a real Slurm: a controller and four nodes on this host, all of their state in one folder.
// `make test-slurm` runs it; it wants the packages slurmctld, slurmd, slurm-client and munge, and root.
package scaleout_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// limit ends every wait for something that takes seconds here.
const limit = 60 * time.Second

// cluster is a Slurm of four nodes, each a process.
type cluster struct {
	dir, conf string
	daemons   []*daemon
}

type daemon struct {
	name string
	cmd  *exec.Cmd
	out  string // its log
	gone chan struct{}
}

// newCluster starts the daemons, and ends them with the test: jobs first, for the processes of tasks are not our children.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "llmload-slurm-") // a short path: a socket's may have 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{dir: dir, conf: filepath.Join(dir, "slurm.conf")}
	t.Cleanup(func() { c.close(t) })
	c.write(t, "munge.key", rand.Text()+rand.Text()+rand.Text(), 0o400)
	c.write(t, "slurm.conf", c.config(t), 0o644)
	socket := filepath.Join(dir, "munge.socket")
	c.start(t, "munged", "--foreground", "--force", "--key-file="+filepath.Join(dir, "munge.key"), "--socket="+socket,
		"--pid-file="+filepath.Join(dir, "munged.pid"), "--log-file="+filepath.Join(dir, "munged.log"), "--seed-file="+filepath.Join(dir, "munged.seed"))
	c.until(t, "munged to listen", func() bool { _, err := os.Stat(socket); return err == nil })
	c.start(t, "slurmctld", "-D", "-f", c.conf)
	for i := 1; i <= 4; i++ {
		c.start(t, "slurmd", "-D", "-f", c.conf, "-N", fmt.Sprint("n", i))
	}
	c.until(t, "four idle nodes", func() bool {
		out, err := c.try("sinfo", "--noheader", "--format=%T %D")
		return err == nil && strings.TrimSpace(out) == "idle 4"
	})
	return c
}

func (c *cluster) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// config has all state in the folder, and no control group or accounting, which would need a host of one's own.
func (c *cluster) config(t *testing.T) string {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	ports := freePorts(t, 5)
	text := fmt.Sprintf(`ClusterName=llmload
SlurmctldHost=%s(127.0.0.1)
SlurmctldPort=%d
AuthType=auth/munge
AuthInfo=socket=DIR/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=DIR/state
SlurmdSpoolDir=DIR/spool-%%n
SlurmctldPidFile=DIR/slurmctld.pid
SlurmdPidFile=DIR/slurmd-%%n.pid
SlurmctldLogFile=DIR/slurmctld.log
SlurmdLogFile=DIR/slurmd-%%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=300
KillWait=5
`, host, ports[0])
	for i := 1; i <= 4; i++ {
		text += fmt.Sprintf("NodeName=n%d NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=2 RealMemory=100\n", i, host, ports[i])
	}
	text += "PartitionName=all Nodes=n[1-4] Default=YES MaxTime=10 State=UP\n"
	return strings.ReplaceAll(text, "DIR", c.dir)
}

func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // after all are found, so that no two are the same
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// start begins a daemon in the foreground.
func (c *cluster) start(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name // where Debian has daemons, and a user's PATH does not
	}
	d := &daemon{name: name, cmd: exec.Command(path, args...), out: filepath.Join(c.dir, fmt.Sprintf("%s-%d.out", name, len(c.daemons))), gone: make(chan struct{})}
	out, err := os.Create(d.out)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	d.cmd.Stdout, d.cmd.Stderr, d.cmd.Env = out, out, c.env()
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		t.Fatalf("%s: %v; install slurmctld, slurmd, slurm-client and munge, or run `make test-slurm` as root", name, err)
	}
	go func() { _ = d.cmd.Wait(); close(d.gone) }()
	c.daemons = append(c.daemons, d)
}

func (c *cluster) env() []string { return append(os.Environ(), "SLURM_CONF="+c.conf) }

// try runs one of Slurm's commands, or llmload.
func (c *cluster) try(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.Dir = &out, &out, c.env(), c.dir
	err := cmd.Run()
	return out.String(), err
}

func (c *cluster) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := c.try(name, args...)
	if err != nil {
		c.logs(t)
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// until waits, and tells what the daemons say when it is in vain.
func (c *cluster) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	over := time.After(limit)
	for !done() {
		select {
		case <-tick.C:
		case <-over:
			c.logs(t)
			t.Fatalf("waited %s in vain for %s", limit, what)
		}
	}
}

func (c *cluster) logs(t *testing.T) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(c.dir, "*.log")) // the pattern is well-formed
	for _, d := range c.daemons {
		names = append(names, d.out)
	}
	for _, name := range names {
		if text, err := os.ReadFile(name); err == nil && len(text) > 0 {
			t.Logf("%s:\n%s", filepath.Base(name), text[max(0, len(text)-3000):])
		}
	}
}

// close ends the jobs, then the daemons in the opposite order of their start, and holds that nothing is left.
func (c *cluster) close(t *testing.T) {
	if len(c.daemons) > 1 {
		_, _ = c.try("scancel", "--full", "--user=root")
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range 100 {
			if out, err := c.try("squeue", "--noheader"); err != nil || strings.TrimSpace(out) == "" {
				break
			}
			<-tick.C
		}
	}
	for i := len(c.daemons) - 1; i >= 0; i-- {
		d := c.daemons[i]
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-d.gone:
		case <-time.After(10 * time.Second):
			_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
			<-d.gone
		}
	}
	for _, p := range processes(c.dir) { // a step that outlived its node
		t.Logf("left over: process %d: %s", p.pid, p.command)
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
	if err := os.RemoveAll(c.dir); err != nil {
		t.Error(err)
	}
}

// process is one whose command line or environment names a folder.
type process struct {
	pid         int
	command     string
	environment string
}

func processes(dir string) (found []process) {
	entries, _ := os.ReadDir("/proc") // on Linux it is there
	for _, e := range entries {
		var pid int
		if n, _ := fmt.Sscanf(e.Name(), "%d", &pid); n != 1 || pid == os.Getpid() {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		environment, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ")) // those of others cannot be read
		if p := (process{pid, string(bytes.ReplaceAll(command, []byte{0}, []byte{' '})), string(environment)}); strings.Contains(p.command+p.environment, dir) {
			found = append(found, p)
		}
	}
	return found
}
