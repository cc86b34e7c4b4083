//! See `rosehip_fuzz::admission`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| rosehip_fuzz::admission(data));
