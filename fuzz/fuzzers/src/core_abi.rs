//! See `rosehip_fuzz::core_abi`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| rosehip_fuzz::core_abi(data));
