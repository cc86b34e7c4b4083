// What happens when an article is published: validate it, then tell people now, with the next digest, or not at all.
//
//	validate ─ urgent ──────→ notify
//	         ─ newsletter ──→ wait ─→ digest
//	         ─ other ───────→ skip
//
// The branch follows from the category alone, never from the findings: they are for the editor to read.
package main

import (
	_ "embed"
	"strings"

	"behavior/rosehip"
)

// excerptChars is how many characters of the body a message carries.
const excerptChars = 280

//go:embed config.schema.json
var configSchema []byte

var behavior = rosehip.Behavior{
	Name:    "{{name}}",
	Version: "1.0.0",
	Description: "Checks an article when it is published, then notifies now (urgent), with the next digest (newsletter), " +
		"or not at all.",
	Triggers: []rosehip.Trigger{{
		On:         "Create",
		Object:     "Article",
		Transition: &rosehip.Transition{Field: "status", To: "published"},
	}},
	Nodes: []rosehip.Node{
		{ID: "validate", Label: "Validate", Branches: []string{urgent, newsletter, other}, Run: validate},
		{ID: "notify", Label: "Notify now", Run: notify},
		{ID: "wait", Label: "Wait for the digest", Wait: &rosehip.Wait{Until: "/config/digest"}},
		{ID: "digest", Label: "Add to the digest", Run: digest},
		{ID: "skip", Label: "Notify nobody", Run: skip},
	},
	Edges: []rosehip.Edge{
		{From: "validate", To: "notify", When: urgent},
		{From: "validate", To: "wait", When: newsletter},
		{From: "wait", To: "digest", When: "fired"},
		{From: "validate", To: "skip", When: other},
	},
	Effects:      []string{"validate", "notify"},
	ConfigSchema: configSchema,
}

func validate(call *rosehip.Call) (*rosehip.Outcome, error) {
	article, err := call.Article()
	if err != nil {
		return nil, err
	}
	verdict := rosehip.NewValidate(findings(article))
	category := categoryOf(article)
	output := struct {
		Valid    bool    `json:"valid"`
		Category *string `json:"category"`
	}{Valid: verdict.Valid}
	if category != "" {
		output.Category = &category
	}
	return &rosehip.Outcome{Output: output, Branch: branchOf(category), Effects: []rosehip.Effect{verdict}}, nil
}

func notify(call *rosehip.Call) (*rosehip.Outcome, error) { return message(call, "") }

// digest adds the article to the digest that the wait was for, unless it has been taken back meanwhile.
func digest(call *rosehip.Call) (*rosehip.Outcome, error) {
	if call.Current == nil || call.Current.Status != "published" {
		return nil, nil
	}
	var wait rosehip.WaitOutput
	if err := call.ReadOutput("wait", &wait); err != nil {
		return nil, err
	}
	return message(call, wait.At)
}

func skip(*rosehip.Call) (*rosehip.Outcome, error) { return nil, nil }

// message tells of the article, at once where batch is empty.
func message(call *rosehip.Call, batch string) (*rosehip.Outcome, error) {
	article, err := call.Article()
	if err != nil {
		return nil, err
	}
	var config struct {
		Channel string `json:"channel"`
	}
	if err := call.ReadConfig(&config); err != nil {
		return nil, err
	}
	subject := "Untitled"
	for _, name := range []string{article.Name, article.Slug, article.ID} {
		if name = strings.TrimSpace(name); name != "" {
			subject = name
			break
		}
	}
	notify := rosehip.Notify{
		Channel: config.Channel,
		Subject: subject,
		Text:    excerpt(article.Content, excerptChars),
		URL:     article.URL,
		Batch:   batch,
	}
	return &rosehip.Outcome{Effects: []rosehip.Effect{notify}}, nil
}

func init() { rosehip.Export(&behavior) }

// The module is a library that the host calls into, so main is never run; Go asks for it all the same.
func main() {}
