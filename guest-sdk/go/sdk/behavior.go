// Package rosehip is for writing rosehip behaviors in Go.
//
// A behavior is a value: a [Behavior] says what it is, what starts it and which functions are its steps. It is pure: it
// reads no clock, draws no randomness and opens nothing. What it needs is in the [Call], what it wants done leaves as
// effects, which the host records before it carries them out.
//
//	var behavior = rosehip.Behavior{
//		Name:     "hello",
//		Version:  "1.0.0",
//		Triggers: []rosehip.Trigger{{On: "Create", Object: "Article"}},
//		Nodes:    []rosehip.Node{{ID: "greet", Label: "Greet", Run: greet}},
//		Effects:  []string{"log"},
//	}
//
//	func init() { rosehip.Export(&behavior) }
//
// Every call runs in a fresh instance of the module, so nothing that a step changes outlives it.
package rosehip

import (
	"encoding/json"
	"fmt"
)

// documentVersion is the version of the Manifest, Call and Outcome documents that this package writes and reads.
const documentVersion = 1

// Behavior is what a behavior says of itself, with the functions that are its steps.
type Behavior struct {
	// Name is `[a-z][a-z0-9-]{0,62}`: what it is installed under, unless the operator gives another.
	Name string
	// Version is a semantic version.
	Version string
	// Description is one sentence for people.
	Description string
	// Triggers are what starts a flow. However many match an activity, it starts one.
	Triggers []Trigger
	// Nodes are the steps and waits.
	Nodes []Node
	// Edges are what comes after what.
	Edges []Edge
	// Effects are the kinds that a step may ask for. Others fail the step.
	Effects []string
	// ConfigSchema is a JSON Schema of the operator's config. The host fills in the `default` of a top-level property
	// that the config lacks.
	ConfigSchema json.RawMessage
}

// Trigger is a pattern over activities.
type Trigger struct {
	// Box is where the activity arrives: `outbox` (also where it is empty), `inbox` or `any`.
	Box string `json:"box,omitempty"`
	// On is the type of the activity, such as `Create`.
	On string `json:"on"`
	// Object is the type of its object, such as `Article`.
	Object string `json:"object"`
	// Transition is the change of a field that the activity must carry.
	Transition *Transition `json:"transition,omitempty"`
	// Filter is a CEL expression over `activity`, `object` and `transitions` that must hold. It has no clock.
	Filter string `json:"filter,omitempty"`
}

// Transition is the change of a field between two revisions. A side that is nil matches any value.
type Transition struct {
	Field string `json:"field"`
	From  any    `json:"from,omitempty"`
	To    any    `json:"to,omitempty"`
}

// Node is a step, which has Run, or a wait, which has Wait.
type Node struct {
	// ID is `[a-z][a-z0-9-]{0,62}`.
	ID string
	// Label is what people read in its place.
	Label string
	// Run is called for the step. It may return nil where it has nothing to say.
	Run func(*Call) (*Outcome, error)
	// Over makes Run be called once for each item of the list at this JSON Pointer (RFC 6901) into the Call. The outputs
	// are joined in order.
	Over string
	// Branches are those that the step may take. A wait has `fired` and `timeout` without naming them.
	Branches []string
	// Wait is what a wait waits for. There is no call for it; it outputs a [WaitOutput].
	Wait *Wait
	// Retry says how often and when a [Retry] failure is tried again: 3 times, after 1 s, 10 s and 60 s, where it is nil.
	Retry *RetryPolicy
	// TimeoutMS is how long a call may take, in milliseconds; 0 leaves it to the host.
	TimeoutMS int
	// AwaitEffects suspends the flow until the effects of the step have come to an end.
	AwaitEffects bool
}

// Wait says what a wait waits for: one of For, Until and Signal.
type Wait struct {
	// For is an ISO 8601 duration, such as `PT10M`.
	For string `json:"for,omitempty"`
	// Until is a JSON Pointer (RFC 6901) into the Call to a time, or to a schedule `{at, days?, tz}`.
	Until string `json:"until,omitempty"`
	// Signal is the name of a signal.
	Signal string `json:"signal,omitempty"`
	// Timeout is an ISO 8601 duration after which the wait takes the branch `timeout`.
	Timeout string `json:"timeout,omitempty"`
}

// RetryPolicy says how often and when a [Retry] failure is tried again.
type RetryPolicy struct {
	// Max is how many attempts are made after the first; 0 means none.
	Max int `json:"max"`
	// Backoff are ISO 8601 durations, one before each further attempt; the last one serves for the rest.
	Backoff []string `json:"backoff"`
}

// Edge says that a node comes after another.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	// When is the branch of From that takes this edge; it is always taken where it is empty.
	When string `json:"when,omitempty"`
}

// Describe returns the Manifest, as the JSON document that the host reads.
func (behavior *Behavior) Describe() ([]byte, error) {
	manifest := struct {
		V            int             `json:"v"`
		Name         string          `json:"name"`
		Version      string          `json:"version"`
		Description  string          `json:"description,omitempty"`
		Triggers     []Trigger       `json:"triggers"`
		Nodes        []nodeDocument  `json:"nodes"`
		Edges        []Edge          `json:"edges"`
		Effects      []string        `json:"effects"`
		ConfigSchema json.RawMessage `json:"config_schema,omitempty"`
	}{
		V:            documentVersion,
		Name:         behavior.Name,
		Version:      behavior.Version,
		Description:  behavior.Description,
		Triggers:     listed(behavior.Triggers),
		Edges:        listed(behavior.Edges),
		Effects:      listed(behavior.Effects),
		ConfigSchema: behavior.ConfigSchema,
	}
	for _, node := range behavior.Nodes {
		manifest.Nodes = append(manifest.Nodes, node.document())
	}
	manifest.Nodes = listed(manifest.Nodes)
	return toJSON(manifest)
}

// Answer runs the step that a Call names.
func (behavior *Behavior) Answer(call *Call) (*Outcome, error) {
	for i := range behavior.Nodes {
		node := &behavior.Nodes[i]
		if node.ID != call.Node || node.Run == nil {
			continue
		}
		outcome, err := node.Run(call)
		if outcome == nil {
			outcome = &Outcome{}
		}
		return outcome, err
	}
	return nil, Fatal(fmt.Sprintf("this behavior has no node %s", call.Node))
}

// nodeDocument is a node as the Manifest has it.
type nodeDocument struct {
	ID           string       `json:"id"`
	Label        string       `json:"label,omitempty"`
	Kind         string       `json:"kind"`
	Branches     []string     `json:"branches,omitempty"`
	Wait         *Wait        `json:"wait,omitempty"`
	Over         string       `json:"over,omitempty"`
	Retry        *RetryPolicy `json:"retry,omitempty"`
	TimeoutMS    int          `json:"timeout_ms,omitempty"`
	AwaitEffects bool         `json:"await_effects,omitempty"`
}

func (node *Node) document() nodeDocument {
	document := nodeDocument{
		ID:           node.ID,
		Label:        node.Label,
		Kind:         "step",
		Branches:     node.Branches,
		Wait:         node.Wait,
		Over:         node.Over,
		TimeoutMS:    node.TimeoutMS,
		AwaitEffects: node.AwaitEffects,
	}
	switch {
	case node.Wait != nil:
		document.Kind = "wait"
	case node.Over != "":
		document.Kind = "each"
	}
	if node.Retry != nil {
		document.Retry = &RetryPolicy{Max: node.Retry.Max, Backoff: listed(node.Retry.Backoff)}
	}
	return document
}

// listed makes a nil slice an empty one, because the documents have lists where encoding/json would write null.
func listed[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
