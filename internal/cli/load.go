package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/llmload/llmload/fixtures"
	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/scenarios"
)

// defaultScenario is what `llmload run` without an argument runs.
const defaultScenario = "quickstart"

// loaded is a scenario with the way to the files that it names.
type loaded struct {
	sys  IO
	spec *scenarios.Spec
	dir  string // file names in the scenario are relative to it; empty: they are built in
}

// loadSpec reads a scenario: a file, or an embedded one by its name.
func loadSpec(sys IO, name string) (*loaded, error) {
	l := &loaded{sys: sys, dir: filepath.Dir(name)}
	src, err := strictyaml.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		embedded, ok := fixtures.Scenario(name)
		if !ok {
			return nil, usage("no scenario file %s, and no built-in scenario of that name%s; built in: %s",
				name, didYouMean(name, fixtures.Scenarios()), strings.Join(fixtures.Scenarios(), ", "))
		}
		src, err, l.dir = embedded, nil, ""
		name += " (built in)"
	}
	if err != nil {
		return nil, usage("cannot read scenario: %v", err)
	}
	l.noted(name, src)
	return l, l.parse(name, src)
}

func (l *loaded) noted(name string, text []byte) {
	if l.sys.note != nil {
		l.sys.note(name, text)
	}
}

func (l *loaded) parse(name string, src []byte) (err error) {
	l.spec, err = scenarios.Parse(name, src, l.sys.LookupEnv, l.read)
	return asUsage(err)
}

func (l *loaded) read(file string) (text []byte, err error) {
	defer func(name string) {
		if err == nil {
			l.noted(name, text)
		}
	}(file)
	switch {
	case filepath.IsAbs(file):
	case l.dir == "":
		return fixtures.ReadFile(file)
	default:
		file = filepath.Join(l.dir, file)
	}
	// Prompts have no bound but memory, so they must have an end.
	if info, err := os.Stat(file); err == nil && info.Mode()&fs.ModeCharDevice != 0 {
		return nil, fmt.Errorf("%s is a device: name a file", file)
	}
	return os.ReadFile(file)
}

// resolve makes the plan and checks what only the mock server can: its config and faults. All mistakes come at once.
func (l *loaded) resolve() (*scenarios.Plan, error) {
	plan, err := l.spec.Plan()
	return plan, asUsage(strictyaml.Join(err, l.mockConfig(plan), checkFaults(plan)))
}

// mockConfig checks the mock's config, and puts the content in the place of a file's name.
func (l *loaded) mockConfig(p *scenarios.Plan) error {
	node := p.Target.Mock
	if node.Kind() == strictyaml.Scalar && node.Text() != "" {
		src, err := l.read(node.Text())
		if err != nil {
			return node.Errorf("", "cannot read the mock's config: %v", err)
		}
		if node, err = strictyaml.Parse(node.Text(), src, l.sys.LookupEnv); err != nil {
			return err
		}
		p.Target.Mock = node
	}
	if node.IsZero() {
		return nil
	}
	_, err := mockserver.ParseConfig(node)
	return err
}

func checkFaults(p *scenarios.Plan) error {
	var errs []error
	for i := range p.Stages {
		if f := p.Stages[i].Faults; f != nil {
			_, err := mockserver.ParseFaults(*f)
			errs = append(errs, err)
		}
	}
	return strictyaml.Join(errs...)
}

// asUsage gives input errors their exit code.
func asUsage(err error) error {
	var exit *exitError
	if err == nil || errors.As(err, &exit) {
		return err
	}
	return &exitError{exitUsage, err}
}
