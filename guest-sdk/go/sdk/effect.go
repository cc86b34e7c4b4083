package rosehip

import "encoding/json"

// Effect is what a step may ask the host to do. It is data: the host writes it to the flow before anything leaves the
// machine, checks it against what the manifest declares, what the operator grants and its kind's schema, and only then
// carries it out.
//
// The types here have the payloads of the kinds that ship. Any other kind is a type of the author's, whose JSON is the
// payload, or a [Custom]. What is empty and optional is left out of the payload.
type Effect interface {
	// EffectKind is the kind to declare in the manifest, such as `notify`.
	EffectKind() string
}

// Validate says what is right and wrong with the object. It is recorded as it is; people see it beside the object.
type Validate struct {
	// Valid is whether no finding is an error.
	Valid bool `json:"valid"`
	// Findings stand in the order in which people should read them.
	Findings []Finding `json:"findings"`
}

// NewValidate is the verdict that follows from the findings: an error makes the object invalid, a warning does not.
func NewValidate(findings []Finding) Validate {
	verdict := Validate{Valid: true, Findings: listed(findings)}
	for _, finding := range findings {
		if finding.Severity == SeverityError {
			verdict.Valid = false
		}
	}
	return verdict
}

// Finding is one thing found about an object.
type Finding struct {
	// Field is what it is about, such as `title`.
	Field string `json:"field"`
	// Rule is the rule's stable name, such as `required`.
	Rule string `json:"rule"`
	// Message is what people read.
	Message string `json:"message"`
	// Severity is how bad it is.
	Severity Severity `json:"severity"`
}

// Severity is how bad a finding is.
type Severity string

const (
	// SeverityError must be mended.
	SeverityError Severity = "error"
	// SeverityWarning is worth a look.
	SeverityWarning Severity = "warning"
)

// Log writes a line to the flow as an effect of its own. For lines that are no effect, see [Info].
type Log struct {
	// Level is `debug`, `info` (also where it is empty), `warn` or `error`.
	Level string `json:"level,omitempty"`
	// Message is the line.
	Message string `json:"message"`
}

// Notify tells the people behind a channel that the operator configures.
type Notify struct {
	// Channel is the channel's name; the host's log, where it is empty.
	Channel string `json:"channel,omitempty"`
	// Subject is one line that says what it is about.
	Subject string `json:"subject"`
	// Text is the message.
	Text string `json:"text"`
	// URL says where to read more.
	URL string `json:"url,omitempty"`
	// Batch is the time, RFC 3339, of the batch it belongs to: all messages of a batch leave as one.
	Batch string `json:"batch,omitempty"`
}

// Email sends an e-mail.
type Email struct {
	// To are the recipients' addresses.
	To []string `json:"to"`
	// Subject is the subject line.
	Subject string `json:"subject"`
	// Text is the body as plain text.
	Text string `json:"text"`
	// HTML is the same as HTML.
	HTML string `json:"html,omitempty"`
	// Batch is the batch it belongs to: those of one batch to the same recipients leave as one.
	Batch string `json:"batch,omitempty"`
}

// Webhook sends a signed POST of JSON with the effect's id as its idempotency key. It carries Body; without one it carries
// what Standard Webhooks lay down, `{type, timestamp, data}`.
type Webhook struct {
	// URL says where to.
	URL string `json:"url"`
	// Body is what is sent as it is.
	Body any `json:"body,omitempty"`
	// Type is what happened; `{behavior}.{node}`, where it is empty.
	Type string `json:"type,omitempty"`
	// Data says more about it.
	Data any `json:"data,omitempty"`
}

// Activity appends an activity to the owner's outbox. It federates if it is addressed, and may start other flows.
type Activity struct {
	// Activity is the activity without `id`, `actor` and `proof`, which the host gives it.
	Activity any `json:"activity"`
}

// Set changes a field of the object. Setting what it already is changes nothing.
type Set struct {
	// Field is the field's name.
	Field string `json:"field"`
	// Value is its value from now on.
	Value any `json:"value"`
}

// Custom is an effect of any kind.
type Custom struct {
	Kind    string
	Payload any
}

// MarshalJSON writes the payload alone.
func (effect Custom) MarshalJSON() ([]byte, error) { return json.Marshal(effect.Payload) }

func (Validate) EffectKind() string      { return "validate" }
func (Log) EffectKind() string           { return "log" }
func (Notify) EffectKind() string        { return "notify" }
func (Email) EffectKind() string         { return "email" }
func (Webhook) EffectKind() string       { return "webhook" }
func (Activity) EffectKind() string      { return "activity" }
func (Set) EffectKind() string           { return "set" }
func (effect Custom) EffectKind() string { return effect.Kind }
