package scenarios

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/llmload/llmload/internal/strictyaml"
)

// hashed is what identifies a plan.
type hashed struct {
	Seed        uint64        `yaml:"seed"`
	Client      Client        `yaml:"client"`
	Connections Connections   `yaml:"connections,omitempty"`
	Budget      *Budget       `yaml:"budget,omitempty"`
	Stages      []hashedStage `yaml:"stages"`
}

// hashedStage is a stage with its faults by what they mean, not by how the file spells them.
type hashedStage struct {
	Stage  `yaml:",inline"`
	Faults any `yaml:"decoded_faults,omitempty"`
}

// Hash identifies what is sent: seed, client, how connections are used, budget, and stages with their workload, load and
// faults. A prompt file counts by its content. Endpoint, model, name, GPUs, SLOs and thresholds are outside, so that two
// servers, or one server on two days, can be compared.
func (p *Plan) Hash() (string, error) {
	h := hashed{Seed: p.Seed, Client: p.Client, Connections: p.Target.Connections, Budget: p.Budget}
	for _, s := range p.Stages {
		one := hashedStage{Stage: s}
		if s.Faults != nil {
			if err := s.Faults.Decode(&one.Faults); err != nil {
				return "", fmt.Errorf("hash plan %s: %w", p.Name, err)
			}
		}
		one.Stage.Faults, one.Prompts.File = nil, ""
		if s.Trace != nil { // by its content, not by its name
			s.process.file = ""
			one.Stage.Arrivals = Arrivals(s.process.String())
		}
		one.Mix = slices.Clone(one.Mix)
		for i := range one.Mix {
			one.Mix[i].Prompts.File = ""
		}
		h.Stages = append(h.Stages, one)
	}
	body, err := strictyaml.Marshal(h)
	if err != nil {
		return "", fmt.Errorf("hash plan %s: %w", p.Name, err)
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}
