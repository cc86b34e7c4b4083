// Writes the title of every article that is published to the log of its flow.
package main

import (
	"strings"

	"behavior/rosehip"
)

var behavior = rosehip.Behavior{
	Name:        "{{name}}",
	Version:     "0.1.0",
	Description: "Writes the title of every article that is published to the log of its flow.",
	Triggers: []rosehip.Trigger{{
		On:         "Create",
		Object:     "Article",
		Transition: &rosehip.Transition{Field: "status", To: "published"},
	}},
	Nodes:   []rosehip.Node{{ID: "announce", Label: "Announce", Run: announce}},
	Effects: []string{"log"},
}

func announce(call *rosehip.Call) (*rosehip.Outcome, error) {
	article, err := call.Article()
	if err != nil {
		return nil, err
	}
	title := article.Name
	if strings.TrimSpace(title) == "" {
		title = "Untitled"
	}
	line := rosehip.Log{Level: "info", Message: "published: " + title}
	return &rosehip.Outcome{Effects: []rosehip.Effect{line}}, nil
}

func init() { rosehip.Export(&behavior) }

// The module is a library that the host calls into, so main is never run; Go asks for it all the same.
func main() {}
