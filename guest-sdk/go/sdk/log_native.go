//go:build !wasip1

package rosehip

import "os"

// write prints the line, because in a test outside of the host there is no flow.
func write(level level, message string) {
	names := [...]string{"debug", "info", "warn", "error"}
	_, _ = os.Stderr.WriteString(names[level] + ": " + message + "\n")
}
