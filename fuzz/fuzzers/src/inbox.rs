//! See `rosehip_fuzz::inbox`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| rosehip_fuzz::inbox(data));
