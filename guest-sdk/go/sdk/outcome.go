package rosehip

import (
	"bytes"
	"encoding/json"
)

// Outcome is what a step returns: an output for the steps after it, the branch it takes, and the effects it asks for.
type Outcome struct {
	// Output is what later steps read with [Call.ReadOutput]; anything that encoding/json writes.
	Output any
	// Branch is one of the step's declared branches.
	Branch string
	// Effects are what the host is to do, in order. The manifest must declare their kinds.
	Effects []Effect
}

// outcomeDocument is an Outcome as the host reads it.
type outcomeDocument struct {
	V       int              `json:"v"`
	Output  any              `json:"output,omitempty"`
	Branch  string           `json:"branch,omitempty"`
	Effects []effectDocument `json:"effects"`
}

type effectDocument struct {
	Kind    string `json:"kind"`
	Payload Effect `json:"payload"`
}

func (outcome *Outcome) document() outcomeDocument {
	document := outcomeDocument{
		V:       documentVersion,
		Output:  outcome.Output,
		Branch:  outcome.Branch,
		Effects: []effectDocument{},
	}
	for _, effect := range outcome.Effects {
		document.Effects = append(document.Effects, effectDocument{Kind: effect.EffectKind(), Payload: effect})
	}
	return document
}

// toJSON is json.Marshal that leaves `<`, `>` and `&` as they are, because texts of HTML would grow sixfold.
func toJSON(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}
