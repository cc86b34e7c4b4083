//go:build !wasip1

package rosehip

// Export makes a behavior the one that the module is. Call it once, in an init function; in a test it does nothing.
func Export(*Behavior) {}
