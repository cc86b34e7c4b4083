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

// MarshalJSON writes the Outcome as the host reads it.
func (outcome *Outcome) MarshalJSON() ([]byte, error) {
	type requested struct {
		Kind    string `json:"kind"`
		Payload Effect `json:"payload"`
	}
	document := struct {
		V       int         `json:"v"`
		Output  any         `json:"output,omitempty"`
		Branch  string      `json:"branch,omitempty"`
		Effects []requested `json:"effects"`
	}{V: documentVersion, Output: outcome.Output, Branch: outcome.Branch, Effects: []requested{}}
	for _, effect := range outcome.Effects {
		document.Effects = append(document.Effects, requested{Kind: effect.EffectKind(), Payload: effect})
	}
	return toJSON(document)
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
