package rosehip

import (
	"encoding/json"
	"fmt"
)

// Call is what a step is given: everything it may depend on.
//
// The parts whose shape is the author's or Activity Streams' stay JSON until they are read as a type.
type Call struct {
	// V is the version of the document, 1.
	V int `json:"v"`
	// Flow is the id of the flow.
	Flow string `json:"flow"`
	// Behavior is the name that the behavior is installed under.
	Behavior string `json:"behavior"`
	// Node is the step to run.
	Node string `json:"node"`
	// Attempt is which call of the step this is, from 1.
	Attempt int `json:"attempt"`
	// Activity is the activity that started the flow; its `object` is the object's id.
	Activity json.RawMessage `json:"activity"`
	// Object is the object as the activity left it. See [Call.Article].
	Object json.RawMessage `json:"object"`
	// Input is what the nodes before this one came to, by node id.
	Input map[string]Input `json:"input"`
	// Item is the item that this call is for, in a step with Over.
	Item json.RawMessage `json:"item"`
	// ItemIndex is the item's place in its list, from 0.
	ItemIndex int `json:"item_index"`
	// Config is the operator's config, with the defaults of the config's schema.
	Config json.RawMessage `json:"config"`
	// Now is when the step became ready, RFC 3339 in UTC with milliseconds. There is no other clock.
	Now string `json:"now"`
	// Current is the object's standing at that time; nil where it is gone.
	Current *Current `json:"current"`
}

// Input is what a node before this one came to.
type Input struct {
	// Output is what it returned, or null.
	Output json.RawMessage `json:"output"`
	// Branch is the branch it took; empty where it took none.
	Branch string `json:"branch"`
	// Effects are those it asked for, in order.
	Effects []EffectStatus `json:"effects"`
}

// EffectStatus is how far an effect of an earlier step is.
type EffectStatus struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// Status is recorded, attempting, dispatched, retrying, dead, denied, cancelled or unhandled.
	Status string `json:"status"`
	// Receipt says how its dispatch ended; null while it has not.
	Receipt json.RawMessage `json:"receipt"`
}

// Current is the object's standing when the step became ready.
type Current struct {
	Revision int64 `json:"revision"`
	// Status is empty for a type without one.
	Status string `json:"status"`
}

// WaitOutput is what a wait outputs.
type WaitOutput struct {
	// At is the time that was waited for, RFC 3339.
	At string `json:"at"`
	// By is timer, signal or timeout.
	By string `json:"by"`
	// Payload is what came with the signal.
	Payload json.RawMessage `json:"payload"`
}

// ParseCall reads a Call document. Members that it does not know are ignored, one of another version is refused.
func ParseCall(document []byte) (*Call, error) {
	call := &Call{}
	if err := read("the call", document, call); err != nil {
		return nil, err
	}
	if call.V != documentVersion {
		return nil, Fatal(fmt.Sprintf("the call is of version %d, this behavior reads version %d", call.V, documentVersion))
	}
	return call, nil
}

// ReadActivity reads the activity into what `into` points to.
func (call *Call) ReadActivity(into any) error { return read("activity", call.Activity, into) }

// ReadObject reads the object into what `into` points to.
func (call *Call) ReadObject(into any) error { return read("object", call.Object, into) }

// ReadConfig reads the operator's config into what `into` points to.
func (call *Call) ReadConfig(into any) error { return read("config", call.Config, into) }

// ReadItem reads the item of a step with Over into what `into` points to.
func (call *Call) ReadItem(into any) error { return read("item", call.Item, into) }

// ReadOutput reads what a node before this one returned into what `into` points to, which stays as it is where the node
// was not run or returned nothing.
func (call *Call) ReadOutput(node string, into any) error {
	return read("output of "+node, call.Input[node].Output, into)
}

func read(what string, document json.RawMessage, into any) error {
	if len(document) == 0 {
		return nil
	}
	if err := json.Unmarshal(document, into); err != nil {
		return Fatal(fmt.Sprintf("%s does not read: %v", what, err))
	}
	return nil
}
