//go:build wasip1

package rosehip

import (
	"strings"
	"unsafe"
)

// exported is the behavior that the module is.
var exported *Behavior

// kept holds what the host was given a pointer to: the collector sees only Go's own pointers. An instance ends with its
// call, so nothing is let go.
var kept [][]byte

// Export makes a behavior the one that the module is. Call it once, in an init function.
func Export(behavior *Behavior) { exported = behavior }

//go:wasmexport rosehip_abi_version
func abiVersion() int32 { return 1 }

//go:wasmexport rosehip_alloc
func alloc(size uint32) uint32 {
	// A pointer to nothing could be 0, which says that there is no room.
	room := make([]byte, max(size, 1))
	kept = append(kept, room)
	return address(room)
}

//go:wasmexport rosehip_describe
func describe() uint64 {
	manifest, err := exported.Describe()
	if err != nil {
		panic("the manifest is not JSON: " + err.Error())
	}
	return handOver(manifest)
}

//go:wasmexport rosehip_run
func run(pointer unsafe.Pointer, size uint32) uint64 {
	return handOver(exported.run(unsafe.Slice((*byte)(pointer), size)))
}

//go:wasmimport rosehip log
func hostLog(level uint32, pointer unsafe.Pointer, size uint32)

func write(level level, message string) {
	// The host takes UTF-8 only, and a string of Go may hold anything.
	message = strings.ToValidUTF8(message, "\uFFFD")
	hostLog(uint32(level), unsafe.Pointer(unsafe.StringData(message)), uint32(len(message)))
}

// handOver packs where a result is and how long.
func handOver(result []byte) uint64 {
	kept = append(kept, result)
	return uint64(address(result))<<32 | uint64(len(result))
}

func address(bytes []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))) }
