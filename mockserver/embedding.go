package mockserver

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
)

const (
	embeddingDims = 16
	maxDimensions = 4096
)

// vector draws a vector of length one. A shorter one is the head of a longer
// one, made as long again, as OpenAI's models have it.
func vector(dice *rand.Rand, dims *int) []float32 {
	n := embeddingDims
	if dims != nil {
		n = *dims
	}
	draws, squares := make([]float64, n), 0.0
	for i := range draws {
		draws[i] = dice.NormFloat64()
		squares += draws[i] * draws[i]
	}
	v := make([]float32, n)
	for i, x := range draws {
		v[i] = float32(x / math.Sqrt(squares))
	}
	return v
}

// pack is a vector as base64 of its little-endian numbers, which the official
// clients of Python and JavaScript ask for.
func pack(v []float32) string {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func (j *job) embeddings() []byte {
	type datum struct {
		Object    string `json:"object"`
		Index     int    `json:"index"`
		Embedding any    `json:"embedding"`
	}
	u := j.usage
	u.noCompletion = true
	var list struct {
		Object string          `json:"object"`
		Data   []datum         `json:"data"`
		Model  string          `json:"model"`
		Usage  json.RawMessage `json:"usage"`
	}
	list.Object, list.Model, list.Usage = "list", j.model, u.append(nil)
	for i, c := range j.choices {
		d := datum{"embedding", i, c.vector}
		if j.packed {
			d.Embedding = pack(c.vector)
		}
		list.Data = append(list.Data, d)
	}
	out, _ := json.Marshal(list) // finite numbers and strings: cannot fail
	return out
}
